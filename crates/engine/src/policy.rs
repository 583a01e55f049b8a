//! Tenants' policies as this process holds them: read once, replaced when another is durable.
//!
//! What a policy says is the core's (`tenure_core::policy`); when a ruling is asked for is where it
//! is asked for. Here stands only which policy is in force (`POL-1`).

use crate::lock;
use crate::node::Node;
use crate::resident::{Folded, Resident};
use arc_swap::ArcSwap;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tenure_contract::entry::Principal;
use tenure_contract::words::Surface;
use tenure_contract::{ApprovalId, Code, Error, Journal, PolicyVersion, TenantId};
use tenure_core::SessionState;
use tenure_core::command::Standing;
use tenure_core::ledger::PolicyRecord;
use tenure_core::policy::{Matter, Policy, Question, Ruling, Setting};

/// A tenant's place for the policy in force. Reading it takes no lock: a handler's every step does.
#[derive(Debug)]
pub(crate) struct Seat {
    policy: ArcSwap<Policy>,
    /// The ledger's entry that set it; 0 for the built-in one.
    seq: Mutex<u64>,
}

impl Seat {
    fn new(policy: Arc<Policy>, seq: u64) -> Self {
        Self { policy: ArcSwap::new(policy), seq: Mutex::new(seq) }
    }

    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy in force whose entry is durable; one set before the present one changes
    /// nothing.
    pub fn install(&self, policy: Policy, seq: u64) {
        let mut known = lock(&self.seq);
        if seq > *known {
            *known = seq;
            self.policy.store(Arc::new(policy));
        }
    }
}

impl Node {
    /// The tenant's policy in force.
    pub fn policy(&self, resident: &Resident) -> Result<Arc<Policy>, Error> {
        if let Some(seat) = resident.policy.get() {
            return Ok(seat.policy());
        }
        let seat = self.policy_seat(resident.tenant)?;
        Ok(resident.policy.get_or_init(|| seat).policy())
    }

    /// The tenant's seat, read from its ledger if need be. It reads the journal and nothing else: it
    /// is called under a session's lock.
    pub fn policy_seat(&self, tenant: TenantId) -> Result<Arc<Seat>, Error> {
        if let Some(known) = lock(&self.policies).get(&tenant) {
            return Ok(known.clone());
        }
        let seat = match self.load(Journal::Ledger(tenant))? {
            Some(ledger) => self.seat_of(&ledger)?,
            None => Seat::new(Policy::builtin(), 0),
        };
        Ok(lock(&self.policies).entry(tenant).or_insert_with(|| Arc::new(seat)).clone())
    }

    fn seat_of(&self, ledger: &Resident) -> Result<Seat, Error> {
        let last = {
            let cell = lock(&ledger.cell);
            match &cell.state {
                Folded::Ledger(state) => state.policies.in_force(),
                Folded::Session(_) => None,
            }
        };
        Ok(match last {
            Some(record) => Seat::new(Arc::new(self.read_policy(ledger, record)?), record.seq),
            None => Seat::new(Policy::builtin(), 0),
        })
    }

    /// A policy that was set. One whose text is gone, or cannot be read any more, denies everything.
    fn read_policy(&self, ledger: &Resident, record: PolicyRecord) -> Result<Policy, Error> {
        let text = self.policy_text(ledger, record)?;
        Ok(Policy::stored(PolicyVersion::Set(record.version), text.as_deref()))
    }

    /// The text of a policy that was set, while its body is there.
    pub fn policy_text(
        &self,
        ledger: &Resident,
        record: PolicyRecord,
    ) -> Result<Option<String>, Error> {
        match self.json_at(ledger, record.seq) {
            Ok(body) => Ok(body.as_ref().and_then(Value::as_str).map(str::to_owned)),
            Err(error) if error.code == Code::StoreCorrupt => {
                let what = "the text of a policy cannot be read; everything is denied";
                self.failed(what, ledger.journal, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Where something happens, for a policy.
pub(crate) fn setting(state: &SessionState, surface: Option<Surface>) -> Setting {
    let opened = state.opened.as_ref();
    Setting {
        product: opened.map(|opened| opened.product.clone()).unwrap_or_default(),
        user: opened.map(|opened| opened.user.clone()).unwrap_or_default(),
        workspace: opened.and_then(|opened| opened.workspace).map(|id| id.to_string()),
        surface,
    }
}

/// Whether who decided an approval may still decide it.
pub(crate) fn standing(
    resident: &Resident,
    policy: &Policy,
    approval: ApprovalId,
    resolver: &str,
) -> Standing {
    let cell = lock(&resident.cell);
    let known = cell.session().and_then(|state| Some((state, state.approvals.get(&approval)?)));
    let principal = resolver.parse::<Principal>().ok();
    let (Some((state, known)), Some(principal)) = (known, principal) else { return Standing::Lost };
    let matter = Matter::Decide { approval, kind: known.kind, risk: known.risk };
    let question = Question { principal, matter, setting: setting(state, None) };
    match policy.rule(&question) {
        Ruling::Permit => Standing::Kept,
        Ruling::Ask(_) | Ruling::Deny { .. } => Standing::Lost,
    }
}
