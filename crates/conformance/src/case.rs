//! One case: the id of a promise, a name, what it proves, and the function that does so.

use crate::kit::Kit;
use futures::future::LocalBoxFuture;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// The longest a case may take before it counts as failed.
const CASE_MAX: Duration = Duration::from_secs(120);

/// What a case comes to.
pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The server breaks the promise; how.
    Failed(String),
    /// It could not be tried; why.
    Skipped(String),
}

/// The function of a case.
pub(crate) type Function = for<'a> fn(&'a Kit) -> LocalBoxFuture<'a, Outcome>;

/// One exported case of the contract.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise it belongs to, such as `APR-1`.
    pub id: &'static str,
    /// Its own name, unique.
    pub name: &'static str,
    /// What a pass proves, as one sentence.
    pub proves: &'static str,
    pub(crate) function: Function,
}

impl Case {
    /// Runs it; a case that never ends has failed.
    pub(crate) async fn run(&self, kit: &Kit) -> (Outcome, Duration) {
        let begun = Instant::now();
        let ended = tokio::time::timeout(CASE_MAX, (self.function)(kit)).await;
        let outcome = ended.unwrap_or_else(|_| {
            Err(Stop::Failed(format!("it did not end within {} s", CASE_MAX.as_secs())))
        });
        (outcome, begun.elapsed())
    }
}

/// Passes if the condition holds, and otherwise fails with what was seen.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Stop::Failed(otherwise())) }
}

/// Passes if both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    ensure(found == expected, || format!("{what} is {found:?}; expected {expected:?}"))
}

/// A failure.
pub(crate) fn failed<T>(why: impl Display) -> Outcome<T> {
    Err(Stop::Failed(why.to_string()))
}

/// A case that cannot be tried here.
pub(crate) fn skipped<T>(why: impl Display) -> Outcome<T> {
    Err(Stop::Skipped(why.to_string()))
}

/// The cases of one file: id, function, what it proves.
macro_rules! cases {
    ($($id:literal $function:ident $proves:literal;)+) => {
        /// The cases of this file.
        pub(super) const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            id: $id,
            name: stringify!($function),
            proves: $proves,
            function: |kit| Box::pin($function(kit)),
        }),+];
    };
}
pub(crate) use cases;
