//! Events of a step and of a turn.

use crate::words::{
    CallRefusal, ErrorClass, LossCause, RecoveryClass, Resolution, RiskLevel, StepKind,
};
use crate::{ApprovalId, Digest, PolicyVersion, RunId, StepId, Time};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Which call of which turn a tool step performs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct CallSite {
    /// The turn, from 1.
    #[n(0)]
    pub turn: u32,
    /// The call's place in the turn, from 0.
    #[n(1)]
    pub index: u32,
}

/// A step with an outside effect is about to begin (`STP-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepIntended {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step; its text is the idempotency key of all attempts (`STP-3`).
    #[n(1)]
    pub step: StepId,
    /// The tool's or substep's name; the model's for a model call.
    #[n(2)]
    pub name: String,
    /// What it is.
    #[n(3)]
    pub kind: StepKind,
    /// What may be done again after a loss.
    #[n(4)]
    pub class: RecoveryClass,
    /// Digest of the inputs; the same name with another one is a divergence (`INT-6`).
    #[n(5)]
    pub input: Digest,
    /// The turn, for a model call; the call, for a tool's.
    #[n(6)]
    pub site: Option<CallSite>,
    /// The call's time limit, milliseconds.
    #[n(7)]
    pub timeout_ms: u64,
    /// The approval this intent consumes (`APR-4`).
    #[n(8)]
    pub approval: Option<ApprovalId>,
    /// True when the tool can be asked whether a lost call landed (`STP-2`).
    #[n(9)]
    pub has_lookup: bool,
    /// The version of the policy that let it begin; none for what policy has no say in: a model
    /// call, or a `read`.
    #[n(10)]
    pub policy: Option<PolicyVersion>,
}

/// A step is tried again under the same key; every attempt is charged.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepAttempted {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// This attempt, from 2.
    #[n(2)]
    pub attempt: u32,
    /// What became of the one before; none when an operator asked for the retry.
    #[n(3)]
    pub cause: Option<LossCause>,
}

/// A step's result is committed (`STP-4`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepLanded {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that answered.
    #[n(2)]
    pub attempt: u32,
}

/// A step failed. With `retry_at` another attempt follows; without, the failure is its result.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepFailed {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that failed.
    #[n(2)]
    pub attempt: u32,
    /// Whose failure it is.
    #[n(3)]
    pub class: ErrorClass,
    /// When the next attempt is due.
    #[n(4)]
    pub retry_at: Option<Time>,
    /// Tokens charged for the failed attempt, read and written.
    #[n(5)]
    pub tokens: Option<TokensUsed>,
    /// How the attempt was lost, when whether it happened is not known.
    #[n(6)]
    pub lost: Option<LossCause>,
}

/// Tokens of one model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TokensUsed {
    /// Read by the model.
    #[n(0)]
    pub input: u64,
    /// Written by the model.
    #[n(1)]
    pub output: u64,
}

/// The request may have left and no answer is committed (`STP-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepInDoubt {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that was lost.
    #[n(2)]
    pub attempt: u32,
    /// How it was lost.
    #[n(3)]
    pub cause: LossCause,
    /// Until then the old request may still be travelling, and `did-not-happen` and `retry` are
    /// refused.
    #[n(4)]
    pub travelling_until: Time,
}

/// An in-doubt step was settled; a result, when one is known, is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepResolved {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// How.
    #[n(2)]
    pub resolution: Resolution,
    /// True when the tool's own look-up said so, false when a person did.
    #[n(3)]
    pub by_lookup: bool,
    /// Why, when a person did.
    #[n(4)]
    pub reason: Option<String>,
}

/// An answer came after the step was settled; it changes nothing. The answer is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepLate {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that answered late.
    #[n(2)]
    pub attempt: u32,
}

/// An attempt of a model call that nobody waited for any more cost tokens after all: it was lost,
/// or given up with its run, and nothing had been charged for it. They count in the usage of its
/// run and of every run above, whether these have ended or not; nothing else changes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepCharged {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The model step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that cost them.
    #[n(2)]
    pub attempt: u32,
    /// What it cost.
    #[n(3)]
    pub tokens: TokensUsed,
}

/// A `read` step: it may be repeated, so one entry says it all.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepRecorded {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The substep's name.
    #[n(2)]
    pub name: String,
    /// What it is.
    #[n(3)]
    pub kind: StepKind,
    /// Digest of the inputs.
    #[n(4)]
    pub input: Digest,
    /// True when the body is a failure.
    #[n(5)]
    pub failed: bool,
}

/// A step that never started was given up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepCancelled {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
}

/// Policy refused a handler's substep before it began (`POL-1`); it is the substep's result.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepRefused {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The step.
    #[n(1)]
    pub step: StepId,
    /// The substep's name.
    #[n(2)]
    pub name: String,
    /// What it is.
    #[n(3)]
    pub kind: StepKind,
    /// What could have been done again after a loss.
    #[n(4)]
    pub class: RecoveryClass,
    /// Digest of the inputs.
    #[n(5)]
    pub input: Digest,
    /// The version of the policy that refused it.
    #[n(6)]
    pub policy: PolicyVersion,
}

/// A handler's substep waits for an approval (`POL-1`); what is asked stands in the approval's entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StepAsked {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The approval.
    #[n(1)]
    pub approval: ApprovalId,
    /// The substep's name.
    #[n(2)]
    pub name: String,
    /// What it is.
    #[n(3)]
    pub kind: StepKind,
    /// Digest of the inputs; the same name with another one is a divergence (`INT-6`).
    #[n(4)]
    pub input: Digest,
    /// The version of the policy that asks.
    #[n(5)]
    pub policy: PolicyVersion,
}

/// A call was assessed again at its execution (`APR-4`): the policy had changed since its verdict
/// or approval, or an approver had edited its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct CallAssessed {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The call.
    #[n(1)]
    pub site: CallSite,
    /// What is to be done with it now.
    #[n(2)]
    pub verdict: CallVerdict,
    /// The version of the policy that assessed it.
    #[n(3)]
    pub policy: PolicyVersion,
}

/// A call the model asked for, as it was assessed when the turn landed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct CallNoted {
    /// The model's id for the call.
    #[n(0)]
    pub call_id: String,
    /// The tool it named.
    #[n(1)]
    pub tool: String,
    /// Digest of the exact action (`APR-3`); zero when the call is refused as malformed.
    #[n(2)]
    pub action: Digest,
    /// What is to be done with it.
    #[n(3)]
    pub verdict: CallVerdict,
    /// What may be done again after a loss.
    #[n(4)]
    pub class: RecoveryClass,
    /// The call's time limit, milliseconds.
    #[n(5)]
    pub timeout_ms: u64,
    /// True when the tool can be asked whether a lost call landed.
    #[n(6)]
    pub has_lookup: bool,
}

/// What policy and validation said of a call.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum CallVerdict {
    /// It may run.
    #[n(0)]
    Permit,
    /// It needs a decision first.
    #[n(1)]
    Ask {
        /// How much harm it could do.
        #[n(0)]
        risk: RiskLevel,
        /// What a person reads.
        #[n(1)]
        label: String,
        /// Who may decide, as `kind:name`; empty means those the run names.
        #[n(2)]
        approvers: Vec<String>,
        /// True when a decision needs a reason.
        #[n(3)]
        needs_reason: bool,
    },
    /// It is refused and the model is told.
    #[n(2)]
    Refuse {
        /// Why.
        #[n(0)]
        why: CallRefusal,
    },
    /// It asks a human; the answer is its result.
    #[n(3)]
    AskHuman {
        /// What a person reads.
        #[n(0)]
        label: String,
    },
}

/// A model call's turn is committed; the model's message is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TurnLanded {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The model step.
    #[n(1)]
    pub step: StepId,
    /// The attempt that answered.
    #[n(2)]
    pub attempt: u32,
    /// The calls it asked for, in its order; none means the model is done.
    #[n(3)]
    pub calls: Vec<CallNoted>,
    /// What it cost.
    #[n(4)]
    pub tokens: TokensUsed,
    /// The version of the policy that assessed the calls.
    #[n(5)]
    pub policy: PolicyVersion,
}
