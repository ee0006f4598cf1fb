//! What an order is found by (`q` of [`super::OrderFilter`]).

use std::collections::BTreeSet;

use crate::domain::Order;

/// Every word that finds the order: our number, the cart's number, its name with and without `#`,
/// its id, and the customer's e-mail.
pub(super) fn terms(order: &Order) -> BTreeSet<String> {
    let name = term(&order.cart_name);
    let mut terms: BTreeSet<String> = [
        term(&order.number),
        term(&order.cart_number),
        name.trim_start_matches('#').to_owned(),
        name,
        term(&order.id.cart.0),
    ]
    .into();
    terms.extend(order.content.email.as_deref().map(term));
    terms.remove("");
    terms
}

/// How a word is kept and looked for.
pub(super) fn term(text: &str) -> String {
    text.trim().to_lowercase()
}
