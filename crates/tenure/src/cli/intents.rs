//! `tenure intents`: what can be run without an agent.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use serde_json::Value;
use tenure_engine::Motion;

/// Lists the intents this server can run.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure intents\n  tenure run --intent ingest_file -p file=orders.csv"
)]
pub(super) struct Args {}

pub(super) async fn run(cx: &Cx, _: Args) -> Result<Exit, Failure> {
    let connection = cx.connect(Motion::Still).await?;
    let page = connection.client.get::<Value>("/v1/intents").await;
    connection.close().await;
    let page = page?;
    if cx.json {
        println_json(&page);
        return Ok(Exit::Done);
    }
    let rows = page["items"].as_array().into_iter().flatten().map(row);
    outln(&table(&["intent", "handlers"], rows));
    Ok(Exit::Done)
}

fn row(intent: &Value) -> Vec<String> {
    let handlers = intent["handlers"].as_array().into_iter().flatten();
    let handlers: Vec<&str> = handlers.filter_map(Value::as_str).collect();
    vec![intent["intentType"].as_str().unwrap_or_default().to_owned(), handlers.join(", ")]
}
