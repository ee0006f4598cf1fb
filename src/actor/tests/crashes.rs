//! Crashes, hangs and restarts: one store's trouble costs that store some work done twice in memory,
//! and nobody anything else (F5, R51, I8–I10).

use std::time::Duration;

use rstest::rstest;

use crate::actor::tests::cart::{Reply, order};
use crate::actor::tests::world::{World, in_world, settings};
use crate::actor::{ActorState, AskError, StoreSettings};
use crate::domain::event::reason;
use crate::domain::{Command, EventState, Status};
use crate::ledger::memory::Trouble;
use crate::ledger::{Ledger, LedgerError};

/// How the actor of a store crashes on one event, and what the event is.
#[rstest]
#[case::in_a_turn("crash", "")]
#[case::in_a_spawned_read("thin", "99")]
fn f5_an_event_that_crashes_its_actor_is_set_aside_and_the_rest_goes_on(
    #[case] topic: &'static str,
    #[case] body: &'static str,
) {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        world.cart.answers("pine", &vec![Reply::Panic; 9]);
        let before = world.see("pine", &order(1, 0)).await;
        let culprit = world.deliver("pine", topic, body).await;
        let after = world.see("pine", &order(2, 0)).await;
        let other = world.see("oak", &order(3, 0)).await;

        let ended = world.ended(culprit).await;
        assert_eq!(ended.state, EventState::SetAside);
        assert_eq!(ended.reason.as_deref(), Some(reason::CRASHED));
        for event in [before, after, other] {
            assert_eq!(world.ended(event).await.state, EventState::Done);
        }
        let oak = world.actors.stores.actor(world.store("oak")).unwrap();
        assert_eq!((oak.incarnation, oak.last_panic), (1, None), "other stores notice nothing");
        let pine = world.actors.stores.actor(world.store("pine")).unwrap();
        assert!(pine.restarts >= 3 && pine.last_panic.is_some(), "{pine:?}");
        for (slug, id) in [("pine", 1), ("pine", 2), ("oak", 3)] {
            let order = world.order(slug, id).await.unwrap();
            assert_eq!(world.ledger.timeline(&order.id).await.unwrap().len(), 1, "once");
        }
    });
}

#[test]
fn f5_the_count_of_crashes_survives_an_abort_of_the_process() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        // As if each try had ended the whole process: the ledger knows, nobody else does.
        let pine = world.store("pine");
        world.change("pine", |row| row.paused = true).await;
        let culprit = world.journal("pine", "crash", "").await;
        let innocent =
            world.journal("pine", "order", serde_json::to_vec(&order(1, 0)).unwrap()).await;
        for _ in 0..3 {
            let count = crate::ledger::Write::CountTry { store: pine, position: culprit };
            world.actors.writer.write(count).await.unwrap();
        }
        world.ledger.set_ended_uncleanly(true);
        let next = World::over(world.ledger.clone(), world.clock.clone(), settings()).await;
        next.change("pine", |row| row.paused = false).await;
        assert_eq!(next.ended(culprit).await.reason.as_deref(), Some(reason::CRASHED));
        assert_eq!(next.ended(innocent).await.state, EventState::Done);
        let pine = next.actors.stores.actor(pine).unwrap();
        assert_eq!(pine.restarts, 0, "it was set aside without another crash");
    });
}

#[test]
fn f5_a_store_that_cannot_start_is_quarantined_alone_until_an_admin_restarts_it() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        let pine = world.store("pine");
        world.ledger.trouble(pine, Some(Trouble::Panic));
        let waits = world.see("pine", &order(1, 0)).await;
        let state = async |wanted: ActorState| {
            let view = world.actors.stores.actor(pine)?;
            (view.state == wanted).then_some(view)
        };
        let view = world.until(async || state(ActorState::Quarantined).await).await;
        assert!(view.restarts >= 5, "{view:?}");
        let stored = world.see("pine", &order(2, 0)).await;
        let other = world.see("oak", &order(3, 0)).await;
        assert_eq!(world.ended(other).await.state, EventState::Done);
        assert!(world.event(stored).await.state.is_open(), "still journaled");
        let views = world.actors.views();
        assert_eq!(views.iter().filter(|view| view.state == ActorState::Quarantined).count(), 1);

        world.ledger.trouble(pine, None);
        let restarted = world.actors.stores.restart(pine, "Ada").await.unwrap();
        assert_eq!(restarted.state, ActorState::Running);
        for event in [waits, stored] {
            assert_eq!(world.ended(event).await.state, EventState::Done);
        }
    });
}

#[test]
fn f5_a_quarantined_store_is_tried_again_by_itself() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let pine = world.store("pine");
        world.ledger.trouble(pine, Some(Trouble::Panic));
        let waits = world.see("pine", &order(1, 0)).await;
        world
            .until(async || {
                let view = world.actors.stores.actor(pine)?;
                (view.state == ActorState::Quarantined).then_some(())
            })
            .await;
        world.ledger.trouble(pine, None);
        let mended = world.clock.now();
        assert_eq!(world.ended(waits).await.state, EventState::Done);
        let took = world.clock.now().since(mended);
        assert!(took <= settings().quarantine_retry + Duration::from_secs(1), "{took:?}");
    });
}

#[test]
fn f5_a_turn_that_hangs_is_ended_and_what_waited_is_worked_on() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        let first = world.see("pine", &order(1, 0)).await;
        world.ended(first).await;
        let pine = world.store("pine");
        world.ledger.trouble(pine, Some(Trouble::Hang));
        let waits = world.see("pine", &order(2, 0)).await;
        let other = world.see("oak", &order(3, 0)).await;
        assert_eq!(world.ended(other).await.state, EventState::Done);
        assert!(world.event(waits).await.state.is_open());
        world.ledger.trouble(pine, None);
        let mended = world.clock.now();
        assert_eq!(world.ended(waits).await.state, EventState::Done);
        let view = world.actors.stores.actor(pine).unwrap();
        assert_eq!(view.restarts, 1, "{view:?}");
        let took = world.clock.now().since(mended);
        assert!(took < settings().hang_after + settings().sweep_every * 2, "{took:?}");
    });
}

#[test]
fn r51_an_admin_frees_a_store_that_hangs_at_once() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let first = world.see("pine", &order(1, 0)).await;
        world.ended(first).await;
        let pine = world.store("pine");
        world.ledger.trouble(pine, Some(Trouble::Hang));
        let waits = world.see("pine", &order(2, 0)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.ledger.trouble(pine, None);
        let asked = world.clock.now();
        let restarted = world.actors.stores.restart(pine, "Ada").await.unwrap();
        assert_eq!((restarted.state, restarted.restarts), (ActorState::Running, 1));
        world.ended(waits).await;
        assert!(world.clock.now().since(asked) < Duration::from_secs(1));
    });
}

#[test]
fn i9_a_restart_with_a_commit_in_flight_loses_and_doubles_nothing() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let first = world.see("pine", &order(1, 0)).await;
        world.ended(first).await;
        let pine = world.store("pine");
        let held = world.ledger.hold_writes().await;
        // Journaled before the hold: it is put there by hand, as the writer is held too.
        let journal = world.journal("pine", "order", serde_json::to_vec(&order(2, 0)).unwrap());
        let (event, ()) = tokio::join!(journal, async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(held);
        });
        let held = world.ledger.hold_writes().await;
        world.actors.stores.nudge(pine);
        // The turn's commit is with the writer now; the actor is rebuilt under it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let restart = world.actors.stores.restart(pine, "Ada");
        let (restarted, ()) = tokio::join!(restart, async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(held);
        });
        assert_eq!(restarted.unwrap().restarts, 1);
        assert_eq!(world.ended(event).await.state, EventState::Done);
        let order = world.order("pine", 2).await.unwrap();
        assert_eq!(world.ledger.timeline(&order.id).await.unwrap().len(), 1, "applied once");
    });
}

#[test]
fn r51_restarting_a_passive_store_starts_it_and_a_paused_one_stays_paused() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        let restarted = world.actors.stores.restart(world.store("pine"), "Ada").await.unwrap();
        assert_eq!(restarted.state, ActorState::Running);
        world.change("oak", |row| row.paused = true).await;
        let restarted = world.actors.stores.restart(world.store("oak"), "Ada").await.unwrap();
        assert_eq!(restarted.state, ActorState::Paused);
        let event = world.see("oak", &order(1, 0)).await;
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(world.event(event).await.state.is_open());
    });
}

#[test]
fn r49_an_outage_of_the_database_counts_no_attempt_and_sets_nothing_aside() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.journal("pine", "order", serde_json::to_vec(&order(1, 0)).unwrap()).await;
        world.ledger.fail_writes(20, LedgerError::Unavailable("disk full".to_owned()));
        world.actors.stores.nudge(world.store("pine"));
        world.until(async || world.actors.writer.trouble().is_some().then_some(())).await;
        let ended = world.ended(event).await;
        assert_eq!((ended.state, ended.attempts), (EventState::Done, 0));
        assert!(world.actors.writer.trouble().is_none());
        assert_eq!(world.order("pine", 1).await.unwrap().status, Status::AwaitingFulfillment);
    });
}

#[test]
fn a_person_who_asks_while_nothing_can_be_written_is_told_and_nothing_is_done() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        world.ended(event).await;
        world.ledger.fail_writes(1, LedgerError::Unavailable("disk full".to_owned()));
        let answer = world.ask("pine", 1, Command::Archive).await.unwrap_err();
        assert!(matches!(answer, AskError::Unavailable(_)), "{answer:?}");
        let order = world.ask("pine", 1, Command::Cancel { reason: None }).await.unwrap();
        assert_eq!(order.status, Status::Cancelled, "the next one is done");
        assert_eq!(order.row_version, 2, "the first one changed nothing");
    });
}

#[test]
fn i10_the_work_of_an_old_incarnation_is_refused() {
    in_world(async || {
        let world = World::new(&["pine"]).await;
        let event = world.see("pine", &order(1, 0)).await;
        world.ended(event).await;
        // Another node takes the store over.
        let pine = world.store("pine");
        world.actors.writer.write(crate::ledger::Write::TakeEpoch(pine)).await.unwrap();
        let event = world.see("pine", &order(2, 0)).await;
        assert_eq!(
            world.ended(event).await.state,
            EventState::Done,
            "it takes an epoch of its own"
        );
        let order = world.order("pine", 2).await.unwrap();
        assert_eq!(world.ledger.timeline(&order.id).await.unwrap().len(), 1);
    });
}

#[test]
fn a_calm_end_finishes_what_waits() {
    in_world(async || {
        let world = World::new(&["pine", "oak"]).await;
        let mut events = Vec::new();
        for id in 0..40 {
            for slug in ["pine", "oak"] {
                events.push(world.see(slug, &order(id, 0)).await);
            }
        }
        world.actors.timer.stop();
        world.actors.stores.drain(Duration::from_secs(10)).await;
        world.actors.writer.flush(Duration::from_secs(5)).await;
        assert_eq!(world.actors.stores.running(), 0);
        let next = World::over(world.ledger.clone(), world.clock.clone(), settings()).await;
        for event in events {
            assert_eq!(next.ended(event).await.state, EventState::Done);
        }
        let nobody = world.actors.stores.restart(world.store("pine"), "Ada").await;
        assert!(matches!(nobody, Err(AskError::Unavailable(_))), "{nobody:?}");
    });
}

#[test]
fn a_writer_over_its_limit_ends_the_process() {
    in_world(async || {
        let few = StoreSettings { vital_restarts: 2, ..settings() };
        let world = World::with(&["pine"], few).await;
        world.ledger.panic_writes(100);
        let asking = async {
            loop {
                let event =
                    world.actors.writer.write(crate::ledger::Write::TakeEpoch(world.store("pine")));
                assert!(event.await.is_err(), "nobody hears ok");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let name = tokio::select! {
            name = world.actors.given_up() => name,
            () = asking => "",
        };
        assert_eq!(name, "writer");
    });
}
