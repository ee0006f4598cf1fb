//! The control routes: what people, tests and load do to the cart, and the truth to judge by.
//!
//! | route | what |
//! |---|---|
//! | `GET /_sim/state` | a summary |
//! | `GET`, `POST /_sim/orders` | the truth; place orders (`count`, and what they must be like) |
//! | `GET /_sim/orders/{order}` | one, by id, name or number |
//! | `POST /_sim/orders/{order}/{action}` | `edit cancel archive unarchive refund fulfil pay delete revive` |
//! | `POST /_sim/send` | one delivery exactly as asked |
//! | `GET /_sim/deliveries` | what became of each delivery |
//! | `GET`, `POST`, `DELETE /_sim/faults` | faults that are on; switch one; all off |
//! | `POST /_sim/secret` | rotate the client secret |
//! | `POST /_sim/tokens/revoke` | forget all tokens |

use std::sync::Arc;
use std::time::Duration;

use actix_web::error::InternalError;
use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cart::Cart;
use super::catalogue::Wish;
use super::delivery::RawDelivery;
use super::faults::Setting;
use super::order::Action;
use super::shop::Refusal;

/// Orders that one request may place.
const MOST: u32 = 100_000;

/// Everything below `/_sim`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(8 << 20).error_handler(|error, _| {
            let answer = HttpResponse::BadRequest().json(json!({"error": error.to_string()}));
            InternalError::from_response(error, answer).into()
        }))
        .route("/state", web::get().to(state))
        .route("/orders", web::get().to(orders))
        .route("/orders", web::post().to(place))
        .route("/orders/{order}", web::get().to(order))
        .route("/orders/{order}/{action}", web::post().to(act))
        .route("/send", web::post().to(send))
        .route("/deliveries", web::get().to(deliveries))
        .route("/faults", web::get().to(faults))
        .route("/faults", web::post().to(set_fault))
        .route("/faults", web::delete().to(clear_faults))
        .route("/secret", web::post().to(rotate))
        .route("/tokens/revoke", web::post().to(revoke));
}

async fn state(cart: Data<Cart>) -> HttpResponse {
    HttpResponse::Ok().json(cart.state())
}

async fn orders(cart: Data<Cart>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": cart.orders()}))
}

async fn order(cart: Data<Cart>, which: Path<String>) -> HttpResponse {
    told(cart.order(&which))
}

#[derive(Deserialize)]
struct Placing {
    #[serde(default = "one")]
    count: u32,
    #[serde(flatten)]
    wish: Value,
}

fn one() -> u32 {
    1
}

async fn place(cart: Data<Cart>, placing: Json<Placing>) -> HttpResponse {
    let Placing { count, wish } = placing.into_inner();
    let wish: Wish = match serde_json::from_value(wish) {
        Ok(wish) => wish,
        Err(error) => return bad(&format!("this is no order to place: {error}")),
    };
    if count > MOST {
        return bad(&format!("at most {MOST} orders at once"));
    }
    HttpResponse::Created().json(json!({"data": cart.into_inner().place(&wish, count)}))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Details {
    note: Option<String>,
    reason: Option<String>,
    all: bool,
    partly: bool,
}

async fn act(
    cart: Data<Cart>,
    path: Path<(String, String)>,
    _request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let details: Result<Details, _> =
        if body.is_empty() { Ok(Details::default()) } else { serde_json::from_slice(&body) };
    let details = match details {
        Ok(details) => details,
        Err(error) => return bad(&format!("these are no details of an action: {error}")),
    };
    let (which, action) = path.into_inner();
    let action = match action.as_str() {
        "edit" => Action::Edit { note: details.note },
        "cancel" => {
            Action::Cancel { reason: details.reason.unwrap_or_else(|| "customer".to_owned()) }
        }
        "archive" => Action::Archive,
        "unarchive" => Action::Unarchive,
        "refund" => Action::Refund { all: details.all },
        "fulfil" => Action::Fulfil { partly: details.partly },
        "pay" => Action::Pay,
        "delete" => Action::Delete,
        "revive" => Action::Revive,
        other => {
            let sentence = format!("the simulated shop has no action {other}");
            return HttpResponse::NotFound().json(json!({"error": sentence}));
        }
    };
    told(cart.into_inner().act(&which, &action))
}

async fn send(cart: Data<Cart>, raw: Json<RawDelivery>) -> HttpResponse {
    let cart: Arc<Cart> = cart.into_inner();
    let records = cart.send(&raw).await;
    if records.is_empty() {
        let sentence = "nobody is subscribed to the simulated shop; connect it or name a uri";
        return HttpResponse::Conflict().json(json!({"error": sentence}));
    }
    HttpResponse::Ok().json(json!({"data": records}))
}

async fn deliveries(cart: Data<Cart>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": cart.deliveries()}))
}

async fn faults(cart: Data<Cart>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": cart.faults()}))
}

async fn set_fault(cart: Data<Cart>, setting: Json<Setting>) -> HttpResponse {
    if !(0.0..=1.0).contains(&setting.rate) {
        return bad("the rate of a fault is from 0 to 1");
    }
    cart.set_fault(setting.into_inner());
    faults(cart).await
}

async fn clear_faults(cart: Data<Cart>) -> HttpResponse {
    cart.clear_faults();
    faults(cart).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotation {
    secret: Option<String>,
    old_for_millis: u64,
}

async fn rotate(cart: Data<Cart>, rotation: Json<Rotation>) -> HttpResponse {
    let Rotation { secret, old_for_millis } = rotation.into_inner();
    let secret = cart.rotate_secret(secret, Duration::from_millis(old_for_millis));
    HttpResponse::Ok().json(json!({"client_secret": secret}))
}

async fn revoke(cart: Data<Cart>) -> HttpResponse {
    cart.revoke_tokens();
    HttpResponse::NoContent().finish()
}

fn told(outcome: Result<Value, Refusal>) -> HttpResponse {
    match outcome {
        Ok(order) => HttpResponse::Ok().json(order),
        Err(refusal) => {
            let body = json!({"error": refusal.to_string()});
            match refusal {
                Refusal::NoSuchOrder(_) => HttpResponse::NotFound().json(body),
                Refusal::Impossible(_) => HttpResponse::Conflict().json(body),
            }
        }
    }
}

fn bad(sentence: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": sentence}))
}
