//! The documents the demo works through: shipped ones, or a person's own folder.

use crate::cli::Failure;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../examples/demo/", $name)))),+]
    };
}

/// What is shipped: six orders, one of them sent twice, one cut off in the middle; four refunds,
/// one of them above the limit.
const SHIPPED: &[(&str, &str)] = shipped![
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
];

/// As many calls as one turn of an agent may have.
const DOCUMENTS_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

/// Documents by the path they are given to the agent under.
pub(super) struct Documents(Vec<(PathBuf, String)>);

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
        Self(SHIPPED.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect())
    }

    /// A person's own.
    pub fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let mut found = Vec::new();
        collect(folder, folder, &mut found).map_err(|error| {
            Failure::usage(format!("`--input {}` cannot be read: {error}", folder.display()))
        })?;
        found.sort();
        if found.is_empty() || found.len() > DOCUMENTS_MAX {
            let told = format!(
                "`--input {}` holds {} JSON documents; expected 1 to {DOCUMENTS_MAX}",
                folder.display(),
                found.len()
            );
            return Err(Failure::usage(told));
        }
        let documents = Self(found);
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
        self.0.len()
    }

    /// Writes them for a round of the demo; later rounds have other references.
    pub fn write(&self, workspace: &Path, round: u64) -> std::io::Result<()> {
        for (path, text) in &self.0 {
            let to = workspace.join(path);
            fs::create_dir_all(to.parent().unwrap_or(workspace))?;
            fs::write(to, in_round(text, round))?;
        }
        Ok(())
    }

    /// What is to be paid in a round.
    pub fn wanted(&self, round: u64) -> Wanted {
        let mut wanted = Wanted::default();
        for (_, text) in &self.0 {
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

fn collect(root: &Path, folder: &Path, found: &mut Vec<(PathBuf, String)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, found)?;
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
            found.push((name, fs::read_to_string(&path)?));
        }
        if found.len() > DOCUMENTS_MAX {
            break;
        }
    }
    Ok(())
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
