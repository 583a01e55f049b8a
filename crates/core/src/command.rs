//! Commands: what the shell asks the core to decide, with everything the core may not make itself.

use crate::clock::Hold;
use crate::policy::Ruled;
use crate::session::{By, ChainEnd};
use tenure_contract::event::{
    ApprovalHanded, ArtifactRegistered, CallNoted, CallSite, CallVerdict, Repin, RowBrought,
    RunClaimed, RunSubmitted, SessionBound, SessionOpened, TaskCreated, TodoCreated, TokensUsed,
};
use tenure_contract::export::SignedHead;
use tenure_contract::resource::{Change, ResumeToken};
use tenure_contract::words::{
    ArtifactState, ErrorClass, InputPolicy, LossCause, PinName, PinVerdict, RecoveryClass,
    Resolution, ResumeChoice, SessionStatus, StepKind, StopReason, TaskStatus, TodoStatus,
};
use tenure_contract::{
    ApprovalId, ArtifactId, CheckpointId, Digest, Event, EventId, ExecutorId, HandoffId,
    PolicyVersion, RunId, StepId, StoreId, TaskId, Time, TodoId, TokenId, WorkspaceId,
};

/// Ids for what a decision makes, all from one random value the shell put in.
///
/// The shell mints sixteen bytes whose last two are zero; each id taken counts them up, so a
/// decision can take 65,535 without asking the world for anything.
#[derive(Debug, Clone)]
pub struct Fresh {
    base: u128,
    taken: u16,
}

impl Fresh {
    /// From sixteen minted bytes; the last two are replaced by the count.
    #[must_use]
    pub const fn new(minted: [u8; 16]) -> Self {
        Self { base: u128::from_be_bytes(minted) & !0xffff, taken: 0 }
    }
    /// The next id's bytes.
    pub const fn take(&mut self) -> [u8; 16] {
        self.taken = self.taken.wrapping_add(1);
        (self.base | self.taken as u128).to_be_bytes()
    }
}

/// What a decision may know of the world.
#[derive(Debug, Clone)]
pub struct Context {
    /// The time, never before the last entry's.
    pub now: Time,
    /// Ids to use up.
    pub fresh: Fresh,
    /// The version of the tenant's policy that is in force.
    pub policy: PolicyVersion,
    /// Random bytes nobody else sees, from which secrets are made; ids would give them away.
    pub secret: [u8; 16],
    /// Whether the clock is to be believed with what cannot be undone.
    pub hold: Hold,
}

/// What the core is asked to decide.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin a session.
    OpenSession(SessionOpened),
    /// Bring a session in from a store without owners; what was said there is the body.
    BringSession(Box<SessionBringing>),
    /// Bring an artifact in from there; its descriptor is the body of the artifact.
    BringArtifact {
        /// The artifact.
        registered: ArtifactRegistered,
        /// Where it came from.
        brought: RowBrought,
    },
    /// End a session; its runs are cancelled first.
    EndSession {
        /// `completed` or `cancelled`.
        status: SessionStatus,
        /// Why.
        reason: Option<String>,
    },
    /// Change a session's fields.
    ChangeSession {
        /// What a person calls it.
        title: Change<String>,
        /// Its workspace.
        workspace: Change<WorkspaceId>,
        /// What it remembers besides its chat memory; none leaves it.
        memory: Option<Vec<String>>,
        /// What becomes of input while a run is in progress; none leaves it.
        input_policy: Option<InputPolicy>,
    },
    /// Claim the session for an agent; changes nothing once another claim stands.
    BindAgent(SessionBound),
    /// Offer the session to another store (`HND-2`).
    OfferTransfer {
        /// The receiver's store.
        to: StoreId,
        /// This store.
        here: StoreId,
        /// Why.
        reason: Option<String>,
    },
    /// Take an offer to another store back.
    WithdrawTransfer,
    /// Give the session away for good.
    ReleaseTransfer {
        /// What the receiver signed when it accepted.
        accepted: Box<SignedHead>,
        /// The chain up to the offer.
        offered: ChainEnd,
    },
    /// Take the session that was released to this store.
    ReceiveTransfer {
        /// What the sender signed when it had released it.
        released: Box<SignedHead>,
        /// The chain up to the release.
        end: ChainEnd,
    },
    /// Empty chat memory between two runs (`CM6`).
    ClearMemory,
    /// Accept a run; the input is the command's body, and why policy refuses it is body `Refusal`.
    SubmitRun {
        /// The run.
        submitted: RunSubmitted,
        /// What policy says of it.
        ruled: Ruled,
    },
    /// End a run and everything under it.
    CancelRun {
        /// The run.
        run: RunId,
        /// `aborted` or `superseded`.
        stop_reason: StopReason,
        /// Why.
        reason: Option<String>,
    },
    /// Halt a run before its next step.
    PauseRun {
        /// The run.
        run: RunId,
    },
    /// Let a halted run go on.
    ResumeRun {
        /// The run.
        run: RunId,
    },
    /// A handler is about to perform a substep that has an outside effect; why it is refused, if it
    /// is, is body `Refusal`.
    IntendStep {
        /// What it is.
        substep: Substep,
        /// What policy says of it.
        ruled: Ruled,
        /// What somebody who is asked is shown, where policy asks.
        shown: Option<Shown>,
        /// Whether who approved it may still decide.
        approver: Standing,
    },
    /// A handler performed a `read` substep; the result is the body.
    RecordStep {
        /// What it was.
        substep: Substep,
        /// True when the body is a failure.
        failed: bool,
        /// What is written in the same commit; each text is body `Write(index)`.
        writes: Vec<Write>,
    },
    /// An effect was answered; the result is the body.
    LandStep {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// The attempt that answered.
        attempt: u32,
        /// What is written in the same commit; each text is body `Write(index)`.
        writes: Vec<Write>,
    },
    /// A model call was answered; the message is the body.
    LandTurn {
        /// The run.
        run: RunId,
        /// The model step.
        step: StepId,
        /// The attempt that answered.
        attempt: u32,
        /// Its calls, assessed; each call's exact action is body `Action(index)`.
        calls: Vec<CallNoted>,
        /// What it cost.
        tokens: TokensUsed,
        /// The version of the policy that assessed the calls.
        policy: PolicyVersion,
    },
    /// A call was assessed again before its execution; its exact action is the body.
    AssessCall {
        /// The run.
        run: RunId,
        /// The call.
        site: CallSite,
        /// What is to be done with it.
        verdict: CallVerdict,
        /// The version of the policy that says so.
        policy: PolicyVersion,
        /// Whether who approved it may still decide.
        approver: Standing,
    },
    /// An effect failed and is known not to be under way; the error is the body.
    FailStep {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
        /// Whose failure it is.
        class: ErrorClass,
        /// True when another attempt may help.
        may_pass: bool,
        /// What the attempt cost, for a model call.
        tokens: Option<TokensUsed>,
    },
    /// An effect was lost from sight: its request may have left and no answer came.
    LoseStep {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// The attempt that was lost.
        attempt: u32,
        /// How.
        cause: LossCause,
        /// Whose failure it becomes when no attempt is left.
        class: ErrorClass,
        /// What is known of what the attempt cost, for a model call.
        tokens: Option<TokensUsed>,
    },
    /// An intended effect will not be started; it certainly was not.
    SkipStep {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
    },
    /// Settle a step in doubt; a result, for `landed`, is the body.
    ResolveStep {
        /// The step.
        step: StepId,
        /// How.
        resolution: Resolution,
        /// True when the tool's look-up said so.
        by_lookup: bool,
        /// Why.
        reason: Option<String>,
    },
    /// Hand an approval to another app under a token (`APR-6`).
    HandApproval {
        /// The approval, the token, for whom and until when.
        handed: ApprovalHanded,
        /// Who hands it, as `kind:name`.
        principal: String,
    },
    /// Decide an approval; edited arguments or an answer are the body.
    DecideApproval {
        /// The approval.
        approval: ApprovalId,
        /// Only literal approval approves (`RT6`).
        approve: bool,
        /// Who decides, as `kind:name`.
        principal: String,
        /// Why.
        reason: Option<String>,
        /// Digest of the action with edited arguments.
        edited: Option<Digest>,
        /// What policy says of that principal's deciding it.
        ruled: Ruled,
        /// The token it returned under, when another app decided.
        returned: Option<Returned>,
    },
    /// A handler returned; its output, or its error, is the body.
    FinishRun {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: HandlerOutcome,
        /// Artifacts it made, registered in the same commit (`ART-5`); each descriptor is body
        /// `Artifact(index)`.
        artifacts: Vec<NewArtifact>,
    },
    /// An executor takes a run over whose former executor was lost.
    ClaimRun(RunClaimed),
    /// The lease of a run's executor ran out.
    LoseClaim {
        /// The run.
        run: RunId,
        /// The claim.
        claim: u64,
    },
    /// An executor answers; the result, or the error, is the body.
    AnswerRemote {
        /// The run.
        run: RunId,
        /// The fencing token.
        claim: u64,
        /// Who answers.
        executor: ExecutorId,
        /// How it went.
        answer: RemoteAnswer,
    },
    /// An agent's run cannot go on; the error is the body.
    FailRun {
        /// The run.
        run: RunId,
        /// Whose failure it is.
        class: ErrorClass,
        /// A code for machines.
        code: String,
    },
    /// Make or change a task or todo; its text is body `Write(0)`.
    Write(Write),
    /// Offer the session to another owner (`HND-1`).
    OfferHandoff {
        /// What is offered to whom, and by whom.
        offer: Box<Offer>,
        /// What policy says of offering it to that product.
        ruled: Ruled,
    },
    /// Take the session over.
    AcceptHandoff {
        /// The handoff.
        handoff: HandoffId,
        /// Who accepts.
        by: By,
        /// What policy says now of offering it to that product.
        ruled: Ruled,
    },
    /// Do not take the session over.
    DeclineHandoff {
        /// The handoff.
        handoff: HandoffId,
        /// Who declines.
        by: By,
        /// Why.
        reason: Option<String>,
    },
    /// Take an offer back.
    WithdrawHandoff {
        /// The handoff.
        handoff: HandoffId,
        /// Who withdraws.
        by: By,
        /// Why.
        reason: Option<String>,
    },
    /// Make a checkpoint.
    MakeCheckpoint,
    /// Go on from a checkpoint; a new run's input is the body, and why policy refuses it is body
    /// `Refusal`.
    Resume(Box<Resume>),
    /// Time passed: expire, retry, start what may start. Harmless at any moment.
    Wake,
}

/// How an executor's work went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteAnswer {
    /// It is done.
    Done,
    /// It failed, and nothing of it is under way any more.
    Failed {
        /// True when another attempt may help.
        may_pass: bool,
    },
}

/// Whether somebody may still decide what they decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They may, or nobody decided.
    Kept,
    /// Policy does not let them any more.
    Lost,
}

/// What somebody who is asked about a substep is shown; the exact action is the command's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Digest of the exact action.
    pub action: Digest,
    /// What a person reads.
    pub label: String,
}

/// The token a decision of another app returned under, its signature checked (`APR-6`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The token.
    pub token: TokenId,
    /// The product whose key signed.
    pub product: String,
    /// The action that was shown.
    pub action: Digest,
}

/// A named substep of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substep {
    /// The run.
    pub run: RunId,
    /// Its name, unique in the run.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// What may be done again after a loss.
    pub class: RecoveryClass,
    /// Digest of its inputs.
    pub input: Digest,
    /// Its time limit, milliseconds.
    pub timeout_ms: u64,
}

/// Going on from a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The run it was made for.
    pub run: Option<RunId>,
    /// What comparing the pins came to.
    pub verdict: PinVerdict,
    /// The pins that differ.
    pub differing: Vec<PinName>,
    /// What was chosen.
    pub choice: Option<ResumeChoice>,
    /// What an unfinished run works with from now on; none leaves it.
    pub repin: Option<Repin>,
    /// The run to begin if the checkpoint's has ended, with what policy says of it.
    pub next: Option<(RunSubmitted, Ruled)>,
}

/// A session that comes from a store without owners (`TEN-2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionBringing {
    /// As what it is opened.
    pub opened: SessionOpened,
    /// The agent it was bound to.
    pub bound: Option<SessionBound>,
    /// Where it came from.
    pub brought: RowBrought,
}

/// An offer of a session to another owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The handoff.
    pub handoff: HandoffId,
    /// Who offers.
    pub by: By,
    /// To which product.
    pub to_product: String,
    /// To whom there, as `kind:name`; who owns the session now when nobody is named.
    pub to_principal: Option<String>,
    /// The tasks it is about; all that are not over when none are named.
    pub tasks: Option<Vec<TaskId>>,
    /// What else belongs to it.
    pub refs: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// From then on nobody may accept it; the default when nothing is said.
    pub expires_at: Option<Time>,
    /// Digest of the request, when it carried an idempotency key.
    pub request: Option<Digest>,
}

/// Something made or changed beside a run's steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A new task; its intent is the body.
    CreateTask(TaskCreated),
    /// Change a task.
    ChangeTask {
        /// The task.
        task: TaskId,
        /// Its new title; none leaves it.
        title: Option<String>,
        /// Its priority.
        priority: Change<String>,
        /// Its workspace.
        workspace: Change<WorkspaceId>,
        /// Where it is to stand; none leaves it there.
        status: Option<TaskStatus>,
    },
    /// A new todo; its text is the body.
    CreateTodo(TodoCreated),
    /// Change a todo.
    ChangeTodo {
        /// The todo.
        todo: TodoId,
        /// True when a new text is the body.
        rewords: bool,
        /// Where it is to stand; none leaves it there.
        status: Option<TodoStatus>,
    },
}

/// How a handler ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerOutcome {
    /// With an output.
    Done,
    /// With an error.
    Failed {
        /// Whose failure it is.
        class: ErrorClass,
        /// A code for machines.
        code: String,
    },
    /// Its budget was used up.
    OutOfBudget,
}

/// An artifact to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// Its id.
    pub artifact: ArtifactId,
    /// What it is.
    pub artifact_type: String,
    /// `PENDING` or `READY`.
    pub state: ArtifactState,
    /// What it was made from.
    pub parents: Vec<ArtifactId>,
    /// Digest of its content.
    pub digest: Option<Digest>,
}

/// An event a decision made, before it becomes an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What happens.
    pub event: Event,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// For an entry of a nested run: the entry that submitted it.
    pub parent: Option<EventId>,
    /// What stands beside it.
    pub body: DraftBody,
}

/// Which of the command's bodies stands beside an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftBody {
    /// None.
    None,
    /// The command's own.
    Given,
    /// The exact action of the command's call at this index.
    Action(u32),
    /// The descriptor of the command's artifact at this index.
    Artifact(u32),
    /// The text of the command's write at this index.
    Write(u32),
    /// Why policy refused.
    Refusal,
    /// A resume token.
    Token(ResumeToken),
}
