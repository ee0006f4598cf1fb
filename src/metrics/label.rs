//! What labels may hold.

use std::borrow::Cow;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

label! {
    /// What a delivery was answered.
    WebhookResult {
        /// Journaled: 200.
        Accepted = "accepted",
        /// Journaled as a hint, although a signature that it carries does not fit: 200.
        Doubtful = "doubtful",
        /// It repeats a known delivery (R10): 200.
        Duplicate = "duplicate",
        /// Signature wrong or missing, or path and shop header disagree: 401.
        BadSignature = "bad_signature",
        /// No such store: 404.
        UnknownStore = "unknown_store",
        /// Body over the limit: 413.
        TooLarge = "too_large",
        /// It could not be journaled now: 503.
        Shed = "shed",
        /// The body broke off (400) or did not come in time (408).
        Incomplete = "incomplete",
    }
}

label! {
    /// What an event did to its order.
    Outcome {
        /// Imported.
        Created = "created",
        /// Changed.
        Updated = "updated",
        /// A revision was opened or changed.
        Revision = "revision",
        /// Cancelled.
        Cancelled = "cancelled",
        /// Left as it was, by a rule.
        Ignored = "ignored",
        /// Set aside.
        Failed = "failed",
    }
}

label! {
    /// How a sighting came.
    ImportPath {
        /// By webhook.
        Instasync = "instasync",
        /// By poll.
        Autosync = "autosync",
        /// By a person's request.
        Manual = "manual",
        /// Decided again.
        Replay = "replay",
    }
}

label! {
    /// How a run of a task ended (R6).
    RunResult {
        /// Its list was read to the end.
        Done = "done",
        /// It came to nothing.
        Failed = "failed",
        /// A person ended it.
        Cancelled = "cancelled",
    }
}

label! {
    /// Why a store's actor was built anew.
    RestartReason {
        /// It panicked.
        Panic = "panic",
        /// A person asked for it.
        Forced = "forced",
        /// Its quarantine ended.
        Quarantine = "quarantine",
    }
}

/// What came of a call to a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CartCode {
    /// An answer with that HTTP status.
    Status(u16),
    /// No answer in time.
    Timeout,
    /// No connection, or it was cut.
    Unreachable,
    /// The cart understood and refused, or its answer could not be read.
    Refused,
}

impl CartCode {
    /// The label's value; statuses that HTTP does not know share one.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Status(status @ 100..=599) => Cow::Owned(status.to_string()),
            Self::Status(_) => Cow::Borrowed("other"),
            Self::Timeout => Cow::Borrowed("timeout"),
            Self::Unreachable => Cow::Borrowed("unreachable"),
            Self::Refused => Cow::Borrowed("refused"),
        }
    }
}
