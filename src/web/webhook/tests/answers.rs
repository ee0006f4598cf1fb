//! Who gets which answer, and what is stored.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rstest::rstest;

use super::world::{
    ENDED_SECRET, NOW, OAK_SECRET, OLD_SECRET, PINE, SECRET, Settings, World, head, headers,
};
use crate::actor::WriteError;
use crate::domain::{Source, StoreId, Timestamp};
use crate::web::testing::{Answer, patiently, sign};

const BODY: &[u8] = br#"{"id": 820982911946154508, "note": "a\/b \u0026 c", "line_items": []}"#;

/// The body of a refusal without what differs from one to the next.
fn plain(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let trace = answer.field("trace_id");
    assert_eq!(trace.len(), 34, "32 digits in quotes: {trace}");
    answer.body.replace(&trace, "…")
}

#[tokio::test]
async fn r8_an_authentic_delivery_is_journaled_as_it_came_and_answered_200() {
    let world = World::new().await;
    let answer = world.deliver("d-1", SECRET, BODY).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.iter().all(|name| ["content-length", "date"].contains(name)), "{names:?}");

    let events = world.events();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.body.unpack(), BODY, "not a byte is changed");
    assert_eq!((event.store, event.source), (StoreId(1), Source::Webhook));
    assert_eq!(event.topic, "orders/create");
    assert_eq!(event.delivery_id.as_deref(), Some("d-1"));
    assert_eq!(event.triggered_at, Timestamp::parse("2023-11-14T22:13:19.123456Z"));
    assert!(event.received_at >= NOW);
    assert_eq!(*world.journal.nudges.lock().unwrap(), [StoreId(1)]);
    assert_eq!(world.counted("pine", "orders/create", "accepted"), 1);
    assert!(world.numbers().contains("instasync_webhook_ack_duration_seconds_count 1"));
}

#[tokio::test]
async fn r8_nobody_hears_200_before_it_is_written_down() {
    let world = World::new().await;
    world.journal.gated.store(true, Ordering::Relaxed);
    let mut client = world.connect().await;
    let signature = sign(SECRET, BODY);
    let length = format!("content-length: {}", BODY.len());
    client.send(head(&signature, &length).as_bytes()).await;
    client.send(BODY).await;
    patiently("delivery", world.journal.gate.arrived.acquire()).await.unwrap().forget();
    assert!(!client.has_answer() && world.journal.nudges.lock().unwrap().is_empty());
    world.journal.gate.open.add_permits(1);
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn r8_both_secrets_count_while_rotating_and_an_ended_one_does_not() {
    let world = World::new().await;
    for (secret, expected) in [(SECRET, 200), (OLD_SECRET, 200), (ENDED_SECRET, 401)] {
        assert_eq!(world.deliver(secret, secret, BODY).await.status, expected, "{secret}");
    }
    assert_eq!(world.events().len(), 2);
}

#[tokio::test]
async fn r8_a_connection_serves_one_delivery_after_the_other() {
    let world = World::new().await;
    let mut client = world.connect().await;
    for id in ["a", "b", "c"] {
        let answer = client.post(PINE, &headers(id, &sign(SECRET, BODY)), BODY).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(world.events().len(), 3);
}

#[rstest]
#[case(WriteError::Overloaded)]
#[case(WriteError::Unavailable("disk full at /secret/place".to_owned()))]
#[case(WriteError::Rejected("constraint".to_owned()))]
#[case(WriteError::Deadline(Duration::from_secs(3)))]
#[tokio::test]
async fn r8_what_cannot_be_written_is_503_with_retry_after(#[case] failure: WriteError) {
    let world = World::new().await;
    *world.journal.failure.lock().unwrap() = Some(failure);
    let mut client = world.connect().await;
    let signature = sign(SECRET, BODY);
    let answer = client.post(PINE, &headers("d-1", &signature), BODY).await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(!plain(&answer).contains("secret"), "{}", answer.body);
    assert_eq!(world.counted("pine", "orders/create", "shed"), 1);
    assert!(world.journal.nudges.lock().unwrap().is_empty());

    // A genuine sender keeps its connection and succeeds once the trouble is over.
    *world.journal.failure.lock().unwrap() = None;
    assert_eq!(client.post(PINE, &headers("d-1", &signature), BODY).await.status, 200);
}

#[rstest]
#[case::the_master_key_is_wrong(true)]
#[case::the_ledger_cannot_be_read(false)]
#[tokio::test]
async fn r8_secrets_that_cannot_be_opened_are_503(#[case] wrong_key: bool) {
    let world = World::with(Settings { wrong_key, ..Settings::default() }).await;
    world.ledger.broken.store(!wrong_key, Ordering::Relaxed);
    for secret in [SECRET, "forged"] {
        let answer = world.deliver("d-1", secret, BODY).await;
        assert_eq!(answer.status, 503);
        assert!(answer.header("retry-after").is_some());
    }
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn r9_forgeries_are_401_alike_and_leave_nothing_behind() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    let other_body = sign(SECRET, b"{}");
    let oak = sign(OAK_SECRET, BODY);
    let hex = "00".repeat(32);
    let mut texts = Vec::new();
    let forged = ["", "x", "%%%", &other_body, &oak, &hex, &signature[..signature.len() - 2]];
    for bad in forged {
        let answer = world.post(PINE, &headers("d-1", bad), BODY).await;
        assert_eq!(answer.status, 401, "{bad}");
        assert_eq!(answer.header("connection"), Some("close"));
        texts.push(plain(&answer));
    }
    let unsigned = &headers("d-1", "")[..4];
    let answer = world.post(PINE, unsigned, BODY).await;
    assert_eq!(answer.status, 401, "no signature at all");
    texts.push(plain(&answer));
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(world.events().is_empty() && world.journal.nudges.lock().unwrap().is_empty());
    assert_eq!(world.counted("pine", "orders/create", "bad_signature"), forged.len() as u64 + 1);
}

#[tokio::test]
async fn r9_path_and_shop_header_that_disagree_are_401() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    for domain in ["oak.myshopify.com", "nowhere.myshopify.com", "", "p\u{ef}ne"] {
        let mut headers = headers("d-1", &signature);
        headers[1].1 = domain;
        assert_eq!(world.post(PINE, &headers, BODY).await.status, 401, "{domain}");
    }
    let signed_for_oak = headers("d-1", &signature);
    assert_eq!(world.post("/webhooks/shopify/oak", &signed_for_oak, BODY).await.status, 401);
    assert!(world.events().is_empty());
    let mut without = headers("d-1", &signature).to_vec();
    without.remove(1);
    assert_eq!(world.post(PINE, &without, BODY).await.status, 200, "only the path names a store");
}

#[tokio::test]
async fn r9_the_shop_header_alone_finds_the_store() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    let mut headers = headers("d-1", &signature);
    assert_eq!(world.post("/webhooks/shopify", &headers, BODY).await.status, 200);
    headers[1].1 = "oak.myshopify.com";
    assert_eq!(world.post("/webhooks/shopify", &headers, BODY).await.status, 401);
    headers[1].1 = "nowhere.myshopify.com";
    assert_eq!(world.post("/webhooks/shopify", &headers, BODY).await.status, 404);
    let without: Vec<_> = headers.into_iter().filter(|(name, _)| !name.contains("Shop-")).collect();
    assert_eq!(world.post("/webhooks/shopify", &without, BODY).await.status, 404);
    assert_eq!(world.events().len(), 1);
}

#[rstest]
#[case("/webhooks/shopify/nobody")]
#[case::a_store_of_another_channel("/webhooks/shopify/harbor")]
#[case("/webhooks/shopify/")]
#[case("/webhooks/shopify/pine/orders")]
#[case("/webhooks/shopify/%ff%00")]
#[case::not_in_this_build("/webhooks/bigcommerce/harbor")]
#[case::not_in_this_build("/webhooks/woocommerce/x")]
#[case::not_in_this_build("/webhooks/custom/x")]
#[case::private("/metrics")]
#[case::private("/api/v1/stores")]
#[case("/")]
#[tokio::test]
async fn r9_unknown_stores_and_routes_are_404(#[case] path: &str) {
    let world = World::new().await;
    let answer = world.post(path, &headers("d-1", &sign(SECRET, BODY)), BODY).await;
    assert_eq!(answer.status, 404);
    assert!(plain(&answer).contains(r#""title":"Not Found""#));
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn r9_unknown_stores_are_counted_without_making_series() {
    let world = World::new().await;
    for slug in ["a", "b", "c"] {
        let path = format!("/webhooks/shopify/{slug}");
        let mut headers = headers("d-1", "x");
        headers[0].1 = slug;
        assert_eq!(world.post(&path, &headers, BODY).await.status, 404);
    }
    assert_eq!(world.counted("other", "other", "unknown_store"), 3);
}

#[rstest]
#[tokio::test]
async fn r9_other_methods_are_405(
    #[values("GET", "PUT", "HEAD", "DELETE", "OPTIONS")] method: &str,
    #[values(PINE, "/webhooks/shopify")] path: &str,
) {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    if method == "HEAD" {
        // Announces a body that does not come; the client would wait for it.
        client.hung_up().await;
        return;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    plain(&answer);
}

#[rstest]
#[case::no_json("orders/create", b"\xff\xfe{".as_slice())]
#[case::nothing("orders/create", b"")]
#[case::another_shape("orders/create", b"[1]")]
#[case::unknown_topic("moons/full", b"{}")]
#[tokio::test]
async fn r9_authentic_but_useless_is_stored_and_answered_200(
    #[case] topic: &str,
    #[case] body: &[u8],
) {
    let world = World::new().await;
    let signature = sign(SECRET, body);
    let mut headers = headers("d-1", &signature);
    headers[0].1 = topic;
    assert_eq!(world.post(PINE, &headers, body).await.status, 200);
    let events = world.events();
    assert_eq!((events[0].topic.as_str(), &events[0].body.unpack()[..]), (topic, body));
    let label = if topic == "moons/full" { "other" } else { topic };
    assert_eq!(world.counted("pine", label, "accepted"), 1);
}

#[tokio::test]
async fn r9_a_compressed_body_is_neither_unpacked_nor_refused() {
    let world = World::new().await;
    let body = b"\x1f\x8b\x08\x00not really";
    let signature = sign(SECRET, body);
    let mut headers = headers("d-1", &signature).to_vec();
    headers.push(("content-encoding", "gzip"));
    assert_eq!(world.post(PINE, &headers, body).await.status, 200);
    assert_eq!(world.events()[0].body.unpack(), body);
}

#[tokio::test]
async fn r9_unsigned_words_are_made_printable_and_short_before_they_are_stored() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    let long = "t".repeat(5000);
    for (topic, id) in [("or ders/<b>\t\u{1f600}", "d\u{e9} 1"), (long.as_str(), long.as_str())] {
        let mut headers = headers(id, &signature);
        headers[0].1 = topic;
        assert_eq!(world.post(PINE, &headers, BODY).await.status, 200);
    }
    let events = world.events();
    assert_eq!(events[0].topic, "or?ders/<b>??");
    assert_eq!(events[0].delivery_id.as_deref(), Some("d??1"));
    assert_eq!(events[1].topic.len(), 128);
    assert_eq!(events[1].delivery_id.as_ref().map(String::len), Some(255));
    assert_eq!(world.counted("pine", "other", "accepted"), 2);
}

#[tokio::test]
async fn r10_the_same_delivery_twice_is_one_event() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.deliver("d-1", SECRET, BODY).await.status, 200);
    }
    assert_eq!(world.events().len(), 1);
    assert_eq!(world.journal.nudges.lock().unwrap().len(), 3, "a nudge may have been lost");
    assert_eq!(world.counted("pine", "orders/create", "accepted"), 1);
    assert_eq!(world.counted("pine", "orders/create", "duplicate"), 2);
}

#[tokio::test]
async fn r10_nothing_is_merged_that_could_be_another_delivery() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    let long = "d".repeat(300);
    let ids = ["", "", "d-1", "d-2", &format!("{long}1"), &format!("{long}2")];
    for id in ids {
        assert_eq!(world.post(PINE, &headers(id, &signature), BODY).await.status, 200);
    }
    let mut other_topic = headers("d-1", &signature);
    other_topic[0].1 = "orders/updated";
    assert_eq!(world.post(PINE, &other_topic, BODY).await.status, 200);
    let mut without_id = headers("d-1", &signature).to_vec();
    without_id.remove(2);
    for _ in 0..2 {
        assert_eq!(world.post(PINE, &without_id, BODY).await.status, 200);
    }
    assert_eq!(world.events().len(), ids.len() + 3);
}

#[tokio::test]
async fn r43_late_callbacks_of_a_disconnected_store_are_taken() {
    let world = World::new().await;
    let signature = sign(SECRET, BODY);
    let mut headers = headers("d-1", &signature);
    headers[1].1 = "elm.myshopify.com";
    assert_eq!(world.post("/webhooks/shopify/elm", &headers, BODY).await.status, 200);
    assert_eq!(world.events()[0].store, StoreId(3));
}

#[tokio::test]
async fn the_hmac_only_twin_verifies_alike_and_stores_nothing() {
    let world = World::with(Settings { hmac_only: true, ..Settings::default() }).await;
    assert_eq!(world.deliver("d-1", SECRET, BODY).await.status, 200);
    assert_eq!(world.deliver("d-1", "forged", BODY).await.status, 401);
    assert_eq!(world.deliver("d-1", SECRET, &[b' '; 1001]).await.status, 413);
    assert!(world.events().is_empty());
}
