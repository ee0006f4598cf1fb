//! Events: what came in, and what became of it.

use actix_web::{HttpRequest, HttpResponse, web};

use super::input::Params;
use super::page::{ListPage, answer, begins_after};
use super::view::EventView;
use super::{Api, Scope, lookup};
use crate::domain::{EventState, Position};
use crate::ledger::{EventCursor, EventFilter, EventRow, Role};
use crate::web::cursor::Cursors;
use crate::web::problem::Problem;

/// What list the cursors belong to.
const LIST: &str = "events";

/// Events of an account, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(
    ("account" = Option<String>, Query, description = "The account, for tokens that see several"),
    ("store" = Option<String>, Query, description = "The store's slug"),
    ("state" = Option<String>, Query, description = "Such as `set_aside`"),
    ("topic" = Option<String>, Query, description = "Exactly this topic"),
    ("q" = Option<String>, Query,
        description = "Order (cart number, our number, cart id, e-mail), delivery id or event id"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = ListPage<EventView>)))]
pub(super) async fn list(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let mut filter = EventFilter::of(scope.account(), params.limit());
    let slug = params.take("store");
    filter.state = params.parse("state", "a state of events", EventState::parse);
    filter.topics = params.take("topic").into_iter().collect();
    let q = params.take("q");
    let filters = (scope.account(), &slug, filter.state, &filter.topics, &q);
    let cursors = Cursors::of(&api.desk.vault, LIST, &filters);
    filter.after = begins_after::<EventCursor>(&mut params, &cursors);
    params.finish()?;
    if let Some(slug) = &slug {
        let store = api.store(&scope, slug)?;
        (filter.account, filter.store) = (store.account, Some(store.id));
    }
    if let Some(q) = &q {
        let found = lookup::search(&api, &[filter.account], q).await?.events;
        let fits = |event: &EventRow| {
            filter.store.is_none_or(|store| store == event.store)
                && filter.state.is_none_or(|state| state == event.state)
                && (filter.topics.is_empty() || filter.topics.contains(&event.topic))
        };
        let fitting = found.into_iter().filter(fits).take(filter.limit);
        return Ok(answer(&request, views(&api, fitting)?, None));
    }
    let page = api.desk.ledger.event_page(&filter).await?;
    let next = page.rows.last().filter(|_| page.more);
    let next = next.map(|last| cursors.write(&EventCursor { before: last.position }));
    Ok(answer(&request, views(&api, page.rows)?, next))
}

/// One event; operators see what came, too.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path)), responses((status = 200, body = EventView)))]
pub(super) async fn show(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::not_found("event");
    let position = Position::parse_event_id(&id).ok_or_else(unknown)?;
    let found = api.desk.ledger.event(position).await?;
    let (event, body) = found.filter(|(event, _)| scope.sees(event.account)).ok_or_else(unknown)?;
    let store = api.listing(event.store)?;
    let mut view = EventView::new(event, &store);
    if scope.needs(Role::Operator).is_ok() {
        view = view.with_body(&body);
    }
    Ok(HttpResponse::Ok().json(view))
}

/// Events as JSON.
pub(super) fn views(
    api: &Api,
    events: impl IntoIterator<Item = EventRow>,
) -> Result<Vec<EventView>, Problem> {
    let view = |event: EventRow| {
        let store = api.listing(event.store)?;
        Ok(EventView::new(event, &store))
    };
    events.into_iter().map(view).collect()
}
