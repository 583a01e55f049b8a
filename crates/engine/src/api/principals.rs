//! Principals: make, see, change (`AUT-1`).

use super::lists::{owned, time, word, words};
use super::{Engine, Listing, name};
use crate::seal::Bodies;
use tenure_contract::entry::Principal;
use tenure_contract::event::{PrincipalChanged, PrincipalCreated};
use tenure_contract::resource::{Caller, ChangePrincipal, CreatePrincipal, KnownPrincipal, Page};
use tenure_contract::{Error, PrincipalId, TenantId};
use tenure_core::ledger::principals::{ChangeWanted, PrincipalWanted};
use tenure_core::ledger::{LedgerCommand, PrincipalRecord};
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Makes a principal; the same again is the same one.
    ///
    /// # Errors
    /// `invalid-argument`, `forbidden` for more than the caller holds, `illegal-transition` when it
    /// exists with other scopes.
    pub async fn create_principal(
        &self,
        caller: &Caller,
        request: CreatePrincipal,
    ) -> Result<KnownPrincipal, Error> {
        name("the principal's name", &request.name)?;
        let named = Principal { kind: request.kind, name: request.name.clone() };
        let made = PrincipalCreated {
            principal: PrincipalId::from_bytes(self.node.fresh_id()),
            kind: request.kind,
            name: request.name,
            scopes: request.scopes,
        };
        let wanted = PrincipalWanted { made, held: caller.scopes.clone() };
        let command = LedgerCommand::CreatePrincipal(wanted);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.with_ledger(caller.tenant, |state| {
            let known = state.principals.named(&named);
            known
                .map(|known| shown(caller.tenant, known))
                .ok_or_else(|| Error::not_found("principal", &named))
        })?
    }

    /// A principal.
    ///
    /// # Errors
    /// `not-found`.
    pub fn principal(&self, caller: &Caller, id: PrincipalId) -> Result<KnownPrincipal, Error> {
        self.with_ledger(caller.tenant, |state| {
            state.principals.get(id).map(|known| shown(caller.tenant, known))
        })?
    }

    /// The tenant's principals, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn principals(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<KnownPrincipal>, Error> {
        self.page(caller, Table::Principal, listing, listed)
    }

    /// Changes a principal; from the moment this is decided its keys and tokens do as it says.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `forbidden` for more than the caller holds.
    pub async fn change_principal(
        &self,
        caller: &Caller,
        id: PrincipalId,
        request: ChangePrincipal,
    ) -> Result<KnownPrincipal, Error> {
        self.principal(caller, id)?;
        let ChangePrincipal { scopes, status } = request;
        let changed = PrincipalChanged { principal: id, scopes, status };
        let wanted = ChangeWanted { changed, held: caller.scopes.clone() };
        let command = LedgerCommand::ChangePrincipal(wanted);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        self.principal(caller, id)
    }
}

fn shown(tenant: TenantId, known: &PrincipalRecord) -> KnownPrincipal {
    KnownPrincipal {
        principal_id: known.id,
        tenant_id: tenant,
        kind: known.kind,
        name: known.name.clone(),
        scopes: known.scopes.clone(),
        status: known.status,
        created_at: known.created_at,
        updated_at: known.updated_at,
    }
}

fn listed(row: &Row) -> Option<KnownPrincipal> {
    Some(KnownPrincipal {
        principal_id: PrincipalId::from_bytes(row.key),
        tenant_id: row.tenant,
        kind: word(row, Column::Kind)?,
        name: owned(row, Column::Name)?,
        scopes: words(row, Column::Scopes),
        status: word(row, Column::Status)?,
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}
