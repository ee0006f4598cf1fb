//! One turn of a store is applied as a whole or not at all (I2, I10).

use rstest::rstest;

use super::world::{close, new_order};
use super::{Backend, World, commit, entry, event, order, recorded};
use crate::domain::{CartOrderId, EventState, Kind, Position, Source, Status, StoreId, Timestamp};
use crate::ledger::{
    Cause, Commit, LedgerError, Mismatch, OrderWrite, Request, Retry, Write, Written,
};

fn retry(position: Position, due: i64) -> Retry {
    Retry {
        position,
        attempts: 2,
        next_at: Timestamp(due),
        reason: "cart_lags".to_owned(),
        cart_order_id: None,
    }
}

#[rstest]
#[tokio::test]
async fn i2_orders_timelines_and_closed_events_appear_together(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    let mut end = close(first, EventState::Done);
    end.cart_order_id = Some(CartOrderId::from("5001"));
    end.reason = Some("no_change".to_owned());
    let turn = Commit {
        closes: vec![end],
        recorded: vec![recorded("5001"), recorded("5001")],
        requests: vec![Request {
            cart_order_id: CartOrderId::from("5001"),
            received_at: Timestamp(170),
        }],
        orders: vec![new_order(&order(store, "5001"))],
        timeline: vec![
            entry("5001", Cause::Event(first), Kind::Imported),
            entry("5001", Cause::Recorded(1), Kind::Cancelled),
        ],
        ..commit(store)
    };
    assert_eq!(world.commit(turn).await, Written::Committed);

    let id = order(store, "5001").id;
    assert_eq!(world.order(&id).await.unwrap(), Some(order(store, "5001")));
    let timeline = world.timeline(&id).await.unwrap();
    let causes: Vec<Position> = timeline.iter().map(|row| row.event).collect();
    assert_eq!(causes, [first, Position(3)]);
    assert_eq!((timeline[0].by.as_str(), timeline[0].rule.as_str()), ("Shopify", "R21"));
    assert_eq!(timeline[0].details["status"], "shipped");

    let (row, body) = world.event(first).await.unwrap().unwrap();
    assert_eq!((row.state, row.done_at), (EventState::Done, Some(Timestamp(200))));
    assert_eq!((row.reason.as_deref(), row.build.as_deref()), (Some("no_change"), Some("test")));
    assert_eq!((row.rules_version, row.cart_order_id), (Some(3), Some(CartOrderId::from("5001"))));
    assert_eq!(body, event(store, "a").body.unpack(), "closing an event leaves its body alone");

    let (row, body) = world.event(Position(3)).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.source, row.topic.as_str()),
        (EventState::Done, Source::Person, "cancel")
    );
    assert_eq!((row.by.as_deref(), row.received_at), (Some("ada"), Timestamp(150)));
    assert_eq!(body, recorded("5001").body.unpack());

    let open = world.open_events(store, Position(0), 10, 1 << 20).await.unwrap();
    assert_eq!(open.len(), 1, "the request for a fetch is open");
    assert_eq!((open[0].position, open[0].topic.as_str()), (Position(4), "fetch"));
    assert_eq!((open[0].source, open[0].received_at), (Source::Fetch, Timestamp(170)));
}

#[rstest]
#[tokio::test]
async fn i10_an_older_epoch_is_refused_and_leaves_nothing(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    assert_eq!(world.put(Write::TakeEpoch(store)).await, Written::Epoch(2));
    let turn = whole_turn(store, first);
    assert_eq!(world.commit(turn.clone()).await, Written::Refused(Mismatch::Epoch));
    assert_untouched(&world, store, first).await;
    let unknown = Commit { store: StoreId(99), ..turn.clone() };
    assert_eq!(world.commit(unknown).await, Written::Refused(Mismatch::Epoch));
    assert_eq!(world.commit(Commit { epoch: 2, ..turn }).await, Written::Committed);
}

#[rstest]
#[tokio::test]
async fn i10_an_event_that_is_not_open_refuses_the_whole_commit(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (store, other) = (world.connect("shop").await, world.connect("other").await);
    let first = world.journal(event(store, "a")).await.position;
    let gone = world.closed(event(store, "b"), EventState::Done).await;
    let foreign = world.journal(event(other, "c")).await.position;
    for wrong in [gone, foreign, Position(99)] {
        let mut turn = whole_turn(store, first);
        turn.closes.push(close(wrong, EventState::Done));
        assert_eq!(world.commit(turn).await, Written::Refused(Mismatch::Event(wrong)));
        let mut turn = whole_turn(store, first);
        turn.retries.push(retry(wrong, 300));
        assert_eq!(world.commit(turn).await, Written::Refused(Mismatch::Event(wrong)));
        assert_untouched(&world, store, first).await;
    }
    let mut turn = whole_turn(store, first);
    turn.retries.push(retry(first, 300));
    assert_eq!(world.commit(turn).await, Written::Refused(Mismatch::Event(first)), "named twice");
}

#[rstest]
#[tokio::test]
async fn i10_an_order_at_another_version_refuses_the_whole_commit(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    world.book(store, &[order(store, "7")]).await;
    for (cart, expected) in [("7", 0), ("7", 2), ("8", 1)] {
        let mut turn = whole_turn(store, first);
        turn.orders.push(OrderWrite { expected, order: order(store, cart) });
        assert_eq!(
            world.commit(turn).await,
            Written::Refused(Mismatch::Order),
            "{cart} {expected}"
        );
        assert_untouched(&world, store, first).await;
    }
    let mut twice = whole_turn(store, first);
    twice.orders.extend(twice.orders.clone());
    assert_eq!(world.commit(twice).await, Written::Refused(Mismatch::Order));
    assert_untouched(&world, store, first).await;
}

#[rstest]
#[tokio::test]
async fn i10_a_refusal_spares_the_rest_of_the_batch(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    let stale = Commit { epoch: 0, ..whole_turn(store, first) };
    let batch = [
        Write::Journal(event(store, "b")),
        Write::Commit(Box::new(stale)),
        Write::Commit(Box::new(whole_turn(store, first))),
        Write::Commit(Box::new(whole_turn(store, first))),
    ];
    let written = world.write(&batch).await.unwrap();
    assert!(matches!(written[0], Written::Journaled(_)));
    assert_eq!(written[1], Written::Refused(Mismatch::Epoch));
    assert_eq!(written[2], Written::Committed);
    assert_eq!(written[3], Written::Refused(Mismatch::Event(first)));
}

#[rstest]
#[tokio::test]
async fn i4_an_order_has_one_row_whose_versions_follow_each_other(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (store, other) = (world.connect("shop").await, world.connect("other").await);
    world.book(store, &[order(store, "7"), order(store, "8")]).await;
    world.book(other, &[order(other, "7")]).await;
    let mut changed = order(store, "7");
    changed.row_version = 2;
    changed.status = Status::Shipped;
    changed.updated_at = Timestamp(99);
    world.book(store, std::slice::from_ref(&changed)).await;
    let ids: Vec<CartOrderId> = ["8", "7", "9", "7"].map(CartOrderId::from).into();
    let mut found = world.orders(store, &ids).await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, [changed, order(store, "8")]);
    assert_eq!(world.order(&order(other, "7").id).await.unwrap(), Some(order(other, "7")));
}

#[rstest]
#[tokio::test]
async fn r49_a_retry_stays_open_and_is_due_later(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    let mut later = retry(first, 900);
    later.cart_order_id = Some(CartOrderId::from("5"));
    let turn = Commit { retries: vec![later], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    let turn = Commit { retries: vec![retry(first, 950)], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    let open = world.open_events(store, Position(0), 10, 1 << 20).await.unwrap();
    assert_eq!((open[0].attempts, open[0].next_at), (2, Some(Timestamp(950))));
    assert_eq!(open[0].cart_order_id, Some(CartOrderId::from("5")), "what is known stays known");
    let (row, _) = world.event(first).await.unwrap().unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (EventState::Retrying, Some("cart_lags")));

    let turn = Commit { closes: vec![close(first, EventState::SetAside)], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    let (row, _) = world.event(first).await.unwrap().unwrap();
    assert_eq!((row.state, row.next_at, row.attempts), (EventState::SetAside, None, 2));
    assert_eq!((row.reason, row.cart_order_id), (None, Some(CartOrderId::from("5"))));
}

#[rstest]
#[tokio::test]
async fn a_timeline_entry_without_its_event_is_rejected(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    let mut turn = whole_turn(store, first);
    turn.timeline.push(entry("5001", Cause::Recorded(0), Kind::Cancelled));
    let batch = [Write::Journal(event(store, "b")), Write::Commit(Box::new(turn))];
    assert!(matches!(world.write(&batch).await, Err(LedgerError::Rejected(_))));
    assert_untouched(&world, store, first).await;
}

#[rstest]
#[tokio::test]
async fn single_tries_are_counted_while_the_event_is_open(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let position = world.journal(event(store, "a")).await.position;
    let count = || Write::CountTry { store, position };
    assert_eq!(world.put(count()).await, Written::Tries(1));
    assert_eq!(world.put(count()).await, Written::Tries(2));
    let open = world.open_events(store, Position(0), 1, 1).await.unwrap();
    assert_eq!(open[0].tries, 2);
    let turn = Commit { closes: vec![close(position, EventState::SetAside)], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    assert_eq!(world.put(count()).await, Written::Tries(0));
}

/// Touches everything that a commit can.
fn whole_turn(store: StoreId, first: Position) -> Commit {
    Commit {
        closes: vec![close(first, EventState::Done)],
        requests: vec![Request {
            cart_order_id: CartOrderId::from("5001"),
            received_at: Timestamp(1),
        }],
        orders: vec![new_order(&order(store, "5001"))],
        timeline: vec![entry("5001", Cause::Event(first), Kind::Imported)],
        ..commit(store)
    }
}

async fn assert_untouched(world: &World, store: StoreId, first: Position) {
    let open = world.open_events(store, Position(0), 10, 1 << 20).await.unwrap();
    assert_eq!(open.iter().map(|event| event.position).collect::<Vec<_>>(), [first]);
    assert_eq!(open[0].attempts, 0);
    let id = order(store, "5001").id;
    assert_eq!(world.order(&id).await.unwrap(), None);
    assert_eq!(world.timeline(&id).await.unwrap(), []);
}
