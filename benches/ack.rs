//! How fast a signed order is acknowledged, beside the bare endpoint, in one go.
//!
//! Three servers run: the daemon, a second daemon whose stores are paused (it journals and does not
//! work on what it journals), and the HMAC-only twin (the same front; nothing is stored). They are
//! loaded in turn, round after round, so that a busy machine hurts all alike. Printed are medians of
//! the rounds: acks/s, its ratio to the twin, p50 and p99, and the server's CPU per hook.
//!
//! `scripts/bench` runs it. Options: `--seconds 5 --rounds 3 --stores 100 --connections 1,32,256`;
//! `--beside FILE` loads another build's daemon in the same rounds, to compare the two.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod server;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use server::order::order_body;
use server::{DAEMON, Server, serve, start};

/// Different orders that are sent; each delivery has an id of its own.
const ORDERS: usize = 20_000;
const BODY_BYTES: usize = 6_400;

struct Options {
    seconds: u64,
    rounds: usize,
    stores: usize,
    connections: Vec<usize>,
    beside: Option<PathBuf>,
}

fn options() -> Options {
    let mut options =
        Options { seconds: 5, rounds: 3, stores: 100, connections: vec![1, 32, 256], beside: None };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match name.as_str() {
            "--seconds" => options.seconds = value().parse().unwrap(),
            "--rounds" => options.rounds = value().parse().unwrap(),
            "--stores" => options.stores = value().parse().unwrap(),
            "--connections" => {
                options.connections = value().split(',').map(|n| n.parse().unwrap()).collect();
            }
            "--beside" => options.beside = Some(value().into()),
            // Given by cargo.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

fn daemon(name: &'static str, build: &Path, folder: &Path, stores: usize, paused: bool) -> Server {
    let server = start(name, serve(build, folder));
    let config = folder.join("config.toml");
    for store in 0..stores {
        let secret = folder.join("secret");
        std::fs::write(&secret, secret_of(store)).unwrap();
        let slug = format!("shop-{store}");
        run(
            &config,
            &[
                "store",
                "add",
                "--channel",
                "shopify",
                "--domain",
                &format!("{slug}.myshopify.com"),
                "--name",
                &slug,
                "--client-id",
                "c",
                "--client-secret-file",
                &secret.to_string_lossy(),
                "--no-connect",
            ],
        );
        if paused {
            run(&config, &["store", "pause", &slug]);
        }
    }
    server
}

fn run(config: &Path, arguments: &[&str]) {
    let status = Command::new(DAEMON)
        .args(arguments)
        .env("INSTASYNC_CONFIG", config)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
}

fn secret_of(store: usize) -> String {
    format!("secret-of-shop-{store}")
}

/// A request, with the place of its delivery id.
struct Request {
    bytes: Vec<u8>,
    id_at: usize,
}

fn requests(stores: usize) -> Vec<Request> {
    (0..ORDERS)
        .map(|n| {
            let store = n % stores;
            let body = order_body(n as u64, BODY_BYTES);
            let secret = secret_of(store);
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(&body);
            let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
            let head = format!(
                "POST /webhooks/shopify/shop-{store} HTTP/1.1\r\nHost: bench\r\n\
                 Content-Type: application/json\r\nX-Shopify-Topic: orders/create\r\n\
                 X-Shopify-Shop-Domain: shop-{store}.myshopify.com\r\n\
                 X-Shopify-API-Version: 2026-10\r\nX-Shopify-Hmac-Sha256: {signature}\r\n\
                 Content-Length: {}\r\nX-Shopify-Webhook-Id: ",
                body.len()
            );
            let id_at = head.len();
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(b"0000000000000000\r\n\r\n");
            bytes.extend_from_slice(&body);
            Request { bytes, id_at }
        })
        .collect()
}

/// What one run of one server came to.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
    refused: u64,
}

static DELIVERY: AtomicU64 = AtomicU64::new(1);

async fn load(
    server: &Server,
    requests: &Arc<Vec<Request>>,
    connections: usize,
    seconds: u64,
) -> Figures {
    let cpu = server.cpu();
    let begin = Instant::now();
    let until = begin + Duration::from_secs(seconds);
    let refused = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let (requests, refused) = (Arc::clone(requests), Arc::clone(&refused));
        let address = server.address.clone();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut latencies = Vec::new();
            let mut answer = vec![0; 2048];
            let mut request = Vec::new();
            let mut n = connection * (ORDERS / connections.max(1));
            while Instant::now() < until {
                let next = &requests[n % ORDERS];
                n += 1;
                request.clear();
                request.extend_from_slice(&next.bytes);
                let id = format!("{:016x}", DELIVERY.fetch_add(1, Ordering::Relaxed));
                request[next.id_at..next.id_at + 16].copy_from_slice(id.as_bytes());
                let sent = Instant::now();
                stream.write_all(&request).await.unwrap();
                let mut got = 0;
                while !answer[..got].windows(4).any(|end| end == b"\r\n\r\n") {
                    let read = stream.read(&mut answer[got..]).await.unwrap();
                    assert!(read > 0, "the server closed the connection");
                    got += read;
                }
                if answer.starts_with(b"HTTP/1.1 200") {
                    latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                } else {
                    refused.fetch_add(1, Ordering::Relaxed);
                    // What follows the head of a refusal is read with it.
                    stream = TcpStream::connect(&address).await.unwrap();
                }
            }
            latencies
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.unwrap());
    }
    let span = begin.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| {
        latencies.get(((latencies.len() as f64 * part) as usize).min(latencies.len() - 1))
    };
    Figures {
        rate: latencies.len() as f64 / span,
        p50: at(0.5).copied().unwrap_or(f64::NAN),
        p99: at(0.99).copied().unwrap_or(f64::NAN),
        cpu: (server.cpu() - cpu) / latencies.len().max(1) as f64,
        refused: refused.load(Ordering::Relaxed),
    }
}

/// Median by each figure.
fn median(rounds: &[Figures]) -> Figures {
    let mid = |figure: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Figures {
        rate: mid(|f| f.rate),
        p50: mid(|f| f.p50),
        p99: mid(|f| f.p99),
        cpu: mid(|f| f.cpu),
        refused: rounds.iter().map(|f| f.refused).sum(),
    }
}

/// p50 and p99 of writing and syncing 8 kB, in milliseconds.
fn fdatasync(folder: &Path) -> (f64, f64) {
    let mut file = File::create(folder.join("probe")).unwrap();
    let mut spans: Vec<f64> = (0..300)
        .map(|_| {
            let begin = Instant::now();
            file.write_all(&[7; 8192]).unwrap();
            file.sync_data().unwrap();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    spans.sort_by(f64::total_cmp);
    (spans[150], spans[297])
}

fn twin() -> Command {
    let deps: PathBuf = std::env::current_exe().unwrap();
    let example = deps.parent().unwrap().parent().unwrap().join("examples/hmac_only");
    Command::new(example)
}

fn main() {
    let options = options();
    let folder = tempfile::tempdir().unwrap();
    let (sync50, sync99) = fdatasync(folder.path());
    println!("fdatasync of 8 kB: p50 {sync50:.2} ms, p99 {sync99:.2} ms");
    println!(
        "{} stores, {BODY_BYTES} B orders, {} rounds of {} s each, SQLite WAL synchronous=FULL",
        options.stores, options.rounds, options.seconds
    );
    let mut command = twin();
    for store in 0..options.stores {
        command.arg(format!("shop-{store}={}", secret_of(store)));
    }
    let made = |name, build: &Path, place: &str, paused| {
        daemon(name, build, &folder.path().join(place), options.stores, paused)
    };
    let this = Path::new(DAEMON);
    let mut servers = vec![
        start("HMAC only", command),
        made("journal (paused)", this, "paused", true),
        made("journal and apply", this, "applying", false),
    ];
    if let Some(other) = &options.beside {
        servers.push(made("other build, journal (paused)", other, "other-paused", true));
        servers.push(made("other build, journal and apply", other, "other-applying", false));
    }
    let requests = Arc::new(requests(options.stores));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!(
        "\n| connections | server | acks/s | of HMAC only | p50 ms | p99 ms | CPU µs/hook | RSS MiB | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for connections in &options.connections {
        let mut rounds = vec![Vec::new(); servers.len()];
        for _ in 0..options.rounds {
            for (server, figures) in servers.iter().zip(&mut rounds) {
                figures.push(runtime.block_on(load(
                    server,
                    &requests,
                    *connections,
                    options.seconds,
                )));
            }
        }
        let bare = median(&rounds[0]).rate;
        for (server, figures) in servers.iter().zip(&rounds) {
            let f = median(figures);
            println!(
                "| {connections} | {} | {:.0} | {:.0} % | {:.2} | {:.2} | {:.0} | {} | {} |",
                server.name,
                f.rate,
                100.0 * f.rate / bare,
                f.p50,
                f.p99,
                f.cpu,
                server.resident_kib() / 1024,
                f.refused
            );
        }
    }
}
