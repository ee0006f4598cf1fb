//! Where time comes from (I11): the only file that asks the system what time it is.

use tokio::time::Instant;

use crate::domain::Timestamp;

/// A clock. Cheap to clone; every clone of one clock tells the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// The system's wall clock.
    System,
    /// A start plus what tokio's clock has advanced since: stands still and jumps with a paused
    /// test clock.
    Tokio { start: Timestamp, began: Instant },
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self { source: Source::System }
    }

    /// Starts at `start` and follows tokio's clock. Call it inside a runtime.
    pub fn tokio(start: Timestamp) -> Self {
        Self { source: Source::Tokio { start, began: Instant::now() } }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match &self.source {
            #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
            Source::System => Timestamp(jiff::Timestamp::now().as_microsecond()),
            Source::Tokio { start, began } => start.plus(began.elapsed()),
        }
    }
}
