//! The three contents of an order side by side, and how parts move between them (R27, R29).
//!
//! What must stay true of every content that is merged here: `total` is the sum of its lines, its
//! shipping and its adjustments. Adjustments (taxes, discounts, fees) are what the cart's own total
//! holds beside the rest, so they need no field of their own.

use std::collections::BTreeSet;

use super::super::money::Amount;
use super::super::order::Order;
use super::super::sighting::{Content, Line};
use super::{Change, ChangeKind, Part, Value};

/// Base, theirs and ours, taken out of an order to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Sides {
    /// The cart's content that was last settled.
    pub(in super::super) base: Content,
    /// The cart's content now.
    pub(in super::super) theirs: Content,
    /// The order here.
    pub(in super::super) ours: Content,
}

impl Sides {
    /// Those of an order.
    pub(in super::super) fn of(order: &Order) -> Self {
        let ours = order.content.clone();
        let base = order.cart_side.base.as_deref().unwrap_or(&ours).clone();
        let theirs = order.cart_side.theirs.as_deref().unwrap_or(&base).clone();
        Self { base, theirs, ours }
    }

    /// Puts them back; what is the same is kept once.
    pub(in super::super) fn keep(self, order: &mut Order) {
        let side = &mut order.cart_side;
        side.theirs = (self.theirs != self.base).then(|| Box::new(self.theirs));
        side.base = (self.base != self.ours).then(|| Box::new(self.base));
        order.content = self.ours;
    }

    /// What the cart says now. Lines that it gave new ids in an edit keep their place here, and
    /// what nobody takes or leaves by itself (tags, source) follows it.
    pub(in super::super) fn hear(&mut self, theirs: &Content, locks: &mut BTreeSet<Part>) {
        for (old, new) in renamed(&self.base, theirs) {
            for content in [&mut self.base, &mut self.ours] {
                if let Some(line) = content.lines.iter_mut().find(|line| line.cart_line_id == old) {
                    line.cart_line_id.clone_from(&new);
                }
            }
            if locks.remove(&Part::Line(old)) {
                locks.insert(Part::Line(new));
            }
        }
        self.theirs = theirs.clone();
        for content in [&mut self.base, &mut self.ours] {
            content.tags.clone_from(&theirs.tags);
            content.source.clone_from(&theirs.source);
        }
    }

    /// Parts that the cart changed and that are not the same here already.
    pub(in super::super) fn apart(&self) -> Vec<Part> {
        let mut parts = differing(&self.base, &self.theirs);
        parts.retain(|part| value(&self.ours, part) != value(&self.theirs, part));
        parts
    }

    /// Settles what both sides agree on; a lock on it has nothing left to guard.
    pub(in super::super) fn agree(&mut self, locks: &mut BTreeSet<Part>) {
        let agreed: Vec<Part> = differing(&self.base, &self.theirs)
            .into_iter()
            .filter(|part| value(&self.ours, part) == value(&self.theirs, part))
            .collect();
        for part in &agreed {
            locks.remove(part);
        }
        take(&mut self.base, &self.theirs, &agreed);
        if differing(&self.base, &self.theirs).is_empty() {
            // The order of lines, and what is no part of its own.
            self.base = self.theirs.clone();
        }
        if differing(&self.ours, &self.theirs).is_empty() && self.base == self.theirs {
            self.ours = self.theirs.clone();
        }
    }

    /// Takes parts over from the cart: ours and base follow.
    pub(in super::super) fn accept(&mut self, parts: &[Part]) {
        take(&mut self.ours, &self.theirs, parts);
        take(&mut self.base, &self.theirs, parts);
    }

    /// Leaves parts as they are here: only the base follows, so that the same change does not come
    /// back (R28).
    pub(in super::super) fn reject(&mut self, parts: &[Part]) {
        take(&mut self.base, &self.theirs, parts);
    }

    /// What a person may take or leave.
    pub(in super::super) fn changes(&self, locks: &BTreeSet<Part>) -> Vec<Change> {
        let change = |part: Part| {
            let (ours, theirs) = (value(&self.ours, &part), value(&self.theirs, &part));
            let kind = match &part {
                Part::Line(_) => match (value(&self.base, &part), &theirs) {
                    (None, _) => ChangeKind::LineAdded,
                    (_, None) => ChangeKind::LineRemoved,
                    _ => ChangeKind::LineChanged,
                },
                Part::ShippingAddress => ChangeKind::ShippingAddress,
                Part::ShippingMethod => ChangeKind::ShippingMethod,
                Part::Note => ChangeKind::Note,
                Part::Contact => ChangeKind::Contact,
                Part::Totals => ChangeKind::Totals,
            };
            Change { conflict: locks.contains(&part), id: part, kind, ours, theirs }
        };
        self.apart().into_iter().map(change).collect()
    }
}

impl Content {
    /// The line with that id.
    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.cart_line_id == id)
    }

    /// What the total holds beside lines and shipping: taxes, discounts and fees together.
    pub fn adjustments(&self) -> Amount {
        self.totals.total - self.lines_total() - self.totals.shipping
    }

    /// The lines at their prices.
    pub fn lines_total(&self) -> Amount {
        let line = |line: &Line| line.unit_price * line.quantity;
        self.lines.iter().map(line).fold(Amount::ZERO, |sum, line| sum + line)
    }

    /// Makes the total what its parts come to.
    pub(in super::super) fn add_up(&mut self, adjustments: Amount) {
        let total = self.lines_total() + self.totals.shipping + adjustments;
        self.totals.total = total.in_currency(&self.currency);
    }
}

/// The parts in which two contents differ, lines first in the order of `now`.
fn differing(before: &Content, now: &Content) -> Vec<Part> {
    let gone = before.lines.iter().filter(|line| now.line(&line.cart_line_id).is_none());
    let mut parts: Vec<Part> = Vec::new();
    for line in now.lines.iter().chain(gone) {
        let part = Part::Line(line.cart_line_id.clone());
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let rest =
        [Part::ShippingAddress, Part::ShippingMethod, Part::Note, Part::Contact, Part::Totals];
    parts.extend(rest);
    parts.retain(|part| value(before, part) != value(now, part));
    parts
}

/// What a content holds of a part; `None`: nothing.
fn value(content: &Content, part: &Part) -> Option<Value> {
    match part {
        Part::Line(id) => content.line(id).cloned().map(Value::Line),
        Part::ShippingAddress => {
            content.shipping_address.clone().map(|address| Value::Address(Box::new(address)))
        }
        Part::ShippingMethod => content.shipping_method.clone().map(Value::Text),
        Part::Note => content.note.clone().map(Value::Text),
        Part::Contact => {
            let (email, phone) = (content.email.clone(), content.phone.clone());
            (email.is_some() || phone.is_some()).then_some(Value::Contact { email, phone })
        }
        Part::Totals => Some(Value::Totals {
            currency: content.currency.clone(),
            shipping: content.totals.shipping,
            adjustments: content.adjustments(),
        }),
    }
}

/// Gives `target` these parts of `from`; its total follows.
fn take(target: &mut Content, from: &Content, parts: &[Part]) {
    let mut adjustments = target.adjustments();
    for part in parts {
        match part {
            Part::Line(id) => take_line(target, from, id),
            Part::ShippingAddress => target.shipping_address.clone_from(&from.shipping_address),
            Part::ShippingMethod => target.shipping_method.clone_from(&from.shipping_method),
            Part::Note => target.note.clone_from(&from.note),
            Part::Contact => {
                target.email.clone_from(&from.email);
                target.phone.clone_from(&from.phone);
            }
            Part::Totals => {
                target.currency.clone_from(&from.currency);
                target.totals.shipping = from.totals.shipping;
                adjustments = from.adjustments();
            }
        }
    }
    if !parts.is_empty() {
        target.add_up(adjustments);
    }
}

fn take_line(target: &mut Content, from: &Content, id: &str) {
    let at = target.lines.iter().position(|line| line.cart_line_id == id);
    match (at.and_then(|at| target.lines.get_mut(at)), from.line(id)) {
        (Some(line), Some(new)) => line.clone_from(new),
        (Some(_), None) => target.lines.retain(|line| line.cart_line_id != id),
        (None, Some(new)) => target.lines.push(new.clone()),
        (None, None) => {}
    }
}

/// Lines that an edit in the cart gave another id: the only one of its kind that went, and the only
/// one of the same kind that came.
fn renamed(base: &Content, theirs: &Content) -> Vec<(String, String)> {
    let kind = |line: &Line| (line.sku.clone(), line.product_id.clone(), line.variant_id.clone());
    let went: Vec<&Line> =
        base.lines.iter().filter(|line| theirs.line(&line.cart_line_id).is_none()).collect();
    let came: Vec<&Line> =
        theirs.lines.iter().filter(|line| base.line(&line.cart_line_id).is_none()).collect();
    let only = |among: &[&Line], like: &Line| {
        among.iter().filter(|line| kind(line) == kind(like)).count() == 1
    };
    let known = |line: &Line| kind(line) != (None, None, None);
    let mut names = Vec::new();
    for old in went.iter().filter(|line| known(line) && only(&went, line) && only(&came, line)) {
        if let Some(new) = came.iter().find(|line| kind(line) == kind(old)) {
            names.push((old.cart_line_id.clone(), new.cart_line_id.clone()));
        }
    }
    names
}
