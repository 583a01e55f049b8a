//! Executors: register, list, revoke (`TGT-2`).

use super::keys::principal_word;
use super::lists::{owned, time, word};
use super::{Engine, Listing, name};
use crate::seal::Bodies;
use tenure_contract::event::ExecutorRegistered;
use tenure_contract::resource::{Caller, Executor, Page, RegisterExecutor};
use tenure_contract::words::PrincipalStatus;
use tenure_contract::{Error, ExecutorId, TenantId};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::executors::ExecutorRecord;
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Registers an executor; the same again is the same one.
    ///
    /// # Errors
    /// `invalid-argument` for a desktop without a user, `key-conflict` when the name is another
    /// one's, `limit-reached`.
    pub async fn register_executor(
        &self,
        caller: &Caller,
        request: RegisterExecutor,
    ) -> Result<Executor, Error> {
        name("name", &request.name)?;
        if let Some(user) = &request.user_id {
            name("userId", user)?;
        }
        let principal = match &request.principal {
            Some(text) => principal_word(text)?,
            None => caller.principal.clone(),
        };
        let wanted = ExecutorRegistered {
            executor: ExecutorId::from_bytes(self.node.fresh_id()),
            name: request.name.clone(),
            kind: request.kind,
            principal: principal.to_string(),
            user: request.user_id,
        };
        let command = LedgerCommand::RegisterExecutor(wanted);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.with_ledger(caller.tenant, |state| {
            let known = state.executors.named(&request.name);
            known
                .map(|known| shown(caller.tenant, known))
                .ok_or_else(|| Error::not_found("executor", &request.name))
        })?
    }

    /// An executor.
    ///
    /// # Errors
    /// `not-found`.
    pub fn executor(&self, caller: &Caller, id: ExecutorId) -> Result<Executor, Error> {
        self.with_ledger(caller.tenant, |state| {
            state.executors.get(id).map(|known| shown(caller.tenant, known))
        })?
    }

    /// The tenant's executors, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn executors(&self, caller: &Caller, listing: &Listing) -> Result<Page<Executor>, Error> {
        self.page(caller, Table::Executor, listing, listed)
    }

    /// Trusts an executor no more, from the moment this is decided; what it had claimed and not
    /// started waits for another one.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn revoke_executor(
        &self,
        caller: &Caller,
        id: ExecutorId,
    ) -> Result<Executor, Error> {
        self.executor(caller, id)?;
        let command = LedgerCommand::RevokeExecutor(id);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.executor(caller, id)
    }
}

fn shown(tenant: TenantId, known: &ExecutorRecord) -> Executor {
    let registered = &known.registered;
    Executor {
        executor_id: registered.executor,
        tenant_id: tenant,
        name: registered.name.clone(),
        kind: registered.kind,
        principal: registered.principal.clone(),
        user_id: registered.user.clone(),
        status: if known.active { PrincipalStatus::Active } else { PrincipalStatus::Disabled },
        created_at: known.created_at,
    }
}

fn listed(row: &Row) -> Option<Executor> {
    Some(Executor {
        executor_id: ExecutorId::from_bytes(row.key),
        tenant_id: row.tenant,
        name: owned(row, Column::Name)?,
        kind: word(row, Column::Kind)?,
        principal: owned(row, Column::Actor)?,
        user_id: owned(row, Column::User),
        status: word(row, Column::Status)?,
        created_at: time(row, Column::CreatedAt)?,
    })
}
