//! What an incarnation begins with: its epoch, the store's row, its channel.

use std::sync::Arc;

use tracing::warn;

use super::turn::Turn;
use crate::actor::resources::Resources;
use crate::domain::{StoreId, Task, backoff};
use crate::ledger::{Write, Written};

/// Reads what an incarnation needs, and takes a new epoch unless it has one. Waits out a database
/// that does not answer: without its epoch the actor can do nothing.
pub(super) async fn load(resources: &Arc<Resources>, id: StoreId, epoch: i64) -> Turn {
    let mut failures = 0;
    loop {
        match try_load(resources, id, epoch).await {
            Ok(turn) => return turn,
            Err(error) => {
                failures += 1;
                let wait = backoff::outage(failures);
                warn!(store = %id, error, ?wait, "a store cannot be loaded, trying again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn try_load(resources: &Arc<Resources>, id: StoreId, epoch: i64) -> Result<Turn, String> {
    let epoch = if epoch > 0 {
        epoch
    } else {
        match resources.writer.write(Write::TakeEpoch(id)).await {
            Ok(Written::Epoch(epoch)) => epoch,
            other => return Err(format!("no epoch: {other:?}")),
        }
    };
    let row = resources.ledger.store(id).await.map_err(|error| error.to_string())?;
    let row = row.ok_or("there is no such store")?;
    let channel = resources.channels.get(row.channel).ok_or("this build lacks its channel")?;
    let group = resources.ledger.same_credentials(&row.credential_group).await;
    let mut siblings = group.map_err(|error| error.to_string())?;
    siblings.retain(|sibling| *sibling != id);
    let tasks = resources.ledger.tasks(id).await.map_err(|error| error.to_string())?;
    let orders = tasks.iter().find(|row| row.task == Task::ImportOrders);
    Ok(Turn {
        resources: Arc::clone(resources),
        channel: Arc::clone(channel),
        store: Arc::new(row),
        siblings: siblings.into(),
        epoch,
        instasync: orders.is_none_or(|row| row.instasync),
    })
}
