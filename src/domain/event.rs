//! Words of the journal: where an event came from, where it stands, and why.

use serde::{Deserialize, Serialize};

/// Where an input of `decide` came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The cart told us.
    Webhook,
    /// Autosync read it in a list.
    Poll,
    /// It was read by itself, because something asked for it.
    Fetch,
    /// Decided again (R49).
    Replay,
    /// A person or tool asked for it.
    Person,
    /// A store's rules changed.
    Rules,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 6] =
        [Self::Webhook, Self::Poll, Self::Fetch, Self::Replay, Self::Person, Self::Rules];

    /// The name in JSON and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
            Self::Replay => "replay",
            Self::Person => "person",
            Self::Rules => "rules",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// Where an event stands. The first two are *open*: work is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Stored, not yet worked on.
    Waiting,
    /// Failed, will be tried again at a known time (R49).
    Retrying,
    /// Took effect, or was seen to change nothing.
    Done,
    /// Understood and left aside by a rule; the reason names it.
    Ignored,
    /// Its order is held back (R13).
    Held,
    /// The same version and content was known (R10).
    Duplicate,
    /// An older version than the known one (R12).
    Stale,
    /// Our own write coming back (R38).
    Echo,
    /// Only a person can mend it; the reason says why (R49).
    SetAside,
    /// A person put it away with a note (R49).
    Dismissed,
}

impl EventState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Retrying,
        Self::Done,
        Self::Ignored,
        Self::Held,
        Self::Duplicate,
        Self::Stale,
        Self::Echo,
        Self::SetAside,
        Self::Dismissed,
    ];

    /// The name in JSON and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Echo => "echo",
            Self::SetAside => "set_aside",
            Self::Dismissed => "dismissed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether work is left.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Retrying)
    }
}

/// Codes of `reason`, beside those of [`super::HeldBack`].
pub mod reason {
    /// Known topic that nothing here needs (R9).
    pub const TOPIC_NOT_USED: &str = "topic_not_used";
    /// No cart has such a topic, as far as we know (R9).
    pub const TOPIC_UNKNOWN: &str = "topic_unknown";
    /// Authentic bytes that are no JSON (R9).
    pub const UNREADABLE: &str = "unreadable";
    /// JSON whose shape does not fit its topic (R9).
    pub const WRONG_SHAPE: &str = "wrong_shape";
    /// The order was edited in the cart and this store ignores edits (R20).
    pub const EDITS_IGNORED: &str = "edits_ignored";
    /// The order was cancelled in the cart and this store ignores cancels (R23).
    pub const CANCELS_IGNORED: &str = "cancels_ignored";
    /// Nothing visible changed.
    pub const NO_CHANGE: &str = "no_change";
    /// The store is disconnected; late callbacks are let pass (R43).
    pub const STORE_DISCONNECTED: &str = "store_disconnected";
    /// Instasync is switched off for the task (R3).
    pub const INSTASYNC_OFF: &str = "instasync_off";
    /// Another store holds this cart order id through the same credentials (R15).
    pub const ORDER_OF_ANOTHER_STORE: &str = "order_of_another_store";
    /// The cart still has the order that was said to be deleted (R55).
    pub const NOT_DELETED: &str = "not_deleted";
    /// The order was said to be deleted and the credentials are too narrow to confirm it (R55).
    pub const DELETION_UNCONFIRMED: &str = "deletion_unconfirmed";
    /// It was deleted in the cart before it was ever in the book.
    pub const ORDER_UNKNOWN: &str = "order_unknown";
    /// The cart answered "not found" for an order it had just named.
    pub const NOT_FOUND_IN_CART: &str = "not_found_in_cart";
    /// The cart kept answering with a state older than its own callback.
    pub const CART_LAGS: &str = "cart_lags";
    /// The cart's answer could not be read.
    pub const ANSWER_UNREADABLE: &str = "answer_unreadable";
    /// The cart refused to answer for this order.
    pub const REFUSED_BY_CART: &str = "refused_by_cart";
    /// Working on it crashed the store's actor three times.
    pub const CRASHED: &str = "crashed";
    /// Webhook of an app's life (uninstall, scopes, redaction): needs a confirmation first (R55).
    pub const NEEDS_CONFIRMATION: &str = "needs_confirmation";
    /// A run came to nothing; the next one goes on from where it stood (R6).
    pub const RUN_FAILED: &str = "run_failed";
    /// A person ended the run (R6).
    pub const CANCELLED: &str = "cancelled";
    /// One fetch answered this and other events of the order at once.
    pub const COALESCED: &str = "coalesced";

    /// What a re-examination came to: so many of the held-back orders it looked at were imported.
    pub fn re_examined(imported: u64, seen: u64) -> String {
        format!("re_examined_{imported}_of_{seen}")
    }

    /// Reads what [`re_examined`] wrote: imported, seen.
    pub fn read_re_examined(code: &str) -> Option<(u64, u64)> {
        let (imported, seen) = code.strip_prefix("re_examined_")?.split_once("_of_")?;
        Some((imported.parse().ok()?, seen.parse().ok()?))
    }

    /// The reason as a sentence for people; `None` for a code this build does not know.
    pub fn sentence(code: &str) -> Option<&'static str> {
        Some(match code {
            TOPIC_NOT_USED => "Nothing here needs this topic.",
            TOPIC_UNKNOWN => "This build does not know the topic.",
            UNREADABLE => "The body is not JSON.",
            WRONG_SHAPE => "The body does not have the shape of its topic.",
            EDITS_IGNORED => "The order was edited in the cart; this store keeps its own content.",
            CANCELS_IGNORED => "The order was cancelled in the cart; this store ignores cancels.",
            NO_CHANGE => "Nothing visible changed.",
            STORE_DISCONNECTED => "The store is disconnected.",
            INSTASYNC_OFF => "Instasync is switched off for this task.",
            ORDER_OF_ANOTHER_STORE => {
                "Another store with the same credentials already holds this order."
            }
            NOT_DELETED => "The cart still has the order.",
            DELETION_UNCONFIRMED => {
                "The credentials cannot see orders this old, so the deletion is not confirmed."
            }
            ORDER_UNKNOWN => "The order was deleted before it was ever in the book.",
            NOT_FOUND_IN_CART => "The cart answered that it has no such order.",
            CART_LAGS => "The cart kept answering with an older state than it had announced.",
            ANSWER_UNREADABLE => "The cart's answer could not be read.",
            REFUSED_BY_CART => "The cart refused the request.",
            CRASHED => "Working on this event crashed three times.",
            NEEDS_CONFIRMATION => "It takes effect only after a confirmation.",
            RUN_FAILED => "The run failed; the next one goes on from where it stood.",
            CANCELLED => "A person cancelled the run.",
            COALESCED => "One read of the order answered this event too.",
            _ => {
                return super::super::HeldBack::parse(code).map(|held| match held {
                    super::super::HeldBack::CancelledInCart => "Held back: cancelled in the cart.",
                    super::super::HeldBack::AlreadyFulfilled => "Held back: already fulfilled.",
                    super::super::HeldBack::PaymentPending => "Held back: payment pending.",
                    super::super::HeldBack::StatusNotImported => {
                        "Held back: its status in the cart is not imported."
                    }
                    super::super::HeldBack::BeforeStartDate => {
                        "Held back: placed before the start date."
                    }
                    super::super::HeldBack::TestOrder => "Held back: a test order.",
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_what_they_name() {
        for state in EventState::ALL {
            assert_eq!(EventState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for source in Source::ALL {
            assert_eq!(Source::parse(source.as_str()), Some(source));
        }
    }
}
