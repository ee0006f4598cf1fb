//! The one function through which every order changes (I3): total, pure, deterministic.

mod command;
mod edit;
mod missed;
mod review;
mod revise;
mod settle;
mod sighting;

#[cfg(test)]
mod tests;

use super::command::Command;
use super::event::{EventState, Source};
use super::ids::{AccountId, ChannelKind, StoreId};
use super::order::Order;
use super::rules::Rules;
use super::sighting::Sighting;
use super::time::Timestamp;
use super::timeline::{By, Details, Entry, Kind};

/// What may happen to an order.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// The cart's order was seen.
    Seen {
        /// What was said about it.
        sighting: &'a Sighting,
        /// Where it was seen: webhook, poll or fetch.
        source: Source,
        /// When it was read from the cart; not used for webhooks.
        read_at: Timestamp,
    },
    /// A fetch confirmed that the cart has no such order (R25).
    Gone {
        /// When the fetch was answered.
        read_at: Timestamp,
    },
    /// The rules changed: what holds the order back is examined again, as it was last seen (R13).
    ReExamined,
    /// A person or tool asks for something (R18).
    Asked(&'a Command),
}

/// What surrounds a decision.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The time of the decision, recorded with the event.
    pub now: Timestamp,
    /// The merchant.
    pub account: AccountId,
    /// The store that owns the order.
    pub store: StoreId,
    /// The store's number, first part of order numbers (R16).
    pub index: u32,
    /// Which kind of cart it is.
    pub channel: ChannelKind,
    /// The store's settings.
    pub rules: &'a Rules,
    /// Who caused it.
    pub by: By,
    /// Another store holds this cart order id through the same credentials (R15).
    pub held_elsewhere: bool,
    /// A poll saw it, and a webhook should have told of it long before (R41).
    pub missed: bool,
}

/// What is to be done: the whole effect of one input on one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How the event ends.
    pub state: EventState,
    /// Why, as a code of [`super::event::reason`] or [`super::HeldBack`].
    pub reason: Option<&'static str>,
    /// The row to write: new, or changed from the one given. `None`: the row stays.
    pub order: Option<Order>,
    /// What the timeline gains.
    pub timeline: Vec<Entry>,
    /// The order needs one fetch to settle two webhooks of the same second (R12).
    pub fetch: bool,
    /// What to count.
    pub outcome: Outcome,
}

/// What a decision did, as counted by `instasync_orders_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of the metric")]
pub enum Outcome {
    Created,
    Updated,
    Cancelled,
    Ignored,
    Failed,
}

impl Outcome {
    /// The metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Cancelled => "cancelled",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}

/// A step that is not taken, in words. Nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// What stands against it.
    pub objection: Objection,
    /// Why it cannot be done and what can.
    pub sentence: String,
}

/// What stands against a step, by what the caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// It cannot be done as the order stands (R18: answered 409).
    Impossible,
    /// It was asked of another revision than the present one: read again (R30: 412).
    Changed,
    /// What was given cannot be right for this order: a line that is not there, say (422).
    Invalid,
}

/// Decides one input. `order` is the present row, `None` if there is none.
///
/// A refusal is possible for [`Input::Asked`] only.
pub fn decide(
    order: Option<&Order>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Decision, Refusal> {
    let mut decision = match input {
        Input::Seen { sighting, source, read_at } => {
            sighting::decide(order, sighting, *source, *read_at, context)
        }
        Input::Gone { read_at } => sighting::gone(order, *read_at, context),
        Input::ReExamined => sighting::re_examined(order, context),
        Input::Asked(command) => command::decide(order, command, context)?,
    };
    if decision.order.as_ref() == order {
        decision.order = None;
    }
    if let Some(after) = &mut decision.order {
        after.row_version = order.map_or(1, |before| before.row_version.saturating_add(1));
        let told = !decision.timeline.is_empty();
        if told || order.is_some_and(|before| shown(before) != shown(after)) {
            after.updated_at = context.now;
        }
    }
    Ok(decision)
}

/// What people see of an order; the rest of the row is kept for deciding.
fn shown(order: &Order) -> impl PartialEq + '_ {
    (
        (order.status, order.held_back, order.flags, order.arrived_by),
        (&order.number, &order.cart_name, order.placed_at, order.created_at),
        (&order.content, &order.cart_side, &order.cart, &order.tracking),
    )
}

fn entry(kind: Kind, rule: &'static str, details: Details, context: &Context<'_>) -> Entry {
    Entry { at: context.now, kind, by: context.by.clone(), rule, details }
}

/// An entry for what the cart did, whoever's read found it out.
fn entry_of_cart(
    kind: Kind,
    rule: &'static str,
    mut details: Details,
    context: &Context<'_>,
) -> Entry {
    details.insert("cart".to_owned(), context.channel.title().to_owned());
    entry(kind, rule, details, context)
}

fn fact(name: &str, value: impl Into<String>) -> Details {
    Details::from([(name.to_owned(), value.into())])
}

impl Decision {
    /// Nothing changes; the event ends as `state`.
    fn unchanged(state: EventState, reason: Option<&'static str>) -> Self {
        Self {
            state,
            reason,
            order: None,
            timeline: Vec::new(),
            fetch: false,
            outcome: Outcome::Ignored,
        }
    }
}
