//! `tenure watch`: entries as they become durable, of a session or of the whole tenant.

use super::print::brief;
use super::{Cx, Exit, Failure, Teller, outln, println_json};
use crate::client::{Client, Fault, Happening, Sent};
use crate::server::ended_by_signal;
use futures::StreamExt as _;
use std::time::Duration;
use tenure_contract::SessionId;
use tenure_engine::Motion;

/// How long a broken connection is left alone before it is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How often it is tried again before the server is taken for gone.
const TRIES_MAX: u32 = 20;
/// Characters of a line of the tenant's stream that its data may take.
const DATA_MAX_CHARS: usize = 100;

/// Shows entries as they become durable.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure watch ses_…\n  tenure watch --kind run.ended,approval.\n  tenure watch --from-start --until-told --json\n\nA broken connection goes on where it stopped. Ctrl-C ends the watching and nothing else."
)]
pub(super) struct Args {
    /// The session; every session of the tenant and its ledger when absent.
    #[arg(conflicts_with_all = ["kind", "product", "from_start", "after"])]
    session: Option<SessionId>,
    /// Only kinds that begin with one of these.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// Only sessions of this product.
    #[arg(long)]
    product: Option<String>,
    /// The tenant's entries from the first one on, not only new ones.
    #[arg(long)]
    from_start: bool,
    /// The tenant's entries after this cursor; `--json` tells it with each entry.
    #[arg(long, value_name = "CURSOR", conflicts_with = "from_start")]
    after: Option<String>,
    /// Ends once everything there is was shown, or, for a session, once it rests.
    #[arg(long)]
    until_told: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let signal = ended_by_signal()?;
    let watched = tokio::select! {
        watched = watch(&connection.client, &args, cx.json) => watched,
        _ = signal => Ok(()),
    };
    connection.close().await;
    watched?;
    Ok(Exit::Done)
}

/// Shows entries until the stream ends by itself; goes on after a broken connection.
async fn watch(client: &Client, args: &Args, json: bool) -> Result<(), Failure> {
    let path = path(args);
    let mut place = args.after.clone();
    let mut teller = Teller::default();
    let mut tries = 0;
    loop {
        let broken = match client.follow(&path, place.as_deref()).await {
            Ok(events) => {
                tokio::pin!(events);
                loop {
                    match events.next().await {
                        // what is provisional is withdrawn or replaced by an entry soon
                        Some(Ok(Sent::Live(_))) => tries = 0,
                        Some(Ok(Sent::Entry(told))) => {
                            tries = 0;
                            show(args, &mut teller, &told, json);
                            place = Some(told.place);
                        }
                        Some(Err(fault)) => break Some(fault),
                        None => break None,
                    }
                }
            }
            Err(fault @ Fault::Unreachable { .. }) => Some(fault),
            Err(fault) => return Err(fault.into_error().into()),
        };
        match broken {
            None if args.until_told => return Ok(()),
            Some(fault) if tries >= TRIES_MAX => return Err(fault.into_error().into()),
            // a server that goes down ends its streams well
            None | Some(_) => tries += 1,
        }
        if tries > TRIES_MAX {
            return Err(Failure::failed("the server ends the stream at once".to_owned()));
        }
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}

fn path(args: &Args) -> String {
    if let Some(session) = args.session {
        let until = if args.until_told { "&until=idle" } else { "" };
        return format!("/v1/sessions/{session}/events?bodies=true{until}");
    }
    let mut query = vec![("from", if args.from_start { "start" } else { "now" }.to_owned())];
    if !args.kind.is_empty() {
        query.push(("kind", args.kind.join(",")));
    }
    if let Some(product) = &args.product {
        query.push(("product", product.clone()));
    }
    if args.until_told {
        query.push(("until", "told".to_owned()));
    }
    // only for its way of writing a query; the host is left out again
    let url = reqwest::Url::parse_with_params("http://localhost/v1/events", &query);
    url.map_or_else(
        |_| "/v1/events".to_owned(),
        |url| format!("/v1/events?{}", url.query().unwrap_or_default()),
    )
}

fn show(args: &Args, teller: &mut Teller, told: &Happening, json: bool) {
    if json {
        let mut line = told.line.clone();
        line["cursor"] = told.place.as_str().into();
        println_json(&line);
    } else if args.session.is_some() {
        if let Some(line) = teller.line(told) {
            outln(&line);
        }
    } else {
        let journal = told.line["journal"].as_str().unwrap_or("?");
        let data = brief(&told.data.to_string(), DATA_MAX_CHARS);
        outln(&format!("{}  {journal}#{}  {}  {data}", told.at, told.seq, told.kind));
    }
}
