//! Numbers that are not counted but asked for, at the time of a scrape.

use std::collections::HashMap;

use async_trait::async_trait;
use tracing::warn;

use crate::actor::ActorState;
use crate::domain::{StoreId, Task};
use crate::ledger::{Connection, TaskRow};
use crate::metrics::{Snapshot, StoreGauges};
use crate::web::Desk;
use crate::web::health::Gauges;

/// Stores whose backlog is read for one scrape; more are healthy and silent, or the totals tell.
const MOST: usize = 500;

/// Asks the ledger and the actors.
pub(super) struct DaemonGauges {
    desk: Desk,
}

impl DaemonGauges {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// Stores worth a number: those with an actor, those with open events, then others.
    async fn busy(&self) -> Vec<StoreId> {
        let directory = &self.desk.directory;
        let views = self.desk.stores.actors();
        let with_actor = views.iter().filter_map(|view| view.store.as_deref());
        let mut ids: Vec<StoreId> =
            with_actor.filter_map(|slug| directory.by_slug(slug)).map(|store| store.id).collect();
        match self.desk.ledger.backlogs(StoreId(0), MOST).await {
            Ok(backlogs) => ids.extend(backlogs.iter().map(|backlog| backlog.store)),
            Err(error) => warn!(%error, "backlogs could not be read for the metrics"),
        }
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(*id));
        if ids.len() < MOST {
            // A store in which nothing happens has a mark that must be seen to move.
            let quiet = directory.all();
            ids.extend(quiet.iter().map(|store| store.id).filter(|id| !seen.contains(id)));
        }
        ids.truncate(MOST);
        ids
    }
}

#[async_trait]
impl Gauges for DaemonGauges {
    async fn snapshot(&self) -> Snapshot {
        let now = self.desk.clock.now();
        let views = self.desk.stores.actors();
        let mailboxes: HashMap<&str, u64> =
            views.iter().map(|view| (view.name.as_str(), view.mailbox)).collect();
        let quarantined =
            views.iter().filter(|view| view.state == ActorState::Quarantined).count() as u64;
        let mut stores = Vec::new();
        let mut reconnect = 0;
        for id in self.busy().await {
            let row = self.desk.ledger.store(id).await.ok().flatten();
            let backlog = self.desk.ledger.backlog(id).await.ok();
            let tasks = self.desk.ledger.tasks(id).await.ok();
            let (Some(row), Some(backlog), Some(tasks)) = (row, backlog, tasks) else { continue };
            let orders = tasks.iter().find(|task| task.task == Task::ImportOrders);
            let reached = |task: &TaskRow| Some((task.task, task.progress.last_began?));
            reconnect += u64::from(row.health.connection == Connection::Reconnect);
            let wanted = self.desk.channels.get(row.channel).map_or(&[][..], |c| c.wanted_topics());
            let subscribed = |topic: &str| row.health.subscribed.iter().any(|s| s == topic);
            let checked = row.health.checked_at.is_some() && row.disconnected_at.is_none();
            let subscriptions = wanted.iter().filter(|_| checked);
            stores.push(StoreGauges {
                mailbox_depth: mailboxes.get(row.slug.as_str()).copied().unwrap_or(0),
                subscriptions: subscriptions.map(|topic| (*topic, subscribed(topic))).collect(),
                complete_up_to: orders.and_then(|task| task.progress.complete_up_to),
                last_success: tasks.iter().filter_map(reached).collect(),
                events_waiting: backlog.waiting,
                oldest_waiting: backlog.oldest.map(|at| now.since(at)).unwrap_or_default(),
                set_aside: backlog.set_aside,
                store: row.slug,
            });
        }
        // The least healthy first: they get a label of their own while there is room.
        stores.sort_by_key(|store| {
            (std::cmp::Reverse(store.set_aside), std::cmp::Reverse(store.oldest_waiting))
        });
        let all = self.desk.directory.len() as u64;
        let troubled = quarantined + reconnect;
        let health = vec![
            ("quarantined", quarantined),
            ("reconnect", reconnect),
            ("ok", all.saturating_sub(troubled)),
        ];
        Snapshot { stores, health }
    }
}
