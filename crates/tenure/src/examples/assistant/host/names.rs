//! Which session an outside name stands for: a table of the second host's own, on disk before it answers.

use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tenure_contract::digest::{hex, unhex};
use tenure_contract::{Code, Error, TenantId};
use tenure_engine::host::IdRegistry;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::examples) struct Named {
    tenant: TenantId,
    pub kind: String,
    pub key: String,
    id: String,
}

impl Named {
    /// The id it stands for.
    pub fn id(&self) -> Option<[u8; 16]> {
        unhex(&self.id)?.try_into().ok()
    }
}

/// The registry.
pub(super) struct Names(Mutex<PathBuf>);

impl Names {
    pub const fn at(file: PathBuf) -> Self {
        Self(Mutex::new(file))
    }
}

impl IdRegistry for Names {
    fn id_of(&self, tenant: TenantId, kind: &str, key: &str) -> Result<[u8; 16], Error> {
        // one at a time: two must not name the same key twice
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = named(&file);
        let known =
            rows.iter().find(|row| row.tenant == tenant && row.kind == kind && row.key == key);
        if let Some(id) = known.and_then(Named::id) {
            return Ok(id);
        }
        let id: [u8; 16] = rand::random();
        let row = Named { tenant, kind: kind.to_owned(), key: key.to_owned(), id: hex(&id) };
        append(&file, &row).map(|()| id).map_err(|why| {
            Error::new(Code::StoreUnavailable, format!("`{}`: {why}", file.display()))
        })
    }
}

fn append(file: &Path, row: &Named) -> std::io::Result<()> {
    // what a dead process began stands on a line of its own
    let is_torn = fs::read(file).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'));
    let begin = if is_torn { "\n" } else { "" };
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{begin}{}\n", serde_json::to_string(row)?).as_bytes())?;
    file.sync_data()
}

/// The rows of a table.
pub(in crate::examples) fn named(file: &Path) -> Vec<Named> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_10_a_name_stands_for_one_id_and_another_name_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ids.jsonl");
        let [ours, theirs] = [[1; 16], [2; 16]].map(TenantId::from_bytes);
        let id = |tenant, key| Names::at(file.clone()).id_of(tenant, "session", key).unwrap();
        let first = id(ours, "chat");
        assert_eq!(id(ours, "chat"), first);
        assert_ne!(id(ours, "code"), first);
        let mut torn = fs::read(&file).unwrap();
        torn.extend(b"{\"ten");
        fs::write(&file, torn).unwrap();
        assert_ne!(id(theirs, "chat"), first);
        assert_eq!((id(ours, "chat"), named(&file).len()), (first, 3));
        let nowhere = Names::at(folder.path().join("no/ids.jsonl"));
        assert!(nowhere.id_of(ours, "session", "x").unwrap_err().message.contains("ids.jsonl"));
    }
}
