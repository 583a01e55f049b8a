//! One owner per directory, and fencing across connections.

use super::place::Place;
use std::fs;
use tenure_store::StoreError;
use tenure_store::suite::history::{entry, log_of, own};
use tenure_store_sqlite::SqliteStore;

fn refusal(place: &Place) -> String {
    match SqliteStore::open(place.path()) {
        Err(StoreError::Owned(owner)) => owner,
        Err(other) => panic!("expected that the store is owned, found {other}"),
        Ok(_) => panic!("a directory has two owners"),
    }
}

#[test]
fn a_directory_has_one_owner_until_the_last_part_is_dropped() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    assert_eq!(refusal(&place), "another process");
    let payload = opened.store().payload;
    drop(opened);
    refusal(&place);
    drop(payload);
    SqliteStore::open(place.path()).unwrap();
}

#[test]
fn a_refusal_names_the_owner_and_keeps_its_token() {
    let place = Place::new();
    let _opened = SqliteStore::open(place.path()).unwrap();
    let told = |json: &str| {
        fs::write(place.path().join("owner.json"), json).unwrap();
        refusal(&place)
    };
    let whole = r#"{"pid": 12, "endpoint": "http://127.0.0.1:7070", "token": "secret"}"#;
    assert_eq!(told(whole), "process 12 at http://127.0.0.1:7070");
    assert_eq!(told(r#"{"pid": 12}"#), "process 12");
    assert_eq!(told("{ torn"), "another process");
}

/// The writer remembers the shards; it must notice when another connection takes one.
#[test]
fn log_4_a_shard_taken_through_another_connection_fences() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    let store = opened.store();
    let fence = own(&store);
    store.log.append(&fence[..2], &[entry(1, 1)]).unwrap();
    let other = rusqlite::Connection::open(place.path().join("log-000001.db")).unwrap();
    let sql = "UPDATE shard SET owner = 'other', epoch = epoch + 1 WHERE shard = ?1";
    other.execute(sql, [fence[1].shard]).unwrap();
    let refused = store.log.append(&fence[..2], &[entry(1, 2)]);
    assert_eq!(refused, Err(StoreError::Fenced(fence[1])));
    assert_eq!(log_of(&store).len(), 1);
    store.log.append(&fence[..1], &[entry(1, 2)]).unwrap();
}

#[test]
fn a_log_of_a_newer_version_is_left_alone() {
    let place = Place::new();
    drop(SqliteStore::open(place.path()).unwrap());
    let log = rusqlite::Connection::open(place.path().join("log-000001.db")).unwrap();
    log.execute("UPDATE meta SET value = 2 WHERE name = 'format'", []).unwrap();
    drop(log);
    let refused = SqliteStore::open(place.path()).err();
    assert_eq!(refused, Some(StoreError::TooNew { found: 2, known: 1 }));
}
