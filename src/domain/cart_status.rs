//! What the cart's own statuses mean here, for every cart in one place (R13, R21, R24–R26).
//!
//! BigCommerce tells one status by id, never by label, since merchants may rename labels. Where
//! there is one it decides alone; its payment words are shown and never judged.

use serde::{Deserialize, Serialize};

use super::rules::{Declined, Rules};
use super::sighting::CartState;
use super::time::Timestamp;

/// Ids of BigCommerce's statuses that mean something here.
mod id {
    pub(super) const PENDING: i64 = 1;
    pub(super) const SHIPPED: i64 = 2;
    pub(super) const REFUNDED: i64 = 4;
    pub(super) const CANCELLED: i64 = 5;
    pub(super) const DECLINED: i64 = 6;
    pub(super) const AWAITING_PAYMENT: i64 = 7;
    pub(super) const COMPLETED: i64 = 10;
    pub(super) const VERIFICATION: i64 = 12;
    pub(super) const DISPUTED: i64 = 13;
}

/// BigCommerce's statuses by id, in the words it uses unless a merchant renamed them.
const STATUS_NAMES: [&str; 15] = [
    "Incomplete",
    "Pending",
    "Shipped",
    "Partially Shipped",
    "Refunded",
    "Cancelled",
    "Declined",
    "Awaiting Payment",
    "Awaiting Pickup",
    "Awaiting Shipment",
    "Completed",
    "Awaiting Fulfillment",
    "Manual Verification Required",
    "Disputed",
    "Partially Refunded",
];

/// The name of a BigCommerce status; `None`: there is no such status.
pub fn status_name(id: i64) -> Option<&'static str> {
    STATUS_NAMES.get(usize::try_from(id).ok()?).copied()
}

/// A cancellation as the cart states it: what acts once (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cancellation {
    /// With the time of the cancellation; another time is another cancellation.
    At(Timestamp),
    /// By standing in a status, which says nothing of when. It is the same one until the order has
    /// left that status.
    Standing(Standing),
}

/// The word that stands for [`Cancellation::Standing`] in a row.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The only one.
    #[default]
    Standing,
}

/// Why an order is not imported, as far as the cart's statuses say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Cancelled,
    Fulfilled,
    PaymentPending,
    Other,
}

impl CartState {
    /// The cancellation that the cart states. A declined order counts as cancelled unless the rules
    /// say otherwise (R25).
    pub fn cancellation(&self, rules: &Rules) -> Option<Cancellation> {
        let standing = Some(Cancellation::Standing(Standing::Standing));
        match self.status_id {
            Some(id::CANCELLED) => standing,
            Some(id::DECLINED) if rules.declined == Declined::Cancel => standing,
            Some(_) => None,
            None => self.cancelled_at.map(Cancellation::At),
        }
    }

    /// The cart counts it as cancelled, whatever the rules make of it: part of its version (R12),
    /// which no change of rules may move.
    pub fn reads_cancelled(&self) -> bool {
        match self.status_id {
            Some(status) => matches!(status, id::CANCELLED | id::DECLINED),
            None => self.cancelled_at.is_some(),
        }
    }

    /// Everything has left the cart's warehouse (R26).
    pub fn is_fulfilled(&self) -> bool {
        match self.status_id {
            Some(status) => matches!(status, id::SHIPPED | id::COMPLETED),
            None => self.fulfillment_status.as_deref() == Some("fulfilled"),
        }
    }

    /// All money went back without a cancellation (R25).
    pub fn is_refunded(&self) -> bool {
        match self.status_id {
            Some(status) => status == id::REFUNDED,
            None => {
                self.cancelled_at.is_none() && self.financial_status.as_deref() == Some("refunded")
            }
        }
    }

    /// The cart asks to wait with it (R25): unpaid again, to be verified, disputed, or declined
    /// where that is no cancellation.
    pub fn is_on_hold(&self, rules: &Rules) -> bool {
        match self.status_id {
            Some(id::AWAITING_PAYMENT | id::VERIFICATION | id::DISPUTED) => true,
            Some(id::DECLINED) => rules.declined == Declined::Flag,
            _ => false,
        }
    }

    /// Where a BigCommerce status stands in an order's life (R13); `None`: it tells no status.
    pub(super) fn phase(&self) -> Option<Phase> {
        Some(match self.status_id? {
            id::CANCELLED | id::DECLINED => Phase::Cancelled,
            id::SHIPPED | id::COMPLETED => Phase::Fulfilled,
            id::PENDING | id::AWAITING_PAYMENT => Phase::PaymentPending,
            _ => Phase::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::ids::ChannelKind;
    use super::*;

    fn status(id: i64) -> CartState {
        CartState { status_id: Some(id), ..CartState::default() }
    }

    #[rstest]
    #[case(2, "fulfilled")]
    #[case(4, "refunded")]
    #[case(5, "cancelled")]
    #[case(6, "cancelled")]
    #[case(7, "on hold")]
    #[case(10, "fulfilled")]
    #[case(12, "on hold")]
    #[case(13, "on hold")]
    #[case(0, "")]
    #[case(3, "")]
    #[case(11, "")]
    #[case(99, "")]
    fn r25_each_status_means_at_most_one_thing(#[case] id: i64, #[case] meaning: &str) {
        let rules = Rules::defaults(ChannelKind::BigCommerce);
        let cart = status(id);
        let told = [
            ("fulfilled", cart.is_fulfilled()),
            ("refunded", cart.is_refunded()),
            ("cancelled", cart.cancellation(&rules).is_some()),
            ("on hold", cart.is_on_hold(&rules)),
        ];
        let told: Vec<_> = told.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        assert_eq!(told.concat(), meaning);
    }

    #[test]
    fn r25_declined_is_put_on_hold_where_the_rules_say_so() {
        let mut rules = Rules::defaults(ChannelKind::BigCommerce);
        rules.declined = Declined::Flag;
        let declined = status(6);
        assert_eq!(declined.cancellation(&rules), None);
        assert!(declined.is_on_hold(&rules));
        assert!(declined.reads_cancelled(), "its version does not depend on rules");
    }

    #[test]
    fn r25_payment_words_beside_a_status_are_not_judged() {
        let financial_status = Some("refunded".to_owned());
        let cart = CartState { financial_status, ..status(11) };
        assert!(!cart.is_refunded());
    }

    #[test]
    fn r21_a_settled_cancellation_reads_back() {
        for (cancellation, json) in [
            (Cancellation::At(Timestamp::from_seconds(0)), "\"1970-01-01T00:00:00Z\""),
            (Cancellation::Standing(Standing::Standing), "\"standing\""),
        ] {
            assert_eq!(serde_json::to_string(&cancellation).unwrap(), json);
            assert_eq!(serde_json::from_str::<Cancellation>(json).unwrap(), cancellation);
        }
    }

    #[test]
    fn statuses_have_the_carts_names() {
        assert_eq!(status_name(11), Some("Awaiting Fulfillment"));
        assert_eq!((status_name(15), status_name(-1)), (None, None));
    }
}
