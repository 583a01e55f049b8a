//! The bench the machine is tested on: a state, a clock that only the test moves, and a journalist
//! that keeps every entry with its bytes and its body.

use crate::clock::Hold;
use crate::command::{Context, Draft, DraftBody, Fresh, Shown, Standing, Substep};
use crate::policy::{Policy, Ruled, Ruling};
use crate::session::{
    CallOutcome, Fault, Journalist, OpenStep, Progress, Run, SessionState, transact,
};
use crate::{Command, Refusal};
use tenure_contract::entry::{Journal, Principal};
use tenure_contract::event::*;
use tenure_contract::export::{Body, EntryLine, Header, Link};
use tenure_contract::words::*;
use tenure_contract::{
    AgentId, ApprovalId, Digest, Entry, EventId, IntentId, PolicyVersion, RunId, SessionId, StepId,
    StoreId, TenantId, Time,
};

/// An entry as a store would keep it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) entry: Entry,
    pub(crate) body: Option<Body>,
}

/// A session under test.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    pub(crate) state: SessionState,
    pub(crate) now: Time,
    /// The policy in force.
    pub(crate) policy: PolicyVersion,
    /// Whether the clock is believed.
    pub(crate) hold: Hold,
    pub(crate) kept: Vec<Kept>,
    minted: u64,
}

struct Pen<'a> {
    seq: u64,
    now: Time,
    kept: &'a mut Vec<Kept>,
}

impl Journalist for Pen<'_> {
    fn enter(&mut self, draft: Draft) -> &Entry {
        self.seq += 1;
        let text = match draft.body {
            DraftBody::None => None,
            DraftBody::Given => Some(format!("{{\"given\":{}}}", self.seq).into_bytes()),
            DraftBody::Action(index) => Some(format!("{{\"action\":{index}}}").into_bytes()),
            DraftBody::Artifact(index) => Some(vec![0xff, index as u8]),
            DraftBody::Token(token) => Some(token.to_string().into_bytes()),
            DraftBody::Write(index) => Some(format!("{{\"write\":{index}}}").into_bytes()),
            DraftBody::Refusal => Some(b"{\"error\":\"policy\"}".to_vec()),
        };
        let sealed = text.map(|text| [&[self.seq as u8; 16][..], &text].concat());
        let body = sealed.as_deref().and_then(Body::unseal);
        let event_id = EventId::from_bytes(u128::from(self.seq).to_be_bytes());
        let entry = Entry {
            journal: Journal::Session(SESSION),
            seq: self.seq,
            at: self.now,
            event_id,
            tenant: TENANT,
            run: draft.run,
            principal: Principal::user("ada"),
            surface: Some(Surface::Desktop),
            correlation_id: [7; 16],
            causation_id: event_id,
            parent_event_id: draft.parent,
            payload: body.as_ref().map(Body::payload),
            event: draft.event,
        };
        let last = self.kept.len();
        self.kept.push(Kept { entry, body });
        &self.kept[last].entry
    }
}

pub(crate) const SESSION: SessionId = SessionId::from_bytes([1; 16]);
pub(crate) const TENANT: TenantId = TenantId::from_bytes([2; 16]);
pub(crate) const STORE: StoreId = StoreId::from_bytes([3; 16]);
pub(crate) const ADA: &str = "user:ada";

pub(crate) fn run_id(number: u8) -> RunId {
    RunId::from_bytes([number; 16])
}

pub(crate) fn opened() -> SessionOpened {
    SessionOpened {
        product: "desk".to_owned(),
        user: "ada".to_owned(),
        target: ExecutionTarget::Sandbox,
        workspace: None,
        input_policy: InputPolicy::Queue,
        dispatch: None,
        ends_with_run: false,
        request: None,
        approvers: vec![ADA.to_owned()],
        title: None,
        memory: Vec::new(),
        surface: None,
    }
}

/// A run of an agent, queued, with memory and one approver.
pub(crate) fn agent(number: u8) -> RunSubmitted {
    let work = Work::Agent {
        agent: AgentId::from_bytes([9; 16]),
        version: Digest::of(&[b"agent"]),
        name: "triage".to_owned(),
    };
    submission(number, work)
}

/// A run of an intent.
pub(crate) fn intent(number: u8) -> RunSubmitted {
    let work = Work::Intent {
        intent: IntentId::from_bytes([number; 16]),
        intent_type: "ingest_file".to_owned(),
        handler: "ingest".to_owned(),
        solution: "default".to_owned(),
    };
    submission(number, work)
}

fn submission(number: u8, work: Work) -> RunSubmitted {
    RunSubmitted {
        run: run_id(number),
        parent: None,
        task: None,
        work,
        trigger: Trigger::Submit,
        policy: InputPolicy::Queue,
        limits: RunLimits {
            max_steps: 10,
            max_steps_from: Origin::Default,
            budget_steps: 1_000,
            budget_steps_from: Origin::Default,
        },
        request: None,
        memory: true,
        approvers: vec![ADA.to_owned()],
        attempt: 1,
        refused: false,
        decided_under: PolicyVersion::Default,
        tools: None,
        model: None,
        remote: None,
        scheduled: None,
    }
}

/// A run that policy permits.
pub(crate) fn submit(submitted: RunSubmitted) -> Command {
    Command::SubmitRun { submitted, ruled: Policy::builtin().permit() }
}

/// A substep that policy permits.
pub(crate) fn intend(substep: Substep) -> Command {
    intend_as(substep, Policy::builtin().permit())
}

/// A substep with what policy says of it.
pub(crate) fn intend_as(substep: Substep, ruled: Ruled) -> Command {
    let (action, label) = (action_of(&substep), substep.name.clone());
    let shown = Some(Shown { action, label });
    Command::IntendStep { substep, ruled, shown, approver: Standing::Kept }
}

/// The digest of the exact action of a substep.
pub(crate) fn action_of(substep: &Substep) -> Digest {
    Digest::of(&[b"action", substep.name.as_bytes(), &substep.input.bytes()[..]])
}

/// A decision that policy permits its decider.
pub(crate) fn decision_by(
    approval: ApprovalId,
    principal: &str,
    edited: Option<Digest>,
) -> Command {
    let (principal, ruled) = (principal.to_owned(), Policy::builtin().permit());
    Command::DecideApproval {
        approval,
        approve: true,
        principal,
        reason: None,
        edited,
        ruled,
        returned: None,
    }
}

/// A permitted call of a tool that is `once`, with a look-up for none.
pub(crate) fn call(id: &str) -> CallNoted {
    CallNoted {
        call_id: id.to_owned(),
        tool: "pay".to_owned(),
        action: Digest::of(&[b"pay", id.as_bytes()]),
        verdict: CallVerdict::Permit,
        class: RecoveryClass::Once,
        timeout_ms: 1_000,
        has_lookup: false,
    }
}

/// A call that needs a decision.
pub(crate) fn ask(id: &str) -> CallNoted {
    let verdict = CallVerdict::Ask {
        risk: RiskLevel::High,
        label: format!("pay {id}"),
        approvers: Vec::new(),
        needs_reason: false,
    };
    CallNoted { verdict, ..call(id) }
}

pub(crate) fn substep(run: RunId, name: &str, class: RecoveryClass) -> Substep {
    Substep {
        run,
        name: name.to_owned(),
        kind: StepKind::Substep,
        class,
        input: Digest::of(&[name.as_bytes()]),
        timeout_ms: 1_000,
    }
}

/// The command, its ruling from the policy in force.
fn in_time(mut command: Command, policy: PolicyVersion) -> Command {
    match &mut command {
        Command::SubmitRun { ruled, .. }
        | Command::IntendStep { ruled, .. }
        | Command::OfferHandoff { ruled, .. }
        | Command::AcceptHandoff { ruled, .. }
        | Command::DecideApproval { ruled, .. } => ruled.under = policy,
        Command::Resume(asked) => {
            asked.next.iter_mut().for_each(|(_, ruled)| ruled.under = policy);
        }
        _ => {}
    }
    command
}

/// A denial.
pub(crate) fn deny() -> Ruled {
    ruled(Ruling::Deny { why: "no".to_owned() })
}

pub(crate) fn ruled(ruling: Ruling) -> Ruled {
    Ruled { ruling, under: PolicyVersion::Default }
}

pub(crate) fn kinds(entries: &[Entry]) -> Vec<&'static str> {
    entries.iter().map(|entry| entry.event.name()).collect()
}

impl Bench {
    /// A session nobody has opened.
    pub(crate) fn empty() -> Self {
        Self {
            state: SessionState::new(SESSION, TENANT),
            now: Time::from_micros(1_795_219_200_000_000),
            policy: PolicyVersion::Default,
            hold: Hold::Open,
            kept: Vec::new(),
            minted: 0,
        }
    }

    /// An open session that queues.
    pub(crate) fn open() -> Self {
        Self::opened_as(opened())
    }

    pub(crate) fn opened_as(opened: SessionOpened) -> Self {
        let mut bench = Self::empty();
        bench.run(Command::OpenSession(opened));
        bench
    }

    /// An open session with a running agent that waits for its first model call.
    pub(crate) fn with_agent() -> (Self, RunId) {
        let mut bench = Self::open();
        let run = bench.submit(agent(1));
        (bench, run)
    }

    /// An agent that performs the calls of its first turn.
    pub(crate) fn performing(calls: &[CallNoted]) -> (Self, RunId) {
        let (mut bench, run) = Self::with_agent();
        bench.land_turn(run, calls);
        (bench, run)
    }

    pub(crate) fn later(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    /// The entries a command made; a refusal leaves the state as it was.
    pub(crate) fn attempt(&mut self, command: &Command) -> Result<Vec<Entry>, Refusal> {
        let command = &in_time(command.clone(), self.policy);
        self.minted += 1;
        let minted = (u128::from(self.minted) << 32).to_be_bytes();
        let mut cx = Context {
            now: self.now,
            fresh: Fresh::new(minted),
            policy: self.policy,
            secret: [5; 16],
            hold: self.hold,
        };
        let before = self.kept.len();
        let mut pen = Pen { seq: self.state.seq, now: self.now, kept: &mut self.kept };
        match transact(&mut self.state, command, &mut cx, &mut pen) {
            Ok(()) => Ok(self.kept[before..].iter().map(|kept| kept.entry.clone()).collect()),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::Illegal(illegal)) => {
                panic!("{command:?} contradicts the machine: {illegal}")
            }
        }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, command: Command) -> Vec<Entry> {
        match self.attempt(&command) {
            Ok(entries) => entries,
            Err(refusal) => panic!("{command:?} was refused: {refusal}"),
        }
    }

    #[track_caller]
    pub(crate) fn refuse(&mut self, command: Command) -> Refusal {
        match self.attempt(&command) {
            Ok(entries) => panic!("{command:?} was not refused: {:?}", kinds(&entries)),
            Err(refusal) => refusal,
        }
    }

    #[track_caller]
    pub(crate) fn submit(&mut self, submitted: RunSubmitted) -> RunId {
        let run = submitted.run;
        self.run(submit(submitted));
        run
    }

    pub(crate) fn wake(&mut self) -> Vec<Entry> {
        self.run(Command::Wake)
    }

    /// Answers the run's open model call.
    #[track_caller]
    pub(crate) fn land_turn(&mut self, run: RunId, calls: &[CallNoted]) -> Vec<Entry> {
        let (step, attempt) = self.open_step(run, |open| open.kind == StepKind::Model);
        self.run(Command::LandTurn {
            run,
            step,
            attempt,
            calls: calls.to_vec(),
            tokens: TokensUsed { input: 10, output: 1 },
            policy: self.policy,
        })
    }

    #[track_caller]
    pub(crate) fn land(&mut self, run: RunId, step: StepId) -> Vec<Entry> {
        let attempt = self.attempt_of(run, step);
        self.run(Command::LandStep { run, step, attempt, writes: Vec::new() })
    }

    #[track_caller]
    pub(crate) fn fail(&mut self, run: RunId, step: StepId, may_pass: bool) -> Vec<Entry> {
        let attempt = self.attempt_of(run, step);
        let class = ErrorClass::Tool;
        self.run(Command::FailStep { run, step, attempt, class, may_pass, tokens: None })
    }

    #[track_caller]
    pub(crate) fn lose(&mut self, run: RunId, step: StepId, cause: LossCause) -> Vec<Entry> {
        let attempt = self.attempt_of(run, step);
        let class = ErrorClass::Tool;
        self.run(Command::LoseStep { run, step, attempt, cause, class, tokens: None })
    }

    pub(crate) fn resolve(
        &mut self,
        step: StepId,
        resolution: Resolution,
    ) -> Result<Vec<Entry>, Refusal> {
        self.attempt(&Command::ResolveStep { step, resolution, by_lookup: false, reason: None })
    }

    /// Assesses a call of the last turn again, under the policy in force.
    #[track_caller]
    pub(crate) fn assess(&mut self, run: RunId, index: u32, verdict: CallVerdict) -> Vec<Entry> {
        self.assess_as(run, index, verdict, Standing::Kept)
    }

    #[track_caller]
    pub(crate) fn assess_as(
        &mut self,
        run: RunId,
        index: u32,
        verdict: CallVerdict,
        approver: Standing,
    ) -> Vec<Entry> {
        let site = CallSite { turn: self.progress(run).turns.len() as u32, index };
        let policy = self.policy;
        self.run(Command::AssessCall { run, site, verdict, policy, approver })
    }

    pub(crate) fn decide(
        &mut self,
        approval: ApprovalId,
        approve: bool,
    ) -> Result<Vec<Entry>, Refusal> {
        self.attempt(&Self::decision(approval, approve))
    }

    pub(crate) fn decision(approval: ApprovalId, approve: bool) -> Command {
        let (principal, ruled) = (ADA.to_owned(), Policy::builtin().permit());
        Command::DecideApproval {
            approval,
            approve,
            principal,
            reason: None,
            edited: None,
            ruled,
            returned: None,
        }
    }

    pub(crate) fn cancel(&mut self, run: RunId) -> Vec<Entry> {
        self.run(Self::cancellation(run))
    }

    pub(crate) fn cancellation(run: RunId) -> Command {
        Command::CancelRun { run, stop_reason: StopReason::Aborted, reason: None }
    }

    /// The first open step like that.
    #[track_caller]
    pub(crate) fn open_step(&self, run: RunId, like: impl Fn(&OpenStep) -> bool) -> (StepId, u32) {
        let found = self.progress(run).open.iter().find(|(_, open)| like(open));
        let (step, open) = found.expect("such a step is open");
        (*step, open.attempt)
    }

    /// The step of the last turn's call at that place.
    #[track_caller]
    pub(crate) fn step_of_call(&self, run: RunId, index: usize) -> StepId {
        match self.outcome(run, index) {
            CallOutcome::Performing(step) => step,
            other => panic!("call {index} is {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn outcome(&self, run: RunId, index: usize) -> CallOutcome {
        self.progress(run)
            .turns
            .iter()
            .rfind(|turn| turn.seq.is_some())
            .expect("a turn landed")
            .calls[index]
            .outcome
    }

    fn attempt_of(&self, run: RunId, step: StepId) -> u32 {
        self.progress(run).open[&step].attempt
    }

    pub(crate) fn known(&self, run: RunId) -> &Run {
        &self.state.runs[&run]
    }

    #[track_caller]
    pub(crate) fn progress(&self, run: RunId) -> &Progress {
        self.known(run).progress().expect("the run lives")
    }

    pub(crate) fn status(&self, run: RunId) -> RunStatus {
        self.known(run).status
    }

    #[track_caller]
    pub(crate) fn stop_reason(&self, run: RunId) -> StopReason {
        self.known(run).ending().expect("the run has ended").stop_reason
    }

    /// The only open approval.
    #[track_caller]
    pub(crate) fn asked(&self) -> ApprovalId {
        let open: Vec<_> = self.state.asked.iter().copied().collect();
        assert_eq!(open.len(), 1, "one approval is open");
        open[0]
    }

    /// How many entries of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.kept.iter().filter(|kept| kept.entry.event.name() == kind).count()
    }

    /// The hash of an entry.
    pub(crate) fn hash_at(&self, seq: u64) -> Digest {
        let upto = self.kept.iter().take_while(|kept| kept.entry.seq <= seq);
        upto.fold(Digest::ZERO, |before, kept| Entry::hash(&before, &kept.entry.to_bytes()))
    }

    /// The journal as an export without a head, a line each, and the last hash.
    pub(crate) fn export(&self) -> (Vec<String>, Digest) {
        let header =
            Header { tenure: 1, journal: Journal::Session(SESSION), tenant: TENANT, store: STORE };
        let mut lines = vec![header.to_line()];
        let mut prev_hash = Digest::ZERO;
        for kept in &self.kept {
            let bytes = kept.entry.to_bytes();
            let hash = Entry::hash(&prev_hash, &bytes);
            let link = Link { prev_hash, hash };
            lines.push(EntryLine::new(&kept.entry, &bytes, link, kept.body.clone()).to_line());
            prev_hash = hash;
        }
        (lines, prev_hash)
    }
}
