//! One turn of a store actor, written as a whole or not at all (I2, I10).

use super::body::Body;
use super::journal::{DeliveryKey, NewEvent};
use super::task::{RunWrite, TaskProgress};
use crate::domain::timeline::Details;
use crate::domain::{
    AccountId, CartOrderId, EventState, Kind, Order, Position, Source, StoreId, Timestamp,
};

/// Everything one turn changes. Refused as a whole if its epoch is not the store's present one, if
/// an event it closes or retries is no longer open, or if an order is not at the version it read.
/// Naming an event or an order twice is refused likewise.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The merchant.
    pub account: AccountId,
    /// The store whose turn it is.
    pub store: StoreId,
    /// The incarnation that decided it.
    pub epoch: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// The version of the store's rules it was decided under.
    pub rules_version: u32,
    /// The build that decided it.
    pub build: &'static str,
    /// Open events that end here.
    pub closes: Vec<Close>,
    /// Open events that stay open and are due later (R49).
    pub retries: Vec<Retry>,
    /// Inputs that were no open event: persons' commands, polled and fetched sightings. They enter
    /// the journal closed, together with their effect.
    pub recorded: Vec<Recorded>,
    /// Fetches to be made, each an open event of its own: they settle ties (R12).
    pub requests: Vec<Request>,
    /// Order rows, new or changed.
    pub orders: Vec<OrderWrite>,
    /// What timelines gain.
    pub timeline: Vec<NewEntry>,
    /// A run of which this turn is a part.
    pub run: Option<RunWrite>,
    /// What the runs of a task have reached with this turn.
    pub progress: Option<TaskProgress>,
}

impl Commit {
    /// The open events it closes or retries; naming one twice is a mismatch.
    pub(super) fn named_events(&self) -> impl Iterator<Item = Position> {
        let closes = self.closes.iter().map(|close| close.position);
        closes.chain(self.retries.iter().map(|retry| retry.position))
    }

    /// Whether every entry of `timeline` names an event that exists. One that does not is a bug of
    /// the caller: the write is rejected.
    pub(super) fn names_its_causes(&self) -> bool {
        self.timeline.iter().all(|new| match new.cause {
            Cause::Event(_) => true,
            Cause::Recorded(index) => index < self.recorded.len(),
        })
    }
}

/// An open event that ends.
#[derive(Debug, Clone)]
pub struct Close {
    /// Which.
    pub position: Position,
    /// How it ends.
    pub state: EventState,
    /// Why, as a code.
    pub reason: Option<String>,
    /// The order it turned out to be about.
    pub cart_order_id: Option<CartOrderId>,
}

/// An open event that is tried again later.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Which.
    pub position: Position,
    /// Failed attempts so far.
    pub attempts: u32,
    /// When it is due.
    pub next_at: Timestamp,
    /// Why it failed, as a code.
    pub reason: String,
    /// The order it turned out to be about.
    pub cart_order_id: Option<CartOrderId>,
}

/// An input that enters the journal closed.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `fetch`, `poll`, or the command's name.
    pub topic: String,
    /// Where it came from.
    pub source: Source,
    /// How it ended.
    pub state: EventState,
    /// Why, as a code.
    pub reason: Option<String>,
    /// The order it is about, as far as that could be read.
    pub cart_order_id: Option<CartOrderId>,
    /// What it is recognised by.
    pub key: DeliveryKey,
    /// JSON of the canonical sighting or of the command.
    pub body: Body,
    /// When it was read or asked.
    pub received_at: Timestamp,
    /// Who asked, if a person did.
    pub by: Option<String>,
}

/// A fetch to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of which order.
    pub cart_order_id: CartOrderId,
    /// When it was asked for.
    pub received_at: Timestamp,
}

impl Request {
    /// The event that asks for it.
    pub(super) fn event(&self, commit: &Commit) -> NewEvent {
        NewEvent {
            account: commit.account,
            store: commit.store,
            topic: "fetch".to_owned(),
            source: Source::Fetch,
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id: Some(self.cart_order_id.clone()),
            body: Body::pack(&[]),
            received_at: self.received_at,
            triggered_at: None,
            by: None,
        }
    }
}

/// An order row to write.
#[derive(Debug, Clone)]
pub struct OrderWrite {
    /// The row's version when it was read; 0 for an order that was not there.
    pub expected: u64,
    /// The row as it shall be; its `row_version` is `expected + 1`.
    pub order: Order,
}

/// Which event an entry of the timeline belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An event that was in the journal before.
    Event(Position),
    /// The n-th of this commit's `recorded`.
    Recorded(usize),
}

/// An entry that a timeline gains.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Of which order.
    pub cart_order_id: CartOrderId,
    /// The event that caused it.
    pub cause: Cause,
    /// The entry.
    pub entry: crate::domain::Entry,
}

/// A written entry of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// The event that caused it.
    pub event: Position,
    /// By whom, as a name.
    pub by: String,
    /// The rule that decided.
    pub rule: String,
    /// Facts.
    pub details: Details,
}

/// Why a commit was refused; nothing of it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Another incarnation owns the store now.
    Epoch,
    /// An event it wanted to close or retry is not open.
    Event(Position),
    /// An order is not at the version it was read at.
    Order,
}
