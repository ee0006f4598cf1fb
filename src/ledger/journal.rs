//! Events: what came in, kept before it is answered (R8, I1).
//!
//! An open event lives in the inbox, a small table that is worked off; closing it moves its facts
//! to the history. Its body stays where it was first written.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Body;
use crate::domain::{AccountId, CartOrderId, EventState, Position, Source, StoreId, Timestamp};

/// What makes two deliveries of one store the same (R10): a hash of topic and delivery id, or
/// random bytes for a delivery that has no id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey(pub [u8; 16]);

impl DeliveryKey {
    /// Of a delivery that the cart gave an id.
    pub fn of(topic: &str, delivery_id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(topic.as_bytes());
        // Separates the two, so that no topic and id can be read as another pair.
        hash.update([0]);
        hash.update(delivery_id.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(digest.split_at(16).0);
        Self(key)
    }

    /// Of a delivery without an id: equal to no other.
    pub fn unique() -> Self {
        Self(rand::random())
    }
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// An event to be journaled; it is `waiting` from then on.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The merchant.
    pub account: AccountId,
    /// The store.
    pub store: StoreId,
    /// The cart's topic, or `fetch` for a request to read an order.
    pub topic: String,
    /// Webhook, or person for a requested fetch.
    pub source: Source,
    /// The cart's id of the delivery, as it came.
    pub delivery_id: Option<String>,
    /// What it is deduplicated by.
    pub key: DeliveryKey,
    /// The order it is about, where that is known before decoding.
    pub cart_order_id: Option<CartOrderId>,
    /// The raw bytes, or JSON of a request.
    pub body: Body,
    /// When it was received.
    pub received_at: Timestamp,
    /// When the cart says it was triggered; unsigned, for display only.
    pub triggered_at: Option<Timestamp>,
    /// Who asked, if a person did.
    pub by: Option<String>,
}

/// The answer to a journaled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journaled {
    /// Its position, or that of the event it repeats.
    pub position: Position,
    /// It repeats a known delivery; that event's `duplicates` went up (R10).
    pub duplicate: bool,
}

/// An open event as the store actor reads it.
#[derive(Debug, Clone)]
pub struct OpenEvent {
    /// Where it stands in the journal.
    pub position: Position,
    /// The cart's topic, or `fetch`.
    pub topic: String,
    /// Webhook, person (a requested fetch), or fetch (one that settles a tie).
    pub source: Source,
    /// The order it is about, where known.
    pub cart_order_id: Option<CartOrderId>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Failed attempts so far (R49).
    pub attempts: u32,
    /// When a retrying event is due.
    pub next_at: Option<Timestamp>,
    /// How often it has been tried by itself after a crash.
    pub tries: u32,
    /// Who asked, if a person did.
    pub by: Option<String>,
    /// The raw bytes, or JSON of a request.
    pub body: Vec<u8>,
}

/// An event as people and tools see it, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Where it stands in the journal.
    pub position: Position,
    /// The merchant.
    pub account: AccountId,
    /// The store.
    pub store: StoreId,
    /// The cart's topic, the command's name, or `fetch`.
    pub topic: String,
    /// Where it came from.
    pub source: Source,
    /// Where it stands.
    pub state: EventState,
    /// Why, as a code.
    pub reason: Option<String>,
    /// The cart's id of the delivery.
    pub delivery_id: Option<String>,
    /// How often the same delivery came again (R10).
    pub duplicates: u32,
    /// The order it is about, where known.
    pub cart_order_id: Option<CartOrderId>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When the cart says it was triggered.
    pub triggered_at: Option<Timestamp>,
    /// When it ended.
    pub done_at: Option<Timestamp>,
    /// Failed attempts.
    pub attempts: u32,
    /// When a retrying event is due.
    pub next_at: Option<Timestamp>,
    /// The version of the store's rules it was decided under.
    pub rules_version: Option<u32>,
    /// The build that decided it.
    pub build: Option<String>,
    /// Who asked, if a person did.
    pub by: Option<String>,
}
