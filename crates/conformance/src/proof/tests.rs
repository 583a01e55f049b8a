//! The kit's verifier against the committed vectors, and against every way to bend them.

use super::*;

const EXPORT: &str = include_str!("../../../../docs/format/vectors/export.jsonl");

#[test]
fn log_3_the_committed_export_is_proven_from_the_documented_format() {
    let proven = verify(EXPORT).unwrap();
    assert_eq!((proven.hashes.len(), proven.bodies), (3, 1));
    assert!(proven.journal.starts_with("ses_"));
}

#[test]
fn log_3_a_byte_edited_anywhere_is_found_at_its_entry() {
    let lines: Vec<&str> = EXPORT.lines().collect();
    for (seq, line) in (0u64..).zip(&lines).skip(1).take(3) {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = line["bytes"].as_str().unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let other = if bytes.as_bytes()[at] == b'0' { "1" } else { "0" };
            let edited = format!("{}{other}{}", &bytes[..at], &bytes[at + 1..]);
            let found = verify(&EXPORT.replace(bytes, &edited)).unwrap_err();
            assert_eq!(found.seq, Some(seq), "byte {at}: {found}");
        }
    }
}

#[test]
fn log_3_words_bodies_heads_and_missing_entries_are_held_to_the_bytes() {
    let lines: Vec<&str> = EXPORT.lines().collect();
    let without = |gone: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    assert_eq!(verify(&without(2)).unwrap_err().seq, Some(2));
    assert_eq!(verify(&without(3)).unwrap_err().seq, None);
    assert!(verify(&without(4)).is_err());
    for (word, instead) in [
        ("\"kind\":\"run.started\"", "\"kind\":\"run.ended\""),
        ("\"principal\":\"system:ada\"", "\"principal\":\"system:bob\""),
        ("\"epoch\":7", "\"epoch\":8"),
        ("\"text\":\"", "\"text\":\"x"),
    ] {
        assert!(EXPORT.contains(word), "{word}");
        assert!(verify(&EXPORT.replace(word, instead)).is_err(), "{word}");
    }
}
