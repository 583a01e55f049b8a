//! Folding handoffs: what is offered, and what acceptance moves (`HND-1`).

use super::{Folded, legal};
use crate::machine;
use crate::session::owner::{Handoff, Owned};
use crate::session::state::SessionState;
use tenure_contract::entry::Principal;
use tenure_contract::event::{HandoffAccepted, HandoffClosed, HandoffOffered, Owner};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{CheckpointId, Entry, HandoffId};

impl SessionState {
    pub(super) fn handoff_offered(&mut self, entry: &Entry, event: &HandoffOffered) -> Folded {
        if let Some(open) = self.offered {
            return Err(format!("handoff `{open}` is open"));
        }
        if self.owner().as_ref() != Some(&event.from) {
            return Err(format!("`{}` does not own the session", event.from.principal));
        }
        let handoff = Handoff {
            offered: event.clone(),
            status: HandoffStatus::Offered,
            offered_at: entry.at,
            offered_by: entry.principal.to_string(),
            resolved_at: None,
            resolved_by: None,
            resolved_from: None,
            reason: None,
            moved: Vec::new(),
            checkpoint: None,
        };
        if self.handoffs.insert(event.handoff, handoff).is_some() {
            return Err(format!("handoff `{}` was offered already", event.handoff));
        }
        self.offered = Some(event.handoff);
        Ok(())
    }

    pub(super) fn handoff_accepted(&mut self, entry: &Entry, event: &HandoffAccepted) -> Folded {
        let handoff = self.resolved(entry, event.handoff, HandoffStatus::Accepted)?;
        handoff.moved.clone_from(&event.approvals);
        let offered = (&handoff.offered.from, &handoff.offered.to);
        if offered != (&event.from, &event.to) {
            return Err("it was offered between others".to_owned());
        }
        self.approvals_move(&event.from.principal, &event.to.principal);
        self.remote_moves(&event.to);
        let opened = self.opened.as_mut().ok_or("the session is not open")?;
        opened.product.clone_from(&event.to.product);
        event.to.user().clone_into(&mut opened.user);
        let owner = event.to.clone();
        self.owners.push(Owned { since: entry.seq, owner, handoff: Some(event.handoff) });
        Ok(())
    }

    pub(super) fn handoff_closed(&mut self, entry: &Entry, event: &HandoffClosed) -> Folded {
        let handoff = self.resolved(entry, event.handoff, event.status)?;
        handoff.reason.clone_from(&event.reason);
        match event.status {
            HandoffStatus::Accepted | HandoffStatus::Offered => {
                Err(format!("`{}` closes nothing", event.status))
            }
            HandoffStatus::Declined | HandoffStatus::Expired | HandoffStatus::Withdrawn => Ok(()),
        }
    }

    fn resolved(
        &mut self,
        entry: &Entry,
        id: HandoffId,
        status: HandoffStatus,
    ) -> Result<&mut Handoff, String> {
        let handoff = self.handoffs.get_mut(&id).ok_or_else(|| format!("no handoff `{id}`"))?;
        legal(machine::handoff::may(handoff.status, status), handoff.status, status)?;
        handoff.status = status;
        handoff.resolved_at = Some(entry.at);
        handoff.resolved_by = Some(entry.principal.to_string());
        handoff.resolved_from = entry.surface;
        self.offered = None;
        Ok(handoff)
    }

    /// Where the former owner was named as one who may decide, the new one is now: nobody who could not
    /// have decided before can, and nothing waits for somebody who is shut out. What the former one handed
    /// out stays theirs, and so decides nothing any more: the new owner did not hand it out.
    fn approvals_move(&mut self, from: &str, to: &str) {
        for id in &self.asked {
            let Some(approval) = self.approvals.get_mut(id) else { continue };
            replace(&mut approval.approvers, from, to);
        }
        for run in &self.live {
            if let Some(run) = self.runs.get_mut(run) {
                replace(&mut run.approvers, from, to);
            }
        }
        if let Some(opened) = &mut self.opened {
            replace(&mut opened.approvers, from, to);
        }
    }

    /// What an executor has it keeps; whoever claims next does so from the new owner.
    fn remote_moves(&mut self, to: &Owner) {
        for remote in self.remote.values_mut() {
            remote.work.product.clone_from(&to.product);
            to.user().clone_into(&mut remote.work.user);
        }
    }

    /// The checkpoint made at a handoff stands right after its acceptance.
    pub(super) fn handoff_checkpoint(&mut self, entry: &Entry, checkpoint: CheckpointId) {
        let last = self.owners.last().filter(|owned| owned.since + 1 == entry.seq);
        let handoff = last.and_then(|owned| owned.handoff);
        if let Some(handoff) = handoff.and_then(|id| self.handoffs.get_mut(&id)) {
            handoff.checkpoint = Some(checkpoint);
        }
    }
}

/// Who a session is for when it is opened: a principal of its opener's kind, or a user.
pub(super) fn first_owner(entry: &Entry, product: &str, user: &str) -> Owner {
    let opener = &entry.principal;
    let principal = if user.parse::<Principal>().is_ok() {
        user.to_owned()
    } else if opener.name == user {
        opener.to_string()
    } else {
        format!("user:{user}")
    };
    Owner { product: product.to_owned(), principal }
}

fn replace(approvers: &mut Vec<String>, from: &str, to: &str) {
    if from == to || !approvers.iter().any(|known| known == from) {
        return;
    }
    approvers.retain(|known| known != from && known != to);
    approvers.push(to.to_owned());
}
