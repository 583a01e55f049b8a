//! Runs: submit, see, cancel, pause, resume.

use super::sessions::{request_digest, same_tenant};
use super::{Engine, actor, name, not_there};
use crate::claims::Elsewhere;
use crate::lock;
use crate::policy::setting;
use crate::resident::Resident;
use crate::seal::{Bodies, Sealed};
use crate::view;
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::event::{Origin, RunLimits, RunSubmitted, Work};
use tenure_contract::resource::{Accepted, AgentRequest, Caller, IntentRequest, Run, SubmitRun};
use tenure_contract::words::{InputPolicy, StopReason, Trigger};
use tenure_contract::{Code, Digest, Error, IntentId, PolicyVersion, RunId, SessionId, limits};
use tenure_core::policy::{self, Matter, Question, Ruled};
use tenure_core::projection::{Column, Table};
use tenure_core::session::SessionState;
use tenure_core::{Command, Refusal};

/// Who handles an intent that no handler of this server does.
const EXECUTOR: &str = "executor";

/// What a submission comes to before a session is asked.
pub(super) struct Prepared {
    pub(super) work: Work,
    pub(super) input: Value,
    pub(super) limits: RunLimits,
    pub(super) memory: bool,
    pub(super) approvers: Vec<String>,
    digest: Option<Digest>,
    pub(super) tools: Option<Digest>,
    pub(super) model: Option<String>,
}

/// What came of a submission.
enum Offered {
    /// A session has it, as far as the disk keeps it.
    Taken { session: Arc<Resident>, accepted: Accepted },
    /// Another session has its key.
    Elsewhere(Elsewhere),
}

impl Engine {
    /// Accepts a run: durable, not done, when it returns (`INT-5`).
    ///
    /// # Errors
    /// `unknown-name` listing what exists, `invalid-argument`, `too-large`, `key-conflict`,
    /// `session-busy`, `not-found`, `draining`.
    pub async fn submit(&self, caller: &Caller, request: SubmitRun) -> Result<Accepted, Error> {
        self.admit()?;
        same_tenant(caller, request.tenant_id)?;
        let prepared = self.prepare(caller, &request)?;
        let run = match request.idempotency_key.as_deref() {
            Some(key) => RunId::from_bytes(self.id_of(caller.tenant, "run", key)?),
            None => RunId::from_bytes(self.node.fresh_id()),
        };
        loop {
            match self.offer(caller, &request, &prepared, run)? {
                Offered::Taken { session, accepted } => {
                    self.node.durable(&session, accepted.seq).await?;
                    return Ok(accepted);
                }
                Offered::Elsewhere(claim) => {
                    // a conflict with what is lost with its commit would be one with nothing
                    if self.node.durable(&claim.session, claim.seq).await.is_ok() {
                        return Err(Refusal::RunKeyConflict(run).into());
                    }
                }
            }
        }
    }

    /// Looks for the run's key and gives the run to its session, with nobody in between.
    fn offer(
        &self,
        caller: &Caller,
        request: &SubmitRun,
        prepared: &Prepared,
        run: RunId,
    ) -> Result<Offered, Error> {
        let key = request.idempotency_key.as_deref();
        let _turn = key.map(|_| self.node.claims.turn(run));
        if let Some(key) = key
            && let Some(claim) = self.key_is_for(caller, request, key, run)?
        {
            return Ok(Offered::Elsewhere(claim));
        }
        let session = self.session_for(caller, request, prepared, key)?;
        let submitted = submission(&session, request, prepared, run);
        let accepted = self.enter_run(caller, &session, &submitted, &prepared.input)?;
        self.node.claims.make(run, &session, accepted.seq);
        Ok(Offered::Taken { session, accepted })
    }

    /// Submits a run with what policy says of it (`RUN-2`).
    pub(crate) fn enter_run(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        submitted: &RunSubmitted,
        input: &Value,
    ) -> Result<Accepted, Error> {
        let (run, node) = (submitted.run, &self.node);
        let given = Some(node.seal_json(caller.tenant, input)?);
        let parameters = input.get("parameters").unwrap_or(&Value::Null);
        loop {
            let (ruled, refusal) = self.ruled(caller, resident, &submitted.work, parameters)?;
            let bodies = Bodies { given: given.clone(), refusal, ..Bodies::default() };
            let mut cell = lock(&resident.cell);
            let duplicate = cell.session().is_some_and(|state| {
                state.runs.contains_key(&run) || state.steered.contains_key(&run)
            });
            let command = Command::SubmitRun { submitted: submitted.clone(), ruled };
            let done = node.transact_locked(resident, &mut cell, &command, bodies, &actor(caller));
            let seq = match done {
                // another policy came into force meanwhile
                Err(error) if error.code == Code::VersionConflict => continue,
                done => done?,
            };
            let state =
                cell.session().ok_or_else(|| Error::not_found("session", resident.journal))?;
            return Ok(Accepted {
                run_id: became(state, run),
                session_id: state.id,
                duplicate,
                seq,
            });
        }
    }

    /// What policy says of the run (`RUN-2`), and the body that says why it refuses.
    pub(super) fn ruled(
        &self,
        caller: &Caller,
        resident: &Resident,
        work: &Work,
        parameters: &Value,
    ) -> Result<(Ruled, Option<Sealed>), Error> {
        let policy = self.node.policy(resident)?;
        let setting = {
            let cell = lock(&resident.cell);
            cell.session().map(|state| setting(state, caller.surface)).unwrap_or_default()
        };
        let work = match work {
            Work::Agent { name, .. } => policy::Work::Agent(name.clone()),
            Work::Intent { intent_type, .. } => policy::Work::Intent(intent_type.clone()),
        };
        let matter = Matter::Run { work, parameters };
        let principal = caller.principal.clone();
        let ruled = policy.ruled(&Question { principal, matter, setting });
        let refusal = match ruled.ruling.clone().at_once() {
            Ok(()) => None,
            Err(why) => {
                let body = json!({ "error": format!("the run is refused: {why}") });
                Some(self.node.seal_json(caller.tenant, &body)?)
            }
        };
        Ok((ruled, refusal))
    }

    /// A key that made a run in one session makes none in another: the session is part of the body.
    /// What another session was given and the lists do not tell yet is returned.
    fn key_is_for(
        &self,
        caller: &Caller,
        request: &SubmitRun,
        key: &str,
        run: RunId,
    ) -> Result<Option<Elsewhere>, Error> {
        let here = match request.session_id {
            Some(id) => id.bytes(),
            None => self.id_of(caller.tenant, "run-session", key)?,
        };
        // before the lists: what is over here is in them
        if let Some(claim) = self.node.claims.elsewhere(run, here) {
            return Ok(Some(claim));
        }
        let known = match self.row(caller, Table::Run, run.bytes())? {
            Some(row) => Some(row),
            None => self.row(caller, Table::Steer, run.bytes())?,
        };
        match known.and_then(|row| row.id(Column::Session)) {
            Some(elsewhere) if elsewhere != here => Err(Refusal::RunKeyConflict(run).into()),
            _ => Ok(None),
        }
    }

    pub(super) fn prepare(&self, caller: &Caller, request: &SubmitRun) -> Result<Prepared, Error> {
        let digest = match &request.idempotency_key {
            Some(_) => Some(request_digest(request)?),
            None => None,
        };
        let prepared = match (&request.intent, &request.agent) {
            (Some(intent), None) => self.prepare_intent(request, intent, digest)?,
            (None, Some(agent)) => self.prepare_agent(caller, request, agent, digest)?,
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "both `intent` and `agent` are given; expected exactly one",
                ));
            }
            (None, None) => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "neither `intent` nor `agent` is given; expected exactly one",
                ));
            }
        };
        fits_limit(prepared)
    }

    /// The same for work that an executor performs: its intents need no handler here, and those that
    /// have one keep its schema.
    pub(super) fn prepare_for_executor(
        &self,
        caller: &Caller,
        request: &SubmitRun,
    ) -> Result<Prepared, Error> {
        let Some(intent) = request.intent.as_ref().filter(|asked| {
            request.agent.is_none() && !self.node.intents.serves(&asked.intent_type)
        }) else {
            return self.prepare(caller, request);
        };
        name("intent.type", &intent.intent_type)?;
        self.intent_work(request, intent, EXECUTOR.to_owned(), None).and_then(fits_limit)
    }

    fn prepare_intent(
        &self,
        request: &SubmitRun,
        intent: &IntentRequest,
        digest: Option<Digest>,
    ) -> Result<Prepared, Error> {
        name("intent.type", &intent.intent_type)?;
        let chosen = self.node.intents.choose(&intent.intent_type, &intent.parameters)?;
        self.intent_work(request, intent, chosen.handler_name, digest)
    }

    fn intent_work(
        &self,
        request: &SubmitRun,
        intent: &IntentRequest,
        handler: String,
        digest: Option<Digest>,
    ) -> Result<Prepared, Error> {
        let solution = intent.solution_id.clone().unwrap_or_else(|| "default".to_owned());
        name("intent.solutionId", &solution)?;
        let work = Work::Intent {
            intent: IntentId::from_bytes(self.node.fresh_id()),
            intent_type: intent.intent_type.clone(),
            handler,
            solution,
        };
        let input = json!({ "parameters": intent.parameters, "metadata": intent.metadata });
        let limits = resolve_limits(None, None, None, request.budget_steps)?;
        Ok(Prepared {
            work,
            input,
            limits,
            memory: false,
            approvers: Vec::new(),
            digest,
            tools: None,
            model: None,
        })
    }

    fn prepare_agent(
        &self,
        caller: &Caller,
        request: &SubmitRun,
        asked: &AgentRequest,
        digest: Option<Digest>,
    ) -> Result<Prepared, Error> {
        let (agent, version) = self.agent_version(caller, &asked.name, asked.version)?;
        let built = self.node.agent(caller.tenant, version)?;
        let definition = &built.definition;
        let limits = resolve_limits(
            definition.max_steps,
            asked.max_steps,
            definition.budget_steps,
            request.budget_steps,
        )?;
        let work = Work::Agent { agent, version, name: asked.name.clone() };
        let input = json!({ "task": asked.task });
        let approvers = definition.approvers.clone();
        let (tools, model) = (Some(built.tools_digest()), Some(built.model_name()));
        let memory = definition.memory;
        Ok(Prepared { work, input, limits, memory, approvers, digest, tools, model })
    }

    /// The session a run is for: the named one, or a new one that ends with it.
    fn session_for(
        &self,
        caller: &Caller,
        request: &SubmitRun,
        prepared: &Prepared,
        key: Option<&str>,
    ) -> Result<Arc<Resident>, Error> {
        if let Some(id) = request.session_id {
            return self.session_of(caller, id);
        }
        if let Some(task) = request.task_id {
            // refused before a session is opened: a task is a session's
            let told =
                format!("task `{task}` is in no new session; name its session in `sessionId`");
            return Err(Error::new(Code::InvalidArgument, told).about(task));
        }
        if let Some(parent) = request.parent_run_id {
            // refused before a session is opened that no run would ever end
            let told = format!(
                "run `{parent}` cannot be a parent in a new session; name its session in `sessionId`"
            );
            return Err(Error::new(Code::InvalidArgument, told).about(parent));
        }
        let opened = self.opening(
            caller,
            request.session.clone().unwrap_or_default(),
            prepared.digest,
            true,
        )?;
        let resident = match key {
            Some(key) => {
                let id = SessionId::from_bytes(self.id_of(caller.tenant, "run-session", key)?);
                self.node.session_or_new(caller.tenant, id)?
            }
            None => {
                self.node.new_session(caller.tenant, SessionId::from_bytes(self.node.fresh_id()))
            }
        };
        self.node.transact(
            &resident,
            &Command::OpenSession(opened),
            Bodies::default(),
            &actor(caller),
        )?;
        Ok(resident)
    }

    /// A run.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn run(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        loop {
            let resident = self.session_of_run(caller, id).await?;
            match view::run(&self.node, &resident, id).await {
                // a commit failed: what was seen is undone, and what is left is read again
                Err(_) if resident.durable.lost().is_some() => {
                    tokio::time::sleep(super::VOID_LOOK_AGAIN).await
                }
                seen => return seen,
            }
        }
    }

    /// Asks for a run's end and returns the run; it ends once its effects are settled.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` when it has ended.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: RunId,
        reason: Option<String>,
    ) -> Result<Run, Error> {
        super::reason(reason.as_ref())?;
        let command = Command::CancelRun { run: id, stop_reason: StopReason::Aborted, reason };
        self.command_run(caller, id, command).await
    }

    /// Halts a run before its next step.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition`.
    pub async fn pause(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        self.command_run(caller, id, Command::PauseRun { run: id }).await
    }

    /// Lets a halted run go on.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition`.
    pub async fn resume(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        self.command_run(caller, id, Command::ResumeRun { run: id }).await
    }

    async fn command_run(
        &self,
        caller: &Caller,
        id: RunId,
        command: Command,
    ) -> Result<Run, Error> {
        let resident = self.session_of_run(caller, id).await?;
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        view::run(&self.node, &resident, id).await
    }

    pub(super) async fn session_of_run(
        &self,
        caller: &Caller,
        id: RunId,
    ) -> Result<Arc<Resident>, Error> {
        let session = match self.node.claims.session_of(id) {
            Some(session) => Some(session),
            None => self.find_session(caller, Table::Run, id.bytes()).await?,
        };
        let session = session.ok_or_else(|| Error::not_found("run", id))?;
        self.session_of(caller, session)
            .map_err(|refused| not_there(refused, Error::not_found("run", id)))
    }

    /// The session a listed thing belongs to. What is not listed may be too new: then the lists are
    /// waited for once.
    pub(super) async fn find_session(
        &self,
        caller: &Caller,
        table: Table,
        key: [u8; 16],
    ) -> Result<Option<SessionId>, Error> {
        if let Some(row) = self.row(caller, table, key)? {
            return Ok(row.id(Column::Session).map(SessionId::from_bytes));
        }
        self.settled().await?;
        let row = self.row(caller, table, key)?;
        Ok(row.and_then(|row| row.id(Column::Session)).map(SessionId::from_bytes))
    }
}

fn fits_limit(prepared: Prepared) -> Result<Prepared, Error> {
    let size = prepared.input.to_string().len();
    if size > limits::RUN_INPUT_MAX_BYTES {
        let told = format!(
            "the run's input has {size} bytes; the limit RUN_INPUT_MAX_BYTES is {}",
            limits::RUN_INPUT_MAX_BYTES
        );
        return Err(Error::new(Code::TooLarge, told));
    }
    Ok(prepared)
}

/// The run a submission became: its own, or the one it was steered into.
fn became(state: &SessionState, run: RunId) -> RunId {
    if state.runs.contains_key(&run) {
        return run;
    }
    let steered = state.steered.get(&run).map(|steered| steered.run);
    steered.or(state.order.first().copied()).unwrap_or(run)
}

pub(super) fn submission(
    resident: &Resident,
    request: &SubmitRun,
    prepared: &Prepared,
    run: RunId,
) -> RunSubmitted {
    let (policy, session_approvers) = {
        let cell = lock(&resident.cell);
        let opened = cell.session().and_then(|state| state.opened.as_ref());
        let policy = opened.map_or(InputPolicy::Queue, |opened| opened.input_policy);
        (policy, opened.map(|opened| opened.approvers.clone()).unwrap_or_default())
    };
    let mut approvers = prepared.approvers.clone();
    approvers.extend(session_approvers);
    approvers.sort();
    approvers.dedup();
    RunSubmitted {
        run,
        parent: request.parent_run_id,
        task: request.task_id,
        work: prepared.work.clone(),
        trigger: if request.parent_run_id.is_some() { Trigger::Parent } else { Trigger::Submit },
        policy: request.input_policy.unwrap_or(policy),
        limits: prepared.limits,
        request: prepared.digest,
        memory: prepared.memory,
        approvers,
        // the core counts
        attempt: 1,
        // both are the core's to decide
        refused: false,
        decided_under: PolicyVersion::Default,
        tools: prepared.tools,
        model: prepared.model.clone(),
        remote: None,
        scheduled: None,
    }
}

/// Resolves the hard limits and says where each came from; an option may only lower (`RT3`).
fn resolve_limits(
    config_steps: Option<u32>,
    option_steps: Option<u32>,
    config_budget: Option<u64>,
    option_budget: Option<u64>,
) -> Result<RunLimits, Error> {
    if option_steps == Some(0) || option_budget == Some(0) {
        return Err(Error::new(
            Code::InvalidArgument,
            "a limit of 0 steps is refused; expected at least 1",
        ));
    }
    let (ceiling, from) = match config_steps {
        Some(config) => (config, Origin::Config),
        None => (limits::MAX_STEPS_DEFAULT, Origin::Default),
    };
    let (max_steps, max_steps_from) = match option_steps {
        Some(option) if option > ceiling => {
            let told = format!(
                "maxSteps {option} is above the ceiling {ceiling}; an option may only lower it"
            );
            return Err(Error::new(Code::InvalidArgument, told));
        }
        Some(option) => (option, Origin::Option),
        None => (ceiling, from),
    };
    let (ceiling, from) = match config_budget {
        Some(config) => (config, Origin::Config),
        None => (limits::BUDGET_STEPS_DEFAULT, Origin::Default),
    };
    let (budget_steps, budget_steps_from) = match option_budget {
        Some(option) => (option.min(ceiling), Origin::Option),
        None => (ceiling, from),
    };
    Ok(RunLimits { max_steps, max_steps_from, budget_steps, budget_steps_from })
}
