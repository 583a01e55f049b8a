//! API keys: make, list, revoke (`AUT-1`).

use super::{Engine, Listing, name};
use crate::seal::Bodies;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::entry::Principal;
use tenure_contract::event::KeyCreated;
use tenure_contract::resource::{ApiKey, Caller, CreateKey, Page};
use tenure_contract::{Code, Digest, Error, KeyId, PrincipalId, TenantId};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::keys::KeyWanted;
use tenure_core::projection::Table;

/// What an API key's text begins with.
const KEY_MARK: &str = "tnr";
/// Letters of a key's text that are shown in lists.
const PREFIX_CHARS: usize = 12;

impl Engine {
    /// Makes an API key; its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// `invalid-argument`, `forbidden` for more than the caller or the principal holds,
    /// `limit-reached`.
    pub async fn create_key(&self, caller: &Caller, request: CreateKey) -> Result<ApiKey, Error> {
        let principal = principal_word(&request.principal)?;
        if let Some(product) = &request.product_id {
            name("productId", product)?;
        }
        let secret = [self.node.mint.random(), self.node.mint.random()].concat();
        let text = format!("{KEY_MARK}_{}_{}", hex(&caller.tenant.bytes()), hex(&secret));
        let shown = &text[text.len() - PREFIX_CHARS..text.len() - PREFIX_CHARS / 2];
        let made = KeyCreated {
            key: KeyId::from_bytes(self.node.fresh_id()),
            prefix: format!("{KEY_MARK}_…{shown}"),
            hash: Digest::of(&[text.as_bytes()]),
            principal: request.principal,
            scopes: request.scopes,
            // a caller bound to a product hands on no more than that
            product: super::sessions::product_of(caller, request.product_id)?,
            expires_at: request.expires_at,
        };
        let at = self.node.clock.now();
        let wanted = KeyWanted {
            made: made.clone(),
            principal,
            fresh: PrincipalId::from_bytes(self.node.fresh_id()),
            held: caller.scopes.clone(),
            at,
        };
        self.commit_ledger(caller, &LedgerCommand::CreateKey(wanted), Bodies::default()).await?;
        Ok(ApiKey {
            key_id: made.key,
            tenant_id: caller.tenant,
            prefix: made.prefix,
            principal: made.principal,
            scopes: made.scopes,
            product_id: made.product,
            expires_at: made.expires_at,
            status: "active".to_owned(),
            created_at: at,
            key: Some(text),
        })
    }

    /// The tenant's API keys, the newest first, without their texts.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn keys(&self, caller: &Caller, listing: &Listing) -> Result<Page<ApiKey>, Error> {
        self.page(caller, Table::Key, listing, super::lists::api_key)
    }

    /// Revokes an API key; it is refused from the moment this is decided.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn revoke_key(&self, caller: &Caller, key: KeyId) -> Result<(), Error> {
        self.with_ledger(caller.tenant, |state| state.keys.get(key).map(drop))??;
        self.commit_ledger(caller, &LedgerCommand::RevokeKey(key), Bodies::default()).await
    }
}

/// A principal is written `kind:name`.
pub(super) fn principal_word(text: &str) -> Result<Principal, Error> {
    let known = text.split_once(':').and_then(|(kind, name)| {
        Some(Principal { kind: kind.parse().ok()?, name: name.to_owned() })
    });
    let Some(principal) = known else {
        let shown: String = text.chars().take(60).collect();
        let told = format!(
            "principal `{shown}` is not written `kind:name`; kinds are user, agent, worker, service, system"
        );
        return Err(Error::new(Code::InvalidArgument, told));
    };
    name("the principal's name", &principal.name)?;
    Ok(principal)
}

/// The tenant a key's text names; it proves nothing until the hash is found.
pub(super) fn tenant_of(text: &str) -> Option<TenantId> {
    let rest = text.strip_prefix(KEY_MARK)?.strip_prefix('_')?;
    let (tenant, _) = rest.split_once('_')?;
    Some(TenantId::from_bytes(unhex(tenant)?.try_into().ok()?))
}
