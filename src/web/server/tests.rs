//! Slow, greedy and too many senders (F8), and a calm end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ServerLimits, serve_unix};
use crate::web::testing::{Client, patiently, sign};
use crate::web::webhook::tests::world::{PINE, SECRET, Settings, World, headers};

const SOON: Duration = Duration::from_millis(300);
/// Longer than any test waits.
const NEVER: Duration = Duration::from_mins(5);

fn limits(server: ServerLimits) -> Settings {
    Settings { server, ..Settings::default() }
}

#[tokio::test]
async fn f8_slow_headers_are_408_and_the_connection_ends() {
    let server = ServerLimits { header_timeout: SOON, ..ServerLimits::public(1) };
    let world = World::with(limits(server)).await;
    let mut client = world.connect().await;
    client.send(b"POST /webhooks/shopify/pine HTTP/1.1\r\nx-a").await;
    assert_eq!(client.answer().await.status, 408);
    client.hung_up().await;
}

#[tokio::test]
async fn f8_a_sender_that_says_nothing_is_disconnected() {
    let server = ServerLimits { header_timeout: SOON, ..ServerLimits::public(1) };
    let world = World::with(limits(server)).await;
    world.connect().await.hung_up().await;
}

#[tokio::test]
async fn f8_slow_headers_of_a_second_request_end_the_connection() {
    let server = ServerLimits { header_timeout: SOON, keep_alive: SOON, ..ServerLimits::public(1) };
    let world = World::with(limits(server)).await;
    let mut client = world.connect().await;
    let answer = client.post(PINE, &headers("d-1", &sign(SECRET, b"{}")), b"{}").await;
    assert_eq!(answer.status, 200);
    client.send(b"POST /webhooks/shopify/pine HTTP/1.1\r\nx-a").await;
    client.hung_up().await;
}

#[tokio::test]
async fn f8_huge_headers_are_refused() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let head = format!("POST {PINE} HTTP/1.1\r\nx-a: {}", "a".repeat(200_000));
    // The server need not read all of it.
    let _ = client.try_send(head.as_bytes()).await;
    assert_eq!(client.answer().await.status, 431);
    let many = "x: a\r\n".repeat(500);
    let mut client = world.connect().await;
    client.send(format!("POST {PINE} HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!([400, 431].contains(&client.answer().await.status));
}

#[tokio::test]
async fn f8_a_refused_body_that_never_ends_is_cut_off() {
    let server = ServerLimits { close_timeout: SOON, ..ServerLimits::public(1) };
    let world = World::with(limits(server)).await;
    let mut client = world.connect().await;
    let head = "POST /webhooks/shopify/nobody HTTP/1.1\r\nhost: x\r\n";
    client.send(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await;
    assert_eq!(client.answer().await.status, 404);
    patiently("cut", async {
        while client.try_send(b"1\r\nx\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Takes every connection the server has, and more, with senders that do nothing.
async fn crowd(world: &World, size: usize) -> Vec<Client> {
    let mut crowd = Vec::new();
    for number in 0..size {
        let mut client = world.connect().await;
        let said = match number % 3 {
            0 => String::new(),
            1 => format!("POST {PINE} HTTP/1.1\r\nx-a"),
            _ => format!("POST {PINE} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc"),
        };
        let _ = client.try_send(said.as_bytes()).await;
        crowd.push(client);
    }
    crowd
}

#[tokio::test]
async fn f8_a_genuine_sender_gets_through_a_crowd_that_does_nothing() {
    let server = ServerLimits {
        max_connections: 8,
        header_timeout: NEVER,
        keep_alive: NEVER,
        pressed_timeout: SOON,
        ..ServerLimits::public(2)
    };
    let mut settings = limits(server);
    settings.body.timeout = NEVER;
    let world = World::with(settings).await;
    let crowd = crowd(&world, 40).await;
    assert_eq!(world.deliver("d-1", SECRET, b"{}").await.status, 200);
    drop(crowd);
}

#[tokio::test]
async fn f8_a_request_in_work_is_never_cut_off() {
    let server = ServerLimits {
        max_connections: 2,
        header_timeout: SOON,
        keep_alive: Duration::ZERO,
        pressed_timeout: Duration::ZERO,
        ..ServerLimits::public(1)
    };
    let world = World::with(limits(server)).await;
    world.journal.gated.store(true, Ordering::Relaxed);
    let addr = world.addr;
    let delivery = tokio::spawn(async move {
        let mut client = Client::connect(addr).await;
        client.post(PINE, &headers("d-1", &sign(SECRET, b"{}")), b"{}").await
    });
    patiently("delivery", world.journal.gate.arrived.acquire()).await.unwrap().forget();
    // Those who say nothing are cut off meanwhile, one after the other.
    for _ in 0..3 {
        world.connect().await.hung_up().await;
    }
    world.journal.gate.open.add_permits(1);
    assert_eq!(delivery.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_graceful_stop_answers_what_it_has_begun() {
    let world = World::new().await;
    let (addr, journal) = (world.addr, world.journal.clone());
    let mut idle = world.connect().await;
    let answer = idle.post(PINE, &headers("d-0", &sign(SECRET, b"{}")), b"{}").await;
    assert_eq!(answer.status, 200);
    let mut silent = world.connect().await;
    journal.gated.store(true, Ordering::Relaxed);
    let delivery = tokio::spawn(async move {
        let mut client = Client::connect(addr).await;
        client.post(PINE, &headers("d-1", &sign(SECRET, b"{}")), b"{}").await
    });
    patiently("delivery", journal.gate.arrived.acquire()).await.unwrap().forget();
    let stop = tokio::spawn(world.stop());
    patiently("closed listener", async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    journal.gate.open.add_permits(1);
    assert_eq!(delivery.await.unwrap().status, 200);
    stop.await.unwrap();
    idle.hung_up().await;
    silent.hung_up().await;
    assert_eq!(journal.events.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_private_socket_answers_and_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instasync.sock");
    let routes = |config: &mut web::ServiceConfig| {
        config.route("/", web::get().to(async || HttpResponse::Ok().body("hello")));
    };
    let running = serve_unix(&path, &ServerLimits::private(), routes).unwrap();
    assert_eq!(running.addr(), None);
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    patiently("answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    patiently("stop", running.stop()).await.unwrap();
    assert!(!path.exists());
}
