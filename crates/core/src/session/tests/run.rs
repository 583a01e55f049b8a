//! Runs: how they begin, why they end, and why they do not move.

use super::bench::*;
use crate::command::HandlerOutcome;
use crate::session::explain::explain;
use crate::session::{Wish, wishes};
use crate::{Command, Refusal};
use tenure_contract::event::RunSubmitted;
use tenure_contract::words::*;
use tenure_contract::{Digest, RunId, limits};

#[test]
fn run_1_a_run_goes_through_its_statuses() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    assert_eq!(bench.status(run), RunStatus::WaitingApproval);
    bench.run(Command::PauseRun { run });
    assert_eq!(bench.status(run), RunStatus::Paused);
    bench.decide(bench.asked(), true).unwrap();
    assert_eq!(bench.status(run), RunStatus::Paused, "halted until somebody resumes it");
    bench.run(Command::ResumeRun { run });
    assert_eq!(bench.status(run), RunStatus::Running);
    let step = bench.step_of_call(run, 0);
    bench.land(run, step);
    bench.land_turn(run, &[]);
    assert_eq!(bench.status(run), RunStatus::Completed);
    for command in [Command::PauseRun { run }, Command::ResumeRun { run }, Bench::cancellation(run)]
    {
        assert!(matches!(
            bench.refuse(command),
            Refusal::RunStatus { status: RunStatus::Completed, .. }
        ));
    }
}

fn failing(run: RunId) -> Command {
    Command::FailRun { run, class: ErrorClass::Programmer, code: "no-such-model".to_owned() }
}

#[test]
fn run_2_every_stop_reason_has_its_status() {
    let ended = |stop: StopReason| -> (Bench, RunId) {
        let mut bench = Bench::open();
        let mut submitted = agent(1);
        match stop {
            StopReason::MaxSteps => submitted.limits.max_steps = 1,
            StopReason::Budget => submitted.limits.budget_steps = 1,
            _ => {}
        }
        let run = bench.submit(submitted);
        match stop {
            StopReason::Finished => drop(bench.land_turn(run, &[])),
            StopReason::MaxSteps => {
                bench.land_turn(run, &[call("a")]);
                let step = bench.step_of_call(run, 0);
                bench.land(run, step);
            }
            StopReason::Budget => {
                bench.land_turn(run, &[call("a")]);
                bench.decide(bench.asked(), false).unwrap();
            }
            StopReason::Failed => drop(bench.run(failing(run))),
            StopReason::Refused => {}
            StopReason::Aborted | StopReason::Superseded => {
                bench.run(Command::CancelRun { run, stop_reason: stop, reason: None });
                let (step, _) = bench.open_step(run, |_| true);
                bench.lose(run, step, LossCause::Abort);
            }
        }
        (bench, run)
    };
    for stop in StopReason::ALL.iter().copied().filter(|stop| *stop != StopReason::Refused) {
        let (bench, run) = ended(stop);
        assert_eq!((bench.stop_reason(run), bench.status(run)), (stop, stop.status()));
    }
}

#[test]
fn run_2_a_handler_ends_as_it_says() {
    let failed = HandlerOutcome::Failed { class: ErrorClass::Handler, code: "bad-file".to_owned() };
    for (outcome, stop) in [
        (HandlerOutcome::Done, StopReason::Finished),
        (failed, StopReason::Failed),
        (HandlerOutcome::OutOfBudget, StopReason::Budget),
    ] {
        let mut bench = Bench::open();
        let run = bench.submit(intent(1));
        assert_eq!(wishes(&bench.state, bench.policy), [Wish::Invoke { run }]);
        bench.run(Command::FinishRun { run, outcome, artifacts: Vec::new() });
        assert_eq!(bench.stop_reason(run), stop);
        assert_eq!(wishes(&bench.state, bench.policy), []);
    }
}

#[test]
fn run_2_a_budget_that_nobody_may_raise_or_that_expires_ends_the_run() {
    for expires in [false, true] {
        let mut bench = Bench::open();
        let mut small = agent(1);
        small.limits.budget_steps = 1;
        if !expires {
            small.approvers.clear();
        }
        let run = bench.submit(small);
        bench.land_turn(run, &[call("a")]);
        if expires {
            assert_eq!(bench.status(run), RunStatus::WaitingApproval);
            bench.later(limits::APPROVAL_EXPIRY_DEFAULT_MS);
            bench.wake();
        }
        assert_eq!(bench.stop_reason(run), StopReason::Budget);
    }
}

#[test]
fn a_raised_budget_lets_the_run_go_on_also_when_it_is_the_parent_s() {
    let mut bench = Bench::open();
    let mut tight = agent(1);
    tight.limits.budget_steps = 3;
    let parent = bench.submit(tight);
    bench.land_turn(parent, &[call("delegate")]);
    let child = bench.submit(RunSubmitted { parent: Some(parent), ..agent(2) });
    bench.land_turn(child, &[call("a")]);
    assert_eq!(bench.status(child), RunStatus::WaitingApproval);
    bench.decide(bench.asked(), true).unwrap();
    assert_eq!(bench.status(child), RunStatus::Running);
    bench.step_of_call(child, 0);
    assert_eq!(bench.known(parent).limits.budget_steps, 6);
    assert_eq!(bench.known(child).limits.budget_steps, 1_000, "its own was not used up");
}

#[test]
fn a_denied_budget_waits_for_what_is_under_way_and_leaves_no_question() {
    let mut bench = Bench::open();
    let mut tight = agent(1);
    tight.limits.budget_steps = 2;
    let run = bench.submit(tight);
    bench.land_turn(run, &[call("a"), call("b"), ask("c")]);
    let budget = bench.progress(run).budget_asked.expect("the second call is one too many");
    bench.decide(budget, false).unwrap();
    assert_eq!(bench.status(run), RunStatus::Running, "the first call is under way");
    let step = bench.step_of_call(run, 0);
    bench.land(run, step);
    assert_eq!(bench.stop_reason(run), StopReason::Budget);
    assert!(bench.state.asked.is_empty(), "no question outlives its run");
    assert!(bench.state.doubts.is_empty());
}

#[test]
fn run_5_explain_names_each_reason() {
    let reason = |bench: &Bench, run| {
        explain(&bench.state, run).map(|stuck| (stuck.reason, stuck.subject.unwrap()))
    };
    let (mut bench, run) = Bench::with_agent();
    let (model, _) = bench.open_step(run, |_| true);
    assert_eq!(reason(&bench, run), Some((StuckReason::Effect, model.to_string())));
    let queued = bench.submit(agent(2));
    let last = bench.submit(agent(3));
    for behind in [queued, last] {
        assert_eq!(reason(&bench, behind), Some((StuckReason::Dependency, run.to_string())));
    }
    bench.land_turn(run, &[ask("a")]);
    assert_eq!(reason(&bench, run), Some((StuckReason::Approval, bench.asked().to_string())));
    bench.run(Command::PauseRun { run });
    assert_eq!(reason(&bench, run).unwrap().0, StuckReason::Operator);
    bench.run(Command::ResumeRun { run });
    bench.decide(bench.asked(), true).unwrap();
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Crash);
    assert_eq!(reason(&bench, run), Some((StuckReason::InDoubtStep, step.to_string())));
    bench.resolve(step, Resolution::Landed).unwrap();
    let (model, _) = bench.open_step(run, |_| true);
    bench.fail(run, model, true);
    assert_eq!(reason(&bench, run), Some((StuckReason::Alarm, model.to_string())));
    bench.cancel(run);
    assert_eq!(reason(&bench, run), Some((StuckReason::Ended, run.to_string())));

    let mut tight = agent(4);
    tight.limits.budget_steps = 0;
    let mut bench = Bench::open();
    let run = bench.submit(tight);
    assert_eq!(reason(&bench, run), Some((StuckReason::Budget, bench.asked().to_string())));
    assert_eq!(reason(&bench, run_id(99)), None);
}

#[test]
fn rt13_an_abort_is_prompt_and_its_receipt_counts() {
    let (mut bench, run) = Bench::performing(&[call("a"), call("b"), call("c"), ask("d")]);
    let steps: Vec<_> = (0..3).map(|index| bench.step_of_call(run, index)).collect();
    let child = bench.submit(RunSubmitted { parent: Some(run), ..agent(2) });
    let entries = bench.cancel(run);
    assert!(kinds(&entries).starts_with(&["run.cancel-requested", "run.cancel-requested"]));
    assert!(bench.state.asked.is_empty(), "its questions are closed");
    let stops = [Wish::Stop { run }, Wish::Stop { run: child }];
    assert_eq!(
        wishes(&bench.state, bench.policy),
        stops,
        "nothing is begun, everything is told to stop"
    );
    assert_eq!(bench.cancel(run), [], "asking twice changes nothing");

    bench.land(run, steps[0]);
    bench.lose(run, steps[1], LossCause::Abort);
    bench.run(Command::SkipStep { run, step: steps[2] });
    assert_eq!(bench.status(run), RunStatus::Running, "its child lives");
    let (model, _) = bench.open_step(child, |_| true);
    bench.lose(child, model, LossCause::Abort);
    assert_eq!(bench.stop_reason(child), StopReason::Aborted);
    assert_eq!(bench.status(run), RunStatus::Cancelled);
    let receipt = bench.known(run).ending().unwrap().receipt.unwrap();
    assert_eq!(
        (receipt.landed_after, receipt.in_doubt, receipt.stopped, receipt.children),
        (1, 1, 1, 1)
    );
    assert!(bench.state.doubts.contains_key(&steps[1]), "the doubt outlives the run");
}

#[test]
fn rt13_a_queued_a_paused_and_a_waiting_run_are_aborted_at_once() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    let queued = bench.submit(agent(2));
    bench.cancel(queued);
    assert_eq!(bench.stop_reason(queued), StopReason::Aborted);
    bench.run(Command::PauseRun { run });
    bench.cancel(run);
    assert_eq!(bench.stop_reason(run), StopReason::Aborted);

    let (mut bench, run) = Bench::performing(&[call("a"), call("b")]);
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Timeout);
    assert_eq!(bench.status(run), RunStatus::Paused);
    bench.cancel(run);
    assert_eq!(bench.status(run), RunStatus::Paused, "one call is still under way");
    let other = bench.step_of_call(run, 1);
    bench.land(run, other);
    assert_eq!(bench.known(run).ending().unwrap().receipt.unwrap().in_doubt, 1);
    assert!(matches!(
        bench.refuse(Command::CancelRun { run, stop_reason: StopReason::Finished, reason: None }),
        Refusal::RunStatus { .. }
    ));
}

#[test]
fn rt13_a_cancel_s_reason_is_an_abort_or_a_successor() {
    let (mut bench, run) = Bench::with_agent();
    for stop_reason in [StopReason::Finished, StopReason::Failed] {
        let refusal = bench.refuse(Command::CancelRun { run, stop_reason, reason: None });
        assert!(matches!(refusal, Refusal::Invalid(_)));
    }
}

#[test]
fn whatever_ends_a_parent_ends_what_is_nested_in_it() {
    let mut bench = Bench::open();
    let parent = bench.submit(intent(1));
    let child = bench.submit(RunSubmitted { parent: Some(parent), ..agent(2) });
    let grandchild = bench.submit(RunSubmitted { parent: Some(child), ..agent(3) });
    let next = bench.submit(agent(4));
    bench.run(Command::FinishRun {
        run: parent,
        outcome: HandlerOutcome::Done,
        artifacts: Vec::new(),
    });
    assert_eq!(bench.stop_reason(parent), StopReason::Finished);
    assert_eq!(bench.status(next), RunStatus::Queued, "one tree at a time");
    for run in [grandchild, child] {
        let (model, _) = bench.open_step(run, |_| true);
        bench.lose(run, model, LossCause::Abort);
        assert_eq!(bench.stop_reason(run), StopReason::Aborted);
    }
    assert_eq!(bench.status(next), RunStatus::Running);
}

#[test]
fn rt10_a_nested_run_s_usage_rolls_up_and_its_memory_stays_its_own() {
    let (mut bench, parent) = Bench::performing(&[call("delegate")]);
    let child = bench.submit(RunSubmitted { parent: Some(parent), ..agent(2) });
    let (model, _) = bench.open_step(child, |_| true);
    bench.lose(child, model, LossCause::Crash);
    bench.land_turn(child, &[]);
    assert_eq!(bench.known(child).usage.model_calls, 2, "a lost attempt is charged");
    assert_eq!(bench.known(parent).usage.model_calls, 3);
    assert_eq!(bench.known(parent).usage.input_tokens, 20);
    assert_eq!(
        bench.count("memory.saved"),
        0,
        "a delegate's success is not its parent's transcript"
    );
    assert!(bench.kept.iter().all(|kept| kept.entry.run != Some(child)
        || kept.entry.event.name() == "run.submitted"
        || kept.entry.parent_event_id == Some(bench.known(child).submitted_event)));
}

#[test]
fn nested_depth_has_a_limit_and_a_parent_must_be_under_way() {
    let mut bench = Bench::open();
    let mut parent = bench.submit(intent(1));
    for number in 2..=limits::RUN_DEPTH_MAX as u8 {
        parent = bench.submit(RunSubmitted { parent: Some(parent), ..intent(number) });
    }
    let nested = |parent, number| submit(RunSubmitted { parent: Some(parent), ..intent(number) });
    let told = bench.refuse(nested(parent, 50)).to_string();
    assert!(told.contains("RUN_DEPTH_MAX"), "{told}");
    let queued = bench.submit(intent(51));
    assert!(matches!(bench.refuse(nested(queued, 52)), Refusal::NoParent { .. }));
    bench.cancel(run_id(1));
    assert!(matches!(
        bench.refuse(nested(run_id(1), 53)),
        Refusal::RunStatus { .. } | Refusal::NoParent { .. }
    ));
}

#[test]
fn art_2_artifacts_begin_pending_or_ready_once_and_not_from_themselves() {
    use crate::command::NewArtifact;
    use tenure_contract::ArtifactId;
    let made = |number: u8, state| NewArtifact {
        artifact: ArtifactId::from_bytes([number; 16]),
        artifact_type: "file".to_owned(),
        state,
        parents: Vec::new(),
        digest: Some(Digest::of(&[b"content"])),
    };
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let finish = |artifacts| Command::FinishRun { run, outcome: HandlerOutcome::Done, artifacts };
    for state in [ArtifactState::Failed, ArtifactState::Archived, ArtifactState::Deleted] {
        assert!(
            matches!(bench.refuse(finish(vec![made(1, state)])), Refusal::Invalid(_)),
            "{state}"
        );
    }
    let twice = vec![made(1, ArtifactState::Ready), made(1, ArtifactState::Ready)];
    assert!(matches!(bench.refuse(finish(twice)), Refusal::Invalid(_)));
    let mut own = made(1, ArtifactState::Ready);
    own.parents = vec![own.artifact];
    assert!(matches!(bench.refuse(finish(vec![own])), Refusal::Invalid(_)));
    let entries =
        bench.run(finish(vec![made(1, ArtifactState::Pending), made(2, ArtifactState::Ready)]));
    assert_eq!(
        kinds(&entries),
        ["artifact.registered", "artifact.registered", "run.ended", "checkpoint.made"]
    );
    assert_eq!(bench.state.artifacts.len(), 2);
}

#[test]
fn art_2_a_move_outside_the_table_cannot_be_folded() {
    use tenure_contract::event::{ArtifactMoved, ArtifactRegistered, Event};
    use tenure_contract::{ArtifactId, Entry};
    let (bench, run) = Bench::with_agent();
    let artifact = ArtifactId::from_bytes([4; 16]);
    let fold = |bench: &mut Bench, event: Event| {
        let last = bench.kept.last().unwrap().entry.clone();
        bench.state.apply(&Entry { seq: bench.state.seq + 1, event, ..last })
    };
    for from in ArtifactState::ALL {
        for to in ArtifactState::ALL {
            let mut bench = bench.clone();
            let registered = ArtifactRegistered {
                artifact,
                artifact_type: "file".to_owned(),
                run,
                intent: "ingest_file".to_owned(),
                state: ArtifactState::Pending,
                parents: Vec::new(),
                digest: None,
            };
            fold(&mut bench, registered.into()).unwrap();
            bench.state.artifacts.insert(artifact, *from);
            let moved = fold(&mut bench, ArtifactMoved { artifact, state: *to }.into());
            assert_eq!(moved.is_ok(), crate::machine::artifact::may(*from, *to), "{from} -> {to}");
        }
    }
}
