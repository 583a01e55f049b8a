//! Watching a session: its entries from any place on, and waiting for more.

use super::Engine;
use crate::lock;
use std::time::Duration;
use tenure_contract::resource::{Caller, Run};
use tenure_contract::words::RunStatus;
use tenure_contract::{Code, Digest, Entry, Error, RunId, SessionId, StoreId};

/// One durable entry with everything an export or a stream shows of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// What it says.
    pub entry: Entry,
    /// Its bytes, as stored and hashed.
    pub bytes: Vec<u8>,
    /// The chain's hash after it.
    pub hash: Digest,
    /// Salt and content of its body, while it is there.
    pub sealed: Option<Vec<u8>>,
}

impl Engine {
    /// The store's id.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.node.store.log.store_id()
    }

    /// Durable entries of a session from `from` on, at most `limit`.
    ///
    /// # Errors
    /// `not-found`.
    pub fn entries(
        &self,
        caller: &Caller,
        session: SessionId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Told>, Error> {
        let resident = self.session_of(caller, session)?;
        let found = self.node.read(&resident, from.max(1), limit)?;
        // it may have been handed over as it was read, and what came after is not theirs (`HND-1`)
        self.session_of(caller, session)?;
        found
            .into_iter()
            .map(|found| {
                let sealed = self.node.sealed_body(&found)?;
                Ok(Told {
                    entry: found.entry,
                    bytes: found.stored.bytes,
                    hash: found.stored.hash,
                    sealed,
                })
            })
            .collect()
    }

    /// Resolves once the session's journal has a durable entry `seq`. Dropping it stops nothing.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn reach(&self, caller: &Caller, session: SessionId, seq: u64) -> Result<(), Error> {
        loop {
            let resident = self.session_of(caller, session)?;
            if resident.durable.reach(seq).await.is_ok() {
                return Ok(());
            }
            // the resident is void: what it had promised is read again
            tokio::time::sleep(super::VOID_LOOK_AGAIN).await;
        }
    }

    /// Waits until a run of a known session has ended, durably.
    ///
    /// # Errors
    /// `not-found`, or `limit-reached` after `limit`.
    pub async fn ended(
        &self,
        caller: &Caller,
        session: SessionId,
        id: RunId,
        limit: Duration,
    ) -> Result<RunStatus, Error> {
        let waiting = async {
            loop {
                let resident = self.session_of(caller, session)?;
                let (status, seq) = {
                    let cell = lock(&resident.cell);
                    let run = cell.session().and_then(|state| state.runs.get(&id));
                    (
                        run.map(|run| run.status).ok_or_else(|| Error::not_found("run", id))?,
                        cell.chain.seq,
                    )
                };
                let wanted = if status.is_final() { seq } else { seq + 1 };
                match self.node.durable(&resident, wanted).await {
                    Ok(()) if status.is_final() => return Ok(status),
                    Ok(()) => {}
                    // the resident is void: its end, too, is read again
                    Err(_) => tokio::time::sleep(super::VOID_LOOK_AGAIN).await,
                }
            }
        };
        match tokio::time::timeout(limit, waiting).await {
            Ok(ended) => ended,
            Err(_) => Err(Error::new(
                Code::LimitReached,
                format!("run `{id}` has not ended within {} ms", limit.as_millis()),
            )),
        }
    }

    /// Waits until a run has ended or needs a person, at most `limit`; returns it as it is then.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn wait(&self, caller: &Caller, id: RunId, limit: Duration) -> Result<Run, Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let session = {
            let resident = self.session_of_run(caller, id).await?;
            let cell = lock(&resident.cell);
            cell.session().map(|state| state.id).ok_or_else(|| Error::not_found("run", id))?
        };
        loop {
            let seq = self.session_of(caller, session)?.durable.seq();
            let run = self.run(caller, id).await?;
            let rests = run.status.is_final()
                || matches!(run.status, RunStatus::Paused | RunStatus::WaitingApproval);
            if rests || tokio::time::Instant::now() >= deadline {
                return Ok(run);
            }
            let _ = tokio::time::timeout_at(deadline, self.reach(caller, session, seq + 1)).await;
        }
    }
}
