//! The control routes, in the same words as those of the simulated Shopify.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, Json, Path, ServiceConfig};
use serde::Deserialize;
use serde_json::json;

use super::super::delivery::RawDelivery;
use super::super::faults::Setting;
use super::order::{Act, CANCELLED, Wanted};
use super::store::Store;

/// Orders that one request may place.
const MOST: u32 = 100_000;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/orders", web::get().to(orders))
        .route("/orders", web::post().to(place))
        .route("/orders/{order}", web::get().to(order))
        .route("/orders/{order}/{action}", web::post().to(act))
        .route("/send", web::post().to(send))
        .route("/deliveries", web::get().to(deliveries))
        .route("/faults", web::get().to(faults))
        .route("/faults", web::post().to(set_fault))
        .route("/faults", web::delete().to(clear_faults));
}

async fn orders(store: Data<Store>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": store.orders()}))
}

async fn order(store: Data<Store>, id: Path<u64>) -> HttpResponse {
    match store.order(*id) {
        Some(order) => HttpResponse::Ok().json(order),
        None => no_such_order(*id),
    }
}

fn no_such_order(id: u64) -> HttpResponse {
    HttpResponse::NotFound().json(json!({"error": format!("the store has no order {id}")}))
}

#[derive(Deserialize)]
struct Placing {
    #[serde(default = "one")]
    count: u32,
    #[serde(flatten)]
    wanted: Wanted,
}

fn one() -> u32 {
    1
}

async fn place(store: Data<Store>, placing: Json<Placing>) -> HttpResponse {
    let Placing { count, wanted } = placing.into_inner();
    if count > MOST {
        let sentence = format!("at most {MOST} orders at once");
        return HttpResponse::BadRequest().json(json!({"error": sentence}));
    }
    let store: Arc<Store> = store.into_inner();
    let placed: Vec<_> = (0..count).filter_map(|_| store.order(store.place(&wanted))).collect();
    HttpResponse::Created().json(json!({"data": placed}))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    note: Option<String>,
    all: bool,
    partly: bool,
    status_id: Option<i64>,
}

async fn act(store: Data<Store>, path: Path<(u64, String)>, body: Bytes) -> HttpResponse {
    let (id, action) = path.into_inner();
    let details: Details = serde_json::from_slice(&body).unwrap_or_default();
    let act = match (action.as_str(), details.note) {
        ("edit", Some(note)) => Act::Message(note),
        ("edit", None) => Act::Add,
        ("cancel", _) => Act::Status(CANCELLED),
        ("revive", _) => Act::Status(11),
        ("fulfil", _) => Act::Status(if details.partly { 3 } else { 2 }),
        ("pay" | "status", _) => Act::Status(details.status_id.unwrap_or(11)),
        ("archive", _) => Act::Archive,
        ("unarchive", _) => Act::Unarchive,
        ("refund", _) => Act::Refund { all: details.all },
        (other, _) => {
            let sentence = format!("a simulated BigCommerce store has no action {other}");
            return HttpResponse::NotFound().json(json!({"error": sentence}));
        }
    };
    match store.into_inner().act(id, &act) {
        Some(order) => HttpResponse::Ok().json(order),
        None => no_such_order(id),
    }
}

async fn send(store: Data<Store>, raw: Json<RawDelivery>) -> HttpResponse {
    let answers = store.send(&raw).await;
    if answers.is_empty() {
        let sentence = "the simulated BigCommerce has no webhook; connect it first";
        return HttpResponse::Conflict().json(json!({"error": sentence}));
    }
    HttpResponse::Ok().json(json!({"data": answers}))
}

async fn deliveries(store: Data<Store>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": store.sent()}))
}

async fn faults(store: Data<Store>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"data": store.faults()}))
}

async fn set_fault(store: Data<Store>, setting: Json<Setting>) -> HttpResponse {
    if !(0.0..=1.0).contains(&setting.rate) {
        let sentence = "the rate of a fault is from 0 to 1";
        return HttpResponse::BadRequest().json(json!({"error": sentence}));
    }
    store.set_fault(setting.into_inner());
    faults(store).await
}

async fn clear_faults(store: Data<Store>) -> HttpResponse {
    store.clear_faults();
    faults(store).await
}
