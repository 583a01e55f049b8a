//! What a ledger decides about dispatches, entry by entry.

use crate::clock::Hold;
use crate::ledger::LedgerCommand;
use crate::ledger::book::{Book, HOUR_MS, TENANT};
use crate::ledger::dispatch::{DispatchCommand, made_by};
use crate::policy::{Ruled, Ruling, Terms};
use crate::session::tests::bench;
use std::collections::BTreeMap;
use tenure_contract::event::*;
use tenure_contract::words::{DispatchMode, DispatchStatus, Surface};
use tenure_contract::{
    ApprovalId, Code, Digest, DispatchId, Error, Event, PolicyVersion, SessionId, Time, limits,
};

impl Book {
    fn receive(&mut self, received: DispatchReceived) -> Result<Vec<&'static str>, Error> {
        let approval = ApprovalId::from_bytes(received.dispatch.bytes());
        let (received, ruling) = (Box::new(received), Ruling::Permit);
        self.tell(DispatchCommand::Receive { received, ruling, approval })
    }

    fn status(&self, number: u32) -> Option<DispatchStatus> {
        self.state.dispatches.standing(id(number)).map(|known| known.status)
    }

    fn deliver(&mut self, number: u32) -> Vec<&'static str> {
        let run = Some(bench::run_id(1));
        let delivered =
            DispatchDelivered { dispatch: id(number), run, refused: None, reason: None };
        self.tell(DispatchCommand::Deliver(delivered)).unwrap()
    }
}

fn id(number: u32) -> DispatchId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    DispatchId::from_bytes(bytes)
}

fn received(number: u32, mode: DispatchMode) -> DispatchReceived {
    DispatchReceived {
        dispatch: id(number),
        product: "cowork".to_owned(),
        user: "ada".to_owned(),
        context: DispatchContext {
            origin_surface: Surface::Web,
            origin_product_id: "cowork".to_owned(),
            dispatch_mode: mode,
            initiated_at: Time::from_micros(1),
        },
        session: SessionId::from_bytes(made_by(id(number), TENANT, "session")),
        opens: None,
        makes: None,
        run: Box::new(bench::intent(1)),
        priority: None,
        not_before: None,
        expires_at: Time::from_micros(1_000_000).plus_ms(HOUR_MS),
        request: Digest::of(&[&number.to_be_bytes()]),
        decided_under: PolicyVersion::Default,
        target: None,
        class: None,
    }
}

#[test]
fn dsp_4_each_mode_takes_its_way() {
    let mut book = Book::new();
    let kinds = book.receive(received(1, DispatchMode::Interactive)).unwrap();
    assert_eq!(kinds, ["dispatch.received", "dispatch.accepted", "dispatch.started"]);
    for (number, mode) in
        [(2, DispatchMode::Queued), (3, DispatchMode::Scheduled), (4, DispatchMode::Remote)]
    {
        let kinds = book.receive(received(number, mode)).unwrap();
        assert_eq!(kinds, ["dispatch.received", "dispatch.accepted", "dispatch.waiting"], "{mode}");
    }
    assert_eq!(book.tell(DispatchCommand::StartNext).unwrap(), ["dispatch.started"]);
    assert_eq!(book.tell(DispatchCommand::StartNext).unwrap(), ["dispatch.started"]);
    assert!(book.tell(DispatchCommand::StartNext).unwrap().is_empty(), "nobody here may start 4");
    assert_eq!(book.status(4), Some(DispatchStatus::Waiting));
    assert_eq!(book.state.dispatches.undelivered().count(), 3);
    assert_eq!(book.deliver(1), ["dispatch.delivered"]);
    assert!(book.deliver(1).is_empty(), "a second acknowledgement is nothing new");
    assert_eq!(book.state.dispatches.undelivered().count(), 2);
}

#[test]
fn dsp_2_a_key_is_remembered_after_the_end_up_to_a_named_limit() {
    let mut book = Book::new();
    let many = u32::try_from(limits::DISPATCHES_REMEMBERED_MAX).unwrap() + 1;
    for number in 0..many {
        book.receive(received(number, DispatchMode::Interactive)).unwrap();
        book.deliver(number);
    }
    assert!(book.receive(received(1, DispatchMode::Interactive)).unwrap().is_empty());
    let other =
        DispatchReceived { request: Digest::ZERO, ..received(1, DispatchMode::Interactive) };
    assert_eq!(book.receive(other).unwrap_err().code, Code::KeyConflict);
    assert_eq!(book.state.dispatches.ended.len(), limits::DISPATCHES_REMEMBERED_MAX);
    assert_eq!(book.status(0), None, "the oldest is forgotten");
    // it is taken in again, under the ids it had: its session still knows the run
    let again = received(0, DispatchMode::Interactive);
    assert_eq!(made_by(id(0), TENANT, "session"), again.session.bytes());
    assert_eq!(book.receive(again).unwrap().len(), 3);
}

#[test]
fn ten_3_a_tenant_has_a_limit_of_open_dispatches() {
    let mut book = Book::new();
    let most = u32::try_from(limits::DISPATCHES_OPEN_MAX).unwrap();
    for number in 0..most {
        book.receive(received(number, DispatchMode::Queued)).unwrap();
    }
    let refused = book.receive(received(most, DispatchMode::Queued)).unwrap_err();
    assert_eq!(refused.code, Code::LimitReached);
    assert!(refused.message.contains("DISPATCHES_OPEN_MAX"), "{refused}");
    assert_eq!(book.status(most), None);
    assert!(book.receive(received(0, DispatchMode::Queued)).unwrap().is_empty(), "a known one is");
    let cancel = DispatchCommand::Cancel { dispatch: id(0), reason: None };
    assert_eq!(book.tell(cancel).unwrap(), ["dispatch.closed"]);
    assert_eq!(book.receive(received(most, DispatchMode::Queued)).unwrap().len(), 3);
}

#[test]
fn dsp_4_time_expires_what_did_not_start_and_nothing_else() {
    let mut book = Book::new();
    let soon = book.now.plus_ms(HOUR_MS / 2);
    let scheduled =
        DispatchReceived { not_before: Some(soon), ..received(1, DispatchMode::Scheduled) };
    book.receive(scheduled).unwrap();
    book.receive(received(2, DispatchMode::Remote)).unwrap();
    book.receive(received(3, DispatchMode::Interactive)).unwrap();
    assert_eq!(book.state.next_wake(book.now), Some(soon));
    assert_eq!(book.state.dispatches.next(book.now), None, "it is not its time");
    assert_eq!(book.state.dispatches.next(soon), Some(id(1)));
    assert!(book.tell(DispatchCommand::Wake(Hold::Open)).unwrap().is_empty());
    book.now = book.now.plus_ms(HOUR_MS);
    assert_eq!(book.state.dispatches.next(book.now), None, "its time is over");
    let held = DispatchCommand::Wake(Hold::EntriesAhead(600_000));
    assert!(book.tell(held).unwrap().is_empty(), "the clock is not believed");
    let woken = book.tell(DispatchCommand::Wake(Hold::Open)).unwrap();
    assert_eq!(woken, ["dispatch.closed", "dispatch.closed"]);
    assert_eq!(book.status(1), Some(DispatchStatus::Expired));
    assert_eq!(book.status(3), Some(DispatchStatus::Started));
    assert_eq!(book.state.next_wake(book.now), None);
}

#[test]
fn apr_2_a_dispatch_nobody_decided_about_is_rejected() {
    let mut book = Book::new();
    let terms = |approvers: &[&str]| {
        Ruling::Ask(Terms {
            why: "a stranger".to_owned(),
            approvers: approvers.iter().map(ToString::to_string).collect(),
            needs_reason: true,
            risk: None,
        })
    };
    let ask = |number, ruling| DispatchCommand::Receive {
        received: Box::new(received(number, DispatchMode::Interactive)),
        ruling,
        approval: ApprovalId::from_bytes(id(number).bytes()),
    };
    let denied = Ruling::Deny { why: "no".to_owned() };
    let kinds = book.tell(ask(7, denied.clone())).unwrap();
    assert_eq!(kinds, ["dispatch.received", "dispatch.rejected"]);
    let kinds = book.tell(ask(1, terms(&["user:*"]))).unwrap();
    assert_eq!(kinds, ["dispatch.received", "approval.requested"]);
    let decide = |ruling, reason: Option<&str>| DispatchCommand::Decide {
        approval: ApprovalId::from_bytes(id(1).bytes()),
        approve: true,
        principal: "user:ada".to_owned(),
        reason: reason.map(str::to_owned),
        ruled: Ruled { ruling, under: PolicyVersion::Default },
    };
    let refused = book.tell(decide(denied, Some("why not"))).unwrap_err();
    assert_eq!(refused.code, Code::DeniedByPolicy, "policy says who decides");
    assert!(book.tell(decide(Ruling::Permit, None)).is_err(), "a reason was asked for");
    let cancel = DispatchCommand::Cancel { dispatch: id(1), reason: None };
    let refused = book.tell(cancel).unwrap_err();
    assert!(refused.message.contains("deny its approval"), "{refused}");
    book.now = book.now.plus_ms(HOUR_MS);
    let late = decide(Ruling::Permit, Some("why not"));
    assert_eq!(book.tell(late).unwrap_err().code, Code::AlreadyDecided);
    let kinds = book.tell(DispatchCommand::Wake(Hold::Open)).unwrap();
    assert_eq!(kinds, ["approval.closed", "dispatch.rejected"]);
    assert_eq!(book.status(1), Some(DispatchStatus::Rejected));
}

/// Every entry in every status either follows the table or is refused and changes nothing.
#[test]
fn dsp_4_the_fold_takes_exactly_what_the_table_lists() {
    use DispatchStatus::*;
    let dispatch = id(1);
    let entries: BTreeMap<DispatchStatus, Event> = [
        (Accepted, Event::from(DispatchAccepted { dispatch })),
        (Rejected, DispatchRejected { dispatch, reason: String::new() }.into()),
        (Waiting, DispatchWaiting { dispatch }.into()),
        (Started, {
            let event = received(1, DispatchMode::Queued);
            DispatchStarted { dispatch, session: event.session, run: event.run.run }.into()
        }),
        (Cancelled, DispatchClosed { dispatch, status: Cancelled, reason: None }.into()),
        (Expired, DispatchClosed { dispatch, status: Expired, reason: None }.into()),
    ]
    .into();
    let ways: [&[DispatchStatus]; 7] = [
        &[],
        &[Accepted],
        &[Rejected],
        &[Accepted, Waiting],
        &[Accepted, Started],
        &[Accepted, Cancelled],
        &[Accepted, Waiting, Expired],
    ];
    for way in ways {
        let mut book = Book::new();
        let first = book.entry(received(1, DispatchMode::Queued).into());
        book.state.apply(&first).unwrap();
        for step in way {
            let entry = book.entry(entries[step].clone());
            book.state.apply(&entry).unwrap();
        }
        let at = book.status(1).unwrap();
        for (to, event) in &entries {
            let mut state = book.state.clone();
            let taken = state.apply(&book.entry(event.clone())).is_ok();
            assert_eq!(taken, crate::machine::dispatch::may(at, *to), "{at} to {to}");
            if !taken {
                assert_eq!(state, book.state, "{at} to {to} is refused and changes nothing");
            }
        }
    }
}

mod claims {
    //! What the ledger decides about claims of executors.

    use super::*;
    use crate::ledger::dispatch::claim::{ClaimUse, ClaimWanted, Holding};
    use tenure_contract::ExecutorId;
    use tenure_contract::words::{ExecutionTarget, ExecutorKind};

    const WORKER: &str = "worker:w";

    fn executor(number: u8) -> ExecutorId {
        ExecutorId::from_bytes([number; 16])
    }

    impl Book {
        fn register(&mut self, number: u8, kind: ExecutorKind, user: Option<&str>) {
            let wanted = ExecutorRegistered {
                executor: executor(number),
                name: format!("e{number}"),
                kind,
                principal: WORKER.to_owned(),
                user: user.map(str::to_owned),
            };
            self.tell(LedgerCommand::RegisterExecutor(wanted)).unwrap();
        }

        fn claim(&mut self, number: u8, claim: u64) -> Result<Vec<&'static str>, Error> {
            let (dispatch, executor, lease_ms) = (id(1), executor(number), 1_000);
            let claimed = DispatchClaimed { dispatch, executor, claim, lease_ms };
            let principal = WORKER.to_owned();
            self.tell(LedgerCommand::Claim(ClaimWanted { claimed, principal, product: None }))
        }

        fn with(
            &mut self,
            number: u8,
            claim: u64,
            how: ClaimUse,
        ) -> Result<Vec<&'static str>, Error> {
            let holding = Holding { dispatch: id(1), claim, executor: executor(number) };
            let principal = WORKER.to_owned();
            self.tell(LedgerCommand::UseClaim { holding, principal, how })
        }

        fn stands(&self) -> DispatchStatus {
            self.state.dispatches.standing(id(1)).unwrap().status
        }
    }

    /// A remote dispatch waits; two workers may have it.
    fn waiting() -> Book {
        let mut book = Book::new();
        book.register(1, ExecutorKind::Worker, None);
        book.register(2, ExecutorKind::Worker, None);
        book.receive(remote(None)).unwrap();
        assert_eq!(book.stands(), DispatchStatus::Waiting);
        book
    }

    fn remote(target: Option<ExecutionTarget>) -> DispatchReceived {
        DispatchReceived { target, ..received(1, DispatchMode::Remote) }
    }

    #[test]
    fn dsp_4_a_claim_is_lost_counts_on_and_leads_to_a_start_once() {
        let mut book = waiting();
        assert_eq!(book.claim(1, 1).unwrap(), ["dispatch.claimed"]);
        assert_eq!(book.stands(), DispatchStatus::Claimed);
        assert_eq!(book.claim(2, 1).unwrap_err().code, Code::VersionConflict, "one has it");
        let lose = |claim| DispatchCommand::LoseLease { dispatch: id(1), claim };
        assert_eq!(book.tell(lose(1)).unwrap(), ["dispatch.released"]);
        assert!(book.tell(lose(1)).unwrap().is_empty(), "it is lost once");
        assert_eq!(book.stands(), DispatchStatus::Waiting);
        assert_eq!(book.claim(2, 1).unwrap_err().code, Code::VersionConflict, "numbers count on");
        assert_eq!(book.claim(2, 2).unwrap(), ["dispatch.claimed"]);
        let stale = book.with(1, 1, ClaimUse::Start).unwrap_err();
        assert_eq!(stale.code, Code::LeaseLost, "the token of the one before opens nothing");
        assert_eq!(book.with(1, 2, ClaimUse::Start).unwrap_err().code, Code::LeaseLost);
        assert_eq!(book.with(2, 2, ClaimUse::Start).unwrap(), ["dispatch.started"]);
        assert!(book.with(2, 2, ClaimUse::Start).unwrap().is_empty(), "again is nothing new");
        assert!(book.tell(lose(2)).unwrap().is_empty(), "what started is its session's to lose");
    }

    #[test]
    fn dsp_4_a_claimed_dispatch_is_given_back_cancelled_or_expires() {
        let mut book = waiting();
        book.claim(1, 1).unwrap();
        assert_eq!(book.with(1, 1, ClaimUse::GiveBack).unwrap(), ["dispatch.released"]);
        book.claim(1, 2).unwrap();
        let cancel = DispatchCommand::Cancel { dispatch: id(1), reason: None };
        assert_eq!(book.tell(cancel).unwrap(), ["dispatch.closed"]);
        assert_eq!(book.with(1, 2, ClaimUse::Start).unwrap_err().code, Code::LeaseLost);

        let mut book = waiting();
        book.claim(1, 1).unwrap();
        book.now = book.now.plus_ms(2 * HOUR_MS);
        assert_eq!(book.with(1, 1, ClaimUse::Start).unwrap_err().code, Code::IllegalTransition);
        assert_eq!(book.tell(DispatchCommand::Wake(Hold::Open)).unwrap(), ["dispatch.closed"]);
        assert_eq!(book.stands(), DispatchStatus::Expired);
    }

    #[test]
    fn tgt_1_local_work_waits_for_the_desktop_of_its_own_user() {
        let mut book = Book::new();
        book.register(1, ExecutorKind::Worker, None);
        book.register(2, ExecutorKind::Desktop, Some("bob"));
        book.receive(remote(Some(ExecutionTarget::Local))).unwrap();
        let user = book.state.dispatches.open[&id(1)].received.user.clone();
        book.register(3, ExecutorKind::Desktop, Some(&user));
        for stranger in [1, 2] {
            assert_eq!(book.claim(stranger, 1).unwrap_err().code, Code::VersionConflict);
        }
        assert_eq!(book.claim(3, 1).unwrap(), ["dispatch.claimed"]);
    }

    #[test]
    fn tgt_2_a_revoked_executor_loses_what_it_had_not_started() {
        let mut book = waiting();
        book.claim(1, 1).unwrap();
        let kinds = book.tell(LedgerCommand::RevokeExecutor(executor(1))).unwrap();
        assert_eq!(kinds, ["executor.revoked", "dispatch.released"]);
        assert_eq!(book.claim(1, 2).unwrap_err().code, Code::Forbidden);
        assert_eq!(book.claim(2, 2).unwrap(), ["dispatch.claimed"]);
    }
}
