//! The transition tables: which status may follow which, and nothing else.
//!
//! Everything not listed is refused with a typed error and changes nothing. The pictures under
//! `docs/state/` are generated from these tables.

pub mod approval;
pub mod artifact;
pub mod dispatch;
pub mod handoff;
pub mod legacy_row;
pub mod principal;
pub mod run;
pub mod schedule;
pub mod schedule_entry;
pub mod session;
pub mod step;
pub mod task;
pub mod todo;
pub mod workspace;

#[cfg(test)]
pub(crate) mod matrix {
    //! Holds a table against every pair of words.

    /// Asserts that `may` allows exactly the pairs of `table`, over all pairs of `all`.
    pub fn exhaust<T: Copy + PartialEq + std::fmt::Debug>(
        all: &[T],
        table: &[(T, T)],
        may: fn(T, T) -> bool,
    ) {
        for from in all {
            for to in all {
                let listed = table.iter().any(|pair| pair == &(*from, *to));
                assert_eq!(may(*from, *to), listed, "{from:?} -> {to:?}");
            }
        }
    }
}
