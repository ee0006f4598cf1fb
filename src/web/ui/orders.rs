//! The list of orders; its address is the saved view.

use std::collections::HashMap;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::words::{OrderRow, status};
use super::{Frame, PageError, revision};
use crate::domain::{Order, Status, StoreId};
use crate::ledger::{OrderCursor, OrderFilter, Page, Role, StoreRow};
use crate::web::Desk;
use crate::web::api::Scope;
use crate::web::cursor::Cursors;

/// Rows of a page.
const ROWS: usize = 50;
/// Stores offered by the filter.
const STORES: usize = 500;
/// What list the cursors belong to.
const LIST: &str = "page orders";

/// What the address asks for. Empty fields ask for nothing, as browsers send them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    q: String,
    store: String,
    status: String,
    has_revision: String,
    cursor: String,
}

/// The whole page.
#[derive(Template)]
#[template(path = "orders.html")]
pub(super) struct Orders {
    pub(super) frame: Frame,
    pub(super) page: Listing,
}

/// What the list tells.
pub(super) struct Listing {
    q: String,
    stores: Vec<StoreChoice>,
    statuses: Vec<StatusChoice>,
    orders: Vec<OrderRow>,
    nothing: &'static str,
    /// Only orders with changes to review.
    to_review: bool,
    /// Whoever looks may decide about the orders shown.
    may_decide: bool,
    /// Something narrows the list.
    filtered: bool,
    /// The list does not begin with the newest order.
    newest: Option<String>,
    next: Option<String>,
}

struct StoreChoice {
    slug: String,
    name: String,
    chosen: bool,
}

struct StatusChoice {
    value: &'static str,
    words: &'static str,
    chosen: bool,
}

/// Reads a page of the list.
pub(super) async fn read(desk: &Desk, scope: &Scope, query: &Query) -> Result<Listing, PageError> {
    let now = desk.clock.now();
    let account = scope.account();
    let stores = desk.ledger.stores(account, StoreId(0), STORES).await?;
    let names: HashMap<StoreId, &str> =
        stores.iter().map(|store| (store.id, store.name.as_str())).collect();
    let cursors = Cursors::of(
        &desk.vault,
        LIST,
        &(&query.q, &query.store, &query.status, &query.has_revision),
    );
    let mut filter = OrderFilter::of(account, ROWS);
    filter.store = stores.iter().find(|store| store.slug == query.store).map(|store| store.id);
    filter.status = Status::parse(&query.status);
    let to_review = query.has_revision == "true";
    filter.has_revision = to_review.then_some(true);
    let q = query.q.trim();
    filter.q = (!q.is_empty()).then(|| q.to_owned());
    // A cursor that does not fit begins at the top: the address may have been edited by hand.
    filter.after = cursors.read::<OrderCursor>(&query.cursor).ok();
    // A store or status that there is not fits no order, rather than all.
    let unknown = (!query.store.is_empty() && filter.store.is_none())
        || (!query.status.is_empty() && filter.status.is_none());
    let page = if unknown {
        Page { rows: Vec::new(), more: false }
    } else {
        desk.ledger.order_page(&filter).await?
    };

    let name = |id| names.get(&id).copied().unwrap_or_default();
    let may_decide = to_review && scope.needs(Role::Operator).is_ok();
    let row = |order: &Order| {
        let mut row = OrderRow::new(order, name(order.id.store), now);
        row.choice = revision::choice(order).filter(|_| may_decide);
        row
    };
    let orders: Vec<_> = page.rows.iter().map(row).collect();
    let filtered =
        to_review || [q, &query.store, &query.status].iter().any(|given| !given.is_empty());
    let nothing = if filtered {
        "No order fits these filters."
    } else {
        "No order yet. The first one appears here by itself, as soon as the cart tells of it."
    };
    let choice = |store: &StoreRow| StoreChoice {
        slug: store.slug.clone(),
        name: store.name.clone(),
        chosen: Some(store.id) == filter.store,
    };
    Ok(Listing {
        q: query.q.clone(),
        stores: stores.iter().map(choice).collect(),
        statuses: Status::ALL.map(|each| status_choice(each, filter.status)).into(),
        orders,
        nothing,
        to_review,
        may_decide: may_decide && !page.rows.is_empty(),
        filtered,
        newest: filter.after.is_some().then(|| address(query, None)),
        next: after(&page).map(|after| address(query, Some(&cursors.write(&after)))),
    })
}

fn status_choice(each: Status, chosen: Option<Status>) -> StatusChoice {
    StatusChoice { value: each.as_str(), words: status(each), chosen: chosen == Some(each) }
}

/// Where the next page begins, if there is one.
fn after(page: &Page<Order>) -> Option<OrderCursor> {
    let last = page.rows.last().filter(|_| page.more)?;
    Some(OrderCursor {
        at: last.created_at,
        store: last.id.store,
        cart_order_id: last.id.cart.clone(),
    })
}

/// The address of this view from a cursor on, or from its beginning.
fn address(query: &Query, cursor: Option<&str>) -> String {
    let given = [
        ("q", query.q.as_str()),
        ("store", &query.store),
        ("status", &query.status),
        ("has_revision", &query.has_revision),
        ("cursor", cursor.unwrap_or_default()),
    ];
    let pairs: Vec<_> = given
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    if pairs.is_empty() { "/orders".to_owned() } else { format!("/orders?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_view() {
        let mut query = Query::default();
        assert_eq!(address(&query, None), "/orders");
        (query.q, query.store) = ("#1 & 2".to_owned(), "pine".to_owned());
        assert_eq!(address(&query, Some("c")), "/orders?q=%231%20%26%202&store=pine&cursor=c");
    }
}
