//! Artifacts and what stands beside their entries.

use crate::words::ArtifactState;
use crate::{ArtifactId, Digest, MaterializationId, RunId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An artifact (`ART-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The artifact.
    pub artifact_id: ArtifactId,
    /// What it is.
    pub artifact_type: String,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What made it.
    pub produced_by: ProducedBy,
    /// What it was made from.
    pub parent_artifacts: Vec<ArtifactId>,
    /// Where it stands.
    pub lifecycle_state: ArtifactState,
    /// What is in it.
    pub semantic_descriptor: SemanticDescriptor,
    /// Where its body lies.
    pub materializations: Vec<Materialization>,
    /// Digest of its content.
    pub digest: Option<Digest>,
    /// When it was registered.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// What made an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProducedBy {
    /// The intent; the task's intent for an agent's run.
    pub intent: String,
    /// The run.
    pub execution_id: RunId,
}

/// What is in an artifact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SemanticDescriptor {
    /// Its shape: columns, keys, headings.
    pub schema: Value,
    /// How many records it has.
    pub record_count: Option<u64>,
    /// What read it.
    pub parser_type: Option<String>,
    /// What embedded it.
    pub embedding_model: Option<String>,
}

/// One place an artifact's body lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Materialization {
    /// The place's id.
    pub materialization_id: MaterializationId,
    /// `file`, `s3`, `inline`.
    pub storage_type: String,
    /// Where.
    pub uri: String,
    /// The media type or format.
    pub format: String,
    /// The compression.
    pub compression: Option<String>,
    /// When it was written.
    pub created_at: Time,
}

/// An artifact's body beside its entry: everything erasable of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactBody {
    /// What is in it.
    pub semantic_descriptor: SemanticDescriptor,
    /// Where its body lies.
    pub materializations: Vec<Materialization>,
}
