//! Runs of Import orders: what they read, bring, count and leave (R6, R40–R45).

use std::time::Duration;

use super::cart::{Reply, order};
use super::world::{START, World, in_world, settings};
use crate::actor::AskError;
use crate::channel::{ChannelError, Listing};
use crate::domain::event::reason;
use crate::domain::{
    ArrivedBy, CartOrderId, EventState, Flag, Position, Sighting, Source, Timestamp,
};
use crate::ledger::{EventRow, Ledger, Trigger};

/// Seconds from the time that test orders are placed at to the beginning of each test.
const BEGIN: i64 = 100_000;

/// An order that changed so many seconds before the test began.
pub(super) fn changed(id: u32, ago: i64) -> Sighting {
    order(id, BEGIN - ago)
}

/// A store whose first run has ended.
pub(super) async fn connected() -> World {
    let world = World::new(&["pine"]).await;
    let run = world.run(world.poll("pine").await).await;
    assert_eq!((run.trigger, run.new), (Trigger::Connect, 0));
    world
}

/// A run over twelve orders, four on a page, of which so many pages are durable.
async fn under_way(world: &World, pages: usize) -> Position {
    world.cart.rows(4);
    for id in 1..=12 {
        world.cart.put(&changed(id, 500 - i64::from(id)));
    }
    world.cart.close_gate();
    let position = world.poll("pine").await;
    world.cart.let_pass(pages);
    world.until(async || world.order("pine", 4 * pages as u32).await).await;
    position
}

async fn polled(world: &World) -> Vec<EventRow> {
    let mut events = world.events().await;
    events.retain(|event| event.topic == "poll");
    events
}

fn since(world: &World) -> Option<Timestamp> {
    match world.cart.pages().last().map(|page| page.listing.clone()) {
        Some(Listing::Changed { since }) => since,
        other => panic!("{other:?}"),
    }
}

#[test]
fn r45_the_first_run_reads_what_is_open() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&changed(1, 5000));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.trigger, run.pages, run.seen, run.new), (Trigger::Connect, 1, 1, 1));
        assert_eq!((run.missed, run.repaired, run.failed), (0, 1, 0));
        assert_eq!(world.cart.pages()[0].listing, Listing::Open);
        let order = world.order("pine", 1).await.unwrap();
        assert_eq!(order.arrived_by, ArrivedBy::Autosync);
        assert!(
            !order.flags.has(Flag::WebhookMissed),
            "nothing was missed before it was connected"
        );
        let progress = world.progress("pine").await;
        assert!(progress.connected);
        assert_eq!(progress.complete_up_to, Some(START.minus(settings().list_lag)));
        // The next one reads what changed since then.
        world.cart.put(&changed(2, -5));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.trigger, run.new), (Trigger::Schedule, 1));
        let from = START.minus(settings().list_lag).minus(Duration::from_mins(10));
        assert_eq!(since(&world), Some(from));
    });
}

#[test]
fn r40_what_is_known_already_leaves_no_trace() {
    in_world(async || {
        let world = connected().await;
        let seen = changed(1, 30);
        world.cart.put(&seen);
        world.ended(world.see("pine", &seen).await).await;
        let before = world.order("pine", 1).await.unwrap();
        for _ in 0..2 {
            let run = world.run(world.poll("pine").await).await;
            assert_eq!((run.seen, run.unchanged, run.repaired), (1, 1, 0));
        }
        assert_eq!(world.order("pine", 1).await.unwrap(), before);
        assert!(polled(&world).await.is_empty());
    });
}

#[test]
fn r40_pages_are_read_until_the_last_and_the_watermark_follows() {
    in_world(async || {
        let world = connected().await;
        world.cart.rows(3);
        for id in 1..=10 {
            world.cart.put(&changed(id, 500));
        }
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.pages, run.seen, run.new), (4, 10, 10));
        assert_eq!(polled(&world).await.len(), 10);
        assert_eq!(world.progress("pine").await.watermark, Some(START.minus(settings().list_lag)));
        world.cart.put(&changed(11, 10));
        world.run(world.poll("pine").await).await;
        assert_eq!(world.progress("pine").await.watermark, Some(changed(11, 10).updated_at));
    });
}

#[test]
fn r40_a_cart_whose_clock_runs_ahead_does_not_blind_later_polls() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, -1_000_000));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!(run.new, 1);
        let now = world.clock.now();
        assert!(world.progress("pine").await.watermark.is_some_and(|mark| mark <= now));
        world.cart.put(&changed(2, 0));
        assert_eq!(world.run(world.poll("pine").await).await.new, 1);
    });
}

#[test]
fn r40_a_crash_goes_on_with_the_page_that_was_not_durable() {
    in_world(async || {
        let world = connected().await;
        let position = under_way(&world, 2).await;
        // The daemon dies while the third page is on its way.
        let (ledger, clock) = (world.ledger.clone(), world.clock.clone());
        let next = World::over(ledger, clock, settings()).await;
        next.cart.rows(4);
        for id in 1..=12 {
            next.cart.put(&changed(id, 500 - i64::from(id)));
        }
        next.actors.stores.nudge(next.store("pine"));
        let run = next.run(position).await;
        assert_eq!((run.pages, run.seen, run.new), (3, 12, 12));
        assert_eq!(next.cart.pages().len(), 1, "two pages were durable");
    });
}

#[test]
fn r40_a_place_in_a_list_that_the_cart_has_forgotten_is_not_the_end() {
    in_world(async || {
        let world = connected().await;
        let position = under_way(&world, 1).await;
        world.cart.fails_a_page(ChannelError::Rejected("invalid cursor".to_owned()));
        world.cart.let_pass(9);
        let run = world.run(position).await;
        assert_eq!((run.new, run.error), (12, None));
        assert!(world.cart.pages().iter().filter(|page| page.page.is_none()).count() >= 2);
    });
}

#[test]
fn r45_a_date_range_is_read_to_its_end_also_if_the_cart_forgets_the_place() {
    in_world(async || {
        let world = connected().await;
        world.cart.rows(4);
        // Long before the watermark.
        for id in 1..=12 {
            world.cart.put(&changed(id, 90_000 - i64::from(id)));
        }
        world.cart.close_gate();
        let long_ago = Some(START.minus(Duration::from_hours(500)));
        let run = world.sync("pine", Trigger::Person, long_ago).await.position;
        world.cart.let_pass(1);
        world.until(async || world.order("pine", 4).await).await;
        world.cart.fails_a_page(ChannelError::Rejected("invalid cursor".to_owned()));
        world.cart.let_pass(9);
        assert_eq!(world.run(run).await.new, 12);
    });
}

#[test]
fn r46_a_cart_that_refuses_every_further_page_is_not_asked_for_ever() {
    in_world(async || {
        let world = connected().await;
        let position = under_way(&world, 1).await;
        // The second page is refused, and again after the list was begun anew.
        world.cart.refuses_further_pages(true);
        world.cart.let_pass(100);
        let run = world.run(position).await;
        assert!(run.error.unwrap().contains("invalid cursor"));
        assert!(world.cart.pages().len() < 8, "{}", world.cart.pages().len());
        world.cart.refuses_further_pages(false);
        assert_eq!(world.run(world.poll("pine").await).await.new, 8);
    });
}

#[test]
fn f5_a_run_that_crashes_its_actor_ends_and_the_store_goes_on() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, 600));
        world.cart.crashes_pages(4);
        let position = world.poll("pine").await;
        let ended = world.ended(position).await;
        assert_eq!(
            (ended.state, ended.reason.as_deref()),
            (EventState::Done, Some(reason::CRASHED))
        );
        assert_eq!(world.run(world.poll("pine").await).await.new, 1);
    });
}

#[test]
fn r40_many_orders_that_cannot_be_read_are_set_aside_once_each() {
    in_world(async || {
        let world = connected().await;
        let ids: Vec<u32> = (1..=150).collect();
        for id in &ids {
            world.cart.put(&changed(*id, 600));
        }
        world.cart.garbles(&ids);
        for _ in 0..2 {
            assert_eq!(world.run(world.poll("pine").await).await.failed, 150);
            assert_eq!(polled(&world).await.len(), 150);
        }
        // What cannot be told apart is told once, and spoils no page.
        world.cart.garbles_names();
        assert_eq!(world.run(world.poll("pine").await).await.failed, 150);
        assert_eq!(polled(&world).await.len(), 151);
    });
}

#[test]
fn r6_a_run_can_be_cancelled_and_what_it_brought_stays() {
    in_world(async || {
        let world = connected().await;
        let position = under_way(&world, 1).await;
        let store = world.store("pine");
        world.actors.stores.cancel_run(store, position).await.unwrap();
        let ended = world.ended(position).await;
        assert_eq!(ended.state, EventState::Dismissed);
        let again = world.actors.stores.cancel_run(store, position).await;
        assert!(matches!(again, Err(AskError::Refused(_))), "{again:?}");
        world.cart.let_pass(9);
        // The next one goes on where it stood.
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.unchanged), (8, 4));
    });
}

#[test]
fn r41_a_miss_is_a_change_that_no_webhook_told_of_for_minutes() {
    in_world(async || {
        let world = connected().await;
        let [missed, recent, told] = [changed(1, 600), changed(2, 1), changed(3, 600)];
        for seen in [&missed, &recent, &told] {
            world.cart.put(seen);
        }
        world.ended(world.see("pine", &told).await).await;
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.unchanged, run.missed, run.repaired), (2, 1, 1, 2));
        let flags = async |id| world.order("pine", id).await.unwrap().flags;
        assert!(flags(1).await.has(Flag::WebhookMissed));
        assert!(
            !flags(2).await.has(Flag::WebhookMissed) && !flags(3).await.has(Flag::WebhookMissed)
        );
        let store = world.store("pine");
        assert_eq!(world.ledger.misses(store, START).await.unwrap(), 1);
        assert_eq!(world.progress("pine").await.missed, 1);
        // The next poll comes soon (R44) …
        let due = world.orders_task("pine").await.next_due.unwrap();
        assert!(due <= world.clock.now().plus(Duration::from_mins(10)), "{due}");
        // … and a webhook that comes after all takes the miss away.
        world.ended(world.see("pine", &missed).await).await;
        assert!(!flags(1).await.has(Flag::WebhookMissed));
        assert_eq!(world.ledger.misses(store, START).await.unwrap(), 0);
        assert_eq!(world.run(world.poll("pine").await).await.missed, 0);
        assert_eq!(world.progress("pine").await.missed, 0, "webhooks come again");
        // A store in which nothing happens proves nothing.
        world.cart.put(&changed(4, -5));
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert_eq!(world.run(world.poll("pine").await).await.missed, 1);
        for _ in 0..2 {
            assert_eq!(world.run(world.poll("pine").await).await.missed, 0);
            assert_eq!(world.progress("pine").await.missed, 1);
        }
    });
}

#[test]
fn r41_a_later_change_that_no_webhook_told_of_is_a_miss_too() {
    in_world(async || {
        let world = connected().await;
        world.ended(world.see("pine", &changed(1, 5000)).await).await;
        world.cart.put(&changed(1, 600));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.changed, run.missed), (1, 1));
    });
}

#[test]
fn r41_with_thin_carts_any_webhook_of_the_order_since_the_change_told_of_it() {
    in_world(async || {
        let world = connected().await;
        world.cart.tells_little();
        world.cart.put(&changed(1, 600));
        world.cart.put(&changed(2, 600));
        // The cart did not let its order be read, so only the webhook stands in the journal.
        world.cart.answers("pine", &vec![Reply::Absent; 9]);
        world.deliver("pine", "thin", "1").await;
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.missed), (2, 1));
        assert!(world.order("pine", 2).await.unwrap().flags.has(Flag::WebhookMissed));
    });
}

#[test]
fn r41_only_scheduled_runs_make_misses() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, 600));
        let asked = world.sync("pine", Trigger::Person, None).await;
        let run = world.run(asked.position).await;
        assert_eq!((run.trigger, run.repaired, run.missed), (Trigger::Person, 1, 0));
        assert!(!world.order("pine", 1).await.unwrap().flags.has(Flag::WebhookMissed));
    });
}

#[test]
fn r41_a_cart_whose_clock_is_off_makes_no_misses() {
    in_world(async || {
        let world = connected().await;
        // Its clock is ten minutes ahead, so what changed now carries a time to come.
        world.cart.clock_says(world.clock.now().plus(Duration::from_mins(10)));
        world.cart.put(&changed(1, -595));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.missed), (1, 0));
    });
}

#[test]
fn r42_an_order_that_cannot_be_read_holds_the_mark_is_set_aside_once_and_named() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, -100));
        world.cart.put(&changed(2, -90));
        world.cart.garbles(&[1]);
        tokio::time::sleep(Duration::from_mins(30)).await;
        for _ in 0..2 {
            let run = world.run(world.poll("pine").await).await;
            assert_eq!((run.failed, run.seen), (1, 2));
            let progress = world.progress("pine").await;
            let just_before = Timestamp(changed(1, -100).updated_at.0 - 1);
            assert_eq!(progress.complete_up_to, Some(just_before));
            assert_eq!(progress.held_by(), Some(&CartOrderId("1".to_owned())));
        }
        let aside = polled(&world).await;
        let aside: Vec<_> = aside.iter().filter(|e| e.state == EventState::SetAside).collect();
        assert_eq!(aside.len(), 1, "once for each state");
        assert_eq!(aside[0].reason.as_deref(), Some(reason::ANSWER_UNREADABLE));
        let (_, body) = world.ledger.event(aside[0].position).await.unwrap().unwrap();
        assert_eq!(body, b"garbage");
        assert!(world.order("pine", 2).await.is_some(), "the rest of the page stands");
        // It can be read again.
        world.cart.garbles(&[]);
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.failed), (1, 0));
        let progress = world.progress("pine").await;
        assert_eq!(progress.held_by(), None);
        assert!(progress.complete_up_to > Some(START));
    });
}

#[test]
fn r42_an_unreadable_order_that_left_the_cart_holds_nothing() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, -100));
        world.cart.garbles(&[1]);
        tokio::time::sleep(Duration::from_mins(30)).await;
        world.run(world.poll("pine").await).await;
        world.cart.take_out(1);
        world.run(world.poll("pine").await).await;
        let progress = world.progress("pine").await;
        assert_eq!(progress.held_by(), None);
        assert!(progress.complete_up_to > Some(START));
    });
}

#[test]
fn r42_a_quiet_store_is_complete_up_to_its_last_run_by_the_carts_clock() {
    in_world(async || {
        let world = connected().await;
        let cart = START.minus(Duration::from_secs(40)).plus(Duration::from_hours(1));
        world.cart.clock_says(cart);
        tokio::time::sleep(Duration::from_hours(1)).await;
        world.run(world.poll("pine").await).await;
        let lag = settings().list_lag;
        assert_eq!(world.progress("pine").await.complete_up_to, Some(cart.minus(lag)));
    });
}

#[test]
fn r46_an_outage_is_waited_out_and_a_refusal_ends_the_run() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, 600));
        for _ in 0..5 {
            world.cart.fails_a_page(ChannelError::Unavailable("503".to_owned()));
        }
        let throttled = ChannelError::Throttled { after: Duration::from_secs(7) };
        world.cart.fails_a_page(throttled);
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.error), (1, None));

        world.cart.fails_a_page(ChannelError::Rejected("no such field".to_owned()));
        let position = world.poll("pine").await;
        let run = world.run(position).await;
        assert!(run.error.unwrap().contains("no such field"));
        assert_eq!(world.event(position).await.reason.as_deref(), Some(reason::RUN_FAILED));
        assert!(world.progress("pine").await.trouble.is_some());
        world.run(world.poll("pine").await).await;
        assert_eq!(world.progress("pine").await.trouble, None, "the next one reached its end");
    });
}

#[test]
fn r47_refused_credentials_keep_the_run_until_the_store_is_reconnected() {
    in_world(async || {
        let world = connected().await;
        world.cart.put(&changed(1, 600));
        let refused = || ChannelError::Unauthorized("revoked".to_owned());
        world.cart.fails_a_page(refused());
        world.cart.fails_a_page(refused());
        let position = world.poll("pine").await;
        let id = world.store("pine");
        world
            .until(async || {
                let row = world.ledger.store(id).await.unwrap().unwrap();
                (row.health.connection == crate::ledger::Connection::Reconnect).then_some(())
            })
            .await;
        assert!(world.event(position).await.state.is_open());
        world.actors.stores.connect(id).await.unwrap();
        assert_eq!(world.run(position).await.new, 1);
    });
}

#[test]
fn r6_a_request_joins_the_run_that_has_not_ended_unless_it_asks_for_more() {
    in_world(async || {
        let world = connected().await;
        world.cart.close_gate();
        let first = world.sync("pine", Trigger::Person, None).await;
        let second = world.sync("pine", Trigger::Person, None).await;
        assert!(!first.duplicate && second.duplicate);
        assert_eq!(first.position, second.position);
        let long_ago = START.minus(Duration::from_hours(500));
        let queued = world.sync("pine", Trigger::Person, Some(long_ago)).await;
        assert!(queued.position > first.position);
        world.cart.let_pass(100);
        world.run(first.position).await;
        world.run(queued.position).await;
        assert_eq!(since(&world), Some(long_ago));
    });
}

#[test]
fn r45_a_date_range_is_read_after_what_is_open() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let long_ago = START.minus(Duration::from_hours(500));
        let run = world.sync("pine", Trigger::Person, Some(long_ago)).await;
        assert_eq!(world.run(run.position).await.pages, 2);
        assert_eq!(world.cart.pages()[0].listing, Listing::Open);
        assert_eq!(since(&world), Some(long_ago));
    });
}

#[test]
fn r45_webhooks_outrank_a_run() {
    in_world(async || {
        let world = connected().await;
        world.cart.rows(1);
        for id in 1..=5 {
            world.cart.put(&changed(id, 500));
        }
        world.cart.close_gate();
        let position = world.poll("pine").await;
        world.cart.let_pass(1);
        world.until(async || world.order("pine", 1).await).await;
        // A full order and a thin one, while a page is on its way.
        let told = changed(5, 500);
        world.ended(world.see("pine", &told).await).await;
        let thin = world.deliver("pine", "thin", "4").await;
        world.cart.let_pass(2);
        let thin = world.ended(thin).await;
        assert!(world.event(position).await.state.is_open(), "the run is not over");
        assert_eq!(thin.state, EventState::Done);
        world.cart.let_pass(100);
        let run = world.run(position).await;
        assert_eq!(run.missed, 3, "what webhooks told of meanwhile was not missed: {run:?}");
        let order = world.order("pine", 5).await.unwrap();
        assert_eq!(order.arrived_by, ArrivedBy::Instasync);
    });
}

#[test]
fn a_delivery_that_calls_itself_a_poll_is_none() {
    in_world(async || {
        let world = connected().await;
        let event = world.ended(world.deliver("pine", "import_orders", "{}").await).await;
        assert_eq!((event.state, event.source), (EventState::SetAside, Source::Webhook));
        assert_eq!(world.cart.pages().len(), 1);
    });
}
