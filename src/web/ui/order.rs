//! One order: what it is, how it stands in the cart, and what happened to it.

use askama::Template;

use super::words::{Marked, When, arrived_by, marked, status, tone};
use super::{Frame, PageError, revision};
use crate::domain::{
    Address, Amount, HeldBack, Order, OrderId, Part, Timestamp, status_name, timeline,
};
use crate::web::Desk;
use crate::web::api::Scope;

/// The whole page.
#[derive(Template)]
#[template(path = "order.html")]
pub(super) struct OrderPage {
    pub(super) frame: Frame,
    pub(super) page: Told,
}

/// What the page tells.
pub(super) struct Told {
    id: String,
    number: String,
    tone: &'static str,
    status: &'static str,
    flags: Vec<Marked>,
    held_back: Option<&'static str>,
    /// Held back for something that usually passes.
    passes: bool,
    /// What the cart changed and waits for a decision.
    revision: Option<revision::Told>,
    facts: Vec<Fact>,
    lines: Vec<LineRow>,
    cart: Vec<Fact>,
    timeline: Vec<EntryRow>,
}

struct Fact {
    name: &'static str,
    value: Value,
}

enum Value {
    Text(String),
    Time(When),
}

impl Fact {
    fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, value: Value::Text(text.into()) }
    }

    fn time(name: &'static str, at: Timestamp, now: Timestamp) -> Self {
        Self { name, value: Value::Time(When::new(at, now)) }
    }
}

struct LineRow {
    name: String,
    sku: String,
    quantity: u32,
    price: String,
    /// A person changed it here: the cart's changes of it ask first (R29).
    edited: bool,
}

struct EntryRow {
    at: When,
    text: String,
}

/// Reads one order, if whoever asks may see it.
pub(super) async fn read(desk: &Desk, scope: &Scope, id: &OrderId) -> Result<Told, PageError> {
    let order = desk.ledger.order(id).await?.filter(|order| scope.sees(order.account));
    let order = order.ok_or(PageError::NotFound)?;
    let store = desk.ledger.store(id.store).await?;
    let entries = desk.ledger.timeline(id).await?;
    let now = desk.clock.now();
    let timeline = entries.iter().map(|row| EntryRow {
        at: When::new(row.at, now),
        text: timeline::sentence(row.kind, &row.by, &row.details),
    });
    let store_name = store.map(|store| store.name).unwrap_or_default();
    Ok(Told {
        id: order.id.to_string(),
        number: order.number.clone(),
        tone: tone(order.status),
        status: status(order.status),
        flags: order.flags.iter().map(marked).collect(),
        held_back: order.held_back.map(HeldBack::words),
        passes: matches!(
            order.held_back,
            Some(HeldBack::PaymentPending | HeldBack::StatusNotImported)
        ),
        revision: revision::Told::of(&order, scope),
        facts: facts(&order, store_name, now),
        lines: lines(&order),
        cart: cart(&order, now),
        timeline: timeline.collect(),
    })
}

fn facts(order: &Order, store: String, now: Timestamp) -> Vec<Fact> {
    let content = &order.content;
    let money = |amount: Amount| format!("{amount} {}", content.currency);
    let mut facts = vec![Fact::text("Store", store), Fact::time("Placed", order.placed_at, now)];
    if order.is_in_book() {
        facts.push(Fact::time("Imported", order.created_at, now));
        facts.push(Fact::text("Arrived by", arrived_by(order.arrived_by)));
    } else {
        facts.push(Fact::time("First seen", order.created_at, now));
    }
    facts.push(Fact::text("Total", money(content.totals.total)));
    facts.push(Fact::text("Shipping", money(content.totals.shipping)));
    let adjustments = content.adjustments();
    if !adjustments.is_zero() {
        facts.push(Fact::text("Taxes and discounts", money(adjustments)));
    }
    let mut known = |name, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        facts.extend(value.map(|value| Fact::text(name, value)));
    };
    known("Shipping method", content.shipping_method.clone());
    known("Ships to", content.shipping_address.as_ref().map(address));
    known("E-mail", content.email.clone());
    known("Note", content.note.clone());
    known("Tags", Some(content.tags.join(", ")));
    let tracking = order.tracking.as_ref();
    known("Carrier", tracking.and_then(|tracking| tracking.carrier.clone()));
    known("Tracking number", tracking.and_then(|tracking| tracking.tracking_number.clone()));
    facts
}

pub(super) fn address(address: &Address) -> String {
    let parts = [
        &address.name,
        &address.company,
        &address.address1,
        &address.address2,
        &address.zip,
        &address.city,
        &address.province,
        &address.country,
    ];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn lines(order: &Order) -> Vec<LineRow> {
    let row = |line: &crate::domain::Line| LineRow {
        name: line.name.clone(),
        sku: line.sku.clone().unwrap_or_else(|| "none".to_owned()),
        quantity: line.quantity,
        price: format!("{} {}", line.unit_price, order.content.currency),
        edited: order.cart_side.locks.contains(&Part::Line(line.cart_line_id.clone())),
    };
    order.content.lines.iter().map(row).collect()
}

fn cart(order: &Order, now: Timestamp) -> Vec<Fact> {
    let cart = &order.cart;
    let or_none = |value: &Option<String>, none: &str| {
        value.as_ref().map_or_else(|| none.to_owned(), |word| word.replace('_', " "))
    };
    let mut facts = vec![
        Fact::text("Name", order.cart_name.clone()),
        Fact::text("Id", order.id.cart.to_string()),
        Fact::text("Payment", or_none(&cart.financial_status, "not told")),
        match cart.status_id {
            Some(id) => Fact::text("Status", status_name(id).unwrap_or("unknown")),
            None => Fact::text("Fulfilment", or_none(&cart.fulfillment_status, "unfulfilled")),
        },
        Fact::time("Last change", order.guard.newest.updated_at, now),
    ];
    facts.extend(cart.cancelled_at.map(|at| Fact::time("Cancelled", at, now)));
    if cart.archived {
        facts.push(Fact::text("Archived", "yes"));
    }
    facts
}
