//! A run (R6): a poll of the cart's orders, a person's request to read one order (R7), or to examine
//! held-back orders anew (R13).

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::event::reason;
use crate::domain::{EventState, Order, Task, Timestamp};
use crate::ledger::{EventRow, Run};

/// One run of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Run)]
pub(in crate::web::api) struct RunView {
    /// `run_` and the position of its event.
    id: String,
    /// The store's slug.
    store: String,
    /// `import_orders`, `import_products` or `write_inventory`.
    task: &'static str,
    /// `schedule`, `person`, `connect` or `repair`.
    trigger: &'static str,
    started_by: Option<String>,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Pages of lists that were read.
    pages: u32,
    /// Orders the cart showed.
    seen: u32,
    /// Of these, how many were not known before.
    new: u32,
    /// How many changed.
    changed: u32,
    /// How many were known as they are.
    unchanged: u32,
    /// What a poll brought that the book lacked.
    repaired: u32,
    /// What webhooks should have told of and did not (R41).
    missed: u32,
    /// How many could not be worked on.
    failed: u32,
    /// Why it failed.
    error: Option<String>,
    /// It had begun before it was asked for, and counts for both.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    joined: bool,
}

impl RunView {
    /// Of a poll; `run` is what it has done, once it has begun.
    pub(in crate::web::api) fn of_poll(event: &EventRow, run: Option<&Run>, store: &str) -> Self {
        let begun = run.is_some();
        let run = run.cloned().unwrap_or_default();
        let why = event.reason.as_deref();
        // It crashed, or its store was disconnected meanwhile.
        let came_to_nothing = why == Some(reason::CRASHED) || event.state == EventState::Ignored;
        let sentence = why.filter(|_| came_to_nothing).and_then(reason::sentence);
        let error = run.error.clone().or_else(|| sentence.map(str::to_owned));
        let state = match event.state {
            EventState::Waiting | EventState::Retrying if begun => "running",
            EventState::Waiting | EventState::Retrying => "queued",
            EventState::Dismissed => "cancelled",
            EventState::SetAside => "failed",
            _ if error.is_some() => "failed",
            _ => "done",
        };
        let trigger = match (&event.by, begun) {
            (_, true) => run.trigger.as_str(),
            (Some(_), false) => "person",
            (None, false) => "schedule",
        };
        Self {
            id: format!("run_{}", event.position.0),
            store: store.to_owned(),
            task: Task::ImportOrders.as_str(),
            trigger,
            started_by: event.by.clone(),
            state,
            started_at: run.started_at.unwrap_or(event.received_at),
            ended_at: event.done_at,
            pages: run.pages,
            seen: run.seen,
            new: run.new,
            changed: run.changed,
            unchanged: run.unchanged,
            repaired: run.repaired,
            missed: run.missed,
            failed: run.failed,
            error,
            joined: false,
        }
    }

    /// That it had begun before it was asked for.
    #[must_use]
    pub(in crate::web::api) fn joined(mut self, joined: bool) -> Self {
        self.joined = joined;
        self
    }

    /// Of a request for a fetch; `order` is the order as it stands now, if it is known.
    pub(in crate::web::api) fn new(event: &EventRow, order: Option<&Order>, store: &str) -> Self {
        let why = event.reason.as_deref();
        let absent = why == Some(reason::NOT_FOUND_IN_CART);
        let state = match event.state {
            EventState::Waiting => "queued",
            EventState::Retrying => "running",
            EventState::SetAside => "failed",
            EventState::Ignored if absent => "failed",
            EventState::Dismissed => "cancelled",
            _ => "done",
        };
        let is_done = state == "done";
        let known = matches!(event.state, EventState::Duplicate | EventState::Stale)
            || matches!(why, Some(reason::NO_CHANGE | reason::COALESCED));
        let came = |order: &Order| order.is_in_book() && order.created_at >= event.received_at;
        let is_new = is_done && !known && order.is_some_and(came);
        let re_examined = why.and_then(reason::read_re_examined);
        let is_changed = is_done && !known && !is_new && event.state != EventState::Held;
        let run = Self {
            id: format!("run_{}", event.position.0),
            store: store.to_owned(),
            task: "import_orders",
            trigger: "person",
            started_by: event.by.clone(),
            state,
            started_at: event.received_at,
            ended_at: event.done_at,
            pages: 0,
            seen: u32::from(is_done),
            new: u32::from(is_new),
            changed: u32::from(is_changed),
            unchanged: u32::from(is_done && !is_new && !is_changed),
            repaired: 0,
            missed: 0,
            failed: u32::from(state == "failed"),
            error: why.filter(|_| state == "failed").and_then(reason::sentence).map(str::to_owned),
            joined: false,
        };
        let Some((imported, seen)) = re_examined else { return run };
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (seen, new) = (count(seen), count(imported));
        Self { seen, new, changed: 0, unchanged: seen.saturating_sub(new), ..run }
    }
}
