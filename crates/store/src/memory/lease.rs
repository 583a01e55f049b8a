//! The 256 shards: who holds each, at which epoch, until when by the store's own clock.

use crate::seam::{ShardEpoch, StoreError};

#[derive(Clone, Default)]
struct Shard {
    owner: Option<String>,
    epoch: u64,
    expires_at_ms: u64,
}

#[derive(Clone)]
pub(super) struct Shards {
    shards: Vec<Shard>,
    now_ms: u64,
}

impl Default for Shards {
    fn default() -> Self {
        Self { shards: vec![Shard::default(); 256], now_ms: 0 }
    }
}

impl Shards {
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
        let now_ms = self.now_ms;
        self.select(|shard| {
            let other = shard.owner.as_deref().is_some_and(|owner| owner != node);
            if other && shard.expires_at_ms > now_ms {
                return false;
            }
            let expires_at_ms = now_ms.saturating_add(ttl_ms);
            *shard = Shard { owner: Some(node.to_owned()), epoch: shard.epoch + 1, expires_at_ms };
            true
        })
    }

    pub(super) fn renew(&mut self, node: &str, ttl_ms: u64) -> Vec<ShardEpoch> {
        let expires_at_ms = self.now_ms.saturating_add(ttl_ms);
        self.select(|shard| {
            let held = shard.owner.as_deref() == Some(node);
            if held {
                shard.expires_at_ms = expires_at_ms;
            }
            held
        })
    }

    pub(super) fn release(&mut self, node: &str) {
        self.shards
            .iter_mut()
            .filter(|shard| shard.owner.as_deref() == Some(node))
            .for_each(|shard| shard.owner = None);
    }

    pub(super) fn free_all(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.owner = None);
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.now_ms = self.now_ms.saturating_add(ms);
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
