//! Domains that answer too badly are not called for a while, with all that lives there.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::time::At;

/// Attempts within this span are judged together.
const WINDOW: Duration = Duration::from_mins(2);
/// Fewer are not judged.
const FEWEST: usize = 100;
/// Of a hundred attempts so many have to succeed.
const SUCCEEDING: usize = 90;
/// So long nothing is sent.
const BLOCK: Duration = Duration::from_mins(3);

/// All domains that were called.
#[derive(Debug, Default)]
pub(super) struct Domains(BTreeMap<String, Domain>);

#[derive(Debug, Default)]
struct Domain {
    recent: VecDeque<(At, bool)>,
    blocked_until: At,
    /// What went wrong: how often, and when last.
    reasons: BTreeMap<String, (u32, At)>,
}

impl Domains {
    /// Notes how an attempt ended. `pace` shortens window and block, as it does retries.
    pub(super) fn note(&mut self, to: &str, answer: &Result<u16, String>, now: At, pace: f64) {
        let domain = self.0.entry(name(to)).or_default();
        if let Err(why) = answer {
            let (count, last) = domain.reasons.entry(why.clone()).or_default();
            (*count, *last) = (*count + 1, now);
        }
        domain.recent.push_back((now, answer.is_ok()));
        let begin = At(now.0 - WINDOW.mul_f64(pace).as_micros() as i64);
        while domain.recent.front().is_some_and(|(at, _)| *at < begin) {
            domain.recent.pop_front();
        }
        let (all, good) =
            (domain.recent.len(), domain.recent.iter().filter(|(_, good)| *good).count());
        if all >= FEWEST && good * 100 < all * SUCCEEDING {
            domain.recent.clear();
            domain.blocked_until = At(now.0 + BLOCK.mul_f64(pace).as_micros() as i64);
        }
    }

    /// How long nothing is sent there any more.
    pub(super) fn blocked(&self, to: &str, now: At) -> Option<Duration> {
        self.0.get(&name(to))?.left(now)
    }

    /// Those that are blocked, as the API tells them.
    pub(super) fn json(&self, now: At) -> Vec<Value> {
        let blocked = self.0.iter().filter_map(|(name, it)| Some((name, it, it.left(now)?)));
        blocked
            .map(|(name, domain, left)| {
                let reasons = domain.reasons.iter().map(|(why, (count, last))| {
                    let at = last.0 / 1_000_000;
                    json!({"failure_description": why, "count": count, "timestamp": at})
                });
                let reasons: Vec<Value> = reasons.collect();
                json!({"destination": name, "time_left": left.as_secs(), "reasons": reasons})
            })
            .collect()
    }
}

impl Domain {
    fn left(&self, now: At) -> Option<Duration> {
        let left = u64::try_from(self.blocked_until.0 - now.0).ok().filter(|left| *left > 0)?;
        Some(Duration::from_micros(left))
    }
}

/// Scheme, host and port: all URLs of them share one fate.
fn name(to: &str) -> String {
    match reqwest::Url::parse(to) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => to.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.com/a";

    fn after(good: usize, bad: usize) -> Domains {
        let mut domains = Domains::default();
        for at in 0..good + bad {
            let answer = if at < good { Ok(200) } else { Err("500".to_owned()) };
            domains.note(URL, &answer, At(at as i64), 1.0);
        }
        domains
    }

    #[test]
    fn nine_of_ten_have_to_succeed_of_a_hundred() {
        let blocked = |good, bad| after(good, bad).blocked(URL, At(200)).is_some();
        assert!(!blocked(0, 99) && !blocked(90, 10) && blocked(89, 11));
    }

    #[test]
    fn a_block_ends_and_is_told_with_its_reasons() {
        let domains = after(50, 50);
        let told = domains.json(At(200));
        assert_eq!(told[0]["destination"], "https://hooks.example.com");
        assert_eq!(told[0]["reasons"][0]["failure_description"], "500");
        let other = domains.blocked("https://other.example.com/a", At(200));
        assert_eq!(other, None);
        assert!(domains.blocked("https://hooks.example.com/b", At(200)).is_some());
        assert_eq!(domains.blocked(URL, At(181_000_000)), None);
    }
}
