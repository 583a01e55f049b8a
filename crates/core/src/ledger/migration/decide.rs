//! Deciding: whose a row is, what may be said about it, when a migration is over.

use super::{Migration, Migrations, Row, Standing, no_row};
use crate::command::{Draft, DraftBody};
use crate::ledger::entry;
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{
    LegacyFacts, LegacyRef, MigrationBegun, MigrationFinished, MigrationRowsMoved,
    MigrationRowsRead, MigrationUsersMapped, RowMove, UserMapped,
};
use tenure_contract::words::{QuarantineCause, RowStanding};
use tenure_contract::{Code, Error, MigrationId, TenantId, limits};

/// What is asked about migrations.
#[derive(Debug, Clone, PartialEq)]
pub enum MigrationCommand {
    /// Begin one; the same file under the same id is nothing new.
    Begin(Box<Beginning>),
    /// Say which tenants are whose.
    MapUsers(MigrationUsersMapped),
    /// Decide about the next rows.
    Sweep {
        /// The migration.
        migration: MigrationId,
        /// Rows at the most that may be on their way then.
        limit: usize,
    },
    /// Assign a row, and what it refers to, to the tenant that asks for it: if it is that tenant's.
    Bring {
        /// The migration.
        migration: MigrationId,
        /// The row.
        row: LegacyRef,
        /// Who asks.
        tenant: TenantId,
    },
    /// Say what became of assigned rows; what is known of a row already is nothing new.
    Settle {
        /// The migration.
        migration: MigrationId,
        /// The rows, each with its outcome.
        outcomes: Vec<(u64, Outcome)>,
    },
    /// Give a row in quarantine its owner.
    Assign {
        /// The migration.
        migration: MigrationId,
        /// The row.
        row: LegacyRef,
        /// Whose it is.
        tenant: TenantId,
        /// The user it is for; its own when none is named.
        user: Option<String>,
        /// Why.
        reason: String,
    },
    /// Give a row in quarantine up.
    Discard {
        /// The migration.
        migration: MigrationId,
        /// The row.
        row: LegacyRef,
        /// Why.
        reason: String,
    },
    /// Let no row come in any more.
    Finish(MigrationId),
}

/// A migration that is to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// How.
    pub begun: MigrationBegun,
    /// The users the file names.
    pub users: Vec<UserMapped>,
    /// Its rows by the entries they go to; their lines are the bodies of writes, in that order.
    pub chunks: Vec<Vec<LegacyFacts>>,
}

/// What became of a row in the tenant it was assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, under that id.
    Made(String),
    /// The tenant does not take it, now or later, and nothing of it is there.
    Refused(String),
}

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Of(TenantId),
    Nobodys(QuarantineCause),
    /// Something it refers to is to be decided about first.
    Later,
}

type Decided = Result<Vec<Draft>, Error>;

impl Migrations {
    pub(in crate::ledger) fn decide(&self, command: &MigrationCommand) -> Decided {
        match command {
            MigrationCommand::Begin(beginning) => self.begin(beginning),
            MigrationCommand::MapUsers(wanted) => self.running(wanted.migration)?.map_users(wanted),
            MigrationCommand::Sweep { migration, limit } => {
                Ok(self.running(*migration)?.sweep(*limit))
            }
            MigrationCommand::Bring { migration, row, tenant } => {
                let known = self.get(*migration).map_err(|_| no_row(row))?;
                known.bring(row, *tenant)
            }
            MigrationCommand::Settle { migration, outcomes } => {
                Ok(self.get(*migration)?.settle(outcomes))
            }
            MigrationCommand::Assign { migration, row, tenant, user, reason } => {
                self.running(*migration)?.assign(row, *tenant, user.as_ref(), reason)
            }
            MigrationCommand::Discard { migration, row, reason } => {
                let known = self.running(*migration)?;
                let (number, _) = known.in_quarantine(row, "given up")?;
                Ok(known.by_hand(RowMove { to: RowStanding::Discarded, ..of(number) }, reason))
            }
            MigrationCommand::Finish(id) => self.get(*id)?.finish(),
        }
    }

    fn begin(&self, beginning: &Beginning) -> Decided {
        let Beginning { begun, users, chunks } = beginning;
        if let Some(known) = self.known.get(&begun.migration) {
            if known.begun == *begun {
                return Ok(Vec::new());
            }
            let told = format!(
                "migration `{}` was begun under this key with another file; use another key",
                begun.migration
            );
            return Err(Error::new(Code::KeyConflict, told).about(begun.migration));
        }
        if self.known.len() >= limits::MIGRATIONS_MAX {
            let told = format!(
                "this server has {} migrations, the limit MIGRATIONS_MAX; no more are taken",
                self.known.len()
            );
            return Err(Error::new(Code::LimitReached, told));
        }
        let migration = begun.migration;
        let mut drafts = vec![entry(begun.clone(), DraftBody::None)];
        for users in users.chunks(limits::MIGRATION_ENTRY_ROWS) {
            let mapped = MigrationUsersMapped { migration, users: users.to_vec(), reason: None };
            drafts.push(entry(mapped, DraftBody::None));
        }
        let mut first = 0;
        for (body, rows) in (0..).zip(chunks) {
            let read = MigrationRowsRead { migration, first, rows: rows.clone() };
            first += rows.len() as u64;
            drafts.push(entry(read, DraftBody::Write(body)));
        }
        Ok(drafts)
    }

    fn running(&self, id: MigrationId) -> Result<&Migration, Error> {
        let known = self.get(id)?;
        if known.finished.is_none() {
            return Ok(known);
        }
        let told = format!("migration `{id}` is finished; rows that are left need another one");
        Err(Error::new(Code::IllegalTransition, told).about(id))
    }
}

impl Migration {
    fn map_users(&self, wanted: &MigrationUsersMapped) -> Decided {
        let new = |mapped: &&UserMapped| self.users.get(&mapped.user) != Some(&mapped.tenant);
        let users: Vec<UserMapped> = wanted.users.iter().filter(new).cloned().collect();
        for mapped in &users {
            if let Some(row) = self.gone_elsewhere(mapped) {
                let told = format!(
                    "row `{}` of user `{}` went to another tenant already; its user's others go there too, or are assigned one by one",
                    row.named, mapped.user
                );
                return Err(Error::new(Code::IllegalTransition, told).about(&mapped.user));
            }
        }
        let fresh = users.iter().filter(|mapped| !self.users.contains_key(&mapped.user)).count();
        if self.users.len() + fresh > limits::MIGRATION_USERS_MAX {
            let told = format!(
                "this migration knows {} users; the limit MIGRATION_USERS_MAX is {}",
                self.users.len(),
                limits::MIGRATION_USERS_MAX
            );
            return Err(Error::new(Code::LimitReached, told));
        }
        if users.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![entry(MigrationUsersMapped { users, ..wanted.clone() }, DraftBody::None)])
    }

    /// A row that went where its user's mapping said, which is to say something else now.
    fn gone_elsewhere(&self, mapped: &UserMapped) -> Option<&Row> {
        self.rows.iter().find(|row| {
            let is_theirs = row.user.as_ref() == Some(&mapped.user) && row.given_to.is_none();
            is_theirs && row.standing.tenant().is_some_and(|tenant| Some(tenant) != mapped.tenant)
        })
    }

    /// Decides about rows in the order of the file, so that what a row refers to is decided before it.
    fn sweep(&self, limit: usize) -> Vec<Draft> {
        let room = limit.saturating_sub(self.assigned.len());
        let mut verdicts = BTreeMap::new();
        let mut moves = Vec::new();
        for number in self.pending.iter().copied().take(room) {
            let Some(row) = self.at(number) else { continue };
            let verdict = self.whose(row, &verdicts);
            verdicts.insert(number, verdict);
            moves.extend(moving(number, verdict));
        }
        self.moved(moves, None)
    }

    fn bring(&self, named: &LegacyRef, tenant: TenantId) -> Decided {
        let (number, row) = self.row(named)?;
        if let Standing::Backfilled { tenant: of, .. } = &row.standing {
            return if *of == tenant { Ok(Vec::new()) } else { Err(no_row(named)) };
        }
        if self.finished.is_some() {
            return Err(no_row(named));
        }
        let needed = self.with_what_it_needs(number);
        let mut verdicts = BTreeMap::new();
        let mut moves = Vec::new();
        for number in &needed {
            let row = self.at(*number).ok_or_else(|| no_row(named))?;
            let verdict = match &row.standing {
                Standing::Pending => self.whose(row, &verdicts),
                Standing::Assigned(tenant) => Verdict::Of(*tenant),
                _ => Verdict::Later,
            };
            if verdict != Verdict::Of(tenant) {
                return Err(no_row(named));
            }
            verdicts.insert(*number, verdict);
            if row.standing == Standing::Pending {
                moves.extend(moving(*number, verdict));
            }
        }
        if needed.len() > limits::MIGRATION_BATCH_ROWS {
            let told = format!(
                "row `{named}` needs {} others that are not here yet, more than MIGRATION_BATCH_ROWS, {}; they come with the sweep",
                needed.len() - 1,
                limits::MIGRATION_BATCH_ROWS
            );
            return Err(Error::new(Code::LimitReached, told).about(named));
        }
        Ok(self.moved(moves, None))
    }

    /// Whose a row is, by what stands in it and what was said; `verdicts` are those of rows before it that
    /// nobody wrote down yet.
    fn whose(&self, row: &Row, verdicts: &BTreeMap<u64, Verdict>) -> Verdict {
        use QuarantineCause as Cause;
        let owner = match (row.given_to, &row.user) {
            (Some(tenant), Some(_)) => Ok(tenant),
            (_, None) => Err(Cause::NoUser),
            (None, Some(user)) => match self.users.get(user) {
                None => Err(Cause::UnknownUser),
                Some(None) => Err(Cause::NoDefaultTenant),
                Some(Some(tenant)) => Ok(*tenant),
            },
        };
        let tenant = match owner {
            Ok(tenant) => tenant,
            Err(cause) => return Verdict::Nobodys(cause),
        };
        for number in &row.refs {
            let found = number.and_then(|number| Some((number, self.at(number)?)));
            let Some((number, referred)) = found else {
                return Verdict::Nobodys(Cause::ReferenceMissing);
            };
            let of = match &referred.standing {
                Standing::Pending => verdicts.get(&number).copied().unwrap_or(Verdict::Later),
                Standing::Assigned(tenant) | Standing::Backfilled { tenant, .. } => {
                    Verdict::Of(*tenant)
                }
                Standing::Quarantined { .. } => Verdict::Nobodys(Cause::ReferenceQuarantined),
                Standing::Discarded => Verdict::Nobodys(Cause::ReferenceDiscarded),
            };
            match of {
                Verdict::Of(of) if of == tenant => {}
                Verdict::Of(_) => return Verdict::Nobodys(Cause::CrossesTenants),
                Verdict::Nobodys(Cause::ReferenceDiscarded) => return of,
                Verdict::Nobodys(_) => return Verdict::Nobodys(Cause::ReferenceQuarantined),
                Verdict::Later => return Verdict::Later,
            }
        }
        Verdict::Of(tenant)
    }

    /// What refers to a row its tenant refused goes aside with it: it was not made, for it is made after.
    fn settle(&self, outcomes: &[(u64, Outcome)]) -> Vec<Draft> {
        let known = outcomes.iter().filter(|(number, _)| self.assigned.contains(number));
        let moves = known.map(|(number, outcome)| match outcome {
            Outcome::Made(id) => {
                RowMove { to: RowStanding::Backfilled, id: Some(id.clone()), ..of(*number) }
            }
            Outcome::Refused(told) => RowMove {
                to: RowStanding::Quarantined,
                cause: Some(QuarantineCause::Refused),
                told: Some(told.clone()),
                ..of(*number)
            },
        });
        let mut moves: Vec<RowMove> = moves.collect();
        let settled: BTreeSet<u64> = moves.iter().map(|moved| moved.row).collect();
        let refused = moves.iter().filter(|moved| moved.to == RowStanding::Quarantined);
        let mut aside: BTreeSet<u64> = refused.map(|moved| moved.row).collect();
        if aside.is_empty() {
            return self.moved(moves, None);
        }
        for number in self.assigned.difference(&settled) {
            let refers = self.at(*number).is_some_and(|row| {
                row.refs.iter().flatten().any(|referred| aside.contains(referred))
            });
            if refers {
                aside.insert(*number);
                moves.extend(moving(
                    *number,
                    Verdict::Nobodys(QuarantineCause::ReferenceQuarantined),
                ));
            }
        }
        self.moved(moves, None)
    }

    fn assign(
        &self,
        named: &LegacyRef,
        tenant: TenantId,
        user: Option<&String>,
        reason: &str,
    ) -> Decided {
        let (number, row) = self.in_quarantine(named, "assigned")?;
        if user.or(row.user.as_ref()).is_none() {
            let told = format!("row `{named}` names no user; name one in `userId`");
            return Err(Error::new(Code::InvalidArgument, told).about(named));
        }
        let given = RowMove { tenant: Some(tenant), user: user.cloned(), ..of(number) };
        Ok(self.by_hand(given, reason))
    }

    fn in_quarantine(&self, named: &LegacyRef, what: &str) -> Result<(u64, &Row), Error> {
        let (number, row) = self.row(named)?;
        if matches!(row.standing, Standing::Quarantined { .. }) {
            return Ok((number, row));
        }
        let told = format!(
            "row `{named}` is {} and cannot be {what}; only a row in quarantine can",
            row.standing.word()
        );
        Err(Error::new(Code::IllegalTransition, told).about(named))
    }

    fn finish(&self) -> Decided {
        if self.finished.is_some() {
            return Ok(Vec::new());
        }
        let migration = self.begun.migration;
        if self.open() > 0 {
            let told = format!(
                "migration `{migration}` has {} rows that are neither in their tenant nor in quarantine; run it first",
                self.open()
            );
            return Err(Error::new(Code::IllegalTransition, told).about(migration));
        }
        let finished = MigrationFinished { migration, report: self.report() };
        Ok(vec![entry(finished, DraftBody::None)])
    }

    fn by_hand(&self, moved: RowMove, reason: &str) -> Vec<Draft> {
        self.moved(vec![moved], Some(reason.to_owned()))
    }

    fn moved(&self, moves: Vec<RowMove>, reason: Option<String>) -> Vec<Draft> {
        if moves.is_empty() {
            return Vec::new();
        }
        let migration = self.begun.migration;
        vec![entry(MigrationRowsMoved { migration, moves, reason }, DraftBody::None)]
    }
}

fn moving(number: u64, verdict: Verdict) -> Option<RowMove> {
    match verdict {
        Verdict::Of(tenant) => {
            Some(RowMove { to: RowStanding::Assigned, tenant: Some(tenant), ..of(number) })
        }
        Verdict::Nobodys(cause) => {
            Some(RowMove { to: RowStanding::Quarantined, cause: Some(cause), ..of(number) })
        }
        Verdict::Later => None,
    }
}

const fn of(row: u64) -> RowMove {
    RowMove {
        row,
        to: RowStanding::Pending,
        tenant: None,
        user: None,
        id: None,
        cause: None,
        told: None,
    }
}
