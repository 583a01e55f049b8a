//! Where ids and salts come from: the only randomness in the engine.

use rand::{RngCore, SeedableRng, rngs::StdRng};
use std::sync::Mutex;
use tenure_contract::Time;

/// Mints ids and salts.
pub trait Mint: Send + Sync {
    /// Sixteen random bytes.
    fn random(&self) -> [u8; 16];
}

/// Mints from the operating system's generator.
#[derive(Debug, Default)]
pub struct SystemMint;

impl Mint for SystemMint {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}

/// Mints the same for the same seed, for simulation.
#[derive(Debug)]
pub struct SeededMint(Mutex<StdRng>);

impl SeededMint {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Mint for SeededMint {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        crate::lock(&self.0).fill_bytes(&mut bytes);
        bytes
    }
}

/// An id whose first 48 bits are the time, so that neighbours in time are neighbours in an index
/// (order still comes from `seq`), with two zero bytes at the end for [`tenure_core::Fresh`].
pub(crate) fn id(mint: &dyn Mint, now: Time) -> [u8; 16] {
    let mut bytes = mint.random();
    let ms = now.micros() / 1000;
    bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    bytes
}
