//! What a trail tells, held against the machine and against journals that end earlier.

use super::Trail;
use crate::Command;
use crate::session::tests::bench::*;
use crate::session::tests::properties::{any_journal, step_statuses};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tenure_contract::event::Usage;
use tenure_contract::trail::{Derived, Line, PauseWhy, SessionTold, StepTold, Subject};
use tenure_contract::words::*;
use tenure_contract::{Entry, StepId};

/// The trail of a journal, as it is written.
fn told(kept: &[Kept]) -> (Vec<Line>, Vec<Derived>) {
    let mut trail = Trail::new(SESSION, TENANT);
    let mut lines = Vec::new();
    for kept in kept {
        // only what is on disk counts
        let entry = Entry::from_bytes(&kept.entry.to_bytes()).unwrap();
        let observed = trail.observe(&entry).unwrap().with_body(kept.body.clone());
        lines.push(Line::Observed(Box::new(observed)));
    }
    let derived: Vec<_> = trail.derive().collect();
    (lines, derived)
}

fn steps(derived: &[Derived]) -> BTreeMap<StepId, &StepTold> {
    let steps = derived.iter().filter_map(|line| match line {
        Derived::Step(step) => Some((step.id, step)),
        _ => None,
    });
    steps.collect()
}

fn session(derived: &[Derived]) -> &SessionTold {
    match derived.last() {
        Some(Derived::Session(session)) => session,
        other => panic!("the last line is the session's, not {other:?}"),
    }
}

/// What is derived is what the machine says, wherever the machine says something.
fn agrees_with_the_machine(derived: &[Derived], bench: &Bench) {
    let state = &bench.state;
    let (mut runs, mut approvals, mut artifacts) = (0, 0, 0);
    for line in derived {
        match line {
            Derived::Run(run) => {
                runs += 1;
                let known = &state.runs[&run.id];
                assert_eq!((run.status, run.spent.total), (known.status, known.usage));
                assert_eq!(run.end.is_some(), run.status.is_final());
                assert_eq!(
                    run.end.as_ref().map(|end| end.stop_reason),
                    known.ending().map(|end| end.stop_reason)
                );
                let halted = matches!(run.status, RunStatus::Paused | RunStatus::WaitingApproval);
                let open = run.pauses.last().is_some_and(|pause| pause.until.is_none());
                assert!(!halted || open, "{run:?}");
            }
            Derived::Approval(approval) => {
                approvals += 1;
                let known = &state.approvals[&approval.id];
                assert_eq!(approval.status, known.status);
                assert_eq!(approval.used_by.is_some(), known.consumed);
            }
            Derived::Artifact(artifact) => {
                artifacts += 1;
                assert_eq!(artifact.state, state.artifacts[&artifact.id]);
            }
            Derived::Task(task) => assert_eq!(task.status, state.tasks[&task.id].status),
            Derived::Todo(todo) => assert_eq!(todo.status, state.todos[&todo.id].status),
            Derived::Step(_) => {}
            Derived::Session(session) => {
                assert_eq!(session.status, state.status());
                assert_eq!(session.open_approvals.len(), state.asked.len());
            }
        }
    }
    let known = (state.runs.len(), state.approvals.len(), state.artifacts.len());
    assert_eq!((runs, approvals, artifacts), known);
    let written = derived.iter().filter(|line| matches!(line, Derived::Task(_) | Derived::Todo(_)));
    assert_eq!(written.count(), state.tasks.len() + state.todos.len());
    let steps = steps(derived);
    for (step, status) in step_statuses(state) {
        assert_eq!(steps[&step].status, status, "{step}");
    }
    let open = steps.values().filter(|step| step.status == StepStatus::InDoubt);
    let mut open: Vec<_> = open.map(|step| step.id).collect();
    open.sort_unstable();
    assert_eq!(open, session(derived).open_doubts);
}

/// A session's spend is the sum of what its runs used by themselves.
fn adds_up(derived: &[Derived]) {
    let mut sum = Usage::default();
    for line in derived {
        if let Derived::Run(run) = line {
            super::run::add(&mut sum, run.spent.own);
        }
    }
    assert_eq!(sum, session(derived).spent);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rpl_1_the_trail_at_an_entry_is_the_trail_of_the_journal_cut_there(bench in any_journal()) {
        let mut whole = Trail::new(SESSION, TENANT);
        let mut observed = Vec::new();
        for (place, kept) in bench.kept.iter().enumerate() {
            let line = whole.observe(&kept.entry).unwrap().with_body(kept.body.clone());
            observed.push(Line::Observed(Box::new(line)));
            // every cut costs a fold of its own: the first ones and some of the later ones
            if place < 8 || place % 7 == 0 || place + 1 == bench.kept.len() {
                let (lines, derived) = told(&bench.kept[..=place]);
                prop_assert_eq!(&lines, &observed);
                prop_assert_eq!(&derived, &whole.clone().derive().collect::<Vec<_>>());
                adds_up(&derived);
            }
        }
        let derived: Vec<_> = whole.derive().collect();
        agrees_with_the_machine(&derived, &bench);
        for line in observed.into_iter().chain(derived.into_iter().map(Box::new).map(Line::Derived)) {
            prop_assert_eq!(&serde_json::from_str::<Line>(&line.to_line()).unwrap(), &line);
        }
    }
}

#[test]
fn rpl_1_an_approval_tells_who_decided_from_where_and_what_it_was_used_for() {
    let (mut bench, run) = Bench::performing(&[ask("a"), call("b")]);
    let approval = bench.asked();
    bench.later(2_000);
    bench.decide(approval, true).unwrap();
    let step = bench.step_of_call(run, 0);
    let (_, derived) = told(&bench.kept);
    let found = derived.iter().find_map(|line| match line {
        Derived::Approval(found) => Some(found),
        _ => None,
    });
    let found = found.unwrap();
    let decision = found.decision.as_ref().unwrap();
    assert_eq!(found.status, ApprovalStatus::Approved);
    assert_eq!(decision.deed.by.to_string(), ADA);
    assert_eq!(decision.deed.surface, Some(Surface::Desktop));
    assert_eq!((found.used_by, steps(&derived)[&step].approval), (Some(step), Some(approval)));
}

#[test]
fn rpl_1_a_doubt_tells_how_it_came_and_who_settled_it() {
    let (mut bench, run) = Bench::performing(&[call("a")]);
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Crash);
    let (_, derived) = told(&bench.kept);
    assert_eq!(session(&derived).open_doubts, [step]);
    bench.later(5_000);
    let reason = Some("asked the bank".to_owned());
    let resolution = Resolution::Landed;
    bench.run(Command::ResolveStep { step, resolution, by_lookup: false, reason: reason.clone() });
    let (_, derived) = told(&bench.kept);
    let doubt = steps(&derived)[&step].attempts[0].doubt.clone().unwrap();
    let resolved = doubt.resolved.unwrap();
    assert_eq!((doubt.cause, resolved.resolution), (LossCause::Crash, Resolution::Landed));
    assert_eq!((resolved.reason, resolved.by_lookup), (reason, false));
    let Some(Derived::Run(told)) = derived.first() else { panic!("{derived:?}") };
    assert_eq!(told.pauses.len(), 1);
    assert_eq!(told.pauses[0].why, PauseWhy::InDoubt);
    assert!(told.pauses[0].until.is_some(), "the doubt is over");
}

#[test]
fn rpl_1_every_line_says_whether_it_is_observed_or_derived() {
    let (mut bench, run) = Bench::with_agent();
    bench.land_turn(run, &[]);
    let (mut lines, derived) = told(&bench.kept);
    assert_eq!(lines.len(), bench.kept.len(), "every entry is told once");
    lines.extend(derived.into_iter().map(Box::new).map(Line::Derived));
    for line in &lines {
        let words: serde_json::Value = serde_json::from_str(&line.to_line()).unwrap();
        match line {
            Line::Observed(observed) => {
                assert_eq!(
                    (&words["told"], &words["seq"]),
                    (&"observed".into(), &observed.seq.into())
                );
                assert_eq!(words["kind"], observed.event.name());
            }
            Line::Derived(_) => assert_eq!(words["told"], "derived"),
            Line::Head(_) => panic!("no head was asked for"),
        }
        assert!(words["id"].is_string() && words["subject"].is_string(), "{words}");
    }
    let Line::Observed(first) = &lines[0] else { panic!() };
    assert_eq!(first.subject, Subject::Session(SESSION));
}

#[test]
fn rpl_1_an_erased_body_is_told_as_erased() {
    let (bench, run) = Bench::with_agent();
    let submitted = bench.kept.iter().find(|kept| kept.entry.run == Some(run)).unwrap();
    let mut trail = Trail::new(SESSION, TENANT);
    trail.observe(&bench.kept[0].entry).unwrap();
    let gone = trail.observe(&submitted.entry).unwrap();
    let beside = gone.body.clone().unwrap();
    assert_eq!((beside.erased, beside.content), (true, None));
    let there = gone.with_body(submitted.body.clone()).body.unwrap();
    assert!(!there.erased && there.content.is_some());
}
