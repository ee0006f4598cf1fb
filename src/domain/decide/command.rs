//! What persons and tools do to an order (R13, R18), with the impossible steps refused in words.

use super::super::command::{Command, Tracking};
use super::super::event::EventState;
use super::super::order::{ArrivedBy, Flag, Order, Status};
use super::super::timeline::{Details, Entry, Kind};
use super::edit::edit;
use super::review::{accept, reject};
use super::settle::follow;
use super::{Context, Decision, Objection, Outcome, Refusal, entry, fact};

pub(super) fn decide(
    order: Option<&Order>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Decision, Refusal> {
    let Some(order) = order else {
        return refuse("There is no such order in the book.");
    };
    let mut order = order.clone();
    let mut timeline = Vec::new();
    match command {
        Command::Edit(change) => edit(&mut order, change, context, &mut timeline)?,
        Command::AcceptRevision(choice) => accept(&mut order, choice, context, &mut timeline)?,
        Command::RejectRevision(choice) => reject(&mut order, choice, context, &mut timeline)?,
        _ => timeline.push(step(&mut order, command, context)?),
    }
    follow(&mut order, context, &mut timeline);
    let outcome = match command {
        Command::ImportAnyway => Outcome::Created,
        Command::Cancel { .. } => Outcome::Cancelled,
        _ => Outcome::Updated,
    };
    Ok(Decision {
        state: EventState::Done,
        reason: None,
        order: Some(order),
        timeline,
        fetch: false,
        outcome,
    })
}

/// A step from one status to another.
fn step(order: &mut Order, command: &Command, context: &Context<'_>) -> Result<Entry, Refusal> {
    match command {
        Command::Cancel { reason } => cancel(order, reason.as_deref(), context),
        Command::Restore => restore(order, context),
        Command::RequestDropship => request_dropship(order, context),
        Command::Ship(tracking) => ship(order, tracking, context),
        Command::Archive => archive(order, true, context),
        Command::Unarchive => archive(order, false, context),
        Command::ImportAnyway => import_anyway(order, context),
        Command::Edit(_) | Command::AcceptRevision(_) | Command::RejectRevision(_) => {
            refuse("This changes the content of an order, not its status.")
        }
    }
}

fn cancel(
    order: &mut Order,
    reason: Option<&str>,
    context: &Context<'_>,
) -> Result<Entry, Refusal> {
    match order.status {
        Status::AwaitingFulfillment | Status::DropshipmentRequested => {}
        Status::HeldBack => return refuse_held_back(order, "cancelled"),
        Status::Cancelled => return refuse("The order is already cancelled."),
        Status::Shipped => {
            return refuse("The order has been shipped; a shipped order cannot be cancelled.");
        }
    }
    order.status = Status::Cancelled;
    order.guard.cancelled_by_cart = false;
    let details = reason.map(|why| fact("reason", why)).unwrap_or_default();
    Ok(entry(Kind::Cancelled, "R18", details, context))
}

fn restore(order: &mut Order, context: &Context<'_>) -> Result<Entry, Refusal> {
    if order.status != Status::Cancelled {
        return refuse(&format!(
            "The order is {}; only a cancelled order can be restored.",
            order.status.words()
        ));
    }
    order.status = Status::AwaitingFulfillment;
    order.guard.cancelled_by_cart = false;
    // A cancellation that was known is settled since; a fulfilment may have been of no account.
    order.guard.fulfilment_settled = order.cart.is_fulfilled();
    Ok(entry(Kind::Restored, "R18", fact("status", order.status.as_str()), context))
}

fn request_dropship(order: &mut Order, context: &Context<'_>) -> Result<Entry, Refusal> {
    if order.status != Status::AwaitingFulfillment {
        return refuse(&format!(
            "The order is {}; dropshipment can be requested only while it awaits fulfillment.",
            order.status.words()
        ));
    }
    order.status = Status::DropshipmentRequested;
    Ok(entry(Kind::DropshipRequested, "R18", Details::new(), context))
}

fn ship(order: &mut Order, tracking: &Tracking, context: &Context<'_>) -> Result<Entry, Refusal> {
    match order.status {
        Status::AwaitingFulfillment | Status::DropshipmentRequested => {}
        Status::HeldBack => return refuse_held_back(order, "shipped"),
        Status::Shipped => return refuse("The order is already shipped."),
        Status::Cancelled => {
            return refuse("The order is cancelled; restore it before it can be shipped.");
        }
    }
    order.status = Status::Shipped;
    order.tracking = Some(tracking.clone());
    let mut details = Details::new();
    for (name, value) in
        [("tracking_number", &tracking.tracking_number), ("carrier", &tracking.carrier)]
    {
        if let Some(value) = value {
            details.insert(name.to_owned(), value.clone());
        }
    }
    Ok(entry(Kind::Shipped, "R18", details, context))
}

fn archive(order: &mut Order, up: bool, context: &Context<'_>) -> Result<Entry, Refusal> {
    if !order.is_in_book() {
        let verb = if up { "archived" } else { "taken out of the archive" };
        return refuse_held_back(order, verb);
    }
    if order.flags.has(Flag::Archived) == up {
        return refuse(if up {
            "The order is already archived."
        } else {
            "The order is not archived."
        });
    }
    order.flags.set(Flag::Archived, up);
    let kind = if up { Kind::Archived } else { Kind::Unarchived };
    Ok(entry(kind, "R18", Details::new(), context))
}

/// A person overrules what holds the order back; the state that was overruled does not act again.
fn import_anyway(order: &mut Order, context: &Context<'_>) -> Result<Entry, Refusal> {
    if order.is_in_book() {
        return refuse("The order is already in the book.");
    }
    order.status = Status::AwaitingFulfillment;
    order.held_back = None;
    order.arrived_by = ArrivedBy::Manual;
    order.created_at = context.now;
    order.guard.cancel_settled = order.cart.cancellation(context.rules);
    order.guard.fulfilment_settled = order.cart.is_fulfilled();
    order.guard.archive_settled = order.cart.archived;
    let mut details = fact("number", order.number.clone());
    details.insert("how".to_owned(), "anyway".to_owned());
    Ok(entry(Kind::Imported, "R13", details, context))
}

fn refuse<T>(sentence: &str) -> Result<T, Refusal> {
    Err(Refusal { objection: Objection::Impossible, sentence: sentence.to_owned() })
}

fn refuse_held_back<T>(order: &Order, verb: &str) -> Result<T, Refusal> {
    let why = order.held_back.map_or("it is not in the book", super::super::HeldBack::words);
    refuse(&format!("The order is held back ({why}); import it anyway before it can be {verb}."))
}
