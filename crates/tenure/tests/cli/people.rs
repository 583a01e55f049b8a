//! Runs that wait for a person: approvals, questions, cancels, caps.

use super::desk::{Desk, text};

const WRITES: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\nas = \"wrote\"\n\
                      arguments = { path = \"a.txt\", content = \"x\" }\n[[turn]]\ntext = \"done\"\n";

fn waiting(desk: &Desk) -> (String, String) {
    desk.agent("approvers = [\"user:*\"]", WRITES);
    let run = desk.work().is(3, &[]).json();
    assert_eq!(run["status"], "waiting-approval");
    let open = desk.run(&["approvals", "--json"]).is(0, &[]).json();
    (text(&open["items"][0], "approvalId"), text(&run, "sessionId"))
}

#[test]
fn apr_5_a_run_waits_over_restarts_and_goes_on_once_approved() {
    let desk = Desk::new();
    let (approval, session) = waiting(&desk);
    let why = desk.run(&["explain", &session, "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&why["waitingFor"], "reason"), text(&why["waitingFor"], "subject")),
        ("approval".to_owned(), approval.clone())
    );
    assert!(why["possible"][0].as_str().unwrap().contains("tenure approve"), "{why:#}");
    desk.run(&["resume", &session]).is(3, &[&approval, "tenure approve"]);
    let decided = desk.run(&["approve", &approval, "--reason", "fine", "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&decided, "status"), text(&decided, "reason")),
        ("approved".to_owned(), "fine".to_owned())
    );
    desk.run(&["approve", &approval]).is(2, &["approved already"]);
    let run = desk.run(&["resume", &session, "--json"]).is(0, &[]).json();
    assert_eq!(text(&run["output"], "content"), "done");
    assert!(desk.data().join("workspaces").join(session).join("a.txt").exists());
}

#[test]
fn a_denied_call_is_told_to_the_model_and_does_nothing() {
    let desk = Desk::new();
    let (approval, session) = waiting(&desk);
    desk.run(&["deny", &approval, "--reason", "not today"]).is(0, &[]);
    let run = desk.run(&["resume", &session, "--json"]).is(0, &[]).json();
    assert!(run["output"].to_string().contains("not today"), "{run:#}");
    assert!(!desk.data().join("workspaces").join(session).join("a.txt").exists());
}

#[test]
fn apr_2_without_an_approver_the_call_is_refused_at_once() {
    let desk = Desk::new();
    desk.agent("", WRITES);
    let run = desk.work().is(0, &[]).json();
    assert_eq!(text(&run["output"], "content"), "done");
    assert!(!desk.data().join("workspaces").join(text(&run, "sessionId")).join("a.txt").exists());
}

#[test]
fn a_question_needs_its_answer() {
    let desk = Desk::new();
    let script = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\nas = \"said\"\narguments = { question = \"which?\" }\n\
                  [[turn]]\ntext = \"noted\"\n";
    desk.agent("approvers = [\"user:*\"]", script);
    let run = desk.work().is(3, &[]).json();
    let open = desk.run(&["approvals", "--json"]).is(0, &[]).json();
    let approval = text(&open["items"][0], "approvalId");
    desk.run(&["approve", &approval]).is(2, &["answer"]);
    desk.run(&["approve", &approval, "--answer", "the blue one"]).is(0, &[]);
    let run = desk.run(&["resume", &text(&run, "sessionId"), "--json"]).is(0, &[]).json();
    assert!(run["output"].to_string().contains("the blue one"), "{run:#}");
}

#[test]
fn a_cancelled_run_ends_as_aborted_with_130() {
    let desk = Desk::new();
    let (_, session) = waiting(&desk);
    let run = desk.run(&["cancel", &session, "--reason", "no need", "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&run, "status"), text(&run, "stopReason")),
        ("cancelled".to_owned(), "aborted".to_owned())
    );
    desk.run(&["resume", &session]).is(130, &[]);
    desk.run(&["cancel", &text(&run, "runId")]).is(2, &["ended"]);
}

#[test]
fn run_2_a_cap_ends_with_5_and_a_failure_with_4() {
    let desk = Desk::new();
    desk.agent("max_steps = 1", "[[turn]]\ntext = \"one\"\n[[turn.call]]\ntool = \"list_files\"\n[[turn]]\ntext = \"two\"\n");
    let run = desk.work().is(5, &[]).json();
    assert_eq!(
        (text(&run, "status"), text(&run, "stopReason")),
        ("failed".to_owned(), "max_steps".to_owned())
    );
    desk.agent("", "[[turn]]\nfail = \"the model is gone\"\n");
    let run = desk.work().is(4, &[]).json();
    assert!(text(&run["error"], "message").contains("the model is gone"), "{run:#}");
}
