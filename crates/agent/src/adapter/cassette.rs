//! `cassette`: a real model's answers, recorded once, replayed chunk by chunk.
//!
//! A recording is JSON lines, one answer each: the SHA-256 of the request's canonical JSON
//! (RFC 8785), the request itself for people, and the chunks as they came. Only answers that ended
//! well are recorded; what failed or was aborted is asked again. A request that stands there twice
//! is answered by the first line.

use crate::adapter::{Adapter, AdapterFailure, Chunk, ModelRequest, Source};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenure_contract::Digest;
use tenure_contract::agent::ToolCallAsked;
use tokio::sync::Mutex;

/// Replays a recording, and records what is missing if it has a model to ask.
pub struct Cassette {
    tape: Arc<Tape>,
    inner: Option<Arc<dyn Adapter>>,
}

struct Tape {
    path: PathBuf,
    /// None until the first call: naming an adapter opens nothing (`RT1`).
    answers: Mutex<Option<HashMap<Digest, Vec<Chunk>>>>,
}

/// One line of a recording.
#[derive(Serialize, Deserialize)]
struct Line {
    key: Digest,
    request: serde_json::Value,
    chunks: Vec<Taped>,
}

/// A chunk on the line; the good ending is understood.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Taped {
    Text(String),
    ToolCall(ToolCallAsked),
    Usage { input_tokens: u64, output_tokens: u64 },
    Metadata(Map<String, Value>),
}

impl Cassette {
    /// Answers from the recording only.
    #[must_use]
    pub fn replaying(path: PathBuf) -> Self {
        Self { tape: Arc::new(Tape { path, answers: Mutex::new(None) }), inner: None }
    }

    /// Answers from the recording, asks `inner` for what is not on it and records that.
    #[must_use]
    pub fn recording(path: PathBuf, inner: Arc<dyn Adapter>) -> Self {
        Self { inner: Some(inner), ..Self::replaying(path) }
    }
}

impl Adapter for Cassette {
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source> {
        let tape = Arc::clone(&self.tape);
        Box::new(Playback { tape, inner: self.inner.clone(), request })
    }
}

struct Playback {
    tape: Arc<Tape>,
    inner: Option<Arc<dyn Adapter>>,
    request: Arc<ModelRequest>,
}

impl Source for Playback {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        stream::once(self.answer()).flatten().boxed()
    }
}

impl Playback {
    async fn answer(self) -> BoxStream<'static, Chunk> {
        // a request holds no number that is not finite: the value always exists
        let request = serde_json::to_value(&*self.request).unwrap_or_default();
        let key = Digest::of(&[crate::canonical(&request).as_bytes()]);
        match (self.tape.find(key).await, self.inner) {
            (Err(message), _) => only(failed(message)),
            (Ok(Some(chunks)), _) => {
                stream::iter(chunks).chain(stream::iter([Chunk::Done])).boxed()
            }
            (Ok(None), Some(inner)) => {
                let line = Line { key, request, chunks: Vec::new() };
                record(self.tape, inner.source(self.request).stream(), line)
            }
            (Ok(None), None) => only(failed(format!(
                "the request `{key}` is not on the recording `{}`; record it with a `base_url`",
                self.tape.path.display()
            ))),
        }
    }
}

fn only(chunk: Chunk) -> BoxStream<'static, Chunk> {
    stream::iter([chunk]).boxed()
}

fn failed(message: String) -> Chunk {
    Chunk::Failed(AdapterFailure { message, may_pass: false })
}

/// Passes an answer on as it comes; the good ending only once it is on the recording.
fn record(
    tape: Arc<Tape>,
    answer: BoxStream<'static, Chunk>,
    line: Line,
) -> BoxStream<'static, Chunk> {
    let recording = (tape, answer, Some(line));
    stream::unfold(recording, |(tape, mut answer, line)| async move {
        let mut line = line?;
        let chunk = answer.next().await.unwrap_or_else(|| {
            Chunk::Failed(AdapterFailure {
                message: "the answer ended without an ending".to_owned(),
                may_pass: true,
            })
        });
        let taped = match chunk.clone() {
            Chunk::Text(text) => Taped::Text(text),
            Chunk::ToolCall(call) => Taped::ToolCall(call),
            Chunk::Usage { input_tokens, output_tokens } => {
                Taped::Usage { input_tokens, output_tokens }
            }
            Chunk::Metadata(metadata) => Taped::Metadata(metadata),
            Chunk::Failed(_) => return Some((chunk, (tape, answer, None))),
            Chunk::Done => {
                let kept = tape.add(line).await;
                let ending = kept.map_or_else(failed, |()| Chunk::Done);
                return Some((ending, (tape, answer, None)));
            }
        };
        line.chunks.push(taped);
        Some((chunk, (tape, answer, Some(line))))
    })
    .boxed()
}

impl Tape {
    async fn find(&self, key: Digest) -> Result<Option<Vec<Chunk>>, String> {
        let mut answers = self.answers.lock().await;
        if answers.is_none() {
            *answers = Some(read(&self.path).await?);
        }
        Ok(answers.as_ref().and_then(|answers| answers.get(&key).cloned()))
    }

    async fn add(&self, line: Line) -> Result<(), String> {
        let shown = self.path.display();
        let mut text = serde_json::to_string(&line).map_err(|error| format!("{error}"))?;
        text.push('\n');
        let mut answers = self.answers.lock().await;
        let path = self.path.clone();
        // on a thread of its own an append that has begun is finished, abort or not: no half line
        tokio::task::spawn_blocking(move || append(&path, &text))
            .await
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| format!("the recording `{shown}` cannot be written: {error}"))?;
        let chunks = line.chunks.into_iter().map(Chunk::from).collect();
        answers.get_or_insert_default().entry(line.key).or_insert(chunks);
        Ok(())
    }
}

impl From<Taped> for Chunk {
    fn from(taped: Taped) -> Self {
        match taped {
            Taped::Text(text) => Self::Text(text),
            Taped::ToolCall(call) => Self::ToolCall(call),
            Taped::Usage { input_tokens, output_tokens } => {
                Self::Usage { input_tokens, output_tokens }
            }
            Taped::Metadata(metadata) => Self::Metadata(metadata),
        }
    }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A recording that does not exist yet is an empty one.
async fn read(path: &Path) -> Result<HashMap<Digest, Vec<Chunk>>, String> {
    let shown = path.display();
    let text = match tokio::fs::read_to_string(path).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("the recording `{shown}` cannot be read: {error}")),
    };
    let mut answers = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            format!("line {number} of the recording `{shown}` is not an answer: {error}")
        })?;
        let chunks = line.chunks.into_iter().map(Chunk::from).collect();
        answers.entry(line.key).or_insert(chunks);
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::scripted::{Script, Scripted};
    use crate::conformance::{self, AdapterCase};
    use tenure_contract::agent::{Message, Role};

    fn request(text: &str) -> Arc<ModelRequest> {
        Arc::new(ModelRequest {
            model: "m".to_owned(),
            system: String::new(),
            messages: vec![Message::text(Role::User, text)],
            tools: Vec::new(),
            temperature: Some(0.5),
            max_tokens: None,
        })
    }

    fn model() -> Arc<dyn Adapter> {
        let script = "[[turn]]\ntext = \"Zwölf {{input}}\"\nchunk_chars = 3\nmetadata = { id = \"a1\" }\n\
                      [[turn.call]]\ntool = \"pay\"\narguments_raw = \"{oops\"\n";
        Arc::new(Scripted::new(Script::parse(script, "test").unwrap()))
    }

    async fn all(adapter: &dyn Adapter, text: &str) -> Vec<Chunk> {
        adapter.source(request(text)).stream().collect().await
    }

    #[tokio::test]
    async fn a_recording_is_replayed_chunk_by_chunk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        let recorder = Cassette::recording(path.clone(), model());
        let lived = all(&recorder, "a").await;
        assert_eq!(lived, all(&*model(), "a").await);
        assert_eq!(all(&recorder, "b").await.last(), Some(&Chunk::Done));
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(all(&recorder, "a").await, lived);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), lines);
        assert_eq!(all(&Cassette::replaying(path), "a").await, lived);
    }

    #[tokio::test]
    async fn a_request_that_is_not_recorded_fails_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        all(&Cassette::recording(path.clone(), model()), "a").await;
        let told = all(&Cassette::replaying(path), "other").await;
        let [Chunk::Failed(failure)] = told.as_slice() else { panic!("{told:?}") };
        assert!(failure.message.contains("not on the recording"), "{failure}");
        assert!(!failure.may_pass);
    }

    #[tokio::test]
    async fn only_answers_that_ended_well_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        let script = "[[turn]]\ntext = \"half\"\nfail = \"gone\"\nmay_pass = true\n";
        let failing = Arc::new(Scripted::new(Script::parse(script, "test").unwrap()));
        let recorder = Cassette::recording(path.clone(), failing);
        assert!(matches!(all(&recorder, "a").await.last(), Some(Chunk::Failed(_))));
        let recorder = Cassette::recording(path.clone(), model());
        drop(recorder.source(request("a")).stream().next().await);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_damaged_recording_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        all(&Cassette::recording(path.clone(), model()), "a").await;
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        let told = all(&Cassette::replaying(path), "a").await;
        let [Chunk::Failed(failure)] = told.as_slice() else { panic!("{told:?}") };
        assert!(failure.message.contains("line 2"), "{failure}");
    }

    #[tokio::test]
    async fn the_seam_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.jsonl");
        conformance::adapter(|| AdapterCase {
            adapter: Arc::new(Cassette::recording(path.clone(), model())),
            ends_well: request("a"),
            ends_badly: None,
        })
        .await
        .unwrap();
        conformance::adapter(|| AdapterCase {
            adapter: Arc::new(Cassette::replaying(path.clone())),
            ends_well: request("a"),
            ends_badly: Some(request("not recorded")),
        })
        .await
        .unwrap();
    }
}
