//! Each claim is shown to fail on a journal that does not keep its promise.

use super::*;
use crate::stage::Acks;
use tenure_contract::{RunId, ScheduleId, SessionId};

/// A journal of two items: `a` by turn, `b` at the first hour, which needs `a`.
struct Journal(Vec<Value>);

const FIRST: &str = "2026-11-28T08:00:00Z";
const LATER: &str = "2026-11-28T08:00:05Z";

impl Journal {
    fn kept() -> Self {
        let mut journal = Self(Vec::new());
        for (entry, run) in [(1, "run_a"), (2, "run_b")] {
            journal.say(
                "run.submitted",
                json!({ "run": run, "scheduled": { "scheduleId": schedule(), "entry": entry } }),
            );
            journal.say("run.started", json!({ "run": run }));
            journal.say("run.ended", json!({ "run": run, "stopReason": "finished" }));
        }
        journal
    }

    fn say(&mut self, kind: &str, data: Value) {
        let seq = self.0.len() + 1;
        self.0.push(json!({ "seq": seq, "at": LATER, "kind": kind, "hash": "h", "data": data }));
    }

    fn evidence(&self) -> Evidence {
        let entries = self.0.iter().enumerate().map(|(place, line)| {
            let mut line = line.clone();
            line["seq"] = json!(place + 1);
            Happening::read(&line).unwrap()
        });
        Evidence { entries: entries.collect(), derived: Vec::new(), verified: Value::Null }
    }
}

fn schedule() -> ScheduleId {
    ScheduleId::from_bytes([3; 16])
}

fn week() -> Week {
    let item = |id: &str, at: Option<&str>, needs: &[&str]| Item {
        id: id.to_owned(),
        title: id.to_owned(),
        at: at.map(|at| at.parse().unwrap()),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        todos: Vec::new(),
    };
    Week(vec![item("a", None, &[]), item("b", Some("mon 09:00"), &["a"])])
}

/// The claims that do not hold.
fn broken(journal: &Journal) -> Vec<String> {
    let (week, evidence, mut summary) = (week(), journal.evidence(), Summary::default());
    let first: Time = FIRST.parse().unwrap();
    let notes = Notes {
        session: SessionId::from_bytes([1; 16]),
        schedule: schedule(),
        planning: RunId::from_bytes([2; 16]),
        first,
        away: (first.micros() - 1, first.micros() + 1),
        kills: 1,
        acks: Acks::default(),
    };
    let kept = Kept::read(&week, &evidence);
    once(&kept, &mut summary);
    times(&kept, &notes, &mut summary);
    order(&kept, &mut summary);
    let told = serde_json::to_value(&summary).unwrap();
    let claims = told["claims"].as_array().unwrap().iter();
    let broken = claims.filter(|claim| claim["holds"] == false);
    broken.map(|claim| claim["claim"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn ex_2_a_plan_that_was_kept_holds() {
    assert_eq!(broken(&Journal::kept()), [""; 0]);
}

#[test]
fn ex_2_an_entry_with_two_runs_or_none_is_named() {
    let mut twice = Journal::kept();
    let again = twice.0[0].clone();
    twice.0.push(again);
    assert_eq!(broken(&twice), ["entries that do not have exactly one run"]);
    let mut never = Journal::kept();
    never.0.truncate(3);
    assert!(broken(&never).contains(&"entries that do not have exactly one run".to_owned()));
    assert!(broken(&never).contains(&"entries whose run finished".to_owned()));
}

#[test]
fn ex_2_an_early_start_and_a_wrong_order_are_named() {
    let mut early = Journal::kept();
    early.0[3]["at"] = json!("2026-11-28T07:59:59Z");
    assert_eq!(
        broken(&early),
        ["items that began before their hour", "of these, begun once it was there again"]
    );
    let mut swapped = Journal::kept();
    swapped.0.rotate_left(3);
    assert_eq!(
        broken(&swapped),
        ["the order they began in", "items that began before what they need had finished"]
    );
}
