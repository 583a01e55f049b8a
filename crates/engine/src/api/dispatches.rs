//! Dispatches: take in, see, list, give up (`DSP-1` to `DSP-4`).

use super::lists::{Listing, dispatch_summary};
use super::sessions::{
    approver_word, bad_context, opening, other_product, request_digest, same_tenant,
};
use super::{Engine, name};
use crate::lock;
use crate::resident::{Folded, Resident};
use crate::seal::Bodies;
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::event::{
    DispatchContext, DispatchReceived, RunSubmitted, SessionOpened, TaskCreated, Work,
};
use tenure_contract::resource::{
    AgentRequest, Caller, ContextChecked, CreateDispatch, Dispatch, DispatchSummary, DispatchWork,
    IntentRequest, OpenSession, Page, SubmitRun,
};
use tenure_contract::words::{
    DispatchMode, DispatchStatus, ExecutionTarget, InputPolicy, RecoveryClass, Trigger,
};
use tenure_contract::{
    ApprovalId, Code, Digest, DispatchId, Error, Event, PolicyVersion, RunId, SessionId, TaskId,
    limits,
};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::context::read_context;
use tenure_core::ledger::dispatch::{DispatchCommand, Standing, made_by};
use tenure_core::policy::{Matter, Question, Ruled, Setting};
use tenure_core::projection::{Column, Table};

/// Where a dispatch's run is to go.
pub(super) struct Destination {
    session: SessionId,
    opens: Option<SessionOpened>,
    policy: InputPolicy,
    approvers: Vec<String>,
    target: ExecutionTarget,
    user: String,
}

/// How a dispatch came to its end.
#[derive(Default)]
struct End {
    reason: Option<String>,
    run: Option<RunId>,
}

/// To a caller bound to a product, a dispatch neither from it nor for it is not there (`AUT-1`).
fn is_theirs(caller: &Caller, seen: &Dispatch) -> bool {
    caller.product.as_ref().is_none_or(|product| {
        *product == seen.product_id || *product == seen.context.origin_product_id
    })
}

impl Engine {
    /// Checks a dispatch context and nothing else (`DSP-1`): the same reading a dispatch gets.
    #[must_use]
    pub fn check_context(&self, given: &Value) -> ContextChecked {
        match read_context(given) {
            Ok(context) => {
                ContextChecked { valid: true, problems: Vec::new(), context: Some(context) }
            }
            Err(problems) => ContextChecked { valid: false, problems, context: None },
        }
    }

    /// Takes a dispatch in; durable when it returns. The same key with the same request returns what
    /// became of the first (`DSP-2`).
    ///
    /// # Errors
    /// `invalid-argument`, `unknown-name`, `key-conflict`, `limit-reached`, `not-found`, `too-large`,
    /// `draining`.
    pub async fn dispatch(
        &self,
        caller: &Caller,
        request: CreateDispatch,
    ) -> Result<Dispatch, Error> {
        self.admit()?;
        same_tenant(caller, request.tenant_id)?;
        let Some(key) = request.idempotency_key.clone() else {
            let told = "a dispatch needs a key: `idempotencyKey`, or the Idempotency-Key header";
            return Err(Error::new(Code::InvalidArgument, told));
        };
        let id = DispatchId::from_bytes(self.id_of(caller.tenant, "dispatch", &key)?);
        let digest = digest_of(&request)?;
        if self.with_ledger(caller.tenant, |state| {
            state.dispatches.standing(id).is_some_and(|known| known.request == digest)
        })? {
            // what it named then may be gone by now, and nothing of it is decided again
            return self.see_dispatch(caller, id).await;
        }
        let payload = request.payload.clone();
        let ruled = self.rule_dispatch(caller, &request)?;
        let received = self.receive(caller, request, (id, digest), ruled.under)?;
        let body = json!({ "payload": payload, "idempotencyKey": key });
        let sealed = self.node.seal_json(caller.tenant, &body)?;
        let approval = ApprovalId::from_bytes(self.node.fresh_id());
        let (received, ruling) = (Box::new(received), ruled.ruling);
        let command = DispatchCommand::Receive { received, ruling, approval };
        self.command_dispatch(caller, command, Bodies::given(sealed)).await?;
        self.see_dispatch(caller, id).await
    }

    /// A dispatch.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_dispatch(&self, caller: &Caller, id: DispatchId) -> Result<Dispatch, Error> {
        let seen = self.known_dispatch(caller, id).await?;
        Some(seen)
            .filter(|seen| is_theirs(caller, seen))
            .ok_or_else(|| Error::not_found("dispatch", id))
    }

    /// A dispatch of the tenant, whoever's it is.
    pub(super) async fn known_dispatch(
        &self,
        caller: &Caller,
        id: DispatchId,
    ) -> Result<Dispatch, Error> {
        let unknown = || Error::not_found("dispatch", id);
        let ledger = self.node.ledger(caller.tenant)?;
        let (known, seq) = {
            let cell = lock(&ledger.cell);
            let Folded::Ledger(state) = &cell.state else { return Err(unknown()) };
            (state.dispatches.standing(id), cell.chain.seq)
        };
        self.node.durable(&ledger, seq).await?;
        let (known, end) = match known {
            Some(known) => (known, self.end_of(&ledger, known)?),
            // ended so long ago that only the list knows it
            None => self.forgotten(caller, id)?.ok_or_else(unknown)?,
        };
        self.dispatch_view(&ledger, known, end)?.ok_or_else(unknown)
    }

    fn end_of(&self, ledger: &Resident, known: Standing) -> Result<End, Error> {
        let Some(seq) = known.end_seq else { return Ok(End::default()) };
        let found = self.node.read_one(ledger, seq)?;
        Ok(found.map_or_else(End::default, |found| match found.entry.event {
            Event::DispatchRejected(event) => End { reason: Some(event.reason), run: None },
            Event::DispatchClosed(event) => End { reason: event.reason, run: None },
            Event::DispatchDelivered(event) => End { reason: event.reason, run: event.run },
            _ => End::default(),
        }))
    }

    fn forgotten(&self, caller: &Caller, id: DispatchId) -> Result<Option<(Standing, End)>, Error> {
        let row = self.row(caller, Table::Dispatch, id.bytes())?;
        Ok(row.and_then(|row| {
            let standing = Standing {
                request: Digest::ZERO,
                seq: u64::try_from(row.number(Column::Place)?).ok()?,
                status: row.text(Column::Status)?.parse().ok()?,
                updated_at: super::lists::time(&row, Column::UpdatedAt)?,
                end_seq: None,
            };
            let reason = row.text(Column::Reason).map(str::to_owned);
            Some((standing, End { reason, run: row.id(Column::Run).map(RunId::from_bytes) }))
        }))
    }

    fn dispatch_view(
        &self,
        ledger: &Arc<Resident>,
        known: Standing,
        end: End,
    ) -> Result<Option<Dispatch>, Error> {
        let found = self.node.read_one(ledger, known.seq)?;
        let Some(found) = found else { return Ok(None) };
        let body = self.node.body(&found)?;
        let body: Value =
            body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
        let Event::DispatchReceived(received) = found.entry.event else { return Ok(None) };
        let has_started = known.status == DispatchStatus::Started;
        let is_told = has_started || received.opens.is_none();
        let claimed_by = self.with_ledger(ledger.tenant, |state| {
            let mut held = state.dispatches.held();
            let held = held.find(|(one, _)| one.received.dispatch == received.dispatch);
            held.map(|(_, claim)| claim.executor)
        })?;
        Ok(Some(Dispatch {
            dispatch_id: received.dispatch,
            tenant_id: ledger.tenant,
            session_id: is_told.then_some(received.session),
            task_id: received.run.task,
            work: work_of(&received),
            product_id: received.product,
            user_id: received.user,
            payload: body["payload"].clone(),
            context: received.context,
            priority: received.priority,
            not_before: received.not_before,
            expires_at: received.expires_at,
            idempotency_key: body["idempotencyKey"].as_str().map(str::to_owned),
            status: known.status,
            execution_target: received.target,
            recovery_class: received.class,
            claimed_by,
            // until it is delivered it is the run it will be; a start that was refused left none
            run_id: match known.end_seq {
                None => end.run.or(has_started.then_some(received.run.run)),
                Some(_) => end.run,
            },
            reason: end.reason.or_else(|| self.node.last_refusal(received.dispatch)),
            created_at: found.entry.at,
            updated_at: known.updated_at,
        }))
    }

    /// Dispatches, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn dispatches(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<DispatchSummary>, Error> {
        self.page(caller, Table::Dispatch, listing, dispatch_summary)
    }

    /// Gives a dispatch up before it starts.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` once it has started or ended.
    pub async fn cancel_dispatch(
        &self,
        caller: &Caller,
        id: DispatchId,
        reason: Option<String>,
    ) -> Result<Dispatch, Error> {
        super::reason(reason.as_ref())?;
        self.see_dispatch(caller, id).await?;
        let command = DispatchCommand::Cancel { dispatch: id, reason };
        self.command_dispatch(caller, command, Bodies::default()).await?;
        self.see_dispatch(caller, id).await
    }

    pub(super) async fn command_dispatch(
        &self,
        caller: &Caller,
        command: DispatchCommand,
        bodies: Bodies,
    ) -> Result<(), Error> {
        self.commit_ledger(caller, &LedgerCommand::Dispatch(command), bodies).await
    }

    /// What policy says of the dispatch (`POL-1`): over the border of a product only what it permits.
    /// A caller bound to a product speaks for no other (`AUT-1`).
    fn rule_dispatch(&self, caller: &Caller, request: &CreateDispatch) -> Result<Ruled, Error> {
        let context = read_context(&request.context).map_err(|problems| bad_context(&problems))?;
        if let Some(bound) = &caller.product
            && *bound != context.origin_product_id
        {
            return Err(other_product(bound, &context.origin_product_id));
        }
        let user = request.user_id.clone().unwrap_or_else(|| caller.principal.name.clone());
        self.rule_sending(caller, (context.origin_product_id, user), &request.product_id)
    }

    /// What policy says of work sent from a product, for a user, to a product.
    pub(crate) fn rule_sending(
        &self,
        caller: &Caller,
        (product, user): (String, String),
        to: &str,
    ) -> Result<Ruled, Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let policy = self.node.policy(&ledger)?;
        let setting = Setting { product, user, workspace: None, surface: caller.surface };
        let matter = Matter::Dispatch { product: to.to_owned() };
        let principal = caller.principal.clone();
        Ok(policy.ruled(&Question { principal, matter, setting }))
    }

    /// A request, with every name resolved and every id derived.
    pub(super) fn receive(
        &self,
        caller: &Caller,
        request: CreateDispatch,
        (id, digest): (DispatchId, Digest),
        decided_under: PolicyVersion,
    ) -> Result<DispatchReceived, Error> {
        let context = read_context(&request.context).map_err(|problems| bad_context(&problems))?;
        let user = request.user_id.clone().unwrap_or_else(|| caller.principal.name.clone());
        name("productId", &request.product_id)?;
        name("userId", &user)?;
        if let Some(priority) = &request.priority {
            name("priority", priority)?;
        }
        if let DispatchWork::Task { title, .. } = &request.work {
            tenure_core::session::check_title("work.title", title)?;
        }
        let expires_at = self.times(&request, &context)?;
        let asked = run_request(&request)?;
        let is_remote = context.dispatch_mode == DispatchMode::Remote;
        if !is_remote && request.recovery_class.is_some() {
            let told = "`recoveryClass` is an executor's; only mode `remote` has one";
            return Err(Error::new(Code::InvalidArgument, told));
        }
        let prepared = match is_remote {
            true => self.prepare_for_executor(caller, &asked)?,
            false => self.prepare(caller, &asked)?,
        };
        let to = self.destination(caller, &request, &context, (id, digest))?;
        if is_remote && to.target == ExecutionTarget::Local && to.user != user {
            let told = format!(
                "session `{}` is local to user `{}`; a dispatch for `{user}` does not execute there",
                to.session, to.user
            );
            return Err(Error::new(Code::InvalidArgument, told).about(to.session));
        }
        let class = request.recovery_class.unwrap_or(RecoveryClass::Once);
        let makes = made_task(caller, &request, id, digest);
        let mut approvers = prepared.approvers;
        approvers.extend(to.approvers);
        approvers.sort();
        approvers.dedup();
        let run = RunSubmitted {
            run: RunId::from_bytes(made_by(id, caller.tenant, "run")),
            parent: None,
            task: makes.as_ref().map(|made| made.task).or(request.task_id),
            work: prepared.work,
            trigger: Trigger::Dispatch,
            policy: to.policy,
            limits: prepared.limits,
            request: Some(digest),
            memory: prepared.memory,
            approvers,
            // the core counts
            attempt: 1,
            // what policy says of the run is asked when it starts
            refused: false,
            decided_under: PolicyVersion::Default,
            tools: prepared.tools,
            model: prepared.model,
            remote: None,
            scheduled: None,
        };
        Ok(DispatchReceived {
            dispatch: id,
            product: request.product_id,
            user,
            context,
            session: to.session,
            opens: to.opens.map(Box::new),
            makes: makes.map(Box::new),
            run: Box::new(run),
            priority: request.priority,
            not_before: request.not_before,
            expires_at,
            request: digest,
            decided_under,
            target: is_remote.then_some(to.target),
            class: is_remote.then_some(class),
        })
    }

    /// When a dispatch runs out; refuses times that do not go together.
    fn times(
        &self,
        request: &CreateDispatch,
        context: &DispatchContext,
    ) -> Result<tenure_contract::Time, Error> {
        let refuse = |told: String| Err(Error::new(Code::InvalidArgument, told));
        match (context.dispatch_mode, request.not_before) {
            (DispatchMode::Scheduled, None) => {
                return refuse("mode `scheduled` needs `notBefore`, the time to start".to_owned());
            }
            (DispatchMode::Interactive, Some(at)) => {
                return refuse(format!(
                    "mode `interactive` starts at once and `notBefore` says {at}; leave it out, or choose `scheduled`"
                ));
            }
            _ => {}
        }
        let now = self.node.clock.now();
        let from = request.not_before.map_or(now, |at| at.max(now));
        match request.expires_at {
            Some(at) if at <= from => {
                refuse(format!("expiresAt {at} is over before it may start at {from}"))
            }
            Some(at) => Ok(at),
            None => Ok(from.plus_ms(limits::DISPATCH_EXPIRY_DEFAULT_MS)),
        }
    }

    pub(super) fn destination(
        &self,
        caller: &Caller,
        request: &CreateDispatch,
        context: &DispatchContext,
        (id, digest): (DispatchId, Digest),
    ) -> Result<Destination, Error> {
        if let Some(session) = request.session_id {
            return self.named_session(caller, request, session);
        }
        if let Some(task) = request.task_id {
            let told =
                format!("task `{task}` is in no new session; name its session in `sessionId`");
            return Err(Error::new(Code::InvalidArgument, told).about(task));
        }
        for approver in &request.approvers {
            approver_word(approver)?;
        }
        let open = OpenSession {
            product_id: Some(request.product_id.clone()),
            user_id: request.user_id.clone(),
            execution_target: request.execution_target.clone(),
            input_policy: request.input_policy,
            dispatch_context: Some(context.clone()),
            approvers: request.approvers.clone(),
            ..OpenSession::default()
        };
        // the session is the target's, wherever the dispatch comes from
        let host = Caller { product: None, ..caller.clone() };
        let opened = match context.dispatch_mode {
            // whoever may have it is asked when somebody claims it
            DispatchMode::Remote => opening(&host, open, Some(digest), true)?,
            DispatchMode::Interactive | DispatchMode::Queued | DispatchMode::Scheduled => {
                self.opening(&host, open, Some(digest), true)?
            }
        };
        tenure_core::session::check_opening(&opened)?;
        Ok(Destination {
            session: SessionId::from_bytes(made_by(id, caller.tenant, "session")),
            policy: opened.input_policy,
            approvers: opened.approvers.clone(),
            target: opened.target,
            user: opened.user.clone(),
            opens: Some(opened),
        })
    }

    fn named_session(
        &self,
        caller: &Caller,
        request: &CreateDispatch,
        session: SessionId,
    ) -> Result<Destination, Error> {
        if request.execution_target.is_some() || !request.approvers.is_empty() {
            let told = "`executionTarget` and `approvers` are a new session's; session `sessionId` has its own";
            return Err(Error::new(Code::InvalidArgument, told).about(session));
        }
        let resident = self.session_of(caller, session)?;
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("session", session))?;
        let opened = state.opened.as_ref().ok_or_else(|| Error::not_found("session", session))?;
        if let Some(task) = request.task_id.filter(|task| !state.tasks.contains_key(task)) {
            return Err(Error::not_found("task", task));
        }
        let policy = request.input_policy.unwrap_or(opened.input_policy);
        Ok(Destination {
            session,
            opens: None,
            policy,
            approvers: opened.approvers.clone(),
            target: opened.target,
            user: opened.user.clone(),
        })
    }
}

/// The run a dispatch asks for, as a submission would.
fn run_request(request: &CreateDispatch) -> Result<SubmitRun, Error> {
    let agent = |name: &str, version: Option<Digest>| {
        let task = request.payload.get("task").and_then(Value::as_str).ok_or_else(|| {
            let told = "an agent's payload says its task: expected `{\"task\": \"…\"}`";
            Error::new(Code::InvalidArgument, told)
        })?;
        let task = task.to_owned();
        Ok::<_, Error>(AgentRequest { name: name.to_owned(), version, task, max_steps: None })
    };
    let mut asked = SubmitRun::default();
    match &request.work {
        DispatchWork::Intent { intent_type, solution_id } => {
            asked.intent = Some(IntentRequest {
                intent_type: intent_type.clone(),
                parameters: request.payload.clone(),
                metadata: Value::Null,
                solution_id: solution_id.clone(),
            });
        }
        DispatchWork::Agent { name, version } => asked.agent = Some(agent(name, *version)?),
        DispatchWork::Task { agent: name, .. } => asked.agent = Some(agent(name, None)?),
    }
    Ok(asked)
}

/// The task that is made for a dispatch whose work is one.
fn made_task(
    caller: &Caller,
    request: &CreateDispatch,
    id: DispatchId,
    digest: Digest,
) -> Option<TaskCreated> {
    match (&request.work, request.task_id) {
        (DispatchWork::Task { title, .. }, None) => Some(TaskCreated {
            task: TaskId::from_bytes(made_by(id, caller.tenant, "task")),
            title: title.clone(),
            priority: request.priority.clone(),
            workspace: None,
            request: Some(digest),
        }),
        _ => None,
    }
}

pub(super) fn work_of(received: &DispatchReceived) -> DispatchWork {
    match (&received.run.work, &received.makes) {
        (Work::Intent { intent_type, solution, .. }, _) => DispatchWork::Intent {
            intent_type: intent_type.clone(),
            solution_id: Some(solution.clone()),
        },
        (Work::Agent { name, .. }, Some(made)) => {
            DispatchWork::Task { title: made.title.clone(), agent: name.clone() }
        }
        (Work::Agent { name, version, .. }, None) => {
            DispatchWork::Agent { name: name.clone(), version: Some(*version) }
        }
    }
}

/// The digest of what is asked for. When it was sent is no part of that: whoever sends it again sends it
/// later.
fn digest_of(request: &CreateDispatch) -> Result<Digest, Error> {
    let mut asked = request.clone();
    if let Some(context) = asked.context.as_object_mut() {
        context.remove("initiatedAt");
    }
    request_digest(&asked)
}
