//! What a crash costs, and what ends an actor.

use super::*;

#[rstest]
#[case(Do::PanicInHandler)]
#[case(Do::PanicInWaited)]
fn queue_and_address_survive_and_only_the_culprit_is_told(#[case] culprit: Do) {
    on_paused_arbiter(async {
        let plan = Arc::default();
        let probe = start(Policy::STORE, &plan);
        assert_eq!(probe.ask(Do::Count).await, Ok(1));

        let culprit = probe.addr.send(culprit);
        let queued: Vec<_> = (0..50).map(|_| probe.addr.send(Do::Count)).collect();
        assert_eq!(outcome(culprit).await, Err(MailboxError::Closed));
        let answers = outcome(join_all(queued)).await;
        // Counted from one again: the memory is new.
        assert_eq!(answers, (1..=50).map(Ok).collect::<Vec<_>>());

        let now = probe.stats.snapshot();
        assert_eq!((now.state, now.incarnation), (ActorState::Running, 2));
        assert_eq!(now.restarts, RestartCounts { crash: 1, ..RestartCounts::default() });
        assert!(plan.down().is_none());
    });
}

#[test]
fn a_panic_in_a_spawned_future_costs_the_work_in_flight_and_no_more() {
    on_paused_arbiter(async {
        let probe = start(Policy::STORE, &Arc::default());
        let culprit = probe.addr.send(Do::PanicInSpawned);
        let queued: Vec<_> = (0..10).map(|_| probe.addr.send(Do::Count)).collect();
        assert_eq!(outcome(culprit).await, Ok(1));
        let answers = outcome(join_all(queued)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
        assert_eq!(probe.stats.snapshot().last_crash.unwrap().text, "in a spawned future");
    });
}

#[test]
fn what_waits_survives_a_start_that_fails_a_few_times() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: 3.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        let began = Instant::now();
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        assert_eq!(plan.starts(), 4);
        // 100 + 200 + 400 ms, of which jitter takes at most half.
        let rested = began.elapsed();
        assert!(rested >= Duration::from_millis(350) && rested < Duration::from_millis(710));
    });
}

#[test]
fn a_vital_actor_gives_up_over_its_limit_and_tells_its_parent() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: u32::MAX.into(), ..Plan::default() });
        let probe = start(Policy::VITAL, &plan);
        let asked = probe.addr.send(Do::Count);
        outcome(probe.control.ended()).await;

        assert_eq!(outcome(asked).await, Err(MailboxError::Closed));
        assert_eq!(plan.starts(), Policy::VITAL.intensity + 1);
        let Some(Down::GaveUp { last }) = plan.down() else { panic!("{:?}", plan.down()) };
        assert_eq!((last.text.as_str(), last.incarnation), ("no start", 4));
        assert_eq!(probe.stats.snapshot().state, ActorState::Stopped);
        assert!(!probe.addr.connected() && probe.control.is_ended());
        assert_eq!(outcome(probe.control.restart(RestartReason::Operator)).await, Err(NotUp));
        outcome(probe.control.shutdown()).await;
    });
}

#[test]
fn a_store_over_its_limit_is_quarantined_and_tried_again() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: 8.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        let asked = probe.addr.send(Do::Count);
        probe.reaches(ActorState::Quarantined).await;
        assert_eq!(plan.starts(), 6);

        // Each try fails once and goes straight back, five minutes apart.
        let quarantined = Instant::now();
        assert_eq!(outcome(asked).await, Ok(1));
        assert_eq!(plan.starts(), 9);
        let minutes = quarantined.elapsed().as_secs_f64() / 60.0;
        assert!((14.9..15.1).contains(&minutes), "{minutes}");

        // Still on probation: one crash suffices; after a calm minute it has its rests again.
        assert!(probe.ask(Do::PanicInHandler).await.is_err());
        probe.reaches(ActorState::Quarantined).await;
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        sleep(Policy::STORE.period).await;
        assert!(probe.ask(Do::PanicInHandler).await.is_err());
        probe.reaches(ActorState::BackingOff).await;
        assert!(plan.down().is_none());
    });
}

#[test]
fn stopping_itself_is_a_normal_end() {
    on_paused_arbiter(async {
        let plan = Arc::default();
        let probe = start(Policy::STORE, &plan);
        assert!(probe.ask(Do::Stop).await.is_err());
        outcome(probe.control.ended()).await;
        assert!(matches!(plan.down(), Some(Down::Normal)));
        assert_eq!(plan.starts(), 1);
    });
}

#[test]
fn stopping_in_started_ends_it_instead_of_spinning() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { stop_on_start: true.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        outcome(probe.control.ended()).await;
        assert!(matches!(plan.down(), Some(Down::Normal)));
        assert_eq!(plan.starts(), 1);
    });
}

#[test]
fn an_actor_that_always_crashes_lets_its_neighbours_work() {
    on_paused_arbiter(async {
        let restless =
            Policy { intensity: u32::MAX, backoff_first: Duration::ZERO, ..Policy::STORE };
        let plan = Arc::new(Plan { failing_starts: u32::MAX.into(), ..Plan::default() });
        let _crashing = start(restless, &plan);
        let neighbour = start(Policy::STORE, &Arc::default());
        for _ in 0..100 {
            let before = plan.starts();
            assert!(neighbour.ask(Do::Count).await.is_ok());
            assert!(plan.starts() - before <= 2, "more than one try without yielding");
            sleep(Duration::from_millis(1)).await;
        }
        assert!(plan.starts() > 10);
    });
}

#[test]
fn a_crash_while_it_is_rebuilt_is_a_crash_like_any_other() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_rebuilds: 2.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        assert!(probe.ask(Do::PanicInHandler).await.is_err());
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        assert_eq!(probe.stats.snapshot().last_crash.as_ref().unwrap().text, "no rebuild");

        plan.failing_rebuilds.store(u32::MAX, SeqCst);
        drop(probe.control.restart(RestartReason::Operator));
        probe.reaches(ActorState::Quarantined).await;
        plan.failing_rebuilds.store(0, SeqCst);
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
    });
}

#[test]
fn an_actor_that_panics_when_dropped_ends_all_the_same() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let probe = start(Policy::STORE, &plan);
        assert!(probe.ask(Do::CarryBomb).await.is_ok());
        outcome(probe.control.shutdown()).await;
        assert!(matches!(plan.down(), Some(Down::Shutdown)));
    });
}

#[test]
fn a_first_value_that_cannot_be_made_is_given_up() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let parent = Arc::clone(&plan);
        let probe = supervise::<Probe>(
            spec(Policy::STORE),
            |_| panic!("no deps"),
            move |down| parent.downs.lock().unwrap().push(down),
        );
        outcome(probe.control.ended()).await;
        assert!(matches!(plan.down(), Some(Down::GaveUp { last }) if last.text == "no deps"));
        assert_eq!(probe.ask(Do::Count).await, Err(MailboxError::Closed));
        assert_eq!(probe.stats.snapshot().state, ActorState::Stopped);
    });
}

#[test]
fn without_addresses_it_ends_once_its_queue_is_empty() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let Supervised { addr, control, .. } = start(Policy::STORE, &plan);
        addr.do_send(Do::Work);
        addr.do_send(Do::Work);
        drop(addr);
        outcome(control.ended()).await;
        assert!(matches!(plan.down(), Some(Down::Normal)));
        assert_eq!(*plan.handled.lock().unwrap(), [1, 2, u32::MAX]);
    });
}

#[test]
fn a_crash_that_nobody_could_follow_up_is_given_up() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let Supervised { addr, control, .. } = start(Policy::STORE, &plan);
        addr.do_send(Do::PanicInHandler);
        drop(addr);
        outcome(control.ended()).await;
        assert!(matches!(plan.down(), Some(Down::GaveUp { .. })));
    });
}

#[test]
fn a_parent_that_panics_on_the_news_harms_nobody() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let probe = supervise(
            spec(Policy::STORE),
            move |ctx| Probe::fresh(plan, ctx.clone()),
            |_| panic!("no news, please"),
        );
        outcome(probe.control.shutdown()).await;
    });
}

#[test]
fn r51_operators_see_state_restarts_last_panic_and_uptime() {
    on_paused_arbiter(async {
        let probe = start(Policy::STORE, &Arc::default());
        let view = probe.stats.view(7);
        assert_eq!((view.name.as_str(), view.mailbox), ("probe", 7));
        assert_eq!((view.state, view.incarnation), (ActorState::Starting, 1));
        assert_eq!((view.started_at, &view.last_panic), (Some(START), &None));

        probe.reaches(ActorState::Running).await;
        sleep(Duration::from_mins(1)).await;
        let before = Clock::tokio(START).now();
        assert!(probe.ask(Do::PanicInWaited).await.is_err());
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        let view = probe.stats.view(0);
        assert_eq!((view.state, view.incarnation, view.restarts), (ActorState::Running, 2, 1));
        assert_eq!(view.last_panic.as_deref(), Some("in a waited future"));
        assert_eq!(view.busy_since, None);
        assert!(view.last_panic_at.unwrap() >= START.plus(Duration::from_mins(1)));
        assert!(
            view.started_at >= view.last_panic_at
                && view.started_at > Some(before.minus(Duration::from_secs(1)))
        );
    });
}
