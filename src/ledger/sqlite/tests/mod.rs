//! What only this backend must prove: its file, its log, its indexes.

mod file;
mod log;
mod plans;
mod recovery;

use std::path::Path;

use super::{Sqlite, SqliteOptions};
use crate::domain::{AccountId, Source, StoreId, Timestamp};
use crate::ledger::{DeliveryKey, NewEvent, Write};

fn options(folder: &Path) -> SqliteOptions {
    SqliteOptions {
        path: folder.join("book.db"),
        readers: 2,
        checkpoint_bytes: 256 << 10,
        wal_cap_bytes: 2 << 20,
        now: Timestamp(0),
    }
}

async fn open(folder: &Path) -> Sqlite {
    Sqlite::open(options(folder)).await.unwrap()
}

/// New deliveries with bodies that cannot be packed.
fn deliveries(count: usize, body: usize) -> Vec<Write> {
    (0..count)
        .map(|_| {
            let mut bytes = vec![0; body];
            rand::fill(&mut bytes[..]);
            Write::Journal(NewEvent {
                account: AccountId(1),
                store: StoreId(1),
                topic: "orders/create".to_owned(),
                source: Source::Webhook,
                delivery_id: Some("id".to_owned()),
                key: DeliveryKey::unique(),
                cart_order_id: None,
                body: bytes.into(),
                received_at: Timestamp(1),
                triggered_at: None,
                by: None,
            })
        })
        .collect()
}
