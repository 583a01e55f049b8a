//! The demo: an agent settles orders and refunds while its server is killed under it.
//!
//! Three processes: this one watches and tells, a server runs the agent, a payment service moves
//! the money and keeps its own ledger. What is claimed at the end is read from that ledger and from
//! an export that is verified as anybody would.

mod child;
mod clerk;
mod documents;
mod killer;
pub(crate) mod ledger;
mod narrator;
mod operator;
pub(crate) mod payments;
mod proof;
mod round;
mod summary;

use crate::cli::{Exit, Failure};
use crate::stage::Server;
use child::Payments;
use documents::{Documents, Wanted};
use killer::Killer;
use narrator::Narrator;
use proof::Proof;
use round::Round;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use summary::{Paid, Summary};

/// What the demo is to do.
pub(crate) struct Plan {
    /// A person's own documents.
    pub input: Option<PathBuf>,
    /// When the server is killed.
    pub kills: Kills,
    /// Who approves and resolves.
    pub operator: Operator,
    /// Whether the directory stays.
    pub keep: bool,
    /// Whether to answer with one JSON object and nothing else.
    pub json: bool,
}

/// When the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kills {
    /// Twice, each time right after money moved and before that is committed.
    Planned,
    /// That often, at random moments.
    Random {
        /// How often.
        count: u64,
        /// Which moments.
        seed: u64,
    },
}

/// Who approves and resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// The demo itself, as a person would.
    Automatic,
    /// Somebody at another terminal.
    Elsewhere,
}

/// Runs the demo.
pub(crate) async fn run(plan: Plan) -> Result<Exit, Failure> {
    let signal = crate::server::ended_by_signal()?;
    let documents = match &plan.input {
        Some(folder) => Documents::in_folder(folder)?,
        None => Documents::shipped(),
    };
    let folder = tempfile::Builder::new().prefix("tenure-demo-").tempdir()?;
    let dir = folder.path().to_owned();
    let outcome = tokio::select! {
        outcome = perform(&plan, &documents, &dir) => outcome,
        _ = signal => {
            eprintln!("tenure: demo stopped; its directory is {}", folder.keep().display());
            return Ok(Exit::Aborted);
        }
    };
    let held = matches!(&outcome, Ok(summary) if summary.holds());
    if plan.keep || !held {
        let _ = folder.keep();
        eprintln!("the directory stays: {}", dir.display());
    }
    let summary = outcome?;
    Ok(if summary.holds() { Exit::Done } else { Exit::CheckFailed })
}

async fn perform(plan: &Plan, documents: &Documents, dir: &Path) -> Result<Summary, Failure> {
    let begun = Instant::now();
    let narrator = Arc::new(Narrator::new(plan.json));
    narrator.opening(dir, documents.count());
    let charges = documents.wanted(0).charges.len();
    let (payments, booked) = Payments::start(dir, plan.kills, charges).await?;
    let server = Arc::new(Server::start(&dir.join("data")).await?);
    narrator.started(&server, &payments);
    let killer = Killer::new(plan.kills, server.clone(), narrator.clone());
    let definition = clerk::write(&dir.join("agent"), &payments.endpoint)?;
    let killing = tokio::spawn(killer.clone().run(booked));
    let mut rounds = Vec::new();
    let mut wanted = Wanted::default();
    while rounds.is_empty() || killer.wants_more() {
        let number = rounds.len() as u64;
        wanted.add(documents.wanted(number));
        let round =
            Round { number, plan, server: &server, payments: &payments, narrator: &narrator };
        rounds.push(round.run(documents, &definition).await?);
    }
    killer.enough();
    // a killer that panicked has killed what it could, which the summary shows
    let _ = killing.await;
    let proof = Proof::gather(&server, dir, &rounds).await?;
    server.stop().await;
    let lines = payments.ledger()?;
    let paid = Paid::read(&lines, &wanted, &killer.moments());
    let summary = Summary {
        attempts_after_landed: proof.attempts_after_landed(&lines),
        paid,
        proof,
        runs: rounds.len() as u64,
        runs_completed: rounds.iter().filter(|round| round.completed).count() as u64,
        seconds: begun.elapsed().as_secs_f64(),
        session: rounds.first().map(|round| round.session.to_string()).unwrap_or_default(),
        dir: dir.display().to_string(),
        kept: plan.keep,
    };
    narrator.closing(&summary);
    Ok(summary)
}
