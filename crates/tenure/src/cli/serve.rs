//! `tenure serve`: the HTTP API on a data directory, until a signal.

use super::{Cx, Exit, Failure, outln, println_json};
use crate::auth;
use crate::open::{Options, Tenure};
use crate::server::{Running, ended_by_signal};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use tenure_contract::limits;
use tenure_engine::Trust;
use tenure_surface::http::Tokens;

/// Fewer entries than this are read before anybody could wonder.
const PROGRESS_FROM_ENTRIES: u64 = 100_000;

/// Serves the HTTP API on a data directory until SIGTERM or Ctrl-C, then drains.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure serve --data /var/lib/tenure --listen 127.0.0.1:4137\n\nOther addresses than loopback are served only once an API key exists (`tenure key create`)\nor `--auth auth.toml` names an issuer:\n\n  [[issuer]]\n  issuer = \"https://id.example\"\n  audience = \"tenure\"\n  jwks = \"https://id.example/jwks.json\""
)]
pub(super) struct Args {
    /// The address; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4137", value_name = "ADDR")]
    listen: SocketAddr,
    /// Whose tokens (OIDC) are believed: a file with an `[[issuer]]` for each.
    #[arg(long, env = "TENURE_AUTH", value_name = "FILE")]
    auth: Option<PathBuf>,
    /// What sessions may take in memory together, bytes; waiting ones are let go above it.
    #[arg(long, value_name = "BYTES", default_value_t = limits::RESIDENT_MAX_BYTES_DEFAULT)]
    resident_max_bytes: u64,
    /// Believe the machine's clock although entries are dated after it; otherwise what expires is
    /// held.
    #[arg(long)]
    trust_clock: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let options = Options {
        progress: Box::new(|entries| {
            if entries >= PROGRESS_FROM_ENTRIES {
                eprintln!("tenure: lists are brought up to the log, {entries} entries so far");
            }
        }),
        resident_max_bytes: args.resident_max_bytes,
        trust: if args.trust_clock { Trust::Vouched } else { Trust::Checked },
        ..Options::default()
    };
    let tokens = match &args.auth {
        Some(path) => auth::tokens(path).await?,
        None => Tokens::default(),
    };
    until_signal(cx, options, (args.listen, tokens)).await
}

/// Serves a data directory until a signal, then drains; a second signal ends at once.
pub(super) async fn until_signal(
    cx: &Cx,
    options: Options,
    (listen, tokens): (SocketAddr, Tokens),
) -> Result<Exit, Failure> {
    let begun = std::time::Instant::now();
    let signal = ended_by_signal()?;
    let tenure = Tenure::open(&cx.data, options)?;
    let dir = tenure.dir().to_owned();
    let running = Running::start(tenure, listen, tokens).await?;
    if cx.json {
        println_json(
            &json!({ "listening": running.endpoint(), "pid": std::process::id(), "data": dir }),
        );
    } else {
        outln(&format!(
            "listening on {}  (data {}, ready after {} ms)",
            running.endpoint(),
            dir.display(),
            begun.elapsed().as_millis()
        ));
    }
    let name = signal.await;
    if !cx.json {
        eprintln!("tenure: {name}: finishing what is under way; a second signal ends at once");
    }
    let again = ended_by_signal()?;
    tokio::select! {
        () = running.stop() => Ok(Exit::Done),
        _ = again => Ok(Exit::Aborted),
    }
}
