//! Why a command was refused, and why an entry could not be folded.

use tenure_contract::event::Owner;
use tenure_contract::words::{
    ApprovalStatus, ExecutionTarget, Resolution, RunStatus, SessionStatus, StepStatus,
};
use tenure_contract::{
    ApprovalId, CheckpointId, Code, Error, HandoffId, RunId, SessionId, StepId, StoreId, TaskId,
    Time, TodoId, TokenId, limits,
};
use thiserror::Error as ThisError;

/// Why a command was refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Refusal {
    /// The session was never opened.
    #[error("no session `{0}`")]
    NoSession(SessionId),
    /// The session exists already, made by another request under the same key.
    #[error("session `{0}` was made under this key by another request; use another key")]
    SessionKeyConflict(SessionId),
    /// The session is over.
    #[error("session `{session}` is {status}; open a new one")]
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Its final status.
        status: SessionStatus,
    },
    /// The session's policy is `reject` and a run is in progress.
    #[error(
        "session `{session}` is busy with run `{current}` and its policy is `reject`; wait for it, cancel it, or submit with another policy"
    )]
    SessionBusy {
        /// The session.
        session: SessionId,
        /// The run in progress.
        current: RunId,
    },
    /// The queue is full.
    #[error(
        "session `{session}` has {} queued runs, the limit QUEUED_RUNS_MAX; wait for some to end",
        limits::QUEUED_RUNS_MAX
    )]
    QueueFull {
        /// The session.
        session: SessionId,
    },
    /// The same key came with another body.
    #[error("run `{0}` was submitted under this key with another body; use another key")]
    RunKeyConflict(RunId),
    /// No such run here.
    #[error("no run `{0}`")]
    NoRun(RunId),
    /// The parent cannot take a child.
    #[error("run `{parent}` takes no nested run: {why}")]
    NoParent {
        /// The parent.
        parent: RunId,
        /// Why not.
        why: &'static str,
    },
    /// The run is in the wrong status.
    #[error("run `{run}` is {status}; {possible}")]
    RunStatus {
        /// The run.
        run: RunId,
        /// Where it stands.
        status: RunStatus,
        /// What is possible now.
        possible: &'static str,
    },
    /// The step is not in doubt any more, or never was.
    #[error("step `{0}` is settled; only a step in doubt can be resolved")]
    StepSettled(StepId),
    /// The step is in the wrong status.
    #[error("step `{step}` is {status}; only a step in doubt can be resolved")]
    NotInDoubt {
        /// The step.
        step: StepId,
        /// Where it stands.
        status: StepStatus,
    },
    /// The old request may still be travelling.
    #[error(
        "`{resolution}` is refused until {until}: the old request of step `{step}` may still be travelling; `landed` is possible now"
    )]
    StillTravelling {
        /// The step.
        step: StepId,
        /// What was asked.
        resolution: Resolution,
        /// Until when.
        until: Time,
    },
    /// The same name was used with other inputs.
    #[error(
        "substep `{name}` of run `{run}` ran with other inputs before; a name stands for one set of inputs"
    )]
    Divergence {
        /// The run.
        run: RunId,
        /// The substep's name.
        name: String,
    },
    /// The substep is under way already.
    #[error(
        "substep `{name}` of run `{run}` is under way already; use another name for a second one"
    )]
    StepUnderWay {
        /// The run.
        run: RunId,
        /// The substep's name.
        name: String,
    },
    /// The steps' budget is used up.
    #[error("run `{run}` has used its budget of {budget} steps")]
    Budget {
        /// The run.
        run: RunId,
        /// The budget.
        budget: u64,
    },
    /// No such approval here.
    #[error("no approval `{0}`")]
    NoApproval(ApprovalId),
    /// Decided once already (`APR-1`).
    #[error("approval `{approval}` is {status} already; a decision stands")]
    AlreadyDecided {
        /// The approval.
        approval: ApprovalId,
        /// The decision.
        status: ApprovalStatus,
    },
    /// Not among those who may decide (`APR-2`).
    #[error("`{principal}` may not decide approval `{approval}`; {} may", allowed.join(", "))]
    NotAnApprover {
        /// The approval.
        approval: ApprovalId,
        /// Who tried.
        principal: String,
        /// Who may.
        allowed: Vec<String>,
    },
    /// As many tokens as may be are out (`APR-6`).
    #[error(
        "approval `{approval}` has {out} tokens out, the limit APPROVAL_TOKENS_MAX is {}; wait until one expires",
        limits::APPROVAL_TOKENS_MAX
    )]
    TooManyTokens {
        /// The approval.
        approval: ApprovalId,
        /// How many are out.
        out: usize,
    },
    /// This approval was never handed out under that token.
    #[error("token `{token}` was not handed out for this approval")]
    TokenElsewhere {
        /// The token.
        token: TokenId,
    },
    /// The token was for another app.
    #[error("token `{token}` is for `{audience}`; only a key of that product decides under it")]
    TokenForAnother {
        /// The token.
        token: TokenId,
        /// The product it is for.
        audience: String,
    },
    /// A decision under this token was taken.
    #[error("token `{token}` was used up by an earlier decision, which stands")]
    TokenUsed {
        /// The token.
        token: TokenId,
    },
    /// The token came too late.
    #[error("token `{token}` expired at {at}; hand the approval out again")]
    TokenExpired {
        /// The token.
        token: TokenId,
        /// When.
        at: Time,
    },
    /// What was decided about is not what would be done.
    #[error(
        "the action of approval `{approval}` is not the one that was shown; look at it and decide again"
    )]
    ActionChanged {
        /// The approval.
        approval: ApprovalId,
    },
    /// The surface offers other targets (`TGT-1`).
    #[error("`{surface}` does not offer the target `{target}`; it offers {}", offered.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", "))]
    TargetNotOffered {
        /// The surface.
        surface: &'static str,
        /// What was asked.
        target: &'static str,
        /// What it offers.
        offered: &'static [ExecutionTarget],
    },
    /// What would run now differs from what was pinned, and nobody chose.
    #[error(
        "what would run now differs from what checkpoint `{checkpoint}` pins; accept `pinned` or `current`"
    )]
    ChoiceNeeded {
        /// The checkpoint.
        checkpoint: CheckpointId,
    },
    /// No such task here.
    #[error("no task `{0}`")]
    NoTask(TaskId),
    /// No such todo here.
    #[error("no todo `{0}`")]
    NoTodo(TodoId),
    /// The same key came with another body.
    #[error("`{subject}` was made under this key by another request; use another key")]
    KeyConflict {
        /// What was made.
        subject: String,
    },
    /// The table lists no such move.
    #[error("`{subject}` is {from} and does not become {to}; {possible}")]
    NoMove {
        /// What was to be moved.
        subject: String,
        /// Where it stands.
        from: &'static str,
        /// Where it was to stand.
        to: &'static str,
        /// What is possible now.
        possible: String,
    },
    /// The task goes where its run goes.
    #[error("task `{task}` follows run `{run}`; pause, resume or cancel the run")]
    TaskFollows {
        /// The task.
        task: TaskId,
        /// The run it follows.
        run: RunId,
    },
    /// A session holds no more of these.
    #[error("session `{session}` holds {limit} {what} at the most; open another session")]
    TooMany {
        /// The session.
        session: SessionId,
        /// Of what.
        what: &'static str,
        /// How many it holds.
        limit: usize,
    },
    /// Policy does not let them decide (`APR-2`).
    #[error("`{principal}` may not decide approval `{approval}`: {why}")]
    MayNotDecide {
        /// The approval.
        approval: ApprovalId,
        /// Who tried.
        principal: String,
        /// What the policy says.
        why: String,
    },
    /// The policy that asked wants a reason.
    #[error("a decision of approval `{0}` needs a `reason`: the policy that asked requires one")]
    ReasonRequired(ApprovalId),
    /// Who owned the session before commands it no more (`HND-1`).
    #[error(
        "session `{session}` was handed over to `{}` of product `{}`, who alone works in it now; ask them, or have them hand it back",
        owner.principal, owner.product
    )]
    HandedOver {
        /// The session.
        session: SessionId,
        /// Who owns it.
        owner: Owner,
    },
    /// Only its owner hands a session over.
    #[error(
        "session `{session}` is `{}`'s of product `{}`; `{principal}` does not hand it over",
        owner.principal, owner.product
    )]
    NotTheOwner {
        /// The session.
        session: SessionId,
        /// Who tried.
        principal: String,
        /// Who owns it.
        owner: Owner,
    },
    /// Only whom it is offered to answers a handoff.
    #[error(
        "handoff `{handoff}` is offered to `{}` of product `{}`; `{principal}` does not answer it from here",
        to.principal, to.product
    )]
    NotOfferedTo {
        /// The handoff.
        handoff: HandoffId,
        /// Who tried.
        principal: String,
        /// Whom it is offered to.
        to: Owner,
    },
    /// One offer at a time.
    #[error(
        "session `{session}` is offered to `{}` of product `{}` by handoff `{handoff}`; withdraw it first, or wait for its answer",
        to.principal, to.product
    )]
    HandoffOpen {
        /// The session.
        session: SessionId,
        /// The handoff that is open.
        handoff: HandoffId,
        /// Whom it is offered to.
        to: Owner,
    },
    /// Policy does not let the session go to that product (`POL-1`).
    #[error("session `{session}` may not be handed over to product `{product}`: {why}")]
    MayNotHandOver {
        /// The session.
        session: SessionId,
        /// The product.
        product: String,
        /// What the policy says.
        why: String,
    },
    /// No such handoff here.
    #[error("no handoff `{0}`")]
    NoHandoff(HandoffId),
    /// The policy changed while the ruling was on its way: ask the new one.
    #[error("the policy changed meanwhile; ask again")]
    PolicyChanged,
    /// An executor's claim of a run is over.
    #[error(
        "claim {claim} of run `{run}` is over and the run is {status}; stop the work and claim again"
    )]
    ClaimOver {
        /// The run.
        run: RunId,
        /// The claim.
        claim: u64,
        /// Where the run stands.
        status: RunStatus,
    },
    /// Anything malformed that the shell should have caught.
    #[error("{0}")]
    Invalid(String),
    /// It is another server's (`HND-2`).
    #[error("session `{session}` was released to store `{to}`; go on there")]
    Gone {
        /// The session.
        session: SessionId,
        /// Whose it is.
        to: StoreId,
    },
    /// Nobody offered it to another server, or not to this one.
    #[error("session `{0}` is not on its way to another server; offer it first")]
    NotOffered(SessionId),
    /// It is offered to another server already.
    #[error("session `{session}` is offered to store `{to}`; withdraw that offer first")]
    OfferedElsewhere {
        /// The session.
        session: SessionId,
        /// To whom.
        to: StoreId,
    },
    /// It cannot move while something of it is under way.
    #[error("session `{session}` cannot be released: {why}")]
    UnderWay {
        /// The session.
        session: SessionId,
        /// What is, and what to do.
        why: String,
    },
    /// A signed head is not the one that is needed.
    #[error("the signed head does not do: {0}")]
    NotSignedFor(String),
}

impl Refusal {
    const fn code(&self) -> Code {
        match self {
            Self::NoSession(_)
            | Self::NoRun(_)
            | Self::NoApproval(_)
            | Self::NoHandoff(_)
            | Self::NoTask(_)
            | Self::NoTodo(_) => Code::NotFound,
            Self::SessionKeyConflict(_) | Self::RunKeyConflict(_) | Self::KeyConflict { .. } => {
                Code::KeyConflict
            }
            Self::SessionBusy { .. } => Code::SessionBusy,
            Self::QueueFull { .. } | Self::TooMany { .. } | Self::TooManyTokens { .. } => {
                Code::LimitReached
            }
            Self::SessionEnded { .. }
            | Self::NoParent { .. }
            | Self::RunStatus { .. }
            | Self::NotInDoubt { .. }
            | Self::StepSettled(_)
            | Self::NoMove { .. }
            | Self::ChoiceNeeded { .. }
            | Self::TaskFollows { .. }
            | Self::HandoffOpen { .. }
            | Self::Gone { .. }
            | Self::NotOffered(_)
            | Self::OfferedElsewhere { .. }
            | Self::UnderWay { .. }
            | Self::StepUnderWay { .. } => Code::IllegalTransition,
            Self::NotSignedFor(_) => Code::VerificationFailed,
            Self::StillTravelling { .. } => Code::StillTravelling,
            Self::ClaimOver { .. } => Code::LeaseLost,
            Self::Divergence { .. } => Code::Divergence,
            Self::Budget { .. } => Code::BudgetExceeded,
            Self::AlreadyDecided { .. } => Code::AlreadyDecided,
            Self::TokenElsewhere { .. } | Self::TokenForAnother { .. } => Code::TokenRetargeted,
            Self::TokenUsed { .. } => Code::TokenUsed,
            Self::TokenExpired { .. } => Code::TokenExpired,
            Self::ActionChanged { .. } => Code::ActionChanged,
            Self::HandedOver { .. } => Code::HandedOver,
            Self::NotAnApprover { .. } | Self::NotTheOwner { .. } | Self::NotOfferedTo { .. } => {
                Code::Forbidden
            }
            Self::PolicyChanged => Code::VersionConflict,
            Self::MayNotDecide { .. } | Self::MayNotHandOver { .. } => Code::DeniedByPolicy,
            Self::TargetNotOffered { .. } | Self::Invalid(_) | Self::ReasonRequired(_) => {
                Code::InvalidArgument
            }
        }
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::NoSession(id) | Self::SessionKeyConflict(id) | Self::NotOffered(id) => {
                Some(id.to_string())
            }
            Self::SessionEnded { session, .. }
            | Self::Gone { session, .. }
            | Self::OfferedElsewhere { session, .. }
            | Self::UnderWay { session, .. }
            | Self::SessionBusy { session, .. }
            | Self::TooMany { session, .. }
            | Self::HandedOver { session, .. }
            | Self::NotTheOwner { session, .. }
            | Self::MayNotHandOver { session, .. }
            | Self::QueueFull { session } => Some(session.to_string()),
            Self::NoHandoff(handoff)
            | Self::HandoffOpen { handoff, .. }
            | Self::NotOfferedTo { handoff, .. } => Some(handoff.to_string()),
            Self::NoTask(task) | Self::TaskFollows { task, .. } => Some(task.to_string()),
            Self::ChoiceNeeded { checkpoint } => Some(checkpoint.to_string()),
            Self::NoTodo(todo) => Some(todo.to_string()),
            Self::KeyConflict { subject } | Self::NoMove { subject, .. } => Some(subject.clone()),
            Self::NoRun(run)
            | Self::RunKeyConflict(run)
            | Self::NoParent { parent: run, .. }
            | Self::RunStatus { run, .. }
            | Self::Divergence { run, .. }
            | Self::StepUnderWay { run, .. }
            | Self::ClaimOver { run, .. }
            | Self::Budget { run, .. } => Some(run.to_string()),
            Self::StepSettled(step)
            | Self::NotInDoubt { step, .. }
            | Self::StillTravelling { step, .. } => Some(step.to_string()),
            Self::NoApproval(approval)
            | Self::AlreadyDecided { approval, .. }
            | Self::MayNotDecide { approval, .. }
            | Self::ReasonRequired(approval)
            | Self::TooManyTokens { approval, .. }
            | Self::ActionChanged { approval }
            | Self::NotAnApprover { approval, .. } => Some(approval.to_string()),
            Self::TokenElsewhere { token }
            | Self::TokenForAnother { token, .. }
            | Self::TokenUsed { token }
            | Self::TokenExpired { token, .. } => Some(token.to_string()),
            Self::TargetNotOffered { .. }
            | Self::Invalid(_)
            | Self::NotSignedFor(_)
            | Self::PolicyChanged => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.code(), refusal.to_string());
        match refusal.subject() {
            Some(subject) => error.about(subject),
            None => error,
        }
    }
}

/// An entry that cannot follow the state before it: the journal is damaged, or this program has a
/// bug. That one session is set aside; nothing else stops.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("entry {seq} (`{kind}`) cannot follow: {why}")]
pub struct Illegal {
    /// The entry's place.
    pub seq: u64,
    /// Its kind.
    pub kind: &'static str,
    /// What does not fit.
    pub why: String,
}
