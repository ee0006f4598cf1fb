//! `simulate …`: what happens in the simulated shop of a running demo.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::demo::whereabouts::Whereabouts;
use super::output::{cell, rows, table, talk};
use super::{CliError, Exit, Global, output};

/// Options of `simulate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  instasync simulate place --count 3\n  instasync simulate cancel 1001\n  \
                  instasync simulate send orders/updated --bad-signature\n  \
                  instasync simulate chaos drop 0.2\n  instasync simulate chaos all off\n  \
                  instasync simulate --store bigcommerce edit 101"
)]
pub(super) struct Args {
    /// Where the simulated shop is; found by itself when a demo runs.
    #[arg(long, global = true, value_name = "URL")]
    simulator: Option<String>,
    /// Which store of the demo.
    #[arg(long, global = true, value_enum, default_value_t = Which::Shopify)]
    store: Which,
    #[command(subcommand)]
    command: Command,
}

/// A store of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    Shopify,
    Bigcommerce,
}

/// What can happen. ORDER is a number such as 1001, a name such as '#1001', or an id.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Somebody buys.
    Place {
        /// So many orders.
        #[arg(long, default_value_t = 1)]
        count: u32,
        /// Exactly so many lines each.
        #[arg(long)]
        lines: Option<u32>,
        /// What was paid: pending, authorized, paid, …
        #[arg(long, value_name = "STATUS")]
        payment: Option<String>,
        /// Tell nobody: the webhooks are lost.
        #[arg(long)]
        quiet: bool,
    },
    /// The lines of an order change; with --note only its note.
    Edit {
        /// Which.
        order: String,
        /// The new note.
        #[arg(long)]
        note: Option<String>,
    },
    /// An order is cancelled.
    Cancel {
        /// Which.
        order: String,
        /// customer, declined, fraud, inventory, staff or other.
        #[arg(long, default_value = "customer")]
        reason: String,
    },
    /// An order is put away, which is no cancellation.
    Archive {
        /// Which.
        order: String,
    },
    /// An archived order is taken out again.
    Unarchive {
        /// Which.
        order: String,
    },
    /// Money for one line is given back.
    Refund {
        /// Which.
        order: String,
        /// For all lines.
        #[arg(long)]
        all: bool,
    },
    /// An order is shipped from the shop.
    Fulfil {
        /// Which.
        order: String,
        /// Only one unit of it.
        #[arg(long)]
        partly: bool,
    },
    /// The payment of an order arrives.
    Pay {
        /// Which.
        order: String,
    },
    /// An order is deleted.
    Delete {
        /// Which.
        order: String,
    },
    /// A cancelled or deleted order is there again.
    Revive {
        /// Which.
        order: String,
    },
    /// One delivery, exactly as said.
    Send {
        /// Its topic, such as orders/updated.
        topic: String,
        /// A file with its body [default: the newest order].
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Sign it wrongly.
        #[arg(long)]
        bad_signature: bool,
        /// Send it twice.
        #[arg(long)]
        twice: bool,
    },
    /// Let things go wrong. Without arguments: what goes wrong now.
    Chaos {
        /// Which fault, or all.
        #[arg(requires = "setting")]
        fault: Option<String>,
        /// on, off, or a rate from 0 to 1.
        #[arg(value_parser = rate)]
        setting: Option<f64>,
        /// So many times at most.
        #[arg(long)]
        count: Option<u32>,
        /// How long it lasts each time, in milliseconds.
        #[arg(long, value_name = "MS")]
        millis: Option<u64>,
    },
    /// All orders as the shop really has them.
    List,
}

pub(super) async fn run(args: Args, global: &Global) -> Result<Exit, CliError> {
    let shop = Shop::find(args.simulator, args.store)?;
    let (told, people): (Value, fn(&Value)) = match args.command {
        Command::Place { count, lines, payment, quiet } => {
            let body = json!({
                "count": count, "lines": lines, "financial_status": payment, "quiet": quiet,
            });
            (shop.post("orders", &body).await?, tell_placed)
        }
        Command::Edit { order, note } => {
            (shop.act(&order, "edit", &json!({"note": note})).await?, tell_order)
        }
        Command::Cancel { order, reason } => {
            (shop.act(&order, "cancel", &json!({"reason": reason})).await?, tell_order)
        }
        Command::Archive { order } => (shop.act(&order, "archive", &json!({})).await?, tell_order),
        Command::Unarchive { order } => {
            (shop.act(&order, "unarchive", &json!({})).await?, tell_order)
        }
        Command::Refund { order, all } => {
            (shop.act(&order, "refund", &json!({"all": all})).await?, tell_order)
        }
        Command::Fulfil { order, partly } => {
            (shop.act(&order, "fulfil", &json!({"partly": partly})).await?, tell_order)
        }
        Command::Pay { order } => (shop.act(&order, "pay", &json!({})).await?, tell_order),
        Command::Delete { order } => (shop.act(&order, "delete", &json!({})).await?, tell_order),
        Command::Revive { order } => (shop.act(&order, "revive", &json!({})).await?, tell_order),
        Command::Send { topic, file, bad_signature, twice } => {
            let body = file.as_deref().map(read).transpose()?;
            let raw = json!({
                "topic": topic, "body": body, "bad_signature": bad_signature, "twice": twice,
            });
            (shop.post("send", &raw).await?, tell_answers)
        }
        Command::Chaos { fault, setting, count, millis } => {
            (chaos(&shop, fault, setting, count, millis).await?, tell_faults)
        }
        Command::List => (shop.call(Method::GET, "orders", None).await?, tell_list),
    };
    if global.json {
        output::json(&told);
    } else {
        people(&told);
    }
    Ok(Exit::Ok)
}

async fn chaos(
    shop: &Shop,
    fault: Option<String>,
    rate: Option<f64>,
    count: Option<u32>,
    millis: Option<u64>,
) -> Result<Value, CliError> {
    match (fault.as_deref(), rate) {
        (None, _) | (_, None) => shop.call(Method::GET, "faults", None).await,
        (Some("all"), Some(rate)) if rate > 0.0 => {
            Err(CliError::new(Exit::Usage, "name one fault; all of them can only be switched off."))
        }
        (Some("all"), Some(_off)) => shop.call(Method::DELETE, "faults", None).await,
        (Some(fault), Some(rate)) => {
            let body = json!({"fault": fault, "rate": rate, "count": count, "millis": millis});
            shop.post("faults", &body).await
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text {
        "on" => Ok(1.0),
        "off" => Ok(0.0),
        text => match text.parse::<f64>() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
            _ => Err("write on, off, or a rate from 0 to 1".to_owned()),
        },
    }
}

fn read(file: &std::path::Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| {
        CliError::new(Exit::Error, format!("{} cannot be read: {error}", file.display()))
    })
}

// === What people read ===

fn tell_placed(placed: &Value) {
    let names: Vec<String> =
        placed["data"].as_array().into_iter().flatten().map(|order| cell(order, "name")).collect();
    match names.as_slice() {
        [] => talk("Nothing was placed."),
        [one] => talk(&format!("Placed {one}.")),
        [first, .., last] => talk(&format!("Placed {} orders, {first} to {last}.", names.len())),
    }
}

fn tell_order(order: &Value) {
    talk(&format!("{} in the shop: {}.", cell(order, "name"), state(order)));
}

/// What an order is, in a word or two.
fn state(order: &Value) -> String {
    let has = |field: &str| !order[field].is_null();
    let state = match () {
        () if has("deleted_at") => "deleted",
        () if has("cancelled_at") => "cancelled",
        () if has("closed_at") => "archived",
        () => "open",
    };
    let (payment, shipping) = (cell(order, "financial_status"), cell(order, "fulfillment_status"));
    format!("{state}, {payment}, {shipping}")
}

fn tell_list(list: &Value) {
    let orders = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let money = |order: &Value| {
        let cents = order["current_total_cents"].as_i64().unwrap_or_default();
        format!("{}.{:02}", cents / 100, cents % 100)
    };
    let row = |order: &Value| {
        vec![
            cell(order, "name"),
            cell(order, "id"),
            cell(order, "updated_at"),
            state(order),
            money(order),
        ]
    };
    let rows: Vec<Vec<String>> = orders.iter().map(row).collect();
    table(&["ORDER", "ID", "UPDATED", "STATE", "TOTAL"], &rows, "The shop has no orders yet.");
}

fn tell_answers(sent: &Value) {
    let rows = rows(sent, &["topic", "uri", "answers"]);
    table(&["TOPIC", "TO", "ANSWER"], &rows, "Nothing was sent.");
}

fn tell_faults(faults: &Value) {
    let rows = rows(faults, &["fault", "rate", "count", "millis"]);
    table(&["FAULT", "RATE", "LEFT", "MS"], &rows, "Nothing goes wrong on purpose.");
}

// === The shop ===

/// How long the shop may take; placing many orders takes a while.
const PATIENCE: Duration = Duration::from_mins(1);

/// The control routes of a simulated shop.
struct Shop {
    http: reqwest::Client,
    base: String,
}

impl Shop {
    /// The named one, or the running demo's.
    fn find(named: Option<String>, store: Which) -> Result<Self, CliError> {
        let base = match named {
            Some(url) => url,
            None => match Whereabouts::find() {
                Ok(Some(demo)) => match store {
                    Which::Shopify => demo.simulator,
                    Which::Bigcommerce => demo.bigcommerce,
                },
                Ok(None) => return Err(no_demo("no demo is running")),
                Err(error) => {
                    return Err(no_demo(&format!("where the demo is cannot be read ({error})")));
                }
            },
        };
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
        let http = http.map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned() })
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn act(&self, order: &str, action: &str, details: &Value) -> Result<Value, CliError> {
        let order = order.trim_start_matches('#');
        if order.is_empty() || !order.bytes().all(|byte| byte.is_ascii_digit()) {
            let sentence =
                format!("{order:?} names no order; write its number, such as 1001, or its id.");
            return Err(CliError::new(Exit::Usage, sentence));
        }
        self.post(&format!("orders/{order}/{action}"), details).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CliError> {
        let mut request = self.http.request(method, format!("{}/_sim/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let nobody = |_error| no_demo(&format!("no simulated shop answers at {}", self.base));
        let answer = request.send().await.map_err(nobody)?;
        let status = answer.status();
        let answer: Value = answer.json().await.map_err(nobody)?;
        if status.is_success() {
            return Ok(answer);
        }
        let exit = match status {
            StatusCode::NOT_FOUND => Exit::NotFound,
            StatusCode::BAD_REQUEST => Exit::Usage,
            _ => Exit::Error,
        };
        Err(CliError::new(exit, format!("{}.", cell(&answer, "error"))))
    }
}

fn no_demo(what: &str) -> CliError {
    let sentence = format!(
        "{what}; start one with `instasync demo`, or name a simulated shop with --simulator."
    );
    CliError::new(Exit::Unreachable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::{Fault, Options, Simulator};

    fn shop(simulator: &Simulator) -> Shop {
        Shop::find(Some(simulator.url()), Which::Shopify).unwrap()
    }

    #[tokio::test]
    async fn orders_are_placed_changed_and_listed() {
        let simulator = Simulator::start(Options::default()).unwrap();
        let shop = shop(&simulator);
        let body = json!({"count": 2, "lines": null, "quiet": false});
        let placed = shop.post("orders", &body).await.unwrap();
        assert_eq!(rows(&placed, &["name"]), [["#1001"], ["#1002"]]);
        let order = shop.act("#1001", "cancel", &json!({"reason": "fraud"})).await.unwrap();
        assert_eq!(state(&order), "cancelled, refunded, unfulfilled");
        let again = shop.act("1001", "cancel", &json!({})).await.unwrap_err();
        assert_eq!(again.exit, Exit::Error);
        assert_eq!(shop.act("7", "cancel", &json!({})).await.unwrap_err().exit, Exit::NotFound);
        assert_eq!(shop.act("../x", "cancel", &json!({})).await.unwrap_err().exit, Exit::Usage);
        let list = shop.call(Method::GET, "orders", None).await.unwrap();
        assert_eq!(list["data"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn chaos_is_switched_by_name() {
        let simulator = Simulator::start(Options::default()).unwrap();
        let shop = shop(&simulator);
        let switch = |fault: &str, rate| {
            let (shop, fault) = (&shop, Some(fault.to_owned()));
            async move { chaos(shop, fault, Some(rate), None, None).await }
        };
        switch("drop", 0.5).await.unwrap();
        assert_eq!(simulator.cart().faults()[0].fault, Fault::Drop);
        assert_eq!(switch("comets", 1.0).await.unwrap_err().exit, Exit::Usage);
        assert_eq!(switch("all", 1.0).await.unwrap_err().exit, Exit::Usage);
        switch("all", 0.0).await.unwrap();
        assert!(simulator.cart().faults().is_empty());
    }

    #[tokio::test]
    async fn nobody_there_is_one_sentence() {
        let simulator = Simulator::start(Options::default()).unwrap();
        let shop = shop(&simulator);
        simulator.stop().await.unwrap();
        let error = shop.call(Method::GET, "orders", None).await.unwrap_err();
        assert_eq!(error.exit, Exit::Unreachable);
        assert!(!error.sentence.contains('\n'), "{error}");
    }

    #[test]
    fn a_setting_is_on_off_or_a_rate() {
        assert_eq!(["on", "off", "0.25"].map(rate), [Ok(1.0), Ok(0.0), Ok(0.25)]);
        for wrong in ["2", "-0.1", "often", "NaN"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
