//! The trail from an export alone: verified first, then told by the same fold as a server's.

use super::Teller;
use crate::cli::Failure;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _};
use std::path::Path;
use tenure_contract::export::EntryLine;
use tenure_contract::trail::Line;
use tenure_contract::{Entry, Journal};
use tenure_core::trail::{At, Trail};
use tenure_core::verify::{Broken, Options, Verified, verify};

/// Tells the trail of an export; the inner failure is the first thing wrong with it.
pub(super) fn tell(
    file: &Path,
    at: At,
    teller: &mut Teller,
) -> Result<Result<(), Broken>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("`{}` cannot be read: {error}", file.display()))
    };
    let mut opened = File::open(file).map_err(unreadable)?;
    let verified = match verify(BufReader::new(&opened).lines(), &Options::default()) {
        Ok(verified) => verified,
        Err(broken) => return Ok(Err(broken)),
    };
    opened.rewind().map_err(unreadable)?;
    // the first line is the header, which was verified with the rest
    let entries = BufReader::new(&opened).lines().skip(1);
    let changed = || Failure::failed(format!("`{}` changed while it was read", file.display()));
    told(&verified, at, teller, entries.map_while(|line| line.ok())).ok_or_else(changed)??;
    Ok(Ok(()))
}

/// None when a line is not the one that was verified.
fn told(
    verified: &Verified,
    at: At,
    teller: &mut Teller,
    lines: impl Iterator<Item = String>,
) -> Option<Result<(), Failure>> {
    let Journal::Session(session) = verified.journal else {
        let text = format!("`{}` is a ledger; a trail is a session's", verified.journal);
        return Some(Err(Failure::usage(text)));
    };
    let upto = match at.within(verified.entries) {
        Ok(upto) => upto,
        Err(error) => return Some(Err(error.into())),
    };
    let mut say = |line: Line| teller.take(&line.to_line(), || Some(line.clone()));
    say(Line::Head(Trail::head(session, verified.tenant, upto)));
    let mut trail = Trail::new(session, verified.tenant);
    let (mut last, mut seen) = (tenure_contract::Digest::ZERO, 0);
    for text in lines.take(usize::try_from(upto).ok()?) {
        let line: EntryLine = serde_json::from_str(&text).ok()?;
        if line.prev_hash != last || Entry::hash(&last, &line.bytes) != line.hash {
            return None;
        }
        (last, seen) = (line.hash, seen + 1);
        let entry = Entry::from_bytes(&line.bytes).ok()?;
        say(Line::Observed(Box::new(trail.observe(&entry).ok()?.with_body(line.body))));
    }
    if seen != upto || (upto == verified.entries && last != verified.head.hash) {
        return None;
    }
    trail.derive().map(Box::new).map(Line::Derived).for_each(say);
    Some(Ok(()))
}
