//! Verification of an export from the documented format alone (`docs/format/entry.md`): no code of
//! any server decides here whether its evidence holds.

mod cbor;

use cbor::Item;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tenure_contract::{Event, Time};

/// What an export proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Its journal, as text.
    pub journal: String,
    /// The hash of each entry, from the first on.
    pub hashes: Vec<String>,
    /// Bodies that are there and fit their digests.
    pub bodies: usize,
}

/// Where an export does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The first bad entry; none when it is the header or the head.
    pub seq: Option<u64>,
    /// What is wrong with it.
    pub why: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "entry {seq}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

/// Verifies an export: header, every entry, the signed head.
pub(crate) fn verify(export: &str) -> Result<Proven, Broken> {
    let outside = |why: String| Broken { seq: None, why };
    let mut lines = Vec::new();
    for line in export.lines() {
        lines.push(
            serde_json::from_str::<Value>(line)
                .map_err(|why| outside(format!("a line is no JSON: {why}")))?,
        );
    }
    let [header, entries @ .., head] = lines.as_slice() else {
        return Err(outside("it has no header or no head".to_owned()));
    };
    if header["tenure"] != 1 {
        return Err(outside(format!("the header is not of version 1: {header}")));
    }
    let journal = header["journal"].as_str().unwrap_or_default().to_owned();
    let mut proven = Proven { journal, hashes: Vec::new(), bodies: 0 };
    let mut before = [0u8; 32];
    for (seq, line) in (1u64..).zip(entries) {
        let broken = |why: String| Broken { seq: Some(seq), why };
        before = entry(header, line, seq, before).map_err(broken)?;
        proven.bodies += usize::from(!line["body"].is_null());
        proven.hashes.push(digest_text(&before));
    }
    signed_head(header, &head["head"], entries.len() as u64, before).map_err(outside)?;
    Ok(proven)
}

/// Checks one entry and gives its hash.
fn entry(header: &Value, line: &Value, seq: u64, before: [u8; 32]) -> Result<[u8; 32], String> {
    let bytes = unhex(&line["bytes"])?;
    let hash: [u8; 32] = Sha256::new().chain_update(before).chain_update(&bytes).finalize().into();
    agree("prevHash", &line["prevHash"], &digest_text(&before))?;
    agree("hash", &line["hash"], &digest_text(&hash))?;
    let item = cbor::read(&bytes)?;
    if item.get(0).and_then(Item::number) != Some(1) {
        return Err("its format version is not 1".to_owned());
    }
    if item.get(2).and_then(Item::number) != Some(seq) || line["seq"] != seq {
        return Err(format!("its seq is not {seq}"));
    }
    for (field, name) in [("journal", "journal"), ("tenant", "tenant")] {
        if line[field] != header[name] {
            return Err(format!("its {field} is not the header's"));
        }
    }
    words(&item, line)?;
    body(&item, line)?;
    Ok(hash)
}

/// The words of a line agree with its bytes.
fn words(item: &Item, line: &Value) -> Result<(), String> {
    let journal = item.get(1).and_then(Item::list).and_then(|parts| parts.get(1));
    id("journal", journal, &line["journal"])?;
    id("eventId", item.get(4), &line["eventId"])?;
    id("tenant", item.get(6), &line["tenant"])?;
    id("run", item.get(7), &line["run"])?;
    id("causationId", item.get(11), &line["causationId"])?;
    id("parentEventId", item.get(12), &line["parentEventId"])?;
    let at = item.get(3).and_then(Item::number).map(|micros| Time::from_micros(micros).to_string());
    agree("at", &line["at"], &at.unwrap_or_default())?;
    let number = item.get(5).and_then(Item::number);
    let kind = Event::KINDS.iter().find(|(known, _)| Some(u64::from(*known)) == number);
    agree("kind", &line["kind"], kind.map_or("", |(_, name)| name))?;
    let name = item.get(8).and_then(Item::list).and_then(|parts| parts.get(1)?.text());
    let said = line["principal"].as_str().and_then(|text| text.split_once(':'));
    if name.is_none() || said.map(|(_, name)| name) != name {
        return Err(format!("principal {} is not what its bytes say", line["principal"]));
    }
    let correlation = item.get(10).and_then(Item::bytes).map(hex).unwrap_or_default();
    agree("correlationId", &line["correlationId"], &correlation)
}

/// A body fits the digest and the length its entry commits to.
fn body(item: &Item, line: &Value) -> Result<(), String> {
    let (Some(payload), body) = (item.get(13), &line["body"]) else {
        return if line["body"].is_null() && line["payload"].is_null() {
            Ok(())
        } else {
            Err("a body stands beside an entry without one".to_owned())
        };
    };
    let digest = payload.get(0).and_then(Item::bytes).unwrap_or_default();
    agree("payload.digest", &line["payload"]["digest"], &format!("sha256:{}", hex(digest)))?;
    if body.is_null() {
        return Ok(());
    }
    let salt = unhex(&body["salt"])?;
    let bytes = match body["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => unhex(&body["hex"])?,
    };
    let found = Sha256::new().chain_update(&salt).chain_update(&bytes).finalize();
    let length = payload.get(1).and_then(Item::number);
    if found.as_slice() != digest || length != Some(bytes.len() as u64) || salt.len() != 16 {
        return Err("its body is not the one its bytes commit to".to_owned());
    }
    Ok(())
}

/// The head names the last entry, and both signatures hold under the root it names.
fn signed_head(header: &Value, head: &Value, seq: u64, hash: [u8; 32]) -> Result<(), String> {
    if head["seq"] != seq || head["hash"] != digest_text(&hash) {
        return Err(format!("the head does not name entry {seq}"));
    }
    for field in ["journal", "tenant", "store"] {
        if head[field] != header[field] {
            return Err(format!("the head's {field} is not the header's"));
        }
    }
    let key = unhex(&head["key"])?;
    agree("keyId", &head["keyId"], &hex(&Sha256::digest(&key))[..16])?;
    let at: Time = head["at"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(|_| "the head has no time".to_owned())?;
    let epoch = head["epoch"].as_u64().ok_or("the head has no epoch")?;
    let tag = u8::from(!head["journal"].as_str().unwrap_or_default().starts_with("ses_"));
    let mut claim = b"tenure-head-v1\0".to_vec();
    claim.push(tag);
    for field in ["journal", "tenant", "store"] {
        claim.extend(id_bytes(&head[field]).ok_or_else(|| format!("the head's {field} is no id"))?);
    }
    claim.extend(seq.to_be_bytes());
    claim.extend(hash);
    claim.extend(epoch.to_be_bytes());
    claim.extend(at.micros().to_be_bytes());
    holds("the head's signature", &key, &claim, &head["signature"])?;
    let certified = [b"tenure-node-v1\0".as_slice(), &key].concat();
    let certificate = &head["certificate"];
    holds("the certificate", &unhex(&certificate["root"])?, &certified, &certificate["signature"])
}

fn holds(what: &str, key: &[u8], message: &[u8], signature: &Value) -> Result<(), String> {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = unhex(signature)?
        .as_slice()
        .try_into()
        .ok()
        .map(|bytes: [u8; 64]| Signature::from_bytes(&bytes));
    match (key, signature) {
        (Some(key), Some(signature)) if key.verify(message, &signature).is_ok() => Ok(()),
        _ => Err(format!("{what} does not hold")),
    }
}

fn id(field: &str, item: Option<&Item>, said: &Value) -> Result<(), String> {
    let found = item.and_then(Item::bytes);
    if id_bytes(said).as_deref() == found && said.is_null() == found.is_none() {
        return Ok(());
    }
    Err(format!("{field} {said} is not what its bytes say"))
}

/// The sixteen bytes of an id's text.
fn id_bytes(text: &Value) -> Option<Vec<u8>> {
    const LETTERS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let (_, letters) = text.as_str()?.split_once('_')?;
    let digits = letters.chars().map(|letter| LETTERS.find(letter));
    let value = digits.collect::<Option<Vec<_>>>()?;
    let value = value.into_iter().fold(0u128, |sum, digit| (sum << 5) | digit as u128);
    (letters.len() == 26).then(|| value.to_be_bytes().to_vec())
}

fn agree(field: &str, said: &Value, found: &str) -> Result<(), String> {
    if said == found {
        Ok(())
    } else {
        Err(format!("{field} is said to be {said}; its bytes say `{found}`"))
    }
}

fn digest_text(hash: &[u8; 32]) -> String {
    format!("sha256:{}", hex(hash))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    tenure_contract::digest::hex(bytes)
}

fn unhex(text: &Value) -> Result<Vec<u8>, String> {
    let read = text.as_str().and_then(tenure_contract::digest::unhex);
    read.ok_or_else(|| format!("{text} is not hex"))
}

#[cfg(test)]
mod tests;
