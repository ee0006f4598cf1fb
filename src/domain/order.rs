//! An order of the book: its status here, its content, and what is known of it in the cart.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cart_status::Cancellation;
use super::command::Tracking;
use super::ids::{AccountId, OrderId};
use super::revision::CartSide;
use super::sighting::{CartState, Content, Hash, Version};
use super::time::Timestamp;

/// One order of a cart, here. Rows are never deleted (R15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Store and cart order id.
    pub id: OrderId,
    /// The merchant it belongs to.
    pub account: AccountId,
    /// Ours: the store's index, a dash, the cart's number (R16).
    pub number: String,
    /// The cart's number, without our index.
    pub cart_number: String,
    /// As the cart shows it.
    pub cart_name: String,
    /// Where it stands here (R18).
    pub status: Status,
    /// Why it is not in the book; `Some` exactly while `status` is held back (R13).
    pub held_back: Option<HeldBack>,
    /// What brought it into the book.
    pub arrived_by: ArrivedBy,
    /// What people should know about it.
    pub flags: Flags,
    /// When the customer placed it.
    pub placed_at: Timestamp,
    /// When it came into the book; for held-back orders, when it was first seen.
    pub created_at: Timestamp,
    /// When anything visible of it last changed.
    pub updated_at: Timestamp,
    /// Counts the writes of this row; a Commit names the one it read (I10).
    pub row_version: u64,
    /// Lines, addresses, money. Held back: of the newest sighting; in the book: ours (R12 ii).
    pub content: Content,
    /// The cart's side of the content: what of it is settled, what is new (R27).
    pub cart_side: CartSide,
    /// The newest known state of the cart.
    pub cart: CartState,
    /// What has been seen and settled, so that nothing acts twice.
    pub guard: Guard,
    /// How it was shipped.
    pub tracking: Option<Tracking>,
}

impl Order {
    /// Open = somebody may still act on it.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::AwaitingFulfillment | Status::DropshipmentRequested)
    }

    /// In the book, that is: no longer held back.
    pub fn is_in_book(&self) -> bool {
        self.status != Status::HeldBack
    }
}

/// What has been seen of the cart and what of it has already taken effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The newest known version; anything older is stale (R12).
    pub newest: Version,
    /// The content of that version, to tell an edit from a change of status.
    pub newest_content: Hash,
    /// The cancellation that has been acted on; the same one never cancels again (R21).
    pub cancel_settled: Option<Cancellation>,
    /// The status `cancelled` came from the cart, not from a person.
    pub cancelled_by_cart: bool,
    /// The cart's fulfilment has been acted on or overruled by a person (R26).
    pub fulfilment_settled: bool,
    /// The cart's archived state that was last acted on (R22).
    pub archive_settled: bool,
    /// When a fetch last said that the cart does not have it (R25).
    pub gone_at: Option<Timestamp>,
    /// When a fetch last found it. Lists lag behind, so polls do not count.
    pub found_at: Option<Timestamp>,
    /// The second whose webhooks a read settles, or was asked to: one is enough (R12).
    pub tie_settled: Option<Timestamp>,
    /// What a poll found that no webhook told of; gone once that webhook comes after all (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

/// A change that no webhook told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The cart's time of that change.
    pub version: Timestamp,
    /// When a poll found it.
    pub at: Timestamp,
}

impl Guard {
    /// What is known after a first sighting; nothing of it has taken effect yet.
    pub fn new(newest: Version, newest_content: Hash) -> Self {
        Self {
            newest,
            newest_content,
            cancel_settled: None,
            cancelled_by_cart: false,
            fulfilment_settled: false,
            archive_settled: false,
            gone_at: None,
            found_at: newest.is_fetch().then_some(newest.read_at),
            tie_settled: None,
            missed: None,
        }
    }

    /// The last fetch that looked for it did not find it (R25).
    pub fn is_gone(&self) -> bool {
        self.gone_at > self.found_at
    }
}

/// Where an order stands here (R18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Known, but not in the book; see [`HeldBack`].
    HeldBack,
    /// In the book, to be shipped by the merchant.
    AwaitingFulfillment,
    /// A supplier was asked to ship it.
    DropshipmentRequested,
    /// Done.
    Shipped,
    /// Not to be shipped.
    Cancelled,
}

impl Status {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 5] = [
        Self::HeldBack,
        Self::AwaitingFulfillment,
        Self::DropshipmentRequested,
        Self::Shipped,
        Self::Cancelled,
    ];

    /// The name in JSON and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HeldBack => "held_back",
            Self::AwaitingFulfillment => "awaiting_fulfillment",
            Self::DropshipmentRequested => "dropshipment_requested",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The words on pages and in sentences.
    pub const fn words(self) -> &'static str {
        match self {
            Self::HeldBack => "held back",
            Self::AwaitingFulfillment => "awaiting fulfillment",
            Self::DropshipmentRequested => "dropshipment requested",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name in JSON and queries.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Why an order is not in the book: the first reason that applies (R13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`sentence` says what each one means")]
pub enum HeldBack {
    CancelledInCart,
    AlreadyFulfilled,
    PaymentPending,
    StatusNotImported,
    BeforeStartDate,
    TestOrder,
}

impl HeldBack {
    /// Every reason, in the order they are tried.
    pub const ALL: [Self; 6] = [
        Self::CancelledInCart,
        Self::AlreadyFulfilled,
        Self::PaymentPending,
        Self::StatusNotImported,
        Self::BeforeStartDate,
        Self::TestOrder,
    ];

    /// The code in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CancelledInCart => "cancelled_in_cart",
            Self::AlreadyFulfilled => "already_fulfilled",
            Self::PaymentPending => "payment_pending",
            Self::StatusNotImported => "status_not_imported",
            Self::BeforeStartDate => "before_start_date",
            Self::TestOrder => "test_order",
        }
    }

    /// Reads the code.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason in words that finish "held back: …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::CancelledInCart => "it was already cancelled in the cart",
            Self::AlreadyFulfilled => "it was already fulfilled in the cart",
            Self::PaymentPending => "its payment is still pending",
            Self::StatusNotImported => "its status in the cart is not one this store imports",
            Self::BeforeStartDate => "it was placed before this store's start date",
            Self::TestOrder => "it is a test order, which this store does not import",
        }
    }
}

/// What brought an order into the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivedBy {
    /// A webhook, or the fetch that one led to.
    Instasync,
    /// A poll.
    Autosync,
    /// A person: fetched by hand or imported anyway.
    Manual,
}

impl ArrivedBy {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instasync => "instasync",
            Self::Autosync => "autosync",
            Self::Manual => "manual",
        }
    }
}

/// One thing people should know about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Flag {
    /// A cancel came when the order was no longer open (R24).
    CancelledLate = 1,
    /// Fully refunded in the cart without a cancel (R25).
    RefundedInCart = 1 << 1,
    /// Cancelled by the cart, then revived there (R21).
    RevivedInCart = 1 << 2,
    /// A fetch confirmed that the cart deleted it (R25).
    DeletedInCart = 1 << 3,
    /// Fulfilled in the cart while open here (R26).
    FulfilledInCart = 1 << 4,
    /// On hold in the cart after import (R25).
    OnHoldInCart = 1 << 5,
    /// A poll found what no webhook told (R41).
    WebhookMissed = 1 << 6,
    /// A line's SKU is unknown in the account (R33).
    UnlinkedLine = 1 << 7,
    /// Made to try the checkout (R14).
    Test = 1 << 8,
    /// Put away by a person or by the cart (R18, R22).
    Archived = 1 << 9,
    /// Its personal data was removed on request (R55).
    Redacted = 1 << 10,
}

impl Flag {
    /// Every flag, in the order they are listed.
    pub const ALL: [Self; 11] = [
        Self::CancelledLate,
        Self::RefundedInCart,
        Self::RevivedInCart,
        Self::DeletedInCart,
        Self::FulfilledInCart,
        Self::OnHoldInCart,
        Self::WebhookMissed,
        Self::UnlinkedLine,
        Self::Test,
        Self::Archived,
        Self::Redacted,
    ];

    /// The name in JSON and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CancelledLate => "cancelled_late",
            Self::RefundedInCart => "refunded_in_cart",
            Self::RevivedInCart => "revived_in_cart",
            Self::DeletedInCart => "deleted_in_cart",
            Self::FulfilledInCart => "fulfilled_in_cart",
            Self::OnHoldInCart => "on_hold_in_cart",
            Self::WebhookMissed => "webhook_missed",
            Self::UnlinkedLine => "unlinked_line",
            Self::Test => "test",
            Self::Archived => "archived",
            Self::Redacted => "redacted",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str() == text)
    }
}

/// A set of flags, kept as bits; JSON: a list of names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Whether the flag is up.
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & flag as u32 != 0
    }

    /// Raises or lowers a flag.
    pub fn set(&mut self, flag: Flag, up: bool) {
        if up {
            self.0 |= flag as u32;
        } else {
            self.0 &= !(flag as u32);
        }
    }

    /// The flags that are up.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Flags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Flag::as_str))
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let mut flags = Self::default();
        for flag in names.iter().filter_map(|name| Flag::parse(name)) {
            flags.set(flag, true);
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_what_they_name() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for reason in HeldBack::ALL {
            assert_eq!(HeldBack::parse(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for flag in Flag::ALL {
            assert_eq!(Flag::parse(flag.as_str()), Some(flag));
        }
    }

    #[test]
    fn flags_are_a_list_of_names_in_json() {
        let mut flags = Flags::default();
        flags.set(Flag::Test, true);
        flags.set(Flag::CancelledLate, true);
        let json = serde_json::to_string(&flags).unwrap();
        assert_eq!(json, r#"["cancelled_late","test"]"#);
        assert_eq!(serde_json::from_str::<Flags>(&json).unwrap(), flags);
        flags.set(Flag::Test, false);
        assert!(!flags.has(Flag::Test));
    }
}
