//! Followers of an event stream who are told nothing: memory and processor time of each.

use super::{Footprint, Target};
use futures::StreamExt as _;
use serde::Serialize;
use std::time::Duration;
use tenure_contract::{Code, Error};

/// Followers before the count starts: what the first connections set up once is not theirs.
const WARM_UP: usize = 8;
/// How long a follower may take to be told the first event.
const FIRST_EVENT_MAX: Duration = Duration::from_secs(30);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Followers, each with a connection of its own.
    pub followers: usize,
    /// The stream they follow.
    pub path: String,
    /// Memory of the server for each of them, bytes.
    pub bytes_each: u64,
    /// How long they were left alone, seconds.
    pub idle_s: f64,
    /// The share of a core the server used meanwhile, percent.
    pub idle_core_percent: f64,
}

/// Lets `count` followers follow a new session, or the whole tenant, and leaves them alone.
///
/// # Errors
/// When the server refuses a follower.
pub async fn measure(
    target: &Target,
    whose: Whose,
    count: usize,
    idle: Duration,
) -> Result<Figures, Error> {
    let client = target.client()?;
    let opened = client.post("/v1/sessions", &serde_json::json!({})).await?;
    let path = match whose {
        Whose::Session => {
            format!("/v1/sessions/{}/events", opened["sessionId"].as_str().unwrap_or_default())
        }
        Whose::Tenant => "/v1/events".to_owned(),
    };
    let _warm = follow(target, &path, WARM_UP).await?;
    let before = Footprint::of(target.pid)?;
    let followers = follow(target, &path, count).await?;
    let there = Footprint::of(target.pid)?;
    tokio::time::sleep(idle).await;
    let after = Footprint::of(target.pid)?;
    drop(followers);
    let held = there.resident_bytes.saturating_sub(before.resident_bytes);
    Ok(Figures {
        followers: count,
        path,
        bytes_each: held / count.max(1) as u64,
        idle_s: idle.as_secs_f64(),
        idle_core_percent: after.core_percent_since(&there, idle),
    })
}

/// Whose stream is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One session's.
    Session,
    /// The whole tenant's.
    Tenant,
}

/// Connections that follow a path and have been told the first event.
async fn follow(
    target: &Target,
    path: &str,
    count: usize,
) -> Result<Vec<impl Sized + use<>>, Error> {
    let mut followers = Vec::with_capacity(count);
    for _ in 0..count {
        // a client of its own, so that no connection is shared
        let response = target.client()?.open(path).await?;
        let mut pieces = Box::pin(response.bytes_stream());
        let first = tokio::time::timeout(FIRST_EVENT_MAX, pieces.next()).await;
        match first {
            Ok(Some(Ok(_))) => followers.push(pieces),
            other => {
                let told = format!("a follower of `{path}` was told nothing: {other:?}");
                return Err(Error::new(Code::Upstream, told));
            }
        }
    }
    Ok(followers)
}
