//! A whole conversation over real files, then one rule at a time.

use super::*;
use crate::build::{build, parse};
use crate::tool::testing::call_in;
use serde_json::{Value, json};
use tenure_contract::agent::{Message, Role, ToolCallAsked};

fn request(messages: Vec<Message>) -> Arc<ModelRequest> {
    Arc::new(ModelRequest {
        model: String::new(),
        system: String::new(),
        messages,
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
    })
}

async fn chunks(script: &str, messages: Vec<Message>) -> Vec<Chunk> {
    let adapter = Scripted::new(Script::parse(script, "test").unwrap());
    adapter.source(request(messages)).stream().collect().await
}

/// The text and calls of an answer that ends well.
fn said(chunks: Vec<Chunk>) -> (String, Vec<ToolCallAsked>) {
    assert_eq!(chunks.last(), Some(&Chunk::Done), "{chunks:?}");
    let (mut text, mut calls) = (String::new(), Vec::new());
    for chunk in chunks {
        match chunk {
            Chunk::Text(piece) => text.push_str(&piece),
            Chunk::ToolCall(call) => calls.push(call),
            Chunk::Usage { .. } | Chunk::Metadata(_) | Chunk::Done | Chunk::Failed(_) => {}
        }
    }
    (text, calls)
}

fn failure(chunks: &[Chunk]) -> AdapterFailure {
    match chunks.last() {
        Some(Chunk::Failed(failure)) => failure.clone(),
        other => panic!("expected a failure, found {other:?}"),
    }
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

/// The script in this module's own documentation.
fn documented() -> String {
    let doc = include_str!("../scripted.rs");
    let lines = doc.lines().filter_map(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let script = lines.skip_while(|line| *line != "```toml").skip(1);
    script.take_while(|line| *line != "```").collect::<Vec<_>>().join("\n")
}

/// Runs the loop an engine would, with the real file tools and a refund that is only noted.
async fn converse(script: &str, folder: &Path) -> (String, Vec<Value>) {
    let text = "name = \"x\"\ntools = [{use=\"list_files\"}, {use=\"read_file\"}]\n\
                [model]\nadapter = \"scripted\"\nfile = \"x\"";
    let agent = build(&parse(text, "test").unwrap(), folder).unwrap();
    let (mut messages, mut refunds) = (vec![user("go")], Vec::new());
    loop {
        let (text, calls) = said(chunks(script, messages.clone()).await);
        if calls.is_empty() {
            return (text, refunds);
        }
        let asked = Message { tool_calls: calls.clone(), ..Message::text(Role::Assistant, text) };
        messages.push(asked);
        for call in calls {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            let result = match agent.tool(&call.name) {
                Some(built) => built.tool().call(call_in(folder, arguments)).await.unwrap(),
                None => {
                    refunds.push(arguments);
                    json!({"ok": true})
                }
            };
            messages.push(Message::tool(call.id, result.to_string()));
        }
    }
}

#[tokio::test]
async fn the_documented_script_works_over_real_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orders")).unwrap();
    for (name, content) in [
        ("a.json", json!({"order": "A-1", "status": "returned", "cents": 1250}).to_string()),
        ("b.json", json!({"order": "B-2", "status": "kept", "cents": 900}).to_string()),
        ("c.json", json!({"order": "C-3", "status": "returned", "cents": 0}).to_string()),
        ("d.json", json!({"order": "D-4", "status": "returned", "cents": 70}).to_string()),
        ("notes.txt", "nothing".to_owned()),
    ] {
        std::fs::write(folder.path().join("orders").join(name), content).unwrap();
    }
    let (text, refunds) = converse(&documented(), folder.path()).await;
    assert_eq!(text, "Done: 2 refunds.");
    assert_eq!(
        refunds,
        [json!({"order": "A-1", "cents": 1250}), json!({"order": "D-4", "cents": 70})]
    );
}

#[tokio::test]
async fn turns_whose_calls_come_to_nothing_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orders")).unwrap();
    let (text, refunds) = converse(&documented(), folder.path()).await;
    assert_eq!((text.as_str(), refunds.len()), ("Done: 0 refunds.", 0));
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_a_new_question_begins_anew() {
    let script = "[[turn]]\ntext = \"first {{input}}\"\n[[turn]]\ntext = \"second\"";
    let adapter = Scripted::new(Script::parse(script, "test").unwrap());
    let mut messages = vec![user("a")];
    for _ in 0..2 {
        let answer = adapter.source(request(messages.clone())).stream().collect().await;
        assert_eq!(said(answer).0, "first a");
    }
    messages.push(Message::text(Role::Assistant, "first a"));
    assert_eq!(said(chunks(script, messages.clone()).await).0, "second");
    messages.push(Message::text(Role::Assistant, "second"));
    let end = failure(&chunks(script, messages.clone()).await);
    assert!(end.message.contains("ends after its 2 turns") && !end.may_pass, "{end}");
    messages.push(user("b"));
    assert_eq!(said(chunks(script, messages).await).0, "first b");
}

#[tokio::test]
async fn placeholders_keep_types_and_reach_everything() {
    let script = r#"
        [[turn]]
        text = "{{input.list.length}}/{{input.list.1}}/{{input.rows.*.n}}/{{ input.name }}"
        [[turn.call]]
        tool = "t"
        arguments = { n = "{{input.rows.0.n}}", s = "no {{input.rows.0.n}}", o = ["{{input.rows}}"] }
    "#;
    let input = json!({"list": [1, true], "rows": [{"n": 2.5}, {"n": 3}, {}], "name": "ä"});
    let (text, calls) = said(chunks(script, vec![user(&input.to_string())]).await);
    assert_eq!(text, "2/true/[2.5,3]/ä");
    let arguments: Value = serde_json::from_str(&calls[0].arguments).unwrap();
    assert_eq!(arguments, json!({"n": 2.5, "s": "no 2.5", "o": [input["rows"]]}));
}

#[tokio::test]
async fn conditions_choose_items() {
    let chosen = async |condition: &str| {
        let script = format!(
            "[[turn]]\n[[turn.call]]\ntool = \"t\"\nfor_each = \"input\"\n\
             where = {{ {condition} }}\narguments = {{ i = \"{{{{index}}}}\" }}\n\
             [[turn]]\ntext = \"none\""
        );
        let input = json!([{"n": 1, "s": "one"}, {"n": 5, "s": "five.json"}, {"b": true}]);
        let (_, calls) = said(chunks(&script, vec![user(&input.to_string())]).await);
        calls.iter().map(|call| call.arguments.clone()).collect::<Vec<_>>().join(" ")
    };
    for (condition, expected) in [
        ("n = 5", r#"{"i":1}"#),
        ("n = { above = 1 }", r#"{"i":1}"#),
        ("n = { at_most = 5, above = 0 }", r#"{"i":0} {"i":1}"#),
        ("s = \"*.json\"", r#"{"i":1}"#),
        ("s = \"*e*\"", r#"{"i":0} {"i":1}"#),
        ("s = \"f*e.*n\"", r#"{"i":1}"#),
        ("s = \"one\"", r#"{"i":0}"#),
        ("s = { not = \"one\" }", r#"{"i":1} {"i":2}"#),
        ("n = { exists = false }", r#"{"i":2}"#),
        ("b = true", r#"{"i":2}"#),
        ("b = false", ""),
    ] {
        assert_eq!(chosen(condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn a_call_can_be_malformed_or_repeat_an_id_on_purpose() {
    let script = "[[turn]]\n[[turn.call]]\ntool = \"t\"\nas = \"a\"\nid = \"x\"\n\
                  arguments_raw = \"{oops {{\"\n[[turn.call]]\ntool = \"t\"\nid = \"x\"";
    let (_, calls) = said(chunks(script, vec![user("go")]).await);
    assert_eq!((calls[0].id.as_str(), calls[0].arguments.as_str()), ("x", "{oops {{"));
    assert_eq!((calls[1].id.as_str(), calls[1].arguments.as_str()), ("x", "{}"));
}

#[tokio::test(start_paused = true)]
async fn a_turn_paces_itself_and_streams_in_pieces() {
    let script = "[[turn]]\ntext = \"zwölf!\"\ndelay_ms = 1000\nchunk_chars = 4\npause_ms = 50";
    let begun = tokio::time::Instant::now();
    let told = chunks(script, vec![user("12345678")]).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(1100));
    let pieces = ["zwöl", "f!"].map(|piece| Chunk::Text(piece.to_owned()));
    assert_eq!(told[..2], pieces);
    assert_eq!(told[2..], [Chunk::Usage { input_tokens: 2, output_tokens: 2 }, Chunk::Done]);
}

#[tokio::test(start_paused = true)]
async fn a6_a_hung_turn_can_be_dropped_at_any_time() {
    let script = Script::parse("[[turn]]\ntext = \"half\"\nhang = true", "test").unwrap();
    let mut stream = Scripted::new(script).source(request(vec![user("go")])).stream();
    assert_eq!(stream.next().await, Some(Chunk::Text("half".to_owned())));
    let silent = tokio::time::timeout(Duration::from_secs(3600), stream.next()).await;
    assert!(silent.is_err());
    drop(stream);
}

#[tokio::test]
async fn a9_a_failure_is_a_chunk_and_says_whether_it_may_pass() {
    for (line, may_pass) in [("may_pass = true", true), ("", false)] {
        let script = format!("[[turn]]\ntext = \"half\"\nfail = \"overloaded\"\n{line}");
        let told = chunks(&script, vec![user("go")]).await;
        assert_eq!(told[0], Chunk::Text("half".to_owned()));
        let expected = AdapterFailure { message: "overloaded".to_owned(), may_pass };
        assert_eq!(failure(&told), expected);
    }
}

#[tokio::test]
async fn what_is_not_found_is_named() {
    let script = "[[turn]]\ntext = \"{{input.order.id}}\"";
    let told = failure(&chunks(script, vec![user("{}")]).await);
    assert!(told.message.contains("turn 1") && told.message.contains("`input.order.id`"), "{told}");
    let script = "[[turn]]\n[[turn.call]]\ntool = \"t\"\nfor_each = \"input.rows\"";
    let told = failure(&chunks(script, vec![user("{}")]).await);
    assert!(told.message.contains("needs a list at `input.rows`"), "{told}");
}

#[tokio::test]
async fn rt1_the_script_is_read_when_the_first_call_is_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.toml");
    let adapter = Scripted::at(path.clone());
    let missing = adapter.source(request(vec![user("go")]));
    let told: Vec<Chunk> = missing.stream().collect().await;
    assert!(failure(&told).message.contains("late.toml"));
    std::fs::write(&path, "[[turn]]\ntext = \"here\"").unwrap();
    let told = adapter.source(request(vec![user("go")])).stream().collect().await;
    assert_eq!(said(told).0, "here");
}

#[test]
fn a_script_with_a_mistake_is_refused_with_its_place() {
    let call = "[[turn]]\n[[turn.call]]\ntool = \"t\"\n";
    for (script, why) in [
        (String::new(), "missing field `turn`"),
        ("turn = []".to_owned(), "no `[[turn]]`"),
        ("[[turn]]\ntxt = \"x\"".to_owned(), "line 2, column 1: unknown field `txt`"),
        ("[[turn]]\ntext = \"{{input\"".to_owned(), "without `}}`"),
        ("[[turn]]\ntext = \"{{a..b}}\"".to_owned(), "not a path"),
        ("[[turn]]\ntext = \"{{later.x}}\"".to_owned(), "turn 1: `later.x`"),
        ("[[turn]]\ntext = \"{{item}}\"".to_owned(), "known: input"),
        ("[[turn]]\nhang = true\nfail = \"x\"".to_owned(), "exclude"),
        ("[[turn]]\nmay_pass = true".to_owned(), "only for a turn with `fail`"),
        ("[[turn]]\nchunk_chars = 0".to_owned(), "at least 1"),
        (format!("{call}arguments = 1"), "must be a table"),
        (format!("{call}arguments = {{}}\narguments_raw = \"\""), "exclude"),
        (format!("{call}for_each = \"input\"\nid = \"x\""), "cannot share"),
        (format!("{call}as = \"item\""), "already means something"),
        (format!("{call}{call}"), "turn 2: `t` already"),
    ] {
        let told = Script::parse(&script, "test").unwrap_err().to_string();
        assert!(told.contains(why), "{script}: {told}");
    }
}
