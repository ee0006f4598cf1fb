//! From the journal to the book: one actor per store, one turn after the other.

use crate::actor::AskError;
use crate::actor::tests::cart::{Reply, order};
use crate::actor::tests::world::{World, in_world, settings};
use crate::domain::event::reason;
use crate::domain::{ArrivedBy, Command, EventState, Status, Timestamp, Tracking};
use crate::ledger::Ledger;

#[test]
fn r11_a_delivery_becomes_an_order_and_its_event_is_closed_with_it() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
        let order = world.order("pine", 1).await.unwrap();
        assert_eq!(
            (order.status, order.arrived_by),
            (Status::AwaitingFulfillment, ArrivedBy::Instasync)
        );
        let timeline = world.ledger.timeline(&order.id).await.unwrap();
        assert_eq!(timeline.len(), 1);
        assert_eq!(timeline[0].event, event);
    });
}

#[test]
fn r11_thousands_of_deliveries_of_many_stores_are_each_applied_once() {
    in_world(async || {
        let world = World::new(&["pine", "oak", "elm"]).await;
        for id in 0..1000 {
            for slug in ["pine", "oak", "elm"] {
                world.see(slug, &order(id, 0)).await;
            }
        }
        world
            .until(async || {
                let backlogs = world.ledger.backlogs(crate::domain::StoreId(0), 10).await.unwrap();
                backlogs.is_empty().then_some(())
            })
            .await;
        for slug in ["pine", "oak", "elm"] {
            for id in 0..1000 {
                let order = world.order(slug, id).await.unwrap();
                assert_eq!(world.ledger.timeline(&order.id).await.unwrap().len(), 1);
            }
        }
    });
}

#[test]
fn a_lost_nudge_costs_seconds_not_orders() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.journal("pine", "order", serde_json::to_vec(&order(1, 0)).unwrap()).await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
        let took = world.clock.now().since(world.event(event).await.received_at);
        assert!(took <= settings().sweep_every * 2, "{took:?}");
    });
}

#[test]
fn r12_two_webhooks_of_one_second_are_settled_by_one_fetch() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let first = order(1, 0);
        let mut second = order(1, 0);
        second.content.note = Some("ring twice".into());
        let mut truth = second.clone();
        truth.cart.financial_status = Some("partially_refunded".into());
        world.cart.put(&truth);
        world.see("pine", &first).await;
        world.see("pine", &second).await;
        let order = world
            .until(async || {
                let order = world.order("pine", 1).await?;
                (order.cart.financial_status == truth.cart.financial_status).then_some(order)
            })
            .await;
        assert_eq!(order.status, Status::AwaitingFulfillment);
        world
            .until(async || {
                let events = world.events().await;
                events.iter().all(|event| !event.state.is_open()).then_some(())
            })
            .await;
        assert_eq!(world.cart.reads("pine"), 1, "a fetch never causes a fetch");
    });
}

#[test]
fn r15_an_order_that_a_twin_holds_is_set_aside() {
    in_world(async || {
        let world = World::new(&["twin-a", "twin-b", "other"]).await;
        let first = world.see("twin-a", &order(1, 0)).await;
        world.ended(first).await;
        let second = world.see("twin-b", &order(1, 0)).await;
        let ended = world.ended(second).await;
        assert_eq!(ended.state, EventState::SetAside);
        assert_eq!(ended.reason.as_deref(), Some(reason::ORDER_OF_ANOTHER_STORE));
        assert!(world.order("twin-b", 1).await.is_none());
        let third = world.see("other", &order(1, 0)).await;
        assert_eq!(
            world.ended(third).await.state,
            EventState::Done,
            "other credentials, other order"
        );
    });
}

#[test]
fn r18_what_people_ask_goes_through_the_same_turn_and_is_told() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        world.ended(event).await;
        let shipped = world.ask("pine", 1, Command::Ship(Tracking::default())).await.unwrap();
        assert_eq!(shipped.status, Status::Shipped);
        let refused = world.ask("pine", 1, Command::Cancel { reason: None }).await.unwrap_err();
        assert!(matches!(refused, AskError::Refused(_)), "{refused:?}");
        let unknown = world.ask("pine", 2, Command::Archive).await.unwrap_err();
        assert!(matches!(unknown, AskError::Unknown("order")), "{unknown:?}");
        let timeline = world.ledger.timeline(&shipped.id).await.unwrap();
        let last = timeline.last().unwrap();
        assert_eq!((last.by.as_str(), last.rule.as_str()), ("Ada", "R18"));
        assert_eq!(world.event(last.event).await.topic, "ship");
    });
}

#[test]
fn people_who_ask_too_much_at_once_are_told_so() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        world.ended(event).await;
        let asks = (0..20).map(|n| {
            let command = if n % 2 == 0 { Command::Archive } else { Command::Unarchive };
            world.ask("pine", 1, command)
        });
        let answers = futures_util::future::join_all(asks).await;
        let busy = answers.iter().filter(|answer| matches!(answer, Err(AskError::Busy))).count();
        assert_eq!(busy, 20 - settings().command_queue);
    });
}

#[test]
fn r51_a_paused_store_keeps_its_work_until_it_is_resumed() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        world.change("pine", |row| row.paused = true).await;
        let waits = world.see("pine", &order(1, 0)).await;
        let goes = world.see("oak", &order(1, 0)).await;
        world.ended(goes).await;
        tokio::time::sleep(std::time::Duration::from_hours(2)).await;
        assert!(world.event(waits).await.state.is_open());
        world.change("pine", |row| row.paused = false).await;
        assert_eq!(world.ended(waits).await.state, EventState::Done);
    });
}

#[test]
fn s8_an_idle_actor_is_let_go_and_comes_back_with_the_next_delivery() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        world.ended(event).await;
        assert_eq!(world.actors.stores.running(), 1);
        let idle = world.clock.now();
        world.until(async || (world.actors.stores.running() == 0).then_some(())).await;
        let rested = world.clock.now().since(idle);
        assert!(rested >= settings().idle_after, "{rested:?}");
        let event = world.see("pine", &order(2, 0)).await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
    });
}

#[test]
fn s8_no_delivery_is_lost_while_actors_are_let_go() {
    in_world(async || {
        let quick = crate::actor::StoreSettings {
            idle_after: std::time::Duration::from_millis(20),
            sweep_every: std::time::Duration::from_millis(10),
            ..settings()
        };
        let world = World::with(&["pine"], quick).await;
        for id in 0..300 {
            let event = world.see("pine", &order(id, 0)).await;
            // The pauses lie around the moment at which the actor may be let go.
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(id % 50))).await;
            world.ended(event).await;
        }
    });
}

#[test]
fn r43_late_deliveries_of_a_disconnected_store_are_ignored() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        world.change("pine", |row| row.disconnected_at = Some(Timestamp(1))).await;
        let event = world.see("pine", &order(1, 0)).await;
        let ended = world.ended(event).await;
        assert_eq!(ended.reason.as_deref(), Some(reason::STORE_DISCONNECTED));
        assert!(world.order("pine", 1).await.is_none());
    });
}

#[test]
fn r55_an_uninstall_takes_effect_only_if_the_cart_refuses_us() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.deliver("pine", "uninstalled", "{}").await;
        assert_eq!(world.ended(event).await.state, EventState::Done);
        let row = world.ledger.store(world.store("pine")).await.unwrap().unwrap();
        assert_eq!(row.health.connection, crate::ledger::Connection::Ok);

        world.cart.refuses_tokens(true);
        world
            .change("pine", |row| {
                row.token_due = None;
            })
            .await;
        let unauthorized =
            crate::channel::ChannelError::Unauthorized("the token was revoked".to_owned());
        world.cart.answers("pine", &[Reply::Fail(unauthorized)]);
        let thin = world.deliver("pine", "thin", "1").await;
        world
            .until(async || {
                let row = world.ledger.store(world.store("pine")).await.unwrap().unwrap();
                (row.health.connection == crate::ledger::Connection::Reconnect).then_some(())
            })
            .await;
        assert!(world.event(thin).await.state.is_open(), "R47: it waits for the reconnection");
        let full = world.see("pine", &order(2, 0)).await;
        assert_eq!(world.ended(full).await.state, EventState::Done, "R47: webhooks go on");

        world.cart.refuses_tokens(false);
        world.cart.put(&order(1, 0));
        world.actors.stores.connect(world.store("pine")).await.unwrap();
        assert_eq!(world.ended(thin).await.state, EventState::Done);
    });
}
