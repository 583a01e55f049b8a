//! A real process, really killed: what it acknowledged is there, whole.
//!
//! The parent starts this test binary again as the child, reads the acknowledged batches from its
//! output and kills it at moments chosen by seed. It cannot catch a missing flush, only a missing
//! write: the operating system outlives the child.

use super::place::Place;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use tenure_contract::Digest;
use tenure_core::position::{AnchorVerdict, Position};
use tenure_store::suite::history::{
    Dice, catch_up, check_against_log, id, log_of, own, tenant, verdict,
};
use tenure_store::{Body, NewEntry, Store, Stored};
use tenure_store_sqlite::SqliteStore;

const PLACE: &str = "TENURE_KILLED_CHILD_PLACE";
const ACKED: &str = "acked ";
const ROUNDS: u64 = 6;
const JOURNALS: u64 = 5;

#[test]
fn log_4_what_a_killed_process_acknowledged_is_there_whole() {
    let place = Place::new();
    let mut dice = Dice::seeded(0x7e_117e);
    let mut acked = 0;
    for round in 0..ROUNDS {
        let told = run_and_kill(place.path(), 1 + dice.below(100));
        acked = told.max(acked);
        let opened = SqliteStore::open(place.path()).unwrap();
        let store = opened.store();
        check_batches(&log_of(&store), acked, round);
        check_bodies(&store);
        let found = verdict(&store);
        assert!(matches!(
            found,
            AnchorVerdict::Behind | AnchorVerdict::Current | AnchorVerdict::Foreign
        ));
        catch_up(&store, 1_000);
        check_against_log(&store);
    }
}

/// Starts the child, kills it after so many acknowledged batches, and tells the last one it
/// acknowledged, which may be later than the one it was killed for.
fn run_and_kill(place: &Path, batches: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::appends_until_killed", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, mut last) = (0, 0);
    // A line torn by the kill is no acknowledgement.
    for line in lines.map_while(Result::ok) {
        if let Some(number) = line.strip_prefix(ACKED).and_then(|rest| rest.strip_suffix('.')) {
            (seen, last) = (seen + 1, number.parse().unwrap());
            if seen == batches {
                child.kill().unwrap();
            }
        }
    }
    assert!(!child.wait().unwrap().success(), "the child was to be killed");
    assert!(seen >= batches, "the child ended by itself");
    last
}

/// Every acknowledged batch, each batch whole and in one piece, at most one that was not
/// acknowledged.
fn check_batches(entries: &[Stored], acked: u64, round: u64) {
    let mut batches: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for entry in entries {
        batches.entry(number(entry, 0)).or_default().push(number(entry, 1));
    }
    for (batch, places) in &batches {
        let size = entries.iter().find(|entry| number(entry, 0) == *batch).map(|at| number(at, 2));
        let expected: Vec<u64> = (0..size.unwrap_or(0)).collect();
        assert_eq!(places, &expected, "round {round}: batch {batch} is not whole");
    }
    let present: Vec<u64> = batches.into_keys().collect();
    let last = present.last().copied().unwrap_or(0);
    assert_eq!(present, (1..=last).collect::<Vec<_>>(), "round {round}: a batch is missing");
    assert!(last >= acked, "round {round}: batch {acked} was acknowledged, {last} is the last");
    assert!(last <= acked + 1, "round {round}: {last} was written before {acked} was acknowledged");
}

fn check_bodies(store: &Store) {
    for entry in log_of(store).iter().rev().take(50) {
        let (body, digest) = body(number(entry, 0), number(entry, 1));
        match entry.inline {
            Some(ref inline) => assert!(*inline == body),
            None => {
                let found = store.payload.get(entry.tenant, digest).unwrap();
                assert!(found == Some(body), "an entry is there without its body");
            }
        }
    }
}

fn number(entry: &Stored, place: usize) -> u64 {
    let bytes = &entry.bytes[place * 8..place * 8 + 8];
    u64::from_be_bytes(bytes.try_into().unwrap())
}

fn body(batch: u64, place: u64) -> (Vec<u8>, Digest) {
    let mut dice = Dice::seeded(batch * 1_000 + place);
    let size = dice.below(9_000);
    let body = dice.bytes(size);
    let digest = Digest::of(&[&body]);
    (body, digest)
}

/// The child: appends batches and settles now and then, and says of each batch that it returned.
#[test]
fn appends_until_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let opened = SqliteStore::open(Path::new(&place)).unwrap();
    let store = opened.store();
    let fence = own(&store);
    let (mut heads, mut batch) = (BTreeMap::<[u8; 16], u64>::new(), 0);
    for entry in log_of(&store) {
        heads.insert(entry.journal, entry.seq);
        batch = number(&entry, 0);
    }
    loop {
        batch += 1;
        let size = 1 + Dice::seeded(batch).below(20);
        let entries: Vec<NewEntry> =
            (0..size).map(|place| numbered(batch, place, size, &mut heads)).collect();
        for entry in &entries {
            if let Body::Blob(digest) = entry.body {
                let place = u64::from_be_bytes(entry.bytes[8..16].try_into().unwrap());
                store.payload.put(entry.tenant, digest, &body(batch, place).0).unwrap();
            }
        }
        let appended = store.log.append(&fence, &entries).unwrap();
        assert_ne!(appended.positions[0], Position::START);
        println!("{ACKED}{batch}.");
        if batch.is_multiple_of(8) {
            catch_up(&store, 64);
        }
        if batch.is_multiple_of(30) {
            opened.checkpoint().unwrap();
        }
    }
}

fn numbered(batch: u64, place: u64, size: u64, heads: &mut BTreeMap<[u8; 16], u64>) -> NewEntry {
    let journal = id((batch + place) % JOURNALS);
    let seq = heads.entry(journal).or_default();
    *seq += 1;
    let bytes = [batch, place, size].map(u64::to_be_bytes).concat();
    let hash = Digest::of(&[&bytes]);
    let (sealed, digest) = body(batch, place);
    let body = match sealed.len() {
        ..3_000 => Body::Inline(sealed),
        3_000..8_500 => Body::Row(digest, sealed),
        _ => Body::Blob(digest),
    };
    NewEntry { tenant: tenant(0), journal, seq: *seq, bytes, hash, body }
}
