//! Which handler serves which intent (`INT-1`).

use super::context::Ctx;
use crate::lock;
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use tenure_contract::resource::{Materialization, SemanticDescriptor};
use tenure_contract::words::ArtifactState;
use tenure_contract::{ArtifactId, Code, Digest, Error};

/// What a handler returns (`INT-4`).
#[derive(Debug, Clone, Default)]
pub struct HandlerResult {
    /// What it answers.
    pub output: Value,
    /// What it made; registered in the commit of the run's end (`ART-5`).
    pub artifacts: Vec<ArtifactMade>,
}

/// An artifact a handler made.
#[derive(Debug, Clone)]
pub struct ArtifactMade {
    /// Its id, from [`Ctx::artifact_id`].
    pub artifact_id: ArtifactId,
    /// What it is.
    pub artifact_type: String,
    /// `PENDING` or `READY`.
    pub state: ArtifactState,
    /// What it was made from.
    pub parents: Vec<ArtifactId>,
    /// What is in it.
    pub descriptor: SemanticDescriptor,
    /// Where its body lies.
    pub materializations: Vec<Materialization>,
    /// Digest of its content.
    pub digest: Option<Digest>,
}

/// Why a handler failed: a failed execution with its id, not a failed request (`INT-5`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandlerFailure {
    /// For machines.
    pub code: String,
    /// For a person.
    pub message: String,
}

impl HandlerFailure {
    /// A failure of that code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// An intent handler. Any `Fn(Ctx) -> Future<Output = Result<HandlerResult, HandlerFailure>>` is one.
pub trait Handler: Send + Sync {
    /// Serves one intent.
    fn handle(&self, ctx: Ctx) -> BoxFuture<'static, Result<HandlerResult, HandlerFailure>>;
}

impl<F, Fut> Handler for F
where
    F: Fn(Ctx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<HandlerResult, HandlerFailure>> + Send + 'static,
{
    fn handle(&self, ctx: Ctx) -> BoxFuture<'static, Result<HandlerResult, HandlerFailure>> {
        Box::pin(self(ctx))
    }
}

/// One registered handler.
#[derive(Clone)]
pub struct Registration {
    /// The intent it serves.
    pub intent_type: String,
    /// Its name; the same name on the same intent replaces.
    pub handler_name: String,
    /// What it does; none means a remote worker or agent of that name serves it.
    pub function: Option<Arc<dyn Handler>>,
    /// JSON Schema of the parameters (`INT-2`).
    pub parameters: Option<Value>,
    /// What else is known of it; `accepts` lists artifact types.
    pub metadata: Value,
}

/// Which handler serves which intent: per intent in the order they were registered.
#[derive(Clone, Default)]
pub struct IntentRegistry {
    by_intent: Arc<Mutex<BTreeMap<String, Vec<Registration>>>>,
}

impl IntentRegistry {
    /// Registers a handler; the same name on the same intent replaces the one before.
    pub fn register(&self, registration: Registration) {
        let mut by_intent = lock(&self.by_intent);
        let handlers = by_intent.entry(registration.intent_type.clone()).or_default();
        match handlers.iter_mut().find(|known| known.handler_name == registration.handler_name) {
            Some(known) => *known = registration,
            None => handlers.push(registration),
        }
    }

    /// Registers a function under a name, without schema or metadata.
    pub fn register_intent(
        &self,
        intent_type: &str,
        handler_name: &str,
        handler: impl Handler + 'static,
    ) {
        self.register(Registration {
            intent_type: intent_type.to_owned(),
            handler_name: handler_name.to_owned(),
            function: Some(Arc::new(handler)),
            parameters: None,
            metadata: Value::Null,
        });
    }

    /// Takes a handler away; tells whether it was there.
    pub fn unregister(&self, intent_type: &str, handler_name: &str) -> bool {
        let mut by_intent = lock(&self.by_intent);
        let Some(handlers) = by_intent.get_mut(intent_type) else { return false };
        let before = handlers.len();
        handlers.retain(|known| known.handler_name != handler_name);
        let gone = handlers.len() < before;
        if handlers.is_empty() {
            by_intent.remove(intent_type);
        }
        gone
    }

    /// Everything registered: intent types with their handlers' names.
    #[must_use]
    pub fn list(&self) -> Vec<(String, Vec<String>)> {
        let by_intent = lock(&self.by_intent);
        by_intent
            .iter()
            .map(|(intent, handlers)| {
                (intent.clone(), handlers.iter().map(|known| known.handler_name.clone()).collect())
            })
            .collect()
    }

    /// The handler that is to serve an intent: the first registered whose kind is available.
    ///
    /// # Errors
    /// `unknown-name`, listing what exists, or `invalid-argument` when the parameters do not fit.
    pub fn choose(&self, intent_type: &str, parameters: &Value) -> Result<Registration, Error> {
        let chosen = lock(&self.by_intent)
            .get(intent_type)
            .and_then(|handlers| handlers.iter().find(|known| known.function.is_some()).cloned());
        let chosen = chosen.ok_or_else(|| self.unknown(intent_type))?;
        if let Some(schema) = &chosen.parameters {
            fits(intent_type, schema, parameters)?;
        }
        Ok(chosen)
    }

    /// Whether a handler of this node serves the intent.
    #[must_use]
    pub fn serves(&self, intent_type: &str) -> bool {
        let by_intent = lock(&self.by_intent);
        let handlers = by_intent.get(intent_type);
        handlers.is_some_and(|known| known.iter().any(|one| one.function.is_some()))
    }

    /// The handler a run was given when it was submitted.
    #[must_use]
    pub fn named(&self, intent_type: &str, handler_name: &str) -> Option<Arc<dyn Handler>> {
        let by_intent = lock(&self.by_intent);
        let known =
            by_intent.get(intent_type)?.iter().find(|known| known.handler_name == handler_name)?;
        known.function.clone()
    }

    fn unknown(&self, intent_type: &str) -> Error {
        let known: Vec<String> =
            self.list().into_iter().map(|(intent, _)| format!("`{intent}`")).collect();
        let has = if known.is_empty() { "no handlers".to_owned() } else { known.join(", ") };
        Error::new(
            Code::UnknownName,
            format!("no handler for intent `{intent_type}`; this server has: {has}"),
        )
        .about(intent_type)
    }
}

fn fits(intent_type: &str, schema: &Value, parameters: &Value) -> Result<(), Error> {
    let bad = |why: String| {
        Error::new(Code::InvalidArgument, format!("parameters of `{intent_type}`: {why}"))
            .about(intent_type)
    };
    let validator = jsonschema::validator_for(schema).map_err(|why| bad(why.to_string()))?;
    validator.validate(parameters).map_err(|why| bad(why.to_string()))
}
