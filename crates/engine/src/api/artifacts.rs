//! Artifacts: told from the entries that registered and moved them.

use super::Engine;
use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use std::sync::Arc;
use tenure_contract::resource::{Artifact, ArtifactBody, Caller, ProducedBy};
use tenure_contract::{ArtifactId, Code, Error, Event};
use tenure_core::projection::{ListQuery, Order, Scope, Table};

impl Engine {
    /// The artifacts of a session, in the order they were registered.
    ///
    /// # Errors
    /// `not-found`.
    pub fn artifacts(
        &self,
        caller: &Caller,
        session: tenure_contract::SessionId,
    ) -> Result<Vec<Artifact>, Error> {
        let resident = self.session_of(caller, session)?;
        let mut artifacts = Vec::new();
        let mut from = 1;
        loop {
            let page = self.node.read(&resident, from, 1_024)?;
            let Some(last) = page.last() else { return Ok(artifacts) };
            from = last.entry.seq + 1;
            for found in &page {
                match &found.entry.event {
                    Event::ArtifactRegistered(made) => {
                        let body = self.node.body(found)?;
                        let body: ArtifactBody = body
                            .and_then(|body| serde_json::from_slice(&body).ok())
                            .unwrap_or_default();
                        artifacts.push(Artifact {
                            artifact_id: made.artifact,
                            artifact_type: made.artifact_type.clone(),
                            tenant_id: found.entry.tenant,
                            produced_by: ProducedBy {
                                intent: made.intent.clone(),
                                execution_id: made.run,
                            },
                            parent_artifacts: made.parents.clone(),
                            lifecycle_state: made.state,
                            semantic_descriptor: body.semantic_descriptor,
                            materializations: body.materializations,
                            digest: made.digest,
                            created_at: found.entry.at,
                            updated_at: found.entry.at,
                        });
                    }
                    Event::ArtifactMoved(moved) => {
                        if let Some(known) =
                            artifacts.iter_mut().find(|known| known.artifact_id == moved.artifact)
                        {
                            known.lifecycle_state = moved.state;
                            known.updated_at = found.entry.at;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Node {
    /// Parents must exist in the tenant (`ART-2`); a cycle cannot be made, since an artifact is
    /// registered after its parents.
    pub(crate) fn check_parents(
        self: &Arc<Self>,
        resident: &Resident,
        parents: &[ArtifactId],
    ) -> Result<(), Error> {
        for parent in parents {
            let here = lock(&resident.cell)
                .session()
                .is_some_and(|state| state.artifacts.contains_key(parent));
            if here {
                continue;
            }
            let query = ListQuery {
                scope: Scope::Tenant(resident.tenant),
                table: Table::Artifact,
                key: Some(parent.bytes()),
                filters: Vec::new(),
                order: Order::NewestFirst,
                after: None,
                limit: 1,
            };
            if self.store.projection.list(&query).map_err(crate::commit::store_error)?.is_empty() {
                let told = format!("parent artifact `{parent}` does not exist; register it first");
                return Err(Error::new(Code::NotFound, told).about(parent));
            }
        }
        Ok(())
    }
}
