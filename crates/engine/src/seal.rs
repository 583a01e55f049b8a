//! Bodies: salted, digested and given a place before the entry that names them is written.

use crate::mint::Mint;
use tenure_contract::{Digest, PayloadRef, TenantId, limits};
use tenure_store::{Body, Payload, StoreError};

pub(crate) use tenure_contract::export::SALT_BYTES;

/// A body ready to stand beside an entry.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub reference: PayloadRef,
    pub body: Body,
}

/// The bodies that come with a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bodies {
    pub given: Option<Sealed>,
    pub actions: Vec<Option<Sealed>>,
    pub artifacts: Vec<Sealed>,
    pub writes: Vec<Option<Sealed>>,
    pub refusal: Option<Sealed>,
}

impl Bodies {
    pub fn given(sealed: Sealed) -> Self {
        Self { given: Some(sealed), ..Self::default() }
    }
}

/// Seals a body that is known to be small: it stands in the entry's own row.
pub(crate) fn seal_inline(mint: &dyn Mint, content: &[u8]) -> Sealed {
    let sealed = [&mint.random()[..], content].concat();
    let reference = PayloadRef { digest: Digest::of(&[&sealed]), len: content.len() as u64 };
    Sealed { reference, body: Body::Inline(sealed) }
}

/// Seals a body; one too large for a row is flushed as a blob here, before any entry names it.
pub(crate) fn seal(
    mint: &dyn Mint,
    payload: &dyn Payload,
    tenant: TenantId,
    content: &[u8],
) -> Result<Sealed, StoreError> {
    let mut sealed = Vec::with_capacity(SALT_BYTES + content.len());
    sealed.extend_from_slice(&mint.random());
    sealed.extend_from_slice(content);
    let digest = Digest::of(&[&sealed]);
    let reference = PayloadRef { digest, len: content.len() as u64 };
    Ok(Sealed { reference, body: keep(payload, tenant, sealed)? })
}

/// Gives a sealed body its place by its size.
pub(crate) fn keep(
    payload: &dyn Payload,
    tenant: TenantId,
    sealed: Vec<u8>,
) -> Result<Body, StoreError> {
    let len = sealed.len().saturating_sub(SALT_BYTES);
    if len <= limits::INLINE_BODY_MAX_BYTES {
        return Ok(Body::Inline(sealed));
    }
    let digest = Digest::of(&[&sealed]);
    if len <= limits::PAYLOAD_ROW_MAX_BYTES {
        return Ok(Body::Row(digest, sealed));
    }
    payload.put(tenant, digest, &sealed)?;
    Ok(Body::Blob(digest))
}
