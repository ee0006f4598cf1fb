//! Runs (R6): a view over the journal, where each run is an event. Polls of a cart's orders, and
//! persons' requests to read one order or to examine held-back ones anew.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::input::{Fields, Params};
use super::page::{ListPage, answer, begins_after};
use super::view::RunView;
use super::{Api, Scope};
use crate::domain::{OrderId, Position, Source, Task};
use crate::ledger::{EventCursor, EventFilter, EventRow, Role, StoreListing};
use crate::web::cursor::Cursors;
use crate::web::problem::Problem;

/// What list the cursors belong to.
const LIST: &str = "runs";
/// The topic of polls.
const POLL: &str = Task::ImportOrders.as_str();
/// The topics of runs: polls, requests to read one order, and to examine held-back ones anew (R13).
const RUNS: [&str; 3] = [POLL, "fetch", "re-examine"];

/// Runs of an account, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(
    ("account" = Option<String>, Query, description = "The account, for tokens that see several"),
    ("store" = Option<String>, Query, description = "The store's slug"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = ListPage<RunView>)))]
pub(super) async fn list(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let mut filter = EventFilter::of(scope.account(), params.limit());
    filter.topics = RUNS.map(str::to_owned).to_vec();
    let slug = params.take("store");
    let cursors = Cursors::of(&api.desk.vault, LIST, &(scope.account(), &slug));
    filter.after = begins_after::<EventCursor>(&mut params, &cursors);
    params.finish()?;
    if let Some(slug) = &slug {
        let store = api.store(&scope, slug)?;
        (filter.account, filter.store) = (store.account, Some(store.id));
    }
    let page = api.desk.ledger.event_page(&filter).await?;
    // The cursor follows what was looked at, so a page may hold fewer rows than its limit.
    let next = page.rows.last().filter(|_| page.more);
    let next = next.map(|last| cursors.write(&EventCursor { before: last.position }));
    let mut runs = Vec::with_capacity(page.rows.len());
    for event in page.rows.iter().filter(|event| is_run(event)) {
        runs.push(view(&api, event).await?);
    }
    Ok(answer(&request, runs, next))
}

/// One run.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs",
    params(("id" = String, Path)), responses((status = 200, body = RunView)))]
pub(super) async fn show(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let event = found(&api, &scope, &id).await?;
    Ok(HttpResponse::Ok().json(view(&api, &event).await?))
}

/// Ends a run that has not ended. What it brought stays; the next one goes on from where it stood.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs",
    params(("id" = String, Path)), responses((status = 200, body = RunView)))]
pub(super) async fn cancel(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    Fields::read(&body)?.finish()?;
    let run = found(&api, &scope, &id).await?;
    api.desk.stores.cancel_run(run.store, run.position).await?;
    let run = found(&api, &scope, &id).await?;
    Ok(HttpResponse::Ok().json(view(&api, &run).await?))
}

/// The event of a run that the caller may know of.
async fn found(api: &Api, scope: &Scope, id: &str) -> Result<EventRow, Problem> {
    let unknown = || Problem::not_found("run");
    let position = id.strip_prefix("run_").and_then(|n| n.parse().ok()).map(Position);
    let found = api.desk.ledger.event(position.ok_or_else(unknown)?).await?;
    let (event, _) = found.ok_or_else(unknown)?;
    if !is_run(&event) || !scope.sees(event.account) {
        return Err(unknown());
    }
    Ok(event)
}

/// The newest poll of a store.
pub(super) async fn last_poll(api: &Api, store: &StoreListing) -> Result<Option<RunView>, Problem> {
    let mut filter = EventFilter::of(store.account, RECENT);
    filter.store = Some(store.id);
    filter.topics = vec![POLL.to_owned()];
    let page = api.desk.ledger.event_page(&filter).await?;
    match page.rows.iter().find(|event| is_run(event)) {
        Some(event) => view(api, event).await.map(Some),
        None => Ok(None),
    }
}

/// Events that are looked through for the last poll: a delivery may call itself one.
const RECENT: usize = 20;

/// Other requests settle ties of webhooks; nobody started them.
fn is_run(event: &EventRow) -> bool {
    match &*event.topic {
        POLL => event.source != Source::Webhook,
        topic => RUNS.contains(&topic) && event.source == Source::Person && event.by.is_some(),
    }
}

pub(super) async fn view(api: &Api, event: &EventRow) -> Result<RunView, Problem> {
    let store = api.listing(event.store)?;
    if event.topic == POLL {
        let run = api.desk.ledger.runs(&[event.position]).await?.pop();
        return Ok(RunView::of_poll(event, run.as_ref().map(|(_, run)| run), &store.slug));
    }
    let order = match &event.cart_order_id {
        Some(id) => api.desk.ledger.order(&OrderId::new(event.store, id.clone())).await?,
        None => None,
    };
    Ok(RunView::new(event, order.as_ref(), &store.slug))
}
