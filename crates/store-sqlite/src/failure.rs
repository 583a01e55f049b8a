//! From a database's or a file system's error to the seam's. One place, so that an error means the
//! same wherever it comes up.

use rusqlite::{ErrorCode, ffi};
use std::io::{Error, ErrorKind};
use tenure_store::StoreError;

/// A write that was to be flushed: an I/O error leaves what is on disk unknown, unless it is the
/// refusal of more room.
pub(crate) fn writing(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) if is_refused_room(&error) => StoreError::Full,
        Some(ErrorCode::SystemIoFailure) => StoreError::Flush(error.to_string()),
        _ => reading(error),
    }
}

/// A read, or a write that may be lost: an I/O error is an error of this call only.
pub(crate) fn reading(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::SystemIoFailure) if is_refused_room(&error) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => match error {
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..) => {
                StoreError::Corrupt(error.to_string())
            }
            _ => StoreError::Other(error.to_string()),
        },
    }
}

/// Whether the system refused a write for want of room: a full disk, a used up quota, a limit on
/// the size of files. Of these SQLite calls only the first one full. It does not hand on what the
/// system said, so that is read from the calling thread, where the refused write has just put it;
/// no later success takes it away, and in write-ahead mode nothing is written to roll back.
fn is_refused_room(error: &rusqlite::Error) -> bool {
    let is_write = error
        .sqlite_error()
        .is_some_and(|failure| failure.extended_code == ffi::SQLITE_IOERR_WRITE);
    is_write && is_no_room(Error::last_os_error().kind())
}

const fn is_no_room(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// An operation on plain files that is not a flush.
pub(crate) fn files(doing: &str, error: &Error) -> StoreError {
    match error.kind() {
        kind if is_no_room(kind) => StoreError::Full,
        _ => StoreError::Other(format!("could not {doing}: {error}")),
    }
}

/// A flush of a plain file or of a directory's names. A flush that found no space is no exception:
/// what of the file is on disk is unknown then, too.
pub(crate) fn flush(doing: &str, error: &Error) -> StoreError {
    StoreError::Flush(format!("could not {doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn log_4_a_failed_flush_is_never_taken_for_a_refusal() {
        let failed = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR];
        for code in failed {
            assert!(matches!(writing(sqlite(code)), StoreError::Flush(_)), "{code}");
            assert!(matches!(reading(sqlite(code)), StoreError::Other(_)), "{code}");
        }
        assert!(matches!(flush("flush", &ErrorKind::StorageFull.into()), StoreError::Flush(_)));
    }

    #[test]
    fn a_full_disk_and_a_damaged_file_are_told_apart() {
        for told in [writing, reading] {
            assert_eq!(told(sqlite(ffi::SQLITE_FULL)), StoreError::Full);
            assert!(matches!(told(sqlite(ffi::SQLITE_CORRUPT)), StoreError::Corrupt(_)));
            assert!(matches!(told(sqlite(ffi::SQLITE_NOTADB)), StoreError::Corrupt(_)));
            assert!(matches!(told(sqlite(ffi::SQLITE_BUSY)), StoreError::Other(_)));
        }
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
            assert_eq!(files("write", &kind.into()), StoreError::Full);
        }
    }
}
