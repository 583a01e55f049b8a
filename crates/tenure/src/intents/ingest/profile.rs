//! The profile of a file, and the one pass over it that makes it.

use super::detect::{Detected, Format, detect};
use super::{Refused, csv_rows, json_records, prose};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use tenure_contract::digest::hex;

/// How much of a file's beginning is looked at to find out what it is, bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// Bad records that are shown; all of them are counted.
const BAD_SHOWN_MAX: usize = 20;

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Which parser read it.
    pub format: Format,
    /// Rows, values, lines; sections for Markdown, paragraphs for text.
    pub record_count: u64,
    /// Records that could not be read.
    pub bad_count: u64,
    /// The first of them.
    pub bad: Vec<BadRecord>,
    /// Columns, keys or headings.
    pub schema: Value,
    /// The file's size.
    pub bytes: u64,
    /// `sha256:` and the digest of the file's bytes.
    pub digest: String,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BadRecord {
    /// The line it begins on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// What a parser found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub records: u64,
    pub bad_count: u64,
    pub bad: Vec<BadRecord>,
    pub schema: Value,
}

impl Found {
    pub fn bad(&mut self, line: u64, why: impl ToString) {
        self.bad_count += 1;
        if self.bad.len() < BAD_SHOWN_MAX {
            self.bad.push(BadRecord { line, why: why.to_string() });
        }
    }
}

/// Reads a file in one pass: its parser, its digest and its encoding at once.
pub(super) fn read(path: &Path) -> Result<Profile, Refused> {
    let shown = || path.display().to_string();
    let unreadable = |source| Refused::Unreadable { path: shown(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut source = BufReader::with_capacity(HEAD_BYTES, Watched::new(file));
    let head = source.fill_buf().map_err(unreadable)?;
    let whole = head.len() < HEAD_BYTES;
    let Detected { format, delimiter } = detect(path, &String::from_utf8_lossy(head), whole);
    let parsed = match format {
        Format::Csv => csv_rows::read(&mut source, delimiter),
        Format::Json => json_records::read_value(&mut source),
        Format::Jsonl => json_records::read_lines(&mut source),
        Format::Markdown => prose::read_markdown(&mut source),
        Format::Text => prose::read_text(&mut source),
    };
    // what a parser did not need still counts for digest and encoding
    io::copy(&mut source, &mut io::sink()).map_err(unreadable)?;
    let seen = source.into_inner();
    if let Some(at) = seen.not_text() {
        return Err(Refused::NotText { path: shown(), at });
    }
    let found = parsed.map_err(unreadable)?;
    Ok(Profile {
        format,
        record_count: found.records,
        bad_count: found.bad_count,
        bad: found.bad,
        schema: found.schema,
        bytes: seen.bytes,
        digest: format!("sha256:{}", hex(&seen.hash.finalize())),
    })
}

/// A reader that hashes what passes and watches whether it is UTF-8.
struct Watched<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
    /// The bytes of a character that is not whole yet.
    partial: Vec<u8>,
    wrong_at: Option<u64>,
}

impl<R> Watched<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, partial: Vec::new(), wrong_at: None }
    }

    /// The first byte that is not text, once everything was read.
    fn not_text(&self) -> Option<u64> {
        let cut = !self.partial.is_empty();
        self.wrong_at.or_else(|| cut.then(|| self.bytes - self.partial.len() as u64))
    }

    fn watch(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        if self.wrong_at.is_none() {
            let began = self.bytes - self.partial.len() as u64;
            let mut text = std::mem::take(&mut self.partial);
            text.extend_from_slice(piece);
            match std::str::from_utf8(&text) {
                Ok(_) => {}
                Err(wrong) if wrong.error_len().is_none() => {
                    self.partial = text.split_off(wrong.valid_up_to())
                }
                Err(wrong) => self.wrong_at = Some(began + wrong.valid_up_to() as u64),
            }
            // no text has a zero byte
            if let (None, Some(zero)) = (self.wrong_at, text.iter().position(|byte| *byte == 0)) {
                self.wrong_at = Some(began + zero as u64);
            }
        }
        self.bytes += piece.len() as u64;
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.watch(&buffer[..count]);
        Ok(count)
    }
}
