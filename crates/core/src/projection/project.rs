//! Which rows an entry changes; the same live, in catching up and in rebuilding.

mod dispatch;
mod handoff;
mod schedule;

use super::{Column, RowChange, Table, Value, ledger};
use tenure_contract::event::{CheckpointMade, Event, RunSteered, RunSubmitted, Work};
use tenure_contract::words::{
    ApprovalStatus, RunStatus, SessionStatus, TaskRank, TaskStatus, TodoStatus,
};
use tenure_contract::{Entry, Time, WorkspaceId};

/// The rows an entry changes. Most entries change none.
#[must_use]
pub fn project(entry: &Entry) -> Vec<RowChange> {
    match &entry.event {
        Event::SessionOpened(_)
        | Event::SessionChanged(_)
        | Event::SessionEnded(_)
        | Event::TransferReleased(_)
        | Event::TransferReceived(_) => session_rows(entry),
        Event::RunSubmitted(_)
        | Event::RunStarted(_)
        | Event::RunPaused(_)
        | Event::RunWaiting(_)
        | Event::RunResumed(_)
        | Event::RunEnded(_) => run_rows(entry),
        Event::StepInDoubt(_) | Event::StepResolved(_) => doubt_rows(entry),
        Event::ApprovalRequested(_)
        | Event::ApprovalDecided(_)
        | Event::ApprovalClosed(_)
        | Event::StepIntended(_) => approval_rows(entry),
        Event::ArtifactRegistered(_) | Event::ArtifactMoved(_) => artifact_rows(entry),
        Event::TaskCreated(_) | Event::TaskChanged(_) | Event::TaskMoved(_) => task_rows(entry),
        Event::TodoCreated(_) | Event::TodoChanged(_) => todo_rows(entry),
        Event::TenantOpened(_)
        | Event::AgentRegistered(_)
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::PrincipalCreated(_)
        | Event::PrincipalChanged(_)
        | Event::ProjectCreated(_)
        | Event::WorkspaceCreated(_)
        | Event::WorkspaceMoved(_)
        | Event::SecretSet(_)
        | Event::SecretDeleted(_)
        | Event::AppKeyRegistered(_)
        | Event::AppKeyRevoked(_)
        | Event::ExecutorRegistered(_)
        | Event::ExecutorRevoked(_) => ledger::rows(entry),
        Event::RunSteered(steered) => steer_rows(entry, steered),
        Event::CheckpointMade(made) => vec![checkpoint_row(entry, made)],
        Event::HandoffOffered(_) | Event::HandoffAccepted(_) | Event::HandoffClosed(_) => {
            handoff::rows(entry)
        }
        Event::SessionBound(_)
        | Event::SessionResumed(_)
        | Event::ApprovalHanded(_)
        | Event::TransferOffered(_)
        | Event::TransferWithdrawn(_)
        | Event::RunClaimed(_)
        | Event::RunReleased(_)
        | Event::RunCancelRequested(_)
        | Event::StepAttempted(_)
        | Event::StepLanded(_)
        | Event::StepFailed(_)
        | Event::StepLate(_)
        | Event::StepCharged(_)
        | Event::StepRecorded(_)
        | Event::StepCancelled(_)
        | Event::StepRefused(_)
        | Event::StepAsked(_)
        | Event::CallAssessed(_)
        | Event::TurnLanded(_)
        | Event::MemorySaved(_)
        | Event::MemoryCleared(_)
        | Event::RowBrought(_)
        | Event::MigrationBegun(_)
        | Event::MigrationRowsRead(_)
        | Event::MigrationUsersMapped(_)
        | Event::MigrationRowsMoved(_)
        | Event::MigrationFinished(_)
        | Event::AccessDenied(_)
        | Event::PolicySet(_) => Vec::new(),
        Event::DispatchReceived(_)
        | Event::DispatchAccepted(_)
        | Event::DispatchRejected(_)
        | Event::DispatchWaiting(_)
        | Event::DispatchStarted(_)
        | Event::DispatchDelivered(_)
        | Event::DispatchClaimed(_)
        | Event::DispatchReleased(_)
        | Event::DispatchClosed(_) => dispatch::rows(entry),
        Event::ScheduleCreated(_)
        | Event::ScheduleChanged(_)
        | Event::ScheduleMoved(_)
        | Event::ScheduleEntryAdded(_)
        | Event::ScheduleEntryMoved(_)
        | Event::ScheduleEntryDispatched(_)
        | Event::ScheduleEntryClosed(_) => schedule::rows(entry),
    }
}

pub(super) fn text(word: impl ToString) -> Value {
    Value::Text(word.to_string())
}
pub(super) fn maybe(word: Option<impl ToString>) -> Value {
    word.map_or(Value::Null, text)
}
pub(super) fn id(bytes: [u8; 16]) -> Value {
    Value::Bytes(bytes.to_vec())
}
pub(super) fn time(at: Time) -> Value {
    Value::Number(i64::try_from(at.micros()).unwrap_or(i64::MAX))
}
pub(super) fn open(is_open: bool) -> Value {
    Value::Number(i64::from(is_open))
}
fn session_id(entry: &Entry) -> Value {
    entry.session().map_or(Value::Null, |session| id(session.bytes()))
}

pub(super) fn change(
    entry: &Entry,
    table: Table,
    key: [u8; 16],
    mut set: Vec<(Column, Value)>,
) -> RowChange {
    if table.columns().contains(&Column::UpdatedAt) {
        set.push((Column::UpdatedAt, time(entry.at)));
    }
    RowChange { table, tenant: entry.tenant, key, set }
}

fn session_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let set = match &entry.event {
        Event::SessionOpened(opened) => vec![
            (Status, text(SessionStatus::Active)),
            (Open, open(true)),
            (Gone, Value::Number(0)),
            (Product, text(&opened.product)),
            (User, text(&opened.user)),
            (Label, maybe(opened.title.as_ref())),
            (Workspace, opened.workspace.map_or(Value::Null, |workspace| id(workspace.bytes()))),
            (Target, text(opened.target)),
            (Surface, maybe(opened.surface)),
            (CreatedAt, time(entry.at)),
        ],
        Event::SessionChanged(now) => vec![
            (Label, maybe(now.title.as_ref())),
            (Workspace, now.workspace.map_or(Value::Null, |workspace| id(workspace.bytes()))),
        ],
        Event::SessionEnded(ended) => vec![
            (Status, text(ended.status)),
            (Open, open(false)),
            (Reason, maybe(ended.reason.as_ref())),
            (EndedAt, time(entry.at)),
        ],
        Event::TransferReleased(_) => vec![(Gone, Value::Number(1))],
        Event::TransferReceived(_) => vec![(Gone, Value::Number(0))],
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Session, entry.journal.key(), set)]
}

fn run_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let now = time(entry.at);
    let (run, status, mut set) = match &entry.event {
        Event::RunSubmitted(submitted) => {
            let (kind, name) = match &submitted.work {
                Work::Intent { intent_type, .. } => ("intent", intent_type),
                Work::Agent { name, .. } => ("agent", name),
            };
            let set = vec![
                (Session, session_id(entry)),
                (Task, submitted.task.map_or(Value::Null, |task| id(task.bytes()))),
                (Parent, submitted.parent.map_or(Value::Null, |parent| id(parent.bytes()))),
                (Kind, text(kind)),
                (Name, text(name)),
                (CreatedAt, now),
            ];
            (submitted.run, RunStatus::Queued, set)
        }
        Event::RunStarted(started) => (started.run, RunStatus::Running, vec![(StartedAt, now)]),
        Event::RunPaused(paused) => {
            (paused.run, RunStatus::Paused, vec![(Reason, text(paused.cause))])
        }
        Event::RunWaiting(waiting) => (waiting.run, RunStatus::WaitingApproval, vec![]),
        Event::RunResumed(resumed) => {
            (resumed.run, RunStatus::Running, vec![(Reason, Value::Null)])
        }
        Event::RunEnded(ended) => {
            (ended.run, ended.status, vec![(Reason, text(ended.stop_reason)), (EndedAt, now)])
        }
        _ => return Vec::new(),
    };
    set.extend([(Status, text(status)), (Open, open(!status.is_final()))]);
    let mut rows = vec![change(entry, Table::Run, run.bytes(), set)];
    rows.extend(session_follows(entry, status));
    if let Event::RunSubmitted(RunSubmitted { task: Some(task), .. }) = &entry.event {
        rows.push(change(entry, Table::Task, task.bytes(), vec![(Run, id(run.bytes()))]));
    }
    rows
}

/// A session's status follows its current root run (`SES-1`). Only entries of root runs carry no
/// parent event, and the end of a root run that never started carries one too: this is how a
/// projection can tell without a state.
fn session_follows(entry: &Entry, run: RunStatus) -> Option<RowChange> {
    if entry.parent_event_id.is_some() {
        return None;
    }
    let status = match run {
        RunStatus::Paused => SessionStatus::Paused,
        RunStatus::WaitingApproval => SessionStatus::WaitingApproval,
        RunStatus::Running | RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => {
            SessionStatus::Active
        }
        RunStatus::Queued => return None,
    };
    let key = entry.session()?.bytes();
    Some(change(entry, Table::Session, key, vec![(Column::Status, text(status))]))
}

/// Only what has a key is ever looked for.
fn steer_rows(entry: &Entry, steered: &RunSteered) -> Vec<RowChange> {
    use Column::*;
    let Some(keyed) = steered.keyed else { return Vec::new() };
    let set = vec![
        (Session, session_id(entry)),
        (Run, id(steered.run.bytes())),
        (CreatedAt, time(entry.at)),
    ];
    vec![change(entry, Table::Steer, keyed.submission.bytes(), set)]
}

fn doubt_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let (step, set) = match &entry.event {
        Event::StepInDoubt(doubt) => (
            doubt.step,
            vec![
                (Session, session_id(entry)),
                (Run, id(doubt.run.bytes())),
                (Status, text("in-doubt")),
                (Open, open(true)),
                (Reason, text(doubt.cause)),
                (ExpiresAt, time(doubt.travelling_until)),
                (CreatedAt, time(entry.at)),
            ],
        ),
        Event::StepResolved(resolved) => {
            (resolved.step, vec![(Status, text(resolved.resolution)), (Open, open(false))])
        }
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Doubt, step.bytes(), set)]
}

fn approval_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let (approval, set) = match &entry.event {
        Event::ApprovalRequested(asked) => (
            asked.approval,
            vec![
                (Session, session_id(entry)),
                (Run, asked.run.map_or(Value::Null, |run| id(run.bytes()))),
                (Status, text(ApprovalStatus::Requested)),
                (Open, open(true)),
                (Kind, text(asked.kind)),
                (Label, text(&asked.label)),
                (Risk, text(asked.risk)),
                (Digest, Value::Bytes(asked.action.bytes().to_vec())),
                (CreatedAt, time(entry.at)),
                (ExpiresAt, asked.expires_at.map_or(Value::Null, time)),
            ],
        ),
        Event::ApprovalDecided(decided) => (
            decided.approval,
            vec![
                (Status, text(decided.status)),
                (Open, open(false)),
                (Actor, text(&entry.principal)),
                (Surface, maybe(entry.surface)),
                (Reason, maybe(decided.reason.as_ref())),
                (EndedAt, time(entry.at)),
            ]
            .into_iter()
            .chain(decided.edited.map(|action| (Digest, Value::Bytes(action.bytes().to_vec()))))
            .collect(),
        ),
        Event::ApprovalClosed(closed) => (
            closed.approval,
            vec![(Status, text(closed.status)), (Open, open(false)), (EndedAt, time(entry.at))],
        ),
        Event::StepIntended(intended) => match intended.approval {
            Some(approval) => (approval, vec![(Step, id(intended.step.bytes()))]),
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Approval, approval.bytes(), set)]
}

fn artifact_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let (artifact, set) = match &entry.event {
        Event::ArtifactRegistered(made) => (
            made.artifact,
            vec![
                (Session, session_id(entry)),
                (Run, id(made.run.bytes())),
                (Status, text(made.state)),
                (Kind, text(&made.artifact_type)),
                (Name, text(&made.intent)),
                (
                    Digest,
                    made.digest.map_or(Value::Null, |digest| Value::Bytes(digest.bytes().to_vec())),
                ),
                (CreatedAt, time(entry.at)),
            ],
        ),
        Event::ArtifactMoved(moved) => (moved.artifact, vec![(Status, text(moved.state))]),
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Artifact, artifact.bytes(), set)]
}

fn task_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let called = |title: &str, priority: &Option<String>, workspace: Option<WorkspaceId>| {
        let rank = TaskRank::of(priority.as_deref()).number();
        vec![
            (Label, text(title)),
            (Priority, maybe(priority.as_ref())),
            (Rank, Value::Number(i64::from(rank))),
            (Workspace, workspace.map_or(Value::Null, |workspace| id(workspace.bytes()))),
        ]
    };
    let (task, set) = match &entry.event {
        Event::TaskCreated(made) => {
            let mut set = called(&made.title, &made.priority, made.workspace);
            set.extend([
                (Session, session_id(entry)),
                (Status, text(TaskStatus::Queued)),
                (Open, open(true)),
                (CreatedAt, time(entry.at)),
            ]);
            (made.task, set)
        }
        Event::TaskChanged(now) => (now.task, called(&now.title, &now.priority, now.workspace)),
        Event::TaskMoved(moved) => {
            let set = vec![(Status, text(moved.status)), (Open, open(!moved.status.is_over()))];
            (moved.task, set)
        }
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Task, task.bytes(), set)]
}

fn checkpoint_row(entry: &Entry, made: &CheckpointMade) -> RowChange {
    use Column::*;
    let set = vec![
        (Session, session_id(entry)),
        (Run, made.run.map_or(Value::Null, |run| id(run.bytes()))),
        (Kind, text(made.cause)),
        (Status, text(made.status)),
        (Seq, Value::Number(i64::try_from(entry.seq).unwrap_or(i64::MAX))),
        (CreatedAt, time(entry.at)),
    ];
    change(entry, Table::Checkpoint, made.checkpoint.bytes(), set)
}

fn todo_rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let (todo, set) = match &entry.event {
        Event::TodoCreated(made) => (
            made.todo,
            vec![
                (Session, session_id(entry)),
                (Task, made.task.map_or(Value::Null, |task| id(task.bytes()))),
                (Status, text(TodoStatus::Open)),
                (Open, open(true)),
                (CreatedAt, time(entry.at)),
            ],
        ),
        Event::TodoChanged(now) => {
            let is_open = matches!(now.status, TodoStatus::Open | TodoStatus::InProgress);
            (now.todo, vec![(Status, text(now.status)), (Open, open(is_open))])
        }
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Todo, todo.bytes(), set)]
}
