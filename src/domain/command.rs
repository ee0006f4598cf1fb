//! What persons and tools may ask of an order (R18).

use serde::{Deserialize, Serialize};

use super::revision::{Edit, Part};

/// One request of a person or tool for one order. JSON is how the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Not to be shipped.
    Cancel {
        /// In the person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Take a cancellation back.
    Restore,
    /// A supplier was asked to ship it.
    RequestDropship,
    /// It has left.
    Ship(Tracking),
    /// Put away.
    Archive,
    /// Take back out.
    Unarchive,
    /// Bring a held-back order into the book as it is (R13).
    ImportAnyway,
    /// Lines, address, note (R18); what is touched is locked against the cart (R29).
    Edit(Box<Edit>),
    /// Takes changes of the open revision over (R28).
    AcceptRevision(Choice),
    /// Leaves changes of the open revision; they come back only if the cart changes them again.
    RejectRevision(Choice),
}

/// Which changes of a revision, and which revision was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// The changes; empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Part>,
    /// The tag of the revision that was looked at; another one is refused (R30).
    pub tag: String,
}

impl Command {
    /// The name in the journal's `topic` and in routes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Restore => "restore",
            Self::RequestDropship => "request-dropship",
            Self::Ship(_) => "ship",
            Self::Archive => "archive",
            Self::Unarchive => "unarchive",
            Self::ImportAnyway => "import-anyway",
            Self::Edit(_) => "edit",
            Self::AcceptRevision(_) => "accept-revision",
            Self::RejectRevision(_) => "reject-revision",
        }
    }
}

/// How an order was shipped; every part may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tracking {
    /// The parcel's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Where it can be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    /// Whether the cart should tell the customer (R53).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_customer: Option<bool>,
}
