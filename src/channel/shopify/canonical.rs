//! One spelling for an order, whichever shape it came in (R12).
//!
//! Webhooks carry the REST shape, fetches the GraphQL shape. Each is read into [`Told`], its fields
//! still in the cart's spelling, and only [`sighting`] makes a [`Sighting`] of it. So what is done to
//! a field is done to both shapes, and the same state of the cart has the same hash.

use std::borrow::Cow;

use super::id::Id;
use crate::domain::{
    Address, Amount, CartOrderId, CartState, Content, Line, Sighting, Timestamp, Totals,
};

/// An order in the cart's words. Fields that were missing, null or empty are alike.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) id: Id,
    pub(super) number: Option<Id>,
    pub(super) name: Option<&'a str>,
    pub(super) created_at: Option<&'a str>,
    pub(super) processed_at: Option<&'a str>,
    pub(super) updated_at: Option<&'a str>,
    pub(super) cancelled_at: Option<&'a str>,
    pub(super) cancel_reason: Option<&'a str>,
    pub(super) closed_at: Option<&'a str>,
    pub(super) test: bool,
    pub(super) financial_status: Option<&'a str>,
    pub(super) fulfillment_status: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
    pub(super) total: Option<&'a str>,
    pub(super) original_total: Option<&'a str>,
    pub(super) shipping: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
    pub(super) note: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) shipping_method: Option<&'a str>,
    pub(super) tags: Vec<&'a str>,
    pub(super) address: Option<ToldAddress<'a>>,
    pub(super) lines: Vec<ToldLine<'a>>,
}

/// A postal address in the cart's words.
#[derive(Debug, Default)]
pub(super) struct ToldAddress<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) first_name: Option<&'a str>,
    pub(super) last_name: Option<&'a str>,
    pub(super) company: Option<&'a str>,
    pub(super) address1: Option<&'a str>,
    pub(super) address2: Option<&'a str>,
    pub(super) city: Option<&'a str>,
    pub(super) province: Option<&'a str>,
    pub(super) province_code: Option<&'a str>,
    pub(super) zip: Option<&'a str>,
    pub(super) country: Option<&'a str>,
    pub(super) country_code: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
}

/// A line in the cart's words.
#[derive(Debug)]
pub(super) struct ToldLine<'a> {
    pub(super) id: Id,
    pub(super) sku: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) title: Option<&'a str>,
    /// Units that are still part of the order.
    pub(super) current_quantity: Option<i64>,
    /// Units that were ordered; what counts where the current quantity is not told.
    pub(super) quantity: Option<i64>,
    /// Units not yet fulfilled, where the shape tells.
    pub(super) unfulfilled_quantity: Option<i64>,
    pub(super) unit_price: Option<&'a str>,
    /// The product, while it exists.
    pub(super) product_id: Option<Id>,
    pub(super) variant_id: Option<Id>,
}

/// The field whose value cannot be what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// The order as everything beyond this room knows it.
pub(super) fn sighting(told: &Told<'_>) -> Result<Sighting, Malformed> {
    let created_at = time("created_at", told.created_at)?;
    let processed_at = time("processed_at", told.processed_at)?;
    let updated_at = time("updated_at", told.updated_at)?;
    let cancelled_at = time("cancelled_at", told.cancelled_at)?;
    let closed_at = time("closed_at", told.closed_at)?;
    let placed_at = created_at.or(processed_at).or(updated_at).unwrap_or_default();
    let number = number(told);
    let name = filled(told.name).map_or_else(|| format!("#{number}"), str::to_owned);
    Ok(Sighting {
        cart_order_id: CartOrderId(told.id.to_string()),
        number,
        name,
        placed_at,
        // Without the head of its version an order is no newer than its placing: it never
        // outranks a sighting that tells one.
        updated_at: updated_at.unwrap_or(placed_at),
        cart: CartState {
            financial_status: word(told.financial_status),
            fulfillment_status: fulfilment(told),
            status_id: None,
            cancelled_at,
            cancel_reason: word(told.cancel_reason),
            // A cancelled order is usually closed too; closed alone means archived (R22).
            archived: closed_at.is_some() && cancelled_at.is_none(),
            test: told.test,
        },
        content: content(told)?,
    })
}

fn content(told: &Told<'_>) -> Result<Content, Malformed> {
    let currency = filled(told.currency).unwrap_or_default().to_uppercase();
    let total = amount("total", told.total, &currency)?;
    let original_total = amount("original total", told.original_total, &currency)?;
    let shipping = amount("shipping", told.shipping, &currency)?;
    let zero = Amount::ZERO.in_currency(&currency);
    let totals = Totals {
        total: total.or(original_total).unwrap_or(zero),
        original_total: original_total.or(total).unwrap_or(zero),
        shipping: shipping.unwrap_or(zero),
    };
    Ok(Content {
        totals,
        lines: lines(&told.lines, &currency)?,
        shipping_address: told.address.as_ref().and_then(address),
        email: text(told.email),
        phone: text(told.phone),
        shipping_method: text(told.shipping_method),
        note: text(told.note),
        tags: tags(&told.tags),
        source: text(told.source),
        currency,
    })
}

/// The number that is the second half of ours; carts of old shapes tell only the name.
fn number(told: &Told<'_>) -> String {
    let from_name = || filled(told.name).map(|name| name.trim_start_matches('#').to_owned());
    let number = told.number.map(|number| number.to_string());
    number.or_else(from_name).unwrap_or_else(|| told.id.to_string())
}

/// The three words of the REST shape, or nothing. GraphQL names eleven states; those that only say
/// why nothing has left yet are null in the REST shape, or `partial` once some units have left.
fn fulfilment(told: &Told<'_>) -> Option<String> {
    let word = word(told.fulfillment_status)?;
    match word.as_str() {
        "unfulfilled" | "open" | "fulfillment_not_required" => None,
        "partially_fulfilled" => Some("partial".to_owned()),
        "in_progress"
        | "on_hold"
        | "pending"
        | "pending_fulfillment"
        | "request_declined"
        | "scheduled" => told.lines.iter().any(has_left).then(|| "partial".to_owned()),
        _ => Some(word),
    }
}

/// Whether some of a line's units have been fulfilled.
fn has_left(line: &ToldLine<'_>) -> bool {
    let wanted = line.current_quantity.or(line.quantity);
    wanted.zip(line.unfulfilled_quantity).is_some_and(|(wanted, left)| left < wanted)
}

/// The lines that are still wanted, by id: shapes need not list them in one order.
fn lines(told: &[ToldLine<'_>], currency: &str) -> Result<Vec<Line>, Malformed> {
    let mut kept = Vec::with_capacity(told.len());
    for line in told {
        let quantity = line.current_quantity.or(line.quantity).unwrap_or(0);
        let quantity = u32::try_from(quantity).map_err(|_| Malformed("quantity"))?;
        if quantity > 0 {
            kept.push((line, quantity));
        }
    }
    kept.sort_by_key(|(line, _)| line.id);
    kept.into_iter().map(|(told, quantity)| line(told, quantity, currency)).collect()
}

fn line(told: &ToldLine<'_>, quantity: u32, currency: &str) -> Result<Line, Malformed> {
    let unit_price = amount("price", told.unit_price, currency)?;
    Ok(Line {
        cart_line_id: told.id.to_string(),
        sku: text(told.sku),
        name: text(told.name).or_else(|| text(told.title)).unwrap_or_default(),
        quantity,
        unit_price: unit_price.unwrap_or(Amount::ZERO.in_currency(currency)),
        product_id: told.product_id.map(|id| id.to_string()),
        // Webhooks remember the variant of a product that is gone, GraphQL does not.
        variant_id: told.product_id.and(told.variant_id).map(|id| id.to_string()),
    })
}

fn address(told: &ToldAddress<'_>) -> Option<Address> {
    let address = Address {
        name: text(told.name).or_else(|| full_name(told)),
        company: text(told.company),
        address1: text(told.address1),
        address2: text(told.address2),
        city: text(told.city),
        province: text(told.province),
        province_code: text(told.province_code),
        zip: text(told.zip),
        country: text(told.country),
        country_code: text(told.country_code),
        phone: text(told.phone),
    };
    (address != Address::default()).then_some(address)
}

fn full_name(told: &ToldAddress<'_>) -> Option<String> {
    match (filled(told.first_name), filled(told.last_name)) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

fn tags(told: &[&str]) -> Vec<String> {
    let mut tags: Vec<&str> = told.iter().map(|tag| tag.trim()).filter(|t| !t.is_empty()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into_iter().map(str::to_owned).collect()
}

/// A text that says something.
fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn text(told: Option<&str>) -> Option<String> {
    filled(told).map(str::to_owned)
}

/// A word of a fixed vocabulary: lower case in webhooks, upper case in GraphQL.
fn word(told: Option<&str>) -> Option<String> {
    filled(told).map(|word| word.trim().to_lowercase())
}

fn time(field: &'static str, told: Option<&str>) -> Result<Option<Timestamp>, Malformed> {
    let Some(text) = filled(told) else { return Ok(None) };
    Timestamp::parse(text).map(Some).ok_or(Malformed(field))
}

fn amount(
    field: &'static str,
    told: Option<&str>,
    currency: &str,
) -> Result<Option<Amount>, Malformed> {
    let Some(text) = filled(told) else { return Ok(None) };
    Amount::parse(text, currency).map(Some).ok_or(Malformed(field))
}

/// A text of a shape, borrowed from the body unless it holds escapes.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    /// What it says.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an optional text says.
pub(super) fn said<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(Text::as_str)
}
