//! `sync`, `autosync` and `runs …`.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{cell, json as print_json, rows, table, talk};
use super::{CliError, Exit, Global};

// === Runs ===

/// Sub-commands of `runs`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Runs {
    /// Runs, newest first.
    List {
        /// Only of this store.
        #[arg(long)]
        store: Option<String>,
    },
    /// One run.
    Show {
        /// Its id.
        id: String,
    },
    /// Ends a run; what it brought stays.
    Cancel {
        /// Its id.
        id: String,
    },
}

pub(super) async fn runs(command: Runs, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Runs::List { store } => {
            let query = store.map(|store| format!("?store={store}")).unwrap_or_default();
            let page = client.get(&format!("/api/v1/runs{query}")).await?;
            client.show(&page, || {
                let paths = [
                    "id",
                    "store",
                    "task",
                    "trigger",
                    "started_by",
                    "state",
                    "started_at",
                    "seen",
                    "repaired",
                    "error",
                ];
                let head = [
                    "RUN", "STORE", "TASK", "TRIGGER", "BY", "STATE", "STARTED", "SEEN",
                    "REPAIRED", "ERROR",
                ];
                table(&head, &rows(&page, &paths), "No run yet.");
            });
        }
        Runs::Show { id } => print_json(&client.get(&format!("/api/v1/runs/{id}")).await?),
        Runs::Cancel { id } => {
            let run = client.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await?;
            client.show(&run, || talk(&format!("{id} is cancelled. What it brought stays.")));
        }
    }
    Ok(Exit::Ok)
}

// === Sync once ===

/// Options of `sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// The store.
    store: String,
    /// What to run: `import_orders`, `import_products` or `write_inventory`.
    #[arg(long, required = true)]
    task: Vec<String>,
    /// Read what changed since then, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Wait until it has ended.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn sync(args: Sync, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    let body = json!({"tasks": args.task, "since": args.since});
    let mut started = client.post(&format!("/api/v1/stores/{}/sync", args.store), &body).await?;
    if args.wait {
        for run in started["runs"].as_array_mut().into_iter().flatten() {
            *run = ended(&client, run).await?;
        }
    }
    client.show(&started, || {
        for run in started["runs"].as_array().into_iter().flatten() {
            talk(&sentence(run));
        }
    });
    let failed = |run: &Value| run["state"] == "failed" || run["state"] == "cancelled";
    let any = started["runs"].as_array().is_some_and(|runs| runs.iter().any(failed));
    Ok(if any { Exit::Error } else { Exit::Ok })
}

/// How often a run is looked at while somebody waits for it.
const LOOK: Duration = Duration::from_millis(200);

/// The run once it has ended, with its progress on a terminal meanwhile.
async fn ended(client: &Client, run: &Value) -> Result<Value, CliError> {
    let id = cell(run, "id");
    let bar = if std::io::stderr().is_terminal() && !client.wants_json() {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    loop {
        let run = client.get(&format!("/api/v1/runs/{id}")).await?;
        if !matches!(run["state"].as_str(), Some("queued" | "running")) {
            bar.finish_and_clear();
            return Ok(run);
        }
        bar.set_message(sentence(&run));
        bar.tick();
        tokio::time::sleep(LOOK).await;
    }
}

/// A run as people are told of it.
fn sentence(run: &Value) -> String {
    let count = |name: &str| run[name].as_u64().unwrap_or(0);
    let (id, state) = (cell(run, "id"), cell(run, "state"));
    let mut parts = vec![format!(
        "{id} is {state}: {} seen, {} new, {} changed, {} unchanged.",
        count("seen"),
        count("new"),
        count("changed"),
        count("unchanged"),
    )];
    if count("failed") > 0 {
        parts.push(format!("{} could not be read.", count("failed")));
    }
    if let Some(error) = run["error"].as_str() {
        parts.push(format!("{}.", error.trim_end_matches('.')));
    }
    if run["joined"] == true {
        parts.push("It had begun already and counts for this request too.".to_owned());
    }
    parts.join(" ")
}

// === Autosync settings ===

/// Options of `autosync`.
#[derive(Debug, clap::Args)]
pub(super) struct Autosync {
    /// The store.
    store: String,
    /// The task whose schedule is changed; each needs an `--every`.
    #[arg(long, requires = "every")]
    task: Vec<String>,
    /// `10m`, `1h`, `6h`, `24h`, `on` or `off`.
    #[arg(long, requires = "task")]
    every: Vec<String>,
    /// Only say what would be turned on and off.
    #[arg(long)]
    preview: bool,
}

pub(super) async fn autosync(args: Autosync, global: &Global) -> Result<Exit, CliError> {
    if args.task.len() != args.every.len() {
        let sentence = "Every --task needs an --every.";
        return Err(CliError::new(Exit::Usage, sentence));
    }
    let client = Client::new(global)?;
    let path = format!("/api/v1/stores/{}/tasks", args.store);
    if args.task.is_empty() {
        let tasks = client.get(&path).await?;
        client.show(&tasks, || show(&tasks));
        return Ok(Exit::Ok);
    }
    let changes: Vec<Value> = args.task.iter().zip(&args.every).map(change).collect();
    let changes = json!(changes);
    let preview = format!("{path}?preview=true");
    let (_, preview) = client.call(Method::PUT, &preview, Some(&changes)).await?;
    if args.preview {
        client.show(&preview, || talk(&switches(&preview)));
        return Ok(Exit::Ok);
    }
    if !client.wants_json() {
        talk(&switches(&preview));
    }
    let (_, tasks) = client.call(Method::PUT, &path, Some(&changes)).await?;
    client.show(&tasks, || show(&tasks));
    Ok(Exit::Ok)
}

fn change((task, every): (&String, &String)) -> Value {
    let autosync = match every.as_str() {
        "off" => json!({"enabled": false}),
        "on" => json!({"enabled": true}),
        every => json!({"enabled": true, "interval": every}),
    };
    json!({"task": task, "autosync": autosync})
}

/// What a change turns on and off, in words.
fn switches(preview: &Value) -> String {
    let [on, off] = [cell(preview, "turns_on"), cell(preview, "turns_off")];
    match (on.is_empty(), off.is_empty()) {
        (true, true) => "Nothing is turned on or off.".to_owned(),
        (false, true) => format!("Turns on: {on}."),
        (true, false) => format!("Turns off: {off}."),
        (false, false) => format!("Turns on: {on}. Turns off: {off}."),
    }
}

fn show(tasks: &Value) {
    let list = json!({ "data": tasks });
    let paths = [
        "task",
        "instasync.state",
        "instasync.reason",
        "autosync.enabled",
        "autosync.interval",
        "autosync.next_run_at",
        "last_run.state",
    ];
    let head = ["TASK", "INSTASYNC", "WHY", "AUTOSYNC", "EVERY", "NEXT RUN", "LAST RUN"];
    table(&head, &rows(&list, &paths), "No task.");
}
