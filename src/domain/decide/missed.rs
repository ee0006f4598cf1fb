//! What a poll found and no webhook told of (R41).

use super::super::event::{EventState, Source};
use super::super::order::{Flag, Missed, Order};
use super::super::sighting::Sighting;
use super::super::timeline::{By, Kind};
use super::{Context, Decision, Outcome, entry, fact};

const RULE: &str = "R41";

/// Marks an order of which a poll found a state that a webhook should have told of, and takes the
/// mark away when that webhook comes after all. `before` is the order as it was.
pub(super) fn note(
    decision: &mut Decision,
    before: Option<&Order>,
    sighting: &Sighting,
    source: Source,
    context: &Context<'_>,
) {
    let Some(order) = &mut decision.order else { return };
    let told_by_cart = matches!(source, Source::Webhook)
        || (source == Source::Fetch && matches!(context.by, By::Cart(_)));
    let flag = || fact("flag", Flag::WebhookMissed.as_str());
    let known = before.map(|before| before.guard.newest.updated_at);
    if context.missed && source == Source::Poll && known < Some(sighting.updated_at) {
        order.guard.missed = Some(Missed { version: sighting.updated_at, at: context.now });
        if !order.flags.has(Flag::WebhookMissed) {
            order.flags.set(Flag::WebhookMissed, true);
            decision.timeline.push(entry(Kind::FlagRaised, RULE, flag(), context));
        }
    } else if told_by_cart
        && order.guard.missed.is_some_and(|missed| missed.version == sighting.updated_at)
    {
        order.guard.missed = None;
        order.flags.set(Flag::WebhookMissed, false);
        decision.timeline.push(entry(Kind::FlagCleared, RULE, flag(), context));
        if matches!(decision.state, EventState::Duplicate | EventState::Stale | EventState::Done) {
            (decision.state, decision.reason) = (EventState::Done, None);
            decision.outcome = Outcome::Updated;
        }
    }
}
