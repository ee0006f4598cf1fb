//! Who is asking: bearer tokens, sessions of the pages, one-time links, the private socket.
//!
//! Secrets are looked up by a hash, so nothing is compared byte by byte and nothing that opens a
//! door is kept: tokens are in the ledger by their SHA-256, sessions and links in memory by a keyed
//! hash. A restart of the daemon ends every session.

mod link;
mod login;
mod nearby;
mod origin;
mod session;
mod throttle;
mod token;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use self::link::Links;
pub use self::link::open_link;
pub(super) use self::nearby::Nearby;
use self::session::{OpenedBy, Sessions};
use self::throttle::Throttle;
pub(super) use self::token::new_token;
use super::problem::{Kind, Problem};
use crate::clock::Clock;
use crate::domain::AccountId;
use crate::ledger::{AccountRow, Ledger, Role, TokenRow};
use crate::vault::Vault;

/// Marks a listener whose callers are admins by having reached it: the private socket.
#[derive(Debug, Clone, Copy)]
pub struct Trusted;

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As timelines name them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The one account they are limited to.
    pub account: Option<AccountId>,
    /// Whose `Idempotency-Key`s theirs are.
    pub(in crate::web) scope: String,
}

/// The door: knows tokens, sessions and links. One for all workers.
pub struct Gate {
    ledger: Arc<dyn Ledger>,
    vault: Arc<Vault>,
    clock: Clock,
    sessions: Sessions,
    links: Links,
    throttle: Throttle,
}

impl Gate {
    /// A door without sessions and links.
    pub fn new(ledger: Arc<dyn Ledger>, vault: Arc<Vault>, clock: Clock) -> Self {
        Self {
            ledger,
            vault,
            clock,
            sessions: Sessions::default(),
            links: Links::default(),
            throttle: Throttle::default(),
        }
    }

    /// A code that opens one admin session within 15 minutes: the `t` of a one-time link.
    pub fn new_link_code(&self) -> String {
        let code = token::random_text();
        self.links.add(self.key("link", &code), self.clock.now());
        code
    }

    /// Opens a session; gives its id.
    fn open_session(&self, opened_by: OpenedBy) -> String {
        let id = token::random_text();
        self.sessions.open(self.key("session", &id), opened_by, self.clock.now());
        id
    }

    /// What is kept of a session id or a link's code.
    fn key(&self, purpose: &str, secret: &str) -> [u8; 32] {
        self.vault.tag(purpose, secret.as_bytes())
    }

    /// Who sent the request; a problem if nobody that is known.
    pub(super) async fn caller(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        if request.app_data::<Trusted>().is_some() {
            return Ok(admin("local", "local".to_owned()));
        }
        if let Some(value) = request.headers().get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| value.split_once(' '));
            return match token {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                    self.bearer(token.trim()).await
                }
                _ => Err(unauthorized("The Authorization header is not `Bearer isk_…`.")),
            };
        }
        let Some(id) = session::cookie(request) else {
            return Err(unauthorized("Nobody is signed in; send a token or open /login."));
        };
        let key = self.key("session", &id);
        let opened_by = self.sessions.find(&key, self.clock.now());
        let opened_by =
            opened_by.ok_or_else(|| unauthorized("The session has ended; sign in again."))?;
        if !request.method().is_safe() {
            origin::same_site(request)?;
        }
        match opened_by {
            OpenedBy::Link => {
                Ok(admin("link", format!("session {}", BASE64_URL_SAFE_NO_PAD.encode(key))))
            }
            // Asked again each time, so that revoking a token ends its sessions too.
            OpenedBy::Token(hash) => self.token(&hash).await,
        }
    }

    async fn bearer(&self, token: &str) -> Result<Caller, Problem> {
        self.token(&token::hash(token)).await
    }

    async fn token(&self, hash: &[u8; 32]) -> Result<Caller, Problem> {
        match self.ledger.token(hash).await? {
            Some(row) if row.revoked_at.is_none() => Ok(row.into()),
            Some(_revoked) => Err(unauthorized("The token was revoked; ask for another.")),
            None => Err(unauthorized("The token is not known here.")),
        }
    }

    /// The account of that slug, among those the caller may see.
    pub(super) async fn account(&self, caller: &Caller, slug: &str) -> Result<AccountRow, Problem> {
        let accounts = self.ledger.accounts().await?;
        let seen = |row: &AccountRow| caller.account.is_none_or(|only| only == row.id);
        let found = accounts.into_iter().find(|row| row.slug == slug && seen(row));
        found.ok_or_else(|| Problem::not_found("account"))
    }
}

impl From<TokenRow> for Caller {
    fn from(row: TokenRow) -> Self {
        let scope = format!("token {}", row.id);
        Self { name: row.name, role: row.role, account: row.account, scope }
    }
}

/// An admin without a token, by how they came in.
fn admin(way: &str, scope: String) -> Caller {
    Caller { name: format!("admin ({way})"), role: Role::Admin, account: None, scope }
}

fn unauthorized(sentence: &str) -> Problem {
    Problem::new(Kind::Unauthorized, sentence)
}

/// Signing in and out.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let login = web::resource("/login")
        .route(web::get().to(login::form))
        .route(web::post().to(login::sign_in))
        .default_service(web::to(super::problem::wrong_method));
    let logout = web::resource("/logout")
        .route(web::post().to(login::sign_out))
        .default_service(web::to(super::problem::wrong_method));
    config.service(login).service(logout);
}
