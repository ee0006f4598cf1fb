//! The demo as a newcomer meets it: one command, a link, orders on the page.

use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::browser::Browser;
use crate::support::daemon::{BINARY, Daemon};
use crate::support::eventually;

/// Starts a demo and gives its one-time link, which it prints for people, not for the log.
pub async fn demo(folder: &std::path::Path) -> (Daemon, String) {
    let mut command = tokio::process::Command::new(BINARY);
    command
        .args(["demo", "--listen", "127.0.0.1:0", "--pace", "1", "--keep"])
        .arg(folder)
        .env("INSTASYNC__LOG__FORMAT", "json");
    let mut daemon = Daemon::spawn(command).await;
    let link = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let line = daemon.log.recv().await.expect("a line");
            if let Some(at) = line.find("http://127.0.0.1")
                && line.contains("/?t=")
            {
                return line[at..].split_whitespace().next().unwrap().to_owned();
            }
        }
    });
    let link = link.await.expect("a link");
    (daemon, link)
}

#[tokio::test]
async fn the_first_order_is_on_the_page_within_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let began = tokio::time::Instant::now();
    let (daemon, link) = demo(folder.path()).await;
    let browser = Browser::open(&link).await;
    let order = eventually("an order on the overview", || async {
        let (status, page) = browser.get("/").await;
        assert_eq!(status, StatusCode::OK);
        let at = page.find("href=\"/orders/ord_")?;
        Some(page[at + 6..].split('"').next().unwrap().to_owned())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let (status, page) = browser.get(&order).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Timeline") && page.contains("Imported as "), "{page}");
    let (status, page) = browser.get("/orders?q=nobody&store=&status=").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("No order fits these filters."), "{page}");
    assert_eq!(browser.get("/orders/ord_1_nothing").await.0, StatusCode::NOT_FOUND);

    let twice = reqwest::get(&link).await.unwrap();
    assert_eq!(twice.status(), StatusCode::UNAUTHORIZED, "a link opens one session");
    assert!(daemon.terminate().await.success());
}

#[tokio::test]
async fn the_pages_render_in_a_real_browser() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, link) = demo(folder.path()).await;
    let profile = tempfile::tempdir().unwrap();
    let opened = tokio::task::spawn_blocking(move || {
        Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--virtual-time-budget=8000",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(&link)
            .stdin(Stdio::null())
            .output()
            .expect("chromium runs; scripts/test installs it")
    })
    .await
    .unwrap();
    let page = String::from_utf8_lossy(&opened.stdout);
    assert!(page.contains("<title>Overview · Instasync</title>"), "{page}");
    assert!(page.contains("Everything that came in") || page.contains("wait"), "{page}");
    assert!(page.contains("/orders/ord_"), "the script keeps the page up to date: {page}");
    assert!(daemon.terminate().await.success());
}
