//! The HTTP client that carts are called with.

/// What may be called.
#[derive(Debug, Clone, Copy)]
pub struct Outbound {
    /// Plain http and private addresses too (`outbound.allow_private`).
    pub allow_private: bool,
}

/// A client for cart APIs.
#[derive(Clone)]
pub struct CartHttp {
    _outbound: Outbound,
}
