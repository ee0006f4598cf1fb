//! The actors.

pub mod handle;
pub mod stores;
pub mod writer;

pub use handle::{ActorState, ActorView, Ask, AskError, Fetched, Restarted};
pub use stores::StoresHandle;
pub use writer::{WriteError, WriterHandle};
