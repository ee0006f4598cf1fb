//! Lists of orders that changed, page by page (R40).

use serde::{Deserialize, Serialize};

use crate::domain::{CartOrderId, Sighting, Timestamp};

/// Which orders a list has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Every order that changed since then, the longest unchanged first; `None`: every order.
    Changed {
        /// That instant included.
        since: Option<Timestamp>,
    },
    /// Orders that the cart calls open (R45).
    Open,
}

/// A list, and how far it has been read. Kept in the ledger between two pages, so that a crash goes
/// on where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFrom {
    /// Which orders.
    pub listing: Listing,
    /// Where the next page begins, in the channel's own words; `None`: at the beginning.
    pub page: Option<String>,
}

impl ListFrom {
    /// The beginning of a list.
    pub fn the_start(listing: Listing) -> Self {
        Self { listing, page: None }
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// What it tells, each order with all its lines.
    pub orders: Vec<Listed>,
    /// Where it goes on; `None`: it is the last.
    pub next: Option<ListFrom>,
}

/// An order of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// It could be read.
    Order(Box<Sighting>),
    /// It could not; the rest of the page stands.
    Unreadable {
        /// Which, as far as that could be read.
        cart_order_id: Option<CartOrderId>,
        /// When it changed, as far as that could be read.
        changed_at: Option<Timestamp>,
        /// What the cart said of it.
        body: Vec<u8>,
    },
}
