//! Who asks, and which account they see (R1).

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::input::Params;
use crate::domain::AccountId;
use crate::ledger::Role;
use crate::web::auth::{Caller, Gate};
use crate::web::problem::{Kind, Problem};

/// The account that a daemon starts with.
const DEFAULT: AccountId = AccountId(1);

/// A caller and the account they ask about.
///
/// Lists of orders and events are of one account: that of the token, else the one that `?account=`
/// names, else `default`. What is asked for by its own name (a store, an order) is found in every
/// account the caller may see.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Who asks.
    pub caller: Caller,
    account: AccountId,
    /// The account was named, so lists must not reach beyond it.
    named: bool,
}

impl Scope {
    /// The account that lists are of.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Whether the caller may know what belongs to that account.
    pub fn sees(&self, account: AccountId) -> bool {
        self.caller.account.is_none_or(|only| only == account)
    }

    /// Whether a question that names no store is about that account too.
    pub(super) fn covers(&self, account: AccountId) -> bool {
        self.sees(account) && (!self.named || self.account == account)
    }

    /// A problem unless the caller has that role or a higher one.
    pub(in crate::web) fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.caller.role >= role {
            return Ok(());
        }
        let sentence = format!(
            "This needs the role {}; {} has the role {}.",
            role.as_str(),
            self.caller.name,
            self.caller.role.as_str()
        );
        Err(Problem::new(Kind::Forbidden, sentence))
    }

    async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let gate = request.app_data::<web::Data<Gate>>();
        let gate = gate.expect("invariant: every route that asks who calls has a gate");
        let caller = gate.caller(request).await?;
        let named = match Params::of(request)?.take("account") {
            Some(slug) => Some(gate.account(&caller, &slug).await?.id),
            None => None,
        };
        let account = named.or(caller.account).unwrap_or(DEFAULT);
        Ok(Self { caller, account, named: named.is_some() })
    }
}

impl FromRequest for Scope {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}
