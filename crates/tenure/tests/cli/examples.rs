//! The examples, played by the real binary: each ends well only if every claim it makes is true.

use super::desk::{Desk, text};
use serde_json::Value;

/// Plays an example, and returns its summary.
fn play(desk: &Desk, args: &[&str]) -> Value {
    let played = desk.run(&[&["example", "--json"], args].concat());
    let summary = played.is(0, &[]).json();
    let claims = summary["claims"].as_array().unwrap();
    assert!(!claims.is_empty() && claims.iter().all(|claim| claim["holds"] == true), "{summary:#}");
    summary
}

/// What a claim found.
fn found<'a>(summary: &'a Value, claim: &str) -> &'a Value {
    let claims = summary["claims"].as_array().unwrap();
    let wanted = claims.iter().find(|one| one["claim"] == claim);
    &wanted.unwrap_or_else(|| panic!("no claim `{claim}` in {summary:#}"))["found"]
}

#[test]
fn ex_3_a_finished_run_is_rebuilt_from_its_journal_alone() {
    let desk = Desk::new();
    let summary = play(&desk, &["trail"]);
    assert_eq!((&summary["kills"], found(&summary, "denied")), (&1.into(), &1.into()));
    assert_eq!(found(&summary, "approved"), 3);
    assert_eq!(found(&summary, "pauses by a person, and gone on after"), 1);
    assert!(summary["comparedAt"].as_array().unwrap().len() >= 10, "{summary:#}");
    let tampered = summary["tampered"].as_array().unwrap();
    assert_eq!(tampered.len(), 3);
    for copy in tampered {
        assert!(!text(copy, "why").is_empty() && copy["trailRefused"] == true, "{copy}");
    }
}

#[test]
fn ex_3_it_works_on_a_folder_of_ones_own_and_keeps_what_it_made() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("mine/deep")).unwrap();
    desk.write("mine/one.md", "ready");
    desk.write("mine/deep/two.md", "TBD: not ready");
    let summary = play(&desk, &["trail", "--input", "mine", "--keep"]);
    assert_eq!((found(&summary, "approved"), found(&summary, "denied")), (&1.into(), &1.into()));
    let dir = text(&summary, "dir");
    let export = format!("{dir}/session.jsonl");
    desk.run(&["verify", &export, "--head", &text(&summary, "head")]).is(0, &[]);
    let bad = desk.run(&["verify", &format!("{dir}/edited.jsonl")]).is(1, &[]);
    assert!(bad.out.starts_with("NOT verified"), "{}", bad.out);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn examples_are_listed_and_bad_calls_are_told_what_exists() {
    let desk = Desk::new();
    let listed = desk.run(&["example", "--json"]).is(0, &[]).json();
    assert!(listed["items"].as_array().unwrap().iter().any(|one| one["requirement"] == "EX-3"));
    assert!(desk.run(&["example"]).is(0, &[]).out.contains("trail"));
    desk.run(&["example", "nothing"]).is(2, &["possible values", "trail"]);
    desk.run(&["example", "trail", "--input", "nowhere"]).is(2, &["nowhere", "cannot be read"]);
    desk.write("a.md", "ready");
    desk.run(&["example", "trail", "--input", "."]).is(2, &["says TBD"]);
    desk.run(&["example", "--keep"]).is(2, &["<NAME>"]);
}

#[test]
fn ex_5_an_approval_leaves_for_another_app_and_its_decision_returns_over_a_kill() {
    let summary = play(&Desk::new(), &["authorizer"]);
    for (what, code) in [
        ("signed by a key nobody registered", "token-forged"),
        ("signed by another app", "token-retargeted"),
        ("signed too late", "token-expired"),
        ("about another action", "action-changed"),
        ("sent twice", "token-used"),
        ("overtaken at home", "already-decided"),
    ] {
        assert_eq!(found(&summary, &format!("a decision {what} is refused as")), code);
    }
    assert_eq!(found(&summary, "decisions signed by the app"), 3);
    assert_eq!(found(&summary, "orders placed, of those nobody denied"), 3);
    assert_eq!(found(&summary, "it ended as"), "completed");
}

#[test]
fn ex_1_work_is_dispatched_decided_interrupted_and_resumed_with_one_audit() {
    let summary = play(&Desk::new(), &["cowork"]);
    assert_eq!((&summary["kills"], &summary["flood"]), (&2.into(), &48.into()));
    assert_eq!(found(&summary, "approved, with who and why"), 2);
    assert_eq!(found(&summary, "denied, with who and why"), 1);
    assert_eq!(found(&summary, "resumed by a checkpoint's token"), 1);
    assert_eq!(found(&summary, "the journal has no gap"), true);
}

#[test]
fn ex_2_a_week_is_put_on_schedule_and_each_entry_is_one_run_over_two_kills() {
    let summary = play(&Desk::new(), &["flow"]);
    assert_eq!((&summary["kills"], &summary["items"]), (&2.into(), &8.into()));
    assert_eq!(found(&summary, "entries whose run finished"), 8);
    assert_eq!(found(&summary, "tasks completed by their first run"), 8);
    assert_eq!(found(&summary, "todos the trail tells of"), 23);
    let order = found(&summary, "the order they began in").as_array().unwrap();
    assert_eq!((&order[0], &order[7]), (&"budget".into(), &"opening".into()));
}

#[test]
fn ex_2_it_keeps_a_plan_of_ones_own_and_refuses_one_that_cannot_be_kept() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("mine")).unwrap();
    let refused = |says: &[&str]| desk.run(&["example", "flow", "--input", "mine"]).is(2, says);
    refused(&["`--input mine` holds 0 files", "expected 1 to"]);
    desk.write("mine/eat.json", "{");
    refused(&["`--input mine`", "`eat.json`", "\"todos\""]);
    desk.write("mine/eat.json", r#"{"title": "Eat", "needs": ["cook"], "todos": ["Chew"]}"#);
    desk.write("mine/cook.json", r#"{"title": "Cook", "needs": ["eat"], "todos": ["Stir"]}"#);
    refused(&["circle", "cook needs eat needs cook"]);
    desk.run(&["example", "flow", "--input", "nowhere"]).is(2, &["nowhere", "cannot be read"]);
    desk.write("mine/cook.json", r#"{"title": "Cook", "todos": ["Stir"]}"#);
    let at = r#"{"title": "Eat", "at": "sun 12:30", "needs": ["cook"], "todos": ["Chew"]}"#;
    desk.write("mine/eat.json", at);
    let summary = play(&desk, &["flow", "--input", "mine"]);
    assert_eq!(found(&summary, "the order they began in"), &serde_json::json!(["cook", "eat"]));
    assert_eq!(found(&summary, "items whose hour struck while the server was dead"), 1);
}

#[test]
fn ex_10_threads_of_a_second_host_are_claimed_told_apart_and_go_on_over_a_kill() {
    let summary = play(&Desk::new(), &["assistant"]);
    assert_eq!((&summary["kills"], &summary["files"]), (&1.into(), &4.into()));
    assert_eq!(found(&summary, "surfaces that offer `local`"), &serde_json::json!(["desktop"]));
    assert_eq!(found(&summary, "files the coder collected"), 3);
    for thread in ["chat", "code"] {
        let found = |claim: &str| found(&summary, &format!("{thread}: {claim}"));
        assert_eq!(found("claims that won, of 16 at once and a late one"), 1);
        assert_eq!(found("messages answered, each by one run"), 3);
        assert_eq!(found("the copy is the journal's, in its order"), true);
    }
}

#[test]
fn ex_10_it_works_on_a_project_of_ones_own_and_refuses_one_that_shows_nothing() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("mine/deep")).unwrap();
    let refused =
        |says: &[&str]| desk.run(&["example", "assistant", "--input", "mine"]).is(2, says);
    refused(&["`--input mine` holds 0 files"]);
    desk.write("mine/deep/one.md", "OPEN: everything");
    refused(&["`--input mine` holds 1 files, 1 of them say OPEN", "one that does not"]);
    std::fs::write(desk.path("mine/bad.md"), [0xff, 0xfe]).unwrap();
    refused(&["`--input mine`", "`bad.md`", "UTF-8"]);
    desk.write("mine/bad.md", "nothing left");
    let summary = play(&desk, &["assistant", "--input", "mine"]);
    assert_eq!(found(&summary, "files the coder collected"), 2);
}

#[test]
fn ex_10_what_its_agent_cannot_read_is_a_claim_that_does_not_hold() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("mine")).unwrap();
    desk.write("mine/small.md", "nothing left");
    let most = tenure_contract::limits::TOOL_OUTPUT_DEFAULT_BYTES;
    desk.write("mine/large.md", &format!("OPEN: {}", "x".repeat(most)));
    let args = ["example", "assistant", "--input", "mine", "--json"];
    let summary = desk.run(&args).is(1, &["the folder stays"]).json();
    assert_eq!(summary["holds"], false);
    let claims = summary["claims"].as_array().unwrap().iter();
    let broken: Vec<String> =
        claims.filter(|one| one["holds"] == false).map(|one| text(one, "claim")).collect();
    let files =
        ["files the coder collected", "files the coder collected say what the person wrote"];
    assert_eq!(broken, files);
    std::fs::remove_dir_all(text(&summary, "dir")).unwrap();
}
