//! The trail, from a server and from an export alone.

use super::desk::{Desk, HELLO, text};

const ASKING: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\narguments = { path = \"a.txt\", content = \"x\" }\n\
                      [[turn]]\ntext = \"written\"\n";

#[test]
fn rpl_1_an_export_alone_tells_the_same_trail_byte_for_byte() {
    let desk = Desk::new();
    desk.agent("approvers = [\"user:*\"]", ASKING);
    let session = text(&desk.work().is(3, &[]).json(), "sessionId");
    let open = desk.run(&["approvals", "--json"]).is(0, &[]).json();
    let approval = text(&open["items"][0], "approvalId");
    desk.run(&["approve", &approval, "--reason", "fine"]).is(0, &[]);
    desk.run(&["resume", &session]).is(0, &[]);
    desk.run(&["export", &session, "-o", "s.jsonl"]).is(0, &[]);
    let picture = desk.run(&["trail", &session]).is(0, &[]).out;
    assert!(picture.contains("approved by user:") && picture.contains(": fine"), "{picture}");
    for at in [&[][..], &["--at", "1"], &["--at", "3"]] {
        let online = desk.run(&[&["trail", &session, "--json"], at].concat()).is(0, &[]).out;
        let offline =
            desk.run(&[&["trail", "--file", "s.jsonl", "--json"], at].concat()).is(0, &[]).out;
        assert_eq!(online, offline, "{at:?}");
        assert!(online.lines().count() > 2);
        let online = desk.run(&[&["trail", &session], at].concat()).is(0, &[]).out;
        let offline = desk.run(&[&["trail", "--file", "s.jsonl"], at].concat()).is(0, &[]).out;
        assert_eq!(online, offline, "{at:?}");
    }
}

#[test]
fn rpl_1_the_picture_shows_who_asked_what_ran_and_how_it_ended() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let run = desk.work().is(0, &[]).json();
    let picture = desk.run(&["trail", &text(&run, "sessionId")]).is(0, &[]).out;
    for shown in ["▷ clerk  asked by user:", "“do it”", "↪ ", "✓ completed (finished)", "spent: "]
    {
        assert!(picture.contains(shown), "`{shown}` is missing in:\n{picture}");
    }
}

#[test]
fn rpl_1_a_false_export_has_no_trail() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let run = desk.work().is(0, &[]).json();
    let session = text(&run, "sessionId");
    desk.run(&["export", &session, "-o", "s.jsonl"]).is(0, &[]);
    let good = std::fs::read_to_string(desk.path("s.jsonl")).unwrap();
    desk.write("bad.jsonl", &good.replacen("run.submitted", "run.started", 1));
    let told = desk.run(&["trail", "--file", "bad.jsonl"]).is(1, &[]);
    assert!(told.out.starts_with("NOT verified: line "), "{}", told.out);
    desk.run(&["trail", "--file", "nothing.jsonl"]).is(2, &["cannot be read"]);
    desk.run(&["trail", &session, "--at", "900"]).is(2, &["has no entry 900"]);
    desk.run(&["trail", "--file", "s.jsonl", "--at", "900"]).is(2, &["has no entry 900"]);
    desk.run(&["trail"]).is(2, &["required"]);
}
