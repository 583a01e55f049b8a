//! What a ledger decides about schedules, entry by entry.

use crate::ledger::book::{Book, HOUR_MS, TENANT};
use crate::ledger::schedule::{EntryWanted, ScheduleCommand, dispatch_of};
use crate::policy::{Ruled, Ruling};
use crate::session::tests::bench;
use tenure_contract::entry::Principal;
use tenure_contract::event::*;
use tenure_contract::words::{
    DispatchMode, MissedPolicy, ScheduleEntryKind, ScheduleStatus, Surface,
};
use tenure_contract::{
    ApprovalId, Code, Digest, Error, PolicyVersion, ScheduleId, SessionId, Time, limits,
};

impl Book {
    fn create(
        &mut self,
        number: u8,
        entries: Vec<EntryWanted>,
    ) -> Result<Vec<&'static str>, Error> {
        let made = ScheduleCreated {
            schedule: id(number),
            product: "cowork".to_owned(),
            user: "ada".to_owned(),
            title: "nightly".to_owned(),
            session: None,
            missed: MissedPolicy::Run,
            request: Some(Digest::of(&[&[number]])),
        };
        self.tell(ScheduleCommand::Create { made, entries })
    }

    fn start(&mut self, number: u8, entry: u32) -> Vec<&'static str> {
        let command = ScheduleCommand::Start {
            schedule: id(number),
            entry,
            principal: Principal::system(),
            ruled: Ruled { ruling: Ruling::Permit, under: PolicyVersion::Default },
            approval: ApprovalId::from_bytes([3; 16]),
        };
        self.tell(command).unwrap()
    }

    fn schedule_status(&self, number: u8) -> ScheduleStatus {
        self.state.schedules.known[&id(number)].status
    }
}

fn id(number: u8) -> ScheduleId {
    ScheduleId::from_bytes([number; 16])
}

fn wanted(number: u8, key: &str, at: Option<Time>) -> EntryWanted {
    let dispatch = dispatch_of(TENANT, id(number), key.as_bytes());
    let becomes = DispatchReceived {
        dispatch,
        product: "cowork".to_owned(),
        user: "ada".to_owned(),
        context: DispatchContext {
            origin_surface: Surface::Web,
            origin_product_id: "cowork".to_owned(),
            dispatch_mode: DispatchMode::Queued,
            initiated_at: Time::from_micros(1),
        },
        session: SessionId::from_bytes([7; 16]),
        opens: None,
        makes: None,
        run: Box::new(bench::intent(1)),
        priority: None,
        not_before: None,
        expires_at: Time::from_micros(1),
        request: Digest::of(&[key.as_bytes()]),
        decided_under: PolicyVersion::Default,
        target: None,
        class: None,
    };
    let kind = if at.is_some() { ScheduleEntryKind::At } else { ScheduleEntryKind::Queued };
    EntryWanted { kind, at, becomes }
}

#[test]
fn run_4_an_entry_that_is_due_becomes_its_dispatch_in_one_commit_and_once() {
    let mut book = Book::new();
    let at = book.now.plus_ms(HOUR_MS);
    book.create(1, vec![wanted(1, "a", Some(at)), wanted(1, "b", None)]).unwrap();
    assert_eq!(book.state.next_wake(book.now), Some(at));
    assert_eq!(book.state.due(book.now).unwrap().entry, 2, "a queued one is due at once");
    let first =
        ["schedule.entry-dispatched", "dispatch.received", "dispatch.accepted", "dispatch.waiting"];
    assert_eq!(book.start(1, 2), first);
    assert!(book.start(1, 2).is_empty(), "a second start is nothing new");
    assert!(book.start(1, 1).is_empty(), "it is not its time");
    assert_eq!(book.state.due(book.now), None);
    // whatever was down meanwhile: it starts, late, and runs out later than it was due
    book.now = at.plus_ms(limits::DISPATCH_EXPIRY_DEFAULT_MS * 2);
    assert_eq!(book.state.due(book.now).unwrap().entry, 1);
    let last = [&first[..], &["schedule.moved"]].concat();
    assert_eq!(book.start(1, 1), last);
    assert_eq!(book.schedule_status(1), ScheduleStatus::Completed);
    let known = &book.state.schedules.known[&id(1)].entries[0];
    assert_eq!(known.late_ms, limits::DISPATCH_EXPIRY_DEFAULT_MS * 2);
    let dispatch = &book.state.dispatches.open[&known.dispatch].received;
    assert_eq!(dispatch.run.scheduled, Some(ScheduledBy { schedule_id: id(1), entry: 1 }));
    assert!(dispatch.expires_at > book.now);
}

#[test]
fn run_4_the_same_request_adds_nothing_and_another_under_its_key_conflicts() {
    let mut book = Book::new();
    let at = Some(book.now.plus_ms(HOUR_MS));
    book.create(1, vec![wanted(1, "a", at)]).unwrap();
    assert!(book.create(1, Vec::new()).unwrap().is_empty());
    let add = |entry| ScheduleCommand::Add { schedule: id(1), entry: Box::new(entry) };
    assert_eq!(book.tell(add(wanted(1, "b", at))).unwrap(), ["schedule.entry-added"]);
    assert!(book.tell(add(wanted(1, "b", at))).unwrap().is_empty());
    let mut other = wanted(1, "b", at);
    other.becomes.request = Digest::ZERO;
    assert_eq!(book.tell(add(other)).unwrap_err().code, Code::KeyConflict);
    let over = wanted(1, "c", Some(book.now));
    assert_eq!(book.tell(add(over)).unwrap_err().code, Code::InvalidArgument);
}

#[test]
fn ten_3_schedules_and_their_entries_have_limits() {
    let mut book = Book::new();
    let at = Some(book.now.plus_ms(HOUR_MS));
    let many = (0..=limits::SCHEDULE_ENTRIES_MAX).map(|n| wanted(1, &n.to_string(), at)).collect();
    let refused = book.create(1, many).unwrap_err();
    assert_eq!(refused.code, Code::LimitReached);
    assert!(refused.message.contains("SCHEDULE_ENTRIES_MAX"), "{refused}");
    for number in 0..u32::try_from(limits::SCHEDULES_REMEMBERED_MAX).unwrap() + 2 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let schedule = ScheduleId::from_bytes(bytes);
        let made = ScheduleCreated {
            schedule,
            product: "cowork".to_owned(),
            user: "ada".to_owned(),
            title: "nightly".to_owned(),
            session: None,
            missed: MissedPolicy::Run,
            request: None,
        };
        book.tell(ScheduleCommand::Create { made, entries: Vec::new() }).unwrap();
        let moved = ScheduleMoved { schedule, status: ScheduleStatus::Cancelled, reason: None };
        book.tell(ScheduleCommand::Move(moved)).unwrap();
    }
    assert_eq!(book.state.schedules.known.len(), limits::SCHEDULES_REMEMBERED_MAX);
}
