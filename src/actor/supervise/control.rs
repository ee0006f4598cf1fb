//! The way to an actor beside its mailbox: a restart or a shutdown overtakes the queue and reaches
//! an actor that hangs in a future. (One that never returns from a plain function hangs its whole
//! thread; nothing on that thread can help it.)

use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;

use super::stats::ActorStats;

/// Why somebody wants an actor restarted; the word of the restart counter's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartReason {
    /// A person asked for it (R51).
    Operator,
    /// It has been at one piece of work for too long.
    Hung,
}

/// The actor ended, or was quarantined (again), before it came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actor did not come up")]
pub struct NotUp;

/// Restarts and ends one actor, from any thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControlHandle {
    shared: Arc<Shared>,
}

/// The supervisor's end. Dropping it tells everybody who waits that the actor is gone.
#[derive(Debug)]
pub(super) struct ControlEnd {
    shared: Arc<Shared>,
    stats: Arc<ActorStats>,
}

/// What was asked for since the supervisor last looked. Many requests are carried out as one.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Restart the actor.
    pub(super) restart: Option<RestartReason>,
    /// Who wants to hear of it when it is up.
    pub(super) restarted: Vec<oneshot::Sender<u64>>,
    /// End the actor.
    pub(super) shutdown: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    supervisor: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    requests: Requests,
    /// Never sent on: dropped when the actor is gone.
    waiting_for_end: Vec<oneshot::Sender<()>>,
    closed: bool,
}

/// Both ends for one actor.
pub(super) fn control(stats: Arc<ActorStats>) -> (ControlHandle, ControlEnd) {
    let shared = Arc::new(Shared::default());
    (ControlHandle { shared: Arc::clone(&shared) }, ControlEnd { shared, stats })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ControlHandle {
    /// Asks for a new incarnation: futures in flight are dropped, mailbox and address stay, a rest
    /// or quarantine ends at once and the crash count starts anew.
    ///
    /// It is asked for when this is called, not when the answer is awaited; dropping the answer
    /// changes nothing. The answer is the number of the incarnation that came up.
    pub fn restart(
        &self,
        why: RestartReason,
    ) -> impl Future<Output = Result<u64, NotUp>> + Send + use<> {
        let (up, answer) = oneshot::channel();
        {
            let mut state = self.shared.state();
            if !state.closed {
                state.requests.restart = Some(why);
                state.requests.restarted.push(up);
            }
        }
        self.shared.supervisor.wake();
        async move { answer.await.map_err(|_dropped| NotUp) }
    }

    /// Ends the actor now: its queue and its futures in flight are dropped, and neither
    /// `stopping` nor `stopped` run. For an end in good order send it a message to that effect
    /// first.
    ///
    /// It is asked for when this is called; the answer comes when the actor is gone.
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shared.state().requests.shutdown = true;
        self.shared.supervisor.wake();
        self.ended()
    }

    /// Resolves when the actor is gone for good, for whatever reason.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let (held, end) = oneshot::channel::<()>();
        let mut state = self.shared.state();
        if !state.closed {
            state.waiting_for_end.push(held);
        }
        async move {
            // Nothing is ever sent: the only news is that the other side was dropped.
            end.await.unwrap_or(());
        }
    }

    /// Whether the actor is gone for good.
    pub fn is_ended(&self) -> bool {
        self.shared.state().closed
    }
}

impl ControlEnd {
    /// Takes what was asked for; `cx` is woken when there is more.
    pub(super) fn take(&self, cx: &Context<'_>) -> Requests {
        // First register, then look: a request between the two wakes us again.
        self.shared.supervisor.register(cx.waker());
        mem::take(&mut self.shared.state().requests)
    }
}

impl Drop for ControlEnd {
    fn drop(&mut self) {
        self.stats.stopped();
        let mut state = self.shared.state();
        state.closed = true;
        state.requests = Requests::default();
        state.waiting_for_end = Vec::new();
    }
}
