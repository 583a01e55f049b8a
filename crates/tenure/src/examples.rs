//! The conforming examples (`docs/contract/14-examples.md`): each one plays on a stage of its own, uses the
//! HTTP contract and the command line only, and ends with claims that are checked.
//!
//! A new example is a file here with a function `play`, a row in [`Example`], and its files under
//! `examples/<name>/`.

mod assistant;
mod authorizer;
mod cowork;
mod evidence;
mod flow;
mod seen;
mod trail;

pub(crate) use assistant::seams;

use crate::cli::{Exit, Failure};
use crate::stage::{Stage, Summary, Voice};
use clap::ValueEnum;
use std::path::PathBuf;
use std::time::Instant;

/// An example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Example {
    /// Task orchestration.
    Cowork,
    /// Planning.
    Flow,
    /// A separate approval app.
    Authorizer,
    /// Review and replay.
    Trail,
    /// Chat and code threads of a second host.
    Assistant,
}

/// What is to be played, and how.
pub(crate) struct Plan {
    pub example: Example,
    /// A person's own files in place of the shipped ones.
    pub input: Option<PathBuf>,
    /// Whether the folder stays.
    pub keep: bool,
    pub voice: Voice,
}

impl Example {
    /// All of them, as they are listed.
    pub const ALL: &[Self] =
        &[Self::Cowork, Self::Flow, Self::Trail, Self::Authorizer, Self::Assistant];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Cowork => "cowork",
            Self::Flow => "flow",
            Self::Authorizer => "authorizer",
            Self::Trail => "trail",
            Self::Assistant => "assistant",
        }
    }

    /// The promise it keeps.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Cowork => "EX-1",
            Self::Flow => "EX-2",
            Self::Authorizer => "EX-5",
            Self::Trail => "EX-3",
            Self::Assistant => "EX-10",
        }
    }

    /// What it shows.
    pub const fn shows(self) -> &'static str {
        match self {
            Self::Cowork => {
                "queued dispatches under a flood, approvals, two kills, resume by token, one audit"
            }
            Self::Flow => {
                "a week put on schedule by an agent, each entry one run with its task and todos, over two kills"
            }
            Self::Authorizer => {
                "an approval decided in another app, by signed tokens, over kill -9"
            }
            Self::Assistant => {
                "chat and code threads of a second host: targets, claims by many at once, a kill while both talk"
            }
            Self::Trail => "a finished run rebuilt from its journal alone, after kill -9",
        }
    }

    /// What a person's own folder holds.
    pub const fn input(self) -> &'static str {
        match self {
            Self::Cowork => "claims, *.json with cents; those above 20000 are denied",
            Self::Flow => {
                "the plan, an item in each *.json: title, todos, at (mon 09:30), needs (other items)"
            }
            Self::Authorizer => {
                "orders, *.json of at most 150 letters; those that say gift card are denied"
            }
            Self::Assistant => "a project, *.md; those that say OPEN are collected",
            Self::Trail => "drafts, *.md; those that say TBD are denied",
        }
    }
}

/// Plays an example in a temporary folder and tells whether everything it claims is true.
pub(crate) async fn run(plan: &Plan) -> Result<Exit, Failure> {
    let signal = crate::server::ended_by_signal()?;
    let name = plan.example.name();
    let folder = tempfile::Builder::new().prefix(&format!("tenure-example-{name}-")).tempdir()?;
    let stage = Stage::new(folder.path().to_owned(), plan.voice);
    let begun = Instant::now();
    let played = tokio::select! {
        played = play(plan, &stage) => played,
        _ = signal => {
            eprintln!("tenure: stopped; its folder is {}", folder.keep().display());
            return Ok(Exit::Aborted);
        }
    };
    let held = played.as_ref().is_ok_and(Summary::holds);
    if plan.keep || !held {
        eprintln!("the folder stays: {}", folder.keep().display());
    }
    let mut summary = played?;
    summary.fact("example", name);
    summary.fact("holds", held);
    summary.fact("seconds", begun.elapsed().as_secs_f64());
    summary.fact("dir", stage.dir().display().to_string());
    stage.say("\nWhat is claimed, and what was found:");
    summary.tell(plan.voice);
    stage.say(if held { "\nEverything holds." } else { "\nNOT everything holds." });
    Ok(if held { Exit::Done } else { Exit::CheckFailed })
}

async fn play(plan: &Plan, stage: &Stage) -> Result<Summary, Failure> {
    let input = plan.input.as_deref();
    match plan.example {
        Example::Cowork => cowork::play(stage, input).await,
        Example::Flow => flow::play(stage, input).await,
        Example::Authorizer => authorizer::play(stage, input).await,
        Example::Assistant => assistant::play(stage, input).await,
        Example::Trail => trail::play(stage, input).await,
    }
}
