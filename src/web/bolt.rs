//! The state of a bolt: whether webhooks serve the orders of a store, and why not (R44).

use std::time::Duration;

use crate::domain::Timestamp;
use crate::ledger::{Connection, StoreRow, TaskRow};

/// Without a webhook for so long, a bolt is quiet.
const QUIET_AFTER: Duration = Duration::from_hours(24);

/// The state of the bolt and its reason, from what is known; a bolt never looks better than that.
/// `wanted` are the topics that have to be subscribed, `last` is when the last webhook came.
pub(crate) fn bolt(
    row: &StoreRow,
    task: &TaskRow,
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
    if !task.instasync {
        return say("off", "Instasync is switched off for this task.");
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
    if task.progress.missed > 0 {
        // One that came since shows that some come through.
        let none_since = last.is_none() || last < task.progress.missed_since;
        let state = if none_since { "lost" } else { "degraded" };
        return (state, Some(missed(task.progress.missed)));
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

fn missed(count: u32) -> String {
    let orders = if count == 1 { "1 order".to_owned() } else { format!("{count} orders") };
    format!(
        "The last autosync found {orders} that changed and no webhook told of. The cart is read \
         more often until that ends."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Progress, Task};
    use crate::web::testing::store_row;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const WANTED: [&str; 2] = ["orders/create", "orders/updated"];

    fn state(change: impl FnOnce(&mut StoreRow), last: Option<Timestamp>) -> &'static str {
        let mut row = store_row(1, "pine", "pine.myshopify.com");
        change(&mut row);
        let task = TaskRow::new(Task::ImportOrders, NOW);
        let (state, reason) = bolt(&row, &task, &WANTED, last, NOW);
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
    fn r44_misses_degrade_the_bolt_and_lose_it_if_nothing_came_since() {
        let mut row = store_row(1, "pine", "pine.myshopify.com");
        subscribed(&WANTED)(&mut row);
        let before = NOW.minus(Duration::from_hours(1));
        let progress = Progress { missed: 2, missed_since: Some(before), ..Progress::default() };
        let mut task = TaskRow { progress, ..TaskRow::new(Task::ImportOrders, NOW) };
        let state = |task: &TaskRow, last| bolt(&row, task, &WANTED, last, NOW).0;
        assert_eq!(state(&task, None), "lost");
        assert_eq!(state(&task, Some(before.minus(Duration::from_secs(1)))), "lost");
        assert_eq!(state(&task, Some(NOW)), "degraded");
        task.progress.missed = 0;
        assert_eq!(state(&task, Some(NOW)), "live");
        task.instasync = false;
        assert_eq!(state(&task, Some(NOW)), "off");
    }
}
