//! What came of it: every entry's run, its time, its place and its task and todos from the export; what was
//! built on what from the files the worker wrote. The plan says what was wanted.

use super::Notes;
use super::week::{Item, Week, planned};
use crate::cli::Failure;
use crate::client::Happening;
use crate::examples::evidence::Evidence;
use crate::stage::{Files, Server, Stage, Summary};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tenure_contract::trail::{Derived, TaskTold};
use tenure_contract::words::{TaskStatus, TodoStatus};
use tenure_contract::{Digest, Time};

/// The export's name in the folder of the play.
const EXPORT: &str = "session.jsonl";

pub(super) async fn of(
    stage: &Stage,
    server: &Server,
    week: &Week,
    notes: &Notes,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let evidence = Evidence::take(stage, server, notes.session, EXPORT).await?;
    let kept = Kept::read(week, &evidence);
    planning(notes, &evidence, &mut summary);
    once(&kept, &mut summary);
    times(&kept, notes, &mut summary);
    order(&kept, &mut summary);
    let workspace = server.data().join("workspaces").join(notes.session.to_string());
    built(week, &workspace, &mut summary)?;
    tasks(week, &evidence, &mut summary);
    todos(week, &evidence, &mut summary);
    evidence.is_unbroken(&notes.acks, &mut summary);
    summary.fact("session", notes.session.to_string());
    summary.fact("schedule", notes.schedule.to_string());
    summary.fact("items", week.0.len());
    summary.fact("kills", notes.kills);
    Ok(summary)
}

/// The plan beside the runs its entries started.
struct Kept<'a> {
    week: &'a Week,
    /// By entry: the runs it started.
    runs: BTreeMap<u64, Vec<Ran>>,
}

/// One run of an entry.
#[derive(Debug, Clone, Default)]
struct Ran {
    submitted: Option<Time>,
    /// The entries of the journal that say so.
    started: Option<u64>,
    ended: Option<u64>,
    why: String,
}

impl<'a> Kept<'a> {
    fn read(week: &'a Week, evidence: &Evidence) -> Self {
        let mut runs: BTreeMap<u64, Vec<Ran>> = BTreeMap::new();
        for told in evidence.of("run.submitted") {
            let Some(entry) = told.data["scheduled"]["entry"].as_u64() else { continue };
            let run = told.text("run");
            let of = |kind| evidence.of(kind).find(|told: &&Happening| told.text("run") == run);
            let ended = of("run.ended");
            let ran = Ran {
                submitted: Some(told.at),
                started: of("run.started").map(|told| told.seq),
                ended: ended.map(|told| told.seq),
                why: ended.map(|told| told.text("stopReason").to_owned()).unwrap_or_default(),
            };
            runs.entry(entry).or_default().push(ran);
        }
        Self { week, runs }
    }

    /// The items with the run each of them had, if it had one.
    fn items(&self) -> impl Iterator<Item = (&'a Item, Option<&Ran>)> {
        let ran = |entry: u64| self.runs.get(&entry).and_then(|runs| runs.first());
        (1..).zip(&self.week.0).map(move |(entry, item)| (item, ran(entry)))
    }

    fn ran(&self, id: &str) -> Option<&Ran> {
        self.items().find(|(item, _)| item.id == id).and_then(|(_, ran)| ran)
    }
}

/// The plan came on schedule by the planner's own run, which ended well.
fn planning(notes: &Notes, evidence: &Evidence, summary: &mut Summary) {
    let run = notes.planning.to_string();
    let ended = evidence.of("run.ended").find(|told| told.text("run") == run);
    summary.equal("the planning ended", ended.map(|told| told.text("stopReason")), "finished");
    let by =
        evidence.of("run.submitted").find_map(|told| told.data["scheduled"]["scheduleId"].as_str());
    let schedule = notes.schedule.to_string();
    summary.equal("the schedule its runs name is the one the planner made", by, schedule);
}

/// Every entry has one run, which finished; there is no other.
fn once(kept: &Kept<'_>, summary: &mut Summary) {
    let entries = 1..=kept.week.0.len() as u64;
    let is_one = |entry: &u64| kept.runs.get(entry).map_or(0, Vec::len) == 1;
    let others = kept.runs.keys().copied().filter(|entry| !entries.contains(entry));
    let wrong: Vec<u64> = entries.clone().filter(|entry| !is_one(entry)).chain(others).collect();
    summary.equal("entries that do not have exactly one run", wrong, json!([]));
    let finished = kept.items().filter(|(_, ran)| ran.is_some_and(|ran| ran.why == "finished"));
    summary.equal("entries whose run finished", finished.count(), kept.week.0.len());
}

/// None began before its time; what came due while there was no server began after.
fn times(kept: &Kept<'_>, notes: &Notes, summary: &mut Summary) {
    let timed = kept.items().filter_map(|(item, ran)| {
        Some((&item.id, kept.week.due(item, notes.first)?, ran?.submitted?))
    });
    let timed: Vec<_> = timed.collect();
    let early: Vec<&str> =
        timed.iter().filter(|(_, due, at)| at < due).map(|(id, ..)| id.as_str()).collect();
    summary.equal("items that began before their hour", early, json!([]));
    let (killed, back) = notes.away;
    let missed = timed.iter().filter(|(_, due, _)| (killed..back).contains(&due.micros()));
    let missed: Vec<_> = missed.collect();
    summary.at_least("items whose hour struck while the server was dead", missed.len() as u64, 1);
    let after = missed.iter().filter(|(_, _, at)| at.micros() > killed).count();
    summary.equal("of these, begun once it was there again", after, missed.len());
}

/// They began in the order of the plan, none before what it needs had finished.
fn order(kept: &Kept<'_>, summary: &mut Summary) {
    let mut begun: Vec<(u64, &str)> =
        kept.items().filter_map(|(item, ran)| Some((ran?.started?, item.id.as_str()))).collect();
    begun.sort_unstable();
    let begun: Vec<&str> = begun.into_iter().map(|(_, id)| id).collect();
    let wanted: Vec<&str> = kept.week.0.iter().map(|item| item.id.as_str()).collect();
    summary.equal("the order they began in", begun, wanted);
    let mut hasty = Vec::new();
    for (item, ran) in kept.items() {
        let started = ran.and_then(|ran| ran.started);
        let is_before = |need: &&String| {
            let ended = kept.ran(need).and_then(|ran| ran.ended);
            started.zip(ended).is_none_or(|(started, ended)| started < ended)
        };
        hasty.extend(
            item.needs.iter().filter(is_before).map(|need| format!("{} needs {need}", item.id)),
        );
    }
    summary.equal("items that began before what they need had finished", hasty, json!([]));
}

/// What was written for each item stands on what it needs.
fn built(week: &Week, workspace: &Path, summary: &mut Summary) -> Result<(), Failure> {
    let files = Files::in_folder(&workspace.join("done"), "json", week.0.len())?;
    let found: BTreeMap<String, Value> = files
        .iter()
        .map(|(path, text)| {
            let told: Value = serde_json::from_str(text).unwrap_or_default();
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), told)
        })
        .collect();
    let wanted: BTreeMap<&str, Value> = week
        .0
        .iter()
        .map(|item| (item.id.as_str(), json!({ "item": item.id, "builtOn": item.needs })))
        .collect();
    let differs = |id: &&str| found.get(*id) != wanted.get(*id);
    let others: Vec<&str> = wanted.keys().copied().filter(differs).collect();
    summary.equal("files written, one for each item", found.len(), wanted.len());
    summary.equal("items whose file does not stand on what they need", others, json!([]));
    Ok(())
}

/// The trail tells a task for each item, in the plan's order, completed by its first try.
fn tasks(week: &Week, evidence: &Evidence, summary: &mut Summary) {
    let told = evidence.derived.iter().filter_map(|told| match told {
        Derived::Task(task) => Some(task),
        _ => None,
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|task| task.created.seq);
    let titles: Vec<&str> = told.iter().map(|task| task.title.as_str()).collect();
    let wanted: Vec<&str> = week.0.iter().map(|item| item.title.as_str()).collect();
    summary.equal("tasks the trail tells of, in the plan's order", titles, wanted);
    let done =
        told.iter().filter(|task| task.status == TaskStatus::Completed && task.attempts == 1);
    summary.equal("tasks completed by their first run", done.count(), week.0.len());
    let is_followed = |task: &&&TaskTold| {
        let way: Vec<TaskStatus> = task.moves.iter().map(|step| step.status).collect();
        way == [TaskStatus::Running, TaskStatus::Completed]
            && task.moves.iter().all(|step| step.run == task.run && step.run.is_some())
    };
    let followed = told.iter().filter(is_followed).count();
    summary.equal("tasks moved by their run alone: running, completed", followed, week.0.len());
}

/// The trail tells the planner's todo of each item and the worker's own; all are done.
fn todos(week: &Week, evidence: &Evidence, summary: &mut Summary) {
    let texts: BTreeMap<Digest, String> = evidence
        .of("todo.created")
        .filter_map(|told| {
            let digest = serde_json::from_value(told.line["payload"]["digest"].clone()).ok()?;
            Some((digest, told.body["text"].as_str()?.to_owned()))
        })
        .collect();
    let mut found = Vec::new();
    for told in &evidence.derived {
        if let Derived::Todo(todo) = told {
            let text = todo.text.and_then(|digest| texts.get(&digest)).cloned();
            found.push((text.unwrap_or_default(), todo.status));
        }
    }
    let planned = week.0.iter().map(planned);
    let own = week.0.iter().flat_map(|item| item.todos.iter().cloned());
    let mut wanted: Vec<_> = planned.chain(own).map(|text| (text, TodoStatus::Done)).collect();
    found.sort();
    wanted.sort();
    summary.equal("todos the trail tells of", found.len(), wanted.len());
    let open = found.iter().filter(|(_, status)| *status != TodoStatus::Done).count();
    summary.equal("todos that are not done", open, 0);
    summary.equal("todos with the words of the plan", found == wanted, true);
}

#[cfg(test)]
mod tests;
