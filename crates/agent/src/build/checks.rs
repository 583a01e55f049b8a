//! The rules a definition must keep, besides its shape.

use super::BuildError;
use crate::tool::Tool;
use crate::tool::validate::is_tool_name;
use std::sync::Arc;
use tenure_contract::agent::{AgentDefinition, Confirm, ToolGrant};
use tenure_contract::limits::{
    MAX_STEPS_CEILING, MODEL_SILENCE_CEILING_MS, NAME_MAX_CHARS, STEP_RESULT_MAX_BYTES,
    TOOL_TAGS_MAX,
};
use tenure_contract::words::PrincipalKind;

/// What delegation's tools begin with (`RT10`).
const DELEGATE_PREFIX: &str = "delegate_";
/// The longest time limit of one call, milliseconds: a day.
const CALL_TIMEOUT_MAX_MS: u64 = 24 * 3600 * 1000;

/// The limits and names of the agent itself.
pub(super) fn definition(definition: &AgentDefinition) -> Result<(), BuildError> {
    let name = &definition.name;
    if name.trim().is_empty() || name.chars().count() > NAME_MAX_CHARS {
        let told = format!("is `{name}`; expected 1 to {NAME_MAX_CHARS} characters");
        return Err(BuildError::field("name", told));
    }
    if let Some(found) = definition.max_steps.filter(|n| !(1..=MAX_STEPS_CEILING).contains(n)) {
        let told = format!("is `{found}`; expected 1 to {MAX_STEPS_CEILING}");
        return Err(BuildError::field("max_steps", told));
    }
    if definition.budget_steps == Some(0) {
        return Err(BuildError::field("budget_steps", "is `0`; expected at least 1"));
    }
    if let Some(found) = definition.model.temperature.filter(|t| !(0.0..=2.0).contains(t)) {
        let told = format!("is `{found}`; expected 0 to 2");
        return Err(BuildError::field("model.temperature", told));
    }
    if definition.model.max_tokens == Some(0) {
        return Err(BuildError::field("model.max_tokens", "is `0`; expected at least 1"));
    }
    let silences = 1..=MODEL_SILENCE_CEILING_MS;
    if let Some(found) = definition.model.silence_ms.filter(|ms| !silences.contains(ms)) {
        let told = format!(
            "is `{found}`; expected 1 to {MODEL_SILENCE_CEILING_MS} (MODEL_SILENCE_CEILING_MS)"
        );
        return Err(BuildError::field("model.silence_ms", told));
    }
    definition.approvers.iter().try_for_each(|approver| self::approver(approver))
}

fn approver(text: &str) -> Result<(), BuildError> {
    let known = |kind: &str| kind.parse::<PrincipalKind>().is_ok();
    match text.split_once(':') {
        Some((kind, name)) if known(kind) && !name.trim().is_empty() => Ok(()),
        _ => Err(BuildError::field(
            "approvers",
            format!("has `{text}`; expected `kind:name`, the kind one of {}", kinds()),
        )),
    }
}

fn kinds() -> String {
    PrincipalKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// The names of the tools, together (`T1`, `RT5`).
pub(super) fn names(tools: &[Arc<dyn Tool>]) -> Result<(), BuildError> {
    for (place, tool) in tools.iter().enumerate() {
        let name = &tool.spec().name;
        if !is_tool_name(name) {
            return Err(BuildError::ToolName { found: name.clone() });
        }
        if name.starts_with(DELEGATE_PREFIX) {
            return Err(BuildError::ReservedName { name: name.clone() });
        }
        if tools[..place].iter().any(|other| other.spec().name == *name) {
            return Err(BuildError::DuplicateTool { name: name.clone() });
        }
    }
    Ok(())
}

/// One grant: its limits, and nothing in it that its built-in would ignore.
pub(super) fn grant(grant: &ToolGrant) -> Result<(), BuildError> {
    let bad = |message: String| {
        let tool = grant.name.clone().unwrap_or_else(|| grant.builtin.clone());
        Err(BuildError::Tool { tool, message })
    };
    if let Some(found) = grant.timeout_ms.filter(|ms| !(1..=CALL_TIMEOUT_MAX_MS).contains(ms)) {
        return bad(format!("`timeout_ms` is `{found}`; expected 1 to {CALL_TIMEOUT_MAX_MS}"));
    }
    let in_bytes = 64..=STEP_RESULT_MAX_BYTES;
    if let Some(found) = grant.max_output_bytes.filter(|bytes| !in_bytes.contains(bytes)) {
        return bad(format!(
            "`max_output_bytes` is `{found}`; expected 64 to {STEP_RESULT_MAX_BYTES}"
        ));
    }
    if grant.tags.len() > TOOL_TAGS_MAX {
        let found = grant.tags.len();
        return bad(format!("`tags` has {found}; the limit TOOL_TAGS_MAX is {TOOL_TAGS_MAX}"));
    }
    let fits = |tag: &&String| !tag.trim().is_empty() && tag.chars().count() <= NAME_MAX_CHARS;
    if let Some(tag) = grant.tags.iter().find(|tag| !fits(tag)) {
        return bad(format!("`tags` has `{tag}`; expected 1 to {NAME_MAX_CHARS} characters"));
    }
    for (given, field, owner) in [
        (grant.parameters.is_some(), "parameters", "http_action"),
        (grant.http.is_some(), "http", "http_action"),
        (!grant.allow.is_empty(), "allow", "http_request"),
    ] {
        if given && grant.builtin != owner {
            return bad(format!("`{field}` is only for `{owner}`, not for `{}`", grant.builtin));
        }
    }
    match grant.confirm.as_ref().and_then(|rule| confirm(rule, grant)) {
        Some(message) => bad(message),
        None => Ok(()),
    }
}

/// What is wrong with a confirmation rule: one that can never hold must not look like a guard.
fn confirm(rule: &Confirm, grant: &ToolGrant) -> Option<String> {
    match (&rule.field, rule.above) {
        (None, None) => None,
        (Some(_), Some(above)) if above.is_nan() => {
            Some("`confirm.above` is not a number".to_owned())
        }
        (Some(field), Some(_)) => {
            let declared = grant.parameters.as_ref()?.get("properties")?.as_object()?;
            (!declared.contains_key(field)).then(|| {
                let known = declared.keys().cloned().collect::<Vec<_>>().join(", ");
                format!("`confirm.field` is `{field}`; expected one of {known}")
            })
        }
        _ => Some("`confirm.field` and `confirm.above` go together; give both or none".to_owned()),
    }
}
