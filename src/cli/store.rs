//! `store …`.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::init::read_secret;
use super::output::{cell, rows, table, talk};
use super::{CliError, Exit, Global};

/// Sub-commands of `store`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Connect a store.
    #[command(
        after_help = "Example:\n  instasync store add --channel shopify --domain pine.myshopify.com \\\n      --name \"Pine & Wick\" --client-id 0123 --client-secret-file ./secret\n  instasync store add --channel bigcommerce --domain abc123xyz --name \"Oak\" \\\n      --access-token-file ./token --client-id 0123 --client-secret-file ./secret"
    )]
    Add(Box<Add>),
    /// All stores.
    List,
    /// One store in full.
    Show {
        /// Its slug.
        store: String,
    },
    /// Change rules (`edits=ignore import_statuses=paid,authorized`) or rotate the webhook secret.
    Set(Set),
    /// Who changed which rule, newest first.
    History {
        /// Its slug.
        store: String,
    },
    /// Stop working on its events; webhooks are still stored.
    Pause {
        /// Its slug.
        store: String,
    },
    /// Work on its events again.
    Resume {
        /// Its slug.
        store: String,
    },
    /// Restart its actor; nothing is lost.
    Restart {
        /// Its slug.
        store: String,
    },
    /// Give it new credentials.
    Reconnect(Reconnect),
    /// Disconnect it; its orders stay.
    Remove {
        /// Its slug.
        store: String,
    },
}

/// What a cart is entered with.
#[derive(Debug, clap::Args)]
pub(super) struct Secrets {
    /// The app's client id.
    #[arg(long)]
    client_id: Option<String>,
    /// A file with the app's client secret.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// A file with a permanent token; BigCommerce is called with one.
    #[arg(long, value_name = "FILE")]
    access_token_file: Option<PathBuf>,
    /// A file with what webhooks are signed with, if not the client secret; up to two.
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Which kind of cart: shopify or bigcommerce.
    #[arg(long)]
    channel: String,
    /// The cart's own name of itself: a shop domain such as pine.myshopify.com, or BigCommerce's
    /// store hash.
    #[arg(long)]
    domain: String,
    /// What people call it.
    #[arg(long)]
    name: String,
    /// Its name in routes; made from --name if not given.
    #[arg(long)]
    slug: Option<String>,
    /// The account it belongs to.
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    secrets: Secrets,
    /// Replaces scheme, host and port of the cart's API.
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Store it without calling the cart; its webhooks are accepted.
    #[arg(long)]
    no_connect: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reconnect {
    /// Its slug.
    store: String,
    #[command(flatten)]
    secrets: Secrets,
}

#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// Its slug.
    store: String,
    /// Rules as key=value; lists with commas.
    rules: Vec<String>,
    /// A file with the new webhook secret.
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Vec<PathBuf>,
    /// Accept the old secret so much longer, such as 1h.
    #[arg(long, value_name = "SPAN", requires = "webhook_secret_file")]
    keep_old: Option<String>,
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Command::Add(add) => connect(&client, *add).await,
        Command::List => {
            let list = client.get("/api/v1/stores").await?;
            client.show(&list, || {
                let paths = [
                    "slug",
                    "name",
                    "channel",
                    "domain",
                    "health.connection",
                    "health.waiting",
                    "health.set_aside",
                ];
                let head =
                    ["STORE", "NAME", "CHANNEL", "DOMAIN", "CONNECTION", "WAITING", "SET ASIDE"];
                table(
                    &head,
                    &rows(&list, &paths),
                    "No store yet. Connect one: instasync store add --help",
                );
            });
            Ok(Exit::Ok)
        }
        Command::Show { store } => {
            let found = client.get(&format!("/api/v1/stores/{store}")).await?;
            client.show(&found, || super::output::json(&found));
            Ok(Exit::Ok)
        }
        Command::History { store } => history(&client, &store).await,
        Command::Set(set) => change(&client, set).await,
        Command::Pause { store } => {
            client.post(&format!("/admin/stores/{store}/pause"), &json!({})).await?;
            talk(&format!(
                "{store} is paused; its webhooks are stored. Go on: instasync store resume {store}"
            ));
            Ok(Exit::Ok)
        }
        Command::Resume { store } => {
            client.post(&format!("/admin/stores/{store}/resume"), &json!({})).await?;
            talk(&format!("{store} works again."));
            Ok(Exit::Ok)
        }
        Command::Restart { store } => {
            let restarted =
                client.post(&format!("/admin/stores/{store}/restart"), &json!({})).await?;
            client.show(&restarted, || {
                talk(&format!("{store} was restarted; incarnation {}.", restarted["incarnation"]));
            });
            Ok(Exit::Ok)
        }
        Command::Reconnect(Reconnect { store, secrets }) => {
            let body = json!({"credentials": credentials(&secrets)?});
            let found = client
                .call(Method::PATCH, &format!("/api/v1/stores/{store}"), Some(&body))
                .await?
                .1;
            client.show(&found, || {
                if !found["warning"].is_string() {
                    talk(&format!("{store} is connected: {}.", cell(&found, "health.connection")));
                }
                tell_trouble(&found);
            });
            Ok(Exit::Ok)
        }
        Command::Remove { store } => {
            if !global.yes {
                let sentence = format!(
                    "this disconnects {store} and removes its webhooks (its orders stay); say --yes to do it."
                );
                return Err(CliError::new(Exit::Usage, sentence));
            }
            let (_, answer) =
                client.call(Method::DELETE, &format!("/api/v1/stores/{store}"), None).await?;
            client.show(&answer, || {
                talk(&format!("{store} is disconnected; its orders stay."));
                let warning = cell(&answer, "warning");
                if !warning.is_empty() {
                    talk(&warning);
                }
            });
            Ok(Exit::Ok)
        }
    }
}

async fn connect(client: &Client, add: Add) -> Result<Exit, CliError> {
    let mut body = json!({
        "channel": add.channel,
        "domain": add.domain,
        "name": add.name,
        "credentials": credentials(&add.secrets)?,
        "connect": !add.no_connect,
    });
    for (name, value) in [("slug", add.slug), ("account", add.account), ("api_url", add.api_url)] {
        if let Some(value) = value {
            body[name] = Value::String(value);
        }
    }
    let added = client.post("/api/v1/stores", &body).await?;
    client.show(&added, || {
        let (slug, url) = (cell(&added, "slug"), cell(&added, "webhook_url"));
        let done =
            if add.no_connect || added["warning"].is_string() { "Stored" } else { "Connected" };
        talk(&format!("{done} {slug}. Its webhooks go to {url}"));
        tell_trouble(&added);
        talk(&format!("Look at it: instasync store show {slug}"));
    });
    Ok(Exit::Ok)
}

/// What of a connection is not as it should be.
fn tell_trouble(store: &Value) {
    for sentence in [&store["warning"], &store["health"]["reason"]] {
        sentence.as_str().into_iter().for_each(talk);
    }
    for gap in store["missing_scopes"].as_array().map(Vec::as_slice).unwrap_or_default() {
        talk(&format!("Scope {} is missing: {}", cell(gap, "scope"), cell(gap, "sentence")));
    }
}

async fn change(client: &Client, set: Set) -> Result<Exit, CliError> {
    let mut body = Map::new();
    if !set.rules.is_empty() {
        body.insert("rules".to_owned(), rules(&set.rules)?);
    }
    if !set.webhook_secret_file.is_empty() {
        let secrets: Vec<String> = set
            .webhook_secret_file
            .iter()
            .map(|file| read_secret(file))
            .collect::<Result<_, _>>()?;
        let mut credentials = json!({"webhook_secrets": secrets});
        if let Some(span) = set.keep_old {
            credentials["keep_old"] = Value::String(span);
        }
        body.insert("credentials".to_owned(), credentials);
    }
    if body.is_empty() {
        return Err(CliError::new(
            Exit::Usage,
            "nothing to change; say key=value or --webhook-secret-file.",
        ));
    }
    let path = format!("/api/v1/stores/{}", set.store);
    let (_, changed) = client.call(Method::PATCH, &path, Some(&Value::Object(body))).await?;
    client.show(&changed, || talk(&format!("{} is changed.", set.store)));
    Ok(Exit::Ok)
}

async fn history(client: &Client, store: &str) -> Result<Exit, CliError> {
    let told = client.get(&format!("/api/v1/stores/{store}/rules/history")).await?;
    client.show(&told, || {
        let changes = told["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut rows = Vec::new();
        for change in changes {
            for rule in change["changes"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let (at, by) = (cell(change, "at"), cell(change, "by"));
                rows.push(vec![at, by, cell(rule, "rule"), cell(rule, "from"), cell(rule, "to")]);
            }
        }
        let nothing = "Its rules are those it was connected with.";
        table(&["WHEN", "WHO", "RULE", "WAS", "BECAME"], &rows, nothing);
    });
    Ok(Exit::Ok)
}

/// `key=value` pairs as JSON: lists where the rule is one, true and false as such.
fn rules(pairs: &[String]) -> Result<Value, CliError> {
    let mut rules = Map::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(CliError::new(
                Exit::Usage,
                format!("{pair:?} is no rule; write key=value."),
            ));
        };
        let value = match (key, value) {
            ("import_statuses" | "import_fulfilments", list) => {
                list.split(',').map(|item| Value::String(item.trim().to_owned())).collect()
            }
            (_, "true") => Value::Bool(true),
            (_, "false") => Value::Bool(false),
            ("import_from" | "location", "") => Value::Null,
            (_, text) => Value::String(text.to_owned()),
        };
        rules.insert(key.to_owned(), value);
    }
    Ok(Value::Object(rules))
}

fn credentials(secrets: &Secrets) -> Result<Value, CliError> {
    let mut body = Map::new();
    if let Some(id) = &secrets.client_id {
        body.insert("client_id".to_owned(), Value::String(id.clone()));
    }
    for (name, file) in [
        ("client_secret", &secrets.client_secret_file),
        ("access_token", &secrets.access_token_file),
    ] {
        if let Some(file) = file {
            body.insert(name.to_owned(), Value::String(read_secret(file)?));
        }
    }
    if !secrets.webhook_secret_file.is_empty() {
        let read =
            secrets.webhook_secret_file.iter().map(|file| read_secret(file).map(Value::String));
        body.insert("webhook_secrets".to_owned(), Value::Array(read.collect::<Result<_, _>>()?));
    }
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_given_as_pairs() {
        let pairs =
            ["edits=ignore", "import_statuses=paid, authorized", "import_test_orders=false"];
        let rules = rules(&pairs.map(str::to_owned)).unwrap();
        assert_eq!(
            rules,
            json!({"edits": "ignore", "import_statuses": ["paid", "authorized"], "import_test_orders": false})
        );
        assert_eq!(super::rules(&["edits".to_owned()]).unwrap_err().exit, Exit::Usage);
    }
}
