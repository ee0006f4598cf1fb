//! All backends side by side: whatever is written, they answer the same and read the same.

use std::collections::{HashMap, HashSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{Backend, World, close};
use super::{commit, entry, event, order, recorded, row};
use crate::domain::{
    AccountId, CartOrderId, EventState, Flag, HeldBack, Kind, Order, Position, Status, StoreId,
    Timestamp,
};
use crate::ledger::{
    Answer, Cause, Commit, DeliveryKey, EventCursor, EventFilter, NewEvent, NewStore, OrderCursor,
    OrderFilter, OrderSort, OrderWrite, Request, Retry, StoreRow, Write, Written,
};

/// Small worlds meet often: few stores, orders and delivery ids.
const STORES: i64 = 3;
const POSITIONS: i64 = 24;
const CARTS: [&str; 4] = ["5", "50", "A1", "a1"];
const MAILS: [Option<&str>; 3] = [None, Some("Ada@Example.com"), Some("bo@example.com")];
const WORDS: [&str; 6] = ["5", "#50", "a1", "ada@example.com", "1-A1", "BO@EXAMPLE.COM"];

fn store() -> impl Strategy<Value = StoreId> {
    (1..=STORES).prop_map(StoreId)
}

fn account() -> impl Strategy<Value = AccountId> {
    (1_i64..=2).prop_map(AccountId)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0_i64..6).prop_map(Timestamp)
}

fn position() -> impl Strategy<Value = Position> {
    (1..=POSITIONS).prop_map(Position)
}

fn cart() -> impl Strategy<Value = CartOrderId> {
    select(CARTS.to_vec()).prop_map(CartOrderId::from)
}

/// Stores 1 and 2 belong to account 1, store 3 to account 2.
fn owner(store: StoreId) -> AccountId {
    AccountId(if store.0 == STORES { 2 } else { 1 })
}

fn delivery() -> impl Strategy<Value = NewEvent> {
    (store(), 0..8_u8, option::of(cart()), instant(), 0..40_usize).prop_map(
        |(store, id, cart_order_id, received_at, size)| NewEvent {
            account: owner(store),
            cart_order_id,
            received_at,
            body: vec![id; size * 40].into(),
            ..event(store, &id.to_string())
        },
    )
}

fn some_order() -> impl Strategy<Value = (u64, Order)> {
    let flags = option::of(select(vec![Flag::Test, Flag::Archived]));
    let times = (instant(), instant());
    (0..3_u64, cart(), select(Status::ALL.to_vec()), times, select(MAILS.to_vec()), flags).prop_map(
        |(expected, cart, status, (created_at, updated_at), mail, flag)| {
            let held_back = (status == Status::HeldBack).then_some(HeldBack::TestOrder);
            let mut order = Order {
                status,
                held_back,
                created_at,
                updated_at,
                row_version: expected + 1,
                ..order(StoreId(0), &cart.0)
            };
            order.content.email = mail.map(str::to_owned);
            if let Some(flag) = flag {
                order.flags.set(flag, true);
            }
            (expected, order)
        },
    )
}

fn turn() -> impl Strategy<Value = Commit> {
    let closes = vec((position(), select(EventState::ALL[2..].to_vec()), option::of(cart())), 0..3);
    let retries = vec((position(), instant()), 0..2);
    let recorded_ones = vec(cart(), 0..2);
    let requests = vec((cart(), instant()), 0..2);
    let orders = vec(some_order(), 0..3);
    let entries = vec((cart(), 0..3_usize), 0..3);
    let head = (store(), 1..3_i64, instant());
    (head, closes, retries, recorded_ones, requests, orders, entries).prop_map(
        |((store, epoch, at), closes, retries, carts, requests, orders, entries)| Commit {
            account: owner(store),
            epoch,
            at,
            closes: closes
                .into_iter()
                .map(|(at, state, cart)| {
                    let mut close = close(at, state);
                    close.cart_order_id = cart;
                    close
                })
                .collect(),
            retries: retries
                .into_iter()
                .map(|(position, next_at)| Retry {
                    position,
                    attempts: 3,
                    next_at,
                    reason: "cart_lags".to_owned(),
                    cart_order_id: None,
                })
                .collect(),
            recorded: carts.iter().map(|cart| recorded(&cart.0)).collect(),
            requests: requests
                .into_iter()
                .map(|(cart_order_id, received_at)| Request { cart_order_id, received_at })
                .collect(),
            orders: orders
                .into_iter()
                .map(|(expected, order)| {
                    let id = crate::domain::OrderId::new(store, order.id.cart.clone());
                    let order = Order { id, account: owner(store), ..order };
                    OrderWrite { expected, order }
                })
                .collect(),
            timeline: entries
                .into_iter()
                .map(|(cart, n)| match n {
                    0 => entry(&cart.0, Cause::Event(Position(1)), Kind::Imported),
                    n => entry(&cart.0, Cause::Recorded(n - 1), Kind::Cancelled),
                })
                .collect(),
            ..commit(store)
        },
    )
}

fn store_row() -> impl Strategy<Value = StoreRow> {
    let names = || select(vec!["a", "b", "c", "one", "two", "three"]);
    (0..5_i64, account(), names(), names(), 0..3_u64, any::<bool>()).prop_map(
        |(id, account, slug, domain, version, paused)| StoreRow {
            id: StoreId(id),
            account,
            version,
            paused,
            domain: format!("{domain}.example"),
            ..row(slug)
        },
    )
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        8 => delivery().prop_map(Write::Journal),
        8 => turn().prop_map(|turn| Write::Commit(Box::new(turn))),
        1 => (0..=STORES).prop_map(|id| Write::TakeEpoch(StoreId(id))),
        2 => (store(), position()).prop_map(|(store, position)| Write::CountTry { store, position }),
        1 => (store_row(), instant()).prop_map(|(row, first_run)| {
            Write::AddStore(Box::new(NewStore { row, first_run }))
        }),
        1 => store_row().prop_map(|row| Write::UpdateStore(Box::new(row))),
        1 => (select(vec!["other", "third"]), instant()).prop_map(|(slug, at)| {
            Write::AddAccount { slug: slug.to_owned(), name: slug.to_owned(), at }
        }),
        1 => (select(vec!["k", "l"]), 0..3_i64).prop_map(|(key, days)| {
            Write::KeepAnswer(Answer {
                scope: "t".to_owned(),
                key: key.to_owned(),
                request: [1; 32],
                status: 200,
                body: Vec::new(),
                at: Timestamp::from_seconds(days * 50_000),
            })
        }),
    ]
}

fn order_filter() -> impl Strategy<Value = OrderFilter> {
    let sort = prop_oneof![Just(OrderSort::NewestFirst), Just(OrderSort::OldestChangeFirst)];
    let conditions = (
        option::of(store()),
        option::of(select(Status::ALL.to_vec())),
        option::weighted(0.2, cart()),
        option::weighted(0.2, select(WORDS.to_vec())),
        option::of(instant()),
        option::weighted(0.3, select(vec![Flag::Test, Flag::Archived])),
        option::weighted(0.3, any::<bool>()),
    );
    let after = option::of((instant(), store(), cart()));
    (account(), conditions, sort, after, 1..5_usize).prop_map(
        |(
            account,
            (store, status, cart_order_id, q, updated_after, flag, has_revision),
            sort,
            after,
            limit,
        )| {
            OrderFilter {
                account,
                store,
                status,
                cart_order_id,
                q: q.map(str::to_owned),
                updated_after,
                flag,
                has_revision,
                sort,
                after: after.map(|(at, store, cart_order_id)| OrderCursor {
                    at,
                    store,
                    cart_order_id,
                }),
                limit,
            }
        },
    )
}

fn event_filter() -> impl Strategy<Value = EventFilter> {
    let topic = option::of(select(vec!["orders/create", "fetch", "cancel"]));
    let state = option::of(select(EventState::ALL.to_vec()));
    let after = option::of(position());
    let order = option::weighted(0.3, cart());
    (account(), option::of(store()), state, topic, order, after, 1..6_usize).prop_map(
        |(account, store, state, topic, cart_order_id, after, limit)| EventFilter {
            account,
            store,
            state,
            topics: topic.map(str::to_owned).into_iter().collect(),
            cart_order_id,
            after: after.map(|before| EventCursor { before }),
            limit,
        },
    )
}

/// Everything that can be read, as one text.
async fn read(world: &World, orders: &[OrderFilter], events: &[EventFilter]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for store in (0..=STORES + 1).map(StoreId) {
        let open = world.open_events(store, Position(2), 3, 2000).await.unwrap();
        lines.push(format!("{open:?}"));
        lines.push(format!("{:?}", world.store(store).await.unwrap()));
        lines.push(format!("{:?}", world.backlog(store).await.unwrap()));
        lines.push(format!("{:?}", world.backlogs(store, 2).await.unwrap()));
        lines.push(format!("{:?}", world.store_listings(store, 2).await.unwrap()));
        for account in [1, 2] {
            let stores = world.stores(AccountId(account), store, 2).await.unwrap();
            lines.push(format!("{stores:?}"));
        }
        let carts = CARTS.map(CartOrderId::from);
        let mut found = world.orders(store, &carts).await.unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        for order in &found {
            lines.push(format!("{order:?} {:?}", world.order(&order.id).await.unwrap().is_some()));
        }
        for cart in &carts {
            let id = crate::domain::OrderId::new(store, cart.clone());
            lines.push(format!("{:?}", world.timeline(&id).await.unwrap()));
        }
        for id in 0..8 {
            let key = DeliveryKey::of("orders/create", &id.to_string());
            lines.push(format!("{:?}", world.event_by_key(store, key).await.unwrap()));
        }
        lines.push(format!("{:?}", world.held_by(&[store, StoreId(1)], &carts).await.unwrap()));
    }
    for at in (1..=POSITIONS).map(Position) {
        lines.push(format!("{:?}", world.event(at).await.unwrap()));
    }
    lines.push(format!("{:?}", world.accounts().await.unwrap()));
    for key in ["k", "l"] {
        lines.push(format!("{:?}", world.answer("t", key).await.unwrap()));
    }
    for filter in orders {
        lines.push(format!("{filter:?} {:?}", world.order_page(filter).await.unwrap()));
    }
    for filter in events {
        lines.push(format!("{filter:?} {:?}", world.event_page(filter).await.unwrap()));
    }
    lines.join("\n")
}

/// Makes a turn fit what is there, so that most turns are not refused.
async fn fit(world: &World, turn: &mut Commit, epochs: &HashMap<StoreId, i64>) {
    turn.epoch = epochs.get(&turn.store).copied().unwrap_or(1);
    let open = world.open_events(turn.store, Position(0), 10, usize::MAX).await.unwrap();
    let mut open = open.iter().rev().map(|event| event.position);
    turn.closes.retain_mut(|close| open.next().map(|at| close.position = at).is_some());
    turn.retries.retain_mut(|retry| open.next().map(|at| retry.position = at).is_some());
    let mut seen = HashSet::new();
    turn.orders.retain(|write| seen.insert(write.order.id.clone()));
    for write in &mut turn.orders {
        let present = world.order(&write.order.id).await.unwrap();
        write.expected = present.map_or(0, |order| order.row_version);
        write.order.row_version = write.expected + 1;
    }
    let recorded = turn.recorded.len();
    turn.timeline.retain(|new| match new.cause {
        Cause::Event(_) => true,
        Cause::Recorded(index) => index < recorded,
    });
}

async fn side_by_side(
    batches: Vec<Vec<(Write, bool)>>,
    orders: &[OrderFilter],
    events: &[EventFilter],
) -> Result<(), TestCaseError> {
    let (sqlite, memory) = (World::new(Backend::Sqlite).await, World::new(Backend::Memory).await);
    for world in [&sqlite, &memory] {
        let other = world.account("other").await;
        world.connect("one").await;
        world.connect("two").await;
        world.connect_to(other, "three").await;
    }
    let mut epochs = HashMap::new();
    for batch in batches {
        let mut writes = Vec::with_capacity(batch.len());
        for (mut write, fits) in batch {
            if let (Write::Commit(turn), true) = (&mut write, fits) {
                fit(&memory, turn, &epochs).await;
            }
            writes.push(write);
        }
        match (sqlite.write(&writes).await, memory.write(&writes).await) {
            (Ok(kept), Ok(meant)) => {
                for (write, written) in writes.iter().zip(&kept) {
                    if let (Write::TakeEpoch(store), Written::Epoch(epoch)) = (write, written) {
                        epochs.insert(*store, *epoch);
                    }
                }
                prop_assert_eq!(kept, meant);
            }
            (Err(kept), Err(meant)) => prop_assert_eq!(
                std::mem::discriminant(&kept),
                std::mem::discriminant(&meant),
                "{} / {}",
                kept,
                meant
            ),
            (kept, meant) => prop_assert!(false, "{kept:?} / {meant:?} to {writes:?}"),
        }
    }
    let (kept, meant) = (read(&sqlite, orders, events).await, read(&memory, orders, events).await);
    for (kept, meant) in kept.lines().zip(meant.lines()) {
        prop_assert_eq!(kept, meant);
    }
    prop_assert_eq!(kept.lines().count(), meant.lines().count());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_every_backend_reads_the_same(
        // Every fifth turn or so is as wrong as it comes.
        batches in vec(vec((write(), prop::bool::weighted(0.8)), 1..6), 1..14),
        orders in vec(order_filter(), 12),
        events in vec(event_filter(), 12),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(side_by_side(batches, &orders, &events))?;
    }
}
