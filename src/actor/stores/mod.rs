//! The supervisor of the store actors.

mod handle;

pub use handle::StoresHandle;

/// What the supervisor and its handles share.
pub(super) struct Shared {}
