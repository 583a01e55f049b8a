//! A schedule as it is shown: each entry with what became of it.

use super::super::dispatches::work_of;
use super::super::lists::schedule_summary;
use super::{Engine, becomes, is_theirs};
use crate::lock;
use crate::resident::{Folded, Resident};
use serde_json::Value;
use std::sync::Arc;
use tenure_contract::resource::{Caller, Dispatch, Schedule, ScheduleEntry, Waiting};
use tenure_contract::words::{DispatchStatus, ScheduleEntryStatus, ScheduleStatus, StuckReason};
use tenure_contract::{Code, Error, Event, ScheduleId, limits};
use tenure_core::ledger::schedule::{Entry as Known, Schedule as KnownSchedule};
use tenure_core::projection::Table;

impl Engine {
    /// A schedule with its entries.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<Schedule, Error> {
        let unknown = || Error::not_found("schedule", id);
        let ledger = self.node.ledger(caller.tenant)?;
        let (known, has_room, seq) = {
            let cell = lock(&ledger.cell);
            let Folded::Ledger(state) = &cell.state else { return Err(unknown()) };
            let has_room = state.dispatches.has_room();
            (state.schedules.known.get(&id).cloned(), has_room, cell.chain.seq)
        };
        self.node.durable(&ledger, seq).await?;
        let shown = match known {
            Some(known) => self.schedule_view(caller, &ledger, (known, has_room)).await?,
            // ended so long ago that only the list knows it
            None => self.forgotten_schedule(caller, id)?.ok_or_else(unknown)?,
        };
        Some(shown).filter(|shown| is_theirs(caller, &shown.product_id)).ok_or_else(unknown)
    }

    fn forgotten_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<Option<Schedule>, Error> {
        let row = self.row(caller, Table::Schedule, id.bytes())?;
        Ok(row.as_ref().and_then(schedule_summary).map(|row| Schedule {
            schedule_id: row.schedule_id,
            tenant_id: row.tenant_id,
            product_id: row.product_id,
            user_id: row.user_id,
            title: row.title,
            session_id: row.session_id,
            missed_policy: row.missed_policy,
            status: row.status,
            reason: row.reason,
            entries: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }))
    }

    async fn schedule_view(
        &self,
        caller: &Caller,
        ledger: &Arc<Resident>,
        (known, has_room): (KnownSchedule, bool),
    ) -> Result<Schedule, Error> {
        let (now, mut entries) = (self.node.clock.now(), Vec::new());
        for (number, entry) in known.numbered() {
            let mut shown = self.entry_view(caller, ledger, (&known, number, entry)).await?;
            if known.status == ScheduleStatus::Active && has_room && entry.is_due(now) {
                // it is about to start
                shown.waiting_for = None;
            }
            entries.push(shown);
        }
        Ok(Schedule {
            schedule_id: known.made.schedule,
            tenant_id: ledger.tenant,
            product_id: known.made.product,
            user_id: known.made.user,
            title: known.made.title,
            session_id: known.made.session,
            missed_policy: known.made.missed,
            status: known.status,
            reason: known.reason,
            entries: Some(entries),
            created_at: known.created_at,
            updated_at: known.updated_at,
        })
    }

    async fn entry_view(
        &self,
        caller: &Caller,
        ledger: &Arc<Resident>,
        (schedule, number, entry): (&KnownSchedule, u32, &Known),
    ) -> Result<ScheduleEntry, Error> {
        let corrupt = || Error::new(Code::StoreCorrupt, "an entry of a schedule was not found");
        let found = self.node.read_one(ledger, entry.seq)?.ok_or_else(corrupt)?;
        let body = self.node.body(&found)?;
        let body: Value =
            body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
        let (_, becomes) = becomes(found.entry.event).ok_or_else(corrupt)?;
        let dispatch = match entry.status {
            ScheduleEntryStatus::Dispatched => {
                Some(self.see_dispatch(caller, entry.dispatch).await?)
            }
            _ => None,
        };
        let closed = self.closed_because(ledger, entry)?;
        let of = dispatch.as_ref();
        Ok(ScheduleEntry {
            entry: number,
            kind: entry.kind,
            at: entry.at,
            work: work_of(&becomes),
            payload: body["payload"].clone(),
            priority: becomes.priority,
            task_id: becomes.run.task,
            status: entry.status,
            reason: closed.or_else(|| of.and_then(|of| of.reason.clone())),
            late_ms: entry.settled_at.map(|_| entry.late_ms),
            dispatch_id: of.map(|of| of.dispatch_id),
            dispatch_status: of.map(|of| of.status),
            session_id: schedule.made.session.or_else(|| of.and_then(|of| of.session_id)),
            run_id: of.and_then(|of| of.run_id),
            waiting_for: self.entry_waits(schedule, entry, of),
            created_at: entry.added_at,
            settled_at: entry.settled_at,
        })
    }

    fn closed_because(&self, ledger: &Resident, entry: &Known) -> Result<Option<String>, Error> {
        match entry.status {
            ScheduleEntryStatus::Pending | ScheduleEntryStatus::Dispatched => Ok(None),
            ScheduleEntryStatus::Missed | ScheduleEntryStatus::Cancelled => {
                let found = self.node.read_one(ledger, entry.settled_seq)?;
                Ok(found.and_then(|found| match found.entry.event {
                    Event::ScheduleEntryClosed(closed) => closed.reason,
                    _ => None,
                }))
            }
        }
    }

    /// Why an entry's run has not begun, in one typed reason (`RUN-5`).
    fn entry_waits(
        &self,
        schedule: &KnownSchedule,
        entry: &Known,
        dispatch: Option<&Dispatch>,
    ) -> Option<Waiting> {
        let (reason, subject, since, text) = match (entry.status, dispatch) {
            (ScheduleEntryStatus::Pending, _) if schedule.status == ScheduleStatus::Paused => {
                let text = "its schedule is paused; resume it".to_owned();
                let subject = schedule.made.schedule.to_string();
                (StuckReason::Operator, subject, schedule.updated_at, text)
            }
            (ScheduleEntryStatus::Pending, _) => match entry.at {
                Some(at) if at > self.node.clock.now() => {
                    let text = format!("it is due at {at}");
                    (StuckReason::Alarm, at.to_string(), entry.added_at, text)
                }
                _ => {
                    let text = format!(
                        "it is due, and starts once fewer than {} dispatches, the limit DISPATCHES_OPEN_MAX, are open",
                        limits::DISPATCHES_OPEN_MAX
                    );
                    (StuckReason::Dependency, "dispatches".to_owned(), entry.added_at, text)
                }
            },
            (ScheduleEntryStatus::Dispatched, Some(of)) => {
                let (reason, text) = match of.status {
                    DispatchStatus::Received => (
                        StuckReason::Approval,
                        "policy asks somebody about its dispatch; decide that approval",
                    ),
                    DispatchStatus::Accepted | DispatchStatus::Waiting => {
                        (StuckReason::Dependency, "its dispatch waits for a free slot")
                    }
                    DispatchStatus::Claimed
                    | DispatchStatus::Started
                    | DispatchStatus::Rejected
                    | DispatchStatus::Cancelled
                    | DispatchStatus::Expired => return None,
                };
                (reason, of.dispatch_id.to_string(), of.updated_at, text.to_owned())
            }
            _ => return None,
        };
        Some(Waiting { reason, subject: Some(subject), since: Some(since), text })
    }
}
