//! Chance that can be repeated: the same seed draws the same orders on every machine.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Dice. The algorithm is named, so that a seed means the same in every build.
#[derive(Debug)]
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// Dice of their own for one subject, such as the tenth order: what others draw does not
    /// change them.
    pub(super) fn new(seed: u64, subject: &str, number: u64) -> Self {
        let hash = subject.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mixed = hash.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// Whether something happens that happens at this rate (0–1).
    pub(super) fn hits(&mut self, rate: f64) -> bool {
        rate > 0.0 && self.0.random::<f64>() < rate
    }

    /// A number from 1 to `most`; 1 if `most` is less.
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        self.0.random_range(1..=most.max(1))
    }

    /// One of them; the first is always there.
    pub(super) fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let drawn = self.0.random_range(0..=others.len());
        drawn.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
    }
}

/// An id that never comes twice, not even with the same seed.
pub(super) fn uuid() -> String {
    let bits = u128::from_be_bytes(rand::random());
    // Version 4, variant 1 (RFC 9562).
    let bits = (bits & !(0xf << 76)) | (4 << 76);
    let bits = (bits & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    parts.join("-")
}

/// A fresh token or secret: 32 hex digits after a prefix.
pub(super) fn secret(prefix: &str) -> String {
    format!("{prefix}{:032x}", u128::from_be_bytes(rand::random()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_in_every_build() {
        let draw = |seed, number| {
            let mut chance = Chance::new(seed, "order", number);
            [(); 6].map(|()| chance.up_to(100))
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
    }

    #[test]
    fn uuids_have_their_shape() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_ne!(id, uuid());
    }
}
