//! One turn of a store: a page of its own open events from the journal, decided one after the
//! other, written as one commit.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::draft::{Draft, Outcomes};
use super::pending::Waiting;
use super::poll::{Poll, RUN};
use crate::actor::resources::Resources;
use crate::actor::writer::{Committed, WriteError};
use crate::channel::{Channel, Decoded, OrderRef};
use crate::domain::event::reason;
use crate::domain::{CartOrderId, EventState, Position, Sighting, Source, StoreId, Timestamp};
use crate::ledger::{Commit, LedgerError, Mismatch, OpenEvent, StoreRow};

/// What a turn works with; owned, since a forced restart may drop the actor meanwhile.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) resources: Arc<Resources>,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) store: Arc<StoreRow>,
    /// Other stores whose webhooks are signed with the same secret (R15).
    pub(super) siblings: Arc<[StoreId]>,
    pub(super) epoch: i64,
    /// Webhooks serve the store's orders (R3).
    pub(super) instasync: bool,
}

/// What a page of events came to.
#[derive(Debug, Default)]
pub(super) struct Worked {
    /// Events read.
    pub(super) read: usize,
    /// The last of them.
    pub(super) last: Option<Position>,
    /// Orders that have to be read from the cart, each with its event and when it is due.
    pub(super) thin: Vec<(OrderRef, Waiting, Timestamp)>,
    /// Events that ask for a check of the credentials.
    pub(super) checks: Vec<Position>,
    /// Requests to examine held-back orders anew, with who asked.
    pub(super) re_examine: Vec<(Position, String)>,
    /// Runs that are asked for.
    pub(super) polls: Vec<Poll>,
    /// The event that was counted on disk before it was tried.
    pub(super) counted: Option<Position>,
    /// Fetches were asked for, to settle ties; they stand in the journal.
    pub(super) requested: bool,
}

/// Why a turn came to nothing. Nothing of it was applied, or it is not known; either way memory is
/// dropped and everything is read again.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnFailed {
    /// Somebody else changed what it had read, or owns the store now.
    #[error("refused by the ledger: {0:?}")]
    Refused(Mismatch),
    #[error(transparent)]
    Read(#[from] LedgerError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How a page is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageOf {
    pub(super) after: Position,
    pub(super) limit: usize,
    /// Count the one event on disk before it is tried; at the fourth count it is set aside, since
    /// three tries have crashed.
    pub(super) count: bool,
    /// The event that this incarnation has counted last.
    pub(super) counted: Option<Position>,
}

/// Tries of a single event that may crash before it is set aside.
const CRASHES: u32 = 3;
/// Bodies read at once; more wait for the next turn.
const PAGE_BYTES: usize = 4 << 20;

impl Turn {
    /// Reads a page of open events and does what can be done without asking the cart.
    pub(super) async fn work(&self, page: PageOf) -> Result<Worked, TurnFailed> {
        let ledger = &self.resources.ledger;
        let mut events =
            ledger.open_events(self.store.id, page.after, page.limit, PAGE_BYTES).await?;
        let read = events.len();
        let last = events.last().map(|event| event.position);
        let fresh = events.first().filter(|event| page.counted != Some(event.position));
        let crashed = match fresh {
            Some(event) if page.count => self.crashed(event).await?,
            _ => None,
        };
        events.retain(|event| crashed.is_none_or(|(crashed, _)| crashed != event.position));

        let counted = if page.count { last } else { None };
        let mut worked = Worked { read, last, counted, ..Worked::default() };
        let mut orders: Vec<(OpenEvent, Box<Sighting>)> = Vec::new();
        let mut closed: Vec<(Position, EventState, &'static str)> = Vec::new();
        closed.extend(crashed.map(|(at, state)| (at, state, reason::CRASHED)));
        for event in events {
            match self.meaning(&event) {
                Meaning::Order(sighting) => orders.push((event, sighting)),
                Meaning::Read(order, told) => {
                    let due = event.next_at.unwrap_or(event.received_at);
                    worked.thin.push((order, waiting(event, told), due));
                }
                Meaning::Check => worked.checks.push(event.position),
                Meaning::ReExamine => {
                    let by = event.by.unwrap_or_default();
                    worked.re_examine.push((event.position, by));
                }
                Meaning::Poll => worked.polls.push(Poll::asked(&event)),
                Meaning::End(state, reason) => closed.push((event.position, state, reason)),
            }
        }

        let now = self.resources.clock.now();
        let mut draft = self.draft(orders.iter().map(|(_, s)| &s.cart_order_id), now).await?;
        for (position, state, reason) in closed {
            draft.close(position, state, Some(reason), None);
        }
        for (event, sighting) in &orders {
            draft.webhook(event.position, event.received_at, sighting);
        }
        if let Some((commit, outcomes)) = draft.finish() {
            worked.requested = !commit.requests.is_empty();
            self.commit(commit, outcomes).await?;
        }
        // Gives the neighbours on this thread their turn (I6).
        tokio::task::yield_now().await;
        Ok(worked)
    }

    /// A draft over the orders a turn touches, read in one query.
    pub(super) async fn draft(
        &self,
        ids: impl Iterator<Item = &CartOrderId>,
        now: Timestamp,
    ) -> Result<Draft<'_>, LedgerError> {
        let mut ids: Vec<CartOrderId> = ids.cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        let ledger = &self.resources.ledger;
        let orders =
            if ids.is_empty() { Vec::new() } else { ledger.orders(self.store.id, &ids).await? };
        if !self.siblings.is_empty() {
            ids.retain(|id| orders.iter().all(|order| order.id.cart != *id));
        }
        let mut draft = Draft::new(&self.store, self.epoch, now, orders);
        if !self.siblings.is_empty() && !ids.is_empty() {
            for id in ledger.held_by(&self.siblings, &ids).await? {
                draft.held_elsewhere(&id);
            }
        }
        Ok(draft)
    }

    /// Writes a turn, and counts what it did once it is durable.
    pub(super) async fn commit(
        &self,
        commit: Commit,
        outcomes: Outcomes,
    ) -> Result<(), TurnFailed> {
        let resources = &self.resources;
        match resources.writer.commit(commit).await? {
            Committed::Yes => {
                resources.count(&self.store, &outcomes);
                Ok(())
            }
            Committed::Refused(mismatch) => Err(TurnFailed::Refused(mismatch)),
        }
    }

    /// Counts the single event of a careful page; given back if it has crashed too often.
    async fn crashed(
        &self,
        event: &OpenEvent,
    ) -> Result<Option<(Position, EventState)>, WriteError> {
        let tries = self.resources.count_try(self.store.id, event.position).await?;
        let (store, id) = (&self.store.slug, event.position.event_id());
        if tries > CRASHES {
            warn!(%store, event = %id, "an event crashed three times and is given up");
            // The next run does what this one should have done: no person is needed.
            let ends = if is_ours(event, RUN) { EventState::Done } else { EventState::SetAside };
            return Ok(Some((event.position, ends)));
        }
        debug!(%store, event = %id, tries, "an event is tried by itself");
        Ok(None)
    }

    fn meaning(&self, event: &OpenEvent) -> Meaning {
        let meaning = if is_ours(event, FETCH) {
            requested(event)
        } else if is_ours(event, RE_EXAMINE) {
            Meaning::ReExamine
        } else if is_ours(event, RUN) {
            Meaning::Poll
        } else {
            self.delivered(event)
        };
        match meaning {
            // What the law asks for holds after the disconnection too (R43).
            Meaning::End(_, reason::NEEDS_CONFIRMATION) => meaning,
            _ if self.store.disconnected_at.is_some() => {
                Meaning::End(EventState::Ignored, reason::STORE_DISCONNECTED)
            }
            Meaning::Order(_) | Meaning::Read(..)
                if event.source == Source::Webhook && !self.instasync =>
            {
                Meaning::End(EventState::Ignored, reason::INSTASYNC_OFF)
            }
            meaning => meaning,
        }
    }

    fn delivered(&self, event: &OpenEvent) -> Meaning {
        match self.channel.decode(&event.topic, &event.body) {
            Decoded::Order(sighting) => Meaning::Order(sighting),
            Decoded::Thin { cart_order_id, deleted, changed_at } => {
                Meaning::Read(OrderRef::Id(cart_order_id), Told { deleted, changed_at })
            }
            Decoded::CheckAccess => Meaning::Check,
            Decoded::NeedsConfirmation => {
                Meaning::End(EventState::SetAside, reason::NEEDS_CONFIRMATION)
            }
            Decoded::NotUsed => Meaning::End(EventState::Ignored, reason::TOPIC_NOT_USED),
            Decoded::UnknownTopic => Meaning::End(EventState::SetAside, reason::TOPIC_UNKNOWN),
            Decoded::Unreadable => Meaning::End(EventState::SetAside, reason::UNREADABLE),
            Decoded::WrongShape => Meaning::End(EventState::SetAside, reason::WRONG_SHAPE),
        }
    }
}

/// The topic of events that ask for an order to be read: by a person, or to settle a tie.
pub(in crate::actor) const FETCH: &str = "fetch";

/// The topic of events that ask for held-back orders to be examined anew (R13).
pub(in crate::actor) const RE_EXAMINE: &str = "re-examine";

/// Whether an event is a request of that topic. A delivery's topic is unsigned: one that calls
/// itself a request is none.
fn is_ours(event: &OpenEvent, topic: &str) -> bool {
    event.topic == topic && event.source != Source::Webhook
}

/// What an event asks for.
enum Meaning {
    Order(Box<Sighting>),
    Read(OrderRef, Told),
    Check,
    ReExamine,
    Poll,
    End(EventState, &'static str),
}

/// What a thin event tells beside the order it is about.
#[derive(Clone, Copy, Default)]
struct Told {
    deleted: bool,
    changed_at: Option<Timestamp>,
}

/// The body of a request by name (R7).
#[derive(serde::Serialize, serde::Deserialize)]
pub(in crate::actor) struct ByName {
    pub(in crate::actor) cart_order_name: String,
}

fn requested(event: &OpenEvent) -> Meaning {
    let order = match &event.cart_order_id {
        Some(id) => Some(OrderRef::Id(id.clone())),
        None => serde_json::from_slice(&event.body)
            .ok()
            .map(|ByName { cart_order_name }| OrderRef::Name(cart_order_name)),
    };
    match order {
        Some(order) => Meaning::Read(order, Told::default()),
        None => Meaning::End(EventState::SetAside, reason::WRONG_SHAPE),
    }
}

/// How long after a tie of webhooks (R12) their order is read: the second that they share had begun
/// when the later one was sent, and is over by then.
const TIE_SECOND: Duration = Duration::from_secs(1);

fn waiting(event: OpenEvent, told: Told) -> Waiting {
    let is_tie = event.topic == FETCH && event.source == Source::Fetch;
    Waiting {
        settles_from: is_tie.then(|| event.received_at.plus(TIE_SECOND)),
        position: event.position,
        received_at: event.received_at,
        changed_at: told.changed_at,
        attempts: event.attempts,
        deleted: told.deleted,
        by: event.by,
    }
}
