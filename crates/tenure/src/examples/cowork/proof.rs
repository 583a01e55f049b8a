//! What came of it: the audit from the dispatch to the end, from the export; the flood, from its runs; what
//! was settled, from the files.

use super::claims::Claims;
use super::{Notes, OFFICE, TITLE, flood};
use crate::cli::Failure;
use crate::examples::evidence::Evidence;
use crate::stage::{Files, Server, Stage, Summary};
use serde_json::json;
use tenure_contract::resource::{GoesOn, Run};
use tenure_contract::trail::{Derived, PauseWhy, RunTold, SessionTold};
use tenure_contract::words::{ApprovalStatus, RunStatus, Trigger};

/// The export's name in the folder of the play.
const EXPORT: &str = "session.jsonl";

pub(super) async fn of(
    stage: &Stage,
    server: &Server,
    (claims, notes): (&Claims, &Notes),
    flood: &[Run],
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let evidence = Evidence::take(stage, server, notes.session, EXPORT).await?;
    queue(notes, flood, &mut summary);
    audit(&evidence.derived, (claims, notes), &mut summary)?;
    let workspace = server.data().join("workspaces").join(notes.session.to_string());
    let settled = Files::in_folder(&workspace.join("settled"), "json", claims.count())?;
    summary.equal("claims settled on disk", settled.count(), claims.small());
    evidence.is_unbroken(&notes.acks, &mut summary);
    summary.fact("session", notes.session.to_string());
    summary.fact("dispatch", notes.dispatch.dispatch_id.to_string());
    summary.fact("kills", notes.kills);
    Ok(summary)
}

/// Sent twice it is one; it went before what waited; the flood came to its end all the same.
fn queue(notes: &Notes, flood: &[Run], summary: &mut Summary) {
    let (first, again) = (notes.dispatch.dispatch_id, notes.again.dispatch_id);
    summary.equal("the dispatch sent again after the kill", again.to_string(), first.to_string());
    let completed = flood.iter().filter(|run| run.status == RunStatus::Completed).count() as u64;
    summary.equal("runs of the flood that completed, each once", completed, flood::COUNT);
    let after = flood.iter().filter(|run| run.started_at > notes.ended.started_at).count() as u64;
    summary.at_least("dispatches of the flood the urgent one went before", after, 1);
    summary.fact("flood", flood::COUNT);
}

/// One run under one id, from its dispatch over both kills and the pause to its end.
fn audit(
    derived: &[Derived],
    (claims, notes): (&Claims, &Notes),
    summary: &mut Summary,
) -> Result<(), Failure> {
    let runs: Vec<&RunTold> = derived
        .iter()
        .filter_map(|told| match told {
            Derived::Run(run) => Some(&**run),
            _ => None,
        })
        .collect();
    let ids: Vec<String> = runs.iter().map(|run| run.id.to_string()).collect();
    let dispatched = notes.dispatch.run_id.map(|run| run.to_string());
    summary.equal(
        "runs of the session: the dispatch's, and no other",
        ids,
        dispatched.into_iter().collect::<Vec<_>>(),
    );
    let run = runs.first().ok_or_else(|| Failure::failed("the trail tells of no run"))?;
    summary.equal("what made it begin", run.trigger.to_string(), Trigger::Dispatch.to_string());
    summary.equal("product of the dispatch", notes.dispatch.product_id.as_str(), OFFICE);
    let halted =
        run.pauses.iter().filter(|pause| pause.why == PauseWhy::Operator && pause.until.is_some());
    summary.equal("pauses by a person, and gone on after", halted.count(), 1);
    let session: Option<&SessionTold> = derived.iter().find_map(|told| match told {
        Derived::Session(session) => Some(&**session),
        _ => None,
    });
    summary.equal(
        "resumed by a checkpoint's token",
        session.map(|told| told.resumes.len()),
        Some(1),
    );
    summary.equal(
        "what went on is the run itself",
        json!(notes.resumed.goes_on),
        json!(GoesOn::Run),
    );
    let stands = |status| {
        derived.iter().filter(|told| {
        matches!(told, Derived::Approval(told) if told.status == status && told.decision.is_some())
    }).count() as u64
    };
    summary.equal("approved, with who and why", stands(ApprovalStatus::Approved), claims.small());
    summary.equal(
        "denied, with who and why",
        stands(ApprovalStatus::Denied),
        claims.count() as u64 - claims.small(),
    );
    summary.equal("decisions given here", notes.approved + notes.denied, claims.count());
    let task = derived.iter().find_map(|told| match told {
        Derived::Task(task) => Some(json!([task.title, task.status])),
        _ => None,
    });
    summary.equal("the task", task, json!([TITLE, "completed"]));
    let why = run.end.as_ref().map(|end| end.stop_reason.to_string());
    summary.equal("why it ended", why, "finished");
    Ok(())
}
