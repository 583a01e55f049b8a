//! A tenant's principals: who may act, and what they may do (`AUT-1`).

use super::entry;
use crate::authority;
use crate::command::{Draft, DraftBody};
use crate::machine::principal::may;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::entry::Principal;
use tenure_contract::event::{PrincipalChanged, PrincipalCreated};
use tenure_contract::words::{PrincipalKind, PrincipalStatus};
use tenure_contract::{Code, Error, PrincipalId, Time, limits};

/// The principals, by id and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Principals {
    #[n(0)]
    known: BTreeMap<PrincipalId, PrincipalRecord>,
    /// By `kind:name`.
    #[n(1)]
    named: BTreeMap<String, PrincipalId>,
}

/// A principal as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PrincipalRecord {
    /// The principal.
    #[n(0)]
    pub id: PrincipalId,
    /// What it is.
    #[n(1)]
    pub kind: PrincipalKind,
    /// Its name.
    #[n(2)]
    pub name: String,
    /// What it may do.
    #[n(3)]
    pub scopes: Vec<String>,
    /// Whether it may act.
    #[n(4)]
    pub status: PrincipalStatus,
    /// When it was made.
    #[n(5)]
    pub created_at: Time,
    /// When it last changed.
    #[n(6)]
    pub updated_at: Time,
}

/// A principal somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalWanted {
    /// How it is to be.
    pub made: PrincipalCreated,
    /// What whoever asks holds.
    pub held: Vec<String>,
}

/// A change somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeWanted {
    /// How it is to be.
    pub changed: PrincipalChanged,
    /// What whoever asks holds.
    pub held: Vec<String>,
}

impl Principals {
    /// A principal by its id.
    ///
    /// # Errors
    /// `not-found`.
    pub fn get(&self, id: PrincipalId) -> Result<&PrincipalRecord, Error> {
        self.known.get(&id).ok_or_else(|| Error::not_found("principal", id))
    }

    /// A principal by kind and name.
    #[must_use]
    pub fn named(&self, principal: &Principal) -> Option<&PrincipalRecord> {
        self.known.get(self.named.get(&principal.to_string())?)
    }

    /// Refuses a principal that is disabled; one nobody registered is not.
    ///
    /// # Errors
    /// `unauthenticated`.
    pub fn admit(&self, principal: &Principal) -> Result<Option<&PrincipalRecord>, Error> {
        match self.named(principal) {
            Some(known) if known.status == PrincipalStatus::Disabled => {
                let told =
                    format!("principal `{principal}` is disabled; an administrator can enable it");
                Err(Error::new(Code::Unauthenticated, told).about(principal))
            }
            known => Ok(known),
        }
    }

    pub(super) fn create(&self, wanted: &PrincipalWanted) -> Result<Vec<Draft>, Error> {
        let PrincipalWanted { made, held } = wanted;
        let principal = Principal { kind: made.kind, name: made.name.clone() };
        if let Some(known) = self.named(&principal) {
            if known.scopes == made.scopes {
                return Ok(Vec::new());
            }
            let told = format!(
                "principal `{principal}` exists with other scopes: {}; change those instead",
                known.scopes.join(", ")
            );
            return Err(Error::new(Code::IllegalTransition, told).about(known.id));
        }
        self.admit_one_more()?;
        check_given(held, &made.scopes)?;
        Ok(vec![entry(made.clone(), DraftBody::None)])
    }

    pub(super) fn admit_one_more(&self) -> Result<(), Error> {
        if self.known.len() < limits::PRINCIPALS_MAX {
            return Ok(());
        }
        let told = format!(
            "this tenant has {} principals, the limit PRINCIPALS_MAX",
            limits::PRINCIPALS_MAX
        );
        Err(Error::new(Code::LimitReached, told))
    }

    pub(super) fn change(&self, wanted: &ChangeWanted) -> Result<Vec<Draft>, Error> {
        let PrincipalChanged { principal, scopes, status } = &wanted.changed;
        let known = self.get(*principal)?;
        if let Some(scopes) = scopes {
            check_given(&wanted.held, scopes)?;
        }
        let scopes = scopes.clone().filter(|scopes| *scopes != known.scopes);
        let status = status.filter(|status| may(known.status, *status));
        if scopes.is_none() && status.is_none() {
            return Ok(Vec::new());
        }
        let changed = PrincipalChanged { principal: *principal, scopes, status };
        Ok(vec![entry(changed, DraftBody::None)])
    }

    pub(super) fn created(&mut self, event: &PrincipalCreated, at: Time) {
        let record = PrincipalRecord {
            id: event.principal,
            kind: event.kind,
            name: event.name.clone(),
            scopes: event.scopes.clone(),
            status: PrincipalStatus::Active,
            created_at: at,
            updated_at: at,
        };
        let principal = Principal { kind: event.kind, name: event.name.clone() };
        self.named.insert(principal.to_string(), event.principal);
        self.known.insert(event.principal, record);
    }

    pub(super) fn changed(&mut self, event: &PrincipalChanged, at: Time) -> Result<(), String> {
        let known = self.known.get_mut(&event.principal).ok_or("no such principal")?;
        if let Some(scopes) = &event.scopes {
            known.scopes.clone_from(scopes);
        }
        if let Some(status) = event.status {
            if !may(known.status, status) {
                return Err(format!(
                    "a principal goes from {} nowhere near {status}",
                    known.status
                ));
            }
            known.status = status;
        }
        known.updated_at = at;
        Ok(())
    }
}

/// Scopes that exist, and no more than whoever gives them holds.
pub(super) fn check_given(held: &[String], given: &[String]) -> Result<(), Error> {
    authority::check(given)?;
    authority::within(held, given, "this caller")
}
