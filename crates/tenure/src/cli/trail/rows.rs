//! The rows of the picture: what is said of each run, step, approval and artifact.

use super::picture::spent;
use crate::cli::print::{brief, took};
use serde_json::Value;
use std::collections::HashMap;
use tenure_contract::Time;
use tenure_contract::event::{CallVerdict, Work};
use tenure_contract::export::Content;
use tenure_contract::trail::{
    ApprovalTold, ArtifactTold, AttemptTold, Deed, HandoffTold, Observed, PauseWhy, RunTold,
    StepTold, TaskTold, TodoTold,
};
use tenure_contract::words::{ApprovalStatus, RunStatus, StepKind, StepStatus};

/// Characters kept of what stands beside an entry.
const WORDS_MAX_CHARS: usize = 60;

/// One row.
pub(super) struct Row {
    pub seq: u64,
    pub at: Time,
    pub depth: u32,
    pub mark: &'static str,
    pub text: String,
}

/// The beginning of what stands beside each entry.
#[derive(Default)]
pub(super) struct Words(HashMap<u64, String>);

impl Words {
    pub fn keep(&mut self, observed: &Observed) {
        let Some(beside) = &observed.body else { return };
        let text = match &beside.content {
            Some(Content::Text(text)) => telling(text),
            Some(Content::Hex(_)) => format!("{} bytes", beside.len),
            None => "[erased]".to_owned(),
        };
        if !text.is_empty() {
            self.0.insert(observed.seq, text);
        }
    }

    fn quoted(&self, seq: u64) -> String {
        self.0.get(&seq).map(|text| format!("  “{text}”")).unwrap_or_default()
    }

    pub fn run(&self, run: &RunTold) -> Vec<Row> {
        let row = |deed: &Deed, more, mark, text| row(deed, run.depth + more, mark, text);
        let name = match &run.work {
            Work::Intent { intent_type, .. } => intent_type,
            Work::Agent { name, .. } => name,
        };
        let asked = &run.asked;
        let begin =
            format!("{name}  asked by {}{}{}", asked.by, from(asked), self.quoted(asked.seq));
        let mut rows = vec![row(asked, 0, "▷", begin)];
        for pause in &run.pauses {
            let why = match pause.why {
                PauseWhy::InDoubt => "held up by a step in doubt".to_owned(),
                PauseWhy::Operator => format!("paused by {}{}", pause.from.by, from(&pause.from)),
                PauseWhy::Approval => "waits for a decision".to_owned(),
            };
            rows.push(row(&pause.from, 1, "▌▌", why));
            if let Some(until) = &pause.until {
                let held = took(until.at.ms_since(pause.from.at));
                rows.push(row(until, 1, "▶", format!("goes on after {held}")));
            }
        }
        for steered in &run.steered {
            let text = format!("{}{}", steered.deed.by, self.quoted(steered.deed.seq));
            rows.push(row(&steered.deed, 1, "»", text));
        }
        if let Some(cancel) = &run.cancel {
            let text = format!("end asked for by {}{}", cancel.deed.by, from(&cancel.deed));
            rows.push(row(&cancel.deed, 1, "■", text + &because(cancel.reason.as_deref())));
        }
        rows.extend(self.end(run));
        rows
    }

    fn end(&self, run: &RunTold) -> Option<Row> {
        let end = run.end.as_ref()?;
        let mark = match run.status {
            RunStatus::Completed => "✓",
            RunStatus::Failed => "✗",
            RunStatus::Cancelled
            | RunStatus::Queued
            | RunStatus::Running
            | RunStatus::Paused
            | RunStatus::WaitingApproval => "■",
        };
        let code = end.error_code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
        let text =
            format!("{} ({}{code})  {}", run.status, end.stop_reason, spent(run.spent.total));
        Some(row(&end.deed, run.depth, mark, text + &self.quoted(end.deed.seq)))
    }

    pub fn step(&self, step: &StepTold, depth: u32) -> Vec<Row> {
        let mark = match step.status {
            StepStatus::Landed if step.kind == StepKind::Model => "↪",
            StepStatus::Landed => "✓",
            StepStatus::Failed => "✗",
            StepStatus::InDoubt => "!",
            StepStatus::Intended => "…",
            StepStatus::Cancelled => "■",
        };
        let spent = step.settled_at.map_or("…".to_owned(), |at| took(at.ms_since(step.begun.at)));
        let text = format!("{}  {spent}  {}{}", step.name, step.class, calls(step));
        let mut rows = vec![row(&step.begun, depth, mark, text)];
        for attempt in &step.attempts {
            rows.extend(self.attempt(step, attempt, depth + 1));
        }
        for assessed in &step.assessed {
            let call = step.calls.get(assessed.index as usize);
            let tool = call.map_or("a call", |call| call.tool.as_str());
            let text = format!("{tool} assessed again");
            rows.push(row(&assessed.deed, depth + 1, "·", text));
        }
        if step.refused_by.is_some() {
            rows.push(row(&step.begun, depth + 1, "✗", "refused by policy".to_owned()));
        }
        for late in &step.late {
            let text = "answered late; that changes nothing".to_owned();
            rows.push(Row {
                seq: *late,
                at: step.settled_at.unwrap_or(step.begun.at),
                depth: depth + 1,
                mark: "·",
                text,
            });
        }
        rows
    }

    fn attempt(&self, step: &StepTold, attempt: &AttemptTold, depth: u32) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut add = |seq, at, mark, text| rows.push(Row { seq, at, depth, mark, text });
        if attempt.attempt > 1 {
            let text = format!("attempt {} under the same key", attempt.attempt);
            add(attempt.seq, attempt.at, "↻", text);
        }
        if let Some(failed) = &attempt.failed {
            let text = format!("{} error{}", failed.class, self.quoted(failed.seq));
            add(failed.seq, failed.at, "✗", text);
        }
        let Some(doubt) = &attempt.doubt else { return rows };
        let text = format!("in doubt ({}): the request may have left  [{}]", doubt.cause, step.id);
        add(doubt.seq, doubt.since, "!", text);
        if let Some(resolved) = &doubt.resolved {
            let by = if resolved.by_lookup {
                "the tool's own look-up".to_owned()
            } else {
                format!("{}{}", resolved.deed.by, from(&resolved.deed))
            };
            let text = format!("settled as {} by {by}", resolved.resolution);
            let text = text + &because(resolved.reason.as_deref());
            add(resolved.deed.seq, resolved.deed.at, "✓", text);
        }
        rows
    }

    pub fn approval(&self, approval: &ApprovalTold, depth: u32) -> Vec<Row> {
        let request = &approval.request;
        let asked = format!("{}  ({} risk)  [{}]", request.label, request.risk, approval.id);
        let mut rows = vec![row(&approval.asked, depth, "?", asked)];
        if let Some(decision) = &approval.decision {
            let mark = if approval.status == ApprovalStatus::Approved { "✓" } else { "✗" };
            let edited = if decision.edited.is_some() { ", arguments edited" } else { "" };
            let by = format!("{}{}", decision.deed.by, from(&decision.deed));
            let text = format!("{} by {by}{edited}", approval.status);
            let text = text + &because(decision.reason.as_deref());
            rows.push(row(&decision.deed, depth, mark, text));
        }
        if let Some(closed) = &approval.closed {
            let text = format!("{} without a decision", approval.status);
            rows.push(row(closed, depth, "✗", text));
        }
        rows
    }

    pub fn task(&self, task: &TaskTold) -> Vec<Row> {
        let text = format!("task {}  by {}  [{}]", task.title, task.created.by, task.id);
        let mut rows = vec![row(&task.created, 0, "☐", text)];
        for moved in &task.moves {
            let text = format!("task {} is {}", task.title, moved.status);
            rows.push(row(&moved.deed, 0, "☐", text));
        }
        rows
    }

    pub fn todo(&self, todo: &TodoTold) -> Vec<Row> {
        let deed = &todo.created;
        let mut rows = vec![row(deed, 0, "☐", format!("todo{}", self.quoted(deed.seq)))];
        for change in &todo.changes {
            let words = self.quoted(change.deed.seq);
            let text = format!("todo {} is {}{words}", todo.id, change.status);
            rows.push(row(&change.deed, 0, "☐", text));
        }
        rows
    }

    pub fn artifact(&self, artifact: &ArtifactTold, depth: u32) -> Vec<Row> {
        let made = &artifact.registered_as;
        let text = format!("{} {}  {}", made.artifact_type, artifact.id, made.state);
        let mut rows = vec![row(&artifact.registered, depth, "◆", text)];
        for moved in &artifact.moves {
            let text = format!("{} is {}", artifact.id, moved.state);
            rows.push(row(&moved.deed, depth, "◆", text));
        }
        rows
    }
}

/// An offer of the session, and what became of it.
pub(super) fn handoff(told: &HandoffTold) -> Vec<Row> {
    let to = &told.offered.to;
    let why = because(told.offered.reason.as_deref());
    let text = format!("offered to {} in {} by {}{why}", to.principal, to.product, told.deed.by);
    let mut rows = vec![row(&told.deed, 0, "⇄", text)];
    if let Some(deed) = &told.resolved {
        let why = because(told.reason.as_deref());
        rows.push(row(deed, 0, "⇄", format!("{} by {}{}{why}", told.status, deed.by, from(deed))));
    }
    rows
}

/// Where a deed came from.
pub(super) fn from(deed: &Deed) -> String {
    deed.surface.map(|surface| format!(" ({surface})")).unwrap_or_default()
}

fn row(deed: &Deed, depth: u32, mark: &'static str, text: String) -> Row {
    Row { seq: deed.seq, at: deed.at, depth, mark, text }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {}", brief(reason, WORDS_MAX_CHARS))).unwrap_or_default()
}

/// What a turn asked for.
fn calls(step: &StepTold) -> String {
    let told = step.calls.iter().map(|call| match &call.verdict {
        CallVerdict::Refuse { why } => format!("{} (refused: {why})", call.tool),
        CallVerdict::Permit | CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. } => {
            call.tool.clone()
        }
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!("  → {}", told.join(", ")) }
}

/// The part of a body a person wants to read first.
fn telling(text: &str) -> String {
    let read: Value = serde_json::from_str(text).unwrap_or_default();
    let fields = ["task", "content", "error", "answer", "reason", "text"];
    let found = fields.iter().find_map(|field| read[*field].as_str());
    brief(found.unwrap_or(text), WORDS_MAX_CHARS)
}
