//! Schedules: entries that start runs when they are due (`RUN-4`).

use super::{DispatchWork, Waiting};
use crate::words::{
    DispatchMode, DispatchStatus, InputPolicy, MissedPolicy, ScheduleEntryKind,
    ScheduleEntryStatus, ScheduleStatus,
};
use crate::{DispatchId, RunId, ScheduleId, SessionId, TaskId, TenantId, Time};
use serde::de::Error as _;
use serde::de::value::StringDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Make a schedule, with its entries or without any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSchedule {
    /// Must equal the caller's when given (`TEN-1`).
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The product its runs are for; the caller's, or `tenure`, when nothing is said.
    #[serde(default)]
    pub product_id: Option<String>,
    /// The human or service they are for; the caller when nothing is said.
    #[serde(default)]
    pub user_id: Option<String>,
    /// What a person calls it.
    pub title: String,
    /// The session its runs belong to; when absent each entry has a new one, which ends with the run.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// What entries do that do not say it themselves.
    #[serde(default)]
    pub work: Option<DispatchWork>,
    /// What entries are given that do not say it themselves: an intent's parameters, or an agent's
    /// task as `{"task": "…"}`.
    #[serde(default)]
    pub payload: Value,
    /// The priority of entries that do not say one themselves.
    #[serde(default)]
    pub priority: Option<String>,
    /// What becomes of an entry while another run of the session is in progress; the session's policy
    /// when absent.
    #[serde(default)]
    pub input_policy: Option<InputPolicy>,
    /// Where the tools of sessions made for entries execute: `sandbox` or `local`.
    #[serde(default)]
    pub execution_target: Option<String>,
    /// Who may decide approvals of sessions made for entries, as `kind:name`.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// What becomes of entries whose time passes while the server is down or the schedule paused; `run`
    /// when nothing is said.
    #[serde(default)]
    pub missed_policy: Option<MissedPolicy>,
    /// Its first entries.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub entries: Vec<AddScheduleEntry>,
}

/// Add an entry to a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddScheduleEntry {
    /// What makes it due. The run is this server's: remote dispatches are not scheduled, they have `notBefore`.
    #[serde(deserialize_with = "schedulable")]
    pub kind: ScheduleEntryKind,
    /// When; for kind `at` alone, and a time to come.
    #[serde(default)]
    pub at: Option<Time>,
    /// What is to be done; the schedule's when absent.
    #[serde(default)]
    pub work: Option<DispatchWork>,
    /// What it is given; the schedule's when absent.
    #[serde(default)]
    pub payload: Value,
    /// `urgent`, `high`, `normal` or `low`, anything else counts as `normal`; the schedule's when absent.
    #[serde(default)]
    pub priority: Option<String>,
    /// The task it is a try of; it must be one of the schedule's session.
    #[serde(default)]
    pub task_id: Option<TaskId>,
}

/// A kind of entry; what is dispatched to executors is none, and is told how it waits for its time.
fn schedulable<'de, D: Deserializer<'de>>(d: D) -> Result<ScheduleEntryKind, D::Error> {
    let text = String::deserialize(d)?;
    if text == DispatchMode::Remote.as_str() {
        let told = "remote dispatches are not scheduled: expected `at` or `queued`, or send the dispatch itself, of mode `remote` and with `notBefore`, to `/v1/dispatches`";
        return Err(D::Error::custom(told));
    }
    ScheduleEntryKind::deserialize(StringDeserializer::new(text))
}

/// Change a schedule; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeSchedule {
    /// What a person calls it.
    #[serde(default)]
    pub title: Option<String>,
    /// What becomes of entries that are missed from now on.
    #[serde(default)]
    pub missed_policy: Option<MissedPolicy>,
}

/// Have a pending entry be due at another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveScheduleEntry {
    /// When; a time to come.
    pub at: Time,
}

/// Give a schedule, or one of its entries, up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelSchedule {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A schedule with its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The product its runs are for.
    pub product_id: String,
    /// The human or service they are for.
    pub user_id: String,
    /// What a person calls it.
    pub title: String,
    /// The session its runs belong to; none when each entry has a new one.
    pub session_id: Option<SessionId>,
    /// What becomes of entries whose time passed while nothing could start them.
    pub missed_policy: MissedPolicy,
    /// Where it stands.
    pub status: ScheduleStatus,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// Its entries by number; null once it ended so long ago that only the list knows it.
    pub entries: Option<Vec<ScheduleEntry>>,
    /// When it was made.
    pub created_at: Time,
    /// When it, or one of its entries, last changed.
    pub updated_at: Time,
}

/// An entry of a schedule: it starts at most one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleEntry {
    /// Its number in the schedule, from 1.
    pub entry: u32,
    /// What makes it due.
    pub kind: ScheduleEntryKind,
    /// When it is, or was, due; null for a queued one.
    pub at: Option<Time>,
    /// What is to be done, with the version that was pinned.
    pub work: DispatchWork,
    /// What it is given; null once erased.
    pub payload: Value,
    /// Its priority, as it was written.
    pub priority: Option<String>,
    /// Its task.
    pub task_id: Option<TaskId>,
    /// Where it stands.
    pub status: ScheduleEntryStatus,
    /// Why it was cancelled or missed, or why its dispatch came to no run.
    pub reason: Option<String>,
    /// How late it was when it became a dispatch or was missed, milliseconds; null before.
    pub late_ms: Option<u64>,
    /// The dispatch it became.
    pub dispatch_id: Option<DispatchId>,
    /// Where that stands.
    pub dispatch_status: Option<DispatchStatus>,
    /// The session its run belongs to, once that is known.
    pub session_id: Option<SessionId>,
    /// Its run, once the dispatch started.
    pub run_id: Option<RunId>,
    /// Why it has not started (`RUN-5`).
    pub waiting_for: Option<Waiting>,
    /// When it was added.
    pub created_at: Time,
    /// When it became a dispatch, was missed or given up.
    pub settled_at: Option<Time>,
}

/// A schedule as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSummary {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The product its runs are for.
    pub product_id: String,
    /// The human or service they are for.
    pub user_id: String,
    /// What a person calls it.
    pub title: String,
    /// The session its runs belong to; none when each entry has a new one.
    pub session_id: Option<SessionId>,
    /// What becomes of entries whose time passed while nothing could start them.
    pub missed_policy: MissedPolicy,
    /// Where it stands.
    pub status: ScheduleStatus,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it, or one of its entries, last changed.
    pub updated_at: Time,
}
