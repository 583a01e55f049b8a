//! `tenure approvals`: what waits for a decision.

use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use tenure_contract::resource::{Approval, Page};
use tenure_engine::Motion;

/// Lists approvals that wait for a decision.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure approvals\n  tenure approve apr_… --reason \"checked with the customer\""
)]
pub(super) struct Args {
    /// Also those that are decided.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let path =
        if args.all { "/v1/approvals?limit=200" } else { "/v1/approvals?open=true&limit=200" };
    let page = connection.client.get::<Page<Approval>>(path).await;
    connection.close().await;
    let page = page?;
    if cx.json {
        println_json(&page);
    } else if page.items.is_empty() {
        outln("nothing waits for a decision");
    } else {
        outln(&table(&["approval", "status", "risk", "asked", "what"], page.items.iter().map(row)));
    }
    Ok(Exit::Done)
}

fn row(approval: &Approval) -> Vec<String> {
    vec![
        approval.approval_id.to_string(),
        approval.status.to_string(),
        approval.risk_level.to_string(),
        ago(approval.requested_at),
        brief(&approval.action_label, 100),
    ]
}
