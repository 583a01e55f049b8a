//! Who may call, and what.

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, caller, refused, state};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::resource::CreateKey;
use tenure_contract::words::Scope;
use tenure_surface::http::{Access, Anonymous, ROUTES, ServerState, check_bind, router, serve};

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_without_a_key_this_machine_is_served_and_with_one_only_keys_are() {
    let rig = Rig::new().await;
    rig.see("/v1/sessions").await;
    let create =
        rig.post("/v1/keys", &json!({ "principal": "service:till", "scopes": ["*:read"] }));
    let key = answered(create, StatusCode::CREATED).await;
    let text = key["key"].as_str().unwrap();
    assert!(text.starts_with("tnr_"));
    refused(rig.get("/v1/sessions"), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    answered(rig.get("/v1/sessions").bearer_auth(text), StatusCode::OK).await;
    let listed = answered(rig.get("/v1/keys").bearer_auth(OWNER), StatusCode::OK).await;
    assert_eq!(listed["items"][0]["keyId"], key["keyId"]);
    assert!(!listed.to_string().contains(text), "the text is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_an_unknown_or_revoked_key_is_refused_on_loopback_too() {
    let rig = Rig::new().await;
    let unknown = ["tnr_", "x", "", "tnr_00_00", &format!("{OWNER}x"), &OWNER[1..]];
    for token in unknown {
        let request = rig.get("/v1/sessions").bearer_auth(token);
        refused(request, StatusCode::UNAUTHORIZED, "unauthenticated").await;
    }
    let basic = rig.get("/v1/sessions").basic_auth("ada", Some("x"));
    let response = basic.send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

    let text = rig.key(OURS, "user:ada", &["*"]).await;
    let listed = answered(rig.get("/v1/keys").bearer_auth(&text), StatusCode::OK).await;
    let path = format!("/v1/keys/{}", listed["items"][0]["keyId"].as_str().unwrap());
    let revoke = || rig.request(Method::DELETE, &path);
    let revoked = revoke().bearer_auth(&text).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    let request = rig.get("/v1/sessions").bearer_auth(&text);
    refused(request, StatusCode::UNAUTHORIZED, "unauthenticated").await;
    // it was the last one, so this machine is served again; the revoked one is still refused
    let listed = rig.see("/v1/keys").await;
    assert_eq!(listed["items"][0]["status"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_every_route_asks_for_its_scope_and_a_denial_is_journaled() {
    let rig = Rig::new().await;
    let asked: Vec<Scope> = ROUTES.iter().map(|(_, _, needed)| *needed).collect();
    // that one widens what `handoffs:write` lets one do; asked where that is decided
    let tried = || Scope::ALL.iter().filter(|scope| **scope != Scope::HandoffsAdmin);
    for scope in tried() {
        assert!(asked.contains(scope), "no route asks for `{scope}`");
        let others: Vec<&str> =
            Scope::ALL.iter().filter(|other| *other != scope).map(|other| other.as_str()).collect();
        // a principal each: denials of one principal are so many entries a minute
        let lacking = rig.key(OURS, &format!("service:no-{scope}"), &others).await;
        let holding = rig.key(OURS, &format!("service:only-{scope}"), &[scope.as_str()]).await;
        for (method, route, _) in ROUTES.iter().filter(|(_, _, needed)| needed == scope) {
            let path = route.replace("{name}", "x").replace(['{', '}'], "");
            let method: Method = method.parse().unwrap();
            let asked = rig.request(method.clone(), &path).bearer_auth(&lacking);
            let told = refused(asked, StatusCode::FORBIDDEN, "forbidden").await;
            assert!(told["detail"].as_str().unwrap().contains(scope.as_str()), "{told}");
            let asked = rig.request(method.clone(), &path).bearer_auth(&holding);
            assert_ne!(
                asked.send().await.unwrap().status(),
                StatusCode::FORBIDDEN,
                "{method} {path}"
            );
        }
    }
    // each denial is an entry of the ledger: it grew by keys and principals, the tenant and as many
    // denials
    assert_eq!(rig.entries(), 1 + 4 * tried().count() as u64 + ROUTES.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_key_holds_no_more_than_who_makes_it() {
    let rig = Rig::new().await;
    let admin = rig.key(OURS, "user:bea", &["keys:admin", "sessions:read"]).await;
    let make = |who: &str, scopes: Value| {
        rig.post("/v1/keys", &json!({ "principal": who, "scopes": scopes })).bearer_auth(&admin)
    };
    answered(make("user:x", json!(["sessions:read"])), StatusCode::CREATED).await;
    for more in [json!(["*"]), json!([]), json!(["sessions:read", "runs:write"]), json!(["*:read"])]
    {
        refused(make("user:y", more), StatusCode::FORBIDDEN, "forbidden").await;
    }
    // nor more than whom it is for: that one was registered with its first key
    let told = refused(make("user:x", json!(["keys:admin"])), StatusCode::FORBIDDEN, "forbidden");
    assert!(told.await["detail"].as_str().unwrap().contains("user:x"));
    let unknown = make("user:x", json!(["root"]));
    let told = refused(unknown, StatusCode::BAD_REQUEST, "invalid-argument").await;
    for scope in Scope::ALL {
        assert!(told["detail"].as_str().unwrap().contains(scope.as_str()), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_key_acts_in_its_own_tenant() {
    let rig = Rig::new().await;
    let theirs = rig.key(THEIRS, "user:eve", &["*"]).await;
    let opened = rig.post("/v1/sessions", &json!({})).bearer_auth(&theirs);
    let session = answered(opened, StatusCode::CREATED).await;
    assert_eq!(session["tenantId"], THEIRS.to_string());
    let named = rig.post("/v1/sessions", &json!({ "tenantId": OURS })).bearer_auth(&theirs);
    refused(named, StatusCode::NOT_FOUND, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_browser_are_not_this_machine() {
    let rig = Rig::new().await;
    let rebound = rig.get("/v1/sessions").header("host", "evil.example");
    refused(rebound, StatusCode::FORBIDDEN, "forbidden").await;
    let cross = rig.request(Method::POST, "/v1/sessions").header("origin", "http://evil.example");
    refused(cross, StatusCode::FORBIDDEN, "forbidden").await;
    let own = rig.get("/v1/sessions").header("origin", format!("http://{}", rig.address));
    answered(own, StatusCode::OK).await;
    let named = rig.get("/v1/sessions").header("host", "localhost:80");
    answered(named, StatusCode::OK).await;
    // with credentials the name does not matter
    let keyed = rig.get("/v1/sessions").header("host", "tenure.example").bearer_auth(OWNER);
    answered(keyed, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_callers_can_be_refused_altogether() {
    let rig = Rig::new().await;
    let access = Access { anonymous: Anonymous::Refused, ..Access::loopback(OURS, "ada") };
    let state = ServerState { access: Arc::new(access), ..state(rig.engine.clone()) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, router(state), std::future::pending()));
    let request = rig.client.get(format!("http://{address}/v1/sessions"));
    refused(request, StatusCode::UNAUTHORIZED, "unauthenticated").await;
    serving.abort();
}

#[test]
fn aut_1_an_address_others_can_reach_needs_a_key() {
    for (address, loopback) in [
        ("127.0.0.1:0", true),
        ("[::1]:80", true),
        ("127.1.2.3:80", true),
        ("0.0.0.0:80", false),
        ("[::]:80", false),
        ("10.0.0.1:80", false),
        ("[::ffff:127.0.0.1]:80", true),
        ("[::ffff:1.2.3.4]:80", false),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(check_bind(address, false).is_ok(), loopback, "{address}");
        assert!(check_bind(address, true).is_ok(), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_nobody_knows_is_refused_with_those_there_are() {
    let rig = Rig::new().await;
    let request = rig.get("/v1/sessions").header("Tenure-Surface", "toaster");
    let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains("product-api"), "{told}");
    let key = CreateKey { principal: "toaster:x".to_owned(), ..CreateKey::default() };
    assert!(rig.engine.create_key(&caller(OURS), key).await.is_err());
}
