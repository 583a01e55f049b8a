//! What a server showed as durable: none of it may be missing or another one afterwards.

use super::Server;
use super::server::ASK_AGAIN;
use crate::client::{Happening, Sent};
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tenure_contract::SessionId;
use tokio::task::JoinHandle;

/// Entries of a session by place and hash. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acks(Arc<Mutex<BTreeMap<u64, String>>>);

impl Acks {
    /// Reads a session's event stream over all kills: notes what is shown, and tells it.
    pub fn follow(
        &self,
        server: &Arc<Server>,
        session: SessionId,
        mut tell: impl FnMut(&Happening) + Send + 'static,
    ) -> JoinHandle<()> {
        let (acks, server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            let mut clients = server.clients();
            let mut last = 0;
            loop {
                let client = clients.borrow_and_update().clone();
                if let Ok(events) = client.events(session, last).await {
                    tokio::pin!(events);
                    while let Some(Ok(sent)) = events.next().await {
                        let Sent::Entry(told) = sent else { continue };
                        last = told.seq;
                        acks.note(&told);
                        tell(&told);
                    }
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        })
    }

    fn note(&self, told: &Happening) {
        let mut acks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        acks.insert(told.seq, told.hash.clone());
    }

    /// How many were shown.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Those of them that are not among these entries, or are others there.
    pub fn lost_in(&self, entries: &[Happening]) -> u64 {
        let hashes: BTreeMap<u64, &str> =
            entries.iter().map(|entry| (entry.seq, entry.hash.as_str())).collect();
        let acks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = |(seq, hash): &(&u64, &String)| hashes.get(seq) != Some(&hash.as_str());
        acks.iter().filter(lost).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(seq: u64, hash: &str) -> Happening {
        let line = json!({ "seq": seq, "at": "2026-11-21T08:00:00Z", "kind": "k", "hash": hash });
        Happening::read(&line).unwrap()
    }

    #[test]
    fn what_is_missing_or_another_entry_is_lost() {
        let acks = Acks::default();
        for (seq, hash) in [(1, "a"), (2, "b"), (3, "c")] {
            acks.note(&entry(seq, hash));
        }
        assert_eq!((acks.count(), acks.lost_in(&[entry(1, "a"), entry(2, "x")])), (3, 2));
    }
}
