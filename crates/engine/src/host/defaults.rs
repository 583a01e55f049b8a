//! The defaults of the seams: what the product itself runs on.

use super::{
    Background, ErrorReports, Failure, IdRegistry, MessageSink, SinkError, ThreadMessage, Wants,
};
use futures::future::BoxFuture;
use tenure_contract::{Digest, Error, TenantId};
use tokio::runtime::Handle;

/// Messages stand in their journals and nowhere else.
#[derive(Debug, Clone, Copy, Default)]
pub struct JournalAlone;

impl MessageSink for JournalAlone {
    fn wants(&self) -> Wants {
        Wants::Nothing
    }
    fn keep(&self, _: &[ThreadMessage], _: u64) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Every task begins at once, on the engine's runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnRuntime;

impl Background for OnRuntime {
    fn schedule(&self, runtime: &Handle, task: BoxFuture<'static, ()>) {
        runtime.spawn(task);
    }
}

/// Failures are lines of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToLog;

impl ErrorReports for ToLog {
    fn report(&self, failure: &Failure) {
        let Failure { what, about, error } = failure;
        tracing::error!(%about, %error, "{what}");
    }
}

/// Ids are digests of tenant, kind and key: nothing is kept, and one owner decides about an id from its
/// own journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Derived;

impl IdRegistry for Derived {
    fn id_of(&self, tenant: TenantId, kind: &str, key: &str) -> Result<[u8; 16], Error> {
        let parts =
            [b"tenure-key-v1\0", &tenant.bytes()[..], kind.as_bytes(), b"\0", key.as_bytes()];
        Ok(Digest::of(&parts).first_half())
    }
}
