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

/// Where a list stands that is not read by the time of changes. It goes on behind an id rather than by
/// page: pages shift when an order of an earlier one changes, and one behind it would be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// Orders up to this id have been read.
    after: i64,
    /// Behind that id the same orders came again: from then on it goes by page, from 1.
    page: Option<u32>,
    /// Which of [`OPEN`] is being read.
    status: usize,
    /// Within one second that has more orders than a page.
    within: bool,
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
    let (number, limit) = (place.page.unwrap_or(1).to_string(), ORDERS.to_string());
    let behind = (place.after > 0 && place.page.is_none()).then(|| (place.after + 1).to_string());
    let (since, until) = match &from.listing {
        Listing::Changed { since } => (*since, since.filter(|_| place.within).map(next_second)),
        Listing::Open => (None, None),
    };
    let [since, until] = [since, until].map(|at| at.map(|at| at.to_string()));
    let mut query = vec![("page", &*number), ("limit", &*limit)];
    match &from.listing {
        Listing::Changed { .. } if place.within => {}
        Listing::Changed { .. } => query.push(("sort", "date_modified:asc")),
        Listing::Open => query.extend(OPEN.get(place.status).map(|status| ("status_id", *status))),
    }
    query.extend(since.as_deref().map(|since| ("min_date_modified", since)));
    query.extend(until.as_deref().map(|until| ("max_date_modified", until)));
    query.extend(behind.as_deref().map(|behind| ("min_id", behind)));
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
    let next = next(from, place, told.len() >= ORDERS, &orders);
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

/// Where the list goes on.
fn next(from: &ListFrom, place: Place, full: bool, orders: &[Listed]) -> Option<ListFrom> {
    match &from.listing {
        Listing::Open => {
            let next_status = Place { status: place.status + 1, ..Place::default() };
            if full {
                Some(at(Listing::Open, place.behind(orders)))
            } else if next_status.status < OPEN.len() {
                Some(at(Listing::Open, next_status))
            } else {
                None
            }
        }
        Listing::Changed { since } if place.within => {
            if full {
                return Some(at(from.listing.clone(), place.behind(orders)));
            }
            let since = since.map(next_second);
            Some(ListFrom::the_start(Listing::Changed { since }))
        }
        Listing::Changed { .. } if !full => None,
        Listing::Changed { since } => {
            let changes = || orders.iter().filter_map(changed_at);
            match (changes().min(), changes().max()) {
                // From the last change seen rather than from the next page: pages shift.
                (Some(first), Some(last)) if first < last => {
                    Some(ListFrom::the_start(Listing::Changed { since: Some(last) }))
                }
                // A page of one single second would never be left that way.
                (_, last) => {
                    let listing = Listing::Changed { since: last.or(*since) };
                    Some(at(listing, Place { within: true, ..Place::default() }))
                }
            }
        }
    }
}

fn at(listing: Listing, place: Place) -> ListFrom {
    ListFrom { listing, page: serde_json::to_string(&place).ok() }
}

impl Place {
    /// Behind the orders of a full page.
    fn behind(self, orders: &[Listed]) -> Self {
        let ids = orders.iter().filter_map(|listed| match listed {
            Listed::Order(sighting) => Some(&sighting.cart_order_id),
            Listed::Unreadable { cart_order_id, .. } => cart_order_id.as_ref(),
        });
        let last = ids.filter_map(|id| id.as_str().parse().ok()).max();
        match last.filter(|last| *last > self.after && self.page.is_none()) {
            Some(last) => Self { after: last, ..self },
            None => Self { page: Some(self.page.unwrap_or(1) + 1), ..self },
        }
    }
}

/// The second after the one that an instant is in.
fn next_second(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.0.div_euclid(1_000_000) + 1)
}

fn changed_at(listed: &Listed) -> Option<Timestamp> {
    match listed {
        Listed::Order(sighting) => Some(sighting.updated_at),
        Listed::Unreadable { changed_at, .. } => *changed_at,
    }
}

#[cfg(test)]
mod tests;
