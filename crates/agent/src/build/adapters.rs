//! The adapters a definition can name, made without opening anything.

use super::BuildError;
use crate::adapter::Adapter;
use crate::adapter::cassette::Cassette;
use crate::adapter::openai::{BASE_URL_DEFAULT, Endpoint, OpenAi};
use crate::adapter::scripted::Scripted;
use crate::secrets::{MARK, Secrets};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::agent::{AgentDefinition, ModelChoice};

/// What an adapter's name in a definition stands for.
type MakeAdapter =
    fn(&ModelChoice, &Path, &Arc<dyn Secrets>) -> Result<Arc<dyn Adapter>, BuildError>;

/// Every adapter; a new one is one line here.
const ADAPTERS: &[(&str, MakeAdapter)] =
    &[("openai", openai), ("scripted", scripted), ("cassette", cassette)];

/// Makes the adapter a definition chooses.
pub(super) fn make(
    model: &ModelChoice,
    base: &Path,
    secrets: &Arc<dyn Secrets>,
) -> Result<Arc<dyn Adapter>, BuildError> {
    let (_, make) = ADAPTERS.iter().find(|(name, _)| *name == model.adapter).ok_or_else(|| {
        BuildError::UnknownAdapter {
            found: model.adapter.clone(),
            known: ADAPTERS.iter().map(|(name, _)| *name).collect(),
        }
    })?;
    make(model, base, secrets)
}

fn openai(
    model: &ModelChoice,
    _: &Path,
    secrets: &Arc<dyn Secrets>,
) -> Result<Arc<dyn Adapter>, BuildError> {
    if model.file.is_some() {
        return Err(ignored("model.file", "openai"));
    }
    Ok(Arc::new(OpenAi::new(endpoint(model, secrets)?)))
}

fn scripted(
    model: &ModelChoice,
    base: &Path,
    _: &Arc<dyn Secrets>,
) -> Result<Arc<dyn Adapter>, BuildError> {
    if model.base_url.is_some() {
        return Err(ignored("model.base_url", "scripted"));
    }
    if model.api_key_env.is_some() {
        return Err(ignored("model.api_key_env", "scripted"));
    }
    if model.api_key.is_some() {
        return Err(ignored("model.api_key", "scripted"));
    }
    Ok(Arc::new(Scripted::at(file(model, base)?)))
}

/// A recording replays; one with a `base_url` also records what is not on it yet.
fn cassette(
    model: &ModelChoice,
    base: &Path,
    secrets: &Arc<dyn Secrets>,
) -> Result<Arc<dyn Adapter>, BuildError> {
    let path = file(model, base)?;
    if model.base_url.is_none() {
        return Ok(Arc::new(Cassette::replaying(path)));
    }
    let inner: Arc<dyn Adapter> = Arc::new(OpenAi::new(endpoint(model, secrets)?));
    Ok(Arc::new(Cassette::recording(path, inner)))
}

fn endpoint(model: &ModelChoice, secrets: &Arc<dyn Secrets>) -> Result<Endpoint, BuildError> {
    if model.name.trim().is_empty() {
        return Err(BuildError::field(
            "model.name",
            "is empty; expected the provider's name of it",
        ));
    }
    let base = model.base_url.as_deref().unwrap_or(BASE_URL_DEFAULT);
    let endpoint = Endpoint::new(base, model.api_key_env.clone())
        .map_err(|message| BuildError::field("model.base_url", message))?;
    let endpoint = match model.silence_ms {
        Some(silence) => endpoint.with_silence(Duration::from_millis(silence)),
        None => endpoint,
    };
    let Some(named) = &model.api_key else { return Ok(endpoint) };
    if model.api_key_env.is_some() {
        return Err(BuildError::field("model.api_key", "stands beside `api_key_env`; one of them"));
    }
    // what stands there may be a key: it is not told
    match named.strip_prefix(MARK).filter(|name| !name.is_empty()) {
        Some(name) => Ok(endpoint.with_secret(name, secrets.clone())),
        None => Err(BuildError::field(
            "model.api_key",
            "is not `secret:NAME`; a key itself never stands in a definition",
        )),
    }
}

fn file(model: &ModelChoice, base: &Path) -> Result<PathBuf, BuildError> {
    match model.file.as_deref() {
        Some(file) if !file.is_empty() => Ok(base.join(file)),
        _ => {
            let told = format!("is missing; adapter `{}` needs a file", model.adapter);
            Err(BuildError::field("model.file", told))
        }
    }
}

fn ignored(field: &str, adapter: &str) -> BuildError {
    BuildError::field(field, format!("has no meaning for adapter `{adapter}`; leave it out"))
}

/// Looks at what building does not: that the script or recording is there and can be read, and
/// that the key's variable is set.
///
/// # Errors
/// [`BuildError::Unusable`] naming the field, besides what [`super::build`] refuses.
pub fn preflight(definition: &AgentDefinition, base: &Path) -> Result<(), BuildError> {
    let model = &definition.model;
    super::build(definition, base)?;
    let unusable = |field: &str, message: String| {
        Err(BuildError::Unusable { field: field.to_owned(), message })
    };
    if let Some(variable) = &model.api_key_env
        && std::env::var_os(variable).is_none_or(|key| key.is_empty())
    {
        let told = format!("the environment variable `{variable}` is not set");
        return unusable("model.api_key_env", told);
    }
    if model.file.is_none() {
        return Ok(());
    }
    let path = file(model, base)?;
    let looked = match model.adapter.as_str() {
        "scripted" => Scripted::load(&path).map(drop).map_err(|told| told.to_string()),
        "cassette" if model.base_url.is_some() && !path.exists() => Ok(()),
        _ => std::fs::File::open(&path)
            .map(drop)
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display())),
    };
    looked.or_else(|told| unusable("model.file", told))
}
