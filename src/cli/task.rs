//! `runs …` and `autosync`.

use super::client::Client;
use super::output::{json, rows, table, talk};
use super::{CliError, Exit, Global, later};

/// Sub-commands of `runs`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Runs {
    /// Runs, newest first.
    List,
    /// One run.
    Show {
        /// Its id.
        id: String,
    },
    /// Not in this build yet: cancel a run.
    Cancel(later::Anything),
}

pub(super) async fn runs(command: Runs, global: &Global) -> Result<Exit, CliError> {
    match command {
        Runs::List => {
            let client = Client::new(global)?;
            let page = client.get("/api/v1/runs").await?;
            client.show(&page, || {
                let paths = ["id", "store", "task", "trigger", "started_by", "state", "error"];
                let head = ["RUN", "STORE", "TASK", "TRIGGER", "BY", "STATE", "ERROR"];
                table(&head, &rows(&page, &paths), "No run yet.");
            });
        }
        Runs::Show { id } => {
            let client = Client::new(global)?;
            json(&client.get(&format!("/api/v1/runs/{id}")).await?);
        }
        Runs::Cancel(_) => return Err(later::refuse("runs cancel")),
    }
    Ok(Exit::Ok)
}

/// Options of `autosync`.
#[derive(Debug, clap::Args)]
pub(super) struct Autosync {
    /// The store.
    store: String,
    /// Not in this build yet: change the schedule of a task.
    #[arg(long)]
    task: Vec<String>,
    /// Not in this build yet: how often.
    #[arg(long)]
    every: Vec<String>,
}

pub(super) async fn autosync(args: Autosync, global: &Global) -> Result<Exit, CliError> {
    if !args.task.is_empty() || !args.every.is_empty() {
        return Err(later::refuse("autosync --task"));
    }
    let client = Client::new(global)?;
    let tasks = client.get(&format!("/api/v1/stores/{}/tasks", args.store)).await?;
    client.show(&tasks, || {
        let list =
            if tasks.is_array() { serde_json::json!({"data": tasks}) } else { tasks.clone() };
        let paths = [
            "task",
            "instasync.state",
            "instasync.reason",
            "autosync.enabled",
            "autosync.interval",
        ];
        let head = ["TASK", "INSTASYNC", "WHY", "AUTOSYNC", "EVERY"];
        table(&head, &rows(&list, &paths), "No task.");
        talk("Autosync is not in this build yet; a later one polls.");
    });
    Ok(Exit::Ok)
}
