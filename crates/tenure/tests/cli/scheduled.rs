//! Schedules, against the real binary.

use super::desk::{Desk, text};

fn orders() -> String {
    format!("file={}/../../examples/ingest/orders.csv", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn run_4_a_schedule_is_made_seen_held_moved_and_cancelled_from_the_command_line() {
    let desk = Desk::new();
    let _server = desk.serve();
    let file = orders();
    let add = ["schedule", "add", "nightly", "--intent", "ingest_file", "-p", &file];
    let now = [&add[..], &["--json"]].concat();
    let made = desk.run(&now).is(0, &[]).json();
    let id = text(&made, "scheduleId");
    let run = loop {
        let seen = desk.run(&["schedule", "show", &id, "--json"]).is(0, &[]).json();
        if let Some(run) = seen["entries"][0]["runId"].as_str() {
            break run.to_owned();
        }
    };
    // it may be on its way to its session still
    while desk.run(&["ls", "runs", "--json"]).is(0, &[]).json()["items"][0]["runId"] != run.as_str()
    {
    }
    let ended = desk.run(&["resume", &run, "--json"]).is(0, &[]).json();
    assert_eq!(text(&ended, "trigger"), "schedule");
    assert_eq!(text(&ended["scheduled"], "scheduleId"), id);

    let late = [&add[..], &["--at", "2001-01-01T00:00:00Z"]].concat();
    let told = desk.run(&late).is(2, &[]);
    assert!(told.err.contains("is over"), "{}", told.err);
    let later = [&add[..], &["--at", "2100-01-01T00:00:00Z", "--json"]].concat();
    let later = text(&desk.run(&later).is(0, &[]).json(), "scheduleId");
    let held = desk.run(&["schedule", "pause", &later]).is(0, &[]);
    assert!(held.out.contains("paused") && held.out.contains("resume it"), "{}", held.out);
    let moved = ["schedule", "move", &later, "1", "--at", "2101-01-01T00:00:00Z"];
    assert!(desk.run(&moved).is(0, &[]).out.contains("2101-01-01"));
    desk.run(&["schedule", "resume", &later]).is(0, &[]);
    let gone = desk.run(&["schedule", "cancel", &later, "--reason", "enough"]).is(0, &[]);
    assert!(gone.out.contains("cancelled") && gone.out.contains("enough"), "{}", gone.out);
    let open = desk.run(&["schedule", "ls", "--open", "--json"]).is(0, &[]).json();
    assert!(open["items"].as_array().unwrap().is_empty());
}

/// The server is down when the entry is due; the next one starts it, late and once.
#[test]
fn run_4_an_entry_that_came_due_while_the_server_was_killed_starts_once_and_says_how_late() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let soon = tenure_engine::Clock::system().now().plus_ms(1_500).to_string();
    let file = orders();
    let add = [
        "schedule",
        "add",
        "once",
        "--intent",
        "ingest_file",
        "-p",
        &file,
        "--at",
        &soon,
        "--json",
    ];
    let id = text(&desk.run(&add).is(0, &[]).json(), "scheduleId");
    server.kill();
    while tenure_engine::Clock::system().now().to_string() <= soon {
        std::thread::yield_now();
    }
    let _server = desk.serve();
    let entry = loop {
        let seen = desk.run(&["schedule", "show", &id, "--json"]).is(0, &[]).json();
        if !seen["entries"][0]["runId"].is_null() {
            break seen["entries"][0].clone();
        }
    };
    assert!(entry["lateMs"].as_u64().unwrap() > 0, "{entry}");
    let runs = desk.run(&["ls", "runs", "--json"]).is(0, &[]).json();
    assert!(runs["items"].as_array().unwrap().len() <= 1);
}
