//! JSON read without what serde lets pass: a structure is an object and never a list of its fields
//! in order, a word is a text and never an object that holds one. Anything else would be accepted
//! although no document says so, and `{"approve": null}` is no approval (`FLT-8`).
//!
//! And what serde does not let pass although it is the same: `3.0` is the integer 3 (JSON Schema,
//! and whoever writes numbers as JavaScript does).

use serde::Deserialize;
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

/// A deserializer, a visitor, an access or a seed that stays strict all the way down.
pub(super) struct Strict<T>(pub T);

/// Forwards what is a plain value: nothing below it can be a structure or a word.
macro_rules! plain {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        })+
    };
}

/// Takes a whole number however it is written.
struct Whole<V>(V);

/// Forwards what is an integer.
macro_rules! whole {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Whole(visitor))
        })+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    plain! {
        deserialize_any deserialize_bool deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Strict(visitor))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Strict(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Strict(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Strict(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let word: StringDeserializer<D::Error> = String::deserialize(self.0)?.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Strict(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Strict(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Strict(visitor))
    }
}

/// Only what the deserializer above hands a wrapped visitor: the rest keeps serde's refusals.
impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(deserializer))
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(d))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(access))
    }
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(access))
    }
}

/// Up to here every whole number a double can hold is exactly that number: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl<'de, V: Visitor<'de>> Visitor<'de> for Whole<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<V::Value, E> {
        self.0.visit_i64(number)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<V::Value, E> {
        self.0.visit_u64(number)
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<V::Value, E> {
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return self.0.visit_f64(number);
        }
        // whole and small enough: nothing is cut off
        #[expect(clippy::cast_possible_truncation)]
        let number = number as i64;
        match u64::try_from(number) {
            Ok(number) => self.0.visit_u64(number),
            Err(_) => self.0.visit_i64(number),
        }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<T> {
    type Value = T::Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

#[cfg(test)]
mod tests {
    use super::super::extract::parse;
    use tenure_contract::resource::{DecideApproval, OpenSession, RegisterAgent, SubmitRun};

    #[test]
    fn flt_8_a_word_is_a_text() {
        assert!(parse::<DecideApproval>(br#"{"decision":"approve"}"#).is_ok());
        for decision in [r#"{"approve":null}"#, r#"["approve"]"#, "true", "1", "null", "\"yes\""] {
            let body = format!(r#"{{"decision":{decision}}}"#);
            assert!(parse::<DecideApproval>(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_structure_is_an_object_wherever_it_stands() {
        assert!(parse::<OpenSession>(b"{}").is_ok());
        assert!(parse::<OpenSession>(b"[]").is_err());
        assert!(parse::<SubmitRun>(br#"{"session":{},"intent":null}"#).is_ok());
        assert!(parse::<SubmitRun>(br#"{"session":[]}"#).is_err());
        let agent = |confirm: &str| {
            format!(
                r#"{{"definition":{{"name":"a","model":{{"adapter":"scripted"}},
                "tools":[{{"use":"write_file","confirm":{confirm}}}]}}}}"#
            )
        };
        assert!(parse::<RegisterAgent>(agent("{}").as_bytes()).is_ok());
        assert!(parse::<RegisterAgent>(agent("[]").as_bytes()).is_err());
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        let steps =
            |text: &str| parse::<SubmitRun>(format!(r#"{{"budgetSteps":{text}}}"#).as_bytes());
        for text in ["3", "3.0", "0.3e1"] {
            assert_eq!(steps(text).ok().and_then(|run| run.budget_steps), Some(3), "{text}");
        }
        for text in ["3.5", "-3.0", "1e300", "9007199254740994.0", "\"3\"", "true"] {
            assert!(steps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_of_any_shape_stay_what_they_are() {
        let body = br#"{"intent":{"type":"echo","parameters":[{"a":[1,2.5,null]}]}}"#;
        let Ok(run) = parse::<SubmitRun>(body) else { panic!("it is refused") };
        let parameters = run.intent.map(|intent| intent.parameters.to_string());
        assert_eq!(parameters.as_deref(), Some(r#"[{"a":[1,2.5,null]}]"#));
    }
}
