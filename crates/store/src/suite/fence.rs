//! Cases of ownership: who may append, and that nobody else writes a byte.

use super::history::{entry, log_of};
use super::{Factory, must};
use crate::seam::{Body, NewEntry, ShardEpoch, Store, StoreError};
use tenure_contract::Digest;

const LONG_MS: u64 = 3_600_000;

fn acquire(store: &Store, node: &str, ttl_ms: u64) -> Vec<ShardEpoch> {
    must(store.lease.acquire(node, ttl_ms), "acquire")
}

/// A former owner's batch, body and all, leaves no trace.
pub fn log_4_a_stale_epoch_writes_nothing(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let former = acquire(&store, "former", 0);
    let present = acquire(&store, "present", LONG_MS);
    let sealed = vec![1; 10_000];
    let digest = Digest::of(&[&sealed]);
    let batch = [entry(1, 1), NewEntry { body: Body::Row(digest, sealed), ..entry(1, 2) }];
    let refused = store.log.append(&former[..1], &batch);
    assert_eq!(refused, Err(StoreError::Fenced(former[0])));
    assert_eq!(log_of(&store), []);
    assert_eq!(must(store.payload.get(batch[1].tenant, digest), "get a body"), None);
    must(store.log.append(&present[..1], &batch), "append as the owner");
    assert_eq!(log_of(&store).len(), 2);
}

/// A batch over several shards is refused for the one that is stale, and tells which.
pub fn log_4_one_stale_shard_of_many_writes_nothing(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let held = acquire(&store, "node", LONG_MS);
    for wrong in [held[9].epoch - 1, held[9].epoch + 1] {
        let mut fence = held.clone();
        fence[9].epoch = wrong;
        let refused = store.log.append(&fence, &[entry(1, 1)]);
        assert_eq!(refused, Err(StoreError::Fenced(fence[9])));
    }
    assert_eq!(log_of(&store), []);
    must(store.log.append(&held, &[entry(1, 1)]), "append with every shard");
}

/// All 256 at first; then none, until they expire by the store's clock.
pub fn a_shard_is_taken_only_when_free_or_expired(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let all = acquire(&store, "one", LONG_MS);
    assert_eq!(
        all.iter().map(|held| held.shard).collect::<Vec<u8>>(),
        (0..=255).collect::<Vec<_>>()
    );
    assert_eq!(acquire(&store, "other", LONG_MS), []);
    assert_eq!(must(store.lease.renew("other", LONG_MS), "renew"), []);
    assert_eq!(must(store.lease.renew("one", 0), "renew"), all);
    let taken = acquire(&store, "other", LONG_MS);
    assert_eq!(taken.len(), 256);
    assert!(taken.iter().zip(&all).all(|(taken, former)| taken.epoch > former.epoch));
    assert_eq!(must(store.lease.renew("one", LONG_MS), "renew"), []);
}

/// A node that comes back under its name need not wait for its former self, whose epochs are worth
/// nothing from then on.
pub fn a_node_takes_back_what_is_held_under_its_name(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let former = acquire(&store, "node", LONG_MS);
    let present = acquire(&store, "node", LONG_MS);
    assert_eq!(present.len(), 256);
    assert!(present.iter().zip(&former).all(|(now, before)| now.epoch > before.epoch));
    let refused = store.log.append(&former[..1], &[entry(1, 1)]);
    assert_eq!(refused, Err(StoreError::Fenced(former[0])));
    must(store.log.append(&present[..1], &[entry(1, 1)]), "append as the present process");
    assert_eq!(must(store.lease.renew("node", LONG_MS), "renew"), present);
}

/// Expiry by itself fences nobody: only the next owner does.
pub fn an_expired_shard_fences_once_it_is_taken(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let late = acquire(&store, "late", 0);
    must(store.log.append(&late[..1], &[entry(1, 1)]), "append on an expired lease");
    acquire(&store, "next", LONG_MS);
    let refused = store.log.append(&late[..1], &[entry(1, 2)]);
    assert_eq!(refused, Err(StoreError::Fenced(late[0])));
}

/// After a release the epoch is worth nothing, even before anyone takes the shard.
pub fn what_was_released_is_not_held(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let held = acquire(&store, "node", LONG_MS);
    must(store.lease.release("somebody else"), "release nothing");
    must(store.log.append(&held[..1], &[entry(1, 1)]), "append");
    must(store.lease.release("node"), "release");
    assert_eq!(store.log.append(&held[..1], &[entry(1, 2)]), Err(StoreError::Fenced(held[0])));
    assert_eq!(must(store.lease.renew("node", LONG_MS), "renew"), []);
    let again = acquire(&store, "node", LONG_MS);
    assert!(again[0].epoch > held[0].epoch);
}

/// Nobody waits for a dead owner's lease where the place has one owner at a time, and an epoch from
/// before never counts again.
pub fn a_reopened_store_has_free_shards_and_growing_epochs(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut former = acquire(&installation.store(), "node", LONG_MS);
    for crashes in [false, true] {
        if crashes {
            installation.crash_and_reopen()
        } else {
            installation.reopen()
        }
        let store = installation.store();
        let refused = store.log.append(&former[..1], &[entry(1, 1)]);
        assert_eq!(refused, Err(StoreError::Fenced(former[0])));
        let present = acquire(&store, "node", LONG_MS);
        assert_eq!(present.len(), 256);
        assert!(present.iter().zip(&former).all(|(now, before)| now.epoch > before.epoch));
        former = present;
    }
}
