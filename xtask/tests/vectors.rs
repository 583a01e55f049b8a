//! The record format as committed: today's code reads every vector to the same entry and writes the
//! same bytes, and every entry it writes is deterministic CBOR.

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use minicbor::Decoder;
use minicbor::data::Type;
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tenure_contract::digest::{hex, unhex};
use tenure_contract::export::{Certificate, EntryLine, HeadLine, Header, SignedHead, key_id};
use tenure_contract::{Digest, Entry, Event};
use tenure_core::verify::{Options, Trust, verify};
use xtask::vectors::export::ROOT_SEED;
use xtask::vectors::source::Source;
use xtask::vectors::{self, samples};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format/vectors")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads one committed line by its bytes alone, writes it again, and holds the words against it.
fn check_line(place: &str, committed: &EntryLine) -> Entry {
    let bytes = &committed.bytes;
    let entry = Entry::from_bytes(bytes).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(hex(&entry.to_bytes()), hex(bytes), "{place}");
    assert_eq!(
        vectors::line(&entry, committed.prev_hash, committed.body.clone()),
        *committed,
        "{place}"
    );
    if let Some(body) = &committed.body {
        assert_eq!(Some(body.payload()), entry.payload, "{place}");
    }
    assert_canonical(bytes);
    entry
}

#[test]
fn log_2_every_committed_vector_reads_and_writes_the_same() {
    let mut kinds = Vec::new();
    for item in fs::read_dir(dir()).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let file = json(&path);
        let Some(number) = file["number"].as_u64() else { continue };
        let cases = file["cases"].as_array().unwrap();
        assert!(!cases.is_empty(), "{}", path.display());
        for case in cases {
            let place = format!("{} {}", path.display(), case["case"]);
            let line: EntryLine = serde_json::from_value(case["line"].clone()).unwrap();
            assert_eq!(serde_json::to_value(&line).unwrap(), case["line"], "{place}");
            let entry = check_line(&place, &line);
            assert_eq!(u64::from(entry.event.number()), number, "{place}");
            assert_eq!(Value::from(entry.event.name()), file["kind"], "{place}");
            kinds.push(entry.event.number());
        }
    }
    for (number, name) in Event::KINDS {
        assert!(
            kinds.contains(number),
            "kind {number} `{name}` has no vector; run `cargo xtask generate`"
        );
    }
}

#[test]
fn log_2_the_committed_export_is_one_signed_chain() {
    let text = text(&dir().join("export.jsonl"));
    let lines: Vec<&str> = text.lines().collect();
    let [header, entries @ .., head] = lines.as_slice() else { panic!("{text}") };
    let header_line: Header = serde_json::from_str(header).unwrap();
    assert_eq!(header_line.to_line(), *header);
    let mut prev = Digest::ZERO;
    for (place, text) in entries.iter().enumerate() {
        let line: EntryLine = serde_json::from_str(text).unwrap();
        assert_eq!(line.to_line(), *text);
        assert_eq!((line.prev_hash, line.seq), (prev, place as u64 + 1));
        check_line("export.jsonl", &line);
        prev = line.hash;
    }
    let HeadLine { head: signed } = serde_json::from_str(head).unwrap();
    assert_eq!(signed.to_line(), *head);
    assert_eq!((signed.claim.hash, signed.claim.seq), (prev, entries.len() as u64));
    check_signatures(&signed);
}

#[test]
fn log_3_the_verifier_accepts_the_committed_export() {
    let text = text(&dir().join("export.jsonl"));
    let root = SigningKey::from_bytes(&ROOT_SEED).verifying_key().to_bytes();
    let options = Options { root: Some(root), ..Options::default() };
    let found = verify(text.lines().map(Ok::<_, String>), &options)
        .unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!((found.entries, found.bodies_present), (3, 1));
    assert_eq!(found.signed_by.map(|signer| signer.trust), Some(Trust::Rooted));
}

/// The root is the one the vector names by its seed, not the one the head names itself.
fn check_signatures(signed: &SignedHead) {
    let file = json(&dir().join("head.json"));
    let part = |name: &str| unhex(file[name].as_str().unwrap()).unwrap();
    let root = SigningKey::from_bytes(&part("rootSeed").try_into().unwrap()).verifying_key();
    let node = VerifyingKey::from_bytes(&signed.key).unwrap();
    assert_eq!(part("claimBytes"), signed.claim.to_bytes());
    assert_eq!(part("certificateBytes"), Certificate::message(&signed.key));
    let certified = Signature::from_bytes(&signed.certificate.signature);
    root.verify_strict(&part("certificateBytes"), &certified).unwrap();
    let stated = Signature::from_bytes(&signed.signature);
    node.verify_strict(&part("claimBytes"), &stated).unwrap();
    assert_eq!(signed.key_id, key_id(&signed.key));
}

#[test]
fn log_2_a_payload_is_committed_by_salt_and_body() {
    for case in json(&dir().join("payload.json"))["cases"].as_array().unwrap() {
        let part = |name: &str| unhex(case[name].as_str().unwrap()).unwrap();
        let (salt, body) = (part("salt"), part("body"));
        assert_eq!(Digest::of(&[&salt, &body]).to_string(), case["digest"].as_str().unwrap());
        assert_eq!(Value::from(body.len()), case["len"]);
    }
}

#[test]
fn what_is_no_entry_is_refused() {
    for case in json(&dir().join("refused.json"))["cases"].as_array().unwrap() {
        let bytes = unhex(case["bytes"].as_str().unwrap()).unwrap();
        assert!(Entry::from_bytes(&bytes).is_err(), "{}", case["why"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn log_2_any_entry_is_deterministic_and_reads_back(seed in any::<u64>(), kind in 0..Event::KINDS.len()) {
        let mut source = Source::random(seed);
        let event = samples::event(Event::KINDS[kind].0, &mut source).expect("every kind has a sample");
        let entry = samples::entry(event, &mut source);
        let bytes = entry.to_bytes();
        prop_assert_eq!(&bytes, &entry.clone().to_bytes());
        assert_canonical(&bytes);
        let read = Entry::from_bytes(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&read, &entry);
        prop_assert_eq!(read.to_bytes(), bytes);
    }
}

/// RFC 8949 §4.2.1, checked without the code under test: definite lengths, shortest integers, map
/// keys ascending, nothing after the end.
fn assert_canonical(bytes: &[u8]) {
    let end = canonical_item(bytes, 0);
    assert_eq!(end, bytes.len(), "bytes after the item: {}", hex(bytes));
    let mut decoder = Decoder::new(bytes);
    assert_eq!(decoder.datatype().unwrap(), Type::Map);
    decoder.skip().unwrap();
    assert_eq!(decoder.position(), bytes.len());
}

/// Checks the item at `at` and gives the place after it.
fn canonical_item(bytes: &[u8], at: usize) -> usize {
    let (major, value, after) = head(bytes, at);
    match major {
        0 | 1 => after,
        2 | 3 => after + value as usize,
        4 => (0..value).fold(after, |place, _| canonical_item(bytes, place)),
        5 => canonical_map(bytes, after, value),
        7 => {
            assert!(
                matches!(value, 20..=22),
                "only false, true and null are used; found simple {value}"
            );
            after
        }
        other => panic!("major type {other} is not used: {}", hex(bytes)),
    }
}

fn canonical_map(bytes: &[u8], mut place: usize, pairs: u64) -> usize {
    let mut last: Option<u64> = None;
    for _ in 0..pairs {
        let (major, key, after) = head(bytes, place);
        assert_eq!(major, 0, "keys are unsigned integers: {}", hex(bytes));
        assert!(last.is_none_or(|last| last < key), "keys ascend: {}", hex(bytes));
        last = Some(key);
        place = canonical_item(bytes, after);
    }
    place
}

/// Major type, value and the place after an item's head; the value must be as short as can be.
fn head(bytes: &[u8], at: usize) -> (u8, u64, usize) {
    let (major, short) = (bytes[at] >> 5, bytes[at] & 31);
    let width = match short {
        0..=23 => return (major, u64::from(short), at + 1),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => panic!("an indefinite or reserved length at {at}: {}", hex(bytes)),
    };
    let value =
        bytes[at + 1..=at + width].iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let least = [0, 24, 1 << 8, 0, 1 << 16, 0, 0, 0, 1 << 32][width];
    assert!(value >= least, "`{value}` is longer than it need be: {}", hex(bytes));
    (major, value, at + 1 + width)
}
