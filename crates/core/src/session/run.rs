//! What a session knows of one of its runs.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{
    CallNoted, CallSite, CallVerdict, Pins, RunLimits, ScheduledBy, StopReceipt, Usage, Work,
};
use tenure_contract::words::{
    ApprovalStatus, CallRefusal, ErrorClass, InputPolicy, LossCause, RecoveryClass, RunStatus,
    StepKind, StopReason, Trigger,
};
use tenure_contract::{ApprovalId, Digest, EventId, PolicyVersion, RunId, StepId, TaskId, Time};

/// A run. While it lives it has progress; once ended, an ending.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Run {
    /// The run.
    #[n(0)]
    pub id: RunId,
    /// The run it is nested in.
    #[n(1)]
    pub parent: Option<RunId>,
    /// The task it executes.
    #[n(2)]
    pub task: Option<TaskId>,
    /// What it executes.
    #[n(3)]
    pub work: Work,
    /// What made it begin.
    #[n(4)]
    pub trigger: Trigger,
    /// The policy applied on arrival.
    #[n(5)]
    pub policy: InputPolicy,
    /// Its hard limits; an approved budget raises them.
    #[n(6)]
    pub limits: RunLimits,
    /// Digest of the request, when it carried a key.
    #[n(7)]
    pub request: Option<Digest>,
    /// Where it stands.
    #[n(8)]
    pub status: RunStatus,
    /// When it was submitted.
    #[n(9)]
    pub created_at: Time,
    /// When it started.
    #[n(10)]
    pub started_at: Option<Time>,
    /// The entry that submitted it; its input is beside it.
    #[n(11)]
    pub submitted_seq: u64,
    /// That entry's id.
    #[n(12)]
    pub submitted_event: EventId,
    /// What it used so far.
    #[n(13)]
    pub usage: Usage,
    /// How far it is, or how it ended.
    #[n(14)]
    pub stage: Stage,
    /// Whether it reads and joins chat memory.
    #[n(15)]
    pub memory: bool,
    /// Who may decide its approvals.
    #[n(16)]
    pub approvers: Vec<String>,
    /// Which try of its task it is.
    #[n(17)]
    pub attempt: u32,
    /// Digest of its agent's tools.
    #[n(18)]
    pub tools: Option<Digest>,
    /// Its agent's model.
    #[n(19)]
    pub model: Option<String>,
    /// The version of the policy that assessed its last turn.
    #[n(20)]
    pub policy_version: Option<String>,
    /// The schedule's entry that started it.
    #[n(22)]
    pub scheduled: Option<ScheduledBy>,
}

/// How far a run is, or how it ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Stage {
    /// Not ended.
    #[n(0)]
    Live(#[n(0)] Box<Progress>),
    /// Ended.
    #[n(1)]
    Ended(#[n(0)] Ending),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Ending {
    /// Why.
    #[n(0)]
    pub stop_reason: StopReason,
    /// When.
    #[n(1)]
    pub at: Time,
    /// The entry that ended it; its output, if it has a body, is beside it.
    #[n(2)]
    pub seq: u64,
    /// The entry of its last turn; an agent's answer is beside it.
    #[n(3)]
    pub last_turn_seq: Option<u64>,
    /// Whose failure, for a failed run.
    #[n(4)]
    pub error_class: Option<ErrorClass>,
    /// The error's code.
    #[n(5)]
    pub error_code: Option<String>,
    /// What became of its effects.
    #[n(6)]
    pub receipt: Option<StopReceipt>,
    /// Turns it took.
    #[n(7)]
    pub turns: u32,
    /// The entry its error is beside.
    #[n(8)]
    pub error_seq: Option<u64>,
    /// What was said in an agent's run, in order.
    #[n(9)]
    pub said: Vec<Said>,
}

/// Something said in an agent's run, by the entry whose body holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Said {
    /// The task, or input given while it ran.
    #[n(0)]
    Input(#[n(0)] u64),
    /// The model's message.
    #[n(1)]
    Turn(#[n(0)] u64),
    /// What a call came to.
    #[n(2)]
    Result {
        /// The turn's entry.
        #[n(0)]
        turn_seq: u64,
        /// The call's place in the turn.
        #[n(1)]
        index: u32,
        /// What became of it.
        #[n(2)]
        outcome: CallOutcome,
    },
}

/// How far a living run is.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Progress {
    /// Steps that are intended, to be retried, or in doubt.
    #[n(0)]
    pub open: BTreeMap<StepId, OpenStep>,
    /// A handler's substeps by name (`INT-6`).
    #[n(1)]
    pub memo: BTreeMap<String, Memo>,
    /// An agent's turns.
    #[n(2)]
    pub turns: Vec<Turn>,
    /// Input given while it runs, waiting for the next model call: entries.
    #[n(3)]
    pub steered: Vec<u64>,
    /// An end was asked for.
    #[n(4)]
    pub cancel: Option<Cancelling>,
    /// Somebody halted it.
    #[n(5)]
    pub halted: bool,
    /// The open request for more budget.
    #[n(6)]
    pub budget_asked: Option<ApprovalId>,
    /// More budget was asked for and not given.
    #[n(7)]
    pub budget_denied: bool,
    /// A model call failed for good: whose failure, and the entry.
    #[n(8)]
    pub model_failed: Option<(ErrorClass, u64)>,
    /// Steps that never started or were stopped, for the receipt.
    #[n(9)]
    pub stopped: u64,
    /// Children ended with it.
    #[n(10)]
    pub children_ended: u64,
    /// True once chat memory was saved for this run.
    #[n(11)]
    pub memory_saved: bool,
    /// True when policy refused the run itself.
    #[n(12)]
    pub refused: bool,
    /// A handler's substeps that somebody decides about before they begin, by name (`POL-1`).
    #[n(65)]
    #[cbor(default)]
    pub asked_steps: BTreeMap<String, AskedStep>,
}

/// A substep that somebody decides about before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AskedStep {
    /// The approval.
    #[n(0)]
    pub approval: ApprovalId,
    /// What it is.
    #[n(1)]
    pub kind: StepKind,
    /// Digest of its inputs.
    #[n(2)]
    pub input: Digest,
    /// The version of the policy that asked.
    #[n(3)]
    pub policy: PolicyVersion,
    /// Where the approval stands.
    #[n(4)]
    pub status: ApprovalStatus,
    /// The entry with somebody's decision.
    #[n(5)]
    pub decided_seq: Option<u64>,
}

/// An end was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cancelling {
    /// `aborted` or `superseded`.
    #[n(0)]
    pub stop_reason: StopReason,
    /// Steps that landed or failed since.
    #[n(1)]
    pub landed_after: u64,
}

/// A step that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpenStep {
    /// The tool's, substep's or model's name.
    #[n(0)]
    pub name: String,
    /// What it is.
    #[n(1)]
    pub kind: StepKind,
    /// What may be done again.
    #[n(2)]
    pub class: RecoveryClass,
    /// The attempt under way, from 1.
    #[n(3)]
    pub attempt: u32,
    /// Its time limit, milliseconds.
    #[n(4)]
    pub timeout_ms: u64,
    /// The turn or call it performs.
    #[n(5)]
    pub site: Option<CallSite>,
    /// Whether the tool can be asked.
    #[n(6)]
    pub has_lookup: bool,
    /// How it stands.
    #[n(7)]
    pub stand: Stand,
    /// When its intent was decided.
    #[n(8)]
    pub since: Time,
    /// The approval whose decision carries edited arguments, if any: that entry.
    #[n(9)]
    pub edited_seq: Option<u64>,
    /// How an earlier attempt was lost: it may have happened, whatever a later one says.
    #[n(10)]
    pub lost: Option<LossCause>,
    /// The entry with which the attempt under way began: its intent, or its next attempt.
    #[n(11)]
    pub begun_seq: u64,
}

/// How an open step stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Stand {
    /// Intended: the effect is to be, or is being, performed.
    #[n(0)]
    Intended,
    /// Failed for a reason that may pass; the next attempt is due then.
    #[n(1)]
    RetryAt(#[n(0)] Time),
    /// In doubt.
    #[n(2)]
    InDoubt(#[n(0)] Doubt),
}

/// A step in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Doubt {
    /// How it was lost.
    #[n(0)]
    pub cause: LossCause,
    /// Until then the old request may still be travelling.
    #[n(1)]
    pub travelling_until: Time,
    /// Since when.
    #[n(2)]
    pub since: Time,
    /// The run.
    #[n(3)]
    pub run: RunId,
}

/// An attempt of a model call that was lost, or given up with its run, before anything was charged
/// for it: should it turn out to have cost tokens, they are owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Unbilled {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The model step.
    #[n(1)]
    pub step: StepId,
    /// The attempt.
    #[n(2)]
    pub attempt: u32,
}

/// A handler's substep by name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Memo {
    /// The step.
    #[n(0)]
    pub step: StepId,
    /// Digest of its inputs.
    #[n(1)]
    pub input: Digest,
    /// The entry with its result; none while it is open.
    #[n(2)]
    pub result_seq: Option<u64>,
    /// True when the result is a failure.
    #[n(3)]
    pub failed: bool,
}

/// One turn of an agent: a model call and the calls it asked for.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Turn {
    /// The model step.
    #[n(0)]
    pub step: StepId,
    /// The entry that holds the model's message; none while the call is open.
    #[n(1)]
    pub seq: Option<u64>,
    /// The calls it asked for.
    #[n(2)]
    pub calls: Vec<Call>,
    /// Input that was given to the run before this turn: entries.
    #[n(3)]
    pub steered: Vec<u64>,
    /// The version of the policy that assessed its calls.
    #[n(4)]
    pub policy: PolicyVersion,
}

/// One call of a turn.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Call {
    /// As it was assessed.
    #[n(0)]
    pub noted: CallNoted,
    /// What became of it.
    #[n(1)]
    pub outcome: CallOutcome,
    /// The version of the policy its verdict is from; none once its arguments were edited after it.
    #[n(2)]
    pub policy: Option<PolicyVersion>,
}

impl Call {
    /// Whether policy has a say in it: it has a side effect, and is no question.
    #[must_use]
    pub fn is_policed(&self) -> bool {
        self.noted.class != RecoveryClass::Read
            && !matches!(self.noted.verdict, CallVerdict::AskHuman { .. })
    }

    /// Whether its step could begin, as far as its verdict and its approval go.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match self.outcome {
            CallOutcome::Approved { .. } => true,
            CallOutcome::Open => self.noted.verdict == CallVerdict::Permit,
            _ => false,
        }
    }

    /// Whether it must be assessed again before its step begins: its verdict is from another policy
    /// than the one in force, or its arguments were edited since (`APR-3`, `APR-4`).
    #[must_use]
    pub fn needs_assessment(&self, in_force: PolicyVersion) -> bool {
        self.is_ready() && self.is_policed() && self.policy != Some(in_force)
    }
}

/// What became of a call; an entry is named by its `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum CallOutcome {
    /// Nothing yet.
    #[n(0)]
    Open,
    /// Waiting for a decision.
    #[n(1)]
    Asked(#[n(0)] ApprovalId),
    /// Approved, its step not yet intended.
    #[n(2)]
    Approved {
        /// The approval.
        #[n(0)]
        approval: ApprovalId,
        /// The decision's entry, when it carries edited arguments.
        #[n(1)]
        edited_seq: Option<u64>,
    },
    /// Its step is open.
    #[n(3)]
    Performing(#[n(0)] StepId),
    /// Landed in that entry.
    #[n(4)]
    Landed(#[n(0)] u64),
    /// Failed in that entry.
    #[n(5)]
    Failed(#[n(0)] u64),
    /// Refused; the model is told why.
    #[n(6)]
    Refused(#[n(0)] CallRefusal),
    /// Denied in that entry.
    #[n(7)]
    Denied(#[n(0)] u64),
    /// A person answered in that entry.
    #[n(8)]
    Answered(#[n(0)] u64),
    /// In doubt when its run ended.
    #[n(9)]
    Doubtful,
    /// Never started.
    #[n(10)]
    Cancelled,
}

impl CallOutcome {
    /// True once the model can be told.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Open | Self::Asked(_) | Self::Approved { .. } | Self::Performing(_) => false,
            Self::Landed(_)
            | Self::Failed(_)
            | Self::Refused(_)
            | Self::Denied(_)
            | Self::Answered(_)
            | Self::Doubtful
            | Self::Cancelled => true,
        }
    }
}

impl Run {
    /// How far it is, while it lives.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        match &self.stage {
            Stage::Live(progress) => Some(progress),
            Stage::Ended(_) => None,
        }
    }
    pub(crate) fn progress_mut(&mut self) -> Option<&mut Progress> {
        match &mut self.stage {
            Stage::Live(progress) => Some(progress),
            Stage::Ended(_) => None,
        }
    }
    /// How it ended, once it has.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        match &self.stage {
            Stage::Live(_) => None,
            Stage::Ended(ending) => Some(ending),
        }
    }
    /// What was said in an agent's run, in the order the model reads it.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        let turns = match &self.stage {
            Stage::Live(progress) => &progress.turns,
            Stage::Ended(ending) => return ending.said.clone(),
        };
        let mut said = vec![Said::Input(self.submitted_seq)];
        for turn in turns {
            said.extend(turn.steered.iter().copied().map(Said::Input));
            let Some(turn_seq) = turn.seq else { continue };
            said.push(Said::Turn(turn_seq));
            let results = (0u32..).zip(&turn.calls).map(|(index, call)| Said::Result {
                turn_seq,
                index,
                outcome: call.outcome,
            });
            said.extend(results);
        }
        said
    }

    /// What it works with, by version (`CKP-1`).
    #[must_use]
    pub fn pins(&self) -> Pins {
        let agent = match &self.work {
            Work::Agent { version, name, .. } => Some(format!("{name}@{version}")),
            Work::Intent { .. } => None,
        };
        let (tools, model) = (self.tools, self.model.clone());
        Pins { agent, tools, policy: self.policy_version.clone(), model }
    }

    /// The agent's name, or the intent's type.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.work {
            Work::Agent { name, .. } => name,
            Work::Intent { intent_type, .. } => intent_type,
        }
    }

    /// True for an agent's run.
    #[must_use]
    pub const fn is_agent(&self) -> bool {
        matches!(self.work, Work::Agent { .. })
    }
}

impl Progress {
    /// True while at least one step is in doubt.
    #[must_use]
    pub fn has_doubt(&self) -> bool {
        self.open.values().any(|step| matches!(step.stand, Stand::InDoubt(_)))
    }
    /// True while at least one effect may be under way or due.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.open.values().any(|step| !matches!(step.stand, Stand::InDoubt(_)))
    }
    /// The substep an approval is about, if it is about one that has not begun.
    #[must_use]
    pub fn asked_step(&self, approval: ApprovalId) -> Option<(&String, &AskedStep)> {
        self.asked_steps.iter().find(|(_, asked)| asked.approval == approval)
    }
    /// The approvals its calls, its substeps and its budget wait for.
    pub fn asked(&self) -> impl Iterator<Item = ApprovalId> + '_ {
        let calls = self.turns.last().into_iter().flat_map(|turn| &turn.calls);
        calls
            .filter_map(|call| match call.outcome {
                CallOutcome::Asked(approval) => Some(approval),
                _ => None,
            })
            .chain(
                self.asked_steps
                    .values()
                    .filter(|asked| asked.status == ApprovalStatus::Requested)
                    .map(|asked| asked.approval),
            )
            .chain(self.budget_asked)
    }
}
