//! What a commit costs here: the disk's own floor, a lone append beside it, and groups.
//!
//! `cargo run --release -p tenure-store-sqlite --example lone_commit -- DIR` measures in a new
//! folder under DIR, which it removes again; without DIR, under the current directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{Column, RowChange, Table, Value};
use tenure_store::{Body, IndexRun, NewEntry, Settle, ShardEpoch, Store};
use tenure_store_sqlite::SqliteStore;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const JOURNALS: u64 = 1_000;
const LONE_COMMITS: usize = 2_000;
const GROUP_ENTRIES: usize = 200_000;
const SETTLE_ENTRIES: usize = 16_384;

fn main() -> Outcome<()> {
    let base = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = base.join(format!("lone-commit-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path) -> Outcome<()> {
    let began = Instant::now();
    let opened = SqliteStore::open(&dir.join("store"))?;
    println!("open, new directory: {:?}", began.elapsed());
    let store = opened.store();
    let fence = store.lease.acquire("measure", 3_600_000)?;
    lone(dir, &store, &fence[..1])?;
    println!("write-ahead file at most: {} KiB", opened.wal_bytes_max() / 1024);
    for size in [64, 256, 1024] {
        group(&store, &fence, size)?;
    }
    println!("write-ahead file at most: {} KiB", opened.wal_bytes_max() / 1024);
    settle(&store)?;
    println!("databases: {} MiB", opened.file_bytes() / 1024 / 1024);
    drop((store, opened));
    let began = Instant::now();
    let opened = SqliteStore::open(&dir.join("store"))?;
    println!("open, after an orderly close: {:?}", began.elapsed());
    let store = opened.store();
    let fence = store.lease.acquire("measure", 3_600_000)?;
    lone(dir, &store, &fence[..1])
}

/// The floor and the lone append, in turns: the disk is not equally fast all the time.
fn lone(dir: &Path, store: &Store, fence: &[ShardEpoch]) -> Outcome<()> {
    let floor_file = floor_file(dir)?;
    let (mut floors, mut appends) = (Vec::new(), Vec::new());
    for turn in 0..LONE_COMMITS {
        let began = Instant::now();
        floor_file.write_all_at(&[turn as u8; 4096], (turn % 256) as u64 * 4096)?;
        floor_file.sync_data()?;
        floors.push(began.elapsed());
        let batch = [entry(turn as u64, 250, 200), entry(turn as u64, 250, 200)];
        let began = Instant::now();
        store.log.append(fence, &batch)?;
        appends.push(began.elapsed());
    }
    let (floor, append) = (quantile(&mut floors, 50), quantile(&mut appends, 50));
    let ratio = append.as_secs_f64() / floor.as_secs_f64();
    println!("floor: median {floor:?}, p99 {:?}", quantile(&mut floors, 99));
    println!("lone append: median {append:?}, p99 {:?}", quantile(&mut appends, 99));
    println!("lone append over floor: {ratio:.2}");
    Ok(())
}

fn floor_file(dir: &Path) -> Outcome<File> {
    let path = dir.join("floor");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.write_all_at(&vec![0; 256 * 4096], 0)?;
    file.sync_all()?;
    Ok(file)
}

fn group(store: &Store, fence: &[ShardEpoch], size: usize) -> Outcome<()> {
    let batch: Vec<NewEntry> = (0..size).map(|n| entry(n as u64, 250, 0)).collect();
    let (began, mut times) = (Instant::now(), Vec::new());
    for _ in 0..GROUP_ENTRIES / size {
        let began = Instant::now();
        store.log.append(fence, &batch)?;
        times.push(began.elapsed());
    }
    let rate = GROUP_ENTRIES as f64 / began.elapsed().as_secs_f64();
    let [median, p99, most] = [50, 99, 100].map(|percent| quantile(&mut times, percent));
    println!(
        "groups of {size}: {rate:.0} entries/s, median {median:?}, p99 {p99:?}, most {most:?}"
    );
    Ok(())
}

/// Settles what the log would hold after [`GROUP_ENTRIES`] entries in turn over all journals.
fn settle(store: &Store) -> Outcome<()> {
    let (began, mut first) = (Instant::now(), 1);
    while first < GROUP_ENTRIES {
        let rows = first..(first + SETTLE_ENTRIES).min(GROUP_ENTRIES + 1);
        first = rows.end;
        store.projection.settle(&step(rows))?;
    }
    let rate = GROUP_ENTRIES as f64 / began.elapsed().as_secs_f64();
    println!("settled over {JOURNALS} journals: {rate:.0} entries/s");
    Ok(())
}

fn step(rows: std::ops::Range<usize>) -> Settle {
    let upto = Position::new(1, rows.end as u64 - 1);
    let mut index: Vec<IndexRun> = Vec::new();
    let mut changes = Vec::new();
    for journal in 0..JOURNALS {
        let numbers = rows.clone().map(|row| row as u64).filter(|row| row % JOURNALS == journal);
        let positions: Vec<Position> = numbers.map(|row| Position::new(1, row)).collect();
        let Some(first) = positions.first() else { continue };
        let first_seq = first.row().div_ceil(JOURNALS);
        changes.push((*first, run_change(journal)));
        index.push(IndexRun { journal: id(journal), first_seq, positions });
    }
    index.sort_by_key(|run| run.journal);
    let upto = Anchor { store: StoreId::from_bytes([1; 16]), position: upto, hash: Digest::ZERO };
    Settle { upto, index, rows: changes, snapshots: vec![] }
}

fn run_change(journal: u64) -> RowChange {
    let set = vec![
        (Column::Status, Value::Text("running".into())),
        (Column::Open, Value::Number(1)),
        (Column::UpdatedAt, Value::Number(1)),
    ];
    let tenant = TenantId::from_bytes([7; 16]);
    RowChange { table: Table::Run, tenant, key: id(journal), set }
}

/// Ids without order, as real ones are.
fn id(number: u64) -> [u8; 16] {
    Digest::of(&[&number.to_be_bytes()]).first_half()
}

fn entry(number: u64, bytes: usize, body: usize) -> NewEntry {
    NewEntry {
        tenant: TenantId::from_bytes([7; 16]),
        journal: id(number % JOURNALS),
        seq: number,
        bytes: vec![number as u8; bytes],
        hash: Digest::from_bytes([number as u8; 32]),
        body: if body == 0 { Body::None } else { Body::Inline(vec![1; body]) },
    }
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}
