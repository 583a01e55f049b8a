//! One owner per directory, and fencing across connections.

use super::place::Place;
use std::fs;
use tenure_store::StoreError;
use tenure_store::suite::history::{entry, own};
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

/// Names the log another process is to write to; set for the child of the test below only.
const FOREIGN_LOG: &str = "TENURE_TEST_FOREIGN_LOG";
/// How the child says that the database refused it.
const REFUSED: i32 = 17;

/// The writer remembers shards and rows instead of reading them before every commit: nobody else may
/// write, not even a program that never heard of the directory's lock.
#[test]
fn log_4_no_other_process_writes_the_log_of_a_live_owner() {
    if let Some(log) = std::env::var_os(FOREIGN_LOG) {
        std::process::exit(if write_shard(log.as_ref()).is_err() { REFUSED } else { 0 });
    }
    let place = Place::new();
    let log = place.path().join("log-000001.db");
    let foreign = || {
        let name = "owned::log_4_no_other_process_writes_the_log_of_a_live_owner";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([name, "--exact"]).env(FOREIGN_LOG, &log).status().unwrap().code()
    };
    let opened = SqliteStore::open(place.path()).unwrap();
    let fence = own(&opened.store());
    assert_eq!(foreign(), Some(REFUSED));
    opened.store().log.append(&fence[..1], &[entry(1, 1)]).unwrap();
    drop(opened);
    assert_eq!(foreign(), Some(0));
}

fn write_shard(log: &std::path::Path) -> rusqlite::Result<usize> {
    let connection = rusqlite::Connection::open(log)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.execute("UPDATE shard SET owner = 'other'", [])
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
