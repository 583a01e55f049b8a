//! The server's own OpenAPI document: which routes it lists, and the smallest body each takes.

use crate::case::{Outcome, skipped};
use crate::client::Client;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Deeper than any schema of a request nests.
const DEPTH_MAX: usize = 12;

/// Which members of an object are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    Required,
    All,
}

/// What a server says it offers.
pub(crate) struct Document {
    value: Value,
}

/// One route of it.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub method: Method,
    pub path: String,
    /// The schema of a JSON body, if it takes one.
    body: Option<Value>,
    /// The scope it asks for.
    scope: Option<String>,
}

impl Operation {
    /// Whether it is the server's operator's alone: no tenant's key gets as far as looking for anything.
    pub fn is_operators(&self) -> bool {
        self.scope.as_deref() == Some("tenants:admin")
    }

    /// The names in braces, in order.
    pub fn parameters(&self) -> Vec<&str> {
        self.path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect()
    }
}

impl Document {
    /// Reads it; a server without one skips the case.
    pub async fn read(client: &Client) -> Outcome<Self> {
        let answer = client.get("/openapi.json").await?;
        let value = answer.json();
        if answer.status != 200 || !value["paths"].is_object() {
            return skipped(format!("`/openapi.json` is no OpenAPI document: {}", answer.shown()));
        }
        Ok(Self { value })
    }

    /// Every route under `/v1` and `/api`.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        let paths = self.value["paths"].as_object().into_iter().flatten();
        for (path, verbs) in
            paths.filter(|(path, _)| path.starts_with("/v1/") || path.starts_with("/api/"))
        {
            for (verb, operation) in verbs.as_object().into_iter().flatten() {
                let Ok(method) = Method::from_bytes(verb.to_ascii_uppercase().as_bytes()) else {
                    continue;
                };
                let body =
                    operation.pointer("/requestBody/content/application~1json/schema").cloned();
                let scope = operation["x-scope"].as_str().map(str::to_owned);
                operations.push(Operation { method, path: path.clone(), body, scope });
            }
        }
        operations
    }

    /// The smallest and the fullest body a route takes, as bytes; one none for a route without.
    pub fn bodies(&self, operation: &Operation) -> Vec<Option<Vec<u8>>> {
        let Some(schema) = &operation.body else { return vec![None] };
        let written = |fill| Some(self.value_of(schema, fill, 0).to_string().into_bytes());
        vec![written(Fill::Required), written(Fill::All)]
    }

    fn followed<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let place = schema["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
        match place.and_then(|place| self.value.pointer(place)) {
            Some(found) => self.followed(found),
            None => schema,
        }
    }

    fn value_of(&self, schema: &Value, fill: Fill, depth: usize) -> Value {
        let schema = self.followed(schema);
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(word) = schema["enum"].get(0) {
            return word.clone();
        }
        for several in ["oneOf", "anyOf", "allOf"] {
            if let Some(first) = schema[several].get(0) {
                return self.value_of(first, fill, depth + 1);
            }
        }
        let kind =
            schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
        match kind {
            "string" => json!(example(schema)),
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
            "boolean" => json!(true),
            "array" => json!([]),
            _ => self.object(schema, fill, depth),
        }
    }

    fn object(&self, schema: &Value, fill: Fill, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten();
        let required: Vec<&str> = required.filter_map(Value::as_str).collect();
        let members = schema["properties"].as_object().into_iter().flatten();
        let members =
            members.filter(|(name, _)| fill == Fill::All || required.contains(&name.as_str()));
        let member = |(name, schema): (&String, &Value)| {
            (name.clone(), self.value_of(schema, fill, depth + 1))
        };
        Value::Object(members.map(member).collect::<Map<_, _>>())
    }
}

/// A text that fits: an id of nothing where the pattern is an id's.
fn example(schema: &Value) -> String {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    let prefix =
        pattern.strip_prefix('^').and_then(|rest| rest.split_once("_[")).map(|(prefix, _)| prefix);
    match (prefix, schema["format"].as_str()) {
        (Some(prefix), _) => nobody(prefix),
        (None, _) if pattern.starts_with("^sha256:") => format!("sha256:{}", "0".repeat(64)),
        (None, Some("date-time")) => "2026-01-01T00:00:00Z".to_owned(),
        (None, _) => "user:kit".to_owned(),
    }
}

/// A well-formed id of that prefix that is nobody's.
pub(crate) fn nobody(prefix: &str) -> String {
    let letters: String = (0..25)
        .map(|_| char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[rand::random_range(0..32)]))
        .collect();
    format!("{prefix}_0{letters}")
}
