//! Without a planted bug every seed keeps every promise, and is one history.

use tenure_sim::run;

/// Seeds of one budget; many more when `TENURE_SLOW` is set.
fn budget() -> u64 {
    if std::env::var_os("TENURE_SLOW").is_some() { 4_000 } else { 200 }
}

#[test]
fn every_seed_keeps_every_promise() {
    for seed in 0..budget() {
        let outcome = run(seed, None);
        assert_eq!(
            outcome.broken, None,
            "replay with `cargo run -p tenure-sim -- --seed {seed} --trace`"
        );
    }
}

#[test]
fn the_same_seed_twice_is_the_same_history() {
    for seed in 0..25 {
        let (once, again) = (run(seed, None), run(seed, None));
        let differing = once.trace.iter().zip(&again.trace).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(once, again, "seed {seed}");
    }
}

#[test]
fn seeds_meet_crashes_and_get_somewhere() {
    let outcomes: Vec<_> = (0..30).map(|seed| run(seed, None)).collect();
    let crashes: u64 = outcomes.iter().map(|outcome| outcome.crashes).sum();
    let entries: usize = outcomes.iter().map(|outcome| outcome.entries).sum();
    assert!(crashes > 100 && entries > 1_500, "{crashes} crashes, {entries} entries");
    let told = |word: &str| {
        outcomes.iter().flat_map(|outcome| &outcome.trace).any(|line| line.contains(word))
    };
    for word in
        ["frozen", "FlushRefused", "BeforeAck", "BeforeAppend", "InFlush", "InSettle", "older log"]
    {
        assert!(told(word), "no seed met `{word}`");
    }
    for word in
        ["file is gone", "disk is full", "operator: stp_", "step.in-doubt", "approval.decided"]
    {
        assert!(told(word), "no seed met `{word}`");
    }
    for word in
        ["handoff.offered", " accepted by user:", " declined by user:", " withdrawn by user:"]
    {
        assert!(told(word), "no seed met `{word}`");
    }
    for word in ["schedule.entry-dispatched", "schedule.entry-moved", "schedule.moved", "is paused"]
    {
        assert!(told(word), "no seed met `{word}`");
    }
}

/// A commit failed on a full disk when nobody waited for it: the run was left alone for ever.
#[test]
fn seed_71_a_run_whose_commit_failed_unwatched_goes_on() {
    assert_eq!(run(71, None).broken, None);
}

/// A cancel whose commit failed left its signal behind: every model call of the run was aborted at
/// once and begun again, for ever.
#[test]
fn seed_393_a_cancel_that_was_not_committed_aborts_nothing() {
    assert_eq!(run(393, None).broken, None);
}
