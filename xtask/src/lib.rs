//! The workspace's own rules and generated files: `cargo xtask tidy`, `generate` and `status`.
//!
//! A rule nobody runs is a wish, so `tests/tidy.rs` runs them all in `cargo test`. Nothing here is
//! part of the product.

pub mod finding;
pub mod generate;
pub mod ids;
pub mod masked;
pub mod report;
pub mod rules;
pub mod stable;
pub mod status;
pub mod tests_found;
pub mod tree;
pub mod vectors;

pub use finding::Finding;
pub use tree::Tree;
