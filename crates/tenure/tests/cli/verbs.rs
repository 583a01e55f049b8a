//! The plain verbs: what they answer, to a person and to a program.

use super::desk::{Desk, HELLO, text};

fn ingest(desk: &Desk, name: &str) -> serde_json::Value {
    let file = format!("{}/../../examples/ingest/{name}", env!("CARGO_MANIFEST_DIR"));
    desk.run(&["run", "--intent", "ingest_file", "-p", &format!("file={file}"), "--json"]).json()
}

#[test]
fn ex_6_a_file_is_ingested_into_artifacts_with_lineage() {
    let desk = Desk::new();
    let run = ingest(&desk, "orders.csv");
    assert_eq!(
        (text(&run, "status"), &run["output"]["recordCount"]),
        ("completed".to_owned(), &5.into())
    );
    let made = desk.run(&["artifacts", &text(&run, "sessionId"), "--json"]).is(0, &[]).json();
    let (file, profile) = (&made["items"][0], &made["items"][1]);
    assert_eq!(
        (text(file, "artifactType"), text(profile, "artifactType")),
        ("file".to_owned(), "profile".to_owned())
    );
    assert_eq!(profile["parentArtifacts"][0], file["artifactId"]);
    assert_eq!(file["semanticDescriptor"]["parserType"], "csv");
    assert_eq!(file["digest"], run["output"]["digest"]);
    assert!(text(&file["materializations"][0], "uri").starts_with("file:///"));
    assert_eq!(file["producedBy"]["executionId"], run["runId"]);
}

#[test]
fn int_5_a_file_that_cannot_be_taken_is_a_failed_execution_with_its_id() {
    let desk = Desk::new();
    for (name, code) in [("nothing.csv", "unreadable"), ("", "not-a-file")] {
        let run = ingest(&desk, name);
        assert_eq!(
            (text(&run, "status"), text(&run["error"], "code")),
            ("failed".to_owned(), code.to_owned())
        );
        assert!(text(&run, "runId").starts_with("run_"));
    }
    let told = desk.run(&["run", "--intent", "ingest_file", "-p", "file=nothing"]);
    told.is(4, &["unreadable", "run_", "No such file"]);
}

#[test]
fn show_draws_every_step_and_ls_lists_in_columns() {
    let desk = Desk::new();
    desk.agent("", "[[turn]]\ntext = \"one\"\n[[turn.call]]\ntool = \"list_files\"\n[[turn]]\ntext = \"two\"\n");
    desk.write("note.txt", "x");
    let told = desk
        .run(&["run", "-a", "agent.toml", "t", "--files", "note.txt"])
        .is(0, &["✓ list_files", "turn 2", "completed"]);
    assert_eq!(told.out, "two\n");
    let sessions = desk.run(&["ls", "--json"]).is(0, &[]).json();
    let session = text(&sessions["items"][0], "sessionId");
    let shown = desk.run(&["show", &session]).is(0, &[]).out;
    for part in [
        "✓ list_files",
        "├ ✓ model",
        "└ ✓ model",
        "\"path\":\"note.txt\"",
        "2 model calls, 1 tool calls",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in:\n{shown}");
    }
    let listed = desk.run(&["ls", "runs"]).is(0, &[]).out;
    assert!(listed.starts_with("RUN ") && listed.contains("completed"), "{listed}");
    assert!(desk.run(&["ls", "agents"]).is(0, &[]).out.contains("clerk"));
    assert_eq!(desk.run(&["explain"]).is(0, &[]).out, "no run is open\n");
}

#[test]
fn a_registered_agent_runs_by_its_name_in_a_session_that_stays_and_cm6_forgets() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.write("note.txt", "x");
    desk.run(&["run", "-a", "agent.toml", "t", "--files", "note.txt"]).is(0, &[]);
    let sessions = desk.run(&["ls", "--json"]).is(0, &[]).json();
    let session = text(&sessions["items"][0], "sessionId");
    let run = desk
        .run(&["run", "-a", "clerk", "again", "--session", &session, "--json"])
        .is(0, &[])
        .json();
    assert_eq!(text(&run, "sessionId"), session);
    let told = desk.run(&["forget", &session]).is(0, &[]).out;
    assert!(told.contains("remembers nothing"), "{told}");
    let seen = desk.run(&["forget", &session, "--json"]).is(0, &[]).json();
    assert!(seen["memoryRefs"][0].as_str().unwrap().starts_with("chat:ses_"), "{seen}");
    desk.run(&["cancel", &session]).is(0, &[]);
    desk.run(&["forget", &session]).is(2, &["session"]);
    desk.run(&["run", "-a", "clerk", "more", "--session", &session]).is(2, &[]);
}

#[test]
fn doctor_measures_the_flush_floor_of_a_healthy_directory() {
    let desk = Desk::new();
    desk.run(&["intents"]).is(0, &[]);
    let told = desk.run(&["doctor", "--json"]).json();
    assert!(told["flushFloorUs"].as_f64().unwrap() > 0.0, "{told:#}");
    assert!(told["flushP99Us"].as_f64() >= told["flushFloorUs"].as_f64());
    let checks: Vec<&str> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert_eq!(checks, ["clock", "space", "flush", "permissions", "log-000001.db", "lists.db"]);
}
