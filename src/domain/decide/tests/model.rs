//! A cart's order through its life, and what the book must hold after any of it was told in any
//! order. Written from the sentences of R12–R26, without a look at how they are carried out.

use super::super::super::sighting::Version;
use super::*;

/// One thing that happens to an order in its cart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Payment(&'static str),
    Edit(u8),
    Cancel,
    Revive,
    Fulfilment(Option<&'static str>),
    Archive(bool),
    /// BigCommerce's one status.
    Status(i64),
}

/// The states an order goes through: each change comes some seconds after the last, or within the
/// same second, in which case both states carry the same time.
pub(super) fn history(first: Sighting, changes: &[(Change, i64)]) -> Vec<Sighting> {
    let mut second = 0;
    let mut states = vec![first];
    for (change, later) in changes {
        second += later;
        let mut said = states.last().unwrap().clone();
        said.updated_at = at(second);
        match *change {
            Change::Payment(status) => said = said.payment(status),
            Change::Edit(note) => {
                said = said.edited(&note.to_string()).quantity(u32::from(note) + 1);
            }
            Change::Status(status) => said.cart.status_id = Some(status),
            Change::Cancel if said.cart.cancelled_at.is_none() => said = said.cancelled(second),
            Change::Cancel => {}
            Change::Revive => said.cart.cancelled_at = None,
            Change::Fulfilment(status) => {
                said.cart.fulfillment_status = status.map(str::to_owned);
            }
            Change::Archive(archived) => said.cart.archived = archived,
        }
        states.push(said);
    }
    states
}

/// One thing we are told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    Seen { said: Box<Sighting>, source: Source, read_at: Timestamp },
    Gone { read_at: Timestamp },
}

impl Told {
    pub(super) fn input(&self) -> Input<'_> {
        match self {
            Self::Seen { said, source, read_at } => {
                Input::Seen { sighting: said, source: *source, read_at: *read_at }
            }
            Self::Gone { read_at } => Input::Gone { read_at: *read_at },
        }
    }

    pub(super) fn seen(&self) -> Option<(&Sighting, Version)> {
        match self {
            Self::Seen { said, source, read_at } => {
                Some((said.as_ref(), said.version(*source, *read_at)))
            }
            Self::Gone { .. } => None,
        }
    }
}

/// What the book holds in the end.
#[derive(Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) status: Status,
    pub(super) held_back: Option<HeldBack>,
    pub(super) flags: Vec<Flag>,
    pub(super) cart: CartState,
    pub(super) content: Content,
    /// A change of the cart waits for a person (R28).
    pub(super) waits: bool,
}

impl Expected {
    pub(super) fn found(order: &Order) -> Self {
        Self {
            status: order.status,
            held_back: order.held_back,
            flags: order.flags.iter().collect(),
            cart: order.cart.clone(),
            content: order.content.clone(),
            waits: order.cart_side.open_since.is_some(),
        }
    }

    /// After `told`, in this order of arrival, and no command. The first of it is a sighting.
    pub(super) fn after(told: &[Told], rules: &Rules) -> Self {
        let mut newest: Option<(&Sighting, Version)> = None;
        let mut content: Option<&Content> = None;
        // States that act: the newest known when the order came in, and each newer one since.
        let mut acting: Vec<&CartState> = Vec::new();
        for (said, version) in told.iter().filter_map(Told::seen) {
            let newer = newest.is_none_or(|(_, known)| version > known);
            let news = newer && newest.is_none_or(|(known, _)| known != said);
            newest = if newer { Some((said, version)) } else { newest };
            match content {
                None if reason(said).is_none() => {
                    // R12 (i): the newest known state is applied at once, its edits too (R20).
                    content = match rules.edits {
                        Edits::Apply => newest.map(|(said, _)| &said.content),
                        _ => Some(&said.content),
                    };
                    acting.extend(newest.map(|(said, _)| &said.cart));
                }
                Some(_) if news => {
                    // R28: applied while the order is open; it may be closed by the same state.
                    if rules.edits == Edits::Apply && is_open(&acting, rules) {
                        content = Some(&said.content);
                    }
                    acting.push(&said.cart);
                }
                _ => {}
            }
        }
        let (newest, _) = newest.expect("something was seen");
        let now = &newest.cart;

        let (status, ignored) = outcome(&acting, rules);
        let status = if content.is_some() { status } else { Status::HeldBack };
        let open = status == Status::AwaitingFulfillment;
        let refunded = match now.status_id {
            Some(id) => id == 4,
            None => now.financial_status.as_deref() == Some("refunded"),
        };
        let fulfilled = is_fulfilled(now);
        let cancelled = is_cancelled(now, rules);
        let held = now.status_id.is_some_and(|id| {
            [7, 12, 13].contains(&id) || (id == 6 && rules.declined == Declined::Flag)
        });
        let put_away = rules.archives == Archives::Cancel && now.archived;
        let archive = rules.archives == Archives::Archive;
        let flag = |flag: Flag| match flag {
            Flag::CancelledLate => {
                status == Status::Shipped && cancelled && !ignored.contains(&now.cancelled_at)
            }
            Flag::RefundedInCart => content.is_some() && refunded && !cancelled,
            Flag::RevivedInCart => status == Status::Cancelled && !cancelled && !put_away,
            Flag::OnHoldInCart => content.is_some() && held,
            Flag::DeletedInCart => is_deleted(told),
            Flag::FulfilledInCart => open && fulfilled,
            Flag::Test => now.test,
            Flag::Archived => content.is_some() && archive && now.archived,
            _ => false,
        };
        Self {
            status,
            held_back: content.map_or_else(|| reason(newest), |_| None),
            flags: Flag::ALL.into_iter().filter(|name| flag(*name)).collect(),
            cart: now.clone(),
            content: content.unwrap_or(&newest.content).clone(),
            waits: rules.edits != Edits::Ignore
                && content.is_some_and(|ours| *ours != newest.content),
        }
    }
}

/// R21, R25: cancelled, as the rules count it.
fn is_cancelled(cart: &CartState, rules: &Rules) -> bool {
    match cart.status_id {
        Some(id) => id == 5 || (id == 6 && rules.declined == Declined::Cancel),
        None => cart.cancelled_at.is_some(),
    }
}

/// R26: everything has left the cart's warehouse.
fn is_fulfilled(cart: &CartState) -> bool {
    match cart.status_id {
        Some(id) => id == 2 || id == 10,
        None => cart.fulfillment_status.as_deref() == Some("fulfilled"),
    }
}

fn is_open(acting: &[&CartState], rules: &Rules) -> bool {
    outcome(acting, rules).0 == Status::AwaitingFulfillment
}

/// R13, R14: why an order does not come in, by the defaults of its cart.
fn reason(said: &Sighting) -> Option<HeldBack> {
    let cart = &said.cart;
    if let Some(id) = cart.status_id {
        return match id {
            8 | 9 | 11 => None,
            5 | 6 => Some(HeldBack::CancelledInCart),
            2 | 10 => Some(HeldBack::AlreadyFulfilled),
            1 | 7 => Some(HeldBack::PaymentPending),
            _ => Some(HeldBack::StatusNotImported),
        };
    }
    match (cart.financial_status.as_deref(), cart.fulfillment_status.as_deref()) {
        _ if cart.cancelled_at.is_some() => Some(HeldBack::CancelledInCart),
        (_, Some("fulfilled" | "restocked")) => Some(HeldBack::AlreadyFulfilled),
        (Some("pending" | "authorized" | "partially_paid"), _) => Some(HeldBack::PaymentPending),
        (Some("refunded" | "voided" | "expired"), _) => Some(HeldBack::StatusNotImported),
        _ => None,
    }
}

/// R21, R23, R24, R26: where the first acting state that ends an order leads, and the
/// cancellations that were ignored while it was open.
fn outcome(acting: &[&CartState], rules: &Rules) -> (Status, Vec<Option<Timestamp>>) {
    let mut ignored = Vec::new();
    for cart in acting {
        // A standing cancellation that was ignored is another one once the cart has left it.
        if cart.status_id.is_some() && !is_cancelled(cart, rules) {
            ignored.clear();
        }
        if is_fulfilled(cart) && rules.shipped_in_cart == ShippedInCart::MarkShipped {
            return (Status::Shipped, ignored);
        }
        if is_cancelled(cart, rules) {
            if rules.cancels == Cancels::Auto {
                return (Status::Cancelled, ignored);
            }
            ignored.push(cart.cancelled_at);
        }
        if cart.archived && rules.archives == Archives::Cancel {
            return (Status::Cancelled, ignored);
        }
    }
    (Status::AwaitingFulfillment, ignored)
}

/// R25: the last fetch did not find it.
fn is_deleted(told: &[Told]) -> bool {
    let gone = told.iter().filter_map(|told| match told {
        Told::Gone { read_at } => Some(*read_at),
        Told::Seen { .. } => None,
    });
    let found = told.iter().filter_map(|told| match told {
        Told::Seen { source: Source::Fetch, read_at, .. } => Some(*read_at),
        _ => None,
    });
    gone.max() > found.max()
}
