//! Answers as servers really send them: whole, in fragments, cut, refused, silent.

use super::*;
use crate::loopback::{Loopback, Reply, Then, reply};
use serde_json::json;
use tenure_contract::agent::{Message, Role, ToolCallAsked};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn request(text: &str) -> Arc<ModelRequest> {
    Arc::new(ModelRequest {
        model: "m".to_owned(),
        system: String::new(),
        messages: vec![Message::text(Role::User, text)],
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
    })
}

fn events(values: &[serde_json::Value]) -> String {
    values.iter().map(|value| format!("data: {value}\n\n")).collect()
}

fn delta(delta: serde_json::Value) -> serde_json::Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> serde_json::Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn streamed(body: &str) -> Reply {
    format!("{HEAD}{body}").into()
}

fn model(server: &Loopback) -> OpenAi {
    OpenAi::new(Endpoint::new(&server.url("/v1"), None).unwrap())
}

async fn all(reply: Reply) -> Vec<Chunk> {
    let server = Loopback::answering(vec![reply]).await;
    model(&server).source(request("hi")).stream().collect().await
}

/// Chunks from a body cut into pieces, without a socket.
async fn heard(pieces: Vec<Vec<u8>>) -> Vec<Chunk> {
    let bytes = stream::iter(pieces.into_iter().map(Ok)).boxed();
    chunks(bytes, Duration::from_secs(1)).collect().await
}

fn failure(chunks: &[Chunk]) -> AdapterFailure {
    match chunks.last() {
        Some(Chunk::Failed(failure)) => failure.clone(),
        other => panic!("expected a failure, found {other:?}"),
    }
}

fn text(text: &str) -> Chunk {
    Chunk::Text(text.to_owned())
}

fn pay(id: &str, arguments: &str) -> Chunk {
    let (id, name, arguments) = (id.to_owned(), "pay".to_owned(), arguments.to_owned());
    Chunk::ToolCall(ToolCallAsked { id, name, arguments })
}

fn whole_answer() -> String {
    let call = |fields: serde_json::Value| delta(json!({"tool_calls": [fields]}));
    let mut body = events(&[
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Grüße"})),
        call(json!({"index": 0, "id": "a", "type": "function",
                    "function": {"name": "pay", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"n\""}})),
        call(json!({"index": 1, "id": "b", "function": {"name": "pay", "arguments": "{"}})),
        call(json!({"index": 0, "function": {"arguments": ":1}"}})),
        call(json!({"index": 1, "function": {"arguments": "}"}})),
        finish("tool_calls"),
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
    ]);
    body.push_str("data: [DONE]\n\n");
    body
}

fn whole_chunks() -> Vec<Chunk> {
    vec![
        text("Grüße"),
        pay("a", "{\"n\":1}"),
        pay("b", "{}"),
        Chunk::Usage { input_tokens: 7, output_tokens: 3 },
        Chunk::Done,
    ]
}

#[tokio::test]
async fn a8_what_the_server_says_of_its_answer_goes_along_unread() {
    let said = |id: &str| {
        let mut event = delta(json!({"content": "x"}));
        event["id"] = json!(id);
        event["model"] = json!("m-2026");
        event["system_fingerprint"] = json!(null);
        event
    };
    let body = events(&[said("chatcmpl-1"), said("chatcmpl-1"), finish("stop")]);
    let pieces = vec![HEAD.to_owned(), body];
    let told = all(Reply { pieces, then: Then::Close }).await;
    let metadata = json!({"id": "chatcmpl-1", "model": "m-2026"});
    let metadata = Chunk::Metadata(metadata.as_object().unwrap().clone());
    assert_eq!(told[2..], [metadata, Chunk::Done]);
}

#[tokio::test]
async fn a5_calls_in_fragments_come_out_whole_over_a_socket() {
    let body = whole_answer();
    let letters: Vec<char> = body.chars().collect();
    let mut pieces = vec![HEAD.to_owned()];
    pieces.extend(letters.chunks(37).map(|piece| piece.iter().collect::<String>()));
    assert_eq!(all(Reply { pieces, then: Then::Close }).await, whole_chunks());
}

#[tokio::test]
async fn a5_no_cut_of_the_bytes_changes_the_chunks() {
    let bytes = whole_answer().replace('\n', "\r\n").into_bytes();
    for at in 0..bytes.len() {
        let pieces = vec![bytes[..at].to_vec(), bytes[at..].to_vec()];
        assert_eq!(heard(pieces).await, whole_chunks(), "cut at {at}");
    }
}

#[tokio::test]
async fn calls_are_told_apart_however_servers_number_them() {
    let call = |fields: serde_json::Value| delta(json!({"tool_calls": [fields]}));
    let function = |arguments: &str| json!({"name": "pay", "arguments": arguments});
    let same_index = [
        call(json!({"index": 0, "id": "a", "function": function("{}")})),
        call(json!({"index": 0, "id": "b", "function": function("[]")})),
    ];
    let no_index = [
        call(json!({"id": "a", "function": function("{")})),
        call(json!({"function": {"arguments": "}"}})),
        call(json!({"id": "b", "function": function("[]")})),
    ];
    for begun in [&same_index[..], &no_index[..]] {
        let body = events(begun) + &events(&[finish("tool_calls")]);
        let found = heard(vec![body.into_bytes()]).await;
        assert_eq!(found, [pay("a", "{}"), pay("b", "[]"), Chunk::Done]);
    }
    let no_id = events(&[call(json!({"index": 0, "function": function("{}")})), finish("stop")]);
    assert_eq!(heard(vec![no_id.into_bytes()]).await, [pay("call_0", "{}"), Chunk::Done]);
}

#[tokio::test]
async fn flt_11_a_stream_without_an_ending_is_a_failure() {
    let body = events(&[delta(json!({"content": "half"}))]);
    for cut in [body.clone(), format!("{body}data: {{\"choi"), String::new()] {
        let told = all(streamed(&cut)).await;
        let failure = failure(&told);
        assert!(failure.may_pass && failure.message.contains("without an ending"), "{failure}");
        assert_eq!(told.iter().filter(|chunk| matches!(chunk, Chunk::Done)).count(), 0);
    }
}

#[tokio::test]
async fn flt_11_a_connection_cut_in_the_middle_is_a_failure() {
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                   transfer-encoding: chunked\r\n\r\n";
    let body = events(&[delta(json!({"content": "half"}))]);
    let raw = format!("{chunked}{:x}\r\n{body}\r\n", body.len());
    let told = all(raw.into()).await;
    assert_eq!(told[0], text("half"));
    assert!(failure(&told).may_pass);
}

#[tokio::test]
async fn a3_calls_of_an_answer_that_was_cut_are_not_given() {
    let begun = delta(json!({"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "pay", "arguments": "{}"}},
    ]}));
    for ending in [String::new(), events(&[finish("length")]), events(&[finish("content_filter")])]
    {
        let body = events(std::slice::from_ref(&begun)) + &ending;
        let told = heard(vec![body.into_bytes()]).await;
        assert!(matches!(told.as_slice(), [Chunk::Failed(_)]), "{told:?}");
    }
}

#[tokio::test]
async fn a3_either_mark_ends_an_answer_well() {
    let said = events(&[delta(json!({"content": "x"}))]);
    for ending in ["data: [DONE]\n\n", "data: [DONE]", &events(&[finish("stop")])] {
        let told = all(streamed(&format!("{said}{ending}"))).await;
        assert_eq!(told, [text("x"), Chunk::Done], "{ending}");
    }
}

#[tokio::test]
async fn a9_an_error_status_says_whether_it_may_pass() {
    for (status, may_pass) in [
        (429, true),
        (500, true),
        (503, true),
        (408, true),
        (400, false),
        (401, false),
        (404, false),
        (301, false),
    ] {
        let told = all(reply(status, r#"{"error":{"message":"because"}}"#).into()).await;
        let failure = failure(&told);
        assert_eq!(failure.may_pass, may_pass, "{status}");
        assert!(failure.message.contains(&status.to_string()), "{failure}");
        assert!(failure.message.contains("because"), "{failure}");
    }
}

#[tokio::test]
async fn a9_a_server_that_is_not_there_may_come_back() {
    // the endpoint of a server that has stopped listening
    let server = Loopback::answering(Vec::<Reply>::new()).await;
    let told: Vec<Chunk> = model(&server).source(request("hi")).stream().collect().await;
    assert!(failure(&told).may_pass);
}

#[tokio::test]
async fn a9_errors_and_garbage_within_the_stream_are_failures() {
    let error = |error: serde_json::Value| events(&[json!({ "error": error })]);
    for (body, may_pass) in [
        (error(json!({"message": "overloaded"})), true),
        (error(json!({"message": "wrong", "code": 400})), false),
        (error(json!({"message": "slow down", "code": "429"})), true),
        ("data: <html>\n\n".to_owned(), false),
    ] {
        let told = heard(vec![body.clone().into_bytes(), b"data: [DONE]\n\n".to_vec()]).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(failure(&told).may_pass, may_pass, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn str_1_a_model_that_falls_silent_is_given_up() {
    let said = events(&[delta(json!({"content": "x"}))]).into_bytes();
    let silence = Duration::from_millis(MODEL_SILENCE_DEFAULT_MS);
    let bytes = stream::iter([Ok(said)]).chain(stream::pending()).boxed();
    let begun = Instant::now();
    let told: Vec<Chunk> = chunks(bytes, silence).collect().await;
    assert_eq!(told[0], text("x"));
    let failure = failure(&told);
    assert!(failure.may_pass && failure.message.contains("300000 ms"), "{failure}");
    assert_eq!(begun.elapsed(), silence);
}

#[tokio::test(start_paused = true)]
async fn comments_do_not_break_a_silence_and_events_do() {
    let every = |piece: &'static str| {
        stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok(piece.as_bytes().to_vec()), ()))
        })
    };
    let limit = Duration::from_secs(25);
    let told: Vec<Chunk> = chunks(every(": ping\n\n").boxed(), limit).collect().await;
    assert!(failure(&told).message.contains("silent"));
    let thinking = every("data: {\"choices\":[]}\n\n").take(20);
    let done = stream::iter([Ok(b"data: [DONE]\n\n".to_vec())]);
    let told: Vec<Chunk> = chunks(thinking.chain(done).boxed(), limit).collect().await;
    assert_eq!(told, [Chunk::Done]);
}

#[tokio::test]
async fn str_1_a_server_that_never_answers_is_given_up() {
    let server = Loopback::answering(vec![Reply { pieces: vec![], then: Then::Hold }]).await;
    let endpoint = Endpoint::new(&server.url("/v1"), None).unwrap();
    let model = OpenAi::new(endpoint.with_silence(Duration::from_millis(50)));
    let told: Vec<Chunk> = model.source(request("hi")).stream().collect().await;
    assert!(failure(&told).message.contains("silent for 50 ms"));
    server.closed_by_client().await;
}

#[tokio::test]
async fn a6_dropping_the_stream_hangs_up() {
    let said = events(&[delta(json!({"content": "x"}))]);
    let pieces = vec![format!("{HEAD}{said}")];
    let server = Loopback::answering(vec![Reply { pieces, then: Then::Hold }]).await;
    let mut stream = model(&server).source(request("hi")).stream();
    assert_eq!(stream.next().await, Some(text("x")));
    drop(stream);
    server.closed_by_client().await;
}

#[tokio::test]
async fn ten_4_the_key_is_sent_and_never_told() {
    // a variable that every process has, so that the test changes no environment
    let key = std::env::var("PATH").unwrap();
    let echo = json!({"error": {"message": format!("bad key {key}")}}).to_string();
    let error = events(&[json!({"error": {"message": format!("bad key {key}")}})]);
    let server = Loopback::answering(vec![reply(401, &echo).into(), streamed(&error)]).await;
    let endpoint = Endpoint::new(&server.url("/v1/"), Some("PATH".to_owned())).unwrap();
    let model = OpenAi::new(endpoint);
    for _ in 0..2 {
        let told: Vec<Chunk> = model.source(request("hi")).stream().collect().await;
        let message = failure(&told).message;
        assert!(message.contains("bad key ***") && !message.contains(&key), "{message}");
    }
    let sent = &server.requests()[0];
    assert!(sent.starts_with("POST /v1/chat/completions "), "{sent}");
    assert!(sent.contains(&format!("authorization: Bearer {key}")), "{sent}");
}

#[test]
fn a_base_url_keeps_its_path_and_query() {
    for (base, expected) in [
        ("http://h:1", "http://h:1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("https://h/a/b?version=2", "https://h/a/b/chat/completions?version=2"),
    ] {
        assert_eq!(Endpoint::new(base, None).unwrap().url.as_str(), expected);
    }
}

#[tokio::test]
async fn a_key_that_is_not_set_is_named_and_nothing_is_sent() {
    let server = Loopback::answering(vec![reply(200, "")]).await;
    let variable = "TENURE_TEST_NO_SUCH_VARIABLE".to_owned();
    let endpoint = Endpoint::new(&server.url("/v1"), Some(variable.clone())).unwrap();
    let told: Vec<Chunk> = OpenAi::new(endpoint).source(request("hi")).stream().collect().await;
    assert!(failure(&told).message.contains(&variable));
    assert!(server.requests().is_empty());
}
