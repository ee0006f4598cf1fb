//! Shipments of an order: `/v2/orders/{id}/shipments`.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::time::At;
use super::order::{Order, PARTLY_SHIPPED, SHIPPED, Told};
use super::render;
use super::rest::{Answer, Query, message, missing};

/// Goods that left together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shipment {
    pub(super) id: u64,
    made: At,
    /// Line and units.
    items: Vec<(u64, u32)>,
    texts: Texts,
}

/// What people write on it, with how long each may be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Texts {
    tracking_number: String,
    tracking_carrier: String,
    tracking_link: String,
    shipping_provider: String,
    shipping_method: String,
    comments: String,
}

impl Texts {
    fn take(&mut self, body: &Value) -> Result<(), Answer> {
        let fields = [
            ("tracking_number", 50, &mut self.tracking_number),
            ("tracking_carrier", 100, &mut self.tracking_carrier),
            ("tracking_link", 500, &mut self.tracking_link),
            ("shipping_provider", 100, &mut self.shipping_provider),
            ("shipping_method", 255, &mut self.shipping_method),
            ("comments", 65_535, &mut self.comments),
        ];
        for (name, most, field) in fields {
            match &body[name] {
                Value::Null => {}
                Value::String(text) if text.chars().count() <= most => text.clone_into(field),
                _ => return Err(invalid(name)),
            }
        }
        Ok(())
    }
}

impl Shipment {
    fn json(&self, order: &Order) -> Value {
        let line = |id: u64| order.now().lines.iter().find(|line| line.id == id);
        let items = self.items.iter().map(|(id, units)| {
            let product = line(*id).map_or(0, |line| line.product_id);
            json!({"order_product_id": id, "product_id": product, "quantity": units})
        });
        let items: Vec<Value> = items.collect();
        json!({
            "id": self.id,
            "order_id": order.id,
            "customer_id": 0,
            "order_address_id": render::address_id(order),
            "date_created": render::date(self.made),
            "tracking_number": self.texts.tracking_number,
            "merchant_shipping_cost": "0.0000",
            "shipping_method": self.texts.shipping_method,
            "shipping_provider": self.texts.shipping_provider,
            "tracking_carrier": self.texts.tracking_carrier,
            "tracking_link": self.texts.tracking_link,
            "comments": self.texts.comments,
            "billing_address": render::person(order),
            "shipping_address": render::person(order),
            "items": items,
            "shipping_provider_display_name": self.texts.shipping_provider,
            "generated_tracking_link": "",
        })
    }
}

fn invalid(field: &str) -> Answer {
    message(StatusCode::BAD_REQUEST, &format!("The field '{field}' is invalid."))
}

/// Answers everything below `/shipments`, and what callbacks tell of it.
pub(super) fn answer(
    order: &mut Order,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> (Answer, Vec<Told>) {
    match (method, rest) {
        ("GET", []) => {
            let shipments = order.shipments.iter().map(|shipment| shipment.json(order));
            (Answer::page(shipments, query), Vec::new())
        }
        ("POST", []) => match create(order, body) {
            Ok((made, told)) => (Answer::made(made), told),
            Err(answer) => (answer, Vec::new()),
        },
        (_, [id]) => match order.shipments.iter().position(|it| it.id.to_string() == *id) {
            Some(at) => by_place(order, at, method, body),
            None => (missing(), Vec::new()),
        },
        _ => (missing(), Vec::new()),
    }
}

fn create(order: &mut Order, body: &Value) -> Result<(Value, Vec<Told>), Answer> {
    if body["order_address_id"].as_u64() != Some(render::address_id(order)) {
        return Err(invalid("order_address_id"));
    }
    let now = At::now();
    let mut state = order.from(now);
    let mut items = Vec::new();
    for item in body["items"].as_array().into_iter().flatten() {
        let units = item["quantity"].as_u64().and_then(|units| u32::try_from(units).ok());
        let id = item["order_product_id"].as_u64();
        let line = state.lines.iter_mut().find(|line| Some(line.id) == id);
        let (Some(line), Some(units)) = (line, units) else { return Err(invalid("items")) };
        if units == 0 || units > line.quantity.saturating_sub(line.shipped) {
            return Err(invalid("items"));
        }
        line.shipped += units;
        items.push((line.id, units));
    }
    if items.is_empty() {
        return Err(invalid("items"));
    }
    let mut texts = Texts::default();
    texts.take(body)?;
    let id = order.shipments.last().map_or(order.id * 10, |last| last.id) + 1;
    let whole = state.lines.iter().all(|line| line.shipped >= line.quantity);
    state.status_id = if whole { SHIPPED } else { PARTLY_SHIPPED };
    let shipment = Shipment { id, made: now, items, texts };
    order.shipments.push(shipment.clone());
    let told = order.enter(state, vec![Told::Shipment { shipment: id, what: "created" }]);
    Ok((shipment.json(order), told))
}

fn by_place(order: &mut Order, at: usize, method: &str, body: &Value) -> (Answer, Vec<Told>) {
    let mut shipment = order.shipments.remove(at);
    let id = shipment.id;
    let state = order.from(At::now());
    match method {
        "DELETE" => {
            // What was shipped stays shipped: deleting it takes no status back.
            let told = order.enter(state, vec![Told::Shipment { shipment: id, what: "deleted" }]);
            return (Answer::empty(), told);
        }
        "PUT" => {
            if let Err(answer) = shipment.texts.take(body) {
                order.shipments.insert(at, shipment);
                return (answer, Vec::new());
            }
        }
        _ => {}
    }
    order.shipments.insert(at, shipment.clone());
    let told = match method {
        "PUT" => order.enter(state, vec![Told::Shipment { shipment: id, what: "updated" }]),
        _ => Vec::new(),
    };
    (Answer::json(shipment.json(order)), told)
}
