//! Made-up histories by seed, and a small settler: what the cases work with.
//!
//! Which rows an entry changes follows from the entry's own bytes alone, as in a real projection,
//! so that settling twice can be compared.

use super::{Installation, must};
use crate::seam::{Body, IndexRun, NewEntry, Settle, ShardEpoch, Snapshot, Store, Stored};
use std::collections::BTreeMap;
use tenure_contract::{Digest, TenantId};
use tenure_core::position::{Anchor, AnchorVerdict, Position, judge_anchor};
use tenure_core::projection::{Column, ListQuery, Order, Row, RowChange, Scope, Table, Value};

/// Tenants a history is about.
pub const TENANTS: u64 = 3;
/// Journals a history is about.
pub const JOURNALS: u64 = 20;

/// Numbers that look random and are the same for the same seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for this seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }
    /// Any number (SplitMix64).
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    /// A number from 0 up to, not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }
    /// Any bytes.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.any() as u8).collect()
    }
}

/// Sixteen bytes that stand for a number, in no order.
#[must_use]
pub fn id(number: u64) -> [u8; 16] {
    Digest::of(&[&number.to_be_bytes()]).first_half()
}

/// A tenant by number.
#[must_use]
pub fn tenant(number: u64) -> TenantId {
    TenantId::from_bytes(id(number))
}

/// An entry of a journal of the first tenant, with no body.
#[must_use]
pub fn entry(journal: u64, seq: u64) -> NewEntry {
    let bytes = [journal.to_be_bytes(), seq.to_be_bytes()].concat();
    let hash = Digest::of(&[&bytes]);
    NewEntry { tenant: tenant(0), journal: id(journal), seq, bytes, hash, body: Body::None }
}

/// Entries that go on, by seed, from one batch to the next.
#[derive(Debug, Clone)]
pub struct History {
    dice: Dice,
    heads: BTreeMap<u64, u64>,
}

impl History {
    /// The history of a seed, from its beginning.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { dice: Dice::seeded(seed), heads: BTreeMap::new() }
    }

    /// The next batch: up to `max` entries of several journals.
    pub fn batch(&mut self, max: u64) -> Vec<NewEntry> {
        (0..=self.dice.below(max)).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> NewEntry {
        let journal = self.dice.below(JOURNALS);
        let head = self.heads.entry(journal).or_default();
        *head += 1;
        let seq = *head;
        let length = 8 + self.dice.below(300);
        let bytes = self.dice.bytes(length);
        let hash = Digest::of(&[&bytes, &seq.to_be_bytes()]);
        let body = self.body();
        NewEntry { tenant: tenant(journal % TENANTS), journal: id(journal), seq, bytes, hash, body }
    }

    fn body(&mut self) -> Body {
        let length = self.dice.below(600);
        let sealed = self.dice.bytes(length);
        match self.dice.below(8) {
            0 => Body::Row(Digest::of(&[&sealed]), sealed),
            1..=3 => Body::Inline(sealed),
            _ => Body::None,
        }
    }
}

/// Takes every free shard.
#[must_use]
pub fn own(store: &Store) -> Vec<ShardEpoch> {
    must(store.lease.acquire("suite", 3_600_000), "acquire the shards")
}

/// Appends `batches` batches of a history, in one owner's name.
pub fn append(installation: &dyn Installation, history: &mut History, batches: u64) {
    let store = installation.store();
    let fence = own(&store);
    for _ in 0..batches {
        must(store.log.append(&fence, &history.batch(30)), "append a batch");
    }
}

/// Everything in the log.
#[must_use]
pub fn log_of(store: &Store) -> Vec<Stored> {
    must(store.log.scan(Position::START, usize::MAX), "scan the log")
}

/// What a start would find out about the projection.
#[must_use]
pub fn verdict(store: &Store) -> AnchorVerdict {
    let anchor = must(store.projection.anchor(), "read the anchor");
    let (end, _) = must(store.log.end(), "find the log's end");
    let fetched = anchor.and_then(|anchor| store.log.fetch(&[anchor.position]).ok());
    let at_anchor = fetched.and_then(|found| found.first().map(|entry| entry.hash));
    judge_anchor(store.log.store_id(), end, anchor, at_anchor)
}

/// Settles to the log's end in steps of at most `step` entries, from the anchor or, where there is
/// none of this log, from the start.
pub fn catch_up(store: &Store, step: usize) {
    let found = verdict(store);
    assert_ne!(found, AnchorVerdict::Ahead, "a projection ahead of its log is not caught up");
    if found == AnchorVerdict::Foreign {
        must(store.projection.reset(), "reset the projection");
    }
    loop {
        let anchor = must(store.projection.anchor(), "read the anchor");
        let after = anchor.map_or(Position::START, |anchor| anchor.position);
        let entries = must(store.log.scan(after, step), "scan the log");
        if entries.is_empty() {
            return;
        }
        must(store.projection.settle(&settle_of(store, &entries)), "settle a step");
    }
}

/// The step that settles these entries.
#[must_use]
pub fn settle_of(store: &Store, entries: &[Stored]) -> Settle {
    let mut index: BTreeMap<[u8; 16], IndexRun> = BTreeMap::new();
    let mut upto =
        Anchor { store: store.log.store_id(), position: Position::START, hash: Digest::ZERO };
    for entry in entries {
        let (journal, first_seq) = (entry.journal, entry.seq);
        let run = index.entry(journal);
        let run = run.or_insert_with(|| IndexRun { journal, first_seq, positions: vec![] });
        run.positions.push(entry.position);
        (upto.position, upto.hash) = (entry.position, entry.hash);
    }
    let changes = |entry: &Stored| {
        let position = entry.position;
        changes_of(entry).into_iter().map(move |change| (position, change))
    };
    Settle {
        upto,
        index: index.into_values().collect(),
        rows: entries.iter().flat_map(changes).collect(),
        snapshots: entries.iter().filter_map(snapshot_of).collect(),
    }
}

/// The rows an entry changes: none of most, else one row in each of one or two lists.
fn changes_of(entry: &Stored) -> Vec<RowChange> {
    let seed = Digest::of(&[&entry.bytes]);
    let mut dice = Dice::seeded(u64::from_be_bytes(std::array::from_fn(|at| seed.bytes()[at])));
    let mut tables: Vec<Table> = Table::ALL.to_vec();
    (0..dice.below(3))
        .map(|_| {
            let table = tables.swap_remove(dice.below(tables.len() as u64) as usize);
            let key = id(dice.below(12));
            let named = |_: &&Column| dice.below(3) > 0;
            let columns: Vec<Column> = table.columns().iter().filter(named).copied().collect();
            let set = columns.iter().map(|column| (*column, value(*column, &mut dice))).collect();
            RowChange { table, tenant: entry.tenant, key, set }
        })
        .collect()
}

/// A value as the column would have it, from so few that filters find something.
fn value(column: Column, dice: &mut Dice) -> Value {
    let few = dice.below(4);
    match column {
        Column::Status | Column::Kind => Value::Text(format!("word-{few}")),
        Column::Open => Value::Number((few % 2) as i64),
        Column::Session | Column::Run => Value::Bytes(id(few).to_vec()),
        _ => match few {
            0 => Value::Null,
            1 => Value::Number(dice.any() as i64),
            2 => Value::Text("a \"text\" with 'marks', \0 and ümläuts".into()),
            _ => Value::Bytes(dice.bytes(32)),
        },
    }
}

fn snapshot_of(entry: &Stored) -> Option<Snapshot> {
    let wanted = entry.seq.is_multiple_of(7);
    wanted.then(|| Snapshot {
        tenant: entry.tenant,
        journal: entry.journal,
        seq: entry.seq,
        hash: entry.hash,
        fold_version: 1,
        bytes: entry.bytes.clone(),
    })
}

/// A query for every row of a list, the oldest first.
#[must_use]
pub fn all_rows(table: Table) -> ListQuery {
    ListQuery {
        scope: Scope::Engine,
        table,
        key: None,
        filters: vec![],
        order: Order::OldestFirst,
        after: None,
        limit: usize::MAX,
    }
}

/// Everything a projection tells, for comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    anchor: Option<Anchor>,
    index: Vec<(u64, Vec<Position>)>,
    snapshots: Vec<Option<Snapshot>>,
    rows: Vec<Vec<Row>>,
}

/// Reads everything a projection tells about the histories' journals.
#[must_use]
pub fn told(store: &Store) -> Told {
    let projection = &store.projection;
    let journals = || (0..JOURNALS).map(id);
    let index = |journal| {
        let head = must(projection.head(journal), "find a head");
        (head, must(projection.locate(journal, 1, usize::MAX), "locate entries"))
    };
    Told {
        anchor: must(projection.anchor(), "read the anchor"),
        index: journals().map(index).collect(),
        snapshots: journals().map(|at| must(projection.snapshot(at), "read a snapshot")).collect(),
        rows: Table::ALL.iter().map(|table| rows(store, &all_rows(*table))).collect(),
    }
}

/// The rows a query finds.
#[must_use]
pub fn rows(store: &Store, query: &ListQuery) -> Vec<Row> {
    must(store.projection.list(query), "list rows")
}

/// Holds a settled projection against the log it was settled from.
pub fn check_against_log(store: &Store) {
    let mut expected: BTreeMap<[u8; 16], Vec<Position>> = BTreeMap::new();
    for entry in log_of(store) {
        expected.entry(entry.journal).or_default().push(entry.position);
    }
    for (journal, positions) in expected {
        assert_eq!(must(store.projection.head(journal), "find a head"), positions.len() as u64);
        let located = must(store.projection.locate(journal, 1, usize::MAX), "locate entries");
        assert_eq!(located, positions, "the index tells other positions than the log");
    }
    assert_eq!(verdict(store), AnchorVerdict::Current);
}
