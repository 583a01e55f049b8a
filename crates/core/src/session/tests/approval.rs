//! Approvals: refused by default, decided once, bound to one exact action, consumed once.

use super::bench::*;
use crate::clock::Hold;
use crate::policy::Ruling;
use crate::session::{CallOutcome, explain};
use crate::{Command, Refusal};
use tenure_contract::event::{CallNoted, CallVerdict, Event, StepIntended};
use tenure_contract::words::*;
use tenure_contract::{Digest, Entry, RunId, limits};

fn intended(entries: &[Entry]) -> &StepIntended {
    let found = entries.iter().find_map(|entry| match &entry.event {
        Event::StepIntended(intended) => Some(intended),
        _ => None,
    });
    found.expect("a step is intended")
}

#[test]
fn apr_1_an_approval_says_what_it_is_about_and_is_decided_once() {
    let (mut bench, run) = Bench::with_agent();
    let entries = bench.land_turn(run, &[ask("a")]);
    let Event::ApprovalRequested(asked) = &entries[1].event else {
        panic!("{:?}", kinds(&entries))
    };
    assert_eq!(
        (asked.kind, asked.risk, asked.run),
        (ApprovalKind::Action, RiskLevel::High, Some(run))
    );
    assert_eq!((asked.label.as_str(), asked.action), ("pay a", ask("a").action));
    assert!(
        bench.kept[entries[1].seq as usize - 1].body.is_some(),
        "the exact action is beside it"
    );
    let approval = asked.approval;
    bench.decide(approval, true).unwrap();
    for approve in [true, false] {
        let told = bench.decide(approval, approve).unwrap_err();
        assert_eq!(told, Refusal::AlreadyDecided { approval, status: ApprovalStatus::Approved });
    }
}

#[test]
fn flt_15_a_decided_approval_cannot_be_flipped() {
    let (mut bench, run) = Bench::performing(&[ask("a"), ask("b")]);
    let open: Vec<_> = bench.state.asked.iter().copied().collect();
    bench.decide(open[0], false).unwrap();
    assert!(bench.decide(open[0], true).is_err());
    assert!(matches!(bench.outcome(run, 0), CallOutcome::Denied(_)));
}

#[test]
fn apr_2_without_an_approver_it_is_refused_at_once() {
    let mut bench = Bench::open();
    let run =
        bench.submit(tenure_contract::event::RunSubmitted { approvers: Vec::new(), ..agent(1) });
    let question =
        CallNoted { verdict: CallVerdict::AskHuman { label: "which?".to_owned() }, ..call("q") };
    let entries = bench.land_turn(run, &[ask("a"), question]);
    assert_eq!(kinds(&entries), ["turn.landed", "step.intended"], "the model is told and goes on");
    for index in 0..2 {
        assert_eq!(bench.outcome(run, index), CallOutcome::Refused(CallRefusal::NoApprover));
    }
}

#[test]
fn apr_2_expiry_is_a_refusal_told_to_the_model() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let approval = bench.asked();
    bench.later(limits::APPROVAL_EXPIRY_DEFAULT_MS);
    assert!(bench.decide(approval, true).is_err(), "too late, even before anybody woke");
    let entries = bench.wake();
    assert_eq!(kinds(&entries), ["approval.closed", "run.resumed", "step.intended"]);
    assert_eq!(bench.outcome(run, 0), CallOutcome::Refused(CallRefusal::ApprovalExpired));
}

#[test]
fn apr_2_only_those_named_may_decide() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let approval = bench.asked();
    let by = |principal: &str| decision_by(approval, principal, None);
    for other in ["user:eve", "agent:ada", "user:ad", "user:ada2", "", "*"] {
        assert!(matches!(bench.refuse(by(other)), Refusal::NotAnApprover { .. }), "{other}");
    }
    bench.run(by(ADA));
    bench.step_of_call(run, 0);

    let mut bench = Bench::open();
    let anyone = vec!["user:*".to_owned()];
    let run = bench.submit(tenure_contract::event::RunSubmitted { approvers: anyone, ..agent(1) });
    bench.land_turn(run, &[ask("a")]);
    let approval = bench.asked();
    let by = |principal: &str| decision_by(approval, principal, None);
    assert!(matches!(bench.refuse(by("service:bot")), Refusal::NotAnApprover { .. }));
    bench.run(by("user:eve"));
}

#[test]
fn rt6_only_an_approval_lets_the_call_run() {
    for approve in [true, false] {
        let (mut bench, run) = Bench::performing(&[ask("a")]);
        let entries = bench.decide(bench.asked(), approve).unwrap();
        let began =
            kinds(&entries).contains(&"step.intended") && bench.progress(run).turns.len() == 1;
        assert_eq!(began, approve);
        if !approve {
            assert!(matches!(bench.outcome(run, 0), CallOutcome::Denied(_)));
            assert_eq!(bench.progress(run).turns.len(), 2, "a refusal is told to the model");
        }
    }
}

#[test]
fn flt_8_an_approval_is_a_closed_word() {
    // only the words of the list exist, and exactly one of them lets a call begin
    assert!("true".parse::<ApprovalStatus>().is_err() && "yes".parse::<ApprovalStatus>().is_err());
    for status in ApprovalStatus::ALL {
        let (mut bench, run) = Bench::performing(&[ask("a")]);
        let approval = bench.asked();
        let step = StepIntended {
            run,
            step: tenure_contract::StepId::from_bytes([8; 16]),
            name: "pay".to_owned(),
            kind: StepKind::Tool,
            class: RecoveryClass::Once,
            input: ask("a").action,
            site: bench.state.approvals[&approval].site,
            timeout_ms: 1_000,
            approval: Some(approval),
            has_lookup: false,
            policy: Some(bench.policy),
        };
        bench.run(Command::PauseRun { run });
        match status {
            ApprovalStatus::Approved => drop(bench.decide(approval, true).unwrap()),
            ApprovalStatus::Denied => drop(bench.decide(approval, false).unwrap()),
            ApprovalStatus::Expired => {
                bench.later(limits::APPROVAL_EXPIRY_DEFAULT_MS);
                bench.wake();
            }
            ApprovalStatus::Requested | ApprovalStatus::Cancelled => {}
        }
        let last = bench.kept.last().unwrap().entry.clone();
        let mut state = bench.state.clone();
        state.runs.get_mut(&run).unwrap().status = RunStatus::Running;
        let began = state.apply(&Entry { seq: state.seq + 1, event: step.into(), ..last });
        assert_eq!(began.is_ok(), *status == ApprovalStatus::Approved, "{status}: {began:?}");
    }
}

#[test]
fn apr_3_edited_arguments_change_the_action_that_was_approved() {
    let edited = Digest::of(&[b"pay less"]);
    for (approve, edit, expected) in [
        (true, None, Some(ask("a").action)),
        (true, Some(edited), Some(edited)),
        (false, Some(edited), None),
    ] {
        let (mut bench, run) = Bench::performing(&[ask("a")]);
        let approval = bench.asked();
        let entries = bench.run(Command::DecideApproval {
            approval,
            approve,
            principal: ADA.to_owned(),
            reason: None,
            edited: edit,
            ruled: ruled(Ruling::Permit),
            returned: None,
        });
        let Event::ApprovalDecided(decided) = &entries[0].event else {
            panic!("{:?}", kinds(&entries))
        };
        match expected {
            Some(action) => {
                assert_eq!(decided.edited, edit, "editing is recorded");
                let begun = match edit {
                    Some(_) => bench.assess(run, 0, ask("a").verdict),
                    None => entries.clone(),
                };
                assert_eq!(intended(&begun).input, action);
                assert_eq!(bench.state.approvals[&approval].action, action);
                let (step, _) = bench.open_step(run, |_| true);
                let edited_seq = bench.progress(run).open[&step].edited_seq;
                assert_eq!(
                    edited_seq,
                    edit.map(|_| entries[0].seq),
                    "the arguments stand beside the decision"
                );
            }
            None => assert_eq!(decided.edited, None, "a denied action has nothing to edit"),
        }
    }
}

#[test]
fn apr_3_an_approval_fits_no_other_action() {
    let (mut bench, _) = Bench::performing(&[ask("a"), ask("b")]);
    let open: Vec<_> = bench.state.asked.iter().copied().collect();
    let entries = {
        let mut bench = bench.clone();
        bench.decide(open[0], true).unwrap()
    };
    let honest = intended(&entries).clone();
    let Event::ApprovalDecided(_) = &entries[0].event else { panic!("{:?}", kinds(&entries)) };
    bench.state.apply(&entries[0]).unwrap();
    if let Event::RunResumed(_) = &entries[1].event {
        bench.state.apply(&entries[1]).unwrap();
    }
    let fold = |event: StepIntended| {
        let mut state = bench.state.clone();
        state.apply(&Entry { seq: state.seq + 1, event: event.into(), ..entries[0].clone() })
    };
    let site = |index| tenure_contract::event::CallSite { turn: 1, index };
    assert!(fold(honest.clone()).is_ok());
    assert!(fold(StepIntended { input: Digest::of(&[b"pay more"]), ..honest.clone() }).is_err());
    assert!(fold(StepIntended { site: Some(site(1)), ..honest.clone() }).is_err());
    assert!(fold(StepIntended { approval: Some(open[1]), ..honest.clone() }).is_err());
    assert!(fold(StepIntended { approval: None, ..honest }).is_err());
}

#[test]
fn apr_4_an_approval_is_consumed_once_in_the_commit_of_its_step() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let approval = bench.asked();
    let entries = bench.decide(approval, true).unwrap();
    assert_eq!(kinds(&entries), ["approval.decided", "run.resumed", "step.intended"]);
    assert_eq!(intended(&entries).approval, Some(approval));
    assert!(bench.state.approvals[&approval].consumed);
    let again = StepIntended {
        step: tenure_contract::StepId::from_bytes([8; 16]),
        ..intended(&entries).clone()
    };
    let mut state = bench.state.clone();
    let told =
        state.apply(&Entry { seq: state.seq + 1, event: again.into(), ..entries[2].clone() });
    assert!(told.unwrap_err().why.contains("not there to be used"));
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Crash);
    bench.later(1_000);
    bench.resolve(step, Resolution::Retry).unwrap();
    assert_eq!(
        bench.count("approval.requested"),
        1,
        "another attempt of the same step asks nobody again"
    );
}

fn two_questions() -> (Bench, RunId, Vec<tenure_contract::ApprovalId>) {
    let (bench, run) = Bench::performing(&[ask("a"), call("b"), ask("c")]);
    let open = bench.state.asked.iter().copied().collect();
    (bench, run, open)
}

#[test]
fn many_questions_at_once_block_neither_each_other_nor_what_needs_none() {
    let (mut bench, run, open) = two_questions();
    assert_eq!(bench.status(run), RunStatus::Running, "the middle call is under way");
    let middle = bench.step_of_call(run, 1);
    bench.land(run, middle);
    assert_eq!(bench.status(run), RunStatus::WaitingApproval);
    bench.decide(open[1], false).unwrap();
    assert_eq!(
        bench.status(run),
        RunStatus::WaitingApproval,
        "one is denied, the other still open"
    );
    bench.decide(open[0], true).unwrap();
    assert_eq!(bench.status(run), RunStatus::Running);
    let first = bench.step_of_call(run, 0);
    bench.land(run, first);
    assert_eq!(bench.progress(run).turns.len(), 2, "the model hears all three, in call order");
}

#[test]
fn apr_1_a_cancelled_run_closes_its_questions() {
    let (mut bench, run, open) = two_questions();
    bench.cancel(run);
    for approval in open {
        assert_eq!(bench.state.approvals[&approval].status, ApprovalStatus::Cancelled);
        assert!(bench.decide(approval, true).is_err());
    }
}

#[test]
fn an_answer_to_a_question_is_the_call_s_result() {
    let question =
        CallNoted { verdict: CallVerdict::AskHuman { label: "which?".to_owned() }, ..call("q") };
    let (mut bench, run) = Bench::performing(&[question]);
    let asked = bench.asked();
    assert_eq!(bench.state.approvals[&asked].kind, ApprovalKind::Question);
    let entries = bench.decide(asked, true).unwrap();
    assert_eq!(bench.outcome(run, 0), CallOutcome::Answered(entries[0].seq));
    assert_eq!(bench.count("step.intended"), 2, "two model calls, no tool");
}

/// As many calls that need a decision as a turn may hold.
fn many() -> Vec<CallNoted> {
    (0..limits::CALLS_PER_TURN_MAX).map(|n| ask(&format!("c{n}"))).collect()
}

/// A session with a handler's run, and agents nested in it that have asked for as many decisions as
/// may be open; the last agent's next turn is due.
fn full() -> (Bench, Vec<RunId>) {
    let mut bench = Bench::open();
    let root = bench.submit(intent(1));
    let asking = limits::APPROVALS_OPEN_PER_SESSION_MAX / limits::CALLS_PER_TURN_MAX;
    let agents = (0..=asking as u8).map(|n| {
        bench.submit(tenure_contract::event::RunSubmitted { parent: Some(root), ..agent(n + 2) })
    });
    let agents: Vec<RunId> = agents.collect();
    for run in &agents[..asking] {
        bench.land_turn(*run, &many());
    }
    assert_eq!(bench.state.asked.len(), limits::APPROVALS_OPEN_PER_SESSION_MAX);
    (bench, agents)
}

#[test]
fn apr_5_one_question_more_than_a_session_may_have_open_is_a_refusal_told_to_the_model() {
    let (mut bench, agents) = full();
    let last = *agents.last().unwrap();
    let question =
        CallNoted { verdict: CallVerdict::AskHuman { label: "which?".to_owned() }, ..call("q") };
    let entries = bench.land_turn(last, &[ask("more"), question, call("free")]);
    assert_eq!(kinds(&entries), ["turn.landed", "step.intended"], "what needs nobody goes on");
    for index in 0..2 {
        let refused = CallOutcome::Refused(CallRefusal::ApprovalsFull);
        assert_eq!(bench.outcome(last, index), refused);
    }
    assert_eq!(bench.state.asked.len(), limits::APPROVALS_OPEN_PER_SESSION_MAX, "none is lost");
    // every decision makes room for one
    let decided = *bench.state.asked.first().unwrap();
    bench.decide(decided, true).unwrap();
    let step = bench.step_of_call(last, 2);
    bench.land(last, step);
    bench.land_turn(last, &[ask("again"), ask("too many")]);
    assert!(matches!(bench.outcome(last, 0), CallOutcome::Asked(_)));
    assert_eq!(bench.outcome(last, 1), CallOutcome::Refused(CallRefusal::ApprovalsFull));
}

#[test]
fn apr_5_without_room_for_its_question_a_run_over_its_budget_ends_and_says_so() {
    let (mut bench, agents) = full();
    let last = *agents.last().unwrap();
    bench.state.runs.get_mut(&last).unwrap().limits.budget_steps = 1;
    bench.land_turn(last, &[call("next")]);
    assert_eq!(bench.stop_reason(last), StopReason::Budget);
    let ending = bench.known(last).ending().unwrap();
    assert_eq!(ending.error_code.as_deref(), Some("approvals-full"));
    assert_eq!(bench.state.asked.len(), limits::APPROVALS_OPEN_PER_SESSION_MAX);
}

#[test]
fn apr_5_asked_again_without_room_is_refused_and_what_an_approval_covers_needs_none() {
    let (mut bench, agents) = full();
    let last = *agents.last().unwrap();
    bench.land_turn(last, &[call("waits")]);
    let first = agents[0];
    let approval = *bench.state.asked.first().unwrap();
    bench.policy = tenure_contract::PolicyVersion::Set(tenure_contract::Digest::of(&[b"new"]));
    bench.decide(approval, true).unwrap();
    // the place the decision left is taken again
    bench.state.asked.insert(approval);
    let approved = |call: &CallOutcome| matches!(call, CallOutcome::Approved { approval: given, .. } if *given == approval);
    let index = (0..limits::CALLS_PER_TURN_MAX)
        .find(|index| approved(&bench.outcome(first, *index)))
        .unwrap();
    let CallVerdict::Ask { label, .. } = ask("c0").verdict else { unreachable!() };
    let stricter = CallVerdict::Ask {
        risk: RiskLevel::Critical,
        label,
        approvers: Vec::new(),
        needs_reason: false,
    };
    bench.assess(first, index as u32, stricter);
    assert_eq!(bench.outcome(first, index), CallOutcome::Refused(CallRefusal::ApprovalsFull));
}

#[test]
fn apr_2_while_the_clock_is_not_believed_nothing_expires_and_it_can_still_be_decided() {
    let (mut bench, run) = Bench::performing(&[ask("a"), ask("b")]);
    bench.hold = Hold::WallAhead(3_600_000);
    bench.later(limits::APPROVAL_EXPIRY_DEFAULT_MS);
    assert!(bench.wake().is_empty(), "held");
    assert_eq!(crate::session::next_retry(&bench.state), None, "a wake would change nothing");
    let first = *bench.state.asked.first().unwrap();
    let held = explain::held(&bench.state, run, bench.hold, bench.now).unwrap();
    assert_eq!(held.reason, StuckReason::ClockHeld);
    assert!(held.text.contains("60 min") && held.text.contains("approve or deny"), "{}", held.text);
    bench.decide(first, true).unwrap();
    bench.hold = Hold::Open;
    let entries = bench.wake();
    assert_eq!(kinds(&entries)[0], "approval.closed");
    assert!(bench.state.asked.is_empty());
    assert_eq!(explain::held(&bench.state, run, bench.hold, bench.now), None);
}

#[test]
fn run_5_what_has_not_expired_is_explained_as_ever_while_the_clock_is_held() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    bench.hold = Hold::WallBehind(3_600_000);
    assert_eq!(explain::held(&bench.state, run, bench.hold, bench.now), None);
}
