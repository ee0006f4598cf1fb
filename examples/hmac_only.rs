//! The public front with nothing behind it: bodies are read and verified, nothing is stored. What
//! the journal costs is measured against this twin (`benches/ack.rs`).
//!
//! Arguments: a `slug=secret` for each store.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use instasync::channel::shopify::Shopify;
use instasync::channel::{CartHttp, Channels, Credentials, Outbound};
use instasync::clock::Clock;
use instasync::config::{Log, LogFormat};
use instasync::directory::Directory;
use instasync::domain::{AccountId, ChannelKind};
use instasync::ledger::memory::Memory;
use instasync::ledger::{Ledger, NewStore, StoreRow, Write};
use instasync::metrics::{About, Metrics};
use instasync::vault::Vault;
use instasync::web::server::{ServerLimits, bind, serve_public};
use instasync::web::webhook::{BodyLimits, Front, hmac_only_routes};

fn main() {
    instasync::daemon::logging::start(&Log { format: LogFormat::Json, filter: "info".to_owned() });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let runtime = Arc::new(runtime);
    let shared = Arc::clone(&runtime);
    let system = actix_rt::System::with_tokio_rt(move || shared);
    system.block_on(serve(&runtime));
}

async fn serve(runtime: &tokio::runtime::Runtime) {
    let clock = Clock::system();
    let ledger: Arc<dyn Ledger> = Arc::new(Memory::default());
    let vault = Arc::new(Vault::new([7; 32]));
    let directory = Directory::load(Arc::clone(&ledger), vault).await.unwrap();
    let stores: Vec<Write> = std::env::args()
        .skip(1)
        .filter_map(|argument| {
            let (slug, secret) = argument.split_once('=')?;
            Some(Write::AddStore(Box::new(NewStore {
                row: store(&directory, slug, secret, &clock),
                first_run: clock.now(),
            })))
        })
        .collect();
    ledger.write(&stores).await.unwrap();
    let directory = Directory::load(ledger, Arc::new(Vault::new([7; 32]))).await.unwrap();

    let about = About { version: "0", revision: "bench", started_at: clock.now() };
    let metrics = Metrics::new(500, about, runtime.handle().clone());
    let patience = std::time::Duration::from_secs(5);
    let http = CartHttp::new(Outbound {
        allow_private: false,
        connect_timeout: patience,
        timeout: patience,
    })
    .unwrap();
    let channels = Channels::default().with(Arc::new(Shopify::new(http)));
    let front = Front::without_journal(
        Arc::new(directory),
        channels,
        metrics,
        clock,
        BodyLimits::default(),
    );
    let front = Arc::new(front);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let socket = bind("127.0.0.1:0".parse().unwrap(), 1024).unwrap();
    let server = serve_public(socket, &ServerLimits::public(workers), move |routes| {
        hmac_only_routes(routes, &front);
    })
    .unwrap();
    let addr = server.addr().unwrap();
    tracing::info!(listener = "public", addr = %addr, "listening");
    std::future::pending::<()>().await;
}

fn store(directory: &Directory, slug: &str, secret: &str, clock: &Clock) -> StoreRow {
    let domain = format!("{slug}.myshopify.com");
    let (slug, name) = (slug.to_owned(), slug.to_owned());
    let (account, channel) = (AccountId(1), ChannelKind::Shopify);
    let mut row = StoreRow::new(account, channel, domain, slug, name, clock.now());
    let credentials =
        Credentials { client_secret: Some(secret.to_owned().into()), ..Credentials::default() };
    directory.seal(&mut row, &credentials);
    row
}
