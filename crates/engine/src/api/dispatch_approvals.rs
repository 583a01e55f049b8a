//! The decisions about dispatches somebody is asked for: they stand in the tenant's ledger (`APR-1`).

use super::Engine;
use crate::lock;
use crate::resident::Folded;
use crate::seal::Bodies;
use serde_json::json;
use tenure_contract::resource::{Approval, Caller, DecideApproval, Decision, Resolver};
use tenure_contract::{ApprovalId, Code, Error, Event};
use tenure_core::ledger::dispatch::DispatchCommand;
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// An approval that no session but the ledger asked for; none when the ledger knows of none.
    pub(super) async fn ledger_approval(
        &self,
        caller: &Caller,
        id: ApprovalId,
    ) -> Result<Option<Approval>, Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let (known, seq) = {
            let cell = lock(&ledger.cell);
            let Folded::Ledger(state) = &cell.state else { return Ok(None) };
            let Some(known) = state.dispatches.asked.get(&id) else { return Ok(None) };
            (known.clone(), cell.chain.seq)
        };
        self.node.durable(&ledger, seq).await?;
        let found = self.node.read_one(&ledger, known.seq)?;
        let Some(found) = found else { return Ok(None) };
        let Event::ApprovalRequested(asked) = found.entry.event else { return Ok(None) };
        self.settled().await?;
        let row = self.row(caller, Table::Approval, id.bytes())?;
        let text = |column| row.as_ref().and_then(|row: &Row| row.text(column)).map(str::to_owned);
        Ok(Some(Approval {
            approval_id: id,
            tenant_id: caller.tenant,
            kind: asked.kind,
            session_id: None,
            run_id: None,
            step: None,
            action_label: asked.label,
            action_digest: asked.action,
            action: Some(json!({ "dispatchId": known.dispatch })),
            risk_level: asked.risk,
            status: known.status,
            requested_at: found.entry.at,
            expires_at: asked.expires_at,
            resolved_at: row.as_ref().and_then(|row| super::lists::time(row, Column::EndedAt)),
            resolver: text(Column::Actor).map(|principal| Resolver { principal, surface: None }),
            reason: text(Column::Reason),
        }))
    }

    /// Decides whether a dispatch is taken.
    pub(super) async fn decide_dispatch(
        &self,
        caller: &Caller,
        asked: &Approval,
        request: DecideApproval,
    ) -> Result<(), Error> {
        let id = asked.approval_id;
        if request.arguments.is_some() || request.answer.is_some() {
            let told = "a dispatch is taken as it is or not at all; expected no `arguments` and no `answer`";
            return Err(Error::new(Code::InvalidArgument, told).about(id));
        }
        let ledger = self.node.ledger(caller.tenant)?;
        let body = self.node.seal_json(caller.tenant, &json!({ "reason": request.reason }))?;
        let command = DispatchCommand::Decide {
            approval: id,
            approve: request.decision == Decision::Approve,
            principal: caller.principal.to_string(),
            reason: request.reason,
            ruled: self.may_decide(caller, &ledger, asked)?,
        };
        self.command_dispatch(caller, command, Bodies::given(body)).await
    }
}
