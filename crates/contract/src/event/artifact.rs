//! Events of an artifact.

use crate::words::ArtifactState;
use crate::{ArtifactId, Digest, RunId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// An artifact was registered (`ART-1`); descriptor and materializations are the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactRegistered {
    /// The artifact.
    #[n(0)]
    pub artifact: ArtifactId,
    /// What it is, such as `file` or `profile`.
    #[n(1)]
    pub artifact_type: String,
    /// The run that made it.
    #[n(2)]
    pub run: RunId,
    /// The intent of that run; the task's intent for an agent.
    #[n(3)]
    pub intent: String,
    /// `PENDING` or `READY`.
    #[n(4)]
    pub state: ArtifactState,
    /// What it was made from.
    #[n(5)]
    pub parents: Vec<ArtifactId>,
    /// Digest of its content, when it has some.
    #[n(6)]
    pub digest: Option<Digest>,
}

/// An artifact changed its state (`ART-2`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactMoved {
    /// The artifact.
    #[n(0)]
    pub artifact: ArtifactId,
    /// The new state.
    #[n(1)]
    pub state: ArtifactState,
}
