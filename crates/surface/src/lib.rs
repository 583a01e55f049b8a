//! How the outside reaches the engine: HTTP under `/v1`, and the paths the contract names under
//! `/api`.
//!
//! **Invariant:** wire to contract and back, nothing else. What may happen is decided by
//! `tenure-core`, what is true is in the journal; a surface that is taken away loses no state.

pub mod http;
