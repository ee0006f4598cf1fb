//! `events …`.

use super::client::Client;
use super::output::{json, rows, table};
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
    /// Not in this build yet: decide an event again.
    Replay(later::Anything),
    /// Not in this build yet: put an event away.
    Dismiss(later::Anything),
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
            json(&client.get(&format!("/api/v1/events/{id}")).await?);
        }
        Command::Replay(_) => return Err(later::refuse("events replay")),
        Command::Dismiss(_) => return Err(later::refuse("events dismiss")),
    }
    Ok(Exit::Ok)
}
