//! Bearer tokens: who may ask. For admins; a token is shown once, when it is made.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Fields;
use super::page::List;
use super::stores::name;
use super::{Api, Scope};
use crate::domain::{AccountId, Timestamp};
use crate::ledger::{AccountRow, Role, TokenRow, Write, Written};
use crate::web::auth::new_token;
use crate::web::problem::{Kind, Problem};

/// A token, without what opens the door.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    id: i64,
    /// Whose it is; timelines name it.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// The slug of the one account it is limited to.
    account: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

/// A new token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewToken {
    #[serde(flatten)]
    view: TokenView,
    /// What to send as `Authorization: Bearer …`. It is not shown again.
    token: String,
}

/// A token to make.
#[derive(Debug, ToSchema)]
pub(super) struct TokenRequest {
    /// Whose it is; timelines name it.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: String,
    /// Limit it to the account of this slug.
    account: Option<String>,
}

/// Every token that the caller could have made, revoked ones too.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "accounts",
    responses((status = 200, body = List<TokenView>)))]
pub(super) async fn list(api: web::Data<Api>, scope: Scope) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let accounts = api.desk.ledger.accounts().await?;
    let rows = api.desk.ledger.tokens().await?;
    let own = rows.into_iter().filter(|row| is_theirs(&scope, row));
    let data = own.map(|row| TokenView::new(row, &accounts)).collect();
    Ok(HttpResponse::Ok().json(List { data }))
}

/// Makes a token. Whoever is limited to an account makes tokens of that account only.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "accounts", request_body = TokenRequest,
    responses((status = 201, body = NewToken)))]
pub(super) async fn create(
    api: web::Data<Api>,
    scope: Scope,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let mut fields = Fields::read(&body)?;
    let request = TokenRequest {
        name: name(&mut fields),
        role: fields.required("role"),
        account: fields.text("account"),
    };
    fields.finish()?;
    let role = Role::parse(&request.role)
        .ok_or_else(|| Problem::invalid("/role", "role must be viewer, operator or admin."))?;
    let accounts = api.desk.ledger.accounts().await?;
    let account = limit(&scope, &accounts, request.account.as_deref())?;
    let (token, hash) = new_token();
    let mut row = TokenRow {
        id: 0,
        name: request.name,
        role,
        account,
        hash,
        created_at: api.desk.clock.now(),
        revoked_at: None,
    };
    match api.desk.writer.write(Write::AddToken(row.clone())).await? {
        Written::Added(id) => row.id = id,
        other => {
            tracing::error!(?other, "a token could not be added");
            return Err(Problem::new(Kind::Internal, "The token could not be stored."));
        }
    }
    tracing::info!(id = row.id, role = role.as_str(), "a token was made");
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(NewToken { view: TokenView::new(row, &accounts), token }))
}

/// Makes a token useless, and the sessions it opened with it. A revoked one stays revoked.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "accounts",
    params(("id" = i64, Path)), responses((status = 204)))]
pub(super) async fn revoke(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let id: Option<i64> = id.parse().ok();
    let rows = api.desk.ledger.tokens().await?;
    let found = rows.into_iter().find(|row| Some(row.id) == id && is_theirs(&scope, row));
    let row = found.ok_or_else(|| Problem::not_found("token"))?;
    let at = api.desk.clock.now();
    api.desk.writer.write(Write::RevokeToken { id: row.id, at }).await?;
    tracing::info!(id = row.id, "a token was revoked");
    Ok(HttpResponse::NoContent().finish())
}

/// Whoever is limited to an account knows of that account's tokens only.
fn is_theirs(scope: &Scope, row: &TokenRow) -> bool {
    scope.caller.account.is_none() || row.account == scope.caller.account
}

/// The account that a new token is limited to.
fn limit(
    scope: &Scope,
    accounts: &[AccountRow],
    slug: Option<&str>,
) -> Result<Option<AccountId>, Problem> {
    let Some(slug) = slug else { return Ok(scope.caller.account) };
    let found = accounts.iter().find(|row| row.slug == slug && scope.sees(row.id));
    let unknown = || Problem::invalid("/account", "There is no such account.");
    found.map(|row| Some(row.id)).ok_or_else(unknown)
}

impl TokenView {
    fn new(row: TokenRow, accounts: &[AccountRow]) -> Self {
        let slug = |id| accounts.iter().find(|account| account.id == id);
        Self {
            id: row.id,
            name: row.name,
            role: row.role.as_str(),
            account: row.account.and_then(slug).map(|account| account.slug.clone()),
            created_at: row.created_at,
            revoked_at: row.revoked_at,
        }
    }
}
