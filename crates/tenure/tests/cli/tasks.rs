//! Tasks, todos and checkpoints from the command line.

use super::desk::{Desk, HELLO, text};

/// A session that stays, in which the agent `clerk` has run once.
fn session(desk: &Desk) -> String {
    desk.agent("", HELLO);
    desk.write("note.txt", "x");
    desk.run(&["run", "-a", "agent.toml", "t", "--files", "note.txt"]).is(0, &[]);
    text(&desk.run(&["ls", "--json"]).is(0, &[]).json()["items"][0], "sessionId")
}

#[test]
fn tsk_1_tod_1_tasks_and_todos_are_made_changed_and_listed() {
    let desk = Desk::new();
    let session = session(&desk);
    let made = desk.run(&["task", "new", &session, "sweep", "--priority", "low", "--json"]);
    let task = text(&made.is(0, &[]).json(), "taskId");
    desk.run(&["task", "new", &session, "burn", "--priority", "urgent"]).is(0, &[]);
    let listed = desk.run(&["task", "ls", "--by-priority"]).is(0, &[]).out;
    assert!(listed.find("burn").unwrap() < listed.find("sweep").unwrap(), "{listed}");
    let moved =
        desk.run(&["task", "set", &task, "--status", "running", "--priority", "none", "--json"]);
    let moved = moved.is(0, &[]).json();
    assert_eq!((text(&moved, "status"), moved["priority"].is_null()), ("running".to_owned(), true));
    desk.run(&["task", "set", &task, "--status", "queued"]).is(2, &["it may become"]);
    desk.run(&["task", "retry", &task]).is(2, &["has had no run"]);
    let todo = desk.run(&["todo", "add", &session, "buy", "--task", &task, "--json"]);
    let todo = text(&todo.is(0, &[]).json(), "todoId");
    desk.run(&["todo", "set", &todo, "--status", "done"]).is(0, &[]);
    assert!(desk.run(&["todo", "ls", &session]).is(0, &[]).out.contains("done"));
    assert_eq!(
        desk.run(&["todo", "ls", &session, "--open", "--json"]).json()["items"],
        serde_json::json!([])
    );
    desk.run(&["todo", "set", &todo, "--status", "gone"]).is(2, &["gone"]);
}

#[test]
fn ckp_2_a_session_goes_on_from_a_checkpoint_with_another_version_only_when_told() {
    let desk = Desk::new();
    let session = session(&desk);
    let made = desk.run(&["checkpoint", "new", &session, "--json"]).is(0, &[]).json();
    let token = text(&made, "resumeToken");
    let same =
        desk.run(&["resume", "--token", &token, "--input", "again", "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&same, "sessionId"), &same["input"]["task"]),
        (session.clone(), &"again".into())
    );
    desk.agent("instructions = \"be brief\"", HELLO);
    desk.run(&["run", "-a", "agent.toml", "t", "--session", &session]).is(0, &[]);
    let asked = desk.run(&["resume", "--token", &token]);
    asked.is(2, &["agent has changed", "--accept pinned"]);
    let pinned =
        desk.run(&["resume", "--token", &token, "--accept", "pinned", "--json"]).is(0, &[]).json();
    assert_eq!(pinned["agent"], made["pins"]["agent"]);
    let listed = desk.run(&["checkpoint", "ls", &session]).is(0, &[]).out;
    assert!(listed.contains("demand") && listed.contains("run-end"), "{listed}");
    desk.run(&["resume", "--token", "rsm_nothing"]).is(2, &["no checkpoint has this resume token"]);
    desk.run(&["resume"]).is(2, &[]);
}
