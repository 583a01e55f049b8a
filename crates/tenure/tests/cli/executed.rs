//! Remote dispatches carried out by `tenure executor work`, against the real binary.

use super::desk::{Desk, eventually, text};
use std::process::{Child, Stdio};

const SEND: &[&str] =
    &["dispatch", "intent", "tidy", "-p", "room=attic", "--mode", "remote", "--json"];

fn registered() -> Desk {
    let desk = Desk::new();
    desk.run(&["executor", "register", "w"]).is(0, &[]);
    desk
}

fn send(desk: &Desk, more: &[&str]) -> String {
    let sent = desk.run(&[SEND, more].concat()).is(0, &[]).json();
    assert_eq!(text(&sent, "status"), "waiting");
    text(&sent, "dispatchId")
}

/// An executor at work; killed at the latest when it is dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn work(desk: &Desk, exec: &str) -> Worker {
    let args = ["executor", "work", "--name", "w", "--lease-ms", "1000", "--exec", exec];
    let child = desk.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Worker(child)
}

/// The dispatch's run once it stands so.
fn run_is(desk: &Desk, dispatch: &str, status: &str) -> serde_json::Value {
    eventually(&format!("a run of `{dispatch}` that is {status}"), || {
        let seen = desk.run(&["dispatch", "show", dispatch, "--json"]).is(0, &[]).json();
        let shown = desk.run(&["show", seen["runId"].as_str()?, "--json"]);
        let run = (shown.status == 0).then(|| shown.json()["run"].clone())?;
        (text(&run, "status") == status).then_some(run)
    })
}

#[test]
fn dsp_2_a_command_carries_a_remote_dispatch_out() {
    let desk = registered();
    let _server = desk.serve();
    let id = send(&desk, &[]);
    let exec = "cat > given.json; echo '{\"boxes\": 3}'";
    let told = desk.run(&["executor", "work", "--name", "w", "--once", "--json", "--exec", exec]);
    let told = told.is(0, &[]).json();
    assert_eq!(told["run"]["output"]["boxes"], 3);
    let given = std::fs::read_to_string(desk.path("given.json")).unwrap();
    let given: serde_json::Value = serde_json::from_str(&given).unwrap();
    assert_eq!((text(&given, "dispatchId"), text(&given["payload"], "room")), (id, "attic".into()));
    let none = ["executor", "work", "--name", "w", "--once", "--exec", "true"];
    desk.run(&none).is(0, &["none"]);
    send(&desk, &[]);
    let failing = [
        "executor",
        "work",
        "--name",
        "w",
        "--once",
        "--json",
        "--exec",
        "echo locked >&2; exit 1",
    ];
    let told = desk.run(&failing).is(4, &[]).json();
    assert!(text(&told["run"]["error"], "message").contains("locked"));
    desk.run(&["executor", "work", "--name", "nobody", "--exec", "true"]).is(2, &["`nobody`", "w"]);
}

#[test]
fn stp_2_an_executor_killed_in_its_work_leaves_it_in_doubt_and_a_person_settles_it() {
    let desk = registered();
    let _server = desk.serve();
    let id = send(&desk, &[]);
    let mut worker = work(&desk, "touch begun; exec sleep 600");
    eventually("a command that begins", || desk.path("begun").exists().then_some(()));
    worker.0.kill().unwrap();
    let paused = run_is(&desk, &id, "paused");
    let why = desk.run(&["explain", &text(&paused, "runId")]);
    assert!(why.out.contains("in doubt"), "{}{}", why.out, why.err);
    let doubts = desk.run(&["ls", "doubts", "--json"]).is(0, &[]).json();
    let step = text(&doubts["items"][0], "stepId");
    desk.run(&["resolve", &step, "landed", "--result", "\"by hand\""]).is(0, &[]);
    run_is(&desk, &id, "completed");
}

#[test]
fn dsp_4_a_server_killed_while_a_dispatch_is_carried_out_takes_its_result_afterwards() {
    let desk = registered();
    let mut server = desk.serve_with(&["--listen", "127.0.0.1:0"]);
    let address = server.endpoint.trim_start_matches("http://").to_owned();
    let id = send(&desk, &[]);
    let key = ["key", "create", "worker:w", "--scope", "executors:*", "--json"];
    let key = text(&desk.run(&key).is(0, &[]).json(), "key");
    let wanted = ["executor", "register", "far", "--principal", "worker:w"];
    desk.run(&wanted).is(0, &[]);
    let exec = "touch begun; while [ ! -e go ]; do read -t 1 line < /dev/null || true; done; echo '\"done\"'";
    let args = [
        "executor",
        "work",
        "--name",
        "far",
        "--url",
        &server.endpoint,
        "--key",
        &key,
        "--exec",
        exec,
    ];
    let worker = desk.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _worker = Worker(worker);
    eventually("a command that begins", || desk.path("begun").exists().then_some(()));
    server.kill();
    desk.write("go", "");
    let _server = desk.serve_with(&["--listen", &address]);
    let run = run_is(&desk, &id, "completed");
    assert_eq!(text(&run, "output"), "done");
}
