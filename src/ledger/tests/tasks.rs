//! Tasks, when they are due, and their runs.

use std::time::Duration;

use rstest::rstest;

use super::world::{close, new_order, recorded};
use super::*;
use crate::domain::order::Missed;
use crate::domain::{
    AccountId, CartOrderId, EventState, Position, Progress, Source, StoreId, Task, Timestamp,
};
use crate::ledger::{
    Autosync, Close, Commit, DeliveryKey, Due, Journaled, NewEvent, Recorded, Run, RunWrite,
    StartTask, StoreRow, TaskProgress, TaskRow, TaskSettings, Trigger, Write, Written,
};

/// The event of a run that is due then.
fn poll(store: StoreId, due: i64) -> NewEvent {
    NewEvent {
        topic: Task::ImportOrders.as_str().to_owned(),
        source: Source::Poll,
        delivery_id: None,
        key: DeliveryKey::of("poll", &due.to_string()),
        ..event(store, "run")
    }
}

fn start(store: StoreId, due: i64, next: i64) -> Write {
    Write::StartTask(Box::new(StartTask {
        store,
        task: Task::ImportOrders,
        due: Some(Due { at: Timestamp(due), next: Some(Timestamp(next)) }),
        event: poll(store, due),
    }))
}

async fn only(world: &World, store: StoreId) -> TaskRow {
    let mut tasks = world.tasks(store).await.unwrap();
    assert_eq!(tasks.len(), 1);
    tasks.pop().unwrap()
}

async fn dues(world: &World, until: i64) -> Vec<(StoreId, Timestamp)> {
    let due = world.due_tasks(None, Timestamp(until), 10).await.unwrap();
    due.iter().map(|task| (task.store, task.due)).collect()
}

#[rstest]
#[tokio::test]
async fn r3_a_new_store_imports_orders_both_ways_and_its_first_run_is_due(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    assert_eq!(only(&world, store).await, TaskRow::new(Task::ImportOrders, Timestamp(5)));
    assert_eq!(dues(&world, 4).await, []);
    assert_eq!(dues(&world, 5).await, [(store, Timestamp(5))]);
}

#[rstest]
#[tokio::test]
async fn r4_a_due_run_begins_exactly_once(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    let began = world.put(start(store, 5, 3600)).await;
    let Written::Journaled(Journaled { position, duplicate: false }) = began else {
        panic!("{began:?}")
    };
    assert_eq!(world.put(start(store, 5, 3600)).await, Written::Moved, "it has begun");
    assert_eq!(dues(&world, 3599).await, []);
    // It still runs when the next one is due: that one is counted with it.
    let joined = Written::Journaled(Journaled { position, duplicate: true });
    assert_eq!(world.put(start(store, 3600, 7200)).await, joined);
    // So is what a person asks for meanwhile, whenever it is due.
    let asked = StartTask {
        store,
        task: Task::ImportOrders,
        due: None,
        event: NewEvent { key: DeliveryKey::unique(), source: Source::Person, ..poll(store, 1) },
    };
    let asked = Write::StartTask(Box::new(asked));
    assert_eq!(world.put(asked.clone()).await, joined);
    assert_eq!(only(&world, store).await.next_due, Some(Timestamp(7200)));
    let ended = Commit { closes: vec![close(position, EventState::Done)], ..commit(store) };
    assert_eq!(world.commit(ended).await, Written::Committed);
    let Written::Journaled(own) = world.put(asked).await else { panic!("it is no duplicate") };
    assert!(!own.duplicate && own.position > position);
    assert_eq!(only(&world, store).await.next_due, Some(Timestamp(7200)));
    let ended = Commit { closes: vec![close(own.position, EventState::Done)], ..commit(store) };
    assert_eq!(world.commit(ended).await, Written::Committed);
    let next = world.put(start(store, 7200, 10_800)).await;
    assert!(matches!(next, Written::Journaled(Journaled { duplicate: false, .. })), "{next:?}");
    // A delivery that calls itself a poll is none.
    let oak = world.connect("oak").await;
    world.journal(NewEvent { source: Source::Webhook, ..poll(oak, 1) }).await;
    let began = world.put(start(oak, 5, 3600)).await;
    assert!(matches!(began, Written::Journaled(_)), "{began:?}");
}

#[rstest]
#[tokio::test]
async fn r4_paused_and_disconnected_stores_are_not_due(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let [pine, oak, elm] =
        [world.connect("pine").await, world.connect("oak").await, world.connect("elm").await];
    let change = async |id, change: fn(&mut StoreRow)| {
        let mut row = world.store(id).await.unwrap().unwrap();
        change(&mut row);
        assert_eq!(world.put(Write::UpdateStore(Box::new(row))).await, Written::Done);
    };
    change(pine, |row| row.paused = true).await;
    change(oak, |row| row.disconnected_at = Some(Timestamp(9))).await;
    assert_eq!(dues(&world, 100).await, [(elm, Timestamp(5))]);
    change(pine, |row| row.paused = false).await;
    assert_eq!(dues(&world, 100).await.len(), 2, "what was due meanwhile is due now, once");
}

#[rstest]
#[tokio::test]
async fn r5_settings_change_and_what_runs_have_reached_stays(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    let progress = Progress { watermark: Some(Timestamp(77)), ..Progress::default() };
    let reached =
        TaskProgress { task: Task::ImportOrders, progress: progress.clone(), due_by: None };
    let turn = Commit { progress: Some(reached), ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    for autosync in [Autosync::Off, Autosync::Default, Autosync::Every(Duration::from_mins(10))] {
        let settings = TaskSettings {
            store,
            task: Task::ImportOrders,
            instasync: false,
            autosync,
            next_due: (autosync != Autosync::Off).then_some(Timestamp(600)),
        };
        assert_eq!(world.put(Write::SetTask(settings.clone())).await, Written::Done);
        let row = only(&world, store).await;
        assert_eq!((row.autosync, row.instasync), (autosync, false));
        assert_eq!((row.next_due, &row.progress), (settings.next_due, &progress));
    }
    // One that was never set.
    let settings = TaskSettings {
        store,
        task: Task::ImportProducts,
        instasync: true,
        autosync: Autosync::Off,
        next_due: None,
    };
    world.put(Write::SetTask(settings)).await;
    let tasks = world.tasks(store).await.unwrap();
    assert_eq!(tasks.len(), 2);
}

#[rstest]
#[tokio::test]
async fn r44_a_run_may_bring_the_next_one_forward_and_never_back(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    world.put(start(store, 5, 3600)).await;
    for (due_by, next) in [(None, 3600), (Some(600), 600), (Some(900), 600)] {
        let progress = TaskProgress {
            task: Task::ImportOrders,
            progress: Progress::default(),
            due_by: due_by.map(Timestamp),
        };
        world.commit(Commit { progress: Some(progress), ..commit(store) }).await;
        assert_eq!(only(&world, store).await.next_due, Some(Timestamp(next)));
    }
}

#[rstest]
#[tokio::test]
async fn r6_a_run_is_kept_with_the_turn_that_it_is_a_part_of(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    let position = world.journal(poll(store, 1)).await.position;
    assert_eq!(world.backlog(store).await.unwrap().waiting, 0, "a run is no backlog");
    assert_eq!(world.runs(&[position]).await.unwrap(), []);
    let run = Run {
        trigger: Trigger::Person,
        from: Some(serde_json::json!({"page": "here"})),
        pages: 1,
        seen: 2,
        ..Run::default()
    };
    let write = RunWrite { event: position, run: run.clone() };
    world.commit(Commit { run: Some(write.clone()), ..commit(store) }).await;
    assert_eq!(world.runs(&[Position(999), position]).await.unwrap(), [(position, run.clone())]);
    // A turn that is refused leaves the run as it was.
    let later = RunWrite { run: Run { pages: 9, ..run.clone() }, ..write };
    let refused = Commit { epoch: 0, run: Some(later), ..commit(store) };
    assert!(matches!(world.commit(refused).await, Written::Refused(_)));
    assert_eq!(world.runs(&[position]).await.unwrap(), [(position, run)]);
}

#[rstest]
#[tokio::test]
async fn r41_webhooks_are_found_by_order_and_time_and_misses_are_counted(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    // Received at 100: one closed as about order 1, one that waits for order 2, one fetch of order 3.
    let position = world.journal(event(store, "a")).await.position;
    let about =
        Close { cart_order_id: Some(CartOrderId::from("1")), ..close(position, EventState::Done) };
    world.commit(Commit { closes: vec![about], ..commit(store) }).await;
    let waits = NewEvent { cart_order_id: Some(CartOrderId::from("2")), ..event(store, "b") };
    world.journal(waits).await;
    let fetch = NewEvent {
        source: Source::Fetch,
        cart_order_id: Some(CartOrderId::from("3")),
        ..event(store, "c")
    };
    world.journal(fetch).await;
    let told = async |since| {
        let asked: Vec<_> =
            ["1", "2", "3", "4"].map(|id| (CartOrderId::from(id), Timestamp(since))).into();
        let told = world.told_since(AccountId(1), store, &asked).await.unwrap();
        told.iter().map(|id| id.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(100).await, ["1", "2"]);
    assert_eq!(told(101).await, Vec::<String>::new());

    let mut missed = order(store, "5");
    missed.guard.missed = Some(Missed { version: Timestamp(15), at: Timestamp(500) });
    world.book(store, &[missed.clone(), order(store, "6")]).await;
    assert_eq!(world.misses(store, Timestamp(500)).await.unwrap(), 1);
    assert_eq!(world.misses(store, Timestamp(501)).await.unwrap(), 0);
    // It came after all.
    missed.guard.missed = None;
    missed.row_version += 1;
    let turn = Commit { orders: vec![new_order(&missed)], ..commit(store) };
    assert_eq!(world.commit(turn).await, Written::Committed);
    assert_eq!(world.misses(store, Timestamp(0)).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn r40_what_a_run_set_aside_is_found_by_its_key(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("pine").await;
    let key = DeliveryKey::of("poll", "this very state");
    assert_eq!(world.event_by_key(store, key).await.unwrap(), None);
    let set_aside = Recorded { key, cart_order_id: None, ..recorded("5") };
    world.commit(Commit { recorded: vec![set_aside], ..commit(store) }).await;
    let found = world.event_by_key(store, key).await.unwrap().unwrap();
    assert_eq!((found.cart_order_id, found.delivery_id), (None, None));
}
