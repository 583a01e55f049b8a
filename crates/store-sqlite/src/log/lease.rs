//! The 256 shards as this connection knows them, and the table they stand in.
//!
//! All of them are kept in memory: a fence is then two comparisons, not a query per batch.

use crate::failure::writing;
use rusqlite::{Connection, params};
use std::time::{SystemTime, UNIX_EPOCH};
use tenure_store::{ShardEpoch, StoreError};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shard {
    owner: Option<String>,
    epoch: u64,
    expires_at_ms: u64,
}

pub(super) struct Shards {
    shards: Vec<Shard>,
    stored: Vec<Shard>,
}

impl Shards {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT owner, epoch, expires_at FROM shard ORDER BY shard";
        let mut statement = connection.prepare_cached(sql).map_err(writing)?;
        let rows = statement.query_map([], |row| {
            Ok(Shard { owner: row.get(0)?, epoch: row.get(1)?, expires_at_ms: row.get(2)? })
        });
        let stored: Vec<Shard> =
            rows.and_then(|rows| rows.collect::<Result<_, _>>()).map_err(writing)?;
        if stored.len() != 256 {
            return Err(StoreError::Corrupt(format!("`{}` shards, expected 256", stored.len())));
        }
        Ok(Self { shards: stored.clone(), stored })
    }

    /// Writes what changed since it was read.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let sql = "UPDATE shard SET owner = ?2, epoch = ?3, expires_at = ?4 WHERE shard = ?1";
        let mut statement = connection.prepare_cached(sql).map_err(writing)?;
        for (number, (now, stored)) in self.shards.iter().zip(&mut self.stored).enumerate() {
            if now != stored {
                let values = params![number, now.owner, now.epoch, now.expires_at_ms];
                statement.execute(values).map_err(writing)?;
                stored.clone_from(now);
            }
        }
        Ok(())
    }

    /// An expired shard nobody took is still its owner's: only another owner fences.
    pub(super) fn check(&self, fence: &[ShardEpoch]) -> Result<(), StoreError> {
        let held = |claim: &ShardEpoch| {
            let shard = &self.shards[usize::from(claim.shard)];
            shard.owner.is_some() && shard.epoch == claim.epoch
        };
        match fence.iter().find(|claim| !held(claim)) {
            Some(stale) => Err(StoreError::Fenced(*stale)),
            None => Ok(()),
        }
    }

    pub(super) fn acquire(&mut self, node: &str, ttl_ms: u64) -> Vec<ShardEpoch> {
        let now_ms = now_ms();
        let expires_at_ms = now_ms.saturating_add(ttl_ms).min(FOR_EVER_MS);
        self.select(|shard| {
            let other = shard.owner.as_deref().is_some_and(|owner| owner != node);
            if other && shard.expires_at_ms > now_ms {
                return false;
            }
            *shard = Shard { owner: Some(node.to_owned()), epoch: shard.epoch + 1, expires_at_ms };
            true
        })
    }

    pub(super) fn renew(&mut self, node: &str, ttl_ms: u64) -> Vec<ShardEpoch> {
        let expires_at_ms = now_ms().saturating_add(ttl_ms).min(FOR_EVER_MS);
        self.select(|shard| {
            let held = shard.owner.as_deref() == Some(node);
            if held {
                shard.expires_at_ms = expires_at_ms;
            }
            held
        })
    }

    pub(super) fn release(&mut self, node: &str) -> Vec<ShardEpoch> {
        self.select(|shard| {
            let held = shard.owner.as_deref() == Some(node);
            if held {
                shard.owner = None;
            }
            held
        })
    }

    pub(super) fn free_all(&mut self) -> Vec<ShardEpoch> {
        self.select(|shard| shard.owner.take().is_some())
    }

    /// Lets `touch` change every shard and returns those it says yes to.
    fn select(&mut self, mut touch: impl FnMut(&mut Shard) -> bool) -> Vec<ShardEpoch> {
        let mut touched = Vec::new();
        for (number, shard) in (0u8..=255).zip(&mut self.shards) {
            if touch(shard) {
                touched.push(ShardEpoch { shard: number, epoch: shard.epoch });
            }
        }
        touched
    }
}

/// As late as a column can say.
const FOR_EVER_MS: u64 = i64::MAX as u64;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(FOR_EVER_MS)
}
