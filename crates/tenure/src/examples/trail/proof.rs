//! The journal alone: trails told from the export are compared with the server's, read against what was
//! done, and copies of the export that were tampered with are caught.

use super::drafts::Drafts;
use super::record::{EXPORT, ROOT, Record};
use super::{Notes, TASK};
use crate::cli::Failure;
use crate::client::Happening;
use crate::examples::evidence::entries;
use crate::stage::{Stage, Summary, tenure};
use serde_json::{Value, json};
use std::fs;
use tenure_contract::resource::Decision;
use tenure_contract::trail::{ApprovalTold, Derived, Line, Observed, PauseWhy, RunTold};
use tenure_contract::words::{ApprovalStatus, StepKind, StepStatus, Surface, TodoStatus};

/// What the editor's tool for publishing is called.
const PUBLISH: &str = "publish";

pub(super) async fn against(
    stage: &Stage,
    drafts: &Drafts,
    notes: &Notes,
    record: &Record,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    same(stage, record, &mut summary).await?;
    let told = tenure(stage.dir(), ["trail", "--file", EXPORT, "--json"]).await?.done()?.out;
    let told = Told::read(&told)?;
    apart(&told, record, &mut summary);
    deeds(&told, drafts, notes, &mut summary);
    results(&told, record, &mut summary);
    tampered(stage, record, &mut summary).await?;
    summary.fact("session", notes.session.to_string());
    summary.fact("kills", notes.kills.len());
    summary.equal("entries the server had shown and lost", notes.acks.lost_in(&record.entries), 0);
    if stage.voice() == crate::stage::Voice::Aloud {
        stage.say(&tenure(stage.dir(), ["trail", "--file", EXPORT]).await?.done()?.out);
    }
    Ok(summary)
}

/// At every place where something new happened, the export tells what the server told.
async fn same(stage: &Stage, record: &Record, summary: &mut Summary) -> Result<(), Failure> {
    let mut equal = 0u64;
    for (seq, online) in &record.online {
        let at = seq.to_string();
        let arguments = ["trail", "--file", EXPORT, "--json", "--at", &at];
        let offline = tenure(stage.dir(), arguments).await?.done()?.out;
        equal += u64::from(offline == *online);
    }
    let places: Vec<u64> = record.online.keys().copied().collect();
    summary.equal("trails that are the server's, byte for byte", equal, places.len());
    summary.fact("comparedAt", json!(places));
    Ok(())
}

/// A trail, read.
struct Told {
    observed: Vec<Observed>,
    derived: Vec<Derived>,
    /// Whether every derived line stands after all observed ones.
    in_order: bool,
}

impl Told {
    fn read(text: &str) -> Result<Self, Failure> {
        let mut told = Self { observed: Vec::new(), derived: Vec::new(), in_order: true };
        for line in text.lines() {
            let line: Line = serde_json::from_str(line)
                .map_err(|why| Failure::failed(format!("a line of the trail: {why}: {line}")))?;
            match line {
                Line::Head(_) => {}
                Line::Observed(observed) => {
                    told.in_order &= told.derived.is_empty();
                    told.observed.push(*observed);
                }
                Line::Derived(derived) => told.derived.push(*derived),
            }
        }
        Ok(told)
    }

    fn run(&self, notes: &Notes) -> Option<&RunTold> {
        self.derived.iter().find_map(|told| match told {
            Derived::Run(run) if run.id == notes.run => Some(&**run),
            _ => None,
        })
    }

    fn approvals(&self) -> impl Iterator<Item = &ApprovalTold> {
        self.derived.iter().filter_map(|told| match told {
            Derived::Approval(approval) => Some(approval),
            _ => None,
        })
    }

    /// What the model said in the last turn that landed.
    fn last_turn(&self) -> Value {
        let result = self.derived.iter().rev().find_map(|told| match told {
            Derived::Step(step) if step.kind == StepKind::Model => step.result,
            _ => None,
        });
        self.beside(|entry| entry.body.as_ref().map(|body| body.digest) == result)
    }

    /// What stands beside an entry, when it is JSON.
    fn beside(&self, is: impl Fn(&Observed) -> bool) -> Value {
        let found = self.observed.iter().find(|entry| is(entry));
        let line = found.and_then(|entry| serde_json::to_value(entry).ok()).unwrap_or_default();
        let text = line["body"]["text"].as_str().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// What an entry says stands apart from what follows from it.
fn apart(told: &Told, record: &Record, summary: &mut Summary) {
    summary.equal("observed lines, one for every entry", told.observed.len(), record.entries.len());
    summary.equal("observed lines stand before derived ones", told.in_order, true);
    summary.at_least("derived lines", told.derived.len() as u64, 1);
    summary.fact("entries", record.entries.len());
}

/// What people did, and the kernel: asked, paused, decided.
fn deeds(told: &Told, drafts: &Drafts, notes: &Notes, summary: &mut Summary) {
    let run = told.run(notes);
    let asked = run
        .map(|run| told.beside(|entry| entry.seq == run.asked.seq)["task"].clone())
        .unwrap_or_default();
    summary.equal("what was asked", asked, TASK);
    let held = |why: PauseWhy| {
        let pauses = run.map(|run| run.pauses.as_slice()).unwrap_or_default();
        pauses.iter().filter(|pause| pause.why == why && pause.until.is_some()).count()
    };
    summary.equal("pauses by a person, and gone on after", held(PauseWhy::Operator), 1);
    summary.at_least("waits for a decision", held(PauseWhy::Approval) as u64, 1);
    let across = run.is_some_and(|run| {
        run.pauses.iter().any(|pause| {
            let until = pause.until.as_ref().map_or(0, |deed| deed.at.micros());
            notes.kills.iter().all(|kill| (pause.from.at.micros()..until).contains(kill))
        })
    });
    summary.equal("the kill lies within a pause the trail tells of", across, true);
    let remembered = told.approvals().filter(|approval| is_remembered(approval, notes)).count();
    summary.equal("decisions with who, from where and why", remembered, notes.decisions.len());
    let stands = |status| told.approvals().filter(|told| told.status == status).count() as u64;
    summary.equal("approved", stands(ApprovalStatus::Approved), drafts.ready());
    let denied = drafts.count() as u64 - drafts.ready();
    summary.equal("denied", stands(ApprovalStatus::Denied), denied);
}

/// Whether the trail says of a decision what the person who took it says.
fn is_remembered(told: &ApprovalTold, notes: &Notes) -> bool {
    let Some(noted) = notes.decisions.iter().find(|noted| noted.approval == told.id) else {
        return false;
    };
    let wanted = match noted.decision {
        Decision::Approve => ApprovalStatus::Approved,
        Decision::Deny => ApprovalStatus::Denied,
    };
    told.status == wanted
        && told.decision.as_ref().is_some_and(|decision| {
            decision.reason.as_deref() == Some(noted.reason)
                && decision.deed.by.to_string().starts_with("user:")
                && decision.deed.surface == Some(Surface::Desktop)
        })
}

/// What came of it: outputs, files, tasks, todos, spend, the end.
fn results(told: &Told, record: &Record, summary: &mut Summary) {
    let published = told.derived.iter().filter(|told| match told {
        Derived::Step(step) => step.name == PUBLISH && step.status == StepStatus::Landed,
        _ => false,
    });
    summary.equal("steps that published, and files on disk", published.count(), record.published);
    let task = told.derived.iter().find_map(|told| match told {
        Derived::Task(task) if task.id == record.task.task_id => Some(task.status.to_string()),
        _ => None,
    });
    summary.equal("the task is", task, record.task.status.to_string());
    let todos = |status: TodoStatus| {
        let is = |told: &&Derived| matches!(told, Derived::Todo(todo) if todo.status == status);
        told.derived.iter().filter(is).count()
    };
    for status in TodoStatus::ALL {
        let shown = record.todos.iter().filter(|todo| todo.status == *status).count();
        summary.equal(&format!("todos {status}"), todos(*status), shown);
    }
    let run = told.derived.iter().find_map(|told| match told {
        Derived::Run(run) if run.id == record.run.run_id => Some(run),
        _ => None,
    });
    let spent = run.map(|run| json!(run.spent.total));
    summary.equal("spent", spent, json!(record.run.usage));
    let end = run.and_then(|run| run.end.as_ref());
    let content = told.last_turn()["content"].clone();
    let shown = record.run.output.as_ref().map(|output| output["content"].clone());
    summary.equal("the last word", content, shown);
    let why = end.map(|end| end.stop_reason.to_string());
    summary.equal("why it ended", why, record.run.stop_reason.map(|why| why.to_string()));
}

/// The export holds, and copies somebody changed do not: each is refused, and its first bad entry named.
async fn tampered(stage: &Stage, record: &Record, summary: &mut Summary) -> Result<(), Failure> {
    let good = tenure(stage.dir(), ["verify", EXPORT, "--root", ROOT, "--json"]).await?.json();
    summary.equal("the export is verified", good["verified"].clone(), true);
    let head = good["head"].as_str().unwrap_or_default().to_owned();
    summary.fact("head", head.clone());
    let text = fs::read_to_string(&record.export)?;
    let mut caught = Vec::new();
    for forgery in forgeries(&text) {
        let (name, wanted) = (format!("{}.jsonl", forgery.name), forgery.first_bad);
        fs::write(stage.dir().join(&name), forgery.text)?;
        let arguments = ["verify", &name, "--root", ROOT, "--head", &head, "--json"];
        let said = tenure(stage.dir(), arguments).await?;
        let found = said.json();
        summary.equal(
            &format!("a copy {}: refused, and the entry named is", forgery.name),
            json!([said.status, found["seq"]]),
            json!([1, wanted]),
        );
        let trail = tenure(stage.dir(), ["trail", "--file", &name, "--json"]).await?;
        caught.push(
            json!({ "copy": forgery.name, "why": found["why"], "trailRefused": trail.status == 1 }),
        );
    }
    summary.fact("tampered", caught);
    Ok(())
}

/// A copy of an export that is not what was exported.
struct Forgery {
    name: &'static str,
    /// The place of the first entry that is not what it must be.
    first_bad: u64,
    text: String,
}

fn forgeries(text: &str) -> Vec<Forgery> {
    let lines: Vec<&str> = text.lines().collect();
    let told = entries(text);
    let is_denial =
        |entry: &&Happening| entry.kind == "approval.decided" && entry.text("status") == "denied";
    let denial = told.iter().find(is_denial);
    let at = denial.map_or(1, |entry| entry.seq);
    // line 0 is the header, and entry n stands in line n
    let place = usize::try_from(at).unwrap_or(1);
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let edited = with(&|lines| {
        lines[place] = lines[place].replace("\"status\":\"denied\"", "\"status\":\"approved\"");
    });
    let without = with(&|lines| drop(lines.remove(place)));
    let swapped = with(&|lines| lines.swap(place, place + 1));
    vec![
        Forgery { name: "edited", first_bad: at, text: edited },
        Forgery { name: "shortened", first_bad: at, text: without },
        Forgery { name: "reordered", first_bad: at, text: swapped },
    ]
}
