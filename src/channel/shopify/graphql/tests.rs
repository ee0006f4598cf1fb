use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::channel::Meter;
use crate::channel::shopify::operations::APP_SCOPES;
use crate::channel::testing::{Cart, Reply, client};

const TOKEN: &str = "shpat_hush";

/// A shop to call.
pub(in crate::channel::shopify) struct Shop {
    http: CartHttp,
    access: Access,
    alarmed: AtomicBool,
}

impl Shop {
    /// Calls to it.
    pub(in crate::channel::shopify) fn graph(&self) -> Graph<'_> {
        Graph { http: &self.http, access: &self.access, alarmed: &self.alarmed }
    }
}

/// A shop that gives these answers in turn.
pub(in crate::channel::shopify) async fn shop(replies: Vec<Reply>) -> (Cart, Shop) {
    let cart = Cart::answering(replies).await;
    let access = Access {
        domain: "pine.myshopify.com".to_owned(),
        base: format!("{}/", cart.base),
        token: TOKEN.into(),
        hook_secret: None,
        meter: Meter::default(),
    };
    let shop = Shop { http: client(), access, alarmed: AtomicBool::new(false) };
    (cart, shop)
}

/// A shop that always gives this answer.
pub(in crate::channel::shopify) async fn answering(reply: Reply) -> Shop {
    shop(vec![reply]).await.1
}

async fn ask(reply: Reply) -> Result<Value, ChannelError> {
    let shop = answering(reply).await;
    Ok(shop.graph().ask(&APP_SCOPES, json!({})).await?)
}

fn error(code: &str, message: &str, path: &Value) -> Value {
    json!({ "message": message, "path": path, "extensions": { "code": code } })
}

#[tokio::test]
async fn a_call_names_version_token_and_operation() {
    let (cart, shop) = shop(vec![Reply::json(&json!({ "data": { "x": 1 } }))]).await;
    let data: Value = shop.graph().ask(&APP_SCOPES, json!({ "v": 2 })).await.unwrap();
    assert_eq!(data, json!({ "x": 1 }));
    let asked = cart.asked().remove(0);
    assert!(asked.head.starts_with("POST /admin/api/2026-10/graphql.json HTTP/1.1"), "{asked:?}");
    assert!(asked.head.to_lowercase().contains("x-shopify-access-token: shpat_hush"));
    assert!(asked.head.to_lowercase().contains("content-type: application/json"));
    assert_eq!(asked.json()["operationName"], "AppScopes");
    assert_eq!(asked.json()["variables"], json!({ "v": 2 }));
    assert!(asked.json()["query"].as_str().unwrap().contains("query AppScopes"));
}

#[rstest]
#[case::reported(json!({ "requestedQueryCost": 752, "actualQueryCost": null, "throttleStatus":
    { "maximumAvailable": 1000.0, "currentlyAvailable": 52, "restoreRate": 50.0 } }), 14.0)]
#[case::almost_there(json!({ "requestedQueryCost": 10, "throttleStatus":
    { "maximumAvailable": 1000, "currentlyAvailable": 9, "restoreRate": 50 } }), 1.0)]
#[case::no_rate(json!({ "requestedQueryCost": 10, "throttleStatus":
    { "maximumAvailable": 0, "currentlyAvailable": 10, "restoreRate": 0 } }), 1.0)]
#[case::for_ever(json!({ "requestedQueryCost": 10, "throttleStatus":
    { "maximumAvailable": 0, "currentlyAvailable": 0, "restoreRate": 0 } }), 300.0)]
#[case::unreported(json!(null), 1.0)]
#[tokio::test]
async fn r46_throttled_waits_until_the_bucket_holds_the_cost(
    #[case] cost: Value,
    #[case] seconds: f64,
) {
    let errors = [error("THROTTLED", "Throttled", &json!(null))];
    let reply = Reply::json(&json!({ "errors": errors, "extensions": { "cost": cost } }));
    let Err(ChannelError::Throttled { after }) = ask(reply).await else { panic!("not throttled") };
    let range = seconds..=seconds * 1.1;
    assert!(range.contains(&after.as_secs_f64()), "{after:?} is not in {range:?}");
}

#[tokio::test]
async fn r46_too_many_requests_are_throttled() {
    let reply = Reply::http("429 Too Many Requests", "retry-after: 2.0\r\n", "");
    let after = Duration::from_secs(2);
    assert_eq!(ask(reply).await, Err(ChannelError::Throttled { after }));
}

#[rstest]
#[case("401 Unauthorized", "refused the credentials", false)]
#[case("402 Payment Required", "frozen", true)]
#[case("403 Forbidden", "scopes", false)]
#[case("404 Not Found", "no shop", false)]
#[case("423 Locked", "locked", true)]
#[case("430 Shopify Security Rejection", "security", true)]
#[case("400 Bad Request", "answered 400", false)]
#[case("503 Service Unavailable", "answered 503", true)]
#[tokio::test]
async fn r47_statuses_are_put_into_words(
    #[case] status: &str,
    #[case] words: &str,
    #[case] outage: bool,
) {
    let body = json!({ "errors": "[API] Invalid API key or access token" }).to_string();
    let error = ask(Reply::http(status, "", &body)).await.unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.is_outage(), outage, "{error}");
    let unauthorized = matches!(error, ChannelError::Unauthorized(_));
    assert_eq!(unauthorized, status.starts_with("401"), "{error}");
}

#[rstest]
#[case("[API] Invalid API key or access token (unrecognized login or wrong password)", true)]
#[case("Not Found", false)]
#[tokio::test]
async fn r47_errors_may_be_a_plain_text(#[case] text: &str, #[case] unauthorized: bool) {
    let error = ask(Reply::json(&json!({ "errors": text }))).await.unwrap_err();
    assert_eq!(matches!(error, ChannelError::Unauthorized(_)), unauthorized, "{error}");
}

#[tokio::test]
async fn a_denied_root_names_what_to_grant() {
    let message = "Access denied for orders field. Required access: `read_orders` access scope.";
    let errors = [error("ACCESS_DENIED", message, &json!(["orders"]))];
    let reply = Reply::json(&json!({ "data": { "orders": null }, "errors": errors }));
    let Err(ChannelError::Rejected(why)) = ask(reply).await else { panic!("not rejected") };
    assert!(why.contains("read_orders") && why.contains("Dev Dashboard"), "{why}");
}

#[tokio::test]
async fn withheld_fields_leave_the_rest() {
    let denied = error("ACCESS_DENIED", "This app is not approved", &json!(["order", "email"]));
    let data = json!({ "order": { "email": null } });
    let body = json!({ "data": data, "errors": [denied] });
    assert_eq!(ask(Reply::json(&body)).await, Ok(data));

    let failed = error("INTERNAL_SERVER_ERROR", "Something", &json!(["order", "note"]));
    let body = json!({ "data": {}, "errors": [body["errors"][0], failed] });
    let error = ask(Reply::json(&body)).await.unwrap_err();
    assert!(error.is_outage(), "another error beside it counts: {error}");
}

#[tokio::test]
async fn withheld_fields_that_are_needed_are_told() {
    let denied = error("ACCESS_DENIED", "No lines for you", &json!(["order", "lineItems"]));
    let shop = answering(Reply::json(&json!({ "data": null, "errors": [denied] }))).await;
    let answer = shop.graph().ask::<Value>(&APP_SCOPES, json!({})).await;
    let Err(Fault::Failed(ChannelError::Rejected(why))) = answer else { panic!("{answer:?}") };
    assert!(why.contains("No lines for you"), "{why}");
}

#[tokio::test]
async fn a_misunderstood_search_is_an_error() {
    let warnings = json!([{ "field": "nam", "message": "Invalid search field for this query." }]);
    let search = json!([{ "path": ["orders"], "query": "nam:1", "warnings": warnings }]);
    let body = json!({ "data": {}, "extensions": { "search": search } });
    let error = ask(Reply::json(&body)).await.unwrap_err();
    assert!(matches!(error, ChannelError::Rejected(_)), "{error}");
    assert!(error.to_string().contains("Invalid search field"), "{error}");
    let quiet = json!({ "data": {}, "extensions": { "search": [{ "path": ["orders"] }] } });
    assert!(ask(Reply::json(&quiet)).await.is_ok());
}

#[rstest]
#[case::no_json(Reply::json("surprise"))]
#[case::other_json(Reply::json("[]"))]
#[case::empty(Reply::json("{}"))]
#[case::null_data(Reply::json("{\"data\":null,\"errors\":[]}"))]
#[case::odd_errors(Reply::json("{\"data\":{},\"errors\":7}"))]
#[case::page(Reply::http("200 OK", "content-type: text/html\r\n", "<html>"))]
#[case::untyped(Reply::http("200 OK", "", "{\"data\":{}}"))]
#[tokio::test]
async fn what_is_no_answer_is_said_to_be_none(#[case] reply: Reply) {
    let error = ask(reply).await.unwrap_err();
    assert!(matches!(error, ChannelError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn i12_no_error_repeats_the_token() {
    let message = format!("token {TOKEN} is\r\n unknown {}", "x".repeat(1_000));
    let errors = [error("undefinedField", &message, &json!(null))];
    let error = ask(Reply::json(&json!({ "errors": errors }))).await.unwrap_err().to_string();
    assert!(!error.contains(TOKEN) && !error.contains('\n') && error.len() < 300, "{error}");
}

#[tokio::test]
async fn r47_a_token_that_cannot_be_one_is_not_sent() {
    let (cart, mut shop) = shop(vec![Reply::json("{}")]).await;
    shop.access.token = "two\nlines".into();
    let answer = shop.graph().ask::<Value>(&APP_SCOPES, json!({})).await;
    assert!(matches!(answer, Err(Fault::Failed(ChannelError::Unauthorized(_)))), "{answer:?}");
    assert!(cart.asked().is_empty());
}

#[tokio::test]
async fn another_version_is_reported() {
    let headers = "content-type: application/json\r\nx-shopify-api-version: 2027-10\r\n";
    let shop = answering(Reply::http("200 OK", headers, "{\"data\":{}}")).await;
    shop.graph().ask::<Value>(&APP_SCOPES, json!({})).await.unwrap();
    assert!(shop.alarmed.load(Ordering::Relaxed));
}
