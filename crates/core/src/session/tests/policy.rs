//! The policy in force at a call's execution decides, not the one that saw the model ask.

use super::bench::*;
use crate::command::{Command, Standing};
use crate::policy::Ruling;
use crate::session::{CallOutcome, Wish, wishes};
use crate::{Refusal, SessionState};
use tenure_contract::event::{CallVerdict, Event, RunSubmitted};
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, Digest, Entry, PolicyVersion, RunId};

const DENIED: CallVerdict = CallVerdict::Refuse { why: CallRefusal::DeniedByPolicy };

fn version(text: &str) -> PolicyVersion {
    PolicyVersion::Set(Digest::of(&[text.as_bytes()]))
}

fn asking(risk: RiskLevel, approvers: &[&str], needs_reason: bool) -> CallVerdict {
    let approvers = approvers.iter().map(|word| (*word).to_owned()).collect();
    CallVerdict::Ask { risk, label: "pay a".to_owned(), approvers, needs_reason }
}

/// A call that was approved under the default policy, while another one has come into force.
fn approved_before() -> (Bench, RunId, ApprovalId) {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let approval = bench.asked();
    bench.policy = version("stricter");
    let entries = bench.decide(approval, true).unwrap();
    assert_eq!(kinds(&entries), ["approval.decided", "run.resumed"], "nothing begins yet");
    (bench, run, approval)
}

fn assessments(bench: &Bench) -> usize {
    let wished = wishes(&bench.state, bench.policy);
    wished.iter().filter(|wish| matches!(wish, Wish::Assess { .. })).count()
}

fn refused(outcome: CallOutcome) -> bool {
    outcome == CallOutcome::Refused(CallRefusal::DeniedByPolicy)
}

#[test]
fn apr_4_a_call_waits_for_another_verdict_when_the_policy_has_changed() {
    let (mut bench, run, approval) = approved_before();
    assert_eq!(assessments(&bench), 1);
    assert!(bench.wake().is_empty(), "nothing but a verdict moves it");
    let entries = bench.assess(run, 0, CallVerdict::Permit);
    assert_eq!(kinds(&entries), ["call.assessed", "step.intended"]);
    let Event::StepIntended(intended) = &entries[1].event else { panic!() };
    assert_eq!((intended.policy, intended.approval), (Some(bench.policy), Some(approval)));
    assert_eq!(assessments(&bench), 0);
}

#[test]
fn apr_4_what_policy_denies_by_then_is_refused_and_its_approval_not_consumed() {
    let (mut bench, run, approval) = approved_before();
    let entries = bench.assess(run, 0, DENIED);
    assert_eq!(kinds(&entries), ["call.assessed", "step.intended"], "the model is told");
    assert!(refused(bench.outcome(run, 0)));
    assert!(!bench.state.approvals[&approval].consumed);
}

#[test]
fn apr_3_only_a_stricter_question_is_asked_again() {
    for (verdict, standing, again) in [
        (asking(RiskLevel::High, &[], false), Standing::Kept, false),
        (asking(RiskLevel::Low, &["user:ada"], false), Standing::Kept, false),
        (asking(RiskLevel::Low, &["user:*"], false), Standing::Kept, false),
        (asking(RiskLevel::Critical, &[], false), Standing::Kept, true),
        (asking(RiskLevel::High, &["user:ana"], false), Standing::Kept, true),
        (asking(RiskLevel::High, &[], true), Standing::Kept, true),
        (asking(RiskLevel::High, &[], false), Standing::Lost, true),
    ] {
        let (mut bench, run, before) = approved_before();
        let entries = bench.assess_as(run, 0, verdict.clone(), standing);
        let expected: &[&str] = match again {
            true => {
                &["call.assessed", "approval.requested", "run.waiting-approval", "checkpoint.made"]
            }
            false => &["call.assessed", "step.intended"],
        };
        assert_eq!(kinds(&entries), expected, "{verdict:?}");
        assert_eq!(bench.state.approvals[&before].consumed, !again);
        if again {
            let asked = &bench.state.approvals[&bench.asked()];
            assert_eq!(asked.action, ask("a").action, "the very same action");
        }
    }
}

#[test]
fn apr_3_the_new_decision_is_the_one_that_is_consumed() {
    let (mut bench, run, before) = approved_before();
    bench.assess(run, 0, asking(RiskLevel::Critical, &[], true));
    let after = bench.asked();
    let reasonless = bench.decide(after, true).unwrap_err();
    assert_eq!(reasonless, Refusal::ReasonRequired(after));
    let entries = bench.run(Command::DecideApproval {
        approval: after,
        approve: true,
        principal: ADA.to_owned(),
        reason: Some("it is due".to_owned()),
        edited: None,
        ruled: ruled(Ruling::Permit),
        returned: None,
    });
    assert_eq!(kinds(&entries), ["approval.decided", "run.resumed", "step.intended"]);
    assert!(bench.state.approvals[&after].consumed && !bench.state.approvals[&before].consumed);
    bench.step_of_call(run, 0);
}

#[test]
fn apr_4_edited_arguments_are_assessed_before_they_run_and_stay_edited() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let edited = Digest::of(&[b"pay less"]);
    let entries = bench.run(decision_by(bench.asked(), ADA, Some(edited)));
    let edited_seq = Some(entries[0].seq);
    assert_eq!(assessments(&bench), 1, "nobody has assessed these arguments");
    bench.assess(run, 0, asking(RiskLevel::Critical, &[], false));
    assert_eq!(bench.state.approvals[&bench.asked()].action, edited);
    bench.decide(bench.asked(), true).unwrap();
    let step = bench.step_of_call(run, 0);
    assert_eq!(bench.progress(run).open[&step].edited_seq, edited_seq);
}

#[test]
fn apr_4_a_permit_is_checked_again_after_a_halt() {
    let (mut bench, run) = Bench::with_agent();
    bench.run(Command::PauseRun { run });
    bench.land_turn(run, &[call("a")]);
    bench.policy = version("stricter");
    assert_eq!(assessments(&bench), 0, "a halted run asks for nothing");
    let entries = bench.run(Command::ResumeRun { run });
    assert_eq!(kinds(&entries), ["run.resumed"]);
    assert_eq!(assessments(&bench), 1);
    bench.assess(run, 0, DENIED);
    assert!(refused(bench.outcome(run, 0)));
}

#[test]
fn apr_4_a_verdict_from_a_policy_that_was_replaced_changes_nothing() {
    let (mut bench, run, _) = approved_before();
    let site = tenure_contract::event::CallSite { turn: 1, index: 0 };
    let (verdict, policy) = (CallVerdict::Permit, bench.policy);
    bench.policy = version("stricter still");
    let approver = Standing::Kept;
    let stale = Command::AssessCall { run, site, verdict, policy, approver };
    assert!(bench.run(stale).is_empty());
    assert_eq!(assessments(&bench), 1, "it is asked for again");
}

#[test]
fn pol_1_what_has_no_side_effect_needs_no_policy() {
    let (mut bench, run) = Bench::with_agent();
    bench.run(Command::PauseRun { run });
    let look = tenure_contract::event::CallNoted { class: RecoveryClass::Read, ..call("a") };
    bench.land_turn(run, &[look]);
    bench.policy = version("stricter");
    let entries = bench.run(Command::ResumeRun { run });
    assert_eq!(kinds(&entries), ["run.resumed", "step.intended"]);
    let Event::StepIntended(intended) = &entries[1].event else { panic!() };
    assert_eq!(intended.policy, None);
}

#[test]
fn apr_4_a_journal_in_which_a_call_began_under_another_policy_does_not_fold() {
    let (mut bench, run, _) = approved_before();
    let before: SessionState = {
        let mut state = bench.state.clone();
        let entries = bench.assess(run, 0, CallVerdict::Permit);
        state.apply(&entries[0]).unwrap();
        state
    };
    let honest = bench.kept.last().unwrap().entry.clone();
    let Event::StepIntended(intended) = &honest.event else { panic!() };
    let mut forged = intended.clone();
    forged.policy = Some(PolicyVersion::Default);
    assert!(before.clone().apply(&honest).is_ok());
    let forged = Entry { event: forged.into(), ..honest };
    assert!(before.clone().apply(&forged).unwrap_err().why.contains("another policy"));
}

#[test]
fn run_2_a_run_that_policy_refuses_is_journaled_and_ends_refused() {
    let mut bench = Bench::open();
    let refuse = |submitted| Command::SubmitRun { submitted, ruled: deny() };
    let entries = bench.run(refuse(agent(1)));
    assert_eq!(kinds(&entries), ["run.submitted", "run.ended", "checkpoint.made"]);
    assert_eq!(bench.status(run_id(1)), RunStatus::Failed);
    assert_eq!(bench.stop_reason(run_id(1)), StopReason::Refused);
    let body = bench.kept.last().unwrap().body.is_some();
    assert!(body, "why is beside its end");
    // neither an interrupting nor a steering one touches the run in progress
    let current = bench.submit(agent(2));
    for (number, policy) in [(3, InputPolicy::Interrupt), (4, InputPolicy::Steer)] {
        bench.run(refuse(RunSubmitted { policy, ..agent(number) }));
        assert_eq!(bench.stop_reason(run_id(number)), StopReason::Refused);
    }
    bench.run(refuse(RunSubmitted { parent: Some(current), ..agent(5) }));
    assert_eq!(bench.stop_reason(run_id(5)), StopReason::Refused);
    assert_eq!(bench.status(current), RunStatus::Running);
    assert!(bench.progress(current).steered.is_empty());
    // nobody decides about a run that does not wait
    let terms = crate::policy::Terms {
        why: "look".to_owned(),
        approvers: Vec::new(),
        needs_reason: false,
        risk: None,
    };
    bench.run(Command::SubmitRun { submitted: agent(6), ruled: ruled(Ruling::Ask(terms)) });
    assert_eq!(bench.stop_reason(run_id(6)), StopReason::Refused);
}

#[test]
fn pol_1_a_refused_substep_is_its_own_result() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let substep = substep(run, "pay", RecoveryClass::Once);
    let entries = bench.run(intend_as(substep.clone(), deny()));
    assert_eq!(kinds(&entries), ["step.refused"]);
    let memo = &bench.progress(run).memo["pay"];
    assert_eq!((memo.result_seq, memo.failed), (Some(entries[0].seq), true));
    assert!(bench.progress(run).open.is_empty());
    // a looser policy does not change what the handler was told
    assert!(matches!(bench.refuse(intend(substep)), Refusal::StepUnderWay { .. }));
}

#[test]
fn apr_2_who_may_not_decide_by_policy_does_not() {
    let (mut bench, _) = Bench::performing(&[ask("a")]);
    let approval = bench.asked();
    let told = bench.refuse(Command::DecideApproval {
        approval,
        approve: true,
        principal: ADA.to_owned(),
        reason: None,
        edited: None,
        ruled: deny(),
        returned: None,
    });
    assert!(matches!(told, Refusal::MayNotDecide { .. }), "{told}");
    assert_eq!(bench.asked(), approval, "it is still open");
}

#[test]
fn pol_1_the_policy_s_approvers_stand_in_for_the_run_s() {
    let mut bench = Bench::open();
    let run = bench.submit(RunSubmitted { approvers: Vec::new(), ..agent(1) });
    let verdict = asking(RiskLevel::High, &["user:ana"], false);
    bench.land_turn(run, &[tenure_contract::event::CallNoted { verdict, ..call("a") }]);
    let approval = bench.asked();
    assert_eq!(bench.state.approvals[&approval].approvers, ["user:ana"]);
    assert!(bench.decide(approval, true).is_err(), "{ADA} is not named");
    bench.run(decision_by(approval, "user:ana", None));
    bench.step_of_call(run, 0);
}
