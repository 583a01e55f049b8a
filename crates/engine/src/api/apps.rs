//! The keys other apps sign their decisions with: register, list, revoke (`APR-6`).

use super::lists::{owned, time};
use super::{Engine, Listing, name};
use crate::seal::Bodies;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::event::AppKeyRegistered;
use tenure_contract::export::key_id;
use tenure_contract::resource::{AppKey, Caller, Page, RegisterAppKey};
use tenure_contract::words::PrincipalStatus;
use tenure_contract::{Code, Digest, Error, TenantId};
use tenure_core::ledger::LedgerCommand;
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Registers the key an app signs its decisions with; the same again is nothing new.
    ///
    /// # Errors
    /// `invalid-argument` for what is no Ed25519 key, `key-conflict` when it is another product's or
    /// was revoked, `limit-reached`.
    pub async fn register_app_key(
        &self,
        caller: &Caller,
        request: RegisterAppKey,
    ) -> Result<AppKey, Error> {
        name("productId", &request.product_id)?;
        let key = ed25519(&request.public_key)?;
        let wanted = AppKeyRegistered {
            product: request.product_id,
            kid: key_id(&key),
            public_key: hex(&key),
            digest: Digest::of(&[&key]),
        };
        let shown = AppKey {
            kid: wanted.kid.clone(),
            tenant_id: caller.tenant,
            product_id: wanted.product.clone(),
            public_key: wanted.public_key.clone(),
            status: PrincipalStatus::Active,
            created_at: self.node.clock.now(),
        };
        let command = LedgerCommand::RegisterAppKey(wanted);
        self.commit_ledger(caller, &command, Bodies::default()).await?;
        Ok(shown)
    }

    /// The keys of other apps, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn app_keys(&self, caller: &Caller, listing: &Listing) -> Result<Page<AppKey>, Error> {
        self.page(caller, Table::AppKey, listing, |row| listed(caller.tenant, row))
    }

    /// Revokes the key of an app; from the moment this is decided its signatures prove nothing.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn revoke_app_key(&self, caller: &Caller, kid: String) -> Result<(), Error> {
        self.commit_ledger(caller, &LedgerCommand::RevokeAppKey(kid), Bodies::default()).await
    }
}

fn ed25519(text: &str) -> Result<[u8; 32], Error> {
    let key = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let usable = key.filter(tenure_core::token::is_key);
    usable.ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let told = format!("publicKey `{shown}` is no Ed25519 public key; expected 64 hex digits");
        Error::new(Code::InvalidArgument, told)
    })
}

fn listed(tenant: TenantId, row: &Row) -> Option<AppKey> {
    let active = owned(row, Column::Status)? == "active";
    Some(AppKey {
        kid: owned(row, Column::Name)?,
        tenant_id: tenant,
        product_id: owned(row, Column::Product)?,
        public_key: owned(row, Column::Label)?,
        status: if active { PrincipalStatus::Active } else { PrincipalStatus::Disabled },
        created_at: time(row, Column::CreatedAt)?,
    })
}
