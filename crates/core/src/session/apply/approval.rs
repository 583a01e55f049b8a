//! Folding what happens to an approval: asked for, decided or closed once, consumed once.

use super::{Folded, call_mut, legal};
use crate::machine;
use crate::session::run::{AskedStep, CallOutcome, Run};
use crate::session::state::{Approval, Handed, SessionState};
use std::collections::BTreeMap;
use tenure_contract::event::*;
use tenure_contract::words::{ApprovalKind, ApprovalStatus, CallRefusal};
use tenure_contract::{ApprovalId, Entry, RunId};

impl SessionState {
    /// Uses an approval up for one step's intent (`APR-4`).
    pub(super) fn consume(
        &mut self,
        id: ApprovalId,
        event: &StepIntended,
    ) -> Result<Option<u64>, String> {
        let approval = self.approvals.get_mut(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        let used = approval.consumed;
        #[cfg(feature = "planted")]
        let used = used && !crate::planted::is(crate::planted::Bug::ApprovalConsumedTwice);
        if approval.status != ApprovalStatus::Approved || used {
            return Err(format!("approval `{id}` is not there to be used"));
        }
        if approval.run != Some(event.run) || approval.site != event.site {
            return Err(format!("approval `{id}` is for another action"));
        }
        let action = approval.action;
        approval.consumed = true;
        let Some(site) = event.site else { return self.consume_for_substep(id, event) };
        if action != event.input {
            return Err(format!("approval `{id}` is for another action"));
        }
        match call_mut(self.progress_mut(event.run)?, site)?.outcome {
            CallOutcome::Approved { approval, edited_seq } if approval == id => Ok(edited_seq),
            _ => Err(format!("the call does not wait for approval `{id}`")),
        }
    }

    fn consume_for_substep(
        &mut self,
        id: ApprovalId,
        event: &StepIntended,
    ) -> Result<Option<u64>, String> {
        match self.progress_mut(event.run)?.asked_steps.remove(&event.name) {
            Some(asked)
                if (asked.approval, asked.kind, asked.input) == (id, event.kind, event.input) =>
            {
                Ok(None)
            }
            _ => Err(format!("approval `{id}` is for another action")),
        }
    }

    /// A substep waits for the approval that was asked for just before. One that was decided may be
    /// asked about again: the decision before it stays unused (`APR-3`).
    pub(super) fn step_asked(&mut self, event: &StepAsked) -> Folded {
        let StepAsked { run, approval: id, name, kind, input, policy } = event.clone();
        let known = self.approvals.get(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        let is_its = known.run == Some(run)
            && known.site.is_none()
            && known.kind == ApprovalKind::Action
            && known.status == ApprovalStatus::Requested;
        let progress = self.progress_mut(run)?;
        if !is_its || progress.asked_step(id).is_some() {
            return Err(format!("approval `{id}` is about something else"));
        }
        let before = progress.asked_steps.get(&name).map(|before| before.status);
        if progress.memo.contains_key(&name) || before == Some(ApprovalStatus::Requested) {
            return Err(format!("substep `{name}` has begun, or waits already"));
        }
        let status = ApprovalStatus::Requested;
        let asked = AskedStep { approval: id, kind, input, policy, status, decided_seq: None };
        progress.asked_steps.insert(name, asked);
        Ok(())
    }

    pub(super) fn approval_requested(
        &mut self,
        entry: &Entry,
        event: &ApprovalRequested,
    ) -> Folded {
        let mut approval = Approval {
            kind: event.kind,
            run: event.run,
            site: event.site,
            action: event.action,
            status: ApprovalStatus::Requested,
            approvers: event.approvers.clone(),
            expires_at: event.expires_at,
            requested_at: entry.at,
            increment: event.increment,
            requested_seq: entry.seq,
            consumed: false,
            risk: event.risk,
            needs_reason: event.needs_reason,
            resolver: None,
            edited_seq: None,
            handed: BTreeMap::new(),
            decided_under: None,
        };
        if let Some(run) = event.run {
            let progress = self.progress_mut(run)?;
            match event.site {
                Some(site) => {
                    let call = call_mut(progress, site)?;
                    // asked again: what the approver before edited is still what is asked about
                    if let CallOutcome::Approved { edited_seq, .. } = call.outcome {
                        approval.edited_seq = edited_seq;
                    }
                    call.outcome = CallOutcome::Asked(event.approval);
                }
                None if event.kind == ApprovalKind::Budget => {
                    progress.budget_asked = Some(event.approval)
                }
                None => {}
            }
        }
        self.asked.insert(event.approval);
        match self.approvals.insert(event.approval, approval) {
            None => Ok(()),
            Some(_) => Err(format!("approval `{}` was requested already", event.approval)),
        }
    }

    pub(super) fn approval_handed(&mut self, entry: &Entry, event: &ApprovalHanded) -> Folded {
        let known = self.approvals.get_mut(&event.approval);
        let approval = known.ok_or_else(|| format!("no approval `{}`", event.approval))?;
        let handed = Handed {
            audience: event.audience.clone(),
            by: entry.principal.to_string(),
            expires_at: event.expires_at,
        };
        match approval.handed.insert(event.token, handed) {
            None => Ok(()),
            Some(_) => Err(format!("token `{}` was handed out already", event.token)),
        }
    }

    pub(super) fn approval_decided(&mut self, entry: &Entry, event: &ApprovalDecided) -> Folded {
        let approval = self.close(event.approval, event.status)?;
        if let Some(known) = self.approvals.get_mut(&event.approval) {
            known.action = event.edited.unwrap_or(known.action);
            known.resolver = Some(entry.principal.to_string());
            known.decided_under = event.token;
        }
        let approved = event.status == ApprovalStatus::Approved;
        let outcome = match approval.kind {
            ApprovalKind::Question if approved => CallOutcome::Answered(entry.seq),
            _ if approved => {
                let edited_seq = event.edited.map(|_| entry.seq).or(approval.edited_seq);
                CallOutcome::Approved { approval: event.approval, edited_seq }
            }
            _ => CallOutcome::Denied(entry.seq),
        };
        self.tell(&approval, outcome, approved)?;
        self.tell_substep(event.approval, &approval, Some(entry.seq));
        match (event.edited, approval.run, approval.site) {
            // nobody has assessed these arguments yet
            (Some(_), Some(run), Some(site)) => {
                call_mut(self.progress_mut(run)?, site)?.policy = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn approval_closed(&mut self, event: &ApprovalClosed) -> Folded {
        let approval = self.close(event.approval, event.status)?;
        let outcome = match event.status {
            ApprovalStatus::Expired => CallOutcome::Refused(CallRefusal::ApprovalExpired),
            _ => CallOutcome::Cancelled,
        };
        self.tell(&approval, outcome, false)?;
        self.tell_substep(event.approval, &approval, None);
        Ok(())
    }

    fn tell_substep(&mut self, id: ApprovalId, approval: &Approval, decided_seq: Option<u64>) {
        let run = approval.run.and_then(|run| self.runs.get_mut(&run));
        let Some(progress) = run.and_then(Run::progress_mut) else { return };
        if let Some(asked) = progress.asked_steps.values_mut().find(|asked| asked.approval == id) {
            (asked.status, asked.decided_seq) = (approval.status, decided_seq);
        }
    }

    fn close(&mut self, id: ApprovalId, status: ApprovalStatus) -> Result<Approval, String> {
        let approval = self.approvals.get_mut(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        legal(machine::approval::may(approval.status, status), approval.status, status)?;
        approval.status = status;
        self.asked.remove(&id);
        Ok(approval.clone())
    }

    /// Tells the waiting call, or the budget, what was decided.
    fn tell(&mut self, approval: &Approval, outcome: CallOutcome, approved: bool) -> Folded {
        let Some(run) = approval.run else { return Ok(()) };
        if let Some(increment) = approval.increment.filter(|_| approved) {
            self.raise(run, increment)?;
        }
        let Some(progress) = self.run_mut(run)?.progress_mut() else { return Ok(()) };
        match approval.site {
            Some(site) => call_mut(progress, site)?.outcome = outcome,
            None if approval.kind == ApprovalKind::Budget => {
                progress.budget_asked = None;
                progress.budget_denied = !approved;
            }
            None => {}
        }
        Ok(())
    }

    /// Raises every budget the run is held up by: its own and those of the runs above it.
    fn raise(&mut self, run: RunId, increment: u64) -> Folded {
        let mut at = Some(run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            if run.usage.steps >= run.limits.budget_steps {
                run.limits.budget_steps = run.limits.budget_steps.saturating_add(increment);
            }
            at = run.parent;
        }
        Ok(())
    }
}
