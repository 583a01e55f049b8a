//! Sessions that move to another server: who may take them, and what is still listed where they were.

use crate::rig::{OURS, Rig, answered, caller, refused};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tenure_contract::resource::CreateKey;

/// Two servers that know one tenant.
struct Two {
    here: Rig,
    there: Rig,
}

impl Two {
    async fn new() -> Self {
        Self { here: Rig::new().await, there: Rig::new().await }
    }

    async fn export(&self, session: &str) -> String {
        let export = self.here.get(&format!("/v1/sessions/{session}/export"));
        export.send().await.unwrap().text().await.unwrap()
    }

    fn brought(&self, verb: &str, export: &str) -> RequestBuilder {
        let request = self.there.request(Method::POST, &format!("/v1/transfers/{verb}"));
        request.header("content-type", "application/jsonl").body(export.to_owned())
    }

    async fn offered(&self, session: &str) -> String {
        let to = json!({ "toStore": self.there.engine.store_id() });
        let offer = self.here.post(&format!("/v1/sessions/{session}/transfer"), &to);
        answered(offer, StatusCode::OK).await;
        self.export(session).await
    }

    async fn released(&self, session: &str, signed: &Value) -> String {
        let body = json!({ "accepted": signed["accepted"] });
        let path = format!("/v1/sessions/{session}/transfer/release");
        answered(self.here.post(&path, &body), StatusCode::OK).await;
        self.export(session).await
    }

    /// A key of one product at the receiver.
    async fn bound(&self, product: &str) -> String {
        let request = CreateKey {
            principal: "service:mover".to_owned(),
            product_id: Some(product.to_owned()),
            ..CreateKey::default()
        };
        self.there.engine.create_key(&caller(OURS), request).await.unwrap().key.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_1_a_key_of_one_product_takes_its_own_products_sessions_only() {
    let two = Two::new().await;
    let session = two.here.post("/v1/sessions", &json!({ "productId": "till" }));
    let session = answered(session, StatusCode::CREATED).await;
    let session = session["sessionId"].as_str().unwrap();
    let (own, other) = (two.bound("till").await, two.bound("lab").await);

    let export = two.offered(session).await;
    let accept = || two.brought("accept", &export);
    refused(accept().bearer_auth(&other), StatusCode::NOT_FOUND, "not-found").await;
    let signed = answered(accept().bearer_auth(&own), StatusCode::OK).await;

    let export = two.released(session, &signed).await;
    let receive = || two.brought("receive", &export);
    refused(receive().bearer_auth(&other), StatusCode::NOT_FOUND, "not-found").await;
    let path = format!("/v1/sessions/{session}");
    let seen = two.there.get(&path).bearer_auth(&own);
    refused(seen, StatusCode::NOT_FOUND, "not-found").await;
    let taken = answered(receive().bearer_auth(&own), StatusCode::OK).await;
    assert_eq!(taken["status"], "received");
    let seen = answered(two.there.get(&path).bearer_auth(&own), StatusCode::OK).await;
    assert_eq!(seen["productId"], "till");
}

#[tokio::test(flavor = "multi_thread")]
async fn hnd_2_what_is_open_of_a_session_that_left_is_open_where_it_went() {
    let two = Two::new().await;
    let question = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\narguments = { question = \"why?\" }\n\
                    [[turn]]\ntext = \"over\"";
    two.here.agent("asker", question, json!([{ "use": "ask_human" }])).await;
    let known = two.here.see("/v1/agents/asker").await;
    let same = json!({ "definition": known["definition"] });
    answered(two.there.post("/v1/agents", &same), StatusCode::CREATED).await;
    let opened = answered(two.here.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let session = opened["sessionId"].as_str().unwrap();
    let agent = json!({ "name": "asker", "task": "ask" });
    two.here.run(&json!({ "sessionId": session, "agent": agent })).await;
    for (noun, body) in [("tasks", json!({ "title": "sweep" })), ("todos", json!({ "text": "x" }))]
    {
        let path = format!("/v1/sessions/{session}/{noun}");
        answered(two.here.post(&path, &body), StatusCode::CREATED).await;
    }
    const LISTS: &[&str] = &["sessions", "runs", "approvals", "tasks", "todos"];
    let open = async |rig: &Rig| {
        let mut found = Vec::new();
        for list in LISTS {
            let page = rig.see(&format!("/v1/{list}?open=true")).await;
            found.push(page["items"].as_array().unwrap().len());
        }
        found
    };
    assert_eq!(open(&two.here).await, [1, 1, 1, 1, 1]);

    let export = two.offered(session).await;
    let signed = answered(two.brought("accept", &export), StatusCode::OK).await;
    assert_eq!(open(&two.here).await, [1, 1, 1, 1, 1], "an offer takes nothing away");
    let export = two.released(session, &signed).await;
    assert_eq!(open(&two.here).await, [0, 0, 0, 0, 0]);
    // it is still seen, and listed among all there were
    let all = two.here.see("/v1/approvals").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    answered(two.brought("receive", &export), StatusCode::OK).await;
    assert_eq!(open(&two.there).await, [1, 1, 1, 1, 1]);
}
