//! Steps: see them, settle those in doubt.

use crate::words::{RecoveryClass, Resolution, StepKind, StepStatus};
use crate::{ApprovalId, RunId, SessionId, StepId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A step, as the journal tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The step; also its idempotency key.
    pub step_id: StepId,
    /// Its run.
    pub run_id: RunId,
    /// The tool's, substep's or model's name.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// What may be done again after a loss.
    pub class: RecoveryClass,
    /// Where it stands.
    pub status: StepStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// The approval it consumed.
    pub approval_id: Option<ApprovalId>,
    /// Until then `did-not-happen` and `retry` are refused, for a step in doubt.
    pub travelling_until: Option<Time>,
    /// When its intent was decided.
    pub created_at: Time,
    /// When it was settled.
    pub completed_at: Option<Time>,
    /// Its result or error.
    pub result: Option<Value>,
    /// The entry that began it.
    pub seq: u64,
}

/// Settle a step in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveStep {
    /// `landed`, `did-not-happen` or `retry`.
    pub resolution: Resolution,
    /// The result, for `landed`.
    #[serde(default)]
    pub result: Option<Value>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A step in doubt as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoubtSummary {
    /// The step.
    pub step_id: StepId,
    /// Its run.
    pub run_id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// `in-doubt`, or how it was resolved.
    pub status: String,
    /// How it was lost.
    pub cause: Option<String>,
    /// Until then `did-not-happen` and `retry` are refused.
    pub travelling_until: Option<Time>,
    /// When it was lost.
    pub created_at: Time,
}
