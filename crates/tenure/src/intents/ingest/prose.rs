//! Markdown and text: headings, paragraphs, lines. Code fences are not headings.

use super::profile::Found;
use serde_json::json;
use std::io::{self, BufRead, Read as _};

/// Headings that are kept.
const HEADINGS_MAX: usize = 1_000;
/// How much of a line is looked at, bytes; the rest counts as the next one.
const LINE_MAX_BYTES: u64 = 64 * 1024;

/// Sections are the records: one per heading, and one before the first heading if something is.
pub(super) fn read_markdown(source: &mut impl BufRead) -> io::Result<Found> {
    let mut headings = Vec::new();
    let (mut sections, mut lines, mut fenced, mut begun) = (0u64, 0u64, false, false);
    each_line(source, |line| {
        lines += 1;
        let text = line.trim();
        fenced ^= text.starts_with("```") || text.starts_with("~~~");
        let level = text.bytes().take_while(|byte| *byte == b'#').count();
        if !fenced && (1..=6).contains(&level) && text[level..].starts_with(' ') {
            sections += 1;
            begun = true;
            if headings.len() < HEADINGS_MAX {
                let title = text[level..].trim().trim_end_matches('#').trim_end();
                headings.push(json!({ "level": level, "title": title, "line": lines }));
            }
        } else if !text.is_empty() && !begun {
            sections += 1;
            begun = true;
        }
    })?;
    let schema = json!({ "headings": headings, "lines": lines });
    Ok(Found { records: sections, schema, ..Found::default() })
}

/// Paragraphs are the records.
pub(super) fn read_text(source: &mut impl BufRead) -> io::Result<Found> {
    let (mut paragraphs, mut lines, mut words, mut within) = (0u64, 0u64, 0u64, false);
    each_line(source, |line| {
        lines += 1;
        let count = line.split_whitespace().count() as u64;
        words += count;
        paragraphs += u64::from(count > 0 && !within);
        within = count > 0;
    })?;
    let schema = json!({ "lines": lines, "words": words });
    Ok(Found { records: paragraphs, schema, ..Found::default() })
}

fn each_line(source: &mut impl BufRead, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    while source.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line)? > 0 {
        take(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}
