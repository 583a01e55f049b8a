//! A turn's text while the model says it (`STR-1`): before it lands, over a lost attempt, and for a
//! client that comes back.

use crate::rig::{Rig, answered, refused};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A model that says what the test says, when the test says it.
struct Model {
    listener: TcpListener,
}

impl Model {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn url(&self) -> String {
        format!("http://{}/v1", self.listener.local_addr().unwrap())
    }

    /// The next call of it.
    async fn called(&self) -> Speaker {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut piece = [0; 4096];
        // the body ends with the request's closing brace; nothing in these tests ends so before
        while !asked.ends_with(b"}") {
            let read = stream.read(&mut piece).await.unwrap();
            asked.extend_from_slice(&piece[..read]);
        }
        stream.write_all(HEAD.as_bytes()).await.unwrap();
        Speaker { stream }
    }
}

struct Speaker {
    stream: TcpStream,
}

impl Speaker {
    async fn event(&mut self, event: &Value) {
        let text = format!("data: {event}\n\n");
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn say(&mut self, text: &str) {
        self.event(&json!({ "choices": [{ "delta": { "content": text } }] })).await;
    }

    async fn end(mut self) {
        self.event(&json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] })).await;
        self.stream.write_all(b"data: [DONE]\n\n").await.unwrap();
    }
}

/// One server-sent event.
#[derive(Debug, Clone)]
struct Sent {
    id: Option<String>,
    name: String,
    data: Value,
}

/// A client of the stream.
struct Client {
    bytes: BoxStream<'static, Vec<u8>>,
    text: String,
}

impl Client {
    async fn follow(rig: &Rig, session: &str, last: Option<&str>) -> Self {
        let mut request = rig.get(&format!("/v1/sessions/{session}/events"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = response.bytes_stream().map(|piece| piece.unwrap().to_vec()).boxed();
        Self { bytes, text: String::new() }
    }

    async fn next(&mut self) -> Sent {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let sent = read(event);
                self.text = rest.to_owned();
                if let Some(sent) = sent {
                    return sent;
                }
                continue;
            }
            let piece = self.bytes.next().await.expect("the stream ended");
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Everything up to the first event of that name, that one last.
    async fn until(&mut self, name: &str) -> Vec<Sent> {
        let mut found = Vec::new();
        while found.last().is_none_or(|sent: &Sent| sent.name != name) {
            found.push(self.next().await);
        }
        found
    }

    /// Reads deltas until they come to that text; the last one of them.
    async fn heard(&mut self, wanted: &str) -> Sent {
        let mut heard = String::new();
        loop {
            let sent = self.next().await;
            assert_eq!(sent.name, "turn-delta", "{sent:?}");
            assert_eq!(sent.data["offset"], heard.len(), "no gap and no repeat");
            heard.push_str(sent.data["text"].as_str().unwrap());
            if heard == wanted {
                return sent;
            }
            assert!(wanted.starts_with(&heard), "{heard}");
        }
    }
}

fn read(event: &str) -> Option<Sent> {
    let field =
        |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let (name, data) = (field("event")?.to_owned(), serde_json::from_str(field("data")?).unwrap());
    Some(Sent { id: field("id").map(str::to_owned), name, data })
}

/// An agent that asks the model, with a run of it under way.
async fn begun(rig: &Rig, model: &Model) -> (String, Speaker) {
    let choice = json!({ "adapter": "openai", "name": "m", "base_url": model.url() });
    let definition = json!({ "definition": { "name": "talker", "tools": [], "model": choice } });
    answered(rig.post("/v1/agents", &definition), StatusCode::CREATED).await;
    let task = json!({ "agent": { "name": "talker", "task": "speak" } });
    let accepted = answered(rig.post("/v1/runs", &task), StatusCode::ACCEPTED).await;
    (accepted["sessionId"].as_str().unwrap().to_owned(), model.called().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn str_1_tokens_come_after_the_intent_and_before_the_entry_that_replaces_them() {
    let (rig, model) = (Rig::new().await, Model::new().await);
    let (session, mut speaker) = begun(&rig, &model).await;
    let mut client = Client::follow(&rig, &session, None).await;
    let entries = client.until("step.intended").await;
    let intent = entries.last().unwrap().id.clone().unwrap();
    speaker.say("Hel").await;
    let first = client.heard("Hel").await;
    assert_eq!(first.id, Some(format!("{intent}.1.3")));
    assert_eq!(first.data["restated"], json!(false));
    assert_eq!(first.data["step"], entries.last().unwrap().data["data"]["step"]);
    speaker.say("lö").await;
    let second = client.next().await;
    assert_eq!((second.id, &second.data["text"]), (Some(format!("{intent}.1.6")), &json!("lö")));
    speaker.end().await;
    let rest: Vec<String> =
        client.until("session.ended").await.into_iter().map(|sent| sent.name).collect();
    assert_eq!(
        rest,
        ["turn.landed", "memory.saved", "run.ended", "checkpoint.made", "session.ended"]
    );
    // nothing of it was journaled
    let entries = rig.see(&format!("/v1/sessions/{session}/entries?limit=200")).await.to_string();
    assert!(!entries.contains("turn-delta"));
}

#[tokio::test(flavor = "multi_thread")]
async fn str_1_a_client_that_comes_back_goes_on_within_the_turn() {
    let (rig, model) = (Rig::new().await, Model::new().await);
    let (session, mut speaker) = begun(&rig, &model).await;
    let mut client = Client::follow(&rig, &session, None).await;
    let intent = client.until("step.intended").await.pop().unwrap().id.unwrap();
    speaker.say("one ").await;
    let place = client.heard("one ").await.id.unwrap();
    drop(client);
    speaker.say("two ").await;
    // from its place, nothing is missed and nothing repeated
    let mut client = Client::follow(&rig, &session, Some(&place)).await;
    let next = client.next().await;
    assert_eq!(
        (&next.data["offset"], &next.data["text"], &next.data["restated"]),
        (&json!(4), &json!("two "), &json!(false))
    );
    // from the entry, or from a place that is not kept, all of it, and it says so
    for last in [intent.clone(), format!("{intent}.1.999")] {
        let mut client = Client::follow(&rig, &session, Some(&last)).await;
        let next = client.next().await;
        assert_eq!(
            (&next.data["offset"], &next.data["text"], &next.data["restated"]),
            (&json!(0), &json!("one two "), &json!(true)),
            "{last}"
        );
    }
    speaker.end().await;
    let landed = client.next().await;
    assert_eq!(
        (landed.name.as_str(), landed.id.unwrap()),
        ("turn.landed", {
            let seq: u64 = intent.parse().unwrap();
            (seq + 1).to_string()
        })
    );
    // the place still names where its entries go on
    let mut client = Client::follow(&rig, &session, Some(&place)).await;
    assert_eq!(client.next().await.name, "turn.landed");
    for bad in [format!("{intent}.2.0"), "1.1.0".to_owned(), "999.1.0".to_owned(), "1.1".to_owned()]
    {
        let request = rig.get(&format!("/v1/sessions/{session}/events"));
        let request = request.header("Last-Event-ID", bad);
        refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn str_1_what_was_shown_of_a_lost_attempt_is_withdrawn_by_name() {
    let (rig, model) = (Rig::new().await, Model::new().await);
    let (session, mut speaker) = begun(&rig, &model).await;
    let mut client = Client::follow(&rig, &session, None).await;
    client.until("step.intended").await;
    speaker.say("wrong").await;
    let shown = client.heard("wrong").await;
    drop(speaker);
    let told = client.until("turn-restarted").await;
    let names: Vec<&str> = told.iter().map(|sent| sent.name.as_str()).collect();
    assert_eq!(names, ["step.failed", "turn-restarted"]);
    assert_eq!((&told[1].data["attempt"], &told[1].id), (&json!(1), &None));
    assert_eq!(told[1].data["step"], shown.data["step"]);
    let mut again = model.called().await;
    let attempted = client.until("step.attempted").await.pop().unwrap();
    again.say("right").await;
    let shown = client.heard("right").await;
    assert_eq!(shown.id, Some(format!("{}.2.5", attempted.id.unwrap())));
    again.end().await;
    assert_eq!(client.next().await.name, "turn.landed");
}

#[tokio::test(flavor = "multi_thread")]
async fn str_1_a_client_that_was_away_is_told_of_the_withdrawal_too() {
    let (rig, model) = (Rig::new().await, Model::new().await);
    let (session, mut speaker) = begun(&rig, &model).await;
    let mut client = Client::follow(&rig, &session, None).await;
    client.until("step.intended").await;
    speaker.say("wrong").await;
    let place = client.heard("wrong").await.id.unwrap();
    drop((client, speaker));
    let again = model.called().await;
    let mut client = Client::follow(&rig, &session, Some(&place)).await;
    let names: Vec<String> =
        client.until("step.attempted").await.into_iter().map(|sent| sent.name).collect();
    assert_eq!(names, ["step.failed", "turn-restarted", "step.attempted"]);
    again.end().await;
}

/// A turn goes on over a handoff; who watched it before does not, though the model never stops to talk.
#[tokio::test(flavor = "multi_thread")]
async fn hnd_1_who_watched_a_turn_before_a_handoff_hears_none_of_it_afterwards() {
    let (rig, model) = (Rig::new().await, Model::new().await);
    let policy = json!({ "text": "permit(principal, action, resource);" });
    let set = rig.request(reqwest::Method::PUT, "/v1/policy").json(&policy);
    answered(set, StatusCode::OK).await;
    let choice = json!({ "adapter": "openai", "name": "m", "base_url": model.url() });
    let definition = json!({ "definition": { "name": "talker", "tools": [], "model": choice } });
    answered(rig.post("/v1/agents", &definition), StatusCode::CREATED).await;
    let desk = crate::operator::bound(&rig, "desk").await;
    let lab = crate::operator::bound(&rig, "lab").await;
    let task = json!({ "agent": { "name": "talker", "task": "speak" } });
    let accepted = rig.post("/v1/runs", &task).bearer_auth(&desk);
    let accepted = answered(accepted, StatusCode::ACCEPTED).await;
    let session = accepted["sessionId"].as_str().unwrap();
    let mut speaker = model.called().await;
    let path = format!("/v1/sessions/{session}/events");
    let watched = rig.get(&path).bearer_auth(&desk).send().await.unwrap();
    let mut bytes = watched.bytes_stream();
    let mut told = String::new();
    speaker.say("ours").await;
    while !told.contains("ours") {
        told.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
    }
    let to = json!({ "to": { "product": "lab", "principal": "service:lab" } });
    let offer = rig.post(&format!("/v1/sessions/{session}/handoffs"), &to).bearer_auth(&desk);
    let offered = answered(offer, StatusCode::CREATED).await;
    let accept = format!("/v1/handoffs/{}/accept", offered["handoffId"].as_str().unwrap());
    answered(rig.post(&accept, &json!({})).bearer_auth(&lab), StatusCode::OK).await;
    let watched = rig.get(&path).bearer_auth(&lab).send().await.unwrap();
    speaker.say("theirs").await;
    while let Some(piece) = bytes.next().await {
        told.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(!told.contains("theirs") && !told.contains("handoff.accepted"), "{told}");
    // the new owner hears all of it, before it lands
    let mut bytes = watched.bytes_stream();
    let mut told = String::new();
    while !["handoff.accepted", "\"ours", "theirs\""].iter().all(|words| told.contains(words)) {
        told.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(!told.contains("turn.landed"), "{told}");
    speaker.end().await;
}
