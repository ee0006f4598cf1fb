//! Changes of a cart, decided about on the pages: with plain forms, as two people may at once.

use instasync::simulator::bigcommerce::Act;
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::bigcommerce::Shop;
use crate::support::browser::Browser;
use crate::support::chromium::Chromium;
use crate::support::daemon::{Daemon, Home};

/// A store whose changes all wait for a decision, and somebody who may decide.
async fn reviewed() -> (Home, Daemon, Shop, Browser) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    let shop = Shop::open("oak");
    assert_eq!(shop.connect(&home).await.code(), 0);
    let set = home.run(&["store", "set", "oak", "edits=review"]).await;
    assert_eq!(set.code(), 0, "{set:?}");
    let browser = sign_in(&home, &daemon, "operator").await;
    (home, daemon, shop, browser)
}

async fn sign_in(home: &Home, daemon: &Daemon, role: &str) -> Browser {
    let made = home.run(&["token", "create", "--role", role, "--name", role, "--json"]).await;
    Browser::sign_in(&daemon.private, made.json()["token"].as_str().unwrap()).await
}

/// An order of which the first line and the note changed in the cart.
async fn changed(daemon: &Daemon, shop: &Shop) -> (u64, Value) {
    let id = shop.place();
    daemon.order("oak", id, |order| order["status"] == "awaiting_fulfillment").await;
    shop.act(id, &Act::Quantity(7));
    shop.act(id, &Act::Message("to <b>the</b> door".to_owned()));
    let truth = shop.order(id)["customer_message"].clone();
    daemon.order("oak", id, |order| order["has_revision"] == true).await;
    let order = shop.quiet(daemon).await;
    assert!(!order.is_empty() && truth == "to <b>the</b> door");
    (id, daemon.order("oak", id, |order| order["has_revision"] == true).await)
}

/// The values of the form fields of that name.
fn fields(page: &str, name: &str) -> Vec<String> {
    let start = format!("name=\"{name}\" value=\"");
    let value = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
    page.split(&start).skip(1).map(value).collect()
}

#[tokio::test]
async fn r30_changes_are_accepted_and_rejected_on_the_page_of_the_order() {
    let (home, daemon, shop, browser) = reviewed().await;
    let (id, order) = changed(&daemon, &shop).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let (status, page) = browser.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Changed in the cart") && page.contains("7 × "), "{page}");
    assert!(page.contains("to &#60;b&#62;the&#60;/b&#62; door"), "{page}");
    let tag = fields(&page, "tag").remove(0);
    let changes = fields(&page, "change");
    let note = changes.iter().find(|change| *change == "note").unwrap();
    let rest: Vec<_> = changes.iter().filter(|change| *change != note).collect();

    let form = format!("{path}/revision");
    let accept = [("tag", tag.as_str()), ("change", note), ("verdict", "accept")];
    let (status, to, _) = browser.post(&form, &accept).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, path.as_str()));
    let taken = daemon.order("oak", id, |order| order["note"] == "to <b>the</b> door").await;
    assert_eq!((&taken["lines"], &taken["has_revision"]), (&order["lines"], &true.into()));

    // Somebody else still has the page of before.
    let (status, _, page) = browser.post(&form, &accept).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(page.contains("It changed meanwhile"), "{page}");
    let (status, _, page) = browser.post(&form, &[("tag", &tag), ("verdict", "accept")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");

    let (_, page) = browser.get(&path).await;
    let tag = fields(&page, "tag").remove(0);
    let mut reject = vec![("tag", tag.as_str()), ("verdict", "reject")];
    reject.extend(rest.iter().map(|change| ("change", change.as_str())));
    let (status, _, _) = browser.post(&form, &reject).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let kept = daemon.order("oak", id, |order| order["has_revision"] == false).await;
    assert_eq!(kept["lines"], order["lines"]);
    let (_, page) = browser.get(&path).await;
    assert!(!page.contains("id=\"revision\""), "{page}");

    // Who may only read sees the changes and no buttons.
    let (_, order) = changed(&daemon, &shop).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let viewer = sign_in(&home, &daemon, "viewer").await;
    let (_, page) = viewer.get(&path).await;
    assert!(page.contains("An operator can decide.") && fields(&page, "change").is_empty());
    let (status, _, _) = viewer.post(&format!("{path}/revision"), &accept).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn r30_many_orders_are_decided_about_in_the_list_and_what_changed_since_is_left() {
    let (_home, daemon, shop, browser) = reviewed().await;
    let (first, _) = changed(&daemon, &shop).await;
    let (second, _) = changed(&daemon, &shop).await;
    let (_, overview) = browser.get("/").await;
    assert!(overview.contains("oak: 2 orders were changed in BigCommerce"), "{overview}");
    assert!(overview.contains("/orders?store=oak&#38;has_revision=true"), "{overview}");
    let (_, page) = browser.get("/orders").await;
    assert!(page.contains("Changes to review") && fields(&page, "order").is_empty(), "{page}");
    let (_, page) = browser.get("/orders?store=oak&has_revision=true").await;
    let ticked = fields(&page, "order");
    assert_eq!(ticked.len(), 2, "{page}");

    shop.act(second, &Act::Message("changed again".to_owned()));
    let note = |order: &Value| order["has_revision"] == true;
    shop.quiet(&daemon).await;
    daemon.order("oak", second, note).await;
    let mut form: Vec<_> = ticked.iter().map(|order| ("order", order.as_str())).collect();
    form.push(("verdict", "accept"));
    let (status, _, told) = browser.post("/orders/revisions", &form).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(told.contains("1 of 2 orders were decided about"), "{told}");
    let taken = daemon.order("oak", first, |order| order["has_revision"] == false).await;
    assert_eq!(taken["note"], "to <b>the</b> door");
    daemon.order("oak", second, note).await;

    let (_, page) = browser.get("/orders?has_revision=true").await;
    let ticked = fields(&page, "order");
    let form = [("order", ticked[0].as_str()), ("verdict", "accept")];
    let (status, to, _) = browser.post("/orders/revisions", &form).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/orders?has_revision=true"));
    let taken = daemon.order("oak", second, |order| order["has_revision"] == false).await;
    assert_eq!(taken["note"], "changed again");
    let (_, overview) = browser.get("/").await;
    assert!(!overview.contains("changed in BigCommerce"), "{overview}");
}

#[tokio::test]
async fn changes_to_review_fit_a_narrow_window() {
    let (_home, daemon, shop, _) = reviewed().await;
    let (_, order) = changed(&daemon, &shop).await;
    let mut chromium = Chromium::start().await;
    chromium.resize(320, 800).await;
    let token = daemon.token().to_owned();
    chromium.open(&format!("{}/login", daemon.private)).await;
    let fill = format!("document.querySelector('[name=token]').value = '{token}'");
    chromium.evaluate(&fill).await;
    chromium.evaluate("document.querySelector('main form').requestSubmit()").await;
    chromium.wait_for("document.title.startsWith('Overview')").await;
    let order = format!("/orders/{}", order["id"].as_str().unwrap());
    for path in ["/", "/orders?has_revision=true", &order] {
        chromium.open(&format!("{}{path}", daemon.private)).await;
        let width = chromium.evaluate("document.documentElement.scrollWidth").await;
        assert_eq!(width, 320, "{path}");
    }
}
