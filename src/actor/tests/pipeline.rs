//! Many orders to read: a few calls at once, by list, within the cart's quota.

use std::time::Duration;

use crate::actor::tests::cart::{Reply, order};
use crate::actor::tests::world::{World, in_world};
use crate::channel::ChannelError;
use crate::domain::{EventState, Position};
use crate::ledger::EventRow;

const WINDOW: Duration = Duration::from_secs(30);

/// Puts orders into the cart and tells of them by thin events.
async fn told(world: &World, slug: &str, ids: std::ops::RangeInclusive<u32>) -> Vec<Position> {
    let mut events = Vec::new();
    for id in ids {
        world.cart.put(&order(id, 0));
        events.push(world.journal(slug, "thin", id.to_string()).await);
    }
    world.actors.stores.nudge(world.store(slug));
    events
}

async fn all_done(world: &World, events: &[Position]) {
    for event in events {
        let EventRow { state, reason, .. } = world.ended(*event).await;
        assert_eq!(state, EventState::Done, "{reason:?}");
    }
}

async fn reads_reach(world: &World, reads: usize) {
    world.until(async || (world.cart.reads("pine") == reads).then_some(())).await;
}

#[test]
fn i6_so_many_reads_are_made_at_once_and_no_more() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.close_gate();
        let events = told(&world, "pine", 1..=9).await;
        reads_reach(&world, 4).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.cart.reads("pine"), 4, "the others wait for an answer");
        world.cart.let_pass(1);
        reads_reach(&world, 5).await;
        world.cart.let_pass(100);
        all_done(&world, &events).await;
        assert_eq!(world.cart.reads("pine"), 9);
    });
}

#[test]
fn r11_two_reads_of_one_order_are_never_made_at_once() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.close_gate();
        let first = told(&world, "pine", 1..=1).await;
        reads_reach(&world, 1).await;
        let again = told(&world, "pine", 1..=1).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.cart.reads("pine"), 1);
        world.cart.let_pass(1);
        all_done(&world, &first).await;
        reads_reach(&world, 2).await;
        world.cart.let_pass(1);
        all_done(&world, &again).await;
    });
}

#[test]
fn many_due_orders_are_read_by_list_and_what_it_lacks_by_itself() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.lists(10, &[3, 4]);
        let mut events = told(&world, "pine", 1..=40).await;
        // Two events of one order are answered by one list: the newest as it was decided.
        let twice = told(&world, "pine", 7..=7).await;
        let older = events.remove(6);
        all_done(&world, &events).await;
        all_done(&world, &twice).await;
        assert_eq!(world.ended(older).await.state, EventState::Duplicate);
        let lists = world.cart.listed();
        assert_eq!(lists.iter().sum::<usize>(), 40, "{lists:?}");
        assert!(lists.len() <= 4, "a page of the journal each: {lists:?}");
        assert_eq!(world.cart.reads("pine"), 2, "3 and 4");
        for id in 1..=40 {
            assert!(world.order("pine", id).await.is_some());
        }
    });
}

#[test]
fn what_comes_during_a_list_is_read_again() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.lists(10, &[]);
        world.cart.close_gate();
        let before = told(&world, "pine", 1..=10).await;
        world.until(async || (!world.cart.listed().is_empty()).then_some(())).await;
        let during = told(&world, "pine", 5..=5).await;
        world.cart.let_pass(1);
        all_done(&world, &before).await;
        reads_reach(&world, 1).await;
        assert!(world.event(during[0]).await.state.is_open());
        world.cart.let_pass(1);
        all_done(&world, &during).await;
    });
}

#[test]
fn a_list_that_is_refused_condemns_no_order() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.lists(10, &(1..=12).collect::<Vec<_>>());
        let events = told(&world, "pine", 1..=12).await;
        all_done(&world, &events).await;
        assert_eq!((world.cart.listed().len(), world.cart.reads("pine")), (1, 12));
    });
}

#[test]
fn r46_three_hundred_orders_are_read_in_time_and_within_the_quota() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        world.cart.reads_at_once(4);
        world.cart.lists(10, &[]);
        world.cart.takes(Duration::from_millis(200));
        world.cart.allows(150, WINDOW);
        let began = world.clock.now();
        let events = told(&world, "pine", 1..=300).await;
        all_done(&world, &events).await;
        let took = world.clock.now().since(began);
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_eq!(world.cart.overdrawn(), 0);
    });
}

#[test]
fn r46_without_lists_the_quota_is_kept_and_a_fifth_of_it_left_to_others() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.takes(Duration::from_millis(50));
        world.cart.allows(50, WINDOW);
        let events = told(&world, "pine", 1..=100).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let reads = world.cart.reads("pine");
        assert!((36..=40).contains(&reads), "{reads}");
        all_done(&world, &events).await;
        assert_eq!(world.cart.overdrawn(), 0);
    });
}

#[test]
fn r46_others_may_use_the_quota_up_and_nothing_is_lost() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        let wait = ChannelError::Throttled { after: Duration::from_secs(12) };
        world.cart.answers("pine", &vec![Reply::Fail(wait); 4]);
        let began = world.clock.now();
        let events = told(&world, "pine", 1..=8).await;
        all_done(&world, &events).await;
        let took = world.clock.now().since(began).as_secs();
        assert!((12..20).contains(&took), "together they are one failure: {took}");
        for event in &events {
            assert_eq!(world.event(*event).await.attempts, 0, "it counts no attempt (R49)");
        }
    });
}

#[test]
fn i6_one_read_that_hangs_leaves_room_for_the_others() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.answers("pine", &[Reply::Hang]);
        let events = told(&world, "pine", 1..=12).await;
        let (hangs, others) = events.split_first().unwrap();
        all_done(&world, others).await;
        assert!(world.event(*hangs).await.state.is_open());
    });
}

#[test]
fn f5_a_crash_of_one_of_four_reads_costs_no_order() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.answers("pine", &[Reply::Truth, Reply::Panic]);
        world.cart.takes(Duration::from_millis(100));
        let events = told(&world, "pine", 1..=12).await;
        all_done(&world, &events).await;
        for id in 1..=12 {
            assert!(world.order("pine", id).await.is_some());
        }
    });
}

#[test]
fn i10_a_restart_with_four_reads_in_flight_applies_each_once() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.close_gate();
        let events = told(&world, "pine", 1..=4).await;
        reads_reach(&world, 4).await;
        world.actors.stores.restart(world.store("pine"), "Ada").await.unwrap();
        world.cart.let_pass(100);
        all_done(&world, &events).await;
        for id in 1..=4 {
            assert_eq!(world.order("pine", id).await.unwrap().row_version, 1);
        }
    });
}

#[test]
fn an_order_that_a_cart_shows_late_arrives_by_itself() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.reads_at_once(4);
        world.cart.lists(3, &[]);
        let mut events = Vec::new();
        for id in 1..=5_u32 {
            events.push(world.deliver("pine", "edited", id.to_string()).await);
        }
        // For ten seconds it has no such order, or shows it as it was.
        world.cart.put(&order(2, 0));
        tokio::time::sleep(Duration::from_secs(10)).await;
        for id in 1..=5 {
            world.cart.put(&order(id, 61));
        }
        all_done(&world, &events).await;
        for id in 1..=5 {
            let found = world.order("pine", id).await.unwrap();
            assert_eq!(found.guard.newest.updated_at, order(id, 61).updated_at);
        }
    });
}
