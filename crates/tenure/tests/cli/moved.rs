//! A session that moves between two data directories, step by step as a person does it.

use super::desk::{Desk, text};
use std::path::Path;

const ASKING: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\narguments = { path = \"a.txt\", content = \"x\" }\n\
                      [[turn]]\ntext = \"written\"\n";

/// Two data directories beside one definition.
struct Two {
    desk: Desk,
    session: String,
    tenant: String,
    store: String,
}

impl Two {
    /// A session at `a` that waits for an approval, and a `b` that knows its tenant and its agent.
    fn new() -> Self {
        let desk = Desk::new();
        desk.agent("approvers = [\"user:*\"]", ASKING);
        let run = desk.run(&["--data", "a", "run", "-a", "agent.toml", "do it", "--json"]);
        let session = text(&run.is(3, &[]).json(), "sessionId");
        let shown = desk.run(&["--data", "a", "show", &session, "--json"]).is(0, &[]).out;
        let at = shown.find("ten_").expect("a session has a tenant");
        let tenant = shown[at..at + 30].to_owned();
        let store = desk.run(&["--data", "b", "transfer", "here"]).is(0, &[]).out.trim().to_owned();
        desk.run(&["--data", "b", "tenant", "create", "from-a", "--id", &tenant]).is(0, &[]);
        Self { desk, session, tenant, store }
    }

    fn at_a(&self, args: &[&str]) -> super::desk::Told {
        self.desk.run(&[&["--data", "a"], args].concat())
    }

    fn at_b(&self, args: &[&str]) -> super::desk::Told {
        self.desk.run(&[&["--data", "b", "--tenant", &self.tenant], args].concat())
    }

    fn accepted(&self) {
        self.at_b(&["agent", "register", "agent.toml"]).is(0, &[]);
        self.at_a(&["transfer", "offer", &self.session, "--to", &self.store]).is(0, &[]);
        self.at_a(&["export", &self.session, "-o", "offered.jsonl"]).is(0, &[]);
        self.at_b(&["transfer", "accept", "offered.jsonl", "-o", "accepted.json"]).is(0, &[]);
    }

    fn released(&self) {
        self.accepted();
        self.at_a(&["transfer", "release", &self.session, "accepted.json"]).is(0, &[]);
        self.at_a(&["export", &self.session, "-o", "a.jsonl"]).is(0, &[]);
    }
}

#[test]
fn hnd_2_a_session_goes_on_in_another_data_directory_and_both_exports_prove_one_history() {
    let two = Two::new();
    let open = two.at_a(&["approvals", "--json"]).is(0, &[]).json();
    let approval = text(&open["items"][0], "approvalId");
    two.released();
    let session = &two.session;
    // at the sender nothing of it moves, and everyone is told where it is
    two.at_a(&["resume", session]).is(3, &[]);
    two.at_a(&["explain", session]).is(0, &[]);
    let explained = two.at_a(&["explain", session]).out;
    assert!(explained.contains(&two.store), "{explained}");
    let open = two.at_a(&["approvals", "--json"]).is(0, &[]).json();
    assert_eq!(open["items"], serde_json::json!([]), "what is open is open where it went");
    two.at_a(&["approve", &approval, "--reason", "late"])
        .is(2, &["was released to store", "go on there"]);
    // the receiver takes it as it is; the same export again changes nothing
    let taken =
        two.at_b(&["transfer", "receive", "a.jsonl", "--root", "a/keys/root.pub", "--json"]);
    let taken = taken.is(0, &[]).json();
    let again = two.at_b(&["transfer", "receive", "a.jsonl", "--json"]).is(0, &[]).json();
    assert_eq!((&taken["seq"], &taken["status"]), (&again["seq"], &"received".into()));
    two.at_b(&["approve", &approval, "--reason", "fine"]).is(0, &[]);
    let ended = two.at_b(&["resume", session, "--json"]).is(0, &[]).json();
    assert_eq!(text(&ended, "status"), "completed");
    two.at_b(&["export", session, "-o", "b.jsonl"]).is(0, &[]);
    let roots = ["--root", "a/keys/root.pub", "--root", "b/keys/root.pub"];
    for files in [["a.jsonl", "b.jsonl"], ["b.jsonl", "a.jsonl"]] {
        let told = two.desk.run(&[&["verify"], &files[..], &roots[..], &["--json"]].concat());
        let told = told.is(0, &[]).json();
        assert_eq!(
            (&told["oneHistory"], &told["exports"][0]["rooted"]),
            (&true.into(), &true.into())
        );
        assert_eq!(text(&told["crossings"][0], "to"), two.store);
    }
    two.desk.run(&["verify", "a.jsonl", "b.jsonl", "--root", "a/keys/root.pub"]).is(1, &[]);
    let told = two.desk.run(&["verify", "offered.jsonl", "b.jsonl"]).is(1, &[]);
    assert!(told.out.contains("both may say they own it"), "{}", told.out);
    two.desk.run(&["verify", "-", "b.jsonl"]).is(2, &["standard input"]);
}

#[test]
fn hnd_2_it_can_come_back_and_goes_on_where_it_left() {
    let two = Two::new();
    two.released();
    two.at_b(&["transfer", "receive", "a.jsonl"]).is(0, &[]);
    let here = two.desk.run(&["--data", "a", "transfer", "here"]).is(0, &[]).out.trim().to_owned();
    two.at_b(&["transfer", "offer", &two.session, "--to", &here, "--reason", "back home"])
        .is(0, &[]);
    two.at_b(&["export", &two.session, "-o", "offered.jsonl"]).is(0, &[]);
    two.at_a(&["transfer", "accept", "offered.jsonl", "-o", "accepted.json"]).is(0, &[]);
    two.at_b(&["transfer", "release", &two.session, "accepted.json"]).is(0, &[]);
    two.at_b(&["export", &two.session, "-o", "b.jsonl"]).is(0, &[]);
    two.at_a(&["transfer", "receive", "b.jsonl"]).is(0, &[]);
    let open = two.at_a(&["approvals", "--json"]).is(0, &[]).json();
    let approval = text(&open["items"][0], "approvalId");
    two.at_a(&["approve", &approval, "--reason", "home again"]).is(0, &[]);
    two.at_a(&["resume", &two.session]).is(0, &[]);
    two.at_a(&["export", &two.session, "-o", "c.jsonl"]).is(0, &[]);
    let told =
        two.desk.run(&["verify", "a.jsonl", "b.jsonl", "c.jsonl", "--json"]).is(0, &[]).json();
    assert_eq!(told["crossings"].as_array().map(Vec::len), Some(2));
}

#[test]
fn hnd_2_what_is_not_offered_released_or_whole_is_refused_and_leaves_nothing() {
    let two = Two::new();
    two.at_a(&["export", &two.session, "-o", "plain.jsonl"]).is(0, &[]);
    two.at_b(&["transfer", "accept", "plain.jsonl"]).is(2, &["is not offered to this store"]);
    two.at_a(&["transfer", "withdraw", &two.session]).is(2, &["is not on its way"]);
    two.at_a(&["transfer", "offer", &two.session, "--to", &two.store]).is(0, &[]);
    two.at_a(&["export", &two.session, "-o", "offered.jsonl"]).is(0, &[]);
    two.at_b(&["transfer", "accept", "offered.jsonl"]).is(2, &["is not registered here"]);
    two.accepted();
    two.at_b(&["transfer", "receive", "offered.jsonl"]).is(2, &["does not end with its release"]);
    // a release needs the receiver's own signature
    let signed = std::fs::read_to_string(two.desk.path("accepted.json")).unwrap();
    two.desk.write("forged.json", &signed.replacen("\"signature\": \"", "\"signature\": \"00", 1));
    two.at_a(&["transfer", "release", &two.session, "forged.json"])
        .is(1, &["a signature that is none"]);
    two.released();
    let whole = std::fs::read_to_string(two.desk.path("a.jsonl")).unwrap();
    two.desk.write("edited.jsonl", &whole.replacen("do it", "do that", 1));
    two.at_b(&["transfer", "receive", "edited.jsonl"]).is(1, &["the export"]);
    two.at_b(&["transfer", "receive", "a.jsonl", "--root", "b/keys/root.pub"]).is(1, &["root key"]);
    // another tenant's directory takes nothing of it
    let elsewhere = two.desk.run(&["--data", "b", "transfer", "receive", "a.jsonl"]);
    elsewhere.is(1, &["belongs to"]);
    two.at_b(&["show", &two.session]).is(2, &["no session"]);
    two.at_b(&["transfer", "receive", "a.jsonl"]).is(0, &[]);
}

/// What is killed while it receives has all of it or nothing, and receiving again ends well.
#[test]
fn hnd_2_killed_while_it_receives_it_has_all_of_it_or_nothing() {
    let two = Two::new();
    two.released();
    let mut server = two.desk.serve_with(&["--data", "b", "--listen", "127.0.0.1:0"]);
    let mut receiving = two.desk.command(&[
        "--data",
        "b",
        "--tenant",
        &two.tenant,
        "transfer",
        "receive",
        "a.jsonl",
    ]);
    let mut receiving = receiving.spawn().unwrap();
    server.kill();
    receiving.wait().unwrap();
    let there = two.at_b(&["show", &two.session, "--json"]);
    if there.status == 0 {
        assert!(there.out.contains("waiting-approval"), "{}", there.out);
    }
    two.at_b(&["transfer", "receive", "a.jsonl"]).is(0, &[]);
    two.at_b(&["export", &two.session, "-o", "b.jsonl"]).is(0, &[]);
    two.desk.run(&["verify", "a.jsonl", "b.jsonl"]).is(0, &[]);
    assert!(Path::new(&two.desk.path("b.jsonl")).exists());
}
