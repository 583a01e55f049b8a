//! `docs/format/vectors/`: fixed entries of every kind with their bytes and hashes.
//!
//! They pin the record format: today's code must read every committed vector to the same entry and
//! write the same bytes (`tests/vectors.rs`), and anybody else's reader can be tried on them.

pub mod export;
pub mod samples;
pub mod source;
pub mod token;

use samples::{entry, event};
use serde_json::{Value, json};
use source::Source;
use std::collections::BTreeMap;
use tenure_contract::digest::hex;
use tenure_contract::entry::FORMAT_VERSION;
use tenure_contract::export::{Body, EntryLine, Link};
use tenure_contract::{Digest, Entry, Event};

const DIR: &str = "docs/format/vectors/";

/// Path and text of every vector file.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let kinds = Event::KINDS
        .iter()
        .map(|(number, name)| (format!("{number:03}-{name}"), kind_file(*number, name)));
    kinds
        .chain([
            ("payload".to_owned(), payload_file()),
            ("refused".to_owned(), refused_file()),
            ("head".to_owned(), export::head_file()),
            ("token".to_owned(), token::file()),
        ])
        .map(|(stem, value)| (format!("{DIR}{stem}.json"), format!("{:#}\n", sorted(value))))
        .chain([(format!("{DIR}export.jsonl"), export::file())])
        .collect()
}

/// The same value with its keys in order, whatever features the JSON library was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().collect();
            ordered.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

/// The samples of one kind: everything present, everything optional absent.
#[must_use]
pub fn cases(number: u16) -> Vec<(&'static str, Entry)> {
    [("full", Source::full()), ("least", Source::least())]
        .into_iter()
        .filter_map(|(name, mut source)| {
            let event = event(number, &mut source)?;
            Some((name, entry(event, &mut source)))
        })
        .chain(added(number))
        .collect()
}

/// What was added to the kind later, in a case of its own: no earlier one changes.
fn added(number: u16) -> Option<(&'static str, Entry)> {
    let mut source = Source::full();
    let event = samples::added(number, &mut source)?;
    Some(("added", entry(event, &mut source)))
}

fn kind_file(number: u16, name: &str) -> Value {
    let mut prev = Digest::ZERO;
    let cases: Vec<Value> = cases(number)
        .into_iter()
        .map(|(case, entry)| {
            let line = line(&entry, prev, None);
            prev = line.hash;
            json!({ "case": case, "line": line })
        })
        .collect();
    json!({ "format": FORMAT_VERSION, "number": number, "kind": name, "cases": cases })
}

/// The entry as a line of an export, which holds the words beside the bytes.
#[must_use]
pub fn line(entry: &Entry, prev_hash: Digest, body: Option<Body>) -> EntryLine {
    let bytes = entry.to_bytes();
    let hash = Entry::hash(&prev_hash, &bytes);
    EntryLine::new(entry, &bytes, Link { prev_hash, hash }, body)
}

/// Bodies with their salts and the digests entries commit to.
fn payload_file() -> Value {
    let mut source = Source::full();
    let bodies: [&[u8]; 3] = [b"", b"{\"amount\":1200}", "Grüße, 世界".as_bytes()];
    let cases: Vec<Value> = bodies
        .into_iter()
        .map(|body| {
            let salt = source.bytes16();
            json!({ "salt": hex(&salt), "body": hex(body), "len": body.len(), "digest": Digest::of(&[&salt, body]) })
        })
        .collect();
    json!({ "about": "digest = SHA-256(salt, then body); salt and body vanish together on erasure", "cases": cases })
}

/// Bytes a reader must not take for an entry.
fn refused_file() -> Value {
    let Some((_, entry)) = cases(11).into_iter().next() else { return Value::Null };
    let bytes = entry.to_bytes();
    let with = |place: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[place] = byte;
        changed
    };
    let version = 2;
    let cases = [
        ("empty", Vec::new()),
        ("cut short", bytes[..bytes.len() - 1].to_vec()),
        ("a byte too many", [bytes.as_slice(), &[0]].concat()),
        ("a newer format", with(version, FORMAT_VERSION + 1)),
        ("an unknown field", unknown_field(&bytes)),
        ("an unknown kind", unknown_kind(&entry)),
        ("not a map", vec![0x80]),
    ];
    let cases: Vec<Value> =
        cases.into_iter().map(|(why, bytes)| json!({ "why": why, "bytes": hex(&bytes) })).collect();
    json!({ "about": "none of these is an entry; a reader refuses them all", "cases": cases })
}

/// The same entry with one field more, numbered 15.
fn unknown_field(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[0] += 1;
    changed.extend([0x0f, 0x00]);
    changed
}

/// The same entry under a kind number nobody has.
fn unknown_kind(entry: &Entry) -> Vec<u8> {
    let bytes = entry.to_bytes();
    let number = entry.event.number();
    // key 5 and a number below 24 are one byte each; the event id's sixteen bytes end before them
    let id = entry.event_id.bytes();
    let after = bytes.windows(16).position(|window| window == id).map_or(0, |at| at + 16);
    let mut changed = bytes[..after].to_vec();
    changed.extend([0x05, 0x19, 0xff, 0xff]);
    let old = if number < 24 { 2 } else { 3 };
    changed.extend(&bytes[after + old..]);
    changed
}
