//! JSON: one value, or one per line. A list is read element by element, so that it may be long.

use super::profile::Found;
use super::shape::{Field, Kind};
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Read};

/// Keys that are told apart; more would be no schema.
const KEYS_MAX: usize = 4_096;
/// The longest line, bytes.
const LINE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The keys of objects, with what their values are.
#[derive(Default)]
struct Keys {
    fields: BTreeMap<String, Field>,
    kind: Option<Kind>,
    records: u64,
}

impl Keys {
    fn take(&mut self, value: &Value) {
        self.records += 1;
        let kind = Kind::of_json(value).unwrap_or(Kind::Null);
        self.kind = Some(self.kind.map_or(kind, |known| known.or(kind)));
        for (name, value) in value.as_object().into_iter().flatten() {
            if self.fields.len() < KEYS_MAX || self.fields.contains_key(name) {
                let field = self.fields.entry(name.clone()).or_insert_with(|| Field::named(name));
                field.take(Kind::of_json(value));
            }
        }
    }

    fn schema(self, root: &str) -> Value {
        let keys: Vec<Field> = self.fields.into_values().collect();
        json!({ "root": root, "of": self.kind, "keys": keys })
    }
}

/// One value: the elements of a list, or the one value itself, are the records.
pub(super) fn read_value(source: &mut impl Read) -> io::Result<Found> {
    let mut found = Found::default();
    let mut keys = Keys::default();
    let mut reader = serde_json::Deserializer::from_reader(source);
    let read =
        reader.deserialize_any(Records(&mut keys)).and_then(|root| reader.end().map(|()| root));
    let root = match read {
        Ok(root) => root,
        Err(error) if error.is_io() => return Err(error.into()),
        Err(error) => {
            found.bad(error.line() as u64, error);
            "broken"
        }
    };
    found.records = keys.records;
    found.schema = keys.schema(root);
    Ok(found)
}

/// One value per line; a line that is not one is reported.
pub(super) fn read_lines(source: &mut impl BufRead) -> io::Result<Found> {
    let mut found = Found::default();
    let mut keys = Keys::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if source.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == LINE_MAX_BYTES && !line.ends_with(b"\n") {
            found.bad(
                number,
                format!("the line is longer than {LINE_MAX_BYTES} bytes; what follows is not read"),
            );
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Value>(&line) {
            Ok(value) => keys.take(&value),
            Err(error) => found.bad(number, format!("column {}: not JSON", error.column())),
        }
    }
    found.records = keys.records;
    found.schema = keys.schema("lines");
    Ok(found)
}

struct Records<'a>(&'a mut Keys);

impl<'de> Visitor<'de> for Records<'_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<&'static str, A::Error> {
        while let Some(value) = list.next_element::<Value>()? {
            self.0.take(&value);
        }
        Ok("list")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<&'static str, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry()? {
            object.insert(name, value);
        }
        self.0.take(&Value::Object(object));
        Ok("object")
    }

    fn visit_str<E>(self, text: &str) -> Result<&'static str, E> {
        self.0.take(&Value::String(text.to_owned()));
        Ok("value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<&'static str, E> {
        self.0.take(&Value::Bool(value));
        Ok("value")
    }
    fn visit_i64<E>(self, value: i64) -> Result<&'static str, E> {
        self.0.take(&value.into());
        Ok("value")
    }
    fn visit_u64<E>(self, value: u64) -> Result<&'static str, E> {
        self.0.take(&value.into());
        Ok("value")
    }
    fn visit_f64<E>(self, value: f64) -> Result<&'static str, E> {
        self.0.take(&value.into());
        Ok("value")
    }
    fn visit_unit<E>(self) -> Result<&'static str, E> {
        self.0.take(&Value::Null);
        Ok("value")
    }
}
