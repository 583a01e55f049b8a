//! Migrations from a store without owners (`TEN-2`): the lines of the file, what is asked, what is told.

use super::{Materialization, SemanticDescriptor};
use crate::agent::AgentDefinition;
use crate::event::MigrationReport;
use crate::words::{
    ArtifactState, LegacyKind, MigrationStatus, QuarantineCause, RowStanding, WorkspaceKind,
    WorkspaceStatus,
};
use crate::{Digest, MigrationId, TenantId, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of a file of rows. A reference names the old id of a row that stands before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LegacyLine {
    /// A user the old store knew.
    User(LegacyUser),
    /// A project.
    Project(LegacyProject),
    /// A workspace.
    Workspace(LegacyWorkspace),
    /// An agent.
    Agent(Box<LegacyAgent>),
    /// A session: a chat, or with a workspace a code thread.
    Session(LegacySession),
    /// An artifact.
    Artifact(Box<LegacyArtifact>),
}

/// A user of the old store; no row, but what rows are resolved by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyUser {
    /// The user's name there.
    pub id: String,
    /// Their default tenant, when it is known already.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
}

/// A project of the old store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyProject {
    /// Its id there.
    pub id: String,
    /// Whose it was.
    #[serde(default)]
    pub user: Option<String>,
    /// Its name.
    pub name: String,
}

/// A workspace of the old store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyWorkspace {
    /// Its id there.
    pub id: String,
    /// Whose it was.
    #[serde(default)]
    pub user: Option<String>,
    /// Its project, by its id there.
    #[serde(default)]
    pub project: Option<String>,
    /// Where it lies.
    pub workspace_kind: WorkspaceKind,
    /// The branch or other reference it is at.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The commit it began from.
    #[serde(default)]
    pub base_commit: Option<String>,
    /// How it stands; `provisioning` when nothing is said.
    #[serde(default)]
    pub status: Option<WorkspaceStatus>,
}

/// An agent of the old store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyAgent {
    /// Its id there.
    pub id: String,
    /// Whose it was.
    #[serde(default)]
    pub user: Option<String>,
    /// What it is, in the words of this server.
    pub definition: AgentDefinition,
}

/// A session of the old store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacySession {
    /// Its id there.
    pub id: String,
    /// The human or service it was for.
    #[serde(default)]
    pub user: Option<String>,
    /// What a person called it.
    #[serde(default)]
    pub title: Option<String>,
    /// Its product; `tenure` when nothing is said.
    #[serde(default)]
    pub product_id: Option<String>,
    /// Its workspace, by its id there; none makes it a chat.
    #[serde(default)]
    pub workspace: Option<String>,
    /// The agent it was bound to, by its id there.
    #[serde(default)]
    pub agent: Option<String>,
    /// What was said, oldest first: the chat memory it comes with.
    #[serde(default)]
    pub messages: Vec<LegacyMessage>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyMessage {
    /// By whom.
    pub role: LegacyRole,
    /// What.
    pub content: String,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LegacyRole {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// An artifact of the old store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyArtifact {
    /// Its id there.
    pub id: String,
    /// Whose it was.
    #[serde(default)]
    pub user: Option<String>,
    /// The session it belongs to, by its id there.
    pub session: String,
    /// What it is, such as `file`.
    pub artifact_type: String,
    /// What made it there.
    pub intent: String,
    /// `READY` when nothing is said, or `PENDING`.
    #[serde(default)]
    pub state: Option<ArtifactState>,
    /// What it was made from, by their ids there.
    #[serde(default)]
    pub parents: Vec<String>,
    /// What is in it.
    #[serde(default)]
    pub semantic_descriptor: Option<SemanticDescriptor>,
    /// Where its body lies.
    #[serde(default)]
    pub materializations: Vec<Materialization>,
    /// Digest of its content.
    #[serde(default)]
    pub digest: Option<Digest>,
}

/// Say which tenant is a user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MapUser {
    /// The user, as the old store names them.
    pub user_id: String,
    /// Their default tenant; null says that they are known and have none.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Bring the next rows in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunMigration {
    /// Rows at the most; `MIGRATION_BATCH_ROWS` when nothing is said, and no more than that.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 256)]
    pub max_rows: Option<usize>,
}

/// Give a row in quarantine its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The user it is for; the row's own when nothing is said.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// Give a row in quarantine up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscardRow {
    /// Why.
    pub reason: String,
}

/// A migration (`TEN-2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// The migration.
    pub migration_id: MigrationId,
    /// Its owner: the server's own tenant.
    pub tenant_id: TenantId,
    /// What a person calls the store the rows come from.
    pub source: String,
    /// Whether it is over.
    pub status: MigrationStatus,
    /// Rows of the file.
    pub rows: u64,
    /// Rows that are neither in their tenant, nor in quarantine, nor given up.
    pub open: u64,
    /// What became of the rows; final once it is finished.
    pub report: MigrationReport,
    /// Digest of the file.
    pub digest: Digest,
    /// When it was begun.
    pub created_at: Time,
    /// When it was finished.
    pub finished_at: Option<Time>,
}

/// A row of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegacyRow {
    /// The migration.
    pub migration_id: MigrationId,
    /// How it is named in a path: `kind:id`.
    pub row: String,
    /// What it is.
    pub kind: LegacyKind,
    /// Its id in the old store.
    pub origin_id: String,
    /// Whose it is.
    pub user_id: Option<String>,
    /// Where it stands.
    pub standing: RowStanding,
    /// Its owner, once it has one.
    pub tenant_id: Option<TenantId>,
    /// Its id here, once it is here.
    pub id: Option<String>,
    /// Where it is read, once it is here.
    pub location: Option<String>,
    /// Why it was set aside.
    pub cause: Option<QuarantineCause>,
    /// What its tenant said, when that refused it.
    pub told: Option<String>,
}
