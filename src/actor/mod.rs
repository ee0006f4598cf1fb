//! The actors.

pub mod handle;
pub mod resources;
pub mod root;
mod store;
pub mod stores;
pub mod supervise;
pub mod timer;
pub mod writer;

pub use handle::{ActorState, ActorView, Ask, AskError, Fetched, Restarted};
pub use resources::StoreSettings;
pub use root::{Actors, Foundation};
pub use stores::StoresHandle;
pub use timer::TimerHandle;
pub use writer::{QueueLimits, WriteError, WriterHandle};
