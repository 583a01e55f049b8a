//! Events of a schedule and its entries: entries of the tenant's ledger (`RUN-4`).

use super::DispatchReceived;
use crate::words::{MissedPolicy, ScheduleEntryKind, ScheduleEntryStatus, ScheduleStatus};
use crate::{Digest, DispatchId, ScheduleId, SessionId, Time};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A schedule was made; what its entries do unless they say otherwise is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleCreated {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// The product its runs are for.
    #[n(1)]
    pub product: String,
    /// The human or service they are for.
    #[n(2)]
    pub user: String,
    /// What a person calls it.
    #[n(3)]
    pub title: String,
    /// The session its runs belong to; a new one for each entry when it names none.
    #[n(4)]
    pub session: Option<SessionId>,
    /// What becomes of entries whose time passed while nothing could start them.
    #[n(5)]
    pub missed: MissedPolicy,
    /// Digest of the request, when it carried a key.
    #[n(6)]
    pub request: Option<Digest>,
}

/// A schedule changed; what is not said stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleChanged {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// Its new title.
    #[n(1)]
    pub title: Option<String>,
    /// What becomes of missed entries from now on.
    #[n(2)]
    pub missed: Option<MissedPolicy>,
}

/// A schedule changed its status.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleMoved {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// Its status now.
    #[n(1)]
    pub status: ScheduleStatus,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}

/// A schedule has another entry; what it is given is the body. Names are resolved and ids derived by
/// now, so that starting it later decides nothing anew but what policy says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleEntryAdded {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// The entry's number in it, from 1.
    #[n(1)]
    pub entry: u32,
    /// What makes it due.
    #[n(2)]
    pub kind: ScheduleEntryKind,
    /// When it is due; none for a queued one.
    #[n(3)]
    pub at: Option<Time>,
    /// The dispatch it becomes; when that runs out, and the policy's version, are said when it does.
    #[n(4)]
    pub becomes: Box<DispatchReceived>,
}

/// An entry of a schedule is due at another time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleEntryMoved {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// The entry.
    #[n(1)]
    pub entry: u32,
    /// When it is due.
    #[n(2)]
    pub at: Time,
}

/// An entry of a schedule was due and becomes a dispatch, in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleEntryDispatched {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// The entry.
    #[n(1)]
    pub entry: u32,
    /// The dispatch.
    #[n(2)]
    pub dispatch: DispatchId,
    /// When it was due; none for a queued one.
    #[n(3)]
    pub due_at: Option<Time>,
    /// How much later than that it became one, milliseconds.
    #[n(4)]
    pub late_ms: u64,
}

/// An entry of a schedule was missed or given up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleEntryClosed {
    /// The schedule.
    #[n(0)]
    pub schedule: ScheduleId,
    /// The entry.
    #[n(1)]
    pub entry: u32,
    /// `missed` or `cancelled`.
    #[n(2)]
    pub status: ScheduleEntryStatus,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
    /// How late it was, milliseconds; 0 when it was not due.
    #[n(4)]
    pub late_ms: u64,
}
