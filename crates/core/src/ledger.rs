//! A tenant's ledger as a machine: who may act, with which keys, and which agents there are.
//!
//! One file per noun decides and folds; this one says which is asked.

pub mod agents;
pub mod apps;
#[cfg(test)]
mod book;
pub mod brought;
pub mod denials;
pub mod executors;
pub mod keys;
pub mod migration;
pub mod places;
pub mod policies;
pub mod principals;
pub mod secrets;

pub use agents::AgentRecord;
pub use apps::AppKeyRecord;
pub use keys::{KeyRecord, Standing};
pub use policies::PolicyRecord;
pub use principals::PrincipalRecord;

pub mod context;
pub mod dispatch;
pub mod schedule;

use crate::command::{Draft, DraftBody};
use crate::refusal::Illegal;
use agents::Agents;
use apps::Apps;
use brought::Bringing;
use denials::{Denial, Denials};
use dispatch::claim::{ClaimUse, ClaimWanted, Holding};
use dispatch::{DispatchCommand, Dispatches};
use executors::Executors;
use keys::{KeyWanted, Keys};
use migration::{MigrationCommand, Migrations};
use minicbor::{Decode, Encode};
use places::Places;
use policies::Policies;
use principals::{ChangeWanted, PrincipalWanted, Principals};
use schedule::{Around, ScheduleCommand, Schedules};
use secrets::SecretNames;
use tenure_contract::event::{
    AppKeyRegistered, ExecutorRegistered, ProjectCreated, SecretSet, TenantOpened,
    WorkspaceCreated, WorkspaceMoved,
};
use tenure_contract::{AgentId, Digest, Entry, Error, Event, ExecutorId, KeyId, TenantId, Time};

/// A tenant's ledger, folded.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LedgerState {
    /// The tenant.
    #[n(0)]
    pub tenant: TenantId,
    /// The last entry folded.
    #[n(1)]
    pub seq: u64,
    /// When it was decided.
    #[n(2)]
    pub at: Time,
    /// The tenant's name; none before the first entry.
    #[n(3)]
    pub name: Option<String>,
    /// When that was.
    #[n(8)]
    pub opened_at: Time,
    /// Its agents.
    #[n(4)]
    pub agents: Agents,
    /// Its API keys.
    #[n(5)]
    pub keys: Keys,
    /// Its principals.
    #[n(6)]
    pub principals: Principals,
    /// Denials of the minute.
    #[n(7)]
    pub denials: Denials,
    /// Its projects and workspaces.
    #[n(9)]
    pub places: Places,
    /// Its secrets.
    #[n(10)]
    pub secrets: SecretNames,
    /// Its policies.
    #[n(11)]
    pub policies: Policies,
    /// Keys of other apps.
    #[n(20)]
    pub apps: Apps,
    /// Its dispatches.
    #[n(21)]
    pub dispatches: Dispatches,
    /// Whom it trusts to carry remote dispatches out.
    #[n(23)]
    pub executors: Executors,
    /// Its schedules.
    #[n(22)]
    pub schedules: Schedules,
    /// Migrations from stores without owners; the server's own tenant has them.
    #[n(24)]
    pub migrations: Migrations,
}

/// What the ledger is asked to decide.
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerCommand {
    /// Begin the ledger; harmless when it has begun.
    Open {
        /// The tenant's name.
        name: String,
    },
    /// Register a version of an agent; its definition is the body. The same version again is
    /// nothing new.
    RegisterAgent {
        /// Its name.
        name: String,
        /// An id, used when the name is new.
        agent: AgentId,
        /// Digest of the definition.
        version: Digest,
    },
    /// Make a principal.
    CreatePrincipal(PrincipalWanted),
    /// Change a principal's scopes or status.
    ChangePrincipal(ChangeWanted),
    /// Make a key.
    CreateKey(KeyWanted),
    /// Revoke a key.
    RevokeKey(KeyId),
    /// Make a project; the same request under the same key is nothing new.
    CreateProject(ProjectCreated),
    /// Make a workspace; the same request under the same key is nothing new.
    CreateWorkspace(WorkspaceCreated),
    /// Change a workspace's status.
    MoveWorkspace(WorkspaceMoved),
    /// Set a secret; its ciphertext is the body.
    SetSecret(SecretSet),
    /// Delete a secret.
    DeleteSecret(String),
    /// Set the policy; its text is the body. The one in force again is nothing new.
    SetPolicy {
        /// Digest of the text.
        version: Digest,
    },
    /// Register the key another app signs its decisions with.
    RegisterAppKey(AppKeyRegistered),
    /// Revoke such a key, by its short name.
    RevokeAppKey(String),
    /// Note that an authenticated caller was refused.
    NoteDenial(Denial),
    /// About a dispatch.
    Dispatch(DispatchCommand),
    /// Register an executor; the same again is nothing new.
    RegisterExecutor(ExecutorRegistered),
    /// Trust an executor no more; what it had not started is given to others.
    RevokeExecutor(ExecutorId),
    /// An executor takes a dispatch, if it is still to be had.
    Claim(ClaimWanted),
    /// An executor does something with a dispatch it claimed.
    UseClaim {
        /// The claim.
        holding: Holding,
        /// Whom the executor authenticates as, as `kind:name`.
        principal: String,
        /// What.
        how: ClaimUse,
    },
    /// About a schedule.
    Schedule(ScheduleCommand),
    /// About a migration.
    Migration(MigrationCommand),
    /// A row of a store without owners comes in; made before, it is nothing new.
    Bring(Bringing),
}

impl LedgerState {
    /// A ledger of which nothing is known yet.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            seq: 0,
            at: Time::from_micros(0),
            name: None,
            opened_at: Time::from_micros(0),
            agents: Agents::default(),
            keys: Keys::default(),
            principals: Principals::default(),
            denials: Denials::default(),
            places: Places::default(),
            secrets: SecretNames::default(),
            policies: Policies::default(),
            apps: Apps::default(),
            dispatches: Dispatches::default(),
            executors: Executors::default(),
            schedules: Schedules::default(),
            migrations: Migrations::default(),
        }
    }

    /// Decides a command at that time.
    ///
    /// # Errors
    /// Why it is refused; nothing changed.
    pub fn decide(&self, command: &LedgerCommand, now: Time) -> Result<Vec<Draft>, Error> {
        match command {
            LedgerCommand::Open { .. } if self.name.is_some() => Ok(Vec::new()),
            LedgerCommand::Open { name } => {
                Ok(vec![entry(TenantOpened { name: name.clone() }, DraftBody::None)])
            }
            LedgerCommand::RegisterAgent { name, agent, version } => {
                Ok(self.agents.register(name, *agent, *version))
            }
            LedgerCommand::CreatePrincipal(wanted) => self.principals.create(wanted),
            LedgerCommand::ChangePrincipal(wanted) => self.principals.change(wanted),
            LedgerCommand::CreateKey(wanted) => self.keys.create(wanted, &self.principals),
            LedgerCommand::RevokeKey(key) => self.keys.revoke(*key),
            LedgerCommand::CreateProject(made) => self.places.create_project(made),
            LedgerCommand::CreateWorkspace(made) => self.places.create_workspace(made),
            LedgerCommand::MoveWorkspace(moved) => self.places.move_workspace(moved),
            LedgerCommand::SetSecret(set) => self.secrets.set(set),
            LedgerCommand::DeleteSecret(name) => self.secrets.delete(name),
            LedgerCommand::SetPolicy { version } => Ok(self.policies.set(*version)),
            LedgerCommand::RegisterAppKey(wanted) => self.apps.register(wanted),
            LedgerCommand::RevokeAppKey(kid) => self.apps.revoke(kid),
            LedgerCommand::NoteDenial(denial) => Ok(self.denials.note(denial)),
            LedgerCommand::Dispatch(command) => self.dispatches.decide(command, now),
            LedgerCommand::RegisterExecutor(wanted) => self.executors.register(wanted),
            LedgerCommand::RevokeExecutor(id) => {
                let mut drafts = self.executors.revoke(*id)?;
                if !drafts.is_empty() {
                    drafts.extend(self.dispatches.release_all_of(*id));
                }
                Ok(drafts)
            }
            LedgerCommand::Claim(wanted) => {
                let claimed = &wanted.claimed;
                let known = self.executors.admit(claimed.executor, &wanted.principal)?;
                self.dispatches.claim(claimed, &known.serves(wanted.product.clone()), now)
            }
            LedgerCommand::UseClaim { holding, principal, how } => {
                self.executors.admit(holding.executor, principal)?;
                self.dispatches.use_claim(holding, *how, now)
            }
            LedgerCommand::Schedule(command) => {
                let around = Around { dispatches: &self.dispatches, principals: &self.principals };
                self.schedules.decide(command, &around, now)
            }
            LedgerCommand::Migration(command) => self.migrations.decide(command),
            LedgerCommand::Bring(bringing) => self.bring(bringing),
        }
    }

    /// Folds the next entry.
    ///
    /// # Errors
    /// [`Illegal`] when it cannot follow.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        let illegal = |why: String| Illegal { seq: entry.seq, kind: entry.event.name(), why };
        if entry.seq != self.seq + 1 {
            return Err(illegal(format!("expected entry {}", self.seq + 1)));
        }
        let folded = match &entry.event {
            Event::TenantOpened(event) => {
                self.name = Some(event.name.clone());
                self.opened_at = entry.at;
                Ok(())
            }
            Event::AgentRegistered(event) => {
                self.agents.registered(event, entry.seq);
                Ok(())
            }
            Event::KeyCreated(event) => {
                self.keys.created(event);
                Ok(())
            }
            Event::KeyRevoked(event) => self.keys.revoked(event.key),
            Event::PrincipalCreated(event) => {
                self.principals.created(event, entry.at);
                Ok(())
            }
            Event::PrincipalChanged(event) => self.principals.changed(event, entry.at),
            Event::ProjectCreated(event) => {
                self.places.project_created(event, entry.at);
                Ok(())
            }
            Event::WorkspaceCreated(event) => {
                self.places.workspace_created(event, entry.at);
                Ok(())
            }
            Event::WorkspaceMoved(event) => self.places.workspace_moved(event, entry.at),
            Event::SecretSet(event) => {
                self.secrets.was_set(event, entry.seq, entry.at);
                Ok(())
            }
            Event::SecretDeleted(event) => self.secrets.was_deleted(event),
            Event::PolicySet(event) => {
                self.policies.was_set(event, entry.seq, entry.at);
                Ok(())
            }
            Event::AppKeyRegistered(event) => {
                self.apps.registered(event);
                Ok(())
            }
            Event::AppKeyRevoked(event) => self.apps.revoked(&event.kid),
            Event::ExecutorRegistered(event) => {
                self.executors.registered(event, entry.at);
                Ok(())
            }
            Event::ExecutorRevoked(event) => self.executors.revoked(event.executor),
            Event::AccessDenied(_) => {
                self.denials.noted(&entry.principal, entry.at);
                Ok(())
            }
            Event::ScheduleCreated(_)
            | Event::ScheduleChanged(_)
            | Event::ScheduleMoved(_)
            | Event::ScheduleEntryAdded(_)
            | Event::ScheduleEntryMoved(_)
            | Event::ScheduleEntryDispatched(_)
            | Event::ScheduleEntryClosed(_) => self.schedules.apply(entry),
            Event::MigrationBegun(_)
            | Event::MigrationRowsRead(_)
            | Event::MigrationUsersMapped(_)
            | Event::MigrationRowsMoved(_)
            | Event::MigrationFinished(_) => self.migrations.apply(entry),
            // it says where what was made just before came from
            Event::RowBrought(_) => Ok(()),
            _ => self.dispatches.apply(entry),
        };
        folded.map_err(illegal)?;
        self.seq = entry.seq;
        self.at = entry.at;
        Ok(())
    }

    /// The next moment at which time alone changes something, if there is one.
    #[must_use]
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        let wakes = [self.dispatches.next_wake(now), self.schedules.next_wake(now)];
        wakes.into_iter().flatten().min()
    }
}

impl LedgerState {
    /// The schedule entry that is to become a dispatch now, if there is one and there is room for it.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<schedule::Due> {
        self.dispatches.has_room().then(|| self.schedules.due(now)).flatten()
    }
}

fn entry(event: impl Into<Event>, body: DraftBody) -> Draft {
    Draft { event: event.into(), run: None, parent: None, body }
}
