use serde_json::{Value, json};

use super::super::graphql::tests::shop;
use super::super::tests::order::{Nothing, plain};
use super::*;
use crate::channel::testing::{Asked, Reply};

fn since() -> ListFrom {
    let since = Timestamp::parse("2026-11-20T14:00:00.5Z");
    ListFrom::the_start(Listing::Changed { since })
}

fn answer(orders: &[Value], next: Option<&str>) -> Reply {
    let info = json!({ "hasNextPage": next.is_some(), "endCursor": next });
    Reply::json(&json!({ "data": { "orders": { "pageInfo": info, "nodes": orders } } }))
}

fn variables(asked: &[Asked]) -> Vec<Value> {
    asked.iter().map(|asked| asked.json()["variables"].clone()).collect()
}

#[tokio::test]
async fn r40_a_list_is_read_page_by_page_from_an_instant_on() {
    let order = plain().graph(Nothing::Null);
    let pages = vec![answer(std::slice::from_ref(&order), Some("here")), answer(&[order], None)];
    let (cart, shop) = shop(pages).await;
    let first = page(&shop.graph(), &since()).await.unwrap();
    assert!(matches!(first.orders.as_slice(), [Listed::Order(_)]));
    // What is kept between two pages survives the process.
    let kept = serde_json::to_string(&first.next.unwrap()).unwrap();
    let last = page(&shop.graph(), &serde_json::from_str(&kept).unwrap()).await.unwrap();
    assert_eq!((last.orders.len(), last.next), (1, None));
    let q = "updated_at:>='2026-11-20T14:00:00Z'";
    assert_eq!(
        variables(&cart.asked()),
        [
            json!({ "q": q, "n": 50, "lines": 20, "after": null }),
            json!({ "q": q, "n": 50, "lines": 20, "after": "here" }),
        ]
    );
}

#[tokio::test]
async fn r40_an_order_that_cannot_be_read_spoils_no_other() {
    let good = plain().graph(Nothing::Null);
    let mut bad = good.clone();
    bad["currentTotalPriceSet"] = json!({ "shopMoney": { "amount": "a lot" } });
    let mut odd = good.clone();
    odd["lineItems"] = json!("none");
    let (_cart, shop) = shop(vec![answer(&[bad, odd, good], None)]).await;
    let told = page(&shop.graph(), &since()).await.unwrap();
    let [bad, odd, Listed::Order(good)] = told.orders.as_slice() else { panic!("{told:?}") };
    for unreadable in [bad, odd] {
        let Listed::Unreadable { cart_order_id, changed_at, body } = unreadable else {
            panic!("{unreadable:?}")
        };
        assert_eq!(cart_order_id.as_ref(), Some(&good.cart_order_id));
        assert_eq!(*changed_at, Some(good.updated_at));
        assert!(!body.is_empty());
    }
}

#[tokio::test]
async fn r40_an_order_with_many_lines_is_read_by_itself() {
    let mut long = plain().graph(Nothing::Null);
    long["lineItems"]["pageInfo"] = json!({ "hasNextPage": true, "endCursor": "more" });
    let whole = json!({ "data": { "order": plain().graph(Nothing::Null) } });
    let (cart, shop) = shop(vec![answer(&[long], None), Reply::json(&whole)]).await;
    let told = page(&shop.graph(), &since()).await.unwrap();
    assert!(matches!(told.orders.as_slice(), [Listed::Order(_)]));
    assert_eq!(cart.asked().len(), 2);
}

#[tokio::test]
async fn r40_pages_shrink_until_the_cart_agrees() {
    let error = json!({ "message": "too much", "extensions": { "code": "MAX_COST_EXCEEDED" } });
    let costly = Reply::json(&json!({ "errors": [error] }));
    let (cart, shop) = shop(vec![costly, answer(&[], None)]).await;
    page(&shop.graph(), &ListFrom::the_start(Listing::Open)).await.unwrap();
    let asked = variables(&cart.asked());
    assert_eq!(asked[1], json!({ "q": "status:open", "n": 25, "lines": 10, "after": null }));
}

#[tokio::test]
async fn r40_a_list_that_grows_too_long_goes_on_as_a_new_one() {
    let order = plain().graph(Nothing::Null);
    let (_cart, shop) = shop(vec![answer(&[order], Some("here"))]).await;
    let place = serde_json::to_string(&Place { pages: PAGES - 1, cursor: Some("x".into()) });
    let from = ListFrom { page: place.ok(), ..since() };
    let told = page(&shop.graph(), &from).await.unwrap();
    let [Listed::Order(last)] = told.orders.as_slice() else { panic!("{told:?}") };
    let on = ListFrom::the_start(Listing::Changed { since: Some(last.updated_at) });
    assert_eq!(told.next, Some(on));
}
