//! Executors: whom the tenant trusts to carry remote dispatches out (`TGT-2`).

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{DispatchReceived, ExecutorRegistered, ExecutorRevoked};
use tenure_contract::words::{ExecutionTarget, ExecutorKind};
use tenure_contract::{Code, Error, ExecutorId, Time, limits};

/// The executors, revoked ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Executors {
    #[n(0)]
    known: BTreeMap<ExecutorId, ExecutorRecord>,
}

/// An executor as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ExecutorRecord {
    /// As it was registered.
    #[n(0)]
    pub registered: ExecutorRegistered,
    /// When that was.
    #[n(1)]
    pub created_at: Time,
    /// False once revoked.
    #[n(2)]
    pub active: bool,
}

/// What an executor may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serves {
    /// Work that executes there.
    pub target: ExecutionTarget,
    /// Of that user; of every user when none is named.
    pub user: Option<String>,
    /// For that product, for a caller bound to one.
    pub product: Option<String>,
}

impl Serves {
    /// Whether it may have work of that target, user and product: `local` only where somebody is
    /// trusted for that very user.
    #[must_use]
    pub fn takes(&self, target: ExecutionTarget, user: &str, product: &str) -> bool {
        let for_user = match (&self.user, target) {
            (Some(own), _) => own == user,
            (None, ExecutionTarget::Sandbox) => true,
            (None, ExecutionTarget::Local) => false,
        };
        self.target == target
            && for_user
            && self.product.as_ref().is_none_or(|bound| bound == product)
    }

    pub(super) fn takes_dispatch(&self, received: &DispatchReceived) -> bool {
        let target = received.target.unwrap_or(ExecutionTarget::Sandbox);
        self.takes(target, &received.user, &received.product)
    }
}

impl ExecutorRecord {
    /// What it may have for a caller that is bound to a product, or to none.
    #[must_use]
    pub fn serves(&self, product: Option<String>) -> Serves {
        let ExecutorRegistered { kind, user, .. } = &self.registered;
        Serves { target: kind.target(), user: user.clone(), product }
    }
}

impl Executors {
    /// An executor, revoked or not.
    ///
    /// # Errors
    /// `not-found`.
    pub fn get(&self, id: ExecutorId) -> Result<&ExecutorRecord, Error> {
        self.known.get(&id).ok_or_else(|| Error::not_found("executor", id))
    }

    /// An active executor of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ExecutorRecord> {
        self.known.values().find(|known| known.active && known.registered.name == name)
    }

    /// An executor that is trusted, for the principal it authenticates as.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for another principal or once revoked.
    pub fn admit(&self, id: ExecutorId, principal: &str) -> Result<&ExecutorRecord, Error> {
        let known = self.get(id)?;
        let name = &known.registered.name;
        let why = if known.registered.principal != principal {
            format!("executor `{name}` is `{}`, not `{principal}`", known.registered.principal)
        } else if !known.active {
            format!("executor `{name}` is revoked; register it again")
        } else {
            return Ok(known);
        };
        Err(Error::new(Code::Forbidden, why).about(id))
    }

    pub(super) fn register(&self, wanted: &ExecutorRegistered) -> Result<Vec<Draft>, Error> {
        if wanted.kind == ExecutorKind::Desktop && wanted.user.is_none() {
            let told = "a desktop is trusted for one user; name it in `userId`";
            return Err(Error::new(Code::InvalidArgument, told));
        }
        if let Some(known) = self.named(&wanted.name) {
            let same = ExecutorRegistered { executor: known.registered.executor, ..wanted.clone() };
            if same == known.registered {
                return Ok(Vec::new());
            }
            let told = format!(
                "executor `{}` is registered as {} `{}`; revoke it first, or use another name",
                wanted.name, known.registered.kind, known.registered.principal
            );
            return Err(Error::new(Code::KeyConflict, told).about(known.registered.executor));
        }
        if self.known.len() >= limits::EXECUTORS_MAX {
            let told = format!(
                "this tenant has {} executors, the limit EXECUTORS_MAX; no more are taken",
                self.known.len()
            );
            return Err(Error::new(Code::LimitReached, told));
        }
        Ok(vec![entry(wanted.clone(), DraftBody::None)])
    }

    pub(super) fn revoke(&self, id: ExecutorId) -> Result<Vec<Draft>, Error> {
        let known = self.get(id)?;
        if !known.active {
            return Ok(Vec::new());
        }
        Ok(vec![entry(ExecutorRevoked { executor: id }, DraftBody::None)])
    }

    pub(super) fn registered(&mut self, event: &ExecutorRegistered, at: Time) {
        let record = ExecutorRecord { registered: event.clone(), created_at: at, active: true };
        self.known.insert(event.executor, record);
    }

    pub(super) fn revoked(&mut self, id: ExecutorId) -> Result<(), String> {
        let known = self.known.get_mut(&id).ok_or("no such executor")?;
        known.active = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, kind: ExecutorKind, user: Option<&str>) -> ExecutorRegistered {
        ExecutorRegistered {
            executor: ExecutorId::from_bytes([name.len() as u8; 16]),
            name: name.to_owned(),
            kind,
            principal: "worker:w".to_owned(),
            user: user.map(str::to_owned),
        }
    }

    #[test]
    fn tgt_2_local_is_for_a_desktop_that_is_trusted_for_that_user_and_for_no_other() {
        use ExecutionTarget::{Local, Sandbox};
        let at = Time::default();
        let record = |kind, user| ExecutorRecord {
            registered: wanted("x", kind, user),
            created_at: at,
            active: true,
        };
        let desk = record(ExecutorKind::Desktop, Some("ada")).serves(None);
        assert!(desk.takes(Local, "ada", "p"));
        assert!(!desk.takes(Local, "bob", "p") && !desk.takes(Sandbox, "ada", "p"));
        let any = record(ExecutorKind::Worker, None).serves(None);
        assert!(any.takes(Sandbox, "ada", "p") && !any.takes(Local, "ada", "p"));
        let hers = record(ExecutorKind::Worker, Some("ada")).serves(Some("p".to_owned()));
        assert!(hers.takes(Sandbox, "ada", "p"));
        assert!(!hers.takes(Sandbox, "bob", "p") && !hers.takes(Sandbox, "ada", "q"));
    }

    #[test]
    fn tgt_2_an_executor_is_registered_once_per_name_and_admitted_as_its_principal() {
        let mut known = Executors::default();
        let desk = wanted("desk", ExecutorKind::Desktop, Some("ada"));
        let none = known.register(&wanted("desk", ExecutorKind::Desktop, None)).unwrap_err();
        assert_eq!(none.code, Code::InvalidArgument);
        assert_eq!(known.register(&desk).unwrap().len(), 1);
        known.registered(&desk, Time::default());
        assert!(known.register(&desk).unwrap().is_empty());
        let other = wanted("desk", ExecutorKind::Desktop, Some("bob"));
        assert_eq!(known.register(&other).unwrap_err().code, Code::KeyConflict);
        assert!(known.admit(desk.executor, "worker:w").is_ok());
        assert_eq!(known.admit(desk.executor, "worker:x").unwrap_err().code, Code::Forbidden);
        assert_eq!(known.revoke(desk.executor).unwrap().len(), 1);
        known.revoked(desk.executor).unwrap();
        assert!(known.revoke(desk.executor).unwrap().is_empty());
        assert_eq!(known.admit(desk.executor, "worker:w").unwrap_err().code, Code::Forbidden);
        assert_eq!(known.register(&other).unwrap().len(), 1, "the name is free again");
    }
}
