//! The pages as people meet them: in a narrow window, without a script, and while things change.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use reqwest::StatusCode;

use crate::demo::demo;
use crate::support::browser::Browser;
use crate::support::chromium::Chromium;
use crate::support::daemon::Home;
use crate::support::eventually;

/// Pages that the walk over all links looks at; the links of order lists repeat themselves.
const WALK: usize = 40;

/// Waits for orders and gives the address of the page of one.
async fn first_order(browser: &Browser) -> String {
    eventually("an order on the overview", || async {
        let (_, page) = browser.get("/").await;
        links(&page).into_iter().find(|link| link.starts_with("/orders/"))
    })
    .await
}

/// Where the links of a page lead within the daemon.
fn links(page: &str) -> BTreeSet<String> {
    let after = page.split("href=\"").skip(1);
    let link = |rest: &str| rest.split('"').next().unwrap_or_default().replace("&#38;", "&");
    after.map(link).filter(|link| link.starts_with('/')).collect()
}

/// What every page has, with or without a script.
fn assert_whole(path: &str, page: &str) {
    assert!(page.contains("<html lang=\"en\">"), "{path}: {page}");
    for part in ["<title>", "<main", "<h1"] {
        assert_eq!(page.matches(part).count(), 1, "{path}: {part}: {page}");
    }
    let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title = title.and_then(|title| title.strip_suffix(" · Instasync"));
    assert!(title.is_some_and(|title| !title.is_empty()), "{path}: {page}");
    assert!(page.contains("SIMULATED"), "{path}: a demo says so: {page}");
    for forbidden in ["<style", " style=", " onclick=", "javascript:"] {
        assert!(!page.contains(forbidden), "{path}: {forbidden}");
    }
}

#[tokio::test]
async fn every_page_is_whole_without_a_script_and_no_link_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, link) = demo(folder.path()).await;
    let browser = Browser::open(&link).await;
    first_order(&browser).await;
    let mut ahead: VecDeque<String> = ["/", "/login", "/orders?q=nobody"].map(str::to_owned).into();
    let mut seen = BTreeSet::new();
    while let Some(path) = ahead.pop_front() {
        if seen.len() == WALK || !seen.insert(path.clone()) {
            continue;
        }
        let (status, page) = browser.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        if !path.starts_with("/assets/") {
            assert_whole(&path, &page);
            ahead.extend(links(&page));
        }
    }
    assert!(seen.iter().any(|path| path.starts_with("/orders/ord_")), "{seen:?}");

    for path in ["/nowhere", "/orders/ord_1_nothing"] {
        let (status, page) = browser.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_whole(path, &page);
    }
    assert!(daemon.terminate().await.success());
}

#[tokio::test]
async fn no_page_is_wider_than_a_narrow_window() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, link) = demo(folder.path()).await;
    let mut chromium = Chromium::start().await;
    chromium.resize(320, 800).await;
    chromium.open(&link).await;
    chromium.wait_for("!!document.querySelector('tbody a')").await;
    let order = chromium.evaluate("document.querySelector('tbody a').getAttribute('href')").await;
    let order = order.as_str().unwrap().to_owned();
    let pages = [
        "/",
        "/orders",
        "/orders?q=nobody",
        &order,
        "/orders/ord_1_nothing",
        "/login",
        "/nowhere",
        "/problems/precondition-failed",
    ];
    for path in pages {
        chromium.open(&format!("{}{path}", daemon.private)).await;
        let width = chromium.evaluate("document.documentElement.scrollWidth").await;
        assert_eq!(width, 320, "{path}");
    }
    assert!(daemon.terminate().await.success());
}

#[tokio::test]
async fn the_overview_never_moves_what_is_read_and_tells_when_the_daemon_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, link) = demo(folder.path()).await;
    let mut chromium = Chromium::start().await;
    chromium.resize(1280, 800).await;
    chromium.open(&link).await;
    chromium.wait_for("!!document.querySelector('[data-row]')").await;

    let first = "document.querySelector('[data-row]').dataset.row";
    chromium.evaluate("document.querySelector('.table').focus()").await;
    let read = chromium.evaluate(first).await;
    let button = "document.querySelector('[data-show]')";
    chromium.wait_for(&format!("!{button}.hidden")).await;
    assert_eq!(chromium.evaluate(first).await, read, "rows stay while somebody reads them");
    chromium.evaluate(&format!("{button}.click()")).await;
    assert_ne!(chromium.evaluate(first).await, read, "asked for, the new ones are there");
    assert_eq!(chromium.evaluate(&format!("{button}.hidden")).await, true);

    let connection = "document.getElementById('connection').textContent";
    assert_eq!(chromium.evaluate(connection).await, "");
    assert!(daemon.terminate().await.success());
    chromium.wait_for(&format!("{connection} === 'Reconnecting…'")).await;
}

#[tokio::test]
async fn without_a_store_the_overview_tells_how_to_connect_one() {
    let home = Home::new("");
    let daemon = home.start().await;
    let made = home.run(&["token", "create", "--role", "viewer", "--name", "eve", "--json"]).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let read = |path: &str| client.get(format!("{}{path}", daemon.private)).bearer_auth(&token);
    let page = read("/").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("No store is connected yet."), "{page}");
    assert!(page.contains("instasync store add"), "{page}");
    assert!(!page.contains("SIMULATED"), "{page}");
    home.add_store("pine").await;
    let page = read("/").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("pine.myshopify.com") && !page.contains("store add"), "{page}");
    let page = read("/orders?store=nobody").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("No order fits these filters."), "{page}");
    assert!(daemon.terminate().await.success());
}
