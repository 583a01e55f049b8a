//! `tenure export`: a session's journal as JSON lines, signed.

use super::{Cx, Exit, Failure};
use crate::client::{Client, Fault};
use futures::StreamExt as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use tenure_contract::SessionId;
use tenure_engine::Motion;

/// Writes a session's journal as JSON lines, with its signed head at the end.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure export ses_… > session.jsonl\n  tenure verify session.jsonl"
)]
pub(super) struct Args {
    /// The session.
    session: SessionId,
    /// Where to; standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let done = match &args.output {
        Some(file) => to_file(&connection.client, args.session, file).await,
        None => write(&connection.client, args.session, &mut std::io::stdout().lock()).await,
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

/// Exports into a file, whole or not at all.
pub(crate) async fn to_file(
    client: &Client,
    session: SessionId,
    file: &Path,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("`{}` cannot be written: {error}", file.display()))
    };
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    write(client, session, &mut beside).await?;
    beside.as_file().sync_all().map_err(failed)?;
    beside.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

async fn write(client: &Client, session: SessionId, out: &mut impl Write) -> Result<(), Failure> {
    let pieces = client.stream(&format!("/v1/sessions/{session}/export")).await?;
    tokio::pin!(pieces);
    while let Some(piece) = pieces.next().await {
        out.write_all(&piece.map_err(Fault::into_error)?)?;
    }
    out.flush()?;
    Ok(())
}
