//! One run of the clerk over one set of documents, from opening a session to its end.

use super::Plan;
use super::child::Payments;
use super::documents::Documents;
use super::narrator::Narrator;
use super::operator;
use crate::cli::{Failure, definition};
use crate::client::{Fault, Happening};
use crate::stage::{ASK_AGAIN, Acks, Server};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, OpenSession, RegisterAgent, Run, Session, SubmitRun,
};
use tenure_contract::words::RunStatus;
use tenure_contract::{RunId, SessionId};

/// How long an automatic round may take.
const ROUND_MAX: Duration = Duration::from_secs(300);

pub(super) struct Round<'a> {
    pub number: u64,
    pub plan: &'a Plan,
    pub server: &'a Arc<Server>,
    pub payments: &'a Payments,
    pub narrator: &'a Arc<Narrator>,
}

/// What is known of a round once its run has ended.
pub(super) struct Ended {
    pub session: SessionId,
    pub completed: bool,
    pub acks: Acks,
}

impl Round<'_> {
    pub async fn run(&self, documents: &Documents, agent: &Path) -> Result<Ended, Failure> {
        let agent = RegisterAgent { definition: definition(agent)? };
        let agent: Agent = self.server.post("/v1/agents", &agent).await?;
        let opened: Session = self.server.post("/v1/sessions", &OpenSession::default()).await?;
        let session = opened.session_id;
        let workspace = self.server.data().join("workspaces").join(session.to_string());
        documents.write(&workspace, self.number)?;
        let acks = Acks::default();
        let (narrator, mut teller) = (self.narrator.clone(), crate::cli::Teller::default());
        let tell = move |told: &Happening| narrator.event(&mut teller, told);
        let following = acks.follow(self.server, session, tell);
        let run = self.submit(&agent, session).await?;
        let ended = self.see_through(run).await;
        following.abort();
        let ended = ended?;
        if ended.status != RunStatus::Completed {
            let why = ended.error.map_or_else(|| ended.status.to_string(), |error| error.message);
            self.narrator.trouble(&format!("run {run} did not complete: {why}"));
        }
        Ok(Ended { session, completed: ended.status == RunStatus::Completed, acks })
    }

    async fn submit(&self, agent: &Agent, session: SessionId) -> Result<RunId, Failure> {
        let request = SubmitRun {
            session_id: Some(session),
            agent: Some(AgentRequest {
                name: agent.name.clone(),
                version: Some(agent.version),
                task: "Settle what came in.".to_owned(),
                max_steps: None,
            }),
            // accepted once, however often it has to be asked
            idempotency_key: Some(format!("demo-round-{}", self.number)),
            ..SubmitRun::default()
        };
        let accepted: Accepted = self.server.post("/v1/runs", &request).await?;
        self.narrator.submitted(&accepted);
        Ok(accepted.run_id)
    }

    /// Does what a person would have to do, until the run has ended.
    async fn see_through(&self, id: RunId) -> Result<Run, Failure> {
        let begun = Instant::now();
        let mut operator = operator::Desk::new(
            self.plan.operator,
            self.payments,
            self.narrator,
            self.server.data(),
        );
        loop {
            let run: Run = self.server.get(&format!("/v1/runs/{id}?waitMs=200")).await?;
            if run.status.is_final() {
                return Ok(run);
            }
            if self.plan.operator == super::Operator::Automatic && begun.elapsed() > ROUND_MAX {
                let why =
                    run.waiting_for.map_or_else(|| "nothing".to_owned(), |waiting| waiting.text);
                return Err(Failure::failed(format!(
                    "run {id} did not end within {} s; it waits for: {why}",
                    ROUND_MAX.as_secs()
                )));
            }
            match operator.look(&self.server.client(), run.session_id).await {
                Ok(()) | Err(Fault::Unreachable { .. }) => {}
                Err(Fault::Refused(error)) => self.narrator.refused(&error),
            }
            if matches!(run.status, RunStatus::Paused | RunStatus::WaitingApproval) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}
