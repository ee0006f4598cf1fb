//! Whether a sighting may enter the book (R13, R14).

use super::order::HeldBack;
use super::rules::Rules;
use super::sighting::Sighting;

/// `Ok` when the order may be imported, else the first reason that holds it back.
///
/// The merchant's lists decide; the names of the reasons come from the cart's vocabulary. A status
/// the cart did not state is judged by the others (R14).
pub fn examine(sighting: &Sighting, rules: &Rules) -> Result<(), HeldBack> {
    let cart = &sighting.cart;
    if cart.cancelled_at.is_some() {
        return Err(HeldBack::CancelledInCart);
    }
    let fulfilment = cart.fulfillment_status.as_deref().unwrap_or("unfulfilled");
    if !contains(&rules.import_fulfilments, fulfilment) && is_over(fulfilment) {
        return Err(HeldBack::AlreadyFulfilled);
    }
    if let Some(payment) = cart.financial_status.as_deref()
        && !contains(&rules.import_statuses, payment)
    {
        return Err(match payment {
            "pending" | "authorized" | "partially_paid" => HeldBack::PaymentPending,
            _ => HeldBack::StatusNotImported,
        });
    }
    if !contains(&rules.import_fulfilments, fulfilment) && is_known(fulfilment) {
        return Err(HeldBack::StatusNotImported);
    }
    if rules.import_from.is_some_and(|from| sighting.placed_at < from) {
        return Err(HeldBack::BeforeStartDate);
    }
    if cart.test && !rules.import_test_orders {
        return Err(HeldBack::TestOrder);
    }
    Ok(())
}

fn contains(list: &[String], word: &str) -> bool {
    list.iter().any(|entry| entry == word)
}

/// Nothing is left to ship.
fn is_over(fulfilment: &str) -> bool {
    matches!(fulfilment, "fulfilled" | "restocked")
}

/// Carts invent fulfilment words; one we do not know never holds an order back.
fn is_known(fulfilment: &str) -> bool {
    matches!(fulfilment, "unfulfilled" | "partial") || is_over(fulfilment)
}
