//! `tenure artifacts`: what a session made, and from what.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use tenure_contract::SessionId;
use tenure_contract::resource::{Artifact, Page};
use tenure_engine::Motion;

/// Lists what a session made, and from what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure artifacts ses_… --json")]
pub(super) struct Args {
    /// The session.
    session: SessionId,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let path = format!("/v1/sessions/{}/artifacts", args.session);
    let page = connection.client.get::<Page<Artifact>>(&path).await;
    connection.close().await;
    let page = page?;
    if cx.json {
        println_json(&page);
    } else {
        outln(&table(
            &["artifact", "type", "state", "records", "parser", "made from"],
            page.items.iter().map(row),
        ));
    }
    Ok(Exit::Done)
}

fn row(artifact: &Artifact) -> Vec<String> {
    let about = &artifact.semantic_descriptor;
    let parents: Vec<String> = artifact.parent_artifacts.iter().map(ToString::to_string).collect();
    vec![
        artifact.artifact_id.to_string(),
        artifact.artifact_type.clone(),
        artifact.lifecycle_state.to_string(),
        about.record_count.map(|count| count.to_string()).unwrap_or_default(),
        about.parser_type.clone().unwrap_or_default(),
        parents.join(" "),
    ]
}
