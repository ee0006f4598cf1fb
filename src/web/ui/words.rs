//! How facts are put on pages: times, statuses, sums.

use std::time::Duration;

use crate::domain::{ArrivedBy, Flag, Order, Status, Timestamp};

/// A time as people read it, with the exact one for machines and for pointing at.
#[derive(Debug, Clone)]
pub(super) struct When {
    pub(super) exact: String,
    pub(super) words: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { exact: at.to_string(), words: ago(now.since(at)) }
    }
}

/// `12 s ago`, `3 min ago`, `5 h ago`, `9 days ago`.
pub(super) fn ago(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => "now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A time of day with its date, in UTC, to the millisecond: what timelines show.
pub(super) fn exact(at: Timestamp) -> String {
    let text = Timestamp(at.0 - at.0.rem_euclid(1000)).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

/// The colour of a status; the word itself says it too.
pub(super) fn tone(status: Status) -> &'static str {
    match status {
        Status::AwaitingFulfillment | Status::DropshipmentRequested => "info",
        Status::Shipped => "ok",
        Status::Cancelled | Status::HeldBack => "warn",
    }
}

/// The status with a capital letter.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::HeldBack => "Held back",
        Status::AwaitingFulfillment => "Awaiting fulfillment",
        Status::DropshipmentRequested => "Dropshipment requested",
        Status::Shipped => "Shipped",
        Status::Cancelled => "Cancelled",
    }
}

/// A flag in words.
pub(super) fn flag(flag: Flag) -> &'static str {
    match flag {
        Flag::CancelledLate => "Cancelled too late",
        Flag::RefundedInCart => "Refunded in the cart",
        Flag::RevivedInCart => "Revived in the cart",
        Flag::DeletedInCart => "Deleted in the cart",
        Flag::FulfilledInCart => "Fulfilled in the cart",
        Flag::OnHoldInCart => "On hold in the cart",
        Flag::WebhookMissed => "Webhook missed",
        Flag::UnlinkedLine => "Unknown SKU",
        Flag::Test => "Test",
        Flag::Archived => "Archived",
        Flag::Redacted => "Redacted",
    }
}

/// How an order came into the book.
pub(super) fn arrived_by(by: ArrivedBy) -> &'static str {
    match by {
        ArrivedBy::Instasync => "by Instasync",
        ArrivedBy::Autosync => "by autosync",
        ArrivedBy::Manual => "by hand",
    }
}

/// One row of a list of orders.
#[derive(Debug, Clone)]
pub(super) struct OrderRow {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) store: String,
    pub(super) cart_name: String,
    pub(super) by_bolt: bool,
    pub(super) arrived_by: &'static str,
    pub(super) imported: When,
    pub(super) tone: &'static str,
    pub(super) status: &'static str,
    pub(super) flags: Vec<&'static str>,
    pub(super) items: u64,
    pub(super) total: String,
}

impl OrderRow {
    pub(super) fn new(order: &Order, store: &str, now: Timestamp) -> Self {
        Self {
            id: order.id.to_string(),
            number: order.number.clone(),
            store: store.to_owned(),
            cart_name: order.cart_name.clone(),
            by_bolt: order.arrived_by == ArrivedBy::Instasync,
            arrived_by: arrived_by(order.arrived_by),
            imported: When::new(order.created_at, now),
            tone: tone(order.status),
            status: status(order.status),
            flags: order.flags.iter().map(flag).collect(),
            items: order.content.lines.iter().map(|line| u64::from(line.quantity)).sum(),
            total: format!("{} {}", order.content.totals.total, order.content.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_matters() {
        let told = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!(told(0), "now");
        assert_eq!(told(59), "59 s ago");
        assert_eq!(told(60), "1 min ago");
        assert_eq!(told(7200), "2 h ago");
        assert_eq!(told(200_000), "2 days ago");
    }

    #[test]
    fn exact_times_show_milliseconds_in_utc() {
        let at = Timestamp::parse("2026-11-24T14:02:07.412999Z").unwrap();
        assert_eq!(exact(at), "2026-11-24 14:02:07.412 UTC");
    }
}
