//! The inferred type of a column or key: what all of its values could be.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A type, from the narrow to the wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing was ever there.
    Null,
    /// `true`, `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A day, such as `2026-11-21`.
    Date,
    /// An instant (RFC 3339).
    Time,
    /// Any text.
    Text,
    /// A JSON list.
    List,
    /// A JSON object.
    Object,
    /// Values of different kinds.
    Mixed,
}

impl Kind {
    /// The kind of a field of text; none for an empty one.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        Some(match text {
            "" => return None,
            "true" | "false" | "TRUE" | "FALSE" | "True" | "False" => Self::Boolean,
            _ if text.parse::<i64>().is_ok() => Self::Integer,
            // `inf`, `nan` and `1e5` of a name are not numbers a person wrote
            _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
                && text.parse::<f64>().is_ok() =>
            {
                Self::Number
            }
            _ => Self::of_word(text),
        })
    }

    fn of_word(text: &str) -> Self {
        if text.parse::<jiff::Timestamp>().is_ok() {
            Self::Time
        } else if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() {
            Self::Date
        } else {
            Self::Text
        }
    }

    /// The kind of a JSON value; none for null.
    pub(super) fn of_json(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() || number.is_u64() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(text) => Self::of_word(text),
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        })
    }

    /// The narrowest kind both fit.
    pub(super) fn or(self, other: Self) -> Self {
        use Kind::{Date, Integer, List, Mixed, Null, Number, Object, Text, Time};
        match (self, other) {
            (same, also) if same == also => same,
            (Null, kind) | (kind, Null) => kind,
            (Integer, Number) | (Number, Integer) => Number,
            (Date | Time, Date | Time) => Time,
            (Mixed | List | Object, _) | (_, Mixed | List | Object) => Mixed,
            _ => Text,
        }
    }
}

/// One column or key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Records in which it is there and not empty.
    pub present: u64,
}

impl Field {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Null, present: 0 }
    }

    pub(super) fn take(&mut self, kind: Option<Kind>) {
        if let Some(kind) = kind {
            self.kind = self.kind.or(kind);
            self.present += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_narrowest_all_values_fit() {
        let all = |texts: &[&str]| {
            let mut field = Field::named("x");
            texts.iter().for_each(|text| field.take(Kind::of_text(text)));
            field.kind
        };
        assert_eq!(all(&["1", "", "-2"]), Kind::Integer);
        assert_eq!(all(&["1", "2.5"]), Kind::Number);
        assert_eq!(all(&["1", "x"]), Kind::Text);
        assert_eq!(all(&["nan", "inf"]), Kind::Text);
        assert_eq!(all(&["2026-11-21"]), Kind::Date);
        assert_eq!(all(&["2026-11-21", "2026-11-21T08:00:00Z"]), Kind::Time);
        assert_eq!(all(&["", " "]), Kind::Null);
        assert_eq!(Kind::List.or(Kind::Text), Kind::Mixed);
    }
}
