//! What serves each task of a store: webhooks (the bolt) and the schedule (the arrow); running it once,
//! and changing what serves it (R2–R5).

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::{Fields, Params};
use super::orders::RunsStarted;
use super::view::RunView;
use super::{Api, Scope, runs};
use crate::domain::{Grid, Task, Timestamp};
use crate::ledger::{
    Autosync, Role, StoreListing, StoreRow, TaskRow, TaskSettings, Trigger, Write,
};
use crate::web::bolt::bolt;
use crate::web::problem::{Kind, Problem};

/// What people may choose (R4).
const INTERVALS: [Duration; 4] = [
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

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

/// Whether a schedule serves the task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Autosync)]
struct AutosyncView {
    enabled: bool,
    /// How often, such as `1h`.
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
    Ok(HttpResponse::Ok().json(views(&api, &store).await?))
}

async fn views(api: &Api, store: &StoreListing) -> Result<Vec<TaskView>, Problem> {
    let row = api.desk.ledger.store(store.id).await?;
    let row = row.ok_or_else(|| Problem::not_found("store"))?;
    let mut views = Vec::with_capacity(Task::ALL.len());
    for task in tasks(api, store).await? {
        let (instasync, last_run) = match task.task {
            Task::ImportOrders => {
                (instasync(api, &row, &task).await?, runs::last_poll(api, store).await?)
            }
            Task::ImportProducts | Task::WriteInventory => (not_yet(task.task), None),
        };
        let autosync = autosync(api, &row, &task);
        views.push(TaskView { task: task.task.as_str(), instasync, autosync, last_run });
    }
    Ok(views)
}

/// Every task of a store; those never set as a new store has them.
async fn tasks(api: &Api, store: &StoreListing) -> Result<Vec<TaskRow>, Problem> {
    let rows = api.desk.ledger.tasks(store.id).await?;
    let of = |task| {
        let known = rows.iter().find(|row| row.task == task).cloned();
        known.unwrap_or_else(|| TaskRow::new(task, api.desk.clock.now()))
    };
    Ok(Task::ALL.map(of).into())
}

async fn instasync(api: &Api, row: &StoreRow, task: &TaskRow) -> Result<InstasyncView, Problem> {
    let last_event_at = api.desk.ledger.backlog(row.id).await?.last_webhook;
    let wanted = api.desk.channels.get(row.channel).map_or(&[][..], |c| c.wanted_topics());
    let (state, reason) = bolt(row, task, wanted, last_event_at, api.desk.clock.now());
    let enabled = task.instasync && row.disconnected_at.is_none();
    Ok(InstasyncView { enabled, state, reason, last_event_at })
}

fn not_yet(task: Task) -> InstasyncView {
    let reason = format!("This build does not {} yet.", verb(task));
    InstasyncView { enabled: false, state: "off", reason: Some(reason), last_event_at: None }
}

const fn verb(task: Task) -> &'static str {
    match task {
        Task::ImportOrders => "import orders",
        Task::ImportProducts => "import products",
        Task::WriteInventory => "write inventory back",
    }
}

fn autosync(api: &Api, row: &StoreRow, task: &TaskRow) -> AutosyncView {
    let default = api.settings.autosync_interval;
    let every = task.autosync.every(default).filter(|_| row.disconnected_at.is_none());
    AutosyncView {
        enabled: every.is_some(),
        interval: interval(every.unwrap_or(default)),
        next_run_at: task.next_due.filter(|_| every.is_some()),
    }
}

// === Changing what serves a task ===

/// What serves a task, as people want it; the rest stays as it is.
#[derive(Debug, ToSchema)]
pub(super) struct TaskChange {
    /// Which task.
    task: String,
    instasync: Option<Switch>,
    autosync: Option<Schedule>,
}

/// Whether webhooks serve it.
#[derive(Debug, ToSchema)]
struct Switch {
    enabled: bool,
}

/// Whether and how often a schedule serves it.
#[derive(Debug, ToSchema)]
struct Schedule {
    enabled: Option<bool>,
    /// `10m`, `1h`, `6h` or `24h`.
    interval: Option<String>,
}

/// What a change turns on and off: the names of tasks for autosync, `import_orders:instasync` for
/// webhooks.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Preview {
    turns_on: Vec<String>,
    turns_off: Vec<String>,
}

/// Changes what serves the tasks of a store, and runs nothing (R5). With `preview=true` it only says
/// what it would turn on and off.
#[utoipa::path(put, path = "/api/v1/stores/{store}/tasks", tag = "stores",
    params(("store" = String, Path), ("preview" = Option<bool>, Query)),
    request_body = Vec<TaskChange>, responses((status = 200, body = Vec<TaskView>)))]
pub(super) async fn change(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let mut params = Params::of(&request)?;
    let previews = params.parse("preview", "must be true or false", |text| text.parse().ok());
    params.finish()?;
    let changes = read_changes(&body)?;
    let store = api.store(&scope, &slug)?;
    let before = tasks(&api, &store).await?;
    let mut after = before.clone();
    for change in &changes {
        let row = after.iter_mut().find(|row| row.task.as_str() == change.task);
        let row = row.ok_or_else(|| Problem::invalid("/task", "There is no such task."))?;
        change.apply(row, &api)?;
    }
    if previews == Some(true) {
        return Ok(HttpResponse::Ok().json(Preview::of(&before, &after)));
    }
    let changed = after.into_iter().zip(&before).filter(|(after, before)| after != *before);
    for (mut row, before) in changed {
        if row.autosync != before.autosync {
            row.next_due = next_due(&api, &store, &row);
        }
        let TaskRow { task, instasync, autosync, next_due, .. } = row;
        let settings = TaskSettings { store: store.id, task, instasync, autosync, next_due };
        api.desk.writer.write(Write::SetTask(settings)).await?;
    }
    api.desk.stores.changed(store.id);
    Ok(HttpResponse::Ok().json(views(&api, &store).await?))
}

/// The next instant of the store's grid; a first run that has not been made yet stays due.
fn next_due(api: &Api, store: &StoreListing, row: &TaskRow) -> Option<Timestamp> {
    let every = row.autosync.every(api.settings.autosync_interval)?;
    let next = Grid::new(store.id, row.task, every).next_after(api.desk.clock.now());
    let first = row.next_due.filter(|_| !row.progress.connected);
    Some(first.map_or(next, |first| first.min(next)))
}

/// The changes that a body asks for: a list of them, or an object with the list as `tasks`.
fn read_changes(body: &Bytes) -> Result<Vec<TaskChange>, Problem> {
    let list: Option<serde_json::Value> =
        serde_json::from_slice(body).ok().filter(serde_json::Value::is_array);
    let wrapped = list.map(|tasks| serde_json::json!({ "tasks": tasks }).to_string());
    let mut fields = Fields::read(wrapped.as_ref().map_or(&body[..], |text| text.as_bytes()))?;
    let changes = fields.objects("tasks", TaskChange::read);
    if changes.is_none() && !fields.failed() {
        fields.mistake::<()>("tasks", "is missing");
    }
    fields.finish()?;
    Ok(changes.unwrap_or_default())
}

impl TaskChange {
    fn read(fields: &mut Fields) -> Self {
        // What the list shows beside is let pass, so that it can be sent back as it came.
        fields.take("last_run");
        let instasync = fields.object("instasync").map(|mut inner| {
            for shown in ["state", "reason", "last_event_at"] {
                inner.take(shown);
            }
            let enabled = inner.flag("enabled");
            fields.close(inner);
            enabled
        });
        let autosync = fields.object("autosync").map(|mut inner| {
            inner.take("next_run_at");
            let schedule =
                Schedule { enabled: inner.flag("enabled"), interval: inner.text("interval") };
            fields.close(inner);
            schedule
        });
        Self {
            task: fields.required("task"),
            instasync: instasync.flatten().map(|enabled| Switch { enabled }),
            autosync,
        }
    }

    fn apply(&self, row: &mut TaskRow, api: &Api) -> Result<(), Problem> {
        if let Some(Switch { enabled }) = self.instasync {
            row.instasync = enabled;
        }
        if let Some(schedule) = &self.autosync {
            row.autosync = schedule.of(row.autosync, api.settings.autosync_interval)?;
        }
        let served = row.instasync || row.autosync != Autosync::Off;
        if served && row.task != Task::ImportOrders {
            let sentence = format!(
                "This build does not {} yet; a later one brings it. Nothing was changed.",
                verb(row.task)
            );
            return Err(Problem::new(Kind::Later, sentence));
        }
        Ok(())
    }
}

impl Schedule {
    fn of(&self, before: Autosync, default: Duration) -> Result<Autosync, Problem> {
        let chosen = match self.interval.as_deref() {
            None => None,
            // As it was shown.
            Some(text) if text == interval(before.every(default).unwrap_or(default)) => None,
            Some(text) => {
                let every = INTERVALS.into_iter().find(|every| interval(*every) == text);
                let wrong = || {
                    let sentence = "The interval must be 10m, 1h, 6h or 24h.";
                    Problem::invalid("/autosync/interval", sentence)
                };
                Some(Autosync::Every(every.ok_or_else(wrong)?))
            }
        };
        Ok(match (self.enabled, chosen, before) {
            (Some(false), ..) => Autosync::Off,
            (_, Some(chosen), _) => chosen,
            (Some(true), None, Autosync::Off) => Autosync::Default,
            (_, None, before) => before,
        })
    }
}

impl Preview {
    fn of(before: &[TaskRow], after: &[TaskRow]) -> Self {
        let mut preview = Self::default();
        for (before, after) in before.iter().zip(after) {
            let is_on = |row: &TaskRow| row.autosync != Autosync::Off;
            let name = before.task.as_str().to_owned();
            let webhooks = format!("{name}:instasync");
            let switches = [
                (is_on(before), is_on(after), name),
                (before.instasync, after.instasync, webhooks),
            ];
            for (was, is, name) in switches {
                match (was, is) {
                    (false, true) => preview.turns_on.push(name),
                    (true, false) => preview.turns_off.push(name),
                    _ => {}
                }
            }
        }
        preview
    }
}

// === Sync once ===

/// Tasks to run once.
#[derive(Debug, ToSchema)]
pub(super) struct SyncRequest {
    /// Which; `import_orders` in this build.
    tasks: Vec<String>,
    /// Read what changed since then, if that is earlier than what a run reads anyway.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
}

/// Runs tasks now, in the background, and changes no setting (R5). A run that has not ended counts
/// for this one too (`joined`), unless an earlier `since` is asked for.
#[utoipa::path(post, path = "/api/v1/stores/{store}/sync", tag = "stores",
    params(("store" = String, Path)), request_body = SyncRequest,
    responses((status = 202, body = RunsStarted)))]
pub(super) async fn sync(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let since = SyncRequest::read(&body)?.since()?;
    let store = api.store(&scope, &slug)?;
    let by = Some(scope.caller.name.clone());
    let run = api.desk.stores.sync(store.id, Trigger::Person, since, by).await?;
    let event = api.desk.ledger.event(run.position).await?;
    let (event, _) = event.ok_or_else(|| Problem::not_found("run"))?;
    let view = runs::view(&api, &event).await?.joined(run.duplicate);
    Ok(HttpResponse::Accepted().json(RunsStarted { runs: vec![view] }))
}

impl SyncRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let tasks = fields.texts("tasks");
        if tasks.as_ref().map_or(!fields.failed(), Vec::is_empty) {
            fields.mistake::<()>("tasks", "must name at least one task");
        }
        let request = Self { tasks: tasks.unwrap_or_default(), since: fields.text("since") };
        fields.finish()?;
        Ok(request)
    }

    /// From when on orders are asked for, if every task can be run.
    fn since(&self) -> Result<Option<Timestamp>, Problem> {
        for name in &self.tasks {
            match Task::parse(name) {
                None => return Err(Problem::invalid("/tasks", "There is no such task.")),
                Some(Task::ImportOrders) => {}
                Some(task) => {
                    let sentence = format!(
                        "This build does not {} yet; a later one brings it. Nothing was run.",
                        verb(task)
                    );
                    return Err(Problem::new(Kind::Later, sentence));
                }
            }
        }
        let Some(text) = &self.since else { return Ok(None) };
        let wrong = || {
            let sentence = "It must be a time such as 2026-11-01T00:00:00Z.";
            Problem::invalid("/since", sentence)
        };
        Timestamp::parse(text).map(Some).ok_or_else(wrong)
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

    #[test]
    fn r4_intervals_are_written_as_people_say_them() {
        let written = |seconds| interval(Duration::from_secs(seconds));
        assert_eq!([written(600), written(3600), written(86_400)], ["10m", "1h", "24h"]);
        assert_eq!(written(5), "5s");
    }

    #[test]
    fn r5_a_schedule_changes_what_it_names_and_nothing_else() {
        let hour = Duration::from_hours(1);
        let of = |enabled, interval: Option<&str>, before| {
            Schedule { enabled, interval: interval.map(str::to_owned) }.of(before, hour)
        };
        let tenth = Autosync::Every(Duration::from_mins(10));
        for (enabled, interval, before, after) in [
            (Some(false), None, Autosync::Default, Autosync::Off),
            (Some(true), None, Autosync::Off, Autosync::Default),
            (Some(true), None, tenth, tenth),
            (None, Some("10m"), Autosync::Default, tenth),
            (Some(true), Some("1h"), Autosync::Default, Autosync::Default),
            (Some(false), Some("10m"), tenth, Autosync::Off),
            (None, None, tenth, tenth),
        ] {
            assert_eq!(of(enabled, interval, before).unwrap(), after, "{enabled:?} {interval:?}");
        }
        assert!(of(Some(true), Some("7m"), Autosync::Default).is_err());
    }
}
