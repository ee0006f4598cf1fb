//! From a full answer to the picked one, and what both cost.

use serde_json::{Map, Value};

use super::cursor::{self, Place};
use super::request::{Picked, Plan};

/// Points of a mutation.
const MUTATION: f64 = 10.0;
/// Points of a connection, besides its rows.
const CONNECTION: f64 = 2.0;

/// What a request may cost at most, before anything is read. The real formula is not published and
/// grows slower than the number of rows; this one grows with its square root.
pub(super) fn requested(plan: &Plan) -> u32 {
    let start = if plan.mutation { MUTATION } else { 0.0 };
    (start + plan.fields.iter().map(most).sum::<f64>()).ceil() as u32
}

fn most(picked: &Picked) -> f64 {
    if picked.fields.is_empty() {
        return 0.0;
    }
    let inner: f64 = picked.fields.iter().map(most).sum();
    match picked.ty.as_str() {
        // Part of the connection's own points.
        "PageInfo" => 0.0,
        _ if picked.is_connection() => CONNECTION + inner * (picked.first() as f64).sqrt(),
        // The rows of a connection count there; `edges` alone holds nothing.
        ty if ty.ends_with("Edge") => inner,
        _ => 1.0 + inner,
    }
}

/// What was picked of an object, and its points.
pub(super) fn object(full: &Value, picked: &[Picked]) -> (Value, f64) {
    let (mut answer, mut cost) = (Map::new(), 0.0);
    for field in picked {
        let (value, points) = one(full, field);
        cost += points;
        answer.insert(field.key.clone(), value);
    }
    (Value::Object(answer), cost)
}

fn one(full: &Value, field: &Picked) -> (Value, f64) {
    if field.name == "__typename" {
        return (Value::String(field.parent.clone()), 0.0);
    }
    let value = full.get(&field.name).unwrap_or(&Value::Null);
    if field.is_connection() {
        return connection(value, field);
    }
    if field.fields.is_empty() {
        return (value.clone(), 0.0);
    }
    let own = if field.ty == "PageInfo" { 0.0 } else { 1.0 };
    match value {
        Value::Null => (Value::Null, 0.0),
        Value::Array(items) => {
            let (items, costs): (Vec<_>, Vec<_>) =
                items.iter().map(|item| object(item, &field.fields)).unzip();
            let cost = costs.iter().map(|cost| cost + own).sum();
            (Value::Array(items), cost)
        }
        value => {
            let (value, cost) = object(value, &field.fields);
            (value, own + cost)
        }
    }
}

/// A connection: a page that was made already, or a list of rows to take a page of.
fn connection(value: &Value, field: &Picked) -> (Value, f64) {
    let page = match value {
        Value::Array(rows) => {
            let row = |(at, row)| (Place { value: at as i64, id: at as u64 }, row);
            let rows: Vec<(Place, &Value)> = rows.iter().enumerate().map(row).collect();
            cursor::page(field, &rows, false, |row| (*row).clone())
        }
        page => page.clone(),
    };
    let edges = page.get("edges").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (mut answer, mut rows_cost) = (Map::new(), 0.0);
    for inner in &field.fields {
        let value = match inner.name.as_str() {
            "nodes" => {
                let nodes = edges.iter().filter_map(|edge| edge.get("node"));
                let (nodes, costs): (Vec<_>, Vec<_>) =
                    nodes.map(|node| object(node, &inner.fields)).unzip();
                rows_cost += costs.iter().map(|cost| cost + 1.0).sum::<f64>();
                Value::Array(nodes)
            }
            "edges" => {
                let (edges, costs): (Vec<_>, Vec<_>) =
                    edges.iter().map(|edge| object(edge, &inner.fields)).unzip();
                rows_cost += costs.iter().sum::<f64>();
                Value::Array(edges)
            }
            _ => one(&page, inner).0,
        };
        answer.insert(inner.key.clone(), value);
    }
    let rows = (edges.len() as f64).sqrt().max(1.0);
    (Value::Object(answer), CONNECTION + rows_cost / rows)
}
