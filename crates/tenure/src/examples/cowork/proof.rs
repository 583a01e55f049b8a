//! What came of it: the audit from the dispatch to the end, from the export; the flood, from its runs; what
//! was settled, from the files.

use super::claims::Claims;
use super::{Notes, OFFICE, TITLE, flood};
use crate::cli::{Failure, to_file};
use crate::client::Happening;
use crate::stage::{Files, Server, Stage, Summary, tenure};
use serde_json::{Value, json};
use std::fs;
use tenure_contract::resource::{GoesOn, Run};
use tenure_contract::trail::{Derived, Line, PauseWhy, RunTold, SessionTold};
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
    let export = stage.dir().join(EXPORT);
    to_file(&server.client(), notes.session, &export).await?;
    let root = server.data().join("keys/root.pub").to_string_lossy().into_owned();
    let verified = tenure(stage.dir(), ["verify", EXPORT, "--root", &root, "--json"]).await?.json();
    let text = fs::read_to_string(&export)?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let entries: Vec<Happening> = lines.filter_map(|line| Happening::read(&line)).collect();
    let trail = tenure(stage.dir(), ["trail", "--file", EXPORT, "--json"]).await?.done()?.out;
    queue(notes, flood, &mut summary);
    audit(&trail, (claims, notes), &mut summary)?;
    let workspace = server.data().join("workspaces").join(notes.session.to_string());
    let settled = Files::in_folder(&workspace.join("settled"), "json", claims.count())?;
    summary.equal("claims settled on disk", settled.count(), claims.small());
    let places: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    let whole: Vec<u64> = (1..=entries.len() as u64).collect();
    summary.equal("the journal has no gap", places == whole, true);
    summary.equal("the export is verified", verified["verified"].clone(), true);
    summary.equal("entries the server had shown and lost", notes.acks.lost_in(&entries), 0);
    summary.fact("session", notes.session.to_string());
    summary.fact("dispatch", notes.dispatch.dispatch_id.to_string());
    summary.fact("kills", notes.kills);
    summary.fact("entries", entries.len());
    summary.fact("head", verified["head"].clone());
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
    trail: &str,
    (claims, notes): (&Claims, &Notes),
    summary: &mut Summary,
) -> Result<(), Failure> {
    let mut derived = Vec::new();
    for line in trail.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Derived(told)) => derived.push(*told),
            Ok(Line::Head(_) | Line::Observed(_)) => {}
            Err(why) => return Err(Failure::failed(format!("a line of the trail: {why}"))),
        }
    }
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
