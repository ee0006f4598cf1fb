//! `doctor`: the support page. Works without a daemon, as far as that goes.

use std::path::Path;

use serde_json::{Value, json};

use super::client::Client;
use super::output::{cell, data, talk};
use super::{CliError, Exit, Global, output};
use crate::config::{Config, DatabaseUrl, LoadOptions, MasterKey};

/// Free space below which the disk is told of.
const LOW_SPACE_MIB: u64 = 500;

/// One finding.
struct Line {
    level: Level,
    what: String,
    mend: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

fn line(level: Level, what: impl Into<String>, mend: impl Into<String>) -> Line {
    Line { level, what: what.into(), mend: mend.into() }
}

pub(super) async fn run(global: &Global) -> Result<Exit, CliError> {
    let mut lines = vec![line(Level::Ok, format!("instasync {}", env!("CARGO_PKG_VERSION")), "")];
    let options = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
    match Config::load(options) {
        Ok((config, _)) => {
            lines.push(line(Level::Ok, "configuration", ""));
            machine(&config, &mut lines);
        }
        Err(errors) => {
            for sentence in errors.sentences() {
                lines.push(line(Level::Fail, "configuration", sentence));
            }
        }
    }
    match Client::new(global) {
        Ok(client) => daemon(&client, &mut lines).await,
        Err(error) => lines.push(line(Level::Fail, "daemon", error.sentence)),
    }
    let worst = lines.iter().map(|line| line.level).max().unwrap_or(Level::Ok);
    if global.json {
        let entry =
            |line: &Line| json!({"level": line.level.word(), "what": line.what, "mend": line.mend});
        output::json(&json!({"data": lines.iter().map(entry).collect::<Vec<_>>()}));
    } else {
        for line in &lines {
            let mend =
                if line.mend.is_empty() { String::new() } else { format!(": {}", line.mend) };
            data(&format!("{:4}  {}{mend}", line.level.word(), line.what));
        }
        if worst == Level::Ok {
            talk("All is well.");
        }
    }
    Ok(if worst == Level::Fail { Exit::Unhealthy } else { Exit::Ok })
}

/// What can be seen without the daemon.
fn machine(config: &Config, lines: &mut Vec<Line>) {
    match MasterKey::load(config.secrets.master_key_file.as_deref()) {
        Ok(_) => lines.push(line(Level::Ok, "master key", "")),
        Err(error) => lines.push(line(Level::Fail, "master key", error.to_string())),
    }
    match &config.public.url {
        Some(url) if url.starts_with("https://") => {
            lines.push(line(Level::Ok, format!("public.url {url}"), ""));
        }
        Some(url) => lines.push(line(
            Level::Warn,
            format!("public.url {url}"),
            "carts deliver to https only; put a reverse proxy in front",
        )),
        None => lines.push(line(
            Level::Warn,
            "public.url",
            "is not set, so no webhook can be registered; set it to where carts reach the daemon",
        )),
    }
    if let DatabaseUrl::Sqlite(path) = &config.database.url {
        let folder = path.parent().unwrap_or(Path::new("."));
        if !folder.exists() {
            let mend = "does not exist yet; the daemon makes it when it starts";
            lines.push(line(Level::Warn, format!("data folder {}", folder.display()), mend));
            return;
        }
        let size = |name: &str| {
            let file = format!("{}{name}", path.display());
            std::fs::metadata(file).map_or(0, |meta| meta.len() / (1 << 20))
        };
        let what = format!("database {} MiB, write-ahead log {} MiB", size(""), size("-wal"));
        lines.push(line(Level::Ok, what, ""));
        match free_mib(folder) {
            Some(free) if free < LOW_SPACE_MIB => lines.push(line(
                Level::Fail,
                format!("free space {free} MiB"),
                "the disk is nearly full; webhooks are refused when it is",
            )),
            Some(free) => lines.push(line(Level::Ok, format!("free space {free} MiB"), "")),
            None => lines.push(line(Level::Warn, "free space", "cannot be told")),
        }
    }
}

/// Free space of the disk under a folder, as `df` tells it.
fn free_mib(folder: &Path) -> Option<u64> {
    let output = std::process::Command::new("df").args(["-Pm", "--"]).arg(folder).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// What the daemon says.
async fn daemon(client: &Client, lines: &mut Vec<Line>) {
    match client.ask(reqwest::Method::GET, "/readyz?verbose", None).await {
        Ok((status, _)) if status.is_success() => lines.push(line(Level::Ok, "daemon ready", "")),
        Ok((_, answer)) => {
            let told = answer.as_str().unwrap_or("not ready").trim().replace('\n', ", ");
            lines.push(line(Level::Fail, "daemon not ready", told));
        }
        Err(error) => {
            lines.push(line(Level::Fail, "daemon", error.sentence));
            return;
        }
    }
    if let Ok(stores) = client.get("/api/v1/stores").await {
        for store in stores["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
            lines.push(store_line(store));
        }
    }
    if let Ok(list) = client.get("/api/v1/attention").await {
        for item in list["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
            lines.push(line(Level::Warn, cell(item, "store"), cell(item, "text")));
        }
    }
}

fn store_line(store: &Value) -> Line {
    let connection = cell(store, "health.connection");
    let what = format!(
        "store {}: {connection}, {} waiting, {} set aside",
        cell(store, "slug"),
        cell(store, "health.waiting"),
        cell(store, "health.set_aside")
    );
    match connection.as_str() {
        "reconnect" => {
            let mend = format!(
                "the cart refused the credentials; instasync store reconnect {} …",
                cell(store, "slug")
            );
            line(Level::Fail, what, mend)
        }
        "paused" => {
            line(Level::Warn, what, format!("instasync store resume {}", cell(store, "slug")))
        }
        _ => line(Level::Ok, what, ""),
    }
}
