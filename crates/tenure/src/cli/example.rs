//! `tenure example`: the conforming examples, each played by one command.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::examples::{Example, Plan};
use crate::stage::Voice;
use serde_json::json;
use std::path::PathBuf;

/// Plays an example to its end and checks every claim it makes; without a name, lists them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure example\n  tenure example trail\n  tenure example trail --input my-drafts --keep --json\n\nIt needs no key and no network. Its folder is a temporary one (--keep keeps it); --data is not used.\nIt ends with 0 only if every claim is true."
)]
pub(super) struct Args {
    /// Which one.
    #[arg(value_enum)]
    name: Option<Example>,
    /// Your own folder in place of the shipped files; the list says what it holds.
    #[arg(long, value_name = "DIR", requires = "name")]
    input: Option<PathBuf>,
    /// Keeps the folder it played in.
    #[arg(long, requires = "name")]
    keep: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let Some(example) = args.name else {
        list(cx);
        return Ok(Exit::Done);
    };
    let Args { input, keep, .. } = args;
    crate::examples::run(&Plan { example, input, keep, voice: Voice::of(cx.json) }).await
}

fn list(cx: &Cx) {
    if cx.json {
        let items = Example::ALL.iter().map(|one| {
            json!({ "name": one.name(), "requirement": one.requirement(), "shows": one.shows(), "input": one.input() })
        });
        return println_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let row = |one: &Example| {
        [one.name(), one.requirement(), one.shows(), one.input()].map(str::to_owned).to_vec()
    };
    outln(&table(&["example", "promise", "shows", "--input"], Example::ALL.iter().map(row)));
    outln("\ntenure example NAME plays one.");
}
