//! Whatever is said in whatever order: every row ends in exactly one place, and nothing crosses tenants
//! (`TEN-2`).

use super::tests::{A, B, Book, ID, named};
use super::{MigrationCommand, Outcome, Standing};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tenure_contract::TenantId;
use tenure_contract::words::RowStanding;

const USERS: [&str; 4] = ["ada", "ben", "eve", "zoe"];

/// A row: whose it is, and what it refers to of what stands before it.
#[derive(Debug, Clone)]
struct Wanted {
    user: Option<usize>,
    refs: Vec<prop::sample::Index>,
    missing: bool,
}

#[derive(Debug, Clone)]
enum Op {
    Map(usize, Option<bool>),
    Sweep(usize),
    Bring(prop::sample::Index, bool),
    /// Makes assigned rows in their tenants; whether that is known afterwards is another matter.
    Deliver {
        at_most: usize,
        acknowledged: usize,
    },
    Refuse(prop::sample::Index),
    Assign(prop::sample::Index, bool, Option<usize>),
    Discard(prop::sample::Index),
    Finish,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let user = prop::option::weighted(0.9, 0..USERS.len());
    let refs = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    (user, refs, prop::bool::weighted(0.05)).prop_map(|(user, refs, missing)| Wanted {
        user,
        refs,
        missing,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => (0..USERS.len(), prop::option::weighted(0.8, any::<bool>())).prop_map(|(user, to)| Op::Map(user, to)),
        4 => (1usize..6).prop_map(Op::Sweep),
        3 => (index(), any::<bool>()).prop_map(|(row, to)| Op::Bring(row, to)),
        4 => (0usize..6, 0usize..6).prop_map(|(at_most, acknowledged)| Op::Deliver { at_most, acknowledged }),
        1 => index().prop_map(Op::Refuse),
        2 => (index(), any::<bool>(), prop::option::of(0..USERS.len())).prop_map(|(row, to, user)| Op::Assign(row, to, user)),
        1 => index().prop_map(Op::Discard),
        1 => Just(Op::Finish),
    ]
}

const fn tenant(which: bool) -> TenantId {
    if which { A } else { B }
}

/// Artifacts, because they may refer to any number of each other.
fn file(rows: &[Wanted]) -> String {
    let mut lines = vec![r#"{"kind":"session","id":"s","user":"ada"}"#.to_owned()];
    for (number, row) in rows.iter().enumerate() {
        let user = row.user.map_or("null".to_owned(), |user| format!("\"{}\"", USERS[user]));
        let mut parents: Vec<String> = match number {
            0 => Vec::new(),
            _ => row.refs.iter().map(|index| format!("\"{}\"", index.index(number))).collect(),
        };
        parents.sort();
        parents.dedup();
        if row.missing {
            parents.push("\"gone\"".to_owned());
        }
        // every other one is of the session, and so of whoever has that
        let session = if number % 2 == 0 { "s" } else { "t" };
        lines.push(format!(
            r#"{{"kind":"artifact","id":"{number}","user":{user},"session":"{session}","artifactType":"t","intent":"i","parents":[{}]}}"#,
            parents.join(",")
        ));
    }
    lines.insert(1, r#"{"kind":"session","id":"t","user":"ben"}"#.to_owned());
    lines.join("\n")
}

/// What is really in the tenants.
type World = BTreeMap<u64, TenantId>;

/// Makes assigned rows in their order; never in two tenants, never before what they refer to.
fn deliver(book: &Book, world: &mut World, at_most: usize) -> Vec<u64> {
    let assigned: Vec<u64> = book.migration().assigned.iter().copied().take(at_most).collect();
    for number in &assigned {
        let row = book.migration().at(*number).unwrap();
        let tenant = row.standing.tenant().unwrap();
        let before = world.insert(*number, tenant);
        assert!(before.is_none_or(|before| before == tenant), "row {number} is in two tenants");
        for referred in &row.refs {
            assert_eq!(world.get(&referred.unwrap()), Some(&tenant), "row {number} crosses");
        }
    }
    assigned
}

fn acknowledge(book: &mut Book, rows: &[u64]) {
    let made = |number: &u64| (*number, Outcome::Made(number.to_string()));
    let outcomes = rows.iter().map(made).collect();
    book.tell(MigrationCommand::Settle { migration: ID, outcomes }).unwrap();
}

fn row_at(index: prop::sample::Index, rows: usize) -> String {
    match index.index(rows + 1) {
        0 => "session:s".to_owned(),
        number => format!("artifact:{}", number - 1),
    }
}

fn check(book: &Book, world: &World) {
    let migration = book.migration();
    for (number, row) in (0..).zip(&migration.rows) {
        let standing = row.standing.word();
        assert_eq!(migration.pending.contains(&number), standing == RowStanding::Pending);
        assert_eq!(migration.assigned.contains(&number), standing == RowStanding::Assigned);
        match &row.standing {
            Standing::Backfilled { tenant, .. } => {
                assert_eq!(world.get(&number), Some(tenant));
                let said = row.given_to.or_else(|| migration.users[row.user.as_ref()?]);
                assert_eq!(said, Some(*tenant), "nobody said that");
            }
            Standing::Quarantined { .. } | Standing::Discarded | Standing::Pending => {
                assert_eq!(world.get(&number), None, "row {number} is somewhere");
            }
            Standing::Assigned(_) => {}
        }
    }
    assert_eq!(&book.replayed(), &book.state.migrations);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn ten_2_every_row_ends_in_exactly_one_place_and_in_one_tenant(
        rows in prop::collection::vec(wanted(), 1..12),
        ops in prop::collection::vec(op(), 0..40),
    ) {
        let mut book = Book::new();
        book.begin(&file(&rows)).unwrap();
        let mut world = World::new();
        let mut finished = None;
        for op in ops {
            match op {
                Op::Map(user, to) => drop(book.map(USERS[user], to.map(tenant))),
                Op::Sweep(limit) => {
                    drop(book.tell(MigrationCommand::Sweep { migration: ID, limit }));
                }
                Op::Bring(row, to) => {
                    let row = row_at(row, rows.len());
                    if book.bring(&row, tenant(to)).is_ok() {
                        prop_assert_eq!(book.standing(&row).tenant(), Some(tenant(to)));
                    }
                }
                Op::Deliver { at_most, acknowledged } => {
                    let done = deliver(&book, &mut world, at_most);
                    acknowledge(&mut book, &done[..acknowledged.min(done.len())]);
                }
                Op::Refuse(row) => {
                    // a tenant refuses what is not there; what it took it does not refuse
                    let row = row_at(row, rows.len());
                    let (number, _) = book.migration().row(&named(&row)).unwrap();
                    if !world.contains_key(&number) {
                        let outcomes = vec![(number, Outcome::Refused("full".to_owned()))];
                        book.tell(MigrationCommand::Settle { migration: ID, outcomes }).unwrap();
                    }
                }
                Op::Assign(row, to, user) => {
                    let user = user.map(|user| USERS[user]);
                    drop(book.assign(&row_at(row, rows.len()), tenant(to), user));
                }
                Op::Discard(row) => drop(book.discard(&row_at(row, rows.len()))),
                Op::Finish => {
                    let open = book.migration().open();
                    prop_assert_eq!(book.finish().is_ok(), open == 0);
                }
            }
            check(&book, &world);
            let now = book.migration().finished.clone();
            if let Some(before) = &finished {
                prop_assert_eq!(Some(before), now.as_ref(), "a finished migration moves no more");
            }
            finished = now;
        }
        // the sweep alone comes to an end
        if finished.is_none() {
            for _ in 0..2 * (rows.len() + 2) {
                book.tell(MigrationCommand::Sweep { migration: ID, limit: 3 }).unwrap();
                let done = deliver(&book, &mut world, 3);
                acknowledge(&mut book, &done);
            }
            check(&book, &world);
            prop_assert_eq!(book.migration().open(), 0);
            prop_assert!(book.finish().is_ok());
        }
        let report = book.migration().report();
        let ended: u64 = report.kinds.iter().map(|kind| kind.backfilled + kind.quarantined + kind.discarded).sum();
        prop_assert_eq!(ended, rows.len() as u64 + 2);
        let quarantined: u64 = report.kinds.iter().map(|kind| kind.quarantined).sum();
        prop_assert_eq!(quarantined, report.quarantine.iter().map(|told| told.rows).sum::<u64>());
    }
}
