//! One run of the clerk over one set of documents, from opening a session to its end.

use super::Plan;
use super::child::{Payments, Server};
use super::documents::Documents;
use super::narrator::Narrator;
use super::operator;
use crate::cli::{Failure, definition};
use crate::client::{Client, Fault, Happening, Sent};
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, OpenSession, RegisterAgent, Run, Session, SubmitRun,
};
use tenure_contract::words::RunStatus;
use tenure_contract::{RunId, SessionId};
use tokio::task::JoinHandle;

/// How long a server may be gone before the demo gives up.
const GONE_MAX: Duration = Duration::from_secs(60);
/// How long an automatic round may take.
const ROUND_MAX: Duration = Duration::from_secs(300);
/// How long between two questions to a server that is gone or has nothing new.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Entries a server showed as durable: place and hash.
pub(super) type Acks = Arc<Mutex<BTreeMap<u64, String>>>;

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
        let agent: Agent = self
            .insist(|client| {
                let agent = agent.clone();
                async move { client.post("/v1/agents", &agent).await }
            })
            .await?;
        let opened: Session = self
            .insist(
                |client| async move { client.post("/v1/sessions", &OpenSession::default()).await },
            )
            .await?;
        let session = opened.session_id;
        let workspace = self.server.data().join("workspaces").join(session.to_string());
        documents.write(&workspace, self.number)?;
        let acks = Acks::default();
        let following = self.follow(session, acks.clone());
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
        let accepted: Accepted = self
            .insist(|client| {
                let request = request.clone();
                async move { client.post("/v1/runs", &request).await }
            })
            .await?;
        self.narrator.submitted(&accepted);
        Ok(accepted.run_id)
    }

    /// Asks until a server answers.
    async fn insist<T, F, Fut>(&self, ask: F) -> Result<T, Failure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let begun = Instant::now();
        loop {
            match ask(self.server.client()).await {
                Ok(answer) => return Ok(answer),
                Err(Fault::Refused(error)) => return Err(error.into()),
                Err(fault) if begun.elapsed() > GONE_MAX => return Err(fault.into()),
                Err(Fault::Unreachable { .. }) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
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
            let path = format!("/v1/runs/{id}?waitMs=200");
            let run: Run = self
                .insist(|client| {
                    let path = path.clone();
                    async move { client.get(&path).await }
                })
                .await?;
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

    /// Reads the event stream over all kills: tells it, and notes what was shown as durable.
    fn follow(&self, session: SessionId, acks: Acks) -> JoinHandle<()> {
        let (server, narrator) = (self.server.clone(), self.narrator.clone());
        tokio::spawn(async move {
            let mut clients = server.clients();
            let mut last = 0;
            let mut teller = crate::cli::Teller::default();
            loop {
                let client = clients.borrow_and_update().clone();
                if let Ok(events) = client.events(session, last).await {
                    tokio::pin!(events);
                    while let Some(Ok(sent)) = events.next().await {
                        let Sent::Entry(told) = sent else { continue };
                        last = told.seq;
                        note(&acks, &told);
                        narrator.event(&mut teller, &told);
                    }
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        })
    }
}

fn note(acks: &Acks, told: &Happening) {
    acks.lock().unwrap_or_else(PoisonError::into_inner).insert(told.seq, told.hash.clone());
}
