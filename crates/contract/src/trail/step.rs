//! Where a step stands: its attempts, its doubts and who settled them, its digests.

use super::Deed;
use crate::event::{CallNoted, CallSite, CallVerdict, TokensUsed};
use crate::words::{ErrorClass, LossCause, RecoveryClass, Resolution, StepKind, StepStatus};
use crate::{ApprovalId, Digest, PolicyVersion, RunId, StepId, Time};
use serde::{Deserialize, Serialize};

/// A step at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepTold {
    /// The step.
    pub id: StepId,
    /// The run.
    pub run: RunId,
    /// The tool's or substep's name; the model's for a model call.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// What may be done again after a loss.
    pub class: RecoveryClass,
    /// The turn, for a model call; the call, for a tool's.
    pub site: Option<CallSite>,
    /// Where it stands.
    pub status: StepStatus,
    /// The entry it began with.
    pub begun: Deed,
    /// Digest of its inputs.
    pub input: Digest,
    /// The approval it used up.
    pub approval: Option<ApprovalId>,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptTold>,
    /// When it was settled.
    pub settled_at: Option<Time>,
    /// Digest of its result, or of its failure.
    pub result: Option<Digest>,
    /// Entries with answers that came too late.
    pub late: Vec<u64>,
    /// What the model asked for, for a turn that landed.
    pub calls: Vec<CallNoted>,
    /// How calls of the turn were assessed again, in order.
    pub assessed: Vec<AssessmentTold>,
    /// The version of the policy that refused it before it began.
    pub refused_by: Option<PolicyVersion>,
    /// What its model calls cost, failed attempts included.
    pub tokens: TokensUsed,
}

/// That a call was assessed again at its execution (`APR-4`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessmentTold {
    /// The entry.
    pub deed: Deed,
    /// The call's place in the turn, from 0.
    pub index: u32,
    /// What is to be done with it since then.
    pub verdict: CallVerdict,
    /// The version of the policy that says so.
    pub policy: PolicyVersion,
}

/// One attempt of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptTold {
    /// Its number, from 1.
    pub attempt: u32,
    /// The entry it began with.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What became of the one before, when that is why there is this one.
    pub cause: Option<LossCause>,
    /// How it failed.
    pub failed: Option<FailureTold>,
    /// That it was in doubt.
    pub doubt: Option<DoubtTold>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureTold {
    /// The entry.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Whose failure it is.
    pub class: ErrorClass,
    /// When the next attempt was due; none when this was the last.
    pub retry_at: Option<Time>,
    /// How it was lost, when whether it happened is not known.
    pub lost: Option<LossCause>,
}

/// That an attempt was in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoubtTold {
    /// The entry.
    pub seq: u64,
    /// Since when.
    pub since: Time,
    /// How it was lost.
    pub cause: LossCause,
    /// Until then the old request might still have been travelling.
    pub travelling_until: Time,
    /// How the doubt ended.
    pub resolved: Option<ResolutionTold>,
}

/// How a doubt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolutionTold {
    /// Who settled it.
    pub deed: Deed,
    /// How.
    pub resolution: Resolution,
    /// True when the tool's own look-up said so.
    pub by_lookup: bool,
    /// Why, when a person did.
    pub reason: Option<String>,
}
