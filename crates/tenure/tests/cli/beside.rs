//! Verbs beside a server: they talk to it, and never open its files.

use super::desk::{Desk, HELLO, exists, text};

#[test]
fn every_verb_talks_to_the_owner_and_a_second_server_says_who_that_is() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let mut server = desk.serve();
    let run = desk.work().is(0, &[]).json();
    assert_eq!(
        (text(&run, "status"), text(&run["output"], "content")),
        ("completed".to_owned(), "hello".to_owned())
    );
    let listed = desk.run(&["ls", "runs", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"][0]["runId"], run["runId"]);
    let told = desk.run(&["serve", "--listen", "127.0.0.1:0"]);
    told.is(2, &["is held by process", &server.child.id().to_string(), &server.endpoint]);
    assert_eq!(server.stop(), 0);
    assert!(!exists(&desk.data().join("owner.json")), "the note is taken away at an orderly exit");
    let listed = desk.run(&["ls", "runs", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"][0]["runId"], run["runId"]);
}

#[test]
fn doctor_shows_a_live_owners_settings_as_the_owner_reads_them_back() {
    let desk = Desk::new();
    let _server = desk.serve();
    let told = desk.run(&["doctor", "--json"]).is(0, &[]).json();
    let found = |check: &str| {
        let findings = told["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["check"] == check);
        text(finding.unwrap_or_else(|| panic!("no `{check}` in {told:#}")), "found")
    };
    let log = found("log-000001.db");
    assert!(
        log.starts_with("journal_mode wal, synchronous full, write-ahead file 8.0 MiB"),
        "{log}"
    );
    let lists = found("lists.db");
    assert!(lists.starts_with("journal_mode wal, synchronous normal"), "{lists}");
    let files = &told["owner"]["figures"]["files"];
    assert!(files[0]["bytes"].as_u64().unwrap() > 0, "{files:#}");
}

#[test]
fn the_note_of_a_killed_server_is_not_believed() {
    let desk = Desk::new();
    desk.serve().kill();
    assert!(exists(&desk.data().join("owner.json")));
    desk.run(&["ls"]).is(0, &[]);
    let note = std::fs::read_to_string(desk.data().join("owner.json"));
    // another server has the port by now: it does not know the token
    let other = Desk::new();
    let server = other.serve();
    let lie = format!(
        "{{\"endpoint\":\"{}\",\"token\":\"own_x\",\"pid\":1,\"startedAt\":\"2026-01-01T00:00:00Z\"}}",
        server.endpoint
    );
    std::fs::write(desk.data().join("owner.json"), lie).unwrap();
    desk.run(&["ls"]).is(0, &[]);
    assert!(note.is_err(), "a verb that was the owner takes its own note away");
}

#[test]
fn aut_1_keys_are_made_shown_once_and_revoked() {
    let desk = Desk::new();
    let _server = desk.serve();
    let made = desk
        .run(&["key", "create", "service:shop", "--scope", "*:read", "--json"])
        .is(0, &[])
        .json();
    assert!(text(&made, "key").starts_with("tnr_"));
    let listed = desk.run(&["key", "ls", "--json"]).is(0, &[]).json();
    assert!(
        listed["items"][0]["key"].is_null() && listed["items"][0]["status"] == "active",
        "{listed:#}"
    );
    desk.run(&["key", "revoke", &text(&made, "keyId")]).is(0, &[]);
    let listed = desk.run(&["key", "ls", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"][0]["status"], "revoked");
    desk.run(&["key", "create", "nonsense", "--scope", "*:read"]).is(2, &["kind:name"]);
}

#[test]
fn detach_needs_a_server_and_int_5_the_same_key_returns_the_first_run() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.run(&["run", "-a", "agent.toml", "t", "--detach"]).is(2, &["tenure serve"]);
    let _server = desk.serve();
    let submit = |task: &str| {
        desk.run(&["run", "-a", "agent.toml", task, "--detach", "--key", "k1", "--json"])
    };
    let first = submit("t").is(0, &[]).json();
    let second = submit("t").is(0, &[]).json();
    assert_eq!(
        (&first["runId"], &first["duplicate"]),
        (&second["runId"], &serde_json::json!(false))
    );
    assert_eq!(second["duplicate"], true);
    submit("another").is(2, &["key"]);
    desk.run(&["resume", &text(&first, "sessionId")]).is(0, &[]);
}

#[test]
fn ten_1_a_tenant_is_made_and_acted_in_from_the_command_line() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let made = desk.run(&["tenant", "create", "acme", "--json"]).is(0, &[]).json();
    let acme = text(&made, "tenantId");
    let listed = desk.run(&["tenant", "ls", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed:#}");
    let key = ["--tenant", &acme, "key", "create", "user:ada", "--scope", "*", "--json"];
    assert_eq!(desk.run(&key).is(0, &[]).json()["tenantId"], made["tenantId"]);
    desk.run(&["--tenant", &acme, "run", "-a", "agent.toml", "do it", "--json"]).is(0, &[]);
    let runs =
        |args: &[&str]| desk.run(&[args, &["ls", "runs", "--json"]].concat()).is(0, &[]).json();
    assert_eq!(runs(&["--tenant", &acme])["items"].as_array().unwrap().len(), 1);
    assert_eq!(runs(&[])["items"].as_array().unwrap().len(), 0);
    let nobody = format!("ten_{}", "3".repeat(26));
    desk.run(&["--tenant", &nobody, "ls"]).is(2, &["no tenant"]);
    let shop = desk.run(&["principal", "create", "service", "shop", "--scope", "runs:*", "--json"]);
    let shop = text(&shop.is(0, &[]).json(), "principalId");
    let disabled = desk.run(&["principal", "disable", &shop, "--json"]).is(0, &[]).json();
    assert_eq!(disabled["status"], "disabled");
    desk.run(&["principal", "ls"]).is(0, &[]);
}

#[test]
fn wsp_1_projects_and_workspaces_are_made_from_the_command_line() {
    let desk = Desk::new();
    let project = desk.run(&["project", "create", "shop", "--json"]).is(0, &[]).json();
    let project = text(&project, "projectId");
    let create =
        ["workspace", "create", "worktree", "--project", &project, "--ref", "main", "--json"];
    let made = desk.run(&create).is(0, &[]).json();
    assert_eq!((text(&made, "projectId"), text(&made, "ref")), (project, "main".to_owned()));
    let made = text(&made, "workspaceId");
    let ready = desk.run(&["workspace", "set", &made, "ready", "--json"]).is(0, &[]).json();
    assert_eq!(ready["status"], "ready");
    desk.run(&["workspace", "set", &made, "provisioning"]).is(2, &["possible now: `error`"]);
    let listed = desk.run(&["workspace", "ls", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"][0]["workspaceId"], made.as_str());
    desk.run(&["project", "ls"]).is(0, &[]);
    desk.run(&["workspace", "ls"]).is(0, &[]);
}
