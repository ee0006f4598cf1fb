//! What the journal costs by itself: deliveries written in batches, each batch one durable
//! transaction. `cargo bench --bench ledger`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use instasync::domain::{AccountId, Source, StoreId, Timestamp};
use instasync::ledger::sqlite::{Sqlite, SqliteOptions};
use instasync::ledger::{Body, DeliveryKey, Ledger, NewEvent, Write};
use tokio::runtime::Runtime;

/// A realistic order, as Shopify sends it.
const BODY_BYTES: usize = 6_400;

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
        body: Body::from(body),
        received_at: Timestamp(1),
        triggered_at: None,
        by: None,
    })
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

criterion_group!(benches, journal);
criterion_main!(benches);
