//! Checking an export offline: the chain, the words beside the bytes, the bodies, the machine and
//! the signature, naming the first entry that is wrong (`LOG-3`).
//!
//! [`verify`] reads the lines of `tenure_contract::export` one by one and keeps none. It trusts the
//! bytes of an entry only as far as they hash, follow, fold and are signed for, and the words only
//! as far as they say what the bytes say.
//!
//! What it proves: nothing up to the head was changed, reordered, added or taken away since the
//! node signed it, and every step was a legal one. What it does not prove: that what a model or a
//! tool said is true; whatever came after the last head somebody else holds; and, unless the
//! caller names the root key, who signed at all, since a key that travels with an export proves
//! nothing. Without a head line (only if [`Unsigned::Allow`]) a cut-off end cannot be told from the
//! real one, and the header's `store` is a mere claim. A body that is not there counts as erased.

mod agree;
mod check;
mod crossing;
pub mod head;
mod history;

#[cfg(test)]
mod moved;
#[cfg(test)]
mod tests;

pub use history::{Apart, one_history};
use std::fmt;
use tenure_contract::export::{BadHead, Head};
use tenure_contract::{Digest, EventId, StoreId, TenantId, entry::Journal};
use thiserror::Error;

/// What the caller knows from elsewhere and holds the export against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The store's root key. Without one, whoever signed is only claimed.
    pub root: Option<[u8; 32]>,
    /// A head somebody else kept: the export must reach it and agree with it.
    pub head: Option<Head>,
    /// The tenant it must belong to.
    pub tenant: Option<TenantId>,
    /// What becomes of an export without a head line.
    pub unsigned: Unsigned,
}

/// What becomes of an export without a signed head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsigned {
    /// It is broken: its end may have been cut off.
    #[default]
    Refuse,
    /// It passes, and [`Verified::signed_by`] is none.
    Allow,
}

/// What an export was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The journal.
    pub journal: Journal,
    /// Its owner.
    pub tenant: TenantId,
    /// The store it says it comes from; signed for when the head is.
    pub store: StoreId,
    /// How many entries it has.
    pub entries: u64,
    /// Where it ends: the text to keep elsewhere.
    pub head: Head,
    /// Who signed the head; none for an unsigned export that was allowed.
    pub signed_by: Option<Signer>,
    /// Where it went from one store to another (`HND-2`), oldest first.
    pub crossings: Vec<Crossing>,
    /// The store it was released to, when the last entry says so.
    pub released_to: Option<StoreId>,
    /// Bodies that are there and fit their digests.
    pub bodies_present: u64,
    /// Bodies that are not there any more.
    pub bodies_erased: u64,
}

/// A place where a journal went from one store to another, both signatures checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The receiver's first entry.
    pub seq: u64,
    /// The hash of the sender's last one.
    pub hash: Digest,
    /// The sender.
    pub from: StoreId,
    /// The root key that certified its signature.
    pub from_root: [u8; 32],
    /// The receiver.
    pub to: StoreId,
    /// The root key that certified its signature.
    pub to_root: [u8; 32],
}

/// Who signed a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The node key's short name.
    pub key_id: String,
    /// The root key that certified it.
    pub root: [u8; 32],
    /// How far that can be believed.
    pub trust: Trust,
}

/// How far a signer can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The caller knows the root.
    Rooted,
    /// The root is the export's own word.
    Claimed,
}

/// The first thing wrong with an export.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}{}: {why}", Entry(.seq, .event_id))]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// The place in the journal, when it is about an entry.
    pub seq: Option<u64>,
    /// The id of the entry found there, when one could be read.
    pub event_id: Option<EventId>,
    /// What is wrong.
    pub why: Why,
}

struct Entry<'a>(&'a Option<u64>, &'a Option<EventId>);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(seq), Some(id)) => write!(f, ", entry {seq} (`{id}`)"),
            (Some(seq), None) => write!(f, ", entry {seq}"),
            (None, _) => Ok(()),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Why {
    /// The line could not be read or is not JSON.
    #[error("the line cannot be read: {0}")]
    Unreadable(String),
    /// The first line is not a header this program knows.
    #[error("expected the header of an export, format 1: {0}")]
    NotAHeader(String),
    /// It belongs to somebody else than the caller expected.
    #[error("the export belongs to `{found}`, expected `{expected}`")]
    OtherOwner {
        /// The tenant or journal of the export.
        found: String,
        /// The one that was expected.
        expected: String,
    },
    /// The line is neither an entry nor a head.
    #[error("expected an entry or the signed head: {0}")]
    NotAnEntry(String),
    /// Entries are missing, doubled or in another order.
    #[error(
        "expected entry {expected}, found entry {found}: something was taken out, repeated or moved"
    )]
    OutOfOrder {
        /// The next place of the journal.
        expected: u64,
        /// The place this line claims.
        found: u64,
    },
    /// The entry does not follow the one before.
    #[error("its `prevHash` is {found}, the entry before has {expected}")]
    NotLinked {
        /// Hash of the entry before.
        expected: Digest,
        /// What the line says.
        found: Digest,
    },
    /// The bytes do not hash to what the line says.
    #[error("its bytes hash to {computed}, its `hash` is {stated}: bytes or hash were changed")]
    BytesChanged {
        /// The hash of the bytes.
        computed: Digest,
        /// What the line says.
        stated: Digest,
    },
    /// The bytes are not an entry.
    #[error("its bytes are not an entry: {0}")]
    NotDecodable(String),
    /// The entry belongs to another journal or tenant.
    #[error("it belongs to journal `{journal}` of tenant `{tenant}`, which this export is not of")]
    Foreign {
        /// The journal in its bytes.
        journal: Journal,
        /// The tenant in its bytes.
        tenant: TenantId,
    },
    /// A word beside the bytes does not say what the bytes say.
    #[error("its `{0}` does not say what its bytes say")]
    WordsDiffer(String),
    /// The body does not fit the digest.
    #[error("its body does not fit the digest in its bytes: the body or its salt was changed")]
    BodyChanged,
    /// There is a body where the entry has none.
    #[error("it has a body, its bytes know of none")]
    BodyAdded,
    /// The machine does not allow the entry there.
    #[error("it cannot follow what came before: {0}")]
    Illegal(String),
    /// The export ends before a head says it does.
    #[error(
        "the journal ends after entry {ends}, {held_by} says it has {head}: its end was cut off"
    )]
    Truncated {
        /// The last entry.
        ends: u64,
        /// The last entry by the head.
        head: u64,
        /// Whose head says so.
        held_by: HeldBy,
    },
    /// Another entry stands where a head names one.
    #[error(
        "{held_by} names {expected} here, the export has {found}: this entry or one before it was replaced"
    )]
    Replaced {
        /// The head's hash.
        expected: Digest,
        /// The chain's.
        found: Digest,
        /// Whose head says so.
        held_by: HeldBy,
    },
    /// Entries stand after the one the signed head names.
    #[error("the signed head ends with entry {head}, this entry comes after it")]
    Unsealed {
        /// The last entry by the head.
        head: u64,
    },
    /// The head's signature or certificate is false.
    #[error(transparent)]
    Head(#[from] head::NotSigned),
    /// A signature that a move to another store rests on is not what it should be.
    #[error("the move to another store is not proven: {0}")]
    Unproven(String),
    /// There is no head line.
    #[error(
        "the export ends without a signed head: its end may have been cut off; only an export made without signatures may be so"
    )]
    NoHead,
    /// Something stands after the head.
    #[error("nothing may follow the signed head")]
    Trailing,
}

/// Whose head an export disagrees with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// The export's own last line.
    Export,
    /// The head the caller gave.
    Caller,
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Export => "the signed head",
            Self::Caller => "the head kept elsewhere",
        })
    }
}

/// Checks an export line by line, `\n` taken off.
///
/// ```
/// use tenure_core::verify::{Options, verify};
/// let lines = [r#"{"tenure":1}"#].map(Ok::<_, std::convert::Infallible>);
/// let broken = verify(lines, &Options::default()).unwrap_err();
/// assert_eq!((broken.line, broken.seq), (1, None));
/// ```
///
/// # Errors
/// [`Broken`] names the first line, and the entry on it, that is wrong. A line that could not be
/// read is wrong too.
pub fn verify<L, E>(
    lines: impl IntoIterator<Item = Result<L, E>>,
    options: &Options,
) -> Result<Verified, Broken>
where
    L: AsRef<str>,
    E: fmt::Display,
{
    let mut check = check::Check::new(options);
    for line in lines {
        match line {
            Ok(line) => check.line(line.as_ref())?,
            Err(error) => return Err(check.unread(error.to_string())),
        }
    }
    check.end()
}

/// Reads a head as one types it, such as `ses_…@41:sha256:…`.
///
/// # Errors
/// [`BadHead`] with what was expected.
pub fn parse_head(text: &str) -> Result<Head, BadHead> {
    text.trim().parse()
}
