//! An order of the simulated store: its states, and what can happen to it.

use serde::{Deserialize, Serialize};

use super::super::random::Chance;
use super::super::time::At;
use super::goods::GOODS;
use super::refunds::Refund;
use super::shipments::Shipment;

const BUYERS: [(&str, &str); 5] = [
    ("Ada", "Byron"),
    ("Søren", "Åkesson"),
    ("Jean-Luc", "O'Brien"),
    ("Mei", "Tanaka"),
    ("Zoë", "van der Berg"),
];

/// Statuses that say that the goods have left.
pub(super) const SHIPPED: i64 = 2;
pub(super) const CANCELLED: i64 = 5;
pub(super) const PARTLY_SHIPPED: i64 = 3;
pub(super) const COMPLETED: i64 = 10;
pub(super) const AWAITING_FULFILLMENT: i64 = 11;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) product_id: u64,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) quantity: u32,
    pub(super) refunded: u32,
    pub(super) shipped: u32,
    pub(super) price_cents: i64,
}

/// An order as it was at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The exact moment it became so.
    pub(super) since: At,
    pub(super) status_id: i64,
    pub(super) archived: bool,
    pub(super) message: Option<String>,
    pub(super) staff_notes: String,
    pub(super) lines: Vec<Line>,
    pub(super) shipping_cents: i64,
    pub(super) discount_cents: i64,
}

impl State {
    pub(super) fn items_total(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// Units that left: with a shipment, or all of them where somebody only set the status.
    pub(super) fn items_shipped(&self) -> u32 {
        if [SHIPPED, COMPLETED].contains(&self.status_id) {
            return self.items_total();
        }
        self.lines.iter().map(|line| line.shipped).sum()
    }

    pub(super) fn total_cents(&self) -> i64 {
        let lines: i64 =
            self.lines.iter().map(|line| line.price_cents * i64::from(line.quantity)).sum();
        lines + self.shipping_cents - self.discount_cents
    }
}

/// An order, with all states it ever had.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) placed: At,
    pub(super) buyer: (String, String),
    /// Oldest first; never empty.
    pub(super) states: Vec<State>,
    pub(super) refunds: Vec<Refund>,
    pub(super) shipments: Vec<Shipment>,
}

/// What an order that is placed has to be like; what is not said is drawn.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// The status it is placed in; 11 if not said.
    pub status_id: Option<i64>,
    /// So many lines.
    pub lines: Option<u32>,
    /// Nobody is told.
    pub quiet: bool,
}

/// What can happen to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It gets another status.
    Status(i64),
    /// So many units of its first line.
    Quantity(u32),
    /// One more line.
    Add,
    /// Its last line goes, if it has more than one.
    Drop,
    /// The buyer's message changes.
    Message(String),
    /// Put away.
    Archive,
    /// Taken out again.
    Unarchive,
    /// Money for one unit, or for all, is given back.
    Refund {
        /// For all of them.
        all: bool,
    },
}

/// What a callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Created,
    Updated,
    Status {
        before: i64,
        now: i64,
    },
    Archived,
    Refund {
        refund: u64,
    },
    /// `created`, `updated` or `deleted`.
    Shipment {
        shipment: u64,
        what: &'static str,
    },
}

impl Order {
    pub(super) fn place(id: u64, wanted: &Wanted, now: At, dice: &mut Chance) -> Self {
        let count = wanted.lines.unwrap_or_else(|| dice.up_to(3)).max(1);
        let lines = (0..count).map(|nth| draw(id * 100 + u64::from(nth), dice)).collect();
        let state = State {
            since: now,
            status_id: wanted.status_id.unwrap_or(AWAITING_FULFILLMENT),
            archived: false,
            message: dice.hits(0.3).then(|| "Please ring twice & wait".to_owned()),
            staff_notes: String::new(),
            lines,
            shipping_cents: 595,
            discount_cents: if dice.hits(0.2) { 100 } else { 0 },
        };
        let (first, last) = dice.pick(BUYERS[0], &BUYERS[1..]);
        let buyer = (first.to_owned(), last.to_owned());
        let (refunds, shipments) = (Vec::new(), Vec::new());
        Self { id, placed: now, buyer, states: vec![state], refunds, shipments }
    }

    /// As it is now.
    pub(super) fn now(&self) -> &State {
        self.states.last().expect("an order has a state")
    }

    /// As it was at that moment; `None` if it was not there yet.
    pub(super) fn at(&self, moment: At) -> Option<&State> {
        self.states.iter().rev().find(|state| state.since <= moment)
    }

    /// Lets it happen; tells what callbacks tell of it.
    pub(super) fn act(&mut self, act: &Act, now: At, dice: &mut Chance) -> Vec<Told> {
        let mut state = self.from(now);
        let mut told = Vec::new();
        match act {
            Act::Status(id) => state.status_id = *id,
            Act::Quantity(units) => {
                if let Some(line) = state.lines.first_mut() {
                    line.quantity = (*units).max(1);
                }
            }
            Act::Add => state.lines.push(draw(self.next_line(), dice)),
            Act::Drop if state.lines.len() > 1 => {
                state.lines.pop();
            }
            Act::Drop => {}
            Act::Message(text) => state.message = Some(text.clone()),
            Act::Archive => {
                state.archived = true;
                told.push(Told::Archived);
            }
            Act::Unarchive => state.archived = false,
            Act::Refund { all } => {
                let first = state.lines.iter().take(1).map(|line| (line.id, 1));
                let every = state.lines.iter().map(|line| (line.id, line.quantity));
                let items = if *all { every.collect() } else { first.collect() };
                return self.refund(items, "", now);
            }
        }
        self.enter(state, told)
    }

    /// As it is now, to be changed at that moment.
    pub(super) fn from(&self, now: At) -> State {
        State { since: now, ..self.now().clone() }
    }

    /// An id for one more line.
    pub(super) fn next_line(&self) -> u64 {
        self.id * 100 + 50 + self.states.len() as u64
    }

    /// Becomes that; tells what callbacks tell of it, beside what else is told.
    pub(super) fn enter(&mut self, state: State, mut told: Vec<Told>) -> Vec<Told> {
        let before = self.now().status_id;
        if state.status_id != before {
            told.push(Told::Status { before, now: state.status_id });
        }
        told.push(Told::Updated);
        self.states.push(state);
        told
    }
}

fn draw(id: u64, dice: &mut Chance) -> Line {
    let good = dice.pick(GOODS[0], &GOODS[1..]);
    Line {
        id,
        product_id: good.product_id,
        sku: good.sku.to_owned(),
        name: good.name.to_owned(),
        quantity: dice.up_to(4),
        refunded: 0,
        shipped: 0,
        price_cents: good.price_cents,
    }
}
