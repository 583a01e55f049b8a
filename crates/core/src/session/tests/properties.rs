//! What holds after any sequence of commands, plausible or not.

use super::bench::*;
use crate::command::{Command, HandlerOutcome, NewArtifact, Offer, Resume, Standing, Write};
use crate::machine;
use crate::policy::{Ruled, Ruling, Terms};
use crate::projection::{Column, Table, Value, project};
use crate::session::{By, SessionState, Stand, Wish, next_wake, wishes};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{
    CallNoted, CallSite, CallVerdict, Event, Repin, RunSubmitted, SessionBound, TaskCreated,
    TodoCreated, TokensUsed,
};
use tenure_contract::resource::Change;
use tenure_contract::words::*;
use tenure_contract::{
    ApprovalId, ArtifactId, Entry, HandoffId, PolicyVersion, RunId, StepId, TaskId, TodoId,
};

/// Raw material for one command; what it becomes depends on where the session stands.
#[derive(Debug, Clone, Copy)]
struct Seed {
    verb: u8,
    which: u8,
    how: u8,
    wait_ms: u64,
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let wait = prop_oneof![6 => Just(0), 3 => 1u64..3_000, 1 => Just(8 * 24 * 3_600_000)];
    let seed = (0u8..46, any::<u8>(), any::<u8>(), wait)
        .prop_map(|(verb, which, how, wait_ms)| Seed { verb, which, how, wait_ms });
    prop::collection::vec(seed, 1..60)
}

fn versions() -> [PolicyVersion; 3] {
    let set = |text: &[u8]| PolicyVersion::Set(tenure_contract::Digest::of(&[text]));
    [PolicyVersion::Default, set(b"strict"), set(b"loose")]
}

fn pick<T: Copy>(from: &[T], which: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[which as usize % from.len()])
}

fn open_steps(state: &SessionState) -> Vec<(RunId, StepId, u32, StepKind)> {
    let live = state.live.iter().map(|run| &state.runs[run]);
    live.flat_map(|run| {
        let open = run.progress().into_iter().flat_map(|progress| &progress.open);
        open.map(|(step, open)| (run.id, *step, open.attempt, open.kind))
    })
    .collect()
}

impl Seed {
    fn class(self) -> RecoveryClass {
        RecoveryClass::ALL[self.how as usize / 8 % 3]
    }

    fn run(self, state: &SessionState) -> RunId {
        // mostly a living one
        let all: Vec<_> = state.runs.keys().copied().collect();
        let from = if self.how.is_multiple_of(8) { &all } else { &state.live };
        pick(from, self.which).unwrap_or(run_id(255))
    }

    fn step(self, state: &SessionState) -> (RunId, StepId, u32) {
        let nobody = (self.run(state), StepId::from_bytes([9; 16]), 1);
        let found = pick(&open_steps(state), self.which);
        let (run, step, attempt) =
            found.map_or(nobody, |(run, step, attempt, _)| (run, step, attempt));
        // now and then an answer to an attempt that is not under way
        (run, step, if self.how.is_multiple_of(16) { attempt + 1 } else { attempt })
    }

    fn submission(self, state: &SessionState) -> RunSubmitted {
        let number = if self.how == 77 { 1 } else { state.runs.len() as u8 + 1 };
        let mut submitted =
            if self.which.is_multiple_of(4) { intent(number) } else { agent(number) };
        submitted.policy = InputPolicy::ALL[self.how as usize % 4];
        submitted.limits.max_steps = u32::from(self.how / 4 % 4) + 1;
        submitted.limits.budget_steps =
            if (self.how / 16).is_multiple_of(3) { u64::from(self.which % 5) } else { 100 };
        submitted.memory = self.which.is_multiple_of(2);
        if self.how > 230 {
            submitted.approvers.clear();
        }
        submitted
    }

    fn calls(self) -> Vec<CallNoted> {
        let label = "may it?".to_owned();
        let verdict = |place: u8| match (self.how / 4 + place) % 5 {
            0 | 1 => CallVerdict::Permit,
            2 => CallVerdict::Ask {
                risk: RiskLevel::Low,
                label: label.clone(),
                approvers: Vec::new(),
                needs_reason: self.which > 250,
            },
            3 => CallVerdict::AskHuman { label: label.clone() },
            _ => CallVerdict::Refuse { why: CallRefusal::UnknownTool },
        };
        let id = |place: u8| if self.which > 240 { "same".to_owned() } else { format!("c{place}") };
        (0..self.how % 4)
            .map(|place| CallNoted {
                verdict: verdict(place),
                class: RecoveryClass::ALL[self.which.wrapping_add(place) as usize % 3],
                has_lookup: self.which.is_multiple_of(3),
                ..call(&id(place))
            })
            .collect()
    }

    fn ruled(self) -> Ruled {
        match self.how % 32 {
            5 => deny(),
            6..=9 => ruled(Ruling::Ask(Terms {
                why: "look".to_owned(),
                approvers: Vec::new(),
                needs_reason: false,
                risk: Some(RiskLevel::ALL[self.which as usize % 4]),
            })),
            _ => ruled(Ruling::Permit),
        }
    }

    /// A new verdict on a call that waits for one, or on any call at all.
    fn assessment(self, state: &SessionState, in_force: PolicyVersion) -> Command {
        let wished = wishes(state, in_force).into_iter().find_map(|wish| match wish {
            Wish::Assess { run, site, .. } => Some((run, site)),
            _ => None,
        });
        let anywhere = (self.run(state), CallSite { turn: 1, index: u32::from(self.how % 4) });
        let (run, site) = wished.unwrap_or(anywhere);
        let verdict = match self.which % 4 {
            0 => CallVerdict::Refuse { why: CallRefusal::DeniedByPolicy },
            1 => CallVerdict::Ask {
                risk: RiskLevel::ALL[self.how as usize % 4],
                label: "again".to_owned(),
                approvers: if self.how > 128 { vec!["user:eve".to_owned()] } else { Vec::new() },
                needs_reason: self.how.is_multiple_of(5),
            },
            _ => CallVerdict::Permit,
        };
        let approver = if self.how.is_multiple_of(7) { Standing::Lost } else { Standing::Kept };
        let policy = if self.how == 200 { versions()[1] } else { in_force };
        Command::AssessCall { run, site, verdict, policy, approver }
    }

    fn command(self, state: &SessionState, in_force: PolicyVersion) -> Command {
        if matches!(self.verb, 37..=39) {
            return self.assessment(state, in_force);
        }
        let (run, step, attempt) = self.step(state);
        let class = if self.how.is_multiple_of(3) { ErrorClass::Adapter } else { ErrorClass::Tool };
        match self.verb {
            0 | 1 => Command::SubmitRun { submitted: self.submission(state), ruled: self.ruled() },
            2 => submit(RunSubmitted { parent: Some(self.run(state)), ..self.submission(state) }),
            3 => Command::CancelRun {
                run: self.run(state),
                stop_reason: StopReason::ALL[if self.how > 240 { 0 } else { 5 }],
                reason: None,
            },
            4 => Command::PauseRun { run: self.run(state) },
            5 | 6 => Command::ResumeRun { run: self.run(state) },
            7..=11 => self.landed_turn(state),
            12..=14 => Command::LandStep { run, step, attempt, writes: self.writes(state) },
            15 | 16 => {
                let tokens = Some(TokensUsed { input: 3, output: 0 });
                Command::FailStep {
                    run,
                    step,
                    attempt,
                    class,
                    may_pass: self.how.is_multiple_of(2),
                    tokens,
                }
            }
            17..=19 => {
                let cause = LossCause::ALL[self.how as usize % 5];
                let tokens = (self.how % 3 == 1).then_some(TokensUsed { input: 7, output: 0 });
                Command::LoseStep { run, step, attempt, cause, class, tokens }
            }
            20 => Command::SkipStep { run, step },
            21 | 22 => self.resolution(state, step),
            23 | 24 => self.decision(state),
            25 => intend_as(self.substep(state), self.ruled()),
            26 => Command::RecordStep {
                substep: self.substep(state),
                failed: self.which.is_multiple_of(5),
                writes: self.writes(state),
            },
            27 => self.finish(state),
            28 if self.how > 100 => {
                Command::FailRun { run: self.run(state), class, code: "broken".to_owned() }
            }
            29 if self.how > 200 => {
                let status = SessionStatus::ALL[self.which as usize % 6];
                Command::EndSession { status, reason: None }
            }
            29 if self.how > 128 => Command::ClearMemory,
            30 if self.how > 200 => Command::OpenSession(opened()),
            31 if self.how > 128 => Command::ChangeSession {
                title: Change::Set("tidy".to_owned()),
                workspace: Change::Keep,
                memory: Some(vec!["notes:7".to_owned()]),
                input_policy: Some(InputPolicy::ALL[self.which as usize % 4]),
            },
            31 => Command::BindAgent(SessionBound {
                agent: tenure_contract::AgentId::from_bytes([self.which; 16]),
                name: "triage".to_owned(),
                version: tenure_contract::Digest::of(&[b"v"]),
                external_id: None,
            }),
            37 if self.how > 128 => Command::MakeCheckpoint,
            37 => Command::Resume(Box::new(self.resume(state))),
            32..=35 => Command::Write(self.write(state)),
            42..=45 => self.handoff(state),
            36 => submit(RunSubmitted {
                task: pick(&state.tasks.keys().copied().collect::<Vec<_>>(), self.which),
                trigger: if self.how > 200 { Trigger::Retry } else { Trigger::Submit },
                ..self.submission(state)
            }),
            _ => Command::Wake,
        }
    }

    /// To and fro between two owners, answered by one of them or by nobody it names.
    fn handoff(self, state: &SessionState) -> Command {
        let (principal, product) =
            [(ADA, "desk"), ("user:ben", "lab")][usize::from(self.which % 2)];
        let product_of_key = (self.which < 128).then(|| product.to_owned());
        let operator = self.how.is_multiple_of(11);
        let by = By { principal: principal.to_owned(), product: product_of_key, operator };
        let last = state.handoffs.keys().next_back().copied();
        let fresh = HandoffId::from_bytes([state.handoffs.len() as u8 + 1; 16]);
        let handoff = state.offered.or(last).unwrap_or(fresh);
        let (ruled, reason) = (self.ruled(), None);
        match self.how % 8 {
            0..=2 => {
                let (to, to_product) =
                    [("user:ben", "lab"), (ADA, "desk")][usize::from(self.how % 2)];
                let offer = Offer {
                    handoff: if self.which > 250 { handoff } else { fresh },
                    by,
                    to_product: to_product.to_owned(),
                    to_principal: (self.which > 40).then(|| to.to_owned()),
                    tasks: None,
                    refs: Vec::new(),
                    reason: None,
                    expires_at: None,
                    request: None,
                };
                Command::OfferHandoff { offer: Box::new(offer), ruled }
            }
            3..=5 => Command::AcceptHandoff { handoff, by, ruled },
            6 => Command::DeclineHandoff { handoff, by, reason },
            _ => Command::WithdrawHandoff { handoff, by, reason },
        }
    }

    fn landed_turn(self, state: &SessionState) -> Command {
        let open = open_steps(state);
        let models: Vec<_> =
            open.iter().filter(|(.., kind)| *kind == StepKind::Model).copied().collect();
        let found = pick(&models, self.which).map(|(run, step, attempt, _)| (run, step, attempt));
        let (run, step, attempt) = found.unwrap_or(self.step(state));
        let tokens = TokensUsed { input: 5, output: 2 };
        Command::LandTurn {
            run,
            step,
            attempt,
            calls: self.calls(),
            tokens,
            policy: versions()[usize::from(self.how.is_multiple_of(9))],
        }
    }

    fn resolution(self, state: &SessionState, step: StepId) -> Command {
        let left: Vec<_> = state.doubts.keys().copied().collect();
        let step =
            if self.how.is_multiple_of(4) { pick(&left, self.which).unwrap_or(step) } else { step };
        let resolution = Resolution::ALL[self.how as usize / 4 % 3];
        Command::ResolveStep {
            step,
            resolution,
            by_lookup: self.which.is_multiple_of(2),
            reason: None,
        }
    }

    fn decision(self, state: &SessionState) -> Command {
        let all: Vec<_> = state.approvals.keys().copied().collect();
        let open: Vec<_> = state.asked.iter().copied().collect();
        let from = if self.how.is_multiple_of(8) { all } else { open };
        let approval = pick(&from, self.which).unwrap_or(ApprovalId::from_bytes([9; 16]));
        let principal = if self.which > 240 { "user:eve" } else { ADA }.to_owned();
        let edited = self.how.is_multiple_of(5).then(|| tenure_contract::Digest::of(&[b"edited"]));
        Command::DecideApproval {
            approval,
            approve: !self.how.is_multiple_of(3),
            principal,
            reason: None,
            edited,
            ruled: self.ruled(),
            returned: None,
        }
    }

    fn resume(self, state: &SessionState) -> Resume {
        let repin = Repin {
            agent: tenure_contract::AgentId::from_bytes([8; 16]),
            version: tenure_contract::Digest::of(&[b"newer"]),
            tools: tenure_contract::Digest::of(&[b"tools"]),
            model: "scripted/x".to_owned(),
        };
        let run = self.run(state);
        let is_agent = state.runs.get(&run).is_some_and(crate::session::Run::is_agent);
        Resume {
            checkpoint: tenure_contract::CheckpointId::from_bytes([6; 16]),
            run: state.runs.contains_key(&run).then_some(run),
            verdict: PinVerdict::ALL[self.which as usize % 3],
            differing: vec![PinName::Agent],
            choice: ResumeChoice::ALL.get(self.how as usize % 3).copied(),
            repin: (is_agent && self.how > 60).then_some(repin),
            next: (!self.how.is_multiple_of(3)).then(|| (self.submission(state), self.ruled())),
        }
    }

    /// Mostly none; now and then one too many.
    fn writes(self, state: &SessionState) -> Vec<Write> {
        let often = if self.which.is_multiple_of(4) { self.how % 3 } else { 0 };
        (0..often).map(|place| Self { how: self.how / 3 + place, ..self }.write(state)).collect()
    }

    fn write(self, state: &SessionState) -> Write {
        let tasks: Vec<_> = state.tasks.keys().copied().collect();
        let todos: Vec<_> = state.todos.keys().copied().collect();
        let task = pick(&tasks, self.which).unwrap_or(TaskId::from_bytes([9; 16]));
        match self.how % 4 {
            0 => Write::CreateTask(TaskCreated {
                task: TaskId::from_bytes([self.which % 8; 16]),
                title: if self.how > 240 { String::new() } else { "sweep".to_owned() },
                priority: Some("high".to_owned()),
                workspace: None,
                request: None,
            }),
            1 => Write::ChangeTask {
                task,
                title: (self.how > 128).then(|| "sweep well".to_owned()),
                priority: Change::Clear,
                workspace: Change::Keep,
                status: TaskStatus::ALL.get(self.which as usize % 7).copied(),
            },
            2 => Write::CreateTodo(TodoCreated {
                todo: TodoId::from_bytes([self.which % 8; 16]),
                task: tasks.contains(&task).then_some(task),
                request: None,
            }),
            _ => Write::ChangeTodo {
                todo: pick(&todos, self.which).unwrap_or(TodoId::from_bytes([9; 16])),
                rewords: self.how > 128,
                status: TodoStatus::ALL.get(self.how as usize / 4 % 5).copied(),
            },
        }
    }

    fn substep(self, state: &SessionState) -> crate::command::Substep {
        let kind = StepKind::ALL[self.how as usize % 7];
        let name = format!("s{}", self.which % 6);
        crate::command::Substep { kind, ..substep(self.run(state), &name, self.class()) }
    }

    fn finish(self, state: &SessionState) -> Command {
        let outcome = match self.how % 4 {
            0 => HandlerOutcome::Failed { class: ErrorClass::Handler, code: "no".to_owned() },
            1 => HandlerOutcome::OutOfBudget,
            _ => HandlerOutcome::Done,
        };
        let made = NewArtifact {
            artifact: ArtifactId::from_bytes([self.which; 16]),
            artifact_type: "file".to_owned(),
            state: ArtifactState::ALL[self.how as usize % 3],
            parents: state.artifacts.keys().copied().collect(),
            digest: None,
        };
        let artifacts = (0..self.how / 64).map(|_| made.clone()).collect();
        Command::FinishRun { run: self.run(state), outcome, artifacts }
    }
}

/// List rows as a store would hold them.
type Rows = BTreeMap<(Table, [u8; 16]), BTreeMap<Column, Value>>;

fn settle(rows: &mut Rows, entry: &Entry) {
    for change in project(entry) {
        rows.entry((change.table, change.key)).or_default().extend(change.set);
    }
}

fn text(word: impl ToString) -> Option<Value> {
    Some(Value::Text(word.to_string()))
}

/// What the lists say is what the fold says.
fn rows_agree(rows: &Rows, state: &SessionState) {
    let status = |table, key: [u8; 16]| {
        rows.get(&(table, key)).and_then(|row| row.get(&Column::Status)).cloned()
    };
    assert_eq!(status(Table::Session, SESSION.bytes()), text(state.status()), "session");
    for run in state.runs.values() {
        assert_eq!(status(Table::Run, run.id.bytes()), text(run.status), "{}", run.id);
    }
    for (id, approval) in &state.approvals {
        assert_eq!(status(Table::Approval, id.bytes()), text(approval.status), "{id}");
        let step = rows[&(Table::Approval, id.bytes())].get(&Column::Step);
        assert_eq!(step.is_some(), approval.consumed, "{id}");
    }
    for (id, task) in &state.tasks {
        assert_eq!(status(Table::Task, id.bytes()), text(task.status), "{id}");
        let row = &rows[&(Table::Task, id.bytes())];
        let run = task.run.map(|run| Value::Bytes(run.bytes().to_vec()));
        assert_eq!(row.get(&Column::Run).cloned(), run, "{id}");
        assert_eq!(row.get(&Column::Label).cloned(), text(&task.title), "{id}");
    }
    for (id, handoff) in &state.handoffs {
        assert_eq!(status(Table::Handoff, id.bytes()), text(handoff.status), "{id}");
    }
    let session = &rows[&(Table::Session, SESSION.bytes())];
    let owner = state.owner().unwrap();
    assert_eq!(session.get(&Column::Product).cloned(), text(&owner.product), "owner");
    assert_eq!(session.get(&Column::User).cloned(), text(owner.user()), "owner");
    for (id, todo) in &state.todos {
        assert_eq!(status(Table::Todo, id.bytes()), text(todo.status), "{id}");
    }
    for (id, artifact) in &state.artifacts {
        assert_eq!(status(Table::Artifact, id.bytes()), text(artifact), "{id}");
    }
    let open_rows = rows.iter().filter(|((table, _), row)| {
        *table == Table::Doubt && row.get(&Column::Open) == Some(&Value::Number(1))
    });
    let open_rows: BTreeSet<_> = open_rows.map(|((_, key), _)| *key).collect();
    let in_doubt = state
        .live
        .iter()
        .filter_map(|run| state.runs[run].progress())
        .flat_map(|progress| &progress.open);
    let in_doubt =
        in_doubt.filter(|(_, open)| matches!(open.stand, Stand::InDoubt(_))).map(|(step, _)| step);
    let in_doubt: BTreeSet<_> =
        in_doubt.chain(state.doubts.keys()).map(|step| step.bytes()).collect();
    assert_eq!(open_rows, in_doubt, "open doubts");
}

pub(crate) fn step_statuses(state: &SessionState) -> BTreeMap<StepId, StepStatus> {
    let live = state
        .live
        .iter()
        .filter_map(|run| state.runs[run].progress())
        .flat_map(|progress| &progress.open);
    let open = live.map(|(step, open)| {
        let status = match open.stand {
            Stand::Intended => StepStatus::Intended,
            Stand::RetryAt(_) => StepStatus::Failed,
            Stand::InDoubt(_) => StepStatus::InDoubt,
        };
        (*step, status)
    });
    open.chain(state.doubts.keys().map(|step| (*step, StepStatus::InDoubt))).collect()
}

/// Where an entry leaves a step that is no longer open.
fn settled_as(event: &Event) -> StepStatus {
    match event {
        Event::StepLanded(_) | Event::TurnLanded(_) => StepStatus::Landed,
        Event::StepFailed(_) => StepStatus::Failed,
        Event::StepCancelled(_) => StepStatus::Cancelled,
        Event::StepResolved(resolved) if resolved.resolution == Resolution::Landed => {
            StepStatus::Landed
        }
        Event::StepResolved(_) => StepStatus::Failed,
        other => panic!("`{}` settles a step", other.name()),
    }
}

/// No status changed outside its table.
fn moves_are_listed(before: &SessionState, after: &SessionState, entry: &Entry) {
    let (from, to) = (before.status(), after.status());
    assert!(from == to || machine::session::may(from, to), "session {from} -> {to}");
    for (id, run) in &before.runs {
        let (from, to) = (run.status, after.runs[id].status);
        assert!(from == to || machine::run::may(from, to), "{id} {from} -> {to}");
    }
    for (id, approval) in &before.approvals {
        let (from, to) = (approval.status, after.approvals[id].status);
        assert!(from == to || machine::approval::may(from, to), "{id} {from} -> {to}");
        assert!(!approval.consumed || after.approvals[id].consumed, "{id} is used again");
    }
    for (id, task) in &before.tasks {
        let (from, to) = (task.status, after.tasks[id].status);
        assert!(from == to || machine::task::may(from, to), "{id} {from} -> {to}");
    }
    for (id, handoff) in &before.handoffs {
        let (from, to) = (handoff.status, after.handoffs[id].status);
        assert!(from == to || machine::handoff::may(from, to), "{id} {from} -> {to}");
    }
    for (id, todo) in &before.todos {
        let (from, to) = (todo.status, after.todos[id].status);
        assert!(from == to || machine::todo::may(from, to), "{id} {from} -> {to}");
    }
    let left = step_statuses(after);
    for (step, from) in step_statuses(before) {
        let to = left.get(&step).copied().unwrap_or_else(|| settled_as(&entry.event));
        assert!(from == to || machine::step::may(from, to), "{step} {from} -> {to}");
    }
}

/// What must hold whenever a transaction is over.
fn invariants(bench: &Bench) {
    let state = &bench.state;
    let started = |run: &&RunId| {
        let run = &state.runs[*run];
        run.parent.is_none() && run.status != RunStatus::Queued
    };
    assert!(state.live.iter().filter(started).count() <= 1, "one root run at a time");
    for wish in wishes(state, bench.policy) {
        let (run, is_stop) = match wish {
            Wish::CallModel { run, .. } | Wish::CallTool { run, .. } => (run, false),
            Wish::Assess { run, .. } => (run, false),
            Wish::Invoke { run } | Wish::LookUp { run, .. } => (run, false),
            Wish::Stop { run } => (run, true),
        };
        let cancelling = state.runs[&run].progress().map(|progress| progress.cancel.is_some());
        assert_eq!(cancelling, Some(is_stop), "nothing is begun for a cancelled or ended run");
    }
    for run in state.live.iter().map(|run| &state.runs[run]) {
        let ends = |run: RunId| {
            state.runs[&run].progress().is_none_or(|progress| progress.cancel.is_some())
        };
        assert!(!run.parent.is_some_and(ends) || ends(run.id), "{} outlives its parent", run.id);
    }
    for (id, approval) in state.open_approvals() {
        let run = approval.run.expect("a run asked");
        assert!(state.live.contains(&run), "{id} outlives its run");
        assert!(!approval.approvers.is_empty(), "{id} waits for nobody");
    }
    assert_eq!(state.due, None, "a checkpoint is made in the commit that asks for it");
    for (id, task) in &state.tasks {
        let Some(run) = task.run.map(|run| &state.runs[&run]) else { continue };
        let behind = machine::task::follow(task.status, run.status);
        assert_eq!(behind, None, "{id} is {} and its run {}", task.status, run.status);
    }
    assert!(
        next_wake(state).is_none_or(|at| at > bench.now),
        "a wake that changes nothing would spin"
    );
    let bytes = minicbor::to_vec(state).unwrap();
    assert!(minicbor::decode::<SessionState>(&bytes).unwrap() == *state, "a snapshot is the state");
}

/// Gives one command and holds everything it did against everything that must hold.
fn step(bench: &mut Bench, rows: &mut Rows, command: &Command) {
    let mut replayed = bench.state.clone();
    let Ok(entries) = bench.attempt(command) else {
        assert!(replayed == bench.state, "a refusal changes nothing");
        assert_eq!(bench.kept.len() as u64, bench.state.seq, "a refusal leaves no entry");
        return;
    };
    for entry in &entries {
        let bytes = entry.to_bytes();
        let read = Entry::from_bytes(&bytes).unwrap();
        assert_eq!((&read, read.to_bytes()), (entry, bytes));
        let before = replayed.clone();
        replayed.apply(&read).unwrap();
        moves_are_listed(&before, &replayed, entry);
        settle(rows, entry);
        if let Event::StepIntended(intended) = &entry.event {
            let under = intended.policy;
            assert!(under.is_none_or(|under| under == bench.policy), "begun under {under:?}");
        }
    }
    assert!(replayed == bench.state, "replay is live");
    rows_agree(rows, &bench.state);
    invariants(bench);
}

/// Ends whatever lives: asks for it, and tells the machine that nothing under way will answer.
fn end_everything(bench: &mut Bench, rows: &mut Rows) {
    for run in bench.state.live.clone() {
        step(bench, rows, &Bench::cancellation(run));
    }
    for (run, lost, attempt, _) in open_steps(&bench.state) {
        let (cause, class) = (LossCause::Abort, ErrorClass::System);
        let command = Command::LoseStep { run, step: lost, attempt, cause, class, tokens: None };
        step(bench, rows, &command);
    }
    assert!(bench.state.live.is_empty(), "cancelled and lost, yet alive: {:?}", bench.state.live);
    assert!(bench.state.asked.is_empty() && bench.state.order.is_empty());
}

/// A session in which anything may have happened.
pub(crate) fn any_journal() -> impl Strategy<Value = Bench> {
    seeds().prop_map(|seeds| {
        let mut bench = Bench::open();
        for seed in seeds {
            bench.later(seed.wait_ms);
            if seed.verb == 40 {
                bench.policy = versions()[seed.how as usize % 3];
            }
            let command = seed.command(&bench.state, bench.policy);
            // a refusal leaves no entry
            let _ = bench.attempt(&command);
        }
        bench
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rpl_1_whatever_happens_the_journal_alone_tells_it(seeds in seeds(), ends_with_run in any::<bool>()) {
        let mut bench = Bench::opened_as(tenure_contract::event::SessionOpened { ends_with_run, ..opened() });
        let mut rows = Rows::new();
        settle(&mut rows, &bench.kept[0].entry);
        for seed in seeds {
            bench.later(seed.wait_ms);
            if seed.verb == 40 {
                bench.policy = versions()[seed.how as usize % 3];
            }
            let command = seed.command(&bench.state, bench.policy);
            step(&mut bench, &mut rows, &command);
        }
        step(&mut bench, &mut rows, &Command::Wake);
        let entries = bench.kept.len();
        step(&mut bench, &mut rows, &Command::Wake);
        prop_assert_eq!(bench.kept.len(), entries, "waking twice is waking once");
        end_everything(&mut bench, &mut rows);
        let mut fresh = SessionState::new(SESSION, TENANT);
        for kept in &bench.kept {
            fresh.apply(&kept.entry).unwrap();
        }
        prop_assert!(fresh == bench.state);
    }
}
