//! Deliveries enter the journal once (R8, R10).

use rstest::rstest;

use super::world::close;
use super::{Backend, World, commit, event};
use crate::domain::{EventState, Position, StoreId};
use crate::ledger::{Commit, DeliveryKey, Journaled, NewEvent, Write, Written};

#[rstest]
#[tokio::test]
async fn r8_a_delivery_is_kept_as_it_came(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let body = b"{\"lines\":[1,2,3]}".repeat(400);
    let new = NewEvent { body: body.clone().into(), by: Some("ada".into()), ..event(store, "a") };
    let journaled = world.journal(new.clone()).await;
    assert_eq!(journaled, Journaled { position: Position(1), duplicate: false });
    let (row, kept) = world.event(Position(1)).await.unwrap().unwrap();
    assert_eq!(kept, body);
    assert_eq!((row.account, row.store, row.topic.as_str()), (new.account, store, "orders/create"));
    assert_eq!((row.state, row.source, row.duplicates), (EventState::Waiting, new.source, 0));
    assert_eq!((row.delivery_id.as_deref(), row.by.as_deref()), (Some("a"), Some("ada")));
    assert_eq!((row.received_at, row.triggered_at), (new.received_at, new.triggered_at));
    assert_eq!(world.event_by_key(store, new.key).await.unwrap(), Some(row));
    assert!(world.event(Position(2)).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn r10_a_repeated_delivery_counts_up_and_keeps_its_position(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await;
    let again = world.journal(event(store, "a")).await;
    assert_eq!(again, Journaled { position: first.position, duplicate: true });
    let other = world.journal(event(store, "b")).await;
    assert_eq!(other.position, Position(first.position.0 + 1));
    assert_eq!(duplicates(&world, first.position).await, 1);
    assert_eq!(duplicates(&world, other.position).await, 0);
}

#[rstest]
#[tokio::test]
async fn r10_repetitions_within_one_batch_are_recognised(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    world.journal(event(store, "0")).await;
    // More than one chunk of rows, every delivery three times, in both orders.
    let names: Vec<String> = (0..150).map(|n| n.to_string()).collect();
    let thrice = names.iter().chain(names.iter().rev()).chain(&names);
    let batch: Vec<Write> = thrice.map(|name| Write::Journal(event(store, name))).collect();
    let written = world.write(&batch).await.unwrap();
    let position = |written: &Written| match written {
        Written::Journaled(journaled) => journaled.position,
        other => panic!("{other:?}"),
    };
    let first: Vec<Position> = written[..150].iter().map(position).collect();
    assert_eq!(first, (1..=150).map(Position).collect::<Vec<_>>());
    assert!(written[150..300].iter().map(position).eq(first.iter().rev().copied()));
    assert!(written[300..].iter().map(position).eq(first.iter().copied()));
    assert_eq!(duplicates(&world, Position(1)).await, 3);
    assert_eq!(duplicates(&world, Position(150)).await, 2);
    assert_eq!(world.backlog(store).await.unwrap().waiting, 150);
}

#[rstest]
#[tokio::test]
async fn r10_a_delivery_is_recognised_after_its_event_has_closed(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await;
    world.journal(event(store, "a")).await;
    let closes = vec![close(first.position, EventState::Done)];
    assert_eq!(world.commit(Commit { closes, ..commit(store) }).await, Written::Committed);
    let batch = [Write::Journal(event(store, "a")), Write::Journal(event(store, "a"))];
    let known = Written::Journaled(Journaled { position: first.position, duplicate: true });
    assert_eq!(world.write(&batch).await.unwrap(), [known.clone(), known]);
    assert_eq!(duplicates(&world, first.position).await, 3);
    let backlog = world.backlog(store).await.unwrap();
    assert_eq!(backlog.waiting, 0, "a closed event does not open again");
}

#[rstest]
#[tokio::test]
async fn r10_a_delivery_closed_earlier_in_the_same_batch_is_recognised(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    let turn = Commit { closes: vec![close(first, EventState::Ignored)], ..commit(store) };
    let batch = [Write::Commit(Box::new(turn)), Write::Journal(event(store, "a"))];
    let written = world.write(&batch).await.unwrap();
    assert_eq!(written[1], Written::Journaled(Journaled { position: first, duplicate: true }));
}

#[rstest]
#[tokio::test]
async fn r10_the_same_delivery_id_at_two_stores_or_topics_is_two_events(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (one, two) = (world.connect("one").await, world.connect("two").await);
    let other_topic = NewEvent {
        topic: "orders/edited".to_owned(),
        key: DeliveryKey::of("orders/edited", "a"),
        ..event(one, "a")
    };
    for event in [event(one, "a"), event(two, "a"), other_topic] {
        assert!(!world.journal(event).await.duplicate);
    }
}

#[rstest]
#[tokio::test]
async fn r10_deliveries_without_an_id_are_never_repetitions(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let anonymous =
        || NewEvent { delivery_id: None, key: DeliveryKey::unique(), ..event(store, "a") };
    let batch: Vec<Write> = (0..5).map(|_| Write::Journal(anonymous())).collect();
    for written in world.write(&batch).await.unwrap() {
        assert!(matches!(written, Written::Journaled(Journaled { duplicate: false, .. })));
    }
}

#[rstest]
#[tokio::test]
async fn i2_a_batch_that_fails_leaves_nothing_and_reuses_no_position(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let first = world.journal(event(store, "a")).await.position;
    // There is no such store: the batch is to blame, and nothing of it stays.
    let batch = [
        Write::Journal(event(store, "a")),
        Write::Journal(event(store, "b")),
        Write::TakeEpoch(StoreId(99)),
    ];
    let error = world.write(&batch).await.unwrap_err();
    assert!(matches!(error, crate::ledger::LedgerError::Rejected(_)), "{error}");
    assert_eq!(duplicates(&world, first).await, 0);
    assert_eq!(world.backlog(store).await.unwrap().waiting, 1);
    let next = world.journal(event(store, "c")).await.position;
    assert!(next > first);
}

async fn duplicates(ledger: &World, position: Position) -> u32 {
    ledger.event(position).await.unwrap().unwrap().0.duplicates
}
