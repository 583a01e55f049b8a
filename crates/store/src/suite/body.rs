//! Cases of bodies: in an entry's row, in a payload row, in a blob.

use super::history::{Dice, entry, log_of, own, tenant};
use super::{Factory, must};
use crate::seam::{Body, NewEntry, Store};
use tenure_contract::limits::{
    INLINE_BODY_MAX_BYTES, PAYLOAD_ROW_MAX_BYTES, STEP_RESULT_MAX_BYTES,
};
use tenure_contract::{Digest, TenantId};

fn sealed(seed: u64, bytes: usize) -> (Digest, Vec<u8>) {
    let sealed = Dice::seeded(seed).bytes(bytes as u64);
    (Digest::of(&[&sealed]), sealed)
}

fn get(store: &Store, tenant: TenantId, digest: Digest) -> Option<Vec<u8>> {
    must(store.payload.get(tenant, digest), "get a body")
}

/// Up to the inline limit beside the entry, above it in the payload store, byte for byte.
pub fn stp_4_bodies_of_every_size_come_back(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let inline = sealed(1, INLINE_BODY_MAX_BYTES);
    let rows = [sealed(2, INLINE_BODY_MAX_BYTES + 1), sealed(3, PAYLOAD_ROW_MAX_BYTES)];
    let blobs = [sealed(4, PAYLOAD_ROW_MAX_BYTES + 1), sealed(5, STEP_RESULT_MAX_BYTES)];
    let mut batch = vec![NewEntry { body: Body::Inline(inline.1.clone()), ..entry(1, 1) }];
    for (digest, sealed) in &rows {
        batch.push(NewEntry { body: Body::Row(*digest, sealed.clone()), ..entry(1, 2) });
    }
    for (digest, sealed) in &blobs {
        must(store.payload.put(tenant(0), *digest, sealed), "put a body");
        batch.push(NewEntry { body: Body::Blob(*digest), ..entry(1, 3) });
    }
    must(store.log.append(&own(&store), &batch), "append");
    let found = log_of(&store);
    assert!(found[0].inline.as_deref() == Some(&inline.1[..]), "the inline body is another");
    assert!(found[1..].iter().all(|entry| entry.inline.is_none()));
    for (digest, sealed) in rows.iter().chain(&blobs) {
        assert!(get(&store, tenant(0), *digest).as_ref() == Some(sealed), "a body is another");
    }
    assert_eq!(get(&store, tenant(0), inline.0), None, "an inline body is no payload");
}

/// The same digest again is the same body, in one place or in both.
pub fn stp_4_a_body_put_twice_is_one(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let (digest, sealed) = sealed(1, 5_000);
    let batch = [NewEntry { body: Body::Row(digest, sealed.clone()), ..entry(1, 1) }];
    let fence = own(&store);
    for _ in 0..2 {
        must(store.payload.put(tenant(0), digest, &sealed), "put a body");
        must(store.log.append(&fence, &batch), "append");
        assert!(get(&store, tenant(0), digest).as_ref() == Some(&sealed));
    }
}

/// Knowing a digest is not enough: another tenant's body is not there.
pub fn ten_1_a_body_is_found_by_its_owner_only(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let (row, blob) = (sealed(1, 5_000), sealed(2, PAYLOAD_ROW_MAX_BYTES + 1));
    let batch = [NewEntry { body: Body::Row(row.0, row.1), ..entry(1, 1) }];
    must(store.log.append(&own(&store), &batch), "append");
    must(store.payload.put(tenant(0), blob.0, &blob.1), "put a body");
    for digest in [row.0, blob.0] {
        assert!(get(&store, tenant(0), digest).is_some());
        assert_eq!(get(&store, tenant(1), digest), None);
    }
}

/// Two tenants with the same bytes have two bodies: one's never stands in for the other's.
pub fn ten_1_equal_bodies_of_two_tenants_are_two(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let (digest, sealed) = sealed(1, 5_000);
    for owner in [tenant(0), tenant(1)] {
        assert_eq!(get(&store, owner, digest), None);
        must(store.payload.put(owner, digest, &sealed), "put a body");
        assert!(get(&store, owner, digest).as_ref() == Some(&sealed));
    }
}
