//! Steps: intended before, settled after, in doubt when nobody knows.

use super::bench::*;
use crate::session::{CallOutcome, Stand, Wish, next_wake, rests, wishes};
use crate::{Command, Refusal};
use tenure_contract::event::{CallNoted, CallVerdict, Event, StepIntended};
use tenure_contract::words::*;
use tenure_contract::{Digest, Entry, RunId, StepId, limits};

fn performing(class: RecoveryClass) -> (Bench, RunId, StepId) {
    let (bench, run) = Bench::performing(&[CallNoted { class, ..call("a") }]);
    let step = bench.step_of_call(run, 0);
    (bench, run, step)
}

fn stand(bench: &Bench, run: RunId, step: StepId) -> (&Stand, u32) {
    let open = &bench.progress(run).open[&step];
    (&open.stand, open.attempt)
}

#[test]
fn stp_1_the_intent_stands_before_the_effect_and_the_result_after() {
    let (mut bench, run) = Bench::with_agent();
    let entries = bench.land_turn(run, &[call("a")]);
    assert_eq!(kinds(&entries), ["turn.landed", "step.intended"]);
    let step = bench.step_of_call(run, 0);
    assert!(
        matches!(wishes(&bench.state, bench.policy)[..], [Wish::CallTool { step: wished, attempt: 1, .. }] if wished == step)
    );
    let landed = bench.land(run, step);
    assert_eq!(landed[0].event.name(), "step.landed");
    assert_eq!(
        bench.state.runs[&run].progress().unwrap().turns[0].calls[0].outcome,
        CallOutcome::Landed(landed[0].seq)
    );
}

/// What a loss makes of a step, by its class and the cause.
#[test]
fn stp_2_every_loss_by_class_and_cause() {
    for class in RecoveryClass::ALL.iter().copied() {
        for cause in LossCause::ALL.iter().copied() {
            let (mut bench, run, step) = performing(class);
            bench.lose(run, step, cause);
            use LossCause::{Abort, Crash, Fenced, Lease};
            let died = matches!(cause, Crash | Fenced | Abort | Lease);
            let found = stand(&bench, run, step);
            match class {
                RecoveryClass::Once => {
                    assert!(matches!(found, (Stand::InDoubt(_), 1)), "{class} {cause}")
                }
                _ if died => assert_eq!(found, (&Stand::Intended, 2), "{class} {cause}"),
                _ => assert!(matches!(found, (Stand::RetryAt(_), 1)), "{class} {cause}"),
            }
            let paused = bench.status(run) == RunStatus::Paused;
            assert_eq!(paused, class == RecoveryClass::Once, "only a `once` step stops and asks");
        }
    }
}

#[test]
fn stp_2_attempts_are_spaced_and_limited() {
    for (class, ends_in_doubt) in [(RecoveryClass::Idempotent, true), (RecoveryClass::Read, false)]
    {
        let (mut bench, run, step) = performing(class);
        for attempt in 1..limits::STEP_ATTEMPTS_MAX {
            bench.lose(run, step, LossCause::Timeout);
            let due = bench.now.plus_ms(limits::RETRY_BACKOFF_MS << (attempt - 1));
            assert_eq!(next_wake(&bench.state), Some(due));
            assert_eq!(bench.wake(), [], "not before it is due");
            bench.now = due;
            assert_eq!(kinds(&bench.wake()), ["step.attempted"]);
        }
        bench.lose(run, step, LossCause::Timeout);
        if ends_in_doubt {
            assert!(matches!(stand(&bench, run, step).0, Stand::InDoubt(_)));
        } else {
            assert!(matches!(bench.outcome(run, 0), CallOutcome::Failed(_)), "told to the model");
        }
    }
}

#[test]
fn stp_2_a_step_whose_performer_dies_every_time_is_given_up() {
    for (class, ends_in_doubt) in [(RecoveryClass::Idempotent, true), (RecoveryClass::Read, false)]
    {
        let (mut bench, run, step) = performing(class);
        for _ in 1..limits::STEP_ATTEMPTS_AFTER_LOSS_MAX {
            assert_eq!(kinds(&bench.lose(run, step, LossCause::Crash)), ["step.attempted"]);
        }
        bench.lose(run, step, LossCause::Crash);
        if ends_in_doubt {
            assert!(matches!(stand(&bench, run, step).0, Stand::InDoubt(_)));
        } else {
            assert!(matches!(bench.outcome(run, 0), CallOutcome::Failed(_)), "told to the model");
        }
    }
}

#[test]
fn stp_2_a_later_refusal_does_not_tell_what_became_of_a_lost_attempt() {
    let (mut bench, run, step) = performing(RecoveryClass::Idempotent);
    bench.lose(run, step, LossCause::Timeout);
    for _ in 2..=limits::STEP_ATTEMPTS_MAX {
        bench.now = next_wake(&bench.state).unwrap();
        bench.wake();
        bench.fail(run, step, true);
    }
    assert!(matches!(stand(&bench, run, step).0, Stand::InDoubt(_)));
}

#[test]
fn stp_2_a_once_step_is_never_tried_again_unasked() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.fail(run, step, true);
    assert!(
        matches!(bench.outcome(run, 0), CallOutcome::Failed(_)),
        "not even after a failure that may pass"
    );
    assert_eq!(bench.count("step.attempted"), 0);
}

#[test]
fn stp_2_did_not_happen_and_retry_are_refused_while_the_request_may_travel() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.lose(run, step, LossCause::Timeout);
    let until = bench.now.plus_ms(1_000);
    for resolution in [Resolution::DidNotHappen, Resolution::Retry] {
        let refused = Refusal::StillTravelling { step, resolution, until };
        assert_eq!(bench.resolve(step, resolution), Err(refused));
    }
    let mut landed = bench.clone();
    landed.resolve(step, Resolution::Landed).unwrap();
    assert!(matches!(landed.outcome(run, 0), CallOutcome::Landed(_)));
    assert_eq!(landed.status(run), RunStatus::Running);
    bench.now = until;
    assert!(bench.resolve(step, Resolution::DidNotHappen).is_ok());
    assert!(matches!(bench.outcome(run, 0), CallOutcome::Failed(_)));
    assert!(
        matches!(bench.resolve(step, Resolution::Landed), Err(Refusal::StepSettled(_))),
        "settled once"
    );
}

#[test]
fn stp_2_retry_goes_on_under_the_same_key_and_waits_for_a_doubt() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    assert!(matches!(bench.resolve(step, Resolution::Landed), Err(Refusal::NotInDoubt { .. })));
    bench.lose(run, step, LossCause::Crash);
    assert!(
        matches!(bench.refuse(Command::ResumeRun { run }), Refusal::RunStatus { .. }),
        "resolve it first"
    );
    bench.later(1_000);
    let entries = bench.resolve(step, Resolution::Retry).unwrap();
    assert_eq!(kinds(&entries), ["step.resolved", "step.attempted", "run.resumed"]);
    assert_eq!(stand(&bench, run, step), (&Stand::Intended, 2));
}

#[test]
fn stp_2_a_late_answer_is_kept_and_changes_nothing() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.lose(run, step, LossCause::Timeout);
    bench.later(1_000);
    bench.resolve(step, Resolution::Retry).unwrap();
    let before = bench.state.clone();
    let entries = bench.run(Command::LandStep { run, step, attempt: 1, writes: Vec::new() });
    assert_eq!(kinds(&entries), ["step.late"]);
    assert!(bench.kept.last().unwrap().body.is_some(), "the answer is kept");
    assert_eq!(bench.state.runs, before.runs);
    bench.land(run, step);
    let before = bench.state.runs.clone();
    bench.run(Command::LandStep { run, step, attempt: 2, writes: Vec::new() });
    bench.run(Command::LoseStep {
        run,
        step,
        attempt: 2,
        cause: LossCause::Timeout,
        class: ErrorClass::Tool,
        tokens: None,
    });
    assert_eq!(bench.state.runs, before);
}

#[test]
fn stp_2_the_attempt_s_own_answer_settles_its_doubt() {
    for landed in [true, false] {
        let (mut bench, run, step) = performing(RecoveryClass::Once);
        bench.lose(run, step, LossCause::Timeout);
        let entries = if landed { bench.land(run, step) } else { bench.fail(run, step, true) };
        assert_eq!(kinds(&entries)[..2], ["step.resolved", "run.resumed"]);
        assert!(bench.kept[entries[0].seq as usize - 1].body.is_some());
        assert_eq!(matches!(bench.outcome(run, 0), CallOutcome::Landed(_)), landed);
        assert!(bench.state.doubts.is_empty());
    }
}

#[test]
fn stp_2_a_look_up_is_asked_before_any_human() {
    let (mut bench, run) = Bench::performing(&[CallNoted { has_lookup: true, ..call("a") }]);
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Crash);
    assert!(
        matches!(wishes(&bench.state, bench.policy)[..], [Wish::LookUp { step: asked, .. }] if asked == step)
    );
    let by_lookup = Command::ResolveStep {
        step,
        resolution: Resolution::Landed,
        by_lookup: true,
        reason: None,
    };
    bench.run(by_lookup);
    assert!(matches!(bench.outcome(run, 0), CallOutcome::Landed(_)));
}

#[test]
fn stp_2_a_once_step_lost_under_cancel_stays_in_doubt_after_the_run() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.cancel(run);
    bench.lose(run, step, LossCause::Abort);
    assert_eq!(bench.stop_reason(run), StopReason::Aborted);
    assert!(matches!(bench.resolve(step, Resolution::Retry), Err(Refusal::StillTravelling { .. })));
    bench.later(1_000);
    let told = bench.resolve(step, Resolution::Retry).unwrap_err();
    assert!(matches!(told, Refusal::RunStatus { .. }), "an ended run tries nothing again");
    bench.resolve(step, Resolution::DidNotHappen).unwrap();
    assert!(bench.state.doubts.is_empty());
}

#[test]
fn stp_2_a_run_that_fails_leaves_what_may_have_happened_in_doubt() {
    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.run(Command::FailRun {
        run,
        class: ErrorClass::System,
        code: "lost-workspace".to_owned(),
    });
    assert_eq!(bench.stop_reason(run), StopReason::Failed);
    assert!(bench.state.doubts.contains_key(&step), "its request may have left");
}

#[test]
fn stp_3_one_step_id_over_all_attempts() {
    let (mut bench, run, step) = performing(RecoveryClass::Idempotent);
    for attempt in 2..5 {
        bench.lose(run, step, LossCause::Crash);
        let wished = wishes(&bench.state, bench.policy);
        assert!(
            matches!(wished[..], [Wish::CallTool { step: key, attempt: at, .. }] if key == step && at == attempt)
        );
    }
    assert_eq!(bench.known(run).usage.steps, 2, "one model step, one tool step");
}

#[test]
fn stp_4_a_committed_result_is_recorded_once_and_never_run_again() {
    let (mut bench, run, step) = performing(RecoveryClass::Read);
    bench.land(run, step);
    let (model, _) = bench.open_step(run, |_| true);
    assert_ne!(model, step);
    for _ in 0..2 {
        let entries = bench.run(Command::LandStep { run, step, attempt: 1, writes: Vec::new() });
        assert_eq!(kinds(&entries), ["step.late"]);
    }
    assert!(
        wishes(&bench.state, bench.policy)
            .iter()
            .all(|wish| !matches!(wish, Wish::CallTool { .. }))
    );
    assert_eq!(bench.count("step.landed"), 1);
}

#[test]
fn a_paused_run_wakes_for_nothing() {
    let (mut bench, run, step) = performing(RecoveryClass::Read);
    bench.fail(run, step, true);
    assert!(next_wake(&bench.state).is_some());
    bench.run(Command::PauseRun { run });
    assert_eq!(
        next_wake(&bench.state),
        None,
        "it would wake for ever, since a paused run tries nothing"
    );
    bench.later(60_000);
    assert_eq!(kinds(&bench.run(Command::ResumeRun { run })), ["run.resumed", "step.attempted"]);
}

#[test]
fn an_answer_of_the_wrong_kind_is_refused() {
    let (mut bench, run) = Bench::with_agent();
    let (step, attempt) = bench.open_step(run, |_| true);
    assert!(matches!(
        bench.refuse(Command::LandStep { run, step, attempt, writes: Vec::new() }),
        Refusal::Invalid(_)
    ));
    bench.land_turn(run, &[call("a")]);
    let step = bench.step_of_call(run, 0);
    let tokens = tenure_contract::event::TokensUsed::default();
    let turn =
        Command::LandTurn { run, step, attempt, calls: Vec::new(), tokens, policy: bench.policy };
    assert!(matches!(bench.refuse(turn), Refusal::Invalid(_)));
}

#[test]
fn int_6_a_name_is_performed_once_and_stands_for_one_set_of_inputs() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let fetch = substep(run, "fetch", RecoveryClass::Idempotent);
    bench.run(intend(fetch.clone()));
    let (step, _) = bench.open_step(run, |_| true);
    assert!(matches!(bench.refuse(intend(fetch.clone())), Refusal::StepUnderWay { .. }));
    let landed = bench.land(run, step);
    let memo = &bench.progress(run).memo["fetch"];
    assert_eq!((memo.step, memo.result_seq, memo.failed), (step, Some(landed[0].seq), false));
    let mut other = fetch.clone();
    other.input = Digest::of(&[b"other"]);
    for command in [
        intend(other.clone()),
        Command::RecordStep { substep: other, failed: false, writes: Vec::new() },
    ] {
        assert!(matches!(bench.refuse(command), Refusal::Divergence { .. }));
    }
    let read = substep(run, "read", RecoveryClass::Read);
    let entries =
        bench.run(Command::RecordStep { substep: read, failed: true, writes: Vec::new() });
    assert_eq!(kinds(&entries), ["step.recorded"]);
    assert!(bench.progress(run).memo["read"].failed);
    bench.run(Command::PauseRun { run });
    let told = bench.refuse(intend(substep(run, "next", RecoveryClass::Once)));
    assert!(matches!(told, Refusal::RunStatus { .. }), "a paused run takes no further step");
}

#[test]
fn int_6_a_substep_given_up_may_be_taken_again() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let fetch = substep(run, "fetch", RecoveryClass::Once);
    bench.run(intend(fetch.clone()));
    let (step, _) = bench.open_step(run, |_| true);
    bench.run(Command::SkipStep { run, step });
    bench.run(intend(fetch));
    let mut tool = substep(run, "tool", RecoveryClass::Once);
    tool.kind = StepKind::Tool;
    assert!(matches!(bench.refuse(intend(tool)), Refusal::Invalid(_)));
}

#[test]
fn a_turn_given_up_is_taken_again_with_what_it_was_told() {
    let (mut bench, run) = Bench::with_agent();
    let steer = tenure_contract::event::RunSubmitted { policy: InputPolicy::Steer, ..agent(2) };
    let steered = bench.run(submit(steer))[0].seq;
    bench.land_turn(run, &[]);
    let (step, _) = bench.open_step(run, |_| true);
    bench.run(Command::SkipStep { run, step });
    let turns = &bench.progress(run).turns;
    assert_eq!((turns.len(), &turns[1].steered[..]), (2, &[steered][..]));
    assert_ne!(turns[1].step, step);
}

/// Entries no decision makes, and that a forged journal might hold.
#[test]
fn stp_1_the_fold_refuses_effects_that_nothing_allows() {
    let (bench, run) = Bench::performing(&[ask("a"), call("b")]);
    let intended = bench.kept.iter().rev().find_map(|kept| match &kept.entry.event {
        Event::StepIntended(intended) => Some(intended.clone()),
        _ => None,
    });
    let intended = StepIntended { step: StepId::from_bytes([8; 16]), ..intended.unwrap() };
    let mut unapproved = intended.clone();
    unapproved.site =
        unapproved.site.map(|site| tenure_contract::event::CallSite { index: 0, ..site });
    let mut forged = unapproved.clone();
    forged.approval = Some(bench.asked());
    let cancelled = {
        let mut bench = bench.clone();
        bench.cancel(run);
        bench
    };
    let last = bench.kept.last().unwrap().entry.clone();
    let fold = |bench: &Bench, event: StepIntended| {
        bench.state.clone().apply(&Entry {
            seq: bench.state.seq + 1,
            event: event.into(),
            ..last.clone()
        })
    };
    for event in [intended.clone(), unapproved, forged] {
        assert!(fold(&bench, event).is_err());
    }
    assert!(fold(&cancelled, intended).is_err(), "a committed cancel wins");
    assert!(matches!(bench.progress(run).turns[0].calls[0].noted.verdict, CallVerdict::Ask { .. }));
}

#[test]
fn apr_5_a_session_rests_while_nothing_is_under_way() {
    let (mut bench, run) = Bench::with_agent();
    assert!(!rests(&bench.state), "its model is being called");
    bench.land_turn(run, &[ask("a"), CallNoted { class: RecoveryClass::Read, ..call("b") }]);
    assert!(!rests(&bench.state), "a call is being made beside the question");
    let step = bench.step_of_call(run, 1);
    bench.fail(run, step, true);
    assert!(rests(&bench.state), "a failed call waits for its time");
    assert!(next_wake(&bench.state).is_some());
    bench.cancel(run);
    assert!(rests(&bench.state), "it has ended");

    let (mut bench, run, step) = performing(RecoveryClass::Once);
    bench.lose(run, step, LossCause::Timeout);
    assert!(rests(&bench.state), "a person is to say what became of it");
    bench.later(1_000);
    bench.resolve(step, Resolution::Retry).unwrap();
    assert!(!rests(&bench.state));
    bench.cancel(run);
    assert!(!rests(&bench.state), "a cancelled run waits for what is under way");

    let mut bench = Bench::open();
    let handled = bench.submit(intent(1));
    assert!(!rests(&bench.state), "its handler works");
    bench.run(Command::PauseRun { run: handled });
    assert!(rests(&bench.state));
}
