//! `order …`.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{cell, data, json as print_json, rows, table, talk};
use super::{CliError, Exit, Global};

/// Sub-commands of `order`. An order is named by its id, our number, or the cart's number or id.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Orders, newest first.
    List(List),
    /// One order in full.
    Show {
        /// Id, our number, cart number or cart id.
        order: String,
    },
    /// Where is my order? Every event, decision and attempt, and what holds it back.
    Why {
        /// Order, e-mail, or the cart's delivery id.
        what: String,
    },
    /// Read one order from the cart now.
    Fetch {
        /// The store.
        store: String,
        /// The cart's id, or its name such as '#1001'.
        order: String,
    },
    /// Examine the held-back orders of a store under its present rules, and wait for the end.
    ReExamine {
        /// The store.
        store: String,
    },
    /// Not to be shipped.
    Cancel {
        /// Which order.
        order: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a cancellation back.
    Restore {
        /// Which order.
        order: String,
    },
    /// Mark it shipped.
    Ship {
        /// Which order.
        order: String,
        /// The parcel's number.
        #[arg(long)]
        tracking_number: Option<String>,
        /// Who carries it.
        #[arg(long)]
        carrier: Option<String>,
        /// Where it can be followed.
        #[arg(long)]
        tracking_url: Option<String>,
    },
    /// A supplier was asked to ship it.
    Dropship {
        /// Which order.
        order: String,
    },
    /// Put it away.
    Archive {
        /// Which order.
        order: String,
    },
    /// Take it out again.
    Unarchive {
        /// Which order.
        order: String,
    },
    /// Bring a held-back order into the book.
    ImportAnyway {
        /// Which order.
        order: String,
    },
    /// Change lines, address or note of an open order.
    Edit(Box<Edit>),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only this store.
    #[arg(long)]
    store: Option<String>,
    /// Only this status; `held_back` shows what is not in the book.
    #[arg(long)]
    status: Option<String>,
    /// Only with this flag.
    #[arg(long)]
    flag: Option<String>,
    /// Only those with a change of the cart that waits for a decision.
    #[arg(long)]
    has_revision: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u16,
}

#[derive(Debug, clap::Args)]
pub(super) struct Edit {
    /// Which order.
    order: String,
    /// A line's new quantity, as LINE=QUANTITY; 0 removes the line. LINE is its cart_line_id.
    #[arg(long, value_name = "LINE=QUANTITY", value_parser = quantity)]
    set: Vec<(String, u32)>,
    /// A line to add, as QUANTITY,PRICE,NAME or QUANTITY,PRICE,NAME,SKU.
    #[arg(long, value_name = "QUANTITY,PRICE,NAME[,SKU]", value_parser = added)]
    add: Vec<Value>,
    /// The new note.
    #[arg(long, conflicts_with = "no_note")]
    note: Option<String>,
    /// Take the note away.
    #[arg(long)]
    no_note: bool,
    /// A JSON file with the new address: name, address1, city, zip, country_code …
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
}

fn quantity(text: &str) -> Result<(String, u32), String> {
    let (line, quantity) = text.rsplit_once('=').ok_or("write LINE=QUANTITY")?;
    let quantity = quantity.parse().map_err(|_| format!("{quantity:?} is no quantity"))?;
    Ok((line.to_owned(), quantity))
}

fn added(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.splitn(4, ',').map(str::trim).collect();
    let ([quantity, price, name] | [quantity, price, name, _]) = parts.as_slice() else {
        return Err("write QUANTITY,PRICE,NAME or QUANTITY,PRICE,NAME,SKU".to_owned());
    };
    let quantity: u32 = quantity.parse().map_err(|_| format!("{quantity:?} is no quantity"))?;
    let mut line = json!({"name": name, "quantity": quantity, "unit_price": price});
    if let Some(sku) = parts.get(3) {
        line["sku"] = json!(sku);
    }
    Ok(line)
}

pub(super) async fn run(command: Command, global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    match command {
        Command::List(list) => show_list(&client, &list).await,
        Command::Show { order } => {
            let order = find(&client, &order).await?;
            print_json(&order);
            Ok(Exit::Ok)
        }
        Command::Why { what } => why(&client, &what).await,
        Command::Fetch { store, order } => fetch(&client, &store, &order).await,
        Command::ReExamine { store } => re_examine(&client, &store).await,
        Command::Cancel { order, reason } => {
            let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
            act(&client, &order, "cancel", &body).await
        }
        Command::Ship { order, tracking_number, carrier, tracking_url } => {
            let mut body = json!({});
            for (name, value) in [
                ("tracking_number", tracking_number),
                ("carrier", carrier),
                ("tracking_url", tracking_url),
            ] {
                if let Some(value) = value {
                    body[name] = Value::String(value);
                }
            }
            act(&client, &order, "ship", &body).await
        }
        Command::Restore { order } => act(&client, &order, "restore", &json!({})).await,
        Command::Dropship { order } => act(&client, &order, "request-dropship", &json!({})).await,
        Command::Archive { order } => act(&client, &order, "archive", &json!({})).await,
        Command::Unarchive { order } => act(&client, &order, "unarchive", &json!({})).await,
        Command::ImportAnyway { order } => act(&client, &order, "import-anyway", &json!({})).await,
        Command::Edit(change) => edit(&client, &change).await,
    }
}

pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn show_list(client: &Client, list: &List) -> Result<Exit, CliError> {
    let mut path = format!("/api/v1/orders?limit={}", list.limit);
    for (name, value) in [("store", &list.store), ("status", &list.status), ("flag", &list.flag)] {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", escape(value));
        }
    }
    if list.has_revision {
        path.push_str("&has_revision=true");
    }
    let page = client.get(&path).await?;
    client.show(&page, || {
        let paths = [
            "order_number",
            "store",
            "cart_order_name",
            "status",
            "flags",
            "totals.total",
            "currency",
            "created_at",
        ];
        let head = ["ORDER", "STORE", "IN THE CART", "STATUS", "FLAGS", "TOTAL", "", "IMPORTED"];
        table(&head, &rows(&page, &paths), "No order fits.");
    });
    Ok(Exit::Ok)
}

/// The one order that a word names.
pub(super) async fn find(client: &Client, word: &str) -> Result<Value, CliError> {
    if word.starts_with("ord_") {
        return client.get(&format!("/api/v1/orders/{}", escape(word))).await;
    }
    let page = client.get(&format!("/api/v1/orders?q={}", escape(word))).await?;
    match page["data"].as_array().map(Vec::as_slice) {
        Some([order]) => Ok(order.clone()),
        Some([]) | None => {
            Err(CliError::new(Exit::NotFound, format!("no order is called {word:?}.")))
        }
        Some(several) => {
            let ids: Vec<_> = several.iter().map(|order| cell(order, "id")).collect();
            let sentence = format!("{word:?} names several orders; say which: {}", ids.join(", "));
            Err(CliError::new(Exit::Error, sentence))
        }
    }
}

async fn act(client: &Client, order: &str, verb: &str, body: &Value) -> Result<Exit, CliError> {
    let order = find(client, order).await?;
    let id = cell(&order, "id");
    let changed = client.post(&format!("/api/v1/orders/{}/{verb}", escape(&id)), body).await?;
    client.show(&changed, || {
        let status = cell(&changed, "status").replace('_', " ");
        talk(&format!(
            "{} is {status}. Its story: instasync order why {id}",
            cell(&changed, "order_number")
        ));
    });
    Ok(Exit::Ok)
}

async fn edit(client: &Client, edit: &Edit) -> Result<Exit, CliError> {
    let mut body = json!({});
    let set =
        edit.set.iter().map(|(line, quantity)| json!({"cart_line_id": line, "quantity": quantity}));
    let lines: Vec<Value> = set.chain(edit.add.iter().cloned()).collect();
    if !lines.is_empty() {
        body["lines"] = Value::Array(lines);
    }
    if edit.no_note {
        body["note"] = Value::Null;
    } else if let Some(note) = &edit.note {
        body["note"] = json!(note);
    }
    if let Some(file) = &edit.address_file {
        let unreadable = |why: String| {
            CliError::new(Exit::Error, format!("{} cannot be read: {why}", file.display()))
        };
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
        body["shipping_address"] =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    }
    let order = find(client, &edit.order).await?;
    let path = format!("/api/v1/orders/{}", escape(&cell(&order, "id")));
    let (_, changed) = client.call(reqwest::Method::PATCH, &path, Some(&body)).await?;
    client.show(&changed, || {
        let (number, total) = (cell(&changed, "order_number"), cell(&changed, "totals.total"));
        talk(&format!("{number} is changed; its total is {total} {}.", cell(&changed, "currency")));
    });
    Ok(Exit::Ok)
}

async fn fetch(client: &Client, store: &str, order: &str) -> Result<Exit, CliError> {
    let by_id = !order.is_empty() && order.chars().all(|c| c.is_ascii_digit()) && order.len() > 9;
    let field = if by_id { "cart_order_id" } else { "cart_order_name" };
    let path = format!("/api/v1/stores/{}/orders/fetch", escape(store));
    let (status, answer) =
        client.call(reqwest::Method::POST, &path, Some(&json!({field: order}))).await?;
    client.show(&answer, || {
        if status == StatusCode::ACCEPTED {
            talk(&format!(
                "It goes on in the background: instasync runs show {}",
                cell(&answer, "runs.0.id")
            ));
        } else {
            talk(&format!(
                "{} is up to date ({}).",
                cell(&answer, "order_number"),
                cell(&answer, "status")
            ));
        }
    });
    Ok(Exit::Ok)
}

/// How often the end of a run is asked for.
const ASK_EVERY: Duration = Duration::from_millis(200);

async fn re_examine(client: &Client, store: &str) -> Result<Exit, CliError> {
    let path = format!("/api/v1/stores/{}/orders/re-examine", escape(store));
    let started = client.post(&path, &json!({})).await?;
    let run = format!("/api/v1/runs/{}", cell(&started, "runs.0.id"));
    let ended = loop {
        let run = client.get(&run).await?;
        if !matches!(run["state"].as_str(), Some("queued" | "running")) {
            break run;
        }
        tokio::time::sleep(ASK_EVERY).await;
    };
    client.show(&ended, || {
        let (seen, new) = (cell(&ended, "seen"), cell(&ended, "new"));
        talk(&format!("{store}: {seen} held-back orders examined, {new} imported."));
    });
    Ok(Exit::Ok)
}

async fn why(client: &Client, what: &str) -> Result<Exit, CliError> {
    let found = client.get(&format!("/api/v1/lookup?q={}", escape(what))).await?;
    let nothing =
        ["orders", "events"].iter().all(|list| found[*list].as_array().is_none_or(Vec::is_empty));
    if client.wants_json() {
        print_json(&found);
    } else {
        tell(&found);
    }
    if nothing {
        let sentence = format!("nothing is known of {what:?}: no order, no event, no delivery.");
        return Err(CliError::new(Exit::NotFound, sentence));
    }
    Ok(Exit::Ok)
}

/// What the orders are now, then the story in plain sentences.
fn tell(found: &Value) {
    for order in found["orders"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let status = cell(order, "status").replace('_', " ");
        let flags = cell(order, "flags").replace('_', " ");
        let flags = if flags.is_empty() { flags } else { format!(" ({flags})") };
        let (number, name) = (cell(order, "order_number"), cell(order, "cart_order_name"));
        data(&format!("{number}, {name} in {}: {status}{flags}", cell(order, "store")));
    }
    for line in found["story"].as_array().map(Vec::as_slice).unwrap_or_default() {
        match line {
            Value::String(text) => data(text),
            entry => data(&format!("{}  {}", cell(entry, "at"), cell(entry, "text"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_given_in_short() {
        assert_eq!(quantity("71=3"), Ok(("71".to_owned(), 3)));
        assert_eq!(quantity("local:1=0"), Ok(("local:1".to_owned(), 0)));
        for wrong in ["71", "71=", "71=-1", "71=two"] {
            assert!(quantity(wrong).is_err(), "{wrong}");
        }
        let line = added("2, 12.50, Gift box, BOX").unwrap();
        let expected =
            json!({"quantity": 2, "unit_price": "12.50", "name": "Gift box", "sku": "BOX"});
        assert_eq!(line, expected);
        assert_eq!(added("1,3,Card").unwrap()["sku"], Value::Null);
        for wrong in ["", "1,2", "x,1,Card"] {
            assert!(added(wrong).is_err(), "{wrong}");
        }
    }
}
