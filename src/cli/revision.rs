//! `revision …`: what a cart changed of an order, and what a person decides about it.

use serde_json::{Value, json};

use super::client::Client;
use super::order::{escape, find};
use super::output::{cell, table, talk};
use super::{CliError, Exit, Global};

/// Sub-commands of `revision`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What waits: as it is here, and as it is in the cart.
    Show {
        /// Id, our number, cart number or cart id.
        order: String,
    },
    /// Take changes over.
    Accept(Choice),
    /// Leave changes; they come back only if the cart changes the same again.
    Reject(Choice),
}

#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// Id, our number, cart number or cart id.
    order: String,
    /// Only this change, by the id that `revision show` tells; may be repeated.
    #[arg(long = "change", value_name = "ID")]
    changes: Vec<String>,
    /// Only if the revision is still the one that `revision show` gave this tag to.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Command::Show { order } => {
            let (path, number) = path(&client, &order).await?;
            let (tag, revision) = client.get_tagged(&path).await?;
            client.show(&revision, || {
                tell(&revision);
                talk(&format!(
                    "Take all of it over: instasync revision accept {number} --tag {}",
                    tag.trim_matches('"')
                ));
            });
            Ok(Exit::Ok)
        }
        Command::Accept(choice) => decide(&client, &choice, "accept").await,
        Command::Reject(choice) => decide(&client, &choice, "reject").await,
    }
}

/// Where the revision of the order that a word names is, and the order's number.
async fn path(client: &Client, word: &str) -> Result<(String, String), CliError> {
    let order = find(client, word).await?;
    let path = format!("/api/v1/orders/{}/revision", escape(&cell(&order, "id")));
    Ok((path, cell(&order, "order_number")))
}

async fn decide(client: &Client, choice: &Choice, verb: &str) -> Result<Exit, CliError> {
    let (path, _) = path(client, &choice.order).await?;
    let (present, revision) = client.get_tagged(&path).await?;
    let tag = choice.tag.as_ref().map_or(present, |tag| format!("\"{tag}\""));
    let mut body = json!({});
    if !choice.changes.is_empty() {
        body["changes"] = json!(choice.changes);
    }
    let changed = client.post_if(&format!("{path}/{verb}"), &body, &tag).await?;
    client.show(&changed, || {
        if choice.tag.is_none() {
            tell(&revision);
        }
        let (number, total) = (cell(&changed, "order_number"), cell(&changed, "totals.total"));
        let rest = if changed["has_revision"] == true { " The rest still waits." } else { "" };
        talk(&format!(
            "{number}: {verb}ed; its total is {total} {}.{rest}",
            cell(&changed, "currency")
        ));
    });
    Ok(Exit::Ok)
}

/// The changes side by side.
fn tell(revision: &Value) {
    let changes = revision["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |change: &Value| {
        let note = if change["conflict"] == true { "changed here too" } else { "" };
        let (ours, theirs) = (&change["ours"], &change["theirs"]);
        vec![cell(change, "id"), words(ours), words(theirs), note.to_owned()]
    };
    let rows: Vec<_> = changes.iter().map(row).collect();
    table(&["CHANGE", "HERE", "IN THE CART", ""], &rows, "Nothing waits.");
}

/// A value on one line.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Object(parts) if parts.contains_key("cart_line_id") => format!(
            "{} × {} at {}",
            cell(value, "quantity"),
            cell(value, "name"),
            cell(value, "unit_price")
        ),
        Value::Object(parts) => {
            let parts = parts.iter().filter(|(_, part)| !part.is_null());
            let parts = parts.map(|(name, part)| match name.as_str() {
                "shipping" | "adjustments" => {
                    format!("{name} {}", part.as_str().unwrap_or_default())
                }
                _ => part.as_str().unwrap_or_default().to_owned(),
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
