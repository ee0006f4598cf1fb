//! Accounts: one merchant each (R1). For admins.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Fields;
use super::page::List;
use super::stores::{name, numbered, slug, slug_of};
use super::{Api, Scope};
use crate::domain::Timestamp;
use crate::ledger::{AccountRow, Role, Write, Written};
use crate::web::problem::{Kind, Problem};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView {
    id: i64,
    /// Its name in queries.
    slug: String,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// An account to add.
#[derive(Debug, ToSchema)]
pub(super) struct AccountRequest {
    /// What people call it.
    name: String,
    /// Its name in queries; made from `name` if not given.
    slug: Option<String>,
}

impl From<AccountRow> for AccountView {
    fn from(row: AccountRow) -> Self {
        Self { id: row.id.0, slug: row.slug, name: row.name, created_at: row.created_at }
    }
}

/// Accounts that the caller may see.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts",
    responses((status = 200, body = List<AccountView>)))]
pub(super) async fn list(api: web::Data<Api>, scope: Scope) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let rows = api.desk.ledger.accounts().await?;
    let data = rows.into_iter().filter(|row| scope.sees(row.id)).map(AccountView::from).collect();
    Ok(HttpResponse::Ok().json(List { data }))
}

/// Adds an account. Only for admins who are not limited to one.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = AccountRequest,
    responses((status = 201, body = AccountView)))]
pub(super) async fn add(
    api: web::Data<Api>,
    scope: Scope,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    if scope.caller.account.is_some() {
        let sentence = "The token is limited to one account and cannot add another.";
        return Err(Problem::new(Kind::Forbidden, sentence));
    }
    let mut fields = Fields::read(&body)?;
    let request = AccountRequest { name: name(&mut fields), slug: slug(&mut fields) };
    fields.finish()?;
    let AccountRequest { name, slug: chosen } = request;
    let at = api.desk.clock.now();
    let base = chosen.clone().unwrap_or_else(|| slug_of(&name, "account"));
    for slug in numbered(&base) {
        let write = Write::AddAccount { slug: slug.clone(), name: name.clone(), at };
        match api.desk.writer.write(write).await? {
            Written::Added(id) => {
                return Ok(HttpResponse::Created().json(AccountView {
                    id,
                    slug,
                    name,
                    created_at: at,
                }));
            }
            Written::Taken if chosen.is_none() => {}
            Written::Taken => break,
            other => {
                tracing::error!(?other, "an account could not be added");
                return Err(Problem::new(Kind::Internal, "The account could not be stored."));
            }
        }
    }
    let sentence = "This slug belongs to another account; choose another.";
    Err(Problem::new(Kind::Conflict, sentence))
}
