//! Panics: caught around every step of an actor, and told to the log with the actor's name.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::spec::ActorName;

/// Longest panic text that is kept, in characters. Texts of our own code are one short sentence;
/// a foreign one may quote what it worked on, and that does not belong into a log (I12).
const LONGEST_TEXT: usize = 300;

thread_local! {
    /// Whose code runs on this thread.
    static CURRENT: RefCell<Option<ActorName>> = const { RefCell::new(None) };
    /// Where this thread panicked last; written by the hook, taken by [`guarded`].
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that did not get further.
#[derive(Debug)]
pub(super) struct Caught {
    /// Its text, on one line, shortened.
    pub(super) text: String,
    /// File and line; `None` without [`install_panic_hook`].
    pub(super) place: Option<String>,
}

/// Runs a step of `actor`; a panic in it comes back as an error.
///
/// What the step was working on may be half changed afterwards: the caller has to rebuild or drop
/// it.
pub(super) fn guarded<T>(actor: &ActorName, step: impl FnOnce() -> T) -> Result<T, Caught> {
    let outer = CURRENT.replace(Some(actor.clone()));
    let outcome = catch_unwind(AssertUnwindSafe(step)).map_err(|payload| {
        let caught = Caught { text: text(payload.as_ref()), place: PLACE.take() };
        // A payload is any value, and dropping it may panic like anything else.
        let dropped = catch_unwind(AssertUnwindSafe(move || drop(payload)));
        if dropped.is_err() {
            tracing::error!(%actor, "a panic's payload panicked when it was dropped");
        }
        caught
    });
    CURRENT.set(outer);
    outcome
}

/// From now on panics of all threads go to the log, with place, thread and – where it is an
/// actor's – the actor's name, instead of to stderr. Call it once, at start.
///
/// Before a tracing subscriber is there, panics take the way they took before.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string);
        // A thread that is going away has no thread-locals any more; it has no actor either.
        let _gone = PLACE.try_with(|last| last.replace(place.clone()));
        if !tracing::dispatcher::has_been_set() {
            return before(info);
        }
        let actor = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
        let thread = std::thread::current();
        tracing::error!(
            actor = actor.as_ref().map(ActorName::as_str),
            place,
            thread = thread.name(),
            panic = text(info.payload()),
            "panicked"
        );
    }));
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the payload went off");
        }
    }

    #[test]
    fn the_text_is_one_short_line() {
        let name = ActorName::new("probe");
        let caught = guarded(&name, || panic!("line one\nline {}", 2)).unwrap_err();
        assert_eq!(caught.text, "line one line 2");
        let caught = guarded(&name, || panic!("{}", "ä".repeat(1000))).unwrap_err();
        assert_eq!(caught.text, "ä".repeat(LONGEST_TEXT));
        let caught = guarded(&name, || std::panic::panic_any(7_u8)).unwrap_err();
        assert_eq!(caught.text, "a panic without a text");
    }

    #[test]
    fn a_payload_that_panics_is_caught_too() {
        let name = ActorName::new("probe");
        assert!(guarded(&name, || std::panic::panic_any(Bomb)).is_err());
    }

    #[test]
    fn the_current_actor_is_set_during_a_step_and_restored_after_it() {
        let current = || CURRENT.with_borrow(|c| c.as_ref().map(ToString::to_string));
        let (outer, inner) = (ActorName::new("outer"), ActorName::new("inner"));
        guarded(&outer, || {
            assert!(
                guarded(&inner, || panic!("{:?}", current())).unwrap_err().text.contains("inner")
            );
            assert_eq!(current().as_deref(), Some("outer"));
        })
        .unwrap();
        assert_eq!(current(), None);
    }

    #[test]
    fn the_hook_logs_the_actor_the_place_and_the_text_once() {
        let log = crate::actor::tests::Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        install_panic_hook();
        let caught = tracing::subscriber::with_default(subscriber, || {
            guarded(&ActorName::new("shop-7"), || panic!("out of order")).unwrap_err()
        });
        drop(std::panic::take_hook());
        let place = caught.place.unwrap();
        assert!(place.contains("panic.rs:"), "{place}");
        let lines = log.text();
        assert_eq!(lines.matches("out of order").count(), 1, "{lines}");
        assert!(lines.contains("shop-7") && lines.contains(&place), "{lines}");
    }
}
