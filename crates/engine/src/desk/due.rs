//! Entries of schedules that are due: each becomes its dispatch, one after the other (`RUN-4`).

use crate::api::Engine;
use crate::effect::is_passing;
use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Folded, Resident};
use crate::seal::Bodies;
use std::sync::Arc;
use tenure_contract::resource::Caller;
use tenure_contract::{ApprovalId, Code, Error, Event, TenantId};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::schedule::{Due, ScheduleCommand};

impl Node {
    /// Begins to start what is due, unless somebody here does already.
    pub(super) fn begin_due(self: &Arc<Self>, ledger: &Arc<Resident>, tenant: TenantId) {
        if self.is_draining() || !lock(&self.desk.scheduling).insert(tenant) {
            return;
        }
        let (node, ledger) = (self.clone(), ledger.clone());
        self.spawn(async move {
            while let Some((due, seq)) = node.next_due(&ledger) {
                let started = node.start_due(&ledger, due, seq).await;
                let Err(error) = started else { continue };
                tracing::warn!(schedule = %due.schedule, entry = due.entry, %error, "an entry that is due could not be started");
                lock(&node.desk.scheduling).remove(&tenant);
                node.revisit(ledger.journal).await;
                return;
            }
        });
    }

    /// What is due first, and the ledger's last entry; when nothing is, whoever looks next begins anew.
    fn next_due(&self, ledger: &Arc<Resident>) -> Option<(Due, u64)> {
        let cell = lock(&ledger.cell);
        let Folded::Ledger(state) = &cell.state else { return None };
        let now = self.clock.now().max(cell.chain.at);
        let goes_on = !self.is_draining() && !self.committer.is_closed();
        let due = state.due(now).filter(|_| goes_on);
        if due.is_none() {
            // under the ledger's lock: what comes due after this look is looked at again
            lock(&self.desk.scheduling).remove(&state.tenant);
        }
        due.map(|due| (due, cell.chain.seq))
    }

    async fn start_due(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        due: Due,
        needs: u64,
    ) -> Result<(), Error> {
        self.durable(ledger, needs).await?;
        let done = match self.start_entry(ledger, due) {
            // one that can never start must not hold up those behind it
            Err(error) if !is_passing(&error) && !is_ours(&error) => {
                let reason = Some(format!("it could not be started: {}", error.message));
                let (schedule, entry) = (due.schedule, due.entry);
                let command = ScheduleCommand::CancelEntry { schedule, entry, reason };
                let command = LedgerCommand::Schedule(command);
                self.transact_ledger(ledger, &command, Bodies::default(), &Actor::system())
            }
            done => done,
        };
        let seq = done?;
        self.durable(ledger, seq).await
    }

    fn start_entry(self: &Arc<Self>, ledger: &Arc<Resident>, due: Due) -> Result<u64, Error> {
        let unknown = || Error::not_found("schedule", due.schedule);
        let found = self.read_one(ledger, due.seq)?.ok_or_else(unknown)?;
        let body = self.body(&found)?.ok_or_else(|| {
            Error::new(Code::NotFound, "what it was given is erased").about(due.schedule)
        })?;
        let Event::ScheduleEntryAdded(added) = found.entry.event else { return Err(unknown()) };
        // whoever added it is who dispatches it, now as then
        let caller = Caller {
            tenant: ledger.tenant,
            principal: found.entry.principal,
            surface: found.entry.surface,
            product: None,
            scopes: Vec::new(),
        };
        let engine = Engine { node: self.clone() };
        let becomes = &added.becomes;
        let from = (becomes.context.origin_product_id.clone(), becomes.user.clone());
        let ruled = engine.rule_sending(&caller, from, &becomes.product)?;
        let command = LedgerCommand::Schedule(ScheduleCommand::Start {
            schedule: due.schedule,
            entry: due.entry,
            principal: caller.principal.clone(),
            ruled,
            approval: ApprovalId::from_bytes(self.fresh_id()),
        });
        let bodies = Bodies::given(self.seal(ledger.tenant, &body)?);
        self.transact_ledger(ledger, &command, bodies, &crate::api::actor(&caller))
    }
}

/// Whether it is this process that cannot go on, not the entry.
fn is_ours(error: &Error) -> bool {
    matches!(
        error.code,
        Code::LimitReached | Code::SettleLag | Code::Draining | Code::Internal | Code::StoreCorrupt
    )
}
