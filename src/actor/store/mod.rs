//! The actor of one store: everything that changes the store's orders happens here, one turn after
//! the other (R11).
//!
//! It owns no truth. A turn reads open events and the orders they touch, decides in memory, and
//! hands one commit to the Writer; whatever goes wrong, memory is dropped and the journal is read
//! again. Only one turn runs at a time (`ctx.wait`); calls to the cart run beside it, a few at a time,
//! each on a task of its own.
//!
//! | file | subject |
//! |---|---|
//! | [`turn`] | a page of open events, decided and committed |
//! | [`draft`] | decisions in memory, becoming one commit |
//! | [`pending`] | orders that wait for a read of the cart |
//! | [`calls`] | which calls to the cart are made, and when |
//! | [`call`] | one call to the cart |
//! | [`answer`] | what an answer does to the events that waited for it |
//! | [`learn`] | what a call teaches about the connection |
//! | [`connect`] | scopes and subscriptions |
//! | [`asked`] | what persons and tools ask |
//! | [`mod@load`] | what an incarnation begins with |
//! | [`message`] | what the actor is told |
//! | [`poll`] | runs: what changed in the cart, page by page |
//! | [`poll_page`] | what a page of a run brings |
//! | [`reexamine`] | held-back orders under rules that have changed |
//! | [`reading`] | pages, or single careful tries after a crash |

#![allow(
    clippy::disallowed_methods,
    reason = "an actor sends its own messages; others use handles"
)]

mod answer;
mod asked;
mod call;
mod calls;
mod connect;
mod draft;
mod learn;
mod load;
mod message;
mod pending;
mod poll;
mod poll_page;
mod reading;
mod reexamine;
pub(in crate::actor) mod turn;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use self::calls::Flight;
use self::load::load;
use self::message::Continue;
use self::pending::Pending;
use self::poll::Poll;
use self::reading::Reading;
use self::reexamine::ReExamination;
use self::turn::{Turn, TurnFailed, Worked};
use crate::actor::handle::AskError;
use crate::actor::resources::Resources;
use crate::actor::stores::entry::Entry;
use crate::actor::supervise::{Busy, Cause, RestartReason, SupervisorCtx};
use crate::domain::{Position, Quota, Timestamp, backoff};
use crate::ledger::{Connection, Mismatch, StoreRow};
use crate::metrics;

pub(in crate::actor) use self::message::{Asked, CancelRun, Changed, Check, Drain, Wake};
pub(in crate::actor) use self::poll::PollBody;

/// The actor of one store.
pub(in crate::actor) struct Store {
    resources: Arc<Resources>,
    entry: Arc<Entry>,
    supervisor: SupervisorCtx,
    /// What was read when this incarnation began; `None` until then.
    turn: Option<Turn>,
    /// The row was changed by somebody else and has to be read again.
    row_changed: bool,
    /// Open events up to here have been read by this incarnation.
    cursor: Position,
    /// There may be open events after the cursor.
    more: bool,
    reading: Reading,
    pending: Pending,
    /// Requests to examine held-back orders anew, the oldest first.
    re_examinations: VecDeque<ReExamination>,
    /// Runs, the oldest first; only the foremost is worked on (R6).
    polls: VecDeque<Poll>,
    /// Events that wait for a check of the credentials.
    checks: Vec<Position>,
    /// People who wait for a check of the connection.
    check_asked: Vec<oneshot::Sender<Result<(), AskError>>>,
    /// A check that an outage of the cart kept from being made; nobody waits for it any more.
    check_owed: bool,
    /// Calls to the cart that are in flight.
    flight: Flight,
    /// What the cart allows of them.
    quota: Quota,
    /// The cart is left alone until then, after so many failures in a row.
    rest: Rest,
    /// The journal is left alone until then, after so many failures in a row.
    setback: Rest,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    /// When the last failure was met.
    since: Timestamp,
    until: Timestamp,
    failures: u32,
}

impl Rest {
    /// One more failure: leave it alone for `wait`.
    fn after(self, now: Timestamp, wait: Duration) -> Self {
        Self { since: now, until: now.plus(wait), failures: self.failures.saturating_add(1) }
    }
}

impl Store {
    /// A fresh incarnation; it knows nothing until it has started.
    pub(in crate::actor) fn fresh(
        resources: Arc<Resources>,
        entry: Arc<Entry>,
        supervisor: SupervisorCtx,
    ) -> Self {
        // After a crash or a hang, and after an unclean end of the process, one of the first events
        // may be the culprit.
        let suspicious = match supervisor.cause() {
            Cause::Start => resources.ledger.ended_uncleanly(),
            Cause::Crash | Cause::Asked(RestartReason::Hung) => true,
            Cause::Asked(RestartReason::Operator) => false,
        };
        let reading = Reading::new(suspicious, resources.settings.turn_events);
        Self {
            resources,
            entry,
            supervisor,
            turn: None,
            row_changed: false,
            cursor: Position(0),
            more: true,
            reading,
            pending: Pending::default(),
            re_examinations: VecDeque::new(),
            polls: VecDeque::new(),
            checks: Vec::new(),
            check_asked: Vec::new(),
            check_owed: false,
            flight: Flight::default(),
            quota: Quota::default(),
            rest: Rest::default(),
            setback: Rest::default(),
        }
    }

    /// Starts whatever is to be done next, if anything. Called after every message and every turn;
    /// at most one turn runs, since handlers wait while one does.
    fn go(&mut self, ctx: &mut Context<Self>) {
        let Some(turn) = self.turn.clone() else { return };
        if self.row_changed {
            return self.reload(ctx);
        }
        let now = self.resources.clock.now();
        if turn.store.paused {
            // A person's wish to check the connection is no work on events.
            if self.wants_check() && self.may_call(&turn, now) {
                self.start_call(&turn, now, ctx);
            }
        } else if now >= self.setback.until {
            let call_first = self.reading.is_careful() && self.may_call(&turn, now);
            if call_first && (self.flight.any() || self.start_call(&turn, now, ctx)) {
                return;
            }
            if self.more {
                return self.start_page(turn, ctx);
            }
            while self.may_call(&turn, now) && self.start_call(&turn, now, ctx) {}
            if self.polls.front().is_some_and(|poll| !poll.has_begun() || poll.has_page()) {
                return self.poll_on(turn, ctx);
            }
            if let Some(next) = self.re_examinations.pop_front() {
                return self.re_examine(turn, next, ctx);
            }
        }
        self.settle_down(&turn, now);
    }

    fn may_call(&self, turn: &Turn, now: Timestamp) -> bool {
        let connected =
            turn.store.health.connection == Connection::Ok && turn.store.disconnected_at.is_none();
        // A person's or the cart's wish to check the connection is how it comes back.
        now >= self.rest.until && (connected || self.wants_check())
    }

    fn wants_check(&self) -> bool {
        self.check_owed || !self.checks.is_empty() || !self.check_asked.is_empty()
    }

    fn count_restart(&self) {
        let reason = match self.supervisor.cause() {
            Cause::Start => return,
            Cause::Crash => metrics::RestartReason::Panic,
            Cause::Asked(_) => metrics::RestartReason::Forced,
        };
        self.resources.metrics.actor_restart(&self.entry.slug, reason);
    }

    /// From now on until the answer is dropped, a turn runs: one that takes too long is a hang.
    fn begin_turn(&self) -> Busy {
        self.entry.set_busy();
        self.supervisor.busy()
    }

    // === Pages of the journal ===

    fn start_page(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        let page = self.reading.page(self.cursor, self.resources.settings.turn_events);
        let busy = self.begin_turn();
        let work = async move {
            let outcome = turn.work(page).await;
            drop(busy);
            outcome
        };
        ctx.wait(work.into_actor(self).map(|outcome, act, ctx| {
            act.page_done(outcome);
            ctx.address().do_send(Continue);
        }));
    }

    fn page_done(&mut self, outcome: Result<Worked, TurnFailed>) {
        match outcome {
            Ok(worked) => {
                self.setback = Rest::default();
                self.cursor = worked.last.unwrap_or(self.cursor);
                let full = self.reading.read(worked.read, worked.counted);
                self.more = full || worked.requested;
                for (order, event, due) in worked.thin {
                    self.pending.add(order, event, due);
                }
                self.checks.extend(worked.checks);
                for (position, by) in worked.re_examine {
                    self.re_examinations.push_back(ReExamination::new(position, by));
                }
                self.polls.extend(worked.polls);
                self.entry.commits.notify_waiters();
            }
            Err(failure) => self.start_over(&failure),
        }
    }

    fn re_examine(&mut self, turn: Turn, at: ReExamination, ctx: &mut Context<Self>) {
        let busy = self.begin_turn();
        let work = async move {
            let outcome = at.page(&turn).await;
            drop(busy);
            outcome
        };
        ctx.wait(work.into_actor(self).map(|outcome, act, ctx| {
            match outcome {
                Ok(Some(rest)) => act.re_examinations.push_front(rest),
                Ok(None) => act.entry.commits.notify_waiters(),
                Err(failure) => act.start_over(&failure),
            }
            ctx.address().do_send(Continue);
        }));
    }

    /// Begins the foremost run, or works its page in.
    fn poll_on(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        let Some(poll) = self.polls.pop_front() else { return };
        let busy = self.begin_turn();
        let begins = !poll.has_begun();
        let store = Arc::clone(&turn.store);
        let work = async move {
            let outcome =
                if begins { poll.begin(&turn).await.map(Some) } else { poll.page(&turn).await };
            drop(busy);
            outcome
        };
        ctx.wait(work.into_actor(self).map(move |outcome, act, ctx| {
            match outcome {
                Ok(Some(poll)) => {
                    act.check_owed |= begins && poll.audits(&store.health);
                    act.polls.push_front(poll);
                }
                Ok(None) => act.entry.commits.notify_waiters(),
                Err(failure) => act.start_over(&failure),
            }
            ctx.address().do_send(Continue);
        }));
    }

    /// Drops what is in memory and reads the journal again, singly (I10).
    fn start_over(&mut self, failure: &TurnFailed) {
        let now = self.resources.clock.now();
        self.cursor = Position(0);
        self.more = true;
        self.pending.clear();
        self.checks.clear();
        self.re_examinations.clear();
        self.polls.clear();
        self.reading.singly(self.resources.settings.turn_events);
        if let TurnFailed::Refused(mismatch) = failure {
            warn!(store = %self.entry.slug, ?mismatch, "a turn was refused and is read again");
            if *mismatch == Mismatch::Epoch {
                // Only another incarnation takes the epoch away; begin as a new one.
                self.row_changed = true;
                self.turn = self.turn.take().map(|turn| Turn { epoch: 0, ..turn });
            }
            return;
        }
        let wait = backoff::outage(self.setback.failures + 1);
        self.setback = self.setback.after(now, wait);
        debug!(store = %self.entry.slug, error = %failure, ?wait, "a turn could not be made");
    }

    // === The store's row ===

    fn adopt(&mut self, row: StoreRow) {
        if let Some(turn) = &mut self.turn {
            turn.store = Arc::new(row);
        }
    }

    /// Reads the row again, and takes a new epoch if this incarnation has lost its own.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        self.row_changed = false;
        let resources = Arc::clone(&self.resources);
        let id = self.entry.id;
        let epoch = self.turn.as_ref().map_or(0, |turn| turn.epoch);
        let load = async move { load(&resources, id, epoch).await };
        ctx.wait(load.into_actor(self).map(|turn, act, ctx| {
            act.check_owed &= turn.store.disconnected_at.is_none();
            // Subscriptions are made or removed with the switch (R3).
            act.check_owed |= act.turn.as_ref().is_some_and(|it| it.instasync != turn.instasync);
            act.turn = Some(turn);
            act.more = true;
            act.rest = Rest::default();
            ctx.address().do_send(Continue);
        }));
    }

    // === Rest ===

    /// Nothing can be done now: says when something will be due, and whether this actor may be let
    /// go.
    fn settle_down(&mut self, turn: &Turn, now: Timestamp) {
        let outside = |due: Timestamp| due.max(self.rest.until);
        let connected =
            turn.store.health.connection == Connection::Ok && turn.store.disconnected_at.is_none();
        let setback = (self.setback.until > now).then_some(self.setback.until);
        // What waits for a call in flight needs no waking: its answer comes as a turn.
        let calls = if !self.flight.has_room(turn) || (self.flight.any() && self.wants_check()) {
            None
        } else if self.wants_check() {
            Some(outside(now))
        } else if turn.store.paused || !connected {
            None
        } else {
            let quota = self.quota.ready_at(self.flight.count(), now);
            let reads = self.pending.next_due().map(|due| due.max(quota));
            let page = self.wanted_page().map(|_| quota);
            [reads, page, turn.store.token_due].into_iter().flatten().min().map(outside)
        };
        if let Some(due) = [setback, calls].into_iter().flatten().min() {
            self.resources.timer.wake_at(self.entry.id, due);
        }
        self.entry.set_waiting(self.pending.len() + self.checks.len());
        let may_go = !self.flight.any()
            && !self.wants_check()
            && (turn.store.paused
                || (setback.is_none() && self.pending.len() == 0 && self.polls.is_empty()));
        if may_go {
            self.entry.set_idle(now);
        }
    }
}

impl Actor for Store {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let resources = Arc::clone(&self.resources);
        let id = self.entry.id;
        let load = async move { load(&resources, id, 0).await };
        self.count_restart();
        ctx.wait(load.into_actor(self).map(|turn, act, ctx| {
            act.turn = Some(turn);
            act.supervisor.up();
            ctx.address().do_send(Continue);
        }));
    }
}

impl Supervised for Store {
    /// Nothing of a crashed incarnation is trusted.
    fn restarting(&mut self, _ctx: &mut Context<Self>) {
        let (resources, entry) = (Arc::clone(&self.resources), Arc::clone(&self.entry));
        *self = Self::fresh(resources, entry, self.supervisor.clone());
    }
}
