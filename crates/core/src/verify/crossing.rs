//! The way of a journal over stores: who owned it where, and the signatures that say so (`HND-2`).

use super::head::check_head;
use super::{Crossing, Signer, Why};
use tenure_contract::event::{Event, HeadSeal};
use tenure_contract::export::Link;
use tenure_contract::{Digest, Entry, StoreId};

/// What the entries so far say of the stores that had the journal.
#[derive(Default)]
pub(super) struct Route {
    pub crossings: Vec<Crossing>,
    /// The last offer: its place and hash.
    offer: Option<(u64, Digest)>,
    /// The last release: its place, to whom, and that store's root.
    release: Option<(u64, StoreId, [u8; 32])>,
}

impl Route {
    /// Takes an entry that the machine has taken.
    pub fn take(&mut self, entry: &Entry, link: Link) -> Result<(), Why> {
        match &entry.event {
            Event::TransferOffered(_) => self.offer = Some((entry.seq, link.hash)),
            Event::TransferReleased(event) => {
                let root = proven(entry, &event.accepted, self.offer)?;
                self.owned_by_sender(event.accepted.store)?;
                self.release = Some((entry.seq, event.accepted.store, root));
            }
            Event::TransferReceived(event) => {
                let seal = &event.released;
                let from_root = proven(entry, seal, Some((entry.seq - 1, link.prev_hash)))?;
                let Some((_, to, to_root)) = self.release else {
                    return Err(Why::Unproven("nobody released it".to_owned()));
                };
                if let Some(before) = self.crossings.last() {
                    same("the sender", (before.to, before.to_root), (seal.store, from_root))?;
                }
                let (from, hash) = (seal.store, link.prev_hash);
                self.crossings.push(Crossing {
                    seq: entry.seq,
                    hash,
                    from,
                    from_root,
                    to,
                    to_root,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// A store cannot release to itself: that would be an owner the chain does not tell.
    fn owned_by_sender(&self, to: StoreId) -> Result<(), Why> {
        match self.crossings.last() {
            Some(before) if before.to == to => {
                Err(Why::Unproven(format!("store `{to}` released it to itself")))
            }
            _ => Ok(()),
        }
    }

    /// Whoever signs the end is the store that had the journal last.
    pub fn ends_in(&self, store: StoreId, signer: &Signer) -> Result<(), Why> {
        match self.crossings.last() {
            Some(last) => {
                same("whoever exported it", (last.to, last.to_root), (store, signer.root))
            }
            None => Ok(()),
        }
    }

    /// The store it is released to, when the entry at that place does so.
    pub fn released_to(&self, seq: u64) -> Option<StoreId> {
        self.release.filter(|(at, ..)| *at == seq).map(|(_, to, _)| to)
    }
}

fn same(who: &str, expected: (StoreId, [u8; 32]), found: (StoreId, [u8; 32])) -> Result<(), Why> {
    if expected == found {
        return Ok(());
    }
    let told = if expected.0 == found.0 { "signs with another root key than" } else { "is not" };
    Err(Why::Unproven(format!(
        "{who} (`{}`) {told} the store `{}` that received it",
        found.0, expected.0
    )))
}

/// The root behind a signature under that place of the chain.
fn proven(entry: &Entry, seal: &HeadSeal, under: Option<(u64, Digest)>) -> Result<[u8; 32], Why> {
    let no = |why: &str| Why::Unproven(why.to_owned());
    let session = entry.session().ok_or_else(|| no("only a session moves"))?;
    let head =
        seal.opened(session, entry.tenant).ok_or_else(|| no("a key or signature is none"))?;
    if under != Some((seal.seq, seal.hash)) {
        return Err(no("the signature is under another entry"));
    }
    Ok(check_head(&head, None)?.root)
}
