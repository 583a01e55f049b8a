//! `docs/state/`: one diagram per machine, from the transition tables of `tenure-core`.

use super::{table_head, table_row};
use std::fmt::{Display, Write as _};
use tenure_contract::words::{
    ApprovalStatus, ArtifactState, DispatchStatus, HandoffStatus, PrincipalStatus, RowStanding,
    RunStatus, ScheduleEntryStatus, ScheduleStatus, SessionStatus, StepStatus, TaskStatus,
    TodoStatus, WorkspaceStatus,
};
use tenure_core::machine;

/// One machine's table in words.
struct Machine {
    name: &'static str,
    about: &'static str,
    /// Where it begins.
    starts: Vec<String>,
    rows: Vec<(String, String)>,
    /// Nothing leaves these.
    finals: Vec<String>,
}

/// The machines there are. A new one is one more row here.
fn machines() -> Vec<Machine> {
    use machine::{
        approval, artifact, dispatch, handoff, legacy_row, principal, run, schedule,
        schedule_entry, session, step, task, todo, workspace,
    };
    vec![
        table(
            "session",
            "A session's status follows its current root run until it ends (`SES-1`).",
            (&[SessionStatus::Active], SessionStatus::ALL, session::TRANSITIONS),
        ),
        table(
            "run",
            "`queued` is not started, `paused` is deliberately halted or stopped by a step in doubt, `waiting-approval` is \
             blocked on a decision; waiting for time, a worker, a child or a message stays `running` (`RUN-1`).",
            (&[RunStatus::Queued], RunStatus::ALL, run::TRANSITIONS),
        ),
        table(
            "step",
            "A step's intent is durable before its effect; in doubt means the request may have left and no answer is \
             committed (`STP-1`).",
            (&[StepStatus::Intended], StepStatus::ALL, step::TRANSITIONS),
        ),
        table(
            "dispatch",
            "A dispatch is decided about once and starts at most once; what comes after the start is the run's (`DSP-4`).",
            (&[DispatchStatus::Received], DispatchStatus::ALL, dispatch::TRANSITIONS),
        ),
        table(
            "handoff",
            "A handoff is offered once and resolved once; while it is offered the owner goes on working (`HND-1`).",
            (&[HandoffStatus::Offered], HandoffStatus::ALL, handoff::TRANSITIONS),
        ),
        table(
            "schedule",
            "A paused schedule holds its entries; it completes when none is left to start, and an entry added later makes it \
             active again (`RUN-4`).",
            (&[ScheduleStatus::Active], ScheduleStatus::ALL, schedule::TRANSITIONS),
        ),
        table(
            "schedule-entry",
            "An entry becomes at most one dispatch; what comes after is the dispatch's and its run's (`RUN-4`).",
            (
                &[ScheduleEntryStatus::Pending],
                ScheduleEntryStatus::ALL,
                schedule_entry::TRANSITIONS,
            ),
        ),
        table(
            "approval",
            "An approval leaves `requested` once; a second decision is a conflict (`APR-1`).",
            (&[ApprovalStatus::Requested], ApprovalStatus::ALL, approval::TRANSITIONS),
        ),
        table(
            "task",
            "A task with a run follows it: paused and waiting for approval are `blocked`. `failed` is left by a retry only, \
             which is a new run (`TSK-1`).",
            (&[TaskStatus::Queued], TaskStatus::ALL, task::TRANSITIONS),
        ),
        table(
            "todo",
            "A todo has no execution of its own; what is done or dropped can be opened again (`TOD-1`).",
            (&[TodoStatus::Open], TodoStatus::ALL, todo::TRANSITIONS),
        ),
        table(
            "artifact",
            "An artifact is registered `PENDING` or `READY`; `ARCHIVED` never becomes `FAILED` (`ART-2`).",
            (
                &[ArtifactState::Pending, ArtifactState::Ready],
                ArtifactState::ALL,
                artifact::TRANSITIONS,
            ),
        ),
        table(
            "workspace",
            "A workspace begins `provisioning`; one that broke is made again (`WSP-1`).",
            (&[WorkspaceStatus::Provisioning], WorkspaceStatus::ALL, workspace::TRANSITIONS),
        ),
        table(
            "legacy-row",
            "A row of a store without owners is assigned to one tenant before anything of it is made there; one whose owner \
             cannot be found is set aside, until somebody says whose it is or gives it up (`TEN-2`).",
            (&[RowStanding::Pending], RowStanding::ALL, legacy_row::TRANSITIONS),
        ),
        table(
            "principal",
            "A disabled principal is refused at once, whatever keys or tokens it has (`AUT-1`).",
            (&[PrincipalStatus::Active], PrincipalStatus::ALL, principal::TRANSITIONS),
        ),
    ]
}

/// Where a machine begins, its states, its legal pairs.
type Table<'a, T> = (&'a [T], &'a [T], &'a [(T, T)]);

fn table<T: Display + PartialEq>(
    name: &'static str,
    about: &'static str,
    (starts, all, pairs): Table<'_, T>,
) -> Machine {
    let is_final = |state: &&T| !pairs.iter().any(|(from, _)| from == *state);
    Machine {
        name,
        about,
        starts: starts.iter().map(ToString::to_string).collect(),
        rows: pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect(),
        finals: all.iter().filter(is_final).map(ToString::to_string).collect(),
    }
}

/// Path and text of every page.
pub fn pages() -> Vec<(String, String)> {
    machines()
        .iter()
        .map(|machine| (format!("docs/state/{}.md", machine.name), page(machine)))
        .collect()
}

fn page(machine: &Machine) -> String {
    let mut out = format!(
        "# The {} machine\n\n{}\n\n```mermaid\nstateDiagram-v2\n",
        machine.name, machine.about
    );
    for state in &machine.starts {
        let _ = writeln!(out, "    [*] --> {}", node(state));
    }
    for (from, to) in &machine.rows {
        let _ = writeln!(out, "    {} --> {}", node(from), node(to));
    }
    for state in &machine.finals {
        let _ = writeln!(out, "    {} --> [*]", node(state));
    }
    out += "```\n\n";
    out += &table_head(&["from", "to"]);
    for (from, to) in &machine.rows {
        out += &table_row(&[&format!("`{from}`"), &format!("`{to}`")]);
    }
    out += "\nEverything not listed is refused with a typed error and changes nothing.\n";
    out
}

/// A state's name as the diagram language takes it.
fn node(state: &str) -> String {
    state.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagram_begins_and_ends() {
        let all = ["a", "b"];
        let text = page(&table("x", "X.", (&all[..1], &all, &[("a", "b")])));
        assert!(text.contains("    [*] --> a\n    a --> b\n    b --> [*]\n"), "{text}");
    }
}
