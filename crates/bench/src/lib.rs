//! Measurements of the real engine, always beside the disk's flush floor of the same run: these
//! machines are noisy, so ratios travel and single figures do not.

pub mod floor;
mod node;
pub mod recover;
pub mod steps;
pub mod wire;
