//! Whether several exports of one session tell one continuous history (`HND-2`).

use super::{Crossing, Verified};
use thiserror::Error;

/// Why verified exports are not one history.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Apart {
    /// They are of different journals.
    #[error("they are of different journals: `{earlier}` and `{later}`")]
    OtherJournal {
        /// The one.
        earlier: String,
        /// The other.
        later: String,
    },
    /// The earlier one does not end by giving the session away, so two stores may own it.
    #[error(
        "store `{store}` does not give the session away at its last entry {entries}: both may say they own it"
    )]
    NotReleased {
        /// The store of the earlier export.
        store: String,
        /// Its last entry.
        entries: u64,
    },
    /// The later one does not go on behind the earlier one's end.
    #[error("store `{later}` does not go on behind entry {entries} of store `{earlier}`: {why}")]
    NotContinued {
        /// The store of the earlier export.
        earlier: String,
        /// Its last entry.
        entries: u64,
        /// The store of the later export.
        later: String,
        /// What differs.
        why: &'static str,
    },
}

/// Whether two verified exports, in whichever order, tell one history: the shorter one ends by giving
/// the session away, and the longer one takes it up exactly there, under the signatures of both.
/// Returns where.
///
/// # Errors
/// [`Apart`] says what does not fit.
pub fn one_history<'a>(a: &'a Verified, b: &'a Verified) -> Result<&'a Crossing, Apart> {
    let (earlier, later) = if a.entries <= b.entries { (a, b) } else { (b, a) };
    if (earlier.journal, earlier.tenant) != (later.journal, later.tenant) {
        let told = |one: &Verified| format!("{} of {}", one.journal, one.tenant);
        return Err(Apart::OtherJournal { earlier: told(earlier), later: told(later) });
    }
    let (store, entries) = (earlier.store.to_string(), earlier.entries);
    let Some(to) = earlier.released_to else { return Err(Apart::NotReleased { store, entries }) };
    let apart = |why| {
        let later = later.store.to_string();
        Apart::NotContinued { earlier: store.clone(), entries, later, why }
    };
    let crossing = later.crossings.iter().find(|crossing| crossing.seq == entries + 1);
    let crossing = crossing.ok_or_else(|| apart("it has no entry that takes the session there"))?;
    let root = earlier.signed_by.as_ref().map(|signer| signer.root);
    if crossing.hash != earlier.head.hash {
        return Err(apart("the entries before are others"));
    }
    if (crossing.from, Some(crossing.from_root)) != (earlier.store, root) {
        return Err(apart("another store or key signed the release than the earlier export"));
    }
    if crossing.to != to {
        return Err(apart("it was released to another store"));
    }
    Ok(crossing)
}
