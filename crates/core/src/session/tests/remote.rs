//! Runs that executors perform: one step, one claim at a time.

use super::bench::*;
use crate::Command;
use crate::command::RemoteAnswer;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{Code, DispatchId, Error, ExecutorId, RunId};

pub(super) const DONE: RemoteAnswer = RemoteAnswer::Done;

fn executor(number: u8) -> ExecutorId {
    ExecutorId::from_bytes([number; 16])
}

/// A run under the third claim of its dispatch, by executor 1.
pub(super) fn started(class: RecoveryClass) -> (Bench, RunId) {
    let mut bench = Bench::open();
    let work = RemoteWork {
        dispatch: DispatchId::from_bytes([7; 16]),
        executor: executor(1),
        claim: 3,
        lease_ms: 1_000,
        class,
        target: ExecutionTarget::Local,
        user: "ada".to_owned(),
        product: "desk".to_owned(),
    };
    let remote = Some(Box::new(work));
    let run = bench.submit(RunSubmitted { remote, trigger: Trigger::Dispatch, ..intent(1) });
    (bench, run)
}

pub(super) fn answer(run: RunId, claim: u64, by: u8, answer: RemoteAnswer) -> Command {
    Command::AnswerRemote { run, claim, executor: executor(by), answer }
}

pub(super) fn claim(run: RunId, claim: u64, by: u8) -> Command {
    Command::ClaimRun(RunClaimed { run, executor: executor(by), claim, lease_ms: 1_000 })
}

fn code(refusal: crate::Refusal) -> Code {
    Error::from(refusal).code
}

#[test]
fn stp_1_an_executors_step_is_intended_before_it_works_and_landed_by_its_answer() {
    let (mut bench, run) = started(RecoveryClass::Once);
    assert_eq!(bench.count("step.intended"), 1);
    assert_eq!(code(bench.refuse(answer(run, 3, 2, DONE))), Code::LeaseLost, "another executor");
    assert_eq!(code(bench.refuse(answer(run, 2, 1, DONE))), Code::LeaseLost, "a claim before");
    let told = bench.run(answer(run, 3, 1, DONE));
    assert_eq!(kinds(&told)[..2], ["step.landed", "run.ended"]);
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
    assert!(bench.run(answer(run, 3, 1, DONE)).is_empty(), "the same again is nothing new");
    assert!(bench.run(Command::LoseClaim { run, claim: 3 }).is_empty());
}

#[test]
fn stp_2_lost_once_work_is_in_doubt_and_its_own_answer_or_a_person_settles_it() {
    let (mut bench, run) = started(RecoveryClass::Once);
    let told = bench.run(Command::LoseClaim { run, claim: 3 });
    assert_eq!(kinds(&told)[..3], ["run.released", "step.in-doubt", "run.paused"]);
    assert_eq!(bench.status(run), RunStatus::Paused);
    code(bench.refuse(claim(run, 4, 2)));
    let mut heard = bench.clone();
    let told = heard.run(answer(run, 3, 1, DONE));
    assert_eq!(kinds(&told)[0], "step.resolved");
    assert_eq!(heard.stop_reason(run), StopReason::Finished);

    // a person says it is to be tried again: another executor may have it, and the first is late
    bench.later(2_000);
    let (step, _) = bench.open_step(run, |_| true);
    bench.resolve(step, Resolution::Retry).unwrap();
    assert_eq!(bench.status(run), RunStatus::Running);
    let told = bench.run(answer(run, 3, 1, DONE));
    assert_eq!(kinds(&told), ["step.late"], "it is journaled and changes nothing");
    assert_eq!(code(bench.refuse(answer(run, 3, 1, DONE))), Code::LeaseLost, "and heard once");
    assert_eq!(code(bench.refuse(claim(run, 5, 2))), Code::IllegalTransition);
    assert_eq!(kinds(&bench.run(claim(run, 4, 2))), ["run.claimed"]);
    assert_eq!(code(bench.refuse(claim(run, 5, 1))), Code::IllegalTransition, "one has it");
    bench.run(answer(run, 4, 2, DONE));
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
}

#[test]
fn stp_2_lost_idempotent_work_is_claimed_again_under_the_same_step() {
    let (mut bench, run) = started(RecoveryClass::Idempotent);
    let (step, _) = bench.open_step(run, |_| true);
    let told = bench.run(Command::LoseClaim { run, claim: 3 });
    assert_eq!(kinds(&told), ["run.released", "step.attempted"]);
    let waits = crate::session::explain::explain(&bench.state, run).unwrap();
    assert_eq!(waits.reason, StuckReason::Worker);
    bench.run(claim(run, 4, 2));
    let waits = crate::session::explain::explain(&bench.state, run).unwrap();
    assert_eq!((waits.reason, waits.subject), (StuckReason::Lease, Some(executor(2).to_string())));
    assert_eq!(bench.open_step(run, |_| true), (step, 2), "the key is the same");
    let told = bench.run(answer(run, 3, 1, DONE));
    assert_eq!(kinds(&told), ["step.late"]);
    let failed = RemoteAnswer::Failed { may_pass: false };
    bench.run(answer(run, 4, 2, failed));
    assert_eq!(bench.stop_reason(run), StopReason::Failed);
}

#[test]
fn stp_2_a_failure_that_may_pass_is_tried_again_by_whoever_claims_it() {
    let (mut bench, run) = started(RecoveryClass::Idempotent);
    bench.run(answer(run, 3, 1, RemoteAnswer::Failed { may_pass: true }));
    code(bench.refuse(claim(run, 4, 1)));
    bench.later(60_000);
    bench.wake();
    bench.run(claim(run, 4, 1));
    bench.run(answer(run, 4, 1, DONE));
    assert_eq!(bench.stop_reason(run), StopReason::Finished);
}

#[test]
fn rt13_a_cancelled_run_waits_for_its_executor_and_for_nobody_once_that_is_lost() {
    let (mut bench, run) = started(RecoveryClass::Once);
    bench.cancel(run);
    assert_eq!(bench.status(run), RunStatus::Running, "its executor has not answered");
    bench.run(Command::LoseClaim { run, claim: 3 });
    assert_eq!(bench.status(run), RunStatus::Cancelled);
    assert_eq!(bench.known(run).ending().unwrap().receipt.unwrap().in_doubt, 1);

    let (mut bench, run) = started(RecoveryClass::Idempotent);
    bench.run(Command::LoseClaim { run, claim: 3 });
    bench.cancel(run);
    assert_eq!(bench.status(run), RunStatus::Cancelled, "the attempt nobody had never began");
}

#[test]
fn stp_2_what_an_executor_performed_is_not_retried_without_one() {
    let (mut bench, run) = started(RecoveryClass::Once);
    bench.run(answer(run, 3, 1, DONE));
    let remote = bench.state.remote[&run].work.clone();
    let again =
        RunSubmitted { remote: Some(Box::new(remote)), trigger: Trigger::Retry, ..intent(2) };
    assert_eq!(code(bench.refuse(submit(again))), Code::InvalidArgument);
}
