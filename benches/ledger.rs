//! What the book costs by itself: journaling in batches, and a start over a book that is full.
//!
//! `cargo bench --bench ledger`. The start is measured over two books that differ tenfold in orders:
//! its time must depend on stores and open events only.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use instasync::domain::order::Guard;
use instasync::domain::sighting::{Hash, Version};
use instasync::domain::{
    AccountId, ArrivedBy, CartOrderId, CartState, ChannelKind, Content, EventState, Flags, Order,
    OrderId, Rules, Source, Status, StoreId, Timestamp,
};
use instasync::ledger::sqlite::{Sqlite, SqliteOptions};
use instasync::ledger::{
    Commit, DeliveryKey, Ledger, NewEvent, NewStore, OrderWrite, Recorded, StoreHealth, StoreRow,
    Write,
};
use tokio::runtime::Runtime;

/// A realistic order, as Shopify sends it.
const BODY_BYTES: usize = 6_400;
const STORES: i64 = 10_000;
const PENDING: i64 = 1_000;

async fn open(folder: &Path) -> Sqlite {
    let options = SqliteOptions {
        path: folder.join("book.db"),
        readers: 4,
        checkpoint_bytes: 16 << 20,
        wal_cap_bytes: 256 << 20,
        now: Timestamp(0),
    };
    Sqlite::open(options).await.unwrap()
}

fn delivery(store: i64) -> Write {
    let word: [u8; 16] = rand::random();
    let body: Vec<u8> = format!("{{\"id\":\"{word:?}\",\"price\":\"19.90\",\"sku\":\"A-1\"}}")
        .into_bytes()
        .into_iter()
        .cycle()
        .take(BODY_BYTES)
        .collect();
    Write::Journal(NewEvent {
        account: AccountId(1),
        store: StoreId(store),
        topic: "orders/create".to_owned(),
        source: Source::Webhook,
        delivery_id: Some("id".to_owned()),
        key: DeliveryKey(word),
        cart_order_id: None,
        body: Bytes::from(body),
        received_at: Timestamp(1),
        triggered_at: None,
        by: None,
    })
}

fn connected(number: i64) -> Write {
    let slug = format!("store-{number}");
    let row = StoreRow {
        id: StoreId(0),
        account: AccountId(1),
        index: 0,
        channel: ChannelKind::Shopify,
        name: slug.clone(),
        domain: format!("{slug}.example"),
        slug,
        api_url: None,
        disconnected_at: None,
        paused: false,
        rules: Rules::defaults(ChannelKind::Shopify),
        rules_version: 1,
        credentials: vec![0; 200],
        credential_group: number.to_be_bytes().to_vec(),
        token_due: None,
        health: StoreHealth::default(),
        created_at: Timestamp(0),
        version: 0,
    };
    Write::AddStore(Box::new(NewStore { row }))
}

fn order(store: StoreId, number: i64) -> Order {
    let hash = Hash(1);
    Order {
        id: OrderId::new(store, CartOrderId(number.to_string())),
        account: AccountId(1),
        number: format!("1-{number}"),
        cart_number: number.to_string(),
        cart_name: format!("#{number}"),
        status: Status::AwaitingFulfillment,
        held_back: None,
        arrived_by: ArrivedBy::Instasync,
        flags: Flags::default(),
        placed_at: Timestamp(number),
        created_at: Timestamp(number),
        updated_at: Timestamp(number),
        row_version: 1,
        content: Content { currency: "EUR".to_owned(), ..Content::default() },
        cart: CartState::default(),
        guard: Guard {
            newest: Version {
                updated_at: Timestamp(number),
                cancelled: false,
                source: 0,
                read_at: Timestamp(0),
                hash,
            },
            newest_content: hash,
            cancel_settled: None,
            cancelled_by_cart: false,
            fulfilment_settled: false,
            archive_settled: false,
            deleted_at: None,
        },
        tracking: None,
    }
}

/// One turn of a store that brings orders into the book, each with its closed event.
fn turn(store: i64, numbers: std::ops::Range<i64>) -> Write {
    let store = StoreId(store);
    let orders = numbers.clone().map(|n| OrderWrite { expected: 0, order: order(store, n) });
    let recorded = numbers.map(|number| Recorded {
        topic: "fetch".to_owned(),
        source: Source::Fetch,
        state: EventState::Done,
        reason: None,
        cart_order_id: CartOrderId(number.to_string()),
        body: Bytes::from_static(b"{}"),
        received_at: Timestamp(number),
        by: None,
    });
    Write::Commit(Box::new(Commit {
        account: AccountId(1),
        store,
        epoch: 0,
        at: Timestamp(1),
        rules_version: 1,
        build: "bench",
        closes: Vec::new(),
        retries: Vec::new(),
        recorded: recorded.collect(),
        requests: Vec::new(),
        orders: orders.collect(),
        timeline: Vec::new(),
    }))
}

/// A book of `STORES` stores that share `orders` orders, and `PENDING` open events.
async fn fill(ledger: &Sqlite, orders: i64) {
    let stores: Vec<i64> = (1..=STORES).collect();
    for some in stores.chunks(500) {
        let batch: Vec<Write> = some.iter().copied().map(connected).collect();
        ledger.write(&batch).await.unwrap();
    }
    let each = orders / STORES;
    for some in stores.chunks(50) {
        let batch: Vec<Write> =
            some.iter().map(|store| turn(*store, store * each..(store + 1) * each)).collect();
        ledger.write(&batch).await.unwrap();
    }
    let pending: Vec<Write> = (1..=PENDING).map(delivery).collect();
    ledger.write(&pending).await.unwrap();
}

/// What a start reads before it acknowledges, and what the first sweep reads.
async fn start(folder: &Path) {
    let ledger = open(folder).await;
    let mut after = StoreId(0);
    while let Some(last) = ledger.store_listings(after, 1000).await.unwrap().last() {
        after = last.id;
    }
    let mut after = StoreId(0);
    while let Some(last) = ledger.backlogs(after, 1000).await.unwrap().last() {
        after = last.store;
    }
}

fn journal(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ledger = runtime.block_on(open(folder.path()));
    let mut group = criterion.benchmark_group("journal");
    for size in [1_u64, 31, 256] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || (0..size as i64).map(|n| delivery(1 + n % 100)).collect::<Vec<_>>(),
                |batch| runtime.block_on(ledger.write(&batch)).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn starts(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    for orders in [STORES, 10 * STORES] {
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let ledger = open(folder.path()).await;
            fill(&ledger, orders).await;
            ledger.close().await.unwrap();
        });
        group.bench_function(BenchmarkId::new("orders", orders), |bencher| {
            bencher.iter(|| runtime.block_on(start(folder.path())));
        });
    }
    group.finish();
}

criterion_group!(benches, journal, starts);
criterion_main!(benches);
