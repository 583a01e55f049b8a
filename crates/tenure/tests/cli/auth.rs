//! A server that believes the tokens of an issuer.

use super::desk::Desk;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

fn auth(jwks: &str) -> String {
    format!(
        "[[issuer]]\nissuer = \"https://id.example\"\naudience = \"tenure\"\njwks = \"{jwks}\"\n"
    )
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key_set(key: &SigningKey) -> String {
    let x = text(key.verifying_key().as_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one" }] }).to_string()
}

fn token(key: &SigningKey, tenant: &Value) -> String {
    let head = text(json!({ "alg": "EdDSA", "kid": "one" }).to_string().as_bytes());
    let claims = json!({
        "iss": "https://id.example", "aud": "tenure", "sub": "ada", "exp": 4_000_000_000u64,
        "tenants": tenant, "scope": "*:read",
    });
    let signed = format!("{head}.{}", text(claims.to_string().as_bytes()));
    format!("{signed}.{}", text(&key.sign(signed.as_bytes()).to_bytes()))
}

/// A server on loopback that answers everything with this text.
fn answering(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}/jwks.json")
}

#[test]
fn boo_1_a_server_that_could_believe_nobody_does_not_start() {
    let desk = Desk::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--auth", "auth.toml"];
    desk.run(&serve).is(2, &["auth.toml"]);
    let no_keys = answering("{\"keys\":[]}".to_owned());
    for (file, says) in [
        ("", "issuer"),
        ("issuer = []", "names no `[[issuer]]`"),
        ("[[issuer]]\nissuer = \"x\"\n", "audience"),
        (&format!("{}algorithms = [\"HS256\"]\n", auth("k.json")), "HS256"),
        (&auth("nowhere.json"), "nowhere.json"),
        (&auth("http://127.0.0.1:9/jwks.json"), "127.0.0.1:9"),
        (&auth(&no_keys), "no key for RS256"),
        (&format!("{}{}", auth("k.json"), auth("k.json")), "twice"),
    ] {
        desk.write("auth.toml", file);
        desk.run(&serve).is(2, &["auth.toml", says]);
    }
}

#[tokio::test]
async fn aut_1_an_issuer_counts_as_authentication_and_its_tokens_are_believed() {
    // whoever is first in this process; the others find it there
    let _ = rustls::crypto::ring::default_provider().install_default();
    let desk = Desk::new();
    let key = SigningKey::from_bytes(&[7; 32]);
    desk.write("keys.json", &key_set(&key));
    for jwks in ["keys.json".to_owned(), answering(key_set(&key))] {
        desk.write("auth.toml", &auth(&jwks));
        // without an issuer this address is refused
        let mut server = desk.serve_with(&["--listen", "0.0.0.0:0", "--auth", "auth.toml"]);
        let client = reqwest::Client::new();
        let url = format!("{}/v1/sessions", server.endpoint);
        assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
        let owner = std::fs::read(desk.data().join("owner.json")).unwrap();
        let owner: Value = serde_json::from_slice(&owner).unwrap();
        let opened =
            client.post(&url).json(&json!({})).bearer_auth(owner["token"].as_str().unwrap());
        let opened: Value = opened.send().await.unwrap().json().await.unwrap();
        let token = token(&key, &opened["tenantId"]);
        let listed = client.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(listed.status(), 200);
        let listed: Value = listed.json().await.unwrap();
        assert_eq!(listed["items"][0]["sessionId"], opened["sessionId"]);
        server.kill();
    }
}
