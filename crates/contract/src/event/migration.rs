//! Events of rows that come from a store without owners (`TEN-2`).

use crate::words::{LegacyKind, QuarantineCause, RowStanding};
use crate::{Digest, MigrationId, TenantId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A migration was begun; its rows follow in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationBegun {
    /// The migration.
    #[n(0)]
    pub migration: MigrationId,
    /// What a person calls the store the rows come from.
    #[n(1)]
    pub source: String,
    /// How many rows there are.
    #[n(2)]
    pub rows: u64,
    /// Digest of the file.
    #[n(3)]
    pub digest: Digest,
}

/// Some rows of a migration, in the order of the file; their lines are the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationRowsRead {
    /// The migration.
    #[n(0)]
    pub migration: MigrationId,
    /// The number of the first of them; the first row of all is 0.
    #[n(1)]
    pub first: u64,
    /// What decides about them.
    #[n(2)]
    pub rows: Vec<LegacyFacts>,
}

/// What decides about a row: everything else of it is in the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct LegacyFacts {
    /// What it is, and its id in the old store.
    #[n(0)]
    pub row: LegacyRef,
    /// Whose it was, when that was known.
    #[n(1)]
    pub user: Option<String>,
    /// The rows it refers to.
    #[n(2)]
    pub refs: Vec<LegacyRef>,
}

/// A row by its kind and its id in the old store; ids are unique among a kind. Its text is `kind:id`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct LegacyRef {
    /// What it is.
    #[n(0)]
    pub kind: LegacyKind,
    /// Its id in the old store.
    #[n(1)]
    pub id: String,
}

impl std::fmt::Display for LegacyRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// The operator said which tenant is whose.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationUsersMapped {
    /// The migration.
    #[n(0)]
    pub migration: MigrationId,
    /// Users and their default tenants.
    #[n(1)]
    pub users: Vec<UserMapped>,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}

/// A user of the old store and the tenant that is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct UserMapped {
    /// The user, as the old store names them.
    #[n(0)]
    pub user: String,
    /// Their default tenant; none for one that is known and has none.
    #[n(1)]
    pub tenant: Option<TenantId>,
}

/// Rows moved: to a tenant, aside, back, or away.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationRowsMoved {
    /// The migration.
    #[n(0)]
    pub migration: MigrationId,
    /// The moves, in order.
    #[n(1)]
    pub moves: Vec<RowMove>,
    /// Why, when a person decided it.
    #[n(2)]
    pub reason: Option<String>,
}

/// One row's move.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RowMove {
    /// The row's number.
    #[n(0)]
    pub row: u64,
    /// Where it stands from here on.
    #[n(1)]
    pub to: RowStanding,
    /// Assigned, or given back to be: whose it is.
    #[n(2)]
    pub tenant: Option<TenantId>,
    /// Given an owner by the operator: the user it is for from here on.
    #[n(3)]
    pub user: Option<String>,
    /// Backfilled: its id here, as text.
    #[n(4)]
    pub id: Option<String>,
    /// Quarantined: why.
    #[n(5)]
    pub cause: Option<QuarantineCause>,
    /// Quarantined because its tenant refused it: what that said.
    #[n(6)]
    pub told: Option<String>,
}

/// A migration is over: no row comes in by it any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationFinished {
    /// The migration.
    #[n(0)]
    pub migration: MigrationId,
    /// What became of its rows.
    #[n(1)]
    pub report: MigrationReport,
}

/// What became of the rows of a migration.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MigrationReport {
    /// For every kind there are rows of.
    #[n(0)]
    pub kinds: Vec<KindReport>,
    /// Rows in quarantine, by cause.
    #[n(1)]
    pub quarantine: Vec<CauseReport>,
}

/// The rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, ToSchema)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct KindReport {
    /// The kind.
    #[n(0)]
    pub kind: LegacyKind,
    /// Rows nothing was decided about yet.
    #[n(1)]
    pub pending: u64,
    /// Rows that have a tenant and are not known to be there yet.
    #[n(2)]
    pub assigned: u64,
    /// Rows that are in their tenant.
    #[n(3)]
    pub backfilled: u64,
    /// Rows set aside.
    #[n(4)]
    pub quarantined: u64,
    /// Rows given up.
    #[n(5)]
    pub discarded: u64,
}

/// Rows set aside for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, ToSchema)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct CauseReport {
    /// The cause.
    #[n(0)]
    pub cause: QuarantineCause,
    /// How many.
    #[n(1)]
    pub rows: u64,
}

/// What was made just before came from a store without owners. It stands in the journal of what was
/// made, in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RowBrought {
    /// The migration it came by.
    #[n(0)]
    pub migration: MigrationId,
    /// What it was there.
    #[n(1)]
    pub row: LegacyRef,
    /// The user it was resolved by.
    #[n(2)]
    pub user: String,
    /// Its id here, as text.
    #[n(3)]
    pub id: String,
    /// Of a session: messages of its chat memory, which are the body.
    #[n(4)]
    pub messages: u64,
}
