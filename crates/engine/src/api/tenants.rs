//! Tenants of a server: made and seen by its operator (`TEN-1`).

use super::lists::{owned, time};
use super::{Engine, Listing, actor, name};
use crate::resident::Actor;
use crate::seal::Bodies;
use tenure_contract::resource::{Caller, CreateTenant, Page, Tenant};
use tenure_contract::words::Scope as Held;
use tenure_contract::{Code, Error, TenantId};
use tenure_core::authority::{self, is_operator};
use tenure_core::ledger::LedgerCommand;
use tenure_core::projection::{Column, Row, Scope, Table};

impl Engine {
    /// Makes a tenant; only the operator may. The same key again is the same tenant.
    ///
    /// # Errors
    /// `forbidden`, `invalid-argument`, `key-conflict`.
    pub async fn create_tenant(
        &self,
        caller: &Caller,
        request: CreateTenant,
        key: Option<&str>,
    ) -> Result<Tenant, Error> {
        if !authority::holds(&caller.scopes, Held::TenantsAdmin) {
            let told =
                format!("only the server's operator makes tenants: `{}`", Held::TenantsAdmin);
            return Err(Error::new(Code::Forbidden, told));
        }
        name("the tenant's name", &request.name)?;
        let tenant = match (request.tenant_id, key) {
            (Some(known), _) => known,
            (None, Some(key)) => TenantId::from_bytes(self.id_of(caller.tenant, "tenant", key)?),
            (None, None) => TenantId::from_bytes(self.node.fresh_id()),
        };
        self.begin(tenant, &request.name, &actor(caller)).await?;
        let made = self.known_tenant(tenant)?.ok_or_else(|| Error::not_found("tenant", tenant))?;
        if made.name != request.name {
            let told = format!(
                "tenant `{}` was made before as `{}`; use another key or id",
                tenant, made.name
            );
            return Err(Error::new(Code::KeyConflict, told).about(tenant));
        }
        Ok(made)
    }

    /// Begins a tenant that the server has of itself; harmless when it has begun.
    ///
    /// # Errors
    /// A store's refusal.
    pub async fn open_tenant(&self, tenant: TenantId, name: &str) -> Result<(), Error> {
        self.begin(tenant, name, &Actor::system()).await
    }

    async fn begin(&self, tenant: TenantId, name: &str, actor: &Actor) -> Result<(), Error> {
        let ledger = self.node.ledger(tenant)?;
        let open = LedgerCommand::Open { name: name.to_owned() };
        let seq = self.node.transact_ledger(&ledger, &open, Bodies::default(), actor)?;
        self.node.durable(&ledger, seq).await
    }

    /// Whether there is such a tenant.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn has_tenant(&self, tenant: TenantId) -> Result<bool, Error> {
        Ok(self.known_tenant(tenant)?.is_some())
    }

    /// A tenant: the caller's own, and for the operator any.
    ///
    /// # Errors
    /// `not-found`.
    pub fn tenant(&self, caller: &Caller, id: TenantId) -> Result<Tenant, Error> {
        let may_see = id == caller.tenant || is_operator(&caller.scopes);
        let known = if may_see { self.known_tenant(id)? } else { None };
        known.ok_or_else(|| Error::not_found("tenant", id))
    }

    /// Tenants, the newest first: the caller's own, and for the operator all.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn tenants(&self, caller: &Caller, listing: &Listing) -> Result<Page<Tenant>, Error> {
        let scope = match is_operator(&caller.scopes) {
            true => Scope::Engine,
            false => Scope::Tenant(caller.tenant),
        };
        self.page_in(caller, scope, Table::Tenant, listing, shown)
    }

    fn known_tenant(&self, tenant: TenantId) -> Result<Option<Tenant>, Error> {
        self.with_ledger(tenant, |state| {
            let name = state.name.clone()?;
            Some(Tenant { tenant_id: tenant, name, created_at: state.opened_at })
        })
    }
}

fn shown(row: &Row) -> Option<Tenant> {
    Some(Tenant {
        tenant_id: row.tenant,
        name: owned(row, Column::Name)?,
        created_at: time(row, Column::CreatedAt)?,
    })
}
