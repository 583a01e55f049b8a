//! Cases of the projection: settling, locating, listing, rebuilding.

use super::history::{
    Dice, History, all_rows, append, catch_up, check_against_log, entry, id, log_of, own, rows,
    settle_of, tenant, told,
};
use super::{Factory, must};
use crate::memory::MemoryStore;
use crate::seam::{IndexRun, Settle, Snapshot, Store, StoreError};
use tenure_contract::Digest;
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{Column, ListQuery, Order, RowChange, Scope, Table, Value};

/// A step that changes rows only, as the entries at these positions would.
fn step(store: &Store, rows: Vec<(Position, RowChange)>) -> Settle {
    let position = rows.iter().map(|(position, _)| *position).max().unwrap_or(Position::START);
    let upto = Anchor { store: store.log.store_id(), position, hash: Digest::ZERO };
    Settle { upto, index: vec![], rows, snapshots: vec![] }
}

fn run_change(tenant_number: u64, key: u64, set: Vec<(Column, Value)>) -> RowChange {
    RowChange { table: Table::Run, tenant: tenant(tenant_number), key: id(key), set }
}

fn settle(store: &Store, rows: Vec<(Position, RowChange)>) {
    must(store.projection.settle(&step(store, rows)), "settle");
}

fn at(row: u64) -> Position {
    Position::new(1, row)
}

fn word(word: &str) -> Value {
    Value::Text(word.into())
}

/// From any place on, as many as asked, in small steps as in large ones.
pub fn settled_entries_are_located(factory: &dyn Factory) {
    for size in [1, 13, 16_384] {
        let installation = factory.install();
        append(&*installation, &mut History::seeded(3), 30);
        let store = installation.store();
        assert_eq!(must(store.projection.head(id(0)), "find a head"), 0);
        assert_eq!(must(store.projection.anchor(), "read the anchor"), None);
        catch_up(&store, size);
        check_against_log(&store);
        let all = must(store.projection.locate(id(0), 1, usize::MAX), "locate");
        for from in 1..=all.len() {
            let some = must(store.projection.locate(id(0), from as u64, 3), "locate");
            assert_eq!(some, all[from - 1..(from + 2).min(all.len())]);
        }
        let past = must(store.projection.locate(id(0), all.len() as u64 + 1, 3), "locate");
        assert_eq!(past, []);
        assert_eq!(must(store.projection.locate(id(0), u64::MAX, 3), "locate"), []);
        assert_eq!(must(store.projection.locate(id(999), 1, 3), "locate nothing"), []);
    }
}

/// Thousands of entries, settled in runs of one, a few and many, with gaps between their positions.
pub fn a_long_journal_is_located_from_anywhere(factory: &dyn Factory) {
    const ENTRIES: u64 = 3_000;
    let installation = factory.install();
    let store = installation.store();
    let mut dice = Dice::seeded(7);
    let mut positions: Vec<Position> = Vec::new();
    while (positions.len() as u64) < ENTRIES {
        let (first, before) = (positions.len(), positions.last().map_or(0, |last| last.row()));
        let most = [1, 40, 900][dice.below(3) as usize];
        let length = 1 + dice.below(most);
        let gap = 1 + dice.below(300);
        positions.extend((1..=length).map(|place| at(before + place * gap)));
        let index = [id(0), id(1)].map(|journal| {
            let positions = positions[first..].to_vec();
            IndexRun { journal, first_seq: first as u64 + 1, positions }
        });
        let mut index = index.to_vec();
        index.sort_by_key(|run| run.journal);
        must(store.projection.settle(&Settle { index, ..step(&store, vec![]) }), "settle");
    }
    assert_eq!(must(store.projection.head(id(0)), "find a head"), positions.len() as u64);
    for _ in 0..500 {
        let from = dice.below(positions.len() as u64) as usize;
        let limit = dice.below(700) as usize;
        let located = must(store.projection.locate(id(1), from as u64 + 1, limit), "locate");
        assert_eq!(located, positions[from..(from + limit).min(positions.len())]);
    }
}

/// A settler that skipped an entry, or settles one twice, is told at once.
pub fn an_index_with_a_gap_is_refused(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let run = |first_seq, position| Settle {
        index: vec![IndexRun { journal: id(1), first_seq, positions: vec![at(position)] }],
        ..step(&store, vec![])
    };
    let refused = |settle: &Settle| {
        let answer = store.projection.settle(settle);
        assert!(matches!(answer, Err(StoreError::Other(_))), "{answer:?}");
    };
    refused(&run(2, 2));
    must(store.projection.settle(&run(1, 1)), "settle the first");
    refused(&run(1, 1));
    refused(&run(3, 3));
    must(store.projection.settle(&run(2, 2)), "settle the second");
    assert_eq!(must(store.projection.head(id(1)), "find a head"), 2);
}

/// Index, rows, snapshots and anchor stay as they were when the step's last change is refused.
pub fn a_refused_step_applies_nothing(factory: &dyn Factory) {
    let installation = factory.install();
    append(&*installation, &mut History::seeded(4), 10);
    let store = installation.store();
    let entries = log_of(&store);
    let (first, rest) = entries.split_at(entries.len() / 2);
    must(store.projection.settle(&settle_of(&store, first)), "settle the first half");
    let before = told(&store);
    let mut bad = settle_of(&store, rest);
    let unknown = (Column::Product, word("no such column"));
    bad.rows.push((bad.upto.position, run_change(0, 1, vec![unknown])));
    assert!(matches!(store.projection.settle(&bad), Err(StoreError::Other(_))));
    assert_eq!(told(&store), before);
    must(store.projection.settle(&settle_of(&store, rest)), "settle the second half");
    check_against_log(&store);
}

/// Other columns and the row's birth stay, within one step and over several.
pub fn a_change_sets_only_what_it_names(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let first = run_change(0, 1, vec![(Column::Status, word("queued")), (Column::Name, word("n"))]);
    let second = run_change(0, 1, vec![(Column::Status, word("running"))]);
    let third = run_change(0, 1, vec![(Column::Reason, word("r")), (Column::Name, Value::Null)]);
    settle(&store, vec![(at(5), first), (at(6), second)]);
    let row = rows(&store, &all_rows(Table::Run)).remove(0);
    assert_eq!((row.tenant, row.key, row.born), (tenant(0), id(1), at(5).number()));
    assert_eq!(row.text(Column::Status), Some("running"));
    assert_eq!(row.text(Column::Name), Some("n"));
    assert_eq!(row.get(Column::Session), &Value::Null);
    let named: Vec<Column> = row.values.iter().map(|(column, _)| *column).collect();
    assert_eq!(named, Table::Run.columns());
    settle(&store, vec![(at(9), third), (at(10), run_change(0, 2, vec![]))]);
    let found = rows(&store, &all_rows(Table::Run));
    assert_eq!(
        found.iter().map(|row| row.born).collect::<Vec<_>>(),
        [at(5).number(), at(10).number()]
    );
    assert_eq!(found[0].text(Column::Status), Some("running"));
    assert_eq!(found[0].get(Column::Name), &Value::Null);
    assert_eq!(found[0].text(Column::Reason), Some("r"));
}

/// By any filter, by key and by page: another tenant's rows are not there.
pub fn ten_1_a_list_shows_its_tenants_rows_only(factory: &dyn Factory) {
    let installation = factory.install();
    append(&*installation, &mut History::seeded(5), 60);
    let store = installation.store();
    catch_up(&store, 100);
    for table in Table::ALL {
        let everyone = rows(&store, &all_rows(*table));
        for number in 0..4 {
            let scope = Scope::Tenant(tenant(number));
            let own: Vec<_> =
                everyone.iter().filter(|row| row.tenant == tenant(number)).cloned().collect();
            assert_eq!(rows(&store, &ListQuery { scope, ..all_rows(*table) }), own);
            for row in &everyone {
                let by_key = ListQuery { scope, key: Some(row.key), ..all_rows(*table) };
                assert!(rows(&store, &by_key).iter().all(|row| row.tenant == tenant(number)));
            }
        }
    }
}

/// A key is unique within its tenant: the same key elsewhere is another row.
pub fn ten_1_one_key_of_two_tenants_is_two_rows(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let change = |number| run_change(number, 1, vec![(Column::Name, word(&number.to_string()))]);
    settle(&store, vec![(at(1), change(0)), (at(2), change(1))]);
    for number in 0..2 {
        let scope = Scope::Tenant(tenant(number));
        let query = ListQuery { scope, key: Some(id(1)), ..all_rows(Table::Run) };
        let found = rows(&store, &query);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text(Column::Name), Some(number.to_string().as_str()));
    }
    let stranger = ListQuery { scope: Scope::Tenant(tenant(2)), ..all_rows(Table::Run) };
    assert_eq!(rows(&store, &stranger), []);
}

/// Both orders, any page size, with a filter or without.
pub fn pages_follow_on_without_gap_or_repeat(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let change = |key: u64| {
        let set = vec![
            (Column::Open, Value::Number((key % 2) as i64)),
            (Column::Status, word(if key.is_multiple_of(3) { "third" } else { "other" })),
            (Column::Session, Value::Bytes(id(key % 5).to_vec())),
        ];
        (at(key), run_change(key % 2, key, set))
    };
    settle(&store, (1..=60).map(change).collect());
    let filters: [Vec<(Column, Value)>; 4] = [
        vec![],
        vec![(Column::Open, Value::Number(1))],
        vec![(Column::Status, word("third")), (Column::Open, Value::Number(0))],
        vec![(Column::Session, Value::Bytes(id(1).to_vec()))],
    ];
    for scope in [Scope::Engine, Scope::Tenant(tenant(0)), Scope::Tenant(tenant(1))] {
        for filters in filters.clone() {
            let all = ListQuery { scope, filters, ..all_rows(Table::Run) };
            let expected = rows(&store, &all);
            assert!(expected.is_sorted_by_key(|row| row.born));
            for limit in [1, 4, 100] {
                let forward = pages(&store, &ListQuery { limit, ..all.clone() });
                assert_eq!(forward, expected);
                let order = Order::NewestFirst;
                let mut back = pages(&store, &ListQuery { limit, order, ..all.clone() });
                back.reverse();
                assert_eq!(back, expected);
            }
        }
    }
}

fn pages(store: &Store, query: &ListQuery) -> Vec<tenure_core::projection::Row> {
    let (mut query, mut found) = (query.clone(), Vec::new());
    while let page = rows(store, &query)
        && let Some(last) = page.last()
    {
        assert!(page.len() <= query.limit);
        assert_ne!(query.after, Some(last.born), "a page does not get on");
        query.after = Some(last.born);
        found.extend(page);
    }
    found
}

/// A filter on a column the list does not have finds no rows: it is a mistake.
pub fn an_unknown_column_is_refused(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let filters = vec![(Column::Risk, word("high"))];
    let answer = store.projection.list(&ListQuery { filters, ..all_rows(Table::Session) });
    assert!(matches!(answer, Err(StoreError::Other(_))), "{answer:?}");
}

/// One per journal, the last one settled.
pub fn snapshots_replace_each_other(factory: &dyn Factory) {
    let mut installation = factory.install();
    let snapshot = |journal: u64, seq: u64| Snapshot {
        tenant: tenant(0),
        journal: id(journal),
        seq,
        hash: Digest::of(&[&seq.to_be_bytes()]),
        fold_version: 3,
        bytes: Dice::seeded(seq).bytes(100_000),
    };
    let store = installation.store();
    let keep = |snapshots| {
        let settle = Settle { snapshots, ..step(&store, vec![]) };
        must(store.projection.settle(&settle), "settle snapshots");
    };
    keep(vec![snapshot(1, 1), snapshot(2, 5)]);
    keep(vec![snapshot(1, 9)]);
    drop(store);
    installation.reopen();
    let projection = installation.store().projection;
    let found = |journal: u64| must(projection.snapshot(id(journal)), "read a snapshot");
    assert!(found(1) == Some(snapshot(1, 9)));
    assert!(found(2) == Some(snapshot(2, 5)));
    assert_eq!(found(3), None);
}

/// The same history, the same queries, the same answers as the in-memory reference.
pub fn lists_answer_as_the_reference_does(factory: &dyn Factory) {
    for seed in 10..14 {
        let installation = factory.install();
        append(&*installation, &mut History::seeded(seed), 40);
        let store = installation.store();
        let reference = MemoryStore::with_id(store.log.store_id()).store();
        let fence = own(&reference);
        let mut same = History::seeded(seed);
        for _ in 0..40 {
            must(reference.log.append(&fence, &same.batch(30)), "append to the reference");
        }
        catch_up(&store, 50);
        catch_up(&reference, 17);
        assert_eq!(told(&store), told(&reference));
        let mut dice = Dice::seeded(seed);
        for _ in 0..300 {
            let query = any_query(&mut dice, &reference);
            assert_eq!(rows(&store, &query), rows(&reference, &query), "{query:?}");
        }
    }
}

fn any_query(dice: &mut Dice, reference: &Store) -> ListQuery {
    let table = Table::ALL[dice.below(Table::ALL.len() as u64) as usize];
    let some = rows(reference, &all_rows(table));
    // Values that occur, so that most queries find something.
    let row = (!some.is_empty()).then(|| &some[dice.below(some.len() as u64) as usize]);
    let mut filters = Vec::new();
    for (column, value) in row.iter().flat_map(|row| &row.values) {
        if dice.below(6) == 0 {
            filters.push((*column, value.clone()));
        }
    }
    ListQuery {
        scope: [Scope::Engine, Scope::Tenant(tenant(dice.below(4)))][dice.below(2) as usize],
        table,
        key: row.filter(|_| dice.below(8) == 0).map(|row| row.key),
        filters,
        order: [Order::NewestFirst, Order::OldestFirst][dice.below(2) as usize],
        after: (dice.below(2) == 0).then(|| at(dice.below(800)).number()),
        limit: dice.below(20) as usize,
    }
}

/// Rows, index and snapshots made again from the log are those that were settled along the way,
/// however the steps were cut.
pub fn rebuilt_rows_are_the_settled_rows(factory: &dyn Factory) {
    for seed in 20..26 {
        let mut installation = factory.install();
        let (mut history, mut dice) = (History::seeded(seed), Dice::seeded(seed));
        for _ in 0..8 {
            append(&*installation, &mut history, 1 + dice.below(10));
            if dice.below(2) == 0 {
                catch_up(&installation.store(), 1 + dice.below(60) as usize);
            }
            installation.reopen();
        }
        catch_up(&installation.store(), 40);
        let store = installation.store();
        let settled = told(&store);
        for size in [16_384, 1 + dice.below(30) as usize] {
            must(store.projection.reset(), "reset the projection");
            catch_up(&store, size);
            assert_eq!(told(&store), settled, "seed {seed}, steps of {size}");
        }
    }
}

/// No anchor, no rows, no index: as if it had never been settled.
pub fn a_reset_projection_has_nothing(factory: &dyn Factory) {
    let mut installation = factory.install();
    let empty = told(&installation.store());
    append(&*installation, &mut History::seeded(6), 10);
    catch_up(&installation.store(), 100);
    assert_ne!(told(&installation.store()), empty);
    must(installation.store().projection.reset(), "reset the projection");
    assert_eq!(told(&installation.store()), empty);
    installation.reopen();
    assert_eq!(told(&installation.store()), empty);
    let batch = [entry(1, 1)];
    let store = installation.store();
    must(store.log.append(&own(&store), &batch), "append after a reset");
}
