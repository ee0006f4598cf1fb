//! Runs (R6). In this build a run is a person's request to read one order, or to examine held-back
//! ones anew, so this is a view over the journal: every such request that somebody made.

use actix_web::{HttpRequest, HttpResponse, web};

use super::input::Params;
use super::page::{ListPage, answer, begins_after};
use super::view::RunView;
use super::{Api, Scope};
use crate::domain::{OrderId, Position, Source};
use crate::ledger::{EventCursor, EventFilter, EventRow};
use crate::web::cursor::Cursors;
use crate::web::problem::Problem;

/// What list the cursors belong to.
const LIST: &str = "runs";
/// The topics of requests: to read one order, and to examine held-back ones anew (R13).
const RUNS: [&str; 2] = ["fetch", "re-examine"];

fn topics() -> Vec<String> {
    RUNS.map(str::to_owned).to_vec()
}

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
    filter.topics = topics();
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
    let unknown = || Problem::not_found("run");
    let position = id.strip_prefix("run_").and_then(|n| n.parse().ok()).map(Position);
    let found = api.desk.ledger.event(position.ok_or_else(unknown)?).await?;
    let (event, _) = found.ok_or_else(unknown)?;
    if !is_run(&event) || !scope.sees(event.account) {
        return Err(unknown());
    }
    Ok(HttpResponse::Ok().json(view(&api, &event).await?))
}

/// The newest run of a store, for its tasks.
pub(super) async fn last(
    api: &Api,
    store: &crate::ledger::StoreListing,
) -> Result<Option<RunView>, Problem> {
    let mut filter = EventFilter::of(store.account, RECENT);
    filter.store = Some(store.id);
    filter.topics = topics();
    let page = api.desk.ledger.event_page(&filter).await?;
    match page.rows.iter().find(|event| is_run(event)) {
        Some(event) => view(api, event).await.map(Some),
        None => Ok(None),
    }
}

/// Requests that are looked through for the last one of a person.
const RECENT: usize = 20;

/// Other requests settle ties of webhooks; nobody started them.
fn is_run(event: &EventRow) -> bool {
    RUNS.contains(&&*event.topic) && event.source == Source::Person && event.by.is_some()
}

pub(super) async fn view(api: &Api, event: &EventRow) -> Result<RunView, Problem> {
    let store = api.listing(event.store)?;
    let order = match &event.cart_order_id {
        Some(id) => api.desk.ledger.order(&OrderId::new(event.store, id.clone())).await?,
        None => None,
    };
    Ok(RunView::new(event, order.as_ref(), &store.slug))
}
