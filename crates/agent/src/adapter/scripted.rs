//! `scripted`: a TOML file says what the model answers, for demos, tests and simulation.
//!
//! # The script
//! A script is a list of turns; each is what the model says and the tools it calls. **Which turn
//! it is follows from the request alone**: every assistant message since the last user message
//! is a turn that was given. So the same request always gets the same answer, after a restart too.
//!
//! ```toml
//! [[turn]]
//! text = "Looking."
//! [[turn.call]]
//! tool = "list_files"
//! as = "listing"                           # the result's name in later turns
//! arguments = { path = "orders" }
//!
//! [[turn]]
//! text = "Reading {{listing.entries.length}} files."
//! [[turn.call]]
//! tool = "read_file"
//! as = "orders"
//! for_each = "listing.entries"             # one call per item, called `item`
//! where = { path = "*.json" }              # only items like this
//! arguments = { path = "{{item.path}}" }
//!
//! [[turn]]
//! [[turn.call]]
//! tool = "refund"
//! for_each = "orders"                      # the results, in call order
//! where = { "json.status" = "returned", "json.cents" = { above = 0 } }
//! arguments = { order = "{{item.json.order}}", cents = "{{item.json.cents}}" }
//!
//! [[turn]]
//! text = "Done: {{refund.length}} refunds."
//! ```
//!
//! - **`as`** names a call's result, or the list of results if it has `for_each`; the tool's name
//!   if not given. A result is the tool's JSON, or its text if it is not JSON.
//! - **Paths** name what was found so far: members and positions by dots, `*` for every element
//!   (`orders.*.json.cents` is a list), `length` of a list or text, `item` and its place `index`
//!   in a `for_each`, `input` for the last user message (its JSON if it is JSON).
//! - **`{{path}}`** stands in any text. A text that is nothing else keeps the value's type, so
//!   that a number stays a number.
//! - **`where`** gives conditions on the item (without `for_each`, on everything found so far): a
//!   text is compared with `*` for any letters, a number or boolean exactly, and
//!   `{ above, at_most, not, exists }` do what they say. A path that leads nowhere only satisfies
//!   `{ exists = false }` and `{ not = … }`.
//! - A turn whose calls all come to nothing is skipped; a turn without `call` is said.
//! - A call may have a fixed `id`, and `arguments_raw` instead of `arguments`: a text that is given
//!   unchanged, malformed if need be.
//! - A turn may have `delay_ms` before it begins, `chunk_chars` to stream its text in pieces with
//!   `pause_ms` before each of them, and an unhappy ending instead of its calls: `hang = true`, or
//!   `fail = "message"` with `may_pass = true` if the call may be tried again.
//! - A turn may have `metadata = { … }`, which goes with the answer and means nothing (`A8`).
//!
//! A path that leads nowhere in a text, or a conversation longer than the script, is a failure that
//! says so. Tokens are counted as a quarter of the letters.

mod answer;
mod path;
mod script;

use crate::adapter::{Adapter, AdapterFailure, Chunk, ModelRequest, Source};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use script::{BadScript, Script};

/// One thing the script does while it streams.
#[derive(Debug, Clone, PartialEq)]
enum Beat {
    Wait(Duration),
    Say(Chunk),
    Hang,
}

/// A model that answers from a script.
#[derive(Debug, Clone)]
pub struct Scripted {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    script: OnceLock<Script>,
}

impl Scripted {
    /// Answers from the script at a path, which is read when the first call is streamed: naming an
    /// adapter opens nothing (`RT1`). Once read, it stays as it was.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { place: Arc::new(Place { path, script: OnceLock::new() }) }
    }

    /// Answers from a script.
    #[must_use]
    pub fn new(script: Script) -> Self {
        let place = Place { path: PathBuf::new(), script: OnceLock::from(script) };
        Self { place: Arc::new(place) }
    }

    /// Reads the script at a path now.
    ///
    /// # Errors
    /// [`BadScript`] if it cannot be read or is not a script.
    pub fn load(path: &Path) -> Result<Self, BadScript> {
        Script::load(path).map(Self::new)
    }
}

impl Place {
    fn script(&self) -> Result<&Script, BadScript> {
        match self.script.get() {
            Some(script) => Ok(script),
            None => {
                let script = Script::load(&self.path)?;
                Ok(self.script.get_or_init(|| script))
            }
        }
    }
}

impl Adapter for Scripted {
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source> {
        Box::new(Recital { place: Arc::clone(&self.place), request })
    }
}

struct Recital {
    place: Arc<Place>,
    request: Arc<ModelRequest>,
}

impl Source for Recital {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        let beats = match self.place.script() {
            Ok(script) => answer::beats(script, &self.request),
            Err(told) => vec![Beat::Say(failed(told.to_string()))],
        };
        stream::iter(beats).filter_map(perform).boxed()
    }
}

async fn perform(beat: Beat) -> Option<Chunk> {
    match beat {
        Beat::Wait(time) => {
            tokio::time::sleep(time).await;
            None
        }
        Beat::Say(chunk) => Some(chunk),
        Beat::Hang => std::future::pending().await,
    }
}

fn failed(message: String) -> Chunk {
    Chunk::Failed(AdapterFailure { message, may_pass: false })
}

#[cfg(test)]
mod tests;
