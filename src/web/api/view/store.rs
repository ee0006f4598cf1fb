//! A connected cart. Nothing of its credentials is ever shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{CartOrderId, Progress, Rules, Timestamp};
use crate::ledger::{Backlog, Connection, StoreRow};
use crate::web::api::Api;

/// A store.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Store)]
pub(in crate::web::api) struct StoreView {
    id: i64,
    /// Its number within the account, first part of its orders' numbers.
    index: u32,
    /// Its name in routes.
    slug: String,
    name: String,
    /// The account's slug.
    account: String,
    channel: &'static str,
    domain: String,
    /// Replaces scheme, host and port of the cart's API.
    api_url: Option<String>,
    /// Where the cart sends its webhooks.
    webhook_url: String,
    paused: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    disconnected_at: Option<Timestamp>,
    #[schema(value_type = Object)]
    rules: Rules,
    health: HealthView,
    /// Scopes that the credentials lack, most essential first.
    missing_scopes: Vec<ScopeGapView>,
    /// Counts its changes; its `ETag`.
    version: u64,
    /// What went less well than it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// How a store stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StoreHealth)]
struct HealthView {
    /// `ok`, `reconnect` (the cart refused the credentials) or `paused`.
    connection: &'static str,
    /// What stands in the way, as a sentence.
    reason: Option<String>,
    /// Everything that changed in the cart until then, and that polls can see, is in the book or held
    /// back (R42); null before the first run.
    #[schema(value_type = Option<String>, format = DateTime)]
    complete_up_to: Option<Timestamp>,
    /// The cart's id of the first order that could not be read.
    #[schema(value_type = Option<String>)]
    complete_held_by: Option<CartOrderId>,
    /// What polls cannot see, a sentence each.
    complete_except: Vec<&'static str>,
    /// Orders that polls found within the last 24 hours and no webhook has told of (R41).
    webhook_misses_24h: u64,
    /// Events that wait.
    waiting: u64,
    /// When the oldest of them was received.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_waiting_at: Option<Timestamp>,
    /// Events that only a person can mend.
    set_aside: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_event_at: Option<Timestamp>,
    /// Topics with a subscription of ours.
    subscribed: Vec<String>,
    /// When scopes and subscriptions were last checked.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Timestamp>,
}

/// A scope that is missing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ScopeGap)]
struct ScopeGapView {
    scope: &'static str,
    sentence: &'static str,
    essential: bool,
}

/// How far a store's book is complete.
#[derive(Debug, Default)]
pub(in crate::web::api) struct Completeness {
    /// What polls have reached.
    pub(in crate::web::api) progress: Progress,
    /// Misses of the last 24 hours.
    pub(in crate::web::api) misses: u64,
}

impl StoreView {
    pub(in crate::web::api) fn new(
        api: &Api,
        row: &StoreRow,
        account: &str,
        backlog: &Backlog,
        completeness: Completeness,
    ) -> Self {
        let channel = api.desk.channels.get(row.channel);
        // Before the first check nothing is known of the scopes, so none is said to be missing.
        let checked = channel.filter(|_| row.health.checked_at.is_some());
        let gaps = checked.map(|channel| channel.scope_gaps(&row.health.granted_scopes));
        let granted = &row.health.granted_scopes;
        let blind_spots = channel.map_or_else(Vec::new, |channel| channel.blind_spots(granted));
        let gap = |gap: crate::channel::ScopeGap| ScopeGapView {
            scope: gap.scope,
            sentence: gap.sentence,
            essential: gap.essential,
        };
        Self {
            id: row.id.0,
            index: row.index,
            slug: row.slug.clone(),
            name: row.name.clone(),
            account: account.to_owned(),
            channel: row.channel.as_str(),
            domain: row.domain.clone(),
            api_url: row.api_url.clone(),
            webhook_url: webhook_url(&api.settings.public_url, row),
            paused: row.paused,
            created_at: row.created_at,
            disconnected_at: row.disconnected_at,
            rules: row.rules.clone(),
            health: HealthView::new(row, backlog, completeness, blind_spots),
            missing_scopes: gaps.unwrap_or_default().into_iter().map(gap).collect(),
            version: row.version,
            warning: None,
        }
    }

    /// With a sentence on what went less well.
    #[must_use]
    pub(in crate::web::api) fn warned(mut self, warning: Option<String>) -> Self {
        self.warning = warning;
        self
    }
}

impl HealthView {
    fn new(
        row: &StoreRow,
        backlog: &Backlog,
        completeness: Completeness,
        blind_spots: Vec<&'static str>,
    ) -> Self {
        let Completeness { progress, misses } = completeness;
        let connection = match (row.paused, row.health.connection) {
            (true, _) => "paused",
            (false, Connection::Reconnect) => "reconnect",
            (false, Connection::Ok) => "ok",
        };
        Self {
            connection,
            reason: row.health.reason.clone(),
            complete_up_to: progress.complete_up_to,
            complete_held_by: progress.held_by().cloned(),
            complete_except: blind_spots,
            webhook_misses_24h: misses,
            waiting: backlog.waiting,
            oldest_waiting_at: backlog.oldest,
            set_aside: backlog.set_aside,
            last_event_at: backlog.last_webhook,
            subscribed: row.health.subscribed.clone(),
            checked_at: row.health.checked_at,
        }
    }
}

/// Where a store's webhooks go; only the path while nobody has said where the listener is reached.
pub(in crate::web::api) fn webhook_url(public_url: &str, row: &StoreRow) -> String {
    format!("{}/webhooks/{}/{}", public_url.trim_end_matches('/'), row.channel, row.slug)
}
