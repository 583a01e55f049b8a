//! What is wrong is named, with what was expected; nothing is begun.

use super::desk::{Desk, HELLO, exists};

#[test]
fn a_malformed_definition_is_named_with_line_and_column() {
    let desk = Desk::new();
    desk.write("agent.toml", "name = \"x\"\nmodle = 1\n");
    desk.run(&["run", "-a", "agent.toml", "t"]).is(2, &["agent.toml, line 2, column 1", "`modle`"]);
    desk.write("agent.json", "{\"name\": \"x\",\n \"modle\": 1}");
    desk.run(&["run", "-a", "agent.json", "t"]).is(2, &["agent.json, line 2, column", "`modle`"]);
    assert!(!exists(&desk.data()), "nothing is made for a call that cannot work");
}

#[test]
fn an_unknown_tool_adapter_agent_or_intent_lists_what_exists() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    let definition = std::fs::read_to_string(desk.path("agent.toml")).unwrap();
    desk.write("agent.toml", &definition.replace("list_files", "lsit"));
    desk.run(&["run", "-a", "agent.toml", "t"]).is(2, &["`lsit`", "list_files, http_request"]);
    desk.write("agent.toml", &definition.replace("scripted", "gtp"));
    desk.run(&["run", "-a", "agent.toml", "t"]).is(2, &["`gtp`", "openai, scripted, cassette"]);
    desk.write("agent.toml", &definition);
    desk.work().is(0, &[]);
    desk.run(&["run", "-a", "nobody", "t"]).is(2, &["no agent `nobody`", "`clerk`"]);
    desk.run(&["run", "--intent", "nothing"])
        .is(2, &["no handler for intent `nothing`", "`ingest_file`"]);
    let told = desk.run(&["run", "--intent", "nothing", "--json"]).is(2, &[]).json();
    assert_eq!(told["error"]["code"], "unknown-name");
}

#[test]
fn a_missing_script_an_empty_task_and_one_over_the_limit_are_refused() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.run(&["run", "-a", "agent.toml", " "]).is(2, &["the task is empty"]);
    desk.write("task", &"x".repeat(1024 * 1024 + 1));
    let task = std::fs::File::open(desk.path("task")).unwrap();
    let told = desk.command(&["run", "-a", "agent.toml", "-"]).stdin(task).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(2));
    assert!(said.contains("1048577 bytes; the limit RUN_INPUT_MAX_BYTES is 1048576"), "{said}");
    std::fs::remove_file(desk.path("script.toml")).unwrap();
    desk.run(&["run", "-a", "agent.toml", "t"]).is(2, &["model.file", "script.toml"]);
}

#[test]
fn a_parameter_that_does_not_fit_is_refused_before_a_run_exists() {
    let desk = Desk::new();
    desk.run(&["run", "--intent", "ingest_file", "-p", "fiel=x"]).is(2, &["ingest_file"]);
    desk.run(&["run", "--intent", "ingest_file", "-p", "file"]).is(2, &["`-p key=value`"]);
    assert_eq!(desk.run(&["ls", "runs", "--json"]).json()["items"], serde_json::json!([]));
}

#[test]
fn ids_verbs_and_places_that_are_none_are_usage() {
    let desk = Desk::new();
    desk.run(&["ls"]).is(2, &["no data directory"]);
    assert!(!exists(&desk.data()), "a verb that only looks makes nothing");
    desk.write("file", "");
    desk.run(&["--data", "file", "run", "--intent", "ingest_file"])
        .is(2, &["`file` is not a directory"]);
    desk.run(&["frobnicate"]).is(2, &["unrecognized subcommand"]);
    desk.run(&["intents"]).is(0, &[]);
    desk.run(&["show", "x"]).is(2, &["`x` is neither"]);
    desk.run(&["show", "run_00000000000000000000000001"]).is(2, &["no run"]);
    desk.run(&["approve", "apr_1"]).is(2, &["26 letters"]);
    desk.run(&["resolve", "stp_00000000000000000000000001", "perhaps"])
        .is(2, &["landed, did-not-happen"]);
    desk.run(&["ls", "--limit", "0"]).is(2, &["1 to 200"]);
}

#[test]
fn boo_1_a_damaged_store_is_refused_with_one_message_and_left_as_it_is() {
    let desk = Desk::new();
    desk.run(&["intents"]).is(0, &[]);
    let log = desk.data().join("log-000001.db");
    let good = std::fs::read(&log).unwrap();
    let mut bad = good.clone();
    bad[..100].fill(0xAB);
    std::fs::write(&log, &bad).unwrap();
    for name in ["log-000001.db-wal", "log-000001.db-shm"] {
        let _ = std::fs::remove_file(desk.data().join(name));
    }
    let told = desk.run(&["serve", "--listen", "127.0.0.1:0"]).is(1, &["damaged"]);
    assert_eq!((told.out.as_str(), told.err.lines().count()), ("", 1), "{}", told.err);
    assert_eq!(std::fs::read(&log).unwrap(), bad);
    assert!(!exists(&desk.data().join("owner.json")));
    let found = desk.run(&["doctor", "--json"]).is(1, &[]).json();
    let findings = found["findings"].as_array().unwrap();
    let of_log = findings.iter().find(|finding| finding["check"] == "log-000001.db").unwrap();
    assert!(of_log["ok"] == false && of_log["do"].is_string(), "{of_log:#}");
}

#[test]
fn boo_1_a_store_of_a_newer_version_is_refused() {
    let desk = Desk::new();
    desk.run(&["intents"]).is(0, &[]);
    let log = rusqlite::Connection::open(desk.data().join("log-000001.db")).unwrap();
    log.execute("UPDATE meta SET value = 99 WHERE name = 'format'", []).unwrap();
    drop(log);
    desk.run(&["serve", "--listen", "127.0.0.1:0"]).is(2, &["version 99", "use a newer tenure"]);
}

#[test]
fn boo_1_damaged_keys_are_refused_and_an_address_in_use_too() {
    let desk = Desk::new();
    desk.run(&["intents"]).is(0, &[]);
    std::fs::write(desk.data().join("keys/node"), "?").unwrap();
    desk.run(&["serve", "--listen", "127.0.0.1:0"]).is(4, &["keys/node", "64 hex digits"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let other = Desk::new();
    other.run(&["serve", "--listen", &address]).is(2, &[&address, "port 0 picks a free one"]);
}

#[test]
fn aut_1_an_address_others_can_reach_needs_a_key_first() {
    let desk = Desk::new();
    desk.run(&["serve", "--listen", "0.0.0.0:0"]).is(2, &["no API key", "127.0.0.1"]);
}

#[test]
fn the_help_has_the_table_of_exit_statuses_and_every_verb_an_example() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).is(0, &[]).out;
    assert!(help.contains("130  aborted") && help.contains("0  done"), "{help}");
    for verb in [
        "run",
        "resume",
        "serve",
        "ls",
        "show",
        "explain",
        "approvals",
        "approve",
        "deny",
        "cancel",
        "resolve",
        "artifacts",
        "export",
        "verify",
        "doctor",
        "demo",
        "key",
        "app-key",
        "example",
        "inbox",
        "principal",
        "tenant",
        "secret",
        "project",
        "workspace",
        "intents",
    ] {
        let help = desk.run(&[verb, "--help"]).is(0, &[]).out;
        assert!(help.contains("Example") && help.contains("tenure "), "{verb}: {help}");
    }
}
