//! JSON as a verifier reads it: no name twice in one object, absent and `null` the same, and
//! otherwise exactly what the bytes say.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Reads one JSON object.
///
/// # Errors
/// What is wrong with it, in words. A name that stands twice is wrong, since two readers could
/// take it for two things.
pub(super) fn read_object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str::<Plain>(line) {
        Ok(Plain(Value::Object(object))) => Ok(object),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The first name under which two objects say different things.
pub(super) fn first_difference(
    said: &Map<String, Value>,
    truth: &Map<String, Value>,
) -> Option<String> {
    let names = truth.keys().chain(said.keys().filter(|name| !truth.contains_key(*name)));
    let differs = |name: &&String| {
        let get = |object: &Map<String, Value>| object.get(*name).cloned().unwrap_or_default();
        !same(&get(said), &get(truth))
    };
    names.into_iter().find(differs).cloned()
}

fn same(said: &Value, truth: &Value) -> bool {
    match (said, truth) {
        (Value::Object(said), Value::Object(truth)) => first_difference(said, truth).is_none(),
        (Value::Array(said), Value::Array(truth)) => {
            said.len() == truth.len()
                && said.iter().zip(truth).all(|(said, truth)| same(said, truth))
        }
        _ => said == truth,
    }
}

/// A JSON value without a name twice in any of its objects.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(PlainVisitor).map(Self)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Plain(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Plain(value))) = fields.next_entry::<String, Plain>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` stands there twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_is_refused_at_any_depth() {
        assert!(read_object(r#"{"a":1,"a":1}"#).unwrap_err().contains("`a` stands there twice"));
        assert!(read_object(r#"{"a":[{"b":1,"b":2}]}"#).is_err());
        assert!(read_object("[]").is_err());
        assert!(read_object(r#"{"a":1} x"#).is_err());
    }

    #[test]
    fn absent_and_null_agree_and_nothing_else_does() {
        let read = |text| read_object(text).unwrap();
        let truth = read(r#"{"a":1,"b":{"c":[null,2]},"d":null}"#);
        let differs = |text| first_difference(&read(text), &truth);
        assert_eq!(differs(r#"{"a":1,"b":{"c":[null,2],"x":null}}"#), None);
        assert_eq!(differs(r#"{"a":1.0,"b":{"c":[null,2]}}"#), Some("a".to_owned()));
        assert_eq!(differs(r#"{"a":1,"b":{"c":[2]}}"#), Some("b".to_owned()));
        assert_eq!(differs(r#"{"a":1,"b":{"c":[null,2]},"e":false}"#), Some("e".to_owned()));
    }
}
