//! Projects and workspaces (`WSP-1`).

use crate::words::{WorkspaceKind, WorkspaceStatus};
use crate::{ProjectId, TenantId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Make a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProject {
    /// Its name.
    pub name: String,
}

/// A project of a tenant (`WSP-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// The project.
    pub project_id: ProjectId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// Make a workspace; it is provisioning until somebody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorkspace {
    /// Its project.
    #[serde(default)]
    pub project_id: Option<ProjectId>,
    /// Where it lies.
    pub kind: WorkspaceKind,
    /// The branch or other reference it is at.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The commit it began from.
    #[serde(default)]
    pub base_commit: Option<String>,
}

/// Say how a workspace stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveWorkspace {
    /// Its new status; the same again changes nothing.
    pub status: WorkspaceStatus,
}

/// A workspace of a tenant (`WSP-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its project.
    pub project_id: Option<ProjectId>,
    /// Where it lies.
    pub kind: WorkspaceKind,
    /// The branch or other reference it is at.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit it began from.
    pub base_commit: Option<String>,
    /// Whether it can be used.
    pub status: WorkspaceStatus,
    /// When it was made.
    pub created_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
}
