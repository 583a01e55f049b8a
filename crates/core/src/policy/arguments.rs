//! A call's arguments as a policy sees them: every value by its JSON Pointer, by its type.

use serde_json::{Number, Value};
use tenure_contract::limits::POLICY_ARGUMENTS_MAX;

/// The values of a JSON text by their places.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    pub(super) numbers: Vec<(String, i64)>,
    pub(super) texts: Vec<(String, String)>,
    pub(super) flags: Vec<(String, bool)>,
}

impl Arguments {
    /// # Errors
    /// When there are more values than a policy is shown.
    pub(super) fn of(value: &Value) -> Result<Self, String> {
        let mut found = Self::default();
        found.take(String::new(), value);
        let count = found.numbers.len() + found.texts.len() + found.flags.len();
        if count > POLICY_ARGUMENTS_MAX {
            return Err(format!(
                "the arguments have {count} values, the limit POLICY_ARGUMENTS_MAX is \
                 {POLICY_ARGUMENTS_MAX}"
            ));
        }
        Ok(found)
    }

    fn take(&mut self, at: String, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.flags.push((at, *flag)),
            Value::Number(number) => self.numbers.push((at, whole(number))),
            Value::String(text) => self.texts.push((at, text.clone())),
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    self.take(format!("{at}/{place}"), item);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    self.take(format!("{at}/{name}"), field);
                }
            }
        }
    }
}

/// A fraction is rounded away from zero: a bound must not be passed unseen. What is beyond 64 bits
/// is the largest number there is.
fn whole(number: &Number) -> i64 {
    if let Some(whole) = number.as_i64() {
        return whole;
    }
    let value = number.as_f64().unwrap_or(f64::INFINITY);
    // a float's cast stops at the ends of the range
    (if value < 0.0 { value.floor() } else { value.ceil() }) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pol_1_every_value_has_one_place_and_one_type() {
        let given = json!({
            "amount": 100.01, "to": {"a/b": "x", "a": {"b": true}}, "items": [{"n": -1.5}, null],
            "huge": 18_446_744_073_709_551_615_u64, "tiny": -1e300,
        });
        let found = Arguments::of(&given).unwrap();
        let place = |name: &str| found.numbers.iter().find(|(at, _)| at == name).map(|(_, n)| *n);
        assert_eq!(place("/amount"), Some(101));
        assert_eq!(place("/items/0/n"), Some(-2));
        assert_eq!((place("/huge"), place("/tiny")), (Some(i64::MAX), Some(i64::MIN)));
        assert_eq!(found.texts, [("/to/a~1b".to_owned(), "x".to_owned())]);
        assert_eq!(found.flags, [("/to/a/b".to_owned(), true)]);
    }

    #[test]
    fn pol_1_more_values_than_a_policy_is_shown_are_refused_by_name() {
        let many = json!(vec![1; POLICY_ARGUMENTS_MAX + 1]);
        assert!(Arguments::of(&many).unwrap_err().contains("POLICY_ARGUMENTS_MAX"));
        assert!(Arguments::of(&json!(vec![1; POLICY_ARGUMENTS_MAX])).is_ok());
    }
}
