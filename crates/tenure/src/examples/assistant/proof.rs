//! What came of it: the threads' exports beside what the second host kept in its own folder, what claimers left
//! in theirs, and what stands in the workspace.

use super::Notes;
use super::host::{self, Kept};
use super::project::Project;
use super::talk::{ROUNDS, Thread};
use crate::cli::Failure;
use crate::client::Happening;
use crate::examples::evidence::Evidence;
use crate::stage::{ASK_AGAIN, Server, Stage, Summary};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tenure_contract::SessionId;
use tenure_contract::agent::Role;

/// How long the host's copy may take to be whole.
const COPIED_MAX: Duration = Duration::from_secs(60);

/// The exports of the chat thread and the code thread, once the host's copy has as many messages.
pub(super) async fn take(
    stage: &Stage,
    server: &Server,
    notes: &Notes,
) -> Result<[Evidence; 2], Failure> {
    let [chat, code] = &notes.threads;
    let taken = [
        Evidence::take(stage, server, chat.session, "chat.jsonl").await?,
        Evidence::take(stage, server, code.session, "code.jsonl").await?,
    ];
    let wanted: usize = taken.iter().map(|evidence| said(evidence).len()).sum();
    let (file, begun) = (notes.host.join(host::MESSAGES), Instant::now());
    // one that never comes is a claim that does not hold
    while host::kept(&file).len() < wanted && begun.elapsed() < COPIED_MAX {
        tokio::time::sleep(ASK_AGAIN).await;
    }
    Ok(taken)
}

/// Everything claimed; the server is gone.
pub(super) fn of(
    server: &Server,
    (project, notes): (&Project, &Notes),
    taken: &[Evidence; 2],
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    notes.targets.claim(&mut summary);
    notes.lists.claim(notes.workspace, &mut summary);
    kinds(notes, taken, &mut summary);
    for (evidence, race) in taken.iter().zip(&notes.races) {
        race.claims(&bound(evidence), &mut summary)?;
    }
    for (place, (thread, evidence)) in notes.threads.iter().zip(taken).enumerate() {
        conversation(thread.name, place, evidence, &mut summary);
    }
    let [_, code] = &notes.threads;
    let workspace = server.data().join("workspaces").join(code.session.to_string());
    let (found, wanted) = (Project::collected(&workspace)?, project.wanted());
    summary.equal("files the coder collected", found.len(), wanted.len());
    summary.equal("files the coder collected say what the person wrote", found == wanted, true);
    seams(notes, taken, &mut summary);
    for (thread, evidence) in notes.threads.iter().zip(taken) {
        evidence.is_unbroken_in(thread.name, &thread.seen.acks, &mut summary);
        summary.fact(thread.name, thread.session.to_string());
    }
    summary.fact("kills", notes.kills);
    summary.fact("files", project.count());
    Ok(summary)
}

/// What a session was bound to, by its journal.
fn bound(evidence: &Evidence) -> Vec<String> {
    evidence.of("session.bound").map(|told| told.text("externalId").to_owned()).collect()
}

/// What was said in a thread, by its journal.
fn said(evidence: &Evidence) -> Vec<(u64, Role, String)> {
    let said = |told: &Happening| {
        let (role, text) = match told.kind.as_str() {
            "run.submitted" => (Role::User, &told.body["task"]),
            "turn.landed" => (Role::Assistant, &told.body["content"]),
            _ => return None,
        };
        Some((told.seq, role, text.as_str().unwrap_or_default().to_owned()))
    };
    evidence.entries.iter().filter_map(said).collect()
}

/// Every message has one answer, in order, and is remembered for the next one.
fn conversation(name: &str, place: usize, evidence: &Evidence, summary: &mut Summary) {
    let asked = said(evidence).into_iter().filter(|(_, role, _)| *role == Role::User);
    let asked: Vec<String> = asked.map(|(.., text)| text).collect();
    let wanted: Vec<&str> = ROUNDS.iter().map(|round| round[place]).collect();
    summary.equal(&format!("{name}: what the person said"), asked, wanted);
    let is_answered = |told: &&Happening| told.text("stopReason") == "finished";
    let answers = evidence.of("run.ended").filter(is_answered).count();
    summary.equal(&format!("{name}: messages answered, each by one run"), answers, ROUNDS.len());
    let remembered = evidence.of("memory.saved").map(|told| told.data["version"].clone());
    let remembered: Vec<Value> = remembered.collect();
    let versions: Vec<usize> = (1..=ROUNDS.len()).collect();
    summary.equal(&format!("{name}: versions of what it remembers"), remembered, versions);
}

/// The chat thread never had a workspace; the code thread had one, none, and it again.
fn kinds(notes: &Notes, taken: &[Evidence; 2], summary: &mut Summary) {
    let workspaces = |evidence: &Evidence| -> Vec<Value> {
        let told = evidence.entries.iter();
        let told =
            told.filter(|told| ["session.opened", "session.changed"].contains(&told.kind.as_str()));
        told.map(|told| told.data["workspace"].clone()).collect()
    };
    let [chat, code] = taken;
    let own = json!(notes.workspace);
    summary.equal("chat: its workspace, by the journal", workspaces(chat), json!([null]));
    let wanted = json!([own, own, null, own]);
    summary.equal("code: its workspace, by the journal", workspaces(code), wanted);
}

/// What the second host has in its own folder.
fn seams(notes: &Notes, taken: &[Evidence; 2], summary: &mut Summary) {
    let kept = host::kept(&notes.host.join(host::MESSAGES));
    let names = host::named(&notes.host.join(host::NAMES));
    for (thread, evidence) in notes.threads.iter().zip(taken) {
        copied(thread, &kept, evidence, summary);
        let row = names.iter().find(|row| row.kind == "session" && row.key == thread.name);
        let id = row.and_then(host::Named::id).map(|id| SessionId::from_bytes(id).to_string());
        let claim = format!("{}: the session of that name, by the host's table", thread.name);
        summary.equal(&claim, id, thread.session.to_string());
    }
    let [chat, _] = taken;
    let answered = chat.of("step.landed").filter(|told| told.body["style"] == host::STYLE).count();
    summary.equal("answers of the host's own tool, by the journal", answered, 1);
    let work = lines(&notes.host.join(host::WORK));
    summary.at_least("pieces of the engine's work given to the host", work.len() as u64, 1);
    let failures = lines(&notes.host.join(host::FAILURES));
    let told = failures.iter().filter(|line| line.contains(host::HOUSE_STYLE)).count();
    summary.at_least("failures nobody waited for, told to the host", told as u64, 1);
}

/// The host's copy of a thread is the journal's, message by message.
fn copied(thread: &Thread, kept: &[Kept], evidence: &Evidence, summary: &mut Summary) {
    let own = kept.iter().filter(|one| one.session == thread.session);
    let copy: Vec<_> = own.map(|one| (one.seq, one.role, one.content.clone())).collect();
    let (journal, name) = (said(evidence), thread.name);
    let claim = format!("{name}: messages in the host's copy, as many as in the journal");
    summary.equal(&claim, copy.len(), journal.len());
    let claim = format!("{name}: the copy is the journal's, in its order");
    summary.equal(&claim, copy == journal, true);
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
