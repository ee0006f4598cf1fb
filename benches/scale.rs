//! What size costs: memory of idle stores and of woken ones (S8), and the time from exec to the first
//! acknowledged delivery (S9), for a small book, for 100,000 stores without any order, and for
//! 100,000 stores, a million orders and 10,000 open events, one a store. The events are put there
//! anew before every start.
//!
//! `scripts/bench --scale` runs it. Options: `--stores 100000 --orders 1000000 --open 10000 --rounds 5`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use instasync::channel::Credentials;
use instasync::directory::Directory;
use instasync::domain::order::Guard;
use instasync::domain::{
    AccountId, Amount, ArrivedBy, CartOrderId, CartSide, CartState, ChannelKind, Content, Flags,
    Line, Order, OrderId, Sighting, Source, Status, StoreId, Task, Timestamp, Totals,
};
use instasync::ledger::sqlite::{Sqlite, SqliteOptions};
use instasync::ledger::{
    Autosync, Body, Commit, DeliveryKey, Ledger, NewEvent, NewStore, OrderWrite, StoreRow,
    TaskSettings, Write, Written,
};
use instasync::vault::Vault;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use server::order::order_body;
use server::{DAEMON, MASTER_KEY, Server, serve, start};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const SECRET: &str = "secret of every store here";
/// Writes in one transaction while a book is made.
const BATCH: usize = 2000;

#[derive(Clone, Copy)]
struct Size {
    stores: usize,
    orders: usize,
    open: usize,
}

fn main() {
    let mut large = Size { stores: 100_000, orders: 1_000_000, open: 10_000 };
    let mut rounds = 5;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut number =
            || rest.next().unwrap_or_else(|| panic!("{name} takes a number")).parse().unwrap();
        match name.as_str() {
            "--stores" => large.stores = number(),
            "--orders" => large.orders = number(),
            "--open" => large.open = number(),
            "--rounds" => rounds = number(),
            // Given by cargo.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    let small = Size { stores: 10, orders: 100, open: 0 };
    let idle = Size { orders: 0, open: 0, ..large };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!(
        "| stores | orders | open events | first ack ms (median) | worst ms | RSS MiB | more than the row above, B per store (per woken store) |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut above: Option<(u64, Size)> = None;
    for size in [small, idle, large] {
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(book(folder.path(), size));
        let mut spans = Vec::new();
        let mut resident = 0;
        for round in 0..rounds {
            runtime.block_on(deliver(folder.path(), size, round));
            let (span, server) = runtime.block_on(first_ack(folder.path(), round));
            spans.push(span.as_secs_f64() * 1e3);
            resident = runtime.block_on(rested(&server));
        }
        spans.sort_by(f64::total_cmp);
        let per_store = above.map_or("–".to_owned(), |(before, smaller)| {
            let more = (size.stores - smaller.stores).max(size.open) as u64;
            format!("{}", resident.saturating_sub(before) * 1024 / more.max(1))
        });
        above = Some((resident, size));
        println!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.0} | {per_store} |",
            size.stores,
            size.orders,
            size.open,
            spans[spans.len() / 2],
            spans[spans.len() - 1],
            resident as f64 / 1024.0,
        );
    }
}

/// Starts the daemon and delivers at once; the time from exec to the answer.
async fn first_ack(folder: &Path, round: usize) -> (Duration, Server) {
    let body = order_body(900_000_000 + round as u64, 6400);
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let mut request = format!(
        "POST /webhooks/shopify/shop-1 HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         X-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: shop-1.myshopify.com\r\n\
         X-Shopify-Webhook-Id: first-{round}\r\nX-Shopify-Hmac-Sha256: {signature}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    let began = Instant::now();
    let server = start("daemon", serve(Path::new(DAEMON), folder));
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let mut answer = [0; 256];
    let length = stream.read(&mut answer).await.unwrap();
    let span = began.elapsed();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    (span, server)
}

/// Memory once the daemon has worked off what was open, in KiB: the least of what is seen.
async fn rested(server: &Server) -> u64 {
    let mut least = u64::MAX;
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        least = least.min(server.resident_kib());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    least
}

/// Makes a book of that size with the build's own ledger.
async fn book(folder: &Path, size: Size) {
    let ledger = open(folder).await;
    let vault = Arc::new(Vault::new(MASTER_KEY));
    let directory = Directory::load(Arc::clone(&ledger), vault).await.unwrap();
    let stores: Vec<usize> = (0..size.stores).collect();
    for some in stores.chunks(BATCH) {
        let batch: Vec<Write> = some
            .iter()
            .map(|n| {
                Write::AddStore(Box::new(NewStore { row: store(&directory, *n), first_run: NOW }))
            })
            .collect();
        let written = ledger.write(&batch).await.unwrap();
        // No store is polled while it is measured.
        let ids = written.iter().filter_map(|written| match written {
            Written::StoreAdded { id, .. } => Some(*id),
            _ => None,
        });
        let quiet: Vec<Write> = ids.map(without_autosync).collect();
        ledger.write(&quiet).await.unwrap();
    }
    let epochs: Vec<Write> =
        (1..=size.stores).map(|id| Write::TakeEpoch(StoreId(id as i64))).collect();
    for some in epochs.chunks(BATCH) {
        for written in ledger.write(some).await.unwrap() {
            assert!(matches!(written, Written::Epoch(1)));
        }
    }
    let per_store = size.orders.div_ceil(size.stores);
    if per_store == 0 {
        return ledger.close().await.unwrap();
    }
    let commits: Vec<usize> = (1..=size.stores).collect();
    for some in commits.chunks(BATCH / 10) {
        let batch: Vec<Write> = some
            .iter()
            .map(|id| Write::Commit(Box::new(orders(StoreId(*id as i64), per_store))))
            .collect();
        for written in ledger.write(&batch).await.unwrap() {
            assert_eq!(written, Written::Committed);
        }
    }
    ledger.close().await.unwrap();
}

async fn open(folder: &Path) -> Arc<dyn Ledger> {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let options = SqliteOptions {
        path: folder.join("data/instasync.db"),
        readers: 2,
        checkpoint_bytes: 64 << 20,
        wal_cap_bytes: 256 << 20,
        now: NOW,
    };
    Arc::new(Sqlite::open(options).await.unwrap())
}

/// Journals the open events of one start.
async fn deliver(folder: &Path, size: Size, round: usize) {
    let ledger = open(folder).await;
    let open: Vec<usize> = (0..size.open).collect();
    for some in open.chunks(BATCH) {
        let batch: Vec<Write> = some
            .iter()
            .map(|n| Write::Journal(event(round * size.open + n, size.stores)))
            .collect();
        ledger.write(&batch).await.unwrap();
    }
    ledger.close().await.unwrap();
}

fn store(directory: &Directory, n: usize) -> StoreRow {
    let slug = format!("shop-{n}");
    let domain = format!("{slug}.myshopify.com");
    let (account, channel) = (AccountId(1), ChannelKind::Shopify);
    let mut row = StoreRow::new(account, channel, domain, slug.clone(), slug, NOW);
    let credentials = Credentials {
        client_id: Some("client".to_owned()),
        client_secret: Some(SECRET.to_owned().into()),
        ..Credentials::default()
    };
    directory.seal(&mut row, &credentials);
    // All share one secret for the bench's ease; they are not stores of one app.
    row.credential_group = n.to_be_bytes().to_vec();
    row
}

fn without_autosync(store: StoreId) -> Write {
    Write::SetTask(TaskSettings {
        store,
        task: Task::ImportOrders,
        instasync: true,
        autosync: Autosync::Off,
        next_due: None,
    })
}

fn orders(store: StoreId, count: usize) -> Commit {
    let orders = (0..count).map(|n| OrderWrite { expected: 0, order: order(store, n) }).collect();
    Commit {
        account: AccountId(1),
        store,
        epoch: 1,
        at: NOW,
        rules_version: 1,
        build: "bench",
        closes: Vec::new(),
        retries: Vec::new(),
        recorded: Vec::new(),
        requests: Vec::new(),
        orders,
        timeline: Vec::new(),
        run: None,
        progress: None,
    }
}

fn order(store: StoreId, n: usize) -> Order {
    let amount = Amount::parse("20.00", "USD").unwrap();
    let sighting = Sighting {
        cart_order_id: CartOrderId((5_000_000_000 + n).to_string()),
        number: n.to_string(),
        name: format!("#{n}"),
        placed_at: NOW,
        updated_at: NOW,
        cart: CartState { financial_status: Some("paid".to_owned()), ..CartState::default() },
        content: Content {
            currency: "USD".to_owned(),
            totals: Totals { total: amount, original_total: amount, shipping: Amount::ZERO },
            lines: vec![Line {
                cart_line_id: n.to_string(),
                sku: Some("CANDLE-1".to_owned()),
                name: "A candle that smells of pine".to_owned(),
                quantity: 1,
                unit_price: amount,
                product_id: Some("11".to_owned()),
                variant_id: Some("12".to_owned()),
            }],
            email: Some(format!("buyer{n}@example.com")),
            ..Content::default()
        },
    };
    Order {
        id: OrderId::new(store, sighting.cart_order_id.clone()),
        account: AccountId(1),
        number: format!("{store}-{n}"),
        cart_number: sighting.number.clone(),
        cart_name: sighting.name.clone(),
        status: Status::AwaitingFulfillment,
        held_back: None,
        arrived_by: ArrivedBy::Instasync,
        flags: Flags::default(),
        placed_at: NOW,
        created_at: NOW,
        updated_at: NOW,
        row_version: 1,
        guard: Guard::new(sighting.version(Source::Webhook, NOW), sighting.content_hash()),
        content: sighting.content,
        cart_side: CartSide::default(),
        cart: sighting.cart,
        tracking: None,
    }
}

fn event(n: usize, stores: usize) -> NewEvent {
    NewEvent {
        account: AccountId(1),
        store: StoreId((n % stores) as i64 + 1),
        topic: "orders/create".to_owned(),
        source: Source::Webhook,
        delivery_id: Some(format!("open-{n}")),
        key: DeliveryKey::of("orders/create", &format!("open-{n}")),
        cart_order_id: None,
        body: Body::from(order_body(700_000_000 + n as u64, 6400)),
        received_at: NOW,
        triggered_at: None,
        by: None,
    }
}
