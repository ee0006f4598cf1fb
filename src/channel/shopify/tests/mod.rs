//! What concerns both shapes of an order at once.

mod channel;
mod fuzz;
pub(super) mod order;
mod shapes;
