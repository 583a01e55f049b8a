//! Secrets: set, list, delete; revealed to a tenant's own agents only (`TEN-4`).

use super::lists::{owned, time};
use super::{Engine, Listing};
use crate::node::Node;
use crate::seal::Bodies;
use crate::vault::{NONCE_BYTES, Place};
use serde_json::json;
use std::fmt;
use std::sync::{Arc, Weak};
use tenure_agent::Secrets;
use tenure_contract::event::SecretSet;
use tenure_contract::resource::{Caller, Page, Secret, SetSecret};
use tenure_contract::{Code, Error, TenantId, limits};
use tenure_core::ledger::LedgerCommand;
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Sets a secret: a new one, or the next version of one. It is never read back.
    ///
    /// # Errors
    /// `invalid-argument`, `version-conflict` when another one was set meanwhile, `limit-reached`.
    pub async fn set_secret(
        &self,
        caller: &Caller,
        name: &str,
        request: SetSecret,
    ) -> Result<Secret, Error> {
        check_name(name)?;
        check_value(&request.value)?;
        let tenant = caller.tenant;
        let version = self.with_ledger(tenant, |state| state.secrets.next_version(name))?;
        let place = Place { tenant, name, version };
        let mut nonce = [0; NONCE_BYTES];
        nonce[..16].copy_from_slice(&self.node.mint.random());
        nonce[16..].copy_from_slice(&self.node.mint.random()[..8]);
        let sealed = self.node.vault.seal(place, nonce, &request.value);
        let sealed =
            sealed.ok_or_else(|| Error::new(Code::Internal, "the secret cannot be encrypted"))?;
        let body = self.node.seal_json(tenant, &json!({ "sealed": sealed }))?;
        let length_hint = request.value.len().next_power_of_two() as u64;
        let set = SecretSet { name: name.to_owned(), version, length_hint };
        self.commit_ledger(caller, &LedgerCommand::SetSecret(set), Bodies::given(body)).await?;
        self.with_ledger(tenant, |state| {
            let known = state.secrets.get(name)?;
            Ok(Secret {
                name: name.to_owned(),
                tenant_id: tenant,
                version: known.version,
                length_hint: known.length_hint,
                created_at: known.created_at,
                updated_at: known.updated_at,
            })
        })?
    }

    /// The tenant's secrets, the newest first, without their texts.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn secrets(&self, caller: &Caller, listing: &Listing) -> Result<Page<Secret>, Error> {
        let listing = Listing { open_only: Some(true), ..listing.clone() };
        self.page(caller, Table::Secret, &listing, listed)
    }

    /// Deletes a secret; who still names it is told so when it is needed.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn delete_secret(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        self.with_ledger(caller.tenant, |state| state.secrets.get(name).map(drop))??;
        let command = LedgerCommand::DeleteSecret(name.to_owned());
        self.commit_ledger(caller, &command, Bodies::default()).await
    }
}

/// The secrets of one tenant, for its agents.
pub(crate) struct TenantSecrets {
    node: Weak<Node>,
    tenant: TenantId,
}

impl TenantSecrets {
    pub fn of(node: &Arc<Node>, tenant: TenantId) -> Arc<dyn Secrets> {
        Arc::new(Self { node: Arc::downgrade(node), tenant })
    }

    fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let gone = || Error::new(Code::Draining, "the server is going down");
        let engine = Engine { node: self.node.upgrade().ok_or_else(gone)? };
        let known = engine.with_ledger(self.tenant, |state| state.secrets.get(name).cloned())??;
        let Some(seq) = known.seq else { return Ok(None) };
        let ledger = engine.node.ledger(self.tenant)?;
        let body = engine.node.json_at(&ledger, seq)?;
        let sealed = body.as_ref().and_then(|body| body["sealed"].as_str());
        let place = Place { tenant: self.tenant, name, version: known.version };
        Ok(sealed.and_then(|sealed| engine.node.vault.open(place, sealed)))
    }
}

impl Secrets for TenantSecrets {
    fn reveal(&self, name: &str) -> Result<String, String> {
        let found = self.read(name).map_err(|error| error.message)?;
        found.ok_or_else(|| {
            format!("secret `{name}` cannot be opened with this server's key; set it again")
        })
    }
}

impl fmt::Debug for TenantSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantSecrets({})", self.tenant)
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=limits::NAME_MAX_CHARS).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let told = format!(
        "the secret's name is not 1 to {} letters, digits, `_` and `-`",
        limits::NAME_MAX_CHARS
    );
    Err(Error::new(Code::InvalidArgument, told))
}

/// What can stand in a header as it is and comes back as it is, so that it can be found in an
/// answer and hidden.
fn check_value(value: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
    let long = value.len();
    if (limits::SECRET_MIN_CHARS..=limits::SECRET_MAX_CHARS).contains(&long)
        && value.bytes().all(fits)
    {
        return Ok(());
    }
    // the text itself is not told
    let told = format!(
        "the secret has {long} bytes; expected {} to {} visible ASCII letters without quotes and backslashes",
        limits::SECRET_MIN_CHARS,
        limits::SECRET_MAX_CHARS
    );
    Err(Error::new(Code::InvalidArgument, told))
}

fn listed(row: &Row) -> Option<Secret> {
    let number = |column| row.number(column).and_then(|number| u64::try_from(number).ok());
    Some(Secret {
        name: owned(row, Column::Name)?,
        tenant_id: row.tenant,
        version: number(Column::Version)?,
        length_hint: number(Column::Length)?,
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}
