//! A tenant's policies: which texts were set, and which one is in force (`POL-1`).

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use tenure_contract::event::PolicySet;
use tenure_contract::{Digest, Time};

/// The policies as they were set, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Policies(#[n(0)] Vec<PolicyRecord>);

/// A policy that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PolicyRecord {
    /// Digest of its text.
    #[n(0)]
    pub version: Digest,
    /// The entry that set it; the text is beside it.
    #[n(1)]
    pub seq: u64,
    /// When.
    #[n(2)]
    pub at: Time,
}

impl Policies {
    /// Every one that was set, oldest first.
    #[must_use]
    pub fn records(&self) -> &[PolicyRecord] {
        &self.0
    }

    /// The one in force; none while it is the built-in one.
    #[must_use]
    pub fn in_force(&self) -> Option<PolicyRecord> {
        self.0.last().copied()
    }

    pub(super) fn set(&self, version: Digest) -> Vec<Draft> {
        match self.in_force().is_some_and(|known| known.version == version) {
            true => Vec::new(),
            false => vec![entry(PolicySet { version }, DraftBody::Given)],
        }
    }

    pub(super) fn was_set(&mut self, event: &PolicySet, seq: u64, at: Time) {
        self.0.push(PolicyRecord { version: event.version, seq, at });
    }
}
