//! When runs begin: over weeks, restarts, pauses, and clocks that are set (R4).

use std::time::Duration;

use super::world::{START, World, in_world, settings};
use crate::clock::Clock;
use crate::domain::{Task, Timestamp};
use crate::ledger::{Autosync, EventRow, Ledger, TaskSettings, Write};

const HOUR: Duration = Duration::from_hours(1);

/// When scheduled runs of a store were due, oldest first.
async fn dues(world: &World, slug: &str) -> Vec<Timestamp> {
    let store = world.store(slug);
    let mut events: Vec<EventRow> = world.events().await;
    events.retain(|event| event.store == store && event.topic == "import_orders");
    events.sort_by_key(|event| event.position);
    events.into_iter().filter_map(|event| event.triggered_at).collect()
}

async fn set(world: &World, slug: &str, autosync: Autosync, next_due: Option<Timestamp>) {
    let settings = TaskSettings {
        store: world.store(slug),
        task: Task::ImportOrders,
        instasync: true,
        autosync,
        next_due,
    };
    world.actors.writer.write(Write::SetTask(settings)).await.unwrap();
}

/// Each due instant is an interval after the one before.
fn exact(dues: &[Timestamp], every: Duration) {
    for pair in dues.windows(2) {
        assert_eq!(pair[0].plus(every), pair[1], "{dues:?}");
    }
}

#[test]
fn r4_two_weeks_of_hourly_runs_are_exact_over_a_restart() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        for slug in ["pine", "oak"] {
            set(&world, slug, Autosync::Default, Some(START.plus(HOUR / 7))).await;
        }
        tokio::time::sleep(Duration::from_hours(7 * 24)).await;
        let half = dues(&world, "pine").await.len();
        assert_eq!(half, 7 * 24 + 1, "the first one stands outside the grid");
        let World { ledger, clock, actors, .. } = world;
        actors.timer.stop();
        actors.stores.drain(Duration::from_secs(5)).await;
        let world = World::over(ledger, clock, settings()).await;
        tokio::time::sleep(Duration::from_hours(7 * 24)).await;
        for slug in ["pine", "oak"] {
            let dues = dues(&world, slug).await;
            assert_eq!(dues.len(), 14 * 24 + 1);
            exact(&dues[1..], HOUR);
        }
        let places = [dues(&world, "pine").await[1], dues(&world, "oak").await[1]];
        assert_ne!(places[0], places[1], "each store has its place in the hour");
    });
}

#[test]
fn r4_what_was_missed_while_the_daemon_was_down_is_made_once_and_soon() {
    in_world(async || {
        let slugs: Vec<String> = (0..40).map(|n| format!("store-{n}")).collect();
        let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
        let world = World::new(&slugs).await;
        for slug in &slugs {
            set(&world, slug, Autosync::Default, Some(START.plus(HOUR / 7))).await;
        }
        let World { ledger, clock, actors, .. } = world;
        actors.timer.stop();
        // Two days without a daemon.
        tokio::time::sleep(Duration::from_hours(48)).await;
        let up = clock.now();
        let world = World::over(ledger, clock, settings()).await;
        tokio::time::sleep(Duration::from_mins(11)).await;
        let mut begun = Vec::new();
        for event in world.events().await.iter().filter(|event| event.topic == "import_orders") {
            begun.push(event.received_at.since(up));
        }
        let made: Vec<_> = begun.iter().filter(|at| **at <= Duration::from_mins(11)).collect();
        // One for each; a store may have its place in the hour within these minutes too.
        assert!((40..=50).contains(&made.len()), "{made:?}");
        let first = begun.iter().filter(|at| **at < Duration::from_mins(1)).count();
        assert!(first < 12, "{first} at once");
    });
}

#[test]
fn r4_a_clock_that_is_set_skips_nothing_for_long() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        set(&world, "pine", Autosync::Default, Some(START.plus(HOUR / 7))).await;
        tokio::time::sleep(HOUR * 2).await;
        let World { ledger, actors, .. } = world;
        actors.timer.stop();
        // The clock is a year back: the due time that was kept is a year ahead.
        let back = Clock::tokio(START.minus(HOUR * 24 * 365));
        let world = World::over(ledger, back, settings()).await;
        let before = dues(&world, "pine").await.len();
        tokio::time::sleep(HOUR * 3).await;
        let dues = dues(&world, "pine").await;
        assert!((3..=4).contains(&(dues.len() - before)), "{dues:?}");
    });
}

#[test]
fn r4_intervals_are_kept_and_off_is_off() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let tenth = Duration::from_mins(10);
        set(&world, "pine", Autosync::Every(tenth), Some(START.plus(tenth))).await;
        tokio::time::sleep(HOUR * 5 + Duration::from_mins(5)).await;
        let runs = dues(&world, "pine").await;
        assert!((30..=31).contains(&runs.len()), "{}", runs.len());
        exact(&runs[1..], tenth);
        set(&world, "pine", Autosync::Off, None).await;
        tokio::time::sleep(HOUR * 5).await;
        assert_eq!(dues(&world, "pine").await.len(), runs.len());
    });
}

#[test]
fn r4_a_paused_store_is_not_polled_and_catches_up_once() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        set(&world, "pine", Autosync::Default, Some(START.plus(HOUR / 7))).await;
        tokio::time::sleep(HOUR * 2).await;
        let before = dues(&world, "pine").await.len();
        world.change("pine", |row| row.paused = true).await;
        tokio::time::sleep(HOUR * 5).await;
        assert_eq!(dues(&world, "pine").await.len(), before);
        world.change("pine", |row| row.paused = false).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        let after = dues(&world, "pine").await;
        assert_eq!(after.len(), before + 1, "several missed runs count as one");
        tokio::time::sleep(HOUR * 5).await;
        let exactly = dues(&world, "pine").await;
        assert_eq!(exactly.len(), before + 6);
        exact(&exactly[before + 1..], HOUR);
    });
}

#[test]
fn r46_a_run_that_waits_for_its_cart_counts_for_those_that_fall_due_meanwhile() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.close_gate();
        set(&world, "pine", Autosync::Default, Some(START.plus(HOUR / 7))).await;
        tokio::time::sleep(HOUR * 5).await;
        assert_eq!(dues(&world, "pine").await.len(), 1);
        assert_eq!(world.ledger.backlog(world.store("pine")).await.unwrap().waiting, 0);
        world.cart.let_pass(1000);
        tokio::time::sleep(HOUR * 3).await;
        let runs = dues(&world, "pine").await;
        assert!((3..=4).contains(&runs.len()), "{runs:?}");
    });
}
