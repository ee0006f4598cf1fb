//! Stores: connecting a cart, changing its settings, letting go of it (R1).

pub(super) mod add;
pub(super) mod change;
mod credentials;
pub(super) mod remove;
mod settings;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use self::add::add;
pub(super) use self::change::change;
pub(super) use self::remove::remove;
pub(super) use self::settings::{merged, name, numbered, slug, slug_of};
use super::input::Params;
use super::page::{List, ListPage, answer, begins_after};
use super::view::{Completeness, StoreView};
use super::{Api, Scope, version};
use crate::actor::AskError;
use crate::domain::{AccountId, StoreId, Task, Timestamp};
use crate::ledger::{RuleChange, RulesChange, StoreRow};
use crate::web::cursor::Cursors;
use crate::web::problem::{Kind, Problem};

/// What list the cursors belong to.
const LIST: &str = "stores";

/// Stores that the caller may see, by growing id, disconnected ones too.
#[utoipa::path(get, path = "/api/v1/stores", tag = "stores", params(
    ("account" = Option<String>, Query, description = "Only of this account"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = ListPage<StoreView>)))]
pub(super) async fn list(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let limit = params.limit();
    let cursors = Cursors::of(&api.desk.vault, LIST, &());
    let after = begins_after::<StoreId>(&mut params, &cursors).unwrap_or(StoreId(0));
    params.finish()?;
    let listings = api.desk.directory.all();
    let fits = listings.iter().filter(|store| scope.covers(store.account) && store.id > after);
    let mut ids: Vec<StoreId> = fits.map(|store| store.id).collect();
    ids.sort_unstable();
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = ids.last().filter(|_| more).map(|last| cursors.write(last));
    let mut stores = Vec::with_capacity(ids.len());
    for id in ids {
        stores.push(view(&api, &row(&api, id).await?).await?);
    }
    Ok(answer(&request, stores, next))
}

/// One store in full.
#[utoipa::path(get, path = "/api/v1/stores/{store}", tag = "stores",
    params(("store" = String, Path)), responses((status = 200, body = StoreView)))]
pub(super) async fn show(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let row = row(&api, api.store(&scope, &slug)?.id).await?;
    Ok(version::tagged(row.version, &view(&api, &row).await?))
}

/// Who changed what of a store's rules, newest first (R23).
#[utoipa::path(get, path = "/api/v1/stores/{store}/rules/history", tag = "stores",
    params(("store" = String, Path)), responses((status = 200, body = List<RulesChangeView>)))]
pub(super) async fn history(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let row = row(&api, api.store(&scope, &slug)?.id).await?;
    let data = row.rules_history.into_iter().rev().map(RulesChangeView::new).collect();
    Ok(HttpResponse::Ok().json(List { data }))
}

/// One change of a store's rules.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RulesChange)]
pub(super) struct RulesChangeView {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    by: String,
    /// The version of the rules that it made; events name the one they were decided under.
    version: u32,
    changes: Vec<RuleChangeView>,
}

/// One rule that changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RuleChange)]
struct RuleChangeView {
    rule: String,
    /// What it was.
    from: serde_json::Value,
    /// What it became.
    to: serde_json::Value,
}

impl RulesChangeView {
    fn new(change: RulesChange) -> Self {
        let changes = change.changes.into_iter();
        let changes =
            changes.map(|RuleChange { rule, from, to }| RuleChangeView { rule, from, to });
        Self { at: change.at, by: change.by, version: change.version, changes: changes.collect() }
    }
}

/// A store's row.
async fn row(api: &Api, id: StoreId) -> Result<StoreRow, Problem> {
    let row = api.desk.ledger.store(id).await?;
    row.ok_or_else(|| Problem::not_found("store"))
}

/// A store as JSON.
async fn view(api: &Api, row: &StoreRow) -> Result<StoreView, Problem> {
    let backlog = api.desk.ledger.backlog(row.id).await?;
    let account = account_slug(api, row.account).await?;
    let tasks = api.desk.ledger.tasks(row.id).await?;
    let orders = tasks.into_iter().find(|task| task.task == Task::ImportOrders);
    let yesterday = api.desk.clock.now().minus(MISSES_WITHIN);
    let completeness = Completeness {
        progress: orders.map(|task| task.progress).unwrap_or_default(),
        misses: api.desk.ledger.misses(row.id, yesterday).await?,
    };
    Ok(StoreView::new(api, row, &account, &backlog, completeness))
}

/// `webhook_misses_24h`.
const MISSES_WITHIN: Duration = Duration::from_hours(24);

async fn account_slug(api: &Api, id: AccountId) -> Result<String, Problem> {
    let accounts = api.desk.ledger.accounts().await?;
    let found = accounts.into_iter().find(|account| account.id == id);
    Ok(found.map(|account| account.slug).unwrap_or_default())
}

/// What a check of a connection came to.
enum Connected {
    /// Token, scopes and subscriptions were read.
    Checked,
    /// The cart refused the credentials, in its words.
    Refused(String),
    /// It could not be asked, or its answer was of no use; a sentence.
    Unknown(String),
}

/// Calls the cart: token, scopes, subscriptions (R43).
async fn connect(api: &Api, id: StoreId) -> Result<Connected, Problem> {
    match api.desk.stores.connect(id).await {
        Ok(()) => Ok(Connected::Checked),
        Err(AskError::Refused(why)) => Ok(Connected::Refused(why)),
        Err(error @ (AskError::Busy | AskError::Unavailable(_) | AskError::Deadline(_))) => {
            let sentence = format!(
                "The connection to the cart could not be checked ({error}). Its webhooks are \
                 accepted."
            );
            Ok(Connected::Unknown(sentence))
        }
        Err(error) => Err(error.into()),
    }
}

fn refused(why: &str) -> Problem {
    let sentence =
        format!("The cart did not accept the credentials ({why}). Check them and send them again.");
    Problem::new(Kind::CartRefused, sentence)
}

/// Reads a body whose mistakes are collected by `read`.
fn parsed<T>(
    body: &Bytes,
    read: impl FnOnce(&mut super::input::Fields) -> T,
) -> Result<T, Problem> {
    let mut fields = super::input::Fields::read(body)?;
    let value = read(&mut fields);
    fields.finish()?;
    Ok(value)
}
