//! Events of a tenant's projects and workspaces (`WSP-1`).

use crate::words::{WorkspaceKind, WorkspaceStatus};
use crate::{Digest, ProjectId, WorkspaceId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A project was made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ProjectCreated {
    /// The project.
    #[n(0)]
    pub project: ProjectId,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Digest of the request, when it came under a key.
    #[n(2)]
    pub request: Option<Digest>,
}

/// A workspace was made; it is provisioning.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceCreated {
    /// The workspace.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// Its project.
    #[n(1)]
    pub project: Option<ProjectId>,
    /// Where it lies.
    #[n(2)]
    pub kind: WorkspaceKind,
    /// The branch or other reference it is at.
    #[n(3)]
    pub reference: Option<String>,
    /// The commit it began from.
    #[n(4)]
    pub base_commit: Option<String>,
    /// Digest of the request, when it came under a key.
    #[n(5)]
    pub request: Option<Digest>,
}

/// A workspace's status changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceMoved {
    /// The workspace.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// Its new status.
    #[n(1)]
    pub status: WorkspaceStatus,
}
