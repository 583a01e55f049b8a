//! `tenure handoff`: responsibility for a session moves between products and principals.

use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use clap::Subcommand;
use tenure_contract::event::Owner;
use tenure_contract::resource::{
    CloseHandoff, Handoff, HandoffSummary, HandoffTo, OfferHandoff, Page,
};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{HandoffId, SessionId, TaskId, Time};
use tenure_engine::Motion;

/// Offers a session to another product or principal; lists, shows and answers handoffs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure handoff offer ses_… --to-product desk --to user:ben --reason \"second line\"\n  tenure handoff ls --open\n  tenure handoff accept hnd_…\n\nOnly whom it is offered to accepts or declines; to another product only where the policy permits it (`docs/policy.md`)."
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Offers a session.
    Offer {
        /// The session.
        session: SessionId,
        /// To which product; the session's own when nothing is said.
        #[arg(long)]
        to_product: Option<String>,
        /// To whom there, as `kind:name`; who owns it now when nobody is named.
        #[arg(long, value_name = "PRINCIPAL")]
        to: Option<String>,
        /// A task it is about, as often as needed; all that are not over when none is named.
        #[arg(long = "task")]
        tasks: Vec<TaskId>,
        /// What else belongs to it, as `kind:id`, as often as needed.
        #[arg(long = "ref")]
        refs: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// Until when it may be accepted, as RFC 3339; a week when nothing is said.
        #[arg(long)]
        expires_at: Option<Time>,
        /// The same key makes the same offer once.
        #[arg(long)]
        key: Option<String>,
    },
    /// Lists handoffs, the newest first.
    Ls {
        /// Only those of this session.
        #[arg(long)]
        session: Option<SessionId>,
        /// Only those nobody has answered.
        #[arg(long)]
        open: bool,
        /// Only those in this status.
        #[arg(long)]
        status: Option<HandoffStatus>,
        /// Only those offered to this product.
        #[arg(long)]
        to_product: Option<String>,
        /// Where the page before ended: its `nextCursor`.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows a handoff.
    Show {
        /// The handoff.
        handoff: HandoffId,
    },
    /// Takes a session over.
    Accept {
        /// The handoff.
        handoff: HandoffId,
    },
    /// Does not take a session over.
    Decline {
        /// The handoff.
        handoff: HandoffId,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes an offer back.
    Withdraw {
        /// The handoff.
        handoff: HandoffId,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Ls { .. } | Verb::Show { .. } => Motion::Still,
        Verb::Offer { .. } | Verb::Accept { .. } | Verb::Decline { .. } | Verb::Withdraw { .. } => {
            Motion::Live
        }
    };
    let connection = cx.connect_existing(motion).await?;
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done.map(|()| Exit::Done)
}

async fn perform(cx: &Cx, client: &Client, verb: Verb) -> Result<(), Failure> {
    let answer = |handoff: HandoffId, how: &str| format!("/v1/handoffs/{handoff}/{how}");
    let one: Handoff = match verb {
        Verb::Ls { session, open, status, to_product, cursor } => {
            let mut asked = vec![("limit", "50".to_owned())];
            asked.extend(session.map(|session| ("session", session.to_string())));
            asked.extend(status.map(|status| ("status", status.to_string())));
            asked.extend(to_product.map(|product| ("toProduct", product)));
            asked.extend(cursor.map(|cursor| ("cursor", cursor)));
            asked.extend(open.then(|| ("open", "true".to_owned())));
            listed(cx, &client.get(&query("/v1/handoffs", &asked)).await?);
            return Ok(());
        }
        Verb::Offer { session, to_product, to, tasks, refs, reason, expires_at, key } => {
            let product = match to_product {
                Some(product) => product,
                None => product_of(client, session).await?,
            };
            let request = OfferHandoff {
                tenant_id: None,
                to: HandoffTo { product, principal: to },
                task_ids: Some(tasks).filter(|tasks| !tasks.is_empty()),
                refs,
                reason,
                expires_at,
            };
            let path = format!("/v1/sessions/{session}/handoffs");
            client.post_keyed(&path, &request, key.as_deref()).await?
        }
        Verb::Show { handoff } => return see(cx, client, handoff).await,
        Verb::Accept { handoff } => {
            client.post(&answer(handoff, "accept"), &serde_json::json!({})).await?
        }
        Verb::Decline { handoff, reason } => {
            client.post(&answer(handoff, "decline"), &CloseHandoff { reason }).await?
        }
        Verb::Withdraw { handoff, reason } => {
            client.post(&answer(handoff, "withdraw"), &CloseHandoff { reason }).await?
        }
    };
    show(cx, &one);
    Ok(())
}

/// A path with a query, its values written as a URL needs them.
fn query(path: &str, asked: &[(&str, String)]) -> String {
    // only for its way of writing a query; the host is left out again
    let url = reqwest::Url::parse_with_params("http://localhost", asked);
    url.map_or_else(
        |_| path.to_owned(),
        |url| format!("{path}?{}", url.query().unwrap_or_default()),
    )
}

async fn product_of(client: &Client, session: SessionId) -> Result<String, Failure> {
    let seen: tenure_contract::resource::Session =
        client.get(&format!("/v1/sessions/{session}")).await?;
    Ok(seen.product_id)
}

fn owner(owner: &Owner) -> String {
    format!("{} in {}", owner.principal, owner.product)
}

/// The columns of a list of handoffs.
pub(super) const COLUMNS: &[&str] = &["handoff", "status", "from", "to", "offered", "why"];

/// One of its rows.
pub(super) fn row(one: &HandoffSummary) -> Vec<String> {
    vec![
        one.handoff_id.to_string(),
        one.status.to_string(),
        owner(&one.from),
        owner(&one.to),
        ago(one.offered_at),
        brief(one.reason.as_deref().unwrap_or_default(), 60),
    ]
}

/// The offer of a session that nobody has answered yet.
pub(super) async fn open_of(
    client: &Client,
    session: SessionId,
) -> Result<Option<HandoffSummary>, Failure> {
    let path = format!("/v1/handoffs?session={session}&open=true&limit=1");
    let page: Page<HandoffSummary> = client.get(&path).await?;
    Ok(page.items.into_iter().next())
}

/// An open offer in one line.
pub(super) fn stands(one: &HandoffSummary) -> String {
    format!("⇄ offered to {} until {}  [{}]", owner(&one.to), one.expires_at, one.handoff_id)
}

/// Shows a handoff.
pub(super) async fn see(cx: &Cx, client: &Client, id: HandoffId) -> Result<(), Failure> {
    show(cx, &client.get(&format!("/v1/handoffs/{id}")).await?);
    Ok(())
}

fn listed(cx: &Cx, page: &Page<HandoffSummary>) {
    if cx.json {
        return println_json(page);
    }
    if page.items.is_empty() {
        eprintln!("none");
        return;
    }
    outln(&table(COLUMNS, page.items.iter().map(row)));
    if let Some(cursor) = &page.next_cursor {
        eprintln!("there are more: add --cursor {cursor}");
    }
}

fn show(cx: &Cx, one: &Handoff) {
    if cx.json {
        return println_json(one);
    }
    outln(&format!("handoff {}  {}", one.handoff_id, one.status));
    outln(&format!("  session {}", one.session_id));
    outln(&format!("  from {}, to {}", owner(&one.from), owner(&one.to)));
    if let Some(reason) = &one.reason {
        outln(&format!("  because {}", brief(reason, 200)));
    }
    outln(&format!(
        "  {} tasks, {} approvals, {} references go along",
        one.task_ids.len(),
        one.approval_ids.len(),
        one.refs.len()
    ));
    match (one.status, &one.resolved_by) {
        (HandoffStatus::Offered, _) => outln(&format!("  stands until {}", one.expires_at)),
        (status, Some(by)) => outln(&format!("  {status} by {by}")),
        (_, None) => {}
    }
    if let Some(checkpoint) = &one.checkpoint_id {
        outln(&format!("  checkpoint {checkpoint}"));
    }
}
