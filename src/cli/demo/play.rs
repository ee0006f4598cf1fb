//! What happens in a demo: the stores are connected, then people buy.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior};

use crate::cli::client::Client;
use crate::cli::{CliError, Exit, output};
use crate::simulator::bigcommerce::{Act, Store, Wanted};
use crate::simulator::{Action, Cart, Fault, RawDelivery, Setting, Wish};

/// Orders until everything has happened once.
pub(super) const ROUND: u64 = 15;

/// The simulated stores of a demo, and where their APIs are.
pub(super) struct Stores {
    pub(super) pine: Arc<Cart>,
    pub(super) pine_url: String,
    pub(super) oak: Arc<Store>,
    pub(super) oak_url: String,
}

/// Connects the stores, always in the same order, so that they have the same numbers in every demo;
/// then lets something happen at every step of the pace, for ever.
pub(super) async fn play(client: Client, stores: Stores, pace: Duration) {
    enter(&client, pace, &pine(&stores)).await;
    enter(&client, pace, &oak(&stores)).await;
    tokio::join!(play_pine(&stores.pine, pace), play_oak(&stores.oak, pace.mul_f64(1.5)));
}

/// The simulated Shopify, as `store add` enters it.
fn pine(stores: &Stores) -> Value {
    let profile = stores.pine.profile();
    json!({
        "channel": "shopify",
        "domain": profile.domain,
        "name": profile.name,
        "api_url": stores.pine_url,
        "credentials": {
            "client_id": profile.client_id,
            "client_secret": stores.pine.client_secret(),
        },
    })
}

/// The simulated BigCommerce.
fn oak(stores: &Stores) -> Value {
    let store = &stores.oak;
    json!({
        "channel": "bigcommerce",
        "domain": store.hash(),
        "name": store.name(),
        "api_url": stores.oak_url,
        "credentials": {
            "client_id": store.client_id(),
            "client_secret": store.client_secret(),
            "access_token": store.token(),
        },
    })
}

/// Enters a store, however often that has to be tried. One that is there already from a kept start
/// goes on.
async fn enter(client: &Client, pace: Duration, body: &Value) {
    let mut said = None;
    while let Err(error) = try_to_enter(client, body).await {
        if said.as_ref() != Some(&error) {
            let name = output::cell(body, "name");
            output::talk(&format!("{name} could not be connected: {error} Trying again."));
        }
        said = Some(error);
        tokio::time::sleep(pace).await;
    }
}

async fn try_to_enter(client: &Client, body: &Value) -> Result<(), CliError> {
    let (status, answer) = client.ask(Method::POST, "/api/v1/stores", Some(body)).await?;
    if status.is_success() || status == StatusCode::CONFLICT {
        return Ok(());
    }
    Err(CliError::new(Exit::Error, format!("{status}: {}", output::cell(&answer, "detail"))))
}

fn steps(pace: Duration) -> Interval {
    let mut steps = tokio::time::interval(pace);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    steps
}

async fn play_pine(cart: &Arc<Cart>, pace: Duration) {
    let mut steps = steps(pace);
    for step in 0.. {
        steps.tick().await;
        happen(cart, step).await;
    }
}

async fn play_oak(store: &Arc<Store>, pace: Duration) {
    let mut steps = steps(pace);
    for step in 0_u64.. {
        steps.tick().await;
        let status_id = (step % 6 == 5).then_some(0);
        let newest = store.place(&Wanted { status_id, ..Wanted::default() });
        // What is impossible for an order, or for one that people changed, does not happen.
        let _order = match step % ROUND {
            3 => store.act(newest.saturating_sub(2), &Act::Quantity(7)),
            6 => store.act(newest.saturating_sub(1), &Act::Status(11)),
            7 => store.act(newest.saturating_sub(3), &Act::Status(5)),
            9 => store.act(newest.saturating_sub(1), &Act::Message("Please hurry".to_owned())),
            12 => store.act(newest.saturating_sub(4), &Act::Status(2)),
            _ => None,
        };
    }
}

/// One step: always an order; now and then what carts do to orders that are there already.
async fn happen(cart: &Arc<Cart>, step: u64) {
    if step % ROUND == 11 {
        // Each delivery of one action: create, updated, paid.
        cart.set_fault(Setting::times(Fault::Duplicate, 3));
    }
    let placed = cart.place(&Wish::default(), 1);
    let newest = placed.first().and_then(|order| order["number"].as_u64()).unwrap_or_default();
    match step % ROUND {
        4 => act(cart, newest.saturating_sub(2), &Action::Edit { note: None }),
        8 => act(cart, newest.saturating_sub(3), &Action::Cancel { reason: "customer".to_owned() }),
        13 => {
            let forged = RawDelivery {
                topic: "orders/updated".to_owned(),
                bad_signature: true,
                ..RawDelivery::default()
            };
            cart.send(&forged).await;
        }
        _ => {}
    }
}

/// Does it if the order lets it; people may have changed it meanwhile.
fn act(cart: &Arc<Cart>, number: u64, action: &Action) {
    let outcome: Result<Value, _> = cart.act(&number.to_string(), action);
    if let Err(refusal) = outcome {
        tracing::debug!(%refusal, "the simulated shop refused a step of the demo");
    }
}
