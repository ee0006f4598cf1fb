//! A sighting: what a webhook, a poll or a fetch says about a cart's order at a time.
//!
//! It is canonical: only what the webhook and the API shape of every cart both carry, spelt in one
//! way, so that the same state gives the same hash wherever it was seen (R12).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::Source;
use super::ids::CartOrderId;
use super::money::Amount;
use super::time::Timestamp;

/// What was said about one order of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The cart's id (R15).
    pub cart_order_id: CartOrderId,
    /// The cart's number, the second half of ours (R16).
    pub number: String,
    /// The name as the cart shows it, such as `#1001`.
    pub name: String,
    /// When the customer placed it.
    pub placed_at: Timestamp,
    /// When the cart says it last changed: the head of its version.
    pub updated_at: Timestamp,
    /// The cart's own statuses.
    pub cart: CartState,
    /// What the order is about.
    pub content: Content,
}

/// The cart's own statuses of an order, in the words of the cart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartState {
    /// Payment, lower case: Shopify `pending, authorized, partially_paid, paid,
    /// partially_refunded, refunded, voided, expired`. `None`: the cart did not say.
    pub financial_status: Option<String>,
    /// Fulfilment, lower case: `partial, fulfilled, restocked`; `None`: nothing is fulfilled.
    pub fulfillment_status: Option<String>,
    /// BigCommerce's status by id: where there is one, it alone is judged.
    pub status_id: Option<i64>,
    /// When the cart cancelled it, where it says so; see [`CartState::cancellation`].
    pub cancelled_at: Option<Timestamp>,
    /// Why, in the cart's word.
    pub cancel_reason: Option<String>,
    /// Closed without being cancelled. Never a cancellation.
    pub archived: bool,
    /// Made to try the checkout.
    pub test: bool,
}

/// What the order is about: the part that edits change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// ISO 4217 code of every amount in it.
    pub currency: String,
    /// Sums as the cart states them.
    pub totals: Totals,
    /// Lines with a quantity above 0 (R17).
    pub lines: Vec<Line>,
    /// Where it goes; `None` for digital or in-store orders.
    pub shipping_address: Option<Address>,
    /// Customer's e-mail.
    pub email: Option<String>,
    /// Customer's phone.
    pub phone: Option<String>,
    /// Title of the chosen shipping.
    pub shipping_method: Option<String>,
    /// The customer's note.
    pub note: Option<String>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Where the order came from inside the cart, such as `web` or `pos`.
    pub source: Option<String>,
}

/// Sums of an order as the cart states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// What is due after edits and refunds.
    pub total: Amount,
    /// What was due when it was placed.
    pub original_total: Amount,
    /// The shipping in it.
    pub shipping: Amount,
}

/// One line of an order, with the cart's *current* quantity (R17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The cart's id of the line.
    pub cart_line_id: String,
    /// Stock keeping unit, if the merchant gave one.
    pub sku: Option<String>,
    /// The line's text.
    pub name: String,
    /// Units still wanted.
    pub quantity: u32,
    /// Price of one unit before discounts.
    pub unit_price: Amount,
    /// The cart's id of the product, for linking.
    pub product_id: Option<String>,
    /// The cart's id of the variant.
    pub variant_id: Option<String>,
}

/// A postal address; empty fields of the cart are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Address {
    pub name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub province: Option<String>,
    pub province_code: Option<String>,
    pub zip: Option<String>,
    pub country: Option<String>,
    pub country_code: Option<String>,
    pub phone: Option<String>,
}

/// Ranks of sources among sightings of one second.
const WEBHOOK: u8 = 0;
const POLL: u8 = 1;
const FETCH: u8 = 2;

/// Carts tell whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Where a sighting stands in the total order of an order's versions (R12). The derived order of
/// the fields *is* the rule: cart's time, cancelled or not, source, time of the fetch, content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The cart's `updated_at`.
    pub updated_at: Timestamp,
    /// A cancelled state outranks one of the same second that is not.
    pub cancelled: bool,
    /// Webhook < poll < fetch.
    pub source: u8,
    /// When it was read from the cart; the epoch for webhooks, whose arrival means nothing.
    pub read_at: Timestamp,
    /// Of the whole canonical sighting.
    pub hash: Hash,
}

/// The first 16 bytes of a SHA-256 over canonical JSON. JSON: hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub u128);

impl Hash {
    pub(super) fn of(value: &impl Serialize) -> Self {
        // Serialising these plain structs cannot fail; an empty text would only mean one more
        // event recorded as a change.
        let text = serde_json::to_vec(value).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let (head, _) = digest.split_at(16);
        Self(head.iter().fold(0, |n, byte| (n << 8) | u128::from(*byte)))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Sighting {
    /// Its place among the versions of its order when it came from `source`, read at `read_at`.
    pub fn version(&self, source: Source, read_at: Timestamp) -> Version {
        let (rank, read_at) = match source {
            Source::Poll => (POLL, read_at),
            Source::Fetch => (FETCH, read_at),
            _ => (WEBHOOK, Timestamp::default()),
        };
        Version {
            updated_at: self.updated_at,
            cancelled: self.cart.reads_cancelled(),
            source: rank,
            read_at,
            hash: Hash::of(self),
        }
    }

    /// The hash of what edits change; equal for sightings that differ only in the cart's statuses.
    pub fn content_hash(&self) -> Hash {
        Hash::of(&self.content)
    }
}

impl Version {
    /// The same state of the cart, whoever saw it and when.
    pub fn same_state(&self, other: &Self) -> bool {
        self.updated_at == other.updated_at && self.hash == other.hash
    }

    /// It was read by itself, not told by a webhook or read in a list.
    pub fn is_fetch(&self) -> bool {
        self.source == FETCH
    }

    /// A webhook that outranks a read which had settled this very second (R12: cancelled before
    /// source): the second needs no other read.
    pub fn outranks_settled(&self, newest: &Self) -> bool {
        self.source == WEBHOOK
            && self.updated_at == newest.updated_at
            && newest.is_settled()
            && self > newest
    }

    /// It was read when its second was over. What was read before tells no more of that second than
    /// a webhook, since the order may have changed once more within it.
    fn is_settled(&self) -> bool {
        self.source != WEBHOOK && self.read_at >= self.updated_at.plus(SECOND)
    }

    /// A webhook that differs from the newest of the same second, which no read has settled: only a
    /// fetch can tell which is right (R12).
    pub fn ties_with(&self, newest: &Self) -> bool {
        self.source == WEBHOOK
            && self.updated_at == newest.updated_at
            && self.hash != newest.hash
            && !newest.is_settled()
    }
}
