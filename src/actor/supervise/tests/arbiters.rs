//! With real arbiters and the real clock.

use std::thread;

use actix_rt::{Arbiter, System};

use super::*;

fn real() -> Spec {
    Spec { name: ActorName::new("probe"), policy: Policy::STORE, clock: Clock::system() }
}

#[test]
fn it_starts_on_the_arbiter_asked_for_and_is_reached_from_any_thread() {
    let system = System::new();
    let arbiter = Arbiter::new();
    let plan = Arc::<Plan>::default();
    let (first, parent) = (Arc::clone(&plan), Arc::clone(&plan));
    let (tell, told) = std::sync::mpsc::channel();
    let probe = supervise_on(
        &arbiter.handle(),
        real(),
        move |ctx| {
            tell.send(thread::current().id()).unwrap();
            Probe::fresh(first, ctx.clone())
        },
        move |down| parent.downs.lock().unwrap().push(down),
    )
    .unwrap();
    // Sent before the actor can be there.
    probe.addr.do_send(Do::PanicInHandler);
    system.block_on(async {
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        assert!(probe.control.restart(RestartReason::Operator).await.is_ok());
        outcome(probe.control.shutdown()).await;
    });
    assert_ne!(told.recv().unwrap(), thread::current().id());
    assert!(matches!(plan.down(), Some(Down::Shutdown)));
    arbiter.stop();
    arbiter.join().unwrap();
}

#[test]
fn a_stopped_arbiter_takes_its_actors_along_and_takes_no_new_ones() {
    let system = System::new();
    let arbiter = Arbiter::new();
    let plan = Arc::<Plan>::default();
    let first = Arc::clone(&plan);
    let start = |plan: Arc<Plan>| {
        let make = move |ctx: &SupervisorCtx| Probe::fresh(plan, ctx.clone());
        supervise_on(&arbiter.handle(), real(), make, |_| {})
    };
    let probe = start(first).unwrap();
    system.block_on(async {
        assert_eq!(probe.ask(Do::Count).await, Ok(1));
        arbiter.stop();
        outcome(probe.control.ended()).await;
    });
    assert_eq!(probe.stats.snapshot().state, ActorState::Stopped);
    let deadline = Instant::now() + Duration::from_secs(10);
    while arbiter.handle().alive() && Instant::now() < deadline {
        thread::yield_now();
    }
    assert!(matches!(start(plan), Err(ArbiterGone)));
}
