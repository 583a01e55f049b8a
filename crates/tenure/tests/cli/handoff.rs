//! `tenure handoff`: refused, offered, withdrawn, accepted, and told afterwards.

use super::desk::{Desk, HELLO, client, text};

/// The built-in rules, and handoffs to `lab`.
const TO_LAB: &str = r#"
permit (principal, action == Action::"call", resource);
permit (principal, action == Action::"run", resource);
permit (principal, action == Action::"handoff", resource == Product::"lab");
"#;

#[test]
fn hnd_1_a_session_is_offered_and_taken_from_the_command_line() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.write("note.txt", "x");
    desk.run(&["run", "-a", "agent.toml", "t", "--files", "note.txt"]).is(0, &[]);
    let session = text(&desk.run(&["ls", "--json"]).is(0, &[]).json()["items"][0], "sessionId");
    let offer = |more: &[&str]| desk.run(&[&["handoff", "offer", &session], more].concat());

    offer(&["--to-product", "lab"]).is(2, &["may not be handed over to product `lab`"]);
    offer(&[]).is(2, &["already; name another product or principal"]);
    offer(&["--to", "everybody"]).is(2, &["`kind:name`"]);
    offer(&["--to", "user:*"]).is(2, &["names nobody"]);
    let away = offer(&["--to", "user:ben", "--reason", "second line", "--json"]).is(0, &[]).json();
    let away = text(&away, "handoffId");
    desk.run(&["handoff", "accept", &away]).is(2, &["offered to `user:ben`"]);
    offer(&["--to", "user:carl"]).is(2, &["withdraw it first"]);
    let listed = desk.run(&["handoff", "ls", "--open"]).is(0, &[]).out;
    assert!(listed.contains(&away) && listed.contains("second line"), "{listed}");
    // it waits for a person, and whatever takes an id takes its
    let inbox = desk.run(&["inbox", "--json"]).is(0, &[]).json();
    let waits = &inbox["items"][0];
    assert_eq!((text(waits, "kind"), text(waits, "id")), ("handoff".to_owned(), away.clone()));
    assert_eq!((text(waits, "productId"), text(waits, "userId")), ("tenure".into(), "ben".into()));
    assert!(text(waits, "command").starts_with("tenure handoff accept|decline hnd_"), "{waits}");
    for (who, many) in [(["--user", "ben"], 1), (["--user", "carl"], 0), (["--product", "lab"], 0)]
    {
        let narrowed = desk.run(&[&["inbox", "--json"], &who[..]].concat()).is(0, &[]).json();
        assert_eq!(narrowed["items"].as_array().unwrap().len(), many, "{who:?}");
    }
    let listed = desk.run(&["ls", "handoffs", "--open", "--product", "tenure"]).is(0, &[]).out;
    assert!(listed.contains(&away), "{listed}");
    let none = desk.run(&["ls", "handoffs", "--product", "lab", "--json"]).is(0, &[]).json();
    assert_eq!(none["items"], serde_json::json!([]));
    desk.run(&["ls", "handoffs", "--user", "ben"]).is(2, &["no `--user`"]);
    desk.run(&["cancel", &away]).is(2, &["tenure handoff withdraw hnd_"]);
    for (verb, subject, parts) in [
        ("show", &away, ["offered", "from user:", "to user:ben in tenure"]),
        ("show", &session, ["⇄ offered to user:ben in tenure until", "[hnd_", "run_"]),
        (
            "explain",
            &away,
            ["offered to user:ben in tenure since", "works on", "handoff accept hnd_"],
        ),
    ] {
        let told = desk.run(&[verb, subject]).is(0, &[]).out;
        for part in parts {
            assert!(told.contains(part), "`{part}` is missing in {verb}: {told}");
        }
    }
    desk.run(&["handoff", "withdraw", &away, "--reason", "mistaken"]).is(0, &[]);
    let told = desk.run(&["explain", &away]).is(0, &[]).out;
    assert!(told.contains("withdrawn by") && told.contains(": mistaken"), "{told}");
    assert_eq!(desk.run(&["inbox"]).is(0, &[]).out, "nothing needs a person\n");

    desk.write("policy.cedar", TO_LAB);
    desk.run(&["policy", "set", "policy.cedar"]).is(0, &[]);
    let key = ["--to-product", "lab", "--key", "k", "--json"];
    let first = text(&offer(&key).is(0, &[]).json(), "handoffId");
    assert_eq!(text(&offer(&key).is(0, &[]).json(), "handoffId"), first);
    let shown = desk.run(&["handoff", "accept", &first]).is(0, &[]).out;
    assert!(shown.contains("accepted by") && shown.contains("checkpoint ckp_"), "{shown}");
    let seen = desk.run(&["ls", "--json"]).is(0, &[]).json();
    assert_eq!(text(&seen["items"][0], "productId"), "lab");
    let trail = desk.run(&["trail", &session]).is(0, &[]).out;
    for told in ["⇄ offered to user:ben", "⇄ withdrawn by", ": mistaken", "in lab"] {
        assert!(trail.contains(told), "`{told}` is missing in {trail}");
    }
    let run = desk.run(&["run", "-a", "agent.toml", "t", "--session", &session, "--json"]);
    assert_eq!(text(&run.is(0, &[]).json(), "productId"), "lab");
}

/// The server is killed while it is asked to accept, ever a little later: what was answered stands, and
/// nothing happens twice.
#[test]
fn hnd_1_killed_around_an_acceptance_it_stands_or_not_and_never_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for turns in [0, 100, 500, 2_000, 10_000, 50_000] {
        let desk = Desk::new();
        desk.agent("", HELLO);
        desk.write("policy.cedar", TO_LAB);
        desk.write("note.txt", "x");
        desk.run(&["run", "-a", "agent.toml", "t", "--files", "note.txt"]).is(0, &[]);
        let mut server = desk.serve();
        desk.run(&["policy", "set", "policy.cedar"]).is(0, &[]);
        let key = |principal: &str, product: &str| {
            let made = ["key", "create", principal, "--product", product, "--json"];
            text(&desk.run(&made).is(0, &[]).json(), "key")
        };
        let (ours, lab) = (key("service:desk", "tenure"), key("user:ben", "lab"));
        let session = text(&desk.run(&["ls", "--json"]).is(0, &[]).json()["items"][0], "sessionId");
        let offer =
            ["handoff", "offer", &session, "--to-product", "lab", "--to", "user:ben", "--json"];
        let id = text(&desk.run(&offer).is(0, &[]).json(), "handoffId");
        let accept = |endpoint: &str| {
            client().post(format!("{endpoint}/v1/handoffs/{id}/accept")).bearer_auth(&lab).send()
        };
        let answer = accept(&server.endpoint);
        let (answer, ()) = runtime.block_on(async {
            tokio::join!(answer, async {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                server.kill();
            })
        });
        let is_told = answer.is_ok_and(|answer| answer.status().is_success());
        let server = desk.serve();
        let seen = text(&desk.run(&["handoff", "show", &id, "--json"]).is(0, &[]).json(), "status");
        assert!(
            seen == "accepted" || (seen == "offered" && !is_told),
            "{turns}: {seen}, {is_told}"
        );
        let product = text(&desk.run(&["ls", "--json"]).is(0, &[]).json()["items"][0], "productId");
        assert_eq!(product, if seen == "accepted" { "lab" } else { "tenure" }, "{turns}");
        let (again, late) = runtime.block_on(async {
            let again = accept(&server.endpoint).await.unwrap().status().as_u16();
            let path = format!("{}/v1/sessions/{session}/checkpoints", server.endpoint);
            let late = client().post(path).bearer_auth(&ours).json(&serde_json::json!({}));
            (again, late.send().await.unwrap().text().await.unwrap())
        });
        assert!(again == 200 && late.contains("handed-over"), "{turns}: {again}, {late}");
        desk.run(&["handoff", "withdraw", &id])
            .is(2, &["is accepted and does not become withdrawn"]);
        desk.run(&["export", &session, "-o", "s.jsonl"]).is(0, &[]);
        desk.run(&["verify", "s.jsonl"]).is(0, &[]);
        let trail = desk.run(&["trail", &session]).is(0, &[]).out;
        assert_eq!(trail.matches("⇄ accepted by user:ben").count(), 1, "{turns}: {trail}");
    }
}
