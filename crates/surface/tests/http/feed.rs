//! Following a whole tenant.

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, caller, refused};
use futures::StreamExt as _;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::limits::FEED_SCAN_ENTRIES;
use tenure_contract::resource::OpenSession;
use tenure_store::MemoryStore;

/// One event: its cursor and, unless it only moves the cursor, its data.
type Sent = (String, Option<Value>);

/// Reads events until so many with data are there, or the stream ends.
async fn sent(request: RequestBuilder, wanted: usize) -> Vec<Sent> {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
    let mut bytes = response.bytes_stream();
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.iter().filter(|(_, data): &&Sent| data.is_some()).count() < wanted {
        let Some(piece) = bytes.next().await else { break };
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                event.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
            };
            let data = field("data:").map(|data| serde_json::from_str(&data).unwrap());
            found.extend(field("id:").map(|id| (id, data)));
            text = rest.to_owned();
        }
    }
    found
}

fn told(sent: &[Sent]) -> Vec<&Value> {
    sent.iter().filter_map(|(_, data)| data.as_ref()).collect()
}

fn after(rig: &Rig, cursor: &str, query: &str) -> RequestBuilder {
    rig.get(&format!("/v1/events?until=told{query}"))
        .bearer_auth(OWNER)
        .header("Last-Event-ID", cursor)
}

fn all(rig: &Rig, query: &str) -> RequestBuilder {
    rig.get(&format!("/v1/events?until=told{query}")).bearer_auth(OWNER)
}

async fn busy(rig: &Rig) {
    let script = "[[turn]]\ntext = \"hello\"\n";
    rig.agent("clerk", script, json!([])).await;
    for x in 0..3 {
        rig.run(&json!({ "intent": { "type": "echo", "parameters": { "x": x } } })).await;
        rig.run(&json!({ "agent": { "name": "clerk", "task": "greet" } })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_a_tenants_stream_has_every_entry_once_in_each_journals_order() {
    let rig = Rig::new().await;
    busy(&rig).await;
    // more of another tenant's than one look at the log takes
    for _ in 0..FEED_SCAN_ENTRIES + 5 {
        rig.engine.open_session(&caller(THEIRS), OpenSession::default(), None).await.unwrap();
    }
    let seen = sent(all(&rig, ""), usize::MAX).await;
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for line in told(&seen) {
        let expected = next.entry(line["journal"].as_str().unwrap().to_owned()).or_insert(1);
        assert_eq!(line["seq"], *expected, "{line}");
        *expected += 1;
    }
    assert_eq!(next.remove(&OURS.to_string()), Some(3), "the ledger is in it");
    let sessions = rig.get("/v1/sessions").bearer_auth(OWNER);
    let sessions = answered(sessions, StatusCode::OK).await;
    let sessions: BTreeSet<_> = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["sessionId"].as_str().unwrap())
        .collect();
    assert_eq!(next.keys().map(String::as_str).collect::<BTreeSet<_>>(), sessions);
    assert!(seen.len() > told(&seen).len(), "a stretch of others' moves the cursor");
    let cursors: BTreeSet<_> = seen.iter().map(|(cursor, _)| cursor).collect();
    assert_eq!(cursors.len(), seen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_a_cursor_goes_on_without_gap_or_repeat_over_reconnect_and_restart() {
    let store = MemoryStore::new();
    let rig = Rig::on(store.clone().store()).await;
    busy(&rig).await;
    let whole = sent(all(&rig, ""), usize::MAX).await;
    let lines = told(&whole);
    for (cursor, data) in &whole {
        let Some(data) = data else { continue };
        let place = lines.iter().position(|line| *line == data).unwrap();
        let rest = sent(after(&rig, cursor, ""), usize::MAX).await;
        assert_eq!(told(&rest), lines[place + 1..]);
    }
    let (cursor, _) = whole[whole.len() / 2].clone();
    let rest = sent(after(&rig, &cursor, ""), usize::MAX).await;
    rig.engine.drain().await;
    rig.stop().await;
    let again = Rig::on(store.store()).await;
    assert_eq!(told(&sent(after(&again, &cursor, ""), usize::MAX).await), told(&rest));
    let more = rest.len() + 1;
    let ours = caller(OURS);
    let session = again.engine.open_session(&ours, OpenSession::default(), None).await.unwrap();
    let seen = sent(after(&again, &cursor, ""), more).await;
    assert_eq!(told(&seen).last().unwrap()["journal"], session.session_id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_another_tenants_cursor_is_refused_and_another_tenant_sees_nothing() {
    let rig = Rig::new().await;
    busy(&rig).await;
    let seen = sent(all(&rig, ""), usize::MAX).await;
    let key = rig.key(THEIRS, "user:eve", &["*"]).await;
    let request = rig.get("/v1/events").bearer_auth(&key).header("Last-Event-ID", &seen[0].0);
    let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains("no cursor of this tenant's stream"));
    let theirs = rig.get("/v1/events?until=told").bearer_auth(&key);
    for (_, data) in sent(theirs, usize::MAX).await {
        assert!(data.is_none_or(|line| line["journal"] == THEIRS.to_string()));
    }
    for query in ["after=12", "kind=walk.", "kind=", "product=", "session=ses_1", "from=here"] {
        let request = rig.get(&format!("/v1/events?{query}")).bearer_auth(OWNER);
        refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let nobody = "ses_33333333333333333333333333";
    let request = rig.get(&format!("/v1/events?session={nobody}")).bearer_auth(OWNER);
    refused(request, StatusCode::NOT_FOUND, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_entries_arrive_as_they_become_durable_and_others_commits_do_not() {
    let rig = Rig::new().await;
    let followed = rig.get("/v1/events?from=now").bearer_auth(OWNER).send().await.unwrap();
    let mut pieces = followed.bytes_stream();
    let first = String::from_utf8(pieces.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        first.starts_with("id: ") && !first.contains("data"),
        "a cursor to begin with: {first}"
    );
    for _ in 0..3 {
        rig.engine.open_session(&caller(THEIRS), OpenSession::default(), None).await.unwrap();
    }
    let ours = rig.engine.open_session(&caller(OURS), OpenSession::default(), None).await.unwrap();
    let next = String::from_utf8(pieces.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(next.contains("event: session.opened"), "{next}");
    assert!(next.contains(&ours.session_id.to_string()), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sub_1_kinds_a_session_and_a_product_narrow_the_stream() {
    let rig = Rig::new().await;
    busy(&rig).await;
    let desk = OpenSession { product_id: Some("desk".to_owned()), ..OpenSession::default() };
    let desk = rig.engine.open_session(&caller(OURS), desk, None).await.unwrap();
    let id = desk.session_id.to_string();
    let held = json!({ "sessionId": id, "intent": { "type": "echo" } });
    rig.run(&held).await;
    let kinds = |sent: &[Sent]| -> Vec<String> {
        told(sent).iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect()
    };
    let ended = sent(all(&rig, "&kind=run.ended,agent."), usize::MAX).await;
    assert_eq!(kinds(&ended).iter().filter(|kind| *kind == "run.ended").count(), 7);
    assert_eq!(kinds(&ended).iter().filter(|kind| *kind == "agent.registered").count(), 1);
    assert_eq!(kinds(&ended).len(), 8);
    let by_session = sent(all(&rig, &format!("&session={id}")), usize::MAX).await;
    let by_product = sent(all(&rig, "&product=desk"), usize::MAX).await;
    assert_eq!(told(&by_session), told(&by_product));
    assert_eq!(kinds(&by_session)[0], "session.opened");
    assert!(told(&by_session).iter().all(|line| line["session"] == id.as_str()));
}
