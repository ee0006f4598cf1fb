//! What a page of a run brings: orders decided, misses found, the place where the list goes on.

use std::collections::HashSet;
use std::time::Duration;

use super::draft::{Draft, Polled, json};
use super::turn::{Turn, TurnFailed};
use crate::channel::{ListFrom, ListPage, Listed, Listing};
use crate::domain::completeness::Unread;
use crate::domain::event::reason;
use crate::domain::{
    CartOrderId, EventState, Position, Progress, Sighting, Source, Task, Timestamp,
};
use crate::ledger::{Body, DeliveryKey, POLL, Recorded, Run, RunWrite, TaskProgress, Trigger};
use crate::metrics::RunResult;

/// How far beyond its beginning a run reads on: a person expects what was placed just before.
const MARGIN: Duration = Duration::from_mins(1);
/// Carts tell whole seconds.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// What a run knows once it has begun, as far as it is durable.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) run: Run,
    pub(super) progress: Progress,
    pub(super) from: ListFrom,
    /// Webhooks serve the store: what they did not tell counts as missed.
    pub(super) instasync: bool,
    /// The list was begun anew, since the cart had forgotten the place.
    pub(super) restarted: bool,
}

/// The same instant by two clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) ours: Timestamp,
    pub(super) carts: Timestamp,
}

impl Clocks {
    /// An instant of the cart's clock by ours, and a little earlier: what it tells is cut down.
    fn ours(self, carts: Timestamp) -> Timestamp {
        let ahead = self.ours.0.saturating_sub(self.carts.0);
        Timestamp(carts.0.saturating_add(ahead)).minus(WHOLE_SECOND)
    }
}

impl Begun {
    /// Orders of a page that a webhook should have told of long before, and none has (R41).
    pub(super) async fn told_by_nobody(
        &self,
        turn: &Turn,
        draft: &Draft<'_>,
        page: &ListPage,
        clocks: Clocks,
    ) -> Result<HashSet<CartOrderId>, TurnFailed> {
        let Some(began) = self.run.began else { return Ok(HashSet::new()) };
        let counts = self.instasync && self.run.trigger == Trigger::Schedule;
        if !counts || !self.progress.connected {
            return Ok(HashSet::new());
        }
        let miss_after = turn.resources.settings.miss_after;
        let is_late = |seen: &&Sighting| {
            let known = draft.order(&seen.cart_order_id).map(|order| order.guard.newest.updated_at);
            known < Some(seen.updated_at) && seen.updated_at.plus(miss_after) < began
        };
        let late = page.orders.iter().filter_map(readable).filter(is_late);
        let late: Vec<(CartOrderId, Timestamp)> =
            late.map(|it| (it.cart_order_id.clone(), clocks.ours(it.updated_at))).collect();
        if late.is_empty() || turn.channel.tells_versions() {
            return Ok(late.into_iter().map(|(id, _)| id).collect());
        }
        let (account, store) = (turn.store.account, turn.store.id);
        let told = turn.resources.ledger.told_since(account, store, &late).await?;
        Ok(late.into_iter().map(|(id, _)| id).filter(|id| !told.contains(id)).collect())
    }

    pub(super) fn work_in(
        &mut self,
        run: Position,
        draft: &mut Draft<'_>,
        listed: &Listed,
        read_at: Timestamp,
        late: &HashSet<CartOrderId>,
        aside: &mut HashSet<DeliveryKey>,
    ) {
        self.run.seen += 1;
        let (id, changed_at, body, why) = match listed {
            Listed::Order(sighting) => {
                let late = late.contains(&sighting.cart_order_id);
                let Some(why) = self.apply(draft, sighting, read_at, late) else { return };
                let id = Some(sighting.cart_order_id.clone());
                (id, Some(sighting.updated_at), json(sighting), why)
            }
            Listed::Unreadable { cart_order_id, changed_at, body } => {
                let id = cart_order_id.clone();
                (id, *changed_at, Body::pack(body), reason::ANSWER_UNREADABLE)
            }
        };
        // Set aside with what the cart said of it, once for each state.
        self.run.failed += 1;
        self.progress.missing(Unread { cart_order_id: id.clone(), changed_at, run });
        let key = key_of(listed);
        if aside.insert(key) {
            let (topic, source, state) = (POLL.to_owned(), Source::Poll, EventState::SetAside);
            draft.record(Recorded {
                topic,
                source,
                state,
                reason: Some(why.to_owned()),
                cart_order_id: id,
                key,
                body,
                received_at: draft.now(),
                by: None,
            });
        }
    }

    /// Decides what a page tells of an order; gives back why it cannot be applied, if it cannot.
    fn apply(
        &mut self,
        draft: &mut Draft<'_>,
        sighting: &Sighting,
        read_at: Timestamp,
        late: bool,
    ) -> Option<&'static str> {
        let taught = match draft.polled(sighting, read_at, late) {
            Polled::New => &mut self.run.new,
            Polled::Changed => &mut self.run.changed,
            Polled::Unchanged => {
                self.run.unchanged += 1;
                self.progress.read(&sighting.cart_order_id);
                return None;
            }
            Polled::Refused(why) => return Some(why),
        };
        *taught += 1;
        self.run.repaired += 1;
        if late {
            self.run.missed += 1;
            let first = self.run.missed_since.get_or_insert(sighting.updated_at);
            *first = sighting.updated_at.min(*first);
        }
        self.progress.read(&sighting.cart_order_id);
        None
    }

    /// Where the list goes on after a page; `None`: the run has read all that it has to read.
    pub(super) fn next(&mut self, page: &ListPage, since: Option<Timestamp>) -> Option<ListFrom> {
        let began = self.run.began?;
        let changes = || page.orders.iter().filter_map(changed_at);
        match self.from.listing {
            Listing::Changed { .. } => {
                // A cart whose clock runs ahead must not make later polls read nothing.
                let reached = changes().max().map(|newest| newest.min(began));
                if let Some(newest) = reached {
                    self.progress.reached(newest);
                }
                // What changed long after the run began is for the next one: a busy store would never
                // be read to the end.
                let past = changes().min().is_some_and(|oldest| oldest > began.plus(MARGIN));
                page.next.clone().filter(|_| !past)
            }
            Listing::Open if page.next.is_some() => page.next.clone(),
            Listing::Open => {
                since.map(|since| ListFrom::the_start(Listing::Changed { since: Some(since) }))
            }
        }
    }

    /// The list was read to its end. `mended`: webhooks have come since the first miss.
    pub(super) fn finish(&mut self, run: Position, began: Timestamp, lag: Duration, mended: bool) {
        if self.progress.watermark.is_none() {
            // What is open has been read; what changed meanwhile is for the next run.
            self.progress.reached(began.minus(lag));
        }
        self.progress.finished(run, began, lag);
        // A store in which nothing happens proves nothing: misses stand until a webhook has come.
        if self.run.missed > 0 || (mended && self.run.trigger == Trigger::Schedule) {
            self.progress.missed = self.run.missed;
            self.progress.missed_since = self.run.missed_since;
        }
    }

    /// Counts a run that has ended.
    pub(super) fn count(&self, turn: &Turn, result: RunResult) {
        let (metrics, store) = (&turn.resources.metrics, &turn.store.slug);
        let now = turn.resources.clock.now();
        let took = self.run.started_at.map(|began| now.since(began)).unwrap_or_default();
        metrics.run_ended(store, Task::ImportOrders, result, took);
        if self.run.missed > 0 {
            metrics.missed(store, self.run.missed);
        }
    }

    /// Keeps run and progress with the turn.
    pub(super) fn keep(&self, run: Position, draft: &mut Draft<'_>, due_by: Option<Timestamp>) {
        let (task, progress) = (Task::ImportOrders, self.progress.clone());
        let write = RunWrite { event: run, run: self.run.clone() };
        draft.run(write, TaskProgress { task, progress, due_by });
    }
}

/// What of a page was set aside before, in this very state: each run meets it again, and it must not
/// be told again.
pub(super) async fn set_aside_before(
    turn: &Turn,
    page: &ListPage,
) -> Result<HashSet<DeliveryKey>, TurnFailed> {
    let ledger = &turn.resources.ledger;
    let mut known = HashSet::new();
    // Where another store may hold an order (R15), what could be read may be refused.
    let twins = !turn.siblings.is_empty();
    for listed in page.orders.iter().filter(|listed| twins || readable(listed).is_none()) {
        let key = key_of(listed);
        if ledger.event_by_key(turn.store.id, key).await?.is_some() {
            known.insert(key);
        }
    }
    Ok(known)
}

/// The same for the same state of an order.
fn key_of(listed: &Listed) -> DeliveryKey {
    match listed {
        Listed::Order(sighting) => {
            let (id, at) = (&sighting.cart_order_id, sighting.updated_at);
            DeliveryKey::of(POLL, &format!("{} {}", id.as_str(), at.0))
        }
        Listed::Unreadable { cart_order_id, changed_at, body } => {
            let body = String::from_utf8_lossy(body);
            DeliveryKey::of(POLL, &format!("{cart_order_id:?} {changed_at:?} {body}"))
        }
    }
}

fn readable(listed: &Listed) -> Option<&Sighting> {
    match listed {
        Listed::Order(sighting) => Some(sighting),
        Listed::Unreadable { .. } => None,
    }
}

pub(super) fn readable_id(listed: &Listed) -> Option<&CartOrderId> {
    readable(listed).map(|sighting| &sighting.cart_order_id)
}

fn changed_at(listed: &Listed) -> Option<Timestamp> {
    match listed {
        Listed::Order(sighting) => Some(sighting.updated_at),
        Listed::Unreadable { changed_at, .. } => *changed_at,
    }
}
