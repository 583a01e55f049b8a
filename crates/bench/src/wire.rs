//! What the HTTP surface costs, measured from outside: a real server in another process, spoken to
//! over loopback by a bounded load.
//!
//! Agents answer from scripts, so that nothing but the server is measured.

pub mod approvals;
pub mod flood;
pub mod followers;
mod process;
pub mod runs;

pub use process::Footprint;

use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure_contract::{Code, Error};

/// How long one call may take before the benchmark gives up.
const CALL_MAX: Duration = Duration::from_secs(60);
/// How long a stream may stay open.
const STREAM_MAX: Duration = Duration::from_secs(3_600);
/// How long a caller asks the server to wait for a run's end, milliseconds.
const WAIT_MS: u64 = 30_000;
/// An agent whose run is one step: one model call, answered from a script.
const ONE_STEP: &str = "bench-one-step";

/// The server that is measured.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it answers, without a slash at the end.
    pub endpoint: String,
    /// A key that may do everything, in every tenant.
    pub token: String,
    /// Its process.
    pub pid: u32,
    /// Its data directory; the flush floor is measured beside it, scripts are written there.
    pub dir: PathBuf,
}

/// One client, with one connection unless it has more calls under way.
#[derive(Debug, Clone)]
struct Client {
    target: Target,
    tenant: Option<String>,
    http: reqwest::Client,
}

impl Target {
    fn client(&self) -> Result<Client, Error> {
        let built = reqwest::Client::builder().timeout(CALL_MAX).no_proxy().build();
        let http = built.map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        Ok(Client { target: self.clone(), tenant: None, http })
    }

    /// Writes a script for an agent's model and returns where.
    fn script(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        std::fs::write(&path, text).map_err(|why| unusable(&path, &why))?;
        Ok(path)
    }
}

impl Client {
    /// The same, acting in that tenant.
    fn acting_in(&self, tenant: &str) -> Self {
        Self { tenant: Some(tenant.to_owned()), ..self.clone() }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, Error> {
        let url = format!("{}{path}", self.target.endpoint);
        let mut request = self.http.request(method, url).bearer_auth(&self.target.token);
        if let Some(tenant) = &self.tenant {
            request = request.header("tenure-tenant", tenant);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(|why| Error::new(Code::Upstream, format!("`{path}`: {why}")))
    }

    /// An answer that has no end.
    async fn open(&self, path: &str) -> Result<Response, Error> {
        let url = format!("{}{path}", self.target.endpoint);
        let request = self.http.get(url).bearer_auth(&self.target.token).timeout(STREAM_MAX);
        request.send().await.map_err(|why| Error::new(Code::Upstream, format!("`{path}`: {why}")))
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        answer(path, self.send(Method::GET, path, None).await?).await
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Error> {
        let body = serde_json::to_value(body)
            .map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        answer(path, self.send(Method::POST, path, Some(&body)).await?).await
    }

    /// Registers an agent whose model answers from a script.
    async fn register(&self, name: &str, script: &Path, more: Value) -> Result<(), Error> {
        let mut definition = json!({
            "name": name,
            "model": { "adapter": "scripted", "file": script },
        });
        if let (Some(into), Value::Object(more)) = (definition.as_object_mut(), more) {
            into.extend(more);
        }
        self.post("/v1/agents", &json!({ "definition": definition })).await.map(drop)
    }

    /// Registers the agent whose run is one step.
    async fn register_one_step(&self) -> Result<(), Error> {
        let script = self.target.script("one-step.toml", "[[turn]]\ntext = \"done\"\n")?;
        self.register(ONE_STEP, &script, json!({})).await
    }

    /// Submits a one-step run in a session of its own and waits for its end, as one client does:
    /// two calls.
    async fn one_step_run(&self) -> Result<Duration, Error> {
        let begun = Instant::now();
        let accepted = self
            .post("/v1/runs", &json!({ "agent": { "name": ONE_STEP, "task": "say done" } }))
            .await?;
        let run = accepted["runId"].as_str().unwrap_or_default();
        let run = self.get(&format!("/v1/runs/{run}?waitMs={WAIT_MS}")).await?;
        match run["status"].as_str() {
            Some("completed") => Ok(begun.elapsed()),
            status => Err(Error::new(Code::Upstream, format!("a run is {status:?}: {run}"))),
        }
    }
}

async fn answer(path: &str, response: Response) -> Result<Value, Error> {
    let status = response.status();
    let text = response
        .text()
        .await
        .map_err(|why| Error::new(Code::Upstream, format!("`{path}`: {why}")))?;
    if status.is_success() {
        return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
    }
    let code = if is_full(status) { Code::LimitReached } else { Code::Upstream };
    Err(Error::new(code, format!("`{path}` was answered {status}: {text}")))
}

/// Whether the server says that there is no room just now.
fn is_full(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn unusable(path: &Path, why: &std::io::Error) -> Error {
    Error::new(Code::InvalidArgument, format!("`{}`: {why}", path.display()))
}

fn millis(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}
