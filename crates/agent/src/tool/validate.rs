//! A call's raw arguments against the tool's schema (`T1` to `T3`): pure, compiled once per agent.
//!
//! Nothing here looks at policy or executes anything. What is refused here never reaches a tool.

use crate::tool::ToolSpec;
use serde_json::{Map, Value};
use tenure_contract::limits::{JSON_DEPTH_MAX, RUN_INPUT_MAX_BYTES};
use tenure_contract::words::CallRefusal;

/// The largest integer that every JSON reader keeps exact, 2^53 (RFC 8785 §3.2.2.3).
const EXACT_INTEGER_MAX: u64 = 1 << 53;
/// Violations told to the model at once.
const VIOLATIONS_TOLD_MAX: usize = 5;
/// Longest message about one violation, characters.
const VIOLATION_MAX_CHARS: usize = 300;

/// Arguments that will not be executed, and what the model is told about them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadArguments {
    /// `malformed-arguments` or `invalid-arguments`.
    pub why: CallRefusal,
    /// What is wrong and what was expected.
    pub message: String,
}

/// A parameter schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadSchema {
    /// What is wrong with it.
    pub message: String,
}

/// Whether a text may be a tool's name: `^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$` (`T1`).
///
/// ```
/// use tenure_agent::tool::validate::is_tool_name;
/// assert!(is_tool_name("read_file") && is_tool_name("_x-9"));
/// assert!(!is_tool_name("9lives") && !is_tool_name("a b") && !is_tool_name(""));
/// ```
#[must_use]
pub fn is_tool_name(text: &str) -> bool {
    let mut letters = text.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    begins
        && text.len() <= 64
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'))
}

/// What a tool takes, compiled.
#[derive(Debug)]
pub struct Parameters {
    validator: Option<jsonschema::Validator>,
}

impl Parameters {
    /// Compiles a tool's schema. References to other documents are refused: what an argument means
    /// must not depend on the network.
    ///
    /// # Errors
    /// [`BadSchema`] if it is not a JSON Schema, or describes something else than an object.
    pub fn compile(spec: &ToolSpec) -> Result<Self, BadSchema> {
        let Some(schema) = &spec.parameters else {
            return Ok(Self { validator: None });
        };
        match schema.get("type") {
            None if schema.is_object() => {}
            Some(Value::String(kind)) if kind == "object" => {}
            _ => {
                let message = format!(
                    "`parameters` of tool `{}` must be a JSON Schema with `type` `object`",
                    spec.name
                );
                return Err(BadSchema { message });
            }
        }
        let validator = jsonschema::options().offline().build(schema).map_err(|error| {
            let message =
                format!("`parameters` of tool `{}` is not a JSON Schema: {error}", spec.name);
            BadSchema { message }
        })?;
        Ok(Self { validator: Some(validator) })
    }

    /// Reads a call's arguments as the model wrote them.
    ///
    /// An empty text stands for no arguments only where the tool takes none; with a schema it is
    /// malformed like any other text that is not JSON, since a lost `{"filter": …}` must never
    /// become `{}` (`FLT-10`).
    ///
    /// # Errors
    /// [`BadArguments`] if they are not a JSON object or do not fit the schema.
    pub fn read(&self, raw: &str) -> Result<Value, BadArguments> {
        if raw.len() > RUN_INPUT_MAX_BYTES {
            let found = raw.len();
            return Err(invalid(format!(
                "the arguments are {found} bytes; at most {RUN_INPUT_MAX_BYTES} are allowed"
            )));
        }
        if raw.trim().is_empty() && self.validator.is_none() {
            return Ok(Value::Object(Map::new()));
        }
        let value: Value = serde_json::from_str(raw).map_err(|error| malformed(&error))?;
        self.check(&value)?;
        Ok(value)
    }

    /// Checks arguments that are JSON already, such as ones an approver edited.
    ///
    /// # Errors
    /// [`BadArguments`] if they are not an object or do not fit the schema.
    pub fn check(&self, arguments: &Value) -> Result<(), BadArguments> {
        let Value::Object(fields) = arguments else {
            return Err(invalid("the arguments must be a JSON object".to_owned()));
        };
        exact(arguments, 0)?;
        match &self.validator {
            None if fields.is_empty() => Ok(()),
            None => Err(invalid("this tool takes no arguments; send `{}`".to_owned())),
            Some(validator) => violations(validator, arguments),
        }
    }
}

fn malformed(error: &serde_json::Error) -> BadArguments {
    let message = format!("the arguments are not JSON: {error}; send one JSON object");
    BadArguments { why: CallRefusal::MalformedArguments, message }
}

fn invalid(message: String) -> BadArguments {
    BadArguments { why: CallRefusal::InvalidArguments, message }
}

/// Refuses numbers whose canonical form would be another number: two different actions must never
/// have the same digest, nor an approver read an amount that is not the one that is sent.
fn exact(value: &Value, depth: usize) -> Result<(), BadArguments> {
    if depth > JSON_DEPTH_MAX {
        return Err(invalid(format!("the arguments nest deeper than {JSON_DEPTH_MAX} levels")));
    }
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match size {
                Some(size) if size > EXACT_INTEGER_MAX => Err(invalid(format!(
                    "`{number}` is too large to be exact in JSON; send it as a string"
                ))),
                _ => Ok(()),
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| exact(item, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|field| exact(field, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn violations(validator: &jsonschema::Validator, arguments: &Value) -> Result<(), BadArguments> {
    let told: Vec<String> = validator
        .iter_errors(arguments)
        .take(VIOLATIONS_TOLD_MAX)
        .map(|error| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!("`{at}`: ") };
            format!("{at}{error}").chars().take(VIOLATION_MAX_CHARS).collect()
        })
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    Err(invalid(format!("the arguments do not fit the schema: {}", told.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    fn parameters(schema: Option<Value>) -> Parameters {
        Parameters::compile(&ToolSpec { parameters: schema, ..ToolSpec::named("refund", "") })
            .unwrap()
    }

    fn amount() -> Parameters {
        parameters(Some(json!({
            "type": "object", "required": ["amount"], "additionalProperties": false,
            "properties": {"amount": {"type": "integer", "minimum": 1}},
        })))
    }

    #[test]
    fn t1_names_follow_the_pattern() {
        for good in ["a", "_", "read_file", "A-9", &"x".repeat(64)] {
            assert!(is_tool_name(good), "{good}");
        }
        for bad in ["", "9a", "-a", "a b", "a.b", "ä", &"x".repeat(65)] {
            assert!(!is_tool_name(bad), "{bad}");
        }
    }

    #[test]
    fn t3_only_arguments_that_fit_the_schema_pass() {
        let takes = amount();
        assert_eq!(takes.read(r#" {"amount": 5} "#), Ok(json!({"amount": 5})));
        for bad in [r#"{"amount":0}"#, r#"{"amount":"5"}"#, "{}", r#"{"amount":1,"x":2}"#, "[]"] {
            let told = takes.read(bad).unwrap_err();
            assert_eq!(told.why, CallRefusal::InvalidArguments, "{bad}");
        }
        let told = takes.read(r#"{"amount":0}"#).unwrap_err().message;
        assert!(told.contains("`/amount`") && told.contains("minimum"), "{told}");
    }

    #[test]
    fn flt_10_malformed_arguments_never_become_an_empty_object() {
        let optional = parameters(Some(json!({"type": "object"})));
        for takes in [&amount(), &optional] {
            for bad in ["", "  ", "{", r#"{"amount":5"#, "amount=5", "{}{}", "{'amount':5}"] {
                let told = takes.read(bad).unwrap_err();
                assert_eq!(told.why, CallRefusal::MalformedArguments, "`{bad}`");
            }
        }
    }

    #[test]
    fn t2_no_schema_means_no_arguments() {
        let takes = parameters(None);
        assert_eq!(takes.read(""), Ok(json!({})));
        assert_eq!(takes.read("{}"), Ok(json!({})));
        assert_eq!(takes.read(r#"{"a":1}"#).unwrap_err().why, CallRefusal::InvalidArguments);
        assert_eq!(takes.read("{").unwrap_err().why, CallRefusal::MalformedArguments);
    }

    #[test]
    fn a_number_whose_digest_would_be_another_number_is_refused() {
        let takes = parameters(Some(json!({"type": "object"})));
        assert!(takes.read(r#"{"id":9007199254740992}"#).is_ok());
        for bad in [r#"{"id":9007199254740993}"#, r#"{"a":[{"id":-9007199254740993}]}"#] {
            assert!(takes.read(bad).unwrap_err().message.contains("string"), "{bad}");
        }
    }

    #[test]
    fn a_schema_that_is_none_or_points_elsewhere_is_refused() {
        for bad in [
            json!({"type": "nonsense"}),
            json!({"type": "string"}),
            json!([]),
            json!({"type": "object", "properties": {"a": {"type": 7}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a"}}}),
        ] {
            let spec = ToolSpec { parameters: Some(bad.clone()), ..ToolSpec::named("refund", "") };
            assert!(Parameters::compile(&spec).is_err(), "{bad}");
        }
    }

    #[test]
    fn arguments_too_large_or_too_deep_are_refused() {
        let takes = parameters(Some(json!({"type": "object"})));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(80), "]".repeat(80));
        assert!(takes.read(&deep).unwrap_err().message.contains("64"));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(RUN_INPUT_MAX_BYTES));
        assert!(takes.read(&large).unwrap_err().message.contains("1048576"));
    }
}
