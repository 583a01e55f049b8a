//! From a text to a policy: parsed, validated against the schema, its annotations understood.

use super::{Rules, SCHEMA, Terms};
use cedar_policy::{
    ActionConstraint, Effect, Policy as Rule, PolicySet, PrincipalConstraint, ResourceConstraint,
    Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use std::fmt;
use std::sync::OnceLock;
use tenure_contract::limits::{POLICY_ANNOTATION_MAX_CHARS, POLICY_TEXT_MAX_BYTES};
use tenure_contract::words::{PolicyAction, PrincipalKind, RiskLevel};

/// What annotations there are; any other is a slip of the pen that would change what a rule means.
const KNOWN: &[&str] = &["ask", "approvers", "reason", "risk", "id", "description"];

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPolicy {
    /// Everything that is wrong with it, at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it is on, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&told.join("; "))
    }
}

impl std::error::Error for BadPolicy {}

/// The schema, read once.
///
/// # Errors
/// Never, as a test shows; a program with a broken schema denies everything.
pub(super) fn schema() -> Result<&'static Schema, String> {
    static READ: OnceLock<Result<Schema, String>> = OnceLock::new();
    let read = || match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Ok(schema),
        Err(why) => Err(format!("the schema cannot be read: {why}")),
    };
    READ.get_or_init(read).as_ref().map_err(Clone::clone)
}

/// The rules of a text.
///
/// # Errors
/// [`BadPolicy`].
pub(super) fn rules(text: &str) -> Result<Rules, BadPolicy> {
    let alone = |message: String| BadPolicy { problems: vec![Problem { line: None, message }] };
    if text.len() > POLICY_TEXT_MAX_BYTES {
        return Err(alone(format!(
            "the text has {} bytes; the limit POLICY_TEXT_MAX_BYTES is {POLICY_TEXT_MAX_BYTES}",
            text.len()
        )));
    }
    let schema = schema().map_err(alone)?;
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| BadPolicy {
        problems: errors.iter().map(|error| problem(error, text)).collect(),
    })?;
    let mut problems: Vec<Problem> = set
        .templates()
        .map(|one| whole(one.id(), "has a slot; only whole policies are taken"))
        .collect();
    problems.extend(set.policies().flat_map(|rule| annotated(rule, text)));
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    problems.extend(result.validation_errors().map(|error| problem(error, text)));
    // a rule that can never match, or reads as something else, is not what its author meant
    problems.extend(result.validation_warnings().map(|warning| problem(warning, text)));
    if !problems.is_empty() {
        return Err(BadPolicy { problems });
    }
    let every_call = permits_every_call(&set);
    Ok(Rules { set, every_call })
}

fn whole(id: &cedar_policy::PolicyId, what: &str) -> Problem {
    Problem { line: None, message: format!("`{id}` {what}") }
}

fn problem(error: &(impl Diagnostic + ?Sized), text: &str) -> Problem {
    let at = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let mut message = error.to_string();
    if let Some(help) = error.help() {
        message = format!("{message} ({help})");
    }
    Problem { line: at.map(|at| line_at(text, at)), message }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// What is wrong with a rule's annotations.
fn annotated(rule: &Rule, text: &str) -> Vec<Problem> {
    let mut wrong = Vec::new();
    for (key, value) in rule.annotations() {
        if !KNOWN.contains(&key) {
            wrong.push(format!(
                "annotation `@{key}` is not known; expected one of {}",
                KNOWN.join(", ")
            ));
        }
        if value.chars().count() > POLICY_ANNOTATION_MAX_CHARS
            || value.chars().any(char::is_control)
        {
            wrong.push(format!(
                "`@{key}` is one line of at most {POLICY_ANNOTATION_MAX_CHARS} characters \
                 (POLICY_ANNOTATION_MAX_CHARS)"
            ));
        }
    }
    let has_terms =
        ["approvers", "reason", "risk"].iter().any(|key| rule.annotation(key).is_some());
    match (terms(rule), rule.effect()) {
        (None, _) if has_terms => {
            wrong.push("`@approvers`, `@reason` and `@risk` are the terms of an `@ask`".to_owned());
        }
        (Some(_), Effect::Forbid) => {
            wrong.push("a `forbid` asks nobody; `@ask` stands on a `permit`".to_owned())
        }
        (Some(_), Effect::Permit) if !can_wait(rule) => {
            let told = "only a call or a dispatch can wait; `@ask` needs `action == Action::\"call\"` or \
                        `action == Action::\"dispatch\"`";
            wrong.push(told.to_owned());
        }
        (Some(Err(why)), Effect::Permit) => wrong.push(why),
        (None | Some(Ok(_)), _) => {}
    }
    let line = line_of(rule, text);
    wrong.into_iter().map(|message| Problem { line, message }).collect()
}

/// The line a rule begins on: its source stands in the text as it is.
fn line_of(rule: &Rule, text: &str) -> Option<usize> {
    let source = rule.to_cedar()?;
    text.find(source.as_str()).map(|at| line_at(text, at))
}

/// Whether everything the rule permits can wait for a decision: a call in its session, a dispatch in
/// the ledger.
fn can_wait(rule: &Rule) -> bool {
    let waits = |action: &cedar_policy::EntityUid| {
        is_call(action) || action.id().unescaped() == PolicyAction::Dispatch.as_str()
    };
    matches!(rule.action_constraint(), ActionConstraint::Eq(action) if waits(&action))
}

fn is_call(action: &cedar_policy::EntityUid) -> bool {
    action.id().unescaped() == PolicyAction::Call.as_str()
}

/// The terms on which a rule asks; none when it does not ask.
pub(super) fn terms(rule: &Rule) -> Option<Result<Terms, String>> {
    let why = rule.annotation("ask")?;
    let why = if why.is_empty() { "a policy asks" } else { why };
    Some(read_terms(rule, why))
}

fn read_terms(rule: &Rule, why: &str) -> Result<Terms, String> {
    let approvers: Vec<String> = match rule.annotation("approvers") {
        Some(words) => words.split_whitespace().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    if rule.annotation("approvers").is_some() && approvers.is_empty() {
        return Err("`@approvers` names nobody; expected `kind:name` words".to_owned());
    }
    if let Some(bad) = approvers.iter().find(|word| !is_principal(word)) {
        return Err(format!("`@approvers`: `{bad}` is no principal; expected `kind:name`"));
    }
    let needs_reason = match rule.annotation("reason") {
        None => false,
        Some("required") => true,
        Some(other) => return Err(format!("`@reason` is `{other}`; expected `required`")),
    };
    let risk = match rule.annotation("risk") {
        None => None,
        Some(word) => Some(word.parse::<RiskLevel>().map_err(|why| format!("`@risk`: {why}"))?),
    };
    Ok(Terms { why: why.to_owned(), approvers, needs_reason, risk })
}

fn is_principal(word: &str) -> bool {
    let kind = word.split_once(':').filter(|(_, name)| !name.is_empty());
    kind.is_some_and(|(kind, _)| kind.parse::<PrincipalKind>().is_ok())
}

/// True when a call needs no look at the rules: one permits all of them without a condition, and
/// none that may concern a call forbids or asks.
fn permits_every_call(set: &PolicySet) -> bool {
    let concerns = |rule: &&Rule| match rule.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => is_call(&action),
        ActionConstraint::In(actions) => actions.iter().any(is_call),
    };
    let mut some = false;
    for rule in set.policies().filter(concerns) {
        if rule.effect() == Effect::Forbid || rule.annotation("ask").is_some() {
            return false;
        }
        some |= is_unconditional(rule);
    }
    some
}

fn is_unconditional(rule: &Rule) -> bool {
    let everyone = rule.principal_constraint() == PrincipalConstraint::Any
        && rule.resource_constraint() == ResourceConstraint::Any;
    let conditions = rule.to_json().ok().and_then(|json| json.get("conditions").cloned());
    everyone && conditions.is_some_and(|all| all.as_array().is_some_and(Vec::is_empty))
}
