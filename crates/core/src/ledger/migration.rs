//! Migrations from a store without owners, as the operator's ledger folds them (`TEN-2`).
//!
//! Which tenant a row belongs to follows from its user, the tenant the operator mapped that user to, and the
//! rows it refers to, which must be of the same tenant. Nothing is guessed: what does not follow is set aside,
//! with its cause. A row is assigned to its tenant here before anything is made there, so that whatever happens in
//! between, it is made in no other one.

mod apply;
mod decide;
mod read;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use decide::{Beginning, MigrationCommand, Outcome};
pub use read::{Chunk, Reading, read};

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{CauseReport, KindReport, LegacyRef, MigrationBegun, MigrationReport};
use tenure_contract::words::{LegacyKind, QuarantineCause, RowStanding};
use tenure_contract::{Digest, Error, MigrationId, TenantId, Time};

/// The migrations of a server, in its own tenant's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Migrations {
    #[n(0)]
    known: BTreeMap<MigrationId, Migration>,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Migration {
    /// How it was begun.
    #[n(0)]
    pub begun: MigrationBegun,
    /// When that was.
    #[n(1)]
    pub begun_at: Time,
    /// Users of the old store and their default tenants.
    #[n(2)]
    pub users: BTreeMap<String, Option<TenantId>>,
    /// Its rows, in the order of the file.
    #[n(3)]
    pub rows: Vec<Row>,
    /// Rows nothing was decided about.
    #[n(4)]
    pub pending: BTreeSet<u64>,
    /// Rows that are being made in their tenants.
    #[n(5)]
    pub assigned: BTreeSet<u64>,
    /// When it was finished, and what had become of its rows.
    #[n(6)]
    pub finished: Option<(Time, MigrationReport)>,
    #[n(7)]
    places: BTreeMap<LegacyRef, u64>,
}

/// A row of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Row {
    /// What it is and was called.
    #[n(0)]
    pub named: LegacyRef,
    /// Whose it was.
    #[n(1)]
    pub user: Option<String>,
    /// The rows it refers to; none for one that is not in the file.
    #[n(2)]
    pub refs: Vec<Option<u64>>,
    /// Whose it is by the operator's word.
    #[n(3)]
    pub given_to: Option<TenantId>,
    /// Where it stands.
    #[n(4)]
    pub standing: Standing,
    /// The entry its line is beside.
    #[n(5)]
    pub seq: u64,
    /// Which line of those it is.
    #[n(6)]
    pub line: u64,
}

/// Where a row stands, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// Nothing was decided about it.
    #[n(0)]
    Pending,
    /// It is being made in that tenant, and in no other.
    #[n(1)]
    Assigned(#[n(0)] TenantId),
    /// It is there.
    #[n(2)]
    Backfilled {
        /// The tenant.
        #[n(0)]
        tenant: TenantId,
        /// Its id.
        #[n(1)]
        id: String,
    },
    /// It was set aside.
    #[n(3)]
    Quarantined {
        /// Why.
        #[n(0)]
        cause: QuarantineCause,
        /// What its tenant said, if that refused it.
        #[n(1)]
        told: Option<String>,
    },
    /// Somebody gave it up.
    #[n(4)]
    Discarded,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn word(&self) -> RowStanding {
        match self {
            Self::Pending => RowStanding::Pending,
            Self::Assigned(_) => RowStanding::Assigned,
            Self::Backfilled { .. } => RowStanding::Backfilled,
            Self::Quarantined { .. } => RowStanding::Quarantined,
            Self::Discarded => RowStanding::Discarded,
        }
    }

    /// The tenant it is in or goes to.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Assigned(tenant) | Self::Backfilled { tenant, .. } => Some(*tenant),
            Self::Pending | Self::Quarantined { .. } | Self::Discarded => None,
        }
    }
}

impl Migrations {
    /// A migration.
    ///
    /// # Errors
    /// `not-found`.
    pub fn get(&self, id: MigrationId) -> Result<&Migration, Error> {
        self.known.get(&id).ok_or_else(|| Error::not_found("migration", id))
    }

    /// All of them, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Migration> {
        let mut all: Vec<_> = self.known.values().collect();
        all.sort_by_key(|known| std::cmp::Reverse(known.begun_at));
        all.into_iter()
    }
}

impl Migration {
    /// A row by what it was called, with its number.
    ///
    /// # Errors
    /// `not-found`, in the words for a row that never was.
    pub fn row(&self, named: &LegacyRef) -> Result<(u64, &Row), Error> {
        let number = self.places.get(named).copied();
        let found = number.and_then(|number| Some((number, self.at(number)?)));
        found.ok_or_else(|| no_row(named))
    }

    /// A row by its number.
    #[must_use]
    pub fn at(&self, number: u64) -> Option<&Row> {
        self.rows.get(usize::try_from(number).ok()?)
    }

    /// The row and what it refers to, as far as that is not in its tenant yet: what has to be brought in for the
    /// row to be, in that order.
    #[must_use]
    pub fn with_what_it_needs(&self, number: u64) -> Vec<u64> {
        let (mut needed, mut look) = (BTreeSet::new(), vec![number]);
        while let Some(number) = look.pop() {
            let Some(row) = self.at(number) else { continue };
            let is_there = matches!(row.standing, Standing::Backfilled { .. });
            if !is_there && needed.insert(number) {
                look.extend(row.refs.iter().flatten());
            }
        }
        needed.into_iter().collect()
    }

    /// Rows that are neither in their tenant, nor set aside, nor given up.
    #[must_use]
    pub fn open(&self) -> u64 {
        (self.pending.len() + self.assigned.len()) as u64
    }

    /// What became of the rows so far.
    #[must_use]
    pub fn report(&self) -> MigrationReport {
        let mut kinds: BTreeMap<LegacyKind, KindReport> = BTreeMap::new();
        let mut causes: BTreeMap<QuarantineCause, u64> = BTreeMap::new();
        for row in &self.rows {
            let kind = row.named.kind;
            let nothing = KindReport {
                kind,
                pending: 0,
                assigned: 0,
                backfilled: 0,
                quarantined: 0,
                discarded: 0,
            };
            let told = kinds.entry(kind).or_insert(nothing);
            *match &row.standing {
                Standing::Pending => &mut told.pending,
                Standing::Assigned(_) => &mut told.assigned,
                Standing::Backfilled { .. } => &mut told.backfilled,
                Standing::Quarantined { cause, .. } => {
                    *causes.entry(*cause).or_default() += 1;
                    &mut told.quarantined
                }
                Standing::Discarded => &mut told.discarded,
            } += 1;
        }
        let quarantine = causes.into_iter().map(|(cause, rows)| CauseReport { cause, rows });
        MigrationReport { kinds: kinds.into_values().collect(), quarantine: quarantine.collect() }
    }
}

/// To whom a row does not belong it is not there, nor is its migration (`TEN-1`).
#[must_use]
pub fn no_row(named: &LegacyRef) -> Error {
    Error::not_found("legacy row", named)
}

/// The id a row has in its tenant: always the same one for the same row, so that it is made there once.
#[must_use]
pub fn id_of(tenant: TenantId, migration: MigrationId, row: &LegacyRef) -> [u8; 16] {
    let kind = [row.kind.number()];
    let parts: [&[u8]; 5] =
        [b"tenure-legacy-row-v1\0", &tenant.bytes(), &migration.bytes(), &kind, row.id.as_bytes()];
    Digest::of(&parts).first_half()
}
