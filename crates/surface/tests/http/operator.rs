//! One operator over all products of a tenant; a key bound to a product has that product only (`OPR-1`,
//! `AUT-1`).

use crate::rig::{OURS, Rig, answered, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tenure_contract::resource::CreateKey;

/// A run that ended in a session of a product for somebody, with a task; its session, run and task.
async fn work(rig: &Rig, (product, user): (&str, &str)) -> [String; 3] {
    let open = rig.post("/v1/sessions", &json!({ "productId": product, "userId": user }));
    let opened = answered(open, StatusCode::CREATED).await;
    let session = opened["sessionId"].as_str().unwrap().to_owned();
    let wanted = json!({ "title": format!("for {product}") });
    let made = rig.post(&format!("/v1/sessions/{session}/tasks"), &wanted);
    let made = answered(made, StatusCode::CREATED).await;
    let run = rig.run(&json!({ "sessionId": session, "intent": { "type": "echo" } })).await;
    [
        session,
        run["runId"].as_str().unwrap().to_owned(),
        made["taskId"].as_str().unwrap().to_owned(),
    ]
}

/// The ids on every page of a list, by an API key.
async fn all(rig: &Rig, key: &str, (path, id): (&str, &str)) -> Vec<String> {
    let (mut ids, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let after = cursor.map(|cursor| format!("{join}cursor={cursor}")).unwrap_or_default();
        let request = rig.get(&format!("{path}{after}")).bearer_auth(key);
        let page: Value = answered(request, StatusCode::OK).await;
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item[id].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return ids,
        }
    }
}

pub async fn bound(rig: &Rig, product: &str) -> String {
    let request = CreateKey {
        principal: format!("service:{product}"),
        scopes: vec!["*".to_owned()],
        product_id: Some(product.to_owned()),
        ..CreateKey::default()
    };
    rig.engine.create_key(&crate::rig::caller(OURS), request).await.unwrap().key.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn opr_1_an_unbound_key_sees_every_product_and_a_bound_one_its_own() {
    let rig = Rig::new().await;
    let shop = work(&rig, ("shop", "user:ann")).await;
    let till = work(&rig, ("till", "user:ben")).await;
    let (operator, seller) = (rig.key(OURS, "user:ada", &["*"]).await, bound(&rig, "shop").await);
    for (place, (noun, id)) in
        [("sessions", "sessionId"), ("runs", "runId"), ("tasks", "taskId")].into_iter().enumerate()
    {
        let (own, other) = (shop[place].clone(), till[place].clone());
        let path = format!("/v1/{noun}");
        let seen = all(&rig, &operator, (&path, id)).await;
        assert_eq!(seen, [other.clone(), own.clone()], "{noun}, the newest first");
        for (query, wanted) in [
            ("productId=shop", vec![own.clone()]),
            ("productId=till&userId=user:ben", vec![other.clone()]),
            ("productId=till&userId=user:ann", vec![]),
            ("userId=user:ann", vec![own.clone()]),
        ] {
            let seen = all(&rig, &operator, (&format!("{path}?{query}"), id)).await;
            assert_eq!(seen, wanted, "{noun}?{query}");
        }
        assert_eq!(all(&rig, &seller, (&path, id)).await, std::slice::from_ref(&own), "{noun}");
        let narrowed = format!("{path}?productId=till");
        assert_eq!(all(&rig, &seller, (&narrowed, id)).await, Vec::<String>::new(), "{noun}");
        let there = rig.get(&format!("{path}/{own}")).bearer_auth(&seller);
        answered(there, StatusCode::OK).await;
        let foreign = rig.get(&format!("{path}/{other}")).bearer_auth(&seller);
        refused(foreign, StatusCode::NOT_FOUND, "not-found").await;
    }
    for path in [format!("/v1/runs/{}/cancel", till[1]), format!("/v1/sessions/{}/end", till[0])] {
        let body = json!({ "status": "cancelled" });
        let body = if path.ends_with("/end") { body } else { json!({}) };
        let foreign = rig.post(&path, &body).bearer_auth(&seller);
        refused(foreign, StatusCode::NOT_FOUND, "not-found").await;
    }
    for noun in ["approvals", "doubts", "dispatches"] {
        for key in [&operator, &seller] {
            assert_eq!(all(&rig, key, (&format!("/v1/{noun}?productId=shop"), "x")).await.len(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opr_1_pages_of_one_product_lose_and_repeat_nothing_among_another_ones_rows() {
    let rig = Rig::new().await;
    let mut wanted = Vec::new();
    for number in 0..12 {
        let product = if number % 3 == 0 { "shop" } else { "till" };
        let [_, run, _] = work(&rig, (product, "user:ann")).await;
        if product == "shop" {
            wanted.insert(0, run);
        }
    }
    let operator = rig.key(OURS, "user:ada", &["*"]).await;
    for limit in 1..=5 {
        let path = format!("/v1/runs?productId=shop&limit={limit}");
        assert_eq!(all(&rig, &operator, (&path, "runId")).await, wanted, "limit {limit}");
    }
}
