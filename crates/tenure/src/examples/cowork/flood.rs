//! What floods the queue, and how dispatches are sent and followed.

use super::MAIL;
use crate::cli::Failure;
use crate::stage::{ASK_AGAIN, Server};
use futures::future::try_join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tenure_contract::resource::{
    CreateDispatch, Dispatch, DispatchSummary, DispatchWork, Page, Run,
};
use tenure_contract::{DispatchId, RunId};

/// Dispatches of the flood: more than a tenant has slots, so that some of them wait.
pub(super) const COUNT: u64 = 3 * tenure_contract::limits::DISPATCH_SLOTS_PER_TENANT as u64;
/// How long the flood, or the start of one dispatch, may take.
const DONE_MAX: Duration = Duration::from_secs(120);

/// A queued dispatch of a product.
pub(super) fn request(product: &str, priority: &str, key: &str) -> CreateDispatch {
    let context = json!({
        "originSurface": "desktop", "originProductId": product, "dispatchMode": "queued",
        "initiatedAt": tenure_engine::Clock::system().now(),
    });
    CreateDispatch {
        tenant_id: None,
        product_id: product.to_owned(),
        user_id: None,
        session_id: None,
        task_id: None,
        work: DispatchWork::Agent { name: "sorter".to_owned(), version: None },
        payload: json!({ "task": key }),
        context,
        priority: Some(priority.to_owned()),
        not_before: None,
        expires_at: None,
        input_policy: None,
        execution_target: None,
        recovery_class: None,
        approvers: Vec::new(),
        idempotency_key: Some(format!("{product}-{key}")),
    }
}

/// Sends the whole flood at once.
pub(super) async fn send(server: &Server) -> Result<(), Failure> {
    let requests: Vec<CreateDispatch> =
        (0..COUNT).map(|number| request(MAIL, "low", &format!("letter {number}"))).collect();
    let sent = requests.iter().map(|request| server.post::<Dispatch>("/v1/dispatches", request));
    try_join_all(sent).await.map(drop)
}

/// A dispatch once it has its run, and that run.
pub(super) async fn started(server: &Server, id: DispatchId) -> Result<(Dispatch, RunId), Failure> {
    let begun = Instant::now();
    loop {
        let seen: Dispatch = server.get(&format!("/v1/dispatches/{id}")).await?;
        if let Some(run) = seen.run_id {
            return Ok((seen, run));
        }
        if begun.elapsed() > DONE_MAX {
            return Err(Failure::failed(format!(
                "dispatch {id} is {} and did not start",
                seen.status
            )));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The runs of the flood, once all of them have ended.
pub(super) async fn ended(server: &Server) -> Result<Vec<Run>, Failure> {
    let path = format!("/v1/dispatches?productId={MAIL}&limit=200");
    let page: Page<DispatchSummary> = server.get(&path).await?;
    let mut ended = Vec::new();
    for one in page.items {
        let (_, run) = started(server, one.dispatch_id).await?;
        ended.push(server.rested(run).await?);
    }
    Ok(ended)
}
