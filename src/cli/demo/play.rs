//! What happens in a demo: the shop is connected, then people buy.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::cli::client::Client;
use crate::cli::{CliError, Exit, output};
use crate::simulator::bigcommerce::{Act, Store, Wanted};
use crate::simulator::{Action, Cart, Fault, RawDelivery, Setting, Wish};

/// Orders until everything has happened once.
pub(super) const ROUND: u64 = 15;

/// Connects the shop, then lets something happen at every step of the pace, for ever.
pub(super) async fn play(client: Client, cart: Arc<Cart>, api_url: String, pace: Duration) {
    let mut steps = tokio::time::interval(pace);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    steps.tick().await;
    let mut said = None;
    while let Err(error) = connect(&client, &cart, &api_url).await {
        if said.as_ref() != Some(&error) {
            output::talk(&format!(
                "The simulated shop could not be connected: {error} Trying again."
            ));
        }
        said = Some(error);
        steps.tick().await;
    }
    steps.reset_immediately();
    for step in 0.. {
        steps.tick().await;
        happen(&cart, step).await;
    }
}

/// Enters the shop as a store, as `store add` does. One that is there already from a kept start
/// goes on.
async fn connect(client: &Client, cart: &Cart, api_url: &str) -> Result<(), CliError> {
    let profile = cart.profile();
    let body = json!({
        "channel": "shopify",
        "domain": profile.domain,
        "name": profile.name,
        "api_url": api_url,
        "credentials": {
            "client_id": profile.client_id,
            "client_secret": cart.client_secret(),
        },
    });
    enter(client, &body).await
}

/// Enters a store; one that is there already goes on.
async fn enter(client: &Client, body: &Value) -> Result<(), CliError> {
    let (status, answer) = client.ask(Method::POST, "/api/v1/stores", Some(body)).await?;
    if status.is_success() || status == StatusCode::CONFLICT {
        return Ok(());
    }
    Err(CliError::new(Exit::Error, format!("{status}: {}", output::cell(&answer, "detail"))))
}

/// The same for the simulated BigCommerce, a little slower.
pub(super) async fn play_bigcommerce(
    client: Client,
    store: Arc<Store>,
    api_url: String,
    pace: Duration,
) {
    let mut steps = tokio::time::interval(pace.mul_f64(1.5));
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    steps.tick().await;
    let body = json!({
        "channel": "bigcommerce",
        "domain": store.hash(),
        "name": store.name(),
        "api_url": api_url,
        "credentials": {
            "client_id": store.client_id(),
            "client_secret": store.client_secret(),
            "access_token": store.token(),
        },
    });
    let mut said = None;
    while let Err(error) = enter(&client, &body).await {
        if said.as_ref() != Some(&error) {
            output::talk(&format!(
                "The simulated BigCommerce could not be connected: {error} Trying again."
            ));
        }
        said = Some(error);
        steps.tick().await;
    }
    steps.reset_immediately();
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
