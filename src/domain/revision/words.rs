//! A change in words, for timelines. No personal data: addresses, notes and contacts are named, not
//! shown.

use super::super::sighting::Line;
use super::{Change, ChangeKind, Value};

/// One change as it stands between what is here and what the cart has: `2 × CUP became 3`.
pub(in super::super) fn change(change: &Change) -> String {
    let line = |value: &Option<Value>| match value {
        Some(Value::Line(line)) => Some(line.clone()),
        _ => None,
    };
    match change.kind {
        ChangeKind::ShippingAddress => "the shipping address".to_owned(),
        ChangeKind::ShippingMethod => "the shipping method".to_owned(),
        ChangeKind::Note => "the note".to_owned(),
        ChangeKind::Contact => "the contact".to_owned(),
        ChangeKind::Totals => "shipping, taxes or discounts".to_owned(),
        ChangeKind::LineAdded | ChangeKind::LineRemoved | ChangeKind::LineChanged => {
            lines(line(&change.ours).as_ref(), line(&change.theirs).as_ref())
        }
    }
}

/// How one line became another.
pub(in super::super) fn lines(before: Option<&Line>, now: Option<&Line>) -> String {
    match (before, now) {
        (Some(before), Some(now)) if before.quantity != now.quantity => {
            format!("{} × {} became {}", before.quantity, name(before), now.quantity)
        }
        (Some(before), Some(now)) if before.unit_price != now.unit_price => {
            format!("{} at {} became {}", name(before), before.unit_price, now.unit_price)
        }
        (Some(before), Some(_)) => format!("{} was described anew", name(before)),
        (None, Some(now)) => format!("{} × {} added", now.quantity, name(now)),
        (Some(before), None) => format!("{} × {} removed", before.quantity, name(before)),
        (None, None) => "a line".to_owned(),
    }
}

/// All of them, ready to stand in a sentence.
pub(in super::super) fn all(changes: &[Change]) -> String {
    changes.iter().map(self::change).collect::<Vec<_>>().join("; ")
}

/// The line's SKU, else its text.
fn name(line: &Line) -> &str {
    line.sku.as_deref().unwrap_or(&line.name)
}
