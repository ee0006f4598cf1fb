//! Whatever is sent: no panic, no 5xx, and no word of it in the log (F8, I12).

use std::io::Write;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tracing_subscriber::fmt::MakeWriter;

use super::world::{PINE, SECRET, World, headers};
use crate::web::testing::{Answer, Client, sign};

/// Mostly what HTTP lets into a header, obsolete bytes included; sometimes what it does not.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let allowed =
        any::<u8>().prop_map(|byte| if byte < b' ' || byte == 0x7f { b'\t' } else { byte });
    let control = any::<u8>().prop_filter("ends a header", |byte| !b"\r\n\0".contains(byte));
    let any_of = |byte| prop::collection::vec(byte, 0..200);
    prop_oneof![20 => any_of(allowed.boxed()), 1 => any_of(control.boxed())]
}

/// Headers as bytes, a body, and whether the signature is right.
fn delivery() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>, bool)> {
    let values = prop::collection::vec(header_value(), 6);
    (values, prop::collection::vec(any::<u8>(), 0..1100), any::<bool>())
}

async fn send(world: &World, values: &[Vec<u8>], body: &[u8], signed: bool) -> Answer {
    let names =
        ["topic", "shop-domain", "webhook-id", "triggered-at", "api-version", "hmac-sha256"];
    let mut request = format!("POST {PINE} HTTP/1.1\r\nhost: x\r\n").into_bytes();
    for (name, value) in names.iter().zip(values) {
        if signed && ["shop-domain", "hmac-sha256"].contains(name) {
            continue;
        }
        request.extend_from_slice(format!("x-shopify-{name}: ").as_bytes());
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    if signed {
        let signature = sign(SECRET, body);
        request.extend_from_slice(format!("x-shopify-hmac-sha256: {signature}\r\n").as_bytes());
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    let mut client = Client::connect(world.addr).await;
    // The server may answer before it has read everything.
    let _ = client.try_send(&request).await;
    client.answer().await
}

#[test]
fn f8_no_header_and_no_body_makes_the_front_stumble() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let refused_by_http = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&delivery(), |(values, body, signed)| {
            let answer = runtime.block_on(send(&world, &values, &body, signed));
            let fits = body.len() <= 1000;
            match answer.status {
                200 => prop_assert!(signed && fits),
                413 => prop_assert!(!fits),
                401 => prop_assert!(!signed && fits),
                // A control character in a header: refused before it reaches us.
                400 => refused_by_http.set(refused_by_http.get() + 1),
                other => prop_assert!(false, "{}", other),
            }
            Ok(())
        })
        .unwrap();
    assert!(refused_by_http.get() < 150, "most of it reaches the front");
    let answer = runtime.block_on(world.deliver("last", SECRET, b"{}"));
    assert_eq!(answer.status, 200);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn i12_logs_name_the_store_and_hold_no_body_secret_or_header() {
    let log = Log::default();
    // For all threads, the server's too; every test has a process of its own.
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone());
    let level = tracing::Level::DEBUG;
    tracing::subscriber::set_global_default(subscriber.with_max_level(level).finish()).unwrap();

    let world = World::new().await;
    let body = br#"{"email":"ada@example.com"}"#;
    let good = sign(SECRET, body);
    let forged = sign("guessed", body);
    assert_eq!(world.deliver("delivery-77", SECRET, body).await.status, 200);
    let answer = world.post(PINE, &headers("delivery-78", &forged), body).await;
    assert_eq!(answer.status, 401);
    assert_eq!(world.deliver("delivery-79", SECRET, &[b'z'; 2000]).await.status, 413);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("pine") && text.contains("not authentic"), "{text}");
    assert!(text.contains(answer.field("trace_id").trim_matches('"')), "{text}");
    for hidden in ["ada@example.com", SECRET, "guessed", &good, &forged, "zzz", "delivery-7"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
