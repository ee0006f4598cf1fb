//! Lines, address and note of an order, changed here by a person (R18, R29).

use std::collections::BTreeSet;

use super::super::money::Amount;
use super::super::order::{Order, Status};
use super::super::revision::sides::Sides;
use super::super::revision::{Edit, LineEdit, Part, words};
use super::super::sighting::{Address, Content, Line};
use super::super::timeline::{Entry, Kind};
use super::revise::{stand, tag};
use super::{Context, Objection, Refusal, entry, fact};

/// The most units of one line.
const MAX_QUANTITY: u32 = 1_000_000;
/// How long one field of an address, a name or a SKU may be, in characters.
const MAX_TEXT: usize = 255;
/// How long a note may be, in characters.
const MAX_NOTE: usize = 5_000;
/// The most lines of an order that somebody edits.
const MAX_LINES: usize = 1_000;
/// What the ids of lines begin with that are not in the cart.
const LOCAL: &str = "local:";

/// Makes the edit and locks what it touched. All of it or nothing.
pub(super) fn edit(
    order: &mut Order,
    edit: &Edit,
    context: &Context<'_>,
    timeline: &mut Vec<Entry>,
) -> Result<(), Refusal> {
    may_edit(order)?;
    let before = tag(order);
    let mut sides = Sides::of(order);
    let mut locks = order.cart_side.locks.clone();
    let mut told = Vec::new();
    let adjustments = sides.ours.adjustments();
    for line in &edit.lines {
        let (id, words) = change_line(&mut sides.ours, line, &locks)?;
        told.extend(words);
        locks.insert(Part::Line(id));
    }
    if let Some(address) = &edit.shipping_address {
        let address = address.as_ref().map(cleaned).transpose()?;
        if address != sides.ours.shipping_address {
            told.push("the shipping address".to_owned());
        }
        sides.ours.shipping_address = address;
        locks.insert(Part::ShippingAddress);
    }
    if let Some(note) = &edit.note {
        let note = note.as_deref().and_then(|note| text(note, "The note", MAX_NOTE).transpose());
        let note = note.transpose()?;
        if note != sides.ours.note {
            told.push("the note".to_owned());
        }
        sides.ours.note = note;
        locks.insert(Part::Note);
    }
    if told.is_empty() {
        return invalid("The edit changes nothing: everything is like that already.");
    }
    if sides.ours.lines.is_empty() && !order.content.lines.is_empty() {
        return invalid("The order would have no line left; cancel it instead.");
    }
    sides.ours.add_up(adjustments);
    if sides.ours.totals.total.is_negative() {
        return invalid(
            "The total would fall below zero, since discounts stay as they are; keep more of the \
             lines, or cancel the order.",
        );
    }
    let details = fact("changes", told.join("; "));
    timeline.push(entry(Kind::Edited, "R18", details, context));
    sides.agree(&mut locks);
    order.cart_side.locks = locks;
    sides.keep(order);
    stand(order, before.as_deref(), context, timeline);
    Ok(())
}

fn may_edit(order: &Order) -> Result<(), Refusal> {
    let sentence = match order.status {
        Status::AwaitingFulfillment | Status::DropshipmentRequested => return Ok(()),
        Status::HeldBack => "The order is held back; import it anyway before it can be edited.",
        Status::Shipped => "The order has been shipped; a shipped order cannot be edited.",
        Status::Cancelled => "The order is cancelled; restore it before it can be edited.",
    };
    Err(Refusal { objection: Objection::Impossible, sentence: sentence.to_owned() })
}

/// Changes or adds one line: its id, and what happened in words unless nothing did.
fn change_line(
    ours: &mut Content,
    edit: &LineEdit,
    locks: &BTreeSet<Part>,
) -> Result<(String, Option<String>), Refusal> {
    match edit {
        LineEdit::Change { cart_line_id, quantity } => {
            let Some(at) = ours.lines.iter().position(|line| line.cart_line_id == *cart_line_id)
            else {
                return invalid(&format!("The order has no line {}.", shortened(cart_line_id)));
            };
            let quantity = in_bounds(*quantity)?;
            let before = ours.lines.get(at).cloned();
            if quantity == 0 {
                ours.lines.remove(at);
                return Ok((cart_line_id.clone(), Some(words::lines(before.as_ref(), None))));
            }
            let Some(line) = ours.lines.get_mut(at) else { return invalid("There is no line.") };
            line.quantity = quantity;
            let changed = before.as_ref() != Some(line);
            let told = changed.then(|| words::lines(before.as_ref(), Some(line)));
            Ok((cart_line_id.clone(), told))
        }
        LineEdit::Add { sku, name, quantity, unit_price } => {
            if ours.lines.len() >= MAX_LINES {
                return invalid("The order has too many lines to add another.");
            }
            let Some(name) = text(name, "The name of a line", MAX_TEXT)? else {
                return invalid("A line that is added needs a name.");
            };
            let sku = sku.as_deref().map(|sku| text(sku, "A SKU", MAX_TEXT)).transpose()?;
            let quantity = in_bounds(*quantity)?;
            if quantity == 0 {
                return invalid("A line that is added needs a quantity of at least 1.");
            }
            let price = Amount::parse(unit_price, &ours.currency);
            let Some(unit_price) = price.filter(|price| !price.is_negative()) else {
                return invalid(&format!(
                    "{:?} is no price; write it as a decimal such as 12.50.",
                    shortened(unit_price)
                ));
            };
            let line = Line {
                cart_line_id: next_local(ours, locks),
                sku: sku.flatten(),
                name,
                quantity,
                unit_price,
                product_id: None,
                variant_id: None,
            };
            let told = words::lines(None, Some(&line));
            let id = line.cart_line_id.clone();
            ours.lines.push(line);
            Ok((id, Some(told)))
        }
    }
}

/// An id that no line here has or had: a removed one keeps its lock.
fn next_local(ours: &Content, locks: &BTreeSet<Part>) -> String {
    let locked = locks.iter().filter_map(|part| match part {
        Part::Line(id) => Some(id.as_str()),
        _ => None,
    });
    let ids = ours.lines.iter().map(|line| line.cart_line_id.as_str()).chain(locked);
    let numbers = ids.filter_map(|id| id.strip_prefix(LOCAL)?.parse::<u64>().ok());
    format!("{LOCAL}{}", numbers.max().unwrap_or(0).saturating_add(1))
}

fn in_bounds(quantity: u32) -> Result<u32, Refusal> {
    if quantity > MAX_QUANTITY {
        return invalid("A quantity may be at most 1,000,000.");
    }
    Ok(quantity)
}

fn cleaned(address: &Address) -> Result<Address, Refusal> {
    let part = |value: &Option<String>| {
        let value = value.as_deref().map(|value| text(value, "A line of the address", MAX_TEXT));
        value.transpose().map(Option::flatten)
    };
    Ok(Address {
        name: part(&address.name)?,
        company: part(&address.company)?,
        address1: part(&address.address1)?,
        address2: part(&address.address2)?,
        city: part(&address.city)?,
        province: part(&address.province)?,
        province_code: part(&address.province_code)?,
        zip: part(&address.zip)?,
        country: part(&address.country)?,
        country_code: part(&address.country_code)?,
        phone: part(&address.phone)?,
    })
}

/// A text without white space around it; `None` if nothing is left.
fn text(given: &str, what: &str, most: usize) -> Result<Option<String>, Refusal> {
    let given = given.trim();
    if given.chars().count() > most {
        return invalid(&format!("{what} may have at most {most} characters."));
    }
    Ok((!given.is_empty()).then(|| given.to_owned()))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn invalid<T>(sentence: &str) -> Result<T, Refusal> {
    Err(Refusal { objection: Objection::Invalid, sentence: sentence.to_owned() })
}
