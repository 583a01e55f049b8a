//! What can be proven at the end: the exports, verified offline as anybody would.

use super::ledger::{Line, Outcome, Request};
use super::round::Ended;
use crate::cli::{Failure, check, to_file};
use crate::client::Happening;
use crate::stage::Server;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tenure_contract::digest::unhex;
use tenure_core::verify::Options;

/// What the exports of all rounds say.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proof {
    pub entries: u64,
    pub verified: bool,
    pub head: String,
    /// Times a step came into doubt.
    pub in_doubt: u64,
    pub resolved_by_look_up: u64,
    pub resolved_by_operator: u64,
    pub approvals: u64,
    /// Entries a server had shown as durable.
    pub acked: u64,
    /// Those of them that are not in the journal, or are others there.
    pub acks_lost: u64,
    /// When the step of a key was settled, microseconds since 1970.
    #[serde(skip)]
    settled: BTreeMap<String, u64>,
}

impl Proof {
    pub async fn gather(server: &Server, dir: &Path, rounds: &[Ended]) -> Result<Self, Failure> {
        let root = fs::read_to_string(server.data().join("keys/root.pub"))?;
        let options = Options {
            root: unhex(root.trim()).and_then(|key| key.try_into().ok()),
            ..Options::default()
        };
        let mut proof = Self { verified: true, ..Self::default() };
        for (number, round) in rounds.iter().enumerate() {
            let name = if number == 0 {
                "session.jsonl".to_owned()
            } else {
                format!("session-{number}.jsonl")
            };
            let file = dir.join(name);
            to_file(&server.client(), round.session, &file).await?;
            match check(&file, &options)? {
                Ok(verified) => {
                    proof.entries += verified.entries;
                    if number == 0 {
                        proof.head = verified.head.to_string();
                    }
                }
                Err(broken) => {
                    eprintln!("tenure: {}: {broken}", file.display());
                    proof.verified = false;
                }
            }
            proof.read(&file, round)?;
        }
        Ok(proof)
    }

    fn read(&mut self, file: &Path, round: &Ended) -> Result<(), Failure> {
        let text = fs::read_to_string(file)?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let entries: Vec<Happening> = lines.filter_map(|line| Happening::read(&line)).collect();
        for entry in &entries {
            let step = entry.text("step").to_owned();
            match entry.kind.as_str() {
                "step.in-doubt" => self.in_doubt += 1,
                "step.landed" => drop(self.settled.insert(step, entry.at.micros())),
                "step.resolved" => self.resolved(entry, step),
                "approval.decided" => self.approvals += 1,
                _ => {}
            }
        }
        self.acked += round.acks.count();
        self.acks_lost += round.acks.lost_in(&entries);
        Ok(())
    }

    fn resolved(&mut self, entry: &Happening, step: String) {
        if entry.data["byLookup"] == Value::Bool(true) {
            self.resolved_by_look_up += 1;
        } else {
            self.resolved_by_operator += 1;
        }
        if entry.text("resolution") == "landed" {
            self.settled.insert(step, entry.at.micros());
        }
    }

    /// Payments that were asked for again although their result was committed.
    pub fn attempts_after_landed(&self, lines: &[Line]) -> u64 {
        let pays = |line: &&Line| {
            matches!(
                line.request,
                Request::Charge | Request::Refund | Request::Register | Request::Report
            )
        };
        let late = |line: &&Line| {
            let again =
                matches!(line.outcome, Outcome::Booked | Outcome::Repeated | Outcome::Noted);
            again && self.settled.get(&line.key).is_some_and(|settled| line.at_micros > *settled)
        };
        lines.iter().filter(pays).filter(late).count() as u64
    }
}
