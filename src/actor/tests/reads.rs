//! Reads of the cart: coalesced, retried, waited out, and never in anybody else's way.

use std::time::Duration;

use rstest::rstest;

use crate::actor::Fetched;
use crate::actor::tests::cart::{Reply, order};
use crate::actor::tests::world::{START, World, in_world};
use crate::channel::{ChannelError, OrderRef};
use crate::domain::event::reason;
use crate::domain::{ArrivedBy, EventState, Flag, Status};
use crate::ledger::Ledger;

#[test]
fn a_thin_event_reads_its_order_and_ends_with_it() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        let event = world.deliver("pine", "thin", "1").await;
        let ended = world.ended(event).await;
        assert_eq!((ended.state, ended.cart_order_id), (EventState::Done, Some("1".into())));
        let order = world.order("pine", 1).await.unwrap();
        assert_eq!(order.arrived_by, ArrivedBy::Instasync);
    });
}

#[test]
fn one_answer_closes_what_was_known_when_it_was_asked_for() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        world.cart.close_gate();
        let mut before = Vec::new();
        for _ in 0..3 {
            before.push(world.journal("pine", "thin", "1").await);
        }
        world.actors.stores.nudge(world.store("pine"));
        world.until(async || (world.cart.reads("pine") == 1).then_some(())).await;
        let during = world.deliver("pine", "thin", "1").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.cart.let_pass(1);
        for event in before {
            world.ended(event).await;
        }
        world.until(async || (world.cart.reads("pine") == 2).then_some(())).await;
        assert!(world.event(during).await.state.is_open(), "it is read again for this one");
        world.cart.let_pass(1);
        world.ended(during).await;
    });
}

#[test]
fn a_cart_that_hangs_delays_only_its_own_reads() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        world.cart.put(&order(7, 0));
        world.cart.answers("pine", &[Reply::Hang]);
        let hangs = world.deliver("pine", "thin", "7").await;
        let mine = world.see("pine", &order(1, 0)).await;
        let other = world.deliver("oak", "thin", "7").await;
        assert_eq!(world.ended(mine).await.state, EventState::Done);
        assert_eq!(world.ended(other).await.state, EventState::Done);
        assert!(world.event(hangs).await.state.is_open());
    });
}

#[rstest]
#[case::not_found("thin", Reply::Absent, reason::NOT_FOUND_IN_CART)]
#[case::older_than_known("thin", Reply::State(Box::new(order(1, -60))), reason::CART_LAGS)]
#[case::older_than_told("edited", Reply::Truth, reason::CART_LAGS)]
fn a_cart_that_lags_is_asked_again_and_it_never_means_deleted(
    #[case] topic: &'static str,
    #[case] answer: Reply,
    #[case] why: &str,
) {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let known = world.see("pine", &order(1, 0)).await;
        world.ended(known).await;
        world.cart.put(&order(1, 0));
        world.cart.answers("pine", &vec![answer; 4]);
        let began = world.clock.now();
        let event = world.deliver("pine", topic, "1").await;
        let ended = world.ended(event).await;
        assert_eq!((ended.state, ended.reason.as_deref()), (EventState::SetAside, Some(why)));
        assert_eq!(world.cart.reads("pine"), 4);
        let took = world.clock.now().since(began).as_secs();
        assert!((155..170).contains(&took), "5, 30 and 120 s: {took}");
        let order = world.order("pine", 1).await.unwrap();
        assert!(!order.flags.has(Flag::DeletedInCart));
    });
}

#[test]
fn what_a_lagging_cart_shows_is_in_the_book_meanwhile() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        let event = world.deliver("pine", "edited", "1").await;
        world.until(async || world.order("pine", 1).await).await;
        assert!(world.event(event).await.state.is_open(), "the change it told of is still to come");
        world.cart.put(&order(1, 61));
        assert_eq!(world.ended(event).await.state, EventState::Done);
    });
}

#[test]
fn a_check_that_is_asked_for_during_a_read_is_made_after_it() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let pine = world.store("pine");
        world.cart.put(&order(1, 0));
        world.cart.close_gate();
        let read = world.deliver("pine", "thin", "1").await;
        world.until(async || (world.cart.reads("pine") == 1).then_some(())).await;
        let uninstalled = world.deliver("pine", "uninstalled", "{}").await;
        let (checked, ()) = tokio::join!(world.actors.stores.connect(pine), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.cart.let_pass(1);
        });
        checked.unwrap();
        world.ended(read).await;
        world.ended(uninstalled).await;
        let row = world.ledger.store(pine).await.unwrap().unwrap();
        assert_eq!(row.health.subscribed, ["order"], "the check was made, not only answered");
    });
}

#[test]
fn r51_the_connection_of_a_paused_store_can_be_checked() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.change("pine", |row| row.paused = true).await;
        world.actors.stores.connect(world.store("pine")).await.unwrap();
    });
}

#[test]
fn r47_what_old_credentials_met_says_nothing_of_new_ones() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        let refused = Reply::Fail(ChannelError::Unauthorized("revoked".to_owned()));
        world.cart.answers("pine", &[refused]);
        world.cart.close_gate();
        let event = world.deliver("pine", "thin", "1").await;
        world.until(async || (world.cart.reads("pine") == 1).then_some(())).await;
        let directory = std::sync::Arc::clone(&world.directory);
        world
            .change("pine", |row| {
                let mut credentials = directory.open(row).unwrap();
                credentials.client_secret = Some("a new one".to_owned().into());
                credentials.token = None;
                directory.seal(row, &credentials);
            })
            .await;
        world.cart.let_pass(3);
        assert_eq!(world.ended(event).await.state, EventState::Done);
        let row = world.ledger.store(world.store("pine")).await.unwrap().unwrap();
        assert_eq!(row.health.connection, crate::ledger::Connection::Ok);
    });
}

#[test]
fn nothing_turns_while_only_the_cart_is_waited_for() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        world.cart.put(&order(2, 0));
        world.cart.close_gate();
        let first = world.deliver("pine", "thin", "1").await;
        let second = world.deliver("pine", "thin", "2").await;
        world.until(async || (world.cart.reads("pine") == 1).then_some(())).await;
        let before = world.ledger.reads();
        tokio::time::sleep(Duration::from_mins(10)).await;
        let sweeps = 600 / crate::actor::tests::world::settings().sweep_every.as_secs();
        let turns = world.ledger.reads() - before;
        assert!(turns <= 3 * sweeps + 10, "{turns} reads in ten minutes");
        world.cart.let_pass(2);
        world.ended(first).await;
        world.ended(second).await;
    });
}

#[test]
fn a_lag_that_ends_is_forgotten() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.answers("pine", &[Reply::Absent, Reply::Absent]);
        world.cart.put(&order(1, 0));
        let event = world.deliver("pine", "thin", "1").await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
        assert_eq!(world.order("pine", 1).await.unwrap().status, Status::AwaitingFulfillment);
    });
}

#[test]
fn r49_what_the_cart_refuses_is_tried_six_times_and_set_aside_while_others_go_on() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let refusal = Reply::Fail(ChannelError::Rejected("no".to_owned()));
        world.cart.answers("pine", &vec![refusal; 6]);
        let began = world.clock.now();
        let event = world.deliver("pine", "thin", "1").await;
        let other = world.see("pine", &order(2, 0)).await;
        assert_eq!(world.ended(other).await.state, EventState::Done);
        let ended = world.ended(event).await;
        assert_eq!(ended.state, EventState::SetAside);
        assert_eq!(ended.reason.as_deref(), Some(reason::REFUSED_BY_CART));
        assert_eq!(world.cart.reads("pine"), 6);
        let took = world.clock.now().since(began).as_secs();
        assert!((756..780).contains(&took), "1, 5, 30, 120 and 600 s: {took}");
    });
}

#[rstest]
#[case::down(ChannelError::Unavailable("502".to_owned()))]
#[case::throttled(ChannelError::Throttled { after: Duration::from_secs(90) })]
fn r49_an_outage_of_the_cart_is_waited_out_and_counts_no_attempt(#[case] outage: ChannelError) {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        world.cart.answers("pine", &vec![Reply::Fail(outage); 40]);
        let event = world.deliver("pine", "thin", "1").await;
        let ended = world.ended(event).await;
        assert_eq!((ended.state, ended.attempts), (EventState::Done, 0));
        assert_eq!(world.cart.reads("pine"), 41);
        let took = world.clock.now().since(START);
        assert!(took > Duration::from_mins(30), "left alone for a while after each: {took:?}");
    });
}

#[test]
fn r7_a_person_reads_one_order_by_id_or_name() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        let pine = world.store("pine");
        let by = || "Ada".to_owned();
        let id = OrderRef::Id("1".into());
        let fetched = world.actors.stores.fetch(pine, id.clone(), by()).await.unwrap();
        let Fetched::Order(first) = fetched else { panic!("{fetched:?}") };
        assert_eq!(first.arrived_by, ArrivedBy::Manual);
        let name = OrderRef::Name("#1".to_owned());
        let again = world.actors.stores.fetch(pine, name, by()).await.unwrap();
        assert!(matches!(again, Fetched::Order(order) if order.id == first.id));
        let nobody = OrderRef::Name("#404".to_owned());
        let absent = world.actors.stores.fetch(pine, nobody, by()).await.unwrap();
        assert!(matches!(absent, Fetched::NotInCart));
        world.cart.answers("pine", &[Reply::Hang]);
        let slow = world.actors.stores.fetch(pine, id, by()).await.unwrap();
        assert!(matches!(slow, Fetched::Running(_)), "{slow:?}");
    });
}

#[test]
fn r25_a_deletion_counts_after_a_read_confirmed_it() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        for id in [1, 2] {
            let known = world.see("pine", &order(id, 0)).await;
            world.ended(known).await;
        }
        world.cart.put(&order(2, 0));
        let forged = world.deliver("pine", "deleted", "2").await;
        let ended = world.ended(forged).await;
        assert_eq!(ended.reason.as_deref(), Some(reason::NOT_DELETED));
        assert!(!world.order("pine", 2).await.unwrap().flags.has(Flag::DeletedInCart));

        let genuine = world.deliver("pine", "deleted", "1").await;
        assert_eq!(world.ended(genuine).await.state, EventState::Done);
        let order = world.order("pine", 1).await.unwrap();
        assert!(order.flags.has(Flag::DeletedInCart));
        assert_eq!(order.status, Status::AwaitingFulfillment, "the status stays");
    });
}

#[test]
fn tokens_are_renewed_before_they_end() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.token_life(Duration::from_hours(1));
        world.cart.put(&order(1, 0));
        let event = world.deliver("pine", "thin", "1").await;
        world.ended(event).await;
        assert_eq!(world.cart.tokens(), 1);
        // Nothing happens meanwhile but time: the actor rests, the timer wakes it.
        world.until(async || (world.cart.tokens() == 2).then_some(())).await;
        let waited = world.clock.now().since(START);
        assert!((54..56).contains(&(waited.as_secs() / 60)), "{waited:?}");
        let again = world.deliver("pine", "thin", "1").await;
        world.ended(again).await;
        assert_eq!(world.cart.last_token().as_deref(), Some("token-2"));
    });
}

#[test]
fn a_revoked_token_is_replaced_and_the_read_made_again() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.cart.put(&order(1, 0));
        let event = world.deliver("pine", "thin", "1").await;
        world.ended(event).await;
        let refused = Reply::Fail(ChannelError::Unauthorized("revoked".to_owned()));
        world.cart.answers("pine", &[refused]);
        let event = world.deliver("pine", "thin", "1").await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
        assert_eq!(world.cart.last_token().as_deref(), Some("token-2"));
        let row = world.ledger.store(world.store("pine")).await.unwrap().unwrap();
        assert_eq!(row.health.connection, crate::ledger::Connection::Ok);
    });
}

#[test]
fn connecting_subscribes_what_is_missing_and_keeps_what_the_cart_lists() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let pine = world.store("pine");
        world.actors.stores.connect(pine).await.unwrap();
        let row = world.ledger.store(pine).await.unwrap().unwrap();
        assert_eq!(row.health.subscribed, ["order"]);
        assert!(row.health.checked_at.is_some_and(|at| at >= START));
    });
}
