//! `tenure example-host`: the second host of `tenure example assistant`, as a process of its own. Not for use by hand.

use super::serve::until_signal;
use super::{Cx, Exit, Failure};
use crate::examples::seams;
use crate::open::Options;
use std::net::SocketAddr;
use std::path::PathBuf;
use tenure_surface::http::Tokens;

/// Serves a data directory as `tenure serve` does, on a host of its own.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the host keeps what is its own.
    #[arg(long, value_name = "DIR")]
    host: PathBuf,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let options = Options { host: seams(&args.host)?, ..Options::default() };
    until_signal(cx, options, (args.listen, Tokens::default())).await
}
