//! A tenant's projects and workspaces (`WSP-1`).

use super::entry;
use crate::command::{Draft, DraftBody};
use crate::machine::workspace::{TRANSITIONS, may};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{ProjectCreated, WorkspaceCreated, WorkspaceMoved};
use tenure_contract::words::WorkspaceStatus;
use tenure_contract::{Code, Error, ProjectId, Time, WorkspaceId, limits};

/// The projects and workspaces, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Places {
    #[n(0)]
    projects: BTreeMap<ProjectId, ProjectRecord>,
    #[n(1)]
    workspaces: BTreeMap<WorkspaceId, WorkspaceRecord>,
}

/// A project as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProjectRecord {
    /// How it was made.
    #[n(0)]
    pub made: ProjectCreated,
    /// When that was.
    #[n(1)]
    pub created_at: Time,
}

/// A workspace as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WorkspaceRecord {
    /// How it was made.
    #[n(0)]
    pub made: WorkspaceCreated,
    /// Where it stands.
    #[n(1)]
    pub status: WorkspaceStatus,
    /// When it was made.
    #[n(2)]
    pub created_at: Time,
    /// When its status last changed.
    #[n(3)]
    pub updated_at: Time,
}

impl Places {
    /// A project.
    ///
    /// # Errors
    /// `not-found`.
    pub fn project(&self, id: ProjectId) -> Result<&ProjectRecord, Error> {
        self.projects.get(&id).ok_or_else(|| Error::not_found("project", id))
    }

    /// A workspace.
    ///
    /// # Errors
    /// `not-found`.
    pub fn workspace(&self, id: WorkspaceId) -> Result<&WorkspaceRecord, Error> {
        self.workspaces.get(&id).ok_or_else(|| Error::not_found("workspace", id))
    }

    pub(super) fn create_project(&self, made: &ProjectCreated) -> Result<Vec<Draft>, Error> {
        if let Some(known) = self.projects.get(&made.project) {
            return same(known.made.request == made.request, "project", made.project);
        }
        room(self.projects.len(), limits::PROJECTS_MAX, "PROJECTS_MAX")?;
        Ok(vec![entry(made.clone(), DraftBody::None)])
    }

    pub(super) fn create_workspace(&self, made: &WorkspaceCreated) -> Result<Vec<Draft>, Error> {
        if let Some(known) = self.workspaces.get(&made.workspace) {
            return same(known.made.request == made.request, "workspace", made.workspace);
        }
        if let Some(project) = made.project {
            self.project(project)?;
        }
        room(self.workspaces.len(), limits::WORKSPACES_MAX, "WORKSPACES_MAX")?;
        Ok(vec![entry(made.clone(), DraftBody::None)])
    }

    pub(super) fn move_workspace(&self, moved: &WorkspaceMoved) -> Result<Vec<Draft>, Error> {
        let known = self.workspace(moved.workspace)?;
        if known.status == moved.status {
            return Ok(Vec::new());
        }
        if may(known.status, moved.status) {
            return Ok(vec![entry(moved.clone(), DraftBody::None)]);
        }
        let next = TRANSITIONS.iter().filter(|(from, _)| *from == known.status);
        let next: Vec<_> = next.map(|(_, to)| format!("`{to}`")).collect();
        let told = format!(
            "workspace `{}` is {} and cannot become {}; possible now: {}",
            moved.workspace,
            known.status,
            moved.status,
            next.join(", ")
        );
        Err(Error::new(Code::IllegalTransition, told).about(moved.workspace))
    }

    pub(super) fn project_created(&mut self, event: &ProjectCreated, at: Time) {
        let record = ProjectRecord { made: event.clone(), created_at: at };
        self.projects.insert(event.project, record);
    }

    pub(super) fn workspace_created(&mut self, event: &WorkspaceCreated, at: Time) {
        let status = WorkspaceStatus::Provisioning;
        let record =
            WorkspaceRecord { made: event.clone(), status, created_at: at, updated_at: at };
        self.workspaces.insert(event.workspace, record);
    }

    pub(super) fn workspace_moved(
        &mut self,
        event: &WorkspaceMoved,
        at: Time,
    ) -> Result<(), String> {
        let known = self.workspaces.get_mut(&event.workspace).ok_or("no such workspace")?;
        if !may(known.status, event.status) {
            return Err(format!(
                "a workspace does not go from {} to {}",
                known.status, event.status
            ));
        }
        known.status = event.status;
        known.updated_at = at;
        Ok(())
    }
}

/// The same request under the same key made it before; another one conflicts.
fn same(same: bool, what: &str, id: impl std::fmt::Display) -> Result<Vec<Draft>, Error> {
    if same {
        return Ok(Vec::new());
    }
    let told = format!("{what} `{id}` was made under this key by another request; use another key");
    Err(Error::new(Code::KeyConflict, told).about(id))
}

fn room(has: usize, limit: usize, name: &str) -> Result<(), Error> {
    if has < limit {
        return Ok(());
    }
    Err(Error::new(Code::LimitReached, format!("this tenant has {has}, the limit {name}")))
}
