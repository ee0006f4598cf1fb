//! A store's settings: what each kind of change in the cart does here (R14, R23).

use serde::{Deserialize, Serialize};

use super::ids::ChannelKind;
use super::time::Timestamp;

/// What an edited order does here (R20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edits {
    /// Our content stays.
    Ignore,
    /// A person decides.
    Review,
    /// Taken over while the order is open.
    Apply,
}

/// What a cancelled order does here (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancels {
    /// Cancelled here if it is open.
    Auto,
    /// Left as it is; the timeline says so.
    Ignore,
}

/// What an archived order does here (R22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Archives {
    /// Nothing.
    Ignore,
    /// Archived here too.
    Archive,
    /// Cancelled here (BigCommerce only; Shopify archives shipped orders by itself).
    Cancel,
}

/// What an order fulfilled in the cart does while it is open here (R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShippedInCart {
    /// Flagged, so that nothing ships twice.
    Ignore,
    /// Marked shipped here.
    MarkShipped,
}

/// What a declined order does here (R25, BigCommerce).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declined {
    /// As a cancel.
    Cancel,
    /// Only flagged.
    Flag,
}

/// All settings of a store. JSON names are those of the interface; unknown names are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// R20.
    pub edits: Edits,
    /// R21.
    pub cancels: Cancels,
    /// R22.
    pub archives: Archives,
    /// R26.
    pub shipped_in_cart: ShippedInCart,
    /// R25.
    pub declined: Declined,
    /// Payment statuses (Shopify) or status ids (BigCommerce) that import (R14).
    pub import_statuses: Vec<String>,
    /// Fulfilment statuses that import; `unfulfilled` stands for none (R14).
    pub import_fulfilments: Vec<String>,
    /// Orders placed earlier are held back.
    pub import_from: Option<Timestamp>,
    /// Whether test orders import, with flag `test`.
    pub import_test_orders: bool,
    /// Products created in the cart import by themselves (R31). Not used yet.
    pub import_products: bool,
    /// The cart's location that stock is written to (R35). Not used yet.
    pub location: Option<String>,
    /// Outward writes are recorded, none is sent (R39). Not used yet.
    pub dry_run: bool,
    /// Low stock is written back seconds after a sale (R52). Not used yet.
    pub instant_inventory: bool,
    /// Callbacks must carry a valid signature (BigCommerce), not the secret header alone.
    pub require_signature: bool,
}

impl Rules {
    /// The defaults of a channel (R14, R20–R26).
    pub fn defaults(channel: ChannelKind) -> Self {
        let (edits, statuses): (_, &[&str]) = match channel {
            ChannelKind::Shopify => (Edits::Ignore, &["paid", "partially_refunded"]),
            ChannelKind::BigCommerce => (Edits::Apply, &["8", "9", "11"]),
        };
        Self {
            edits,
            cancels: Cancels::Auto,
            archives: Archives::Ignore,
            shipped_in_cart: ShippedInCart::Ignore,
            declined: Declined::Cancel,
            import_statuses: statuses.iter().map(|s| (*s).to_owned()).collect(),
            import_fulfilments: vec!["unfulfilled".to_owned(), "partial".to_owned()],
            import_from: None,
            import_test_orders: true,
            import_products: false,
            location: None,
            dry_run: false,
            instant_inventory: false,
            require_signature: false,
        }
    }

    /// Why these settings cannot be used on `channel`, one sentence each; empty if they can.
    pub fn objections(&self, channel: ChannelKind) -> Vec<(&'static str, String)> {
        let mut objections = Vec::new();
        if self.archives == Archives::Cancel && channel != ChannelKind::BigCommerce {
            objections.push((
                "archives",
                format!(
                    "archives can be \"cancel\" on BigCommerce only; {} archives shipped orders \
                     by itself.",
                    channel.title()
                ),
            ));
        }
        let statuses: &[&str] = match channel {
            ChannelKind::Shopify => &PAYMENTS,
            ChannelKind::BigCommerce => &IMPORTABLE,
        };
        for status in self.import_statuses.iter().filter(|s| !statuses.contains(&s.as_str())) {
            objections.push(("import_statuses", unknown(status, statuses)));
        }
        let fulfilments = self.import_fulfilments.iter();
        for status in fulfilments.filter(|s| !FULFILMENTS.contains(&s.as_str())) {
            objections.push(("import_fulfilments", unknown(status, &FULFILMENTS)));
        }
        if self.import_statuses.is_empty() {
            objections.push((
                "import_statuses",
                "import_statuses is empty, so no order could ever import; name at least one."
                    .to_owned(),
            ));
        }
        if channel == ChannelKind::Shopify && self.import_fulfilments.is_empty() {
            objections.push((
                "import_fulfilments",
                "import_fulfilments is empty, so no order could ever import; name at least one."
                    .to_owned(),
            ));
        }
        objections
    }
}

const PAYMENTS: [&str; 8] = [
    "pending",
    "authorized",
    "partially_paid",
    "paid",
    "partially_refunded",
    "refunded",
    "voided",
    "expired",
];
/// Ids of BigCommerce that may import: 0 is no order yet, 5 and 6 are cancelled ones (R13).
const IMPORTABLE: [&str; 12] = ["1", "2", "3", "4", "7", "8", "9", "10", "11", "12", "13", "14"];
const FULFILMENTS: [&str; 4] = ["unfulfilled", "partial", "fulfilled", "restocked"];

fn unknown(given: &str, known: &[&str]) -> String {
    format!("{given:?} is not a status of this cart; use some of {}.", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r23_every_cart_may_ignore_review_and_apply_edits() {
        for channel in [ChannelKind::Shopify, ChannelKind::BigCommerce] {
            for edits in [Edits::Ignore, Edits::Review, Edits::Apply] {
                let rules = Rules { edits, ..Rules::defaults(channel) };
                assert_eq!(rules.objections(channel), []);
            }
        }
    }

    #[test]
    fn r14_bigcommerce_imports_by_status_ids_that_are_no_cancellation() {
        for wrong in ["0", "5", "6", "15", "Completed", "011"] {
            let mut rules = Rules::defaults(ChannelKind::BigCommerce);
            rules.import_statuses.push(wrong.to_owned());
            let (field, sentence) = rules.objections(ChannelKind::BigCommerce).remove(0);
            assert_eq!(field, "import_statuses");
            assert!(sentence.contains(wrong), "{sentence}");
        }
    }

    #[test]
    fn r23_archives_cancel_is_for_bigcommerce_only() {
        let mut rules = Rules::defaults(ChannelKind::Shopify);
        rules.archives = Archives::Cancel;
        assert_eq!(rules.objections(ChannelKind::Shopify).first().unwrap().0, "archives");
    }

    #[test]
    fn r14_lists_that_no_order_could_pass_are_refused() {
        let mut rules = Rules::defaults(ChannelKind::Shopify);
        rules.import_statuses.clear();
        rules.import_fulfilments.clear();
        let fields = rules.objections(ChannelKind::Shopify).into_iter().map(|(field, _)| field);
        assert!(fields.eq(["import_statuses", "import_fulfilments"]));
    }

    #[test]
    fn r14_unknown_statuses_are_named() {
        let mut rules = Rules::defaults(ChannelKind::Shopify);
        rules.import_statuses = vec!["payed".into()];
        let (field, sentence) = rules.objections(ChannelKind::Shopify).remove(0);
        assert_eq!(field, "import_statuses");
        assert!(sentence.starts_with("\"payed\" is not a status of this cart"));
    }
}
