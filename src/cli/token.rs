//! `token …`.

use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::output::{cell, data, rows, table, talk};
use super::{CliError, Exit, Global};

/// Sub-commands of `token`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a token; it is shown once.
    Create {
        /// viewer reads; operator also changes orders; admin also stores, accounts and tokens.
        #[arg(long, value_parser = ["viewer", "operator", "admin"])]
        role: String,
        /// Whose it is; timelines name it.
        #[arg(long)]
        name: String,
        /// Limit it to one account.
        #[arg(long)]
        account: Option<String>,
    },
    /// All tokens.
    List,
    /// Make a token useless.
    Revoke {
        /// Its id.
        id: String,
    },
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Command::Create { role, name, account } => {
            let mut body = json!({"role": role, "name": name});
            if let Some(account) = account {
                body["account"] = json!(account);
            }
            let made = client.post("/api/v1/tokens", &body).await?;
            client.show(&made, || {
                data(&cell(&made, "token"));
                talk("Keep it safe; it is not shown again.");
            });
        }
        Command::List => {
            let list = client.get("/api/v1/tokens").await?;
            client.show(&list, || {
                let paths = ["id", "name", "role", "account", "created_at", "revoked_at"];
                let head = ["ID", "NAME", "ROLE", "ACCOUNT", "MADE", "REVOKED"];
                table(&head, &rows(&list, &paths), "No token yet.");
            });
        }
        Command::Revoke { id } => {
            client.call(Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await?;
            talk(&format!("Token {id} is revoked."));
        }
    }
    Ok(Exit::Ok)
}
