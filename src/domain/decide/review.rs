//! Accepting and rejecting an open revision (R28, R30).

use super::super::command::Choice;
use super::super::order::Order;
use super::super::revision::sides::Sides;
use super::super::revision::{Change, Part, words};
use super::super::timeline::{Entry, Kind};
use super::revise::{parts, stand};
use super::{Context, Objection, Refusal, entry, fact};

/// Takes the chosen changes over.
pub(super) fn accept(
    order: &mut Order,
    choice: &Choice,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) -> Result<(), Refusal> {
    let chosen = chosen(order, choice)?;
    let taken: Vec<Part> = parts(&chosen);
    settle(order, &taken, &chosen, Kind::RevisionAccepted, context, timeline);
    Ok(())
}

/// Leaves the chosen changes; what is here stays.
pub(super) fn reject(
    order: &mut Order,
    choice: &Choice,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) -> Result<(), Refusal> {
    let chosen = chosen(order, choice)?;
    let left: Vec<Part> = parts(&chosen);
    settle(order, &left, &chosen, Kind::RevisionRejected, context, timeline);
    Ok(())
}

fn settle(
    order: &mut Order,
    parts: &[Part],
    chosen: &[Change],
    kind: Kind,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) {
    timeline.push(entry(kind, "R28", fact("changes", words::all(chosen)), context));
    let mut sides = Sides::of(order);
    let mut locks = std::mem::take(&mut order.cart_side.locks);
    if kind == Kind::RevisionAccepted {
        sides.accept(parts);
        for part in parts {
            locks.remove(part);
        }
    } else {
        sides.reject(parts);
    }
    sides.agree(&mut locks);
    order.cart_side.locks = locks;
    sides.keep(order);
    stand(order, None, context, timeline);
}

/// The changes that are meant, of exactly the revision that was looked at.
fn chosen(order: &Order, choice: &Choice) -> Result<Vec<Change>, Refusal> {
    let Some(revision) = order.revision() else {
        return Err(Refusal {
            objection: Objection::Impossible,
            sentence: "No change of the cart waits for a decision on this order.".to_owned(),
        });
    };
    if revision.tag != choice.tag {
        return Err(Refusal {
            objection: Objection::Changed,
            sentence: "The changes are no longer those you looked at: the cart or somebody else \
                       changed the order. Look at them again, then decide."
                .to_owned(),
        });
    }
    if choice.changes.is_empty() {
        return Ok(revision.changes);
    }
    let is_there = |part: &Part| revision.changes.iter().any(|change| change.id == *part);
    if let Some(unknown) = choice.changes.iter().find(|part| !is_there(part)) {
        return Err(Refusal {
            objection: Objection::Invalid,
            sentence: format!("The revision has no change {unknown}."),
        });
    }
    let mut changes = revision.changes;
    changes.retain(|change| choice.changes.contains(&change.id));
    Ok(changes)
}
