//! The log and the bodies beside it: a vector in arrival order and a map.

use crate::seam::{Body, NewEntry, StoreError, Stored};
use std::collections::BTreeMap;
use tenure_contract::{Digest, TenantId};
use tenure_core::position::Position;

/// There is one segment, as in a database of one file.
const SEGMENT: u32 = 1;

/// Entries in arrival order; the entry at index `n` lies at row `n + 1`.
#[derive(Clone, Default)]
pub(super) struct Entries {
    entries: Vec<Stored>,
    bodies: BTreeMap<(TenantId, Digest), Vec<u8>>,
}

impl Entries {
    pub(super) fn push(&mut self, entry: &NewEntry) -> Position {
        let position = Position::new(SEGMENT, self.entries.len() as u64 + 1);
        let inline = match &entry.body {
            Body::Inline(sealed) => Some(sealed.clone()),
            Body::Row(digest, sealed) => {
                self.keep_body(entry.tenant, *digest, sealed);
                None
            }
            Body::None | Body::Blob(_) => None,
        };
        self.entries.push(Stored {
            position,
            tenant: entry.tenant,
            journal: entry.journal,
            seq: entry.seq,
            bytes: entry.bytes.clone(),
            hash: entry.hash,
            inline,
        });
        position
    }

    pub(super) fn at(&self, position: Position) -> Result<Stored, StoreError> {
        let absent = || StoreError::Corrupt(format!("position `{}` is empty", position.number()));
        if position.segment() != SEGMENT {
            return Err(absent());
        }
        let index = usize::try_from(position.row()).ok().and_then(|row| row.checked_sub(1));
        index.and_then(|index| self.entries.get(index)).cloned().ok_or_else(absent)
    }

    pub(super) fn after(&self, after: Position, limit: usize) -> Vec<Stored> {
        let from = self.entries.partition_point(|entry| entry.position <= after);
        self.entries[from..].iter().take(limit).cloned().collect()
    }

    pub(super) fn end(&self) -> (Position, Digest) {
        self.entries
            .last()
            .map_or((Position::START, Digest::ZERO), |entry| (entry.position, entry.hash))
    }

    pub(super) fn keep_body(&mut self, tenant: TenantId, digest: Digest, sealed: &[u8]) {
        self.bodies.entry((tenant, digest)).or_insert_with(|| sealed.to_vec());
    }

    pub(super) fn body(&self, tenant: TenantId, digest: Digest) -> Option<Vec<u8>> {
        self.bodies.get(&(tenant, digest)).cloned()
    }
}
