//! A ledger that tests tell commands, one after the other.

use super::dispatch::DispatchCommand;
use super::schedule::ScheduleCommand;
use super::{LedgerCommand, LedgerState};
use tenure_contract::entry::Principal;
use tenure_contract::{Entry, Error, Event, EventId, Journal, TenantId, Time};

pub(super) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(super) const HOUR_MS: u64 = 3_600_000;

pub(super) struct Book {
    pub(super) state: LedgerState,
    pub(super) now: Time,
}

impl Book {
    pub(super) fn new() -> Self {
        Self { state: LedgerState::new(TENANT), now: Time::from_micros(1_000_000) }
    }

    /// Decides and folds; the kinds of what was decided.
    pub(super) fn tell(
        &mut self,
        command: impl Into<LedgerCommand>,
    ) -> Result<Vec<&'static str>, Error> {
        let drafts = self.state.decide(&command.into(), self.now)?;
        let mut kinds = Vec::new();
        for draft in drafts {
            kinds.push(draft.event.name());
            let entry = self.entry(draft.event);
            self.state.apply(&entry).unwrap();
        }
        Ok(kinds)
    }

    pub(super) fn entry(&self, event: Event) -> Entry {
        Entry {
            journal: Journal::Ledger(TENANT),
            seq: self.state.seq + 1,
            at: self.now,
            event_id: EventId::from_bytes([9; 16]),
            tenant: TENANT,
            run: None,
            principal: Principal::system(),
            surface: None,
            correlation_id: [9; 16],
            causation_id: EventId::from_bytes([9; 16]),
            parent_event_id: None,
            payload: None,
            event,
        }
    }
}

impl From<DispatchCommand> for LedgerCommand {
    fn from(command: DispatchCommand) -> Self {
        Self::Dispatch(command)
    }
}

impl From<ScheduleCommand> for LedgerCommand {
    fn from(command: ScheduleCommand) -> Self {
        Self::Schedule(command)
    }
}
