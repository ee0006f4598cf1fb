//! Every list is a range of an index: nothing is scanned or sorted that grows with the book.

use sqlx::{QueryBuilder, Row};

use super::open;
use crate::domain::{
    AccountId, CartOrderId, EventState, Flag, Position, Status, StoreId, Timestamp,
};
use crate::ledger::sqlite::row::{CLOSED, OPEN};
use crate::ledger::sqlite::{Sqlite, commit, events, journal, orders};
use crate::ledger::{
    Close, Commit, DeliveryKey, EventCursor, EventFilter, NewEvent, OrderCursor, OrderFilter,
    OrderSort,
};

/// SQLite's plan, one step a line.
async fn plan(ledger: &Sqlite, sql: &str) -> String {
    let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let mut writer = ledger.writer.lock().await;
    let connection = writer.connection.as_mut().unwrap();
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
}

async fn plan_of(ledger: &Sqlite, query: &QueryBuilder<sqlx::Sqlite>) -> String {
    plan(ledger, query.sql().as_str()).await
}

/// Nothing but look-ups, beside walking over the rows that the statement itself brings.
fn is_look_ups(plan: &str) -> bool {
    !plan.contains("TEMP B-TREE")
        && plan.lines().all(|step| {
            !step.starts_with("SCAN")
                || ["SCAN k", "SCAN c", "SCAN s"].contains(&step.trim_end())
                || step.contains("CONSTANT ROW")
        })
}

#[tokio::test]
async fn s12_every_list_of_orders_is_a_range_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let cursor = || OrderCursor {
        at: Timestamp(1),
        store: StoreId(1),
        cart_order_id: CartOrderId::from("1"),
    };
    // Each bit of the number is one condition: given or not.
    for bits in 0..1024_u32 {
        let given = |bit: u32| bits & (1 << bit) != 0;
        let filter = OrderFilter {
            store: given(0).then_some(StoreId(1)),
            status: given(1).then_some(if given(2) { Status::HeldBack } else { Status::Shipped }),
            cart_order_id: given(3).then(|| CartOrderId::from("1")),
            updated_after: given(4).then_some(Timestamp(1)),
            flag: given(5).then_some(Flag::Test),
            sort: if given(6) { OrderSort::NewestFirst } else { OrderSort::OldestChangeFirst },
            after: given(7).then(cursor),
            has_revision: given(8).then_some(given(9)),
            ..OrderFilter::of(AccountId(1), 50)
        };
        let found = plan_of(&ledger, &orders::page_query(&filter)).await;
        // What a cart's id finds is few, and sorted.
        let few = filter.cart_order_id.is_some() && filter.store.is_none();
        let found = if few { found.replace("USE TEMP B-TREE FOR ORDER BY", "") } else { found };
        assert!(is_look_ups(&found), "{filter:?}\n{found}");
        assert!(found.contains("USING INDEX") || few, "{filter:?}\n{found}");
    }
    let filter = OrderFilter { q: Some("1".into()), ..OrderFilter::of(AccountId(1), 50) };
    let found = plan_of(&ledger, &orders::page_query(&filter)).await;
    assert!(found.contains("SEARCH t USING PRIMARY KEY (account_id=? AND term=?)"), "{found}");
    assert!(found.contains("SEARCH o USING INDEX order_identity"), "{found}");
}

#[tokio::test]
async fn s12_every_list_of_closed_events_is_a_range_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    for bits in 0..32_u32 {
        let given = |bit: u32| bits & (1 << bit) != 0;
        for state in [None, Some(EventState::SetAside), Some(EventState::Held)] {
            let filter = EventFilter {
                store: given(0).then_some(StoreId(1)),
                state,
                topics: given(1).then(|| "orders/create".to_owned()).into_iter().collect(),
                cart_order_id: given(2).then(|| CartOrderId::from("1")),
                after: given(3).then_some(EventCursor { before: Position(9) }),
                ..EventFilter::of(AccountId(1), 50)
            };
            let found = plan_of(&ledger, &events::half_query(&filter, CLOSED, "event")).await;
            assert!(is_look_ups(&found), "{filter:?}\n{found}");
        }
    }
}

#[tokio::test]
async fn s9_what_a_start_reads_depends_on_open_events_only() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let of_store = EventFilter { store: Some(StoreId(1)), ..EventFilter::of(AccountId(1), 50) };
    let open_of_store = events::half_query(&of_store, OPEN, "inbox").sql().as_str().to_owned();
    for sql in [
        events::BACKLOGS,
        events::BACKLOG,
        events::OPEN_EVENTS,
        &open_of_store,
        "SELECT coalesce(max(position), 0) FROM body",
        "SELECT id FROM store WHERE id > ? ORDER BY id LIMIT ?",
        "SELECT id FROM store WHERE credential_group = ? ORDER BY id",
    ] {
        let found = plan(&ledger, sql).await;
        assert!(is_look_ups(&found), "{sql}\n{found}");
    }
}

#[tokio::test]
async fn s3_journaling_and_closing_look_rows_up_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let event = NewEvent {
        account: AccountId(1),
        store: StoreId(1),
        topic: String::new(),
        source: crate::domain::Source::Webhook,
        delivery_id: None,
        key: DeliveryKey([0; 16]),
        cart_order_id: None,
        body: crate::ledger::Body::pack(&[]),
        received_at: Timestamp(0),
        triggered_at: None,
        by: None,
    };
    let found = plan_of(&ledger, &journal::find_query([&event, &event].into_iter())).await;
    assert!(is_look_ups(&found), "{found}");
    assert!(found.contains("SEARCH i USING PRIMARY KEY (store_id=? AND key=?)"), "{found}");
    assert!(found.contains("event_by_key (store_id=? AND key=?)"), "{found}");

    let close = |position| Close {
        position: Position(position),
        state: EventState::Done,
        reason: None,
        cart_order_id: None,
    };
    let turn = Commit {
        account: AccountId(1),
        store: StoreId(1),
        epoch: 1,
        at: Timestamp(1),
        rules_version: 1,
        build: "",
        closes: vec![close(1), close(2)],
        retries: Vec::new(),
        recorded: Vec::new(),
        requests: Vec::new(),
        orders: Vec::new(),
        timeline: Vec::new(),
        run: None,
        progress: None,
    };
    let found = plan_of(&ledger, &commit::move_query(&turn, &turn.closes)).await;
    assert!(is_look_ups(&found), "{found}");
    for sql in [
        "DELETE FROM inbox WHERE store_id = ? AND position IN (?, ?)",
        "SELECT position FROM inbox WHERE store_id = ? AND position IN (?, ?)",
        "UPDATE inbox SET tries = tries + 1 WHERE store_id = ? AND position = ?",
        "UPDATE event SET duplicates = duplicates + 1 WHERE store_id = ? AND key = ?",
        "SELECT row_version FROM orders WHERE store_id = ? AND cart_order_id IN (?, ?)",
        "SELECT at FROM timeline WHERE store_id = ? AND cart_order_id = ? ORDER BY id",
        "DELETE FROM answer WHERE at < ?",
    ] {
        let found = plan(&ledger, sql).await;
        assert!(is_look_ups(&found), "{sql}\n{found}");
    }
}
