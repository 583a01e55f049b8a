//! A field of a PATCH that can be cleared: absent, null and a value are three things (`SES-4`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What becomes of a field that may be null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Absent: it stays as it is.
    #[default]
    Keep,
    /// An explicit null.
    Clear,
    /// A value.
    Set(T),
}

impl<T> Change<T> {
    /// True when the field was absent.
    #[must_use]
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The field as it is afterwards.
    #[must_use]
    pub fn over(self, now: Option<T>) -> Option<T> {
        match self {
            Self::Keep => now,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => s.serialize_none(),
            Self::Set(value) => s.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(d)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Asked {
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        field: Change<u8>,
    }

    #[test]
    fn ses_4_absent_null_and_a_value_are_three_things() {
        for (text, change, after) in [
            ("{}", Change::Keep, Some(7)),
            (r#"{"field":null}"#, Change::Clear, None),
            (r#"{"field":1}"#, Change::Set(1), Some(1)),
        ] {
            let asked: Asked = serde_json::from_str(text).unwrap();
            assert_eq!(asked, Asked { field: change.clone() });
            assert_eq!(serde_json::to_string(&asked).unwrap(), text);
            assert_eq!(change.over(Some(7)), after);
        }
    }
}
