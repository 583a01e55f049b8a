//! Projects and workspaces: make, see, list, say how they stand (`WSP-1`).

use super::lists::{owned, time, word};
use super::sessions::request_digest;
use super::{Engine, Listing, name};
use crate::seal::Bodies;
use tenure_contract::event::{ProjectCreated, WorkspaceCreated, WorkspaceMoved};
use tenure_contract::resource::{
    Caller, CreateProject, CreateWorkspace, MoveWorkspace, Page, Project, Workspace,
};
use tenure_contract::{Code, Error, ProjectId, TenantId, WorkspaceId, limits};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::places::{ProjectRecord, WorkspaceRecord};
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Makes a project; the same request under the same key is the same project.
    ///
    /// # Errors
    /// `invalid-argument`, `key-conflict`, `limit-reached`.
    pub async fn create_project(
        &self,
        caller: &Caller,
        request: CreateProject,
        key: Option<&str>,
    ) -> Result<Project, Error> {
        name("the project's name", &request.name)?;
        let id = ProjectId::from_bytes(self.id_under(caller, "project", key)?);
        let digest = key.map(|_| request_digest(&request)).transpose()?;
        let made = ProjectCreated { project: id, name: request.name, request: digest };
        let command = LedgerCommand::CreateProject(made);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.project(caller, id)
    }

    /// A project.
    ///
    /// # Errors
    /// `not-found`.
    pub fn project(&self, caller: &Caller, id: ProjectId) -> Result<Project, Error> {
        self.with_ledger(caller.tenant, |state| {
            state.places.project(id).map(|known| project(caller.tenant, known))
        })?
    }

    /// Projects, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn projects(&self, caller: &Caller, listing: &Listing) -> Result<Page<Project>, Error> {
        self.page(caller, Table::Project, listing, listed_project)
    }

    /// Makes a workspace; the same request under the same key is the same workspace.
    ///
    /// # Errors
    /// `invalid-argument`, `not-found` for its project, `key-conflict`, `limit-reached`.
    pub async fn create_workspace(
        &self,
        caller: &Caller,
        request: CreateWorkspace,
        key: Option<&str>,
    ) -> Result<Workspace, Error> {
        reference("ref", request.reference.as_ref())?;
        reference("baseCommit", request.base_commit.as_ref())?;
        let id = WorkspaceId::from_bytes(self.id_under(caller, "workspace", key)?);
        let digest = key.map(|_| request_digest(&request)).transpose()?;
        let made = WorkspaceCreated {
            workspace: id,
            project: request.project_id,
            kind: request.kind,
            reference: request.reference,
            base_commit: request.base_commit,
            request: digest,
        };
        let command = LedgerCommand::CreateWorkspace(made);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.workspace(caller, id)
    }

    /// A workspace.
    ///
    /// # Errors
    /// `not-found`.
    pub fn workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<Workspace, Error> {
        self.with_ledger(caller.tenant, |state| {
            state.places.workspace(id).map(|known| workspace(caller.tenant, known))
        })?
    }

    /// Workspaces, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit, `not-found` for a project that is named.
    pub fn workspaces(&self, caller: &Caller, listing: &Listing) -> Result<Page<Workspace>, Error> {
        if let Some(project) = listing.project {
            self.project(caller, project)?;
        }
        self.page(caller, Table::Workspace, listing, listed_workspace)
    }

    /// Says how a workspace stands.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition`.
    pub async fn move_workspace(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        request: MoveWorkspace,
    ) -> Result<Workspace, Error> {
        self.workspace(caller, id)?;
        let moved = WorkspaceMoved { workspace: id, status: request.status };
        let command = LedgerCommand::MoveWorkspace(moved);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.workspace(caller, id)
    }

    fn id_under(&self, caller: &Caller, kind: &str, key: Option<&str>) -> Result<[u8; 16], Error> {
        match key {
            Some(key) => self.id_of(caller.tenant, kind, key),
            None => Ok(self.node.fresh_id()),
        }
    }
}

fn reference(field: &str, text: Option<&String>) -> Result<(), Error> {
    let Some(text) = text else { return Ok(()) };
    let long = text.chars().count();
    if (1..=limits::REF_MAX_CHARS).contains(&long) {
        return Ok(());
    }
    let told = format!(
        "{field} has {long} characters; expected 1 to REF_MAX_CHARS, {}",
        limits::REF_MAX_CHARS
    );
    Err(Error::new(Code::InvalidArgument, told))
}

fn project(tenant: TenantId, known: &ProjectRecord) -> Project {
    Project {
        project_id: known.made.project,
        tenant_id: tenant,
        name: known.made.name.clone(),
        created_at: known.created_at,
    }
}

fn listed_project(row: &Row) -> Option<Project> {
    Some(Project {
        project_id: ProjectId::from_bytes(row.key),
        tenant_id: row.tenant,
        name: owned(row, Column::Name)?,
        created_at: time(row, Column::CreatedAt)?,
    })
}

fn workspace(tenant: TenantId, known: &WorkspaceRecord) -> Workspace {
    let made = &known.made;
    Workspace {
        workspace_id: made.workspace,
        tenant_id: tenant,
        project_id: made.project,
        kind: made.kind,
        reference: made.reference.clone(),
        base_commit: made.base_commit.clone(),
        status: known.status,
        created_at: known.created_at,
        updated_at: known.updated_at,
    }
}

fn listed_workspace(row: &Row) -> Option<Workspace> {
    Some(Workspace {
        workspace_id: WorkspaceId::from_bytes(row.key),
        tenant_id: row.tenant,
        project_id: row.id(Column::Parent).map(ProjectId::from_bytes),
        kind: word(row, Column::Kind)?,
        reference: owned(row, Column::Reference),
        base_commit: owned(row, Column::Commit),
        status: word(row, Column::Status)?,
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}
