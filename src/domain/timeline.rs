//! What happened to an order (R19), kept as facts and told as sentences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cart_status::status_name;
use super::event::reason;
use super::ids::ChannelKind;
use super::order::{HeldBack, Status};
use super::time::Timestamp;

/// Who caused a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", content = "name", rename_all = "snake_case")]
pub enum By {
    /// The cart, by a webhook or the fetch that one led to.
    Cart(ChannelKind),
    /// The hourly poll.
    Autosync,
    /// A person or tool, by the name of their token or session.
    Person(String),
}

impl By {
    /// The name in JSON and in sentences.
    pub fn name(&self) -> &str {
        match self {
            Self::Cart(channel) => channel.title(),
            Self::Autosync => "Autosync",
            Self::Person(name) => name,
        }
    }
}

/// What kind of thing happened. JSON and ledger: snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`sentence` tells what each one means")]
pub enum Kind {
    Imported,
    HeldBack,
    Cancelled,
    CancelIgnored,
    Restored,
    DropshipRequested,
    Shipped,
    Archived,
    Unarchived,
    EditsIgnored,
    Edited,
    RevisionOpened,
    RevisionApplied,
    RevisionAccepted,
    RevisionRejected,
    RevisionWithdrawn,
    FlagRaised,
    FlagCleared,
    CartChanged,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Imported,
        Self::HeldBack,
        Self::Cancelled,
        Self::CancelIgnored,
        Self::Restored,
        Self::DropshipRequested,
        Self::Shipped,
        Self::Archived,
        Self::Unarchived,
        Self::EditsIgnored,
        Self::Edited,
        Self::RevisionOpened,
        Self::RevisionApplied,
        Self::RevisionAccepted,
        Self::RevisionRejected,
        Self::RevisionWithdrawn,
        Self::FlagRaised,
        Self::FlagCleared,
        Self::CartChanged,
    ];

    /// The name in JSON and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::HeldBack => "held_back",
            Self::Cancelled => "cancelled",
            Self::CancelIgnored => "cancel_ignored",
            Self::Restored => "restored",
            Self::DropshipRequested => "dropship_requested",
            Self::Shipped => "shipped",
            Self::Archived => "archived",
            Self::Unarchived => "unarchived",
            Self::EditsIgnored => "edits_ignored",
            Self::Edited => "edited",
            Self::RevisionOpened => "revision_opened",
            Self::RevisionApplied => "revision_applied",
            Self::RevisionAccepted => "revision_accepted",
            Self::RevisionRejected => "revision_rejected",
            Self::RevisionWithdrawn => "revision_withdrawn",
            Self::FlagRaised => "flag_raised",
            Self::FlagCleared => "flag_cleared",
            Self::CartChanged => "cart_changed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Facts of an entry, by name; shown as `details` and used by its sentence.
pub type Details = BTreeMap<String, String>;

/// One entry of an order's timeline. The event that caused it is added when it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// By whom.
    pub by: By,
    /// The rule that decided, such as `R21`.
    pub rule: &'static str,
    /// Facts.
    pub details: Details,
}

/// The entry as a plain sentence.
pub fn sentence(kind: Kind, by: &str, details: &Details) -> String {
    let fact = |name: &str| details.get(name).map(String::as_str);
    // What the cart did stays its deed, whoever's read found it out.
    let by = fact("cart").unwrap_or(by);
    match kind {
        Kind::Imported => {
            let number = fact("number").unwrap_or("an order");
            match fact("how") {
                Some("anyway") => format!("{by} imported it anyway as {number}."),
                Some("earlier_state") => {
                    format!("Imported as {number} from an earlier state in which it was eligible.")
                }
                Some("re_examined") => {
                    format!("Imported as {number}: this store's rules let it in now.")
                }
                _ => format!("Imported as {number}."),
            }
        }
        Kind::HeldBack => {
            let words = fact("reason").and_then(HeldBack::parse).map_or("", HeldBack::words);
            format!("Held back: {words}.")
        }
        Kind::Cancelled => match fact("reason") {
            Some(reason) => format!("Cancelled by {by} ({reason})."),
            None => format!("Cancelled by {by}."),
        },
        Kind::CancelIgnored => {
            format!("Cancelled in {by}; this store's rules leave the order as it is.")
        }
        Kind::Restored => {
            let status = fact("status").and_then(Status::parse).map_or("", Status::words);
            format!("Restored by {by}; it is {status} again.")
        }
        Kind::DropshipRequested => format!("{by} requested dropshipment."),
        Kind::Shipped => match (fact("carrier"), fact("tracking_number")) {
            (Some(carrier), Some(number)) => {
                format!("Marked shipped by {by}, with {carrier} {number}.")
            }
            (None, Some(number)) => format!("Marked shipped by {by}, tracking {number}."),
            (Some(carrier), None) => format!("Marked shipped by {by}, with {carrier}."),
            (None, None) => format!("Marked shipped by {by}."),
        },
        Kind::Archived => format!("Archived by {by}."),
        Kind::Unarchived => format!("Taken out of the archive by {by}."),
        Kind::EditsIgnored => {
            reason::sentence(reason::EDITS_IGNORED).unwrap_or_default().to_owned()
        }
        Kind::Edited => format!("Edited by {by}: {}.", fact("changes").unwrap_or("its content")),
        Kind::RevisionOpened => {
            let verb = match (fact("how"), fact("conflict")) {
                (Some("changed"), _) => "The changes of the cart that wait are now",
                (_, Some(_)) => "Changed in the cart and here; a person has to decide",
                _ => "Changed in the cart; it waits for a decision",
            };
            format!("{verb}: {}.", fact("changes").unwrap_or("its content"))
        }
        Kind::RevisionApplied => {
            format!("Changed as in the cart: {}.", fact("changes").unwrap_or("its content"))
        }
        Kind::RevisionAccepted => {
            let changes = fact("changes").unwrap_or("its content");
            format!("{by} accepted what the cart changed: {changes}.")
        }
        Kind::RevisionRejected => {
            let changes = fact("changes").unwrap_or("its content");
            format!("{by} rejected what the cart changed: {changes}.")
        }
        Kind::RevisionWithdrawn => match fact("how") {
            Some("rules") => {
                "Changes in the cart no longer wait: this store's rules ignore them.".to_owned()
            }
            _ => "The cart took its changes back; nothing waits any more.".to_owned(),
        },
        Kind::FlagRaised => match fact("flag").unwrap_or_default() {
            "cancelled_late" => format!(
                "{by} cancelled it after it was {}; it was not cancelled here.",
                fact("status").and_then(Status::parse).map_or("closed", Status::words)
            ),
            "refunded_in_cart" => "Fully refunded in the cart, without a cancellation.".to_owned(),
            "revived_in_cart" => {
                "Revived in the cart after its cancellation; it was not reopened here.".to_owned()
            }
            "deleted_in_cart" => "Deleted in the cart; a fetch confirmed it.".to_owned(),
            "fulfilled_in_cart" => "Fulfilled in the cart while it is still open here.".to_owned(),
            "on_hold_in_cart" => "Put on hold in the cart.".to_owned(),
            "webhook_missed" => "No webhook told of it; autosync found it.".to_owned(),
            other => format!("Flagged {}.", other.replace('_', " ")),
        },
        Kind::FlagCleared => {
            let flag = fact("flag").unwrap_or_default().replace('_', " ");
            format!("No longer flagged as {flag}.")
        }
        Kind::CartChanged => {
            let is = |name, yes, no| fact(name).map(|value| if value == "true" { yes } else { no });
            let status = fact("status_id").and_then(|id| id.parse().ok());
            let now = [
                status.and_then(status_name),
                fact("financial_status"),
                fact("fulfillment_status"),
                is("cancelled", "cancelled", "no longer cancelled"),
                is("archived", "archived", "no longer archived"),
            ];
            match now.into_iter().flatten().collect::<Vec<_>>().as_slice() {
                [] => "Its state in the cart changed.".to_owned(),
                [one] => format!("In the cart it is now {one}."),
                [most @ .., last] => {
                    format!("In the cart it is now {} and {last}.", most.join(", "))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_what_they_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn r19_every_kind_has_a_sentence_without_loose_ends() {
        for kind in Kind::ALL {
            let text = sentence(kind, "Shopify", &Details::new());
            assert!(text.ends_with('.') && text.len() > 8, "{kind:?}: {text}");
        }
        let details: Details = [("flag", "cancelled_late"), ("status", "shipped")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(
            sentence(Kind::FlagRaised, "Shopify", &details),
            "Shopify cancelled it after it was shipped; it was not cancelled here."
        );
    }
}
