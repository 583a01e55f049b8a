//! `tenure approve` and `tenure deny`: one decision about exactly what was asked.

use super::{Cx, Exit, Failure, outln, println_json};
use serde_json::Value;
use tenure_contract::ApprovalId;
use tenure_contract::resource::{Approval, DecideApproval, Decision};
use tenure_engine::Motion;

/// Approves exactly what was asked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure approve apr_… --reason \"checked with the customer\"\n  tenure approve apr_… --arguments '{\"cents\": 1200}'\n  tenure approve apr_… --answer \"the blue one\""
)]
pub(super) struct ApproveArgs {
    /// The approval; `tenure approvals` lists them.
    approval: ApprovalId,
    /// Why; kept in the journal.
    #[arg(long)]
    reason: Option<String>,
    /// Other arguments to perform instead; the change is recorded.
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
    /// The answer, when it is a question.
    #[arg(long, value_name = "TEXT")]
    answer: Option<String>,
}

/// Denies what was asked; the model is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure deny apr_… --reason \"the customer kept it\"")]
pub(super) struct DenyArgs {
    /// The approval; `tenure approvals` lists them.
    approval: ApprovalId,
    /// Why; kept in the journal and told to the model.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn approve(cx: &Cx, args: ApproveArgs) -> Result<Exit, Failure> {
    let arguments = args.arguments.as_deref().map(super::resolve::json).transpose()?;
    decide(cx, args.approval, Decision::Approve, (args.reason, arguments, args.answer)).await
}

pub(super) async fn deny(cx: &Cx, args: DenyArgs) -> Result<Exit, Failure> {
    decide(cx, args.approval, Decision::Deny, (args.reason, None, None)).await
}

async fn decide(
    cx: &Cx,
    id: ApprovalId,
    decision: Decision,
    (reason, arguments, answer): (Option<String>, Option<Value>, Option<String>),
) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Live).await?;
    let path = format!("/v1/approvals/{id}/decision");
    let request = DecideApproval { decision, reason, arguments, answer };
    let decided = connection.client.post::<Approval>(&path, &request).await;
    let alone = connection.is_owner();
    connection.close().await;
    let decided = decided?;
    if cx.json {
        println_json(&decided);
        return Ok(Exit::Done);
    }
    outln(&format!("{} {}: {}", decided.approval_id, decided.status, decided.action_label));
    if let (true, Some(session)) = (alone, decided.session_id) {
        eprintln!("no server runs here; `tenure resume {session}` lets the run go on");
    }
    Ok(Exit::Done)
}
