//! The script as it stands in its file: shape and syntax, checked once when it is read.

use super::path::{self, Place};
use crate::build::place;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// The largest script, bytes.
const SCRIPT_MAX_BYTES: u64 = 1024 * 1024;
/// Names that always mean something else.
const RESERVED: &[&str] = &["item", "index", "input"];

/// A script that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadScript {
    /// What is wrong, and where.
    pub message: String,
}

/// What a model answers, turn by turn.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(rename = "turn")]
    pub(super) turns: Vec<Turn>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    #[serde(default)]
    pub(super) text: String,
    #[serde(default, rename = "call")]
    pub(super) calls: Vec<Call>,
    #[serde(default)]
    pub(super) delay_ms: u64,
    pub(super) chunk_chars: Option<usize>,
    #[serde(default)]
    pub(super) pause_ms: u64,
    #[serde(default)]
    pub(super) hang: bool,
    pub(super) fail: Option<String>,
    #[serde(default)]
    pub(super) may_pass: bool,
    pub(super) metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) tool: String,
    #[serde(rename = "as")]
    name: Option<String>,
    pub(super) id: Option<String>,
    pub(super) arguments: Option<Value>,
    pub(super) arguments_raw: Option<String>,
    pub(super) for_each: Option<Place>,
    #[serde(default, rename = "where")]
    pub(super) conditions: BTreeMap<Place, Condition>,
}

/// What a value must be like.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Condition {
    Like(Plain),
    Rule(Rule),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Plain {
    Boolean(bool),
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) above: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) not: Option<Plain>,
    pub(super) exists: Option<bool>,
}

impl Call {
    /// What later turns call the result.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.tool)
    }
}

impl Script {
    /// Reads the script at a path.
    ///
    /// # Errors
    /// [`BadScript`] if it cannot be read or is not a script.
    pub fn load(path: &Path) -> Result<Self, BadScript> {
        let shown = path.display().to_string();
        let unreadable =
            |error| BadScript { message: format!("script `{shown}` cannot be read: {error}") };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > SCRIPT_MAX_BYTES {
            let message =
                format!("script `{shown}` is {bytes} bytes; at most {SCRIPT_MAX_BYTES} are read");
            return Err(BadScript { message });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?, &shown)
    }

    /// Reads a script. `origin` is what a person calls the text.
    ///
    /// # Errors
    /// [`BadScript`] with the line, or the turn, that is wrong.
    pub fn parse(toml: &str, origin: &str) -> Result<Self, BadScript> {
        let script: Self = toml::from_str(toml).map_err(|error| {
            let (line, column) = place(toml, error.span().map_or(0, |span| span.start));
            let told = error.message().trim().replace('\n', "; ");
            BadScript { message: format!("{origin}, line {line}, column {column}: {told}") }
        })?;
        script
            .check()
            .map_err(|told| BadScript { message: format!("script `{origin}`: {told}") })?;
        Ok(script)
    }

    fn check(&self) -> Result<(), String> {
        if self.turns.is_empty() {
            return Err("it has no `[[turn]]`".to_owned());
        }
        let mut names: Vec<&str> = RESERVED.to_vec();
        for (number, turn) in (1..).zip(&self.turns) {
            turn.check(&names).map_err(|told| format!("turn {number}: {told}"))?;
            for call in &turn.calls {
                let name = call.name();
                if names.contains(&name) {
                    return Err(format!(
                        "turn {number}: `{name}` already means something; name this call with `as`"
                    ));
                }
                names.push(name);
            }
        }
        Ok(())
    }
}

impl Turn {
    fn check(&self, known: &[&str]) -> Result<(), String> {
        if self.chunk_chars == Some(0) {
            return Err("`chunk_chars` is `0`; expected at least 1".to_owned());
        }
        if self.hang && self.fail.is_some() {
            return Err("`hang` and `fail` exclude each other".to_owned());
        }
        if self.may_pass && self.fail.is_none() {
            return Err("`may_pass` is only for a turn with `fail`".to_owned());
        }
        if (self.hang || self.fail.is_some()) && !self.calls.is_empty() {
            return Err("a turn that hangs or fails makes no calls".to_owned());
        }
        path::check_text(&self.text, known, false)?;
        self.calls.iter().try_for_each(|call| call.check(known))
    }
}

impl Call {
    fn check(&self, known: &[&str]) -> Result<(), String> {
        if self.arguments.is_some() && self.arguments_raw.is_some() {
            return Err("`arguments` and `arguments_raw` exclude each other".to_owned());
        }
        if self.arguments.as_ref().is_some_and(|given| !given.is_object()) {
            return Err("`arguments` must be a table; `arguments_raw` is a text".to_owned());
        }
        if self.id.is_some() && self.for_each.is_some() {
            return Err("calls made by `for_each` cannot share an `id`".to_owned());
        }
        if let Some(list) = &self.for_each {
            list.check(known, false)?;
        }
        let per_item = self.for_each.is_some();
        if !per_item {
            self.conditions.keys().try_for_each(|place| place.check(known, false))?;
        }
        match &self.arguments {
            Some(arguments) => path::check_value(arguments, known, per_item),
            None => Ok(()),
        }
    }
}
