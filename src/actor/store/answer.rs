//! What the cart's answer to a fetch does to the events that waited for it.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::call::{Answer, Called, InFlight, rest_after};
use super::draft::Draft;
use super::pending::{Dirty, Waiting};
use super::turn::{Turn, TurnFailed};
use crate::actor::handle::AskError;
use crate::channel::{ChannelError, OrderRef};
use crate::domain::event::reason;
use crate::domain::{
    By, CartOrderId, Decision, EventState, Input, Position, Sighting, Source, Timestamp, backoff,
};
use crate::ledger::{Body, Retry};

/// What is left to do after an answer was worked in.
pub(super) enum After {
    /// The connection was checked, or cannot be for that reason; its events are closed, and these
    /// people wait to hear of it.
    Checked { askers: Askers, trouble: Option<String> },
    /// It could not be checked, for that reason, and has to be tried again.
    CheckAgain { events: Vec<Position>, askers: Askers, outage: String },
    /// An order was read; these events are closed.
    Read { order: OrderRef, closed: Vec<Position> },
    /// Its events wait for another read.
    ReadAgain { order: OrderRef, dirty: Dirty },
    /// Nothing.
    Nothing,
}

/// People who asked for a check of the connection.
type Askers = Vec<oneshot::Sender<Result<(), AskError>>>;

/// What became of the events of one order.
enum Outcome {
    Closed,
    /// They wait for another read.
    Again(Dirty),
}

/// Works an answer into the book.
pub(super) async fn work_in(
    turn: &Turn,
    called: Called,
    call: InFlight,
    failures: u32,
) -> Result<After, TurnFailed> {
    match call {
        InFlight::Renew => Ok(After::Nothing),
        InFlight::Check { events, askers } => {
            if let Err(error) = &called.answer
                && error.is_outage()
            {
                return Ok(After::CheckAgain { events, askers, outage: error.to_string() });
            }
            let trouble = called.answer.err().map(|error| error.to_string());
            checked(turn, &events).await?;
            Ok(After::Checked { askers, trouble })
        }
        InFlight::Read { order, dirty } => {
            let closed = dirty.events.iter().map(|event| event.position).collect();
            match read(turn, &order, dirty, called, failures).await? {
                Outcome::Closed => Ok(After::Read { order, closed }),
                Outcome::Again(dirty) => Ok(After::ReadAgain { order, dirty }),
            }
        }
    }
}

/// Closes the events that asked for a check; what it taught stands in the store's row.
async fn checked(turn: &Turn, events: &[Position]) -> Result<(), TurnFailed> {
    let now = turn.resources.clock.now();
    let mut draft = turn.draft(std::iter::empty(), now).await?;
    for position in events {
        draft.close(*position, EventState::Done, None, None);
    }
    finish(turn, draft).await.map(drop)
}

async fn read(
    turn: &Turn,
    order: &OrderRef,
    dirty: Dirty,
    called: Called,
    failures: u32,
) -> Result<Outcome, TurnFailed> {
    let read_at = called.sent_at;
    match &called.answer {
        Ok(Answer::Order(Some(sighting))) => found(turn, dirty, sighting, read_at).await,
        Ok(_) => absent(turn, order, dirty, read_at).await,
        Err(error) => failed(turn, order, dirty, error, failures).await,
    }
}

/// The cart gave the order. Closes the events that were known when the read was sent, the newest as
/// the order was decided, the others as answered by the same read.
async fn found(
    turn: &Turn,
    dirty: Dirty,
    sighting: &Sighting,
    read_at: Timestamp,
) -> Result<Outcome, TurnFailed> {
    let id = &sighting.cart_order_id;
    let now = turn.resources.clock.now();
    let mut draft = turn.draft(std::iter::once(id), now).await?;
    let known = draft.order(id).map(|order| order.guard.newest.updated_at);
    let lags = is_behind(sighting, known, &dirty.events);
    // Decided in any case: what an older state may teach does not depend on when it comes (R12).
    let input = Input::Seen { sighting, source: Source::Fetch, read_at };
    let asked_at = dirty.events.first().map_or(now, |event| event.received_at);
    let decision = draft.fetched(id, &input, by(turn, &dirty.events), asked_at, json(sighting));
    if known.is_some_and(|known| known.plus(TOLERANCE) >= read_at) && lags {
        // Not the cart lags: the order changed on while it was read. That costs no attempt.
        finish(turn, draft).await?;
        return Ok(Outcome::Again(dirty.later(now, TOLERANCE)));
    }
    if lags {
        return again(turn, draft, dirty, Some(id), backoff::lag, reason::CART_LAGS).await;
    }
    close_all(&mut draft, &dirty.events, id, decision.as_ref(), Presence::There);
    finish(turn, draft).await
}

/// How far an answer may be behind what was announced: carts tell whole seconds.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Whether the cart's reading side lags behind what it has told already.
fn is_behind(sighting: &Sighting, known: Option<Timestamp>, events: &[Waiting]) -> bool {
    let announced =
        events.iter().filter(|event| !event.deleted).filter_map(|event| event.changed_at);
    let behind = |at: Timestamp| sighting.updated_at.plus(TOLERANCE) < at;
    known.is_some_and(|known| sighting.updated_at < known) || announced.max().is_some_and(behind)
}

/// The cart has no such order, or does not show it.
async fn absent(
    turn: &Turn,
    order: &OrderRef,
    mut dirty: Dirty,
    read_at: Timestamp,
) -> Result<Outcome, TurnFailed> {
    let now = turn.resources.clock.now();
    let OrderRef::Id(id) = order else {
        let mut draft = turn.draft(std::iter::empty(), now).await?;
        for event in &dirty.events {
            let state = EventState::Ignored;
            draft.close(event.position, state, Some(reason::NOT_FOUND_IN_CART), None);
        }
        return finish(turn, draft).await;
    };
    let mut draft = turn.draft(std::iter::once(id), now).await?;
    if dirty.events.iter().any(|event| event.deleted) {
        let placed_at = draft.order(id).map(|order| order.placed_at);
        let granted = &turn.store.health.granted_scopes;
        let proof = placed_at.is_none() || turn.channel.absence_is_proof(granted, placed_at, now);
        if proof {
            let asked_at = dirty.events.first().map_or(now, |event| event.received_at);
            let gone = Input::Gone { read_at };
            let body = Body::pack(b"{\"gone\":true}");
            let decision = draft.fetched(id, &gone, by(turn, &dirty.events), asked_at, body);
            close_all(&mut draft, &dirty.events, id, decision.as_ref(), Presence::Gone);
        } else {
            for event in &dirty.events {
                let (state, why) = (EventState::SetAside, reason::DELETION_UNCONFIRMED);
                draft.close(event.position, state, Some(why), Some(id.clone()));
            }
        }
        return finish(turn, draft).await;
    }
    // A person is told at once; what the cart itself announced may only be late (never: deleted).
    let (asked, announced): (Vec<Waiting>, Vec<Waiting>) =
        dirty.events.into_iter().partition(|event| event.by.is_some());
    for event in &asked {
        let why = Some(reason::NOT_FOUND_IN_CART);
        draft.close(event.position, EventState::Ignored, why, Some(id.clone()));
    }
    if announced.is_empty() {
        return finish(turn, draft).await;
    }
    dirty = Dirty { events: announced, due: dirty.due };
    again(turn, draft, dirty, Some(id), backoff::lag, reason::NOT_FOUND_IN_CART).await
}

/// The call failed. An outage counts no attempt (R49); anything else does.
async fn failed(
    turn: &Turn,
    order: &OrderRef,
    dirty: Dirty,
    error: &ChannelError,
    failures: u32,
) -> Result<Outcome, TurnFailed> {
    let now = turn.resources.clock.now();
    let why = match error {
        ChannelError::Throttled { .. }
        | ChannelError::Unavailable(_)
        | ChannelError::Unauthorized(_) => {
            return Ok(Outcome::Again(dirty.later(now, rest_after(error, failures))));
        }
        ChannelError::Protocol(_) => reason::ANSWER_UNREADABLE,
        ChannelError::Rejected(_) | ChannelError::Forbidden(_) => reason::REFUSED_BY_CART,
    };
    let id = match order {
        OrderRef::Id(id) => Some(id),
        OrderRef::Name(_) => None,
    };
    let draft = turn.draft(std::iter::empty(), now).await?;
    again(turn, draft, dirty, id, backoff::event, why).await
}

/// Writes down one more attempt and when the next is due, or sets the events aside after the last.
async fn again(
    turn: &Turn,
    mut draft: Draft<'_>,
    mut dirty: Dirty,
    id: Option<&CartOrderId>,
    schedule: fn(u32) -> Option<Duration>,
    why: &'static str,
) -> Result<Outcome, TurnFailed> {
    let now = turn.resources.clock.now();
    let attempts = dirty.attempts() + 1;
    let Some(wait) = schedule(attempts) else {
        for event in &dirty.events {
            draft.close(event.position, EventState::SetAside, Some(why), id.cloned());
        }
        return finish(turn, draft).await;
    };
    for event in &mut dirty.events {
        event.attempts = attempts;
        draft.retry(Retry {
            position: event.position,
            attempts,
            next_at: now.plus(wait),
            reason: why.to_owned(),
            cart_order_id: id.cloned(),
        });
    }
    finish(turn, draft).await?;
    Ok(Outcome::Again(dirty.later(now, wait)))
}

async fn finish(turn: &Turn, draft: Draft<'_>) -> Result<Outcome, TurnFailed> {
    if let Some((commit, outcomes)) = draft.finish() {
        turn.commit(commit, outcomes).await?;
    }
    Ok(Outcome::Closed)
}

/// Whether the cart still has the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
}

/// The newest event ends as the order was decided, those before it were answered by the same read.
fn close_all(
    draft: &mut Draft<'_>,
    events: &[Waiting],
    id: &CartOrderId,
    decision: Option<&Decision>,
    presence: Presence,
) {
    let newest = events.iter().map(|event| event.position).max();
    for event in events {
        let (state, why) = if Some(event.position) != newest {
            (EventState::Duplicate, Some(reason::COALESCED))
        } else if event.deleted && presence == Presence::There {
            (EventState::Ignored, Some(reason::NOT_DELETED))
        } else {
            match decision.map(|decision| (decision.state, decision.reason)) {
                None | Some((EventState::Duplicate | EventState::Stale, _)) => {
                    (EventState::Done, Some(reason::NO_CHANGE))
                }
                Some(decided) => decided,
            }
        };
        draft.close(event.position, state, why, Some(id.clone()));
    }
}

/// Who brought the order in: the cart, if it announced anything; else the person who asked.
fn by(turn: &Turn, events: &[Waiting]) -> By {
    let person = events.iter().all(|event| event.by.is_some());
    match events.first().and_then(|event| event.by.clone()) {
        Some(name) if person => By::Person(name),
        _ => By::Cart(turn.store.channel),
    }
}

fn json(value: &impl Serialize) -> Body {
    let text = serde_json::to_vec(value);
    text.expect("invariant: sightings are plain data, which always serialises").into()
}
