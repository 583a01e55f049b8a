//! Tells what happens in a run, one readable line per step, turn, approval and retry.

use super::print::{brief, took};
use crate::client::Happening;
use serde_json::Value;
use std::collections::HashMap;
use tenure_contract::Time;

/// What is remembered of a step until it is settled.
struct Begun {
    name: String,
    class: String,
    attempt: u64,
    at: Time,
}

/// Turns entries into lines; one teller per session.
#[derive(Default)]
pub(crate) struct Teller {
    steps: HashMap<String, Begun>,
    /// What each call is about, by turn and place in it.
    calls: HashMap<(u64, u64), String>,
    turns: u32,
    began: Option<Time>,
}

impl Teller {
    /// The line for an entry; none for what a person need not see.
    pub fn line(&mut self, told: &Happening) -> Option<String> {
        let begun = *self.began.get_or_insert(told.at);
        let text = self.text(told)?;
        Some(format!("{:>8}  {text}", took(told.at.ms_since(begun))))
    }

    fn text(&mut self, told: &Happening) -> Option<String> {
        match told.kind.as_str() {
            "run.started" => Some(format!("run {} started", told.text("run"))),
            "run.paused" => Some(format!("▌▌ paused ({})", told.text("cause"))),
            "run.waiting-approval" => Some("▌▌ waiting for an approval".to_owned()),
            "run.resumed" => Some("▶ goes on".to_owned()),
            "run.cancel-requested" => Some("■ cancel asked for".to_owned()),
            "run.ended" => Some(ended(told)),
            "approval.requested" => Some(asked(told)),
            "approval.decided" => Some(decided(told)),
            "approval.closed" => {
                Some(format!("? {} closed: {}", told.text("approval"), told.text("status")))
            }
            "artifact.registered" => {
                Some(format!("◆ {} {}", told.text("artifactType"), told.text("artifact")))
            }
            kind if kind.starts_with("step.") || kind.starts_with("turn.") => self.step(told),
            _ => None,
        }
    }

    fn step(&mut self, told: &Happening) -> Option<String> {
        let id = told.text("step").to_owned();
        if matches!(told.kind.as_str(), "step.intended") {
            self.begin(id, told);
            return None;
        }
        if told.kind == "step.recorded" {
            let mark = if told.data["failed"] == Value::Bool(true) { "✗" } else { "✓" };
            return Some(format!("{mark} {}{}", told.text("name"), reason(&told.body)));
        }
        let name = self.steps.get(&id).map_or_else(|| id.clone(), |begun| begun.name.clone());
        let spent = self.steps.get(&id).map_or(0, |begun| told.at.ms_since(begun.at));
        match told.kind.as_str() {
            "turn.landed" => {
                self.turns += 1;
                self.note_calls(told);
                Some(turn(self.turns, spent, told))
            }
            "step.landed" => Some(format!("✓ {name}  {}{}", took(spent), self.again(&id))),
            "step.attempted" => Some(self.attempted(&id, &name, told)),
            "step.failed" if told.data["retryAt"].is_null() => {
                Some(format!("✗ {name}  {}{}", took(spent), reason(&told.body)))
            }
            "step.failed" => Some(format!("↻ {name} failed, tried again{}", reason(&told.body))),
            "step.in-doubt" => Some(format!(
                "! {name} is in doubt ({}): the request may have left, no answer is committed  [{id}]",
                told.text("cause")
            )),
            "step.resolved" => Some(resolved(&name, told)),
            "step.charged" => {
                let tokens = |key: &str| told.data["tokens"][key].as_u64().unwrap_or_default();
                let (read, written) = (tokens("input"), tokens("output"));
                Some(format!(
                    "· {name} is charged after all: {read} tokens read, {written} written"
                ))
            }
            "step.late" => Some(format!("· {name} answered late; that changes nothing")),
            "step.cancelled" => Some(format!("■ {name} given up before it began")),
            _ => None,
        }
    }

    fn note_calls(&mut self, told: &Happening) {
        let turn = u64::from(self.turns);
        for (index, call) in (0..).zip(told.body["toolCalls"].as_array().into_iter().flatten()) {
            let arguments = call["arguments"].as_str().unwrap_or_default();
            self.calls.insert((turn, index), about(arguments));
        }
    }

    fn begin(&mut self, id: String, told: &Happening) {
        let site = &told.data["site"];
        let place = site["turn"].as_u64().zip(site["index"].as_u64());
        let about =
            place.and_then(|place| self.calls.get(&place)).filter(|_| told.text("kind") == "tool");
        let name = told.text("name");
        let begun = Begun {
            name: about.map_or_else(
                || name.to_owned(),
                |about| format!("{name} {about}").trim_end().to_owned(),
            ),
            class: told.text("class").to_owned(),
            attempt: 1,
            at: told.at,
        };
        self.steps.insert(id, begun);
    }

    fn attempted(&mut self, id: &str, name: &str, told: &Happening) -> String {
        let attempt = told.data["attempt"].as_u64().unwrap_or(2);
        let class = match self.steps.get_mut(id) {
            Some(begun) => {
                begun.attempt = attempt;
                begun.class.clone()
            }
            None => String::new(),
        };
        format!("↻ {name} ({class}) attempt {attempt} under the same key")
    }

    fn again(&self, id: &str) -> String {
        match self.steps.get(id) {
            Some(begun) if begun.attempt > 1 => format!("  attempt {}", begun.attempt),
            _ => String::new(),
        }
    }
}

fn turn(number: u32, spent: u64, told: &Happening) -> String {
    let says = brief(told.body["content"].as_str().unwrap_or_default(), 80);
    let mut calls: Vec<(&str, usize)> = Vec::new();
    for call in told.data["calls"].as_array().into_iter().flatten() {
        let tool = call["tool"].as_str().unwrap_or("?");
        match calls.iter_mut().find(|(known, _)| *known == tool) {
            Some((_, count)) => *count += 1,
            None => calls.push((tool, 1)),
        }
    }
    let shown: Vec<String> = calls
        .into_iter()
        .map(|(tool, count)| if count == 1 { tool.to_owned() } else { format!("{tool} ×{count}") })
        .collect();
    let calls =
        if shown.is_empty() { String::new() } else { format!("  → {}", shown.join(", ")) };
    let says = if says.is_empty() { String::new() } else { format!("  “{says}”") };
    format!("turn {number}  {}{says}{calls}", took(spent))
}

/// What a call is about: the first text among its arguments that fits a line.
fn about(arguments: &str) -> String {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    let texts = arguments.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let mut fitting =
        texts.filter(|text| !text.is_empty() && text.chars().count() <= 48 && !text.contains('\n'));
    fitting.next().unwrap_or_default().to_owned()
}

fn asked(told: &Happening) -> String {
    format!(
        "? approval {} wanted ({} risk): {}",
        told.text("approval"),
        told.text("risk"),
        told.text("label")
    )
}

fn decided(told: &Happening) -> String {
    let status = told.text("status");
    let status = match (status, told.data["approved"].as_bool()) {
        ("", Some(true)) => "approved",
        ("", Some(false)) => "denied",
        ("", None) => "decided",
        (status, _) => status,
    };
    format!("? {} {status}", told.text("approval"))
}

fn resolved(name: &str, told: &Happening) -> String {
    let resolution = told.text("resolution");
    match (told.data["byLookup"] == Value::Bool(true), resolution) {
        (true, "landed") => format!("✓ {name} looked up: it happened"),
        (true, "retry") => format!("↻ {name} looked up: it did not happen"),
        (true, _) => format!("✓ {name} looked up: {resolution}"),
        (false, _) => format!("✓ {name} resolved by a person: {resolution}"),
    }
}

fn ended(told: &Happening) -> String {
    let code = told.text("errorCode");
    let code = if code.is_empty() { String::new() } else { format!(", {code}") };
    format!("run {} ({}{code})", told.text("status"), told.text("stopReason"))
}

fn reason(body: &Value) -> String {
    match body["error"].as_str() {
        Some(why) => format!(": {}", brief(why, 160)),
        None => String::new(),
    }
}
