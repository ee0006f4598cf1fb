//! Facts of actix 0.13 and its runtime that the actors are built on, none of them promised by its
//! documentation. When an upgrade makes one of these tests fail, what leans on the fact has to be
//! thought through again.
#![allow(clippy::disallowed_methods, reason = "the facts are about the calls that are disallowed")]

mod shared_runtime;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use actix::dev::SendError;
use actix::{
    Actor, ActorContext, Addr, AsyncContext, AtomicResponse, Context, Handler, MailboxError,
    Message, ResponseFuture, Running, SpawnHandle, Supervisor, WrapFuture,
};
use futures_util::future::{join_all, poll_fn};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::tests::{Log, on_paused_arbiter, outcome};

#[derive(Default)]
struct Subject {
    log: Log,
    release: Arc<Notify>,
    timer: Option<SpawnHandle>,
    starts: u32,
}

impl Subject {
    fn logging(log: &Log) -> Self {
        Self { log: log.clone(), ..Self::default() }
    }

    /// `n+`, a pause, `n-`.
    fn steps(&self, n: u32) -> impl Future<Output = ()> + use<> {
        let log = self.log.clone();
        async move {
            log.note(&format!("{n}+"));
            sleep(Duration::from_millis(1)).await;
            log.note(&format!("{n}-"));
        }
    }
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.starts += 1;
        self.log.note(&format!("started{}", self.starts));
        if self.starts == 2 {
            let log = self.log.clone();
            self.timer = Some(ctx.spawn(async move { log.note("timer") }.into_actor(self)));
        }
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.log.note("stopping");
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.log.note("stopped");
    }
}

impl actix::Supervised for Subject {}

macro_rules! messages {
    ($($message:item)+) => {$(
        #[derive(Message)]
        #[rtype(result = "()")]
        $message
    )+};
}

messages! {
    struct Plain(u32);
    struct Atomic(u32);
    struct Waiting(u32);
    struct TwoWaits(u32);
    struct Note(u32);
    struct Spawn(u32);
    struct Block;
    struct Panic;
    struct CancelAndPanic;
}

impl Handler<Plain> for Subject {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Plain(n): Plain, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.steps(n))
    }
}

impl Handler<Atomic> for Subject {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Atomic(n): Atomic, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(self.steps(n).into_actor(self)))
    }
}

impl Handler<Waiting> for Subject {
    type Result = ();

    fn handle(&mut self, Waiting(n): Waiting, ctx: &mut Self::Context) {
        ctx.wait(self.steps(n).into_actor(self));
    }
}

impl Handler<TwoWaits> for Subject {
    type Result = ();

    fn handle(&mut self, TwoWaits(n): TwoWaits, ctx: &mut Self::Context) {
        ctx.wait(self.steps(n).into_actor(self));
        ctx.wait(self.steps(n + 1).into_actor(self));
    }
}

impl Handler<Note> for Subject {
    type Result = ();

    fn handle(&mut self, Note(n): Note, _: &mut Self::Context) {
        self.log.note(&n.to_string());
    }
}

/// Keeps the mailbox shut until `release`.
impl Handler<Block> for Subject {
    type Result = ();

    fn handle(&mut self, _: Block, ctx: &mut Self::Context) {
        let release = Arc::clone(&self.release);
        ctx.wait(async move { release.notified().await }.into_actor(self));
    }
}

impl Handler<Panic> for Subject {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("in the handler");
    }
}

impl Handler<Spawn> for Subject {
    type Result = ();

    fn handle(&mut self, Spawn(n): Spawn, ctx: &mut Self::Context) {
        self.timer = Some(ctx.spawn(self.steps(n).into_actor(self)));
    }
}

impl Handler<CancelAndPanic> for Subject {
    type Result = ();

    fn handle(&mut self, _: CancelAndPanic, ctx: &mut Self::Context) {
        ctx.cancel_future(self.timer.unwrap());
        panic!("before the cancellation was carried out");
    }
}

/// Starts a subject, sends what `send` sends, and tells what was noted until all was quiet.
fn trace(send: impl FnOnce(&Addr<Subject>)) -> String {
    let log = Log::default();
    on_paused_arbiter(async {
        let addr = Subject::logging(&log).start();
        send(&addr);
        sleep(Duration::from_secs(1)).await;
        log.text()
    })
}

#[test]
fn a_response_future_does_not_serialise_messages() {
    let noted = trace(|addr| (1..=2).for_each(|n| addr.do_send(Plain(n))));
    assert_eq!(noted, "started1 1+ 2+ 1- 2-");
}

#[test]
fn an_atomic_response_serialises_messages() {
    let noted = trace(|addr| (1..=2).for_each(|n| addr.do_send(Atomic(n))));
    assert_eq!(noted, "started1 1+ 1- 2+ 2-");
}

#[test]
fn a_wait_serialises_messages() {
    let noted = trace(|addr| (1..=2).for_each(|n| addr.do_send(Waiting(n))));
    assert_eq!(noted, "started1 1+ 1- 2+ 2-");
}

#[test]
fn two_waits_of_one_handler_run_last_first() {
    assert_eq!(trace(|addr| addr.do_send(TwoWaits(1))), "started1 2+ 2- 1+ 1-");
}

#[test]
fn a_wait_freezes_the_actors_spawned_futures() {
    let noted = trace(|addr| {
        addr.do_send(Spawn(1));
        addr.do_send(Waiting(2));
    });
    assert_eq!(noted, "started1 2+ 2- 1+ 1-");
}

#[test]
fn a_send_that_is_dropped_before_it_was_handled_is_skipped_without_a_word() {
    let noted = trace(|addr| {
        addr.do_send(Waiting(1));
        drop(addr.send(Note(2)));
        addr.do_send(Note(3));
    });
    assert_eq!(noted, "started1 1+ 1- 3");
}

#[test]
fn a_send_that_is_dropped_after_its_handler_began_completes() {
    let log = Log::default();
    on_paused_arbiter(async {
        let addr = Subject::logging(&log).start();
        let asked = tokio::time::timeout(Duration::from_micros(1), addr.send(Atomic(1))).await;
        assert!(asked.is_err());
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(log.text(), "started1 1+ 1-");
}

#[test]
fn the_mailbox_bound_is_one_per_clone_of_the_address_and_so_none() {
    on_paused_arbiter(async {
        let addr = Subject::default().start();
        addr.do_send(Block);
        yield_now().await;
        let one_by_one = (0..1000).map_while(|n| addr.try_send(Note(n)).ok()).count();
        assert!(one_by_one <= 17, "{one_by_one}");
        assert!(matches!(addr.try_send(Note(0)), Err(SendError::Full(_))));
        assert!((0..1000).all(|n| addr.clone().try_send(Note(n)).is_ok()));
    });
}

#[test]
fn a_capacity_of_zero_is_no_bound() {
    on_paused_arbiter(async {
        let mut ctx = Context::<Subject>::new();
        ctx.set_mailbox_capacity(0);
        let addr = ctx.run(Subject::default());
        addr.do_send(Block);
        yield_now().await;
        assert!((0..100_000).all(|n| addr.try_send(Note(n)).is_ok()));
    });
}

#[test]
fn the_mailbox_loop_does_not_yield_while_messages_are_ready() {
    let log = Log::default();
    on_paused_arbiter(async {
        let addr = Subject::logging(&log).start();
        (0..1000).for_each(|n| addr.do_send(Note(n)));
        let neighbour = log.clone();
        tokio::task::spawn_local(async move { neighbour.note("neighbour") });
        sleep(Duration::from_secs(1)).await;
    });
    assert!(log.text().contains("999 neighbour"));
}

#[test]
fn a_wait_that_yields_lets_neighbours_in() {
    let log = Log::default();
    on_paused_arbiter(async {
        let addr = Subject::logging(&log).start();
        (0..10).for_each(|n| addr.do_send(Waiting(n)));
        let neighbour = log.clone();
        tokio::task::spawn_local(async move { neighbour.note("neighbour") });
        sleep(Duration::from_secs(1)).await;
    });
    assert!(log.text().starts_with("started1 0+ neighbour 0- 1+"), "{}", log.text());
}

#[test]
fn actix_own_supervisor_does_not_survive_a_panic() {
    on_paused_arbiter(async {
        let addr = Supervisor::start(|_| Subject::default());
        let (culprit, queued) = (addr.send(Panic), addr.send(Note(1)));
        assert_eq!(outcome(culprit).await, Err(MailboxError::Closed));
        assert_eq!(outcome(queued).await, Err(MailboxError::Closed));
        assert!(!addr.connected());
    });
}

/// Polls `fut` as our supervisor does, until nothing is ready.
async fn poll_caught<F: Future<Output = ()> + Unpin>(fut: &mut F) -> Result<Poll<()>, ()> {
    poll_fn(|cx| {
        let step = std::panic::AssertUnwindSafe(|| Pin::new(&mut *fut).poll(cx));
        Poll::Ready(std::panic::catch_unwind(step).map_err(drop))
    })
    .await
}

#[test]
fn restart_keeps_mailbox_and_address_and_drops_futures_in_flight() {
    let log = Log::default();
    on_paused_arbiter(async {
        let mut fut = Context::new().into_future(Subject::logging(&log));
        let addr = fut.address();
        addr.do_send(Spawn(1));
        let lost = addr.send(Panic);
        let kept = addr.send(Note(2));
        assert!(poll_caught(&mut fut).await.is_err());
        assert!(fut.restart());
        assert_eq!(poll_caught(&mut fut).await, Ok(Poll::Pending));
        assert_eq!(outcome(lost).await, Err(MailboxError::Closed));
        assert_eq!(outcome(kept).await, Ok(()));
        assert!(addr.connected());
    });
    // The value is the same one, `started` runs again, and the spawned future is gone.
    assert!(log.text().starts_with("started1 started2 2 timer"), "{}", log.text());
}

#[test]
fn restart_refuses_when_nobody_holds_the_address() {
    let mut fut = Context::new().into_future(Subject::default());
    assert!(!fut.restart());
}

#[test]
fn a_cancellation_pending_at_a_restart_hits_a_future_of_the_next_incarnation() {
    let log = Log::default();
    on_paused_arbiter(async {
        let mut fut = Context::new().into_future(Subject::logging(&log));
        let addr = fut.address();
        addr.do_send(Spawn(1));
        addr.do_send(CancelAndPanic);
        assert!(poll_caught(&mut fut).await.is_err());
        assert!(fut.restart());
        assert_eq!(poll_caught(&mut fut).await, Ok(Poll::Pending));
        drop(addr);
    });
    assert!(!log.text().contains("timer"), "{}", log.text());
}

#[test]
fn dropping_a_context_runs_stopping_and_stopped_unless_it_was_terminated() {
    let log = Log::default();
    on_paused_arbiter(async {
        for terminate in [false, true] {
            log.note(if terminate { "terminated:" } else { "dropped:" });
            let ctx = Context::new();
            let _addr = ctx.address();
            let mut fut = ctx.into_future(Subject::logging(&log));
            assert_eq!(poll_caught(&mut fut).await, Ok(Poll::Pending));
            if terminate {
                fut.ctx().terminate();
            }
        }
    });
    assert_eq!(log.text(), "dropped: started1 stopping stopped terminated: started1");
}

#[test]
fn dropping_a_context_that_was_never_polled_starts_it_unless_it_was_terminated() {
    let log = Log::default();
    on_paused_arbiter(async {
        for terminate in [false, true] {
            log.note(if terminate { "terminated:" } else { "dropped:" });
            let ctx = Context::new();
            let _addr = ctx.address();
            let mut fut = ctx.into_future(Subject::logging(&log));
            if terminate {
                fut.ctx().terminate();
            }
        }
    });
    assert_eq!(log.text(), "dropped: started1 stopping stopped terminated:");
}

#[test]
fn a_day_of_hourly_runs_takes_no_time_on_a_paused_clock() {
    on_paused_arbiter(async {
        let runs = Arc::new(AtomicU32::new(0));
        let ctx = Context::<Subject>::new();
        let addr = ctx.address();
        let mut fut = ctx.into_future(Subject::default());
        let counted = Arc::clone(&runs);
        fut.ctx().run_interval(Duration::from_hours(1), move |_, _| {
            counted.fetch_add(1, SeqCst);
        });
        actix_rt::spawn(fut);
        sleep(Duration::from_hours(24) + Duration::from_secs(1)).await;
        assert_eq!(runs.load(SeqCst), 24);
        assert!(addr.connected());
    });
}

#[test]
fn many_asks_of_one_actor_are_answered_in_order() {
    on_paused_arbiter(async {
        let log = Log::default();
        let addr = Subject::logging(&log).start();
        outcome(join_all((0..5).map(|n| addr.send(Note(n))))).await;
        assert_eq!(log.text(), "started1 0 1 2 3 4");
    });
}
