//! What the cart's answer to a fetch does to the events that waited for it.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::call::{Answer, Called, rest_after};
use super::draft::Draft;
use super::pending::{Dirty, Waiting};
use super::turn::{Turn, TurnFailed};
use crate::channel::{ChannelError, OrderRef};
use crate::domain::event::reason;
use crate::domain::{
    By, CartOrderId, Decision, EventState, Input, Position, Sighting, Source, Timestamp, backoff,
};
use crate::ledger::Retry;

/// What is left to do about an order after its answer was worked in.
#[derive(Debug, PartialEq, Eq)]
enum After {
    /// Nothing; its events are closed.
    Settled,
    /// Its events wait for another read.
    Again(Dirty),
}

/// Works an answer into the book. Gives back what has to be read again.
pub(super) async fn work_in(
    turn: &Turn,
    called: Called,
    subject: Option<(OrderRef, Dirty)>,
    checks: &[Position],
    failures: u32,
) -> Result<Option<(OrderRef, Dirty)>, TurnFailed> {
    let Some((order, dirty)) = subject else {
        let outage = matches!(&called.answer, Err(error) if error.is_outage());
        if !outage && !checks.is_empty() {
            let now = turn.resources.clock.now();
            let mut draft = turn.draft(std::iter::empty(), now).await?;
            for position in checks {
                draft.close(*position, EventState::Done, None, None);
            }
            if let Some((commit, outcomes)) = draft.finish() {
                turn.commit(commit, outcomes).await?;
            }
        }
        return Ok(None);
    };
    let read_at = called.sent_at;
    let after = match &called.answer {
        Ok(Answer::Order(Some(sighting))) => found(turn, dirty, sighting, read_at).await?,
        Ok(_) => absent(turn, &order, dirty, read_at).await?,
        Err(error) => failed(turn, &order, dirty, error, failures).await?,
    };
    match after {
        After::Settled => Ok(None),
        After::Again(dirty) => Ok(Some((order, dirty))),
    }
}

/// The cart gave the order. Closes the events that were known when the read was sent, the newest as
/// the order was decided, the others as answered by the same read.
async fn found(
    turn: &Turn,
    dirty: Dirty,
    sighting: &Sighting,
    read_at: Timestamp,
) -> Result<After, TurnFailed> {
    let id = &sighting.cart_order_id;
    let now = turn.resources.clock.now();
    let mut draft = turn.draft(std::iter::once(id), now).await?;
    // Older than what we know already: the cart's reading side lags behind its own webhooks.
    let known = draft.order(id).map(|order| order.guard.newest.updated_at);
    if known.is_some_and(|known| sighting.updated_at < known) {
        return again(turn, draft, dirty, Some(id), backoff::lag, reason::CART_LAGS).await;
    }
    let input = Input::Seen { sighting, source: Source::Fetch, read_at };
    let asked_at = dirty.events.first().map_or(now, |event| event.received_at);
    let decision = draft.fetched(id, &input, by(turn, &dirty.events), asked_at, json(sighting));
    close_all(&mut draft, &dirty.events, id, decision.as_ref(), Presence::There);
    finish(turn, draft).await
}

/// The cart has no such order, or does not show it.
async fn absent(
    turn: &Turn,
    order: &OrderRef,
    mut dirty: Dirty,
    read_at: Timestamp,
) -> Result<After, TurnFailed> {
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
            let body = Bytes::from_static(b"{\"gone\":true}");
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
) -> Result<After, TurnFailed> {
    let now = turn.resources.clock.now();
    let why = match error {
        ChannelError::Throttled { .. }
        | ChannelError::Unavailable(_)
        | ChannelError::Unauthorized(_) => {
            return Ok(After::Again(dirty.later(now, rest_after(error, failures))));
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
) -> Result<After, TurnFailed> {
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
    Ok(After::Again(dirty.later(now, wait)))
}

async fn finish(turn: &Turn, draft: Draft<'_>) -> Result<After, TurnFailed> {
    if let Some((commit, outcomes)) = draft.finish() {
        turn.commit(commit, outcomes).await?;
    }
    Ok(After::Settled)
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

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value);
    text.expect("invariant: sightings are plain data, which always serialises").into()
}
