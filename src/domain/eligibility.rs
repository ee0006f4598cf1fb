//! Whether a sighting may enter the book (R13, R14).

use super::cart_status::Phase;
use super::order::HeldBack;
use super::rules::Rules;
use super::sighting::CartState;
use super::time::Timestamp;

/// `Ok` when the order may be imported, else the first reason that holds it back.
///
/// The merchant's lists decide; the names of the reasons come from the cart's vocabulary. A status
/// the cart did not state is judged by the others (R14).
pub fn examine(cart: &CartState, placed_at: Timestamp, rules: &Rules) -> Result<(), HeldBack> {
    match cart.status_id {
        Some(id) => examine_status(cart, id, rules)?,
        None => examine_words(cart, rules)?,
    }
    if rules.import_from.is_some_and(|from| placed_at < from) {
        return Err(HeldBack::BeforeStartDate);
    }
    if cart.test && !rules.import_test_orders {
        return Err(HeldBack::TestOrder);
    }
    Ok(())
}

/// BigCommerce: by the one status it tells, never by its label.
fn examine_status(cart: &CartState, id: i64, rules: &Rules) -> Result<(), HeldBack> {
    let phase = cart.phase();
    if phase != Some(Phase::Cancelled) && contains(&rules.import_statuses, &id.to_string()) {
        return Ok(());
    }
    Err(match phase {
        Some(Phase::Cancelled) => HeldBack::CancelledInCart,
        Some(Phase::Fulfilled) => HeldBack::AlreadyFulfilled,
        Some(Phase::PaymentPending) => HeldBack::PaymentPending,
        Some(Phase::Other) | None => HeldBack::StatusNotImported,
    })
}

/// Carts that tell payment and fulfilment by word.
fn examine_words(cart: &CartState, rules: &Rules) -> Result<(), HeldBack> {
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
