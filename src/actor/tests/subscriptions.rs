//! Subscriptions that runs look after, and what is read when one was missing (R3, R43).

use super::polls::{changed, connected};
use super::world::in_world;
use crate::domain::event::reason;
use crate::domain::{EventState, Flag};
use crate::ledger::{Ledger, TaskSettings, Trigger, Write};

#[test]
fn r43_each_run_looks_at_the_subscriptions() {
    in_world(async || {
        let world = connected().await;
        assert_eq!(world.cart.audits(), 2, "listed, created, listed again");
        world.run(world.poll("pine").await).await;
        assert_eq!(world.cart.audits(), 3);
        let asked = world.sync("pine", Trigger::Person, None).await;
        world.run(asked.position).await;
        assert_eq!(world.cart.audits(), 4);
        // One that is gone is made again, and what it did not tell is read by this very run.
        let pages = world.cart.pages().len();
        world.cart.loses_subscriptions();
        world.run(world.poll("pine").await).await;
        assert_eq!((world.cart.audits(), world.cart.pages().len()), (6, pages + 1));
    });
}

#[test]
fn r43_a_subscription_that_was_missing_is_made_and_the_gap_is_read() {
    in_world(async || {
        let world = connected().await;
        let id = world.store("pine");
        world.cart.loses_subscriptions();
        world.cart.put(&changed(1, 600));
        world.actors.stores.connect(id).await.unwrap();
        let order = world.until(async || world.order("pine", 1).await).await;
        assert!(!order.flags.has(Flag::WebhookMissed), "only scheduled runs make misses");
        let runs = world.ledger.tasks(id).await.unwrap();
        assert!(runs[0].progress.connected);
        // In good order again, a check reads nothing.
        let pages = world.cart.pages().len();
        world.actors.stores.connect(id).await.unwrap();
        assert_eq!(world.cart.pages().len(), pages);
    });
}

#[test]
fn r43_strays_of_ours_are_removed_and_what_points_elsewhere_is_left() {
    in_world(async || {
        let world = connected().await;
        let ours = "https://hooks.example.com/webhooks/shopify/pine";
        world.cart.subscribed("order", "https://hooks.example.com/webhooks/shopify/old-name");
        world.cart.subscribed("forgotten", ours);
        world.cart.subscribed("order", "https://elsewhere.example.com/webhooks/shopify/pine");
        world.run(world.poll("pine").await).await;
        let left = world.cart.subscriptions_now();
        let left: Vec<_> = left.iter().map(|it| (&*it.topic, &*it.url)).collect();
        let foreign = "https://elsewhere.example.com/webhooks/shopify/pine";
        assert_eq!(left, [("order", ours), ("order", foreign)]);
    });
}

#[test]
fn r3_instasync_switched_off_removes_our_subscriptions_and_ignores_what_still_comes() {
    in_world(async || {
        let world = connected().await;
        let id = world.store("pine");
        let switch = async |instasync| {
            let row = world.orders_task("pine").await;
            let settings = TaskSettings {
                store: id,
                task: row.task,
                instasync,
                autosync: row.autosync,
                next_due: row.next_due,
            };
            world.actors.writer.write(Write::SetTask(settings)).await.unwrap();
            world.actors.stores.changed(id);
        };
        switch(false).await;
        world.until(async || world.cart.subscriptions_now().is_empty().then_some(())).await;
        let event = world.ended(world.see("pine", &changed(1, 600)).await).await;
        assert_eq!(event.state, EventState::Ignored);
        assert_eq!(event.reason.as_deref(), Some(reason::INSTASYNC_OFF));
        // Autosync brings it, and nothing was missed.
        world.cart.put(&changed(1, 600));
        let run = world.run(world.poll("pine").await).await;
        assert_eq!((run.new, run.missed), (1, 0));
        switch(true).await;
        world.until(async || (!world.cart.subscriptions_now().is_empty()).then_some(())).await;
    });
}
