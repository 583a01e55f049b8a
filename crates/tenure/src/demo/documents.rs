//! The documents the demo works through: shipped ones, or a person's own folder.

use crate::cli::Failure;
use crate::stage::{Files, shipped};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What is shipped: six orders, one of them sent twice, one cut off in the middle; four refunds,
/// one of them above the limit.
const SHIPPED: &[(&str, &str)] = shipped!(
    "demo":
    "orders/ord-1041.json",
    "orders/ord-1042.json",
    "orders/ord-1043.json",
    "orders/ord-1043-resent.json",
    "orders/ord-1044.json",
    "orders/ord-1045.json",
    "orders/ord-1046.json",
    "orders/ord-1047.json",
    "refunds/ref-0311.json",
    "refunds/ref-0312.json",
    "refunds/ref-0313.json",
    "refunds/ref-0314.json",
);

/// As many calls as one turn of an agent may have.
const DOCUMENTS_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

/// Documents by the path they are given to the agent under.
pub(super) struct Documents(Files);

/// What is to be paid, by a person's reading of the documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// References to be charged, once each.
    pub charges: BTreeSet<String>,
    /// References to be refunded, once each.
    pub refunds: BTreeSet<String>,
}

impl Wanted {
    /// These too.
    pub fn add(&mut self, more: Self) {
        self.charges.extend(more.charges);
        self.refunds.extend(more.refunds);
    }
}

impl Documents {
    /// The shipped ones.
    pub fn shipped() -> Self {
        Self(Files::shipped(SHIPPED))
    }

    /// A person's own.
    pub fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let documents = Self(Files::in_folder(folder, "json", DOCUMENTS_MAX)?);
        let wanted = documents.wanted(0);
        if wanted.charges.is_empty() || wanted.refunds.is_empty() {
            let shape = r#"{"kind": "order" or "refund", "reference": "…", "cents": 1250}"#;
            let told = format!(
                "`--input {}` holds no order or no refund that can be paid; expected at least one of each, as {shape}",
                folder.display()
            );
            return Err(Failure::usage(told));
        }
        Ok(documents)
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Writes them for a round of the demo; later rounds have other references.
    pub fn write(&self, workspace: &Path, round: u64) -> std::io::Result<()> {
        self.0.with(|text| in_round(text, round)).write(workspace)
    }

    /// What is to be paid in a round.
    pub fn wanted(&self, round: u64) -> Wanted {
        let mut wanted = Wanted::default();
        for (_, text) in self.0.iter() {
            let Ok(document) = serde_json::from_str::<Value>(&in_round(text, round)) else {
                continue;
            };
            let payable = document["cents"].as_u64().is_some_and(|cents| cents > 0);
            let (Some(reference), true) = (document["reference"].as_str(), payable) else {
                continue;
            };
            match document["kind"].as_str() {
                Some("order") => wanted.charges.insert(reference.to_owned()),
                Some("refund") => wanted.refunds.insert(reference.to_owned()),
                _ => false,
            };
        }
        wanted
    }
}

/// The document as it comes in a round: references are its own.
fn in_round(text: &str, round: u64) -> String {
    if round == 0 {
        return text.to_owned();
    }
    let Ok(mut document) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    if let Some(reference) = document["reference"].as_str() {
        document["reference"] = format!("{reference}/{round}").into();
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_documents_hold_what_the_demo_tells_of() {
        let documents = Documents::shipped();
        let wanted = documents.wanted(0);
        assert_eq!((documents.count(), wanted.charges.len(), wanted.refunds.len()), (12, 6, 4));
        let later = documents.wanted(3);
        assert!(later.charges.contains("ORD-1041/3") && later.charges.is_disjoint(&wanted.charges));
    }

    #[test]
    fn a_folder_without_documents_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.json"), "{}").unwrap();
        let told =
            Documents::in_folder(dir.path()).err().map(|failure| failure.error().message.clone());
        assert!(told.unwrap().contains("no order or no refund"));
    }
}
