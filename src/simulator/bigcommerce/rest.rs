//! The API: V2 orders and the V3 routes that a daemon touches, with their refusals and their quota.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::time::At;
use super::order::{Act, Order, State};
use super::render::{self, Include};
use super::store::{Store, World};
use super::{control, hooks};

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

    /// 204, as for every list that is empty.
    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
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

/// A refusal in the shape of V2.
fn message(status: StatusCode, text: &str) -> Answer {
    Answer { status, body: Some(json!([{"status": status.as_u16(), "message": text}])) }
}

/// The query of a request.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Page, from 1, and rows on it.
    pub(super) fn page(&self, usual: usize) -> (usize, usize) {
        let number = |name| self.number(name).and_then(|n| usize::try_from(n).ok());
        (number("page").unwrap_or(1).max(1), number("limit").unwrap_or(usual).clamp(1, 250))
    }
}

async fn api(store: Data<Store>, request: HttpRequest, body: Bytes) -> HttpResponse {
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

fn answer(store: &Store, method: &str, path: &[&str], query: &Query, body: &Value) -> Answer {
    let lacks = |scope| store.options.missing_scopes.contains(&scope);
    let scope = match path {
        ["v2" | "v3", "orders", ..] => "store_v2_orders",
        ["v3", "catalog", ..] => "store_v2_products",
        ["v3", "inventory", "locations", ..] => "store_locations_read_only",
        ["v3", "inventory", ..] => "store_inventory",
        ["v2", "store" | "time"] => "store_v2_information_read_only",
        _ => "",
    };
    if lacks(scope) {
        let title = "You don't have a required scope to access the endpoint";
        return problem(StatusCode::FORBIDDEN, title, &json!({}));
    }
    match (method, path) {
        (_, ["v3", "hooks", rest @ ..]) => hooks::answer(store, method, rest, query, body),
        ("GET", ["v2", "store"]) => {
            Answer::json(json!({"id": store.hash(), "name": store.name(), "currency": "USD"}))
        }
        ("GET", ["v2", "time"]) => Answer::json(json!({"time": At::now().0 / 1_000_000})),
        ("GET", ["v2", "order_statuses"]) => Answer::json((0..15).map(status).collect()),
        ("GET", ["v2", "orders"]) => list(store, query),
        ("DELETE", ["v2", "orders"]) => {
            store.world().forbidden.push("DELETE /v2/orders".to_owned());
            Answer::empty()
        }
        (_, ["v2", "orders", id, rest @ ..]) => match id.parse() {
            Ok(id) => of_order(store, method, id, rest, query, body),
            Err(_) => missing(),
        },
        ("GET", ["v3", "catalog", "products"] | ["v3", "inventory", "items" | "locations"]) => {
            Answer::json(json!({"data": [], "meta": {"pagination": {"total": 0, "count": 0}}}))
        }
        _ => problem(StatusCode::NOT_FOUND, "Not Found", &json!({})),
    }
}

fn missing() -> Answer {
    message(StatusCode::NOT_FOUND, "The requested resource was not found.")
}

fn status(id: i64) -> Value {
    let name = render::status(id);
    json!({"id": id, "name": name, "system_label": name, "custom_label": name, "order": id})
}

fn include(query: &Query) -> Include {
    if query.text("consignment_structure") != Some("object") {
        return Include::Nothing;
    }
    match query.text("include") {
        Some(asked) if asked.contains("consignments.line_items") => Include::Lines,
        Some(asked) if asked.contains("consignments") => Include::Consignments,
        _ => Include::Nothing,
    }
}

fn list(store: &Store, query: &Query) -> Answer {
    let seen = At(At::now().0 - store.lag().as_micros() as i64);
    let world = store.world();
    let after = query.text("min_date_modified").and_then(At::parse);
    let mut found: Vec<(&Order, &State)> = world
        .orders
        .values()
        .filter_map(|order| Some((order, order.at(seen)?)))
        .filter(|(order, state)| {
            let id = i64::try_from(order.id).unwrap_or(i64::MAX);
            query.number("min_id").is_none_or(|min| id >= min)
                && query.number("max_id").is_none_or(|max| id <= max)
                && query.number("status_id").is_none_or(|status| state.status_id == status)
                && after.is_none_or(|after| state.since.seconds() >= after)
                // Archived ones are left out of lists here: nobody says whether they are in.
                && !state.archived
        })
        .collect();
    if query.text("sort").is_some_and(|sort| sort.starts_with("date_modified")) {
        found.sort_by_key(|(order, state)| (state.since.seconds(), order.id));
    }
    let (page, limit) = query.page(50);
    let (hash, include) = (store.hash(), include(query));
    let rows = found.into_iter().skip((page - 1) * limit).take(limit);
    let rows: Vec<Value> = rows.map(|(o, s)| render::order(o, s, hash, include)).collect();
    if rows.is_empty() { Answer::empty() } else { Answer::json(Value::Array(rows)) }
}

fn of_order(
    store: &Store,
    method: &str,
    id: u64,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> Answer {
    let seen = At(At::now().0 - store.lag().as_micros() as i64);
    let mut world = store.world();
    let World { orders, dice, .. } = &mut *world;
    let Some(order) = orders.get_mut(&id) else { return missing() };
    let Some(state) = order.at(seen) else { return missing() };
    match (method, rest) {
        ("GET", []) => Answer::json(render::order(order, state, store.hash(), include(query))),
        ("GET", ["products"]) => {
            let (page, limit) = query.page(render::PAGE);
            let lines = state.lines.iter().skip((page - 1) * limit).take(limit);
            let lines: Vec<Value> = lines.map(|line| render::line(order, line)).collect();
            if lines.is_empty() { Answer::empty() } else { Answer::json(Value::Array(lines)) }
        }
        ("PUT", []) => {
            if let Some(status) = body["status_id"].as_i64() {
                order.act(&Act::Status(status), At::now(), dice);
            }
            if let Some(text) = body["customer_message"].as_str() {
                order.act(&Act::Message(text.to_owned()), At::now(), dice);
            }
            Answer::json(render::order(order, order.now(), store.hash(), Include::Nothing))
        }
        ("DELETE", []) => {
            order.act(&Act::Archive, At::now(), dice);
            Answer::empty()
        }
        _ => missing(),
    }
}
