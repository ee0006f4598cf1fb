//! Tasks, when they are due, and their runs.

use std::time::Duration;

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::failure::failed;
use super::journal::{self, lists};
use super::row::{corrupt, document, get};
use crate::domain::{AccountId, CartOrderId, Position, StoreId, Task, Timestamp};
use crate::ledger::{
    Autosync, Due, DueTask, Journaled, LedgerError, Run, RunWrite, StartTask, TaskProgress,
    TaskRow, TaskSettings, Written,
};

// === Writes ===

pub(super) async fn add(
    connection: &mut SqliteConnection,
    store: StoreId,
    row: &TaskRow,
) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO task (store_id, task, instasync, autosync, next_due, progress) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(store.0)
    .bind(row.task.as_str())
    .bind(row.instasync)
    .bind(kept(row.autosync))
    .bind(row.next_due.map(|due| due.0))
    .bind(document(&row.progress)?)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

pub(super) async fn set(
    connection: &mut SqliteConnection,
    settings: &TaskSettings,
) -> Result<Written, LedgerError> {
    sqlx::query(
        "INSERT INTO task (store_id, task, instasync, autosync, next_due, progress) \
         VALUES (?, ?, ?, ?, ?, '{}') ON CONFLICT (store_id, task) DO UPDATE SET \
         instasync = excluded.instasync, autosync = excluded.autosync, next_due = excluded.next_due",
    )
    .bind(settings.store.0)
    .bind(settings.task.as_str())
    .bind(settings.instasync)
    .bind(kept(settings.autosync))
    .bind(settings.next_due.map(|due| due.0))
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(Written::Done)
}

pub(super) async fn start(
    connection: &mut SqliteConnection,
    position: &mut i64,
    start: &StartTask,
) -> Result<Written, LedgerError> {
    if let Some(due) = &start.due
        && put_off(connection, start.store, start.task, due).await? == Written::Moved
    {
        return Ok(Written::Moved);
    }
    let running = sqlx::query(
        "SELECT position FROM inbox WHERE store_id = ? AND topic = ? AND source <> 'webhook' \
         ORDER BY position LIMIT 1",
    )
    .bind(start.store.0)
    .bind(start.event.topic.as_str())
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed)?;
    if let Some(row) = running {
        let position = Position(get(&row, "position")?);
        return Ok(Written::Journaled(Journaled { position, duplicate: true }));
    }
    let mut written = journal::insert(connection, position, &[&start.event]).await?;
    written.pop().ok_or_else(|| LedgerError::Rejected("no answer".to_owned()))
}

pub(super) async fn put_off(
    connection: &mut SqliteConnection,
    store: StoreId,
    task: Task,
    due: &Due,
) -> Result<Written, LedgerError> {
    let moved = sqlx::query(
        "UPDATE task SET next_due = ? WHERE store_id = ? AND task = ? AND next_due = ?",
    )
    .bind(due.next.map(|next| next.0))
    .bind(store.0)
    .bind(task.as_str())
    .bind(due.at.0)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(if moved.rows_affected() == 0 { Written::Moved } else { Written::Done })
}

pub(super) async fn put_progress(
    connection: &mut SqliteConnection,
    store: StoreId,
    write: &TaskProgress,
) -> Result<(), LedgerError> {
    sqlx::query(
        "UPDATE task SET progress = ?1, next_due = CASE WHEN next_due > ?2 THEN ?2 ELSE next_due END \
         WHERE store_id = ?3 AND task = ?4",
    )
    .bind(document(&write.progress)?)
    .bind(write.due_by.map(|due| due.0))
    .bind(store.0)
    .bind(write.task.as_str())
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

pub(super) async fn put_run(
    connection: &mut SqliteConnection,
    store: StoreId,
    write: &RunWrite,
) -> Result<(), LedgerError> {
    sqlx::query("INSERT OR REPLACE INTO run (position, store_id, doc) VALUES (?, ?, ?)")
        .bind(write.event.0)
        .bind(store.0)
        .bind(document(&write.run)?)
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

// === Reads ===

pub(super) async fn of_store(
    readers: &SqlitePool,
    store: StoreId,
) -> Result<Vec<TaskRow>, LedgerError> {
    let rows = sqlx::query(
        "SELECT task, instasync, autosync, next_due, progress FROM task WHERE store_id = ?",
    )
    .bind(store.0)
    .fetch_all(readers)
    .await
    .map_err(failed)?;
    rows.iter()
        .map(|row| {
            let progress: String = get(row, "progress")?;
            Ok(TaskRow {
                task: task(row)?,
                instasync: get(row, "instasync")?,
                autosync: autosync(get(row, "autosync")?),
                next_due: get::<Option<i64>>(row, "next_due")?.map(Timestamp),
                progress: serde_json::from_str(&progress)
                    .map_err(|error| corrupt("a task's progress", error))?,
            })
        })
        .collect()
}

pub(super) const DUE: &str = "SELECT s.account_id, t.store_id, t.task, t.next_due, t.autosync \
     FROM task t INDEXED BY task_due CROSS JOIN store s ON s.id = t.store_id \
     WHERE (t.next_due, t.store_id, t.task) > (?1, ?2, ?3) AND t.next_due <= ?4 \
     AND s.paused = 0 AND s.disconnected_at IS NULL \
     ORDER BY t.next_due, t.store_id, t.task LIMIT ?5";

pub(super) async fn due(
    readers: &SqlitePool,
    after: Option<&DueTask>,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<DueTask>, LedgerError> {
    let rows = sqlx::query(DUE)
        .bind(after.map_or(i64::MIN, |after| after.due.0))
        .bind(after.map_or(0, |after| after.store.0))
        .bind(after.map_or("", |after| after.task.as_str()))
        .bind(until.0)
        .bind(limit as i64)
        .fetch_all(readers)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| {
            Ok(DueTask {
                account: AccountId(get(row, "account_id")?),
                store: StoreId(get(row, "store_id")?),
                task: task(row)?,
                due: Timestamp(get(row, "next_due")?),
                autosync: autosync(get(row, "autosync")?),
            })
        })
        .collect()
}

pub(super) async fn runs(
    readers: &SqlitePool,
    events: &[Position],
) -> Result<Vec<(Position, Run)>, LedgerError> {
    let mut runs = Vec::new();
    for some in lists(events) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT position, doc FROM run WHERE position IN (");
        let mut list = query.separated(", ");
        for at in some {
            list.push_bind(at.0);
        }
        query.push(")");
        for row in query.build().fetch_all(readers).await.map_err(failed)? {
            let doc: String = get(&row, "doc")?;
            let run = serde_json::from_str(&doc).map_err(|error| corrupt("a run", error))?;
            runs.push((Position(get(&row, "position")?), run));
        }
    }
    Ok(runs)
}

pub(super) async fn told_since(
    readers: &SqlitePool,
    account: AccountId,
    store: StoreId,
    changes: &[(CartOrderId, Timestamp)],
) -> Result<Vec<CartOrderId>, LedgerError> {
    let mut told = Vec::new();
    for (id, since) in changes {
        let found = sqlx::query(
            "SELECT 1 FROM event WHERE account_id = ?1 AND cart_order_id = ?2 AND store_id = ?3 \
             AND source = 'webhook' AND received_at >= ?4 \
             UNION ALL SELECT 1 FROM inbox WHERE store_id = ?3 AND cart_order_id = ?2 \
             AND source = 'webhook' AND received_at >= ?4 LIMIT 1",
        )
        .bind(account.0)
        .bind(id.0.as_str())
        .bind(store.0)
        .bind(since.0)
        .fetch_optional(readers)
        .await
        .map_err(failed)?;
        told.extend(found.map(|_| id.clone()));
    }
    Ok(told)
}

pub(super) async fn misses(
    readers: &SqlitePool,
    store: StoreId,
    since: Timestamp,
) -> Result<u64, LedgerError> {
    let row =
        sqlx::query("SELECT count(*) AS misses FROM orders WHERE store_id = ? AND missed_at >= ?")
            .bind(store.0)
            .bind(since.0)
            .fetch_one(readers)
            .await
            .map_err(failed)?;
    Ok(get::<i64>(&row, "misses")? as u64)
}

fn task(row: &SqliteRow) -> Result<Task, LedgerError> {
    let task: String = get(row, "task")?;
    Task::parse(&task).ok_or_else(|| corrupt("a task", task))
}

fn kept(autosync: Autosync) -> Option<i64> {
    match autosync {
        Autosync::Off => None,
        Autosync::Default => Some(0),
        Autosync::Every(every) => Some(i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1)),
    }
}

fn autosync(kept: Option<i64>) -> Autosync {
    match kept.map(u64::try_from) {
        None => Autosync::Off,
        Some(Ok(0) | Err(_)) => Autosync::Default,
        Some(Ok(micros)) => Autosync::Every(Duration::from_micros(micros)),
    }
}
