//! What came of it: from the export, from the files that were placed, and from what the app has on its side.

use super::app::PERSON;
use super::orders::Orders;
use super::{DESK, Notes, SHOP};
use crate::cli::Failure;
use crate::examples::evidence::Evidence;
use crate::stage::{Files, Server, Stage, Summary};
use serde_json::json;
use tenure_contract::resource::Decision;
use tenure_contract::token::HandedApproval;

/// The export's name in the folder of the play.
const EXPORT: &str = "session.jsonl";

pub(super) async fn of(
    stage: &Stage,
    server: &Server,
    orders: &Orders,
    notes: &Notes,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let evidence = Evidence::take(stage, server, notes.session, EXPORT).await?;
    context(notes, &mut summary);
    decisions(notes, &evidence, &mut summary);
    for refused in &notes.refused {
        let claim = format!("a decision {} is refused as", refused.what);
        summary.equal(&claim, refused.found.as_str(), refused.wanted);
    }
    let workspace = server.data().join("workspaces").join(notes.session.to_string());
    let placed = Files::in_folder(&workspace.join("placed"), "json", orders.count())?;
    summary.equal("orders placed, of those nobody denied", placed.count(), orders.plain());
    summary.equal("the app has a data directory", stage.dir().join("desk/.tenure").exists(), false);
    evidence.is_unbroken(&notes.acks, &mut summary);
    summary.fact("session", notes.session.to_string());
    summary.fact("kills", 1);
    Ok(summary)
}

/// The token carries the run's context, and the kill changed nothing of it.
fn context(notes: &Notes, summary: &mut Summary) {
    let fits = |asked: &&HandedApproval| {
        (asked.session, asked.run, asked.product.as_str(), asked.aud.as_str())
            == (notes.session, Some(notes.run), SHOP, DESK)
    };
    let count = notes.shown.iter().filter(fits).count();
    summary.equal("tokens with session, run and product", count, notes.shown.len());
    let [before, after] = &notes.around_kill;
    summary.equal(
        "the run after the kill",
        json!([after.run_id, after.status, after.usage]),
        json!([before.run_id, before.status, before.usage]),
    );
    summary.equal(
        "the run that ended is the one that asked",
        json!(notes.ended.run_id),
        json!(before.run_id),
    );
    summary.equal("it ended as", notes.ended.status.to_string(), "completed");
}

/// The journal tells of every token and of every decision what the app knows on its side.
fn decisions(notes: &Notes, evidence: &Evidence, summary: &mut Summary) {
    let handed =
        evidence.of("approval.handed").filter(|entry| entry.text("audience") == DESK).count();
    summary.equal("tokens handed out, by the journal", handed, notes.shown.len());
    let journaled = |(approval, decision): &&(tenure_contract::ApprovalId, Decision)| {
        let (id, wanted) = (
            approval.to_string(),
            match decision {
                Decision::Approve => "approved",
                Decision::Deny => "denied",
            },
        );
        evidence.of("approval.decided").any(|entry| {
            entry.text("approval") == id
                && entry.text("status") == wanted
                && entry.body["decidedBy"] == PERSON
        })
    };
    let found = notes.signed.iter().filter(journaled).count();
    summary.equal(
        "decisions signed by the app, with its person, by the journal",
        found,
        notes.signed.len(),
    );
    summary.at_least("decisions signed by the app", notes.signed.len() as u64, 2);
    let all = evidence.of("approval.decided").count();
    summary.equal("decisions in the journal, one for each order", all, notes.shown.len());
}
