//! Runs of Import orders: the list of what changed in the cart, page by page between the store's
//! other turns (R40–R42). Webhooks outrank it: a page is asked for when nothing else waits, and
//! worked in when the journal has been read.
//!
//! A run is an open event until its list has been read to the end. Each page is one commit with
//! where the list goes on, so a crash goes on with the page that was not durable.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::draft::json;
use super::poll_page::{Begun, Clocks, readable_id, set_aside_before};
use super::turn::{Turn, TurnFailed};
use crate::channel::{ChannelError, ListFrom, ListPage, Listing};
use crate::domain::event::reason;
use crate::domain::{AccountId, EventState, Position, Progress, Source, StoreId, Task, Timestamp};
use crate::ledger::{DeliveryKey, NewEvent, OpenEvent, Run, StoreHealth, Trigger};
use crate::metrics::RunResult;

/// What the event of a run says of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::actor) struct PollBody {
    /// What began it.
    pub(in crate::actor) trigger: Trigger,
    /// Read what changed since then, if that is earlier than what a run reads anyway.
    pub(in crate::actor) since: Option<Timestamp>,
}

impl PollBody {
    /// The event that a run becomes; `by` is the person who asks for it, if one does.
    pub(in crate::actor) fn event(
        self,
        account: AccountId,
        store: StoreId,
        now: Timestamp,
        by: Option<String>,
    ) -> NewEvent {
        NewEvent {
            account,
            store,
            topic: RUN.to_owned(),
            source: if by.is_some() { Source::Person } else { Source::Poll },
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id: None,
            body: json(&self),
            received_at: now,
            triggered_at: None,
            by,
        }
    }
}

/// A run of a store.
#[derive(Debug)]
pub(super) struct Poll {
    /// Its event.
    pub(super) position: Position,
    asked: PollBody,
    begun: Option<Begun>,
    stage: Stage,
}

/// What is to be done next for a run.
#[derive(Debug)]
enum Stage {
    /// Its next page has to be asked for.
    Call,
    /// Its next page has been asked for.
    Called,
    /// Its next page is here.
    Page(Box<Answered>),
}

/// The answer to a call for a page.
#[derive(Debug)]
pub(super) struct Answered {
    /// When it was asked for, by our clock and by the cart's.
    pub(super) sent_at: Timestamp,
    pub(super) cart_sent_at: Timestamp,
    pub(super) page: Result<ListPage, ChannelError>,
}

/// A call for a page: whoever has forgotten the run meanwhile forgets the answer too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageOfRun {
    pub(super) run: Position,
    pub(super) from: ListFrom,
}

/// The topic of events that are runs.
pub(super) const RUN: &str = Task::ImportOrders.as_str();
/// While webhooks are missed or not subscribed, the next poll is due by this time (R44).
const WHILE_DEGRADED: Duration = Duration::from_mins(10);

impl Poll {
    /// The run that an event asks for.
    pub(super) fn asked(event: &OpenEvent) -> Self {
        let asked = serde_json::from_slice(&event.body).unwrap_or_default();
        Self { asked, ..Self::of(event.position) }
    }

    /// A run of which nothing is known but its event.
    pub(super) fn of(position: Position) -> Self {
        let asked = PollBody::default();
        Self { position, asked, begun: None, stage: Stage::Call }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether it begins with a look at the subscriptions (R43); connecting a store has just had one.
    pub(super) fn audits(&self, health: &StoreHealth) -> bool {
        let connects = |begun: &Begun| begun.run.trigger == Trigger::Connect;
        health.checked_at.is_none() || !self.begun.as_ref().is_some_and(connects)
    }

    /// The page to ask for, if one is to be asked for.
    pub(super) fn wanted(&self) -> Option<PageOfRun> {
        let begun = self.begun.as_ref().filter(|_| matches!(self.stage, Stage::Call))?;
        Some(PageOfRun { run: self.position, from: begun.from.clone() })
    }

    pub(super) fn called(&mut self) {
        self.stage = Stage::Called;
    }

    pub(super) fn has_page(&self) -> bool {
        matches!(self.stage, Stage::Page(_))
    }

    /// Takes the answer to that call; one that is not waited for any more is dropped.
    pub(super) fn answered(&mut self, call: &PageOfRun, answered: Answered) {
        let goes_on = self.begun.as_ref().is_some_and(|begun| begun.from == call.from);
        if self.position != call.run || !goes_on || !matches!(self.stage, Stage::Called) {
            return;
        }
        self.stage = match &answered.page {
            // It is waited out; the run stays where it is (R46).
            Err(ChannelError::Unauthorized(_)) => Stage::Call,
            Err(error) if error.is_outage() => Stage::Call,
            _ => Stage::Page(Box::new(answered)),
        };
    }

    /// Reads where the run stands: at its beginning, or where a crash has left it.
    pub(super) async fn begin(mut self, turn: &Turn) -> Result<Self, TurnFailed> {
        let ledger = &turn.resources.ledger;
        let kept = ledger.runs(&[self.position]).await?.pop().map(|(_, run)| run);
        let tasks = ledger.tasks(turn.store.id).await?;
        let task = tasks.into_iter().find(|row| row.task == Task::ImportOrders);
        let (progress, instasync) =
            task.map_or_else(Default::default, |row| (row.progress, row.instasync));
        let run = kept.unwrap_or_else(|| self.new_run(&progress, turn));
        let from = run.from.clone().and_then(|from| serde_json::from_value(from).ok());
        let from = from.unwrap_or_else(|| self.the_list(&progress));
        self.begun = Some(Begun { run, progress, from, instasync, restarted: false });
        Ok(self)
    }

    fn new_run(&self, progress: &Progress, turn: &Turn) -> Run {
        let trigger = match self.asked.trigger {
            Trigger::Schedule if !progress.connected => Trigger::Connect,
            asked => asked,
        };
        Run { trigger, started_at: Some(turn.resources.clock.now()), ..Run::default() }
    }

    /// What a run reads: what changed since the runs before it (R40), the first time what is open
    /// (R45).
    fn the_list(&self, progress: &Progress) -> ListFrom {
        if !progress.connected {
            return ListFrom::the_start(Listing::Open);
        }
        let since = progress.since();
        let since = self.asked.since.map_or(since, |asked| since.min(Some(asked)));
        ListFrom::the_start(Listing::Changed { since })
    }

    /// Works its page in, as one commit; `None` once the run has ended.
    pub(super) async fn page(mut self, turn: &Turn) -> Result<Option<Self>, TurnFailed> {
        let stage = std::mem::replace(&mut self.stage, Stage::Call);
        let (Some(begun), Stage::Page(answered)) = (self.begun.as_mut(), stage) else {
            return Ok(Some(self));
        };
        let Answered { sent_at, cart_sent_at, page } = *answered;
        let page = match page {
            Ok(page) => page,
            Err(error) => return self.refused(turn, &error).await,
        };
        let now = turn.resources.clock.now();
        let began = *begun.run.began.get_or_insert(cart_sent_at);
        let mut draft = turn.draft(page.orders.iter().filter_map(readable_id), now).await?;
        let mut aside = set_aside_before(turn, &page).await?;
        let clocks = Clocks { ours: sent_at, carts: cart_sent_at };
        let late = begun.told_by_nobody(turn, &draft, &page, clocks).await?;
        begun.run.pages += 1;
        for listed in &page.orders {
            begun.work_in(self.position, &mut draft, listed, sent_at, &late, &mut aside);
        }
        let next = begun.next(&page, self.asked.since);
        let ends = next.is_none();
        begun.run.from = next.as_ref().and_then(|next| serde_json::to_value(next).ok());
        let mut due_by = None;
        if ends {
            let settings = &turn.resources.settings;
            let mended = begun.progress.missed > 0 && tells_again(turn, &begun.progress).await?;
            begun.finish(self.position, began, settings.list_lag, mended);
            let sick = begun.progress.missed > 0 || lacks_subscriptions(turn);
            due_by = sick.then(|| now.plus(WHILE_DEGRADED));
            draft.close(self.position, EventState::Done, None, None);
        }
        begun.keep(self.position, &mut draft, due_by);
        if let Some((commit, outcomes)) = draft.finish() {
            turn.commit(commit, outcomes).await?;
        }
        tokio::task::yield_now().await;
        let Some(next) = next else {
            begun.count(turn, RunResult::Done);
            return Ok(None);
        };
        begun.from = next;
        Ok(Some(self))
    }

    /// The cart would not give a page. It may have forgotten the place in its list: then the list is
    /// begun anew, once.
    async fn refused(
        mut self,
        turn: &Turn,
        error: &ChannelError,
    ) -> Result<Option<Self>, TurnFailed> {
        if let Some(begun) = &mut self.begun
            && matches!(error, ChannelError::Rejected(_))
            && begun.from.page.is_some()
            && !std::mem::replace(&mut begun.restarted, true)
        {
            begun.from = ListFrom::the_start(begun.from.listing.clone());
            return Ok(Some(self));
        }
        warn!(store = %turn.store.slug, run = %self.position, %error, "a run failed");
        if let Some(begun) = &mut self.begun {
            begun.run.error = Some(error.to_string());
            begun.progress.trouble = Some(error.to_string());
        }
        self.end(turn, EventState::Done, reason::RUN_FAILED, RunResult::Failed).await?;
        Ok(None)
    }

    /// Ends it because a person wants it to. What its pages brought stays.
    pub(super) async fn cancel(self, turn: &Turn) -> Result<(), TurnFailed> {
        self.end(turn, EventState::Dismissed, reason::CANCELLED, RunResult::Cancelled).await
    }

    /// Ends it without its list having been read; the next one reads from where it stood.
    async fn end(
        self,
        turn: &Turn,
        state: EventState,
        why: &str,
        result: RunResult,
    ) -> Result<(), TurnFailed> {
        let now = turn.resources.clock.now();
        let mut draft = turn.draft(std::iter::empty(), now).await?;
        draft.close(self.position, state, Some(why), None);
        if let Some(begun) = &self.begun {
            begun.keep(self.position, &mut draft, None);
        }
        if let Some((commit, outcomes)) = draft.finish() {
            turn.commit(commit, outcomes).await?;
        }
        if let Some(begun) = &self.begun {
            begun.count(turn, result);
        }
        Ok(())
    }
}

/// Whether a webhook has come since the first change that none told of (R44).
async fn tells_again(turn: &Turn, progress: &Progress) -> Result<bool, TurnFailed> {
    let backlog = turn.resources.ledger.backlog(turn.store.id).await?;
    Ok(backlog.last_webhook > progress.missed_since)
}

/// Webhooks shall serve the store, and not all of them are subscribed.
fn lacks_subscriptions(turn: &Turn) -> bool {
    let subscribed = &turn.store.health.subscribed;
    let wanted = turn.channel.wanted_topics();
    turn.instasync && wanted.iter().any(|topic| !subscribed.iter().any(|known| known == topic))
}
