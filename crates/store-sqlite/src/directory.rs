//! The data directory: its names, and who owns it. Nothing here knows what a file holds.

use crate::failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure_store::StoreError;

/// A directory locked by this process until this value is dropped.
pub(crate) struct Directory {
    path: PathBuf,
    // Held, not read: the lock ends with the file.
    _lock: File,
}

/// How long a lock that was just given up may still be seen: a process forked at that moment holds
/// a copy of it until it begins its own program.
const LINGERS: Duration = Duration::from_millis(250);
/// How often it is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(10);

fn take(lock: &File) -> Result<(), TryLockError> {
    let given_up = Instant::now() + LINGERS;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < given_up => {
                std::thread::sleep(TRY_EVERY);
            }
            tried => return tried,
        }
    }
}

impl Directory {
    pub(crate) fn own(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| failure::files("own the data directory", &error);
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed)?;
        match take(&lock) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Owned(owner(path))),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log-000001.db")
    }
    pub(crate) fn lists(&self) -> PathBuf {
        self.path.join("lists.db")
    }
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    pub(crate) fn database_bytes(&self) -> u64 {
        let [log, lists] = [self.log(), self.lists()];
        [&log, &wal(&log), &lists, &wal(&lists)].into_iter().map(|file| bytes_of(file)).sum()
    }
}

/// A database's write-ahead file.
pub(crate) fn wal(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The path with its last name lengthened.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The file's size; 0 when it is not there.
pub(crate) fn bytes_of(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |found| found.len())
}

/// Makes the names in a directory durable.
pub(crate) fn flush_names(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Who wrote `owner.json`. Its token stays where it is: this text ends up in messages.
fn owner(directory: &Path) -> String {
    let told = fs::read(directory.join("owner.json")).unwrap_or_default();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap_or_default();
    let endpoint = told.get("endpoint").and_then(serde_json::Value::as_str);
    let pid = told.get("pid").and_then(serde_json::Value::as_u64);
    match (pid, endpoint) {
        (Some(pid), Some(endpoint)) => format!("process {pid} at {endpoint}"),
        (Some(pid), None) => format!("process {pid}"),
        (None, Some(endpoint)) => format!("the process at {endpoint}"),
        (None, None) => "another process".to_owned(),
    }
}
