//! Trying a change of rules before it is saved: the kept events of some orders are decided again
//! from their first, in shadow, and the difference is told. Nothing is written.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Fields;
use super::stores::merged;
use super::{Api, Scope};
use crate::channel::{Channel, Decoded};
use crate::domain::shadow::{Past, What, replay};
use crate::domain::{By, Context, HeldBack, Order, Rules, Source, Status, StoreId};
use crate::ledger::{EventFilter, EventRow, OrderFilter, Role, StoreRow};
use crate::web::problem::{Kind, Problem};

/// Orders that one request looks at.
const MOST_ORDERS: usize = 100;
/// Events of one order that are decided again.
const MOST_EVENTS: usize = 500;

/// How an order stands, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Stand {
    status: &'static str,
    held_back: Option<&'static str>,
    flags: Vec<&'static str>,
    total: String,
    /// Units of all lines.
    units: u64,
    has_revision: bool,
}

/// An order that would stand otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct Difference {
    order: String,
    order_number: String,
    now: Stand,
    then: Stand,
}

/// What a dry run found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hindsight {
    /// Orders that were decided again.
    examined: usize,
    /// Those that would stand otherwise.
    changed: Vec<Difference>,
    /// Those whose first events are no longer kept, so that nobody can tell.
    unknown: Vec<String>,
    /// The store has more orders than were looked at.
    more: bool,
}

/// Which orders, under which rules.
#[derive(Debug, ToSchema)]
pub(super) struct ReplayRequest {
    /// Must be true: replaying for good comes with a later build.
    dry_run: bool,
    /// The store's slug.
    store: String,
    /// Orders by id; the newest of the store if not given.
    orders: Option<Vec<String>>,
    /// Rules that differ from the present ones.
    #[schema(value_type = Option<Object>)]
    rules: serde_json::Map<String, serde_json::Value>,
}

impl ReplayRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let request = Self {
            dry_run: fields.flag("dry_run").unwrap_or(false),
            store: fields.required("store"),
            orders: fields.texts("orders"),
            rules: fields.object("rules").map(|mut rules| rules.rest()).unwrap_or_default(),
        };
        fields.finish()?;
        Ok(request)
    }
}

/// Decides the kept events of orders again under other rules, in shadow (R23).
#[utoipa::path(post, path = "/api/v1/events/replay", tag = "events",
    request_body = ReplayRequest, responses((status = 200, body = Hindsight)))]
pub(super) async fn dry_run(
    api: web::Data<Api>,
    scope: Scope,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let request = ReplayRequest::read(&body)?;
    if !request.dry_run {
        let sentence =
            "This build replays in shadow only; send \"dry_run\": true. Nothing was done.";
        return Err(Problem::new(Kind::Later, sentence));
    }
    let listing = api.store(&scope, &request.store)?;
    let store =
        api.desk.ledger.store(listing.id).await?.ok_or_else(|| Problem::not_found("store"))?;
    let rules = merged(&store.rules, &request.rules, store.channel)?;
    let (orders, more) = match &request.orders {
        Some(ids) => (named(&api, &scope, store.id, ids).await?, false),
        None => newest(&api, &store).await?,
    };
    let mut found = Hindsight { examined: 0, changed: Vec::new(), unknown: Vec::new(), more };
    for order in orders {
        let Some(past) = past(&api, &store, &order).await? else {
            found.unknown.push(order.id.to_string());
            continue;
        };
        found.examined += 1;
        let Some(then) = replay(&past, &rules, &context(&store, &rules)) else { continue };
        let (now, then) = (stand(&order), stand(&then));
        if now != then {
            let (id, order_number) = (order.id.to_string(), order.number);
            found.changed.push(Difference { order: id, order_number, now, then });
        }
    }
    Ok(HttpResponse::Ok().json(found))
}

async fn named(
    api: &Api,
    scope: &Scope,
    store: StoreId,
    ids: &[String],
) -> Result<Vec<Order>, Problem> {
    if ids.len() > MOST_ORDERS {
        let sentence = format!("At most {MOST_ORDERS} orders can be tried at once.");
        return Err(Problem::invalid("/orders", sentence));
    }
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        let order = super::orders::order(api, scope, id).await?;
        if order.id.store != store {
            let sentence = format!("{id} is an order of another store.");
            return Err(Problem::invalid("/orders", sentence));
        }
        orders.push(order);
    }
    Ok(orders)
}

/// The newest orders of the store, in the book and held back.
async fn newest(api: &Api, store: &StoreRow) -> Result<(Vec<Order>, bool), Problem> {
    let ledger = &api.desk.ledger;
    let half =
        OrderFilter { store: Some(store.id), ..OrderFilter::of(store.account, MOST_ORDERS / 2) };
    let in_book = ledger.order_page(&half).await?;
    let held = OrderFilter { status: Some(Status::HeldBack), ..half };
    let held = ledger.order_page(&held).await?;
    let more = in_book.more || held.more;
    Ok((in_book.rows.into_iter().chain(held.rows).collect(), more))
}

/// Everything that was decided about an order, oldest first; `None` if its beginning is not kept.
async fn past(api: &Api, store: &StoreRow, order: &Order) -> Result<Option<Vec<Past>>, Problem> {
    let desk = &api.desk;
    let first = desk.ledger.timeline(&order.id).await?.first().map(|entry| entry.event);
    let filter = EventFilter {
        store: Some(store.id),
        cart_order_id: Some(order.id.cart.clone()),
        ..EventFilter::of(store.account, MOST_EVENTS)
    };
    let page = desk.ledger.event_page(&filter).await?;
    let mut events: Vec<EventRow> =
        page.rows.into_iter().filter(|event| !event.state.is_open()).collect();
    if page.more || first.is_none_or(|first| events.iter().all(|event| event.position != first)) {
        return Ok(None);
    }
    events.sort_by_key(|event| (event.done_at, event.position));
    let Some(channel) = desk.channels.get(store.channel) else { return Ok(None) };
    let mut past = Vec::with_capacity(events.len());
    for event in events {
        let Some((event, body)) = desk.ledger.event(event.position).await? else {
            return Ok(None);
        };
        past.extend(read(&event, &body, &**channel, store));
    }
    Ok(Some(past))
}

/// What an event told or asked; `None` for those that only asked for a read, which is an event of
/// its own.
fn read(event: &EventRow, body: &[u8], channel: &dyn Channel, store: &StoreRow) -> Option<Past> {
    let by = match (&event.by, event.source) {
        (Some(name), _) => By::Person(name.clone()),
        (None, Source::Poll) => By::Autosync,
        (None, _) => By::Cart(store.channel),
    };
    let what = match event.source {
        Source::Webhook => match channel.decode(&event.topic, body) {
            Decoded::Order(sighting) => What::Seen(sighting, Source::Webhook),
            _ => return None,
        },
        Source::Fetch | Source::Poll => match serde_json::from_slice(body) {
            Ok(sighting) => What::Seen(Box::new(sighting), event.source),
            Err(_) if body == b"{\"gone\":true}" => What::Gone,
            Err(_) => return None,
        },
        Source::Rules => What::ReExamined,
        Source::Person | Source::Replay => What::Asked(serde_json::from_slice(body).ok()?),
    };
    Some(Past { at: event.done_at.unwrap_or(event.received_at), by, what })
}

fn context<'r>(store: &StoreRow, rules: &'r Rules) -> Context<'r> {
    Context {
        now: store.created_at,
        account: store.account,
        store: store.id,
        index: store.index,
        channel: store.channel,
        rules,
        by: By::Cart(store.channel),
        held_elsewhere: false,
        missed: false,
    }
}

fn stand(order: &Order) -> Stand {
    let content = &order.content;
    Stand {
        status: order.status.as_str(),
        held_back: order.held_back.map(HeldBack::as_str),
        flags: order.flags.iter().map(crate::domain::Flag::as_str).collect(),
        total: content.totals.total.to_string(),
        units: content.lines.iter().map(|line| u64::from(line.quantity)).sum(),
        has_revision: order.cart_side.open_since.is_some(),
    }
}
