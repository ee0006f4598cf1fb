//! `account …`.

use serde_json::json;

use super::client::Client;
use super::output::{cell, rows, table, talk};
use super::{CliError, Exit, Global};

/// Sub-commands of `account`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an account: one merchant, with stores and orders of its own.
    Add {
        /// What people call it.
        name: String,
        /// Its name in queries; made from the name if not given.
        #[arg(long)]
        slug: Option<String>,
    },
    /// All accounts.
    List,
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Command::Add { name, slug } => {
            let mut body = json!({"name": name});
            if let Some(slug) = slug {
                body["slug"] = json!(slug);
            }
            let added = client.post("/api/v1/accounts", &body).await?;
            client.show(&added, || talk(&format!("Added the account {}.", cell(&added, "slug"))));
        }
        Command::List => {
            let list = client.get("/api/v1/accounts").await?;
            client.show(&list, || {
                table(&["ACCOUNT", "NAME"], &rows(&list, &["slug", "name"]), "No account.");
            });
        }
    }
    Ok(Exit::Ok)
}
