//! What the newest known state of the cart means for an order in the book (R21–R26).
//!
//! It looks only at the order, the newest state and the rules, never at the sighting that came, so
//! the result is the same for every order of arrival (R12).

use super::super::cart_status::Cancellation;
use super::super::order::{Flag, Flags, Order, Status};
use super::super::rules::{Archives, Cancels, Rules, ShippedInCart};
use super::super::timeline::{Details, Entry, Kind};
use super::{Context, entry, entry_of_cart, fact};

/// Flags that follow the newest state, with the rule that asks for each.
const FOLLOWING: [(Flag, &str); 6] = [
    (Flag::CancelledLate, "R24"),
    (Flag::RefundedInCart, "R25"),
    (Flag::RevivedInCart, "R21"),
    (Flag::DeletedInCart, "R25"),
    (Flag::FulfilledInCart, "R26"),
    (Flag::OnHoldInCart, "R25"),
];

/// Lets the newest state take effect, once, and brings the flags up to date.
pub(super) fn settle(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    if order.is_in_book() {
        // Shipping first: a state that is fulfilled *and* cancelled then ends the same whether the
        // fulfilment was seen by itself before or not.
        settle_fulfilment(order, context, timeline);
        settle_cancellation(order, context, timeline);
        settle_archive(order, context, timeline);
    }
    follow(order, context, timeline);
}

/// Brings the flags up to date with status and newest state, and tells what changed (R25).
pub(super) fn follow(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    let before = order.flags;
    order.flags = flags_of(order, context.rules);
    for (flag, rule) in FOLLOWING {
        match (before.has(flag), order.flags.has(flag)) {
            (false, true) => timeline.push(raised(order, flag, rule, context)),
            (true, false) => {
                timeline.push(entry(Kind::FlagCleared, rule, fact("flag", flag.as_str()), context));
            }
            _ => {}
        }
    }
}

/// The flags as status and newest state ask for; those that people or polls set stay.
fn flags_of(order: &Order, rules: &Rules) -> Flags {
    let cart = &order.cart;
    let cancellation = cart.cancellation(rules);
    let unsettled_cancel = cancellation.is_some() && cancellation != order.guard.cancel_settled;
    // Archived counts as cancelled where the rules say so (R23).
    let put_away = rules.archives == Archives::Cancel && cart.archived;
    let mut flags = order.flags;
    flags.set(Flag::Test, cart.test);
    flags.set(Flag::DeletedInCart, order.guard.is_gone());
    flags.set(Flag::RefundedInCart, order.is_in_book() && cart.is_refunded());
    flags.set(Flag::CancelledLate, order.status == Status::Shipped && unsettled_cancel);
    flags.set(
        Flag::RevivedInCart,
        order.status == Status::Cancelled
            && order.guard.cancelled_by_cart
            && cancellation.is_none()
            && !put_away,
    );
    flags.set(Flag::FulfilledInCart, order.is_open() && cart.is_fulfilled());
    flags.set(Flag::OnHoldInCart, order.is_in_book() && cart.is_on_hold(rules));
    flags
}

fn settle_fulfilment(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    let acts = context.rules.shipped_in_cart == ShippedInCart::MarkShipped
        && order.cart.is_fulfilled()
        && !order.guard.fulfilment_settled
        && order.is_open();
    if acts {
        order.status = Status::Shipped;
        order.guard.fulfilment_settled = true;
        timeline.push(entry_of_cart(Kind::Shipped, "R26", Details::new(), context));
    }
}

/// One cancellation acts once: the same one never cancels a restored order again.
fn settle_cancellation(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    let Some(cancellation) = order.cart.cancellation(context.rules) else {
        // It has left the status it stood cancelled in: coming back there is another cancellation.
        if matches!(order.guard.cancel_settled, Some(Cancellation::Standing(_))) {
            order.guard.cancel_settled = None;
        }
        return;
    };
    if order.guard.cancel_settled == Some(cancellation) {
        return;
    }
    match (order.status, context.rules.cancels) {
        (Status::AwaitingFulfillment | Status::DropshipmentRequested, Cancels::Auto) => {
            order.status = Status::Cancelled;
            order.guard.cancelled_by_cart = true;
            order.guard.cancel_settled = Some(cancellation);
            let details = order.cart.cancel_reason.as_ref().map(|why| fact("reason", why.clone()));
            let details = details.unwrap_or_default();
            timeline.push(entry_of_cart(Kind::Cancelled, "R21", details, context));
        }
        (Status::AwaitingFulfillment | Status::DropshipmentRequested, Cancels::Ignore) => {
            order.guard.cancel_settled = Some(cancellation);
            timeline.push(entry_of_cart(Kind::CancelIgnored, "R23", Details::new(), context));
        }
        // Both agree; nothing to do, now or after a restore.
        (Status::Cancelled, _) => order.guard.cancel_settled = Some(cancellation),
        // Too late: the flag tells it (R24), and it stays unsettled so that the flag stays up.
        (Status::Shipped | Status::HeldBack, _) => {}
    }
}

fn settle_archive(order: &mut Order, context: &Context<'_>, timeline: &mut Vec<Entry>) {
    if context.rules.archives == Archives::Ignore
        || order.cart.archived == order.guard.archive_settled
    {
        return;
    }
    order.guard.archive_settled = order.cart.archived;
    // `cancel` exists for BigCommerce alone and is refused elsewhere (R23).
    if context.rules.archives == Archives::Cancel {
        if order.cart.archived && order.is_open() {
            order.status = Status::Cancelled;
            order.guard.cancelled_by_cart = true;
            let details = fact("reason", "archived there");
            timeline.push(entry_of_cart(Kind::Cancelled, "R22", details, context));
        }
        return;
    }
    if order.flags.has(Flag::Archived) != order.cart.archived {
        order.flags.set(Flag::Archived, order.cart.archived);
        let kind = if order.cart.archived { Kind::Archived } else { Kind::Unarchived };
        timeline.push(entry_of_cart(kind, "R22", Details::new(), context));
    }
}

fn raised(order: &Order, flag: Flag, rule: &'static str, context: &Context<'_>) -> Entry {
    let mut details = fact("flag", flag.as_str());
    details.insert("status".to_owned(), order.status.as_str().to_owned());
    entry_of_cart(Kind::FlagRaised, rule, details, context)
}
