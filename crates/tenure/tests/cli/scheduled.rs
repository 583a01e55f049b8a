//! Schedules, against the real binary.

use super::desk::{Desk, Server, eventually, text};
use serde_json::Value;
use tenure_contract::Time;

/// How long before an entry is due the server is to be dead; doubled where the machine is slower.
const LEADS_MS: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 16_000];

fn orders() -> String {
    format!("file={}/../../examples/ingest/orders.csv", env!("CARGO_MANIFEST_DIR"))
}

fn now() -> Time {
    tenure_engine::Clock::system().now()
}

/// The entry of a schedule that has one, once its run is there to be followed.
fn started(desk: &Desk, schedule: &str) -> Value {
    eventually("the entry's run", || {
        let seen = desk.run(&["schedule", "show", schedule, "--json"]).is(0, &[]).json();
        let entry = seen["entries"][0].clone();
        let run = entry["runId"].as_str()?;
        // it may be on its way to its session still
        (desk.run(&["explain", run]).status == 0).then_some(entry)
    })
}

#[test]
fn run_4_a_schedule_is_made_seen_held_moved_and_cancelled_from_the_command_line() {
    let desk = Desk::new();
    let _server = desk.serve();
    let file = orders();
    let add = ["schedule", "add", "nightly", "--intent", "ingest_file", "-p", &file];
    let made = desk.run(&[&add[..], &["--json"]].concat()).is(0, &[]).json();
    let id = text(&made, "scheduleId");
    let run = text(&started(&desk, &id), "runId");
    let ended = desk.run(&["resume", &run, "--json"]).is(0, &[]).json();
    assert_eq!(text(&ended, "trigger"), "schedule");
    assert_eq!(text(&ended["scheduled"], "scheduleId"), id);

    let late = [&add[..], &["--at", "2001-01-01T00:00:00Z"]].concat();
    desk.run(&late).is(2, &["is over", "`queued`"]);
    let later = ["--at", "2100-01-01T00:00:00Z", "--product", "shop", "--json"];
    let later = text(&desk.run(&[&add[..], &later].concat()).is(0, &[]).json(), "scheduleId");
    let held = desk.run(&["schedule", "pause", &later]).is(0, &[]);
    assert!(held.out.contains("paused") && held.out.contains("resume it"), "{}", held.out);
    let moved = ["schedule", "move", &later, "1", "--at", "2101-01-01T00:00:00Z"];
    assert!(desk.run(&moved).is(0, &[]).out.contains("2101-01-01"));
    desk.run(&["schedule", "resume", &later]).is(0, &[]);
    desk.run(&["schedule", "add", "idle"]).is(2, &["--intent", "--agent"]);
    for verb in ["show", "explain"] {
        let told = desk.run(&[verb, &later]).is(0, &[]).out;
        assert!(told.contains("it is due at 2101-01-01"), "{told}");
    }
    let list = |args: &[&str]| {
        let page = desk.run(&[&["ls", "schedules", "--json"], args].concat()).is(0, &[]).json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|one| text(one, "scheduleId")).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), [later.clone(), id.clone()]);
    assert_eq!(list(&["--product", "shop", "--status", "active"]), [later.as_str()]);
    assert_eq!(list(&["--user", "nobody"]), [""; 0]);
    let entry = ["schedule", "cancel", &later, "--entry", "1", "--reason", "enough"];
    let gone = desk.run(&entry).is(0, &[]);
    assert!(gone.out.contains("cancelled") && gone.out.contains("enough"), "{}", gone.out);
    let more = ["schedule", "extend", &later, "--at", "2100-01-01T00:00:00Z", "--key", "k"];
    for _ in 0..2 {
        let more = desk.run(&more).is(0, &[]).out;
        assert!(more.contains("  2  2100-") && !more.contains("  3  "), "{more}");
    }
    desk.run(&["cancel", &later, "--reason", "over"]).is(0, &[]);
    let gone = desk.run(&["schedule", "show", &later]).is(0, &[]).out;
    assert!(gone.contains("because: over"), "{gone}");
    assert_eq!(list(&["--open"]), [""; 0]);
}

#[test]
fn run_4_what_an_executor_would_do_is_not_scheduled_and_is_told_so() {
    let desk = Desk::new();
    let _server = desk.serve();
    let add = ["schedule", "add", "far", "--intent", "fold_proteins"];
    desk.run(&add).is(2, &["fold_proteins", "`remote`", "`notBefore`"]);
}

/// The server is down when the entry is due; the next one starts it, late and once.
#[test]
fn run_4_an_entry_that_came_due_while_the_server_was_killed_starts_once_and_says_how_late() {
    let (desk, id) = LEADS_MS.into_iter().find_map(killed_before_it_was_due).expect("too slow");
    let mut server = desk.serve();
    let entry = started(&desk, &id);
    let run = text(&entry, "runId");
    let ended = desk.run(&["resume", &run, "--json"]).is(0, &[]).json();
    assert_eq!(text(&ended, "status"), "completed");
    assert!(entry["lateMs"].as_u64().unwrap() > 0, "{entry}");
    assert_eq!(only_run(&desk, &mut server), run);
}

/// The server is killed right after the acknowledgement that lets an entry which is due go on.
#[test]
fn run_4_killed_right_after_a_due_entry_may_go_on_it_starts_once() {
    let desk = Desk::new();
    let mut server = desk.serve();
    let file = orders();
    let soon = |ms| now().plus_ms(ms).to_string();
    let add = ["schedule", "add", "once", "--intent", "ingest_file", "-p", &file, "--json"];
    let add = [&add[..], &["--at", "2100-01-01T00:00:00Z"]].concat();
    let id = text(&desk.run(&add).is(0, &[]).json(), "scheduleId");
    desk.run(&["schedule", "pause", &id]).is(0, &[]);
    let moved = LEADS_MS
        .into_iter()
        .any(|lead| desk.run(&["schedule", "move", &id, "1", "--at", &soon(lead)]).status == 0);
    assert!(moved, "too slow");
    let seen = eventually("its time", || {
        let seen = desk.run(&["schedule", "show", &id, "--json"]).is(0, &[]).json();
        let at: Time = text(&seen["entries"][0], "at").parse().unwrap();
        (at < now()).then_some(seen)
    });
    assert_eq!(text(&seen["entries"][0], "status"), "pending", "its schedule is held");
    desk.run(&["schedule", "resume", &id]).is(0, &[]);
    server.kill();
    let mut server = desk.serve();
    let run = text(&started(&desk, &id), "runId");
    desk.run(&["resume", &run]).is(0, &[]);
    assert_eq!(only_run(&desk, &mut server), run);
}

/// A server that was killed before the entry of its schedule was due, which it is by now. None when the
/// machine took longer than that.
fn killed_before_it_was_due(lead_ms: u64) -> Option<(Desk, String)> {
    let desk = Desk::new();
    let mut server = desk.serve();
    let (file, due) = (orders(), now().plus_ms(lead_ms));
    let at = due.to_string();
    let add = ["schedule", "add", "once", "--intent", "ingest_file", "-p", &file, "--json"];
    let told = desk.run(&[&add[..], &["--at", &at]].concat());
    server.kill();
    if now() >= due {
        return None;
    }
    let id = text(&told.is(0, &[]).json(), "scheduleId");
    eventually("its time", || (now() > due).then_some(()));
    Some((desk, id))
}

/// The one run there is, once the server has ended and everything is settled.
fn only_run(desk: &Desk, server: &mut Server) -> String {
    assert_eq!(server.stop(), 0);
    let runs = desk.run(&["ls", "runs", "--json"]).is(0, &[]).json();
    let runs = runs["items"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    text(&runs[0], "runId")
}
