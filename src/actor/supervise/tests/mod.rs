//! The supervisor's promises, on an actor that fails in every way there is.
#![allow(clippy::disallowed_methods, reason = "these tests talk to addresses as handles do")]

mod arbiters;
mod control;
mod crash;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use actix::{
    ActorFutureExt, AsyncContext, AtomicResponse, Handler, MailboxError, Message, Running,
    WrapFuture,
};
use futures_util::future::join_all;
use rstest::rstest;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::actor::tests::{on_paused_arbiter, outcome};
use crate::clock::Clock;
use crate::domain::Timestamp;

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// What the test tells the actor beforehand, and what became of it.
#[derive(Default)]
struct Plan {
    failing_starts: AtomicU32,
    failing_rebuilds: AtomicU32,
    stop_on_start: AtomicBool,
    hydration: Option<Notify>,
    starts: AtomicU32,
    handled: Mutex<Vec<u32>>,
    downs: Mutex<Vec<Down>>,
}

impl Plan {
    fn starts(&self) -> u32 {
        self.starts.load(SeqCst)
    }

    fn down(&self) -> Option<Down> {
        self.downs.lock().unwrap().last().cloned()
    }
}

struct Probe {
    plan: Arc<Plan>,
    ctx: SupervisorCtx,
    /// Messages handled by this incarnation.
    memory: u32,
    cargo: Option<Bomb>,
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("went off when dropped");
    }
}

impl Probe {
    fn fresh(plan: Arc<Plan>, ctx: SupervisorCtx) -> Self {
        Self { plan, ctx, memory: 0, cargo: None }
    }
}

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.plan.starts.fetch_add(1, SeqCst);
        if self.plan.stop_on_start.load(SeqCst) {
            ctx.stop();
            return;
        }
        let plan = Arc::clone(&self.plan);
        let hydrate = async move {
            tokio::task::yield_now().await;
            if let Some(gate) = &plan.hydration {
                gate.notified().await;
            }
        };
        ctx.wait(hydrate.into_actor(self).map(|(), actor, _| actor.ctx.up()));
        assert!(!take_one(&self.plan.failing_starts), "no start");
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.plan.handled.lock().unwrap().push(u32::MAX);
        Running::Stop
    }
}

impl actix::Supervised for Probe {
    fn restarting(&mut self, _: &mut Self::Context) {
        assert!(!take_one(&self.plan.failing_rebuilds), "no rebuild");
        *self = Self::fresh(Arc::clone(&self.plan), self.ctx.clone());
    }
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[derive(Clone, Copy)]
enum Do {
    /// Answers with how many messages this incarnation has handled, this one included.
    Count,
    /// Answers after a second's work.
    Work,
    PanicInHandler,
    PanicInSpawned,
    PanicInWaited,
    Hang,
    /// Hangs, and panics when that is ended from outside.
    HangOnBomb,
    /// Crashes when the actor's value is dropped.
    CarryBomb,
    Stop,
}

impl Message for Do {
    type Result = u32;
}

impl Handler<Do> for Probe {
    type Result = AtomicResponse<Self, u32>;

    fn handle(&mut self, message: Do, ctx: &mut Self::Context) -> Self::Result {
        self.memory += 1;
        self.plan.handled.lock().unwrap().push(self.memory);
        let memory = self.memory;
        let busy = self.ctx.busy();
        match message {
            Do::PanicInHandler => panic!("in the handler"),
            Do::PanicInSpawned => {
                ctx.spawn(async { panic!("in a spawned future") }.into_actor(self));
            }
            Do::Stop => ctx.stop(),
            Do::CarryBomb => self.cargo = Some(Bomb),
            _ => {}
        }
        let work = async move {
            let _busy = busy;
            match message {
                Do::Work => sleep(Duration::from_secs(1)).await,
                Do::PanicInWaited => panic!("in a waited future"),
                Do::Hang => std::future::pending().await,
                Do::HangOnBomb => {
                    let _bomb = Bomb;
                    std::future::pending::<()>().await;
                }
                _ => tokio::task::yield_now().await,
            }
            memory
        };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}

fn spec(policy: Policy) -> Spec {
    Spec { name: ActorName::new("probe"), policy, clock: Clock::tokio(START) }
}

fn start(policy: Policy, plan: &Arc<Plan>) -> Supervised<Probe> {
    let (first, parent) = (Arc::clone(plan), Arc::clone(plan));
    supervise(
        spec(policy),
        move |ctx| Probe::fresh(first, ctx.clone()),
        move |down| parent.downs.lock().unwrap().push(down),
    )
}

impl Supervised<Probe> {
    async fn ask(&self, message: Do) -> Result<u32, MailboxError> {
        outcome(self.addr.send(message)).await
    }

    /// Waits until the state is reached, for at most an hour of the paused clock.
    async fn reaches(&self, state: ActorState) {
        let wait = async {
            while self.stats.snapshot().state != state {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_hours(1), wait).await.expect("state not reached");
    }
}
