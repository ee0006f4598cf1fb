//! Which calls to the cart are made, and when: a check or a renewal alone, reads a few at a time, as
//! far as the cart's quota goes.
//!
//! Each call runs on a task of its own; its answer becomes a turn of the store. A store's calls wait
//! for nobody else's.

use std::sync::Arc;

use actix::prelude::*;
use tracing::info;

use super::answer::{After, Left, work_in};
use super::call::{Called, Caller, InFlight, rest_after};
use super::learn::keep;
use super::message::Continue;
use super::poll::PageOfRun;
use super::turn::Turn;
use super::{Rest, Store};
use crate::actor::handle::AskError;
use crate::channel::{Meter, OrderRef};
use crate::domain::Timestamp;
use crate::ledger::{Connection, StoreHealth};

/// So many failures in a row are an outage that people are told of; fewer are waited out.
const OUTAGE: u32 = 2;

/// Calls in flight.
#[derive(Debug, Default)]
pub(super) struct Flight {
    reads: usize,
    /// A page of a run, never two at once.
    page: bool,
    /// A check or a renewal: nothing else is called meanwhile, since it may change the credentials.
    alone: bool,
}

impl Flight {
    pub(super) fn any(&self) -> bool {
        self.count() > 0
    }

    pub(super) fn count(&self) -> usize {
        self.reads + usize::from(self.page) + usize::from(self.alone)
    }

    /// Whether another read may begin beside them.
    pub(super) fn has_room(&self, turn: &Turn) -> bool {
        !self.alone && self.reads + usize::from(self.page) < turn.channel.calls_at_once().max(1)
    }

    fn begin(&mut self, call: &InFlight) {
        match call {
            InFlight::Read(_) => self.reads += 1,
            InFlight::Page(_) => self.page = true,
            InFlight::Check { .. } | InFlight::Renew => self.alone = true,
        }
    }

    fn end(&mut self, call: &InFlight) {
        match call {
            InFlight::Read(_) => self.reads = self.reads.saturating_sub(1),
            InFlight::Page(_) => self.page = false,
            InFlight::Check { .. } | InFlight::Renew => self.alone = false,
        }
    }
}

impl Store {
    /// Starts the next call, if there is one to make; `true` if it did.
    pub(super) fn start_call(
        &mut self,
        turn: &Turn,
        now: Timestamp,
        ctx: &mut Context<Self>,
    ) -> bool {
        let Some(call) = self.next_call(turn, now) else { return false };
        self.flight.begin(&call);
        self.entry.set_busy();
        let caller = Caller {
            resources: Arc::clone(&self.resources),
            channel: Arc::clone(&turn.channel),
            store: Arc::clone(&turn.store),
            instasync: turn.instasync,
            meter: Meter::default(),
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

    fn next_call(&mut self, turn: &Turn, now: Timestamp) -> Option<InFlight> {
        if self.wants_check() {
            // It waits until the reads in flight have ended; no other begins meanwhile.
            return (!self.flight.any()).then(|| {
                let (events, askers) =
                    (std::mem::take(&mut self.checks), std::mem::take(&mut self.check_asked));
                self.check_owed = false;
                InFlight::Check { events, askers }
            });
        }
        let connected =
            turn.store.health.connection == Connection::Ok && turn.store.disconnected_at.is_none();
        if !connected {
            return None;
        }
        if turn.store.token_due.is_some_and(|due| due <= now) {
            return (!self.flight.any()).then_some(InFlight::Renew);
        }
        let allowed = self.quota.ready_at(self.flight.count(), now) <= now;
        if !allowed || !self.flight.has_room(turn) {
            return None;
        }
        let listed = self.pending.take_together(now, |due| turn.channel.together(due));
        if !listed.is_empty() {
            return Some(InFlight::Read(listed));
        }
        if let Some(read) = self.pending.take_due(now) {
            return Some(InFlight::Read(vec![read]));
        }
        // What webhooks ask for comes first (R46).
        let page = self.wanted_page()?;
        self.polls.front_mut()?.called();
        Some(InFlight::Page(page))
    }

    /// The page that the foremost run wants to be asked for.
    pub(super) fn wanted_page(&self) -> Option<PageOfRun> {
        if self.flight.page { None } else { self.polls.front()?.wanted() }
    }

    /// Works an answer in, as a turn of its own.
    fn called(&mut self, called: Called, call: InFlight, ctx: &mut Context<Self>) {
        self.flight.end(&call);
        let Some(turn) = self.turn.clone() else { return };
        let now = self.resources.clock.now();
        if let Some(budget) = called.budget {
            self.quota.learn(budget.quota, budget.left, budget.resets_in, now);
        }
        self.rest_or_not(&called, now);
        let failures = self.rest.failures;
        let reads: Vec<OrderRef> = match &call {
            InFlight::Read(orders) => orders.iter().map(|(order, _)| order.clone()).collect(),
            InFlight::Check { .. } | InFlight::Renew | InFlight::Page(_) => Vec::new(),
        };
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
                Ok(after) => act.worked_in(after, failures),
                Err(failure) => {
                    act.start_over(&failure);
                    for order in &reads {
                        act.pending.ended(order);
                    }
                }
            }
            ctx.address().do_send(Continue);
        }));
    }

    /// Leaves the cart alone after a failure. Calls that were in flight together fail together: that
    /// is one failure, and one that was sent before it says nothing of what is now.
    fn rest_or_not(&mut self, called: &Called, now: Timestamp) {
        let sent_before = self.rest.failures > 0 && called.sent_at <= self.rest.since;
        match &called.answer {
            Err(error) if error.is_outage() => {
                let failures = self.rest.failures + u32::from(!sent_before);
                let wait = rest_after(error, failures);
                info!(store = %self.entry.slug, %error, ?wait, "the cart is left alone for a while");
                let until = self.rest.until.max(now.plus(wait));
                self.rest = Rest { since: now, until, failures };
            }
            _ if sent_before => {}
            _ => self.rest = Rest::default(),
        }
    }

    fn worked_in(&mut self, after: After, failures: u32) {
        match after {
            After::Checked { askers, trouble, backfill } => {
                self.more |= backfill;
                let trouble = trouble.map(AskError::Unavailable);
                let tell = self.connection().and_then(|()| trouble.map_or(Ok(()), Err));
                for reply in askers {
                    // Who asked may have given up.
                    drop(reply.send(tell.clone()));
                }
                self.entry.commits.notify_waiters();
            }
            After::CheckAgain { events, askers, outage } => {
                self.checks.extend(events);
                self.check_owed = true;
                if failures < OUTAGE {
                    self.check_asked.extend(askers);
                } else {
                    let sentence = format!("{outage}; the check is made again by itself");
                    for reply in askers {
                        drop(reply.send(Err(AskError::Unavailable(sentence.clone()))));
                    }
                }
            }
            After::Read(orders) => {
                for (order, left) in orders {
                    match left {
                        Left::Closed(events) => self.pending.settled(&order, &events),
                        Left::Again(dirty) => self.pending.put_back(order, dirty),
                    }
                }
                self.entry.commits.notify_waiters();
            }
            After::Page(call, answered) => {
                if let Some(poll) = self.polls.front_mut() {
                    poll.answered(&call, answered);
                }
            }
            After::Nothing => {}
        }
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
}
