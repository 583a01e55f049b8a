//! What a checkpoint's run was pinned to against what would run now (`CKP-2`). Pure: facts in,
//! verdict out.

use serde_json::{Map, Value};
use tenure_contract::agent::{AgentDefinition, ToolGrant};
use tenure_contract::event::Pins;
use tenure_contract::words::{PinName, PinVerdict};

/// What comparing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The verdict.
    pub verdict: PinVerdict,
    /// The pins that differ.
    pub differing: Vec<PinName>,
}

/// Compares pins. A pin that is absent on either side pins nothing and differs from nothing.
/// `definitions` are the agent's, pinned and current, where both are known.
#[must_use]
pub fn compare(
    pinned: &Pins,
    now: &Pins,
    definitions: Option<(&AgentDefinition, &AgentDefinition)>,
) -> Comparison {
    let mut differing = Vec::new();
    let mut note = |differs: bool, pin: PinName| {
        if differs {
            differing.push(pin);
        }
    };
    note(differ(&pinned.agent, &now.agent), PinName::Agent);
    note(differ(&pinned.tools, &now.tools), PinName::Tools);
    note(differ(&pinned.policy, &now.policy), PinName::Policy);
    note(differ(&pinned.model, &now.model), PinName::Model);
    let in_tools_only = differing.contains(&PinName::Tools)
        && differing.iter().all(|pin| matches!(pin, PinName::Agent | PinName::Tools));
    let verdict = match definitions {
        _ if differing.is_empty() => PinVerdict::Same,
        Some((before, after)) if in_tools_only && only_gained(before, after) => {
            PinVerdict::Compatible
        }
        _ => PinVerdict::Changed,
    };
    Comparison { verdict, differing }
}

fn differ<T: PartialEq>(pinned: &Option<T>, now: &Option<T>) -> bool {
    matches!((pinned, now), (Some(pinned), Some(now)) if pinned != now)
}

/// Whether the definitions are the same but for tools that were added or take more than before.
fn only_gained(before: &AgentDefinition, after: &AgentDefinition) -> bool {
    let apart = |one: &AgentDefinition| AgentDefinition { tools: Vec::new(), ..one.clone() };
    let kept = |tool: &ToolGrant| {
        after.tools.iter().any(|now| named(now) == named(tool) && takes_more(tool, now))
    };
    // equal grants with another digest: the program's own tools changed, and how is not known
    apart(before) == apart(after) && before.tools != after.tools && before.tools.iter().all(kept)
}

fn named(tool: &ToolGrant) -> &str {
    tool.name.as_deref().unwrap_or(&tool.builtin)
}

fn takes_more(before: &ToolGrant, after: &ToolGrant) -> bool {
    let apart = |one: &ToolGrant| ToolGrant { parameters: None, description: None, ..one.clone() };
    let schemas = match (&before.parameters, &after.parameters) {
        (None, None) => true,
        (Some(before), Some(after)) => is_additive(before, after),
        (None, Some(_)) | (Some(_), None) => false,
    };
    schemas && apart(before) == apart(after)
}

/// Whether a schema takes everything the one before took and only names more: new properties that
/// nobody must give, new words of an enumeration, other descriptions.
fn is_additive(before: &Value, after: &Value) -> bool {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before == after;
    };
    let keys = before.keys().chain(after.keys());
    keys.filter(|key| !matches!(key.as_str(), "description" | "title" | "examples")).all(|key| {
        match (before.get(key), after.get(key)) {
            (Some(Value::Object(was)), Some(Value::Object(is))) if key == "properties" => {
                has_all(was, is)
            }
            (None, Some(Value::Object(_))) if key == "properties" => true,
            (Some(Value::Array(was)), Some(Value::Array(is))) if key == "enum" => {
                was.iter().all(|word| is.contains(word))
            }
            (Some(Value::Array(was)), Some(Value::Array(is))) if key == "required" => {
                was.len() == is.len() && was.iter().all(|name| is.contains(name))
            }
            (Some(was), Some(is)) if key == "items" => is_additive(was, is),
            (was, is) => was == is,
        }
    })
}

fn has_all(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    before.iter().all(|(name, was)| after.get(name).is_some_and(|is| is_additive(was, is)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use PinName::{Agent, Model, Policy, Tools};
    use serde_json::json;
    use tenure_contract::Digest;

    fn definition(extra: &Value, parameters: &Value) -> AgentDefinition {
        let mut all = json!({
            "name": "clerk", "model": { "adapter": "scripted", "name": "m" },
            "tools": [{ "use": "http_action", "name": "pay", "parameters": parameters }],
        });
        for (name, value) in extra.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    fn pins(definition: &AgentDefinition) -> Pins {
        let text = |value: Value| Digest::of(&[value.to_string().as_bytes()]);
        Pins {
            agent: Some(format!("clerk@{}", text(json!(definition)))),
            tools: Some(text(json!(definition.tools))),
            policy: Some("v1".to_owned()),
            model: Some(format!("{}/{}", definition.model.adapter, definition.model.name)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } })
    }

    fn verdict(extra: &Value, parameters: &Value) -> Comparison {
        let (before, after) = (definition(&json!({}), &schema()), definition(extra, parameters));
        compare(&pins(&before), &pins(&after), Some((&before, &after)))
    }

    #[test]
    fn ckp_2_only_an_additive_change_of_tool_schemas_is_compatible() {
        let n = json!({ "type": "integer" });
        let with = |properties: Value, required: Value| json!({ "type": "object", "required": required, "properties": properties });
        let gained = with(json!({ "n": n, "note": { "type": "string" } }), json!(["n"]));
        let told =
            with(json!({ "n": { "type": "integer", "description": "how much" } }), json!(["n"]));
        let demanded = with(json!({ "n": n, "note": { "type": "string" } }), json!(["n", "note"]));
        let lost = with(json!({}), json!(["n"]));
        let narrowed = with(json!({ "n": { "type": "integer", "maximum": 5 } }), json!(["n"]));
        let closed = json!({ "type": "object", "required": ["n"], "properties": { "n": n }, "additionalProperties": false });
        let two = json!({ "tools": [
            { "use": "http_action", "name": "pay", "parameters": schema() }, { "use": "list_files" },
        ] });
        let none = json!({ "tools": [] });
        let unguarded = json!({ "tools": [
            { "use": "http_action", "name": "pay", "parameters": schema(), "confirm": {} },
        ] });
        let both = vec![Agent, Tools];
        for (name, extra, parameters, expected, differing) in [
            ("nothing", json!({}), schema(), PinVerdict::Same, vec![]),
            (
                "an optional property",
                json!({}),
                gained.clone(),
                PinVerdict::Compatible,
                both.clone(),
            ),
            ("a description", json!({}), told, PinVerdict::Compatible, both.clone()),
            ("another tool", two, schema(), PinVerdict::Compatible, both.clone()),
            ("a required property", json!({}), demanded, PinVerdict::Changed, both.clone()),
            ("a property gone", json!({}), lost, PinVerdict::Changed, both.clone()),
            ("a narrower property", json!({}), narrowed, PinVerdict::Changed, both.clone()),
            ("no more properties", json!({}), closed, PinVerdict::Changed, both.clone()),
            ("a tool gone", none, schema(), PinVerdict::Changed, both.clone()),
            ("another confirmation", unguarded, schema(), PinVerdict::Changed, both.clone()),
            (
                "instructions",
                json!({ "instructions": "be kind" }),
                schema(),
                PinVerdict::Changed,
                vec![Agent],
            ),
            (
                "instructions and a property",
                json!({ "instructions": "x" }),
                gained,
                PinVerdict::Changed,
                both,
            ),
            (
                "a model",
                json!({ "model": { "adapter": "scripted", "name": "x" } }),
                schema(),
                PinVerdict::Changed,
                vec![Agent, Model],
            ),
        ] {
            let found = verdict(&extra, &parameters);
            assert_eq!(found, Comparison { verdict: expected, differing }, "{name}");
        }
    }

    #[test]
    fn ckp_2_what_is_not_pinned_does_not_differ() {
        let full = pins(&definition(&json!({}), &schema()));
        let found = compare(&Pins::default(), &full, None);
        assert_eq!((found.verdict, found.differing), (PinVerdict::Same, vec![]));
        let stricter = Pins { policy: Some("v2".to_owned()), ..full.clone() };
        let found = compare(&full, &stricter, None);
        assert_eq!((found.verdict, found.differing), (PinVerdict::Changed, vec![Policy]));
        // another digest of the same grants: how the program's own tools changed nobody can say
        let same = definition(&json!({}), &schema());
        let other = Pins { tools: Some(Digest::of(&[b"other"])), ..full.clone() };
        let found = compare(&full, &other, Some((&same, &same)));
        assert_eq!((found.verdict, found.differing), (PinVerdict::Changed, vec![Tools]));
    }

    #[test]
    fn ckp_2_schemas_are_compared_all_the_way_down() {
        let list =
            |words: Value| json!({ "type": "array", "items": { "type": "string", "enum": words } });
        let deep =
            |words: Value| json!({ "properties": { "a": { "properties": { "b": list(words) } } } });
        assert!(is_additive(&deep(json!(["x"])), &deep(json!(["x", "y"]))));
        assert!(!is_additive(&deep(json!(["x", "y"])), &deep(json!(["x"]))));
        assert!(
            is_additive(&json!(true), &json!(true)) && !is_additive(&json!(true), &json!(false))
        );
    }
}
