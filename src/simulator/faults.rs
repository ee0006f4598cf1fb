//! What can go wrong, on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::random::Chance;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A delivery comes twice with the same ids.
    Duplicate,
    /// A delivery never comes.
    Drop,
    /// A delivery comes late.
    Delay,
    /// The deliveries of one action come in reverse order.
    Reorder,
    /// The first attempt of a delivery is signed wrongly.
    BadSignature,
    /// The same old body comes again later, under another delivery id.
    StaleRetry,
    /// An authentic delivery more, whose body is cut off.
    GarbageBody,
    /// The API answers 500, 502 or 503.
    ApiDown,
    /// The API does not answer.
    Hang,
    /// The API has no points left.
    Throttled,
    /// The API answers 429.
    TooManyRequests,
    /// The API answers something that is no JSON.
    GarbageAnswer,
    /// The token of a call is forgotten, and the call refused; a new one can be had.
    TokenRevoked,
    /// No token is accepted and none is given: the app was removed.
    AccessRefused,
    /// Reads do not show what happened just now (Shopify: lists; BigCommerce: single reads too).
    LaggingReads,
    /// The API takes its time to answer.
    SlowAnswers,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Duplicate,
        Self::Drop,
        Self::Delay,
        Self::Reorder,
        Self::BadSignature,
        Self::StaleRetry,
        Self::GarbageBody,
        Self::ApiDown,
        Self::Hang,
        Self::Throttled,
        Self::TooManyRequests,
        Self::GarbageAnswer,
        Self::TokenRevoked,
        Self::AccessRefused,
        Self::LaggingReads,
        Self::SlowAnswers,
    ];

    /// How long it lasts when nothing else is said.
    const fn usual_millis(self) -> u64 {
        match self {
            Self::Delay => 2_000,
            Self::Reorder => 150,
            Self::StaleRetry => 3_000,
            Self::LaggingReads => 5_000,
            Self::SlowAnswers => 200,
            // Longer than any caller waits.
            Self::Hang => 600_000,
            _ => 0,
        }
    }
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Which.
    pub fault: Fault,
    /// 0 (never) to 1 (always).
    pub rate: f64,
    /// So many times at most; then it is off.
    #[serde(default)]
    pub count: Option<u32>,
    /// How long it lasts, where that means something.
    #[serde(default)]
    pub millis: Option<u64>,
}

impl Setting {
    /// Always.
    pub fn always(fault: Fault) -> Self {
        Self { fault, rate: 1.0, count: None, millis: None }
    }

    /// The next so many times.
    pub fn times(fault: Fault, count: u32) -> Self {
        Self { count: Some(count), ..Self::always(fault) }
    }

    /// Now and then.
    pub fn rate(fault: Fault, rate: f64) -> Self {
        Self { rate, ..Self::always(fault) }
    }

    /// Never.
    pub fn off(fault: Fault) -> Self {
        Self::rate(fault, 0.0)
    }

    /// The same, lasting so long.
    #[must_use]
    pub fn lasting(self, span: Duration) -> Self {
        Self { millis: Some(span.as_millis() as u64), ..self }
    }
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Fault, Setting>);

impl Faults {
    pub(super) fn set(&mut self, setting: Setting) {
        if setting.rate > 0.0 && setting.count != Some(0) {
            self.0.insert(setting.fault, setting);
        } else {
            self.0.remove(&setting.fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn settings(&self) -> Vec<Setting> {
        self.0.values().copied().collect()
    }

    /// Whether a fault strikes now, and how long it lasts.
    pub(super) fn strikes(&mut self, fault: Fault, dice: &mut Chance) -> Option<Duration> {
        let setting = self.0.get_mut(&fault)?;
        if !dice.hits(setting.rate) {
            return None;
        }
        let lasts = setting.millis.unwrap_or(fault.usual_millis());
        if let Some(left) = &mut setting.count {
            *left -= 1;
            if *left == 0 {
                self.0.remove(&fault);
            }
        }
        Some(Duration::from_millis(lasts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_runs_out_and_a_rate_holds() {
        let mut faults = Faults::default();
        let mut dice = Chance::new(1, "dice", 0);
        faults.set(Setting::times(Fault::Drop, 2).lasting(Duration::from_secs(1)));
        let strikes: Vec<_> = (0..3).map(|_| faults.strikes(Fault::Drop, &mut dice)).collect();
        let second = Some(Duration::from_secs(1));
        assert_eq!(strikes, [second, second, None]);
        faults.set(Setting::rate(Fault::Delay, 0.25));
        let hits = (0..1000).filter(|_| faults.strikes(Fault::Delay, &mut dice).is_some()).count();
        assert!((150..350).contains(&hits), "{hits}");
        faults.set(Setting::off(Fault::Delay));
        assert!(faults.settings().is_empty());
    }

    #[test]
    fn faults_have_their_names_in_json() {
        let names: Vec<String> =
            Fault::ALL.iter().map(|fault| serde_json::to_string(fault).unwrap()).collect();
        assert_eq!((names[0].as_str(), names[4].as_str()), ("\"duplicate\"", "\"bad_signature\""));
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), Fault::ALL.len());
    }
}
