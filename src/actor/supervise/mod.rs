//! The supervisor: a future that owns an actor's context, polls it, and builds the actor anew when
//! it panics – with the same mailbox and the same address. The essay in [`crate::actor`] says what
//! that asks of an actor.
//!
//! `actix::Supervisor` cannot do it: a panic unwinds through it and takes actor and queue along.

mod control;
mod panic;
mod spec;
mod stats;
mod strain;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use actix::dev::ContextFut;
use actix::dev::channel::{AddressReceiver, channel};
use actix::{Actor, ActorContext, Addr, Context};
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use self::control::{ControlEnd, control};
use self::panic::{Caught, guarded};
use self::strain::{Strain, Verdict};
use super::handle::ActorState;

pub use self::control::{ControlHandle, NotUp, RestartReason};
pub use self::panic::install_panic_hook;
pub use self::spec::{ActorName, OverLimit, Policy, Spec};
pub use self::stats::{ActorSnapshot, ActorStats, Busy, Cause, CrashReport, RestartCounts};

/// A mailbox without a bound: actix's own bound is one per clone of an address, so none; ours are
/// at the handles.
const UNBOUNDED: usize = 0;

/// A supervised actor, seen from outside.
#[derive(Debug)]
pub struct Supervised<A: Actor> {
    /// Its address; the same through all incarnations.
    pub addr: Addr<A>,
    /// Restarts and ends it.
    pub control: ControlHandle,
    /// Its state and history.
    pub stats: Arc<ActorStats>,
}

/// How an actor ended for good.
#[derive(Debug, Clone)]
pub enum Down {
    /// It stopped itself, or nobody held its address any more.
    Normal,
    /// [`ControlHandle::shutdown`].
    Shutdown,
    /// It crashed beyond its limit, or with nobody left who held its address, or could not be
    /// built the first time.
    GaveUp {
        /// The crash that was one too many.
        last: Arc<CrashReport>,
    },
}

/// The arbiter an actor should have run on has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arbiter has stopped")]
pub struct ArbiterGone;

/// What an actor holds of its supervisor, in all its incarnations. Stays on the actor's thread.
#[derive(Debug, Clone)]
pub struct SupervisorCtx {
    stats: Arc<ActorStats>,
    is_up: Rc<Cell<bool>>,
}

impl SupervisorCtx {
    /// Says that this incarnation has loaded what it needs and works. Every incarnation has to say
    /// so once, from `started` or the future that `started` waits for: until then the actor counts
    /// as starting, and who forced the restart waits.
    pub fn up(&self) {
        self.is_up.set(true);
    }

    /// Why this incarnation was built.
    pub fn cause(&self) -> Cause {
        self.stats.cause()
    }

    /// The number of this incarnation; 1 for the first.
    pub fn incarnation(&self) -> u64 {
        self.stats.incarnation()
    }

    /// Marks a piece of work until the answer is dropped, so that one that hangs can be seen from
    /// outside. Hold one at a time; move it into the future that does the work.
    pub fn busy(&self) -> Busy {
        Busy::begin(Arc::clone(&self.stats))
    }
}

/// Starts an actor under supervision on the current arbiter (or `LocalSet`).
///
/// `make` builds the first value, before this returns; all later ones come from
/// [`actix::Supervised::restarting`]. `on_down` is called once, on the actor's thread, when it has
/// ended for good and is gone – which may be before this returns, if `make` panics. It is dropped
/// uncalled if the arbiter itself stops.
pub fn supervise<A>(
    spec: Spec,
    make: impl FnOnce(&SupervisorCtx) -> A,
    on_down: impl FnOnce(Down) + 'static,
) -> Supervised<A>
where
    A: Actor<Context = Context<A>> + actix::Supervised,
{
    let (supervised, launch) = prepare(spec);
    launch.go(make, Box::new(on_down));
    supervised
}

/// Starts an actor under supervision on an arbiter, from any thread, and does not wait for it:
/// what is sent to the address meanwhile is kept. See [`supervise`].
pub fn supervise_on<A>(
    arbiter: &ArbiterHandle,
    spec: Spec,
    make: impl FnOnce(&SupervisorCtx) -> A + Send + 'static,
    on_down: impl FnOnce(Down) + Send + 'static,
) -> Result<Supervised<A>, ArbiterGone>
where
    A: Actor<Context = Context<A>> + actix::Supervised,
{
    let (supervised, launch) = prepare(spec);
    if arbiter.spawn_fn(move || launch.go(make, Box::new(on_down))) {
        Ok(supervised)
    } else {
        Err(ArbiterGone)
    }
}

/// All of a supervised actor that may cross threads before it runs.
struct Launch<A: Actor> {
    policy: Policy,
    mailbox: AddressReceiver<A>,
    control: ControlEnd,
    stats: Arc<ActorStats>,
}

fn prepare<A: Actor>(spec: Spec) -> (Supervised<A>, Launch<A>) {
    let (sender, mailbox) = channel(UNBOUNDED);
    let stats = Arc::new(ActorStats::new(spec.name, spec.clock));
    let (handle, end) = control(Arc::clone(&stats));
    let supervised =
        Supervised { addr: Addr::new(sender), control: handle, stats: Arc::clone(&stats) };
    (supervised, Launch { policy: spec.policy, mailbox, control: end, stats })
}

impl<A> Launch<A>
where
    A: Actor<Context = Context<A>> + actix::Supervised,
{
    fn go(self, make: impl FnOnce(&SupervisorCtx) -> A, on_down: Box<dyn FnOnce(Down)>) {
        let is_up = Rc::new(Cell::new(false));
        let ctx = SupervisorCtx { stats: Arc::clone(&self.stats), is_up: Rc::clone(&is_up) };
        let made = guarded(self.stats.name(), || make(&ctx));
        let mailbox = self.mailbox;
        let mut supervising = Supervising {
            actor: None,
            rest: None,
            is_fresh: true,
            is_up,
            waiting_for_up: Vec::new(),
            policy: self.policy,
            strain: Strain::none(),
            stats: self.stats,
            control: self.control,
            on_down: Some(on_down),
        };
        match made {
            Ok(actor) => {
                supervising.actor = Some(Context::with_receiver(mailbox).into_future(actor));
                actix_rt::spawn(supervising);
            }
            Err(caught) => {
                let last = supervising.note_crash(caught);
                supervising.end(Down::GaveUp { last });
            }
        }
    }
}

/// The supervising future.
struct Supervising<A>
where
    A: Actor<Context = Context<A>>,
{
    /// `None` when it has ended.
    actor: Option<ContextFut<A, Context<A>>>,
    /// The actor is not polled before this is over.
    rest: Option<Pin<Box<Sleep>>>,
    /// The actor was built (anew) since its last crash, so it may be polled.
    is_fresh: bool,
    /// Set by [`SupervisorCtx::up`], taken here.
    is_up: Rc<Cell<bool>>,
    /// Who forced a restart and wants to hear that it is up.
    waiting_for_up: Vec<oneshot::Sender<u64>>,
    policy: Policy,
    strain: Strain,
    stats: Arc<ActorStats>,
    control: ControlEnd,
    on_down: Option<Box<dyn FnOnce(Down)>>,
}

/// What came of building an actor anew.
enum Rebuilt {
    Yes,
    /// Nobody holds its address: nothing could reach it.
    Abandoned,
    Crashed(Caught),
}

/// What came of polling an actor.
enum Step {
    Pending,
    Down(Down),
    Crashed(Caught),
}

impl<A> Future for Supervising<A>
where
    A: Actor<Context = Context<A>> + actix::Supervised,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let down = ready!(this.advance(cx));
        this.end(down);
        Poll::Ready(())
    }
}

impl<A> Supervising<A>
where
    A: Actor<Context = Context<A>> + actix::Supervised,
{
    /// First what was asked for from outside, then the rest, then the actor – so that neither a
    /// long rest nor a hanging actor can keep an operator waiting. Ready when the actor is down.
    fn advance(&mut self, cx: &mut TaskContext<'_>) -> Poll<Down> {
        let requests = self.control.take(cx);
        if requests.shutdown {
            return Poll::Ready(Down::Shutdown);
        }
        if let Some(why) = requests.restart {
            self.waiting_for_up.extend(requests.restarted);
            if let Some(down) = self.forced_restart(why) {
                return Poll::Ready(down);
            }
        }
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
                self.strain.runs();
                self.stats.entered(ActorState::Starting);
            }
            match self.step(cx) {
                Step::Pending => return Poll::Pending,
                Step::Down(down) => return Poll::Ready(down),
                Step::Crashed(caught) => {
                    // Sets a rest, so that the next round of the loop ends here.
                    if let Some(down) = self.crashed(caught) {
                        return Poll::Ready(down);
                    }
                }
            }
        }
    }

    fn step(&mut self, cx: &mut TaskContext<'_>) -> Step {
        if !self.is_fresh {
            match self.rebuild(None) {
                Rebuilt::Yes => {}
                Rebuilt::Abandoned => return Step::Down(Down::Normal),
                Rebuilt::Crashed(caught) => return Step::Crashed(caught),
            }
        }
        let actor = self.actor.as_mut().expect("invariant: not polled after its end");
        let polled = guarded(self.stats.name(), || Pin::new(actor).poll(cx));
        // Even before a panic in the same poll: it was up, and then crashed.
        self.note_up();
        match polled {
            Ok(Poll::Pending) => Step::Pending,
            Ok(Poll::Ready(())) => Step::Down(Down::Normal),
            Err(caught) => Step::Crashed(caught),
        }
    }

    fn crashed(&mut self, caught: Caught) -> Option<Down> {
        let last = self.note_crash(caught);
        let verdict = self.strain.crashed(&self.policy);
        if verdict == Verdict::GiveUp {
            return Some(Down::GaveUp { last });
        }
        // Now and not after the rest: who waits for a future in flight hears at once, and what
        // those futures hold (permits, connections) comes back.
        match self.rebuild(None) {
            Rebuilt::Yes => {}
            Rebuilt::Abandoned => return Some(Down::GaveUp { last }),
            // It stays unfit to be polled and is built again after the rest.
            Rebuilt::Crashed(caught) => drop(self.note_crash(caught)),
        }
        let (state, rest) = match verdict {
            Verdict::Rest(rest) => (ActorState::BackingOff, rest),
            Verdict::Quarantine(rest) => (ActorState::Quarantined, rest),
            Verdict::GiveUp => return Some(Down::GaveUp { last }),
        };
        if state == ActorState::Quarantined {
            self.waiting_for_up.clear();
        }
        let actor = self.stats.name();
        tracing::warn!(%actor, state = ?state, rest_ms = rest.as_millis(), "actor rests");
        self.stats.entered(state);
        self.rest = Some(Box::pin(tokio::time::sleep(rest)));
        None
    }

    fn forced_restart(&mut self, why: RestartReason) -> Option<Down> {
        tracing::warn!(actor = %self.stats.name(), reason = ?why, "actor is restarted on request");
        self.rest = None;
        self.strain = Strain::none();
        self.stats.entered(ActorState::Starting);
        match self.rebuild(Some(why)) {
            Rebuilt::Yes => None,
            Rebuilt::Abandoned => Some(Down::Normal),
            Rebuilt::Crashed(caught) => self.crashed(caught),
        }
    }

    /// Drops the futures in flight and has the actor build itself anew; `None`: after a crash.
    fn rebuild(&mut self, why: Option<RestartReason>) -> Rebuilt {
        self.is_fresh = false;
        self.is_up.set(false);
        self.stats.rebuilding(why);
        let actor = self.actor.as_mut().expect("invariant: not rebuilt after its end");
        match guarded(self.stats.name(), || actor.restart()) {
            Ok(true) => {
                self.is_fresh = true;
                Rebuilt::Yes
            }
            Ok(false) => Rebuilt::Abandoned,
            Err(caught) => Rebuilt::Crashed(caught),
        }
    }

    fn note_up(&mut self) {
        if !self.is_up.replace(false) {
            return;
        }
        self.stats.entered(ActorState::Running);
        let incarnation = self.stats.incarnation();
        tracing::debug!(actor = %self.stats.name(), incarnation, "actor is up");
        for caller in self.waiting_for_up.drain(..) {
            // A caller that gave up waiting does not need to hear it.
            let _gone = caller.send(incarnation);
        }
    }

    fn note_crash(&self, caught: Caught) -> Arc<CrashReport> {
        let report = self.stats.crashed(caught);
        tracing::error!(
            actor = %self.stats.name(),
            incarnation = report.incarnation,
            place = report.place.as_deref(),
            panic = report.text,
            "actor crashed"
        );
        report
    }

    fn end(&mut self, down: Down) {
        self.bury();
        self.stats.stopped();
        self.waiting_for_up.clear();
        let actor = self.stats.name();
        match &down {
            Down::Normal | Down::Shutdown => tracing::debug!(%actor, ?down, "actor ended"),
            Down::GaveUp { last } => {
                tracing::error!(%actor, panic = last.text, "actor is given up");
            }
        }
        let on_down = self.on_down.take().expect("invariant: an actor ends once");
        if let Err(caught) = guarded(actor, || on_down(down)) {
            tracing::error!(%actor, panic = caught.text, "its parent crashed on hearing of the end");
        }
    }
}

impl<A> Supervising<A>
where
    A: Actor<Context = Context<A>>,
{
    /// Drops the actor without a word: neither `stopping` nor `stopped` run, which after a crash
    /// would work on a half-changed value. What its fields do when dropped may panic.
    fn bury(&mut self) {
        let Some(mut actor) = self.actor.take() else { return };
        let buried = guarded(self.stats.name(), move || {
            actor.ctx().terminate();
            drop(actor);
        });
        if let Err(caught) = buried {
            let actor = self.stats.name();
            tracing::error!(%actor, panic = caught.text, "actor crashed when it was dropped");
        }
    }
}

impl<A> Drop for Supervising<A>
where
    A: Actor<Context = Context<A>>,
{
    /// Only finds an actor if its arbiter stopped.
    fn drop(&mut self) {
        self.bury();
    }
}
