//! A whole export as a vector: header, three chained entries, one of them with a body, and a head
//! signed with keys anybody can make again.

use super::source::Source;
use super::{line, samples};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tenure_contract::digest::hex;
use tenure_contract::event::{RunStarted, RunSubmitted, SessionOpened};
use tenure_contract::export::{
    Body, Certificate, EXPORT_VERSION, EntryLine, HeadClaim, Header, SALT_BYTES, SignedHead, key_id,
};
use tenure_contract::{
    Digest, Entry, Event, EventId, Journal, RunId, SessionId, StoreId, TenantId, Time,
};

/// The root key's seed; it signs node keys.
pub const ROOT_SEED: [u8; 32] = [2; 32];
/// The node key's seed; it signs heads.
pub const NODE_SEED: [u8; 32] = [1; 32];

const TENANT: TenantId = TenantId::from_bytes([0x10; 16]);
const SESSION: SessionId = SessionId::from_bytes([0x20; 16]);
const RUN: RunId = RunId::from_bytes([0x30; 16]);
const STORE: StoreId = StoreId::from_bytes([0x40; 16]);
const BEGAN: Time = Time::from_micros(1_795_219_200_000_000);
const EPOCH: u64 = 7;

/// The export's text: one JSON object per line.
#[must_use]
pub fn file() -> String {
    let entries = entry_lines();
    let journal = Journal::Session(SESSION);
    let header = Header { tenure: EXPORT_VERSION, journal, tenant: TENANT, store: STORE };
    let middle: String = entries.iter().map(|entry| format!("{}\n", entry.to_line())).collect();
    format!("{}\n{middle}{}\n", header.to_line(), signed(claim(&entries)).to_line())
}

/// The signed bytes of the export's head and of its certificate, and the keys that signed.
#[must_use]
pub fn head_file() -> Value {
    let head = signed(claim(&entry_lines()));
    json!({
        "about": "the head of export.jsonl: which bytes are signed, by which keys; the seeds are for tests only",
        "nodeSeed": hex(&NODE_SEED),
        "rootSeed": hex(&ROOT_SEED),
        "claimBytes": hex(&head.claim.to_bytes()),
        "certificateBytes": hex(&Certificate::message(&head.key)),
        "head": head,
    })
}

fn entry_lines() -> Vec<EntryLine> {
    let mut prev = Digest::ZERO;
    let mut lines = Vec::new();
    for (seq, (event, body)) in (1u64..).zip(story()) {
        let line = line(&entry(seq, event, body.as_ref()), prev, body);
        prev = line.hash;
        lines.push(line);
    }
    lines
}

/// A session begins, a run with input is submitted and starts.
fn story() -> [(Event, Option<Body>); 3] {
    let mut source = Source::full();
    let sample = |number, source: &mut Source| samples::event(number, source);
    let opened = match sample(1, &mut source) {
        Some(Event::SessionOpened(opened)) => {
            SessionOpened { ends_with_run: false, ..opened }.into()
        }
        _ => unreachable!("kind 1 is `session.opened`"),
    };
    let submitted = match sample(10, &mut source) {
        Some(Event::RunSubmitted(body)) => {
            RunSubmitted { run: RUN, parent: None, task: None, ..body }.into()
        }
        _ => unreachable!("kind 10 is `run.submitted`"),
    };
    let input = [&[0x50; SALT_BYTES][..], br#"{"path":"orders.csv"}"#].concat();
    [(opened, None), (submitted, Body::unseal(&input)), (RunStarted { run: RUN }.into(), None)]
}

fn entry(seq: u64, event: Event, body: Option<&Body>) -> Entry {
    let mut source = Source::full();
    let event_id = |seq: u64| EventId::from_bytes([seq as u8; 16]);
    Entry {
        journal: Journal::Session(SESSION),
        seq,
        at: BEGAN.plus_ms(seq),
        event_id: event_id(seq),
        tenant: TENANT,
        run: (seq > 1).then_some(RUN),
        payload: body.map(Body::payload),
        causation_id: event_id(1),
        parent_event_id: None,
        ..samples::entry(event, &mut source)
    }
}

fn claim(entries: &[EntryLine]) -> HeadClaim {
    let last = entries.iter().next_back();
    HeadClaim {
        journal: Journal::Session(SESSION),
        tenant: TENANT,
        store: STORE,
        seq: last.map_or(0, |entry| entry.seq),
        hash: last.map_or(Digest::ZERO, |entry| entry.hash),
        at: BEGAN.plus_ms(1_000),
        epoch: EPOCH,
    }
}

fn signed(claim: HeadClaim) -> SignedHead {
    let (node, root) = (SigningKey::from_bytes(&NODE_SEED), SigningKey::from_bytes(&ROOT_SEED));
    let key = node.verifying_key().to_bytes();
    SignedHead {
        claim,
        key_id: key_id(&key),
        signature: node.sign(&claim.to_bytes()).to_bytes(),
        key,
        certificate: Certificate {
            root: root.verifying_key().to_bytes(),
            signature: root.sign(&Certificate::message(&key)).to_bytes(),
        },
    }
}
