//! Messages as the second host keeps them: lines of one file. A line `upto` closes what came together; what
//! stands after the last one came from a process that died, and comes again.

use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tenure_contract::SessionId;
use tenure_contract::agent::Role;
use tenure_engine::host::{MessageSink, SinkError, ThreadMessage, Wants};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::examples) struct Kept {
    pub session: SessionId,
    /// Its entry's number in the thread.
    pub seq: u64,
    pub role: Role,
    pub content: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Kept(Kept),
    Closed { upto: u64 },
}

/// The sink.
pub(super) struct Mirror(PathBuf);

impl Mirror {
    /// Keeps messages in a file; what a dead process left unfinished there is cut off.
    pub fn at(file: PathBuf) -> std::io::Result<Self> {
        if file.exists() {
            let whole = read(&file).whole_bytes;
            OpenOptions::new().write(true).open(&file)?.set_len(whole)?;
        }
        Ok(Self(file))
    }
}

impl MessageSink for Mirror {
    fn wants(&self) -> Wants {
        Wants::After(read(&self.0).upto)
    }

    fn keep(&self, messages: &[ThreadMessage], place: u64) -> Result<(), SinkError> {
        let kept = messages.iter().map(|one| {
            Line::Kept(Kept {
                session: one.session,
                seq: one.seq,
                role: one.message.role,
                content: one.message.content.clone(),
            })
        });
        let mut text = String::new();
        for line in kept.chain([Line::Closed { upto: place }]) {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
        let before = file.metadata()?.len();
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(why) = written {
            // the same comes again, after what counts
            file.set_len(before)?;
            return Err(why.into());
        }
        Ok(())
    }
}

/// What a mirror holds that counts.
pub(in crate::examples) fn kept(file: &Path) -> Vec<Kept> {
    read(file).kept
}

#[derive(Default)]
struct Whole {
    kept: Vec<Kept>,
    /// The place they end at.
    upto: u64,
    /// How long all of that is.
    whole_bytes: u64,
}

fn read(file: &Path) -> Whole {
    let bytes = fs::read(file).unwrap_or_default();
    let (mut read, mut open, mut at) = (Whole::default(), Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len() as u64;
        match serde_json::from_slice(line) {
            Ok(Line::Kept(one)) => open.push(one),
            Ok(Line::Closed { upto }) if line.ends_with(b"\n") => {
                read.kept.append(&mut open);
                (read.upto, read.whole_bytes) = (upto, at);
            }
            // torn: nothing from here on counts
            Ok(Line::Closed { .. }) | Err(_) => break,
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_contract::agent::Message;
    use tenure_contract::{RunId, TenantId, Time};

    fn said(place: u64, text: &str) -> ThreadMessage {
        ThreadMessage {
            place,
            tenant: TenantId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            run: RunId::from_bytes([3; 16]),
            seq: place,
            at: Time::from_micros(1),
            message: Message::text(Role::User, text.to_owned()),
        }
    }

    #[test]
    fn ex_10_what_a_dead_process_left_unfinished_is_cut_off_and_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("messages.jsonl");
        Mirror::at(file.clone()).unwrap().keep(&[said(4, "one")], 7).unwrap();
        let whole = fs::read(&file).unwrap();
        for torn in [5, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, [&whole[..], &whole[..torn]].concat()).unwrap();
            let again = Mirror::at(file.clone()).unwrap();
            assert_eq!(again.wants(), Wants::After(7));
            again.keep(&[said(9, "two")], 9).unwrap();
            let texts: Vec<String> = kept(&file).into_iter().map(|one| one.content).collect();
            assert_eq!(texts, ["one", "two"]);
        }
    }
}
