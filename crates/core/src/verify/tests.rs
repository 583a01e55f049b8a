//! Every way to falsify an export, and that each is found at the entry it was done to.

use super::head::{NotSigned, certify, public_key, sign_head};
use super::*;
use crate::session::tests::bench::{Bench, SESSION, STORE, TENANT, ask, call, intent, kinds};
use crate::{Command, command::HandlerOutcome};
use proptest::prelude::*;
use serde_json::Value;
use std::convert::Infallible;
use tenure_contract::export::{Body, EntryLine, HeadClaim, Header, Link};
use tenure_contract::words::{ArtifactState, LossCause};
use tenure_contract::{ArtifactId, SessionId, Time};

const ROOT: [u8; 32] = [11; 32];
const NODE: [u8; 32] = [12; 32];

/// A session in which a bit of everything happened.
fn journal() -> Bench {
    let (mut bench, run) = Bench::performing(&[ask("a"), call("b")]);
    let step = bench.step_of_call(run, 1);
    bench.lose(run, step, LossCause::Crash);
    bench.later(5_000);
    bench.resolve(step, tenure_contract::words::Resolution::DidNotHappen).unwrap();
    bench.decide(bench.asked(), true).unwrap();
    bench.land(run, bench.step_of_call(run, 0));
    bench.land_turn(run, &[]);
    let run = bench.submit(intent(2));
    let made = crate::command::NewArtifact {
        artifact: ArtifactId::from_bytes([6; 16]),
        artifact_type: "file".to_owned(),
        state: ArtifactState::Ready,
        parents: Vec::new(),
        digest: None,
    };
    bench.run(Command::FinishRun { run, outcome: HandlerOutcome::Done, artifacts: vec![made] });
    bench
}

fn claim(seq: u64, hash: Digest) -> HeadClaim {
    let journal = Journal::Session(SESSION);
    HeadClaim {
        journal,
        tenant: TENANT,
        store: STORE,
        seq,
        hash,
        at: Time::from_micros(5),
        epoch: 3,
    }
}

fn signed(bench: &Bench) -> Vec<String> {
    let (mut lines, hash) = bench.export();
    lines.push(head_line(claim(bench.state.seq, hash), &ROOT));
    lines
}

fn head_line(claim: HeadClaim, root: &[u8; 32]) -> String {
    sign_head(&NODE, certify(root, &public_key(&NODE)), claim).to_line()
}

fn known_root() -> Options {
    Options { root: Some(public_key(&ROOT)), ..Options::default() }
}

fn check(lines: &[String], options: &Options) -> Result<Verified, Broken> {
    verify(lines.iter().map(Ok::<_, Infallible>), options)
}

#[track_caller]
fn broken(lines: &[String]) -> Broken {
    check(lines, &known_root()).unwrap_err()
}

/// Changes one field of one line, as somebody with an editor would.
fn edit(line: &mut String, change: impl FnOnce(&mut Value)) {
    let mut words: Value = serde_json::from_str(line).unwrap();
    change(&mut words);
    *line = words.to_string();
}

/// Makes the chain anew over the given entries, as somebody who knows the format would.
fn rechained(bench: &Bench, keep: impl Fn(&mut Vec<crate::session::tests::bench::Kept>)) -> Bench {
    let mut forged = bench.clone();
    keep(&mut forged.kept);
    forged
}

#[test]
fn log_3_a_true_export_passes_and_says_what_it_is() {
    let bench = journal();
    let found = check(&signed(&bench), &known_root()).unwrap();
    let bodies = bench.kept.iter().filter(|kept| kept.body.is_some()).count() as u64;
    assert_eq!(
        (found.journal, found.tenant, found.store),
        (Journal::Session(SESSION), TENANT, STORE)
    );
    assert_eq!(
        (found.entries, found.bodies_present, found.bodies_erased),
        (bench.state.seq, bodies, 0)
    );
    assert_eq!(found.signed_by.unwrap().trust, Trust::Rooted);
    let claimed = check(&signed(&bench), &Options::default()).unwrap();
    assert_eq!(claimed.signed_by.unwrap().trust, Trust::Claimed, "its own root proves nothing");
}

#[test]
fn log_2_an_erased_body_leaves_the_chain_verifying() {
    let bench = journal();
    let mut lines = signed(&bench);
    for line in &mut lines[1..4] {
        edit(line, |words| words["body"] = Value::Null);
    }
    let found = check(&lines, &known_root()).unwrap();
    assert!(found.bodies_erased > 0 && found.bodies_present > 0);
    assert_eq!(
        found.bodies_erased + found.bodies_present,
        bench.kept.iter().filter(|kept| kept.body.is_some()).count() as u64
    );
}

#[test]
fn log_3_edited_bytes_are_found_at_their_entry() {
    let mut lines = signed(&journal());
    edit(&mut lines[4], |words| {
        let bytes = words["bytes"].as_str().unwrap().to_owned();
        let last = if bytes.ends_with('0') { "1" } else { "0" };
        words["bytes"] = Value::String(format!("{}{last}", &bytes[..bytes.len() - 1]));
    });
    let found = broken(&lines);
    assert_eq!((found.line, found.seq), (5, Some(4)));
    assert!(matches!(found.why, Why::BytesChanged { .. }), "{found}");
    assert!(found.to_string().starts_with("line 5, entry 4 (`evt_"), "{found}");
}

#[test]
fn log_3_edited_words_are_found_and_named() {
    let untouched = signed(&journal());
    for (field, word) in [
        ("principal", "user:eve"),
        ("kind", "run.paused"),
        ("at", "2020-01-01T00:00:00Z"),
        ("surface", "web"),
        ("correlationId", "00"),
        ("session", "ses_00000000000000000000000001"),
        ("note", "seen by eve"),
    ] {
        let mut lines = untouched.clone();
        edit(&mut lines[3], |words| words[field] = Value::String(word.to_owned()));
        let found = broken(&lines);
        assert_eq!((found.line, found.seq), (4, Some(3)), "{field}");
        assert_eq!(found.why, Why::WordsDiffer(field.to_owned()));
    }
    let mut lines = untouched;
    lines[3] = lines[3].replacen('{', "{\"principal\":\"user:eve\",", 1);
    assert!(matches!(broken(&lines).why, Why::Unreadable(_)), "a name that stands twice");
}

#[test]
fn log_3_an_edited_body_is_found() {
    let untouched = signed(&journal());
    let at = untouched.iter().position(|line| line.contains("\"body\":{")).unwrap();
    for change in [
        |words: &mut Value| words["body"]["text"] = Value::String("{\"given\":9999}".to_owned()),
        |words: &mut Value| words["body"]["salt"] = Value::String("00".repeat(16)),
    ] {
        let mut lines = untouched.clone();
        edit(&mut lines[at], change);
        let found = broken(&lines);
        assert_eq!(
            (found.line, found.seq, &found.why),
            (at as u64 + 1, Some(at as u64), &Why::BodyChanged)
        );
    }
    let bare = untouched.iter().position(|line| line.contains("\"payload\":null")).unwrap();
    let mut lines = untouched;
    edit(&mut lines[bare], |words| {
        words["body"] = serde_json::json!({ "salt": "00".repeat(16), "text": "invented" });
    });
    assert_eq!(broken(&lines).why, Why::BodyAdded);
}

#[test]
fn log_3_entries_moved_taken_out_or_repeated_are_found() {
    let untouched = signed(&journal());
    let order = |lines: &[String]| {
        let found = broken(lines);
        match found.why {
            Why::OutOfOrder { expected, found: place } => (found.line, expected, place),
            why => panic!("{why}"),
        }
    };
    let mut moved = untouched.clone();
    moved.swap(4, 5);
    assert_eq!(order(&moved), (5, 4, 5));
    let mut gap = untouched.clone();
    gap.remove(4);
    assert_eq!(order(&gap), (5, 4, 5));
    let mut twice = untouched.clone();
    twice.insert(5, untouched[4].clone());
    assert_eq!(order(&twice), (6, 5, 4));
    let mut relabelled = gap;
    edit(&mut relabelled[4], |words| words["seq"] = 4.into());
    assert!(matches!(broken(&relabelled).why, Why::NotLinked { .. }));
}

#[test]
fn log_3_a_chain_made_anew_has_no_signature() {
    let bench = journal();
    let end = bench.state.seq;
    let forged = rechained(&bench, |kept| kept[2].entry.principal.name = "eve".to_owned());
    let (mut lines, hash) = forged.export();
    let honest_head = signed(&bench).pop().unwrap();
    lines.push(honest_head.clone());
    let found = broken(&lines);
    assert_eq!(found.seq, Some(end));
    assert!(matches!(found.why, Why::Replaced { held_by: HeldBy::Export, .. }), "{found}");

    let mut edited = honest_head;
    edit(&mut edited, |words| words["head"]["hash"] = Value::String(hash.to_string()));
    *lines.last_mut().unwrap() = edited;
    assert_eq!(broken(&lines).why, Why::Head(NotSigned::Signature));

    *lines.last_mut().unwrap() = head_line(claim(end, hash), &[99; 32]);
    let unknown = broken(&lines).why;
    assert!(matches!(unknown, Why::Head(NotSigned::UnknownRoot { .. })), "{unknown}");
    assert!(check(&lines, &Options::default()).is_ok(), "without the root nobody can tell: say so");
}

#[test]
fn log_3_truncation_is_found_against_the_signed_head() {
    let mut lines = signed(&journal());
    let whole = lines.len();
    lines.drain(whole - 3..whole - 1);
    let found = broken(&lines);
    let ends = whole as u64 - 4;
    assert_eq!(found.seq, Some(ends + 1), "the first entry that is missing");
    assert_eq!(found.why, Why::Truncated { ends, head: ends + 2, held_by: HeldBy::Export });

    let cut = &signed(&journal())[..whole - 1];
    assert_eq!(broken(cut).why, Why::NoHead);
    let allowed = Options { unsigned: Unsigned::Allow, ..known_root() };
    assert_eq!(check(cut, &allowed).unwrap().signed_by, None);
    assert!(check(&cut[..3], &allowed).is_ok(), "an unsigned export may end anywhere");
}

#[test]
fn log_3_truncation_is_found_against_a_head_held_outside() {
    let bench = journal();
    let (lines, hash) = bench.export();
    let end = bench.state.seq;
    let held = parse_head(&format!("{SESSION}@{end}:{hash}\n")).unwrap();
    let against = |head, lines: &[String]| {
        check(lines, &Options { head: Some(head), unsigned: Unsigned::Allow, ..Options::default() })
    };
    assert_eq!(against(held, &lines).unwrap().head, held);
    let short = against(held, &lines[..6]).unwrap_err();
    assert_eq!(short.why, Why::Truncated { ends: 5, head: end, held_by: HeldBy::Caller });
    assert_eq!(short.seq, Some(6));

    // a shorter journal signed anew by the same node is caught all the same
    let mut resigned = bench.clone();
    resigned.kept.truncate(5);
    let (_, early) = resigned.export();
    let mut again = lines[..6].to_vec();
    again.push(head_line(claim(5, early), &ROOT));
    assert!(check(&again, &known_root()).is_ok());
    assert!(against(held, &again).is_err());

    let other = against(Head { seq: 5, hash, ..held }, &lines).unwrap_err();
    assert_eq!(other.seq, Some(5));
    assert!(matches!(other.why, Why::Replaced { held_by: HeldBy::Caller, .. }));
    let elsewhere = Head { journal: Journal::Session(SessionId::from_bytes([8; 16])), ..held };
    assert!(matches!(against(elsewhere, &lines).unwrap_err().why, Why::OtherOwner { .. }));
}

#[test]
fn log_3_entries_after_the_head_and_lines_after_it_are_found() {
    let bench = journal();
    let (lines, _) = bench.export();
    let mut shorter = bench.clone();
    shorter.kept.truncate(4);
    let (_, hash) = shorter.export();
    let mut early = lines.clone();
    early.push(head_line(claim(4, hash), &ROOT));
    assert_eq!(broken(&early).why, Why::Unsealed { head: 4 });
    assert_eq!(broken(&early).seq, Some(5));

    for more in ["", "garbage", &lines[1]] {
        let mut trailing = signed(&bench);
        trailing.push(more.to_owned());
        let found = broken(&trailing);
        assert_eq!((found.line, found.why), (trailing.len() as u64, Why::Trailing));
    }
    let mut blank = signed(&bench);
    blank.insert(3, String::new());
    assert_eq!(broken(&blank).line, 4);
    let torn = [Ok(lines[0].clone()), Err("disk error")];
    assert_eq!(
        verify(torn, &known_root()).unwrap_err().why,
        Why::Unreadable("disk error".to_owned())
    );
}

#[test]
fn log_3_an_entry_or_export_of_another_tenant_is_found() {
    let bench = journal();
    let other = TenantId::from_bytes([66; 16]);
    let foreign = rechained(&bench, |kept| kept[3].entry.tenant = other);
    let found = broken(&signed(&foreign));
    assert_eq!(found.seq, Some(4));
    assert_eq!(found.why, Why::Foreign { journal: Journal::Session(SESSION), tenant: other });

    let journal = Journal::Session(SessionId::from_bytes([67; 16]));
    let foreign = rechained(&bench, |kept| kept[3].entry.journal = journal);
    assert_eq!(broken(&signed(&foreign)).why, Why::Foreign { journal, tenant: TENANT });

    let wanted = Options { tenant: Some(other), ..known_root() };
    let found = check(&signed(&bench), &wanted).unwrap_err();
    assert_eq!(found.line, 1);
    assert!(matches!(found.why, Why::OtherOwner { .. }));
}

#[test]
fn log_3_a_sequence_the_machine_does_not_allow_is_found() {
    let bench = journal();
    let skipped = rechained(&bench, |kept| {
        let at =
            kept.iter().position(|kept| kept.entry.event.name() == "approval.decided").unwrap();
        kept.remove(at);
        for (place, kept) in kept.iter_mut().enumerate() {
            kept.entry.seq = place as u64 + 1;
        }
    });
    let found = broken(&signed(&skipped));
    assert!(matches!(found.why, Why::Illegal(_)), "{found}");
    let entries: Vec<_> = bench.kept.iter().map(|kept| kept.entry.clone()).collect();
    let decided =
        kinds(&entries).iter().position(|kind| *kind == "approval.decided").unwrap() as u64 + 1;
    assert!(found.seq >= Some(decided), "{found}");
}

#[test]
fn a_ledger_verifies_too() {
    use tenure_contract::event::TenantOpened;
    let journal = Journal::Ledger(TENANT);
    let mut bench = Bench::open();
    bench.kept.truncate(1);
    let entry = &mut bench.kept[0].entry;
    entry.journal = journal;
    entry.event = TenantOpened { name: "desk".to_owned() }.into();
    let bytes = entry.to_bytes();
    let link =
        Link { prev_hash: Digest::ZERO, hash: tenure_contract::Entry::hash(&Digest::ZERO, &bytes) };
    let lines = [
        Header { tenure: 1, journal, tenant: TENANT, store: STORE }.to_line(),
        EntryLine::new(entry, &bytes, link, None).to_line(),
        head_line(HeadClaim { journal, ..claim(1, link.hash) }, &ROOT),
    ];
    assert_eq!(check(&lines, &known_root()).unwrap().journal, journal);
}

#[test]
fn log_2_a_body_has_one_form_only() {
    let mut lines = signed(&journal());
    let at = lines.iter().position(|line| line.contains("\"body\":{\"salt\"")).unwrap();
    edit(&mut lines[at], |words| {
        let text = words["body"]["text"].as_str().unwrap().to_owned();
        let salt = words["body"]["salt"].clone();
        words["body"] = serde_json::json!({ "salt": salt, "hex": tenure_contract::digest::hex(text.as_bytes()) });
    });
    assert_eq!(broken(&lines).why, Why::WordsDiffer("body".to_owned()));
    assert!(Body::unseal(&[1; 16]).is_some_and(|body| body.bytes().is_empty()));
}

/// What a line says: its JSON without names that stand for nothing.
fn meaning(line: &str) -> Value {
    fn strip(value: Value) -> Value {
        match value {
            Value::Object(object) => {
                let said = object.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(said.map(|(name, value)| (name, strip(value))).collect())
            }
            other => other,
        }
    }
    strip(serde_json::from_str(line).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever byte of an export is changed, it is found, or the lines mean what they meant.
    #[test]
    fn log_2_no_byte_of_an_export_can_be_changed_unseen(place in any::<prop::sample::Index>(), flip in 1u8..) {
        let lines = signed(&journal());
        let mut text = lines.join("\n").into_bytes();
        let at = place.index(text.len());
        text[at] ^= flip;
        let Ok(text) = String::from_utf8(text) else { return Ok(()) };
        let changed: Vec<String> = text.lines().map(str::to_owned).collect();
        if check(&changed, &known_root()).is_ok() {
            prop_assert!(changed.len() == lines.len(), "byte {at}");
            for (changed, line) in changed.iter().zip(&lines) {
                prop_assert_eq!(meaning(changed), meaning(line));
            }
        }
    }
}
