//! Who owns a session, and who is shut out of it (`HND-1`).
//!
//! A session begins as its opener's product's, for whom it was opened. An accepted handoff makes another
//! owner; from that entry on the former one writes nothing there, which is decided here, under the
//! same lock as what would have been written.

use super::state::SessionState;
use crate::command::Command;
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};
use tenure_contract::event::{HandoffOffered, Owner};
use tenure_contract::words::{HandoffStatus, Surface};
use tenure_contract::{ApprovalId, CheckpointId, HandoffId, Time};

/// On whose authority a command comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// The engine's own: effects, timers, recovery. What a session began goes on whoever owns it.
    Engine,
    /// Somebody's.
    Caller(By),
}

/// Somebody who commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who, as `kind:name`.
    pub principal: String,
    /// The one product it works for; none is any.
    pub product: Option<String>,
    /// True for who may act in anybody's session; nothing for a key that is bound to a product.
    pub operator: bool,
}

/// Who owned a session from an entry on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Owned {
    /// The entry that made them its owner.
    #[n(0)]
    pub since: u64,
    /// Who.
    #[n(1)]
    pub owner: Owner,
    /// The handoff that made them so; none for whom it was opened.
    #[n(2)]
    pub handoff: Option<HandoffId>,
}

/// A handoff as the session knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Handoff {
    /// What was offered.
    #[n(0)]
    pub offered: HandoffOffered,
    /// Where it stands.
    #[n(1)]
    pub status: HandoffStatus,
    /// When it was offered.
    #[n(2)]
    pub offered_at: Time,
    /// Who offered it, as `kind:name`.
    #[n(3)]
    pub offered_by: String,
    /// When it was resolved.
    #[n(4)]
    pub resolved_at: Option<Time>,
    /// Who resolved it, as `kind:name`.
    #[n(5)]
    pub resolved_by: Option<String>,
    /// From where.
    #[n(6)]
    pub resolved_from: Option<Surface>,
    /// Why it came to nothing.
    #[n(7)]
    pub reason: Option<String>,
    /// The open approvals that moved along.
    #[n(8)]
    pub moved: Vec<ApprovalId>,
    /// The checkpoint that was made as it was accepted.
    #[n(9)]
    pub checkpoint: Option<CheckpointId>,
}

impl By {
    /// Whether it works for that product, or for any.
    #[must_use]
    pub fn works_for(&self, product: &str) -> bool {
        self.product.as_deref().is_none_or(|bound| bound == product)
    }

    fn is(&self, owner: &Owner) -> bool {
        match &self.product {
            Some(bound) => *bound == owner.product,
            None => self.principal == owner.principal,
        }
    }
}

impl SessionState {
    /// Who owns the session; none before it is opened.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.owner_at(self.seq + 1)
    }

    /// Who owned the session before an entry: whose what that entry made was.
    #[must_use]
    pub fn owner_at(&self, seq: u64) -> Option<Owner> {
        let known = self.owners.iter().rev().find(|owned| owned.since < seq);
        known.map(|owned| owned.owner.clone())
    }

    /// Whether a product owned the session and does not any more.
    #[must_use]
    pub fn was_of(&self, product: &str) -> bool {
        let now = self.owners.last().is_some_and(|owned| owned.owner.product == product);
        !now && self.knows(product)
    }

    /// Whether a product owns the session, or ever did.
    #[must_use]
    pub fn knows(&self, product: &str) -> bool {
        self.owners.iter().any(|owned| owned.owner.product == product)
    }

    /// The handoff nobody has answered yet.
    #[must_use]
    pub fn open_handoff(&self) -> Option<(HandoffId, &Handoff)> {
        self.offered.and_then(|id| self.handoffs.get(&id).map(|handoff| (id, handoff)))
    }

    /// The refusal everyone gets who is shut out.
    #[must_use]
    pub fn handed_over(&self) -> Refusal {
        let owner = self.owner().unwrap_or_default();
        Refusal::HandedOver { session: self.id, owner }
    }

    fn is_former(&self, principal: &str) -> bool {
        let now = self.owners.last().is_some_and(|owned| owned.owner.principal == principal);
        !now && self.owners.iter().any(|owned| owned.owner.principal == principal)
    }
}

/// Whether a command may be given on that authority: the former owner of a session gives none.
///
/// # Errors
/// [`Refusal::HandedOver`] names who owns it now; to another product's key it is not there.
pub fn admit(
    state: &SessionState,
    command: &Command,
    authority: &Authority,
) -> Result<(), Refusal> {
    let (Authority::Caller(by), Some(owner)) = (authority, state.owner()) else { return Ok(()) };
    let product = match command {
        // whom it is offered to owns nothing yet; who that is, is decided with the handoff
        Command::AcceptHandoff { .. } | Command::DeclineHandoff { .. } => return Ok(()),
        // a run goes on over acceptance, on its executor's machine as here: the claim decides whose word
        // counts
        Command::AnswerRemote { .. } => return Ok(()),
        // whose work it is follows the owner, and a claim that is not made yet with it
        Command::ClaimRun(claimed) => state.remote_of(claimed.run).map(|it| &it.work.product),
        _ => None,
    };
    if !by.works_for(product.unwrap_or(&owner.product)) {
        let was = by.product.as_deref().is_some_and(|product| state.was_of(product));
        return match command {
            _ if was => Err(state.handed_over()),
            Command::OpenSession(_) => Err(Refusal::SessionKeyConflict(state.id)),
            // who sees the offer is told who may take it back
            Command::WithdrawHandoff { .. } => Ok(()),
            _ => Err(Refusal::NoSession(state.id)),
        };
    }
    #[cfg(feature = "planted")]
    if crate::planted::is(crate::planted::Bug::FenceDropped) {
        return Ok(());
    }
    if !by.operator && state.is_former(&by.principal) {
        return Err(state.handed_over());
    }
    Ok(())
}

/// Whether somebody may offer the session, or take the offer back: its owner, or an operator.
///
/// # Errors
/// [`Refusal::NotTheOwner`] names the owner.
pub(super) fn owns(state: &SessionState, by: &By) -> Result<Owner, Refusal> {
    let owner = state.owner().ok_or(Refusal::NoSession(state.id))?;
    if by.operator || by.is(&owner) {
        return Ok(owner);
    }
    Err(Refusal::NotTheOwner { session: state.id, principal: by.principal.clone(), owner })
}
