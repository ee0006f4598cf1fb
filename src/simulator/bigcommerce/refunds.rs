//! Money given back, and the payments it came from: the V3 routes of orders.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::time::At;
use super::order::{Order, Told};
use super::render::dollars;
use super::rest::{Answer, Query, problem};
use super::store::World;

/// The statuses of orders of which all, or some, was given back.
const REFUNDED: i64 = 4;
const PARTLY_REFUNDED: i64 = 14;

/// Money given back for units of lines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: u64,
    made: At,
    reason: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    line: u64,
    units: u32,
    cents: i64,
}

impl Refund {
    fn cents(&self) -> i64 {
        self.items.iter().map(|item| item.cents).sum()
    }

    fn json(&self, order: u64) -> Value {
        let items: Vec<Value> = self
            .items
            .iter()
            .map(|item| {
                json!({
                    "item_type": "PRODUCT", "item_id": item.line, "quantity": item.units,
                    "reason": self.reason, "requested_amount": dollars(item.cents),
                })
            })
            .collect();
        json!({
            "id": self.id,
            "order_id": order,
            "user_id": 1,
            "created": self.made.utc(),
            "reason": self.reason,
            "total_amount": dollars(self.cents()),
            "total_tax": 0,
            "uses_merchant_override_values": false,
            "items": items,
            "payments": [{
                "id": self.id, "provider_id": "custom", "amount": dollars(self.cents()),
                "offline": true, "is_declined": false, "declined_message": "",
            }],
        })
    }
}

impl Order {
    /// Gives money back for those units; more than are left of a line are cut.
    pub(super) fn refund(&mut self, wanted: Vec<(u64, u32)>, reason: &str, now: At) -> Vec<Told> {
        let mut state = self.from(now);
        let mut items = Vec::new();
        for (id, units) in wanted {
            let Some(line) = state.lines.iter_mut().find(|line| line.id == id) else { continue };
            let units = units.min(line.quantity.saturating_sub(line.refunded));
            line.refunded += units;
            items.push(Item { line: id, units, cents: line.price_cents * i64::from(units) });
        }
        let all = state.lines.iter().all(|line| line.refunded >= line.quantity);
        state.status_id = if all { REFUNDED } else { PARTLY_REFUNDED };
        let id = self.refunds.last().map_or(self.id * 10, |last| last.id) + 1;
        self.refunds.push(Refund { id, made: now, reason: reason.to_owned(), items });
        self.enter(state, vec![Told::Refund { refund: id }])
    }
}

/// Answers everything below `/v3/orders`, and what callbacks tell of which order.
pub(super) fn answer(
    world: &mut World,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> (Answer, Option<(u64, Vec<Told>)>) {
    let answer = match (method, rest) {
        ("GET", ["payment_actions", "refunds", id]) => {
            let mut all = every(world, |_, refund| refund.id.to_string() == *id);
            all.pop().map_or_else(unknown, |refund| {
                Answer::json(json!({"data": texts(refund), "meta": {}}))
            })
        }
        ("GET", ["payment_actions", "refunds"]) => {
            let (orders, ids) = (query.list("order_id:in"), query.list("id:in"));
            let fits = |order: &Order, refund: &Refund| {
                orders.as_ref().is_none_or(|wanted| wanted.contains(&order.id.to_string()))
                    && ids.as_ref().is_none_or(|wanted| wanted.contains(&refund.id.to_string()))
            };
            Answer::listed(every(world, fits), query, 50)
        }
        (_, [id, rest @ ..]) => {
            let id = id.parse().unwrap_or_default();
            let Some(order) = world.orders.get_mut(&id) else { return (unknown(), None) };
            return of_order(order, method, rest, query, body);
        }
        _ => unknown(),
    };
    (answer, None)
}

/// Read by its own id, a refund tells the sums of its items as texts.
fn texts(mut refund: Value) -> Value {
    for item in refund.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(sum) = item.get_mut("requested_amount") {
            *sum = json!(sum.to_string());
        }
    }
    refund
}

fn unknown() -> Answer {
    problem(StatusCode::NOT_FOUND, "Not Found", &json!({}))
}

fn every(world: &World, fits: impl Fn(&Order, &Refund) -> bool) -> Vec<Value> {
    let orders = world.orders.values();
    let refunds = orders.flat_map(|order| order.refunds.iter().map(move |it| (order, it)));
    refunds.filter(|(order, it)| fits(order, it)).map(|(order, it)| it.json(order.id)).collect()
}

fn of_order(
    order: &mut Order,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> (Answer, Option<(u64, Vec<Told>)>) {
    let answer = match (method, rest) {
        ("GET", ["payment_actions", "refunds"]) => {
            let refunds = order.refunds.iter().map(|refund| refund.json(order.id)).collect();
            Answer::listed(refunds, query, 50)
        }
        ("POST", ["payment_actions", "refund_quotes"]) => match wanted(order, body) {
            Ok(wanted) => Answer::made(json!({"data": quote(order, &wanted), "meta": {}})),
            Err(answer) => answer,
        },
        ("POST", ["payment_actions", "refunds"]) => match wanted(order, body) {
            Ok(_) if !body["payments"].is_array() => refused("payments", "is required"),
            Ok(wanted) => {
                let reason = body["reason"].as_str().unwrap_or_default();
                let told = order.refund(wanted, reason, At::now());
                let made = order.refunds.last().map(|refund| refund.json(order.id));
                let made = Answer::made(json!({"data": made, "meta": {}}));
                return (made, Some((order.id, told)));
            }
            Err(answer) => answer,
        },
        ("GET", ["transactions"]) => Answer::listed(vec![payment(order)], query, 50),
        _ => unknown(),
    };
    (answer, None)
}

fn refused(field: &str, why: &str) -> Answer {
    let errors = json!({field: why});
    problem(StatusCode::UNPROCESSABLE_ENTITY, "JSON data is missing or invalid", &errors)
}

/// The units that are to be refunded: only of lines, as the others need an amount of their own.
fn wanted(order: &Order, body: &Value) -> Result<Vec<(u64, u32)>, Answer> {
    let mut wanted = Vec::new();
    for item in body["items"].as_array().into_iter().flatten() {
        let line = order.now().lines.iter().find(|line| Some(line.id) == item["item_id"].as_u64());
        let units = item["quantity"].as_u64().and_then(|units| u32::try_from(units).ok());
        match (item["item_type"].as_str(), line, units) {
            (Some("PRODUCT"), Some(line), Some(units))
                if units > 0 && units <= line.quantity.saturating_sub(line.refunded) =>
            {
                wanted.push((line.id, units));
            }
            _ => return Err(refused("items", "cannot be refunded")),
        }
    }
    if wanted.is_empty() { Err(refused("items", "is required")) } else { Ok(wanted) }
}

fn quote(order: &Order, wanted: &[(u64, u32)]) -> Value {
    let lines = &order.now().lines;
    let cents = |(id, units): &(u64, u32)| {
        let line = lines.iter().find(|line| line.id == *id);
        line.map_or(0, |line| line.price_cents * i64::from(*units))
    };
    let sum: i64 = wanted.iter().map(cents).sum();
    json!({
        "order_id": order.id,
        "total_refund_amount": dollars(sum),
        "total_refund_tax_amount": 0,
        "rounding": 0,
        "adjustment": 0,
        "tax_inclusive": false,
        "refund_methods": [[{
            "provider_id": "custom", "provider_description": "Custom", "amount": dollars(sum),
            "offline": true, "offline_provider": true, "offline_reason": "",
        }]],
    })
}

/// How the order was paid.
fn payment(order: &Order) -> Value {
    json!({
        "id": order.id * 10 + 5,
        "order_id": order.id.to_string(),
        "event": "purchase",
        "method": "custom",
        "amount": dollars(order.now().total_cents()),
        "currency": "USD",
        "gateway": "custom",
        "status": "ok",
        "test": false,
        "fraud_review": false,
        "date_created": order.placed.utc(),
    })
}
