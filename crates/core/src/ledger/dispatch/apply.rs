//! Folding: what each entry about a dispatch changes.

use super::{Asked, Claim, Dispatch, Dispatches, Ended};
use crate::machine::dispatch::may;
use tenure_contract::words::{ApprovalStatus, DispatchStatus};
use tenure_contract::{ApprovalId, DispatchId, Entry, Event, limits};

type Applied = Result<(), String>;

impl Dispatches {
    /// Folds an entry.
    ///
    /// # Errors
    /// Why it cannot follow; also for an entry that is about something else.
    pub(in crate::ledger) fn apply(&mut self, entry: &Entry) -> Applied {
        use DispatchStatus::*;
        match &entry.event {
            Event::DispatchReceived(event) => {
                let dispatch = Dispatch {
                    received: event.clone(),
                    seq: entry.seq,
                    status: Received,
                    updated_at: entry.at,
                    claim: None,
                };
                // one that was forgotten may come again under its key
                self.open.insert(event.dispatch, dispatch);
                Ok(())
            }
            Event::DispatchAccepted(event) => self.step(entry, event.dispatch, Accepted),
            Event::DispatchWaiting(event) => self.step(entry, event.dispatch, Waiting),
            Event::DispatchClaimed(event) => {
                let open = self.open.get(&event.dispatch).ok_or("no such open dispatch")?;
                if event.claim != open.next_claim() {
                    return Err(format!("claim {} follows {}", event.claim, open.next_claim() - 1));
                }
                self.step(entry, event.dispatch, Claimed)?;
                let (executor, number, lease_ms) = (event.executor, event.claim, event.lease_ms);
                let open = self.open.get_mut(&event.dispatch).ok_or("no such open dispatch")?;
                open.claim = Some(Claim { executor, number, lease_ms });
                Ok(())
            }
            Event::DispatchReleased(event) => {
                let held = self.open.get(&event.dispatch).and_then(|open| open.claim.as_ref());
                if held.is_none_or(|claim| claim.number != event.claim) {
                    return Err(format!("claim {} does not stand", event.claim));
                }
                self.step(entry, event.dispatch, Waiting)
            }
            Event::DispatchStarted(event) => self.step(entry, event.dispatch, Started),
            Event::DispatchRejected(event) => {
                self.step(entry, event.dispatch, Rejected)?;
                self.end(entry, event.dispatch)
            }
            Event::DispatchClosed(event) => {
                self.step(entry, event.dispatch, event.status)?;
                self.end(entry, event.dispatch)
            }
            Event::DispatchDelivered(event) => match self.open.get(&event.dispatch) {
                Some(open) if open.status == Started => self.end(entry, event.dispatch),
                _ => Err(format!("dispatch `{}` was not started", event.dispatch)),
            },
            Event::ApprovalRequested(_) | Event::ApprovalDecided(_) | Event::ApprovalClosed(_) => {
                self.decided(entry)
            }
            _ => Err("it belongs to a session".to_owned()),
        }
    }

    fn step(&mut self, entry: &Entry, id: DispatchId, to: DispatchStatus) -> Applied {
        let open = self.open.get_mut(&id).ok_or_else(|| format!("no open dispatch `{id}`"))?;
        if !may(open.status, to) {
            return Err(format!("dispatch `{id}` is {} and cannot become {to}", open.status));
        }
        open.status = to;
        open.updated_at = entry.at;
        Ok(())
    }

    fn end(&mut self, entry: &Entry, id: DispatchId) -> Applied {
        let open = self.open.remove(&id).ok_or_else(|| format!("no open dispatch `{id}`"))?;
        let ended = Ended {
            request: open.received.request,
            seq: open.seq,
            status: open.status,
            updated_at: open.updated_at,
            end_seq: entry.seq,
        };
        self.ended.insert(id, ended);
        self.order.push_back(id);
        while self.order.len() > limits::DISPATCHES_REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.ended.remove(&oldest);
                self.asked.retain(|_, asked| asked.dispatch != oldest);
            }
        }
        Ok(())
    }

    fn decided(&mut self, entry: &Entry) -> Applied {
        match &entry.event {
            Event::ApprovalRequested(event) => {
                let dispatch = self.open.values().find(|one| one.received.request == event.action);
                let dispatch = dispatch.ok_or("it is about no dispatch")?.received.dispatch;
                let expires_at = event.expires_at.ok_or("it never expires")?;
                let approvers = event.approvers.clone();
                let status = ApprovalStatus::Requested;
                let needs_reason = event.needs_reason;
                let seq = entry.seq;
                let asked = Asked { dispatch, seq, approvers, expires_at, status, needs_reason };
                self.asked.insert(event.approval, asked);
                Ok(())
            }
            Event::ApprovalDecided(event) => self.answered(event.approval, event.status),
            Event::ApprovalClosed(event) => self.answered(event.approval, event.status),
            _ => Err("it is no decision".to_owned()),
        }
    }

    fn answered(&mut self, id: ApprovalId, to: ApprovalStatus) -> Applied {
        let known = self.asked.get_mut(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        if !crate::machine::approval::may(known.status, to) {
            return Err(format!("approval `{id}` is {} and cannot become {to}", known.status));
        }
        known.status = to;
        Ok(())
    }
}
