//! Tokens of an issuer: which are believed, and in whose name.

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, refused, state};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use p256::elliptic_curve::rand_core::OsRng;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use reqwest::{RequestBuilder, StatusCode};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tenure_engine::Clock;
use tenure_surface::http::{
    Access, Anonymous, Issuer, KeySource, ServerState, Tokens, Trust, router, serve,
};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "tenure";

/// A key pair of an issuer.
struct Pair {
    algorithm: Algorithm,
    kid: String,
    secret: EncodingKey,
    public: Value,
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ed25519(kid: &str) -> Pair {
    let secret = SigningKey::generate(&mut OsRng);
    // PKCS#8 around an Ed25519 seed (RFC 8410)
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(secret.to_bytes());
    let x = text(secret.verifying_key().as_bytes());
    let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA" });
    let (algorithm, secret) = (Algorithm::EdDSA, EncodingKey::from_ed_der(&der));
    Pair { algorithm, kid: kid.to_owned(), secret, public }
}

fn p256(kid: &str) -> Pair {
    let secret = p256::SecretKey::random(&mut OsRng);
    let point = secret.public_key().to_encoded_point(false);
    let (x, y) = (text(point.x().unwrap()), text(point.y().unwrap()));
    let public = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig" });
    let der = secret.to_pkcs8_der().unwrap();
    let (algorithm, secret) = (Algorithm::ES256, EncodingKey::from_ec_der(der.as_bytes()));
    Pair { algorithm, kid: kid.to_owned(), secret, public }
}

fn rsa(kid: &str) -> Pair {
    let secret = rsa::RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
    let (n, e) = (text(&secret.n().to_bytes_be()), text(&secret.e().to_bytes_be()));
    let public = json!({ "kty": "RSA", "n": n, "e": e, "kid": kid });
    let der = secret.to_pkcs1_der().unwrap();
    let (algorithm, secret) = (Algorithm::RS256, EncodingKey::from_rsa_der(der.as_bytes()));
    Pair { algorithm, kid: kid.to_owned(), secret, public }
}

fn now_s() -> u64 {
    Clock::system().now().micros() / 1_000_000
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": [AUDIENCE, "others"], "sub": "ada", "iat": now_s(),
        "nbf": now_s() - 5, "exp": now_s() + 600, "tenants": [OURS], "scope": "openid *:read",
    })
}

/// The usual claims, but.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

impl Pair {
    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.secret).unwrap()
    }
}

struct Published {
    url: String,
    client: reqwest::Client,
}

impl KeySource for Published {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async {
            let answer = self.client.get(&self.url).send().await.map_err(|why| why.to_string())?;
            Ok(answer.bytes().await.map_err(|why| why.to_string())?.to_vec())
        })
    }
}

/// A server that believes an issuer whose keys another server on loopback publishes.
struct House {
    rig: Rig,
    keys: Arc<Mutex<Vec<Value>>>,
    address: std::net::SocketAddr,
    tokens: Tokens,
}

impl House {
    async fn believing(pairs: &[&Pair], algorithms: Value) -> Self {
        let rig = Rig::new().await;
        let keys =
            Arc::new(Mutex::new(pairs.iter().map(|pair| pair.public.clone()).collect::<Vec<_>>()));
        let published = keys.clone();
        let app = axum::Router::new().route(
            "/jwks.json",
            get(move || {
                let keys = published.lock().unwrap().clone();
                async move { axum::Json(json!({ "keys": keys })) }
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let trust: Trust = serde_json::from_value(json!({
            "issuer": ISSUER, "audience": AUDIENCE, "jwks": url, "algorithms": algorithms,
            "tenants": { "ours": OURS, "theirs": THEIRS },
        }))
        .unwrap();
        let source = Published { url, client: rig.client.clone() };
        let tokens = Tokens::of(vec![Issuer::new(trust, Arc::new(source))]);
        tokens.refresh().await.unwrap();
        for (tenant, name) in [(OURS, "ours"), (THEIRS, "theirs")] {
            rig.engine.open_tenant(tenant, name).await.unwrap();
        }
        let access =
            Access::loopback(OURS, "ada").with_owner_token(OWNER).with_tokens(tokens.clone());
        assert_eq!(access.anonymous, Anonymous::Refused);
        let state = ServerState { access: Arc::new(access), ..state(rig.engine.clone()) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router(state), std::future::pending()));
        Self { rig, keys, address, tokens }
    }

    fn ask(&self, token: &str) -> RequestBuilder {
        let url = format!("http://{}/v1/sessions", self.address);
        self.rig.client.get(url).bearer_auth(token)
    }

    /// Why a token is not believed.
    async fn told(&self, token: &str) -> String {
        let told = refused(self.ask(token), StatusCode::UNAUTHORIZED, "unauthenticated").await;
        told["detail"].as_str().unwrap().to_owned()
    }
}

fn all() -> Value {
    json!(["RS256", "ES256", "EdDSA"])
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_tokens_of_each_algorithm_are_believed_and_no_others() {
    let pairs = [ed25519("one"), p256("two"), rsa("three")];
    let house = House::believing(&pairs.each_ref(), all()).await;
    for pair in &pairs {
        answered(house.ask(&pair.sign(&claims())), StatusCode::OK).await;
        // somebody else's key under the same name
        let forged = ed25519(&pair.kid);
        assert_ne!(
            house.ask(&forged.sign(&claims())).send().await.unwrap().status(),
            StatusCode::OK
        );
    }
    let unsigned =
        [json!({ "alg": "none" }), claims()].map(|part| text(part.to_string().as_bytes()));
    let told = house.told(&format!("{}.{}.", unsigned[0], unsigned[1])).await;
    assert!(told.contains("`none` is not accepted") && told.contains("RS256"), "{told}");
    // the public key as a secret: the oldest trick with tokens
    let secret = pairs[2].public["n"].as_str().unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("three".to_owned());
    let forged = encode(&header, &claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
    assert!(house.told(&forged).await.contains("`HS256` is not accepted"));
    // without any credentials nobody is served, on this machine neither
    let url = format!("http://{}/v1/sessions", house.address);
    refused(house.rig.client.get(&url), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    answered(house.rig.client.get(&url).bearer_auth(OWNER), StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_every_reason_not_to_believe_a_token_has_its_own_words() {
    let (pair, other) = (ed25519("one"), p256("two"));
    let house = House::believing(&[&pair, &other], json!(["EdDSA"])).await;
    let now = now_s();
    let cases = [
        (with("iss", json!("https://evil.example")), "issuer `https://evil.example`"),
        (with("aud", json!("others")), "audience; expected `tenure`"),
        (with("exp", json!(now - 61)), "is expired"),
        (with("exp", Value::Null), "`exp`"),
        (with("nbf", json!(now + 120)), "not valid yet"),
        (with("iat", json!(now + 120)), "issued in the future"),
        (with("sub", json!("")), "`sub`"),
        (with("tenants", json!([])), "names no tenant"),
        (with("tenants", json!("acme")), "`acme`"),
        (with("kind", json!("system")), "expected one of user, agent"),
    ];
    let mut told: Vec<String> = Vec::new();
    for (claims, expected) in &cases {
        let why = house.told(&pair.sign(claims)).await;
        assert!(why.contains(expected), "{why}");
        assert!(!told.contains(&why), "{why}");
        told.push(why);
    }
    let wrong = house.told(&other.sign(&claims())).await;
    assert!(wrong.contains("`ES256` is not accepted; expected one of EdDSA"), "{wrong}");
    let good = pair.sign(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let broken = format!("{head}.{}", signature.chars().rev().collect::<String>());
    assert!(house.told(&broken).await.contains("signature does not hold"));
    assert!(house.told("a.b.c").await.contains("three parts"));
    assert!(house.told(&format!("tnr_{good}")).await.contains("API key is unknown"));
    // clocks may differ by a minute
    for (claim, at) in [("exp", now - 30), ("nbf", now + 30), ("iat", now + 30)] {
        answered(house.ask(&pair.sign(&with(claim, json!(at)))), StatusCode::OK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_keys_are_rotated_by_their_name() {
    let (old, new, never) = (ed25519("old"), ed25519("new"), ed25519("never"));
    let house = House::believing(&[&old], all()).await;
    answered(house.ask(&old.sign(&claims())), StatusCode::OK).await;
    *house.keys.lock().unwrap() =
        vec![json!({ "kty": "oct", "k": "AA", "kid": "x" }), new.public.clone()];
    // a name not known yet: the keys are fetched at once
    answered(house.ask(&new.sign(&claims())), StatusCode::OK).await;
    let told = house.told(&old.sign(&claims())).await;
    assert!(told.contains("`old`"), "{told}");
    assert!(house.told(&never.sign(&claims())).await.contains("`never`"));
    // whoever invents names does not make this server ask all the time
    house.keys.lock().unwrap().push(never.public.clone());
    assert!(house.told(&never.sign(&claims())).await.contains("`never`"));
    house.tokens.refresh().await.unwrap();
    answered(house.ask(&never.sign(&claims())), StatusCode::OK).await;
    // what cannot be fetched leaves the keys as they are
    house.keys.lock().unwrap().clear();
    assert!(house.tokens.refresh().await.unwrap_err().contains(ISSUER));
    answered(house.ask(&new.sign(&claims())), StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_4_a_request_acts_in_exactly_one_of_several_tenants() {
    let pair = ed25519("one");
    let house = House::believing(&[&pair], all()).await;
    let several = pair.sign(&with("tenants", json!(["ours", "theirs"])));
    let told = refused(house.ask(&several), StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains(&THEIRS.to_string()), "{told}");
    let url = format!("http://{}/v1/sessions", house.address);
    let both = with("tenants", json!(["ours", "theirs"]));
    let mut writes = both.clone();
    writes["scope"] = json!(["sessions:*"]);
    let writes = pair.sign(&writes);
    for tenant in [OURS, THEIRS] {
        let open = house.rig.client.post(&url).json(&json!({})).bearer_auth(&writes);
        let made = answered(open.header("Tenure-Tenant", tenant.to_string()), StatusCode::CREATED);
        assert_eq!(made.await["tenantId"], json!(tenant));
        let listed = house.ask(&several).header("Tenure-Tenant", tenant.to_string());
        let listed = answered(listed, StatusCode::OK).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["tenantId"], json!(tenant));
    }
    let one = pair.sign(&claims());
    let elsewhere = house.ask(&one).header("Tenure-Tenant", THEIRS.to_string());
    refused(elsewhere, StatusCode::NOT_FOUND, "not-found").await;
    let key = house.rig.key(OURS, "user:ada", &["*"]).await;
    let elsewhere = house.ask(&key).header("Tenure-Tenant", THEIRS.to_string());
    refused(elsewhere, StatusCode::NOT_FOUND, "not-found").await;
    let nowhere =
        pair.sign(&with("tenants", json!(tenure_contract::TenantId::from_bytes([9; 16]))));
    refused(house.ask(&nowhere), StatusCode::NOT_FOUND, "not-found").await;
    let unreadable = house.ask(&one).header("Tenure-Tenant", "acme");
    refused(unreadable, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_token_does_no_more_than_its_principal_may_here() {
    let pair = ed25519("one");
    let house = House::believing(&[&pair], all()).await;
    let token = pair.sign(&with("scope", json!(["*"])));
    let url = |path: &str| format!("http://{}{path}", house.address);
    let own = |request: RequestBuilder| request.bearer_auth(OWNER);
    let wanted = json!({ "kind": "user", "name": "ada", "scopes": ["sessions:read"] });
    let client = &house.rig.client;
    let made = own(client.post(url("/v1/principals")).json(&wanted));
    let made = answered(made, StatusCode::CREATED).await;
    answered(house.ask(&token), StatusCode::OK).await;
    let runs = client.get(url("/v1/runs")).bearer_auth(&token);
    refused(runs, StatusCode::FORBIDDEN, "forbidden").await;
    let path = url(&format!("/v1/principals/{}", made["principalId"].as_str().unwrap()));
    let disable = client.patch(path).json(&json!({ "status": "disabled" }));
    answered(own(disable), StatusCode::OK).await;
    assert!(house.told(&token).await.contains("`user:ada` is disabled"));
    // and a token without scopes may do nothing
    let none = pair.sign(&with("scope", json!("openid profile")));
    let other = pair.sign(&with("sub", json!("bob")));
    answered(house.ask(&other), StatusCode::OK).await;
    assert!(house.told(&none).await.contains("disabled"));
}
