//! `auth.toml`: whose tokens are believed, and their keys fetched from where the operator says.
//!
//! The operator names the place of the keys, so any address is asked, this machine's and private
//! ones too.

use futures::future::BoxFuture;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::{Code, Error};
use tenure_surface::http::limits::{JWKS_FETCH_MAX_MS, JWKS_MAX_BYTES, JWKS_REFRESH_MS};
use tenure_surface::http::{Issuer, KeySource, Tokens, Trust};

/// What stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    /// The issuers.
    issuer: Vec<Trust>,
}

/// Reads the file and fetches every issuer's keys: a server that could believe nobody does not
/// start (`BOO-1`).
pub(crate) async fn tokens(path: &Path) -> Result<Tokens, Error> {
    let told = |why: String| {
        Error::new(Code::InvalidArgument, format!("`{}`: {why}", path.display())).about("--auth")
    };
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    let auth: Auth = toml::from_str(&text).map_err(|why| told(why.to_string()))?;
    check(&auth).map_err(told)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let issuers = auth.issuer.into_iter().map(|trust| {
        let source = source(&trust.jwks, folder)?;
        Ok(Issuer::new(trust, source))
    });
    let tokens = Tokens::of(issuers.collect::<Result<_, String>>().map_err(told)?);
    tokens.refresh().await.map_err(told)?;
    Ok(tokens)
}

/// Fetches the keys anew, now and then, for as long as it is polled.
pub(crate) async fn keep_fresh(tokens: Tokens) {
    loop {
        tokio::time::sleep(Duration::from_millis(JWKS_REFRESH_MS)).await;
        if let Err(why) = tokens.refresh().await {
            tracing::warn!(%why, "what was fetched before is used on");
        }
    }
}

fn check(auth: &Auth) -> Result<(), String> {
    if auth.issuer.is_empty() {
        return Err("it names no `[[issuer]]`".to_owned());
    }
    for (place, trust) in auth.issuer.iter().enumerate() {
        if trust.issuer.is_empty() || trust.audience.is_empty() || trust.algorithms.is_empty() {
            return Err("an `[[issuer]]` needs `issuer`, `audience` and an algorithm".to_owned());
        }
        if auth.issuer[..place].iter().any(|other| other.issuer == trust.issuer) {
            return Err(format!("issuer `{}` stands there twice", trust.issuer));
        }
    }
    Ok(())
}

fn source(jwks: &str, folder: &Path) -> Result<Arc<dyn KeySource>, String> {
    if !jwks.starts_with("http://") && !jwks.starts_with("https://") {
        return Ok(Arc::new(KeyFile(folder.join(jwks))));
    }
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(JWKS_FETCH_MAX_MS))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|why| why.to_string())?;
    Ok(Arc::new(KeyUrl { url: jwks.to_owned(), client }))
}

/// Keys in a file.
struct KeyFile(PathBuf);

impl KeySource for KeyFile {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async { tokio::fs::read(&self.0).await.map_err(|error| error.to_string()) })
    }
}

/// Keys at an address.
struct KeyUrl {
    url: String,
    client: reqwest::Client,
}

impl KeySource for KeyUrl {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async {
            let sent = self.client.get(&self.url).send().await;
            let mut answer = sent.map_err(|why| cause(&why))?;
            if !answer.status().is_success() {
                return Err(format!("the answer was {}", answer.status()));
            }
            let mut bytes = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(|why| cause(&why))? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > JWKS_MAX_BYTES {
                    return Err(format!("it is larger than JWKS_MAX_BYTES, {JWKS_MAX_BYTES}"));
                }
            }
            Ok(bytes)
        })
    }
}

/// The innermost reason of a failed request.
fn cause(error: &reqwest::Error) -> String {
    let mut why: &dyn std::error::Error = error;
    while let Some(inner) = why.source() {
        why = inner;
    }
    why.to_string()
}
