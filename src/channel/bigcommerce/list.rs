//! Pages of orders, the longest unchanged first (R40).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::{Api, Said};
use super::fetch::{self, WHOLE, not_allowed};
use super::lenient;
use super::order::V2Order;
use crate::channel::{ChannelError, ListFrom, ListPage, Listed, Listing};
use crate::domain::{CartOrderId, Timestamp};

/// Orders of one page: the most there may be.
const ORDERS: usize = 250;
/// Statuses of orders that somebody may still work on, and of those that may become so.
const OPEN: [&str; 8] = ["11", "9", "8", "3", "7", "12", "1", "13"];

/// Where a list stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    /// From 1.
    page: u32,
    /// Which of [`OPEN`] is being read.
    #[serde(default)]
    status: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { page: 1, status: 0 }
    }
}

/// What can be told of an order that cannot be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    #[serde(deserialize_with = "lenient::whole")]
    id: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    date_modified: Option<String>,
}

/// Reads one page.
pub(super) async fn page(api: &Api<'_>, from: &ListFrom) -> Result<ListPage, ChannelError> {
    let place = match &from.page {
        Some(page) => serde_json::from_str(page).unwrap_or_default(),
        None => Place::default(),
    };
    let (number, limit) = (place.page.to_string(), ORDERS.to_string());
    let since = match &from.listing {
        Listing::Changed { since } => since.map(|since| since.to_string()),
        Listing::Open => None,
    };
    let mut query = vec![("page", &*number), ("limit", &*limit)];
    match &from.listing {
        Listing::Changed { .. } => query.push(("sort", "date_modified:asc")),
        Listing::Open => query.extend(OPEN.get(place.status).map(|status| ("status_id", *status))),
    }
    query.extend(since.as_deref().map(|since| ("min_date_modified", since)));
    query.extend(WHOLE);
    let told: Vec<Box<RawValue>> = match api.get("v2/orders", &query).await? {
        Said::Here(told) => told,
        Said::Nothing => Vec::new(),
        Said::NotAllowed => return Err(not_allowed()),
    };
    let mut orders = Vec::with_capacity(told.len());
    for order in &told {
        orders.push(read(api, order).await?);
    }
    let next = next(from, &place, told.len() >= ORDERS, &orders);
    Ok(ListPage { orders, next })
}

/// An order of the list; with more lines than fit there they are read by themselves.
async fn read(api: &Api<'_>, told: &RawValue) -> Result<Listed, ChannelError> {
    let unreadable = || {
        let head: Head = serde_json::from_str(told.get()).unwrap_or_default();
        Listed::Unreadable {
            cart_order_id: head.id.map(|id| CartOrderId(id.to_string())),
            changed_at: head.date_modified.as_deref().and_then(lenient::instant),
            body: told.get().as_bytes().to_vec(),
        }
    };
    let Ok(mut order) = serde_json::from_str::<V2Order>(told.get()) else {
        return Ok(unreadable());
    };
    if let Some(id) = order.id.filter(|_| !order.is_whole()) {
        match fetch::lines(api, id).await {
            Ok(lines) => order.lines = Some(lines),
            Err(ChannelError::Protocol(_)) => return Ok(unreadable()),
            Err(error) => return Err(error),
        }
    }
    Ok(match order.sighting() {
        Ok(sighting) => Listed::Order(Box::new(sighting)),
        Err(_) => unreadable(),
    })
}

/// Where the list goes on: from the last change seen rather than from the next page, since pages
/// shift when orders change meanwhile. A page of one single second would never be left that way: it
/// goes on by page.
fn next(from: &ListFrom, place: &Place, full: bool, orders: &[Listed]) -> Option<ListFrom> {
    let at = |listing: Listing, place: &Place| {
        Some(ListFrom { listing, page: serde_json::to_string(place).ok() })
    };
    match &from.listing {
        Listing::Open => {
            let by_page = Place { page: place.page + 1, ..*place };
            let by_status = Place { page: 1, status: place.status + 1 };
            if full {
                at(Listing::Open, &by_page)
            } else if by_status.status < OPEN.len() {
                at(Listing::Open, &by_status)
            } else {
                None
            }
        }
        Listing::Changed { since } => {
            if !full {
                return None;
            }
            let changes = || orders.iter().filter_map(changed_at);
            match (changes().min(), changes().max()) {
                (Some(first), Some(last)) if first < last => {
                    Some(ListFrom::the_start(Listing::Changed { since: Some(last) }))
                }
                _ => at(
                    Listing::Changed { since: *since },
                    &Place { page: place.page + 1, ..*place },
                ),
            }
        }
    }
}

fn changed_at(listed: &Listed) -> Option<Timestamp> {
    match listed {
        Listed::Order(sighting) => Some(sighting.updated_at),
        Listed::Unreadable { changed_at, .. } => *changed_at,
    }
}

#[cfg(test)]
mod tests;
