//! The actor of one store: everything that changes the store's orders happens here, one turn after
//! the other (R11).
//!
//! It owns no truth. A turn reads open events and the orders they touch, decides in memory, and
//! hands one commit to the Writer; whatever goes wrong, memory is dropped and the journal is read
//! again. Only one turn runs at a time (`ctx.wait`); calls to the cart run beside it, one at a time,
//! on a task of their own.
//!
//! | file | subject |
//! |---|---|
//! | [`turn`] | a page of open events, decided and committed |
//! | [`draft`] | decisions in memory, becoming one commit |
//! | [`pending`] | orders that wait for a read of the cart |
//! | [`call`] | calls to the cart |
//! | [`answer`] | what an answer does to the events that waited for it |
//! | [`learn`] | what a call teaches about the connection |
//! | [`connect`] | scopes and subscriptions |
//! | [`asked`] | what persons and tools ask |
//! | [`mod@load`] | what an incarnation begins with |
//! | [`message`] | what the actor is told |
//! | [`reading`] | pages, or single careful tries after a crash |

#![allow(
    clippy::disallowed_methods,
    reason = "an actor sends its own messages; others use handles"
)]

mod answer;
mod asked;
mod call;
mod connect;
mod draft;
mod learn;
mod load;
mod message;
mod pending;
mod reading;
pub(in crate::actor) mod turn;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use self::answer::{After, work_in};
use self::call::{Called, Caller, InFlight, rest_after};
use self::learn::keep;
use self::load::load;
use self::message::Continue;
use self::pending::Pending;
use self::reading::Reading;
use self::turn::{Turn, TurnFailed, Worked};
use crate::actor::handle::AskError;
use crate::actor::resources::Resources;
use crate::actor::stores::entry::Entry;
use crate::actor::supervise::{Busy, Cause, RestartReason, SupervisorCtx};
use crate::domain::{Position, Timestamp, backoff};
use crate::ledger::{Connection, Mismatch, StoreHealth, StoreRow};
use crate::metrics;

pub(in crate::actor) use self::message::{Asked, Changed, Check, Drain, Wake};

/// So many failures in a row are an outage that people are told of; fewer are waited out.
const OUTAGE: u32 = 2;

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
    /// Events that wait for a check of the credentials.
    checks: Vec<Position>,
    /// People who wait for a check of the connection.
    check_asked: Vec<oneshot::Sender<Result<(), AskError>>>,
    /// A check that an outage of the cart kept from being made; nobody waits for it any more.
    check_owed: bool,
    /// A call to the cart is in flight.
    calling: bool,
    /// The cart is left alone until then, after so many failures in a row.
    rest: Rest,
    /// The journal is left alone until then, after so many failures in a row.
    setback: Rest,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: Timestamp,
    failures: u32,
}

impl Rest {
    /// One more failure: leave it alone for `wait`.
    fn after(self, now: Timestamp, wait: Duration) -> Self {
        Self { until: now.plus(wait), failures: self.failures.saturating_add(1) }
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
            checks: Vec::new(),
            check_asked: Vec::new(),
            check_owed: false,
            calling: false,
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
            if self.wants_check() && self.may_call(&turn, now) && self.start_call(&turn, now, ctx) {
                return;
            }
        } else if now >= self.setback.until {
            let call_first = self.reading.is_careful() && self.may_call(&turn, now);
            if call_first && (self.calling || self.start_call(&turn, now, ctx)) {
                return;
            }
            if self.more {
                return self.start_page(turn, ctx);
            }
            if self.may_call(&turn, now) && self.start_call(&turn, now, ctx) {
                return;
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
                self.entry.commits.notify_waiters();
            }
            Err(failure) => self.start_over(&failure),
        }
    }

    /// Drops what is in memory and reads the journal again, singly (I10).
    fn start_over(&mut self, failure: &TurnFailed) {
        let now = self.resources.clock.now();
        self.cursor = Position(0);
        self.more = true;
        self.pending.clear();
        self.checks.clear();
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

    // === Calls to the cart ===

    /// Starts the next call, if there is one to make; `true` if it did.
    fn start_call(&mut self, turn: &Turn, now: Timestamp, ctx: &mut Context<Self>) -> bool {
        if self.calling {
            return false;
        }
        let connected =
            turn.store.health.connection == Connection::Ok && turn.store.disconnected_at.is_none();
        let call = if self.wants_check() {
            let (events, askers) =
                (std::mem::take(&mut self.checks), std::mem::take(&mut self.check_asked));
            self.check_owed = false;
            InFlight::Check { events, askers }
        } else if !connected {
            return false;
        } else if turn.store.token_due.is_some_and(|due| due <= now) {
            InFlight::Renew
        } else if let Some((order, dirty)) = self.pending.take_due(now) {
            InFlight::Read { order, dirty }
        } else {
            return false;
        };
        self.calling = true;
        self.entry.set_busy();
        let caller = Caller {
            resources: Arc::clone(&self.resources),
            channel: Arc::clone(&turn.channel),
            store: Arc::clone(&turn.store),
        };
        let task = tokio::spawn(caller.call(call.to_make()));
        let answer = async move {
            match task.await {
                Ok(called) => called,
                // A crash of the call is a crash of the actor: it is counted and read singly.
                Err(crash) if crash.is_panic() => std::panic::resume_unwind(crash.into_panic()),
                Err(cancelled) => Called::interrupted(&cancelled),
            }
        };
        ctx.spawn(answer.into_actor(self).map(|called, act, ctx| act.called(called, call, ctx)));
        true
    }

    /// Works an answer in, as a turn of its own.
    fn called(&mut self, called: Called, call: InFlight, ctx: &mut Context<Self>) {
        self.calling = false;
        let Some(turn) = self.turn.clone() else { return };
        let now = self.resources.clock.now();
        self.rest = match &called.answer {
            Err(error) if error.is_outage() => {
                let wait = rest_after(error, self.rest.failures + 1);
                info!(store = %self.entry.slug, %error, ?wait, "the cart is left alone for a while");
                self.rest.after(now, wait)
            }
            _ => Rest::default(),
        };
        let failures = self.rest.failures;
        let busy = self.begin_turn();
        let work = async move {
            let row = keep(&turn, &called).await;
            let after = work_in(&turn, called, call, failures).await;
            tokio::task::yield_now().await;
            drop(busy);
            (row, after)
        };
        ctx.wait(work.into_actor(self).map(move |(row, after), act, ctx| {
            if let Some(row) = row {
                act.adopt(row);
            }
            match after {
                Ok(After::Checked { askers, trouble }) => {
                    let trouble = trouble.map(AskError::Unavailable);
                    let tell = act.connection().and_then(|()| trouble.map_or(Ok(()), Err));
                    for reply in askers {
                        // Who asked may have given up.
                        drop(reply.send(tell.clone()));
                    }
                    act.entry.commits.notify_waiters();
                }
                Ok(After::CheckAgain { events, askers, outage }) => {
                    act.checks.extend(events);
                    act.check_owed = true;
                    if failures < OUTAGE {
                        act.check_asked.extend(askers);
                    } else {
                        let sentence = format!("{outage}; the check is made again by itself");
                        for reply in askers {
                            drop(reply.send(Err(AskError::Unavailable(sentence.clone()))));
                        }
                    }
                }
                Ok(After::Read { order, closed }) => {
                    act.pending.settled(&order, &closed);
                    act.entry.commits.notify_waiters();
                }
                Ok(After::ReadAgain { order, dirty }) => act.pending.put_back(order, dirty),
                Ok(After::Nothing) => {}
                Err(failure) => act.start_over(&failure),
            }
            ctx.address().do_send(Continue);
        }));
    }

    /// Whether the connection works, for people who asked for a check.
    fn connection(&self) -> Result<(), AskError> {
        match self.turn.as_ref().map(|turn| &turn.store.health) {
            Some(StoreHealth { connection: Connection::Reconnect, reason, .. }) => {
                let why = reason.clone().unwrap_or_else(|| "the cart refused".to_owned());
                Err(AskError::Refused(why))
            }
            _ => Ok(()),
        }
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
        // What waits for the call in flight needs no waking: its answer comes as a turn.
        let calls = if self.calling {
            None
        } else if self.wants_check() {
            Some(outside(now))
        } else if turn.store.paused || !connected {
            None
        } else {
            let dues = [self.pending.next_due(), turn.store.token_due];
            dues.into_iter().flatten().min().map(outside)
        };
        if let Some(due) = [setback, calls].into_iter().flatten().min() {
            self.resources.timer.wake_at(self.entry.id, due);
        }
        self.entry.set_waiting(self.pending.len() + self.checks.len());
        let may_go = !self.calling
            && !self.wants_check()
            && (turn.store.paused || (setback.is_none() && self.pending.len() == 0));
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
