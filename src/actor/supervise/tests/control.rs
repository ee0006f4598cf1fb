//! Restart and shutdown from outside.

use super::*;

#[test]
fn a_forced_restart_clears_the_quarantine_at_once() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: 6.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        let asked = probe.addr.send(Do::Count);
        probe.reaches(ActorState::Quarantined).await;

        let began = Instant::now();
        let incarnation = outcome(probe.control.restart(RestartReason::Operator)).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(10));
        assert_eq!(incarnation, probe.stats.snapshot().incarnation);
        assert_eq!(outcome(asked).await, Ok(1));
        // And the crash count is new.
        assert!(probe.ask(Do::PanicInHandler).await.is_err());
        probe.reaches(ActorState::BackingOff).await;
    });
}

#[test]
fn a_forced_restart_that_ends_in_quarantine_again_says_so() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: u32::MAX.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        probe.reaches(ActorState::Quarantined).await;
        assert_eq!(outcome(probe.control.restart(RestartReason::Operator)).await, Err(NotUp));
        assert_eq!(probe.stats.snapshot().state, ActorState::Quarantined);
    });
}

#[test]
fn a_hung_actor_is_restarted_out_of_band_and_its_queue_drains() {
    on_paused_arbiter(async {
        let probe = start(Policy::STORE, &Arc::default());
        let hung = probe.addr.send(Do::Hang);
        let queued: Vec<_> = (0..10).map(|_| probe.addr.send(Do::Count)).collect();
        sleep(Duration::from_secs(30)).await;
        let busy_since = probe.stats.snapshot().busy_since.unwrap();
        assert!(Clock::tokio(START).now().since(busy_since) < Duration::from_secs(31));

        assert_eq!(outcome(probe.control.restart(RestartReason::Hung)).await, Ok(2));
        assert_eq!(outcome(hung).await, Err(MailboxError::Closed));
        assert!(outcome(join_all(queued)).await.iter().all(Result::is_ok));
        let now = probe.stats.snapshot();
        assert_eq!(now.restarts, RestartCounts { hung: 1, ..RestartCounts::default() });
        assert_eq!((now.busy_since, now.last_crash), (None, None));
    });
}

#[test]
fn a_forced_restart_is_answered_when_the_state_is_loaded_and_not_before() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { hydration: Some(Notify::new()), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        let gate = plan.hydration.as_ref().unwrap();
        gate.notify_one();
        probe.reaches(ActorState::Running).await;

        let mut restarted = Box::pin(probe.control.restart(RestartReason::Operator));
        assert!(timeout(Duration::from_mins(1), &mut restarted).await.is_err());
        assert_eq!(probe.stats.snapshot().state, ActorState::Starting);
        gate.notify_one();
        assert_eq!(outcome(restarted).await, Ok(2));
        assert_eq!(probe.stats.snapshot().state, ActorState::Running);
    });
}

#[test]
fn a_forced_restart_survives_crashes_on_the_way_up() {
    on_paused_arbiter(async {
        let plan = Arc::default();
        let probe = start(Policy::STORE, &plan);
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        plan.failing_starts.store(2, SeqCst);
        assert_eq!(outcome(probe.control.restart(RestartReason::Operator)).await, Ok(4));
        let RestartCounts { crash, operator, .. } = probe.stats.snapshot().restarts;
        assert_eq!((crash, operator), (2, 1));
    });
}

#[test]
fn restarts_asked_for_at_once_are_one_and_happen_though_nobody_waits() {
    on_paused_arbiter(async {
        let probe = start(Policy::STORE, &Arc::default());
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        let asks: Vec<_> =
            (0..1000).map(|_| probe.control.restart(RestartReason::Operator)).collect();
        assert!(outcome(join_all(asks)).await.iter().all(|up| *up == Ok(2)));

        drop(probe.control.restart(RestartReason::Operator));
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        assert_eq!(probe.stats.snapshot().incarnation, 3);
    });
}

#[test]
fn forced_restarts_never_count_against_the_limit() {
    on_paused_arbiter(async {
        let plan = Arc::default();
        let probe = start(Policy::VITAL, &plan);
        for incarnation in 2..50 {
            let restarted = probe.control.restart(RestartReason::Operator);
            assert_eq!(outcome(restarted).await, Ok(incarnation));
        }
        assert!(plan.down().is_none());
    });
}

#[test]
fn a_future_that_panics_when_dropped_delays_a_forced_restart_but_does_not_stop_it() {
    on_paused_arbiter(async {
        let probe = start(Policy::STORE, &Arc::default());
        let hung = probe.addr.send(Do::HangOnBomb);
        sleep(Duration::from_secs(1)).await;
        assert!(outcome(probe.control.restart(RestartReason::Hung)).await.is_ok());
        assert_eq!(outcome(hung).await, Err(MailboxError::Closed));
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        let crash = probe.stats.snapshot().last_crash.unwrap();
        assert_eq!(crash.text, "went off when dropped");
    });
}

#[test]
fn a_shutdown_overtakes_the_queue_and_drops_it() {
    on_paused_arbiter(async {
        let plan = Arc::<Plan>::default();
        let probe = start(Policy::STORE, &plan);
        let asks: Vec<_> = [Do::Hang, Do::Count].map(|d| probe.addr.send(d)).into();
        sleep(Duration::from_secs(1)).await;
        outcome(probe.control.shutdown()).await;
        assert!(matches!(plan.down(), Some(Down::Shutdown)));
        assert!(outcome(join_all(asks)).await.iter().all(Result::is_err));
        // One message was begun, none after it, and `stopping` did not run.
        assert_eq!(*plan.handled.lock().unwrap(), [1]);
        assert_eq!(probe.stats.snapshot().busy_since, None);
    });
}

#[test]
fn a_shutdown_does_not_wait_for_a_rest_nor_start_the_actor_once_more() {
    on_paused_arbiter(async {
        let plan = Arc::new(Plan { failing_starts: u32::MAX.into(), ..Plan::default() });
        let probe = start(Policy::STORE, &plan);
        probe.reaches(ActorState::Quarantined).await;
        let (starts, began) = (plan.starts(), Instant::now());
        outcome(probe.control.shutdown()).await;
        assert!(began.elapsed() < Duration::from_millis(10));
        assert_eq!(plan.starts(), starts);
        assert!(matches!(plan.down(), Some(Down::Shutdown)));
    });
}
