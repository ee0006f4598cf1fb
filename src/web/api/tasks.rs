//! What serves each task of a store: webhooks (the bolt) and the schedule (the arrow) (R2, R44).

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::RunView;
use super::{Api, Scope, runs};
use crate::domain::{Source, Timestamp};
use crate::ledger::{Connection, EventFilter, Role, StoreListing, StoreRow};
use crate::web::problem::Problem;

/// Without a webhook for so long, a bolt is quiet.
const QUIET_AFTER: Duration = Duration::from_hours(24);
/// Events that are looked through for the last webhook.
const RECENT: usize = 200;

/// One task of a store.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskView {
    /// `import_orders`, `import_products` or `write_inventory`.
    task: &'static str,
    instasync: InstasyncView,
    autosync: AutosyncView,
    last_run: Option<RunView>,
}

/// Whether webhooks serve the task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Instasync)]
struct InstasyncView {
    enabled: bool,
    /// `off`, `connecting`, `live`, `quiet`, `degraded` or `lost`.
    state: &'static str,
    /// Why, as a sentence.
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_event_at: Option<Timestamp>,
}

/// Whether a schedule serves the task; never in this build.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Autosync)]
struct AutosyncView {
    enabled: bool,
    /// Such as `1h`.
    interval: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_run_at: Option<Timestamp>,
}

/// The three tasks of a store.
#[utoipa::path(get, path = "/api/v1/stores/{store}/tasks", tag = "stores",
    params(("store" = String, Path)), responses((status = 200, body = Vec<TaskView>)))]
pub(super) async fn list(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Viewer)?;
    let store = api.store(&scope, &slug)?;
    let row = api.desk.ledger.store(store.id).await?;
    let row = row.ok_or_else(|| Problem::not_found("store"))?;
    let last_event_at = last_webhook(&api, &store).await?;
    let wanted = api.desk.channels.get(row.channel).map_or(&[][..], |c| c.wanted_topics());
    let (state, reason) = bolt(&row, wanted, last_event_at, api.desk.clock.now());
    let enabled = row.disconnected_at.is_none();
    let autosync = || AutosyncView {
        enabled: false,
        interval: interval(api.settings.autosync_interval),
        next_run_at: None,
    };
    let not_yet = |task, what: &str| TaskView {
        task,
        instasync: InstasyncView {
            enabled: false,
            state: "off",
            reason: Some(format!("This build does not {what} yet.")),
            last_event_at: None,
        },
        autosync: autosync(),
        last_run: None,
    };
    let tasks = [
        TaskView {
            task: "import_orders",
            instasync: InstasyncView { enabled, state, reason, last_event_at },
            autosync: autosync(),
            last_run: runs::last(&api, &store).await?,
        },
        not_yet("import_products", "import products"),
        not_yet("write_inventory", "write inventory back"),
    ];
    Ok(HttpResponse::Ok().json(tasks))
}

async fn last_webhook(api: &Api, store: &StoreListing) -> Result<Option<Timestamp>, Problem> {
    let mut filter = EventFilter::of(store.account, RECENT);
    filter.store = Some(store.id);
    let page = api.desk.ledger.event_page(&filter).await?;
    let last = page.rows.iter().find(|event| event.source == Source::Webhook);
    Ok(last.map(|event| event.received_at))
}

/// The state of the bolt and its reason, from what is known; a bolt never looks better than that.
fn bolt(
    row: &StoreRow,
    wanted: &[&str],
    last: Option<Timestamp>,
    now: Timestamp,
) -> (&'static str, Option<String>) {
    let health = &row.health;
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|topic| !health.subscribed.iter().any(|known| known == topic))
        .collect();
    let say = |state, reason: &str| (state, Some(reason.to_owned()));
    if row.disconnected_at.is_some() {
        return say("off", "The store is disconnected.");
    }
    if row.paused {
        return say("degraded", "The store is paused: webhooks are stored and not worked on.");
    }
    if health.connection == Connection::Reconnect {
        let reason = "The cart refused the credentials: webhooks are taken, but their \
                      subscriptions cannot be checked until the store is reconnected.";
        return say("degraded", reason);
    }
    if health.checked_at.is_some() && !missing.is_empty() {
        let reason = health
            .reason
            .clone()
            .unwrap_or_else(|| format!("These topics are not subscribed: {}.", missing.join(", ")));
        let state = if missing.len() == wanted.len() { "lost" } else { "degraded" };
        return (state, Some(reason));
    }
    match last {
        Some(at) if now.since(at) < QUIET_AFTER => ("live", None),
        Some(_) => say("quiet", "No webhook came within the last 24 hours."),
        None if health.checked_at.is_some() => say("quiet", "No webhook has come yet."),
        None => {
            let reason = "The subscriptions have not been checked and no webhook has come yet.";
            say("connecting", reason)
        }
    }
}

/// `10m`, `1h`, `24h`.
fn interval(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::testing::store_row;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const WANTED: [&str; 2] = ["orders/create", "orders/updated"];

    fn state(change: impl FnOnce(&mut StoreRow), last: Option<Timestamp>) -> &'static str {
        let mut row = store_row(1, "pine", "pine.myshopify.com");
        change(&mut row);
        let (state, reason) = bolt(&row, &WANTED, last, NOW);
        assert_eq!(reason.is_none(), state == "live", "{reason:?}");
        state
    }

    fn subscribed(topics: &[&str]) -> impl FnOnce(&mut StoreRow) {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        move |row: &mut StoreRow| {
            row.health.checked_at = Some(NOW);
            row.health.subscribed = topics;
        }
    }

    #[test]
    fn r44_the_bolt_tells_the_truth() {
        let recent = Some(NOW.minus(Duration::from_secs(5)));
        let old = Some(NOW.minus(QUIET_AFTER));
        assert_eq!(state(|_| {}, None), "connecting");
        assert_eq!(state(|_| {}, recent), "live");
        assert_eq!(state(subscribed(&WANTED), None), "quiet");
        assert_eq!(state(subscribed(&WANTED), recent), "live");
        assert_eq!(state(subscribed(&WANTED), old), "quiet");
        assert_eq!(state(subscribed(&["orders/create"]), recent), "degraded");
        assert_eq!(state(subscribed(&[]), recent), "lost");
        assert_eq!(state(|row| row.health.connection = Connection::Reconnect, recent), "degraded");
        assert_eq!(state(|row| row.paused = true, recent), "degraded");
        assert_eq!(state(|row| row.disconnected_at = Some(NOW), recent), "off");
    }

    #[test]
    fn r4_intervals_are_written_as_people_say_them() {
        let written = |seconds| interval(Duration::from_secs(seconds));
        assert_eq!([written(600), written(3600), written(86_400)], ["10m", "1h", "24h"]);
        assert_eq!(written(5), "5s");
    }
}
