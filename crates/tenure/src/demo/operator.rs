//! The person at the desk: approves what is above the limit, and says what became of a payment
//! whose look-up cannot tell.

use super::Operator;
use super::child::Payments;
use super::ledger::{Line, Outcome, Request};
use super::narrator::Narrator;
use crate::client::{Client, Fault};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tenure_contract::resource::{
    Approval, DecideApproval, Decision, DoubtSummary, Page, ResolveStep,
};
use tenure_contract::words::{ApprovalStatus, Resolution};
use tenure_contract::{Code, SessionId};

pub(super) struct Desk<'a> {
    operator: Operator,
    payments: &'a Payments,
    narrator: &'a Narrator,
    data: &'a Path,
    shown: BTreeSet<String>,
}

impl<'a> Desk<'a> {
    pub fn new(
        operator: Operator,
        payments: &'a Payments,
        narrator: &'a Narrator,
        data: &'a Path,
    ) -> Self {
        Self { operator, payments, narrator, data, shown: BTreeSet::new() }
    }

    /// Looks at what waits for a person, and sees to it.
    pub async fn look(&mut self, client: &Client, session: SessionId) -> Result<(), Fault> {
        let approvals: Page<Approval> =
            client.get(&format!("/v1/approvals?open=true&session={session}")).await?;
        for asked in
            approvals.items.iter().filter(|asked| asked.status == ApprovalStatus::Requested)
        {
            self.approve(client, asked).await?;
        }
        let doubts: Page<DoubtSummary> =
            client.get(&format!("/v1/doubts?open=true&session={session}")).await?;
        for doubt in &doubts.items {
            self.resolve(client, doubt).await?;
        }
        Ok(())
    }

    async fn approve(&mut self, client: &Client, asked: &Approval) -> Result<(), Fault> {
        let id = asked.approval_id.to_string();
        let first = self.shown.insert(id.clone());
        if first {
            let command =
                format!("{} approve {id} --reason \"checked with the customer\"", self.tenure());
            self.narrator.approval(&asked.action_label, &command, self.operator);
        }
        if self.operator == Operator::Elsewhere {
            return Ok(());
        }
        let decision = DecideApproval {
            decision: Decision::Approve,
            reason: Some("checked with the customer".to_owned()),
            arguments: None,
            answer: None,
        };
        settled(client.post_only(&format!("/v1/approvals/{id}/decision"), &decision).await)
    }

    /// Only once the tool's own look-up could not tell: before, nobody has to be asked.
    async fn resolve(&mut self, client: &Client, doubt: &DoubtSummary) -> Result<(), Fault> {
        let key = doubt.step_id.to_string();
        let lines = self.payments.ledger().unwrap_or_default();
        let of_key = |line: &&Line| line.key == key;
        let cannot_tell = lines.iter().filter(of_key).any(|line| line.outcome == Outcome::Unknown);
        let booked = lines.iter().filter(of_key).find(|line| line.outcome == Outcome::Booked);
        let (true, Some(booked)) = (cannot_tell, booked) else { return Ok(()) };
        let result = answer(&lines, booked);
        let first = self.shown.insert(key.clone());
        if first {
            let command = format!(
                "{} resolve {key} landed --result '{result}' --reason \"it is in the ledger\"",
                self.tenure()
            );
            self.narrator.doubt(booked, self.payments.ledger_path(), &command, self.operator);
        }
        if self.operator == Operator::Elsewhere {
            return Ok(());
        }
        let request = ResolveStep {
            resolution: Resolution::Landed,
            result: Some(result),
            reason: Some(format!("line {} of the payment service's ledger", booked.number)),
        };
        settled(client.post_only(&format!("/v1/steps/{key}/resolution"), &request).await)
    }

    /// The command another terminal needs.
    fn tenure(&self) -> String {
        format!("{} --data {}", crate::stage::me(), self.data.display())
    }
}

/// What the service had answered, as its ledger tells.
fn answer(lines: &[Line], booked: &Line) -> Value {
    let before = |line: &&Line| {
        line.request == booked.request
            && line.outcome == Outcome::Booked
            && line.number <= booked.number
    };
    let number = lines.iter().filter(before).count();
    let name = if booked.request == Request::Charge { "charge" } else { "refund" };
    json!({ name: format!("{name}-{number:04}"), "reference": booked.reference, "cents": booked.cents })
}

/// Somebody else, or the same call before a kill, may have decided already.
fn settled(done: Result<(), Fault>) -> Result<(), Fault> {
    match done {
        Err(Fault::Refused(error))
            if matches!(
                error.code,
                Code::AlreadyDecided | Code::IllegalTransition | Code::NotFound
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}
