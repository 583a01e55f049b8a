//! How the files beneath a server are set, read back by the process that has them open: nobody else
//! may open a live owner's files to look.

use serde::Serialize;
use std::sync::Arc;
use tenure_contract::Error;
use utoipa::ToSchema;

/// One database of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreFile {
    /// Its name in the data directory.
    pub file: String,
    /// Its journal mode, as `wal`.
    pub journal_mode: String,
    /// What a commit waits for: `off`, `normal`, `full` or `extra`.
    pub synchronous: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of its write-ahead file.
    pub wal_bytes: u64,
}

/// Asks the store; the answer is as fresh as the request.
type Look = dyn Fn() -> Result<Vec<StoreFile>, Error> + Send + Sync;

/// Where a server learns of the files beneath it. Cheap to clone.
#[derive(Clone)]
pub struct StoreFiles(Arc<Look>);

impl StoreFiles {
    /// Files that `look` tells of.
    pub fn told_by(
        look: impl Fn() -> Result<Vec<StoreFile>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(look))
    }

    /// A store without files.
    #[must_use]
    pub fn none() -> Self {
        Self::told_by(|| Ok(Vec::new()))
    }

    pub(super) fn look(&self) -> Result<Vec<StoreFile>, Error> {
        (self.0)()
    }
}
