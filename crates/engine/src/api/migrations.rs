//! Rows of a store without owners come in (`TEN-2`). The core decides whose a row is and what may be said
//! about it; here it is read, and made where it belongs.
//!
//! A migration stands in the ledger of the server's own tenant, `home`. What is made of a row is made in its
//! tenant's own journals, under an id that is always the same: killed anywhere, a row is made once.

mod bring;

use super::lists::{bad_cursor, page_size};
use super::{Engine, Listing, actor, name, not_there};
use crate::resident::Actor;
use crate::seal::Bodies;
use tenure_contract::event::{LegacyRef, MigrationBegun, MigrationUsersMapped, UserMapped};
use tenure_contract::resource::{
    AssignRow, Caller, DiscardRow, LegacyLine, LegacyRow, MapUser, Migration, Page, RunMigration,
};
use tenure_contract::words::{
    LegacyKind, MigrationStatus, QuarantineCause, RowStanding, Scope as Held,
};
use tenure_contract::{Code, Digest, Error, MigrationId, TenantId, limits};
use tenure_core::authority::{self, is_operator};
use tenure_core::ledger::migration::{self, Beginning, MigrationCommand, Row, Standing, no_row};
use tenure_core::ledger::{LedgerCommand, LedgerState};

/// What a list of rows is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsWanted {
    /// Only rows that stand there.
    pub standing: Option<RowStanding>,
    /// Only rows that were set aside for that.
    pub cause: Option<QuarantineCause>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Rows at the most.
    pub limit: Option<usize>,
}

impl Engine {
    /// Begins a migration with a file of rows; only the operator may. The same file under the same key is the same
    /// migration.
    ///
    /// # Errors
    /// `forbidden`; `invalid-argument` naming the line that is none, or a tenant that does not exist;
    /// `key-conflict`, `limit-reached`. Nothing of it is kept then.
    pub async fn begin_migration(
        &self,
        caller: &Caller,
        home: TenantId,
        source: String,
        text: String,
        key: Option<&str>,
    ) -> Result<Migration, Error> {
        operates(caller)?;
        self.admit()?;
        name("the source", &source)?;
        let id = MigrationId::from_bytes(match key {
            Some(key) => self.id_of(home, "migration", key)?,
            None => self.node.fresh_id(),
        });
        let engine = self.clone();
        // a large file takes the processor a while
        let reading =
            tokio::task::spawn_blocking(move || engine.beginning(home, id, source, &text));
        let read = reading.await.map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        let (beginning, bodies) = read?;
        self.command(caller, home, MigrationCommand::Begin(Box::new(beginning)), bodies).await?;
        self.shown_migration(home, id)
    }

    fn beginning(
        &self,
        home: TenantId,
        id: MigrationId,
        source: String,
        text: &str,
    ) -> Result<(Beginning, Bodies), Error> {
        let read = migration::read(text, |line| match line {
            LegacyLine::User(user) => {
                user.tenant_id.map_or(Ok(()), |tenant| self.must_exist(tenant))
            }
            LegacyLine::Agent(row) => self.built(&row.definition).map(drop),
            _ => Ok(()),
        })?;
        let mut bodies = Bodies::default();
        let mut chunks = Vec::new();
        for chunk in read.chunks {
            bodies.writes.push(Some(self.node.seal(home, chunk.lines.as_bytes())?));
            chunks.push(chunk.rows);
        }
        let digest = Digest::of(&[text.as_bytes()]);
        let begun = MigrationBegun { migration: id, source, rows: read.rows, digest };
        Ok((Beginning { begun, users: read.users, chunks }, bodies))
    }

    /// Migrations, the newest first; only the operator sees them.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn migrations(&self, caller: &Caller, home: TenantId) -> Result<Vec<Migration>, Error> {
        operates(caller)?;
        self.with_ledger(home, |state| {
            state.migrations.newest_first().map(|known| shown(home, known)).collect()
        })
    }

    /// A migration, with what became of its rows so far.
    ///
    /// # Errors
    /// `forbidden`, `not-found`.
    pub fn migration(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
    ) -> Result<Migration, Error> {
        operates(caller)?;
        self.shown_migration(home, id)
    }

    /// Says which tenant is a user's. Rows set aside for want of that are decided about anew.
    ///
    /// # Errors
    /// `forbidden`; `not-found`, also for a tenant that does not exist; `illegal-transition` when a row of the user
    /// went elsewhere already, or once it is finished.
    pub async fn map_user(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        request: MapUser,
    ) -> Result<Migration, Error> {
        operates(caller)?;
        name("userId", &request.user_id)?;
        super::reason(request.reason.as_ref())?;
        request.tenant_id.map_or(Ok(()), |tenant| self.must_exist(tenant))?;
        let users = vec![UserMapped { user: request.user_id, tenant: request.tenant_id }];
        let mapped = MigrationUsersMapped { migration: id, users, reason: request.reason };
        self.told(caller, home, id, MigrationCommand::MapUsers(mapped)).await
    }

    /// Decides about the next rows and brings those in that have an owner. What another process was bringing in when it
    /// died comes first.
    ///
    /// # Errors
    /// `forbidden`, `not-found`, `illegal-transition` once it is finished, `draining`, a store's refusal:
    /// what was brought in by then is known.
    pub async fn run_migration(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        request: &RunMigration,
    ) -> Result<Migration, Error> {
        operates(caller)?;
        self.admit()?;
        let most = limits::MIGRATION_BATCH_ROWS;
        let limit = request.max_rows.unwrap_or(most);
        if !(1..=most).contains(&limit) {
            let told = format!("maxRows is {limit}; expected 1 to MIGRATION_BATCH_ROWS, {most}");
            return Err(Error::new(Code::InvalidArgument, told));
        }
        let _one_at_a_time = self.node.migrating.lock().await;
        let sweep = MigrationCommand::Sweep { migration: id, limit };
        self.command(caller, home, sweep, Bodies::default()).await?;
        let rows = self.with_ledger(home, |state| {
            let known = state.migrations.get(id)?;
            Ok::<_, Error>(known.assigned.iter().copied().take(limit).collect())
        })??;
        self.bring_in(home, id, rows).await?;
        self.shown_migration(home, id)
    }

    /// Rows of a migration, in the order of the file.
    ///
    /// # Errors
    /// `forbidden`, `not-found`, `invalid-argument` for a bad cursor or limit.
    pub fn legacy_rows(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        wanted: &RowsWanted,
    ) -> Result<Page<LegacyRow>, Error> {
        operates(caller)?;
        let listing = Listing { limit: wanted.limit, ..Listing::default() };
        let limit = page_size(&listing)?;
        let from = match &wanted.cursor {
            None => 0,
            Some(text) => text.parse::<usize>().map_err(|_| bad_cursor(text))?,
        };
        self.with_ledger(home, |state| {
            let known = state.migrations.get(id)?;
            let fits = |row: &Row| {
                let cause = match &row.standing {
                    Standing::Quarantined { cause, .. } => Some(*cause),
                    _ => None,
                };
                wanted.standing.is_none_or(|word| row.standing.word() == word)
                    && wanted.cause.is_none_or(|wanted| cause == Some(wanted))
            };
            let numbered = (1_usize..).zip(&known.rows).skip(from);
            let mut found = numbered.filter(|(_, row)| fits(row));
            let page: Vec<_> = found.by_ref().take(limit).collect();
            let last = page.last().map(|(number, _)| number.to_string());
            let next_cursor = last.filter(|_| found.next().is_some());
            let items = page.into_iter().map(|(_, row)| shown_row(known, row)).collect();
            Ok(Page { items, next_cursor })
        })?
    }

    /// A row of the caller's tenant by its old name, `kind:id`: brought in there and then if it was not yet. Another
    /// tenant's row is not there, nor is one that nobody's is.
    ///
    /// # Errors
    /// `not-found`; `forbidden` when the caller may not read what it is; `limit-reached` when it needs too many
    /// others.
    pub async fn legacy_row(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        row: &str,
    ) -> Result<LegacyRow, Error> {
        let named = named(row)?;
        let scope = read_scope(named.kind);
        if !authority::holds(&caller.scopes, scope) {
            let told = format!("a row that is a {} asks for the scope `{scope}`", named.kind);
            return Err(Error::new(Code::Forbidden, told).about(&caller.principal));
        }
        if let Some(found) = self.row_of(caller, home, id, &named)? {
            return Ok(found);
        }
        self.admit()?;
        let _one_at_a_time = self.node.migrating.lock().await;
        // who may not have the row must not move the ledger by asking for it
        let bring =
            MigrationCommand::Bring { migration: id, row: named.clone(), tenant: caller.tenant };
        self.commit_in(home, bring, Bodies::default(), &Actor::system()).await?;
        let rows = self.with_ledger(home, |state| {
            let known = state.migrations.get(id)?;
            Ok::<_, Error>(known.with_what_it_needs(known.row(&named)?.0))
        })??;
        self.bring_in(home, id, rows).await?;
        self.row_of(caller, home, id, &named)?.ok_or_else(|| no_row(&named))
    }

    /// The row, if it is in the caller's tenant and the caller may see it.
    fn row_of(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        named: &LegacyRef,
    ) -> Result<Option<LegacyRow>, Error> {
        let found = self.with_ledger(home, |state| {
            let known = state.migrations.get(id).ok()?;
            let (_, row) = known.row(named).ok()?;
            let Standing::Backfilled { tenant, .. } = &row.standing else { return None };
            let session = row.refs.first().copied().flatten().and_then(|number| known.at(number));
            Some((*tenant, shown_row(known, row), session.map(|row| shown_row(known, row))))
        })?;
        let Some((tenant, mut row, session)) = found else { return Ok(None) };
        if tenant != caller.tenant {
            return Err(no_row(named));
        }
        let id = row.id.as_deref().unwrap_or_default();
        let of_session = match named.kind {
            LegacyKind::Session => Some(id),
            LegacyKind::Artifact => session.as_ref().and_then(|row| row.id.as_deref()),
            LegacyKind::Project | LegacyKind::Workspace | LegacyKind::Agent => None,
        };
        if let Some(session) = of_session.and_then(|id| id.parse().ok()) {
            // to a key of one product, another's session is not there (`AUT-1`)
            self.session_of(caller, session).map_err(|why| not_there(why, no_row(named)))?;
        }
        row.location = Some(match named.kind {
            LegacyKind::Project => format!("/v1/projects/{id}"),
            LegacyKind::Workspace => format!("/v1/workspaces/{id}"),
            LegacyKind::Session => format!("/v1/sessions/{id}"),
            LegacyKind::Artifact => {
                format!("/v1/sessions/{}/artifacts", of_session.unwrap_or_default())
            }
            LegacyKind::Agent => {
                let agent = id.parse().ok();
                let named = self.with_ledger(tenant, |state| {
                    let mut agents = state.agents.iter();
                    agents
                        .find(|(_, known)| Some(known.agent) == agent)
                        .map(|(name, _)| name.clone())
                })?;
                format!("/v1/agents/{}", named.unwrap_or_default())
            }
        });
        Ok(Some(row))
    }

    /// Gives a row in quarantine its owner; the next run brings it in.
    ///
    /// # Errors
    /// `forbidden`, `not-found`, `invalid-argument`, `illegal-transition`.
    pub async fn assign_row(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        row: &str,
        request: AssignRow,
    ) -> Result<LegacyRow, Error> {
        operates(caller)?;
        let named = named(row)?;
        said_why(&request.reason)?;
        request.user_id.as_ref().map_or(Ok(()), |user| name("userId", user))?;
        self.must_exist(request.tenant_id)?;
        let command = MigrationCommand::Assign {
            migration: id,
            row: named.clone(),
            tenant: request.tenant_id,
            user: request.user_id,
            reason: request.reason,
        };
        self.told(caller, home, id, command).await?;
        self.row_for_operator(home, id, &named)
    }

    /// Gives a row in quarantine up, for good.
    ///
    /// # Errors
    /// `forbidden`, `not-found`, `invalid-argument`, `illegal-transition`.
    pub async fn discard_row(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        row: &str,
        request: DiscardRow,
    ) -> Result<LegacyRow, Error> {
        operates(caller)?;
        let named = named(row)?;
        said_why(&request.reason)?;
        let reason = request.reason;
        let command = MigrationCommand::Discard { migration: id, row: named.clone(), reason };
        self.told(caller, home, id, command).await?;
        self.row_for_operator(home, id, &named)
    }

    fn row_for_operator(
        &self,
        home: TenantId,
        id: MigrationId,
        named: &LegacyRef,
    ) -> Result<LegacyRow, Error> {
        self.with_ledger(home, |state| {
            let known = state.migrations.get(id)?;
            known.row(named).map(|(_, row)| shown_row(known, row))
        })?
    }

    /// Ends a migration: no row comes in by it any more. What had become of its rows is in the entry.
    ///
    /// # Errors
    /// `forbidden`, `not-found`; `illegal-transition` while rows are neither in their tenant nor in quarantine.
    pub async fn finish_migration(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
    ) -> Result<Migration, Error> {
        operates(caller)?;
        self.told(caller, home, id, MigrationCommand::Finish(id)).await
    }

    async fn told(
        &self,
        caller: &Caller,
        home: TenantId,
        id: MigrationId,
        command: MigrationCommand,
    ) -> Result<Migration, Error> {
        self.command(caller, home, command, Bodies::default()).await?;
        self.shown_migration(home, id)
    }

    async fn command(
        &self,
        caller: &Caller,
        home: TenantId,
        command: MigrationCommand,
        bodies: Bodies,
    ) -> Result<(), Error> {
        self.commit_in(home, command, bodies, &actor(caller)).await
    }

    async fn commit_in(
        &self,
        home: TenantId,
        command: MigrationCommand,
        bodies: Bodies,
        actor: &Actor,
    ) -> Result<(), Error> {
        let ledger = self.node.ledger(home)?;
        let command = LedgerCommand::Migration(command);
        let seq = self.node.transact_ledger(&ledger, &command, bodies, actor)?;
        self.node.durable(&ledger, seq).await
    }

    fn shown_migration(&self, home: TenantId, id: MigrationId) -> Result<Migration, Error> {
        let show = |state: &LedgerState| state.migrations.get(id).map(|known| shown(home, known));
        self.with_ledger(home, show)?
    }

    fn must_exist(&self, tenant: TenantId) -> Result<(), Error> {
        match self.has_tenant(tenant)? {
            true => Ok(()),
            false => Err(Error::not_found("tenant", tenant)),
        }
    }
}

fn operates(caller: &Caller) -> Result<(), Error> {
    if is_operator(&caller.scopes) {
        return Ok(());
    }
    let told = format!("only the server's operator has migrations: `{}`", Held::TenantsAdmin);
    Err(Error::new(Code::Forbidden, told).about(&caller.principal))
}

fn said_why(reason: &String) -> Result<(), Error> {
    if reason.trim().is_empty() {
        return Err(Error::new(Code::InvalidArgument, "`reason` is empty; expected why"));
    }
    super::reason(Some(reason))
}

/// A row as a path names it.
fn named(text: &str) -> Result<LegacyRef, Error> {
    let parsed = text.split_once(':').and_then(|(kind, id)| Some((kind.parse().ok()?, id)));
    match parsed {
        Some((kind, id)) if !id.is_empty() => Ok(LegacyRef { kind, id: id.to_owned() }),
        _ => {
            let shown: String = text.chars().take(60).collect();
            let kinds: Vec<_> = LegacyKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let told = format!(
                "`{shown}` names no row; expected `kind:id`, with the id of the old store and one of {}",
                kinds.join(", ")
            );
            Err(Error::new(Code::InvalidArgument, told))
        }
    }
}

const fn read_scope(kind: LegacyKind) -> Held {
    match kind {
        LegacyKind::Project => Held::ProjectsRead,
        LegacyKind::Workspace => Held::WorkspacesRead,
        LegacyKind::Agent => Held::AgentsRead,
        LegacyKind::Session => Held::SessionsRead,
        LegacyKind::Artifact => Held::ArtifactsRead,
    }
}

fn shown(home: TenantId, known: &migration::Migration) -> Migration {
    let finished = known.finished.as_ref();
    Migration {
        migration_id: known.begun.migration,
        tenant_id: home,
        source: known.begun.source.clone(),
        status: match finished {
            None => MigrationStatus::Running,
            Some(_) => MigrationStatus::Finished,
        },
        rows: known.begun.rows,
        open: known.open(),
        report: finished.map_or_else(|| known.report(), |(_, report)| report.clone()),
        digest: known.begun.digest,
        created_at: known.begun_at,
        finished_at: finished.map(|(at, _)| *at),
    }
}

fn shown_row(known: &migration::Migration, row: &Row) -> LegacyRow {
    let (mut id, mut cause, mut told) = (None, None, None);
    match &row.standing {
        Standing::Backfilled { id: there, .. } => id = Some(there.clone()),
        Standing::Quarantined { cause: why, told: said } => {
            (cause, told) = (Some(*why), said.clone());
        }
        Standing::Pending | Standing::Assigned(_) | Standing::Discarded => {}
    }
    LegacyRow {
        migration_id: known.begun.migration,
        row: row.named.to_string(),
        kind: row.named.kind,
        origin_id: row.named.id.clone(),
        user_id: row.user.clone(),
        standing: row.standing.word(),
        tenant_id: row.standing.tenant(),
        id,
        location: None,
        cause,
        told,
    }
}
