//! A trail as a person reads it: a time line, nested runs indented.

use super::rows::{Row, Words, handoff};
use crate::cli::print::{brief, took};
use std::collections::HashMap;
use tenure_contract::RunId;
use tenure_contract::event::Usage;
use tenure_contract::trail::{Derived, Line, SessionTold};

/// Rows that are shown of a long trail, half of them from its beginning.
const ROWS_SHOWN_MAX: usize = 400;
/// Characters of one row.
const ROW_MAX_CHARS: usize = 160;

/// Puts the picture together while lines come.
#[derive(Default)]
pub(super) struct Picture {
    upto: u64,
    words: Words,
    depths: HashMap<RunId, u32>,
    rows: Vec<Row>,
    session: Option<SessionTold>,
}

impl Picture {
    pub fn take(&mut self, line: Line) {
        match line {
            Line::Head(head) => self.upto = head.seq,
            Line::Observed(observed) => self.words.keep(&observed),
            Line::Derived(derived) => self.derived(*derived),
        }
    }

    fn derived(&mut self, derived: Derived) {
        let rows = match derived {
            Derived::Run(run) => {
                self.depths.insert(run.id, run.depth);
                self.words.run(&run)
            }
            Derived::Step(step) => self.words.step(&step, self.depth(Some(step.run))),
            Derived::Approval(approval) => {
                self.words.approval(&approval, self.depth(approval.request.run))
            }
            Derived::Artifact(artifact) => {
                self.words.artifact(&artifact, self.depth(Some(artifact.registered_as.run)))
            }
            Derived::Task(task) => self.words.task(&task),
            Derived::Todo(todo) => self.words.todo(&todo),
            Derived::Session(session) => {
                let rows = session.handoffs.iter().flat_map(handoff).collect();
                self.session = Some(*session);
                rows
            }
        };
        self.rows.extend(rows);
    }

    /// How far what belongs to a run is indented.
    fn depth(&self, run: Option<RunId>) -> u32 {
        run.and_then(|run| self.depths.get(&run)).map_or(0, |depth| depth + 1)
    }

    /// The whole picture.
    pub fn lines(mut self) -> Vec<String> {
        let Some(session) = self.session.take() else {
            return vec!["the trail was cut on its way: its last line is missing".to_owned()];
        };
        self.rows.sort_by_key(|row| row.seq);
        let opened = &session.opened;
        let mut lines = vec![format!(
            "session {}  opened by {}{} at {}",
            session.id,
            opened.by,
            super::rows::from(opened),
            opened.at
        )];
        let shown = |row: &Row| {
            let indent = "  ".repeat(row.depth as usize);
            let offset = took(row.at.ms_since(opened.at));
            let text = format!("{:>12}  {indent}{} {}", offset, row.mark, row.text);
            cut(&text)
        };
        let half = ROWS_SHOWN_MAX / 2;
        if self.rows.len() > ROWS_SHOWN_MAX {
            lines.extend(self.rows[..half].iter().map(shown));
            let between = self.rows.len() - ROWS_SHOWN_MAX;
            lines.push(format!("{:>12}  … {between} rows between; --json tells all", ""));
            lines.extend(self.rows[self.rows.len() - half..].iter().map(shown));
        } else {
            lines.extend(self.rows.iter().map(shown));
        }
        lines.extend(end(&session, self.upto));
        lines
    }
}

/// Where it stands, as the fold says.
fn end(session: &SessionTold, upto: u64) -> Vec<String> {
    let mut lines = vec![format!("as of entry {upto}: {}{}", session.status, ended(session))];
    if let Some(owner) = &session.owner {
        lines.push(format!("  owned by {} in {}", owner.principal, owner.product));
    }
    if !session.open_approvals.is_empty() {
        lines.push(format!("  ? {} approvals are open", session.open_approvals.len()));
    }
    if !session.open_doubts.is_empty() {
        lines.push(format!("  ! {} steps are in doubt", session.open_doubts.len()));
    }
    lines.push(format!("  spent: {}", spent(session.spent)));
    lines
}

fn ended(session: &SessionTold) -> String {
    let reason = session.reason.as_deref().map(|reason| format!(": {}", brief(reason, 80)));
    let by = session.ended.as_ref().map(|deed| format!(", ended by {}", deed.by));
    by.unwrap_or_default() + &reason.unwrap_or_default()
}

/// What was used, in words.
pub(super) fn spent(usage: Usage) -> String {
    format!(
        "{} steps, {} model calls, {} tool calls, {} + {} tokens",
        usage.steps, usage.model_calls, usage.tool_calls, usage.input_tokens, usage.output_tokens
    )
}

fn cut(text: &str) -> String {
    if text.chars().count() <= ROW_MAX_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(ROW_MAX_CHARS - 1).collect();
    format!("{kept}…")
}
