//! Damage that only files can have.

use super::place::{Place, replace};
use std::fs;
use tenure_contract::Digest;
use tenure_core::position::AnchorVerdict;
use tenure_store::StoreError;
use tenure_store::suite::history::{
    History, catch_up, check_against_log, log_of, own, tenant, told, verdict,
};
use tenure_store_sqlite::SqliteStore;

fn filled(place: &Place, seed: u64, batches: u64) -> SqliteStore {
    let opened = SqliteStore::open(place.path()).unwrap();
    let store = opened.store();
    let (fence, mut history) = (own(&store), History::seeded(seed));
    for _ in 0..batches {
        store.log.append(&fence, &history.batch(30)).unwrap();
    }
    catch_up(&store, 1_000);
    opened
}

fn assert_corrupt(place: &Place) {
    let refused = SqliteStore::open(place.path()).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
}

#[test]
fn a_damaged_log_is_told_and_left_as_it_is() {
    let place = Place::new();
    drop(filled(&place, 1, 40));
    let log = place.path().join("log-000001.db");
    let whole = fs::read(&log).unwrap();
    fs::remove_file(place.path().join("log-000001.db-wal")).unwrap();
    for damaged in [vec![0xa5; whole.len()], whole[..whole.len() / 2].to_vec()] {
        fs::write(&log, &damaged).unwrap();
        assert_corrupt(&place);
        assert!(fs::read(&log).unwrap() == damaged, "a damaged log was changed");
    }
    fs::write(&log, whole).unwrap();
    check_against_log(&SqliteStore::open(place.path()).unwrap().store());
}

#[test]
fn somebody_elses_database_is_not_taken_for_a_log() {
    let place = Place::new();
    let other = rusqlite::Connection::open(place.path().join("log-000001.db")).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(other);
    assert_corrupt(&place);
}

#[test]
fn a_projection_made_from_other_declarations_is_made_again() {
    let place = Place::new();
    let before = told(&filled(&place, 2, 10).store());
    let lists = rusqlite::Connection::open(place.path().join("lists.db")).unwrap();
    lists.execute_batch("ALTER TABLE run ADD COLUMN gone").unwrap();
    lists.execute("UPDATE made_from SET declarations = zeroblob(32)", []).unwrap();
    drop(lists);
    let store = SqliteStore::open(place.path()).unwrap().store();
    assert_eq!(store.projection.anchor(), Ok(None));
    catch_up(&store, 100);
    assert_eq!(told(&store), before);
}

#[test]
fn a_projection_of_another_store_is_foreign() {
    let (one, other) = (Place::new(), Place::new());
    let before = told(&filled(&one, 3, 10).store());
    drop(filled(&other, 4, 20));
    replace("lists.db", other.path(), one.path());
    let store = SqliteStore::open(one.path()).unwrap().store();
    assert_eq!(verdict(&store), AnchorVerdict::Foreign);
    catch_up(&store, 100);
    assert_eq!(told(&store), before);
}

/// Damage that shows up only later is told as damage, and a reset gets rid of it on the spot.
#[test]
fn a_projection_damaged_while_open_can_be_reset() {
    let place = Place::new();
    let opened = filled(&place, 5, 40);
    let store = opened.store();
    let before = told(&store);
    let lists = rusqlite::Connection::open(place.path().join("lists.db")).unwrap();
    lists.execute_batch("UPDATE idx SET positions = x'80'; DELETE FROM anchor").unwrap();
    drop(lists);
    let journal = log_of(&store)[0].journal;
    let located = store.projection.locate(journal, 1, 10);
    assert!(matches!(located, Err(StoreError::Corrupt(_))), "{located:?}");
    catch_up(&store, 100);
    assert_eq!(told(&store), before);
}

/// A process that ended before the rename left nothing under the final name.
#[test]
fn stp_4_an_unfinished_blob_is_no_blob() {
    let place = Place::new();
    let unfinished = place.path().join("blobs").join("unfinished");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("0"), b"half").unwrap();
    let store = SqliteStore::open(place.path()).unwrap().store();
    assert!(!unfinished.exists(), "what nobody will finish is cleared away");
    let digest = Digest::of(&[b"whole"]);
    assert_eq!(store.payload.get(tenant(0), digest), Ok(None));
    store.payload.put(tenant(0), digest, b"whole").unwrap();
    assert_eq!(store.payload.get(tenant(0), digest), Ok(Some(b"whole".to_vec())));
}
