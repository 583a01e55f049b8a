//! A COMMIT that the operating system refuses, at every page it writes.
//!
//! This test binary runs itself as a child that ignores the signal of a file grown too large, so
//! that the write fails instead. The child then moves its own limit on file sizes, one frame at a
//! time, through everything a commit writes. The parent opens the files again without a limit.

use super::place::Place;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::process::Command;
use tenure_core::projection::Table;
use tenure_store::StoreError;
use tenure_store::suite::history::{
    History, all_rows, catch_up, check_against_log, log_of, own, rows, settle_of, told,
};
use tenure_store_sqlite::SqliteStore;

const PLACE: &str = "TENURE_REFUSED_CHILD_PLACE";
/// What a page takes in a write-ahead file, and the file's own header.
const FRAME_BYTES: u64 = 4_096 + 24;
const HEADER_BYTES: u64 = 32;
/// No commit of this test writes as many frames.
const FRAMES_MAX: u64 = 5_000;

fn in_a_child(test: &str) -> Place {
    let place = Place::new();
    let ended = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("refused::{test}"))
        .env(PLACE, place.path())
        .status()
        .unwrap();
    assert!(ended.success());
    place
}

fn child_place() -> Option<std::path::PathBuf> {
    std::env::var_os(PLACE).map(|place| Path::new(&place).to_owned())
}

/// Calls `work` again and again, each time with room for one frame more, until it succeeds; tells
/// how often it was refused.
fn refused_at_every_frame(
    mut work: impl FnMut() -> Result<(), StoreError>,
    check: &dyn Fn(),
) -> u64 {
    let unlimited = getrlimit(Resource::Fsize);
    for frames in 0..FRAMES_MAX {
        // in the middle of a frame: its beginning may be there, its end is not
        let current = Some(HEADER_BYTES / 2 + frames * FRAME_BYTES + frames % 3 * 1_000);
        setrlimit(Resource::Fsize, Rlimit { current, ..unlimited }).unwrap();
        let done = work();
        setrlimit(Resource::Fsize, unlimited).unwrap();
        match done {
            Ok(()) => return frames,
            Err(error) => assert_eq!(error, StoreError::Full, "with room for {frames} frames"),
        }
        check();
    }
    panic!("refused with room for {FRAMES_MAX} frames");
}

#[test]
fn log_4_a_commit_refused_at_any_page_leaves_nothing_of_its_batch() {
    let place = in_a_child("appends_under_limits");
    let store = SqliteStore::open(place.path()).unwrap().store();
    assert_eq!(log_of(&store).len(), expected().len(), "what was refused came back");
    catch_up(&store, 1_000);
    check_against_log(&store);
}

#[test]
fn log_4_a_step_of_settling_refused_at_any_page_is_not_applied() {
    let place = in_a_child("settles_under_limits");
    let store = SqliteStore::open(place.path()).unwrap().store();
    check_against_log(&store);
    assert!(!rows(&store, &all_rows(Table::Run)).is_empty());
}

/// The sequence of the entries the child appends.
fn expected() -> Vec<u64> {
    let mut history = History::seeded(7);
    (0..3).flat_map(|_| history.batch(60)).map(|entry| entry.seq).collect()
}

#[test]
fn appends_under_limits() {
    let Some(place) = child_place() else { return };
    let opened = SqliteStore::open(&place).unwrap();
    let store = opened.store();
    let (fence, mut history) = (own(&store), History::seeded(7));
    for _ in 0..3 {
        let batch = history.batch(60);
        let before = log_of(&store);
        let append = || store.log.append(&fence, &batch).map(drop);
        let refused = refused_at_every_frame(append, &|| {
            assert!(log_of(&store) == before, "something of a refused batch is there");
        });
        assert!(refused > 3, "a commit of {refused} pages shows little");
        assert_eq!(log_of(&store).len(), before.len() + batch.len());
    }
}

#[test]
fn settles_under_limits() {
    let Some(place) = child_place() else { return };
    let opened = SqliteStore::open(&place).unwrap();
    let store = opened.store();
    let (fence, mut history) = (own(&store), History::seeded(8));
    store.log.append(&fence, &history.batch(60)).unwrap();
    catch_up(&store, 1_000);
    for _ in 0..3 {
        let before = told(&store);
        let after = store.projection.anchor().unwrap().unwrap().position;
        store.log.append(&fence, &history.batch(60)).unwrap();
        let step = settle_of(&store, &store.log.scan(after, usize::MAX).unwrap());
        let refused = refused_at_every_frame(|| store.projection.settle(&step), &|| {
            assert_eq!(told(&store), before);
        });
        assert!(refused > 3, "a step of {refused} pages shows little");
    }
}
