//! The actors.
//!
//! # Supervision
//!
//! Every actor runs inside a supervisor of our own ([`supervise`]). A panic costs the actor its
//! present work and its memory, nothing else: the address stays valid, what waits in the mailbox is
//! handled by the next incarnation, and only who waited for an answer of dropped work is told so.
//! Neighbours on the same thread notice nothing. Crashes are followed by growing rests; an actor
//! that crashes too often is quarantined (a store) or takes the process down (writer, timer), so
//! that systemd starts it anew. Restart and shutdown travel beside the mailbox and reach an actor
//! that hangs.
//!
//! Truth lives in the database; a restart means: read it again. That asks of an actor:
//!
//! - `restarting` replaces the whole value (`*self = Self::fresh(deps)`): a field that was half
//!   changed when the panic came must not survive it. It does nothing that can fail.
//! - `started` loads the state with one `ctx.wait`, so that no message is handled before, and arms
//!   the timers: none of them outlives an incarnation. When all is loaded it says
//!   [`supervise::SupervisorCtx::up`].
//! - Nothing that can fail happens in `stopping` and `stopped`, nor anything that must: a shutdown
//!   skips them. An end in good order is a message.
//! - A forced restart drops futures anywhere in the middle. So a database batch runs on a task of
//!   its own (I9), and the next incarnation reads what came of it.
//! - A handler has at most one `ctx.wait`: two of them run last first. It awaits something in
//!   each, since the mailbox loop never yields by itself (I6). A plain `ResponseFuture` is not
//!   serialised with the actor's other messages and is for reading only.
//! - No `cancel_future`: a cancellation that was pending at a restart hits a future of the next
//!   incarnation. A timer that is no longer wanted is recognised by a number in it.
//! - Asks go down (web → store → writer), never up, with a deadline each (I7); upward there are
//!   only notices. What must happen does not ride on a `send` that can be cancelled (I8).
//!
//! The facts of actix this rests on are pinned by the tests in `facts.rs`: an upgrade that changes
//! one of them fails there.

#[cfg(test)]
mod facts;
pub mod handle;
pub mod resources;
pub mod root;
mod runs;
mod store;
pub mod stores;
pub mod supervise;
#[cfg(test)]
mod tests;
pub mod timer;
pub mod writer;

pub use handle::{ActorState, ActorView, Ask, AskError, Fetched, Restarted};
pub use resources::StoreSettings;
pub use root::{Actors, Foundation};
pub use stores::StoresHandle;
pub use timer::TimerHandle;
pub use writer::{QueueLimits, WriteError, WriterHandle};
