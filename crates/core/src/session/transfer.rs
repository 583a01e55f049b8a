//! A session's way to another server (`HND-2`): offered, accepted there, released here, received there.
//!
//! The journal stays one chain. The sender releases it with an entry that holds the receiver's
//! signature under the offer, and the receiver goes on behind that entry with one that holds the
//! sender's signature under the release. At no place of the chain do two stores own the session.

use super::decide::{Decided, unowned};
use super::run::{Run, Stand};
use super::state::SessionState;
use crate::command::Context;
use crate::refusal::Refusal;
use crate::verify::head::check_head;
use minicbor::{Decode, Encode};
use tenure_contract::entry::Journal;
use tenure_contract::event::{
    HeadSeal, TransferOffered, TransferReceived, TransferReleased, TransferWithdrawn,
};
use tenure_contract::export::SignedHead;
use tenure_contract::{Digest, StoreId, TenantId, TransferId};

/// A transfer that is offered or released.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Transfer {
    /// The transfer.
    #[n(0)]
    pub id: TransferId,
    /// The receiver's store.
    #[n(1)]
    pub to: StoreId,
    /// The entry that offers it.
    #[n(2)]
    pub offered_seq: u64,
    /// The entry that releases it, once there is one.
    #[n(3)]
    pub released_seq: Option<u64>,
}

/// The end of a chain in a store: what a signature must be under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainEnd {
    /// This store.
    pub store: StoreId,
    /// The hash of the entry the signature is about.
    pub hash: Digest,
}

impl SessionState {
    /// The store the session was released to, until that store takes it.
    #[must_use]
    pub fn gone_to(&self) -> Option<&Transfer> {
        self.transfer.as_ref().filter(|transfer| transfer.released_seq.is_some())
    }

    pub(super) fn transfer_offered(
        &mut self,
        seq: u64,
        event: &TransferOffered,
    ) -> Result<(), String> {
        if let Some(known) = &self.transfer {
            return Err(format!("transfer `{}` is not over", known.id));
        }
        let TransferOffered { transfer: id, to, .. } = *event;
        self.transfer = Some(Transfer { id, to, offered_seq: seq, released_seq: None });
        Ok(())
    }

    pub(super) fn transfer_withdrawn(&mut self, event: &TransferWithdrawn) -> Result<(), String> {
        self.offered(event.transfer)?;
        self.transfer = None;
        Ok(())
    }

    pub(super) fn transfer_released(
        &mut self,
        seq: u64,
        event: &TransferReleased,
    ) -> Result<(), String> {
        if let Some(why) = in_the_way(self) {
            return Err(why);
        }
        let offered = self.offered(event.transfer)?;
        if (event.accepted.store, event.accepted.seq) != (offered.to, offered.offered_seq) {
            return Err("it was accepted by another store, or at another place".to_owned());
        }
        offered.released_seq = Some(seq);
        Ok(())
    }

    pub(super) fn transfer_received(&mut self, event: &TransferReceived) -> Result<(), String> {
        let is_next =
            |known: &Transfer| known.id == event.transfer && known.released_seq == Some(self.seq);
        if !self.transfer.as_ref().is_some_and(is_next) || event.released.seq != self.seq {
            return Err("it does not follow the release of its transfer".to_owned());
        }
        self.transfer = None;
        Ok(())
    }

    fn offered(&mut self, transfer: TransferId) -> Result<&mut Transfer, String> {
        let known = self.transfer.as_mut().filter(|known| known.released_seq.is_none());
        known
            .filter(|known| known.id == transfer)
            .ok_or_else(|| format!("transfer `{transfer}` is not offered"))
    }
}

/// Offers the session to another store. The same offer again changes nothing.
pub(super) fn offer(
    state: &SessionState,
    to: StoreId,
    here: StoreId,
    reason: Option<String>,
    cx: &mut Context,
) -> Decided {
    if to == here {
        let told = format!("`{to}` is the store the session is in; expected another one's");
        return Err(Refusal::Invalid(told));
    }
    match &state.transfer {
        Some(known) if known.to == to => Ok(Vec::new()),
        Some(known) => Err(Refusal::OfferedElsewhere { session: state.id, to: known.to }),
        None => {
            let transfer = TransferId::from_bytes(cx.fresh.take());
            Ok(vec![unowned(TransferOffered { transfer, to, reason })])
        }
    }
}

/// Takes an offer back.
pub(super) fn withdraw(state: &SessionState) -> Decided {
    let known = state.transfer.as_ref().ok_or(Refusal::NotOffered(state.id))?;
    Ok(vec![unowned(TransferWithdrawn { transfer: known.id })])
}

/// Gives the session away for good: nothing of it may be under way, and the receiver has signed for
/// what it was offered.
pub(super) fn release(state: &SessionState, accepted: &SignedHead, offered: ChainEnd) -> Decided {
    let known = state.transfer.as_ref().ok_or(Refusal::NotOffered(state.id))?;
    let signed_by = (known.to, known.offered_seq);
    signs(state, accepted, signed_by, offered.hash).map_err(Refusal::NotSignedFor)?;
    if let Some(why) = in_the_way(state) {
        return Err(Refusal::UnderWay { session: state.id, why });
    }
    let accepted = HeadSeal::from(accepted);
    Ok(vec![unowned(TransferReleased { transfer: known.id, accepted })])
}

/// Takes a session that was released to this store; `state` ends with the release.
pub(super) fn receive(state: &SessionState, released: &SignedHead, end: ChainEnd) -> Decided {
    let known = state.gone_to().ok_or(Refusal::NotOffered(state.id))?;
    if known.to != end.store {
        return Err(Refusal::Gone { session: state.id, to: known.to });
    }
    let signed_by = (released.claim.store, state.seq);
    signs(state, released, signed_by, end.hash).map_err(Refusal::NotSignedFor)?;
    if released.claim.store == end.store {
        return Err(Refusal::NotSignedFor("it is signed by the receiver itself".to_owned()));
    }
    let released = HeadSeal::from(released);
    Ok(vec![unowned(TransferReceived { transfer: known.id, released })])
}

/// Whether a head is the store's own, signed, and names that entry of this journal.
fn signs(
    state: &SessionState,
    head: &SignedHead,
    (store, seq): (StoreId, u64),
    hash: Digest,
) -> Result<(), String> {
    let claim = &head.claim;
    let expected = (Journal::Session(state.id), state.tenant, store, seq, hash);
    let found = (claim.journal, claim.tenant, claim.store, claim.seq, claim.hash);
    if found != expected {
        return Err(format!("it is about {}; expected {}", about(found), about(expected)));
    }
    check_head(head, None).map(drop).map_err(|why| why.to_string())
}

type Signed = (Journal, TenantId, StoreId, u64, Digest);

fn about((journal, tenant, store, seq, hash): Signed) -> String {
    format!("entry {seq} ({hash}) of {journal} of {tenant}, by {store}")
}

/// What of a session is under way and would be lost or done twice by moving it.
fn in_the_way(state: &SessionState) -> Option<String> {
    if let Some(step) = state.doubts.keys().next() {
        return Some(format!("step `{step}` is in doubt; resolve it first"));
    }
    let live = state.live.iter().filter_map(|run| state.runs.get(run));
    live.filter_map(|run| Some((run, run.progress()?))).find_map(|(run, progress)| {
        if state.remote.contains_key(&run.id) {
            return Some(format!(
                "run `{}` is an executor's; wait for its end or cancel it",
                run.id
            ));
        }
        let step = progress.open.iter().find_map(|(step, open)| match open.stand {
            Stand::Intended => {
                Some(format!("step `{step}` is in flight; pause run `{}` and wait for it", run.id))
            }
            Stand::InDoubt(_) => Some(format!("step `{step}` is in doubt; resolve it first")),
            Stand::RetryAt(_) => None,
        });
        step.or_else(|| ending(run))
    })
}

fn ending(run: &Run) -> Option<String> {
    let is_ending = run.progress().is_some_and(|progress| progress.cancel.is_some());
    is_ending.then(|| format!("run `{}` is being cancelled; wait for its end", run.id))
}
