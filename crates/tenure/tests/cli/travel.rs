//! An approval that travels, by the command line alone: out of one data directory, decided in a folder that
//! has none, and back.

use super::desk::{Desk, text};
use std::process::Stdio;

const ASKING: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\narguments = { path = \"a.txt\", content = \"x\" }\n\
                      [[turn]]\ntext = \"written\"\n";

/// A session whose run waits for an approval, and the app `desk` in a folder of its own.
struct Way {
    home: Desk,
    app: Desk,
    session: String,
    approval: String,
}

impl Way {
    fn new() -> Self {
        let (home, app) = (Desk::new(), Desk::new());
        home.agent("approvers = [\"user:*\"]", ASKING);
        let session = text(&home.work().is(3, &[]).json(), "sessionId");
        let open = home.run(&["approvals", "--json"]).is(0, &[]).json();
        let approval = text(&open["items"][0], "approvalId");
        let way = Self { home, app, session, approval };
        let public = way.app.run(&["app-key", "new", "desk", "--out", "key.json"]).is(0, &[]).out;
        way.home.run(&["app-key", "register", "desk", public.trim()]).is(0, &[]);
        way.app.write("keys.json", &way.home.run(&["approvals", "keys"]).is(0, &[]).out);
        way
    }

    /// The token, in the app's folder.
    fn hand(&self) {
        let handed = self.home.run(&["approvals", "hand", &self.approval, "--to", "desk"]);
        self.app.write("token", &handed.is(0, &["not shown again"]).out);
    }

    /// The decision, back home.
    fn sign(&self, more: &[&str]) {
        let sign = ["approvals", "sign", "token", "--keys", "keys.json", "--key", "key.json"];
        let signed = self.app.run(&[&sign[..], more].concat()).is(0, &[]).out;
        self.home.write("decision", &signed);
    }
}

#[test]
fn apr_6_the_command_line_carries_an_approval_out_and_its_decision_back() {
    let way = Way::new();
    way.hand();
    let shown = way.app.run(&["approvals", "open", "token", "--keys", "keys.json"]).is(0, &[]).out;
    for part in ["write_file", "medium risk", &way.approval, &way.session, "for desk"] {
        assert!(shown.contains(part), "`{part}` is missing in:\n{shown}");
    }
    assert!(!way.app.data().exists(), "opening a token needs no data directory");
    way.sign(&["approve", "--reason", "seen", "--by", "ana"]);
    let decided = way.home.run(&["approvals", "return", "decision", "--json"]).is(0, &[]).json();
    assert_eq!(
        (text(&decided, "status"), text(&decided, "reason")),
        ("approved".into(), "seen".into())
    );
    way.home.run(&["approvals", "return", "decision"]).is(2, &["token"]);
    way.home.run(&["resume", &way.session]).is(0, &["completed"]);
    let trail = way.home.run(&["trail", &way.session, "--json"]).is(0, &[]).out;
    assert!(trail.contains("\"audience\":\"desk\"") && trail.contains("ana"), "{trail}");
}

#[test]
fn apr_6_a_denial_returns_too_from_standard_input() {
    let way = Way::new();
    way.hand();
    way.sign(&["deny", "--reason", "not today"]);
    let mut child = way.home.command(&["approvals", "return", "-", "--json"]);
    child.stdin(std::fs::File::open(way.home.path("decision")).unwrap()).stdout(Stdio::piped());
    let told = child.output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["status"], "denied", "{told:#}");
}

#[test]
fn apr_6_the_command_line_refuses_what_proves_nothing() {
    let way = Way::new();
    let hand = |to: &str, ttl: &str| {
        way.home.run(&["approvals", "hand", &way.approval, "--to", to, "--ttl", ttl])
    };
    hand("nobody", "1h").is(2, &["nobody", "no registered key"]);
    hand("desk", "soon").is(2, &["`soon`", "15m"]);
    hand("desk", "900d").is(2, &["TOKEN_TTL_MAX_MS"]);
    way.hand();
    let open = |more: &[&str]| way.app.run(&[&["approvals", "open", "token"][..], more].concat());
    open(&[]).is(2, &["--keys FILE"]);
    open(&["--keys", "key.json"]).is(2, &["no JSON Web Key Set"]);
    open(&["--keys", "keys.json", "--for", "shop"]).is(2, &["for `desk`, not for `shop`"]);
    way.app.write("none.json", "{\"keys\":[]}");
    open(&["--keys", "none.json"]).is(2, &["none of the keys"]);
    let token = std::fs::read_to_string(way.app.path("token")).unwrap();
    way.app.write("token", &token.replace('.', ".A"));
    open(&["--keys", "keys.json"]).is(2, &["token"]);
    way.app.write("token", &token);
    way.app.run(&["app-key", "new", "desk", "--out", "key.json"]).is(2, &["never overwritten"]);
    way.app.run(&["app-key", "new", "shop", "--out", "shop.json"]).is(0, &[]);
    let sign = ["approvals", "sign", "token", "--keys", "keys.json", "--key"];
    let sign = |more: &[&str]| way.app.run(&[&sign[..], more].concat());
    sign(&["shop.json", "approve"]).is(2, &["not for `shop`"]);
    sign(&["keys.json", "approve"]).is(2, &["no key file"]);
    sign(&["key.json", "maybe"]).is(2, &["approve, deny"]);
    sign(&["key.json", "deny", "--arguments", "{}"]).is(2, &["approve"]);
    way.sign(&["approve"]);
    way.app
        .run(&["approvals", "return", "token", "--at", "http://127.0.0.1:9/x"])
        .is(2, &["TENURE_KEY"]);
    let listed = way.home.run(&["app-key", "ls", "--json"]).is(0, &[]).json();
    way.home.run(&["app-key", "revoke", &text(&listed["items"][0], "kid")]).is(0, &[]);
    way.home.run(&["approvals", "return", "decision"]).is(2, &["no registered key"]);
    let open = way.home.run(&["approvals", "--json"]).is(0, &[]).json();
    assert_eq!(open["items"][0]["status"], "requested", "what is refused decides nothing");
}
