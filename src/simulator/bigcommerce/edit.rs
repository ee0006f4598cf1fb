//! Changing an order over the API: `PUT` and `DELETE /v2/orders/{id}`.

use actix_web::http::StatusCode;
use serde_json::Value;

use super::super::time::At;
use super::goods::Good;
use super::order::{Line, Order, State, Told};
use super::render::{self, Include};
use super::rest::{Answer, message};

/// Changes what the body names; all of it or nothing.
pub(super) fn put(order: &mut Order, hash: &str, body: &Value) -> (Answer, Vec<Told>) {
    let mut state = order.from(At::now());
    let next = order.next_line();
    if let Err(what) = change(&mut state, next, body) {
        let text = format!("The field '{what}' is invalid.");
        return (message(StatusCode::BAD_REQUEST, &text), Vec::new());
    }
    let archived = state.archived && !order.now().archived;
    let told = order.enter(state, archived.then_some(Told::Archived).into_iter().collect());
    (Answer::json(render::order(order, order.now(), hash, Include::Nothing)), told)
}

/// Puts an order away: no order is ever erased.
pub(super) fn archive(order: &mut Order) -> (Answer, Vec<Told>) {
    let mut state = order.from(At::now());
    state.archived = true;
    (Answer::empty(), order.enter(state, vec![Told::Archived]))
}

fn change(state: &mut State, next: u64, body: &Value) -> Result<(), &'static str> {
    if let Some(status) = body.get("status_id") {
        let known = status.as_i64().filter(|status| (0..15).contains(status));
        state.status_id = known.ok_or("status_id")?;
    }
    if let Some(text) = body.get("customer_message") {
        state.message = Some(text.as_str().ok_or("customer_message")?.to_owned());
    }
    if let Some(text) = body.get("staff_notes") {
        text.as_str().ok_or("staff_notes")?.clone_into(&mut state.staff_notes);
    }
    if let Some(archived) = body.get("is_deleted") {
        state.archived = archived.as_bool().ok_or("is_deleted")?;
    }
    let Some(products) = body.get("products") else { return Ok(()) };
    for (at, product) in (0..).zip(products.as_array().ok_or("products")?) {
        line(state, next + at, product).ok_or("products")?;
    }
    if state.lines.is_empty() { Err("products") } else { Ok(()) }
}

/// One line: without an id it is added, with one it is patched; a quantity of 0 takes it out.
fn line(state: &mut State, next: u64, product: &Value) -> Option<()> {
    let units = match product.get("quantity") {
        Some(units) => Some(u32::try_from(units.as_u64()?).ok()?),
        None => None,
    };
    let cents = product.get("price_inc_tax").map(|price| {
        let price = price.as_f64().or_else(|| price.as_str()?.parse().ok());
        price.map(|price| (price * 100.0).round() as i64)
    });
    let Some(id) = product.get("id") else {
        let good =
            Good::catalogue().find(|good| product["product_id"].as_u64() == Some(good.product_id));
        let own_name = product["name"].as_str();
        state.lines.push(Line {
            id: next,
            product_id: good.map_or(0, |good| good.product_id),
            sku: good.map_or("", |good| good.sku).to_owned(),
            name: own_name.or(good.map(|good| good.name))?.to_owned(),
            quantity: units.filter(|units| *units > 0)?,
            refunded: 0,
            shipped: 0,
            price_cents: cents.unwrap_or_else(|| good.map(|good| good.price_cents))?,
        });
        return Some(());
    };
    let at = state.lines.iter().position(|line| Some(line.id) == id.as_u64())?;
    if units == Some(0) {
        state.lines.remove(at);
        return Some(());
    }
    let line = state.lines.get_mut(at)?;
    line.quantity = units.unwrap_or(line.quantity);
    line.price_cents = cents.unwrap_or(Some(line.price_cents))?;
    Some(())
}
