//! How facts are put on pages: times, statuses, sums.

use std::time::Duration;

use crate::domain::{ArrivedBy, Flag, HeldBack, Order, Status, Timestamp};

/// A time as people read it, with the exact one for machines and for pointing at.
#[derive(Debug, Clone)]
pub(super) struct When {
    /// For `datetime`.
    pub(super) machine: String,
    /// Date and time of day to the millisecond, in UTC: for titles and timelines.
    pub(super) full: String,
    /// The same to the second.
    pub(super) second: String,
    pub(super) words: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        // Out of range only for made-up numbers, as for `Timestamp` itself.
        let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX);
        Self {
            machine: at.to_string(),
            full: instant.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string(),
            second: instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            words: ago(now.since(at)),
        }
    }
}

/// `now`, `12 s ago`, `3 min ago`, `5 h ago`, `9 days ago`.
fn ago(past: Duration) -> String {
    if past.as_secs() == 0 { "now".to_owned() } else { format!("{} ago", span(past)) }
}

/// `12 s`, `3 min`, `5 h`, `9 days`: the unit that matters, rounded down.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The colour of a status; the word itself says it too.
pub(super) fn tone(status: Status) -> &'static str {
    match status {
        Status::AwaitingFulfillment | Status::DropshipmentRequested => "info",
        Status::Shipped => "ok",
        Status::Cancelled | Status::HeldBack => "plain",
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Marked {
    pub(super) tone: &'static str,
    pub(super) words: &'static str,
}

/// Changes of the cart wait for a decision (R28).
const TO_REVIEW: Marked = Marked { tone: "warn", words: "Changes to review" };

/// A flag in words. Only what may ask for a decision is coloured.
pub(super) fn marked(flag: Flag) -> Marked {
    let (tone, words) = match flag {
        Flag::CancelledLate => ("warn", "Cancelled too late"),
        Flag::RefundedInCart => ("warn", "Refunded in the cart"),
        Flag::RevivedInCart => ("warn", "Revived in the cart"),
        Flag::DeletedInCart => ("warn", "Deleted in the cart"),
        Flag::FulfilledInCart => ("warn", "Fulfilled in the cart"),
        Flag::OnHoldInCart => ("warn", "On hold in the cart"),
        Flag::UnlinkedLine => ("warn", "Unknown SKU"),
        Flag::WebhookMissed => ("plain", "Webhook missed"),
        Flag::Test => ("plain", "Test"),
        Flag::Archived => ("plain", "Archived"),
        Flag::Redacted => ("plain", "Redacted"),
    };
    Marked { tone, words }
}

/// What brought an order into the book.
pub(super) fn arrived_by(by: ArrivedBy) -> &'static str {
    match by {
        ArrivedBy::Instasync => "Instasync",
        ArrivedBy::Autosync => "Autosync",
        ArrivedBy::Manual => "By hand",
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
    /// `None` for an order that did not come into the book.
    pub(super) arrived_by: Option<&'static str>,
    pub(super) arrived: When,
    pub(super) tone: &'static str,
    pub(super) status: &'static str,
    pub(super) held_back: Option<&'static str>,
    pub(super) flags: Vec<Marked>,
    /// What is sent when it is ticked in a list to decide about: its id and what waits.
    pub(super) choice: Option<String>,
    pub(super) items: u64,
    pub(super) total: String,
}

impl OrderRow {
    pub(super) fn new(order: &Order, store: &str, now: Timestamp) -> Self {
        let to_review = order.cart_side.open_since.map(|_| TO_REVIEW);
        Self {
            id: order.id.to_string(),
            number: order.number.clone(),
            store: store.to_owned(),
            cart_name: order.cart_name.clone(),
            by_bolt: order.arrived_by == ArrivedBy::Instasync,
            arrived_by: order.is_in_book().then(|| arrived_by(order.arrived_by)),
            arrived: When::new(order.created_at, now),
            tone: tone(order.status),
            status: status(order.status),
            held_back: order.held_back.map(HeldBack::words),
            flags: to_review.into_iter().chain(order.flags.iter().map(marked)).collect(),
            choice: None,
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
        let told = |text| {
            let at = Timestamp::parse(text).unwrap();
            When::new(at, at)
        };
        let when = told("2026-11-24T14:02:07.412999Z");
        assert_eq!(when.full, "2026-11-24 14:02:07.412 UTC");
        assert_eq!(when.second, "2026-11-24 14:02:07 UTC");
        assert_eq!(told("2026-11-24T14:02:07Z").full, "2026-11-24 14:02:07.000 UTC");
    }

    #[test]
    fn a_time_keeps_its_exact_value_for_machines() {
        let at = Timestamp::parse("2026-11-24T14:02:07.412999Z").unwrap();
        let when = When::new(at, at.plus(Duration::from_secs(75)));
        assert_eq!(when.machine, "2026-11-24T14:02:07.412999Z");
        assert_eq!(when.words, "1 min ago");
    }
}
