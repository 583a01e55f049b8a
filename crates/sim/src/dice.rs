//! Chance by seed: every source of it is a stream of its own, so that one more throw in the world
//! does not change what the disk does.

use rand::{Rng, SeedableRng, rngs::StdRng};
use tenure_contract::Digest;

/// One stream of throws.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// The stream of that name under that seed.
    #[must_use]
    pub fn of(seed: u64, stream: &str) -> Self {
        let digest = Digest::of(&[b"tenure-sim", &seed.to_be_bytes(), stream.as_bytes()]);
        Self(StdRng::from_seed(*digest.bytes()))
    }

    /// A number from 0, less than `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end.max(1))
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in so many of a thousand throws.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of the given; none of nothing.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }
}
