//! `tenure forget`: empties a session's chat memory.

use super::{Cx, Exit, Failure, outln, println_json};
use tenure_contract::SessionId;
use tenure_contract::resource::Session;
use tenure_engine::Motion;

/// Empties a session's chat memory: its next run's model reads nothing of what was said before.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure forget ses_…\n\nThe messages stay in the journal; `tenure show` and exports have them."
)]
pub(super) struct Args {
    /// The session; no run of it may be in progress.
    session: SessionId,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Live).await?;
    let path = format!("/v1/sessions/{}/memory", args.session);
    let cleared = connection.client.delete_for::<Session>(&path).await;
    connection.close().await;
    let session = cleared?;
    if cx.json {
        println_json(&session);
    } else {
        outln(&format!("{}: the next run remembers nothing", session.session_id));
    }
    Ok(Exit::Done)
}
