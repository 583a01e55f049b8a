//! `http_action`: one kind of request that the agent's author fixed, its parts filled from the
//! call's arguments. The model chooses values, never the host.

mod template;

use crate::secrets::{Masked, Secrets};
use crate::tool::exchange::{Answer, Terms, client, send};
use crate::tool::{BadGrant, Lookup, Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method, Request};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use template::UrlTemplate;
use tenure_contract::StepId;
use tenure_contract::agent::ToolGrant;

/// The argument name that stands for the step's key in a look-up's URL.
const KEY_FIELD: &str = "key";
/// Headers that are the request's own.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "idempotency-key",
];

/// Makes a declared request. Answers the service's JSON, or `{text}`.
///
/// Arguments that do not stand in the URL are the JSON body of POST, PUT and PATCH; GET and DELETE
/// have none. Every attempt carries the step's `Idempotency-Key`.
pub struct HttpAction {
    spec: ToolSpec,
    action: Arc<Action>,
}

struct Action {
    method: Method,
    url: UrlTemplate,
    lookup: Option<UrlTemplate>,
    headers: Vec<(HeaderName, Masked)>,
    terms: Terms,
    /// Made by `init`, shared by the calls, let go by `dispose`.
    client: Mutex<Option<Client>>,
}

impl HttpAction {
    /// The tool as granted.
    ///
    /// # Errors
    /// [`BadGrant`] if the request is missing, its method or a URL is not one, or the URL's fields
    /// and the schema do not fit each other.
    pub fn new(grant: &ToolGrant, secrets: &Arc<dyn Secrets>) -> Result<Self, BadGrant> {
        let http = grant.http.as_ref().ok_or_else(|| {
            BadGrant::new("`http` is missing; expected `{ method, url, lookup_url? }`")
        })?;
        let method = match http.method.as_str() {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => http.method.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| {
            let found = &http.method;
            BadGrant::new(format!(
                "`{found}` is not a method; expected one of GET, POST, PUT, PATCH, DELETE"
            ))
        })?;
        let url = UrlTemplate::parse(&http.url)?;
        let lookup = http.lookup_url.as_deref().map(UrlTemplate::parse).transpose()?;
        let headers = http.headers.iter().map(|(name, value)| header(name, value, secrets));
        let headers = headers.collect::<Result<_, _>>()?;
        let spec = ToolSpec {
            parameters: grant.parameters.clone(),
            has_lookup: lookup.is_some(),
            tags: vec!["network".to_owned()],
            ..ToolSpec::named("http_action", format!("{method} {}", http.url))
        }
        .granted(grant);
        let terms = Terms::of(&spec);
        let action = Action { method, url, lookup, headers, terms, client: Mutex::default() };
        action.check_fields(spec.parameters.as_ref())?;
        Ok(Self { spec, action: Arc::new(action) })
    }
}

impl Tool for HttpAction {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let action = Arc::clone(&self.action);
        Box::pin(async move {
            let request = action.request(&call)?;
            let answer = action.send(request, &call).await?.done(action.terms.class)?;
            Ok(answer.into_value(action.terms.max_bytes))
        })
    }

    fn lookup(&self, call: ToolCall) -> BoxFuture<'static, Lookup> {
        let action = Arc::clone(&self.action);
        Box::pin(async move { action.look_up(&call).await.unwrap_or(Lookup::Unknown) })
    }

    fn init(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        let action = Arc::clone(&self.action);
        Box::pin(async move { action.client().map(drop) })
    }

    fn dispose(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        drop(self.action.held().take());
        Box::pin(async { Ok(()) })
    }
}

impl Action {
    /// A typing mistake must show when the agent is built, not when money is to move.
    fn check_fields(&self, parameters: Option<&Value>) -> Result<(), BadGrant> {
        let declared = parameters.and_then(|schema| schema.get("properties"));
        let is_declared = |field: &str| declared.is_some_and(|known| known.get(field).is_some());
        for field in self.url.fields() {
            if !is_declared(field) {
                return Err(BadGrant::new(format!(
                    "`{{{field}}}` in `url` is not a property of `parameters`"
                )));
            }
        }
        for field in self.lookup.iter().flat_map(UrlTemplate::fields) {
            if field != KEY_FIELD && !is_declared(field) {
                return Err(BadGrant::new(format!(
                    "`{{{field}}}` in `lookup_url` is neither `{{key}}` nor a property of \
                     `parameters`"
                )));
            }
        }
        let homeless = declared.and_then(Value::as_object).and_then(|properties| {
            properties.keys().find(|name| !self.has_body() && !self.url.has(name))
        });
        match homeless {
            Some(name) => Err(BadGrant::new(format!(
                "parameter `{name}` has no place in a {} request; put `{{{name}}}` in its `url`",
                self.method
            ))),
            None => Ok(()),
        }
    }

    fn has_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }

    fn request(&self, call: &ToolCall) -> Result<Request, ToolFailure> {
        let url = self.url.fill(|field| call.arguments.get(field).cloned())?;
        let rest: Map<String, Value> = call
            .arguments
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !self.url.has(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut request = Request::new(self.method.clone(), url);
        sign(&mut request, call.step);
        if self.has_body() {
            attach(&mut request, &Value::Object(rest));
        } else if let Some(name) = rest.keys().next() {
            let message = format!("argument `{name}` has no place in this request; leave it out");
            return Err(ToolFailure::Refused { message });
        }
        Ok(request)
    }

    async fn look_up(&self, call: &ToolCall) -> Result<Lookup, ToolFailure> {
        let Some(template) = &self.lookup else {
            return Ok(Lookup::Unknown);
        };
        let url = template.fill(|field| match field {
            KEY_FIELD => Some(Value::String(call.step.to_string())),
            other => call.arguments.get(other).cloned(),
        })?;
        let answer = self.send(Request::new(Method::GET, url), call).await?;
        Ok(match answer.status.as_u16() {
            200 if !answer.is_empty() => Lookup::Landed(answer.into_value(self.terms.max_bytes)),
            404 => Lookup::Absent,
            _ => Lookup::Unknown,
        })
    }

    /// Puts the grant's headers on a request, as they are known to nobody but the service.
    fn reveal(&self, request: &mut Request) -> Result<Vec<String>, ToolFailure> {
        let mut used = Vec::new();
        for (name, masked) in &self.headers {
            let refused = |message| ToolFailure::Refused { message };
            let value = masked.reveal(&mut used).map_err(refused)?;
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| refused(format!("header `{name}` cannot be sent as it is")))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name.clone(), value);
        }
        Ok(used)
    }

    async fn send(&self, mut request: Request, call: &ToolCall) -> Result<Answer, ToolFailure> {
        let used = self.reveal(&mut request)?;
        let answer = send(&self.client()?, request, self.terms, call).await?;
        Ok(answer.without(&used))
    }

    /// The one client of every call; building an agent opens nothing (`RT1`).
    fn client(&self) -> Result<Client, ToolFailure> {
        let mut held = self.held();
        match &*held {
            Some(made) => Ok(made.clone()),
            None => Ok(held.insert(client(self.terms, None)?).clone()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Client>> {
        // the lock guards one assignment; nothing half-written can be behind it
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A header of the grant; what the request itself sets is not the grant's to say.
fn header(
    name: &str,
    value: &str,
    secrets: &Arc<dyn Secrets>,
) -> Result<(HeaderName, Masked), BadGrant> {
    let named: Option<HeaderName> = name.parse().ok();
    let free = |named: &HeaderName| !RESERVED.contains(&named.as_str());
    let named = named.filter(free).ok_or_else(|| {
        BadGrant::new(format!("`{name}` in `headers` is not a header that can be set"))
    })?;
    let masked = Masked::parse(value, secrets.clone());
    let masked = masked.map_err(|why| BadGrant::new(format!("header `{name}` {why}")))?;
    Ok((named, masked))
}

/// Puts the step's key on a request (`STP-3`).
pub(super) fn sign(request: &mut Request, step: StepId) {
    // an id's text is letters, digits and an underscore, always a valid header
    if let Ok(key) = HeaderValue::from_str(&step.to_string()) {
        request.headers_mut().insert("idempotency-key", key);
    }
}

/// Gives a request its JSON body.
pub(super) fn attach(request: &mut Request, body: &Value) {
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(Body::from(body.to_string()));
}

#[cfg(test)]
mod tests;
