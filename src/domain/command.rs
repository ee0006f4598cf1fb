//! What persons and tools may ask of an order (R18).

use serde::{Deserialize, Serialize};

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
