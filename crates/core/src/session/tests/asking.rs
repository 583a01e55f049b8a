//! Policy asks about a handler's substep: it waits, and a decision is good for exactly it.

use super::bench::*;
use crate::command::{Command, HandlerOutcome, Standing, Substep};
use crate::policy::{Ruled, Ruling, Terms};
use crate::session::{explain, next_wake, rests, wishes};
use crate::{Refusal, SessionState};
use tenure_contract::event::{Event, RunSubmitted};
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, Digest, Entry, PolicyVersion, RunId, limits};

fn asks(risk: RiskLevel, approvers: &[&str], needs_reason: bool) -> Ruled {
    let approvers = approvers.iter().map(|word| (*word).to_owned()).collect();
    ruled(Ruling::Ask(Terms { why: "money".to_owned(), approvers, needs_reason, risk: Some(risk) }))
}

fn mildly() -> Ruled {
    asks(RiskLevel::Medium, &[], false)
}

fn pay(run: RunId) -> Substep {
    substep(run, "pay", RecoveryClass::Once)
}

/// A handler's run that waits for a decision about its substep `pay`.
fn waiting() -> (Bench, RunId, ApprovalId) {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    bench.run(intend_as(pay(run), mildly()));
    let approval = bench.asked();
    (bench, run, approval)
}

fn stricter() -> PolicyVersion {
    PolicyVersion::Set(Digest::of(&[b"stricter"]))
}

#[test]
fn pol_1_a_substep_policy_asks_about_waits_and_so_does_its_run() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let entries = bench.run(intend_as(pay(run), mildly()));
    let expected = ["approval.requested", "step.asked", "run.waiting-approval", "checkpoint.made"];
    assert_eq!(kinds(&entries), expected);
    let Event::ApprovalRequested(asked) = &entries[0].event else { panic!() };
    assert_eq!((asked.kind, asked.action), (ApprovalKind::Action, action_of(&pay(run))));
    assert_eq!((asked.risk, asked.label.as_str()), (RiskLevel::Medium, "money: pay"));
    assert!(entries[0].payload.is_some(), "the exact action stands beside it");
    assert_eq!(bench.state.approvals[&asked.approval].approvers, [ADA]);
    assert!(rests(&bench.state) && wishes(&bench.state, bench.policy).is_empty());
    assert_eq!(next_wake(&bench.state), asked.expires_at);
    let told = explain::explain(&bench.state, run).unwrap();
    assert_eq!(told.reason, StuckReason::Approval);
    assert_eq!(told.subject, Some(asked.approval.to_string()));
    assert!(told.text.contains("`pay`"), "{}", told.text);
    // the handler is run again and comes to the same place: nothing new, whatever policy says now
    assert!(bench.run(intend_as(pay(run), mildly())).is_empty());
    assert!(bench.run(intend(pay(run))).is_empty());
}

#[test]
fn apr_4_an_approval_is_consumed_in_the_commit_of_the_substeps_intent() {
    let (mut bench, run, approval) = waiting();
    let entries = bench.decide(approval, true).unwrap();
    assert_eq!(kinds(&entries), ["approval.decided", "run.resumed"], "its handler is to be run");
    assert_eq!(wishes(&bench.state, bench.policy).len(), 1);
    assert!(!bench.state.approvals[&approval].consumed);
    let entries = bench.run(intend_as(pay(run), mildly()));
    assert_eq!(kinds(&entries), ["step.intended"]);
    let Event::StepIntended(intended) = &entries[0].event else { panic!() };
    assert_eq!(intended.approval, Some(approval));
    assert!(bench.state.approvals[&approval].consumed);
    // a step that was given up frees its name, and not its approval
    let step = intended.step;
    bench.run(Command::SkipStep { run, step });
    let entries = bench.run(intend_as(pay(run), mildly()));
    assert_eq!(kinds(&entries)[..2], ["approval.requested", "step.asked"]);
}

#[test]
fn apr_2_a_denial_an_expiry_and_nobody_to_ask_are_refusals_the_handler_is_told() {
    let (mut bench, run, approval) = waiting();
    bench.decide(approval, false).unwrap();
    let entries = bench.run(intend_as(pay(run), mildly()));
    assert_eq!(kinds(&entries), ["step.refused"]);
    assert!(entries[0].payload.is_some());
    assert!(matches!(bench.refuse(intend(pay(run))), Refusal::StepUnderWay { .. }));

    let (mut bench, run, _) = waiting();
    bench.later(limits::APPROVAL_EXPIRY_DEFAULT_MS + 1);
    assert_eq!(kinds(&bench.wake()), ["approval.closed", "run.resumed"]);
    assert_eq!(kinds(&bench.run(intend(pay(run)))), ["step.refused"], "even if it were permitted");

    let mut bench = Bench::open();
    let run = bench.submit(RunSubmitted { approvers: Vec::new(), ..intent(1) });
    assert_eq!(kinds(&bench.run(intend_as(pay(run), mildly()))), ["step.refused"]);
    let other = Substep { name: "pay b".to_owned(), ..pay(run) };
    bench.run(intend_as(other, asks(RiskLevel::Low, &["user:ana"], false)));
    let asked = bench.asked();
    assert_eq!(bench.state.approvals[&asked].approvers, ["user:ana"], "the policy's own");
}

#[test]
fn apr_3_only_a_stricter_policy_asks_again() {
    for (now, approver, again) in [
        (ruled(Ruling::Permit), Standing::Lost, false),
        (mildly(), Standing::Kept, false),
        (asks(RiskLevel::Low, &["user:*"], false), Standing::Kept, false),
        (asks(RiskLevel::High, &[], false), Standing::Kept, true),
        (asks(RiskLevel::Low, &["user:ana"], false), Standing::Kept, true),
        (asks(RiskLevel::Low, &[], true), Standing::Kept, true),
        (mildly(), Standing::Lost, true),
    ] {
        let (mut bench, run, before) = waiting();
        bench.decide(before, true).unwrap();
        bench.policy = stricter();
        let mut command = intend_as(pay(run), now.clone());
        let Command::IntendStep { approver: standing, .. } = &mut command else { panic!() };
        *standing = approver;
        let entries = bench.run(command);
        let begins: &[&str] = match again {
            true => &["approval.requested", "step.asked"],
            false => &["step.intended"],
        };
        assert_eq!(&kinds(&entries)[..begins.len()], begins, "{now:?}");
        assert_eq!(bench.state.approvals[&before].consumed, !again);
    }
}

/// With new code a substep may be of another class under the same name and inputs: what was approved
/// is another action then, also under the same policy.
#[test]
fn apr_3_an_approval_of_another_action_is_asked_about_again() {
    let (mut bench, run, before) = waiting();
    bench.decide(before, true).unwrap();
    let mut command = intend_as(pay(run), mildly());
    let Command::IntendStep { shown: Some(shown), .. } = &mut command else { panic!() };
    shown.action = Digest::of(&[b"another"]);
    let entries = bench.run(command);
    assert_eq!(kinds(&entries)[..2], ["approval.requested", "step.asked"]);
    assert!(!bench.state.approvals[&before].consumed);
    assert!(bench.run(intend_as(pay(run), mildly())).is_empty(), "the new one is open");
}

#[test]
fn apr_5_a_session_with_as_many_questions_as_it_may_have_is_asked_no_more() {
    let (mut bench, run, first) = waiting();
    let numbered = |number: usize| Substep { name: format!("pay {number}"), ..pay(run) };
    for number in 1..limits::APPROVALS_OPEN_PER_SESSION_MAX {
        assert_eq!(
            kinds(&bench.run(intend_as(numbered(number), mildly()))),
            ["approval.requested", "step.asked"]
        );
    }
    let more = kinds(&bench.run(intend_as(numbered(0), mildly())));
    assert!(more.contains(&"step.refused") && !more.contains(&"step.asked"), "{more:?}");
    assert_eq!(bench.status(run), RunStatus::WaitingApproval, "the others are as they were");
    bench.decide(first, false).unwrap();
    let next = numbered(limits::APPROVALS_OPEN_PER_SESSION_MAX);
    assert!(kinds(&bench.run(intend_as(next, mildly()))).contains(&"step.asked"));
}

#[test]
fn run_1_a_waiting_run_is_paused_and_waits_again_once_resumed() {
    let (mut bench, run, approval) = waiting();
    bench.run(Command::PauseRun { run });
    assert_eq!(bench.status(run), RunStatus::Paused);
    bench.decide(approval, true).unwrap();
    assert_eq!(bench.status(run), RunStatus::Paused, "a decision starts nothing that was halted");
    assert!(matches!(bench.refuse(intend_as(pay(run), mildly())), Refusal::RunStatus { .. }));
    bench.run(Command::ResumeRun { run });
    assert_eq!(bench.status(run), RunStatus::Running);
    assert_eq!(kinds(&bench.run(intend_as(pay(run), mildly()))), ["step.intended"]);

    let (mut bench, run, _) = waiting();
    bench.run(Command::PauseRun { run });
    bench.run(Command::ResumeRun { run });
    assert_eq!(bench.status(run), RunStatus::WaitingApproval);
}

#[test]
fn apr_4_what_policy_denies_by_then_is_refused_and_the_approval_stays_unused() {
    let (mut bench, run, approval) = waiting();
    bench.decide(approval, true).unwrap();
    bench.policy = stricter();
    assert_eq!(kinds(&bench.run(intend_as(pay(run), deny()))), ["step.refused"]);
    assert!(!bench.state.approvals[&approval].consumed);
}

#[test]
fn apr_3_a_decision_is_about_exactly_what_was_asked() {
    let (mut bench, run, approval) = waiting();
    let other = Substep { input: Digest::of(&[b"more"]), ..pay(run) };
    assert!(matches!(bench.refuse(intend(other.clone())), Refusal::Divergence { .. }));
    let edited = Some(Digest::of(&[b"less"]));
    assert!(matches!(bench.refuse(decision_by(approval, ADA, edited)), Refusal::Invalid(_)));
    bench.decide(approval, true).unwrap();
    assert!(matches!(bench.refuse(intend(other)), Refusal::Divergence { .. }));
}

#[test]
fn apr_5_substeps_wait_side_by_side_while_others_go_on() {
    let (mut bench, run, first) = waiting();
    let other = Substep { name: "pay b".to_owned(), ..pay(run) };
    let entries = bench.run(intend_as(other.clone(), mildly()));
    assert_eq!(kinds(&entries), ["approval.requested", "step.asked"], "it waits already");
    let second = *bench.state.asked.iter().find(|id| **id != first).unwrap();
    // what needs no decision goes on, and the run with it, until it is done
    let look = substep(run, "look", RecoveryClass::Idempotent);
    assert_eq!(kinds(&bench.run(intend(look))), ["run.resumed", "step.intended"]);
    let (step, _) = bench.open_step(run, |open| open.name == "look");
    let landed = kinds(&bench.land(run, step))[..2].to_vec();
    assert_eq!(landed, ["step.landed", "run.waiting-approval"]);
    bench.decide(second, true).unwrap();
    assert_eq!(bench.status(run), RunStatus::WaitingApproval, "the first is open");
    let entries = bench.run(intend_as(other, mildly()));
    assert_eq!(kinds(&entries), ["run.resumed", "step.intended"]);
    bench.decide(first, true).unwrap();
    assert_eq!(kinds(&bench.run(intend_as(pay(run), mildly()))), ["step.intended"]);
}

#[test]
fn apr_1_the_end_of_a_run_closes_what_it_asked() {
    let (mut bench, run, approval) = waiting();
    bench.cancel(run);
    assert_eq!(bench.status(run), RunStatus::Cancelled);
    assert_eq!(bench.state.approvals[&approval].status, ApprovalStatus::Cancelled);

    let (mut bench, run, approval) = waiting();
    let (outcome, artifacts) = (HandlerOutcome::Done, Vec::new());
    bench.run(Command::FinishRun { run, outcome, artifacts });
    assert_eq!(bench.status(run), RunStatus::Completed, "it went on without");
    assert_eq!(bench.state.approvals[&approval].status, ApprovalStatus::Cancelled);
}

#[test]
fn apr_4_a_journal_in_which_another_substep_uses_the_approval_does_not_fold() {
    let (mut bench, run, approval) = waiting();
    bench.decide(approval, true).unwrap();
    let before: SessionState = bench.state.clone();
    bench.run(intend_as(pay(run), mildly()));
    let honest = bench.kept.last().unwrap().entry.clone();
    let Event::StepIntended(intended) = &honest.event else { panic!() };
    assert!(before.clone().apply(&honest).is_ok());
    let forge = |forged: tenure_contract::event::StepIntended| {
        let forged = Entry { event: forged.into(), ..honest.clone() };
        before.clone().apply(&forged).unwrap_err().why
    };
    let (name, input) = ("pay b".to_owned(), Digest::of(&[b"more"]));
    for why in [
        forge(tenure_contract::event::StepIntended { name, ..intended.clone() }),
        forge(tenure_contract::event::StepIntended { input, ..intended.clone() }),
    ] {
        assert!(why.contains("for another action"), "{why}");
    }
}
