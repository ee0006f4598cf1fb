//! What can go wrong in a call to a cart, by what the caller can do about it.

use std::time::Duration;

/// A failed call. The text is for operators and timelines: it never carries tokens, bodies or
/// personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Too many calls: wait, at least so long, and ask again (THROTTLED, 429, 503 with Retry-After).
    #[error("the cart asks to wait {} s", after.as_secs_f32())]
    Throttled {
        /// How long at least.
        after: Duration,
    },
    /// The cart cannot be reached or is failing (5xx, timeout, cut connection): an outage, ask
    /// again later.
    #[error("the cart cannot be reached: {0}")]
    Unavailable(String),
    /// The credentials are not accepted (any more): a person must reconnect (R47).
    #[error("the cart refused the credentials: {0}")]
    Unauthorized(String),
    /// The cart understood and refused: asking again the same way is no use.
    #[error("the cart refused the request: {0}")]
    Rejected(String),
    /// The answer is not what the cart's documentation promises.
    #[error("the cart's answer could not be read: {0}")]
    Protocol(String),
    /// The address must not be called (`outbound.allow_private`).
    #[error("{0}")]
    Forbidden(String),
}

impl ChannelError {
    /// Whether it is the cart's trouble, which counts no attempt against an event (R49).
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable(_))
    }
}
