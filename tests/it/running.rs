//! The daemon under a service supervisor: readiness, watchdog, reload, socket activation, a calm end.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::Command;
use tokio::time::Instant;

use crate::support::cart::{SECRET, order, sign};
use crate::support::daemon::{BINARY, Daemon, Home};
use crate::support::{PATIENCE, eventually};

/// The socket that systemd would listen on.
struct Supervisor {
    socket: UnixDatagram,
}

impl Supervisor {
    fn new(home: &Home) -> Self {
        Self { socket: UnixDatagram::bind(home.path("notify")).expect("a socket") }
    }

    /// Waits for a message that says `word`; gives it.
    async fn hears(&self, word: &str) -> String {
        let heard = async {
            let mut buffer = vec![0; 4096];
            loop {
                let length = self.socket.recv(&mut buffer).await.expect("a message");
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.lines().any(|line| line.starts_with(word)) {
                    return text;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("no {word}"))
    }
}

fn serve(home: &Home) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(home.path("config.toml"));
    command
}

async fn signal(daemon: &Daemon, name: &str) {
    let pid = daemon.pid().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().await.expect("kill runs");
    assert!(sent.success());
}

/// Waits for a line of the log with that message.
async fn logs(daemon: &mut Daemon, message: &str) -> Value {
    let line = async {
        loop {
            let line = daemon.log.recv().await.expect("the daemon runs");
            if let Ok(entry) = serde_json::from_str::<Value>(&line)
                && entry["message"] == message
            {
                return entry;
            }
        }
    };
    tokio::time::timeout(PATIENCE, line).await.unwrap_or_else(|_| panic!("no {message:?}"))
}

#[tokio::test]
async fn systemd_hears_of_readiness_work_reload_and_the_end() {
    let home = Home::new("");
    let supervisor = Supervisor::new(&home);
    let mut command = serve(&home);
    command.env("NOTIFY_SOCKET", home.path("notify")).env("WATCHDOG_USEC", "2000000");
    let daemon = Daemon::spawn(command).await;
    let ready = supervisor.hears("READY=1").await;
    assert!(ready.contains("STATUS=0 stores"), "{ready}");
    for _ in 0..2 {
        supervisor.hears("WATCHDOG=1").await;
    }
    signal(&daemon, "-HUP").await;
    let reloading = supervisor.hears("RELOADING=1").await;
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    supervisor.hears("READY=1").await;
    signal(&daemon, "-TERM").await;
    supervisor.hears("STOPPING=1").await;
}

#[tokio::test]
async fn a_reload_takes_all_or_nothing() {
    let home = Home::new("");
    let mut daemon = home.start().await;
    home.configure("[stores]\nturn_events = 9\n");
    signal(&daemon, "-HUP").await;
    let changed = logs(&mut daemon, "a setting changed").await;
    assert_eq!(
        (changed["key"].as_str(), changed["restart"].as_bool()),
        (Some("stores.turn_events"), Some(true))
    );
    home.configure("[stores]\nturn_event = 9\n");
    signal(&daemon, "-HUP").await;
    let refused = logs(&mut daemon, "the configuration was not reloaded").await;
    assert!(refused["error"].as_str().unwrap().contains("config.toml:"), "{refused}");
    let answer = reqwest::get(format!("{}/livez", daemon.private)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "a bad reload harms nothing");
}

#[tokio::test]
async fn systemd_may_hold_the_public_port() {
    let home = Home::new("");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut activator = std::process::Command::new("systemd-socket-activate");
    activator
        .args(["-l", &free.to_string(), "--fdname=public", BINARY, "serve", "--config"])
        .arg(home.path("config.toml"))
        .process_group(0);
    let mut activator = Command::from(activator);
    activator.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = activator.kill_on_drop(true).spawn().expect("scripts/test installs systemd");
    // The first connection is what starts the daemon; it is kept by the system until then.
    let answer = eventually("an answer through the inherited socket", || async {
        let mut stream = TcpStream::connect(free).await.ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    child.kill().await.expect("ended");
}

/// A delivery that the daemon has begun to take and whose last byte is still to come.
async fn begin_delivery(daemon: &Daemon, id: u64) -> (TcpStream, Vec<u8>) {
    let body = order(id).to_string().into_bytes();
    let head = format!(
        "POST /webhooks/shopify/pine HTTP/1.1\r\nHost: hooks\r\nContent-Type: application/json\r\n\
         X-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: pine.myshopify.com\r\n\
         X-Shopify-Webhook-Id: slow-{id}\r\nX-Shopify-Hmac-Sha256: {}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        sign(SECRET, &body),
        body.len()
    );
    let address = daemon.public.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The daemon asks for the body: from here on the delivery is in its hands.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&go_on));
    let (most, last) = body.split_at(body.len() - 1);
    stream.write_all(most).await.unwrap();
    (stream, last.to_vec())
}

#[tokio::test]
async fn i1_a_calm_end_finishes_what_was_begun() {
    let home = Home::new("");
    let mut daemon = home.start().await;
    home.add_store("pine").await;
    for id in 5000..5040 {
        assert_eq!(daemon.deliver("pine", "orders/create", &order(id)).await, StatusCode::OK);
    }
    let (mut stream, last) = begin_delivery(&daemon, 5040).await;
    signal(&daemon, "-TERM").await;
    logs(&mut daemon, "ending").await;
    stream.write_all(&last).await.unwrap();
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert!(daemon.terminate().await.success());

    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    daemon.settled("pine").await;
    assert_eq!(daemon.orders("pine").await.len(), 41);
}

#[tokio::test]
async fn a_second_signal_leaves_at_once() {
    let home = Home::new("");
    let mut daemon = home.start().await;
    home.add_store("pine").await;
    // A sender that never finishes would be waited for.
    let (_stream, _last) = begin_delivery(&daemon, 5001).await;
    signal(&daemon, "-TERM").await;
    logs(&mut daemon, "ending").await;
    let asked = Instant::now();
    let ended = daemon.terminate().await;
    assert!(ended.success(), "{ended:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}
