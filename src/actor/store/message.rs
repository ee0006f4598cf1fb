//! What a store's actor is told.

use actix::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::asked::obey;
use super::poll::Poll;
use super::turn::TurnFailed;
use super::{Rest, Store};
use crate::actor::handle::{Ask, AskError};
use crate::domain::{Order, Position};
use crate::ledger::Mismatch;

/// There may be work in the journal.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Wake;

impl Handler<Wake> for Store {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.entry.awake();
        self.more = true;
        self.go(ctx);
    }
}

/// A turn has ended; look for the next. A message of its own, so that others get their turn between.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Continue;

impl Handler<Continue> for Store {
    type Result = ();

    fn handle(&mut self, _: Continue, ctx: &mut Context<Self>) {
        self.go(ctx);
    }
}

/// The store's row was changed by somebody else.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Changed;

impl Handler<Changed> for Store {
    type Result = ();

    fn handle(&mut self, _: Changed, ctx: &mut Context<Self>) {
        self.row_changed = true;
        self.go(ctx);
    }
}

/// Somebody wants the connection checked.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Check {
    pub(in crate::actor) reply: oneshot::Sender<Result<(), AskError>>,
    pub(in crate::actor) permit: OwnedSemaphorePermit,
}

impl Handler<Check> for Store {
    type Result = ();

    fn handle(&mut self, check: Check, ctx: &mut Context<Self>) {
        self.entry.set_busy();
        self.check_asked.push(check.reply);
        // A person asks because something was changed: no reason to wait any longer.
        self.rest = Rest::default();
        drop(check.permit);
        self.go(ctx);
    }
}

/// A person or tool wants an order changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Asked {
    pub(in crate::actor) ask: Ask,
    pub(in crate::actor) reply: oneshot::Sender<Result<Order, AskError>>,
    pub(in crate::actor) permit: OwnedSemaphorePermit,
}

impl Handler<Asked> for Store {
    type Result = ();

    fn handle(&mut self, asked: Asked, ctx: &mut Context<Self>) {
        let Some(turn) = self.turn.clone() else { return };
        let Asked { ask, reply, permit } = asked;
        let busy = self.begin_turn();
        let work = async move {
            let outcome = obey(&turn, ask).await;
            tokio::task::yield_now().await;
            drop(busy);
            outcome
        };
        ctx.wait(work.into_actor(self).map(|outcome, act, ctx| {
            if let Err(failure) = &outcome.1 {
                act.start_over(failure);
            }
            // The one who asked may have gone; what was asked has happened all the same.
            drop(reply.send(outcome.0));
            drop(permit);
            ctx.address().do_send(Continue);
        }));
    }
}

/// A person wants a run to end (R6).
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct CancelRun {
    pub(in crate::actor) run: Position,
    pub(in crate::actor) reply: oneshot::Sender<Result<(), AskError>>,
    pub(in crate::actor) permit: OwnedSemaphorePermit,
}

impl Handler<CancelRun> for Store {
    type Result = ();

    fn handle(&mut self, cancel: CancelRun, ctx: &mut Context<Self>) {
        let Some(turn) = self.turn.clone() else { return };
        let CancelRun { run, reply, permit } = cancel;
        let known = self.polls.iter().position(|poll| poll.position == run);
        // One that has not been read yet is still an open event.
        let poll = known.and_then(|at| self.polls.remove(at)).unwrap_or_else(|| Poll::of(run));
        let busy = self.begin_turn();
        let work = async move {
            let outcome = poll.cancel(&turn).await;
            drop(busy);
            outcome
        };
        ctx.wait(work.into_actor(self).map(move |outcome, act, ctx| {
            let tell = match &outcome {
                Ok(()) => Ok(()),
                Err(TurnFailed::Refused(Mismatch::Event(_))) => {
                    Err(AskError::Refused("The run has ended already.".to_owned()))
                }
                Err(failure) => Err(AskError::Unavailable(failure.to_string())),
            };
            if let Err(failure) = &outcome {
                act.start_over(failure);
            }
            act.entry.commits.notify_waiters();
            drop(reply.send(tell));
            drop(permit);
            ctx.address().do_send(Continue);
        }));
    }
}

/// Everything that was queued before this has been worked on.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Drain {
    pub(in crate::actor) done: oneshot::Sender<()>,
}

impl Handler<Drain> for Store {
    type Result = ();

    fn handle(&mut self, drain: Drain, _: &mut Context<Self>) {
        // Who waits may have given up: what follows is the same.
        let _late = drain.done.send(());
    }
}
