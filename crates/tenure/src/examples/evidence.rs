//! What an example's session leaves: its export, whether it verifies, and the trail told from it alone.

use crate::cli::{Failure, to_file};
use crate::client::Happening;
use crate::stage::{Acks, Server, Stage, Summary, tenure};
use serde_json::Value;
use std::fs;
use tenure_contract::SessionId;
use tenure_contract::trail::{Derived, Line};

/// A session, as its export tells it.
pub(super) struct Evidence {
    /// Its entries, in order.
    pub entries: Vec<Happening>,
    /// What follows from them.
    pub derived: Vec<Derived>,
    /// What `tenure verify` said.
    pub verified: Value,
}

impl Evidence {
    /// Exports a session into a file of that name, verifies it, and has its trail told from it.
    pub async fn take(
        stage: &Stage,
        server: &Server,
        session: SessionId,
        name: &str,
    ) -> Result<Self, Failure> {
        let export = stage.dir().join(name);
        to_file(&server.client(), session, &export).await?;
        let root = server.data().join("keys/root.pub").to_string_lossy().into_owned();
        let verify = ["verify", name, "--root", &root, "--json"];
        let verified = tenure(stage.dir(), verify).await?.json();
        let trail = tenure(stage.dir(), ["trail", "--file", name, "--json"]).await?.done()?.out;
        Ok(Self {
            entries: entries(&fs::read_to_string(&export)?),
            derived: derived(&trail)?,
            verified,
        })
    }

    /// The entries of a kind, in order.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Happening> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }

    /// Claims that the journal is whole, holds by its chain, and lost nothing the server had shown.
    pub fn is_unbroken(&self, acks: &Acks, summary: &mut Summary) {
        self.hold("", acks, summary);
        summary.fact("entries", self.entries.len());
        summary.fact("head", self.verified["head"].clone());
    }

    /// The same, of one thread among several.
    pub fn is_unbroken_in(&self, thread: &str, acks: &Acks, summary: &mut Summary) {
        self.hold(&format!("{thread}: "), acks, summary);
    }

    fn hold(&self, of: &str, acks: &Acks, summary: &mut Summary) {
        let places: Vec<u64> = self.entries.iter().map(|entry| entry.seq).collect();
        let whole: Vec<u64> = (1..=self.entries.len() as u64).collect();
        summary.equal(&format!("{of}the journal has no gap"), places == whole, true);
        let is_verified = self.verified["verified"].clone();
        summary.equal(&format!("{of}the export is verified"), is_verified, true);
        let lost = format!("{of}entries the server had shown and lost");
        summary.equal(&lost, acks.lost_in(&self.entries), 0);
    }
}

/// The entries of an export's text.
pub(super) fn entries(text: &str) -> Vec<Happening> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Happening::read(&line)).collect()
}

fn derived(trail: &str) -> Result<Vec<Derived>, Failure> {
    let mut derived = Vec::new();
    for line in trail.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Derived(told)) => derived.push(*told),
            Ok(Line::Head(_) | Line::Observed(_)) => {}
            Err(why) => return Err(Failure::failed(format!("a line of the trail: {why}"))),
        }
    }
    Ok(derived)
}
