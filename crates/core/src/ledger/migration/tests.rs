//! What a ledger decides about migrations, case by case (`TEN-2`).

use super::{MigrationCommand, Migrations, Outcome, Standing, id_of, read};
use crate::ledger::{LedgerCommand, LedgerState};
use std::collections::BTreeMap;
use tenure_contract::entry::Principal;
use tenure_contract::event::{
    LegacyRef, MigrationBegun, MigrationUsersMapped, RowMove, UserMapped,
};
use tenure_contract::words::{LegacyKind, QuarantineCause, RowStanding};
use tenure_contract::{
    Code, Digest, Entry, Error, Event, EventId, Journal, MigrationId, TenantId, Time, limits,
};

const HOME: TenantId = TenantId::from_bytes([1; 16]);
pub(super) const A: TenantId = TenantId::from_bytes([2; 16]);
pub(super) const B: TenantId = TenantId::from_bytes([3; 16]);
pub(super) const ID: MigrationId = MigrationId::from_bytes([7; 16]);

/// A ledger with one migration.
pub(super) struct Book {
    pub state: LedgerState,
    entries: Vec<Entry>,
}

impl Book {
    pub fn new() -> Self {
        Self { state: LedgerState::new(HOME), entries: Vec::new() }
    }

    /// With a file of rows that was begun with.
    pub fn of(lines: &[&str]) -> Self {
        let mut book = Self::new();
        book.begin(&lines.join("\n")).unwrap();
        book
    }

    pub fn begin(&mut self, text: &str) -> Result<usize, Error> {
        let reading = read(text, |_| Ok(()))?;
        let begun = MigrationBegun {
            migration: ID,
            source: "the old host".to_owned(),
            rows: reading.rows,
            digest: Digest::of(&[text.as_bytes()]),
        };
        let chunks = reading.chunks.into_iter().map(|chunk| chunk.rows).collect();
        let beginning = super::Beginning { begun, users: reading.users, chunks };
        self.tell(MigrationCommand::Begin(Box::new(beginning)))
    }

    /// Decides and folds; how many entries it came to.
    pub fn tell(&mut self, command: MigrationCommand) -> Result<usize, Error> {
        let drafts = self.state.decide(&LedgerCommand::Migration(command), Time::from_micros(9))?;
        let made = drafts.len();
        for draft in drafts {
            let entry = entry(self.state.seq + 1, draft.event);
            self.state.apply(&entry).unwrap();
            self.entries.push(entry);
        }
        Ok(made)
    }

    pub fn map(&mut self, user: &str, tenant: Option<TenantId>) -> Result<usize, Error> {
        let users = vec![UserMapped { user: user.to_owned(), tenant }];
        self.tell(MigrationCommand::MapUsers(MigrationUsersMapped {
            migration: ID,
            users,
            reason: None,
        }))
    }

    pub fn sweep(&mut self) -> usize {
        self.tell(MigrationCommand::Sweep { migration: ID, limit: 256 }).unwrap()
    }

    pub fn bring(&mut self, row: &str, tenant: TenantId) -> Result<usize, Error> {
        self.tell(MigrationCommand::Bring { migration: ID, row: named(row), tenant })
    }

    /// Everything that is assigned is in its tenant.
    pub fn settle(&mut self) {
        let assigned: Vec<u64> = self.migration().assigned.iter().copied().collect();
        let made = |number: u64| {
            let row = self.migration().at(number).unwrap();
            let id = id_of(row.standing.tenant().unwrap(), ID, &row.named);
            (number, Outcome::Made(format!("{id:?}")))
        };
        let outcomes = assigned.into_iter().map(made).collect();
        self.tell(MigrationCommand::Settle { migration: ID, outcomes }).unwrap();
    }

    pub fn assign(
        &mut self,
        row: &str,
        tenant: TenantId,
        user: Option<&str>,
    ) -> Result<usize, Error> {
        self.tell(MigrationCommand::Assign {
            migration: ID,
            row: named(row),
            tenant,
            user: user.map(str::to_owned),
            reason: "looked it up".to_owned(),
        })
    }

    pub fn discard(&mut self, row: &str) -> Result<usize, Error> {
        let reason = "a test account".to_owned();
        self.tell(MigrationCommand::Discard { migration: ID, row: named(row), reason })
    }

    pub fn finish(&mut self) -> Result<usize, Error> {
        self.tell(MigrationCommand::Finish(ID))
    }

    pub fn migration(&self) -> &super::Migration {
        self.state.migrations.get(ID).unwrap()
    }

    pub fn standing(&self, row: &str) -> &Standing {
        &self.migration().row(&named(row)).unwrap().1.standing
    }

    fn cause(&self, row: &str) -> Option<QuarantineCause> {
        match self.standing(row) {
            Standing::Quarantined { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// What the entries alone come to.
    pub fn replayed(&self) -> Migrations {
        let mut state = LedgerState::new(HOME);
        self.entries.iter().for_each(|entry| state.apply(entry).unwrap());
        state.migrations
    }
}

pub(super) fn named(row: &str) -> LegacyRef {
    let (kind, id) = row.split_once(':').unwrap();
    LegacyRef { kind: kind.parse().unwrap(), id: id.to_owned() }
}

fn entry(seq: u64, event: Event) -> Entry {
    Entry {
        journal: Journal::Ledger(HOME),
        seq,
        at: Time::from_micros(9),
        event_id: EventId::from_bytes([9; 16]),
        tenant: HOME,
        run: None,
        principal: Principal::system(),
        surface: None,
        correlation_id: [9; 16],
        causation_id: EventId::from_bytes([9; 16]),
        parent_event_id: None,
        payload: None,
        event,
    }
}

const CHAT: &str = r#"{"kind":"session","id":"c1","user":"ada"}"#;
const PROJECT: &str = r#"{"kind":"project","id":"p1","user":"ada","name":"site"}"#;
const WORKSPACE: &str =
    r#"{"kind":"workspace","id":"w1","user":"ada","project":"p1","workspaceKind":"cloud"}"#;
const CODE: &str = r#"{"kind":"session","id":"c2","user":"ada","workspace":"w1"}"#;
const FILE: &str = r#"{"kind":"artifact","id":"f1","user":"ada","session":"c2","artifactType":"file","intent":"ingest"}"#;

#[test]
fn ten_2_a_row_goes_to_its_users_default_tenant_with_what_it_refers_to() {
    let mut book = Book::of(&[PROJECT, WORKSPACE, CODE, FILE, CHAT]);
    book.map("ada", Some(A)).unwrap();
    book.sweep();
    for row in ["project:p1", "workspace:w1", "session:c2", "artifact:f1", "session:c1"] {
        assert_eq!(book.standing(row), &Standing::Assigned(A), "{row}");
    }
    assert!(book.finish().is_err(), "assigned is not there yet");
    book.settle();
    assert_eq!(book.finish(), Ok(1));
    assert_eq!(book.finish(), Ok(0), "the same again is nothing new");
    let (_, report) = book.migration().finished.clone().unwrap();
    let backfilled: u64 = report.kinds.iter().map(|kind| kind.backfilled).sum();
    assert_eq!((backfilled, report.quarantine.len()), (5, 0));
}

#[test]
fn ten_2_every_cause_of_quarantine_is_found() {
    let mut book = Book::of(&[
        r#"{"kind":"user","id":"ben"}"#,
        &format!(r#"{{"kind":"user","id":"eve","tenantId":"{B}"}}"#),
        &format!(r#"{{"kind":"user","id":"ada","tenantId":"{A}"}}"#),
        r#"{"kind":"session","id":"nobody"}"#,
        r#"{"kind":"session","id":"stranger","user":"zoe"}"#,
        r#"{"kind":"session","id":"homeless","user":"ben"}"#,
        r#"{"kind":"session","id":"lost","user":"ada","workspace":"w0"}"#,
        r#"{"kind":"workspace","id":"wz","user":"zoe","workspaceKind":"local"}"#,
        r#"{"kind":"session","id":"behind","user":"ada","workspace":"wz"}"#,
        r#"{"kind":"workspace","id":"we","user":"eve","workspaceKind":"local"}"#,
        r#"{"kind":"session","id":"across","user":"ada","workspace":"we"}"#,
        r#"{"kind":"artifact","id":"far","user":"ada","session":"behind","artifactType":"t","intent":"i"}"#,
    ]);
    book.sweep();
    use QuarantineCause::*;
    for (row, cause) in [
        ("session:nobody", NoUser),
        ("session:stranger", UnknownUser),
        ("session:homeless", NoDefaultTenant),
        ("session:lost", ReferenceMissing),
        ("session:behind", ReferenceQuarantined),
        ("session:across", CrossesTenants),
        ("artifact:far", ReferenceQuarantined),
    ] {
        assert_eq!(book.cause(row), Some(cause), "{row}");
    }
    assert_eq!(book.standing("workspace:we"), &Standing::Assigned(B));
    let refused = vec![(6, Outcome::Refused("no room".to_owned()))];
    let number = book.migration().row(&named("workspace:we")).unwrap().0;
    assert_eq!(number, 6);
    book.tell(MigrationCommand::Settle { migration: ID, outcomes: refused }).unwrap();
    assert_eq!(book.cause("workspace:we"), Some(Refused));
    // quarantined is decided: the migration may end, and says how many of each
    assert_eq!(book.finish(), Ok(1));
    let report = book.migration().report();
    let counted: Vec<_> = report.quarantine.iter().map(|told| (told.cause, told.rows)).collect();
    assert_eq!(counted[4], (ReferenceQuarantined, 2));
    assert_eq!(counted.iter().map(|(_, rows)| rows).sum::<u64>(), 9);
}

#[test]
fn ten_2_a_mapping_and_an_assignment_bring_rows_out_of_quarantine_and_a_discard_ends_them() {
    let mut book = Book::of(&[
        r#"{"kind":"workspace","id":"w1","user":"zoe","workspaceKind":"cloud"}"#,
        r#"{"kind":"session","id":"c2","user":"zoe","workspace":"w1"}"#,
        r#"{"kind":"session","id":"orphan"}"#,
        r#"{"kind":"session","id":"test"}"#,
    ]);
    book.sweep();
    assert_eq!(book.cause("workspace:w1"), Some(QuarantineCause::UnknownUser));
    book.map("zoe", Some(A)).unwrap();
    assert_eq!(book.standing("workspace:w1"), &Standing::Pending);
    assert_eq!(book.standing("session:c2"), &Standing::Pending);
    // an owner needs a user: a session is always for somebody
    let told = book.assign("session:orphan", B, None).unwrap_err();
    assert_eq!(told.code, Code::InvalidArgument);
    book.assign("session:orphan", B, Some("ben")).unwrap();
    assert_eq!(book.assign("session:orphan", B, None).unwrap_err().code, Code::IllegalTransition);
    book.discard("session:test").unwrap();
    assert!(book.discard("session:test").is_err() && book.assign("session:test", A, None).is_err());
    book.sweep();
    assert_eq!(book.standing("session:c2"), &Standing::Assigned(A));
    assert_eq!(book.standing("session:orphan"), &Standing::Assigned(B));
    assert_eq!(
        book.migration().row(&named("session:orphan")).unwrap().1.user.as_deref(),
        Some("ben")
    );
    // what went somewhere holds its user's mapping
    assert_eq!(book.map("zoe", Some(B)).unwrap_err().code, Code::IllegalTransition);
    assert_eq!(book.map("zoe", Some(A)), Ok(0));
    book.settle();
    assert_eq!(book.finish(), Ok(1));
    for refused in
        [book.map("zoe", None), book.discard("session:c2"), book.assign("session:c2", A, None)]
    {
        assert_eq!(refused.unwrap_err().code, Code::IllegalTransition, "it is finished");
    }
}

#[test]
fn ten_2_a_tenant_brings_in_its_own_rows_by_reading_them_and_no_others() {
    let mut book = Book::of(&[PROJECT, WORKSPACE, CODE, CHAT]);
    let nothing = book.bring("session:c1", A).unwrap_err();
    assert_eq!(nothing.code, Code::NotFound, "nobody said whose it is");
    assert_eq!(book.standing("session:c1"), &Standing::Pending, "a reader sets nothing aside");
    book.map("ada", Some(A)).unwrap();
    assert_eq!(book.bring("session:c2", B).unwrap_err(), super::no_row(&named("session:c2")));
    assert_eq!(book.bring("session:c9", B).unwrap_err(), super::no_row(&named("session:c9")));
    assert_eq!(book.bring("session:c2", A), Ok(1));
    for row in ["project:p1", "workspace:w1", "session:c2"] {
        assert_eq!(book.standing(row), &Standing::Assigned(A), "{row}");
    }
    assert_eq!(book.standing("session:c1"), &Standing::Pending);
    assert_eq!(book.bring("session:c2", A), Ok(0), "it is on its way");
    book.settle();
    assert_eq!(book.bring("session:c2", A), Ok(0));
    assert!(book.bring("session:c2", B).is_err());
    book.sweep();
    book.settle();
    book.finish().unwrap();
    assert_eq!(book.bring("session:c2", A), Ok(0), "what is there stays found");
}

#[test]
fn ten_2_what_is_assigned_keeps_its_tenant_whatever_is_said_before_it_is_there() {
    let mut book = Book::of(&[CHAT]);
    book.map("ada", Some(A)).unwrap();
    book.sweep();
    assert!(book.map("ada", Some(B)).is_err());
    assert!(book.assign("session:c1", B, None).is_err());
    assert_eq!(book.sweep(), 0, "nothing is decided twice");
    assert_eq!(book.standing("session:c1"), &Standing::Assigned(A));
    book.settle();
    let late = vec![(0, Outcome::Refused("late".to_owned()))];
    let again = MigrationCommand::Settle { migration: ID, outcomes: late };
    assert_eq!(book.tell(again), Ok(0), "what is there is there");
}

#[test]
fn ten_2_a_line_that_is_none_is_named_and_nothing_is_begun() {
    let long = format!(
        r#"{{"kind":"project","id":"{}","name":"n"}}"#,
        "x".repeat(limits::NAME_MAX_CHARS + 1)
    );
    for (lines, at, why) in [
        (vec![CHAT, "{"], 2, "no row"),
        (vec![CHAT, "", PROJECT], 2, "no row"),
        (vec![CHAT, CHAT], 2, "stands on line 1 too"),
        (vec![r#"{"kind":"thread","id":"1"}"#], 1, "unknown variant"),
        (vec![r#"{"kind":"session","id":"1","tenant":"x"}"#], 1, "unknown field"),
        (vec![r#"{"kind":"session"}"#], 1, "missing field"),
        (
            vec![r#"{"kind":"session","id":"1","messages":[{"role":"system","content":"x"}]}"#],
            1,
            "unknown variant",
        ),
        (vec![&long], 1, "NAME_MAX_CHARS"),
        (vec![CODE, WORKSPACE], 1, "stands on line 2"),
        (
            vec![
                r#"{"kind":"artifact","id":"a","session":"s","artifactType":"t","intent":"i","parents":["a"]}"#,
            ],
            1,
            "stands on line 1",
        ),
        (
            vec![
                r#"{"kind":"artifact","id":"a","session":"s","artifactType":"t","intent":"i","state":"ARCHIVED"}"#,
            ],
            1,
            "PENDING or READY",
        ),
        (vec![r#"{"kind":"session","id":"1","title":" "}"#], 1, "TITLE_MAX_CHARS"),
    ] {
        let mut book = Book::new();
        let told = book.begin(&lines.join("\n")).unwrap_err();
        assert_eq!(told.code, Code::InvalidArgument);
        assert!(
            told.message.starts_with(&format!("line {at}: ")) && told.message.contains(why),
            "{told}"
        );
        assert_eq!(book.state.seq, 0);
    }
    let told = Book::new().begin(r#"{"kind":"user","id":"ada"}"#).unwrap_err();
    assert_eq!(told.message, "the file has no rows");
    let huge = format!(
        r#"{{"kind":"session","id":"1","title":"{}"}}"#,
        "x".repeat(limits::MIGRATION_LINE_MAX_BYTES)
    );
    assert!(Book::new().begin(&huge).unwrap_err().message.contains("MIGRATION_LINE_MAX_BYTES"));
}

#[test]
fn ten_2_rows_stand_in_entries_of_bounded_size_and_the_same_file_is_begun_once() {
    let lines: Vec<String> =
        (0..600).map(|n| format!(r#"{{"kind":"session","id":"{n}"}}"#)).collect();
    let text = lines.join("\n");
    let reading = read(&text, |_| Ok(())).unwrap();
    let sizes: Vec<_> = reading.chunks.iter().map(|chunk| chunk.rows.len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
    assert_eq!(reading.chunks[1].lines.lines().next(), Some(&*lines[256]));
    let mut book = Book::new();
    assert_eq!(book.begin(&text), Ok(4));
    assert_eq!(book.begin(&text), Ok(0));
    assert_eq!(book.begin(CHAT).unwrap_err().code, Code::KeyConflict);
    let row = &book.migration().rows[599];
    assert_eq!((row.seq, row.line), (4, 87));
    let large = format!(
        r#"{{"kind":"session","id":"l","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "x".repeat(limits::MIGRATION_ENTRY_BYTES)
    );
    let reading = read(&[CHAT, &large, PROJECT].join("\n"), |_| Ok(())).unwrap();
    assert_eq!(reading.chunks.iter().map(|chunk| chunk.rows.len()).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn ten_2_a_row_has_another_id_in_every_tenant_migration_and_kind() {
    let other = MigrationId::from_bytes([8; 16]);
    let ids = [
        id_of(A, ID, &named("session:1")),
        id_of(B, ID, &named("session:1")),
        id_of(A, other, &named("session:1")),
        id_of(A, ID, &named("project:1")),
        id_of(A, ID, &named("session:2")),
    ];
    let distinct: BTreeMap<_, _> = ids.iter().map(|id| (id, ())).collect();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(id_of(A, ID, &named("session:1")), ids[0]);
}

#[test]
fn ten_2_a_fold_takes_no_illegal_move() {
    let moves = |to, tenant, id: Option<&str>| RowMove {
        row: 0,
        to,
        tenant,
        user: None,
        id: id.map(str::to_owned),
        cause: None,
        told: None,
    };
    for illegal in [
        moves(RowStanding::Backfilled, Some(A), Some("ses_1")),
        moves(RowStanding::Discarded, None, None),
        moves(RowStanding::Assigned, None, None),
        moves(RowStanding::Quarantined, None, None),
    ] {
        let mut book = Book::of(&[CHAT]);
        let event = tenure_contract::event::MigrationRowsMoved {
            migration: ID,
            moves: vec![illegal],
            reason: None,
        };
        let entry = entry(book.state.seq + 1, event.into());
        assert!(book.state.apply(&entry).is_err());
    }
    assert_eq!(LegacyKind::ALL.len(), 5);
}

#[test]
fn ten_2_the_rows_shown_in_the_format_are_rows() {
    let page = include_str!("../../../../../docs/format/legacy-rows.md");
    let (_, rest) = page.split_once("```jsonl\n").unwrap();
    let (rows, _) = rest.split_once("\n```").unwrap();
    let mut book = Book::new();
    book.begin(rows).unwrap();
    book.sweep();
    assert_eq!(book.migration().rows.len(), 5);
    assert_eq!(book.cause("session:conv-18"), Some(QuarantineCause::NoUser));
    assert!(matches!(book.standing("artifact:9"), Standing::Assigned(_)));
    for cause in QuarantineCause::ALL {
        assert!(page.contains(&format!("`{cause}`")), "{cause} stands in the page");
    }
}
