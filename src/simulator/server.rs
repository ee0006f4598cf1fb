//! The cart's own HTTP server: the token endpoint, GraphQL, and the control routes.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cart::Cart;
use super::control;
use super::faults::Fault;
use super::random::uuid;
use super::shop::{STABLE, SUPPORTED};
use super::time::At;
use super::wire::graphql::{self, Engine, Request};

/// Everything the server answers.
pub(super) fn routes(config: &mut ServiceConfig, cart: &Data<Cart>) {
    config
        .app_data(cart.clone())
        .app_data(web::PayloadConfig::new(16 << 20))
        .route("/admin/oauth/access_token", web::post().to(access_token))
        .route("/admin/api/{version}/graphql.json", web::post().to(admin_api))
        .service(web::scope("/_sim").configure(control::routes))
        .default_service(web::to(async || not_found()));
}

fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(json!({"errors": "Not Found"}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Grant {
    #[serde(rename = "grant_type")]
    kind: String,
    client_id: String,
    client_secret: String,
}

/// `POST /admin/oauth/access_token`: the client-credentials grant, as a form or as JSON.
async fn access_token(cart: Data<Cart>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if let Some(trouble) = trouble(&cart).await {
        return trouble;
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let grant: Option<Grant> = if kind.is_some_and(|kind| kind.contains("json")) {
        serde_json::from_slice(&body).ok()
    } else {
        web::Query::from_query(&String::from_utf8_lossy(&body)).ok().map(web::Query::into_inner)
    };
    let grant = grant.unwrap_or_default();
    let refuse = |status: StatusCode, error: &str, sentence: &str| {
        HttpResponse::build(status).json(json!({"error": error, "error_description": sentence}))
    };
    if grant.kind != "client_credentials" {
        let sentence = "This shop gives tokens for client_credentials only.";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", sentence);
    }
    let mut world = cart.world();
    let world = &mut *world;
    if world.faults.strikes(Fault::AccessRefused, &mut world.dice).is_some() {
        let sentence = "The app is not installed on this shop.";
        return refuse(StatusCode::BAD_REQUEST, "shop_not_permitted", sentence);
    }
    let now = At::now();
    match world.shop.token(&grant.client_id, &grant.client_secret, &cart.profile, now) {
        Ok((token, seconds)) => {
            cart.save(world);
            HttpResponse::Ok().json(json!({
                "access_token": token,
                "scope": cart.profile.scopes.join(","),
                "expires_in": seconds,
            }))
        }
        Err((error, sentence)) => {
            let status = if error == "invalid_client" {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            refuse(status, error, sentence)
        }
    }
}

/// `POST /admin/api/{version}/graphql.json`
async fn admin_api(
    cart: Data<Cart>,
    version: Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    if let Some(trouble) = trouble(&cart).await {
        return trouble;
    }
    let Some(version) = answered_version(&version) else { return not_found() };
    let token = request.headers().get("X-Shopify-Access-Token");
    let token = token.and_then(|token| token.to_str().ok()).unwrap_or_default();
    let (status, answer) = answer(&cart, token, &body);
    let mut response = HttpResponse::build(status);
    response
        .insert_header(("X-Shopify-API-Version", version))
        .insert_header(("X-Request-Id", uuid()));
    let mut world = cart.world();
    let world = &mut *world;
    if world.faults.strikes(Fault::GarbageAnswer, &mut world.dice).is_some() {
        let text = answer.to_string();
        let half = text.chars().take(text.len() / 2).collect::<String>();
        return response.content_type("text/html").body(format!("<!DOCTYPE html>{half}"));
    }
    response.json(answer)
}

fn answer(cart: &Cart, token: &str, body: &[u8]) -> (StatusCode, Value) {
    let mut world = cart.world();
    let world = &mut *world;
    let now = At::now();
    if world.faults.strikes(Fault::TokenRevoked, &mut world.dice).is_some() {
        world.shop.revoke(token);
    }
    let refused = world.faults.strikes(Fault::AccessRefused, &mut world.dice).is_some();
    if refused || !world.shop.accepts(token, now) {
        let sentence =
            "[API] Invalid API key or access token (unrecognized login or wrong password)";
        return (StatusCode::UNAUTHORIZED, json!({"errors": sentence}));
    }
    let Ok(request) = serde_json::from_slice::<Request>(body) else {
        let sentence = json!({"errors": {"query": "Required parameter missing or invalid"}});
        return (StatusCode::BAD_REQUEST, sentence);
    };
    if world.faults.strikes(Fault::Throttled, &mut world.dice).is_some() {
        world.bucket.drain(now);
        return (StatusCode::OK, graphql::throttled(&world.bucket, 100));
    }
    let lag = world.faults.strikes(Fault::LaggingReads, &mut world.dice).unwrap_or_default();
    let mut engine = Engine {
        shop: &mut world.shop,
        profile: &cart.profile,
        bucket: &mut world.bucket,
        lag,
        now,
    };
    let answer = engine.run(&request);
    cart.save(world);
    (StatusCode::OK, answer)
}

/// Faults that strike before anything is looked at.
async fn trouble(cart: &Cart) -> Option<HttpResponse> {
    let (slow, hang, down, storm) = {
        let mut world = cart.world();
        let world = &mut *world;
        let mut strikes = |fault| world.faults.strikes(fault, &mut world.dice);
        let slow = strikes(Fault::SlowAnswers);
        let hit = (strikes(Fault::Hang), strikes(Fault::ApiDown), strikes(Fault::TooManyRequests));
        let down = hit.1.map(|_| world.dice.pick(503, &[500, 502, 503]));
        (slow, hit.0, down, hit.2)
    };
    if let Some(span) = slow {
        hang_for(cart, span).await;
    }
    if let Some(span) = hang {
        hang_for(cart, span).await;
        return Some(HttpResponse::GatewayTimeout().finish());
    }
    if let Some(status) = down {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = "<html><body><h1>Something went wrong</h1></body></html>";
        return Some(HttpResponse::build(status).content_type("text/html").body(body));
    }
    storm.map(|_| {
        HttpResponse::TooManyRequests()
            .insert_header(("Retry-After", "1.0"))
            .json(json!({"errors": "Exceeded 2 calls per second for api client."}))
    })
}

/// Keeps a caller waiting, but not the end of the server.
async fn hang_for(cart: &Cart, span: Duration) {
    let mut stop = cart.stop.subscribe();
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
}

/// The version that answers: the one asked for, or for retired ones the oldest still supported.
fn answered_version(asked: &str) -> Option<&str> {
    let oldest = *SUPPORTED.first().unwrap_or(&STABLE);
    let (year, month) = asked.split_once('-').unwrap_or((asked, ""));
    let is_date = year.len() == 4 && month.len() == 2;
    let digits = year.bytes().chain(month.bytes()).all(|byte| byte.is_ascii_digit());
    match asked {
        "unstable" | "2027-01" => Some(asked),
        _ if SUPPORTED.contains(&asked) => Some(asked),
        _ if is_date && digits && asked < oldest => Some(oldest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_versions_fall_forward() {
        for (asked, answered) in [
            ("2026-10", Some("2026-10")),
            ("2026-04", Some("2026-04")),
            ("2024-10", Some("2026-01")),
            ("2027-01", Some("2027-01")),
            ("2099-01", None),
            ("latest", None),
        ] {
            assert_eq!(answered_version(asked), answered, "{asked}");
        }
    }
}
