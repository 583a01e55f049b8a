//! Checkpoints: made by themselves where the contract says so, and what resuming from one does.

use super::bench::*;
use crate::Refusal;
use crate::command::{Command, Resume};
use crate::policy::Ruling;
use crate::session::opens;
use std::collections::BTreeSet;
use tenure_contract::event::*;
use tenure_contract::resource::ResumeToken;
use tenure_contract::words::*;
use tenure_contract::{AgentId, CheckpointId, Digest, Entry, Event, RunId, limits};

fn made(entries: &[Entry]) -> Vec<CheckpointMade> {
    let made = entries.iter().filter_map(|entry| match &entry.event {
        Event::CheckpointMade(made) => Some(made.clone()),
        _ => None,
    });
    made.collect()
}

fn from(run: RunId, verdict: PinVerdict) -> Resume {
    Resume {
        checkpoint: CheckpointId::from_bytes([6; 16]),
        run: Some(run),
        verdict,
        differing: Vec::new(),
        choice: None,
        repin: None,
        next: None,
    }
}

#[test]
fn ckp_1_one_is_made_at_every_pause_wait_and_end_of_a_root_run_in_its_commit() {
    let (mut bench, run) = Bench::with_agent();
    let causes = |entries: &[Entry]| made(entries).iter().map(|one| one.cause).collect::<Vec<_>>();
    assert_eq!(causes(&bench.run(Command::PauseRun { run })), [CheckpointCause::Pause]);
    assert_eq!(causes(&bench.run(Command::ResumeRun { run })), []);
    let waits = bench.land_turn(run, &[ask("a")]);
    assert_eq!(causes(&waits), [CheckpointCause::WaitingApproval]);
    assert_eq!(made(&waits)[0].status, SessionStatus::WaitingApproval);
    assert_eq!(made(&waits)[0].approvals, [bench.asked()]);
    let asked = bench.asked();
    bench.decide(asked, false).unwrap();
    let child = bench.submit(RunSubmitted { parent: Some(run), ..intent(2) });
    bench.cancel(child);
    assert_eq!(bench.count("checkpoint.made"), 2, "what is nested is part of its root");
    let ends = bench.land_turn(run, &[]);
    assert_eq!(causes(&ends), [CheckpointCause::RunEnd]);
    assert_eq!(made(&ends)[0].memory, [format!("chat:{SESSION}@1")]);
    let asked = bench.run(Command::MakeCheckpoint);
    assert_eq!(causes(&asked), [CheckpointCause::Demand]);
    let one = &made(&asked)[0];
    assert_eq!((one.run, one.status), (Some(run), SessionStatus::Active));
    assert!(one.summary.contains("`triage` is completed (finished)"), "{}", one.summary);
    let pins = &one.pins;
    assert_eq!(pins.agent, Some(format!("triage@{}", Digest::of(&[b"agent"]))));
    assert_eq!(pins.policy.as_deref(), Some("default"));
}

#[test]
fn ckp_1_a_step_of_a_handler_makes_none_and_long_lists_are_cut() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let record = Command::RecordStep {
        substep: substep(run, "a", RecoveryClass::Read),
        failed: false,
        writes: Vec::new(),
    };
    assert_eq!(kinds(&bench.run(record)), ["step.recorded"]);
    for n in 0..limits::CHECKPOINT_REFS_MAX as u128 + 3 {
        let todo = tenure_contract::TodoId::from_bytes(n.to_be_bytes());
        let write =
            crate::command::Write::CreateTodo(TodoCreated { todo, task: None, request: None });
        bench.run(Command::Write(write));
    }
    let one = made(&bench.run(Command::MakeCheckpoint)).remove(0);
    assert_eq!((one.todos.len(), one.left_out), (limits::CHECKPOINT_REFS_MAX, 3));
}

#[test]
fn ckp_2_a_token_opens_its_checkpoint_only_and_no_entry_holds_it() {
    let mut bench = Bench::open();
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let entries = bench.run(Command::MakeCheckpoint);
        let one = made(&entries).remove(0);
        let body = bench.kept.last().unwrap().body.clone().unwrap();
        let token: ResumeToken = std::str::from_utf8(body.bytes()).unwrap().parse().unwrap();
        assert!(opens(&one, &token));
        let forged = ResumeToken { secret: [5; 16], ..token };
        let moved = ResumeToken { checkpoint: CheckpointId::from_bytes([9; 16]), ..token };
        assert!(!opens(&one, &forged) && !opens(&one, &moved));
        let bytes = entries[0].to_bytes();
        assert!(!bytes.windows(16).any(|part| part == token.secret), "the entry holds no secret");
        assert!(seen.insert(token.secret), "every checkpoint has a secret of its own");
    }
}

#[test]
fn ckp_2_an_unfinished_run_goes_on_under_its_id() {
    let (mut bench, run) = Bench::with_agent();
    bench.run(Command::PauseRun { run });
    let next = Some((agent(2), ruled(Ruling::Permit)));
    let resume = Resume { next, ..from(run, PinVerdict::Same) };
    let entries = bench.run(Command::Resume(Box::new(resume)));
    assert_eq!(kinds(&entries), ["session.resumed", "run.resumed"]);
    assert_eq!((bench.status(run), bench.state.runs.len()), (RunStatus::Running, 1));
}

#[test]
fn ckp_2_after_an_ended_run_a_new_one_starts_once_for_a_key() {
    let (mut bench, run) = Bench::with_agent();
    bench.land_turn(run, &[]);
    let request = Some(Digest::of(&[b"again"]));
    let next = RunSubmitted { request, policy: InputPolicy::Reject, ..agent(2) };
    let resume =
        Resume { next: Some((next, ruled(Ruling::Permit))), ..from(run, PinVerdict::Compatible) };
    let entries = bench.run(Command::Resume(Box::new(resume.clone())));
    assert_eq!(kinds(&entries)[..3], ["session.resumed", "run.submitted", "run.started"]);
    assert_eq!(bench.status(run), RunStatus::Completed);
    assert!(bench.run(Command::Resume(Box::new(resume))).is_empty());
}

#[test]
fn ckp_2_changed_demands_a_choice_which_is_an_entry() {
    let (mut bench, run) = Bench::with_agent();
    bench.run(Command::PauseRun { run });
    let changed = from(run, PinVerdict::Changed);
    let refused = bench.refuse(Command::Resume(Box::new(changed.clone())));
    assert!(matches!(refused, Refusal::ChoiceNeeded { .. }));
    let repin = Repin {
        agent: AgentId::from_bytes([9; 16]),
        version: Digest::of(&[b"newer"]),
        tools: Digest::of(&[b"tools"]),
        model: "scripted/m".to_owned(),
    };
    let choice = Some(ResumeChoice::Current);
    let chosen = Resume { choice, repin: Some(repin), ..changed };
    let entries = bench.run(Command::Resume(Box::new(chosen)));
    let Event::SessionResumed(event) = &entries[0].event else { panic!("{entries:?}") };
    assert_eq!((event.choice, event.run), (choice, Some(run)));
    let pins = bench.known(run).pins();
    assert_eq!(pins.agent, Some(format!("triage@{}", Digest::of(&[b"newer"]))));
    assert_eq!(
        (pins.tools, pins.model.as_deref()),
        (Some(Digest::of(&[b"tools"])), Some("scripted/m"))
    );
}

#[test]
fn ckp_2_a_session_that_has_ended_is_not_resumed() {
    let mut bench = Bench::open();
    bench.run(Command::EndSession { status: SessionStatus::Completed, reason: None });
    let resume = Resume { run: None, ..from(run_id(1), PinVerdict::Same) };
    let refused = bench.refuse(Command::Resume(Box::new(resume)));
    assert!(matches!(refused, Refusal::SessionEnded { .. }));
}
