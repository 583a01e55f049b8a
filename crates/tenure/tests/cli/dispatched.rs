//! Work that is dispatched, against the real binary.

use super::desk::{Desk, text};

/// A context as the command line is given one.
fn context(mode: &str) -> String {
    format!(
        "{{\"originSurface\":\"mobile\",\"originProductId\":\"tenure\",\"dispatchMode\":\"{mode}\",\"initiatedAt\":\"2026-11-21T08:00:00Z\"}}"
    )
}

#[test]
fn dsp_1_a_context_is_checked_from_the_command_line() {
    let desk = Desk::new();
    let _server = desk.serve();
    let told = desk.run(&["dispatch", "validate", &context("queued")]).is(0, &[]);
    assert_eq!(told.out, "valid\n");
    let told = desk.run(&["dispatch", "validate", &context("someday")]).is(2, &[]);
    assert!(
        told.out.contains("dispatchMode: found `someday`; expected one of interactive"),
        "{}",
        told.out
    );
}

#[test]
fn dsp_2_a_dispatch_is_sent_repeated_listed_and_cancelled() {
    let desk = Desk::new();
    let _server = desk.serve();
    let file = format!("{}/../../examples/ingest/orders.csv", env!("CARGO_MANIFEST_DIR"));
    let file = format!("file={file}");
    let send = ["dispatch", "intent", "ingest_file", "-p", &file, "--key", "k", "--json"];
    let sent = desk.run(&send).is(0, &[]).json();
    assert_eq!(text(&sent, "status"), "started");
    let session = text(&sent, "sessionId");
    desk.run(&["resume", &session]).is(0, &[]);
    let waits = ["dispatch", "intent", "ingest_file", "-p", &file, "--mode", "remote", "--json"];
    let waiting = desk.run(&waits).is(0, &[]).json();
    let id = text(&waiting, "dispatchId");
    let open = desk.run(&["dispatch", "ls", "--open", "--json"]).is(0, &[]).json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    assert_eq!(text(&open["items"][0], "dispatchId"), id);
    let gone = desk.run(&["dispatch", "cancel", &id, "--reason", "enough"]).is(0, &[]);
    assert!(gone.out.contains("cancelled") && gone.out.contains("enough"), "{}", gone.out);
    desk.run(&["dispatch", "cancel", &id]).is(0, &[]);
}

/// A model that takes its time with the second turn, so that a kill meets the run under way.
const SLOW: &str = "[[turn]]\ntext = \"one\"\n[[turn.call]]\ntool = \"list_files\"\n\
                    [[turn]]\ntext = \"two\"\ndelay_ms = 500\n";

/// How far a dispatch is let come before the server is killed.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// Its acceptance was answered.
    Accepted,
    /// The ledger shows it started.
    Started,
    /// Its session shows the run.
    Delivered,
    /// Its first tool call has landed.
    Running,
}

fn reached(desk: &Desk, dispatch: &str, until: Until) -> bool {
    let seen = desk.run(&["dispatch", "show", dispatch, "--json"]).is(0, &[]).json();
    let run = seen["runId"].as_str().map(str::to_owned);
    match (until, run) {
        (Until::Accepted, _) => true,
        (_, None) => false,
        (Until::Started, Some(_)) => true,
        (Until::Delivered, Some(_)) => {
            let runs = desk.run(&["ls", "runs", "--json"]).is(0, &[]).json();
            runs["items"].as_array().unwrap().iter().any(|one| one["runId"] == seen["runId"])
        }
        (Until::Running, Some(_)) => {
            let session = text(&seen, "sessionId");
            // it may be on its way to its session still
            let shown = desk.run(&["show", &session]);
            shown.out.contains("✓ list_files")
        }
    }
}

#[test]
fn dsp_3_killed_wherever_it_is_a_dispatched_run_ends_once_and_its_journal_verifies() {
    for until in [Until::Accepted, Until::Started, Until::Delivered, Until::Running] {
        let desk = Desk::new();
        desk.agent("", "[[turn]]\ntext = \"warm\"\n");
        desk.run(&["run", "-a", "agent.toml", "once"]).is(0, &[]);
        desk.agent("", SLOW);
        let mut server = desk.serve();
        let send =
            ["dispatch", "agent", "clerk", "do it", "--mode", "queued", "--key", "k", "--json"];
        let sent = desk.run(&send).is(0, &[]).json();
        let id = text(&sent, "dispatchId");
        while !reached(&desk, &id, until) {}
        server.kill();
        let _server = desk.serve();
        let again = desk.run(&send).is(0, &[]).json();
        assert_eq!(text(&again, "dispatchId"), id, "{until:?}");
        while !reached(&desk, &id, Until::Running) {}
        let seen = desk.run(&["dispatch", "show", &id, "--json"]).is(0, &[]).json();
        let session = text(&seen, "sessionId");
        let run = desk.run(&["resume", &session, "--json"]).is(0, &[]).json();
        assert_eq!(text(&run, "runId"), text(&seen, "runId"), "{until:?}");
        assert_eq!(text(&run["output"], "content"), "two", "{until:?}");
        let shown = desk.run(&["show", &session, "--json"]).is(0, &[]).json();
        assert_eq!(shown["runs"].as_array().unwrap().len(), 1, "{until:?}");
        desk.run(&["export", &session, "-o", "s.jsonl"]).is(0, &[]);
        desk.run(&["verify", "s.jsonl"]).is(0, &[]);
    }
}
