//! `events …`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::client::Client;
use super::output::{cell, json as print_json, rows, table, talk};
use super::{CliError, Exit, Global, later};

/// Sub-commands of `events`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Events, newest first.
    List {
        /// Only this store.
        #[arg(long)]
        store: Option<String>,
        /// Only in this state, such as `set_aside`.
        #[arg(long)]
        state: Option<String>,
        /// Only of this topic.
        #[arg(long)]
        topic: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u16,
    },
    /// One event with its body.
    Show {
        /// Its id, such as `ev_42`.
        id: String,
    },
    /// Try rules on what is kept: events of orders are decided again in shadow, and the difference
    /// is printed.
    Replay(Replay),
    /// Not in this build yet: put an event away.
    Dismiss(later::Anything),
}

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Change nothing; this build knows no other way.
    #[arg(long, required = true)]
    dry_run: bool,
    /// The store.
    #[arg(long)]
    store: String,
    /// A JSON file with the rules that differ, such as {"edits": "review"}.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Only this order, by id, our number, cart number or cart id; may be repeated.
    #[arg(long = "order", value_name = "ORDER")]
    orders: Vec<String>,
}

async fn try_rules(replay: &Replay, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    let mut body = json!({"dry_run": true, "store": replay.store});
    if let Some(file) = &replay.rules {
        let unreadable =
            |why: String| CliError::new(Exit::Error, format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
        body["rules"] =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    }
    if !replay.orders.is_empty() {
        let mut ids = Vec::new();
        for order in &replay.orders {
            ids.push(cell(&super::order::find(&client, order).await?, "id"));
        }
        body["orders"] = json!(ids);
    }
    let found = client.post("/api/v1/events/replay", &body).await?;
    client.show(&found, || tell_difference(&found));
    Ok(Exit::Ok)
}

fn tell_difference(found: &Value) {
    let changed = found["changed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |order: &Value| {
        vec![cell(order, "order_number"), stand(&order["now"]), stand(&order["then"])]
    };
    let rows: Vec<_> = changed.iter().map(row).collect();
    table(&["ORDER", "NOW", "WITH THESE RULES"], &rows, "No order would stand otherwise.");
    let unknown = found["unknown"].as_array().map_or(0, Vec::len);
    if unknown > 0 {
        talk(&format!("{unknown} more cannot be told: their first events are no longer kept."));
    }
    if found["more"] == true {
        talk("Only the newest orders were looked at; name others with --order.");
    }
    talk(&format!("{} orders were decided again; nothing was changed.", cell(found, "examined")));
}

fn stand(stand: &Value) -> String {
    let mut told = cell(stand, "status").replace('_', " ");
    for (name, value) in [("held_back", ": "), ("flags", ", ")] {
        let words = cell(stand, name).replace('_', " ");
        if !words.is_empty() {
            told = format!("{told}{value}{words}");
        }
    }
    let waits = if stand["has_revision"] == true { ", a change waits" } else { "" };
    format!("{told}, {} units, {}{waits}", cell(stand, "units"), cell(stand, "total"))
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    match command {
        Command::List { store, state, topic, limit } => {
            let client = Client::new(global)?;
            let mut path = format!("/api/v1/events?limit={limit}");
            for (name, value) in [("store", store), ("state", state), ("topic", topic)] {
                if let Some(value) = value {
                    let value = percent_encoding::utf8_percent_encode(
                        &value,
                        percent_encoding::NON_ALPHANUMERIC,
                    );
                    path = format!("{path}&{name}={value}");
                }
            }
            let page = client.get(&path).await?;
            client.show(&page, || {
                let paths =
                    ["id", "store", "topic", "state", "reason", "cart_order_id", "received_at"];
                let head = ["EVENT", "STORE", "TOPIC", "STATE", "REASON", "CART ORDER", "RECEIVED"];
                table(&head, &rows(&page, &paths), "No event fits.");
            });
        }
        Command::Show { id } => {
            let client = Client::new(global)?;
            print_json(&client.get(&format!("/api/v1/events/{id}")).await?);
        }
        Command::Replay(replay) => return try_rules(&replay, global).await,
        Command::Dismiss(_) => return Err(later::refuse("events dismiss")),
    }
    Ok(Exit::Ok)
}
