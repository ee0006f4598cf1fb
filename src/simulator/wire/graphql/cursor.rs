//! Pages of a connection: a cursor is the sort value and the id of a row, so that paging is stable
//! while rows move.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::GraphqlError;
use super::request::Picked;

/// Where a row stands in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    #[serde(rename = "last_value")]
    pub(super) value: i64,
    #[serde(rename = "last_id")]
    pub(super) id: u64,
}

impl Place {
    fn cursor(self) -> String {
        BASE64_STANDARD.encode(json!(self).to_string())
    }

    fn parse(cursor: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_STANDARD.decode(cursor).ok()?).ok()
    }
}

/// The most rows that one page may ask for.
const MOST: u64 = 250;

/// What is wrong with the arguments of a connection, if anything.
pub(super) fn check(connection: &Picked) -> Result<(), GraphqlError> {
    let bad = |message: String| Err(GraphqlError::new("BAD_REQUEST", message));
    if connection.args.contains_key("last") || connection.args.contains_key("before") {
        return bad("this shop pages forward only: use first and after".to_owned());
    }
    match connection.args.get("first").and_then(Value::as_i64) {
        None => bad("you must provide one of first or last".to_owned()),
        Some(first) if first < 0 => bad("first cannot be negative".to_owned()),
        Some(first) if first.unsigned_abs() > MOST => bad(format!("first cannot exceed {MOST}")),
        Some(_) => match connection.text("after") {
            Some(after) if Place::parse(after).is_none() => {
                bad(format!("Invalid cursor for current pagination sort: {after}"))
            }
            _ => Ok(()),
        },
    }
}

/// One page of rows, as `{edges, pageInfo}`. `rows` are in their order; `render` is called for the
/// rows of the page alone.
pub(super) fn page<R>(
    connection: &Picked,
    rows: &[(Place, R)],
    reverse: bool,
    render: impl Fn(&R) -> Value,
) -> Value {
    let after = connection.text("after").and_then(Place::parse);
    let begun = |place: Place| match after {
        Some(after) if reverse => place < after,
        Some(after) => place > after,
        None => true,
    };
    let start = rows.iter().position(|(place, _)| begun(*place)).unwrap_or(rows.len());
    let end = (start + connection.first()).min(rows.len());
    let shown = rows.get(start..end).unwrap_or_default();
    let edges: Vec<Value> = shown
        .iter()
        .map(|(place, row)| json!({"cursor": place.cursor(), "node": render(row)}))
        .collect();
    let cursor = |row: Option<&(Place, R)>| row.map(|(place, _)| place.cursor());
    json!({
        "pageInfo": {
            "hasNextPage": end < rows.len(),
            "hasPreviousPage": start > 0,
            "startCursor": cursor(shown.first()),
            "endCursor": cursor(shown.last()),
        },
        "edges": edges,
    })
}
