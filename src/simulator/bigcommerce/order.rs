//! An order of the simulated store: its states, and what can happen to it.

use serde::{Deserialize, Serialize};

use super::super::random::Chance;
use super::super::time::At;

/// (stock-keeping unit, name, hundredths)
const GOODS: [(&str, &str, i64); 6] = [
    ("HOOK-S", "Iron hook, small", 450),
    ("HOOK-L", "Iron hook \"XL\" & screws", 890),
    ("STOOL", "Oak stool", 12_900),
    ("BOARD-3/4", "Cutting board 3/4 in", 3_450),
    ("OIL", "Wood oil, 500 ml", 1_575),
    ("", "Sample <offcut>", 0),
];

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
    pub(super) lines: Vec<Line>,
    pub(super) shipping_cents: i64,
    pub(super) discount_cents: i64,
}

impl State {
    pub(super) fn items_total(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
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
    pub(super) refunds: u64,
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
    Status { before: i64, now: i64 },
    Archived,
    Refund { refund: u64 },
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
            lines,
            shipping_cents: 595,
            discount_cents: if dice.hits(0.2) { 100 } else { 0 },
        };
        let (first, last) = dice.pick(BUYERS[0], &BUYERS[1..]);
        let buyer = (first.to_owned(), last.to_owned());
        Self { id, placed: now, buyer, states: vec![state], refunds: 0 }
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
        let mut state = State { since: now, ..self.now().clone() };
        let before = state.status_id;
        let mut told = Vec::new();
        match act {
            Act::Status(id) => state.status_id = *id,
            Act::Quantity(units) => {
                if let Some(line) = state.lines.first_mut() {
                    line.quantity = (*units).max(1);
                }
            }
            Act::Add => {
                let next = self.id * 100 + 50 + self.states.len() as u64;
                state.lines.push(draw(next, dice));
            }
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
                for line in &mut state.lines {
                    line.refunded = if *all { line.quantity } else { line.refunded };
                }
                if let Some(line) = state.lines.first_mut().filter(|_| !all) {
                    line.refunded = (line.refunded + 1).min(line.quantity);
                }
                self.refunds += 1;
                told.push(Told::Refund { refund: self.refunds });
                state.status_id = if *all { 4 } else { 14 };
            }
        }
        if state.status_id != before {
            told.push(Told::Status { before, now: state.status_id });
        }
        told.push(Told::Updated);
        self.states.push(state);
        told
    }
}

fn draw(id: u64, dice: &mut Chance) -> Line {
    let (sku, name, price_cents) = dice.pick(GOODS[0], &GOODS[1..]);
    let at = GOODS.iter().position(|(known, ..)| *known == sku).unwrap_or_default() as u64;
    Line {
        id,
        product_id: if sku.is_empty() { 0 } else { 70 + at },
        sku: sku.to_owned(),
        name: name.to_owned(),
        quantity: dice.up_to(4),
        refunded: 0,
        price_cents,
    }
}
