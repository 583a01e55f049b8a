//! The agents a node has built: kept while they are used, let go with what their tools hold (`T8`).

use crate::lock;
use crate::node::Node;
use std::path::Path;
use std::sync::Arc;
use tenure_agent::Agent;
use tenure_contract::{Code, Digest, Error, TenantId};

/// An agent in its place.
pub(crate) struct Seat {
    agent: Arc<Agent>,
    /// Whether it can be built again from its definition; one that was brought stays.
    brought: bool,
    /// Whether anyone asked for it since the last round.
    used: bool,
}

impl Node {
    /// An agent's version, built from the definition in the tenant's ledger.
    pub fn agent(self: &Arc<Self>, tenant: TenantId, version: Digest) -> Result<Arc<Agent>, Error> {
        if let Some(seat) = lock(&self.agents).get_mut(&(tenant, version)) {
            seat.used = true;
            return Ok(seat.agent.clone());
        }
        let definition = self.definition(tenant, version)?;
        let secrets = crate::api::TenantSecrets::of(self, tenant);
        let built =
            tenure_agent::build_with(&definition, Path::new("/"), &*self.host.tools, &secrets)
                .map_err(|why| {
                    Error::new(Code::InvalidArgument, why.to_string()).about(&definition.name)
                })?;
        let made = Seat { agent: Arc::new(built), brought: false, used: true };
        // whoever came first keeps the seat: two of one version would hold everything twice
        Ok(lock(&self.agents).entry((tenant, version)).or_insert(made).agent.clone())
    }

    /// Seats an agent that was made elsewhere.
    pub fn seat(&self, tenant: TenantId, version: Digest, agent: Agent) {
        let seat = Seat { agent: Arc::new(agent), brought: true, used: true };
        lock(&self.agents).insert((tenant, version), seat);
    }

    /// Lets go of agents nobody asked for since the last time and nobody uses. One that was brought
    /// stays, without what its tools hold.
    pub fn let_agents_go(self: &Arc<Self>) {
        let mut idle: Vec<Arc<Agent>> = Vec::new();
        lock(&self.agents).retain(|_, seat| {
            let used = std::mem::replace(&mut seat.used, false);
            let is_idle = !used && Arc::strong_count(&seat.agent) == 1;
            if is_idle {
                idle.push(seat.agent.clone());
            }
            seat.brought || !is_idle
        });
        if !idle.is_empty() {
            let node = self.clone();
            self.spawn(async move {
                for agent in idle {
                    node.dispose(&agent).await;
                }
            });
        }
    }

    /// Disposes of every tool that was used; for a node that goes down.
    pub async fn dispose_of_tools(&self) {
        let agents: Vec<_> = lock(&self.agents).values().map(|seat| seat.agent.clone()).collect();
        for agent in agents {
            self.dispose(&agent).await;
        }
    }

    async fn dispose(&self, agent: &Agent) {
        for built in agent.tools() {
            if let Err(why) = built.dispose().await {
                let about = format!("`{}` of agent `{}`", built.spec().name, agent.definition.name);
                self.failed("a tool was not disposed of", about, &Error::new(Code::Internal, why));
            }
        }
    }
}
