//! Claims are shown to fail on journals that do not keep their promise.

use super::*;
use crate::stage::Acks;

/// A chat thread in which every round was answered.
fn kept() -> Vec<Value> {
    let body = |value: Value| json!({ "text": value.to_string() });
    let mut lines = Vec::new();
    for (version, round) in (1..).zip(ROUNDS) {
        lines.extend([
            json!({ "kind": "run.submitted", "body": body(json!({ "task": round[0] })) }),
            json!({ "kind": "turn.landed", "body": body(json!({ "content": "Yes." })) }),
            json!({ "kind": "memory.saved", "data": { "version": version } }),
            json!({ "kind": "run.ended", "data": { "stopReason": "finished" } }),
        ]);
    }
    lines
}

fn evidence(lines: &[Value], verified: bool) -> Evidence {
    let entry = |(place, line): (usize, &Value)| {
        let mut line = line.clone();
        line["seq"] = json!(place + 1);
        line["at"] = json!("2026-11-28T08:00:00Z");
        line["hash"] = json!("h");
        Happening::read(&line).unwrap()
    };
    let entries = lines.iter().enumerate().map(entry).collect();
    Evidence { entries, derived: Vec::new(), verified: json!({ "verified": verified }) }
}

/// The claims that do not hold.
fn broken(evidence: &Evidence) -> Vec<String> {
    let mut summary = Summary::default();
    conversation("chat", 0, evidence, &mut summary);
    evidence.is_unbroken_in("chat", &Acks::default(), &mut summary);
    let told = serde_json::to_value(&summary).unwrap();
    let claims = told["claims"].as_array().unwrap().iter();
    let broken = claims.filter(|claim| claim["holds"] == false);
    broken.map(|claim| claim["claim"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn ex_10_what_was_said_is_read_from_the_journal() {
    let whole = evidence(&kept(), true);
    assert_eq!(
        said(&whole)[..2],
        [(1, Role::User, "Good morning.".to_owned()), (2, Role::Assistant, "Yes.".to_owned()),]
    );
    assert_eq!(broken(&whole), [""; 0]);
}

#[test]
fn ex_10_an_answer_that_is_missing_and_a_journal_that_does_not_hold_are_named() {
    let mut lines = kept();
    lines.truncate(10);
    assert_eq!(
        broken(&evidence(&lines, true)),
        ["chat: messages answered, each by one run", "chat: versions of what it remembers"]
    );
    let mut twice = kept();
    twice.push(twice[0].clone());
    assert_eq!(broken(&evidence(&twice, true)), ["chat: what the person said"]);
    let mut gap = evidence(&kept(), false);
    gap.entries.remove(1);
    assert_eq!(broken(&gap), ["chat: the journal has no gap", "chat: the export is verified"]);
}
