//! The list of orders; its address is the saved view.

use std::collections::HashMap;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::words::{OrderRow, status};
use super::{Frame, PageError};
use crate::domain::{AccountId, Status, StoreId};
use crate::ledger::{OrderCursor, OrderFilter};
use crate::web::Desk;
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
pub(super) async fn read(
    desk: &Desk,
    account: AccountId,
    query: &Query,
) -> Result<Listing, PageError> {
    let now = desk.clock.now();
    let stores = desk.ledger.stores(account, StoreId(0), STORES).await?;
    let names: HashMap<StoreId, &str> =
        stores.iter().map(|store| (store.id, store.name.as_str())).collect();
    let chosen = stores.iter().find(|store| store.slug == query.store).map(|store| store.id);
    let q = query.q.trim();
    let mut filter = OrderFilter::of(account, ROWS);
    filter.store = chosen;
    filter.status = Status::parse(&query.status);
    filter.q = (!q.is_empty()).then(|| q.to_owned());
    let cursors = Cursors::of(&desk.vault, LIST, &(&query.q, &query.store, &query.status));
    // A cursor that does not fit begins at the top: the address may have been edited by hand.
    filter.after = cursors.read::<OrderCursor>(&query.cursor).ok();
    let page = desk.ledger.order_page(&filter).await?;

    let next = match page.rows.last() {
        Some(last) if page.more => {
            let after = OrderCursor {
                at: last.created_at,
                store: last.id.store,
                cart_order_id: last.id.cart.clone(),
            };
            Some(address(query, &cursors.write(&after)))
        }
        _ => None,
    };
    let name = |id| names.get(&id).copied().unwrap_or_default();
    let orders: Vec<_> =
        page.rows.iter().map(|order| OrderRow::new(order, name(order.id.store), now)).collect();
    let stores = stores
        .iter()
        .map(|store| StoreChoice {
            slug: store.slug.clone(),
            name: store.name.clone(),
            chosen: Some(store.id) == chosen,
        })
        .collect();
    let statuses = Status::ALL
        .map(|each| StatusChoice {
            value: each.as_str(),
            words: status(each),
            chosen: filter.status == Some(each),
        })
        .into();
    let filtered = filter.q.is_some() || chosen.is_some() || filter.status.is_some();
    let nothing = if filtered { "No order fits these filters." } else { "No order yet." };
    Ok(Listing { q: query.q.clone(), stores, statuses, orders, nothing, next })
}

fn address(query: &Query, cursor: &str) -> String {
    let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!(
        "/orders?q={}&store={}&status={}&cursor={}",
        part(&query.q),
        part(&query.store),
        part(&query.status),
        part(cursor)
    )
}
