//! How much an actor has been through: counts its crashes and decides what follows. Knows no actor.

use std::time::Duration;

use tokio::time::Instant;

use super::spec::{OverLimit, Policy};

/// The shortest rest. A timer of at least a millisecond is never ready at once, so a crashing
/// actor always gives its thread away between two attempts.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// The crashes of one actor that still count.
#[derive(Debug)]
pub(super) struct Strain {
    /// Within the policy's period, oldest first. At most `intensity + 1`, besides those in
    /// quarantine, which are minutes apart.
    crashes: Vec<Instant>,
    /// Crashes in a row without a calm period between them.
    streak: u32,
    /// When it last began to run.
    running_since: Instant,
    /// It has been over its limit and has not yet shown that it is well again.
    on_probation: bool,
}

/// What follows from a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Restart after a rest.
    Rest(Duration),
    /// Over the limit: out of the way until this much later.
    Quarantine(Duration),
    /// Over the limit: end.
    GiveUp,
}

impl Strain {
    /// An actor without a past that runs from now on.
    pub(super) fn none() -> Self {
        Self { crashes: Vec::new(), streak: 0, running_since: Instant::now(), on_probation: false }
    }

    /// A rest is over and the actor runs again.
    pub(super) fn runs(&mut self) {
        self.running_since = Instant::now();
    }

    /// The actor crashed just now.
    pub(super) fn crashed(&mut self, policy: &Policy) -> Verdict {
        let now = Instant::now();
        let ran_for = now.duration_since(self.running_since);
        if ran_for >= policy.period {
            *self = Self::none();
        }
        self.crashes.retain(|&at| now.duration_since(at) < policy.period);
        self.crashes.push(now);
        self.streak = self.streak.saturating_add(1);

        let over_limit = self.crashes.len() > policy.intensity as usize;
        if !over_limit && !self.on_probation {
            return Verdict::Rest(jittered(backoff(policy, self.streak)).max(SHORTEST_REST));
        }
        match policy.over_limit {
            OverLimit::Escalate => Verdict::GiveUp,
            OverLimit::Quarantine { retry_every } => {
                self.on_probation = true;
                Verdict::Quarantine(retry_every.max(SHORTEST_REST))
            }
        }
    }
}

/// The rest after the `streak`-th crash in a row (1 for the first).
fn backoff(policy: &Policy, streak: u32) -> Duration {
    let doublings = streak.saturating_sub(1).min(31);
    policy.backoff_first.saturating_mul(1 << doublings).min(policy.backoff_max)
}

/// Between half of it and all of it, so that actors felled by one cause do not rise as one.
fn jittered(rest: Duration) -> Duration {
    rest.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { intensity: 3, ..Policy::STORE };

    #[test]
    fn rests_double_up_to_the_longest() {
        let millis = |streak| backoff(&POLICY, streak).as_millis();
        assert_eq!([1, 2, 3, 4, 5].map(millis), [100, 200, 400, 800, 1600]);
        assert_eq!([9, 10, 1000, u32::MAX].map(millis), [25_600, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let rest = Duration::from_secs(10);
        for _ in 0..1000 {
            let jittered = jittered(rest);
            assert!(jittered >= rest / 2 && jittered <= rest, "{jittered:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_crash_more_than_the_intensity_is_over_the_limit() {
        let mut strain = Strain::none();
        for _ in 0..POLICY.intensity {
            assert!(matches!(strain.crashed(&POLICY), Verdict::Rest(_)));
        }
        assert_eq!(strain.crashed(&POLICY), Verdict::Quarantine(Duration::from_mins(5)));
        let vital = Policy { over_limit: OverLimit::Escalate, ..POLICY };
        assert_eq!(strain.crashed(&vital), Verdict::GiveUp);
    }

    #[tokio::test(start_paused = true)]
    async fn crashes_further_apart_than_the_period_never_add_up() {
        let mut strain = Strain::none();
        for _ in 0..100 {
            tokio::time::advance(POLICY.period).await;
            let Verdict::Rest(rest) = strain.crashed(&POLICY) else { panic!("over the limit") };
            assert!(rest <= POLICY.backoff_first);
            strain.runs();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_series_of_crashes_rests_longer_and_longer() {
        let mut strain = Strain::none();
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            let Verdict::Rest(rest) = strain.crashed(&POLICY) else { panic!("over the limit") };
            last = rest;
            tokio::time::advance(rest + POLICY.period / 2).await;
            strain.runs();
        }
        assert!(last >= POLICY.backoff_max / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn on_probation_one_crash_suffices_until_it_was_calm() {
        let mut strain = Strain::none();
        while matches!(strain.crashed(&POLICY), Verdict::Rest(_)) {}
        tokio::time::advance(Duration::from_mins(5)).await;
        strain.runs();
        assert!(matches!(strain.crashed(&POLICY), Verdict::Quarantine(_)));
        strain.runs();
        tokio::time::advance(POLICY.period).await;
        assert!(matches!(strain.crashed(&POLICY), Verdict::Rest(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn even_a_policy_without_rest_yields() {
        let policy = Policy { backoff_first: Duration::ZERO, ..POLICY };
        assert_eq!(Strain::none().crashed(&policy), Verdict::Rest(SHORTEST_REST));
    }
}
