use serde_json::{Value, json};

use super::super::tests::calls::{cart, line_of};
use super::super::tests::orders::{line, order};
use super::*;
use crate::channel::testing::Reply;
use crate::channel::{Channel, ListPage};

const MIDDAY: &str = "2019-03-05T12:00:00Z";

fn since() -> ListFrom {
    ListFrom::the_start(Listing::Changed { since: Timestamp::parse(MIDDAY) })
}

fn page_of(orders: &[Value]) -> Reply {
    Reply::json(&json!(orders))
}

/// A full page; each order changed so many seconds after the hour.
fn full(changed: impl Fn(usize) -> usize) -> Vec<Value> {
    let one = |nth: usize| {
        let mut order = order(1000 + nth as i64);
        let at = changed(nth);
        let (minute, second) = (at / 60, at % 60);
        order["date_modified"] =
            json!(format!("Tue, 05 Mar 2019 21:{minute:02}:{second:02} +0000"));
        order
    };
    (0..ORDERS).map(one).collect()
}

fn reached(page: &ListPage) -> Option<Timestamp> {
    page.orders.iter().filter_map(changed_at).max()
}

#[tokio::test]
async fn r40_a_list_is_read_from_an_instant_on_and_ends_with_a_short_page() {
    let (cart, channel, access) = cart(vec![page_of(&[order(218)])]).await;
    let told = channel.list_orders(&access, &since()).await.unwrap();
    assert_eq!((told.orders.len(), told.next), (1, None));
    let asked = cart.asked();
    assert_eq!(
        line_of(&asked[0]),
        "GET /stores/abc123/v2/orders?page=1&limit=250&sort=date_modified%3Aasc\
         &min_date_modified=2019-03-05T12%3A00%3A00Z&include=consignments.line_items\
         &consignment_structure=object HTTP/1.1"
    );
}

#[tokio::test]
async fn r40_nothing_at_all_is_an_empty_page() {
    for nothing in [Reply::http("204 No Content", "", ""), page_of(&[])] {
        let (_cart, channel, access) = cart(vec![nothing]).await;
        let told = channel.list_orders(&access, &since()).await.unwrap();
        assert_eq!(told, ListPage { orders: Vec::new(), next: None });
    }
}

#[tokio::test]
async fn r40_a_full_page_goes_on_from_its_last_change() {
    let (_cart, channel, access) = cart(vec![page_of(&full(|nth| nth))]).await;
    let told = channel.list_orders(&access, &since()).await.unwrap();
    let on = ListFrom::the_start(Listing::Changed { since: reached(&told) });
    assert_eq!(told.next, Some(on));
}

#[tokio::test]
async fn r40_a_full_page_of_one_second_goes_on_by_id_within_it_and_then_behind_it() {
    let same = full(|_| 7);
    let later: Vec<Value> = (0..3).map(|nth| order(2000 + nth)).collect();
    let replies = vec![page_of(&same), page_of(&same), page_of(&later), page_of(&[])];
    let (cart, channel, access) = cart(replies).await;
    let mut from = Some(since());
    while let Some(here) = from {
        from = channel.list_orders(&access, &here).await.unwrap().next;
    }
    let asked: Vec<String> = cart.asked().iter().map(|asked| line_of(asked).to_owned()).collect();
    let second =
        "min_date_modified=2019-03-05T21%3A00%3A07Z&max_date_modified=2019-03-05T21%3A00%3A08Z";
    let within = format!("page=1&limit=250&{second}&include");
    assert!(asked[1].contains(&within), "from its beginning, by id: {}", asked[1]);
    assert!(asked[2].contains(&format!("{second}&min_id=1250&include")), "{}", asked[2]);
    assert!(
        asked[3].contains("sort=date_modified%3Aasc&min_date_modified=2019-03-05T21%3A00%3A08Z&"),
        "{}",
        asked[3]
    );
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn r40_a_cart_that_does_not_go_on_behind_an_id_is_read_by_page() {
    let same = page_of(&full(|_| 7));
    let replies = vec![same.clone(), same.clone(), same.clone(), same, page_of(&[])];
    let (cart, channel, access) = cart(replies).await;
    let mut from = Some(since());
    for _ in 0..5 {
        from = channel.list_orders(&access, &from.unwrap()).await.unwrap().next;
    }
    let asked = cart.asked();
    assert!(line_of(&asked[3]).contains("page=2&"), "{}", asked[3].head);
    assert!(line_of(&asked[4]).contains("page=3&"), "{}", asked[4].head);
}

#[tokio::test]
async fn r40_an_order_that_cannot_be_read_spoils_no_other() {
    let mut bad = order(7);
    bad["total_inc_tax"] = json!("a lot");
    let (_cart, channel, access) = cart(vec![page_of(&[bad, json!("odd"), order(8)])]).await;
    let told = channel.list_orders(&access, &since()).await.unwrap();
    let [bad, odd, Listed::Order(_)] = told.orders.as_slice() else { panic!("{told:?}") };
    let Listed::Unreadable { cart_order_id, changed_at, .. } = bad else { panic!("{bad:?}") };
    assert_eq!(cart_order_id.as_ref().map(CartOrderId::as_str), Some("7"));
    assert_eq!(changed_at, &Timestamp::parse("2019-03-05T21:41:00Z"));
    assert!(matches!(odd, Listed::Unreadable { cart_order_id: None, changed_at: None, .. }));
}

#[tokio::test]
async fn r40_lines_that_do_not_fit_into_the_list_are_read_by_themselves() {
    let mut long = order(218);
    long["items_total"] = json!(5);
    let lines = json!([line(71, "CUP", 2), line(72, "MUG", 3)]);
    let (cart, channel, access) = cart(vec![page_of(&[long]), Reply::json(&lines)]).await;
    let told = channel.list_orders(&access, &since()).await.unwrap();
    let [Listed::Order(order)] = told.orders.as_slice() else { panic!("{told:?}") };
    assert_eq!(order.content.lines.len(), 2);
    assert!(line_of(&cart.asked()[1]).contains("/orders/218/products"));
}

#[tokio::test]
async fn r45_open_orders_are_listed_status_by_status() {
    let (cart, channel, access) = cart(vec![page_of(&[])]).await;
    let mut from = Some(ListFrom::the_start(Listing::Open));
    while let Some(here) = from {
        from = channel.list_orders(&access, &here).await.unwrap().next;
    }
    let asked = cart.asked();
    assert_eq!(asked.len(), OPEN.len());
    for (asked, status) in asked.iter().zip(OPEN) {
        assert!(line_of(asked).contains(&format!("status_id={status}&")), "{}", asked.head);
    }
}
