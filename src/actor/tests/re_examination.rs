//! R13: held-back orders under rules that have changed.

use std::time::Duration;

use crate::actor::tests::cart::order;
use crate::actor::tests::world::{World, in_world};
use crate::domain::event::reason;
use crate::domain::{EventState, HeldBack, Sighting, Status};

fn authorized(id: u32) -> Sighting {
    let mut said = order(id, 0);
    said.cart.financial_status = Some("authorized".to_owned());
    said
}

/// A store that holds so many orders back, and then rules that let them in.
async fn held(orders: u32) -> World {
    let world = World::new(&["pine"]).await;
    let mut last = None;
    for id in 1..=orders {
        last = Some(world.see("pine", &authorized(id)).await);
    }
    world.ended(last.unwrap()).await;
    world.change("pine", |row| row.rules.import_statuses.push("authorized".to_owned())).await;
    world
}

#[test]
fn r13_held_back_orders_are_examined_anew_on_request() {
    in_world(async || {
        let world = held(250).await;
        let mut pending = order(999, 0);
        pending.cart.financial_status = Some("pending".to_owned());
        let event = world.see("pine", &pending).await;
        world.ended(event).await;
        let pine = world.store("pine");
        let event = world.actors.stores.re_examine(pine, "Ada".to_owned()).await.unwrap();
        let ended = world.ended(event).await;
        assert_eq!(ended.state, EventState::Done);
        let told = ended.reason.as_deref().and_then(reason::read_re_examined);
        assert_eq!(told, Some((250, 251)));
        for id in 1..=250 {
            assert_eq!(world.order("pine", id).await.unwrap().status, Status::AwaitingFulfillment);
        }
        let held = world.order("pine", 999).await.unwrap();
        assert_eq!(held.held_back, Some(HeldBack::PaymentPending));
    });
}

#[test]
fn r13_a_restart_in_the_middle_imports_each_order_once() {
    in_world(async || {
        let world = held(250).await;
        let pine = world.store("pine");
        let event = world.actors.stores.re_examine(pine, "Ada".to_owned()).await.unwrap();
        world
            .until(async || {
                let first = world.order("pine", 250).await.unwrap();
                (first.status == Status::AwaitingFulfillment).then_some(())
            })
            .await;
        world.actors.stores.restart(pine, "Ada").await.unwrap();
        world.ended(event).await;
        for id in 1..=250 {
            let order = world.order("pine", id).await.unwrap();
            assert_eq!((order.status, order.row_version), (Status::AwaitingFulfillment, 2));
        }
    });
}

#[test]
fn r13_webhooks_go_on_beside_it_and_a_pause_holds_it() {
    in_world(async || {
        let world = held(120).await;
        let pine = world.store("pine");
        world.change("pine", |row| row.paused = true).await;
        let event = world.actors.stores.re_examine(pine, "Ada".to_owned()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(world.event(event).await.state.is_open());
        world.change("pine", |row| row.paused = false).await;
        let webhook = world.see("pine", &order(500, 0)).await;
        assert_eq!(world.ended(webhook).await.state, EventState::Done);
        assert_eq!(world.ended(event).await.state, EventState::Done);
    });
}
