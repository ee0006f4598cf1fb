//! Orders as the cart has them now, with all their lines (R7).

use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, Said};
use super::lenient;
use super::order::{Malformed, V2Line, V2Order};
use crate::channel::{ChannelError, OrderRef};
use crate::domain::{CartOrderId, Sighting};

/// Order, addresses, lines and shipping in one answer.
pub(super) const WHOLE: [(&str, &str); 2] =
    [("include", "consignments.line_items"), ("consignment_structure", "object")];
/// Lines on a page.
const LINES: usize = 50;
/// Pages of lines of one order at most.
const MAX_PAGES: usize = 200;
/// Orders on a page of a list, and so the widest range of ids that one page surely holds.
const LIST: i64 = 250;
/// From so many due orders within such a range on, a list is read instead of each by itself.
const WORTH_A_LIST: usize = 10;

/// Reads one order. `None`: the cart has no such order.
pub(super) async fn order(
    api: &Api<'_>,
    which: &OrderRef,
) -> Result<Option<Sighting>, ChannelError> {
    // An order's number is its id.
    let id = match which {
        OrderRef::Id(id) => number(id.as_str()),
        OrderRef::Name(name) => number(name.trim().trim_start_matches('#')),
    };
    let Some(id) = id else { return Ok(None) };
    let found: Said<V2Order> = api.get(&format!("v2/orders/{id}"), &WHOLE).await?;
    let mut order = match found {
        Said::Here(order) => order,
        Said::Nothing => return Ok(None),
        Said::NotAllowed => return Err(not_allowed()),
    };
    if order.id != Some(id) {
        return Err(ChannelError::Protocol("it tells of another order".to_owned()));
    }
    if !order.is_whole() {
        order.lines = Some(lines(api, id).await?);
    }
    sighting(&order).map(Some)
}

/// Reads the orders of one range of ids. Those whose lines do not fit into the list are left out.
pub(super) async fn many(
    api: &Api<'_>,
    ids: &[CartOrderId],
) -> Result<Vec<Sighting>, ChannelError> {
    let mut numbers: Vec<i64> = ids.iter().filter_map(|id| number(id.as_str())).collect();
    numbers.sort_unstable();
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Ok(Vec::new());
    };
    let (first, last, limit) = (first.to_string(), last.to_string(), LIST.to_string());
    let mut query = vec![("min_id", &*first), ("max_id", &*last), ("limit", &*limit)];
    query.extend(WHOLE);
    let listed: Vec<Value> = match api.get("v2/orders", &query).await? {
        Said::Here(listed) => listed,
        Said::Nothing => Vec::new(),
        Said::NotAllowed => return Err(not_allowed()),
    };
    let mut found = Vec::new();
    for told in listed {
        // One that cannot be read is read by itself, and told about there.
        let Ok(order) = V2Order::deserialize(told) else { continue };
        let wanted = order.id.is_some_and(|id| numbers.binary_search(&id).is_ok());
        if wanted && order.is_whole() {
            found.extend(order.sighting().ok());
        }
    }
    Ok(found)
}

/// The due orders that one page of a list surely holds, if it is worth it: as many as fall into a
/// range of ids that is no longer than a page.
pub(super) fn together(due: &[CartOrderId]) -> Vec<CartOrderId> {
    let mut numbers: Vec<i64> = due.iter().filter_map(|id| number(id.as_str())).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let within = |from: usize| {
        let first = numbers.get(from).copied().unwrap_or_default();
        let rest = numbers.get(from..).unwrap_or_default();
        rest.iter().take_while(|id| id.saturating_sub(first) < LIST).count()
    };
    let best = (0..numbers.len()).max_by_key(|from| (within(*from), usize::MAX - from));
    let Some(from) = best.filter(|from| within(*from) >= WORTH_A_LIST) else { return Vec::new() };
    let chosen = numbers.iter().skip(from).take(within(from));
    chosen.map(|id| CartOrderId(id.to_string())).collect()
}

/// All lines of an order, page by page.
pub(super) async fn lines(api: &Api<'_>, id: i64) -> Result<Vec<V2Line>, ChannelError> {
    let mut all = Vec::new();
    let path = format!("v2/orders/{id}/products");
    for page in 1..=MAX_PAGES {
        let (page, limit) = (page.to_string(), LINES.to_string());
        let told: Said<Lines> = api.get(&path, &[("page", &page), ("limit", &limit)]).await?;
        let told = match told {
            Said::Here(Lines(lines)) => lines,
            Said::Nothing => return Ok(all),
            Said::NotAllowed => return Err(not_allowed()),
        };
        let full = told.len() >= LINES;
        all.extend(told);
        if !full {
            return Ok(all);
        }
    }
    Err(ChannelError::Protocol(format!("an order's lines do not end after {MAX_PAGES} pages")))
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Lines(#[serde(deserialize_with = "lenient::list")] Vec<V2Line>);

fn sighting(order: &V2Order) -> Result<Sighting, ChannelError> {
    order.sighting().map_err(|Malformed(field)| {
        ChannelError::Protocol(format!("the order's {field} is not what it should be"))
    })
}

/// BigCommerce's ids are numbers above 0, so it has no order with another one.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|id| *id > 0)
}

pub(super) fn not_allowed() -> ChannelError {
    ChannelError::Unauthorized(
        "the access token may not read orders; it needs the scope Orders, which only a new API \
         account can have"
            .to_owned(),
    )
}
