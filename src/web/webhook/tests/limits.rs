//! Bodies that are too large, too slow or never end (F8).

use std::time::Duration;

use super::world::{PINE, SECRET, Settings, World, head};
use crate::web::testing::{Client, sign};
use crate::web::webhook::BodyLimits;

const MAX: usize = 1000;

async fn chunked(client: &mut Client, signature: &str, body: &[u8]) {
    client.send(head(signature, "transfer-encoding: chunked").as_bytes()).await;
    for part in body.chunks(300) {
        client.send(format!("{:x}\r\n", part.len()).as_bytes()).await;
        client.send(part).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
}

#[tokio::test]
async fn r9_a_body_at_the_limit_is_taken_and_one_byte_more_is_413() {
    let world = World::new().await;
    for (size, expected) in [(MAX, 200), (MAX + 1, 413), (MAX * 50, 413)] {
        let body = vec![b'x'; size];
        let answer = world.deliver(&format!("d-{size}"), SECRET, &body).await;
        assert_eq!(answer.status, expected, "{size} bytes declared");
        let mut client = world.connect().await;
        chunked(&mut client, &sign(SECRET, &body), &body).await;
        assert_eq!(client.answer().await.status, expected, "{size} bytes in chunks");
    }
    assert_eq!(world.events().len(), 2);
    assert_eq!(world.counted("pine", "orders/create", "too_large"), 2, "in chunks");
    assert_eq!(world.counted("other", "other", "too_large"), 2, "declared: nobody looked further");
}

#[tokio::test]
async fn r9_a_huge_declared_length_is_refused_before_anything_is_read() {
    let world = World::new().await;
    for length in ["1001", "99999999999999", "18446744073709551615"] {
        let mut client = world.connect().await;
        let head = format!("POST {PINE} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        client.send(head.as_bytes()).await;
        assert_eq!(client.answer().await.status, 413, "{length}");
    }
    let mut client = world.connect().await;
    let nonsense = format!("POST {PINE} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n");
    client.send(nonsense.as_bytes()).await;
    assert_eq!(client.answer().await.status, 400);
}

#[tokio::test]
async fn r9_a_body_longer_than_declared_is_cut_where_it_should_end() {
    let world = World::new().await;
    let signature = sign(SECRET, b"{}");
    let mut client = world.connect().await;
    let request = head(&signature, "content-length: 2") + "{}GARBAGE THAT IS NO REQUEST\r\n\r\n";
    client.send(request.as_bytes()).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(world.events()[0].body.unpack(), b"{}");
    client.hung_up().await;
}

#[tokio::test]
async fn r9_a_slow_body_is_408_and_the_connection_ends() {
    let timeout = Duration::from_millis(200);
    let body = BodyLimits { max_bytes: MAX, timeout, ..BodyLimits::default() };
    let world = World::with(Settings { body, ..Settings::default() }).await;
    let mut client = world.connect().await;
    let signature = sign(SECRET, b"0123456789");
    let request = head(&signature, "content-length: 10") + "012";
    client.send(request.as_bytes()).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    client.hung_up().await;
    assert_eq!(world.counted("pine", "orders/create", "incomplete"), 1);
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn r9_a_sender_that_hangs_up_midway_leaves_nothing_behind() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let request = format!("POST {PINE} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n012");
    client.send(request.as_bytes()).await;
    drop(client);
    assert_eq!(world.deliver("d-1", SECRET, b"{}").await.status, 200);
    assert_eq!(world.events().len(), 1);
}

#[tokio::test]
async fn f8_large_bodies_cannot_take_the_room_of_the_usual_ones() {
    let max_bytes = 200_000;
    let body = BodyLimits { max_bytes, room: max_bytes, ..BodyLimits::default() };
    let world = World::with(Settings { body, ..Settings::default() }).await;
    let (mut one, mut two) = (world.connect().await, world.connect().await);
    for client in [&mut one, &mut two] {
        let head =
            format!("POST {PINE} HTTP/1.1\r\nhost: x\r\ncontent-length: {max_bytes}\r\n\r\n");
        client.send(head.as_bytes()).await;
    }
    // Neither is complete; together they are over the room, so one of them has to go.
    let half = vec![b'x'; 150_000];
    let (sent_one, sent_two) = tokio::join!(one.try_send(&half), two.try_send(&half));
    assert!(sent_one.is_ok() || sent_two.is_ok());
    let status = tokio::select! {
        answer = one.answer() => answer.status,
        answer = two.answer() => answer.status,
    };
    assert_eq!(status, 503);
    assert_eq!(world.deliver("d-1", SECRET, b"{}").await.status, 200);
}
