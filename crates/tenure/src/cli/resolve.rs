//! `tenure resolve`: says what became of a step in doubt.

use super::{Cx, Exit, Failure, outln, println_json};
use serde_json::{Value, json as object};
use tenure_contract::StepId;
use tenure_contract::resource::ResolveStep;
use tenure_contract::words::Resolution;
use tenure_engine::Motion;

/// Settles a step in doubt: its request may have left, and no answer is committed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure ls doubts\n  tenure resolve stp_… landed --result '{\"refund\": \"r-17\"}' --reason \"found in the bank's list\"\n  tenure resolve stp_… did-not-happen\n\n`did-not-happen` and `retry` are refused while the old request may still be travelling."
)]
pub(super) struct Args {
    /// The step.
    step: StepId,
    /// `landed`: it happened. `did-not-happen`: it did not, the model is told. `retry`: try again.
    #[arg(value_parser = parse, value_name = "landed|did-not-happen|retry")]
    resolution: Resolution,
    /// The result it came to, for `landed`.
    #[arg(long, value_name = "JSON", required_if_eq("resolution", "landed"))]
    result: Option<String>,
    /// Why; kept in the journal.
    #[arg(long)]
    reason: Option<String>,
}

fn parse(text: &str) -> Result<Resolution, String> {
    text.parse().map_err(|_| "expected landed, did-not-happen or retry".to_owned())
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let result = args.result.as_deref().map(json).transpose()?;
    let request = ResolveStep { resolution: args.resolution, result, reason: args.reason };
    let connection = cx.connect_existing(Motion::Live).await?;
    let path = format!("/v1/steps/{}/resolution", args.step);
    let resolved = connection.client.post_only(&path, &request).await;
    let alone = connection.is_owner();
    connection.close().await;
    resolved?;
    if cx.json {
        println_json(&object!({ "stepId": args.step, "resolution": args.resolution }));
    } else {
        outln(&format!("{} resolved as {}", args.step, args.resolution));
        if alone {
            eprintln!("no server runs here; `tenure resume SESSION` lets the run go on");
        }
    }
    Ok(Exit::Done)
}

/// JSON as a person types it.
pub(super) fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|why| Failure::usage(format!("`{text}` is not JSON: {why}")))
}
