//! Following a session and exporting it.

use crate::rig::{ROOT, Rig, answered, refused};
use futures::StreamExt as _;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tenure_core::verify::head::public_key;
use tenure_core::verify::{Options, Trust, verify};

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    id: u64,
    name: String,
    data: Value,
}

/// Reads events until so many are there, or the stream ends.
async fn events(request: RequestBuilder, wanted: usize) -> Vec<Sent> {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut bytes = response.bytes_stream();
    let mut found = Vec::new();
    while found.len() < wanted {
        let Some(piece) = bytes.next().await else { break };
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            found.extend(read(event));
            text = rest.to_owned();
        }
    }
    found.truncate(wanted);
    found
}

fn read(event: &str) -> Option<Sent> {
    let field =
        |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = field("data")?;
    Some(Sent {
        id: field("id")?.parse().unwrap(),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(data).unwrap(),
    })
}

async fn finished(rig: &Rig) -> (String, u64) {
    let run = rig.run(&json!({ "intent": { "type": "echo", "parameters": { "x": 1 } } })).await;
    let session = run["sessionId"].as_str().unwrap().to_owned();
    let last = rig.see(&format!("/v1/sessions/{session}")).await["seq"].as_u64().unwrap();
    (session, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_a_stream_goes_on_after_the_last_event_without_gap_or_repeat() {
    let rig = Rig::new().await;
    let (session, last) = finished(&rig).await;
    let path = format!("/v1/sessions/{session}/events?until=idle");
    let all = events(rig.get(&path), usize::MAX).await;
    assert_eq!(
        all.iter().map(|event| event.id).collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    for event in &all {
        assert_eq!(
            (&event.data["seq"], &event.data["kind"]),
            (&json!(event.id), &json!(event.name))
        );
        assert_eq!(event.data["body"], Value::Null);
    }
    for cut in 0..last {
        let mut seen = events(rig.get(&path), usize::try_from(cut).unwrap()).await;
        let again = rig.get(&path).header("Last-Event-ID", cut.to_string());
        seen.extend(events(again, usize::MAX).await);
        assert_eq!(seen, all, "cut after {cut}");
        let by_query = events(rig.get(&format!("{path}&after={cut}")), usize::MAX).await;
        assert_eq!(by_query, all[usize::try_from(cut).unwrap()..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_entries_arrive_as_they_become_durable_and_leaving_stops_nothing() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let path = format!("/v1/sessions/{}/events", session["sessionId"].as_str().unwrap());
    let follower = tokio::spawn(events(rig.get(&path), 3));
    let held = json!({ "sessionId": session["sessionId"], "intent": { "type": "hold" } });
    let accepted = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
    let names: Vec<String> = follower.await.unwrap().into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["session.opened", "run.submitted", "run.started"]);
    // the follower is gone; the run goes on
    rig.gate.add_permits(1);
    let ended = rig.rested(accepted["runId"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed");
    let rest = events(rig.get(&path).header("Last-Event-ID", "3"), 1).await;
    assert_eq!((rest[0].id, rest[0].name.as_str()), (4, "run.ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_the_header_wins_over_the_query_and_both_are_checked() {
    let rig = Rig::new().await;
    let (session, last) = finished(&rig).await;
    let path = format!("/v1/sessions/{session}/events?until=idle&after=0");
    let seen =
        events(rig.get(&path).header("Last-Event-ID", (last - 1).to_string()), usize::MAX).await;
    assert_eq!(seen.iter().map(|event| event.id).collect::<Vec<_>>(), [last]);
    let bad = rig.get(&path).header("Last-Event-ID", "evt_1");
    refused(bad, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_only_when_asked_for() {
    let rig = Rig::new().await;
    let (session, _) = finished(&rig).await;
    let path = format!("/v1/sessions/{session}/events?until=idle&bodies=true");
    let with = events(rig.get(&path), usize::MAX).await;
    let submitted = with.iter().find(|event| event.name == "run.submitted").unwrap();
    assert!(submitted.data["body"]["text"].as_str().unwrap().contains("\"x\":1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_ends_streams_and_long_reads() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let held = json!({ "sessionId": session["sessionId"], "intent": { "type": "hold" } });
    let accepted = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
    let path = format!("/v1/sessions/{}/events", session["sessionId"].as_str().unwrap());
    let mut stream = rig.get(&path).send().await.unwrap().bytes_stream();
    assert!(stream.next().await.is_some());
    let read = rig.get(&format!("/v1/runs/{}?waitMs=60000", accepted["runId"].as_str().unwrap()));
    let read = tokio::spawn(answered(read, StatusCode::OK));
    rig.see("/healthz").await;
    rig.stop().await;
    while let Some(piece) = stream.next().await {
        piece.unwrap();
    }
    // it was asked before the end or not at all
    if let Ok(run) = read.await {
        assert_eq!(run["status"], "running");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_2_log_3_an_export_verifies_offline_and_a_shortened_one_does_not() {
    let rig = Rig::new().await;
    let (session, last) = finished(&rig).await;
    let response = rig.get(&format!("/v1/sessions/{session}/export")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let text = response.text().await.unwrap();
    let root = Some(public_key(&ROOT));
    let options = Options { root, ..Options::default() };
    let verified = verify(lines_of(&text), &options).unwrap();
    assert_eq!((verified.entries, verified.head.seq), (last, last));
    assert_eq!(verified.signed_by.unwrap().trust, Trust::Rooted);
    assert!(verified.bodies_present > 0 && verified.bodies_erased == 0);
    let lines: Vec<&str> = text.lines().collect();
    let shortened = [&lines[..lines.len() - 2], &lines[lines.len() - 1..]].concat().join("\n");
    assert!(verify(lines_of(&shortened), &options).is_err());
}

fn lines_of(text: &str) -> impl Iterator<Item = std::io::Result<String>> {
    text.lines().map(|line| Ok(line.to_owned()))
}
