//! What a text, a number or a list must be for the server not to refuse it, as the document says it.
//!
//! The limits are the contract's own constants, which the checks read as well; the rows only say which
//! of them holds where. `scripts/fuzz-http.sh` holds the server to every row, from both sides.

use serde_json::{Map, Value, json};
use tenure_contract::limits;
use tenure_contract::words::{ExecutionTarget, LegacyKind, PrincipalKind, Scope, Surface};

/// A rule of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Name,
    Title,
    Priority,
    TodoText,
    Reason,
    /// A reason that must be given.
    Why,
    IdempotencyKey,
    Reference,
    MemoryRef,
    Principal,
    Scope,
    Secret,
    SecretName,
    PublicKey,
    Target,
    /// What a list is narrowed to.
    ListedTarget,
    /// The id of a workspace, or `null` for those without one.
    WorkspaceOrNone,
    /// A surface something may come from.
    Origin,
    Token,
    LeaseMs,
    WaitMs,
    AtLeastOne,
    MaxSteps,
    Temperature,
    SilenceMs,
    /// A row of a store without owners, as `kind:id`.
    LegacyRow,
    /// A place of a session's stream.
    EventId,
    /// A place of a tenant's stream.
    FeedId,
}

/// Schema, property and its rule. A rule of a list is one of its items.
const ROWS: &[(&str, &str, Rule)] = &[
    ("AddScheduleEntry", "priority", Rule::Name),
    ("AgentDefinition", "approvers", Rule::Principal),
    ("AgentDefinition", "budget_steps", Rule::AtLeastOne),
    ("AgentDefinition", "max_steps", Rule::MaxSteps),
    ("AgentDefinition", "name", Rule::Name),
    ("AgentRequest", "maxSteps", Rule::AtLeastOne),
    ("AgentRequest", "name", Rule::Name),
    ("AssignRow", "reason", Rule::Why),
    ("AssignRow", "userId", Rule::Name),
    ("CancelDispatch", "reason", Rule::Reason),
    ("CancelRun", "reason", Rule::Reason),
    ("CancelSchedule", "reason", Rule::Reason),
    ("ChangePrincipal", "scopes", Rule::Scope),
    ("ChangeSchedule", "title", Rule::Title),
    ("ChangeSession", "memoryRefs", Rule::MemoryRef),
    ("ChangeSession", "title", Rule::Title),
    ("ChangeTask", "priority", Rule::Priority),
    ("ChangeTask", "title", Rule::Title),
    ("ChangeTodo", "text", Rule::TodoText),
    ("ClaimDispatch", "leaseMs", Rule::LeaseMs),
    ("ClaimDispatch", "waitMs", Rule::WaitMs),
    ("ClaimSession", "agent", Rule::Name),
    ("ClaimSession", "externalId", Rule::Name),
    ("CloseHandoff", "reason", Rule::Reason),
    ("CreateDispatch", "approvers", Rule::Principal),
    ("CreateDispatch", "executionTarget", Rule::Target),
    ("CreateDispatch", "idempotencyKey", Rule::IdempotencyKey),
    ("CreateDispatch", "priority", Rule::Name),
    ("CreateDispatch", "productId", Rule::Name),
    ("CreateDispatch", "userId", Rule::Name),
    ("CreateKey", "principal", Rule::Principal),
    ("CreateKey", "productId", Rule::Name),
    ("CreateKey", "scopes", Rule::Scope),
    ("CreatePrincipal", "name", Rule::Name),
    ("CreatePrincipal", "scopes", Rule::Scope),
    ("CreateProject", "name", Rule::Name),
    ("CreateSchedule", "approvers", Rule::Principal),
    ("CreateSchedule", "executionTarget", Rule::Target),
    ("CreateSchedule", "priority", Rule::Name),
    ("CreateSchedule", "productId", Rule::Name),
    ("CreateSchedule", "title", Rule::Title),
    ("CreateSchedule", "userId", Rule::Name),
    ("CreateTask", "priority", Rule::Priority),
    ("CreateTask", "title", Rule::Title),
    ("CreateTenant", "name", Rule::Name),
    ("CreateTodo", "text", Rule::TodoText),
    ("CreateWorkspace", "baseCommit", Rule::Reference),
    ("CreateWorkspace", "ref", Rule::Reference),
    ("DecideApproval", "reason", Rule::Reason),
    ("DiscardRow", "reason", Rule::Why),
    ("DispatchContext", "originProductId", Rule::Name),
    ("DispatchContext", "originSurface", Rule::Origin),
    ("DispatchWork", "agent", Rule::Name),
    ("DispatchWork", "intentType", Rule::Name),
    ("DispatchWork", "name", Rule::Name),
    ("DispatchWork", "solutionId", Rule::Name),
    ("DispatchWork", "title", Rule::Title),
    ("EndSession", "reason", Rule::Reason),
    ("FailDispatch", "message", Rule::Reason),
    ("HandApproval", "audience", Rule::Name),
    ("HandoffTo", "principal", Rule::Principal),
    ("HandoffTo", "product", Rule::Name),
    ("IntentRequest", "solutionId", Rule::Name),
    ("IntentRequest", "type", Rule::Name),
    ("MapUser", "reason", Rule::Reason),
    ("MapUser", "userId", Rule::Name),
    ("ModelChoice", "max_tokens", Rule::AtLeastOne),
    ("ModelChoice", "silence_ms", Rule::SilenceMs),
    ("ModelChoice", "temperature", Rule::Temperature),
    ("OfferHandoff", "reason", Rule::Reason),
    ("OfferHandoff", "refs", Rule::MemoryRef),
    ("OfferTransfer", "reason", Rule::Reason),
    ("OpenSession", "approvers", Rule::Principal),
    ("OpenSession", "executionTarget", Rule::Target),
    ("OpenSession", "memoryRefs", Rule::MemoryRef),
    ("OpenSession", "productId", Rule::Name),
    ("OpenSession", "title", Rule::Title),
    ("OpenSession", "userId", Rule::Name),
    ("PolicyQuestion", "principal", Rule::Principal),
    ("RegisterAppKey", "productId", Rule::Name),
    ("RegisterAppKey", "publicKey", Rule::PublicKey),
    ("RegisterExecutor", "name", Rule::Name),
    ("RegisterExecutor", "principal", Rule::Principal),
    ("RegisterExecutor", "userId", Rule::Name),
    ("ResolveStep", "reason", Rule::Reason),
    ("ResumeSession", "idempotencyKey", Rule::IdempotencyKey),
    ("ReturnDecision", "decision", Rule::Token),
    ("SetSecret", "value", Rule::Secret),
    ("SubmitIntent", "idempotency_key", Rule::IdempotencyKey),
    ("SubmitIntent", "intent_type", Rule::Name),
    ("SubmitIntent", "solution_id", Rule::Name),
    ("SubmitRun", "budgetSteps", Rule::AtLeastOne),
    ("SubmitRun", "idempotencyKey", Rule::IdempotencyKey),
];

/// Operation, parameter and its rule.
const PARAMETERS: &[(&str, &str, Rule)] = &[
    ("assignMigrationRow", "row", Rule::LegacyRow),
    ("beginMigration", "source", Rule::Name),
    ("changeMigrationRow", "row", Rule::LegacyRow),
    ("discardMigrationRow", "row", Rule::LegacyRow),
    ("followSession", "Last-Event-ID", Rule::EventId),
    ("followTenant", "Last-Event-ID", Rule::FeedId),
    ("followTenant", "after", Rule::FeedId),
    ("followTenant", "product", Rule::Name),
    ("getMigrationRow", "row", Rule::LegacyRow),
    ("listSessions", "executionTarget", Rule::ListedTarget),
    ("listSessions", "workspaceId", Rule::WorkspaceOrNone),
    ("setSecret", "secretName", Rule::SecretName),
    ("deleteSecret", "secretName", Rule::SecretName),
];

/// What refuses fields it does not know although its type does not tell utoipa so: the alternatives
/// of a union, and what the core reads itself.
const CLOSED: &[&str] = &["DispatchContext", "DispatchWork"];

/// Writes every rule into the document.
pub(super) fn write(document: &mut Value) {
    for name in CLOSED {
        let schema = &mut document["components"]["schemas"][name];
        match schema.get_mut("oneOf").and_then(Value::as_array_mut) {
            Some(alternatives) => alternatives.iter_mut().for_each(close),
            None => close(schema),
        }
    }
    for (schema, property, rule) in ROWS {
        properties(&mut document["components"]["schemas"][schema], property, &mut |value| {
            apply(*rule, value);
        });
    }
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let id = operation["operationId"].clone();
        let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
        for parameter in parameters {
            let row =
                PARAMETERS.iter().find(|(of, name, _)| id == *of && parameter["name"] == *name);
            if let Some((_, _, rule)) = row {
                apply(*rule, &mut parameter["schema"]);
            }
        }
    }
}

fn close(schema: &mut Value) {
    schema["additionalProperties"] = json!(false);
}

/// Every property of that name in a schema, in its alternatives too.
fn properties(schema: &mut Value, name: &str, change: &mut dyn FnMut(&mut Value)) {
    if let Some(found) = schema.pointer_mut("/properties").and_then(|known| known.get_mut(name)) {
        change(found);
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for alternative in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            properties(alternative, name, change);
        }
    }
}

fn apply(rule: Rule, schema: &mut Value) {
    if rule == Rule::MemoryRef {
        schema["uniqueItems"] = json!(true);
    }
    let schema = if schema.get("items").is_some() { &mut schema["items"] } else { schema };
    let (Some(schema), Value::Object(keywords)) = (schema.as_object_mut(), keywords(rule)) else {
        return;
    };
    schema.extend(keywords);
}

fn keywords(rule: Rule) -> Value {
    let name = limits::NAME_MAX_CHARS;
    match rule {
        Rule::Name => json!({ "minLength": 1, "maxLength": name }),
        // not all blank
        Rule::Title => {
            json!({ "minLength": 1, "maxLength": limits::TITLE_MAX_CHARS, "pattern": r"\S" })
        }
        Rule::TodoText => {
            json!({ "minLength": 1, "maxLength": limits::TODO_TEXT_MAX_CHARS, "pattern": r"\S" })
        }
        Rule::Priority => json!({ "maxLength": limits::TITLE_MAX_CHARS }),
        Rule::Reason => json!({ "maxLength": limits::REASON_MAX_CHARS }),
        Rule::Why => {
            json!({ "minLength": 1, "maxLength": limits::REASON_MAX_CHARS, "pattern": r"\S" })
        }
        Rule::IdempotencyKey => {
            json!({ "minLength": 1, "maxLength": limits::IDEMPOTENCY_KEY_MAX_CHARS })
        }
        Rule::Reference => json!({ "minLength": 1, "maxLength": limits::REF_MAX_CHARS }),
        Rule::MemoryRef => json!({
            "maxLength": limits::MEMORY_REF_MAX_CHARS,
            "pattern": "^[a-z][a-z0-9_-]*:[!-?A-~]+(@[!-?A-~]+)?$",
        }),
        Rule::Principal => json!({ "maxLength": name, "pattern": principal() }),
        Rule::Scope => json!({ "pattern": scope() }),
        Rule::Secret => json!({
            "minLength": limits::SECRET_MIN_CHARS, "maxLength": limits::SECRET_MAX_CHARS,
            // visible ASCII without quotes and backslashes
            "pattern": r"^[!#-\[\]-~]+$",
        }),
        Rule::SecretName => json!({ "maxLength": name, "pattern": "^[A-Za-z0-9_-]+$" }),
        Rule::PublicKey => json!({ "pattern": "^[0-9a-f]{64}$" }),
        Rule::Target => json!({ "enum": targets() }),
        Rule::ListedTarget => json!({ "enum": targets().get(..ExecutionTarget::ALL.len()) }),
        Rule::Origin => json!({ "enum": origins() }),
        Rule::WorkspaceOrNone => json!({ "pattern": "^(null|wsp_[0-7][0-9a-hjkmnp-tv-z]{25})$" }),
        Rule::Token => json!({
            "maxLength": limits::TOKEN_MAX_BYTES,
            "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
        }),
        Rule::LeaseMs => json!({
            "minimum": limits::EXECUTOR_LEASE_MIN_MS, "maximum": limits::EXECUTOR_LEASE_MAX_MS,
        }),
        Rule::WaitMs => json!({ "maximum": limits::CLAIM_WAIT_MAX_MS }),
        Rule::AtLeastOne => json!({ "minimum": 1 }),
        Rule::MaxSteps => json!({ "minimum": 1, "maximum": limits::MAX_STEPS_CEILING }),
        Rule::Temperature => json!({ "minimum": 0, "maximum": 2 }),
        Rule::SilenceMs => json!({ "minimum": 1, "maximum": limits::MODEL_SILENCE_CEILING_MS }),
        Rule::LegacyRow => json!({ "pattern": legacy_row() }),
        Rule::EventId => json!({ "pattern": r"^[0-9]{1,18}(\.[0-9]{1,9}\.[0-9]{1,18})?$" }),
        Rule::FeedId => json!({ "pattern": "^[0-9a-f]{48}$" }),
    }
}

/// `kind:name`, or `kind:*` where a whole kind may be meant.
fn principal() -> String {
    let kinds: Vec<_> = PrincipalKind::ALL.iter().map(|kind| kind.as_str()).collect();
    format!("^({}):[^\\x00-\\x1f]+$", kinds.join("|"))
}

fn legacy_row() -> String {
    let kinds: Vec<_> = LegacyKind::ALL.iter().map(|kind| kind.as_str()).collect();
    format!("^({}):.+$", kinds.join("|"))
}

/// A scope, or a pattern some scope fits.
fn scope() -> String {
    let mut known: Vec<String> = vec![r"\*".to_owned()];
    for (noun, verb) in Scope::ALL.iter().filter_map(|scope| scope.as_str().split_once(':')) {
        known.extend([format!("{noun}:{verb}"), format!(r"{noun}:\*"), format!(r"\*:{verb}")]);
    }
    known.sort();
    known.dedup();
    format!("^({})$", known.join("|"))
}

fn origins() -> Vec<&'static str> {
    let origins = Surface::ALL.iter().filter(|surface| surface.is_origin());
    origins.map(|surface| surface.as_str()).collect()
}

/// What is canonicalised to a target (`TGT-1`).
fn targets() -> Vec<Value> {
    let known = ExecutionTarget::ALL.iter().map(|target| json!(target.as_str()));
    known.chain([json!("default"), json!(""), Value::Null]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_leads_somewhere_and_stands_once() {
        let mut document = super::super::openapi();
        for (at, (schema, property, rule)) in ROWS.iter().enumerate() {
            let mut found = 0;
            properties(&mut document["components"]["schemas"][schema], property, &mut |_| {
                found += 1
            });
            assert!(found > 0, "{schema} has no property {property}");
            let again = ROWS[at + 1..].iter().any(|(of, name, _)| of == schema && name == property);
            assert!(!again, "{schema}.{property} has more rules than {rule:?}");
        }
        for (operation, parameter, _) in PARAMETERS {
            let paths = document["paths"].as_object().unwrap();
            let known =
                paths.values().flat_map(|path| path.as_object().unwrap().values()).any(|one| {
                    let named = one["parameters"].as_array().into_iter().flatten();
                    one["operationId"] == *operation
                        && named.into_iter().any(|one| one["name"] == *parameter)
                });
            assert!(known, "{operation} has no parameter {parameter}");
        }
    }

    #[test]
    fn a_rule_of_a_list_is_one_of_its_items() {
        let mut schema = json!({ "type": "array", "items": { "type": "string" } });
        apply(Rule::Name, &mut schema);
        assert_eq!((&schema["items"]["minLength"], schema.get("minLength")), (&json!(1), None));
    }
}
