//! What the cart's answer to a fetch does to the events that waited for it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::call::{Answer, Called, InFlight, rest_after};
use super::draft::{Draft, json};
use super::pending::{Dirty, Waiting};
use super::poll::{Answered, PageOfRun, PollBody};
use super::turn::{Turn, TurnFailed};
use crate::actor::handle::AskError;
use crate::channel::{ChannelError, OrderRef};
use crate::domain::event::reason;
use crate::domain::{
    By, CartOrderId, Decision, EventState, Input, Position, Sighting, Source, Task, Timestamp,
    backoff,
};
use crate::ledger::{Body, Connection, Retry, StartTask, Trigger, Write};

/// What is left to do after an answer was worked in.
pub(super) enum After {
    /// The connection was checked, or cannot be for that reason; its events are closed, and these
    /// people wait to hear of it.
    Checked {
        askers: Askers,
        trouble: Option<String>,
        /// A run stands in the journal that reads what webhooks did not tell meanwhile.
        backfill: bool,
    },
    /// It could not be checked, for that reason, and has to be tried again.
    CheckAgain { events: Vec<Position>, askers: Askers, outage: String },
    /// Orders were read.
    Read(Vec<(OrderRef, Left)>),
    /// A page of a run is here, or the reason why not.
    Page(PageOfRun, Answered),
    /// Nothing.
    Nothing,
}

/// People who asked for a check of the connection.
type Askers = Vec<oneshot::Sender<Result<(), AskError>>>;

/// What is left of the events of one order.
pub(super) enum Left {
    /// Nothing: these are closed.
    Closed(Vec<Position>),
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
        InFlight::Page(call) => {
            let page = called.answer.and_then(|answer| match answer {
                Answer::Page(page) => Ok(page),
                _ => Err(ChannelError::Protocol("no list".to_owned())),
            });
            let Called { sent_at, cart_sent_at, .. } = called;
            Ok(After::Page(call, Answered { sent_at, cart_sent_at, page }))
        }
        InFlight::Check { events, askers } => {
            if let Err(error) = &called.answer
                && error.is_outage()
            {
                return Ok(After::CheckAgain { events, askers, outage: error.to_string() });
            }
            let backfill = leaves_a_gap(turn, &called.answer);
            let trouble = called.answer.err().map(|error| error.to_string());
            checked(turn, &events).await?;
            if backfill {
                read_the_gap(turn).await?;
            }
            Ok(After::Checked { askers, trouble, backfill })
        }
        InFlight::Read(orders) => read(turn, orders, called, failures).await.map(After::Read),
    }
}

/// Closes the events that asked for a check; what it taught stands in the store's row.
async fn checked(turn: &Turn, events: &[Position]) -> Result<(), TurnFailed> {
    let now = turn.resources.clock.now();
    let mut draft = turn.draft(std::iter::empty(), now).await?;
    for position in events {
        draft.close(*position, EventState::Done, None, None);
    }
    finish(turn, draft).await
}

/// Whether webhooks may have been lost before this check, or calls could not be made (R43, R47). The
/// first check of a connection is followed by the first run anyway.
fn leaves_a_gap(turn: &Turn, answer: &Result<Answer, ChannelError>) -> bool {
    let Ok(Answer::Checked(now)) = answer else { return false };
    let before = &turn.store.health;
    before.checked_at.is_some() && (now.repaired || before.connection == Connection::Reconnect)
}

/// Asks for a run that reads from where the last one has read to, unless one has not ended: that one
/// does it too.
async fn read_the_gap(turn: &Turn) -> Result<(), TurnFailed> {
    let (account, store) = (turn.store.account, turn.store.id);
    let body = PollBody { trigger: Trigger::Repair, since: None };
    let event = body.event(account, store, turn.resources.clock.now(), None);
    let start = StartTask { store, task: Task::ImportOrders, due: None, event };
    turn.resources.writer.write(Write::StartTask(Box::new(start))).await?;
    Ok(())
}

/// Works the answer to one read in, of one order or of a list, as one commit.
async fn read(
    turn: &Turn,
    orders: Vec<(OrderRef, Dirty)>,
    called: Called,
    failures: u32,
) -> Result<Vec<(OrderRef, Left)>, TurnFailed> {
    let (now, read_at) = (turn.resources.clock.now(), called.sent_at);
    let by_list = orders.len() > 1;
    let ids = orders.iter().filter_map(|(order, _)| match order {
        OrderRef::Id(id) => Some(id),
        OrderRef::Name(_) => None,
    });
    let told: Vec<&Sighting> = match &called.answer {
        Ok(Answer::Order(Some(sighting))) => vec![&**sighting],
        Ok(Answer::Orders(sightings)) => sightings.iter().collect(),
        _ => Vec::new(),
    };
    let touched = ids.chain(told.iter().map(|sighting| &sighting.cart_order_id));
    let mut draft = turn.draft(touched, now).await?;
    let mut left = Vec::with_capacity(orders.len());
    for (order, dirty) in orders {
        let positions: Vec<Position> = dirty.events.iter().map(|event| event.position).collect();
        let sighting = told.iter().find(|sighting| match &order {
            OrderRef::Id(id) if by_list => sighting.cart_order_id == *id,
            _ => true,
        });
        let again = match (&called.answer, sighting) {
            (Ok(_), Some(sighting)) => found(turn, &mut draft, dirty, sighting, read_at),
            // Lists lag behind and leave out what is archived: read by itself it is judged.
            (Ok(_), None) if by_list => Some(Dirty { alone: true, ..dirty }),
            (Ok(_), None) => absent(turn, &mut draft, &order, dirty, read_at),
            (Err(error), _) if by_list && !waits_it_out(error) => {
                Some(Dirty { alone: true, ..dirty })
            }
            (Err(error), _) => failed(turn, &mut draft, &order, dirty, error, failures),
        };
        left.push((order, again.map_or(Left::Closed(positions), Left::Again)));
    }
    finish(turn, draft).await?;
    Ok(left)
}

/// The cart gave the order. Closes the events that were known when the read was sent, the newest as
/// the order was decided, the others as answered by the same read. Given back: what waits on.
fn found(
    turn: &Turn,
    draft: &mut Draft<'_>,
    dirty: Dirty,
    sighting: &Sighting,
    read_at: Timestamp,
) -> Option<Dirty> {
    let id = &sighting.cart_order_id;
    let now = turn.resources.clock.now();
    let known = draft.order(id).map(|order| order.guard.newest.updated_at);
    let lags = is_behind(sighting, known, &dirty.events);
    // Decided in any case: what an older state may teach does not depend on when it comes (R12).
    let input = Input::Seen { sighting, source: Source::Fetch, read_at };
    let asked_at = dirty.events.first().map_or(now, |event| event.received_at);
    let decision = draft.fetched(id, &input, by(turn, &dirty.events), asked_at, json(sighting));
    if known.is_some_and(|known| known.plus(TOLERANCE) >= read_at) && lags {
        // Not the cart lags: the order changed on while it was read. That costs no attempt.
        return Some(dirty.later(now, TOLERANCE));
    }
    if lags {
        return again(draft, dirty, Some(id), now, backoff::lag, reason::CART_LAGS);
    }
    close_all(draft, &dirty.events, id, decision.as_ref(), Presence::There);
    None
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
fn absent(
    turn: &Turn,
    draft: &mut Draft<'_>,
    order: &OrderRef,
    mut dirty: Dirty,
    read_at: Timestamp,
) -> Option<Dirty> {
    let now = turn.resources.clock.now();
    let OrderRef::Id(id) = order else {
        for event in &dirty.events {
            let state = EventState::Ignored;
            draft.close(event.position, state, Some(reason::NOT_FOUND_IN_CART), None);
        }
        return None;
    };
    if dirty.events.iter().any(|event| event.deleted) {
        let placed_at = draft.order(id).map(|order| order.placed_at);
        let granted = &turn.store.health.granted_scopes;
        let proof = placed_at.is_none() || turn.channel.absence_is_proof(granted, placed_at, now);
        if proof {
            let asked_at = dirty.events.first().map_or(now, |event| event.received_at);
            let gone = Input::Gone { read_at };
            let body = Body::pack(b"{\"gone\":true}");
            let decision = draft.fetched(id, &gone, by(turn, &dirty.events), asked_at, body);
            close_all(draft, &dirty.events, id, decision.as_ref(), Presence::Gone);
        } else {
            for event in &dirty.events {
                let (state, why) = (EventState::SetAside, reason::DELETION_UNCONFIRMED);
                draft.close(event.position, state, Some(why), Some(id.clone()));
            }
        }
        return None;
    }
    // A person is told at once; what the cart itself announced may only be late (never: deleted).
    let (asked, announced): (Vec<Waiting>, Vec<Waiting>) =
        dirty.events.into_iter().partition(|event| event.by.is_some());
    for event in &asked {
        let why = Some(reason::NOT_FOUND_IN_CART);
        draft.close(event.position, EventState::Ignored, why, Some(id.clone()));
    }
    if announced.is_empty() {
        return None;
    }
    dirty.events = announced;
    again(draft, dirty, Some(id), now, backoff::lag, reason::NOT_FOUND_IN_CART)
}

/// Whether a failed call is simply made again later: it counts no attempt (R49).
fn waits_it_out(error: &ChannelError) -> bool {
    error.is_outage() || matches!(error, ChannelError::Unauthorized(_))
}

/// The call failed. An outage counts no attempt (R49); anything else does.
fn failed(
    turn: &Turn,
    draft: &mut Draft<'_>,
    order: &OrderRef,
    dirty: Dirty,
    error: &ChannelError,
    failures: u32,
) -> Option<Dirty> {
    let now = turn.resources.clock.now();
    if waits_it_out(error) {
        return Some(dirty.later(now, rest_after(error, failures)));
    }
    let why = match error {
        ChannelError::Protocol(_) => reason::ANSWER_UNREADABLE,
        _ => reason::REFUSED_BY_CART,
    };
    let id = match order {
        OrderRef::Id(id) => Some(id),
        OrderRef::Name(_) => None,
    };
    again(draft, dirty, id, now, backoff::event, why)
}

/// Writes down one more attempt and when the next is due, or sets the events aside after the last.
fn again(
    draft: &mut Draft<'_>,
    mut dirty: Dirty,
    id: Option<&CartOrderId>,
    now: Timestamp,
    schedule: fn(u32) -> Option<Duration>,
    why: &'static str,
) -> Option<Dirty> {
    let attempts = dirty.attempts() + 1;
    let Some(wait) = schedule(attempts) else {
        for event in &dirty.events {
            draft.close(event.position, EventState::SetAside, Some(why), id.cloned());
        }
        return None;
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
    Some(dirty.later(now, wait))
}

async fn finish(turn: &Turn, draft: Draft<'_>) -> Result<(), TurnFailed> {
    if let Some((commit, outcomes)) = draft.finish() {
        turn.commit(commit, outcomes).await?;
    }
    Ok(())
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
