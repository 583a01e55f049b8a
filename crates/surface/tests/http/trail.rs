//! The trail of a session over HTTP.

use crate::decisions::in_doubt;
use crate::rig::{Rig, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn trail(rig: &Rig, session: &str, query: &str) -> Vec<Value> {
    let request = rig.get(&format!("/v1/sessions/{session}/trail{query}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(lines: &'a [Value], told: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["told"] == told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rpl_1_the_trail_tells_every_entry_and_where_everything_stands() {
    let rig = Rig::new().await;
    let (run, step) = in_doubt(&rig).await;
    let session = run["sessionId"].as_str().unwrap();
    let last = rig.see(&format!("/v1/sessions/{session}")).await["seq"].as_u64().unwrap();
    let lines = trail(&rig, session, "").await;
    let head = json!({ "told": "head", "trail": 1, "session": session, "seq": last });
    for (name, value) in head.as_object().unwrap() {
        assert_eq!(&lines[0][name], value);
    }
    let seqs: Vec<_> = of(&lines, "observed").iter().map(|line| line["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=last).map(Some).collect::<Vec<_>>());
    let derived = of(&lines, "derived");
    let doubted = derived.iter().find(|line| line["id"] == step.as_str()).unwrap();
    assert_eq!((&doubted["subject"], &doubted["status"]), (&json!("step"), &json!("in-doubt")));
    let told = derived.iter().find(|line| line["id"] == run["runId"]).unwrap();
    assert_eq!(told["pauses"][0]["why"], "in-doubt");
    assert_eq!(told["asked"]["by"], "user:ada");
    let end = lines.last().unwrap();
    assert_eq!((&end["subject"], &end["openDoubts"]), (&json!("session"), &json!([step])));
}

#[tokio::test(flavor = "multi_thread")]
async fn rpl_1_at_an_earlier_entry_nothing_later_is_known() {
    let rig = Rig::new().await;
    let run = rig.run(&json!({ "intent": { "type": "echo", "parameters": { "x": 1 } } })).await;
    let session = run["sessionId"].as_str().unwrap();
    let whole = trail(&rig, session, "").await;
    let seqs = of(&whole, "observed").len();
    for seq in 1..=seqs {
        let lines = trail(&rig, session, &format!("?seq={seq}")).await;
        assert_eq!(of(&lines, "observed"), of(&whole, "observed")[..seq]);
        assert_eq!(lines[0]["seq"], seq);
    }
    let early = trail(&rig, session, "?seq=2").await;
    let run = of(&early, "derived")[0].clone();
    assert_eq!((&run["status"], &run["end"]), (&json!("queued"), &Value::Null));
    assert_eq!(of(&whole, "derived")[0]["end"]["stopReason"], "finished");
    for beyond in [0, seqs + 1] {
        let request = rig.get(&format!("/v1/sessions/{session}/trail?seq={beyond}"));
        let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
        assert!(told["detail"].as_str().unwrap().ends_with(&format!("expected 1 to {seqs}")));
    }
}
