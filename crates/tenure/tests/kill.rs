//! The real binary under SIGKILL: the payment service's own ledger must show every payment once,
//! every entry a server had shown must be in the verified journal, and every run must end.
//!
//! A few kills by default; with `TENURE_SLOW=1` at least two hundred.

use serde_json::Value;
use std::process::Command;

/// Kills of one invocation.
const KILLS: u64 = 5;
/// Kills of all invocations in the slow tier.
const SLOW_KILLS: u64 = 200;

fn demo(args: &[&str]) -> Value {
    let told = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["demo", "--json", "--auto"])
        .args(args)
        .env_remove("TENURE_DATA")
        .output()
        .unwrap();
    let told_why = String::from_utf8_lossy(&told.stderr);
    let summary: Value = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|why| panic!("{args:?}: {why}\n{told_why}"));
    assert!(told.status.success(), "{args:?}: {summary:#}\n{told_why}");
    summary
}

fn survives(seed: u64, kills: u64) -> u64 {
    let summary = demo(&["--kills", &kills.to_string(), "--seed", &seed.to_string()]);
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(number("chargesMade"), number("chargesWanted"), "seed {seed}: {summary:#}");
    assert_eq!(number("refundsMade"), number("refundsWanted"), "seed {seed}: {summary:#}");
    assert_eq!((number("duplicates"), number("attemptsAfterLanded")), (0, 0), "seed {seed}");
    assert_eq!((number("acksLost"), number("runsCompleted")), (0, number("runs")), "seed {seed}");
    assert_eq!(number("kills"), kills, "seed {seed}");
    assert!(number("killsInsideEffect") >= 1 && number("acked") > 0, "seed {seed}: {summary:#}");
    assert_eq!(summary["verified"], true, "seed {seed}");
    number("kills")
}

#[test]
fn rt15_kill_9_at_any_moment_loses_nothing_and_pays_nothing_twice() {
    let slow = std::env::var_os("TENURE_SLOW").is_some_and(|slow| slow == "1");
    let (wanted, each) = if slow { (SLOW_KILLS, 20) } else { (3 * KILLS, KILLS) };
    let mut kills = 0;
    for seed in 1.. {
        kills += survives(seed, each);
        if kills >= wanted {
            return;
        }
    }
}

#[test]
fn stp_1_a_kill_between_an_effect_and_its_commit_is_told_by_the_next_start() {
    let summary = demo(&[]);
    assert_eq!(summary["kills"], 2);
    assert_eq!(summary["killsInsideEffect"], 2);
    assert!(summary["inDoubt"].as_u64().unwrap() >= 2, "{summary:#}");
}

#[test]
fn stp_2_a_step_in_doubt_is_looked_up_first_and_a_person_is_asked_when_that_cannot_tell() {
    let summary = demo(&[]);
    assert!(summary["resolvedByLookUp"].as_u64().unwrap() >= 1, "{summary:#}");
    assert_eq!(summary["resolvedByOperator"], 1, "{summary:#}");
    assert_eq!(summary["approvals"], 1, "{summary:#}");
}
