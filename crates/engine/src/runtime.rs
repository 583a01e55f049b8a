//! `Runtime`: the one way to have a task done (`RT2`, `RT9`).

use crate::api::Engine;
use futures::future::BoxFuture;
use std::time::Duration;
use tenure_contract::resource::{AgentRequest, Caller, Run, SubmitRun};
use tenure_contract::{Error, RunId, SessionId};

/// Does tasks. What changes how a task is done, a wrapper, is a runtime itself: it holds another one
/// and decides what that one is given and what its own caller gets. Who only wants to see is an
/// [`Observer`](crate::Observer), which can change nothing.
///
/// ```
/// use futures::future::BoxFuture;
/// use std::sync::Arc;
/// use tenure_contract::{Error, resource::Run};
/// use tenure_engine::{RunOptions, Runtime};
///
/// /// Has every task done in at most three turns.
/// struct Brief(Arc<dyn Runtime>);
///
/// impl Runtime for Brief {
///     fn run(&self, task: String, options: RunOptions) -> BoxFuture<'_, Result<Run, Error>> {
///         let most = options.max_steps.map_or(3, |asked| asked.min(3));
///         self.0.run(task, RunOptions { max_steps: Some(most), ..options })
///     }
/// }
///
/// fn brief(runtime: Arc<dyn Runtime>) -> Arc<dyn Runtime> {
///     Arc::new(Brief(runtime))
/// }
/// ```
pub trait Runtime: Send + Sync {
    /// Runs a task to its end and tells what it came to: the run, completed, failed or cancelled,
    /// with its partial result. Dropping the future stops waiting, not the run.
    ///
    /// # Errors
    /// When the task was not accepted; nothing runs then.
    fn run(&self, task: String, options: RunOptions) -> BoxFuture<'_, Result<Run, Error>>;
}

/// How one task is to be done; each option replaces the configured one whole (`RT3`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The session; a new one, which ends with the run, when absent.
    pub session: Option<SessionId>,
    /// May only lower the agent's cap on turns.
    pub max_steps: Option<u32>,
    /// The same key and task again are the first run (`INT-5`).
    pub idempotency_key: Option<String>,
    /// A run to wait for instead of beginning one; the task is not looked at.
    pub resume: Option<RunId>,
}

/// An agent as a runtime, for one caller.
#[derive(Clone)]
pub struct AgentRuntime {
    engine: Engine,
    caller: Caller,
    agent: String,
}

impl AgentRuntime {
    /// The newest version of a registered agent; nothing is looked up before a task comes (`RT1`).
    #[must_use]
    pub const fn new(engine: Engine, caller: Caller, agent: String) -> Self {
        Self { engine, caller, agent }
    }

    async fn begin(&self, task: String, options: RunOptions) -> Result<RunId, Error> {
        if let Some(run) = options.resume {
            return Ok(run);
        }
        let (name, max_steps) = (self.agent.clone(), options.max_steps);
        let request = SubmitRun {
            session_id: options.session,
            idempotency_key: options.idempotency_key,
            agent: Some(AgentRequest { name, version: None, task, max_steps }),
            ..SubmitRun::default()
        };
        Ok(self.engine.submit(&self.caller, request).await?.run_id)
    }
}

impl Runtime for AgentRuntime {
    fn run(&self, task: String, options: RunOptions) -> BoxFuture<'_, Result<Run, Error>> {
        Box::pin(async move {
            let run = self.begin(task, options).await?;
            let session = self.engine.run(&self.caller, run).await?.session_id;
            self.engine.ended(&self.caller, session, run, Duration::MAX).await?;
            self.engine.run(&self.caller, run).await
        })
    }
}
