//! Orders: `/v2/orders`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::time::At;
use super::order::{Order, State};
use super::render::{self, Include};
use super::rest::{Answer, Query, missing};
use super::store::{Store, World};
use super::{edit, shipments};

/// Statuses there are.
const STATUSES: std::ops::Range<i64> = 0..15;

/// Answers everything below `/v2/orders`.
pub(super) fn answer(
    store: &Arc<Store>,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> Answer {
    match (method, rest) {
        ("GET", []) => list(store, query),
        ("GET", ["count"]) => count(&store.world()),
        ("DELETE", []) => {
            store.world().forbidden.push("DELETE /v2/orders".to_owned());
            Answer::empty()
        }
        (_, [id, rest @ ..]) => match id.parse() {
            Ok(id) => of_order(store, method, id, rest, query, body),
            Err(_) => missing(),
        },
        _ => missing(),
    }
}

/// The words of each status.
pub(super) fn statuses() -> Value {
    STATUSES.map(status).collect()
}

fn status(id: i64) -> Value {
    let name = render::status(id);
    json!({
        "id": id, "name": name, "system_label": name, "custom_label": name,
        "system_description": "", "order": id,
    })
}

fn count(world: &World) -> Answer {
    let of = |id| world.orders.values().filter(|order| order.now().status_id == id).count();
    let rows = STATUSES
        .map(|id| render::merged([status(id), json!({"count": of(id), "sort_order": id})]))
        .collect::<Vec<_>>();
    Answer::json(json!({"statuses": rows, "count": world.orders.len()}))
}

fn include(query: &Query) -> Include {
    if query.text("consignment_structure") != Some("object") {
        return Include::Nothing;
    }
    match query.text("include") {
        Some(asked) if asked.contains("consignments.line_items") => Include::Lines,
        Some(asked) if asked.contains("consignments") => Include::Consignments,
        _ => Include::Nothing,
    }
}

/// What reads show now: with a lag, what was there before.
fn seen(store: &Store) -> At {
    At(At::now().0 - store.lag().as_micros() as i64)
}

fn list(store: &Store, query: &Query) -> Answer {
    let seen = seen(store);
    let world = store.world();
    let after = query.text("min_date_modified").and_then(At::parse);
    let before = query.text("max_date_modified").and_then(At::parse);
    let mut found: Vec<(&Order, &State)> = world
        .orders
        .values()
        .filter_map(|order| Some((order, order.at(seen)?)))
        .filter(|(order, state)| {
            let id = i64::try_from(order.id).unwrap_or(i64::MAX);
            query.number("min_id").is_none_or(|min| id >= min)
                && query.number("max_id").is_none_or(|max| id <= max)
                && query.number("status_id").is_none_or(|status| state.status_id == status)
                && after.is_none_or(|after| state.since.seconds() >= after)
                && before.is_none_or(|before| state.since.seconds() <= before)
                // Archived ones are left out of lists here: nobody says whether they are in.
                && !state.archived
        })
        .collect();
    if query.text("sort").is_some_and(|sort| sort.starts_with("date_modified")) {
        found.sort_by_key(|(order, state)| (state.since.seconds(), order.id));
    }
    let (hash, include) = (store.hash(), include(query));
    let rows = found.into_iter().map(|(order, state)| render::order(order, state, hash, include));
    Answer::page(rows, query)
}

fn of_order(
    store: &Arc<Store>,
    method: &str,
    id: u64,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> Answer {
    let seen = seen(store);
    let mut world = store.world();
    let Some(order) = world.orders.get_mut(&id) else { return missing() };
    let Some(state) = order.at(seen) else { return missing() };
    let (answer, told) = match (method, rest) {
        ("GET", []) => {
            return Answer::json(render::order(order, state, store.hash(), include(query)));
        }
        ("GET", ["products"]) => {
            return Answer::page(state.lines.iter().map(|line| render::line(order, line)), query);
        }
        ("GET", ["shipping_addresses"]) => {
            let address = render::shipping_address(order, state);
            return Answer::page(std::iter::once(address), query);
        }
        (_, ["shipments", rest @ ..]) => shipments::answer(order, method, rest, query, body),
        ("PUT", []) => edit::put(order, store.hash(), body),
        ("DELETE", []) => edit::archive(order),
        _ => return missing(),
    };
    store.announce(&mut world, id, &told);
    store.save(&world);
    answer
}
