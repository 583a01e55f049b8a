//! What comes into a tenant's ledger from a store without owners (`TEN-2`): made like anything else, and in the
//! same commit it says where it came from.

use super::{LedgerState, entry};
use crate::command::{Draft, DraftBody};
use tenure_contract::event::{ProjectCreated, RowBrought, WorkspaceCreated, WorkspaceMoved};
use tenure_contract::words::WorkspaceStatus;
use tenure_contract::{AgentId, Code, Digest, Error};

/// A row that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bringing {
    /// What is made.
    pub thing: Thing,
    /// Where it came from.
    pub brought: RowBrought,
}

/// What is made of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A project.
    Project(ProjectCreated),
    /// A workspace, and how it stands.
    Workspace(WorkspaceCreated, WorkspaceStatus),
    /// An agent; its definition is the body.
    Agent {
        /// Its name.
        name: String,
        /// An id, used when the name is new.
        agent: AgentId,
        /// Digest of the definition.
        version: Digest,
    },
}

impl LedgerState {
    /// What was brought before is nothing new.
    pub(super) fn bring(&self, bringing: &Bringing) -> Result<Vec<Draft>, Error> {
        let mut drafts = match &bringing.thing {
            Thing::Project(made) => self.places.create_project(made)?,
            Thing::Workspace(made, status) => {
                let mut drafts = self.places.create_workspace(made)?;
                if !drafts.is_empty() && *status != WorkspaceStatus::Provisioning {
                    let moved = WorkspaceMoved { workspace: made.workspace, status: *status };
                    drafts.push(entry(moved, DraftBody::None));
                }
                drafts
            }
            Thing::Agent { name, agent, version } => self.bring_agent(name, *agent, *version)?,
        };
        if !drafts.is_empty() {
            drafts.push(entry(bringing.brought.clone(), DraftBody::None));
        }
        Ok(drafts)
    }

    /// An old definition must not become the newest version of an agent the tenant has.
    fn bring_agent(
        &self,
        name: &str,
        agent: AgentId,
        version: Digest,
    ) -> Result<Vec<Draft>, Error> {
        if self.agents.knows(name) && !self.agents.has(name, version) {
            let told = format!("the tenant has another agent `{name}`; rename this one");
            return Err(Error::new(Code::KeyConflict, told).about(name));
        }
        Ok(self.agents.register(name, agent, version))
    }
}
