//! The conformance kit: the contract as cases, run over HTTP against any base URL (`ALT-1`).
//!
//! [`CASES`] is the contract made executable: each case carries the id of the promise it proves, a
//! name, and what it proves in words. [`run`] runs them and keeps a [`Scorecard`] by id.
//!
//! The kit needs nothing of any server's code. It speaks `/v1` and `/api`, makes its own data under
//! names nobody else has, and never expects a clean store. The model and the outside world that
//! agents need it brings itself: a small HTTP server on this machine that speaks Chat Completions
//! and counts effects ([`Plan::listen`] says where), so that every case decides what the model says
//! and when, and sees what really left the server.
//!
//! What a server says it does not offer is skipped, visibly, with the reason.
//!
//! **Invariant:** no dependency on engine, core, store or surface; evidence is verified here anew,
//! from `docs/format/entry.md` alone.

mod answer;
mod card;
mod case;
mod cases;
mod client;
mod document;
mod follow;
mod kit;
mod proof;
mod stand;

pub use card::{CaseScore, Scorecard, Standing, Verdict};
pub use case::Case;
pub use cases::{CASES, title};
pub use kit::{Plan, Second, Unready};

use card::Keeper;
use kit::Kit;

/// Runs the cases a plan chooses, in their order, one after the other. `watch` is told each case as
/// it begins, and again with its score once it has ended.
///
/// # Errors
/// [`Unready`] if nothing could be run: the plan names no case there is, nobody answers at the URL,
/// or the kit cannot listen where it was told to.
pub async fn run(
    plan: Plan,
    mut watch: impl FnMut(&Case, Option<&CaseScore>),
) -> Result<Scorecard, Unready> {
    let chosen = plan.cases()?;
    let kit = Kit::begin(plan).await?;
    let mut keeper = Keeper::new(kit.client.base());
    for case in chosen {
        watch(case, None);
        watch(case, Some(keeper.keep(case, case.run(&kit).await)));
    }
    Ok(keeper.card())
}
