//! What a server shows of a session while it lives, over all kills.

use crate::cli::Failure;
use crate::client::Happening;
use crate::stage::{Acks, Server};
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::SessionId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long the start of a run may take.
const BEGUN_MAX: Duration = Duration::from_secs(120);

/// A session that is followed until the value is dropped.
pub(super) struct Seen {
    pub acks: Acks,
    /// How many runs it has shown to have started.
    begun: watch::Receiver<u64>,
    following: JoinHandle<()>,
}

impl Seen {
    /// Follows a session from its beginning, and tells every entry.
    pub fn follow(
        server: &Arc<Server>,
        session: SessionId,
        mut tell: impl FnMut(&Happening) + Send + 'static,
    ) -> Self {
        let acks = Acks::default();
        let (count, begun) = watch::channel(0);
        let following = acks.follow(server, session, move |told: &Happening| {
            if told.kind == "run.started" {
                count.send_modify(|begun| *begun += 1);
            }
            tell(told);
        });
        Self { acks, begun, following }
    }

    /// How many runs have been shown to have started.
    pub fn begun(&self) -> u64 {
        *self.begun.borrow()
    }

    /// Waits until more than so many have.
    pub async fn begun_after(&self, before: u64) -> Result<(), Failure> {
        let mut begun = self.begun.clone();
        let more = begun.wait_for(|begun| *begun > before);
        match tokio::time::timeout(BEGUN_MAX, more).await.map(|told| told.is_ok()) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Failure::failed("the server shows no run that started")),
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.following.abort();
    }
}
