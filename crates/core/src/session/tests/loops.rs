//! The agent's loop: turns, caps, memory, errors, duplicate calls.

use super::bench::*;
use crate::session::{CallOutcome, Said};
use crate::{Command, Refusal};
use tenure_contract::event::{CallNoted, CallVerdict, RunSubmitted, TokensUsed, Usage};
use tenure_contract::words::*;
use tenure_contract::{PolicyVersion, RunId, StepId};

fn capped(max_steps: u32) -> (Bench, tenure_contract::RunId) {
    let mut bench = Bench::open();
    let mut submitted = agent(1);
    submitted.limits.max_steps = max_steps;
    let run = bench.submit(submitted);
    (bench, run)
}

#[test]
fn rt4_the_cap_counts_own_turns_and_is_never_success() {
    let (mut bench, run) = capped(2);
    for _ in 0..2 {
        bench.land_turn(run, &[call("a")]);
        let step = bench.step_of_call(run, 0);
        // a nested run's turns are its own
        let child = bench
            .submit(RunSubmitted { parent: Some(run), ..agent(10 + bench.state.runs.len() as u8) });
        bench.land_turn(child, &[]);
        bench.land(run, step);
    }
    assert_eq!(
        (bench.stop_reason(run), bench.status(run)),
        (StopReason::MaxSteps, RunStatus::Failed)
    );
    assert_eq!(bench.known(run).ending().unwrap().turns, 2);
    assert!(bench.state.asked.is_empty(), "it ends and never asks");
}

#[test]
fn flt_1_a_cap_reached_does_not_save_memory() {
    let (mut bench, run) = capped(1);
    bench.land_turn(
        run,
        &[CallNoted {
            verdict: CallVerdict::Refuse { why: CallRefusal::UnknownTool },
            ..call("a")
        }],
    );
    assert_eq!(bench.stop_reason(run), StopReason::MaxSteps);
    assert_eq!(bench.count("memory.saved"), 0);
    assert!(bench.state.memory.is_empty());
}

#[test]
fn rt4_a_model_done_in_its_last_turn_is_done() {
    let (mut bench, run) = capped(1);
    bench.land_turn(run, &[]);
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
}

#[test]
fn rt7_memory_is_saved_once_in_the_commit_of_success() {
    let (mut bench, run) = Bench::performing(&[call("a")]);
    let step = bench.step_of_call(run, 0);
    bench.land(run, step);
    assert_eq!(bench.count("memory.saved"), 0);
    let entries = bench.land_turn(run, &[]);
    assert_eq!(kinds(&entries), ["turn.landed", "memory.saved", "run.ended", "checkpoint.made"]);
    assert_eq!(bench.state.memory, [run]);
    let said = &bench.known(run).ending().unwrap().said;
    assert!(matches!(
        said[..],
        [
            Said::Input(_),
            Said::Turn(_),
            Said::Result { outcome: CallOutcome::Landed(_), .. },
            Said::Turn(_)
        ]
    ));
}

#[test]
fn rt7_failed_and_aborted_runs_never_change_memory() {
    let (mut bench, run) = Bench::with_agent();
    let (step, _) = bench.open_step(run, |_| true);
    bench.fail(run, step, false);
    assert_eq!(bench.stop_reason(run), StopReason::Failed);
    let run = bench.submit(agent(2));
    bench.cancel(run);
    bench.land_turn(run, &[]);
    assert_eq!(bench.stop_reason(run), StopReason::Aborted, "although the model was done");
    let run = bench.submit(RunSubmitted { memory: false, ..agent(3) });
    bench.land_turn(run, &[]);
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
    assert_eq!((bench.state.memory_version, bench.count("memory.saved")), (0, 0));
}

#[test]
fn cm6_memory_is_cleared_between_runs_only_and_the_words_stay() {
    let (mut bench, first) = Bench::with_agent();
    let refused = bench.refuse(Command::ClearMemory);
    assert!(matches!(refused, Refusal::RunStatus { run, .. } if run == first), "{refused}");
    bench.land_turn(first, &[]);
    let entries = bench.run(Command::ClearMemory);
    assert_eq!(kinds(&entries), ["memory.cleared"]);
    assert_eq!((bench.state.memory_version, bench.state.memory.len()), (2, 0));
    assert!(!bench.known(first).ending().unwrap().said.is_empty());
    assert_eq!(kinds(&bench.run(Command::ClearMemory)), [""; 0], "there is nothing to clear");
    // what is said afterwards is remembered alone
    let second = bench.submit(agent(2));
    bench.land_turn(second, &[]);
    assert_eq!((bench.state.memory_version, &bench.state.memory[..]), (3, &[second][..]));
    let end = Command::EndSession { status: SessionStatus::Completed, reason: None };
    bench.run(end);
    let refused = bench.refuse(Command::ClearMemory);
    assert!(matches!(refused, Refusal::SessionEnded { .. }), "{refused}");
}

#[test]
fn cm6_a_halted_run_is_still_in_progress() {
    let (mut bench, run) = Bench::with_agent();
    bench.run(Command::PauseRun { run });
    let refused = bench.refuse(Command::ClearMemory);
    assert!(matches!(refused, Refusal::RunStatus { .. }), "{refused}");
}

#[test]
fn rt14_tool_errors_and_refusals_go_back_to_the_model() {
    let refused = CallNoted {
        verdict: CallVerdict::Refuse { why: CallRefusal::InvalidArguments },
        ..call("b")
    };
    let (mut bench, run) = Bench::performing(&[call("a"), refused]);
    let step = bench.step_of_call(run, 0);
    bench.fail(run, step, false);
    assert_eq!(bench.status(run), RunStatus::Running);
    assert_eq!(bench.progress(run).turns.len(), 2);
    assert!(matches!(bench.outcome(run, 0), CallOutcome::Failed(_)));
    assert_eq!(bench.outcome(run, 1), CallOutcome::Refused(CallRefusal::InvalidArguments));
}

#[test]
fn rt14_an_adapter_error_ends_the_run_and_keeps_what_there_is() {
    let (mut bench, run) = Bench::performing(&[call("a")]);
    let step = bench.step_of_call(run, 0);
    let landed = bench.land(run, step)[0].seq;
    let (model, attempt) = bench.open_step(run, |_| true);
    let failed = Command::FailStep {
        run,
        step: model,
        attempt,
        class: ErrorClass::Adapter,
        may_pass: false,
        tokens: Some(tenure_contract::event::TokensUsed { input: 4, output: 0 }),
    };
    let error = bench.run(failed)[0].seq;
    let ending = bench.known(run).ending().unwrap();
    assert_eq!(
        (ending.stop_reason, ending.error_class),
        (StopReason::Failed, Some(ErrorClass::Adapter))
    );
    assert_eq!(ending.error_seq, Some(error));
    assert_eq!(bench.known(run).usage.input_tokens, 14, "the failed attempt is charged");
    assert!(ending.said.iter().any(|said| matches!(said, Said::Result { outcome: CallOutcome::Landed(seq), .. } if *seq == landed)));
}

#[test]
fn t13_a_call_id_twice_in_a_turn_executes_once() {
    let (mut bench, run) = Bench::performing(&[call("same"), call("same"), call("other")]);
    assert_eq!(bench.outcome(run, 1), CallOutcome::Refused(CallRefusal::DuplicateCallId));
    let steps = [bench.step_of_call(run, 0), bench.step_of_call(run, 2)];
    assert_eq!(bench.progress(run).open.len(), 2, "independent calls run side by side");
    for step in steps {
        bench.land(run, step);
    }
    // the same id in another turn is another call
    bench.land_turn(run, &[call("same")]);
    assert!(matches!(bench.outcome(run, 0), CallOutcome::Performing(_)));
}

#[test]
fn after_a_crash_no_committed_call_is_made_again() {
    let (mut bench, run) = Bench::performing(&[
        CallNoted { class: RecoveryClass::Idempotent, ..call("a") },
        call("b"),
    ]);
    let (a, b) = (bench.step_of_call(run, 0), bench.step_of_call(run, 1));
    bench.land(run, b);
    let mut recovered = crate::session::SessionState::new(SESSION, TENANT);
    for kept in &bench.kept {
        recovered.apply(&kept.entry).unwrap();
    }
    assert!(recovered == bench.state);
    bench.state = recovered;
    bench.lose(run, a, LossCause::Crash);
    let wished = crate::session::wishes(&bench.state, bench.policy);
    assert!(
        matches!(wished[..], [crate::session::Wish::CallTool { step, attempt: 2, .. }] if step == a)
    );
}

#[test]
fn an_agent_s_run_ends_by_itself() {
    let (mut bench, run) = Bench::with_agent();
    let outcome = crate::command::HandlerOutcome::Done;
    let told = bench.refuse(Command::FinishRun { run, outcome, artifacts: Vec::new() });
    assert!(matches!(told, Refusal::Invalid(_)));
}

/// The late answer of an attempt.
fn answer_of(run: RunId, step: StepId, attempt: u32) -> Command {
    Command::LandTurn {
        run,
        step,
        attempt,
        calls: Vec::new(),
        tokens: TokensUsed { input: 10, output: 1 },
        policy: PolicyVersion::Default,
    }
}

#[test]
fn stp_2_every_attempt_of_a_model_call_is_charged_late_answers_once() {
    let (mut bench, run) = Bench::with_agent();
    let (step, _) = bench.open_step(run, |_| true);
    bench.lose(run, step, LossCause::Crash);
    let entries = bench.run(answer_of(run, step, 1));
    assert_eq!(kinds(&entries), ["step.late", "step.charged"]);
    assert_eq!(bench.known(run).usage.input_tokens, 10);
    let again = bench.run(answer_of(run, step, 1));
    assert_eq!(kinds(&again), ["step.late"], "one attempt costs once");
    let early = bench.run(answer_of(run, step, 3));
    assert_eq!(kinds(&early), ["step.late"], "nobody began a third attempt");
    bench.land_turn(run, &[]);
    let after = bench.run(answer_of(run, step, 2));
    assert_eq!(kinds(&after), ["step.late"], "what landed was charged when it did");
    let Usage { input_tokens, output_tokens, model_calls, .. } = bench.known(run).usage;
    assert_eq!((input_tokens, output_tokens, model_calls), (20, 2, 2));
}

#[test]
fn stp_2_a_late_answer_is_charged_to_an_ended_run_and_to_the_runs_above_it() {
    let (mut bench, parent) = Bench::performing(&[call("delegate")]);
    let child = bench.submit(RunSubmitted { parent: Some(parent), ..agent(2) });
    let (step, _) = bench.open_step(child, |_| true);
    let before = bench.known(parent).usage.input_tokens;
    // its model call is under way when the run fails for another reason
    bench.run(Command::FailRun { run: child, class: ErrorClass::Memory, code: "gone".to_owned() });
    assert!(bench.known(child).ending().is_some());
    let entries = bench.run(answer_of(child, step, 1));
    assert_eq!(kinds(&entries), ["step.late", "step.charged"]);
    assert_eq!(bench.known(child).usage.input_tokens, 10);
    assert_eq!(bench.known(parent).usage.input_tokens, before + 10);
    assert!(bench.known(child).ending().is_some(), "nothing else changes");
}

#[test]
fn rt13_what_an_aborted_model_call_used_by_then_is_charged() {
    for (tokens, wanted) in [(Some(TokensUsed { input: 7, output: 2 }), 7), (None, 0)] {
        let (mut bench, run) = Bench::with_agent();
        let (step, attempt) = bench.open_step(run, |_| true);
        bench.cancel(run);
        let (cause, class) = (LossCause::Abort, ErrorClass::Adapter);
        bench.run(Command::LoseStep { run, step, attempt, cause, class, tokens });
        assert_eq!(bench.stop_reason(run), StopReason::Aborted);
        assert_eq!(bench.known(run).usage.input_tokens, wanted);
    }
}

#[test]
fn stp_2_a_lost_attempt_that_told_what_it_used_is_charged_and_owes_nothing() {
    let (mut bench, run) = Bench::with_agent();
    let (step, attempt) = bench.open_step(run, |_| true);
    let (cause, class) = (LossCause::Fenced, ErrorClass::Adapter);
    let tokens = Some(TokensUsed { input: 3, output: 0 });
    let lost = Command::LoseStep { run, step, attempt, cause, class, tokens };
    assert_eq!(kinds(&bench.run(lost.clone())), ["step.attempted", "step.charged"]);
    assert!(bench.run(lost).is_empty(), "told twice, charged once");
    assert_eq!(bench.known(run).usage.input_tokens, 3);
    assert!(bench.state.unbilled.is_empty());
}
