//! What would have become of an order: its past decided again from the first event on, under other
//! rules, without anything being written.

use super::command::Command;
use super::decide::{Context, Input, decide};
use super::event::Source;
use super::order::Order;
use super::rules::Rules;
use super::sighting::Sighting;
use super::time::Timestamp;
use super::timeline::By;

/// One thing of an order's past.
#[derive(Debug, Clone)]
pub struct Past {
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub by: By,
    /// What it was.
    pub what: What,
}

/// What a past event told or asked.
#[derive(Debug, Clone)]
pub enum What {
    /// The cart's order was seen.
    Seen(Box<Sighting>, Source),
    /// A fetch did not find it.
    Gone,
    /// A person or tool asked for something.
    Asked(Command),
    /// It was examined anew while it was held back.
    ReExamined,
}

/// Decides the past again under `rules`, oldest first. What was refused or cannot be done under
/// these rules is passed over, as it would have been. `None`: no order came of it.
pub fn replay(past: &[Past], rules: &Rules, context: &Context<'_>) -> Option<Order> {
    let mut order: Option<Order> = None;
    for Past { at, by, what } in past {
        let context = Context { now: *at, by: by.clone(), rules, ..context.clone() };
        let input = match what {
            What::Seen(sighting, source) => Input::Seen { sighting, source: *source, read_at: *at },
            What::Gone => Input::Gone { read_at: *at },
            What::Asked(command) => Input::Asked(command),
            What::ReExamined => Input::ReExamined,
        };
        if let Ok(decision) = decide(order.as_ref(), &input, &context) {
            order = decision.order.or(order);
        }
    }
    order
}
