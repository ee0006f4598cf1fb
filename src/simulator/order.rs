//! An order as the simulated cart keeps it, and what can happen to it.

use serde::{Deserialize, Serialize};

use super::random::Chance;
use super::time::At;

/// What was paid, in the cart's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the cart's own words")]
pub enum Financial {
    Pending,
    Authorized,
    PartiallyPaid,
    Paid,
    PartiallyRefunded,
    Refunded,
    Voided,
}

impl Financial {
    /// As webhooks spell it; GraphQL uses capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
        }
    }

    fn took_money(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyPaid | Self::PartiallyRefunded)
    }
}

/// What was shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fulfilment {
    /// Nothing.
    Unfulfilled,
    /// Some of it.
    Partial,
    /// All of it.
    Fulfilled,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The cart's id of it.
    pub id: u64,
    /// Stock-keeping unit: may be missing or empty.
    pub sku: Option<String>,
    /// What people read.
    pub title: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// As first ordered; removed and refunded units stay in it.
    pub quantity: u32,
    /// After edits and refunds; 0 is a removed line.
    pub current_quantity: u32,
    /// Units shipped.
    pub fulfilled: u32,
    /// Price of one unit, in hundredths.
    pub cents: i64,
    /// None: a custom item, or its product was deleted.
    pub product_id: Option<u64>,
    /// Likewise.
    pub variant_id: Option<u64>,
}

/// Where an order goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub first_name: String,
    pub last_name: String,
    pub address1: String,
    pub city: String,
    pub province: Option<(String, String)>,
    pub zip: String,
    pub country: (String, String),
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refund {
    /// The cart's id of it.
    pub id: u64,
    /// When.
    pub at: At,
    /// How many units of which line.
    pub lines: Vec<(u64, u32)>,
    /// How much, in hundredths.
    pub cents: i64,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The cart's id of it.
    pub id: u64,
    /// The number in its name: 1001 in `#1001`.
    pub number: u64,
    /// When it was placed, in whole seconds.
    pub placed_at: At,
    /// When it last changed, in whole seconds: two changes of one second share it.
    pub updated_at: At,
    /// Set: cancelled.
    pub cancelled_at: Option<At>,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// Set without `cancelled_at`: archived.
    pub closed_at: Option<At>,
    /// Its lines were changed after it was placed.
    pub edited: bool,
    /// Placed to try things out.
    pub test: bool,
    /// What the buyer wrote.
    pub note: Option<String>,
    /// Labels of the merchant.
    pub tags: Vec<String>,
    /// The buyer's address for messages.
    pub email: Option<String>,
    /// Missing for what is not shipped.
    pub address: Option<Address>,
    /// What was bought, in the order it was added.
    pub lines: Vec<Line>,
    /// What shipping costs, in hundredths.
    pub shipping_cents: i64,
    /// What was paid.
    pub financial: Financial,
    /// What was given back.
    pub refunds: Vec<Refund>,
    /// Deleted: no longer shown, still known to the judge.
    pub deleted_at: Option<At>,
    /// How often it changed.
    pub revision: u64,
    /// The last changes as (when, the `updated_at` it got): what a search index that lags has seen.
    pub changes: Vec<(At, At)>,
}

/// Changes that a lagging search index still knows.
const REMEMBERED: usize = 8;

/// What happens to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its lines change, or with a note only the note.
    Edit {
        /// The new note; lines stay as they are.
        note: Option<String>,
    },
    /// The merchant cancels it.
    Cancel {
        /// `customer`, `declined`, `fraud`, `inventory`, `staff` or `other`.
        reason: String,
    },
    /// Put away; no cancellation.
    Archive,
    /// Taken out again.
    Unarchive,
    /// Money is given back and units are taken off: of one line, or of all.
    Refund {
        /// All of it.
        all: bool,
    },
    /// Shipped from the cart: one unit, or everything.
    Fulfil {
        /// Only one unit.
        partly: bool,
    },
    /// The payment arrived.
    Pay,
    /// Removed for good.
    Delete,
    /// A cancelled or deleted order is there again, which carts say they never do.
    Revive,
}

/// What an action did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    /// Nothing: it was so already. The cart stays silent.
    Nothing,
    /// The order changed; these topics tell of it besides `orders/updated`.
    Changed(Vec<Told>),
    /// The order is gone; only `orders/delete` tells.
    Deleted,
}

/// What a change is told as, besides `orders/updated`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Edited { additions: Vec<(u64, u32)>, removals: Vec<(u64, u32)> },
    Cancelled,
    Refunded,
    Paid,
    Fulfilled,
    PartiallyFulfilled,
}

/// Why an action is impossible now, as a sentence of the cart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(pub &'static str);

impl Order {
    /// `#1001`
    pub(super) fn name(&self) -> String {
        format!("#{}", self.number)
    }

    /// What was ordered first, in hundredths.
    pub(super) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.cents * i64::from(line.quantity)).sum::<i64>()
            + self.shipping_cents
    }

    /// What is left of it after edits and refunds.
    pub(super) fn current_total(&self) -> i64 {
        if self.cancelled_at.is_some() {
            return 0;
        }
        self.current_subtotal() + self.shipping_cents
    }

    /// The same without shipping.
    pub(super) fn current_subtotal(&self) -> i64 {
        self.lines.iter().map(|line| line.cents * i64::from(line.current_quantity)).sum()
    }

    /// What was shipped.
    pub(super) fn fulfilment(&self) -> Fulfilment {
        let shipped: u32 = self.lines.iter().map(|line| line.fulfilled).sum();
        let open: u32 = self
            .lines
            .iter()
            .map(|line| line.current_quantity.saturating_sub(line.fulfilled))
            .sum();
        match (shipped, open) {
            (0, _) => Fulfilment::Unfulfilled,
            (_, 0) => Fulfilment::Fulfilled,
            _ => Fulfilment::Partial,
        }
    }

    /// The `updated_at` that a search index has which saw nothing after `seen_until`; `None` if it
    /// does not know the order yet.
    pub(super) fn indexed(&self, seen_until: At) -> Option<At> {
        let seen = self.changes.iter().rev().find(|(when, _)| *when <= seen_until);
        let forgotten = || self.changes.first().filter(|_| self.revision > REMEMBERED as u64);
        seen.or_else(forgotten).map(|(_, updated_at)| *updated_at)
    }

    /// Lets it happen. `fresh_id` numbers new lines and refunds.
    pub(super) fn apply(
        &mut self,
        action: &Action,
        now: At,
        chance: &mut Chance,
        fresh_id: &mut dyn FnMut() -> u64,
    ) -> Result<Done, Impossible> {
        if self.deleted_at.is_some() && *action != Action::Revive {
            return Err(Impossible("Order does not exist"));
        }
        let stamp = now.seconds();
        let done = match action {
            Action::Edit { note: Some(note) } => {
                self.note = Some(note.clone());
                Done::Changed(Vec::new())
            }
            Action::Edit { note: None } => self.edit(chance, fresh_id)?,
            Action::Cancel { reason } => self.cancel(reason, stamp, fresh_id)?,
            Action::Archive if self.closed_at.is_some() => Done::Nothing,
            Action::Archive => {
                self.closed_at = Some(stamp);
                Done::Changed(Vec::new())
            }
            Action::Unarchive => match (self.closed_at, self.cancelled_at) {
                (_, Some(_)) => return Err(Impossible("Cannot open an order that is canceled")),
                (None, None) => Done::Nothing,
                (Some(_), None) => {
                    self.closed_at = None;
                    Done::Changed(Vec::new())
                }
            },
            Action::Refund { all } => self.refund(*all, stamp, fresh_id)?,
            Action::Fulfil { partly } => self.fulfil(*partly)?,
            Action::Pay => self.pay()?,
            Action::Delete => {
                self.deleted_at = Some(stamp);
                Done::Deleted
            }
            Action::Revive => self.revive(),
        };
        if done != Done::Nothing {
            self.touched(now);
        }
        Ok(done)
    }

    /// Stamps a change. `updated_at` never goes back.
    pub(super) fn touched(&mut self, now: At) {
        self.updated_at = self.updated_at.max(now.seconds());
        self.revision += 1;
        if self.changes.len() == REMEMBERED {
            self.changes.remove(0);
        }
        self.changes.push((now, self.updated_at));
    }

    fn edit(
        &mut self,
        chance: &mut Chance,
        fresh_id: &mut dyn FnMut() -> u64,
    ) -> Result<Done, Impossible> {
        if self.cancelled_at.is_some() {
            return Err(Impossible("The order cannot be edited: it is canceled"));
        }
        let (mut additions, mut removals) = (Vec::new(), Vec::new());
        let open: Vec<usize> = (0..self.lines.len())
            .filter(|at| {
                self.lines.get(*at).is_some_and(|line| line.current_quantity > line.fulfilled)
            })
            .collect();
        let removable = open.first().filter(|_| open.len() > 1 && chance.hits(0.5));
        if let Some(line) = removable.and_then(|first| {
            let at = chance.pick(*first, &open);
            self.lines.get_mut(at)
        }) {
            removals.push((line.id, line.current_quantity - line.fulfilled));
            line.current_quantity = line.fulfilled;
        } else {
            let line = super::catalogue::line(chance, fresh_id());
            additions.push((line.id, line.quantity));
            self.lines.push(line);
        }
        self.edited = true;
        // Editing an archived order takes it out again.
        self.closed_at = None;
        Ok(Done::Changed(vec![Told::Edited { additions, removals }]))
    }

    fn cancel(
        &mut self,
        reason: &str,
        stamp: At,
        fresh_id: &mut dyn FnMut() -> u64,
    ) -> Result<Done, Impossible> {
        if self.cancelled_at.is_some() {
            return Err(Impossible("Cannot cancel an order that has already been canceled"));
        }
        if self.fulfilment() != Fulfilment::Unfulfilled {
            return Err(Impossible("Cannot cancel an order that has outstanding fulfillments"));
        }
        let mut told = vec![Told::Cancelled];
        if self.financial.took_money() {
            self.give_back(true, stamp, fresh_id());
            self.financial = Financial::Refunded;
            told.push(Told::Refunded);
        } else {
            self.lines.iter_mut().for_each(|line| line.current_quantity = 0);
            self.financial = Financial::Voided;
        }
        self.cancelled_at = Some(stamp);
        self.closed_at = Some(stamp);
        self.cancel_reason = Some(reason.to_owned());
        Ok(Done::Changed(told))
    }

    fn refund(
        &mut self,
        all: bool,
        stamp: At,
        fresh_id: &mut dyn FnMut() -> u64,
    ) -> Result<Done, Impossible> {
        if !self.financial.took_money() {
            return Err(Impossible("Refund cannot exceed what was paid"));
        }
        if self.lines.iter().all(|line| line.current_quantity == 0) {
            return Err(Impossible("Refund quantity cannot exceed what is left of the order"));
        }
        self.give_back(all, stamp, fresh_id());
        let nothing_left = self.lines.iter().all(|line| line.current_quantity == 0);
        self.financial =
            if nothing_left { Financial::Refunded } else { Financial::PartiallyRefunded };
        Ok(Done::Changed(vec![Told::Refunded]))
    }

    /// Takes units off: all, or those of the first line that has any.
    fn give_back(&mut self, all: bool, at: At, id: u64) {
        let mut refund = Refund { id, at, lines: Vec::new(), cents: 0 };
        for line in self.lines.iter_mut().filter(|line| line.current_quantity > 0) {
            refund.lines.push((line.id, line.current_quantity));
            refund.cents += line.cents * i64::from(line.current_quantity);
            line.current_quantity = 0;
            if !all {
                break;
            }
        }
        self.refunds.push(refund);
    }

    fn fulfil(&mut self, partly: bool) -> Result<Done, Impossible> {
        if self.cancelled_at.is_some() {
            return Err(Impossible("Fulfillment order has an unfulfillable status= closed."));
        }
        let mut open = self.lines.iter_mut().filter(|line| line.current_quantity > line.fulfilled);
        let Some(first) = open.next() else {
            return Err(Impossible("Fulfillment order has an unfulfillable status= closed."));
        };
        if partly {
            first.fulfilled += 1;
        } else {
            first.fulfilled = first.current_quantity;
            open.for_each(|line| line.fulfilled = line.current_quantity);
        }
        let told = match self.fulfilment() {
            Fulfilment::Fulfilled => Told::Fulfilled,
            _ => Told::PartiallyFulfilled,
        };
        Ok(Done::Changed(vec![told]))
    }

    fn pay(&mut self) -> Result<Done, Impossible> {
        if self.cancelled_at.is_some() || self.financial.took_money() {
            return Err(Impossible("Order cannot be marked as paid."));
        }
        self.financial = Financial::Paid;
        Ok(Done::Changed(vec![Told::Paid]))
    }

    fn revive(&mut self) -> Done {
        if self.cancelled_at.is_none() && self.deleted_at.is_none() {
            return Done::Nothing;
        }
        if self.cancelled_at.take().is_some() {
            self.closed_at = None;
            self.cancel_reason = None;
            self.financial = Financial::Paid;
            self.lines.iter_mut().for_each(|line| line.current_quantity = line.quantity);
        }
        self.deleted_at = None;
        Done::Changed(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::catalogue::{Wish, order};

    fn placed() -> Order {
        order(1, 1, At(1_800_000_000_000_000), &Wish::default(), &mut ids())
    }

    fn ids() -> impl FnMut() -> u64 {
        let mut id = 100;
        move || {
            id += 1;
            id
        }
    }

    fn apply(order: &mut Order, action: &Action) -> Result<Done, Impossible> {
        let now = At(order.updated_at.0 + 2_000_000);
        order.apply(action, now, &mut Chance::new(1, "test", order.revision), &mut ids())
    }

    #[test]
    fn archiving_twice_is_silent_and_no_cancellation() {
        let mut order = placed();
        assert_eq!(apply(&mut order, &Action::Archive), Ok(Done::Changed(Vec::new())));
        let archived = order.clone();
        assert_eq!(apply(&mut order, &Action::Archive), Ok(Done::Nothing));
        assert_eq!(order, archived, "without a new updated_at");
        assert!(order.cancelled_at.is_none() && order.closed_at.is_some());
        apply(&mut order, &Action::Edit { note: None }).unwrap();
        assert_eq!(order.closed_at, None, "an edit takes it out again");
    }

    #[test]
    fn a_cancelled_order_is_closed_refunded_and_worth_nothing() {
        let mut order = placed();
        let total = order.total();
        let cancel = Action::Cancel { reason: "customer".to_owned() };
        let told = apply(&mut order, &cancel);
        assert_eq!(told, Ok(Done::Changed(vec![Told::Cancelled, Told::Refunded])));
        assert_eq!(order.closed_at, order.cancelled_at);
        assert_eq!((order.financial, order.current_total()), (Financial::Refunded, 0));
        assert_eq!(order.total(), total, "the original total stays");
        assert!(apply(&mut order, &cancel).is_err());
        apply(&mut order, &Action::Revive).unwrap();
        assert_eq!((order.cancelled_at, order.current_total()), (None, total));
    }

    #[test]
    fn shipped_orders_cannot_be_cancelled_and_refunds_take_units_off() {
        let mut order = placed();
        apply(&mut order, &Action::Fulfil { partly: false }).unwrap();
        assert_eq!(order.fulfilment(), Fulfilment::Fulfilled);
        assert!(apply(&mut order, &Action::Cancel { reason: "staff".to_owned() }).is_err());
        apply(&mut order, &Action::Refund { all: true }).unwrap();
        assert_eq!(order.financial, Financial::Refunded);
        assert!(order.lines.iter().all(|line| line.current_quantity == 0 && line.quantity > 0));
    }

    #[test]
    fn an_edit_changes_lines_and_a_note_only_the_note() {
        let mut order = placed();
        let lines = order.lines.clone();
        apply(&mut order, &Action::Edit { note: Some("ring twice".to_owned()) }).unwrap();
        assert_eq!(order.lines, lines);
        let done = apply(&mut order, &Action::Edit { note: None }).unwrap();
        assert!(matches!(&done, Done::Changed(told) if told.len() == 1));
        assert!(order.edited && order.lines != lines);
    }

    #[test]
    fn a_deleted_order_takes_nothing_but_a_revival() {
        let mut order = placed();
        assert_eq!(apply(&mut order, &Action::Delete), Ok(Done::Deleted));
        assert!(apply(&mut order, &Action::Archive).is_err());
        assert!(apply(&mut order, &Action::Revive).is_ok());
    }
}
