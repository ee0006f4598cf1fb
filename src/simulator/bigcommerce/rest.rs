//! The API: which route is where, what it needs, its refusals and its quota.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::time::At;
use super::store::{Store, World};
use super::{catalogue, control, hooks, inventory, orders, refunds};

/// Everything the server answers.
pub(super) fn routes(config: &mut ServiceConfig, store: &Data<Store>) {
    config
        .app_data(store.clone())
        .app_data(web::PayloadConfig::new(16 << 20))
        .service(web::scope("/_sim").configure(control::routes))
        .default_service(web::to(api));
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Option<Value>,
}

impl Answer {
    pub(super) fn json(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    /// 201, as for what was made.
    pub(super) fn made(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body) }
    }

    /// 204, as for every list of V2 that is empty.
    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }

    /// A page of a list of V2.
    pub(super) fn page(rows: impl Iterator<Item = Value>, query: &Query) -> Self {
        let (page, limit) = query.page(50);
        let rows: Vec<Value> = rows.skip((page - 1) * limit).take(limit).collect();
        if rows.is_empty() { Self::empty() } else { Self::json(Value::Array(rows)) }
    }

    /// A page of a list of V3.
    pub(super) fn listed(rows: Vec<Value>, query: &Query, usual: usize) -> Self {
        let (page, limit) = query.page(usual);
        let total = rows.len();
        let data: Vec<Value> = rows.into_iter().skip((page - 1) * limit).take(limit).collect();
        Self::json(json!({
            "meta": {"pagination": {
                "total": total, "count": data.len(), "per_page": limit, "current_page": page,
                "total_pages": total.div_ceil(limit),
                "links": {"current": format!("?page={page}&limit={limit}")},
            }},
            "data": data,
        }))
    }
}

/// A refusal in the shape of V3.
pub(super) fn problem(status: StatusCode, title: &str, errors: &Value) -> Answer {
    let body = json!({
        "status": status.as_u16(), "title": title,
        "type": "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes",
        "errors": errors,
    });
    Answer { status, body: Some(body) }
}

/// There is no such thing in V3.
pub(super) fn not_found() -> Answer {
    problem(StatusCode::NOT_FOUND, "Not Found", &json!({}))
}

/// There is no such thing in V2.
pub(super) fn missing() -> Answer {
    message(StatusCode::NOT_FOUND, "The requested resource was not found.")
}

/// A refusal in the shape of V2.
pub(super) fn message(status: StatusCode, text: &str) -> Answer {
    Answer { status, body: Some(json!([{"status": status.as_u16(), "message": text}])) }
}

/// The query of a request.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Values with commas between them.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(self.text(name)?.split(',').map(str::to_owned).collect())
    }

    /// Page, from 1, and rows on it.
    pub(super) fn page(&self, usual: usize) -> (usize, usize) {
        let number = |name| self.number(name).and_then(|n| usize::try_from(n).ok());
        (number("page").unwrap_or(1).max(1), number("limit").unwrap_or(usual).clamp(1, 1_000))
    }
}

async fn api(store: Data<Store>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let store = store.into_inner();
    let path = request.path().to_owned();
    store.world().asked.push(format!("{} {}", request.method(), request.uri()));
    if let Some(trouble) = trouble(&store).await {
        return trouble;
    }
    let token = request.headers().get("X-Auth-Token").and_then(|token| token.to_str().ok());
    let strikes = |fault| {
        let mut world = store.world();
        let World { faults, dice, .. } = &mut *world;
        faults.strikes(fault, dice).is_some()
    };
    if token != Some(&store.token) || strikes(Fault::AccessRefused) {
        return told(&store, problem(StatusCode::UNAUTHORIZED, "Unauthorized", &json!({})));
    }
    if let Err(wait) = spend(&store) {
        let mut answer = HttpResponse::TooManyRequests();
        answer.insert_header(("X-Retry-After", wait.as_secs().max(1).to_string()));
        return limits(&store, &mut answer).finish();
    }
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = Query(query.map(web::Query::into_inner).unwrap_or_default());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = request.method().as_str();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let answer = match parts.as_slice() {
        ["stores", hash, rest @ ..] if *hash == store.hash() => {
            answer(&store, method, rest, &query, &body)
        }
        _ => problem(StatusCode::NOT_FOUND, "Not Found", &json!({})),
    };
    if strikes(Fault::GarbageAnswer) {
        return HttpResponse::Ok().content_type("text/html").body("<html>502");
    }
    told(&store, answer)
}

fn told(store: &Store, answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(answer.status);
    limits(store, &mut response);
    match answer.body {
        Some(body) => response.json(body),
        None => response.finish(),
    }
}

/// Tells what is left of the quota.
fn limits<'r>(
    store: &Store,
    response: &'r mut actix_web::HttpResponseBuilder,
) -> &'r mut actix_web::HttpResponseBuilder {
    let world = store.world();
    let window = store.options.window;
    let passed = At::now().0.saturating_sub(world.quota.began.0).max(0) as u64;
    let reset = window.saturating_sub(Duration::from_micros(passed));
    let left = store.options.quota.saturating_sub(world.quota.spent);
    response
        .insert_header(("x-rate-limit-time-window-ms", window.as_millis().to_string()))
        .insert_header(("x-rate-limit-time-reset-ms", reset.as_millis().to_string()))
        .insert_header(("x-rate-limit-requests-quota", store.options.quota.to_string()))
        .insert_header(("x-rate-limit-requests-left", left.to_string()))
}

/// Takes one call off the quota.
fn spend(store: &Store) -> Result<(), Duration> {
    let mut world = store.world();
    let now = At::now();
    let window = store.options.window;
    let passed = Duration::from_micros(now.0.saturating_sub(world.quota.began.0).max(0) as u64);
    if passed >= window {
        let spent = std::mem::take(&mut world.quota.spent);
        world.quota.windows.push(spent);
        world.quota.began = now;
    }
    if world.quota.spent >= store.options.quota {
        world.quota.refused += 1;
        return Err(window.saturating_sub(passed));
    }
    world.quota.spent += 1;
    Ok(())
}

/// Faults that strike before anything is looked at.
async fn trouble(store: &Store) -> Option<HttpResponse> {
    let (slow, hang, down, storm, bare) = {
        let mut world = store.world();
        let World { faults, dice, .. } = &mut *world;
        let mut strikes = |fault| faults.strikes(fault, dice);
        (
            strikes(Fault::SlowAnswers),
            strikes(Fault::Hang),
            strikes(Fault::ApiDown),
            strikes(Fault::TooManyRequests),
            strikes(Fault::Throttled),
        )
    };
    if let Some(span) = slow.or(hang) {
        let mut stop = store.stop.subscribe();
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
    }
    if hang.is_some() {
        return Some(HttpResponse::GatewayTimeout().finish());
    }
    if down.is_some() {
        return Some(HttpResponse::ServiceUnavailable().body("<html>503</html>"));
    }
    if bare.is_some() {
        // The platform itself is loaded: nothing says how long.
        return Some(HttpResponse::TooManyRequests().finish());
    }
    storm.map(|_| {
        let mut answer = HttpResponse::TooManyRequests();
        answer.insert_header(("x-rate-limit-time-reset-ms", "1000"));
        answer.finish()
    })
}

fn answer(store: &Arc<Store>, method: &str, path: &[&str], query: &Query, body: &Value) -> Answer {
    let scope = match path {
        ["v2" | "v3", "orders", ..] => "store_v2_orders",
        ["v3", "catalog", ..] => "store_v2_products",
        ["v3", "inventory", "locations", ..] => "store_locations_read_only",
        ["v3", "inventory", ..] => "store_inventory",
        ["v2", "store" | "time"] => "store_v2_information_read_only",
        _ => "",
    };
    if store.options.missing_scopes.contains(&scope) {
        let title = "You don't have a required scope to access the endpoint";
        return problem(StatusCode::FORBIDDEN, title, &json!({}));
    }
    match (method, path) {
        ("GET", ["v2", "store"]) => {
            Answer::json(json!({"id": store.hash(), "name": store.name(), "currency": "USD"}))
        }
        ("GET", ["v2", "time"]) => Answer::json(json!({"time": At::now().0 / 1_000_000})),
        ("GET", ["v2", "order_statuses"]) => Answer::json(orders::statuses()),
        (_, ["v2", "orders", rest @ ..]) => orders::answer(store, method, rest, query, body),
        (_, ["v3", "hooks", rest @ ..]) => hooks::answer(store, method, rest, query, body),
        (_, ["v3", "catalog", rest @ ..]) => {
            catalogue::answer(&store.world().stock, method, rest, query)
        }
        (_, ["v3", "inventory", rest @ ..]) => {
            let mut world = store.world();
            let (answer, changes) = inventory::answer(&mut world.stock, method, rest, query, body);
            store.announce_stock(&mut world, &changes, false);
            store.save(&world);
            answer
        }
        (_, ["v3", "orders", rest @ ..]) => {
            let mut world = store.world();
            let (answer, told) = refunds::answer(&mut world, method, rest, query, body);
            if let Some((order, told)) = told {
                store.announce(&mut world, order, &told);
                store.save(&world);
            }
            answer
        }
        _ => not_found(),
    }
}
