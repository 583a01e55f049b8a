//! Approvals and steps in doubt: what waits for a person.

use super::{Engine, actor, not_there, reason};
use crate::lock;
use crate::policy::setting;
use crate::resident::Resident;
use crate::seal::Bodies;
use serde_json::{Value, json};
use tenure_contract::resource::{Approval, Caller, DecideApproval, Decision, ResolveStep};
use tenure_contract::words::{ApprovalKind, Resolution};
use tenure_contract::{ApprovalId, Code, Digest, Error, Event, RunId, StepId};
use tenure_core::Command;
use tenure_core::command::Returned;
use tenure_core::policy::{Matter, Question, Ruled};
use tenure_core::projection::{Column, Table};

impl Engine {
    /// An approval, with its exact action.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn approval(&self, caller: &Caller, id: ApprovalId) -> Result<Approval, Error> {
        if let Some(asked) = self.ledger_approval(caller, id).await? {
            return Ok(asked);
        }
        let session = self.find_session(caller, Table::Approval, id.bytes()).await?;
        let session = session.ok_or_else(|| Error::not_found("approval", id))?;
        let resident = self
            .session_of(caller, session)
            .map_err(|refused| not_there(refused, Error::not_found("approval", id)))?;
        let (known, seq) = {
            let cell = lock(&resident.cell);
            let known = cell.session().and_then(|state| state.approvals.get(&id)).cloned();
            let known = known.ok_or_else(|| Error::not_found("approval", id))?;
            let seq = known.requested_seq;
            (known, seq)
        };
        let asked = self.node.read_one(&resident, seq)?;
        let Some(Event::ApprovalRequested(asked)) = asked.map(|found| found.entry.event) else {
            return Err(Error::not_found("approval", id));
        };
        let action = self.node.json_at(&resident, seq)?;
        self.settled().await?;
        let row = self.row(caller, Table::Approval, id.bytes())?;
        let row = row.as_ref();
        Ok(Approval {
            approval_id: id,
            tenant_id: caller.tenant,
            kind: known.kind,
            session_id: Some(session),
            run_id: known.run,
            step: row.and_then(|row| row.id(Column::Step)).map(StepId::from_bytes),
            action_label: asked.label,
            action_digest: known.action,
            action,
            risk_level: asked.risk,
            status: known.status,
            requested_at: known.requested_at,
            expires_at: known.expires_at,
            resolved_at: row.and_then(|row| super::lists::time(row, Column::EndedAt)),
            resolver: row.and_then(super::lists::resolver),
            reason: row.and_then(|row| row.text(Column::Reason)).map(str::to_owned),
        })
    }

    /// Decides an approval: once, by someone who may, about exactly what was asked (`APR-1` to
    /// `APR-3`). Edited arguments make another action, which is what the decision then covers.
    ///
    /// # Errors
    /// `not-found`, `already-decided`, `forbidden`, `invalid-argument`.
    pub async fn decide(
        &self,
        caller: &Caller,
        id: ApprovalId,
        request: DecideApproval,
    ) -> Result<Approval, Error> {
        let asked = self.approval(caller, id).await?;
        self.decide_as(caller, &asked, request, None).await
    }

    /// The same for who is to have decided, under the token it returned under, if any (`APR-6`).
    pub(super) async fn decide_as(
        &self,
        caller: &Caller,
        asked: &Approval,
        request: DecideApproval,
        returned: Option<(Returned, String)>,
    ) -> Result<Approval, Error> {
        reason(request.reason.as_ref())?;
        let id = asked.approval_id;
        let Some(session) = asked.session_id else {
            if returned.is_some() {
                let told = format!("approval `{id}` is about a dispatch, and is decided here only");
                return Err(Error::new(Code::IllegalTransition, told).about(id));
            }
            self.decide_dispatch(caller, asked, request).await?;
            return self.approval(caller, id).await;
        };
        let resident = self.session_of(caller, session)?;
        let approve = request.decision == Decision::Approve;
        if approve && asked.kind == ApprovalKind::Question && request.answer.is_none() {
            let told = format!("approval `{id}` is a question; give its answer, or deny it");
            return Err(Error::new(Code::InvalidArgument, told));
        }
        let edited = match &request.arguments {
            Some(arguments) => Some(self.edited(asked, arguments)?),
            None => None,
        };
        let (returned, decided_by) = returned.unzip();
        let mut body = json!({ "reason": request.reason, "arguments": request.arguments, "answer": request.answer });
        if let (Some(person), Some(fields)) = (decided_by, body.as_object_mut()) {
            fields.insert("decidedBy".to_owned(), person.into());
        }
        let sealed = self.node.seal_json(caller.tenant, &body)?;
        let seq = loop {
            let command = Command::DecideApproval {
                approval: id,
                approve,
                principal: caller.principal.to_string(),
                reason: request.reason.clone(),
                edited,
                ruled: self.may_decide(caller, &resident, asked)?,
                returned: returned.clone(),
            };
            let bodies = Bodies::given(sealed.clone());
            match self.node.transact(&resident, &command, bodies, &actor(caller)) {
                // another policy came into force meanwhile
                Err(error) if error.code == Code::VersionConflict => {}
                done => break done?,
            }
        };
        self.node.durable(&resident, seq).await?;
        self.approval(caller, id).await
    }

    /// What policy says of the caller's deciding it (`APR-2`).
    pub(super) fn may_decide(
        &self,
        caller: &Caller,
        resident: &Resident,
        asked: &Approval,
    ) -> Result<Ruled, Error> {
        let policy = self.node.policy(resident)?;
        let setting = {
            let cell = lock(&resident.cell);
            cell.session().map(|state| setting(state, caller.surface)).unwrap_or_default()
        };
        let matter = Matter::Decide {
            approval: asked.approval_id,
            kind: asked.kind,
            risk: asked.risk_level,
        };
        let principal = caller.principal.clone();
        Ok(policy.ruled(&Question { principal, matter, setting }))
    }

    /// The digest of the action with other arguments, which must fit the tool's schema.
    fn edited(&self, asked: &Approval, arguments: &Value) -> Result<Digest, Error> {
        let refuse = |why: &str| {
            Err(Error::new(Code::InvalidArgument, format!("the arguments cannot be edited: {why}")))
        };
        let (ApprovalKind::Action, Some(action)) = (asked.kind, &asked.action) else {
            return refuse("it is not an action");
        };
        if let Some(run) = asked.run_id {
            self.check_arguments(asked, run, arguments)?;
        }
        let mut edited = action.clone();
        let Some(fields) = edited.as_object_mut() else {
            return refuse("the action is not there any more");
        };
        fields.insert("arguments".to_owned(), arguments.clone());
        let canonical = serde_json_canonicalizer::to_vec(&edited)
            .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
        Ok(Digest::of(&[&canonical]))
    }

    fn check_arguments(
        &self,
        asked: &Approval,
        run: RunId,
        arguments: &Value,
    ) -> Result<(), Error> {
        let tool =
            asked.action.as_ref().and_then(|action| action.get("tool")).and_then(Value::as_str);
        let resident = match asked.session_id {
            Some(session) => self.node.session(asked.tenant_id, session)?,
            None => None,
        };
        let (Some(tool), Some(resident)) = (tool, resident) else { return Ok(()) };
        let agent = self.node.agent_of(&resident, run)?;
        let Some(built) = agent.tool(tool) else { return Ok(()) };
        built
            .parameters()
            .check(arguments)
            .map_err(|bad| Error::new(Code::InvalidArgument, bad.message))
    }

    /// Settles a step in doubt (`STP-2`).
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` when it is not in doubt, `still-travelling`.
    pub async fn resolve(
        &self,
        caller: &Caller,
        step: StepId,
        request: ResolveStep,
    ) -> Result<(), Error> {
        reason(request.reason.as_ref())?;
        if request.resolution == Resolution::Landed && request.result.is_none() {
            return Err(Error::new(
                Code::InvalidArgument,
                "`landed` needs the result the step came to",
            ));
        }
        let session = self.find_session(caller, Table::Doubt, step.bytes()).await?;
        let session = session.ok_or_else(|| Error::not_found("step in doubt", step))?;
        let resident = self
            .session_of(caller, session)
            .map_err(|refused| not_there(refused, Error::not_found("step in doubt", step)))?;
        let bodies = match (&request.resolution, &request.result) {
            (Resolution::Landed, Some(result)) => {
                Bodies::given(self.node.seal_json(caller.tenant, result)?)
            }
            (Resolution::DidNotHappen, _) => {
                let told = request.reason.as_deref().map_or_else(
                    || "it did not happen".to_owned(),
                    |why| format!("it did not happen: {why}"),
                );
                Bodies::given(self.node.seal_json(caller.tenant, &json!({ "error": told }))?)
            }
            _ => Bodies::default(),
        };
        let ResolveStep { resolution, reason, .. } = request;
        let command = Command::ResolveStep { step, resolution, by_lookup: false, reason };
        let seq = self.node.transact(&resident, &command, bodies, &actor(caller))?;
        self.node.end_look_up(step);
        self.node.durable(&resident, seq).await
    }
}
