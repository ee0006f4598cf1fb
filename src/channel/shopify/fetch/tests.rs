use rstest::rstest;
use serde_json::{Value, json};

use super::super::graphql::tests::shop;
use super::super::tests::order::{Nothing, Plain, PlainLine, plain};
use super::*;
use crate::channel::testing::{Asked, Reply};

const ID: &str = "820982911946154508";

fn by_id() -> OrderRef {
    OrderRef::Id(ID.into())
}

fn named(name: &str) -> OrderRef {
    OrderRef::Name(name.to_owned())
}

fn answer(order: &Value) -> Reply {
    Reply::json(&json!({ "data": { "order": order } }))
}

fn found(orders: &[Value]) -> Reply {
    let info = json!({ "hasNextPage": false, "endCursor": null });
    Reply::json(&json!({ "data": { "orders": { "pageInfo": info, "nodes": orders } } }))
}

fn too_costly() -> Reply {
    let error = json!({ "message": "too much", "extensions": { "code": "MAX_COST_EXCEEDED" } });
    Reply::json(&json!({ "errors": [error] }))
}

/// The order with these of its lines, and a cursor if it goes on.
fn page(lines: &[PlainLine], next: Option<&str>) -> Value {
    let mut order = Plain { lines: lines.to_vec(), ..plain() }.graph(Nothing::Null);
    order["lineItems"]["pageInfo"] =
        json!({ "hasNextPage": next.is_some(), "endCursor": next.or(Some("last")) });
    order
}

fn variables(asked: &[Asked]) -> Vec<Value> {
    asked.iter().map(|asked| asked.json()["variables"].clone()).collect()
}

#[tokio::test]
async fn r7_an_order_is_read_by_its_id() {
    let (cart, shop) = shop(vec![answer(&plain().graph(Nothing::Null))]).await;
    let read = order(&shop.graph(), &by_id()).await.unwrap().unwrap();
    assert_eq!(read.cart_order_id.as_str(), ID);
    let gid = format!("gid://shopify/Order/{ID}");
    let asked = variables(&cart.asked());
    assert_eq!(asked, [json!({ "id": gid, "lines": 50, "linesAfter": null })]);
}

#[tokio::test]
async fn r7_an_order_that_the_cart_does_not_have_is_none() {
    let (_cart, shop) = shop(vec![answer(&Value::Null)]).await;
    assert_eq!(order(&shop.graph(), &by_id()).await, Ok(None));
}

#[tokio::test]
async fn r7_what_is_no_id_is_not_asked_for() {
    let (cart, shop) = shop(vec![answer(&Value::Null)]).await;
    for odd in ["", "abc", "1\" or 2", "-1"] {
        assert_eq!(order(&shop.graph(), &OrderRef::Id(odd.into())).await, Ok(None));
    }
    assert_eq!(order(&shop.graph(), &named(" # ")).await, Ok(None));
    assert!(cart.asked().is_empty());
}

#[tokio::test]
async fn r17_all_lines_are_read() {
    let lines = plain().lines;
    let pages = vec![answer(&page(&lines[..1], Some("c1"))), answer(&page(&lines[1..], None))];
    let (cart, shop) = shop(pages).await;
    let read = order(&shop.graph(), &by_id()).await.unwrap().unwrap();
    assert_eq!(read.content.lines.len(), 2);
    assert_eq!(variables(&cart.asked())[1]["linesAfter"], "c1");
}

#[tokio::test]
async fn an_order_that_changes_between_pages_is_read_anew() {
    let lines = plain().lines;
    let mut later = page(&lines[1..], None);
    later["updatedAt"] = json!("2027-01-01T00:00:00Z");
    let pages =
        vec![answer(&page(&lines[..1], Some("c1"))), answer(&later), answer(&page(&lines, None))];
    let (cart, shop) = shop(pages).await;
    let read = order(&shop.graph(), &by_id()).await.unwrap().unwrap();
    assert_eq!(read.content.lines.len(), 2);
    assert_eq!(cart.asked().len(), 3);
}

#[tokio::test]
async fn lines_without_end_are_given_up() {
    let (cart, shop) = shop(vec![answer(&page(&[], Some("again")))]).await;
    let error = order(&shop.graph(), &by_id()).await.unwrap_err();
    assert!(matches!(error, ChannelError::Protocol(_)), "{error}");
    assert_eq!(cart.asked().len(), MAX_PAGES);
}

#[tokio::test]
async fn r17_lines_that_go_on_without_a_cursor_are_no_whole_order() {
    let mut cut = page(&plain().lines[..1], Some("c1"));
    cut["lineItems"]["pageInfo"]["endCursor"] = Value::Null;
    let (_cart, shop) = shop(vec![answer(&cut)]).await;
    let error = order(&shop.graph(), &by_id()).await.unwrap_err();
    assert!(matches!(error, ChannelError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn too_costly_pages_are_halved() {
    let whole = answer(&plain().graph(Nothing::Null));
    let (cart, shop) = shop(vec![too_costly(), too_costly(), whole]).await;
    assert!(order(&shop.graph(), &by_id()).await.unwrap().is_some());
    let sizes: Vec<Value> =
        variables(&cart.asked()).iter().map(|asked| asked["lines"].clone()).collect();
    assert_eq!(sizes, [50, 25, 12]);
}

#[tokio::test]
async fn an_order_that_is_always_too_costly_is_refused() {
    let (cart, shop) = shop(vec![too_costly()]).await;
    for which in [by_id(), named("#1001")] {
        let error = order(&shop.graph(), &which).await.unwrap_err();
        assert!(matches!(error, ChannelError::Rejected(_)), "{error}");
    }
    assert!(cart.asked().len() < 20);
}

#[rstest]
#[case("#1001", "name:'#1001'")]
#[case("1001", "name:'#1001'")]
#[case(" #1001 ", "name:'#1001'")]
#[tokio::test]
async fn r7_an_order_is_found_by_name_or_number(#[case] typed: &str, #[case] query: &str) {
    let mut similar = plain().graph(Nothing::Null);
    similar["name"] = json!("#10011");
    similar["number"] = json!(10011);
    let (cart, shop) = shop(vec![found(&[similar, plain().graph(Nothing::Null)])]).await;
    let read = order(&shop.graph(), &named(typed)).await.unwrap().unwrap();
    assert_eq!(read.name, "#1001");
    let asked = cart.asked().remove(0).json();
    assert_eq!(asked["operationName"], "OrdersPoll");
    assert_eq!(asked["variables"]["q"], query);
}

#[tokio::test]
async fn r7_a_name_with_a_prefix_of_the_shop_is_found() {
    let mut prefixed = plain().graph(Nothing::Null);
    prefixed["name"] = json!("EN1001'A");
    let (cart, shop) = shop(vec![found(&[prefixed])]).await;
    let read = order(&shop.graph(), &named("EN1001'A")).await.unwrap().unwrap();
    assert_eq!(read.name, "EN1001'A");
    assert_eq!(variables(&cart.asked())[0]["q"], "name:'EN1001\\'A'");
}

#[tokio::test]
async fn r7_a_name_is_compared_exactly() {
    let mut similar = plain().graph(Nothing::Null);
    similar["name"] = json!("#1001-B");
    similar["number"] = json!(77);
    let (cart, shop) = shop(vec![found(&[similar])]).await;
    assert_eq!(order(&shop.graph(), &named("#1001")).await, Ok(None));
    let asked = variables(&cart.asked());
    assert_eq!([&asked[0]["q"], &asked[1]["q"]], ["name:'#1001'", "name:'1001'"]);
}

#[tokio::test]
async fn a_search_without_end_is_given_up() {
    let info = json!({ "hasNextPage": true, "endCursor": "again" });
    let page = json!({ "data": { "orders": { "pageInfo": info, "nodes": [] } } });
    let (cart, shop) = shop(vec![Reply::json(&page)]).await;
    let error = order(&shop.graph(), &named("#1001")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Rejected(_)), "{error}");
    assert_eq!(cart.asked().len(), MAX_SEARCHES);
}

#[tokio::test]
async fn r16_of_a_repeated_number_the_newest_is_meant() {
    let old = Plain { id: 1, created: 1_600_000_000, ..plain() }.graph(Nothing::Null);
    let new = Plain { id: 2, created: 1_700_000_000, ..plain() }.graph(Nothing::Null);
    let (_cart, shop) = shop(vec![found(&[new, old])]).await;
    let read = order(&shop.graph(), &named("1001")).await.unwrap().unwrap();
    assert_eq!(read.cart_order_id.as_str(), "2");
}

#[tokio::test]
async fn r7_a_long_order_found_by_name_is_read_whole() {
    let first = found(&[page(&plain().lines[..1], Some("c1"))]);
    let (cart, shop) = shop(vec![first, answer(&plain().graph(Nothing::Null))]).await;
    let read = order(&shop.graph(), &named("#1001")).await.unwrap().unwrap();
    assert_eq!(read.content.lines.len(), 2);
    assert_eq!(cart.asked()[1].json()["operationName"], "OrderById");
}

#[tokio::test]
async fn a_malformed_order_names_the_field() {
    let mut odd = plain().graph(Nothing::Null);
    odd["updatedAt"] = json!("someday");
    let (_cart, shop) = shop(vec![answer(&odd)]).await;
    let error = order(&shop.graph(), &by_id()).await.unwrap_err();
    assert!(error.to_string().contains("updated_at"), "{error}");
    assert!(!error.to_string().contains("someday"), "{error}");
}
