//! Export and verify: what was changed is found and named.

use super::desk::{Desk, HELLO, text};
use serde_json::Value;

/// A desk with an export of one run, and its head.
fn exported() -> (Desk, Vec<String>, String) {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let run = desk.work().is(0, &[]).json();
    desk.run(&["export", &text(&run, "sessionId"), "-o", "s.jsonl"]).is(0, &[]);
    let good = desk.run(&["verify", "s.jsonl", "--json"]).is(0, &[]).json();
    assert_eq!(good["verified"], true);
    let lines =
        std::fs::read_to_string(desk.path("s.jsonl")).unwrap().lines().map(str::to_owned).collect();
    (desk, lines, text(&good, "head"))
}

fn bad(desk: &Desk, lines: &[String], more: &[&str]) -> Value {
    desk.write("bad.jsonl", &(lines.join("\n") + "\n"));
    let mut args = vec!["verify", "bad.jsonl", "--json"];
    args.extend(more);
    let told = desk.run(&args).is(1, &[]).json();
    assert_eq!(told["verified"], false);
    told
}

#[test]
fn log_3_an_edit_a_move_a_gap_and_a_cut_end_are_named() {
    let (desk, lines, head) = exported();
    let mut edited = lines.clone();
    edited[3] = edited[3].replacen("\"kind\":\"", "\"kind\":\"x", 1);
    assert_eq!(bad(&desk, &edited, &[])["line"], 4);
    let mut moved = lines.clone();
    moved.swap(2, 3);
    assert_eq!(bad(&desk, &moved, &[])["line"], 3);
    let mut gap = lines.clone();
    gap.remove(3);
    assert_eq!(bad(&desk, &gap, &[])["line"], 4);
    let mut cut = lines.clone();
    cut.remove(lines.len() - 2);
    assert!(text(&bad(&desk, &cut, &["--head", &head]), "why").contains("cut off"));
    let human = desk.run(&["verify", "bad.jsonl"]).is(1, &[]).out;
    assert!(human.starts_with("NOT verified: line "), "{human}");
}

#[test]
fn log_3_another_root_another_tenant_and_another_store_are_found_out() {
    let (desk, lines, head) = exported();
    let root = desk.data().join("keys/root.pub");
    let rooted = desk.run(&[
        "verify",
        "s.jsonl",
        "--json",
        "--head",
        &head,
        "--root",
        root.to_str().unwrap(),
    ]);
    assert_eq!(rooted.is(0, &[]).json()["rooted"], true);
    let (other, others, _) = exported();
    let told = desk.run(&[
        "verify",
        "s.jsonl",
        "--root",
        other.data().join("keys/root.pub").to_str().unwrap(),
    ]);
    assert!(told.is(1, &[]).out.contains("root key"));
    bad(&desk, &lines, &["--tenant", "ten_00000000000000000000000001"]);
    let mut mixed = lines.clone();
    mixed[2] = others[2].clone();
    assert_eq!(bad(&desk, &mixed, &[])["line"], 3);
    desk.run(&["verify", "s.jsonl", "--head", "x"]).is(2, &["not a head"]);
    desk.run(&["verify", "nothing.jsonl"]).is(2, &["cannot be read"]);
}

#[test]
fn an_export_goes_to_standard_output_and_names_a_session_that_is_not_there() {
    let (desk, lines, _) = exported();
    let session = serde_json::from_str::<Value>(&lines[0]).unwrap()["journal"].clone();
    let out = desk.run(&["export", session.as_str().unwrap()]).is(0, &[]).out;
    assert_eq!(out.lines().count(), lines.len());
    assert_eq!(out.lines().nth(1), lines.get(1).map(String::as_str));
    desk.run(&["export", "ses_00000000000000000000000001"]).is(2, &["no session"]);
}
