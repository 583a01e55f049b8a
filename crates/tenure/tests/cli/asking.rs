//! A handler whose substep policy asks about: it waits for a person, over kills too.

use super::desk::{Desk, exists, text};
use serde_json::Value;

const ASKS: &str = "@ask(\"a report is written\") @approvers(\"user:*\") @risk(\"high\")\n\
                    permit(principal, action == Action::\"call\", resource == Intent::\"ingest_file\");\n\
                    permit(principal, action == Action::\"run\", resource);\n\
                    permit(principal is User, action == Action::\"decide\", resource);\n";

/// A desk with a table and this policy.
fn desk(policy: &str) -> Desk {
    let desk = Desk::new();
    desk.write("table.csv", "name,cents\nada,100\ngrace,250\n");
    desk.write("policy.cedar", policy);
    desk.run(&["policy", "set", "policy.cedar"]).is(0, &[]);
    desk
}

/// Ingests the table and wants a report of it; the run as it rests.
fn ingest(desk: &Desk, status: i32) -> Value {
    let file = format!("file={}", desk.path("table.csv").display());
    let args = ["run", "--intent", "ingest_file", "-p", &file, "-p", "report=out/table.json"];
    desk.run(&[&args[..], &["--json"]].concat()).is(status, &[]).json()
}

fn report(desk: &Desk, run: &Value) -> std::path::PathBuf {
    desk.data().join("workspaces").join(text(run, "sessionId")).join("out/table.json")
}

fn asked(desk: &Desk) -> String {
    let open = desk.run(&["approvals", "--json"]).is(0, &[]).json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open:#}");
    text(&open["items"][0], "approvalId")
}

#[test]
fn pol_1_a_substep_waits_over_sigkill_and_goes_on_once_approved() {
    let desk = desk(ASKS);
    let mut server = desk.serve();
    let run = ingest(&desk, 3);
    assert_eq!(run["status"], "waiting-approval");
    let (id, session, approval) = (text(&run, "runId"), text(&run, "sessionId"), asked(&desk));
    let says = |args: &[&str], words: &[&str]| {
        let told = desk.run(args).is(0, &[]);
        for word in words {
            // what is asked is on standard output or, as a hint, on standard error
            let all = format!("{}{}", told.out, told.err);
            assert!(all.contains(word), "{args:?} does not say `{word}`: {all}");
        }
    };
    says(&["inbox"], &["a report is written: report", "tenure approve|deny", &approval]);
    says(&["show", &id], &["substep `report`", &approval]);
    server.kill();
    let mut server = desk.serve();
    says(&["explain", &id], &["substep `report`", "tenure approve", "tenure deny", &approval]);
    assert_eq!(asked(&desk), approval, "it is asked once");
    let edited = ["approve", &approval, "--arguments", "{\"path\": \"other.json\"}"];
    desk.run(&edited).is(2, &["substep `report`", "approve or deny it as it is"]);
    assert_eq!(server.stop(), 0, "a drain does not wait for a decision");
    assert!(!exists(&report(&desk, &run)));
    let _server = desk.serve();
    desk.run(&["approve", &approval, "--reason", "fine"]).is(0, &[]);
    let over = desk.run(&["resume", &id, "--json"]).is(0, &[]).json();
    assert_eq!(over["output"]["report"], "out/table.json", "{over:#}");
    let written = std::fs::read_to_string(report(&desk, &run)).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["recordCount"], 2);
    says(&["trail", &session], &["a report is written: report", "approved by user:local", "fine"]);
    desk.run(&["export", &session, "-o", "journal.jsonl"]).is(0, &[]);
    desk.run(&["verify", "journal.jsonl"]).is(0, &[]);
}

#[test]
fn apr_2_a_denied_substep_is_refused_with_the_reason_told() {
    let desk = desk(ASKS);
    let run = ingest(&desk, 3);
    desk.run(&["deny", &asked(&desk), "--reason", "not this one"]).is(0, &[]);
    let over = desk.run(&["resume", &text(&run, "runId"), "--json"]).is(4, &[]).json();
    assert_eq!(text(&over["error"], "code"), "denied-by-policy");
    let why = text(&over["error"], "message");
    assert!(why.contains("denied by `user:local`: not this one"), "{why}");
    assert!(!exists(&report(&desk, &run)));
}

#[test]
fn apr_2_with_nobody_to_ask_a_substep_is_refused_and_one_that_reads_is_not_asked_about() {
    let desk = desk(&ASKS.replace("@approvers(\"user:*\")", ""));
    let over = ingest(&desk, 4);
    let why = text(&over["error"], "message");
    assert!(why.contains("nobody may give it"), "{why}");
    let file = format!("file={}", desk.path("table.csv").display());
    desk.run(&["run", "--intent", "ingest_file", "-p", &file]).is(0, &[]);
}
