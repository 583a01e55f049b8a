//! What is told of artifacts.

use super::Trail;
use tenure_contract::Entry;
use tenure_contract::event::{ArtifactMoved, ArtifactRegistered};
use tenure_contract::trail::{ArtifactTold, Deed, MoveTold, Subject};

impl Trail {
    pub(super) fn artifact_registered(
        &mut self,
        entry: &Entry,
        event: &ArtifactRegistered,
    ) -> Option<Subject> {
        let told = ArtifactTold {
            id: event.artifact,
            registered_as: event.clone(),
            registered: Deed::of(entry),
            state: event.state,
            moves: Vec::new(),
        };
        self.artifacts.add(event.artifact, told);
        Some(Subject::Artifact(event.artifact))
    }

    pub(super) fn artifact_moved(
        &mut self,
        entry: &Entry,
        event: &ArtifactMoved,
    ) -> Option<Subject> {
        let told = self.artifacts.get_mut(&event.artifact)?;
        told.state = event.state;
        told.moves.push(MoveTold { deed: Deed::of(entry), state: event.state });
        Some(Subject::Artifact(event.artifact))
    }
}
