//! The OpenAPI 3.1 document: collected from the routes, then completed with what is the same for
//! all of them, so that no route can forget it.

mod texts;

use super::caller::{SURFACE_HEADER, TENANT_HEADER};
use super::problem::{PROBLEM_TYPE, Problem};
use super::route::Routes;
use super::scope;
use super::{guarded, open};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tenure_contract::live::{ToolProgress, TurnDelta, TurnRestarted};
use tenure_contract::words::Surface;
use tenure_contract::{TenantId, limits};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

const ABOUT: &str = "A durable runtime for agents. Everything under `/v1` is camelCase, everything \
    under `/api` snake_case. Whatever is refused is answered with a problem (RFC 9457) whose `code` \
    is from a closed list; `retry` says whether asking again can help. Ids of another tenant look \
    like ids of nothing.";

/// The document of every route, as it is served at `/openapi.json` and frozen in `docs/openapi`.
#[must_use]
pub fn openapi() -> Value {
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into_owned(), Problem::schema()));
    // what an event stream tells between entries: no answer names it
    schemas.push((TurnDelta::name().into_owned(), TurnDelta::schema()));
    schemas.push((TurnRestarted::name().into_owned(), TurnRestarted::schema()));
    schemas.push((ToolProgress::name().into_owned(), ToolProgress::schema()));
    let components = ComponentsBuilder::new().schemas_from_iter(schemas).build();
    let info = InfoBuilder::new().title("Tenure").version("v1").description(Some(ABOUT)).build();
    let document: OpenApi = OpenApiBuilder::new().info(info).components(Some(components)).build();
    let (_, document) = Routes::described(document).with(guarded).with(open).into_parts();
    // texts, numbers and maps with text keys only: it can always be written
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({ "key": {
        "type": "http", "scheme": "bearer",
        "description": "An API key, `tnr_…`, or a token of an issuer the server trusts. Without either, callers on the same machine need none.",
    } });
    texts::write(&mut document);
    for (path, operations) in object(&mut document["paths"]) {
        for (method, operation) in object(operations) {
            complete(path, method, operation);
        }
    }
    document
}

/// Adds to an operation what its kind has in common with others: who may, and what may go wrong.
fn complete(path: &str, method: &str, operation: &mut Value) {
    for parameter in parameters(operation) {
        // a parameter is there or not; it is never null
        if let Some(Value::Array(kinds)) = parameter.pointer_mut("/schema/type") {
            kinds.retain(|kind| kind != "null");
        }
        if parameter["name"] == "Idempotency-Key" {
            parameter["schema"]["minLength"] = json!(1);
            parameter["schema"]["maxLength"] = json!(limits::IDEMPOTENCY_KEY_MAX_CHARS);
        }
    }
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap_or_default();
    if let Some(scope) = scope::of(&method, path) {
        operation["security"] = json!([{ "key": [] }, {}]);
        operation["x-scope"] = json!(scope.as_str());
        parameters(operation).extend([surface_header(), tenant_header()]);
        for status in refusals(path, &method, operation) {
            operation["responses"][status.as_str()] = problem(status);
        }
    }
    operation["responses"]["default"] = json!({
        "description": "Any other refusal", "content": problem_content(),
    });
}

/// The statuses an operation may be refused with.
fn refusals(path: &str, method: &Method, operation: &Value) -> Vec<StatusCode> {
    let mut statuses = vec![
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let names = operation["parameters"].to_string().contains("\"in\":\"query\"");
    if path.contains('{') || names || operation.get("requestBody").is_some() {
        statuses.push(StatusCode::NOT_FOUND);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY]);
    }
    if *method != Method::GET {
        statuses.extend([
            StatusCode::CONFLICT,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::INSUFFICIENT_STORAGE,
        ]);
    }
    statuses
}

fn problem(status: StatusCode) -> Value {
    json!({ "description": status.canonical_reason(), "content": problem_content() })
}

fn problem_content() -> Value {
    json!({ PROBLEM_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } })
}

fn surface_header() -> Value {
    let words: Vec<&str> = Surface::ALL.iter().map(|word| word.as_str()).collect();
    json!({
        "name": SURFACE_HEADER, "in": "header", "required": false,
        "description": "Where the caller is; `product-api` when nothing is said",
        "schema": { "type": "string", "enum": words },
    })
}

fn tenant_header() -> Value {
    json!({
        "name": TENANT_HEADER, "in": "header", "required": false,
        "description": "The tenant to act in, for a caller that may act in several",
        // written out: not every tool follows a reference from a parameter
        "schema": <TenantId as utoipa::PartialSchema>::schema(),
    })
}

fn parameters(operation: &mut Value) -> &mut Vec<Value> {
    let known = &mut operation["parameters"];
    if !known.is_array() {
        *known = json!([]);
    }
    match known {
        Value::Array(list) => list,
        _ => unreachable!("it was made an array above"),
    }
}

fn object(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}
