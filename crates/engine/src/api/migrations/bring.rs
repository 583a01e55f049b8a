//! Making what rows were: each through the same decisions as anything else of its tenant.

use super::super::Engine;
use super::super::agents::canonical;
use crate::resident::Actor;
use crate::seal::Bodies;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tenure_contract::agent::{Message, Role};
use tenure_contract::event::{
    ArtifactRegistered, ProjectCreated, RowBrought, SessionBound, SessionOpened, WorkspaceCreated,
};
use tenure_contract::resource::{
    ArtifactBody, LegacyAgent, LegacyArtifact, LegacyLine, LegacyMessage, LegacyProject,
    LegacyRole, LegacySession, LegacyWorkspace,
};
use tenure_contract::words::{ArtifactState, ExecutionTarget, InputPolicy, WorkspaceStatus};
use tenure_contract::{
    AgentId, ArtifactId, Code, Digest, Error, MigrationId, ProjectId, RunId, SessionId, TenantId,
    WorkspaceId,
};
use tenure_core::Command;
use tenure_core::command::SessionBringing;
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::brought::{Bringing, Thing};
use tenure_core::ledger::migration::{self, MigrationCommand, Outcome, Row, Standing, id_of};

/// A row on its way into its tenant.
struct Coming {
    number: u64,
    tenant: TenantId,
    row: Row,
    line: LegacyLine,
    /// Digest of its line: the same row again is the same request.
    digest: Digest,
}

/// The ids of rows that are in their tenant, by their numbers.
type There = BTreeMap<u64, String>;

impl Engine {
    /// Makes assigned rows in their tenants, what they refer to first, and writes down what became of them: also
    /// when a store refuses in the middle.
    pub(super) async fn bring_in(
        &self,
        home: TenantId,
        id: MigrationId,
        rows: Vec<u64>,
    ) -> Result<(), Error> {
        let (coming, mut there) = self.coming(home, id, &rows)?;
        let mut outcomes = Vec::new();
        let mut failed = None;
        let mut left = coming;
        while failed.is_none() && !left.is_empty() {
            let is_ready =
                |one: &Coming| one.row.refs.iter().flatten().all(|other| there.contains_key(other));
            let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_ready);
            left = rest;
            if ready.is_empty() {
                // what they refer to was refused; the core sets them aside with it
                break;
            }
            let made = join_all(ready.iter().map(|one| self.bring(id, one, &there))).await;
            for (one, made) in ready.iter().zip(made) {
                match made {
                    Ok(made) => {
                        there.insert(one.number, made.clone());
                        outcomes.push((one.number, Outcome::Made(made)));
                    }
                    Err(why) if is_final(why.code) => {
                        outcomes.push((one.number, Outcome::Refused(why.message)));
                    }
                    Err(why) => failed = Some(why),
                }
            }
        }
        if !outcomes.is_empty() {
            let settle = MigrationCommand::Settle { migration: id, outcomes };
            self.commit_in(home, settle, Bodies::default(), &Actor::system()).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Those of the rows that are assigned, with their lines, and the ids of what they refer to.
    fn coming(
        &self,
        home: TenantId,
        id: MigrationId,
        rows: &[u64],
    ) -> Result<(Vec<Coming>, There), Error> {
        let mut there = There::new();
        let assigned = self.with_ledger(home, |state| {
            let known = state.migrations.get(id)?;
            let found = rows.iter().filter_map(|number| {
                let row = known.at(*number)?;
                let Standing::Assigned(tenant) = row.standing else { return None };
                there.extend(ids_of(known, row));
                Some((*number, tenant, row.clone()))
            });
            Ok::<_, Error>(found.collect::<Vec<_>>())
        })??;
        let mut lines: BTreeMap<u64, String> = BTreeMap::new();
        let mut coming = Vec::new();
        for (number, tenant, row) in assigned {
            let lines = match lines.entry(row.seq) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unread) => unread.insert(self.lines_at(home, row.seq)?),
            };
            let place = usize::try_from(row.line).unwrap_or(usize::MAX);
            let line = lines.lines().nth(place).unwrap_or_default();
            let digest = Digest::of(&[line.as_bytes()]);
            let line = serde_json::from_str(line).map_err(|why| {
                let told = format!("the line of row `{}` cannot be read: {why}", row.named);
                Error::new(Code::StoreCorrupt, told).about(&row.named)
            })?;
            coming.push(Coming { number, tenant, row, line, digest });
        }
        Ok((coming, there))
    }

    fn lines_at(&self, home: TenantId, seq: u64) -> Result<String, Error> {
        let ledger = self.node.ledger(home)?;
        let found = self.node.read_one(&ledger, seq)?;
        let body = found.map(|found| self.node.body(&found)).transpose()?.flatten();
        let text = body.and_then(|body| String::from_utf8(body).ok());
        text.ok_or_else(|| {
            let told = format!("the rows beside entry {seq} of ledger `{home}` are gone");
            Error::new(Code::StoreCorrupt, told).about(home)
        })
    }

    /// Makes one row in its tenant; its id there.
    async fn bring(&self, id: MigrationId, one: &Coming, there: &There) -> Result<String, Error> {
        let bytes = id_of(one.tenant, id, &one.row.named);
        let brought = RowBrought {
            migration: id,
            row: one.row.named.clone(),
            user: one.row.user.clone().unwrap_or_default(),
            id: String::new(),
            messages: 0,
        };
        match &one.line {
            LegacyLine::User(_) => Err(Error::new(Code::Internal, "a user is no row")),
            LegacyLine::Project(row) => {
                self.bring_project(one, row, ProjectId::from_bytes(bytes), brought).await
            }
            LegacyLine::Workspace(row) => {
                let project = referred(one, there, 0, row.project.is_some())?;
                let workspace = WorkspaceId::from_bytes(bytes);
                self.bring_workspace(one, row, project, workspace, brought).await
            }
            LegacyLine::Agent(row) => {
                self.bring_agent(one, row, AgentId::from_bytes(bytes), brought).await
            }
            LegacyLine::Session(row) => {
                let workspace = referred(one, there, 0, row.workspace.is_some())?;
                let place = usize::from(row.workspace.is_some());
                let agent = referred(one, there, place, row.agent.is_some())?;
                let bound = agent.map(|agent| self.bound_to(one.tenant, agent)).transpose()?;
                let opened = opened(one, row, workspace);
                let bringing = SessionBringing { opened, bound, brought };
                self.bring_session(one, row, SessionId::from_bytes(bytes), bringing).await
            }
            LegacyLine::Artifact(row) => {
                let session =
                    referred(one, there, 0, true)?.unwrap_or(SessionId::from_bytes(bytes));
                let parents =
                    (1..one.row.refs.len()).map(|place| referred(one, there, place, true));
                let parents = parents.collect::<Result<Vec<Option<ArtifactId>>, Error>>()?;
                let artifact = ArtifactId::from_bytes(bytes);
                let registered = ArtifactRegistered {
                    artifact,
                    artifact_type: row.artifact_type.clone(),
                    // what made it ran in the other store; no run of this one has that id
                    run: RunId::from_bytes(bytes),
                    intent: row.intent.clone(),
                    state: row.state.unwrap_or(ArtifactState::Ready),
                    parents: parents.into_iter().flatten().collect(),
                    digest: row.digest,
                };
                self.bring_artifact(one, row, session, registered, brought).await
            }
        }
    }

    async fn bring_project(
        &self,
        one: &Coming,
        row: &LegacyProject,
        project: ProjectId,
        brought: RowBrought,
    ) -> Result<String, Error> {
        let request = Some(one.digest);
        let thing = Thing::Project(ProjectCreated { project, name: row.name.clone(), request });
        let id = project.to_string();
        self.bring_thing(one.tenant, thing, RowBrought { id, ..brought }, Bodies::default()).await
    }

    async fn bring_workspace(
        &self,
        one: &Coming,
        row: &LegacyWorkspace,
        project: Option<ProjectId>,
        workspace: WorkspaceId,
        brought: RowBrought,
    ) -> Result<String, Error> {
        let made = WorkspaceCreated {
            workspace,
            project,
            kind: row.workspace_kind,
            reference: row.reference.clone(),
            base_commit: row.base_commit.clone(),
            request: Some(one.digest),
        };
        let status = row.status.unwrap_or(WorkspaceStatus::Provisioning);
        let brought = RowBrought { id: workspace.to_string(), ..brought };
        let thing = Thing::Workspace(made, status);
        self.bring_thing(one.tenant, thing, brought, Bodies::default()).await
    }

    async fn bring_agent(
        &self,
        one: &Coming,
        row: &LegacyAgent,
        fresh: AgentId,
        brought: RowBrought,
    ) -> Result<String, Error> {
        let (canonical, version) = canonical(&row.definition)?;
        let name = row.definition.name.clone();
        let known = self.with_ledger(one.tenant, |state| {
            state.agents.newest(&name).ok().map(|(known, _)| known.agent)
        })?;
        let agent = known.unwrap_or(fresh);
        let bodies = Bodies::given(self.node.seal(one.tenant, &canonical)?);
        let brought = RowBrought { id: agent.to_string(), ..brought };
        let thing = Thing::Agent { name, agent, version };
        self.bring_thing(one.tenant, thing, brought, bodies).await
    }

    async fn bring_thing(
        &self,
        tenant: TenantId,
        thing: Thing,
        brought: RowBrought,
        bodies: Bodies,
    ) -> Result<String, Error> {
        let id = brought.id.clone();
        let command = LedgerCommand::Bring(Bringing { thing, brought });
        let ledger = self.node.ledger(tenant)?;
        let seq = self.node.transact_ledger(&ledger, &command, bodies, &Actor::system())?;
        self.node.durable(&ledger, seq).await?;
        Ok(id)
    }

    async fn bring_session(
        &self,
        one: &Coming,
        row: &LegacySession,
        session: SessionId,
        mut bringing: SessionBringing,
    ) -> Result<String, Error> {
        let id = session.to_string();
        bringing.brought.id.clone_from(&id);
        bringing.brought.messages = row.messages.len() as u64;
        let said: Vec<Message> = row.messages.iter().map(message).collect();
        let bodies = match said.is_empty() {
            true => Bodies::default(),
            false => Bodies::given(self.node.seal_json(one.tenant, &said)?),
        };
        let resident = self.node.session_or_new(one.tenant, session)?;
        let command = Command::BringSession(Box::new(bringing));
        let seq = self.node.transact(&resident, &command, bodies, &Actor::system())?;
        self.node.durable(&resident, seq).await?;
        Ok(id)
    }

    async fn bring_artifact(
        &self,
        one: &Coming,
        row: &LegacyArtifact,
        session: SessionId,
        registered: ArtifactRegistered,
        brought: RowBrought,
    ) -> Result<String, Error> {
        let id = registered.artifact.to_string();
        let body = ArtifactBody {
            semantic_descriptor: row.semantic_descriptor.clone().unwrap_or_default(),
            materializations: row.materializations.clone(),
        };
        let sealed = self.node.seal_json(one.tenant, &body)?;
        let bodies = Bodies { artifacts: vec![sealed], ..Bodies::default() };
        let resident = self.node.session(one.tenant, session)?;
        let resident = resident.ok_or_else(|| Error::not_found("session", session))?;
        let brought = RowBrought { id: id.clone(), ..brought };
        let command = Command::BringArtifact { registered, brought };
        let seq = self.node.transact(&resident, &command, bodies, &Actor::system())?;
        self.node.durable(&resident, seq).await?;
        Ok(id)
    }

    /// The agent a session was bound to, in the version its tenant has newest.
    fn bound_to(&self, tenant: TenantId, agent: AgentId) -> Result<SessionBound, Error> {
        let found = self.with_ledger(tenant, |state| {
            let mut agents = state.agents.iter();
            let (name, known) = agents.find(|(_, known)| known.agent == agent)?;
            let (version, _) = *known.versions.last()?;
            Some(SessionBound { agent, name: name.clone(), version, external_id: None })
        })?;
        found.ok_or_else(|| Error::not_found("agent", agent))
    }
}

fn opened(one: &Coming, row: &LegacySession, workspace: Option<WorkspaceId>) -> SessionOpened {
    SessionOpened {
        product: row.product_id.clone().unwrap_or_else(|| "tenure".to_owned()),
        user: one.row.user.clone().unwrap_or_default(),
        target: ExecutionTarget::Sandbox,
        workspace,
        input_policy: InputPolicy::Queue,
        dispatch: None,
        ends_with_run: false,
        request: Some(one.digest),
        approvers: Vec::new(),
        title: row.title.clone(),
        memory: Vec::new(),
        surface: None,
    }
}

fn message(said: &LegacyMessage) -> Message {
    let role = match said.role {
        LegacyRole::User => Role::User,
        LegacyRole::Assistant => Role::Assistant,
    };
    Message::text(role, said.content.clone())
}

/// The ids of what a row refers to, as far as that is there.
fn ids_of<'a>(
    known: &'a migration::Migration,
    row: &'a Row,
) -> impl Iterator<Item = (u64, String)> + 'a {
    row.refs.iter().flatten().filter_map(|number| match &known.at(*number)?.standing {
        Standing::Backfilled { id, .. } => Some((*number, id.clone())),
        _ => None,
    })
}

/// The id of what a row refers to at that place.
fn referred<T: std::str::FromStr>(
    one: &Coming,
    there: &There,
    place: usize,
    refers: bool,
) -> Result<Option<T>, Error> {
    if !refers {
        return Ok(None);
    }
    let number = one.row.refs.get(place).copied().flatten();
    let id = number.and_then(|number| there.get(&number)?.parse().ok());
    id.map(Some).ok_or_else(|| {
        let told = format!("what row `{}` refers to is not there", one.row.named);
        Error::new(Code::Internal, told).about(&one.row.named)
    })
}

/// Whether a tenant that says so says so for ever: the row is set aside, and not tried again.
const fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::UnknownName
            | Code::KeyConflict
            | Code::LimitReached
            | Code::IllegalTransition
            | Code::TooLarge
    )
}
