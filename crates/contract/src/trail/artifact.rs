//! Where an artifact stands.

use super::Deed;
use crate::ArtifactId;
use crate::event::ArtifactRegistered;
use crate::words::ArtifactState;
use serde::{Deserialize, Serialize};

/// An artifact at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactTold {
    /// The artifact.
    pub id: ArtifactId,
    /// As what it was registered.
    pub registered_as: ArtifactRegistered,
    /// The entry that registered it.
    pub registered: Deed,
    /// Where it stands.
    pub state: ArtifactState,
    /// How it came there.
    pub moves: Vec<MoveTold>,
}

/// That an artifact changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTold {
    /// Whose doing.
    pub deed: Deed,
    /// The new state.
    pub state: ArtifactState,
}
