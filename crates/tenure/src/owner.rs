//! `owner.json`: where the owner of a data directory answers, and the token for it.
//!
//! The file is a note, not a lock: a process that died leaves it behind, so whoever reads it asks
//! the address before believing it.

use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tenure_contract::Time;

/// What stands in the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Owner {
    /// Where it answers, such as `http://127.0.0.1:4137`.
    pub endpoint: String,
    /// The bearer token that stands for everything.
    pub token: String,
    /// Its process.
    pub pid: u32,
    /// Since when.
    pub started_at: Time,
}

impl Owner {
    /// The note of a directory, if there is one that can be read.
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(place(dir)).ok()?).ok()
    }

    /// Writes the note, whole or not at all.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let beside = dir.join("owner.json.new");
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.write_all(b"\n")?;
        fs::rename(&beside, place(dir))
    }

    /// Takes away the note of a process that died; the caller holds the directory.
    pub fn remove_stale(dir: &Path) {
        let _ = fs::remove_file(place(dir));
    }

    /// Takes the note away, if it is still this one.
    pub fn withdraw(&self, dir: &Path) {
        if Self::read(dir).as_ref() == Some(self) {
            let _ = fs::remove_file(place(dir));
        }
    }
}

fn place(dir: &Path) -> PathBuf {
    dir.join("owner.json")
}

/// A token nobody can guess.
pub(crate) fn token() -> String {
    let mut bytes = [0; 24];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    format!("own_{}", tenure_contract::digest::hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn note(pid: u32) -> Owner {
        let endpoint = "http://127.0.0.1:1".to_owned();
        Owner { endpoint, token: token(), pid, started_at: Time::from_micros(1) }
    }

    #[test]
    fn the_note_is_for_its_owner_only_and_withdrawn_only_by_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (note(1), note(2));
        first.write(dir.path()).unwrap();
        let mode = fs::metadata(place(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        second.write(dir.path()).unwrap();
        first.withdraw(dir.path());
        assert_eq!(Owner::read(dir.path()), Some(second.clone()));
        second.withdraw(dir.path());
        assert_eq!(Owner::read(dir.path()), None);
    }
}
