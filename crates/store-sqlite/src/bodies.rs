//! Bodies that do not stand in an entry's row: payload rows of the log, and one file per large one.
//!
//! A blob is written aside, flushed, renamed and its names flushed, so a file under its final name
//! is whole. Both places are keyed by tenant first.

use crate::directory::{Directory, flush_names};
use crate::failure;
use crate::log::LogFile;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tenure_contract::digest::hex;
use tenure_contract::{Digest, TenantId};
use tenure_store::{Payload, StoreError};

pub(crate) struct Bodies {
    directory: Arc<Directory>,
    log: Arc<LogFile>,
    written: AtomicU64,
}

impl Bodies {
    /// What an ended process was still writing is of no use to anyone.
    pub(crate) fn open(directory: Arc<Directory>, log: Arc<LogFile>) -> Result<Self, StoreError> {
        let unfinished = directory.blobs().join("unfinished");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failure::files("clear unfinished blobs", &error));
            }
            _ => {}
        }
        Ok(Self { directory, log, written: AtomicU64::new(0) })
    }

    fn place(&self, tenant: TenantId, digest: Digest) -> PathBuf {
        let name = hex(digest.bytes());
        self.directory.blobs().join(hex(&tenant.bytes())).join(&name[..2]).join(name)
    }

    fn write_aside(&self, sealed: &[u8]) -> Result<PathBuf, StoreError> {
        let turn = self.written.fetch_add(1, Ordering::Relaxed);
        let folder = self.directory.blobs().join("unfinished");
        let aside = folder.join(turn.to_string());
        let write = || {
            fs::create_dir_all(&folder)?;
            let mut file = File::create(&aside)?;
            file.write_all(sealed)?;
            Ok(file)
        };
        let written = write().map_err(|error| failure::files("write a blob", &error));
        let file = written.inspect_err(|_| drop(fs::remove_file(&aside)))?;
        file.sync_all().map_err(|error| failure::flush("flush a blob", &error))?;
        Ok(aside)
    }
}

impl Payload for Bodies {
    fn put(&self, tenant: TenantId, digest: Digest, sealed: &[u8]) -> Result<(), StoreError> {
        let place = self.place(tenant, digest);
        if !place.is_file() {
            let aside = self.write_aside(sealed)?;
            let folder = place.parent().unwrap_or(&place);
            fs::create_dir_all(folder)
                .and_then(|()| fs::rename(&aside, &place))
                .map_err(|error| failure::files("put a blob in place", &error))?;
        }
        // Also for a file already there: whoever put it may have ended before this.
        flush_names_above(self.directory.path(), &place)
    }

    fn get(&self, tenant: TenantId, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(sealed) = self.log.payload(tenant, digest)? {
            return Ok(Some(sealed));
        }
        match fs::read(self.place(tenant, digest)) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure::files("read a blob", &error)),
        }
    }
}

/// Makes the blob's name durable, and the names of the folders above it: any of them may be new, or
/// left unflushed by a process that ended. One that is flushed already costs next to nothing.
fn flush_names_above(root: &Path, place: &Path) -> Result<(), StoreError> {
    let failed = |error| failure::flush("flush a blob's name", &error);
    place
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(root))
        .try_for_each(|folder| flush_names(folder).map_err(failed))
}
