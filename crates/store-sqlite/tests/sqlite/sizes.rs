//! How large the files become: the write-ahead file, and the index.

use super::place::Place;
use std::fs;
use tenure_contract::Digest;
use tenure_contract::limits::WAL_RESTART_BYTES;
use tenure_core::position::{Anchor, Position};
use tenure_store::suite::history::{History, entry, id, log_of, own};
use tenure_store::{Body, IndexRun, NewEntry, Settle};
use tenure_store_sqlite::SqliteStore;

const MIB: u64 = 1024 * 1024;

fn wal_bytes(place: &Place) -> u64 {
    fs::metadata(place.path().join("log-000001.db-wal")).unwrap().len()
}

/// The file is allocated when the store is open, and lone commits never make it longer: growing
/// it would double what each of them costs.
#[test]
fn lone_commits_never_grow_the_write_ahead_file() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    let allocated = wal_bytes(&place);
    assert!(allocated >= 4 * MIB, "{allocated}");
    let store = opened.store();
    let fence = own(&store);
    let body = || Body::Inline(vec![7; 3_000]);
    for seq in 1..=3_000 {
        store.log.append(&fence, &[NewEntry { body: body(), ..entry(1, seq) }]).unwrap();
    }
    assert_eq!(wal_bytes(&place), allocated);
    assert!(opened.wal_bytes_max() <= allocated);
    assert!(opened.flushes() >= 3_000);
    drop((store, opened));
    assert_eq!(wal_bytes(&place), allocated, "an orderly close keeps the file");
    let store = SqliteStore::open(place.path()).unwrap().store();
    assert_eq!(log_of(&store).len(), 3_000);
}

/// Large batches do grow it, up to the limit and one batch.
#[test]
fn the_write_ahead_file_is_begun_anew_at_its_limit() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    let store = opened.store();
    let fence = own(&store);
    let batch: Vec<NewEntry> =
        (1..=1_000).map(|seq| NewEntry { bytes: vec![7; 8_000], ..entry(1, seq) }).collect();
    for _ in 0..12 {
        store.log.append(&fence, &batch).unwrap();
    }
    let most = opened.wal_bytes_max();
    assert!(most < WAL_RESTART_BYTES + 16 * MIB, "{most}");
    assert!(wal_bytes(&place) < WAL_RESTART_BYTES + 16 * MIB);
    assert!(opened.file_bytes() > 90 * MIB);
}

/// A reader that stays keeps the file from being begun anew, but no batch from being committed.
#[test]
fn a_reader_that_stays_stops_no_commit() {
    let place = Place::new();
    let opened = SqliteStore::open(place.path()).unwrap();
    let store = opened.store();
    let (fence, mut history) = (own(&store), History::seeded(1));
    store.log.append(&fence, &history.batch(30)).unwrap();
    let staying = rusqlite::Connection::open(place.path().join("log-000001.db")).unwrap();
    let read = staying.unchecked_transaction().unwrap();
    let count = || read.query_row("SELECT count(*) FROM entry", [], |row| row.get::<_, u64>(0));
    let seen = count().unwrap();
    store.log.append(&fence, &history.batch(30)).unwrap();
    opened.checkpoint().unwrap();
    store.log.append(&fence, &history.batch(30)).unwrap();
    assert_eq!(count().unwrap(), seen);
    read.finish().unwrap();
    opened.checkpoint().unwrap();
    store.log.append(&fence, &history.batch(30)).unwrap();
}

/// At most sixteen bytes an entry, also when every journal gains one entry a step.
#[test]
fn an_indexed_entry_takes_at_most_sixteen_bytes() {
    const JOURNALS: u64 = 500;
    const ROUNDS: u64 = 100;
    let place = Place::new();
    let store = SqliteStore::open(place.path()).unwrap().store();
    for round in 0..ROUNDS {
        let row = |journal| Position::new(1, round * JOURNALS + journal + 1);
        let run = |journal| IndexRun {
            journal: id(journal),
            first_seq: round + 1,
            positions: vec![row(journal)],
        };
        let position = row(JOURNALS - 1);
        let upto = Anchor { store: store.log.store_id(), position, hash: Digest::ZERO };
        let mut index: Vec<IndexRun> = (0..JOURNALS).map(run).collect();
        index.sort_by_key(|run| run.journal);
        let settle = Settle { upto, index, rows: vec![], snapshots: vec![] };
        store.projection.settle(&settle).unwrap();
    }
    drop(store);
    let bytes = fs::metadata(place.path().join("lists.db")).unwrap().len();
    let each = bytes / (JOURNALS * ROUNDS);
    assert!(each <= 16, "{each} bytes an entry");
}
