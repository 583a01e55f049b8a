//! `tenure trail`: what happened in a session, at any entry, from a server or from an export alone.

mod offline;
mod picture;
mod rows;

use super::{Cx, Exit, Failure, outln};
use crate::client::{Client, Fault};
use futures::StreamExt as _;
use picture::Picture;
use std::path::PathBuf;
use tenure_contract::SessionId;
use tenure_contract::trail::Line;
use tenure_core::trail::At;
use tenure_engine::Motion;

/// Tells what happened in a session: what was asked, what ran, who decided, why it ended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure trail ses_…\n  tenure trail ses_… --at 12\n  tenure trail --file session.jsonl --json\n\n▷ run  ↪ turn  ✓ landed  ✗ failed  ! in doubt  … under way  ■ given up or ended  ↻ again\n? asked  ▌▌ held up  ▶ goes on  ◆ artifact  ☐ task or todo  » input while it ran\n\n--json writes JSON Lines: `observed` is what an entry says, `derived` is what follows from them."
)]
pub(super) struct Args {
    /// The session.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    session: Option<SessionId>,
    /// The last entry it takes account of; the newest when absent.
    #[arg(long, value_name = "SEQ")]
    at: Option<u64>,
    /// An export to read instead of a server; it is verified first.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let at = args.at.map_or(At::Newest, At::Entry);
    let mut teller = Teller::new(cx.json);
    match (args.session, &args.file) {
        (_, Some(file)) => {
            if let Err(broken) = offline::tell(file, at, &mut teller)? {
                super::verify::told_bad(cx, None, &broken);
                return Ok(Exit::CheckFailed);
            }
        }
        (Some(session), None) => {
            let connection = cx.connect_existing(Motion::Still).await?;
            let told = from_server(&connection.client, session, at, &mut teller).await;
            connection.close().await;
            told?;
        }
        (None, None) => return Err(Failure::usage("a session or `--file` is needed".to_owned())),
    }
    teller.end();
    Ok(Exit::Done)
}

/// Where lines go: out as they are, or into the picture.
enum Teller {
    Json,
    Picture(Box<Picture>),
}

impl Teller {
    fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Picture(Box::default()) }
    }

    /// Takes a line: as it is written, and what it says.
    fn take(&mut self, text: &str, read: impl FnOnce() -> Option<Line>) {
        match self {
            Self::Json => outln(text),
            Self::Picture(picture) => {
                if let Some(line) = read() {
                    picture.take(line);
                }
            }
        }
    }

    fn end(self) {
        match self {
            Self::Json => {}
            Self::Picture(picture) => picture.lines().iter().for_each(|line| outln(line)),
        }
    }
}

async fn from_server(
    client: &Client,
    session: SessionId,
    at: At,
    teller: &mut Teller,
) -> Result<(), Failure> {
    let path = match at {
        At::Newest => format!("/v1/sessions/{session}/trail"),
        At::Entry(seq) => format!("/v1/sessions/{session}/trail?seq={seq}"),
    };
    let pieces = client.stream(&path).await?;
    tokio::pin!(pieces);
    let mut pending = Vec::new();
    while let Some(piece) = pieces.next().await {
        pending.extend(piece.map_err(Fault::into_error)?);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            teller.take(line, || serde_json::from_str(line).ok());
        }
    }
    Ok(())
}
