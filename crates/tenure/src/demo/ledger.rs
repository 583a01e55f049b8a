//! The payment service's own ledger: every request it got, flushed before it was answered. What
//! the demo claims is computed from this file, not from our store.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

/// What was asked of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// A document claims a reference.
    Register,
    /// Money is to come in; the key is honoured.
    Charge,
    /// Money is to go out; the key is not honoured.
    Refund,
    /// What became of a charge or refund.
    LookUp,
    /// A document was not paid, and why.
    Report,
}

/// What the service did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Money moved.
    Booked,
    /// The key was known: the first answer again, no money moved.
    Repeated,
    /// Noted; no money is involved.
    Noted,
    /// The look-up found it.
    Found,
    /// The look-up found nothing.
    Absent,
    /// The look-up cannot tell.
    Unknown,
}

/// One line of the ledger: one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// From 1.
    pub number: u64,
    /// When it came, microseconds since 1970.
    pub at_micros: u64,
    pub request: Request,
    pub outcome: Outcome,
    /// The idempotency key that came with it.
    pub key: String,
    /// The order or refund it is about.
    pub reference: String,
    pub cents: u64,
}

/// The ledger as its service writes it.
pub(super) struct Ledger {
    file: File,
    lines: u64,
}

impl Ledger {
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file, lines: 0 })
    }

    /// Writes a line and flushes it: what is not in the ledger did not happen.
    pub fn enter(&mut self, mut line: Line) -> io::Result<()> {
        self.lines += 1;
        line.number = self.lines;
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()
    }
}

/// Reads a ledger.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Times money moved, by reference.
pub(super) fn bookings(lines: &[Line], request: Request) -> BTreeMap<&str, u64> {
    let mut bookings = BTreeMap::new();
    let booked = |line: &&Line| line.request == request && line.outcome == Outcome::Booked;
    for line in lines.iter().filter(booked) {
        *bookings.entry(line.reference.as_str()).or_default() += 1;
    }
    bookings
}

/// Kills that fell between an effect and its commit: something was booked before, and after the
/// kill the service was asked about that very key again, so its answer had not been committed.
pub(super) fn kills_inside_effect(lines: &[Line], kills: &[u64]) -> u64 {
    let inside = |kill: &&u64| {
        let moved = |line: &Line| line.outcome == Outcome::Booked && line.at_micros < **kill;
        lines.iter().filter(|line| moved(line)).any(|booked| {
            lines.iter().any(|again| again.key == booked.key && again.at_micros > **kill)
        })
    };
    kills.iter().filter(inside).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_micros: u64, request: Request, outcome: Outcome, key: &str) -> Line {
        let (key, reference) = (key.to_owned(), format!("of {key}"));
        Line { number: 0, at_micros, request, outcome, key, reference, cents: 1 }
    }

    #[test]
    fn a_kill_is_inside_an_effect_if_its_key_comes_again() {
        let lines = [
            line(10, Request::Charge, Outcome::Booked, "a"),
            line(20, Request::Refund, Outcome::Booked, "b"),
            line(40, Request::Charge, Outcome::Repeated, "a"),
        ];
        assert_eq!(kills_inside_effect(&lines, &[5, 15, 30, 50]), 2);
        assert_eq!(bookings(&lines, Request::Charge), BTreeMap::from([("of a", 1)]));
    }

    #[test]
    fn a_ledger_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::create(&path).unwrap();
        ledger.enter(line(1, Request::LookUp, Outcome::Unknown, "k")).unwrap();
        ledger.enter(line(2, Request::Report, Outcome::Noted, "l")).unwrap();
        let numbers: Vec<u64> = read(&path).unwrap().iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2]);
    }
}
