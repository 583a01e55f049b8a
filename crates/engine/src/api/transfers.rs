//! Sessions that move to another server, or come from one (`HND-2`). The core decides; here the chain
//! is read, and what another store wrote is written down as it is.

use super::{Engine, actor, reason};
use crate::lock;
use crate::node::{Behind, Node};
use crate::resident::{Actor, Cell, Chain, Folded, Resident};
use crate::seal::{Bodies, keep};
use std::sync::Arc;
use tenure_contract::export::{EntryLine, HeadClaim, HeadLine, SignedHead};
use tenure_contract::resource::{Caller, OfferTransfer, ReleaseTransfer, Transfer};
use tenure_contract::words::TransferStatus;
use tenure_contract::{
    Code, Digest, Entry, Error, Event, Journal, SessionId, TenantId, Time, TransferId,
};
use tenure_core::session::{self, ChainEnd};
use tenure_core::verify::{Options, Unsigned, Verified, verify};
use tenure_core::{Command, SessionState};
use tenure_store::NewEntry;

/// An export that was verified, and its lines.
struct Arrived {
    session: SessionId,
    verified: Verified,
    entries: Vec<EntryLine>,
    head: SignedHead,
}

/// What is to be signed to accept an offered session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acceptance {
    /// The transfer.
    pub transfer: TransferId,
    /// The session.
    pub session: SessionId,
    /// The chain up to the offer, held by this store; whoever signs says when and as whom.
    pub claim: HeadClaim,
}

impl Engine {
    /// Offers a session to another store; here everything goes on. The same offer again is the same.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition`.
    pub async fn offer_transfer(
        &self,
        caller: &Caller,
        id: SessionId,
        request: OfferTransfer,
    ) -> Result<Transfer, Error> {
        reason(request.reason.as_ref())?;
        let resident = self.session_of(caller, id)?;
        let OfferTransfer { to_store: to, reason } = request;
        let command = Command::OfferTransfer { to, here: self.store_id(), reason };
        self.moved(caller, &resident, &command).await
    }

    /// Takes an offer back. Whoever accepted it meanwhile gets nothing.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` when it is not offered, or released already.
    pub async fn withdraw_transfer(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<Transfer, Error> {
        let resident = self.session_of(caller, id)?;
        let known = lock(&resident.cell).session().and_then(|state| transfer(state, None));
        let command = Command::WithdrawTransfer;
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        let known = known.ok_or_else(|| Error::not_found("transfer of session", id))?;
        Ok(Transfer { status: TransferStatus::Withdrawn, seq, ..known })
    }

    /// Gives a session away for good, to whoever signed for it.
    ///
    /// # Errors
    /// `not-found`; `illegal-transition` while a step is in flight or in doubt; `verification-failed`
    /// when what was signed is not the offer, or not by the store it was made to.
    pub async fn release_transfer(
        &self,
        caller: &Caller,
        id: SessionId,
        request: ReleaseTransfer,
    ) -> Result<Transfer, Error> {
        let resident = self.session_of(caller, id)?;
        let known = lock(&resident.cell).session().and_then(|state| transfer(state, None));
        let at = known.map_or(0, |known| known.offered_seq);
        let hash =
            self.node.read_one(&resident, at)?.map_or(Digest::ZERO, |found| found.stored.hash);
        let offered = ChainEnd { store: self.store_id(), hash };
        let accepted = request.accepted.opened(id, caller.tenant).ok_or_else(|| {
            let told = "`accepted` holds a key or a signature that is none; expected what the receiver answered";
            Error::new(Code::VerificationFailed, told).about(id)
        })?;
        let accepted = Box::new(accepted);
        let command = Command::ReleaseTransfer { accepted, offered };
        self.moved(caller, &resident, &command).await
    }

    async fn moved(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        command: &Command,
    ) -> Result<Transfer, Error> {
        let (seq, known) = {
            let mut cell = lock(&resident.cell);
            let (bodies, actor) = (Bodies::default(), actor(caller));
            let seq = self.node.transact_locked(resident, &mut cell, command, bodies, &actor)?;
            (seq, cell.session().and_then(|state| transfer(state, None)))
        };
        self.node.durable(resident, seq).await?;
        known.ok_or_else(|| Error::not_found("transfer of session", resident.journal))
    }

    /// Verifies an export that ends with an offer to this store, and that this store can go on with
    /// it. Nothing is kept: what was accepted stands in what the caller signs.
    ///
    /// # Errors
    /// `verification-failed`; `illegal-transition` when it is not offered to this store;
    /// `unknown-name` when an agent it needs is not registered here.
    pub fn accept_transfer(
        &self,
        caller: &Caller,
        lines: &str,
        root: Option<[u8; 32]>,
    ) -> Result<Acceptance, Error> {
        let arrived = self.arrived(caller, lines, root)?;
        let (id, here) = (arrived.session, self.store_id());
        let mut state = SessionState::new(id, caller.tenant);
        follow(&mut state, &arrived.entries)?;
        may_take(caller, &state)?;
        let offered = state.transfer.as_ref();
        let offered = offered.filter(|known| known.to == here && known.released_seq.is_none());
        let place = |seq: u64| usize::try_from(seq.checked_sub(1)?).ok();
        let line = offered.and_then(|known| arrived.entries.get(place(known.offered_seq)?));
        let (Some(offered), Some(line)) = (offered, line) else {
            let told = format!("session `{id}` is not offered to this store, `{here}`");
            return Err(Error::new(Code::IllegalTransition, told).about(id));
        };
        self.can_go_on(caller.tenant, &state)?;
        if let Some(known) = self.node.session(caller.tenant, id)? {
            back_again(id, &lock(&known.cell), &arrived.entries)?;
        }
        let claim = HeadClaim {
            journal: Journal::Session(id),
            tenant: caller.tenant,
            store: here,
            seq: line.seq,
            hash: line.hash,
            at: Time::default(),
            epoch: 0,
        };
        Ok(Acceptance { transfer: offered.id, session: id, claim })
    }

    /// Takes a session that was released to this store: its entries as they are, and one behind them
    /// that says so, all in one commit. The same export again changes nothing.
    ///
    /// # Errors
    /// `verification-failed`, `illegal-transition`, `unknown-name`, a store's refusal; nothing of it is
    /// here then.
    pub async fn receive_transfer(
        &self,
        caller: &Caller,
        lines: String,
        root: Option<[u8; 32]>,
    ) -> Result<Transfer, Error> {
        self.admit()?;
        let (engine, caller) = (self.clone(), caller.clone());
        // checking a long history takes the processor a while
        let taking =
            tokio::task::spawn_blocking(move || engine.take_released(&caller, &lines, root));
        let taken = taking.await.map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        let (resident, seq, moved) = taken?;
        self.node.durable(&resident, seq).await?;
        Ok(moved)
    }

    fn take_released(
        &self,
        caller: &Caller,
        lines: &str,
        root: Option<[u8; 32]>,
    ) -> Result<(Arc<Resident>, u64, Transfer), Error> {
        let arrived = self.arrived(caller, lines, root)?;
        let (id, here) = (arrived.session, self.store_id());
        if arrived.verified.released_to != Some(here) {
            let to = arrived.verified.released_to;
            let told = match to {
                Some(to) => {
                    format!("session `{id}` was released to store `{to}`; this one is `{here}`")
                }
                None => format!("the export of session `{id}` does not end with its release"),
            };
            return Err(Error::new(Code::IllegalTransition, told).about(id));
        }
        let mut state = SessionState::new(id, caller.tenant);
        follow(&mut state, &arrived.entries)?;
        may_take(caller, &state)?;
        let resident = self.node.session_or_new(caller.tenant, id)?;
        let (seq, moved) = self.take(&resident, &arrived, &actor(caller))?;
        Ok((resident, seq, moved))
    }

    fn arrived(
        &self,
        caller: &Caller,
        lines: &str,
        root: Option<[u8; 32]>,
    ) -> Result<Arrived, Error> {
        let options =
            Options { root, head: None, tenant: Some(caller.tenant), unsigned: Unsigned::Refuse };
        let broken =
            |why: String| Error::new(Code::VerificationFailed, format!("the export: {why}"));
        let verified = verify(lines.lines().map(Ok::<_, std::convert::Infallible>), &options)
            .map_err(|why| broken(why.to_string()))?;
        let Journal::Session(session) = verified.journal else {
            return Err(Error::new(
                Code::InvalidArgument,
                "a ledger does not move; expected a session",
            ));
        };
        let rest = lines.lines().skip(1).collect::<Vec<_>>();
        let unread = |why: serde_json::Error| broken(why.to_string());
        let (head, entries) = rest.split_last().ok_or_else(|| broken("it is empty".to_owned()))?;
        let HeadLine { head } = serde_json::from_str(head).map_err(unread)?;
        let read = |line: &&str| serde_json::from_str::<EntryLine>(line).map_err(unread);
        let entries = entries.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Arrived { session, verified, entries, head })
    }

    /// Whether this tenant has every version of an agent that unfinished runs go on with.
    fn can_go_on(&self, tenant: TenantId, state: &SessionState) -> Result<(), Error> {
        let missing = state
            .needs()
            .versions
            .into_iter()
            .find(|version| self.node.definition(tenant, *version).is_err());
        match missing {
            None => Ok(()),
            Some(version) => {
                let told = format!(
                    "a run of session `{}` goes on with agent version `{version}`, which is not registered here; register the same definition first",
                    state.id
                );
                Err(Error::new(Code::UnknownName, told).about(state.id))
            }
        }
    }

    /// Writes what arrived behind what is here of it, which is nothing or its beginning.
    fn take(
        &self,
        resident: &Arc<Resident>,
        arrived: &Arrived,
        actor: &Actor,
    ) -> Result<(u64, Transfer), Error> {
        if let Some(taken) = self.taken_before(resident, arrived)? {
            return Ok(taken);
        }
        let node: &Arc<Node> = &self.node;
        let mut cell = lock(&resident.cell);
        back_again(arrived.session, &cell, &arrived.entries)?;
        let Folded::Session(state) = &cell.state else {
            return Err(Error::new(Code::Internal, "a session's journal folds to a session"));
        };
        let known = usize::try_from(cell.chain.seq).unwrap_or(usize::MAX);
        let new = arrived.entries.get(known..).unwrap_or_default();
        let mut state = state.clone();
        let entries = follow(&mut state, new)?;
        self.can_go_on(resident.tenant, &state)?;
        let gone = transfer(&state, Some(TransferStatus::Received));
        let rows = new.iter().map(|line| node.row_of(resident, line)).collect::<Result<_, _>>()?;
        let head = &arrived.verified.head;
        let chain = Chain { seq: head.seq, hash: head.hash, at: state.at };
        let released = Box::new(arrived.head.clone());
        let end = ChainEnd { store: self.store_id(), hash: head.hash };
        let command = Command::ReceiveTransfer { released, end };
        let before = Behind { state, chain, rows, entries };
        let seq = node.transact_behind(resident, &mut cell, before, &command, actor)?;
        let gone = gone.ok_or_else(|| Error::not_found("transfer of session", resident.journal))?;
        Ok((seq, Transfer { seq, ..gone }))
    }

    /// When the session has been taken at just that place already.
    fn taken_before(
        &self,
        resident: &Arc<Resident>,
        arrived: &Arrived,
    ) -> Result<Option<(u64, Transfer)>, Error> {
        let head = &arrived.verified.head;
        let Some(found) = self.node.read_one(resident, head.seq + 1)? else { return Ok(None) };
        let Event::TransferReceived(received) = &found.entry.event else { return Ok(None) };
        if received.released.hash != head.hash {
            return Ok(None);
        }
        let seq = resident.durable.seq();
        let offered = arrived.entries.iter().rev().find_map(|line| match &line.event {
            Event::TransferOffered(offered) => Some((offered.transfer, line.seq)),
            _ => None,
        });
        let Some((transfer_id, offered_seq)) = offered else { return Ok(None) };
        let moved = Transfer {
            transfer_id,
            session_id: arrived.session,
            tenant_id: resident.tenant,
            to_store: self.store_id(),
            status: TransferStatus::Received,
            offered_seq,
            seq,
        };
        Ok(Some((seq, moved)))
    }
}

impl Node {
    /// An exported entry as a row of this store's log: its bytes and hash as they are.
    fn row_of(&self, resident: &Resident, line: &EntryLine) -> Result<NewEntry, Error> {
        let body = line.body.as_ref().map(|body| [&body.salt[..], body.bytes()].concat());
        let body = match body {
            None => tenure_store::Body::None,
            Some(sealed) => keep(&*self.store.payload, resident.tenant, sealed)
                .map_err(crate::commit::store_error)?,
        };
        Ok(NewEntry {
            tenant: resident.tenant,
            journal: resident.journal.key(),
            seq: line.seq,
            bytes: line.bytes.clone(),
            hash: line.hash,
            body,
        })
    }
}

/// A caller that works for one product takes no other product's session (`TEN-1`).
fn may_take(caller: &Caller, state: &SessionState) -> Result<(), Error> {
    let Some(product) = &caller.product else { return Ok(()) };
    let is_its = state.owner().is_some_and(|owner| owner.product == *product);
    if is_its { Ok(()) } else { Err(Error::not_found("session", state.id)) }
}

/// What is here of a session that comes back must be its beginning, and given away.
fn back_again(id: SessionId, cell: &Cell, entries: &[EntryLine]) -> Result<(), Error> {
    if cell.chain.seq == 0 {
        return Ok(());
    }
    if cell.session().and_then(SessionState::gone_to).is_none() {
        let told =
            format!("session `{id}` is here and was not released; it cannot come from elsewhere");
        return Err(Error::new(Code::IllegalTransition, told).about(id));
    }
    let last = usize::try_from(cell.chain.seq - 1).ok().and_then(|last| entries.get(last));
    if last.is_none_or(|line| line.hash != cell.chain.hash) {
        let told = format!(
            "the export of session `{id}` does not go on from entry {} as it is here",
            cell.chain.seq
        );
        return Err(Error::new(Code::VerificationFailed, told).about(id));
    }
    Ok(())
}

fn follow(state: &mut SessionState, lines: &[EntryLine]) -> Result<Vec<Entry>, Error> {
    let unfit = |why: String| Error::new(Code::VerificationFailed, why);
    let read =
        |line: &EntryLine| Entry::from_bytes(&line.bytes).map_err(|why| unfit(why.to_string()));
    let entries = lines.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        state.apply(entry).map_err(|why| unfit(why.to_string()))?;
    }
    Ok(entries)
}

/// A session's transfer as it stands.
pub(crate) fn transfer(state: &SessionState, status: Option<TransferStatus>) -> Option<Transfer> {
    let known: &session::Transfer = state.transfer.as_ref()?;
    let stands = match known.released_seq {
        Some(_) => TransferStatus::Released,
        None => TransferStatus::Offered,
    };
    Some(Transfer {
        transfer_id: known.id,
        session_id: state.id,
        tenant_id: state.tenant,
        to_store: known.to,
        status: status.unwrap_or(stands),
        offered_seq: known.offered_seq,
        seq: state.seq,
    })
}
