//! Where is my order? One search over orders, events and deliveries (R48).

use std::collections::{BTreeMap, HashSet};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::input::Params;
use super::view::{EntryView, EventView, OrderView, event_sentence};
use super::{Api, Scope, events};
use crate::domain::{
    AccountId, CartOrderId, HeldBack, Order, OrderId, Position, Source, Timestamp,
};
use crate::ledger::{DeliveryKey, EventFilter, EventRow, OrderFilter, StoreListing};
use crate::web::attention::Action;
use crate::web::problem::Problem;

/// Orders that are told; a cart may repeat numbers.
const ORDERS: usize = 20;
/// Events that are told of each order, and of an id that is no order's.
const EVENTS: usize = 50;
/// Events that are looked through for a delivery of an unknown topic.
const RECENT: usize = 200;
/// Look-ups of a delivery id in all stores and topics together.
const LOOKUPS: usize = 2000;
/// Longer than anything that can be searched for.
const MAX_QUERY: usize = 255;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Lookup {
    query: String,
    orders: Vec<OrderView>,
    events: Vec<EventView>,
    /// What happened, oldest first; last the one rule that holds an order back.
    story: Vec<Line>,
    /// What may help.
    actions: Vec<Action>,
}

/// One sentence of the story.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    text: String,
}

/// Orders and events that a word names.
#[derive(Default)]
pub(super) struct Found {
    orders: Vec<Order>,
    /// Newest first.
    pub(super) events: Vec<EventRow>,
}

/// Finds an order by cart number, our number, cart id, e-mail or the cart's delivery id, and tells
/// everything that happened to it. What is named by nothing is answered with empty lists.
#[utoipa::path(get, path = "/api/v1/lookup", tag = "orders", params(
    ("account" = Option<String>, Query, description = "Only in this account"),
    ("q" = String, Query, description = "What it is called"),
), responses((status = 200, body = Lookup)))]
pub(super) async fn find(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let query = params.take("q").unwrap_or_default();
    params.finish()?;
    let accounts = api.accounts(&scope).await?;
    let found = search(&api, &accounts, &query).await?;
    let mut lookup = Lookup {
        query,
        orders: Vec::with_capacity(found.orders.len()),
        events: Vec::new(),
        story: Vec::new(),
        actions: Vec::new(),
    };
    let mut told = HashSet::new();
    for order in &found.orders {
        let store = api.listing(order.id.store)?;
        let entries = api.desk.ledger.timeline(&order.id).await?;
        told.extend(entries.iter().map(|entry| entry.event));
        let entries = entries.into_iter().map(EntryView::new);
        lookup.story.extend(entries.map(|entry| Line { at: entry.at, text: entry.text }));
        lookup.orders.push(OrderView::new(order, &store));
        lookup.actions.extend(order_actions(order, &store));
    }
    // What a person asked for and got is told by the timeline already.
    let asked_and_told =
        |event: &&EventRow| event.source == Source::Person && told.contains(&event.position);
    for event in found.events.iter().filter(|event| !asked_and_told(event)) {
        let store = api.listing(event.store)?;
        lookup.story.push(Line { at: event.received_at, text: event_sentence(event, &store) });
    }
    lookup.story.sort_by_key(|line| line.at);
    let now = api.desk.clock.now();
    let verdicts = found.orders.iter().filter_map(verdict);
    lookup.story.extend(verdicts.map(|text| Line { at: now, text }));
    lookup.events = events::views(&api, found.events)?;
    Ok(HttpResponse::Ok().json(lookup))
}

/// Everything a word names in those accounts. Every query is bounded.
pub(super) async fn search(
    api: &Api,
    accounts: &[AccountId],
    word: &str,
) -> Result<Found, Problem> {
    if word.is_empty() || word.len() > MAX_QUERY {
        return Ok(Found::default());
    }
    let mut orders = BTreeMap::new();
    let mut events = BTreeMap::new();
    for account in accounts {
        search_account(api, *account, word, &mut orders, &mut events).await?;
    }
    let events = events.into_values().rev().collect();
    Ok(Found { orders: orders.into_values().collect(), events })
}

async fn search_account(
    api: &Api,
    account: AccountId,
    word: &str,
    orders: &mut BTreeMap<OrderId, Order>,
    events: &mut BTreeMap<Position, EventRow>,
) -> Result<(), Problem> {
    let ledger = &api.desk.ledger;
    let mut named = Vec::new();
    let mut filter = OrderFilter::of(account, ORDERS);
    filter.q = Some(word.to_owned());
    named.extend(ledger.order_page(&filter).await?.rows);
    if let Ok(id) = word.parse::<OrderId>() {
        named.extend(ledger.order(&id).await?.filter(|order| order.account == account));
    }
    let mut directly = deliveries(api, account, word).await?;
    if word.starts_with("ev_")
        && let Some(position) = Position::parse_event_id(word)
    {
        let event = ledger.event(position).await?.map(|(event, _)| event);
        directly.extend(event.filter(|event| event.account == account));
    }
    // What a delivery was about is what was asked for.
    for event in &directly {
        if let Some(id) = &event.cart_order_id {
            named.extend(ledger.order(&OrderId::new(event.store, id.clone())).await?);
        }
    }
    let mut filter = EventFilter::of(account, EVENTS);
    for order in named {
        filter.store = Some(order.id.store);
        filter.cart_order_id = Some(order.id.cart.clone());
        directly.extend(ledger.event_page(&filter).await?.rows);
        orders.insert(order.id.clone(), order);
    }
    // A cart's id whose order never came to be: its events may say why.
    filter.store = None;
    filter.cart_order_id = Some(CartOrderId(word.to_owned()));
    directly.extend(ledger.event_page(&filter).await?.rows);
    events.extend(directly.into_iter().map(|event| (event.position, event)));
    Ok(())
}

/// The events that deliveries with that id became. The key of a delivery is made of its topic, too,
/// so every topic is tried; one that no channel knows is found only among the latest events.
async fn deliveries(api: &Api, account: AccountId, id: &str) -> Result<Vec<EventRow>, Problem> {
    let desk = &api.desk;
    let mut found = Vec::new();
    let stores = desk.directory.all();
    let keys = stores.iter().filter(|store| store.account == account).flat_map(|store| {
        let topics = desk.channels.get(store.channel).map_or(&[][..], |c| c.known_topics());
        topics.iter().map(|topic| (store.id, DeliveryKey::of(topic, id)))
    });
    for (store, key) in keys.take(LOOKUPS) {
        found.extend(desk.ledger.event_by_key(store, key).await?);
    }
    if found.is_empty() {
        let latest = desk.ledger.event_page(&EventFilter::of(account, RECENT)).await?.rows;
        found.extend(latest.into_iter().filter(|event| event.delivery_id.as_deref() == Some(id)));
    }
    Ok(found)
}

/// The one rule that holds an order back, and what lets it in.
fn verdict(order: &Order) -> Option<String> {
    let held = order.held_back?;
    let then = match held {
        HeldBack::PaymentPending => "It imports by itself once the cart says it is paid",
        HeldBack::StatusNotImported => "It imports by itself once its status is one of those",
        HeldBack::CancelledInCart
        | HeldBack::AlreadyFulfilled
        | HeldBack::BeforeStartDate
        | HeldBack::TestOrder => "It imports only if the rules of the store let it",
    };
    Some(format!(
        "{} is not in the book: {} (R13, {}). {then}; a person may import it anyway.",
        order.number,
        held.words(),
        held.as_str()
    ))
}

fn order_actions(order: &Order, store: &StoreListing) -> Vec<Action> {
    let mut actions = Vec::new();
    if !order.is_in_book() {
        let path = format!("/api/v1/orders/{}/import-anyway", order.id);
        actions.push(Action::post("Import anyway", path));
    }
    if store.connected {
        actions.push(fetch_again(&store.slug, &order.id.cart));
    }
    actions
}

/// Reads the order from the cart once more.
fn fetch_again(store: &str, id: &CartOrderId) -> Action {
    let body: Value = json!({"cart_order_id": id});
    Action::post("Fetch again", format!("/api/v1/stores/{store}/orders/fetch")).with(body)
}
