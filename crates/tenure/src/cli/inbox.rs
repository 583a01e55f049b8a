//! `tenure inbox`: what needs a person now, over all products of the tenant (`OPR-1`).

use super::ls::Filters;
use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use serde::Serialize;
use std::collections::HashMap;
use tenure_contract::resource::{
    Approval, DoubtSummary, HandoffSummary, Page, RunSummary, Session, SessionSummary,
};
use tenure_contract::words::{PauseCause, RunStatus};
use tenure_contract::{SessionId, Time};
use tenure_engine::Motion;

/// Rows of each kind that are looked at.
const EACH_MAX: &str = "200";
/// Failed runs that are shown, the newest.
const FAILED_MAX: &str = "20";

/// Shows what needs a person now, over all products: approvals, steps in doubt, sessions that are offered,
/// halted and failed runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure inbox\n  tenure inbox --product shop --json\n\nWho waits longest comes first. Of failed runs the newest 20 are shown."
)]
pub(super) struct Args {
    #[command(flatten)]
    filters: Filters,
}

/// Something that waits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    /// `approval`, `in-doubt`, `handoff`, `paused` or `failed`.
    kind: &'static str,
    id: String,
    session_id: Option<SessionId>,
    /// Whose it is; of a handoff, whom it is offered to.
    product_id: Option<String>,
    user_id: Option<String>,
    since: Time,
    what: String,
    /// What somebody would do about it.
    command: String,
}

#[derive(Debug, Serialize)]
struct Inbox {
    items: Vec<Item>,
    /// Whether a list had more than is shown.
    more: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let gathered = gather(&connection.client, &args.filters).await;
    connection.close().await;
    let inbox = gathered?;
    if cx.json {
        println_json(&inbox);
        return Ok(Exit::Done);
    }
    if inbox.items.is_empty() {
        outln("nothing needs a person");
        return Ok(Exit::Done);
    }
    let columns = ["needs", "since", "product", "for", "what", "do"];
    outln(&table(&columns, inbox.items.iter().map(row)));
    if inbox.more {
        eprintln!("there are more; `tenure ls` shows each list page by page");
    }
    Ok(Exit::Done)
}

fn row(item: &Item) -> Vec<String> {
    vec![
        item.kind.to_owned(),
        ago(item.since),
        item.product_id.clone().unwrap_or_default(),
        item.user_id.clone().unwrap_or_default(),
        brief(&item.what, 60),
        item.command.clone(),
    ]
}

async fn gather(client: &Client, filters: &Filters) -> Result<Inbox, Failure> {
    let limit = ("limit", Some(EACH_MAX));
    let open = [("open", Some("true")), limit];
    let approvals: Page<Approval> = client.get(&filters.path("approvals", &open)).await?;
    let doubts: Page<DoubtSummary> = client.get(&filters.path("doubts", &open)).await?;
    let paused = filters.path("runs", &[("status", Some(RunStatus::Paused.as_str())), limit]);
    let paused: Page<RunSummary> = client.get(&paused).await?;
    let failed = [("status", Some(RunStatus::Failed.as_str())), ("limit", Some(FAILED_MAX))];
    let failed: Page<RunSummary> = client.get(&filters.path("runs", &failed)).await?;
    let to = [("open", Some("true")), limit, ("toProduct", filters.product.as_deref())];
    let offers: Page<HandoffSummary> =
        client.get(&Filters::default().path("handoffs", &to)).await?;
    let more = approvals.next_cursor.is_some()
        || doubts.next_cursor.is_some()
        || offers.next_cursor.is_some()
        || paused.next_cursor.is_some();
    // a step in doubt is shown itself
    let halted = |run: &&RunSummary| run.reason.as_deref() != Some(PauseCause::InDoubt.as_str());
    let mut items: Vec<Item> = approvals.items.iter().map(approval).collect();
    items.extend(doubts.items.iter().map(doubt));
    let theirs = |one: &&HandoffSummary| {
        filters
            .user
            .as_ref()
            .is_none_or(|user| [one.to.user(), &one.to.principal].contains(&&**user))
    };
    items.extend(offers.items.iter().filter(theirs).map(offer));
    items.extend(paused.items.iter().filter(halted).map(halted_run));
    items.extend(failed.items.iter().map(failed_run));
    items.sort_by_key(|item| item.since);
    name_owners(client, &mut items).await?;
    Ok(Inbox { items, more })
}

fn item(kind: &'static str, id: String, session: Option<SessionId>, since: Time) -> Item {
    Item {
        kind,
        id,
        session_id: session,
        product_id: None,
        user_id: None,
        since,
        what: String::new(),
        command: String::new(),
    }
}

fn approval(asked: &Approval) -> Item {
    let id = asked.approval_id.to_string();
    Item {
        what: format!("{} ({} risk)", asked.action_label, asked.risk_level),
        command: format!("tenure approve|deny {id} --reason …"),
        ..item("approval", id, asked.session_id, asked.requested_at)
    }
}

fn doubt(doubt: &DoubtSummary) -> Item {
    let id = doubt.step_id.to_string();
    let cause = doubt.cause.as_deref().unwrap_or("lost");
    Item {
        what: format!("a step of {} may have happened ({cause})", doubt.run_id),
        command: format!("tenure resolve {id} landed|did-not-happen|retry"),
        ..item("in-doubt", id, Some(doubt.session_id), doubt.created_at)
    }
}

fn offer(one: &HandoffSummary) -> Item {
    let id = one.handoff_id.to_string();
    let why = one.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let from = &one.from;
    Item {
        product_id: Some(one.to.product.clone()),
        user_id: Some(one.to.user().to_owned()),
        what: format!("{} in {} offers a session{why}", from.principal, from.product),
        command: format!("tenure handoff accept|decline {id}"),
        ..item("handoff", id, Some(one.session_id), one.offered_at)
    }
}

fn halted_run(run: &RunSummary) -> Item {
    Item {
        what: format!("{} {}", run.kind, run.name),
        command: format!("tenure resume {}", run.run_id),
        ..item("paused", run.run_id.to_string(), Some(run.session_id), run.updated_at)
    }
}

fn failed_run(run: &RunSummary) -> Item {
    let command = match run.task_id {
        Some(task) => format!("tenure task retry {task}"),
        None => format!("tenure show {}", run.run_id),
    };
    let reason = run.reason.as_deref().unwrap_or("failed");
    Item {
        what: format!("{} {} ({reason})", run.kind, run.name),
        command,
        ..item("failed", run.run_id.to_string(), Some(run.session_id), run.updated_at)
    }
}

/// Says of each item which product it belongs to and whom it is for: the newest sessions in one list, the
/// others one by one.
async fn name_owners(client: &Client, items: &mut [Item]) -> Result<(), Failure> {
    let is_named = |item: &Item| item.session_id.is_none() || item.product_id.is_some();
    if items.iter().all(is_named) {
        return Ok(());
    }
    let newest: Page<SessionSummary> = client.get("/v1/sessions?limit=200").await?;
    let mut known: HashMap<SessionId, (String, String)> = HashMap::new();
    known.extend(
        newest.items.into_iter().map(|one| (one.session_id, (one.product_id, one.user_id))),
    );
    for item in items.iter_mut().filter(|item| !is_named(item)) {
        let Some(session) = item.session_id else { continue };
        let owner = match known.get(&session) {
            Some(owner) => owner.clone(),
            None => {
                let seen: Session = client.get(&format!("/v1/sessions/{session}")).await?;
                let owner = (seen.product_id, seen.user_id);
                known.insert(session, owner.clone());
                owner
            }
        };
        (item.product_id, item.user_id) = (Some(owner.0), Some(owner.1));
    }
    Ok(())
}
