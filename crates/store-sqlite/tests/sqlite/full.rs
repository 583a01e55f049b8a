//! A full disk, stood in for by a limit on pages.

use super::place::Place;
use tenure_contract::Digest;
use tenure_core::position::Position;
use tenure_core::projection::Table;
use tenure_store::suite::history::{
    Dice, History, all_rows, catch_up, check_against_log, entry, log_of, own, rows, settle_of, told,
};
use tenure_store::{Body, NewEntry, StoreError};
use tenure_store_sqlite::{Options, SqliteStore};

const RAISED_PAGES: u32 = 1_000_000;

/// A batch that does not fit, nothing of it written, and the same handle goes on once there is
/// room. Several limits, so that the batch runs out of room at one entry or another.
#[test]
fn log_4_a_full_disk_refuses_the_whole_batch() {
    (50..60).for_each(fill_up_to);
}

fn fill_up_to(pages: u32) {
    let place = Place::new();
    let options = Options { max_pages: Some(pages) };
    let opened = SqliteStore::open_with(place.path(), options).unwrap();
    let store = opened.store();
    let fence = own(&store);
    let mut history = History::seeded(1);
    let refused = loop {
        let batch = history.batch(30);
        let before = log_of(&store);
        match store.log.append(&fence, &batch) {
            Ok(_) => assert_eq!(log_of(&store).len(), before.len() + batch.len()),
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                assert!(log_of(&store) == before, "something of a refused batch is there");
                break batch;
            }
        }
    };
    assert_eq!(store.log.append(&fence, &refused), Err(StoreError::Full));
    opened.limit_pages(RAISED_PAGES).unwrap();
    let before = log_of(&store).len();
    store.log.append(&fence, &refused).unwrap();
    assert_eq!(log_of(&store).len(), before + refused.len());
    drop((store, opened));
    let store = SqliteStore::open(place.path()).unwrap().store();
    assert_eq!(log_of(&store).len(), before + refused.len());
}

/// An entry and its payload row come and go together.
#[test]
fn log_4_a_payload_row_without_room_takes_its_batch_along() {
    let place = Place::new();
    let opened = SqliteStore::open_with(place.path(), Options { max_pages: Some(60) }).unwrap();
    let store = opened.store();
    let sealed = Dice::seeded(1).bytes(300_000);
    let digest = Digest::of(&[&sealed]);
    let batch = [entry(1, 1), NewEntry { body: Body::Row(digest, sealed), ..entry(1, 2) }];
    let fence = own(&store);
    assert_eq!(store.log.append(&fence, &batch), Err(StoreError::Full));
    assert_eq!(store.log.end(), Ok((Position::START, Digest::ZERO)));
    assert_eq!(store.payload.get(batch[1].tenant, digest), Ok(None));
    let first = store.log.append(&fence, &batch[..1]).unwrap();
    assert_eq!(first.positions, [Position::new(1, 1)]);
}

/// A step of settling that does not fit is not applied, and can be made again later.
#[test]
fn a_full_disk_refuses_the_whole_step() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    let store = opened.store();
    let (fence, mut history) = (own(&store), History::seeded(2));
    for _ in 0..20 {
        store.log.append(&fence, &history.batch(30)).unwrap();
    }
    catch_up(&store, 1_000);
    let before = told(&store);
    for _ in 0..200 {
        store.log.append(&fence, &history.batch(30)).unwrap();
    }
    let after = store.projection.anchor().unwrap().unwrap().position;
    let step = settle_of(&store, &store.log.scan(after, usize::MAX).unwrap());
    opened.limit_pages(1).unwrap();
    assert_eq!(store.projection.settle(&step), Err(StoreError::Full));
    assert_eq!(told(&store), before);
    opened.limit_pages(RAISED_PAGES).unwrap();
    store.projection.settle(&step).unwrap();
    check_against_log(&store);
    assert!(!rows(&store, &all_rows(Table::Run)).is_empty());
}
