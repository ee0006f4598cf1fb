//! The way an operator tries it out: a body, `openssl`, `curl`, and `order why`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::cart::{SECRET, changed, order};
use crate::support::daemon::{Daemon, Home, Output};

/// Runs a shell with some variables; gives what it printed.
async fn shell(script: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).stdin(Stdio::null());
    let output = command.envs(variables.iter().copied()).output().await.expect("a shell");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether the tools of this page are there.
async fn has_tools() -> bool {
    let found = Command::new("bash")
        .args(["-c", "command -v curl openssl base64"])
        .stdout(Stdio::null())
        .status()
        .await;
    found.is_ok_and(|status| status.success())
}

/// The signature of a file, by `openssl`.
async fn signature(file: &str) -> String {
    let script = r#"openssl dgst -sha256 -hmac "$SECRET" -binary < "$FILE" | base64"#;
    shell(script, &[("SECRET", SECRET), ("FILE", file)]).await
}

/// Posts a file with `curl`; the status of the answer.
async fn post(daemon: &Daemon, file: &str, signature: &str, topic: &str, id: &str) -> String {
    let script = r#"curl -sS -o /dev/null -w '%{http_code}' -X POST "$URL" \
        -H 'Content-Type: application/json' -H "X-Shopify-Topic: $TOPIC" \
        -H "X-Shopify-Hmac-Sha256: $SIGNATURE" -H 'X-Shopify-Shop-Domain: pine.myshopify.com' \
        -H "X-Shopify-Webhook-Id: $ID" -H 'X-Shopify-API-Version: 2026-10' \
        --data-binary "@$FILE""#;
    let url = format!("{}/webhooks/shopify/pine", daemon.public);
    let variables =
        [("URL", &*url), ("TOPIC", topic), ("SIGNATURE", signature), ("ID", id), ("FILE", file)];
    shell(script, &variables).await
}

async fn write(home: &Home, name: &str, body: &str) -> String {
    let path = home.path(name);
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    file.write_all(body.as_bytes()).await.unwrap();
    file.flush().await.unwrap();
    path.to_string_lossy().into_owned()
}

fn says(story: &Output, sentence: &str) {
    assert_eq!(story.code(), 0, "{story:?}");
    assert!(story.stdout.contains(sentence), "{sentence:?} is not in {}", story.stdout);
}

#[tokio::test]
async fn an_order_by_curl_and_openssl_and_its_story() {
    assert!(has_tools().await, "curl, openssl and base64 are needed");
    let home = Home::new("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    home.add_store("pine").await;

    // A sample as the cart's own test button sends it: cancelled and voided.
    let cancelled: Value = changed(
        &order(7_000_000_001),
        0,
        &json!({"cancelled_at": "2026-11-20T09:00:00-05:00", "cancel_reason": "customer",
            "financial_status": "voided", "fulfillment_status": "pending", "test": true}),
    );
    let file = write(&home, "cancelled.json", &cancelled.to_string()).await;
    let signed = signature(&file).await;
    assert_eq!(post(&daemon, &file, &signed, "orders/updated", "curl-1").await, "200");
    let held = daemon.order("pine", 7_000_000_001, |_| true).await;
    assert_eq!(held["status"], "held_back");
    assert_eq!(held["held_back"], "cancelled_in_cart");
    assert!(daemon.orders("pine").await.is_empty(), "held-back orders are left out of lists");
    let name = held["cart_order_name"].as_str().unwrap();
    says(&home.run(&["order", "why", name]).await, "Held back: cancelled in the cart.");

    let open = changed(
        &cancelled,
        60,
        &json!({"cancelled_at": null, "cancel_reason": null, "financial_status": "paid",
            "fulfillment_status": null}),
    );
    let file = write(&home, "open.json", &open.to_string()).await;
    let signed = signature(&file).await;
    assert_eq!(post(&daemon, &file, &signed, "orders/updated", "curl-2").await, "200");
    let told = daemon
        .order("pine", 7_000_000_001, |order| order["status"] == "awaiting_fulfillment")
        .await;
    assert_eq!((&told["order_number"], &told["flags"]), (&json!("1-1"), &json!(["test"])));
    says(&home.run(&["order", "why", name]).await, "Imported as 1-1.");

    assert_eq!(post(&daemon, &file, &signed, "orders/updated", "curl-2").await, "200");
    let events = daemon.settled("pine").await;
    let same = events.iter().find(|event| event["delivery_id"] == "curl-2").unwrap();
    assert_eq!((&same["duplicates"], events.len()), (&json!(1), 2), "one event: {events:#?}");
    let story = home.run(&["order", "why", "curl-2"]).await;
    says(&story, "The same delivery came once more.");
    assert_eq!(post(&daemon, &file, &signed, "orders/updated", "curl-3").await, "200");
    let events = daemon.settled("pine").await;
    assert_eq!(events[0]["state"], "duplicate", "another delivery of the same state");
    says(&home.run(&["order", "why", "curl-3"]).await, "It told nothing new.");

    let forged = write(&home, "forged.json", &open.to_string().replacen("Ada", "Eda", 1)).await;
    assert_eq!(post(&daemon, &forged, &signed, "orders/updated", "curl-4").await, "401");
    assert_eq!(home.run(&["order", "why", "curl-4"]).await.code(), 3, "nothing was stored");

    let garbage = write(&home, "garbage.json", "{\"id\": 7000000002, \"line_items\": [").await;
    let signed = signature(&garbage).await;
    assert_eq!(post(&daemon, &garbage, &signed, "orders/create", "curl-5").await, "200");
    let events = daemon.settled("pine").await;
    assert_eq!(
        (events[0]["state"].as_str(), events[0]["reason"].as_str()),
        (Some("set_aside"), Some("unreadable"))
    );
    let story = home.run(&["order", "why", "curl-5"]).await;
    says(&story, "It was set aside for a person. The body is not JSON.");
    says(&home.run(&["attention"]).await, "pine");
}
