//! Rows of a store without owners, brought in step by step as a person does it (`TEN-2`).

use super::desk::{Desk, Told, text};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// Chats of the file; a list shows that many on one page.
const CHATS: usize = 160;

/// A data directory with a tenant and a file of rows: many chats of a user whose tenant that is, one of a user
/// nobody knows and one of nobody.
struct Old {
    desk: Desk,
    tenant: String,
}

impl Old {
    fn new() -> Self {
        let desk = Desk::new();
        let tenant = desk.run(&["tenant", "create", "acme"]).is(0, &[]).out.trim().to_owned();
        let mut lines = vec![
            json!({ "kind": "user", "id": "ada", "tenantId": tenant }),
            json!({ "kind": "project", "id": "p", "user": "ada", "name": "site" }),
            json!({ "kind": "workspace", "id": "w", "user": "ada", "project": "p", "workspaceKind": "cloud" }),
            json!({ "kind": "session", "id": "stranger's", "user": "zoe" }),
            json!({ "kind": "session", "id": "nobody's" }),
        ];
        lines.extend((0..CHATS).map(|number| {
            json!({ "kind": "session", "id": number.to_string(), "user": "ada", "title": format!("chat {number}"),
                    "messages": [{ "role": "user", "content": "hello" }] })
        }));
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        desk.write("rows.jsonl", &(lines.join("\n") + "\n"));
        Self { desk, tenant }
    }

    fn begun(&self) -> String {
        let begun = self.does(&["begin", "rows.jsonl", "--source", "old host", "--json"]);
        text(&begun.is(0, &[]).json(), "migrationId")
    }

    fn does(&self, args: &[&str]) -> Told {
        self.desk.run(&[&["migration"], args].concat())
    }

    /// The titles of the tenant's sessions, in order.
    fn titles(&self) -> Vec<String> {
        let listed = self.desk.run(&[
            "--tenant",
            &self.tenant,
            "ls",
            "sessions",
            "--limit",
            "200",
            "--json",
        ]);
        let listed = listed.is(0, &[]).json();
        let items = listed["items"].as_array().unwrap().clone();
        let mut titles: Vec<_> =
            items.iter().filter_map(|seen| seen["title"].as_str().map(str::to_owned)).collect();
        titles.sort();
        titles
    }
}

#[test]
fn ten_2_a_person_brings_rows_in_sees_what_was_set_aside_and_settles_it() {
    let old = Old::new();
    old.desk.write("broken.jsonl", "{\"kind\":\"session\",\"id\":\"1\"}\n{\"kind\":\"session\"}\n");
    old.does(&["begin", "broken.jsonl"]).is(2, &["line 2", "missing field"]);
    let id = old.begun();
    assert_eq!(old.begun(), id, "the same file is the same migration");
    old.does(&["finish", &id]).is(2, &["164 rows", "run it first"]);
    // its tenant reads a row before anyone swept
    let tenant = ["--tenant", &old.tenant, "migration", "row", &id];
    let row = old.desk.run(&[&tenant[..], &["session:7", "--json"]].concat()).is(0, &[]).json();
    let (session, here) = (text(&row, "id"), ["--tenant", &old.tenant]);
    let shown = old.desk.run(&[&here[..], &["show", &session, "--json"]].concat()).is(0, &[]);
    assert!(shown.out.contains("chat 7"), "{}", shown.out);
    // its journal says where it came from, and is evidence like any other
    old.desk.run(&[&here[..], &["export", &session, "-o", "s.jsonl"]].concat()).is(0, &[]);
    old.desk.run(&["verify", "s.jsonl"]).is(0, &[]);
    let trail = old.desk.run(&["trail", "--file", "s.jsonl", "--json"]).is(0, &[]).out;
    assert!(trail.contains("row.brought") && trail.contains(&id), "{trail}");
    old.does(&["row", &id, "session:7"]).is(2, &["no legacy row `session:7`"]);

    let swept = old.does(&["run", &id, "--batch", "60"]).is(3, &["rows are left"]);
    assert!(swept.out.contains("in quarantine for unknown-user: 1"), "{}", swept.out);
    let aside = old.does(&["quarantine", &id]).is(0, &[]).out;
    assert!(aside.contains("session:stranger's") && aside.contains("no-user"), "{aside}");
    old.does(&["map", &id, "zoe", &old.tenant, "--reason", "she joined"]).is(0, &[]);
    old.does(&["discard", &id, "session:nobody's", "--reason", "a test"]).is(0, &[]);
    old.does(&["discard", &id, "session:7", "--reason", "oops"]).is(2, &["is backfilled"]);
    old.does(&["run", &id]).is(0, &[]);
    let finished = old.does(&["finish", &id]).is(0, &[]).out;
    assert!(finished.contains("finished, 0 open"), "{finished}");
    let listed = old.does(&["ls", "--json"]).is(0, &[]).json();
    assert_eq!(listed["items"][0]["status"], "finished");
    let report = &listed["items"][0]["report"]["kinds"];
    let sessions =
        report.as_array().unwrap().iter().find(|kind| kind["kind"] == "session").unwrap();
    let (there, gone) = (&sessions["backfilled"], &sessions["discarded"]);
    assert_eq!((there, gone), (&json!(CHATS + 1), &json!(1)));
}

/// The server is killed while it brings rows in, again and again; at the end each is there once.
#[test]
fn ten_2_kill_9_in_the_middle_brings_every_row_in_once() {
    let old = Old::new();
    let id = old.begun();
    let open = |told: &Value| told["open"].as_u64().unwrap();
    let mut killed_in_between = 0;
    for _ in 0..4 {
        let mut server = old.desk.serve();
        let args = ["migration", "run", &id, "--batch", "8"];
        let mut running = old.desk.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        // it tells of each batch: after the first the server dies, in the middle of another
        let mut told = String::new();
        BufReader::new(running.stderr.take().unwrap()).read_line(&mut told).unwrap();
        server.kill();
        running.wait().unwrap();
        assert!(told.contains("rows are left"), "{told}");
        let after = open(&old.does(&["show", &id, "--json"]).is(0, &[]).json());
        if after == 0 {
            break;
        }
        killed_in_between += 1;
    }
    assert!(killed_in_between >= 1, "it was over before it was killed");
    old.does(&["run", &id]).is(3, &[]);
    old.does(&["finish", &id]).is(0, &[]);
    let titles = old.titles();
    let mut wanted: Vec<_> = (0..CHATS).map(|number| format!("chat {number}")).collect();
    wanted.sort();
    assert_eq!(titles, wanted);
    old.desk.run(&["doctor"]).is(0, &[]);
}
