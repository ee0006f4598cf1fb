//! What a sighting of the cart's order does here (R12–R26).

use super::super::eligibility::examine;
use super::super::event::{EventState, Source, reason};
use super::super::ids::OrderId;
use super::super::order::{ArrivedBy, Flags, Guard, HeldBack, Order, Status};
use super::super::revision::CartSide;
use super::super::rules::Edits;
use super::super::sighting::{CartState, Sighting, Version};
use super::super::time::Timestamp;
use super::super::timeline::{By, Details, Entry, Kind};
use super::missed;
use super::revise::revise;
use super::settle::{follow, settle};
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
    let mut decision = match order {
        None if context.held_elsewhere => {
            let reason = Some(reason::ORDER_OF_ANOTHER_STORE);
            let outcome = Outcome::Failed;
            Decision { outcome, ..Decision::unchanged(EventState::SetAside, reason) }
        }
        None => first(sighting, version, context),
        Some(order) => further(order.clone(), sighting, version, context),
    };
    missed::note(&mut decision, order, sighting, source, context);
    decision
}

/// A fetch said that the cart does not have the order (R25, R55).
pub(super) fn gone(order: Option<&Order>, read_at: Timestamp, context: &Context<'_>) -> Decision {
    let Some(order) = order else {
        return Decision::unchanged(EventState::Done, Some(reason::ORDER_UNKNOWN));
    };
    let mut order = order.clone();
    order.guard.gone_at = order.guard.gone_at.max(Some(read_at));
    let mut timeline = Vec::new();
    follow(&mut order, context, &mut timeline);
    finish(order, timeline)
}

/// A held-back order under rules that have changed (R13).
pub(super) fn re_examined(order: Option<&Order>, context: &Context<'_>) -> Decision {
    let Some(order) = order.filter(|order| !order.is_in_book()) else {
        return Decision::unchanged(EventState::Done, Some(reason::NO_CHANGE));
    };
    let mut order = order.clone();
    let mut timeline = Vec::new();
    match examine(&order.cart, order.placed_at, context.rules) {
        Ok(()) => {
            let arrived_by = order.arrived_by;
            timeline.push(import(&mut order, Some("re_examined"), context));
            // It came the way it came; a person only changed the rules.
            order.arrived_by = arrived_by;
            settle(&mut order, context, &mut timeline);
            finish(order, timeline)
        }
        Err(held) => {
            if order.held_back != Some(held) {
                timeline.push(hold(&mut order, held, context));
            }
            held_decision(order, held, timeline)
        }
    }
}

/// The first sighting of an order: it imports, or is held back (R13).
fn first(sighting: &Sighting, version: Version, context: &Context<'_>) -> Decision {
    let mut order = new_order(sighting, version, context);
    let mut timeline = Vec::new();
    match examine(&sighting.cart, sighting.placed_at, context.rules) {
        Ok(()) => {
            timeline.push(import(&mut order, None, context));
            settle(&mut order, context, &mut timeline);
            finish(order, timeline)
        }
        Err(held) => {
            timeline.push(hold(&mut order, held, context));
            follow(&mut order, context, &mut timeline);
            held_decision(order, held, timeline)
        }
    }
}

/// Any later sighting of a known order.
fn further(
    mut order: Order,
    sighting: &Sighting,
    version: Version,
    context: &Context<'_>,
) -> Decision {
    let newest = order.guard.newest;
    let age = Age::of(&version, &newest);
    let second = Some(version.updated_at);
    let fetch = version.ties_with(&newest) && order.guard.tie_settled != second;
    if fetch || version.outranks_settled(&newest) {
        order.guard.tie_settled = second;
    }
    if version.is_fetch() {
        order.guard.found_at = order.guard.found_at.max(Some(version.read_at));
    }
    let decision = if order.is_in_book() {
        in_book(order, sighting, version, age, context)
    } else {
        held_back(order, sighting, version, age, context)
    };
    Decision { fetch, ..decision }
}

/// Where a sighting stands beside the newest known version of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// A newer state.
    Newer,
    /// The newest state again, from a source that counts for more or a later read.
    Confirmed,
    /// The newest state again; nothing to learn.
    Known,
    /// An older state.
    Older,
}

impl Age {
    fn of(version: &Version, newest: &Version) -> Self {
        match (version > newest, version.same_state(newest)) {
            (true, false) => Self::Newer,
            (true, true) => Self::Confirmed,
            (false, true) => Self::Known,
            (false, false) => Self::Older,
        }
    }

    /// Ends the event of a sighting that changed nothing people see.
    fn quietly(self, order: Order) -> Decision {
        let (state, reason) = match self {
            Self::Newer | Self::Confirmed => (EventState::Done, Some(reason::NO_CHANGE)),
            Self::Known => (EventState::Duplicate, None),
            Self::Older => (EventState::Stale, None),
        };
        Decision { order: Some(order), ..Decision::unchanged(state, reason) }
    }
}

/// A further sighting of a held-back order. *Eligible once is enough* (R12 i): also an older state
/// is examined, and if it was eligible the order imports as of it, with the newest state applied.
fn held_back(
    mut order: Order,
    sighting: &Sighting,
    version: Version,
    age: Age,
    context: &Context<'_>,
) -> Decision {
    let mut timeline = Vec::new();
    let examined = examine(&sighting.cart, sighting.placed_at, context.rules);
    // What the cart says now, if an older state is what imports.
    let theirs = order.content.clone();
    if examined.is_ok() || age == Age::Newer {
        adopt_content(&mut order, sighting);
    }
    if matches!(age, Age::Newer | Age::Confirmed) {
        adopt_cart_state(&mut order, sighting, version);
    }
    let Err(held) = examined else {
        let how = (age == Age::Older).then_some("earlier_state");
        timeline.push(import(&mut order, how, context));
        if age == Age::Older && context.rules.edits != Edits::Ignore {
            let newest = order.guard.newest_content;
            revise(&mut order, &theirs, newest, context, &mut timeline);
        }
        settle(&mut order, context, &mut timeline);
        return finish(order, timeline);
    };
    // The same state may be held back for another reason now, if the rules have changed.
    if age != Age::Older && order.held_back != Some(held) {
        timeline.push(hold(&mut order, held, context));
    }
    follow(&mut order, context, &mut timeline);
    match age {
        Age::Known | Age::Older if timeline.is_empty() => age.quietly(order),
        _ => {
            let held = order.held_back.unwrap_or(held);
            held_decision(order, held, timeline)
        }
    }
}

/// A further sighting of an order in the book: `cart{}` follows the newest, statuses and flags are
/// settled by the rules, our content stays (R12 ii, R20).
fn in_book(
    mut order: Order,
    sighting: &Sighting,
    version: Version,
    age: Age,
    context: &Context<'_>,
) -> Decision {
    let mut timeline = Vec::new();
    match age {
        Age::Newer => {
            if order.cart != sighting.cart {
                timeline.push(cart_changed(&order.cart, &sighting.cart, context));
            }
            revise(&mut order, &sighting.content, sighting.content_hash(), context, &mut timeline);
            adopt_cart_state(&mut order, sighting, version);
            settle(&mut order, context, &mut timeline);
        }
        Age::Confirmed => order.guard.newest = version,
        Age::Known | Age::Older => {}
    }
    // A fetch finds the order again, whatever state it tells.
    follow(&mut order, context, &mut timeline);
    if timeline.is_empty() { age.quietly(order) } else { finish(order, timeline) }
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
        cart_side: CartSide::default(),
        cart: sighting.cart.clone(),
        guard: Guard::new(version, sighting.content_hash()),
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
    entry(Kind::HeldBack, "R13", fact("reason", held.as_str()), context)
}

fn held_decision(order: Order, held: HeldBack, timeline: Vec<Entry>) -> Decision {
    Decision {
        order: Some(order),
        timeline,
        ..Decision::unchanged(EventState::Held, Some(held.as_str()))
    }
}

/// What is different in the cart, as it is now.
fn cart_changed(before: &CartState, now: &CartState, context: &Context<'_>) -> Entry {
    let mut details = Details::new();
    let mut note = |name: &str, value: Option<String>| {
        details.extend(value.map(|value| (name.to_owned(), value.replace('_', " "))));
    };
    if before.fulfillment_status != now.fulfillment_status {
        let none = || "unfulfilled".to_owned();
        note("fulfillment_status", Some(now.fulfillment_status.clone().unwrap_or_else(none)));
    }
    if before.status_id != now.status_id {
        note("status_id", now.status_id.map(|id| id.to_string()));
    }
    if before.financial_status != now.financial_status && now.status_id.is_none() {
        note("financial_status", now.financial_status.clone());
    }
    if before.cancelled_at != now.cancelled_at {
        note("cancelled", Some(now.cancelled_at.is_some().to_string()));
    }
    if before.archived != now.archived {
        note("archived", Some(now.archived.to_string()));
    }
    entry(Kind::CartChanged, "R12", details, context)
}

/// The decision for an order in the book, after everything has been settled: what the timeline
/// gained tells how the event ends.
fn finish(order: Order, timeline: Vec<Entry>) -> Decision {
    let has = |kind| timeline.iter().any(|entry: &Entry| entry.kind == kind);
    let acted = [
        Kind::Shipped,
        Kind::Archived,
        Kind::Unarchived,
        Kind::FlagRaised,
        Kind::FlagCleared,
        Kind::RevisionApplied,
        Kind::RevisionOpened,
        Kind::RevisionWithdrawn,
    ];
    let (state, reason, outcome) = if has(Kind::Imported) {
        (EventState::Done, None, Outcome::Created)
    } else if has(Kind::Cancelled) {
        (EventState::Done, None, Outcome::Cancelled)
    } else if acted.into_iter().any(has) {
        (EventState::Done, None, Outcome::Updated)
    } else if has(Kind::CancelIgnored) {
        (EventState::Ignored, Some(reason::CANCELS_IGNORED), Outcome::Ignored)
    } else if has(Kind::EditsIgnored) {
        (EventState::Ignored, Some(reason::EDITS_IGNORED), Outcome::Ignored)
    } else if timeline.is_empty() {
        (EventState::Done, Some(reason::NO_CHANGE), Outcome::Ignored)
    } else {
        (EventState::Done, None, Outcome::Updated)
    };
    Decision { state, reason, order: Some(order), timeline, fetch: false, outcome }
}
