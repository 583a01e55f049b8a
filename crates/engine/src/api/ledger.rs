//! A tenant's ledger, read and written; what stands in it is said noun by noun beside this file.

use super::{Engine, actor};
use crate::lock;
use crate::resident::{Actor, Folded};
use crate::seal::Bodies;
use tenure_contract::resource::Caller;
use tenure_contract::{Error, Journal, TenantId};
use tenure_core::ledger::{LedgerCommand, LedgerState};

/// The name of a tenant nobody named.
const NAME_DEFAULT: &str = "default";

impl Engine {
    /// Decides a command on the caller's ledger, begun if need be; durable when it returns.
    pub(super) async fn commit_ledger(
        &self,
        caller: &Caller,
        command: &LedgerCommand,
        bodies: Bodies,
    ) -> Result<(), Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let open = LedgerCommand::Open { name: NAME_DEFAULT.to_owned() };
        self.node.transact_ledger(&ledger, &open, Bodies::default(), &Actor::system())?;
        let seq = self.node.transact_ledger(&ledger, command, bodies, &actor(caller))?;
        self.node.durable(&ledger, seq).await
    }

    pub(super) fn with_ledger<T>(
        &self,
        tenant: TenantId,
        read: impl FnOnce(&LedgerState) -> T,
    ) -> Result<T, Error> {
        // a tenant nobody knows leaves no trace: whoever guesses keys could fill the memory with them
        let Some(ledger) = self.node.resident(Journal::Ledger(tenant))? else {
            return Ok(read(&LedgerState::new(tenant)));
        };
        let cell = lock(&ledger.cell);
        match &cell.state {
            Folded::Ledger(state) => Ok(read(state)),
            Folded::Session(_) => Err(Error::not_found("tenant", tenant)),
        }
    }
}
