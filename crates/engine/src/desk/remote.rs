//! Claims of executors on their way: leases that run out, runs that wait for another executor.

use crate::leases::{Lease, Orphan};
use crate::node::Node;
use crate::resident::{Actor, Resident};
use crate::seal::Bodies;
use std::sync::Arc;
use tenure_contract::{Error, Journal, Time};
use tenure_core::ledger::dispatch::DispatchCommand;
use tenure_core::ledger::{LedgerCommand, LedgerState};
use tenure_core::{Command, SessionState};

impl Node {
    /// Sees to the claims a ledger knows of; its lock is held.
    pub(super) fn mind_claims(self: &Arc<Self>, state: &LedgerState, now: Time) {
        let journal = Journal::Ledger(state.tenant);
        self.leases.retain(journal, |id, number| {
            state
                .dispatches
                .held()
                .any(|(one, claim)| one.received.dispatch == id && claim.number == number)
        });
        for (one, claim) in state.dispatches.held() {
            let lease = Lease {
                tenant: state.tenant,
                executor: claim.executor,
                claim: claim.number,
                lease_ms: claim.lease_ms,
                journal,
                run: None,
                until: now,
            };
            let until = self.leases.keep(one.received.dispatch, lease, now);
            if one.status == tenure_contract::words::DispatchStatus::Claimed {
                self.timers.arm(until, journal);
            }
        }
        if state.dispatches.has_claimable(now) {
            self.leases.tell();
        }
    }

    /// Sees to the runs of a session that executors perform; its lock is held.
    pub fn mind_remote(self: &Arc<Self>, state: &SessionState, now: Time) {
        if state.remote.is_empty() {
            return;
        }
        let journal = Journal::Session(state.id);
        self.leases.retain(journal, |id, number| {
            state.live_remote().any(|(_, remote)| {
                remote.held && remote.work.dispatch == id && remote.work.claim == number
            })
        });
        let mut orphans = Vec::new();
        for (run, remote) in state.live_remote() {
            let work = &remote.work;
            if remote.held {
                let lease = Lease {
                    tenant: state.tenant,
                    executor: work.executor,
                    claim: work.claim,
                    lease_ms: work.lease_ms,
                    journal,
                    run: Some(run.id),
                    until: now,
                };
                self.timers.arm(self.leases.keep(work.dispatch, lease, now), journal);
            } else if remote.wants_executor(run) {
                orphans.push(Orphan { session: state.id, run: run.id, work: work.clone() });
            }
        }
        self.leases.orphaned(state.tenant, state.id, orphans);
        // whoever waits for its run to begin looks again
        self.leases.tell();
    }

    /// Declares the claims of a journal lost whose time has run out.
    pub fn lapse(self: &Arc<Self>, resident: &Arc<Resident>) -> Result<(), Error> {
        let (journal, actor) = (resident.journal, Actor::system());
        for (dispatch, lease) in self.leases.lapsed(journal, self.clock.now()) {
            let (claim, bodies) = (lease.claim, Bodies::default());
            match lease.run {
                Some(run) => {
                    let command = Command::LoseClaim { run, claim };
                    self.transact(resident, &command, bodies, &actor)?;
                }
                None => {
                    let command = DispatchCommand::LoseLease { dispatch, claim };
                    let command = LedgerCommand::Dispatch(command);
                    self.transact_ledger(resident, &command, bodies, &actor)?;
                }
            }
            tracing::info!(%dispatch, claim, executor = %lease.executor, "an executor's lease ran out");
        }
        Ok(())
    }
}
