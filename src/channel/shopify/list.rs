//! Pages of orders, the longest unchanged first (R40).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fetch;
use super::graph_order::{GraphOrder, PageInfo};
use super::graphql::{Fault, Graph};
use super::id::Id;
use super::operations::ORDERS_POLL;
use crate::channel::{ChannelError, ListFrom, ListPage, Listed, Listing, OrderRef};
use crate::domain::{CartOrderId, Timestamp};

/// Orders of one page, and lines asked for with each; fewer once the cart finds that too costly.
const ORDERS: u32 = 50;
const LINES: u32 = 20;
/// Pages after which the list is begun anew from where it stands: Shopify's end after 25,000 entries.
const PAGES: u32 = 400;

/// Where a list stands.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Place {
    /// Pages read since it was begun.
    pages: u32,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Variables<'v> {
    q: &'v str,
    n: u32,
    lines: u32,
    after: Option<&'v str>,
}

#[derive(Deserialize)]
struct Data {
    orders: Orders,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Orders {
    page_info: PageInfo,
    /// Each is read by itself, so that one that cannot be read spoils no other.
    nodes: Vec<Box<RawValue>>,
}

/// What can be told of an order that cannot be read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Head {
    legacy_resource_id: Option<Id>,
    updated_at: Option<String>,
}

/// Reads one page.
pub(super) async fn page(graph: &Graph<'_>, from: &ListFrom) -> Result<ListPage, ChannelError> {
    let place = match &from.page {
        Some(page) => serde_json::from_str(page).unwrap_or_default(),
        None => Place::default(),
    };
    let orders = ask(graph, &query(&from.listing), place.cursor.as_deref()).await?;
    let cursor = orders.page_info.next()?;
    let mut listed = Vec::with_capacity(orders.nodes.len());
    for node in &orders.nodes {
        listed.push(read(graph, node).await?);
    }
    let next = cursor.map(|cursor| next(from, &place, cursor, &listed));
    Ok(ListPage { orders: listed, next })
}

fn query(listing: &Listing) -> String {
    match listing {
        Listing::Changed { since: Some(since) } => format!("updated_at:>='{}'", whole(*since)),
        Listing::Changed { since: None } => String::new(),
        Listing::Open => "status:open".to_owned(),
    }
}

/// The whole second that an instant is in: Shopify tells no parts of one.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.0.div_euclid(1_000_000))
}

async fn ask(graph: &Graph<'_>, q: &str, after: Option<&str>) -> Result<Orders, ChannelError> {
    let (mut n, mut lines) = (ORDERS, LINES);
    loop {
        match graph.ask::<Data>(&ORDERS_POLL, Variables { q, n, lines, after }).await {
            Ok(Data { orders }) => return Ok(orders),
            Err(Fault::TooCostly) if n > 1 || lines > 1 => {
                (n, lines) = ((n / 2).max(1), (lines / 2).max(1));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// An order of the list; with more lines than fit there it is read by itself.
async fn read(graph: &Graph<'_>, node: &RawValue) -> Result<Listed, ChannelError> {
    let unreadable = || {
        let head: Head = serde_json::from_str(node.get()).unwrap_or_default();
        Listed::Unreadable {
            cart_order_id: head.legacy_resource_id.map(|id| CartOrderId(id.to_string())),
            changed_at: head.updated_at.as_deref().and_then(Timestamp::parse),
            body: node.get().as_bytes().to_vec(),
        }
    };
    let Ok(mut order) = serde_json::from_str::<GraphOrder>(node.get()) else {
        return Ok(unreadable());
    };
    if order.take_next_lines()?.is_none() {
        return Ok(match fetch::sighting(&order) {
            Ok(sighting) => Listed::Order(Box::new(sighting)),
            Err(_) => unreadable(),
        });
    }
    let id = OrderRef::Id(CartOrderId(order.id().to_string()));
    match fetch::order(graph, &id).await {
        Ok(Some(sighting)) => Ok(Listed::Order(Box::new(sighting))),
        // Gone since, or unreadable as a whole.
        Ok(None) | Err(ChannelError::Protocol(_)) => Ok(unreadable()),
        Err(error) => Err(error),
    }
}

/// The next page; a list that is near its end by length goes on as a new one from where it stands.
fn next(from: &ListFrom, place: &Place, cursor: String, listed: &[Listed]) -> ListFrom {
    let pages = place.pages + 1;
    let reached = listed.iter().filter_map(changed_at).max();
    if let (Listing::Changed { .. }, Some(since)) = (&from.listing, reached)
        && pages >= PAGES
    {
        return ListFrom::the_start(Listing::Changed { since: Some(since) });
    }
    let place = serde_json::to_string(&Place { pages, cursor: Some(cursor) });
    ListFrom { listing: from.listing.clone(), page: place.ok() }
}

fn changed_at(listed: &Listed) -> Option<Timestamp> {
    match listed {
        Listed::Order(sighting) => Some(sighting.updated_at),
        Listed::Unreadable { changed_at, .. } => *changed_at,
    }
}

#[cfg(test)]
mod tests;
