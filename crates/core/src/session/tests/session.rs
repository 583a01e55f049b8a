//! Sessions: their status, and what becomes of a run that arrives while another is in progress.

use super::bench::*;
use crate::{Command, Refusal};
use tenure_contract::event::{Event, RunSubmitted, SessionOpened};
use tenure_contract::words::*;
use tenure_contract::{Digest, Entry, limits};

fn end(status: SessionStatus) -> Command {
    Command::EndSession { status, reason: None }
}

#[test]
fn ses_1_the_status_follows_the_current_root_run() {
    let (mut bench, run) = Bench::with_agent();
    assert_eq!(bench.state.status(), SessionStatus::Active);
    bench.land_turn(run, &[ask("a")]);
    assert_eq!(bench.state.status(), SessionStatus::WaitingApproval);
    let queued = bench.submit(agent(2));
    bench.cancel(queued);
    assert_eq!(
        bench.state.status(),
        SessionStatus::WaitingApproval,
        "a run that waits in line changes nothing"
    );
    bench.run(Command::PauseRun { run });
    assert_eq!(bench.state.status(), SessionStatus::Paused);
    bench.cancel(run);
    assert_eq!(bench.state.status(), SessionStatus::Active);
}

#[test]
fn ses_1_an_end_is_final_and_waits_for_its_runs() {
    let (mut bench, run) = Bench::with_agent();
    let refusal = bench.refuse(end(SessionStatus::Completed));
    assert!(matches!(refusal, Refusal::RunStatus { run: held, .. } if held == run));
    bench.land_turn(run, &[]);
    assert!(matches!(bench.refuse(end(SessionStatus::Paused)), Refusal::Invalid(_)));
    bench.run(end(SessionStatus::Completed));
    for command in [end(SessionStatus::Cancelled), submit(agent(2))] {
        assert!(matches!(bench.refuse(command), Refusal::SessionEnded { .. }));
    }
    assert!(matches!(Bench::empty().refuse(Command::Wake), Refusal::NoSession(_)));
}

#[test]
fn ses_1_a_session_made_for_one_run_ends_with_it() {
    for (reason, expected) in [
        (None, SessionStatus::Completed),
        (Some(StopReason::Aborted), SessionStatus::Cancelled),
        (Some(StopReason::Failed), SessionStatus::Failed),
    ] {
        let mut bench = Bench::opened_as(SessionOpened { ends_with_run: true, ..opened() });
        let run = bench.submit(agent(1));
        match reason {
            None => bench.land_turn(run, &[]),
            Some(StopReason::Aborted) => {
                bench.cancel(run);
                let (step, _) = bench.open_step(run, |_| true);
                bench.lose(run, step, LossCause::Abort)
            }
            Some(_) => {
                bench.run(Command::FailRun { run, class: ErrorClass::System, code: "x".to_owned() })
            }
        };
        assert_eq!(bench.state.status(), expected);
    }
}

#[test]
fn ses_3_queue_runs_one_root_after_the_other() {
    let (mut bench, first) = Bench::with_agent();
    let second = bench.submit(agent(2));
    assert_eq!(
        (bench.status(first), bench.status(second)),
        (RunStatus::Running, RunStatus::Queued)
    );
    let entries = bench.land_turn(first, &[]);
    assert!(
        kinds(&entries).ends_with(&[
            "run.ended",
            "checkpoint.made",
            "run.started",
            "step.intended"
        ]),
        "{:?}",
        kinds(&entries)
    );
    assert_eq!(bench.status(second), RunStatus::Running);
}

#[test]
fn ses_3_reject_is_a_conflict_and_leaves_nothing() {
    let (mut bench, first) = Bench::with_agent();
    let rejected = RunSubmitted { policy: InputPolicy::Reject, ..agent(2) };
    let before = bench.state.clone();
    let refusal = bench.refuse(submit(rejected.clone()));
    assert!(matches!(refusal, Refusal::SessionBusy { current, .. } if current == first));
    assert!(bench.state == before);
    bench.land_turn(first, &[]);
    bench.submit(rejected);
}

#[test]
fn ses_3_interrupt_supersedes_the_current_run_then_starts() {
    let (mut bench, first) = Bench::with_agent();
    let waiting = bench.submit(agent(2));
    let newest = bench.submit(RunSubmitted { policy: InputPolicy::Interrupt, ..agent(3) });
    assert_eq!(
        bench.status(newest),
        RunStatus::Queued,
        "the old run's model call is still under way"
    );
    let (step, _) = bench.open_step(first, |_| true);
    bench.lose(first, step, LossCause::Abort);
    assert_eq!(bench.stop_reason(first), StopReason::Superseded);
    assert_eq!(
        (bench.status(newest), bench.status(waiting)),
        (RunStatus::Running, RunStatus::Queued)
    );
    assert_eq!(bench.known(newest).policy, InputPolicy::Interrupt, "the policy is recorded");
}

#[test]
fn ses_3_interrupt_while_waiting_for_approval_closes_the_question() {
    let (mut bench, first) = Bench::performing(&[ask("a")]);
    let asked = bench.asked();
    let newest = bench.submit(RunSubmitted { policy: InputPolicy::Interrupt, ..agent(2) });
    assert_eq!(bench.stop_reason(first), StopReason::Superseded);
    assert_eq!(bench.state.approvals[&asked].status, ApprovalStatus::Cancelled);
    assert_eq!(bench.status(newest), RunStatus::Running);
}

#[test]
fn ses_3_steer_is_given_before_the_next_model_call() {
    let (mut bench, run) = Bench::with_agent();
    let steer = || submit(RunSubmitted { policy: InputPolicy::Steer, ..agent(2) });
    let entries = bench.run(steer());
    assert_eq!(kinds(&entries), ["run.steered"]);
    bench.land_turn(run, &[]);
    let turns = &bench.progress(run).turns;
    assert_eq!(turns.len(), 2, "the model is called again, although it was done");
    assert_eq!(turns[1].steered, [entries[0].seq]);
    bench.land_turn(run, &[]);
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
}

#[test]
fn int_5_a_keyed_steer_steers_once() {
    let (mut bench, run) = Bench::with_agent();
    let keyed = |body: &[u8]| RunSubmitted {
        policy: InputPolicy::Steer,
        request: Some(Digest::of(&[body])),
        ..agent(2)
    };
    let first = bench.run(submit(keyed(b"body")));
    assert_eq!(kinds(&first), ["run.steered"]);
    assert!(bench.run(submit(keyed(b"body"))).is_empty());
    assert_eq!(bench.progress(run).steered, [first[0].seq]);
    let other = bench.refuse(submit(keyed(b"another")));
    assert_eq!(other, Refusal::RunKeyConflict(keyed(b"body").run));
    bench.land_turn(run, &[]);
    bench.land_turn(run, &[]);
    assert!(bench.status(run).is_final());
    assert!(bench.run(submit(keyed(b"body"))).is_empty(), "nor once its run has ended");
}

#[test]
fn ses_3_steer_that_no_model_call_could_take_is_a_run_of_its_own() {
    let mut bench = Bench::open();
    let mut only_turn = agent(1);
    only_turn.limits.max_steps = 1;
    let last = bench.submit(only_turn);
    let second = bench.submit(RunSubmitted { policy: InputPolicy::Steer, ..agent(2) });
    bench.land_turn(last, &[]);
    assert_eq!(
        bench.stop_reason(last),
        StopReason::Finished,
        "steering does not make a finished run fail"
    );
    bench.cancel(second);
    let third = bench.submit(RunSubmitted { policy: InputPolicy::Steer, ..agent(3) });
    assert_eq!(bench.status(third), RunStatus::Queued, "a run being cancelled takes no input");
}

#[test]
fn flt_5_two_runs_at_once_lose_no_transcript() {
    let (mut bench, first) = Bench::with_agent();
    let second = bench.submit(agent(2));
    bench.land_turn(first, &[]);
    bench.land_turn(second, &[]);
    assert_eq!(bench.state.memory, [first, second]);
    assert_eq!(bench.state.memory_version, 2);
    let saved: Vec<_> = bench
        .kept
        .iter()
        .filter_map(|kept| match &kept.entry.event {
            Event::MemorySaved(saved) => Some((saved.version, saved.keep, saved.added)),
            _ => None,
        })
        .collect();
    assert_eq!(saved, [(1, 0, 2), (2, 2, 2)], "task and answer each, none replaced");
}

#[test]
fn ses_3_the_queue_has_a_limit_that_is_named() {
    let (mut bench, first) = Bench::with_agent();
    bench.state.order = vec![first; limits::QUEUED_RUNS_MAX];
    let refusal = bench.refuse(submit(agent(2)));
    assert!(refusal.to_string().contains("QUEUED_RUNS_MAX"), "{refusal}");
}

#[test]
fn the_same_key_and_body_is_one_run_another_body_conflicts() {
    let mut bench = Bench::open();
    let keyed = RunSubmitted { request: Some(Digest::of(&[b"body"])), ..agent(1) };
    bench.submit(keyed.clone());
    assert_eq!(bench.run(submit(keyed.clone())), Vec::<Entry>::new());
    let other = RunSubmitted { request: Some(Digest::of(&[b"other"])), ..keyed };
    assert!(matches!(bench.refuse(submit(other)), Refusal::RunKeyConflict(_)));
}

#[test]
fn log_1_a_gap_in_the_sequence_is_refused() {
    let (bench, _) = Bench::with_agent();
    let mut next = bench.kept.last().unwrap().entry.clone();
    for seq in [bench.state.seq, bench.state.seq + 2] {
        next.seq = seq;
        let told = bench.state.clone().apply(&next).unwrap_err().to_string();
        assert!(told.contains(&format!("expected entry {}", bench.state.seq + 1)), "{told}");
    }
    let mut fresh = Bench::empty().state;
    next.seq = 1;
    assert!(fresh.apply(&next).is_err(), "a journal begins with its session");
}
