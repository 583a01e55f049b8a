//! A command that dies or is stopped in the middle of a run, and what `resume` makes of it.

use super::desk::{Desk, signal, text};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

/// A model that takes its time with the second turn: a hang on the first attempt would never end.
const SLOW: &str = "[[turn]]\ntext = \"one\"\n[[turn.call]]\ntool = \"list_files\"\n\
                    [[turn]]\ntext = \"two\"\ndelay_ms = 1500\n";

/// Starts a run, as the owner if there is none, and waits until its first tool call has landed.
fn begun(desk: &Desk) -> (Child, String) {
    desk.agent("", SLOW);
    let mut child = desk
        .command(&["run", "-a", "agent.toml", "t"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.find(|line| line.contains("session ses_")).unwrap();
    let session = first.split_whitespace().nth(1).unwrap().to_owned();
    lines.find(|line| line.contains("✓ list_files")).unwrap();
    // what it says from here on goes nowhere, and must not stop it
    std::thread::spawn(move || lines.for_each(drop));
    (child, session)
}

fn finishes(desk: &Desk, session: &str) {
    let run = desk.run(&["resume", session, "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&run, "status"), text(&run["output"], "content")),
        ("completed".to_owned(), "two".to_owned())
    );
    let shown = desk.run(&["show", session, "--json"]).is(0, &[]).json();
    let steps = shown["runs"][0]["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps.len(), 3, "{names:?}");
    let list = steps.iter().find(|step| step["name"] == "list_files").unwrap();
    assert_eq!(list["attempts"], 1, "what had landed was not done again");
}

#[test]
fn rt15_a_run_whose_command_was_killed_goes_on_with_resume() {
    let desk = Desk::new();
    let (mut child, session) = begun(&desk);
    child.kill().unwrap();
    child.wait().unwrap();
    finishes(&desk, &session);
}

#[test]
fn ctrl_c_ends_the_command_and_cancels_nothing() {
    let desk = Desk::new();
    let (mut child, session) = begun(&desk);
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    finishes(&desk, &session);
}

#[test]
fn a_server_killed_under_a_follower_loses_nothing() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let (mut follower, session) = begun(&desk);
    server.kill();
    assert_eq!(follower.wait().unwrap().code(), Some(4));
    finishes(&desk, &session);
}

/// Entries in the log; nobody owns its file.
fn entries(desk: &Desk) -> u64 {
    let file = desk.data().join("log-000001.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let log = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    log.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).unwrap()
}

#[test]
fn rt15_looking_at_an_interrupted_run_moves_nothing() {
    let desk = Desk::new();
    let (mut child, session) = begun(&desk);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = entries(&desk);
    let shown = desk.run(&["show", &session]).is(0, &[]);
    assert!(shown.out.contains("nothing moves it now; tenure resume"), "{}", shown.out);
    let told = desk.run(&["explain", "--json"]).is(0, &[]).json();
    let possible = &told["items"][0]["possible"];
    assert_eq!(possible[0], format!("tenure resume {session}"), "{told:#}");
    let verbs: [&[&str]; 8] = [
        &["ls"],
        &["ls", "runs", "--open"],
        &["ls", "agents"],
        &["approvals"],
        &["artifacts", &session],
        &["export", &session],
        &["intents"],
        &["key", "ls"],
    ];
    for verb in verbs {
        desk.run(verb).is(0, &[]);
        assert_eq!(entries(&desk), before, "{verb:?} journaled something");
    }
    finishes(&desk, &session);
    assert!(entries(&desk) > before);
}
