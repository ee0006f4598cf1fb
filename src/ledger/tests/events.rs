//! What actors, the sweep and people read of events.

use rstest::rstest;

use super::world::close;
use super::{Backend, World, commit, event, recorded};
use crate::domain::{AccountId, CartOrderId, EventState, Position, Timestamp};
use crate::ledger::{
    Backlog, Commit, DeliveryKey, EventCursor, EventFilter, NewEvent, Retry, StoreBacklog, Written,
};

async fn positions(world: &World, filter: &EventFilter) -> Vec<i64> {
    let page = world.event_page(filter).await.unwrap();
    page.rows.iter().map(|row| row.position.0).collect()
}

fn all() -> EventFilter {
    EventFilter::of(AccountId(1), 100)
}

fn later(position: Position, due: i64) -> Retry {
    Retry {
        position,
        attempts: 1,
        next_at: Timestamp(due),
        reason: "cart_lags".to_owned(),
        cart_order_id: None,
    }
}

#[rstest]
#[tokio::test]
async fn open_events_come_oldest_first_up_to_a_count_and_a_size(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (store, other) = (world.connect("shop").await, world.connect("other").await);
    for n in 0..6 {
        let body = vec![b'x'; 1000].into();
        world.journal(NewEvent { body, ..event(store, &n.to_string()) }).await;
        world.journal(event(other, &n.to_string())).await;
    }
    let read = async |after: i64, limit, bytes| {
        let open = world.open_events(store, Position(after), limit, bytes).await.unwrap();
        open.iter().map(|event| event.position.0).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 100, 1 << 20).await, [1, 3, 5, 7, 9, 11]);
    assert_eq!(read(5, 2, 1 << 20).await, [7, 9]);
    assert_eq!(read(0, 100, 3000).await, [1, 3, 5]);
    assert_eq!(read(0, 100, 2999).await, [1, 3]);
    assert_eq!(read(0, 100, 1).await, [1], "one at least, however large");
    assert_eq!(read(11, 100, 1 << 20).await, [0; 0]);
}

#[rstest]
#[tokio::test]
async fn event_pages_mix_open_and_closed_newest_first(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (store, other) = (world.connect("shop").await, world.connect("other").await);
    for n in 0..8 {
        let state = if n % 4 == 0 { EventState::SetAside } else { EventState::Ignored };
        let store = if n < 6 { store } else { other };
        if n % 2 == 0 {
            world.closed(event(store, &n.to_string()), state).await;
        } else {
            world.journal(event(store, &n.to_string())).await;
        }
    }
    let turn = Commit { retries: vec![later(Position(4), 900)], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    assert_eq!(positions(&world, &all()).await, [8, 7, 6, 5, 4, 3, 2, 1]);
    let of_store = EventFilter { store: Some(store), ..all() };
    assert_eq!(positions(&world, &of_store).await, [6, 5, 4, 3, 2, 1]);
    for (state, everywhere, in_store) in [
        (EventState::Waiting, vec![8, 6, 2], vec![6, 2]),
        (EventState::Retrying, vec![4], vec![4]),
        (EventState::SetAside, vec![5, 1], vec![5, 1]),
        (EventState::Ignored, vec![7, 3], vec![3]),
        (EventState::Done, vec![], vec![]),
    ] {
        let filter = EventFilter { state: Some(state), ..all() };
        assert_eq!(positions(&world, &filter).await, everywhere, "{state:?}");
        let filter = EventFilter { store: Some(store), ..filter };
        assert_eq!(positions(&world, &filter).await, in_store, "{state:?}");
    }
    let mut filter = EventFilter { limit: 3, ..all() };
    let page = world.event_page(&filter).await.unwrap();
    assert!(page.more && page.rows.len() == 3);
    filter.after = Some(EventCursor { before: Position(6) });
    assert_eq!(positions(&world, &filter).await, [5, 4, 3]);
    filter.after = Some(EventCursor { before: Position(3) });
    assert!(!world.event_page(&filter).await.unwrap().more);
}

#[rstest]
#[tokio::test]
async fn r1_events_are_filtered_by_account_topic_and_order(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let account = world.account("other").await;
    let (store, foreign) = (world.connect("shop").await, world.connect_to(account, "theirs").await);
    let about = |cart: &str| Some(CartOrderId::from(cart));
    let edited = NewEvent { topic: "orders/edited".into(), ..event(store, "a") };
    world.closed(NewEvent { cart_order_id: about("5"), ..edited.clone() }, EventState::Done).await;
    let edited = NewEvent { key: DeliveryKey::of("orders/edited", "b"), ..edited };
    world.journal(NewEvent { cart_order_id: about("6"), ..edited }).await;
    let of_theirs = NewEvent { account, cart_order_id: about("5"), ..event(foreign, "c") };
    world.closed(of_theirs.clone(), EventState::Done).await;
    world.journal(NewEvent { key: DeliveryKey::unique(), ..of_theirs }).await;
    world.journal(NewEvent { cart_order_id: about("5"), ..event(store, "d") }).await;

    assert_eq!(positions(&world, &all()).await, [5, 2, 1]);
    assert_eq!(positions(&world, &EventFilter::of(account, 10)).await, [4, 3]);
    let wrong_store = EventFilter { store: Some(foreign), ..all() };
    assert_eq!(positions(&world, &wrong_store).await, [0; 0]);
    let topic = EventFilter { topics: vec!["orders/edited".into()], ..all() };
    assert_eq!(positions(&world, &topic).await, [2, 1]);
    let order = EventFilter { cart_order_id: about("5"), ..all() };
    assert_eq!(positions(&world, &order).await, [5, 1]);
    assert_eq!(
        positions(&world, &EventFilter { store: Some(store), ..order.clone() }).await,
        [5, 1]
    );
    let both = EventFilter { topics: vec!["orders/edited".into()], ..order.clone() };
    assert_eq!(positions(&world, &both).await, [1]);
    let done = EventFilter { state: Some(EventState::Done), ..order };
    assert_eq!(positions(&world, &done).await, [1]);
}

#[rstest]
#[tokio::test]
async fn the_sweep_finds_every_store_with_open_events(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let mut stores = Vec::new();
    for slug in ["one", "two", "three", "four"] {
        stores.push(world.connect(slug).await);
    }
    let at = |at, event| NewEvent { received_at: Timestamp(at), ..event };
    let first = world.journal(at(10, event(stores[0], "a"))).await.position;
    world.closed(event(stores[1], "a"), EventState::Done).await;
    let second = world.journal(at(20, event(stores[2], "a"))).await.position;
    let third = world.journal(at(30, event(stores[2], "b"))).await.position;
    world.journal(at(40, event(stores[3], "a"))).await;
    let turn = Commit { retries: vec![later(first, 500)], ..commit(stores[0]) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    let turn = Commit { retries: vec![later(second, 700)], ..commit(stores[2]) };
    assert_eq!(world.commit(turn).await, Written::Committed);

    let due = |n: usize, at| StoreBacklog { store: stores[n], due: Timestamp(at) };
    let none = crate::domain::StoreId(0);
    let expected = [due(0, 500), due(2, 30), due(3, 40)];
    assert_eq!(world.backlogs(none, 10).await.unwrap(), expected);
    assert_eq!(world.backlogs(none, 3).await.unwrap(), expected);
    assert_eq!(world.backlogs(none, 2).await.unwrap(), expected[..2]);
    assert_eq!(world.backlogs(stores[0], 10).await.unwrap(), expected[1..]);
    let turn = Commit { retries: vec![later(third, 600)], ..commit(stores[2]) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    assert_eq!(world.backlogs(stores[1], 1).await.unwrap(), [due(2, 600)]);
}

#[rstest]
#[tokio::test]
async fn a_backlog_tells_what_is_open_and_set_aside(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    assert_eq!(world.backlog(store).await.unwrap(), Backlog::default());
    let at = |at, event| NewEvent { received_at: Timestamp(at), ..event };
    world.closed(at(10, event(store, "a")), EventState::SetAside).await;
    world.journal(at(20, event(store, "b"))).await;
    let last = world.journal(at(30, event(store, "c"))).await.position;
    let backlog = Backlog {
        waiting: 2,
        oldest: Some(Timestamp(20)),
        set_aside: 1,
        last_webhook: Some(Timestamp(30)),
    };
    assert_eq!(world.backlog(store).await.unwrap(), backlog);
    let turn = Commit {
        closes: vec![close(last, EventState::Dismissed)],
        recorded: vec![recorded("5")],
        ..commit(store)
    };
    assert_eq!(world.commit(turn).await, Written::Committed);
    // What a person asked for is no webhook.
    let backlog = Backlog { waiting: 1, ..backlog };
    assert_eq!(world.backlog(store).await.unwrap(), backlog);
}
