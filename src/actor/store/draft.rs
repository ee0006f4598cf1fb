//! One turn in the making: decisions one after the other in memory, then one commit.

use std::collections::HashMap;

use serde::Serialize;

use crate::actor::resources::Decided;
use crate::domain::{
    By, CartOrderId, Command, Context, Decision, EventState, Input, Order, Position, Refusal,
    Sighting, Source, Timestamp, decide,
};
use crate::ledger::{
    Body, Cause, Close, Commit, DeliveryKey, NewEntry, OrderWrite, POLL, Recorded, Request, Retry,
    RunWrite, StoreRow, TaskProgress,
};

/// The build that decides, recorded with every event it closes.
const BUILD: &str = env!("CARGO_PKG_VERSION");

/// Decisions of one turn over the orders they touch.
pub(super) struct Draft<'a> {
    store: &'a StoreRow,
    now: Timestamp,
    orders: HashMap<CartOrderId, Slot>,
    commit: Commit,
    outcomes: Vec<Decided>,
}

/// An order as it was read and as it will be written.
struct Slot {
    read_version: u64,
    order: Option<Order>,
    changed: bool,
    held_elsewhere: bool,
}

/// What a poll's sighting of an order came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polled {
    /// The order was not known.
    New,
    /// It was known in another state.
    Changed,
    /// It was known as it is, or newer.
    Unchanged,
    /// It cannot be applied, for that reason.
    Refused(&'static str),
}

/// What is counted once the commit is durable.
pub(super) type Outcomes = Vec<Decided>;

impl<'a> Draft<'a> {
    /// A draft for an incarnation's turn. `orders` are all existing rows the turn may touch.
    pub(super) fn new(store: &'a StoreRow, epoch: i64, now: Timestamp, orders: Vec<Order>) -> Self {
        let slot = |order: Order| {
            let slot = Slot {
                read_version: order.row_version,
                changed: false,
                held_elsewhere: false,
                order: Some(order),
            };
            slot.order.as_ref().map(|order| order.id.cart.clone()).map(|id| (id, slot))
        };
        let commit = Commit {
            account: store.account,
            store: store.id,
            epoch,
            at: now,
            rules_version: store.rules_version,
            build: BUILD,
            closes: Vec::new(),
            retries: Vec::new(),
            recorded: Vec::new(),
            requests: Vec::new(),
            orders: Vec::new(),
            timeline: Vec::new(),
            run: None,
            progress: None,
        };
        let orders = orders.into_iter().filter_map(slot).collect();
        Self { store, now, orders, commit, outcomes: Vec::new() }
    }

    /// Another store with the same credentials holds this order (R15).
    pub(super) fn held_elsewhere(&mut self, id: &CartOrderId) {
        self.slot(id).held_elsewhere = true;
    }

    /// The order as it stands in this turn.
    pub(super) fn order(&self, id: &CartOrderId) -> Option<&Order> {
        self.orders.get(id).and_then(|slot| slot.order.as_ref())
    }

    /// Decides a sighting that is an open event of its own, and closes that event.
    pub(super) fn webhook(&mut self, event: Position, received: Timestamp, sighting: &Sighting) {
        let input = Input::Seen { sighting, source: Source::Webhook, read_at: self.now };
        let by = By::Cart(self.store.channel);
        let id = sighting.cart_order_id.clone();
        // Only what persons ask can be refused.
        let Ok(decision) = self.decide(&id, &input, by, Cause::Event(event), received) else {
            return;
        };
        self.close(event, decision.state, decision.reason, Some(id));
    }

    /// Decides what a fetch answered. It enters the journal as an event of its own if it taught us
    /// anything; how it was decided is given back for the events that asked for it.
    pub(super) fn fetched(
        &mut self,
        id: &CartOrderId,
        input: &Input<'_>,
        by: By,
        asked_at: Timestamp,
        body: Body,
    ) -> Option<Decision> {
        let cause = Cause::Recorded(self.commit.recorded.len());
        let person = match &by {
            By::Person(name) => Some(name.clone()),
            _ => None,
        };
        let decision = self.decide(id, input, by, cause, asked_at).ok()?;
        if decision.order.is_some() {
            self.commit.recorded.push(Recorded {
                topic: "fetch".to_owned(),
                source: Source::Fetch,
                state: decision.state,
                reason: decision.reason.map(str::to_owned),
                cart_order_id: Some(id.clone()),
                key: DeliveryKey::unique(),
                body,
                received_at: self.now,
                by: person,
            });
        }
        Some(decision)
    }

    /// Decides what a poll tells of an order. It enters the journal as an event of its own if it
    /// taught us anything; a state that is known leaves no trace.
    pub(super) fn polled(
        &mut self,
        sighting: &Sighting,
        read_at: Timestamp,
        missed: bool,
    ) -> Polled {
        let id = &sighting.cart_order_id;
        let cause = Cause::Recorded(self.commit.recorded.len());
        let told = self.commit.timeline.len();
        let (before, was_changed) = {
            let slot = self.slot(id);
            (slot.order.clone(), slot.changed)
        };
        let input = Input::Seen { sighting, source: Source::Poll, read_at };
        let since = sighting.updated_at;
        // Only what persons ask can be refused.
        let Ok(decision) = self.decide_on(id, &input, By::Autosync, cause, since, missed) else {
            return Polled::Unchanged;
        };
        if decision.state == EventState::SetAside {
            return Polled::Refused(decision.reason.unwrap_or_default());
        }
        let version = |order: Option<&Order>| order.map(|order| order.guard.newest.updated_at);
        let taught = self.commit.timeline.len() > told
            || (decision.order.is_some()
                && version(decision.order.as_ref()) != version(before.as_ref()));
        if !taught {
            // Nothing is written of it, not even that it was confirmed: every poll reads again what
            // the one before has read.
            self.outcomes.pop();
            let slot = self.slot(id);
            (slot.order, slot.changed) = (before, was_changed);
            return Polled::Unchanged;
        }
        self.record(Recorded {
            topic: POLL.to_owned(),
            source: Source::Poll,
            state: decision.state,
            reason: decision.reason.map(str::to_owned),
            cart_order_id: Some(id.clone()),
            key: DeliveryKey::unique(),
            body: json(sighting),
            received_at: self.now,
            by: None,
        });
        if before.is_none() { Polled::New } else { Polled::Changed }
    }

    /// An input that enters the journal closed.
    pub(super) fn record(&mut self, recorded: Recorded) {
        self.commit.recorded.push(recorded);
    }

    /// The turn is a part of this run.
    pub(super) fn run(&mut self, run: RunWrite, progress: TaskProgress) {
        self.commit.run = Some(run);
        self.commit.progress = Some(progress);
    }

    /// When the turn decides.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Examines a held-back order anew; it enters the journal if anything came of it.
    pub(super) fn re_examined(&mut self, id: &CartOrderId, by: &str) {
        let cause = Cause::Recorded(self.commit.recorded.len());
        let person = By::Person(by.to_owned());
        // Only what persons ask of an order can be refused.
        let Ok(decision) = self.decide(id, &Input::ReExamined, person, cause, self.now) else {
            return;
        };
        if decision.order.is_some() {
            self.commit.recorded.push(Recorded {
                topic: super::turn::RE_EXAMINE.to_owned(),
                source: Source::Rules,
                state: decision.state,
                reason: decision.reason.map(str::to_owned),
                cart_order_id: Some(id.clone()),
                key: DeliveryKey::unique(),
                body: Body::pack(b"{}"),
                received_at: self.now,
                by: Some(by.to_owned()),
            });
        }
    }

    /// Decides what a person or tool asks; it enters the journal with its effect.
    pub(super) fn asked(
        &mut self,
        id: &CartOrderId,
        command: &Command,
        by: &str,
    ) -> Result<(), Refusal> {
        let cause = Cause::Recorded(self.commit.recorded.len());
        let decision =
            self.decide(id, &Input::Asked(command), By::Person(by.to_owned()), cause, self.now)?;
        let body = serde_json::to_vec(command)
            .expect("invariant: commands are plain data, which always serialises");
        self.commit.recorded.push(Recorded {
            topic: command.name().to_owned(),
            source: Source::Person,
            state: decision.state,
            reason: decision.reason.map(str::to_owned),
            cart_order_id: Some(id.clone()),
            key: DeliveryKey::unique(),
            body: body.into(),
            received_at: self.now,
            by: Some(by.to_owned()),
        });
        Ok(())
    }

    /// Ends an open event.
    pub(super) fn close(
        &mut self,
        position: Position,
        state: EventState,
        reason: Option<&str>,
        cart_order_id: Option<CartOrderId>,
    ) {
        let reason = reason.map(str::to_owned);
        self.commit.closes.push(Close { position, state, reason, cart_order_id });
    }

    /// Keeps an open event for another attempt.
    pub(super) fn retry(&mut self, retry: Retry) {
        self.commit.retries.push(retry);
    }

    /// The commit, and what to count once it is durable. `None`: nothing is to be written.
    pub(super) fn finish(mut self) -> Option<(Commit, Outcomes)> {
        for slot in self.orders.into_values().filter(|slot| slot.changed) {
            if let Some(mut order) = slot.order {
                // Several decisions of one turn are one write of the row.
                order.row_version = slot.read_version + 1;
                self.commit.orders.push(OrderWrite { expected: slot.read_version, order });
            }
        }
        let commit = self.commit;
        let empty = commit.closes.is_empty()
            && commit.retries.is_empty()
            && commit.recorded.is_empty()
            && commit.orders.is_empty()
            && commit.run.is_none();
        (!empty).then_some((commit, self.outcomes))
    }

    fn decide(
        &mut self,
        id: &CartOrderId,
        input: &Input<'_>,
        by: By,
        cause: Cause,
        since: Timestamp,
    ) -> Result<Decision, Refusal> {
        self.decide_on(id, input, by, cause, since, false)
    }

    fn decide_on(
        &mut self,
        id: &CartOrderId,
        input: &Input<'_>,
        by: By,
        cause: Cause,
        since: Timestamp,
        missed: bool,
    ) -> Result<Decision, Refusal> {
        let (store, now) = (self.store, self.now);
        let slot = self.slot(id);
        let context = Context {
            now,
            account: store.account,
            store: store.id,
            index: store.index,
            channel: store.channel,
            rules: &store.rules,
            by: by.clone(),
            held_elsewhere: slot.held_elsewhere,
            missed,
        };
        let mut decision = decide(slot.order.as_ref(), input, &context)?;
        if let Some(order) = &decision.order {
            slot.order = Some(order.clone());
            slot.changed = true;
        }
        for entry in decision.timeline.drain(..) {
            self.commit.timeline.push(NewEntry { cart_order_id: id.clone(), cause, entry });
        }
        if decision.fetch {
            self.commit.requests.push(Request { cart_order_id: id.clone(), received_at: now });
        }
        self.outcomes.push(Decided { outcome: decision.outcome, by, since });
        Ok(decision)
    }

    fn slot(&mut self, id: &CartOrderId) -> &mut Slot {
        self.orders.entry(id.clone()).or_insert_with(|| Slot {
            read_version: 0,
            order: None,
            changed: false,
            held_elsewhere: false,
        })
    }
}

/// A value of ours as it is kept in the journal.
pub(super) fn json(value: &impl Serialize) -> Body {
    let text = serde_json::to_vec(value);
    text.expect("invariant: sightings are plain data, which always serialises").into()
}
