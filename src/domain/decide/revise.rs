//! What a new content of the cart does to an order in the book (R20, R27–R29).

use super::super::order::Order;
use super::super::revision::sides::Sides;
use super::super::revision::{Change, Part, words};
use super::super::rules::Edits;
use super::super::sighting::{Content, Hash};
use super::super::timeline::{Details, Entry, Kind};
use super::{Context, entry, entry_of_cart, fact};

/// Works the newest content of the cart in. Called before the status that came with it takes effect:
/// an edit and what closes the order may be told by one sighting or by two.
pub(super) fn revise(
    order: &mut Order,
    theirs: &Content,
    hash: Hash,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) {
    if context.rules.edits == Edits::Ignore {
        drop_revision(order, context, timeline);
        if order.guard.newest_content != hash {
            timeline.push(entry(Kind::EditsIgnored, "R20", Details::new(), context));
        }
        return;
    }
    let before = tag(order);
    let mut sides = Sides::of(order);
    let mut locks = std::mem::take(&mut order.cart_side.locks);
    sides.hear(theirs, &mut locks);
    sides.agree(&mut locks);
    if context.rules.edits == Edits::Apply && order.is_open() {
        let free: Vec<Change> =
            sides.changes(&locks).into_iter().filter(|change| !change.conflict).collect();
        if !free.is_empty() {
            let details = fact("changes", words::all(&free));
            timeline.push(entry_of_cart(Kind::RevisionApplied, "R28", details, context));
        }
        sides.accept(&parts(&free));
        sides.agree(&mut locks);
    }
    order.cart_side.locks = locks;
    sides.keep(order);
    stand(order, before.as_deref(), context, timeline);
}

/// Brings "a revision waits" up to date with what is apart now, and tells what became of it.
/// `before` is the tag of what waited.
pub(super) fn stand(
    order: &mut Order,
    before: Option<&str>,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) {
    let changes = Sides::of(order).changes(&order.cart_side.locks);
    if changes.is_empty() {
        let settled_here = timeline.iter().any(|entry| {
            matches!(
                entry.kind,
                Kind::RevisionApplied | Kind::RevisionAccepted | Kind::RevisionRejected
            )
        });
        if order.cart_side.open_since.take().is_some() && !settled_here {
            timeline.push(entry_of_cart(Kind::RevisionWithdrawn, "R28", Details::new(), context));
        }
        return;
    }
    order.cart_side.open_since.get_or_insert(context.now);
    let now = tag(order);
    let told_otherwise = timeline.iter().any(|entry| {
        matches!(entry.kind, Kind::RevisionAccepted | Kind::RevisionRejected | Kind::Edited)
    });
    if before != now.as_deref() && !told_otherwise {
        let mut details = fact("changes", words::all(&changes));
        if changes.iter().any(|change| change.conflict) {
            details.insert("conflict".to_owned(), "true".to_owned());
        }
        if before.is_some() {
            details.insert("how".to_owned(), "changed".to_owned());
        }
        timeline.push(entry_of_cart(Kind::RevisionOpened, "R28", details, context));
    }
}

/// The tag of the revision that waits.
pub(super) fn tag(order: &Order) -> Option<String> {
    order.revision().map(|revision| revision.tag)
}

pub(super) fn parts(changes: &[Change]) -> Vec<Part> {
    changes.iter().map(|change| change.id.clone()).collect()
}

/// The rules now say that edits are ignored: nobody is asked about them any more.
fn drop_revision(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    if order.cart_side.open_since.take().is_some() {
        let mut sides = Sides::of(order);
        sides.theirs = sides.base.clone();
        sides.keep(order);
        let details = fact("how", "rules");
        timeline.push(entry(Kind::RevisionWithdrawn, "R20", details, context));
    }
}
