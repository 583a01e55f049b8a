//! Handoffs: who may offer and take a session, what acceptance moves, and whom it shuts out.

use super::bench::*;
use super::remote::{DONE, answer, claim, started};
use crate::command::{Command, Offer};
use crate::policy::Ruling;
use crate::session::{Authority, By, admit, next_wake};
use crate::{Refusal, SessionState};
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{Event, HandoffId, RunId, TokenId, limits};

const BEN: &str = "user:ben";

fn by(principal: &str, product: Option<&str>) -> By {
    By { principal: principal.to_owned(), product: product.map(str::to_owned), operator: false }
}

fn operator() -> By {
    By { operator: true, ..by("user:root", None) }
}

fn id(number: u8) -> HandoffId {
    HandoffId::from_bytes([number; 16])
}

fn offered(number: u8, by: By) -> Offer {
    Offer {
        handoff: id(number),
        by,
        to_product: "lab".to_owned(),
        to_principal: Some(BEN.to_owned()),
        tasks: None,
        refs: vec!["ticket:7".to_owned()],
        reason: Some("second line".to_owned()),
        expires_at: None,
        request: None,
    }
}

fn offer(offer: Offer) -> Command {
    Command::OfferHandoff { offer: Box::new(offer), ruled: ruled(Ruling::Permit) }
}

fn accept(number: u8, by: By) -> Command {
    Command::AcceptHandoff { handoff: id(number), by, ruled: ruled(Ruling::Permit) }
}

fn decline(number: u8, by: By) -> Command {
    Command::DeclineHandoff { handoff: id(number), by, reason: Some("not ours".to_owned()) }
}

fn withdraw(number: u8, by: By) -> Command {
    Command::WithdrawHandoff { handoff: id(number), by, reason: None }
}

fn status(state: &SessionState, number: u8) -> HandoffStatus {
    state.handoffs[&id(number)].status
}

/// A session of `desk` and `user:ada` that is offered to `lab` and `user:ben`.
fn offering(bench: &mut Bench) {
    bench.run(offer(offered(1, by(ADA, None))));
}

/// Whether whoever that is may command anything at all.
fn admits(state: &SessionState, by: By) -> Result<(), Refusal> {
    admit(state, &Command::MakeCheckpoint, &Authority::Caller(by))
}

#[test]
fn hnd_1_acceptance_moves_the_session_and_shuts_its_former_owner_out_at_once() {
    let (mut bench, run) = Bench::with_agent();
    offering(&mut bench);
    let owner = |product: &str, principal: &str| Owner {
        product: product.to_owned(),
        principal: principal.to_owned(),
    };
    assert_eq!(bench.state.owner(), Some(owner("desk", ADA)), "while offered the owner stays");
    admits(&bench.state, by(ADA, Some("desk"))).unwrap();
    assert_eq!(
        admits(&bench.state, by(BEN, Some("lab"))),
        Err(Refusal::NoSession(SESSION)),
        "whom it is offered to owns nothing yet"
    );

    bench.run(accept(1, by(BEN, Some("lab"))));
    assert_eq!(bench.state.owner(), Some(owner("lab", BEN)));
    let opened = bench.state.opened.as_ref().unwrap();
    assert_eq!((opened.product.as_str(), opened.user.as_str()), ("lab", "ben"));
    let submitted = bench.state.runs[&run].submitted_seq;
    assert_eq!(
        bench.state.owner_at(submitted),
        Some(owner("desk", ADA)),
        "its run stays as it came"
    );

    for former in [by(ADA, Some("desk")), by(ADA, None), by("user:carl", Some("desk"))] {
        let told = admits(&bench.state, former).unwrap_err();
        assert!(
            matches!(&told, Refusal::HandedOver { owner: now, .. } if *now == owner("lab", BEN))
        );
        assert!(told.to_string().contains("`user:ben` of product `lab`"), "{told}");
    }
    let elsewhere = admits(&bench.state, by("user:dan", Some("shop")));
    assert_eq!(elsewhere, Err(Refusal::NoSession(SESSION)), "whose it never was is told nothing");
    for may in [by(BEN, Some("lab")), by(BEN, None), by("user:carl", None), operator()] {
        admits(&bench.state, may).unwrap();
    }
    admit(&bench.state, &Command::MakeCheckpoint, &Authority::Engine).unwrap();
    // what was in progress goes on
    assert_eq!(bench.state.runs[&run].status, RunStatus::Running);
    bench.land_turn(run, &[]);
    assert_eq!(bench.state.runs[&run].status, RunStatus::Completed);
}

#[test]
fn hnd_1_a_session_that_comes_back_is_its_former_owners_again() {
    let mut bench = Bench::open();
    offering(&mut bench);
    bench.run(accept(1, by(BEN, Some("lab"))));
    let back = Offer {
        to_product: "desk".to_owned(),
        to_principal: Some(ADA.to_owned()),
        ..offered(2, by(BEN, Some("lab")))
    };
    bench.run(offer(back));
    bench.run(accept(2, by(ADA, Some("desk"))));
    admits(&bench.state, by(ADA, Some("desk"))).unwrap();
    assert!(matches!(admits(&bench.state, by(BEN, Some("lab"))), Err(Refusal::HandedOver { .. })));
}

#[test]
fn hnd_1_only_the_owner_offers_and_withdraws_and_only_whom_it_names_answers() {
    let mut bench = Bench::open();
    for stranger in [by("user:carl", None), by(ADA, Some("shop"))] {
        let told = bench.refuse(offer(offered(1, stranger)));
        assert!(matches!(told, Refusal::NotTheOwner { .. }), "{told}");
    }
    offering(&mut bench);
    for stranger in [by(ADA, None), operator(), by(BEN, Some("desk")), by("user:carl", Some("lab"))]
    {
        for command in [accept(1, stranger.clone()), decline(1, stranger.clone())] {
            let told = bench.refuse(command);
            assert!(matches!(told, Refusal::NotOfferedTo { .. }), "{told}");
        }
    }
    let told = bench.refuse(withdraw(1, by(BEN, Some("lab"))));
    assert!(matches!(told, Refusal::NotTheOwner { .. }), "{told}");
    bench.run(withdraw(1, operator()));
    assert_eq!(status(&bench.state, 1), HandoffStatus::Withdrawn);
    bench.run(offer(offered(2, by("user:carl", Some("desk")))));
    bench.run(decline(2, by(BEN, None)));
    assert_eq!(bench.state.handoffs[&id(2)].reason.as_deref(), Some("not ours"));
    assert_eq!(bench.state.owner().unwrap().product, "desk");
}

#[test]
fn hnd_1_one_offer_is_open_at_a_time_and_each_is_resolved_once() {
    let mut bench = Bench::open();
    let keyed = Offer {
        request: Some(tenure_contract::Digest::of(&[b"one"])),
        ..offered(1, by(ADA, None))
    };
    bench.run(offer(keyed.clone()));
    assert!(bench.run(offer(keyed.clone())).is_empty(), "the same again is nothing new");
    let other = Offer { request: Some(tenure_contract::Digest::of(&[b"two"])), ..keyed };
    assert!(matches!(bench.refuse(offer(other)), Refusal::KeyConflict { .. }));
    let told = bench.refuse(offer(offered(2, by(ADA, None))));
    assert!(matches!(told, Refusal::HandoffOpen { .. }), "{told}");
    assert!(told.to_string().contains("withdraw it first"), "{told}");
    assert!(!bench.run(accept(1, by(BEN, None))).is_empty());
    assert!(bench.run(accept(1, by(BEN, None))).is_empty(), "accepting again is nothing new");
    for command in [decline(1, by(BEN, None)), withdraw(1, by(BEN, None))] {
        assert!(matches!(bench.refuse(command), Refusal::NoMove { .. }));
    }
    assert!(matches!(bench.refuse(accept(9, by(BEN, None))), Refusal::NoHandoff(_)));
}

#[test]
fn hnd_1_an_offer_expires_by_itself_and_ends_with_its_session() {
    let mut bench = Bench::open();
    offering(&mut bench);
    let due = bench.now.plus_ms(limits::HANDOFF_EXPIRY_DEFAULT_MS);
    assert_eq!(next_wake(&bench.state), Some(due));
    bench.later(limits::HANDOFF_EXPIRY_DEFAULT_MS);
    let late = bench.refuse(accept(1, by(BEN, None)));
    assert!(matches!(late, Refusal::NoMove { from: "expired", .. }), "{late}");
    assert_eq!(kinds(&bench.wake()), ["handoff.closed"]);
    assert_eq!(status(&bench.state, 1), HandoffStatus::Expired);
    assert_eq!(next_wake(&bench.state), None);

    bench.run(offer(offered(2, by(ADA, None))));
    bench.run(Command::EndSession { status: SessionStatus::Completed, reason: None });
    assert_eq!(status(&bench.state, 2), HandoffStatus::Withdrawn);
    let over = bench.refuse(offer(offered(3, by(ADA, None))));
    assert!(matches!(over, Refusal::SessionEnded { .. }), "{over}");
}

#[test]
fn hnd_1_what_an_offer_may_not_be_is_told() {
    let mut bench = Bench::open();
    let base = || offered(1, by(ADA, None));
    let past = bench.now;
    for (wrong, told) in [
        (Offer { to_product: "desk".to_owned(), to_principal: None, ..base() }, "already"),
        (Offer { refs: vec!["x".to_owned()], ..base() }, "`<kind>:<id>`"),
        (Offer { expires_at: Some(past), ..base() }, "HANDOFF_EXPIRY_MAX_MS"),
        (
            Offer { tasks: Some(vec![tenure_contract::TaskId::from_bytes([9; 16])]), ..base() },
            "no task",
        ),
    ] {
        let refusal = bench.refuse(offer(wrong)).to_string();
        assert!(refusal.contains(told), "{refusal}");
    }
    let crossing = Command::OfferHandoff { offer: Box::new(base()), ruled: deny() };
    assert!(matches!(bench.refuse(crossing), Refusal::MayNotHandOver { .. }));
    let within = Offer { to_product: "desk".to_owned(), ..base() };
    bench.run(Command::OfferHandoff { offer: Box::new(within), ruled: deny() });
    assert_eq!(status(&bench.state, 1), HandoffStatus::Offered, "within a product nobody is asked");
}

#[test]
fn hnd_1_policy_is_asked_again_as_it_is_accepted() {
    let mut bench = Bench::open();
    offering(&mut bench);
    let denied = Command::AcceptHandoff { handoff: id(1), by: by(BEN, None), ruled: deny() };
    assert!(matches!(bench.refuse(denied), Refusal::MayNotHandOver { .. }));
    assert_eq!(status(&bench.state, 1), HandoffStatus::Offered);
}

#[test]
fn hnd_1_open_approvals_move_along_and_nobody_gains_a_vote() {
    let (mut bench, _) = Bench::performing(&[ask("a")]);
    let asked = bench.asked();
    assert_eq!(bench.state.approvals[&asked].approvers, [ADA]);
    offering(&mut bench);
    assert_eq!(bench.state.handoffs[&id(1)].offered.approvals, [asked]);
    bench.run(accept(1, by(BEN, None)));
    assert_eq!(bench.state.approvals[&asked].approvers, [BEN], "where ada could, ben can");
    assert_eq!(bench.state.opened.as_ref().unwrap().approvers, [BEN]);
    assert_eq!(bench.state.handoffs[&id(1)].moved, [asked]);

    let boss = SessionOpened { approvers: vec!["user:boss".to_owned()], ..opened() };
    let mut bench = Bench::opened_as(boss);
    offering(&mut bench);
    bench.run(accept(1, by(BEN, None)));
    let approvers = &bench.state.opened.as_ref().unwrap().approvers;
    assert_eq!(approvers, &["user:boss"], "who owns a session decides nothing by that");
}

#[test]
fn hnd_1_what_the_former_owner_handed_out_decides_nothing_any_more() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let (approval, token) = (bench.asked(), TokenId::from_bytes([5; 16]));
    let expires_at = bench.now.plus_ms(60_000);
    let (audience, run) = ("phone".to_owned(), Some(run));
    let handed = ApprovalHanded { approval, run, token, audience, expires_at };
    bench.run(Command::HandApproval { handed, principal: ADA.to_owned() });
    offering(&mut bench);
    bench.run(accept(1, by(BEN, None)));
    let returned = crate::command::Returned {
        token,
        product: "phone".to_owned(),
        action: bench.state.approvals[&approval].action,
    };
    let as_whom = crate::session::redeem(&bench.state, approval, &returned, bench.now).unwrap();
    assert_eq!(as_whom, [ADA], "it counts as hers, and not as that of who never saw it");
    let told = admits(&bench.state, by(ADA, Some("lab"))).unwrap_err();
    assert!(matches!(told, Refusal::HandedOver { .. }), "{told}");
}

/// Whether whoever that is may give a command about a run an executor performs.
fn lets(bench: &Bench, command: &Command, by: By) -> Result<(), Refusal> {
    admit(&bench.state, command, &Authority::Caller(by))
}

#[test]
fn hnd_1_an_executor_answers_what_it_has_and_the_next_claim_follows_the_new_owner() {
    let (mut bench, run) = started(RecoveryClass::Idempotent);
    offering(&mut bench);
    bench.run(accept(1, by(BEN, Some("lab"))));
    let its_own = answer(run, 3, 1, DONE);
    lets(&bench, &its_own, by("worker:one", Some("desk"))).unwrap();
    let mut answered = bench.clone();
    answered.run(its_own);
    assert_eq!(answered.stop_reason(run), StopReason::Finished, "it was its claim already");

    bench.run(Command::LoseClaim { run, claim: 3 });
    let work = &bench.state.remote_of(run).unwrap().work;
    assert_eq!((work.product.as_str(), work.user.as_str()), ("lab", "ben"));
    let next = claim(run, 4, 2);
    for former in [by("worker:one", Some("desk")), by(ADA, None)] {
        let told = lets(&bench, &next, former).unwrap_err();
        assert!(matches!(told, Refusal::HandedOver { .. }), "{told}");
    }
    let elsewhere = lets(&bench, &next, by("worker:six", Some("shop")));
    assert_eq!(elsewhere, Err(Refusal::NoSession(SESSION)));
    for now in [by("worker:two", Some("lab")), by("worker:two", None)] {
        lets(&bench, &next, now).unwrap();
    }
    assert_eq!(kinds(&bench.run(next)), ["run.claimed"]);
    let late = answer(run, 3, 1, DONE);
    lets(&bench, &late, by("worker:one", Some("desk"))).unwrap();
    assert_eq!(kinds(&bench.run(late)), ["step.late"], "it is journaled and changes nothing");
}

#[test]
fn hnd_1_who_is_offered_a_session_is_told_who_may_take_the_offer_back() {
    let mut bench = Bench::open();
    offering(&mut bench);
    let (lab, desk) = (by(BEN, Some("lab")), by(ADA, Some("desk")));
    lets(&bench, &withdraw(1, lab.clone()), lab.clone()).unwrap();
    let told = bench.refuse(withdraw(1, lab.clone()));
    assert!(told.to_string().contains("is `user:ada`'s of product `desk`"), "{told}");
    bench.run(accept(1, lab));
    let late = lets(&bench, &withdraw(1, desk.clone()), desk).unwrap_err();
    assert!(matches!(late, Refusal::HandedOver { .. }), "{late}");
}

/// Every command there is, of somebody who owned the session before.
#[test]
fn hnd_1_no_command_of_a_former_owner_gets_past_the_fence() {
    let mut bench = Bench::open();
    offering(&mut bench);
    bench.run(accept(1, by(BEN, Some("lab"))));
    let run = RunId::from_bytes([8; 16]);
    let desk = || by("service:bot", Some("desk"));
    let commands = [
        submit(intent(1)),
        Command::MakeCheckpoint,
        Command::ClearMemory,
        Command::EndSession { status: SessionStatus::Completed, reason: None },
        Command::CancelRun { run, stop_reason: StopReason::Aborted, reason: None },
        Command::PauseRun { run },
        Command::ResumeRun { run },
        Command::OpenSession(opened()),
        offer(offered(2, desk())),
        withdraw(1, desk()),
    ];
    for command in commands {
        let told = lets(&bench, &command, desk()).unwrap_err();
        assert!(matches!(told, Refusal::HandedOver { .. }), "{command:?}: {told}");
    }
    for command in [accept(1, desk()), decline(1, desk())] {
        lets(&bench, &command, desk()).unwrap();
        let told = bench.refuse(command);
        assert!(matches!(told, Refusal::NotOfferedTo { .. }), "{told}");
    }
}

#[test]
fn ckp_1_a_handoff_makes_a_checkpoint_in_the_commit_of_its_acceptance() {
    let (mut bench, run) = Bench::with_agent();
    offering(&mut bench);
    let entries = bench.run(accept(1, by(BEN, None)));
    assert_eq!(kinds(&entries), ["handoff.accepted", "checkpoint.made"]);
    let Event::CheckpointMade(made) = &entries[1].event else { panic!("{entries:?}") };
    assert_eq!((made.cause, made.run), (CheckpointCause::Handoff, Some(run)));
    assert_eq!(bench.state.handoffs[&id(1)].checkpoint, Some(made.checkpoint));
}
