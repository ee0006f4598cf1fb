//! What a sighting of the cart's order does here (R12–R26).

use super::super::eligibility::examine;
use super::super::event::{EventState, Source, reason};
use super::super::ids::OrderId;
use super::super::order::{ArrivedBy, Flags, Guard, HeldBack, Order, Status};
use super::super::sighting::{Sighting, Version};
use super::super::time::Timestamp;
use super::super::timeline::{By, Details, Entry, Kind};
use super::settle::{flags_of, settle};
use super::{Context, Decision, Outcome, entry, fact};

/// A sighting from `source`, whatever its topic was and whenever it arrived.
pub(super) fn decide(
    order: Option<&Order>,
    sighting: &Sighting,
    source: Source,
    read_at: Timestamp,
    context: &Context<'_>,
) -> Decision {
    let version = sighting.version(source, read_at);
    match order {
        None if context.held_elsewhere => {
            let reason = Some(reason::ORDER_OF_ANOTHER_STORE);
            let outcome = Outcome::Failed;
            Decision { outcome, ..Decision::unchanged(EventState::SetAside, reason) }
        }
        None => first(sighting, version, context),
        Some(order) if !order.is_in_book() => held_back(order, sighting, version, context),
        Some(order) => in_book(order, sighting, version, context),
    }
}

/// The cart no longer has the order; a fetch confirmed it (R25, R55).
pub(super) fn gone(order: Option<&Order>, read_at: Timestamp, context: &Context<'_>) -> Decision {
    let Some(order) = order else {
        return Decision::unchanged(EventState::Done, Some(reason::ORDER_UNKNOWN));
    };
    if order.guard.deleted_at.is_some() {
        return Decision::unchanged(EventState::Done, Some(reason::NO_CHANGE));
    }
    let mut order = order.clone();
    order.guard.deleted_at = Some(read_at);
    let mut timeline = Vec::new();
    settle(&mut order, context, &mut timeline);
    finish(order, timeline, false)
}

/// The first sighting of an order: it imports, or is held back (R13).
fn first(sighting: &Sighting, version: Version, context: &Context<'_>) -> Decision {
    let mut order = new_order(sighting, version, context);
    match examine(sighting, context.rules) {
        Ok(()) => {
            let mut timeline = vec![import(&mut order, None, context)];
            settle(&mut order, context, &mut timeline);
            finish(order, timeline, false)
        }
        Err(held) => {
            let entry = hold(&mut order, held, context);
            held_decision(order, held, vec![entry])
        }
    }
}

/// A further sighting of a held-back order. *Eligible once is enough* (R12 i): also an older state
/// is examined, and if it was eligible the order imports as of it, with the newest state applied.
fn held_back(
    order: &Order,
    sighting: &Sighting,
    version: Version,
    context: &Context<'_>,
) -> Decision {
    let newer = version > order.guard.newest;
    let same_state = version.same_state(&order.guard.newest);
    let fetch = version.ties_with(&order.guard.newest);
    match examine(sighting, context.rules) {
        Ok(()) => {
            let mut order = order.clone();
            adopt_content(&mut order, sighting);
            if newer {
                adopt_cart_state(&mut order, sighting, version);
            }
            let how = (!newer && !same_state).then_some("earlier_state");
            let mut timeline = vec![import(&mut order, how, context)];
            settle(&mut order, context, &mut timeline);
            finish(order, timeline, fetch)
        }
        Err(held) if newer && same_state => {
            // The same state from a better source: only the guard learns of it. The rules may have
            // changed meanwhile, and with them the reason.
            let mut order = order.clone();
            order.guard.newest = version;
            let changed = order.held_back != Some(held);
            let timeline = if changed { vec![hold(&mut order, held, context)] } else { Vec::new() };
            held_decision(order, held, timeline)
        }
        Err(held) if newer => {
            let changed = order.held_back != Some(held);
            let mut order = order.clone();
            adopt_content(&mut order, sighting);
            adopt_cart_state(&mut order, sighting, version);
            let entry = hold(&mut order, held, context);
            let timeline = if changed { vec![entry] } else { Vec::new() };
            Decision { fetch, ..held_decision(order, held, timeline) }
        }
        Err(_) => known_or_older(&version, &order.guard.newest),
    }
}

/// A further sighting of an order in the book: `cart{}` follows the newest, statuses and flags are
/// settled by the rules, our content stays (R12 ii, R20).
fn in_book(
    order: &Order,
    sighting: &Sighting,
    version: Version,
    context: &Context<'_>,
) -> Decision {
    if version <= order.guard.newest {
        return known_or_older(&version, &order.guard.newest);
    }
    if version.same_state(&order.guard.newest) {
        let mut order = order.clone();
        order.guard.newest = version;
        let quiet = Decision::unchanged(EventState::Done, Some(reason::NO_CHANGE));
        return Decision { order: Some(order), ..quiet };
    }
    let fetch = version.ties_with(&order.guard.newest);
    let edited = sighting.content_hash() != order.guard.newest_content;
    let restated = order.cart.financial_status != sighting.cart.financial_status
        || order.cart.fulfillment_status != sighting.cart.fulfillment_status
        || order.cart.status_id != sighting.cart.status_id;

    let mut order = order.clone();
    adopt_cart_state(&mut order, sighting, version);
    let mut timeline = Vec::new();
    if restated {
        timeline.push(cart_changed(&order, context));
    }
    if edited {
        timeline.push(entry(Kind::EditsIgnored, "R20", Details::new(), context));
    }
    let facts = timeline.len();
    settle(&mut order, context, &mut timeline);
    let settled = timeline.len() > facts;
    let mut decision = finish(order, timeline, fetch);
    if edited && !settled {
        decision.state = EventState::Ignored;
        decision.reason = Some(reason::EDITS_IGNORED);
        decision.outcome = Outcome::Ignored;
    }
    decision
}

/// Nothing to do: the same state again, or an older one.
fn known_or_older(version: &Version, newest: &Version) -> Decision {
    if version.same_state(newest) {
        Decision::unchanged(EventState::Duplicate, None)
    } else {
        Decision {
            fetch: version.ties_with(newest),
            ..Decision::unchanged(EventState::Stale, None)
        }
    }
}

fn new_order(sighting: &Sighting, version: Version, context: &Context<'_>) -> Order {
    let mut order = Order {
        id: OrderId::new(context.store, sighting.cart_order_id.clone()),
        account: context.account,
        number: String::new(),
        cart_number: String::new(),
        cart_name: String::new(),
        status: Status::HeldBack,
        held_back: None,
        arrived_by: arrived_by(&context.by),
        flags: Flags::default(),
        placed_at: sighting.placed_at,
        created_at: context.now,
        updated_at: context.now,
        row_version: 1,
        content: sighting.content.clone(),
        cart: sighting.cart.clone(),
        guard: Guard {
            newest: version,
            newest_content: sighting.content_hash(),
            cancel_settled: None,
            cancelled_by_cart: false,
            fulfilment_settled: false,
            archive_settled: false,
            deleted_at: None,
        },
        tracking: None,
    };
    name(&mut order, sighting, context);
    order
}

fn name(order: &mut Order, sighting: &Sighting, context: &Context<'_>) {
    order.number = format!("{}-{}", context.index, sighting.number);
    order.cart_number.clone_from(&sighting.number);
    order.cart_name.clone_from(&sighting.name);
}

fn arrived_by(by: &By) -> ArrivedBy {
    match by {
        By::Cart(_) => ArrivedBy::Instasync,
        By::Autosync => ArrivedBy::Autosync,
        By::Person(_) => ArrivedBy::Manual,
    }
}

fn adopt_content(order: &mut Order, sighting: &Sighting) {
    order.content = sighting.content.clone();
    order.placed_at = sighting.placed_at;
    order.cart_name.clone_from(&sighting.name);
}

fn adopt_cart_state(order: &mut Order, sighting: &Sighting, version: Version) {
    order.cart = sighting.cart.clone();
    order.guard.newest_content = sighting.content_hash();
    // An answer of the cart after the deletion was confirmed means that it is there after all; a
    // webhook may be an old one and says nothing.
    if version.source > 0 && order.guard.deleted_at.is_some_and(|at| version.read_at > at) {
        order.guard.deleted_at = None;
    }
    order.guard.newest = version;
}

/// Puts the order into the book as it stands.
fn import(order: &mut Order, how: Option<&str>, context: &Context<'_>) -> Entry {
    order.status = Status::AwaitingFulfillment;
    order.held_back = None;
    order.arrived_by = arrived_by(&context.by);
    order.created_at = context.now;
    let mut details = fact("number", order.number.clone());
    if let Some(how) = how {
        details.insert("how".to_owned(), how.to_owned());
    }
    entry(Kind::Imported, "R13", details, context)
}

fn hold(order: &mut Order, held: HeldBack, context: &Context<'_>) -> Entry {
    order.held_back = Some(held);
    order.flags = flags_of(order);
    entry(Kind::HeldBack, "R13", fact("reason", held.as_str()), context)
}

fn held_decision(order: Order, held: HeldBack, timeline: Vec<Entry>) -> Decision {
    Decision {
        order: Some(order),
        timeline,
        ..Decision::unchanged(EventState::Held, Some(held.as_str()))
    }
}

fn cart_changed(order: &Order, context: &Context<'_>) -> Entry {
    let mut details = Details::new();
    let mut note = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), value.replace('_', " "));
        }
    };
    note("financial_status", order.cart.financial_status.as_ref());
    note("fulfillment_status", order.cart.fulfillment_status.as_ref());
    note("status_id", order.cart.status_id.map(|id| id.to_string()).as_ref());
    entry(Kind::CartChanged, "R12", details, context)
}

/// The decision for an order in the book, after everything has been settled.
fn finish(order: Order, timeline: Vec<Entry>, fetch: bool) -> Decision {
    let has = |kind| timeline.iter().any(|entry: &Entry| entry.kind == kind);
    let outcome = if has(Kind::Imported) {
        Outcome::Created
    } else if has(Kind::Cancelled) {
        Outcome::Cancelled
    } else {
        Outcome::Updated
    };
    let reason = if timeline.is_empty() { Some(reason::NO_CHANGE) } else { None };
    Decision { state: EventState::Done, reason, order: Some(order), timeline, fetch, outcome }
}
