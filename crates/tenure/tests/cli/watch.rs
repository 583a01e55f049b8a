//! Watching a session and the whole tenant.

use super::desk::{Desk, HELLO, text};
use serde_json::Value;

#[test]
fn sub_1_watching_a_tenant_shows_every_entry_and_goes_on_after_a_cursor() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let run = desk.work().is(0, &[]).json();
    let session = text(&run, "sessionId");
    let all = ["watch", "--from-start", "--until-told", "--json"];
    let seen = desk.run(&all).is(0, &[]).out;
    let lines: Vec<Value> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["kind"] == "agent.registered"), "{seen}");
    let ended = lines.iter().position(|line| line["kind"] == "run.started").unwrap();
    let cursor = text(&lines[ended], "cursor");
    let rest = ["watch", "--after", &cursor, "--until-told", "--json"];
    let rest = desk.run(&rest).is(0, &[]).out;
    assert_eq!(rest.lines().collect::<Vec<_>>(), seen.lines().collect::<Vec<_>>()[ended + 1..]);
    let some = ["watch", "--from-start", "--until-told", "--kind", "run.ended"];
    let some = desk.run(&some).is(0, &[]).out;
    assert_eq!(some.lines().count(), 1);
    assert!(some.contains(&session) && some.contains("run.ended"), "{some}");
    let told = desk.run(&["watch", &session, "--until-told"]).is(0, &[]).out;
    assert!(told.contains("run completed (finished)"), "{told}");
    desk.run(&["watch", "--after", "x"]).is(2, &["no cursor of this tenant's stream"]);
    desk.run(&["watch", &session, "--kind", "run."]).is(2, &["cannot be used with"]);
}
