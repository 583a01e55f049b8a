//! What is to be done with the calls of a turn: pure, from the agent and the model's words alone.
//!
//! Nothing here runs, waits or asks; the same turn always gets the same verdicts.

use crate::build::{Agent, BuiltTool};
use crate::tool::ToolSpec;
use serde_json::{Value, json};
use tenure_contract::agent::{Confirm, ToolCallAsked};
use tenure_contract::event::{CallNoted, CallVerdict};
use tenure_contract::limits::CALL_TIMEOUT_DEFAULT_MS;
use tenure_contract::words::{CallRefusal, RecoveryClass};
use tenure_contract::{Digest, RunId, TenantId};

/// Longest label of an action, characters.
const LABEL_MAX_CHARS: usize = 200;

/// Assesses the calls of one turn, in the model's order.
///
/// A call id that stood earlier in the turn is refused whatever became of the first (`T13`). A
/// question needs somebody to answer it just as an action needs somebody to approve it; whether
/// there is somebody is known where the tenant's policy is (`APR-2`).
#[must_use]
pub fn assess(
    agent: &Agent,
    calls: &[ToolCallAsked],
    tenant: TenantId,
    run: RunId,
) -> Vec<CallNoted> {
    let assessed = |(place, call): (usize, &ToolCallAsked)| {
        let built = agent.tool(&call.name);
        let read = built.map(|built| (built, built.parameters().read(&call.arguments)));
        let (action, verdict) = match &read {
            Some((built, Ok(arguments))) => {
                (action_digest(built, arguments, tenant, run), verdict(built, arguments))
            }
            Some((_, Err(bad))) => (Digest::ZERO, refuse(bad.why)),
            None => (Digest::ZERO, refuse(CallRefusal::UnknownTool)),
        };
        let repeated = calls[..place].iter().any(|earlier| earlier.id == call.id);
        let verdict = if repeated { refuse(CallRefusal::DuplicateCallId) } else { verdict };
        let spec = built.map(BuiltTool::spec);
        CallNoted {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            action,
            verdict,
            class: spec.map_or(RecoveryClass::Once, |spec| spec.class),
            timeout_ms: spec.map_or(CALL_TIMEOUT_DEFAULT_MS, |spec| spec.timeout_ms),
            has_lookup: spec.is_some_and(|spec| spec.has_lookup),
        }
    };
    calls.iter().enumerate().map(assessed).collect()
}

fn refuse(why: CallRefusal) -> CallVerdict {
    CallVerdict::Refuse { why }
}

/// What the agent's definition says of one call with arguments that fit the tool's schema.
#[must_use]
pub fn verdict(built: &BuiltTool, arguments: &Value) -> CallVerdict {
    let spec = built.spec();
    let asks = spec.asks_human;
    let confirm = spec.confirm.as_ref().filter(|rule| applies(rule, arguments));
    match confirm {
        _ if !spec.executable && !asks => refuse(CallRefusal::NotExecutable),
        None if !asks => CallVerdict::Permit,
        _ if asks => CallVerdict::AskHuman { label: question(spec, arguments) },
        Some(rule) => CallVerdict::Ask {
            risk: rule.risk,
            label: label(spec, arguments),
            approvers: Vec::new(),
            needs_reason: false,
        },
        None => CallVerdict::Permit,
    }
}

/// Whether a rule asks for a decision on these arguments. An amount that is not there or is not a
/// number cannot be shown to be small, so it asks.
fn applies(rule: &Confirm, arguments: &Value) -> bool {
    match (&rule.field, rule.above) {
        (Some(field), Some(above)) => {
            !arguments.get(field).and_then(Value::as_f64).is_some_and(|amount| amount <= above)
        }
        _ => true,
    }
}

/// The exact action a call asks for, as canonical JSON (RFC 8785) of
/// `{arguments, run, schemaVersion, tenant, tool}`. An approval shows this text and is bound to
/// its SHA-256 (`APR-3`).
#[must_use]
pub fn action_json(built: &BuiltTool, arguments: &Value, tenant: TenantId, run: RunId) -> String {
    crate::canonical(&json!({
        "tool": built.spec().name,
        "schemaVersion": built.schema_version(),
        "arguments": arguments,
        "tenant": tenant,
        "run": run,
    }))
}

/// The digest of [`action_json`].
#[must_use]
pub fn action_digest(built: &BuiltTool, arguments: &Value, tenant: TenantId, run: RunId) -> Digest {
    Digest::of(&[action_json(built, arguments, tenant, run).as_bytes()])
}

/// What a person reads about an action: the tool and its canonical arguments, cut.
#[must_use]
pub fn label(spec: &ToolSpec, arguments: &Value) -> String {
    line(&spec.name, arguments)
}

/// The same of anything that has a name.
#[must_use]
pub fn line(name: &str, arguments: &Value) -> String {
    cut(&format!("{name} {}", crate::canonical(arguments)))
}

fn question(spec: &ToolSpec, arguments: &Value) -> String {
    let asked = arguments.get("question").and_then(Value::as_str);
    asked.map_or_else(|| label(spec, arguments), cut)
}

/// One line of at most [`LABEL_MAX_CHARS`] that shows what is there: letters that break lines or
/// turn the direction of writing are written out, so that no label reads as another one.
fn cut(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.trim().chars() {
        let hides = letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match letter {
            '\n' | '\t' => shown.push(' '),
            _ if hides => shown.extend(letter.escape_unicode()),
            _ => shown.push(letter),
        }
    }
    if shown.chars().count() <= LABEL_MAX_CHARS {
        return shown;
    }
    let mut kept: String = shown.chars().take(LABEL_MAX_CHARS - 1).collect();
    kept.push('…');
    kept
}

/// What the model is told about a refused call, and what it may do instead.
///
/// ```
/// use tenure_agent::refusal_text;
/// use tenure_contract::words::CallRefusal;
/// let told = refusal_text(CallRefusal::UnknownTool, "refnd", &["refund"]);
/// assert_eq!(told, "there is no tool `refnd`; the tools are `refund`");
/// ```
#[must_use]
pub fn refusal_text(why: CallRefusal, tool: &str, known: &[&str]) -> String {
    let tool = cut(tool);
    match why {
        CallRefusal::UnknownTool if known.is_empty() => {
            format!("there is no tool `{tool}`; no tools are offered, answer in text")
        }
        CallRefusal::UnknownTool => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("there is no tool `{tool}`; the tools are {}", known.join(", "))
        }
        CallRefusal::MalformedArguments => format!(
            "`{tool}` was not executed: its arguments are not JSON; call it again with one JSON \
             object"
        ),
        CallRefusal::InvalidArguments => format!(
            "`{tool}` was not executed: its arguments do not fit its schema; correct them and call \
             it again"
        ),
        CallRefusal::DeniedByPolicy => {
            format!("`{tool}` was not executed: policy denies this call; go on without it")
        }
        CallRefusal::NoApprover => format!(
            "`{tool}` was not executed: it needs a person's decision and nobody may give one; go \
             on without it"
        ),
        CallRefusal::Denied => format!(
            "`{tool}` was not executed: a person denied exactly this call; do not repeat it \
             unchanged"
        ),
        CallRefusal::ApprovalExpired => {
            format!("`{tool}` was not executed: nobody decided in time; go on without it")
        }
        CallRefusal::DuplicateCallId => format!(
            "this call of `{tool}` was not executed: its id stood earlier in the same turn; call \
             it again with an id of its own if it is meant"
        ),
        CallRefusal::ApprovalsFull => format!(
            "`{tool}` was not executed: it needs a decision, and as many are open in this session as \
             may be; call it again once some are decided, or go on without it"
        ),
        CallRefusal::NotExecutable => {
            format!("`{tool}` is declared only and cannot be executed; go on without it")
        }
    }
}

impl Agent {
    /// What the model is told about one of its calls that was refused: [`refusal_text`] and, for
    /// arguments, what exactly is wrong with them.
    #[must_use]
    pub fn refusal(&self, why: CallRefusal, call: &ToolCallAsked) -> String {
        let told = refusal_text(why, &call.name, &self.tool_names());
        let is_about_arguments =
            matches!(why, CallRefusal::MalformedArguments | CallRefusal::InvalidArguments);
        let found = self.tool(&call.name).map(|built| built.parameters().read(&call.arguments));
        match found {
            Some(Err(bad)) if is_about_arguments => format!("{told} ({bad})"),
            _ => told,
        }
    }
}

#[cfg(test)]
mod tests;
