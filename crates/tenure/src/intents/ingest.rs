//! `ingest_file`: takes a real file, finds out what it is, profiles it, and registers the file and
//! its profile as artifacts, the profile made from the file (`EX-6`).
//!
//! Asked to, it also writes the profile as a report into the session's folder, where the session's
//! agents can read it: a step with an effect, which policy is asked about first (`POL-1`).
//!
//! The file is read in pieces and never held whole, so its size hardly matters. A record that
//! cannot be read is counted and shown, and ends nothing; what is no file, no text, or above the
//! limit fails the run with a reason.

mod csv_rows;
mod detect;
mod json_records;
mod profile;
mod prose;
mod shape;

pub use detect::Format;
pub use profile::{BadRecord, Profile};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tenure_agent::ToolFailure;
use tenure_agent::tool::write_file;
use tenure_contract::Digest;
use tenure_contract::resource::{Materialization, SemanticDescriptor};
use tenure_contract::words::{ArtifactState, RecoveryClass};
use tenure_engine::{ArtifactMade, Ctx, HandlerFailure, HandlerResult, Registration, StepFailure};

/// The largest file that is taken, bytes.
pub const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// What the handler is registered as.
pub(super) fn registration() -> Registration {
    Registration {
        intent_type: "ingest_file".to_owned(),
        handler_name: "ingest".to_owned(),
        function: Some(std::sync::Arc::new(ingest)),
        parameters: Some(json!({
            "type": "object", "required": ["file"], "additionalProperties": false,
            "properties": {
                "file": {"type": "string", "minLength": 1, "description": "an absolute path on the server's machine"},
                "report": {"type": "string", "minLength": 1, "description": "where in the session's workspace the profile is written, as JSON"},
            },
        })),
        metadata: json!({
            "description": "Profiles a CSV, JSON, JSONL, Markdown or text file and registers it with its profile.",
            "produces": ["file", "profile"],
        }),
    }
}

/// Why a file cannot be ingested.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The path is relative, and relative to what nobody knows.
    #[error("`{0}` is relative; expected an absolute path on the server's machine")]
    Relative(String),
    /// Nothing is there, or it cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("`{0}` is not a file; give the files of a folder one by one")]
    NotAFile(String),
    /// Nothing is in it.
    #[error("`{0}` is empty; there is nothing to profile")]
    Empty(String),
    /// Above the limit.
    #[error("`{path}` has {bytes} bytes; the limit FILE_MAX_BYTES is {most}")]
    TooLarge {
        /// Which.
        path: String,
        /// How many.
        bytes: u64,
        /// How many are taken.
        most: u64,
    },
    /// Not UTF-8.
    #[error("`{path}` is not UTF-8 text (byte {at}); expected CSV, JSON, JSONL, Markdown or text")]
    NotText {
        /// Which.
        path: String,
        /// The first byte that is wrong, from 0.
        at: u64,
    },
}

impl Refused {
    /// For machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Relative(_) => "relative-path",
            Self::Unreadable { .. } => "unreadable",
            Self::NotAFile(_) => "not-a-file",
            Self::Empty(_) => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::NotText { .. } => "not-text",
        }
    }
}

async fn ingest(ctx: Ctx) -> Result<HandlerResult, HandlerFailure> {
    // the parameters fit the schema, or the run would not have been accepted
    let file = ctx.intent().parameters["file"].as_str().unwrap_or_default().to_owned();
    let path = PathBuf::from(&file);
    let inputs = json!({ "file": file });
    let read = ctx.step("profile", RecoveryClass::Read, &inputs, move |_| {
        profile_of(path.clone(), FILE_MAX_BYTES)
    });
    let profile = match read.await? {
        Outcome::Profiled(profile) => *profile,
        Outcome::Refused { code, message } => return Err(HandlerFailure::new(code, message)),
    };
    let report = report(&ctx, &file, &profile).await?;
    let produced = artifacts(&ctx, Path::new(&file), &profile)?;
    let output = json!({
        "file": file,
        "executionId": ctx.execution_id(),
        "format": profile.format,
        "recordCount": profile.record_count,
        "badRecords": profile.bad_count,
        "bytes": profile.bytes,
        "digest": profile.digest,
        "report": report,
        "artifacts": { "file": produced[0].artifact_id, "profile": produced[1].artifact_id },
    });
    Ok(HandlerResult { output, artifacts: produced.into() })
}

/// Writes the profile into the session's folder, if a report is asked for.
async fn report(
    ctx: &Ctx,
    file: &str,
    profile: &Profile,
) -> Result<Option<String>, HandlerFailure> {
    let Some(path) = ctx.intent().parameters["report"].as_str() else { return Ok(None) };
    let inputs =
        json!({ "path": path, "file": file, "bytes": profile.bytes, "digest": profile.digest });
    let content = serde_json::to_vec_pretty(profile)
        .map_err(|why| HandlerFailure::new("internal", why.to_string()))?;
    let write = |key: String| {
        let (folder, path, content) = (ctx.workspace(), path.to_owned(), content.clone());
        async move {
            let step = key.parse().map_err(|_| failed(format!("`{key}` is no step")))?;
            let write = move || write_file::write(&folder, &path, step, &content);
            let written = tokio::task::spawn_blocking(write).await;
            written.map_err(|why| StepFailure::Lost { message: why.to_string() })?.map_err(told)
        }
    };
    Ok(Some(ctx.step("report", RecoveryClass::Idempotent, &inputs, write).await?))
}

fn failed(message: String) -> StepFailure {
    StepFailure::Failed { message }
}

fn told(failure: ToolFailure) -> StepFailure {
    match failure {
        ToolFailure::Refused { message } => failed(message),
        ToolFailure::Transient { message } => StepFailure::Transient { message },
        ToolFailure::Lost { message } => StepFailure::Lost { message },
    }
}

/// What reading came to; a refusal is a result too, and is recorded with its code.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Profiled(Box<Profile>),
    Refused { code: String, message: String },
}

async fn profile_of(path: PathBuf, most: u64) -> Result<Outcome, StepFailure> {
    let read = tokio::task::spawn_blocking(move || profile(&path, most)).await;
    match read {
        Ok(Ok(profile)) => Ok(Outcome::Profiled(Box::new(profile))),
        Ok(Err(refused)) => {
            Ok(Outcome::Refused { code: refused.code().to_owned(), message: refused.to_string() })
        }
        Err(error) => Err(StepFailure::Transient { message: error.to_string() }),
    }
}

/// Reads a file once and tells what is in it.
///
/// # Errors
/// [`Refused`] says why it is not taken.
pub fn profile(path: &Path, most: u64) -> Result<Profile, Refused> {
    let shown = path.display().to_string();
    if !path.is_absolute() {
        return Err(Refused::Relative(shown));
    }
    let unreadable = |source| Refused::Unreadable { path: path.display().to_string(), source };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(Refused::NotAFile(shown));
    }
    if about.len() == 0 {
        return Err(Refused::Empty(shown));
    }
    if about.len() > most {
        return Err(Refused::TooLarge { path: shown, bytes: about.len(), most });
    }
    profile::read(path)
}

/// The file, and its profile made from it.
fn artifacts(
    ctx: &Ctx,
    path: &Path,
    profile: &Profile,
) -> Result<[ArtifactMade; 2], HandlerFailure> {
    let internal = |why: &dyn std::fmt::Display| HandlerFailure::new("internal", why.to_string());
    let digest: Digest = profile.digest.parse().map_err(|why| internal(&why))?;
    let whole = serde_json::to_value(profile).map_err(|why| internal(&why))?;
    let source = Materialization {
        materialization_id: ctx.materialization_id("file"),
        storage_type: "file".to_owned(),
        uri: format!("file://{}", path.display()),
        format: profile.format.media_type().to_owned(),
        compression: None,
        created_at: ctx.intent().created_at,
    };
    let made = |name: &str, schema: Value, digest: Digest| ArtifactMade {
        artifact_id: ctx.artifact_id(name),
        artifact_type: name.to_owned(),
        state: ArtifactState::Ready,
        parents: Vec::new(),
        descriptor: SemanticDescriptor {
            schema,
            record_count: Some(profile.record_count),
            parser_type: Some(profile.format.as_str().to_owned()),
            embedding_model: None,
        },
        materializations: Vec::new(),
        digest: Some(digest),
    };
    let file = ArtifactMade {
        materializations: vec![source],
        ..made("file", profile.schema.clone(), digest)
    };
    let digest = Digest::of(&[whole.to_string().as_bytes()]);
    let described =
        ArtifactMade { parents: vec![file.artifact_id], ..made("profile", whole, digest) };
    Ok([file, described])
}

#[cfg(test)]
mod tests;
