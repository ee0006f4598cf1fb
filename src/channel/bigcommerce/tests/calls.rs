//! Calls against a cart that answers byte for byte.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::BigCommerce;
use super::orders::{line, order};
use crate::channel::testing::{Asked, Cart, Reply, client};
use crate::channel::{
    Access, Budget, Channel, ChannelError, Credentials, Meter, OrderRef, Subscription,
};
use crate::domain::{CartOrderId, Timestamp};

const URL: &str = "https://us.example/webhooks/bigcommerce/oak";

pub(in super::super) async fn cart(replies: Vec<Reply>) -> (Cart, BigCommerce, Access) {
    let cart = Cart::answering(replies).await;
    let access = Access {
        domain: "abc123".to_owned(),
        base: format!("{}/", cart.base),
        token: "the-token".into(),
        hook_secret: Some("hook-secret".into()),
        meter: Meter::default(),
    };
    (cart, BigCommerce::new(client()), access)
}

fn id(text: &str) -> OrderRef {
    OrderRef::Id(text.into())
}

pub(in super::super) fn line_of(asked: &Asked) -> &str {
    asked.head.lines().next().unwrap()
}

#[tokio::test]
async fn r7_an_order_is_read_in_one_call() {
    let (cart, channel, access) = cart(vec![Reply::json(&order(218))]).await;
    let said = channel.fetch_order(&access, &id("218")).await.unwrap().unwrap();
    assert_eq!(said.content.lines.len(), 1);
    let asked = cart.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        line_of(&asked[0]),
        "GET /stores/abc123/v2/orders/218?include=consignments.line_items\
         &consignment_structure=object HTTP/1.1"
    );
    let head = asked[0].head.to_lowercase();
    assert!(head.contains("x-auth-token: the-token"), "{head}");
    assert!(head.contains("accept: application/json"), "{head}");
    assert!(head.contains("user-agent: instasync/"), "{head}");
}

#[tokio::test]
async fn r7_an_order_is_found_by_its_number() {
    let (_cart, channel, access) = cart(vec![Reply::json(&order(218))]).await;
    let found = channel.fetch_order(&access, &OrderRef::Name("#218".to_owned())).await;
    assert_eq!(found.unwrap().unwrap().name, "218");
}

#[tokio::test]
async fn r7_what_cannot_be_an_id_is_not_asked_for() {
    let (cart, channel, access) = cart(vec![Reply::json(&order(218))]).await;
    for odd in ["", "0", "-1", "../orders", "1?x", "99999999999999999999"] {
        assert_eq!(channel.fetch_order(&access, &id(odd)).await.unwrap(), None, "{odd}");
    }
    assert!(cart.asked().is_empty());
}

#[tokio::test]
async fn r17_lines_beyond_the_first_page_are_read_page_by_page() {
    let mut told = order(218);
    told["items_total"] = json!(60);
    let page = |from: i64, count: i64| -> Value {
        (from..from + count).map(|id| line(id, &format!("S{id}"), 1)).collect()
    };
    let replies = vec![Reply::json(&told), Reply::json(&page(1, 50)), Reply::json(&page(51, 10))];
    let (cart, channel, access) = cart(replies).await;
    let said = channel.fetch_order(&access, &id("218")).await.unwrap().unwrap();
    assert_eq!(said.content.lines.len(), 60);
    let asked = cart.asked();
    assert_eq!(
        line_of(&asked[2]),
        "GET /stores/abc123/v2/orders/218/products?page=2&limit=50 HTTP/1.1"
    );
}

#[tokio::test]
async fn r25_nothing_there_is_nothing_and_no_error() {
    let missing = r#"[{"status":404,"message":"The requested resource was not found."}]"#;
    for reply in [Reply::http("404 Not Found", "", missing), Reply::http("204 No Content", "", "")]
    {
        let (_cart, channel, access) = cart(vec![reply]).await;
        assert_eq!(channel.fetch_order(&access, &id("218")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn another_orders_answer_is_not_taken_for_the_one_asked() {
    let (_cart, channel, access) = cart(vec![Reply::json(&order(219))]).await;
    let answer = channel.fetch_order(&access, &id("218")).await;
    assert!(matches!(answer, Err(ChannelError::Protocol(_))), "{answer:?}");
}

#[rstest]
#[case("401 Unauthorized", "Unauthorized")]
#[case("403 Forbidden", "Unauthorized")]
#[case("400 Bad Request", "Rejected")]
#[case("409 Conflict", "Rejected")]
#[case("423 Locked", "Unavailable")]
#[case("500 Internal Server Error", "Unavailable")]
#[case("503 Service Unavailable", "Unavailable")]
#[tokio::test]
async fn r46_r47_refusals_are_told_apart(#[case] status: &str, #[case] kind: &str) {
    let (_cart, channel, access) = cart(vec![Reply::http(status, "", "")]).await;
    let error = channel.fetch_order(&access, &id("218")).await.unwrap_err();
    assert!(format!("{error:?}").starts_with(kind), "{error:?}");
    assert!(!error.to_string().contains("the-token"));
}

#[tokio::test]
async fn r46_every_answer_tells_what_is_left_and_a_429_how_long_to_wait() {
    let quota = "x-rate-limit-requests-quota: 150\r\nX-Rate-Limit-Requests-Left: 37\r\n\
                 x-rate-limit-time-reset-ms: 12500\r\nx-rate-limit-time-window-ms: 30000\r\n";
    let body = order(218).to_string();
    let (_cart, channel, access) = cart(vec![
        Reply::http("200 OK", quota, &body),
        Reply::http("429 Too Many Requests", &quota.replace("37", "0"), ""),
        Reply::http("429 Too Many Requests", "", ""),
    ])
    .await;
    channel.fetch_order(&access, &id("218")).await.unwrap();
    let resets_in = Duration::from_millis(12_500);
    assert_eq!(access.meter.read(), Some(Budget { quota: 150, left: 37, resets_in }));
    let told = channel.fetch_order(&access, &id("218")).await;
    assert_eq!(told, Err(ChannelError::Throttled { after: resets_in }));
    assert_eq!(access.meter.read().unwrap().left, 0);
    let untold = channel.fetch_order(&access, &id("218")).await;
    assert_eq!(untold, Err(ChannelError::Throttled { after: Duration::from_secs(10) }));
}

#[test]
fn many_due_orders_that_lie_close_are_read_by_list() {
    let channel = BigCommerce::new(client());
    let ids = |numbers: &[i64]| -> Vec<CartOrderId> {
        numbers.iter().map(|id| CartOrderId(id.to_string())).collect()
    };
    assert!(channel.together(&ids(&[1, 2, 3, 4, 5, 6, 7, 8, 9])).is_empty(), "too few");
    let scattered: Vec<i64> = (0..20).map(|nth| nth * 1000 + 1).collect();
    assert!(channel.together(&ids(&scattered)).is_empty());
    let mut close: Vec<i64> = (1000..1012).collect();
    close.extend([5, 9000]);
    assert_eq!(channel.together(&ids(&close)), ids(&(1000..1012).collect::<Vec<_>>()));
    let many: Vec<i64> = (1..=300).collect();
    let chosen = channel.together(&ids(&many));
    assert_eq!((chosen.len(), chosen[0].as_str()), (250, "1"));
}

#[tokio::test]
async fn r12_a_list_tells_what_each_order_by_itself_tells() {
    let mut cut = order(103);
    cut["items_total"] = json!(80);
    let listed = json!([order(101), order(102), cut, order(104), {"id": "odd"}]);
    let (cart, channel, access) = cart(vec![Reply::json(&listed), Reply::json(&order(101))]).await;
    let ids: Vec<CartOrderId> = ["101", "103", "104", "105"].map(Into::into).to_vec();
    let found = channel.fetch_many(&access, &ids).await.unwrap();
    let told: Vec<_> = found.iter().map(|said| said.cart_order_id.as_str()).collect();
    assert_eq!(told, ["101", "104"], "not asked for, cut, and unreadable ones are left out");
    assert_eq!(
        line_of(&cart.asked()[0]),
        "GET /stores/abc123/v2/orders?min_id=101&max_id=105&limit=250\
         &include=consignments.line_items&consignment_structure=object HTTP/1.1"
    );
    let single = channel.fetch_order(&access, &id("101")).await.unwrap().unwrap();
    assert_eq!(found[0], single);
}

#[tokio::test]
async fn an_empty_list_is_204() {
    let (_cart, channel, access) = cart(vec![Reply::http("204 No Content", "", "")]).await;
    assert_eq!(channel.fetch_many(&access, &["1".into()]).await.unwrap(), []);
}

fn hook(id: u64, scope: &str, active: bool, headers: &Value) -> Value {
    json!({
        "id": id, "client_id": "c", "store_hash": "abc123", "scope": scope, "destination": URL,
        "headers": headers, "is_active": active, "created_at": 1, "updated_at": 1,
    })
}

#[tokio::test]
async fn r43_hooks_are_listed_and_those_that_do_not_work_are_told() {
    let ours = json!({"x-instasync-secret": "hook-secret"});
    let old = json!({"X-Instasync-Secret": "old"});
    let listed = json!({"data": [
        hook(1, "store/order/created", true, &ours),
        hook(2, "store/order/updated", false, &ours),
        hook(3, "store/order/archived", true, &old),
        hook(4, "store/order/*", true, &Value::Null),
    ], "meta": {}});
    let (_cart, channel, access) = cart(vec![Reply::json(&listed)]).await;
    let hooks = channel.subscriptions(&access).await.unwrap();
    let told: Vec<_> = hooks.iter().map(|it| (it.id.as_str(), it.works)).collect();
    assert_eq!(told, [("1", true), ("2", false), ("3", false), ("4", false)]);
    assert!(hooks.iter().all(|it| it.url == URL));
}

#[tokio::test]
async fn r43_a_hook_is_made_and_mended_with_the_secret() {
    let made = json!({"data": hook(9, "store/order/created", true, &Value::Null)});
    let (cart, channel, access) = cart(vec![Reply::json(&made)]).await;
    channel.subscribe(&access, "store/order/created", URL).await.unwrap();
    let broken = Subscription {
        id: "9".to_owned(),
        topic: "store/order/created".to_owned(),
        url: URL.to_owned(),
        works: false,
    };
    channel.mend(&access, &broken).await.unwrap();
    let asked = cart.asked();
    assert_eq!(line_of(&asked[0]), "POST /stores/abc123/v3/hooks HTTP/1.1");
    assert_eq!(line_of(&asked[1]), "PUT /stores/abc123/v3/hooks/9 HTTP/1.1");
    for request in &asked {
        assert_eq!(
            request.json(),
            json!({"scope": "store/order/created", "destination": URL, "is_active": true,
                "headers": {"X-Instasync-Secret": "hook-secret"}})
        );
    }
}

#[tokio::test]
async fn r43_a_refused_hook_is_told_in_the_carts_words() {
    let refusal = r#"{"status":422,"title":"Missing or invalid data","errors":{"destination":"must be https"}}"#;
    let (_cart, channel, access) =
        cart(vec![Reply::http("422 Unprocessable Entity", "", refusal)]).await;
    let error = channel.subscribe(&access, "store/order/created", URL).await.unwrap_err();
    assert!(matches!(error, ChannelError::Rejected(_)));
    assert!(error.to_string().contains("destination: must be https"), "{error}");
}

#[tokio::test]
async fn r43_a_hook_that_is_gone_is_removed() {
    let (_cart, channel, access) = cart(vec![Reply::http("404 Not Found", "", "")]).await;
    channel.unsubscribe(&access, "9").await.unwrap();
}

#[tokio::test]
async fn r44_a_blocked_host_is_told() {
    let health = json!({"data": {"emails": [], "hooks_list": [], "blocked_domains": [
        {"destination": "https://us.example/elsewhere", "time_left": 120, "reasons": []},
    ]}});
    let (_cart, channel, access) = cart(vec![Reply::json(&health)]).await;
    let told = channel.delivery_trouble(&access, URL).await.unwrap().unwrap();
    assert!(told.contains("us.example") && told.contains("120 s"), "{told}");
    let other = channel.delivery_trouble(&access, "https://them.example/x").await.unwrap();
    assert_eq!(other, None);
}

#[tokio::test]
async fn r47_scopes_are_found_out_by_harmless_reads() {
    let (cart, channel, access) = cart(vec![
        Reply::http("204 No Content", "", ""),
        Reply::http("403 Forbidden", "", ""),
        Reply::json(&json!({"data": []})),
    ])
    .await;
    let granted = channel.granted_scopes(&access).await.unwrap();
    assert!(cart.asked().iter().all(|asked| asked.head.starts_with("GET ")));
    let gaps = channel.scope_gaps(&granted);
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.scope, gap.essential)).collect();
    assert_eq!(gaps, [("store_v2_products", false)]);
    assert!(channel.scope_gaps(&[])[0].essential);
}

#[rstest]
#[case("abc123", Some("abc123"))]
#[case(" ABC123 ", Some("abc123"))]
#[case("stores/abc123", Some("abc123"))]
#[case("https://api.bigcommerce.com/stores/abc123/v3/", Some("abc123"))]
#[case("", None)]
#[case("shop.example.com", None)]
#[case("abc/../x", Some("abc"))]
#[case("a b", None)]
fn r1_a_store_is_named_by_its_hash(#[case] given: &str, #[case] hash: Option<&str>) {
    let channel = BigCommerce::new(client());
    assert_eq!(channel.normalize_domain(given).ok().as_deref(), hash);
}

#[tokio::test]
async fn r47_no_token_is_asked_for() {
    let (cart, channel, access) = cart(vec![Reply::json(&json!({}))]).await;
    let answer =
        channel.new_token("abc123", &access.base, &Credentials::default(), Timestamp(0)).await;
    assert!(matches!(answer, Err(ChannelError::Unauthorized(_))));
    assert!(cart.asked().is_empty());
}
