//! The closed word lists of the contract: statuses, kinds, classes.
//!
//! A word's number is its place on disk and never changes once released; its text is the wire's.

use crate::macros::words;
use thiserror::Error;

/// A text that is not in a closed list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is not a {list}; expected one of {}", known.join(", "))]
pub struct UnknownWord {
    /// The list that was meant.
    pub list: &'static str,
    /// What was given.
    pub found: String,
    /// Everything the list has.
    pub known: &'static [&'static str],
}

words! {
    /// Where a session stands (`SES-1`).
    SessionStatus {
        /// No root run is held up.
        1 Active = "active",
        /// The current root run is paused.
        2 Paused = "paused",
        /// The current root run waits for a decision.
        3 WaitingApproval = "waiting-approval",
        /// Closed by someone, or with its only run.
        4 Completed = "completed",
        /// Ended with a failed run.
        5 Failed = "failed",
        /// Cancelled.
        6 Cancelled = "cancelled",
    }
}

words! {
    /// Where a run stands (`RUN-1`).
    RunStatus {
        /// Not started.
        1 Queued = "queued",
        /// Started; also while it waits for time, a worker, a child or a message.
        2 Running = "running",
        /// Deliberately halted, or stopped by an in-doubt step.
        3 Paused = "paused",
        /// Blocked on a decision.
        4 WaitingApproval = "waiting-approval",
        /// Ended well.
        5 Completed = "completed",
        /// Ended badly; `stop_reason` says how.
        6 Failed = "failed",
        /// Ended by abort or by a successor.
        7 Cancelled = "cancelled",
    }
}

words! {
    /// Where a task stands (`TSK-1`).
    TaskStatus {
        /// Not begun.
        1 Queued = "queued",
        /// Under way.
        2 Running = "running",
        /// Held up: its run is paused or waits for a decision, or somebody said so.
        3 Blocked = "blocked",
        /// Done.
        4 Completed = "completed",
        /// Not done; a retry queues it again.
        5 Failed = "failed",
        /// Given up.
        6 Cancelled = "cancelled",
    }
}

words! {
    /// How a task's priority ranks (`TSK-1`); any other text, or none, is `normal`.
    TaskRank {
        /// Before everything.
        1 Urgent = "urgent",
        /// Before the usual.
        2 High = "high",
        /// The usual.
        3 Normal = "normal",
        /// After everything.
        4 Low = "low",
    }
}

words! {
    /// Where a todo stands (`TOD-1`).
    TodoStatus {
        /// To be done.
        1 Open = "open",
        /// Being done.
        2 InProgress = "in-progress",
        /// Done.
        3 Done = "done",
        /// Not to be done.
        4 Dropped = "dropped",
    }
}

words! {
    /// Why a run ended (`RUN-2`).
    StopReason {
        /// The model or handler was done.
        1 Finished = "finished",
        /// The hard cap on turns was reached.
        2 MaxSteps = "max_steps",
        /// A budget increment was asked for and not given.
        3 Budget = "budget",
        /// Policy refused the run itself.
        4 Refused = "refused",
        /// An unrecoverable error.
        5 Failed = "failed",
        /// Somebody aborted it.
        6 Aborted = "aborted",
        /// A newer run took its place.
        7 Superseded = "superseded",
    }
}

words! {
    /// What a step is.
    StepKind {
        /// One model call.
        1 Model = "model",
        /// One tool call.
        2 Tool = "tool",
        /// A named substep of a handler.
        3 Substep = "substep",
        /// Waiting for time.
        4 Wait = "wait",
        /// One retrieval.
        5 Retrieval = "retrieval",
        /// A nested run.
        6 Delegation = "delegation",
        /// A write to the state surface.
        7 StateWrite = "state-write",
    }
}

words! {
    /// Where a step stands (`STP-1`).
    StepStatus {
        /// Its intent is recorded; the effect may be under way.
        1 Intended = "intended",
        /// Its result is committed.
        2 Landed = "landed",
        /// It failed; the failure is its committed result.
        3 Failed = "failed",
        /// The request may have left and no answer is committed.
        4 InDoubt = "in-doubt",
        /// The effect never started, or is known not to have happened.
        5 Cancelled = "cancelled",
    }
}

words! {
    /// What may be done again after a loss (`STP-2`).
    RecoveryClass {
        /// Repeat freely.
        1 Read = "read",
        /// Repeat with the same key.
        2 Idempotent = "idempotent",
        /// Never unasked.
        3 Once = "once",
    }
}

words! {
    /// Why an effect was lost from sight.
    LossCause {
        /// The owner died.
        1 Crash = "crash",
        /// No answer within the call's limit.
        2 Timeout = "timeout",
        /// Aborted while it hung.
        3 Abort = "abort",
        /// Another owner took over.
        4 Fenced = "fenced",
        /// The callee's answer was lost on the way.
        5 Connection = "connection",
        /// The lease of the executor that performed it ran out.
        6 Lease = "lease",
    }
}

words! {
    /// How an in-doubt step was settled (`STP-2`).
    Resolution {
        /// It happened; the result is given.
        1 Landed = "landed",
        /// It did not happen; the step fails.
        2 DidNotHappen = "did-not-happen",
        /// Try again under the same key.
        3 Retry = "retry",
    }
}

words! {
    /// Why a run was paused.
    PauseCause {
        /// A step is in doubt.
        1 InDoubt = "in-doubt",
        /// Somebody asked for it.
        2 Operator = "operator",
    }
}

words! {
    /// What an approval decides about (`APR-1`).
    ApprovalKind {
        /// One exact tool call or step.
        1 Action = "action",
        /// A dispatch from another product.
        2 Dispatch = "dispatch",
        /// More of a budget.
        3 Budget = "budget",
        /// A question to a human.
        4 Question = "question",
    }
}

words! {
    /// Where an approval stands (`APR-1`); it leaves `requested` once.
    ApprovalStatus {
        /// Open.
        1 Requested = "requested",
        /// Approved.
        2 Approved = "approved",
        /// Denied.
        3 Denied = "denied",
        /// Nobody decided in time: a refusal (`APR-2`).
        4 Expired = "expired",
        /// Its run ended first.
        5 Cancelled = "cancelled",
    }
}

words! {
    /// How much harm an action could do.
    RiskLevel {
        /// Little.
        1 Low = "low",
        /// Some.
        2 Medium = "medium",
        /// Much.
        3 High = "high",
        /// Not to be undone.
        4 Critical = "critical",
    }
}

words! {
    /// Where an artifact stands (`ART-2`).
    ArtifactState {
        /// Registered, body not there yet.
        1 Pending = "PENDING",
        /// Whole.
        2 Ready = "READY",
        /// Not to be had.
        3 Failed = "FAILED",
        /// Put away; still resolvable.
        4 Archived = "ARCHIVED",
        /// Gone.
        5 Deleted = "DELETED",
    }
}

words! {
    /// Who acts.
    PrincipalKind {
        /// A person.
        1 User = "user",
        /// An agent.
        2 Agent = "agent",
        /// A remote worker.
        3 Worker = "worker",
        /// A service.
        4 Service = "service",
        /// The runtime itself.
        5 System = "system",
    }
}

words! {
    /// Where an action came from.
    Surface {
        /// A browser.
        1 Browser = "browser",
        /// A phone.
        2 Mobile = "mobile",
        /// A desktop application; the command line counts as one.
        3 Desktop = "desktop",
        /// A web server.
        4 Web = "web",
        /// Another product, by API.
        5 ProductApi = "product-api",
        /// A worker.
        6 Worker = "worker",
    }
}

words! {
    /// Where an agent's tools execute (`TGT-1`).
    ExecutionTarget {
        /// Confined.
        1 Sandbox = "sandbox",
        /// On a trusted executor of that user.
        2 Local = "local",
    }
}

words! {
    /// What becomes of a run that arrives while another is in progress (`SES-3`).
    InputPolicy {
        /// After the current one.
        1 Queue = "queue",
        /// Refused as a conflict.
        2 Reject = "reject",
        /// Abort the current one as superseded, then start.
        3 Interrupt = "interrupt",
        /// Given to the current run before its next model call.
        4 Steer = "steer",
    }
}

words! {
    /// What made a run begin.
    Trigger {
        /// Somebody asked.
        1 Submit = "submit",
        /// A dispatch.
        2 Dispatch = "dispatch",
        /// A schedule entry.
        3 Schedule = "schedule",
        /// An actor's alarm.
        4 Alarm = "alarm",
        /// A parent run.
        5 Parent = "parent",
        /// Another try of a failed task.
        6 Retry = "retry",
        /// Somebody resumed from the checkpoint of a run that had ended.
        7 Resume = "resume",
    }
}

words! {
    /// Why a checkpoint was made (`CKP-1`).
    CheckpointCause {
        /// Somebody asked for it.
        1 Demand = "demand",
        /// A root run was paused.
        2 Pause = "pause",
        /// A root run waits for a decision.
        3 WaitingApproval = "waiting-approval",
        /// A root run ended.
        4 RunEnd = "run-end",
        /// The session was handed off.
        5 Handoff = "handoff",
    }
}

words! {
    /// What a checkpoint pins (`CKP-1`).
    PinName {
        /// The agent's version.
        1 Agent = "agent",
        /// Its tools.
        2 Tools = "tools",
        /// The policy.
        3 Policy = "policy",
        /// The model.
        4 Model = "model",
    }
}

words! {
    /// What comparing pins comes to (`CKP-2`).
    PinVerdict {
        /// All pins are equal.
        1 Same = "same",
        /// Tool schemas only gained.
        2 Compatible = "compatible",
        /// Something else differs; going on needs a choice.
        3 Changed = "changed",
    }
}

words! {
    /// What to run with where pins have changed (`CKP-2`).
    ResumeChoice {
        /// What the checkpoint pins.
        1 Pinned = "pinned",
        /// What would run now.
        2 Current = "current",
    }
}

words! {
    /// When a dispatch starts (`DSP-1`, `DSP-2`).
    DispatchMode {
        /// At once.
        1 Interactive = "interactive",
        /// By priority and fair share.
        2 Queued = "queued",
        /// When its time has come.
        3 Scheduled = "scheduled",
        /// When a trusted executor has claimed it.
        4 Remote = "remote",
    }
}

words! {
    /// Where a dispatch stands (`DSP-4`).
    DispatchStatus {
        /// Noted; whether it is taken is not decided.
        1 Received = "received",
        /// Taken.
        2 Accepted = "accepted",
        /// Not taken.
        3 Rejected = "rejected",
        /// Waits for its turn, its time or an executor.
        4 Waiting = "waiting",
        /// An executor holds it under a lease.
        5 Claimed = "claimed",
        /// Its run was begun; from here on the run tells.
        6 Started = "started",
        /// Given up before it started.
        7 Cancelled = "cancelled",
        /// Did not start in time.
        8 Expired = "expired",
    }
}

words! {
    /// Where a handoff stands (`HND-1`).
    HandoffStatus {
        /// Open; the owner goes on working.
        1 Offered = "offered",
        /// Taken; who owned the session before is shut out.
        2 Accepted = "accepted",
        /// Not taken.
        3 Declined = "declined",
        /// Nobody answered in time.
        4 Expired = "expired",
        /// Taken back by the owner.
        5 Withdrawn = "withdrawn",
    }
}

words! {
    /// The classes of failure (`RT14`).
    ErrorClass {
        /// The model or the way to it.
        1 Adapter = "adapter",
        /// A tool; told to the model.
        2 Tool = "tool",
        /// An approver; a refusal, told to the model.
        3 Confirmation = "confirmation",
        /// Chat memory.
        4 Memory = "memory",
        /// A retriever.
        5 Retriever = "retriever",
        /// A budget or cap.
        6 Budget = "budget",
        /// The caller's or author's mistake.
        7 Programmer = "programmer",
        /// An intent handler.
        8 Handler = "handler",
        /// The store or the machine.
        9 System = "system",
    }
}

words! {
    /// Why a tool call was refused before it ran (`RT5`, `RT6`, `T3`).
    CallRefusal {
        /// No tool of that name.
        1 UnknownTool = "unknown-tool",
        /// The arguments are not JSON (`T3`).
        2 MalformedArguments = "malformed-arguments",
        /// The arguments do not fit the tool's schema.
        3 InvalidArguments = "invalid-arguments",
        /// Policy denies it.
        4 DeniedByPolicy = "denied-by-policy",
        /// It needs a decision and nobody may give one (`APR-2`).
        5 NoApprover = "no-approver",
        /// An approver denied it.
        6 Denied = "denied",
        /// Nobody decided in time.
        7 ApprovalExpired = "approval-expired",
        /// The same call id stood earlier in the turn (`T13`).
        8 DuplicateCallId = "duplicate-call-id",
        /// The tool is a declaration without an execute (`T4`).
        9 NotExecutable = "not-executable",
        /// It needs a decision, and the session has as many open already as it may (`APR-5`).
        10 ApprovalsFull = "approvals-full",
    }
}

words! {
    /// Why a run is not moving (`RUN-5`).
    StuckReason {
        /// An approval is open.
        1 Approval = "approval",
        /// An alarm is set.
        2 Alarm = "alarm",
        /// A queue has no worker.
        3 Worker = "worker",
        /// Another node holds the lease.
        4 Lease = "lease",
        /// A step is in doubt.
        5 InDoubtStep = "in-doubt-step",
        /// A budget is used up.
        6 Budget = "budget",
        /// Another run goes first.
        7 Dependency = "dependency",
        /// Lists are behind the log.
        8 SettleLag = "settle-lag",
        /// An effect is under way.
        9 Effect = "effect",
        /// Somebody paused it.
        10 Operator = "operator",
        /// It has ended.
        11 Ended = "ended",
        /// What it waits for has expired, and the clock is not to be believed.
        12 ClockHeld = "clock-held",
        /// Its session is another server's.
        13 Elsewhere = "elsewhere",
    }
}

impl ExecutionTarget {
    /// Canonicalises a target as given: missing, empty and the legacy `default` are `sandbox`
    /// (`TGT-1`).
    ///
    /// # Errors
    /// [`UnknownWord`] for anything that is neither of those nor a target.
    pub fn canonical(text: Option<&str>) -> Result<Self, UnknownWord> {
        match text {
            None | Some("" | "default") => Ok(Self::Sandbox),
            Some(other) => other.parse(),
        }
    }
}

impl Surface {
    /// The targets a surface offers; one it does not offer is refused (`TGT-1`).
    #[must_use]
    pub const fn targets(self) -> &'static [ExecutionTarget] {
        match self {
            Self::Desktop => &[ExecutionTarget::Sandbox, ExecutionTarget::Local],
            Self::Browser | Self::Mobile | Self::Web | Self::ProductApi | Self::Worker => {
                &[ExecutionTarget::Sandbox]
            }
        }
    }

    /// The one target a surface's lists show unless asked otherwise; none shows all (`TGT-1`).
    #[must_use]
    pub const fn lists_only(self) -> Option<ExecutionTarget> {
        match self {
            Self::Web | Self::Worker => Some(ExecutionTarget::Sandbox),
            Self::Desktop | Self::Browser | Self::Mobile | Self::ProductApi => None,
        }
    }
}

words! {
    /// Where a schedule stands (`RUN-4`).
    ScheduleStatus {
        /// Its entries start when they are due.
        1 Active = "active",
        /// Its entries are held until it is resumed.
        2 Paused = "paused",
        /// None of its entries is left to start; adding one makes it active again.
        3 Completed = "completed",
        /// Given up, with every entry that had not started.
        4 Cancelled = "cancelled",
    }
}

words! {
    /// Where an entry of a schedule stands (`RUN-4`).
    ScheduleEntryStatus {
        /// It is not due, or its schedule is held.
        1 Pending = "pending",
        /// It was due and became a dispatch, which tells from here on.
        2 Dispatched = "dispatched",
        /// It was too late to start it, and its schedule skips what is.
        3 Missed = "missed",
        /// Given up before it was due, or it could not become a dispatch.
        4 Cancelled = "cancelled",
    }
}

words! {
    /// When an entry of a schedule is due.
    ScheduleEntryKind {
        /// At its time, once.
        1 At = "at",
        /// At once, and then by turn: priority and fair share.
        2 Queued = "queued",
    }
}

words! {
    /// What becomes of an entry whose time passed while nothing could start it.
    MissedPolicy {
        /// It starts once, late; how late is recorded.
        1 Run = "run",
        /// It does not start any more.
        2 Skip = "skip",
    }
}

impl ScheduleStatus {
    /// True while entries may still start.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

impl TaskRank {
    /// How a priority ranks: any text that is none of the four, and none, is `normal`.
    #[must_use]
    pub fn of(priority: Option<&str>) -> Self {
        priority.and_then(|text| text.parse().ok()).unwrap_or(Self::Normal)
    }
}

impl DispatchStatus {
    /// True for the four statuses nothing leaves.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Started | Self::Cancelled | Self::Expired)
    }
}

impl Surface {
    /// Whether work can originate there (`DSP-1`); a worker carries out what others asked for.
    #[must_use]
    pub const fn is_origin(self) -> bool {
        match self {
            Self::Browser | Self::Mobile | Self::Desktop | Self::Web | Self::ProductApi => true,
            Self::Worker => false,
        }
    }
}

impl TaskStatus {
    /// True for the two statuses nothing leaves, and for `failed`, which only a retry leaves.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl RunStatus {
    /// True for the three statuses nothing leaves.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl SessionStatus {
    /// True for the three statuses nothing leaves.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl StopReason {
    /// The status a run ends in for this reason; a cap reached is never success (`RUN-2`).
    #[must_use]
    pub const fn status(self) -> RunStatus {
        match self {
            Self::Finished => RunStatus::Completed,
            Self::MaxSteps | Self::Budget | Self::Refused | Self::Failed => RunStatus::Failed,
            Self::Aborted | Self::Superseded => RunStatus::Cancelled,
        }
    }
}

words! {
    /// What a caller may do, as `noun:verb`. A holder may also hold `*` for everything of its tenant,
    /// `noun:*` or `*:verb`.
    Scope {
        /// See sessions.
        1 SessionsRead = "sessions:read",
        /// Open and end sessions.
        2 SessionsWrite = "sessions:write",
        /// See runs and follow them to their end.
        3 RunsRead = "runs:read",
        /// Submit, pause, resume and cancel runs.
        4 RunsWrite = "runs:write",
        /// See steps, also those in doubt.
        5 StepsRead = "steps:read",
        /// Settle steps in doubt.
        6 StepsResolve = "steps:resolve",
        /// See approvals.
        7 ApprovalsRead = "approvals:read",
        /// Decide approvals; who may decide which one is the approval's.
        8 ApprovalsDecide = "approvals:decide",
        /// Read, follow and export the journals of sessions.
        9 JournalsRead = "journals:read",
        /// See artifacts.
        10 ArtifactsRead = "artifacts:read",
        /// See agents and their definitions.
        11 AgentsRead = "agents:read",
        /// Register versions of agents.
        12 AgentsWrite = "agents:write",
        /// See which intents are served.
        13 IntentsRead = "intents:read",
        /// See principals and what they may do.
        14 PrincipalsRead = "principals:read",
        /// Make, change and disable principals.
        15 PrincipalsAdmin = "principals:admin",
        /// Make, see and revoke API keys.
        16 KeysAdmin = "keys:admin",
        /// See the server's figures.
        17 ServerRead = "server:read",
        /// See the tenant itself.
        18 TenantsRead = "tenants:read",
        /// Make and see every tenant of the server: for its operator, and in no pattern, `*` neither.
        19 TenantsAdmin = "tenants:admin",
        /// See projects.
        20 ProjectsRead = "projects:read",
        /// Make projects.
        21 ProjectsWrite = "projects:write",
        /// See workspaces.
        22 WorkspacesRead = "workspaces:read",
        /// Make workspaces and say how they stand.
        23 WorkspacesWrite = "workspaces:write",
        /// See which secrets there are; no scope shows one.
        24 SecretsRead = "secrets:read",
        /// Set and delete secrets.
        25 SecretsWrite = "secrets:write",
        /// See the policy, and try it.
        26 PolicyRead = "policy:read",
        /// Set the policy.
        27 PolicyAdmin = "policy:admin",
        /// See dispatches, and check a dispatch context.
        28 DispatchesRead = "dispatches:read",
        /// Dispatch work, and give dispatches up.
        29 DispatchesWrite = "dispatches:write",
        /// See handoffs.
        30 HandoffsRead = "handoffs:read",
        /// Offer, withdraw, accept and decline handoffs; whose each is decides what it allows.
        31 HandoffsWrite = "handoffs:write",
        /// Offer and withdraw handoffs of anybody's sessions and go on in a session that was handed
        /// over; nothing for a key that is bound to a product.
        32 HandoffsAdmin = "handoffs:admin",
        /// Move sessions to another server, and take them from one.
        33 SessionsTransfer = "sessions:transfer",
        /// See executors.
        40 ExecutorsRead = "executors:read",
        /// Register and revoke executors.
        41 ExecutorsAdmin = "executors:admin",
        /// Claim remote dispatches as an executor, and answer them.
        42 ExecutorsWork = "executors:work",
        /// See schedules and their entries.
        50 SchedulesRead = "schedules:read",
        /// Make, change, pause, resume and cancel schedules and their entries.
        51 SchedulesWrite = "schedules:write",
    }
}

words! {
    /// What an executor is trusted with (`TGT-2`).
    ExecutorKind {
        /// A user's own machine: serves `local` work of that user.
        1 Desktop = "desktop",
        /// Serves the `sandbox`.
        2 Worker = "worker",
    }
}

impl ExecutorKind {
    /// The one target it serves.
    #[must_use]
    pub const fn target(self) -> ExecutionTarget {
        match self {
            Self::Desktop => ExecutionTarget::Local,
            Self::Worker => ExecutionTarget::Sandbox,
        }
    }
}

words! {
    /// Why an executor does not have its work any more.
    ReleaseCause {
        /// No heartbeat came in time.
        1 LeaseLost = "lease-lost",
        /// It gave the work back before it began.
        2 GivenBack = "given-back",
        /// It is trusted no more.
        3 Revoked = "revoked",
    }
}

words! {
    /// How far a session is on its way to another server (`HND-2`).
    TransferStatus {
        /// The receiver may accept; here everything goes on.
        1 Offered = "offered",
        /// The offer was taken back.
        2 Withdrawn = "withdrawn",
        /// It is the receiver's; here nothing goes on.
        3 Released = "released",
        /// It came here.
        4 Received = "received",
    }
}

words! {
    /// What an executor is to do with what it claimed.
    ClaimDirective {
        /// Start it, or give it back.
        1 Start = "start",
        /// It has started and its turn has not come: keep it by heartbeats.
        2 Wait = "wait",
        /// Do the work.
        3 Work = "work",
        /// Stop the work and say what became of it: its run is to end.
        4 Stop = "stop",
    }
}

words! {
    /// What a policy decides about (`POL-1`).
    PolicyAction {
        /// A tool call, or a handler's substep, with a side effect.
        1 Call = "call",
        /// A run is submitted.
        2 Run = "run",
        /// Work is sent to a product.
        3 Dispatch = "dispatch",
        /// An approval is decided.
        4 Decide = "decide",
        /// A session is offered to another product.
        5 Handoff = "handoff",
    }
}

words! {
    /// Whether a principal may act.
    PrincipalStatus {
        /// It may.
        1 Active = "active",
        /// It may not, whatever keys or tokens it has.
        2 Disabled = "disabled",
    }
}

words! {
    /// Where a workspace lies (`WSP-1`).
    WorkspaceKind {
        /// On a machine of the runtime's.
        1 Cloud = "cloud",
        /// A worktree of a repository.
        2 Worktree = "worktree",
        /// On the user's own machine.
        3 Local = "local",
    }
}

words! {
    /// Whether a workspace can be used (`WSP-1`).
    WorkspaceStatus {
        /// It is being made.
        1 Provisioning = "provisioning",
        /// It can be used.
        2 Ready = "ready",
        /// It could not be made, or broke.
        3 Error = "error",
    }
}

words! {
    /// What a row of a store without owners is (`TEN-2`).
    LegacyKind {
        /// A project.
        1 Project = "project",
        /// A workspace.
        2 Workspace = "workspace",
        /// An agent.
        3 Agent = "agent",
        /// A chat or code thread.
        4 Session = "session",
        /// An artifact.
        5 Artifact = "artifact",
    }
}

words! {
    /// Where a row of a migration stands (`TEN-2`).
    RowStanding {
        /// Nothing was decided about it yet.
        1 Pending = "pending",
        /// Its tenant is decided; it is being made there.
        2 Assigned = "assigned",
        /// It is in its tenant.
        3 Backfilled = "backfilled",
        /// Its owner could not be found.
        4 Quarantined = "quarantined",
        /// Somebody gave it up.
        5 Discarded = "discarded",
    }
}

words! {
    /// Why a row was set aside (`TEN-2`).
    QuarantineCause {
        /// It names no user.
        1 NoUser = "no-user",
        /// Nobody said anything about its user.
        2 UnknownUser = "unknown-user",
        /// Its user has no default tenant.
        3 NoDefaultTenant = "no-default-tenant",
        /// It refers to a row that is not in the file.
        4 ReferenceMissing = "reference-missing",
        /// It refers to a row that is set aside.
        5 ReferenceQuarantined = "reference-quarantined",
        /// It refers to a row that was given up.
        6 ReferenceDiscarded = "reference-discarded",
        /// It refers to a row of another tenant.
        7 CrossesTenants = "crosses-tenants",
        /// Its tenant refused it.
        8 Refused = "refused",
    }
}

words! {
    /// Whether a migration is over (`TEN-2`).
    MigrationStatus {
        /// Rows come in.
        1 Running = "running",
        /// No row comes in any more.
        2 Finished = "finished",
    }
}

words! {
    /// What a policy says (`POL-1`).
    PolicyEffect {
        /// It may happen.
        1 Permit = "permit",
        /// Somebody decides first.
        2 Ask = "ask",
        /// It may not happen.
        3 Deny = "deny",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tgt_1_missing_empty_and_default_are_sandbox() {
        for given in [None, Some(""), Some("default"), Some("sandbox")] {
            assert_eq!(ExecutionTarget::canonical(given), Ok(ExecutionTarget::Sandbox));
        }
        assert_eq!(ExecutionTarget::canonical(Some("local")), Ok(ExecutionTarget::Local));
        let told = ExecutionTarget::canonical(Some("cloud")).unwrap_err().to_string();
        assert_eq!(told, "`cloud` is not a ExecutionTarget; expected one of sandbox, local");
    }

    #[test]
    fn tgt_1_only_desktop_offers_local_and_web_and_worker_list_the_sandbox() {
        for surface in Surface::ALL {
            assert!(surface.targets().contains(&ExecutionTarget::Sandbox), "{surface}");
            let local = surface.targets().contains(&ExecutionTarget::Local);
            assert_eq!(local, *surface == Surface::Desktop, "{surface}");
            let narrow = matches!(surface, Surface::Web | Surface::Worker);
            assert_eq!(surface.lists_only(), narrow.then_some(ExecutionTarget::Sandbox));
        }
    }

    #[test]
    fn tsk_1_any_priority_ranks_and_what_nobody_knows_is_normal() {
        let given =
            [Some("urgent"), Some("high"), Some("soonish"), None, Some("normal"), Some("low")];
        use TaskRank::{High, Low, Normal, Urgent};
        assert_eq!(given.map(TaskRank::of), [Urgent, High, Normal, Normal, Normal, Low]);
        assert!(Urgent < High && High < Normal && Normal < Low);
    }

    #[test]
    fn run_2_a_cap_reached_is_never_success() {
        for reason in StopReason::ALL {
            let completed = reason.status() == RunStatus::Completed;
            assert_eq!(completed, *reason == StopReason::Finished, "{reason}");
        }
    }
}
