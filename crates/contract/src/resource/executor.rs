//! Executors, and what they say of the dispatches they claim (`DSP-2`, `TGT-1`, `TGT-2`).

use super::{Dispatch, Run};
use crate::words::{ClaimDirective, ExecutorKind, PrincipalStatus};
use crate::{DispatchId, ExecutorId, RunId, StepId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Register an executor; the same again is the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterExecutor {
    /// What a person calls it.
    pub name: String,
    /// `desktop` serves the `local` work of its user, `worker` the `sandbox`.
    pub kind: ExecutorKind,
    /// Whom it authenticates as, as `kind:name`; the caller when absent.
    #[serde(default)]
    pub principal: Option<String>,
    /// The user it is trusted for; a desktop needs one, a worker without one serves every user.
    #[serde(default)]
    pub user_id: Option<String>,
}

/// An executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Executor {
    /// The executor.
    pub executor_id: ExecutorId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What a person calls it.
    pub name: String,
    /// What it serves.
    pub kind: ExecutorKind,
    /// Whom it authenticates as, as `kind:name`.
    pub principal: String,
    /// The user it is trusted for.
    pub user_id: Option<String>,
    /// Whether it may claim; `disabled` once revoked.
    pub status: PrincipalStatus,
    /// When it was registered.
    pub created_at: Time,
}

/// Ask for the most urgent remote dispatch an executor may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimDispatch {
    /// The executor; it authenticates as the caller.
    pub executor_id: ExecutorId,
    /// How long to wait for one, milliseconds; not at all when absent.
    #[serde(default)]
    pub wait_ms: Option<u64>,
    /// How long one heartbeat keeps it, milliseconds; thirty seconds when absent.
    #[serde(default)]
    pub lease_ms: Option<u64>,
}

/// What asking for work came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// The dispatch; null when there was none in that time.
    pub claimed: Option<ClaimedDispatch>,
}

/// A dispatch an executor has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedDispatch {
    /// The dispatch, with its payload.
    pub dispatch: Dispatch,
    /// How its claim stands.
    pub standing: ClaimStanding,
}

/// How a claim stands and what its executor is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimStanding {
    /// The dispatch.
    pub dispatch_id: DispatchId,
    /// Who has it.
    pub executor_id: ExecutorId,
    /// The fencing token: everything the executor says names it.
    pub claim: u64,
    /// How long one heartbeat keeps it, milliseconds.
    pub lease_ms: u64,
    /// Until when it is kept without another heartbeat.
    pub lease_until: Time,
    /// What to do now.
    pub directive: ClaimDirective,
    /// Its run, once there is one.
    pub run_id: Option<RunId>,
    /// The step to be performed, once it is intended: the idempotency key for what it does outside
    /// (`STP-3`).
    pub step_id: Option<StepId>,
}

/// What an executor says of a claim it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseClaim {
    /// The fencing token.
    pub claim: u64,
}

/// An executor has done the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompleteDispatch {
    /// The fencing token.
    pub claim: u64,
    /// What came out.
    #[serde(default)]
    pub output: Value,
}

/// An executor could not do the work, and knows that nothing of it is under way any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailDispatch {
    /// The fencing token.
    pub claim: u64,
    /// Why.
    pub message: String,
    /// True when another attempt may help; work of class `once` is not tried again.
    #[serde(default)]
    pub retryable: bool,
}

/// What became of an executor's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// False when it came too late: it is journaled and changes nothing.
    pub counts: bool,
    /// The run as it stands.
    pub run: Run,
}
