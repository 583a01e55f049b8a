//! Two schemas, on one side of the wire: what the old one allowed or promised and the new one does
//! not.

use super::{fields, is, items};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// From the client: whatever was allowed still is.
    Sent,
    /// To the client: whatever was promised still is.
    Told,
}

/// Keywords that only explain, or whose change nobody can notice.
const SILENT: &[&str] =
    &["description", "title", "example", "examples", "deprecated", "externalDocs"];
/// Keywords compared by their own rule.
const JUDGED: &[&str] = &[
    "$ref",
    "oneOf",
    "anyOf",
    "type",
    "enum",
    "properties",
    "required",
    "items",
    "propertyNames",
    "additionalProperties",
    "format",
    "pattern",
    "minimum",
    "minLength",
    "minItems",
    "minProperties",
    "exclusiveMinimum",
    "maximum",
    "maxLength",
    "maxItems",
    "maxProperties",
    "exclusiveMaximum",
];
const LOWER_BOUNDS: &[&str] =
    &["minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum"];
const UPPER_BOUNDS: &[&str] =
    &["maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum"];

/// A named schema of the old document against one of the new, on a side.
type Pair<'a> = (&'a str, &'a str, Side);

/// The named schemas of both documents, and what was found of those compared so far.
pub(super) struct Schemas<'a> {
    old: &'a Value,
    new: &'a Value,
    known: BTreeMap<Pair<'a>, Vec<String>>,
}

impl<'a> Schemas<'a> {
    pub fn new(old: &'a Value, new: &'a Value) -> Self {
        let named = |document: &'a Value| &document["components"]["schemas"];
        Self { old: named(old), new: named(new), known: BTreeMap::new() }
    }

    /// What is said of named schemas no operation refers to, such as the events of a stream.
    pub fn unreached(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, old) in fields(self.old) {
            let Some(new) = self.new.get(name) else {
                found.push(format!("schema `{name}`: is gone"));
                continue;
            };
            if !self.known.keys().any(|(known, _, _)| known == name) {
                found.extend(self.compare(&format!("schema `{name}`"), Side::Told, old, new));
            }
        }
        found
    }

    pub fn compare(&mut self, at: &str, side: Side, old: &'a Value, new: &'a Value) -> Vec<String> {
        if let (Some(one), Some(other)) = (name_of(old), name_of(new)) {
            return self.named((one, other, side));
        }
        let (before, today) = (self.alternatives(old), self.alternatives(new));
        if let ([one], [other]) = (before.as_slice(), today.as_slice()) {
            // a name on one side only is another way to write the same
            return self.one(
                at,
                side,
                self.resolved(one, Age::Old),
                self.resolved(other, Age::New),
            );
        }
        self.unions(at, side, &before, &today)
    }

    fn named(&mut self, pair: Pair<'a>) -> Vec<String> {
        if let Some(known) = self.known.get(&pair) {
            return known.clone();
        }
        // whoever comes here again while it is compared learns nothing new
        self.known.insert(pair, Vec::new());
        let (old_name, new_name, side) = pair;
        let found = match (self.old.get(old_name), self.new.get(new_name)) {
            (Some(old), Some(new)) => {
                let at = format!("schema `{old_name}` {}", told_side(side));
                self.compare(&at, side, old, new)
            }
            _ => vec![format!("schema `{old_name}`: the reference leads nowhere")],
        };
        self.known.insert(pair, found.clone());
        found
    }

    /// Every alternative that was there is there; what joined is an addition, unless it is the first
    /// to join one promised shape, or null.
    fn unions(
        &mut self,
        at: &str,
        side: Side,
        old: &[Alternative<'a>],
        new: &[Alternative<'a>],
    ) -> Vec<String> {
        let mut found = Vec::new();
        let mut taken = vec![false; new.len()];
        for one in old {
            let mut nearest: Option<Vec<String>> = None;
            let mut fits = None;
            for (place, other) in new.iter().enumerate() {
                let told = self.pair(at, side, one, other);
                if told.is_empty() {
                    fits = Some(place);
                    break;
                }
                if one.is_akin(other) && nearest.is_none() {
                    taken[place] = true;
                    nearest = Some(told);
                }
            }
            match (fits, nearest) {
                (Some(place), _) => taken[place] = true,
                // a promise that something may be missing binds nobody
                (None, None) if side == Side::Told && one.is_null() => {}
                (None, Some(told)) => found.extend(told),
                (None, None) => found.push(format!("{at}: the alternative {} is gone", one.told())),
            }
        }
        let was_union = old.iter().filter(|one| !one.is_null()).count() > 1;
        let joined = new.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(one, _)| one);
        for one in joined.filter(|one| side == Side::Told && (one.is_null() || !was_union)) {
            found.push(format!("{at}: may be {} now", one.told()));
        }
        found
    }

    fn pair(
        &mut self,
        at: &str,
        side: Side,
        one: &Alternative<'a>,
        other: &Alternative<'a>,
    ) -> Vec<String> {
        if let (Some(one), Some(other)) = (name_of(one.schema), name_of(other.schema)) {
            return self.named((one, other, side));
        }
        let kinds = (self.kind(one, Age::Old), self.kind(other, Age::New));
        if kinds.0 != kinds.1 {
            return vec![format!("{at}: the type was {} and is {}", kinds.0, kinds.1)];
        }
        self.one(at, side, self.resolved(one, Age::Old), self.resolved(other, Age::New))
    }

    fn alternatives(&self, schema: &'a Value) -> Vec<Alternative<'a>> {
        let several = schema.get("oneOf").or_else(|| schema.get("anyOf"));
        if let Some(several) = several {
            return items(several).flat_map(|one| self.alternatives(one)).collect();
        }
        match schema["type"].as_array() {
            Some(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                kinds.map(|kind| Alternative { schema, kind: Some(kind) }).collect()
            }
            None => vec![Alternative { schema, kind: schema["type"].as_str() }],
        }
    }

    fn resolved(&self, one: &Alternative<'a>, age: Age) -> &'a Value {
        let named = if age == Age::Old { self.old } else { self.new };
        name_of(one.schema).and_then(|name| named.get(name)).unwrap_or(one.schema)
    }

    fn kind(&self, one: &Alternative<'a>, age: Age) -> &'a str {
        let of_name = || self.resolved(one, age)["type"].as_str();
        one.kind.or_else(of_name).unwrap_or("any")
    }

    /// Two schemas of one type.
    fn one(&mut self, at: &str, side: Side, old: &'a Value, new: &'a Value) -> Vec<String> {
        if old.get("oneOf").is_some() || new.get("oneOf").is_some() {
            // one that had a name is a union itself
            let (before, today) = (self.alternatives(old), self.alternatives(new));
            return self.unions(at, side, &before, &today);
        }
        let mut found = Vec::new();
        if !old["type"].is_array() && !new["type"].is_array() && old["type"] != new["type"] {
            return vec![format!("{at}: the type was {} and is {}", old["type"], new["type"])];
        }
        words(at, side, old, new, &mut found);
        bounds(at, side, old, new, &mut found);
        for key in ["format", "pattern"] {
            promise(at, side, key, old, new, &mut found);
        }
        unjudged(at, old, new, &mut found);
        required(at, side, old, new, &mut found);
        self.properties(at, side, old, new, &mut found);
        found
    }

    fn properties(
        &mut self,
        at: &str,
        side: Side,
        old: &'a Value,
        new: &'a Value,
        found: &mut Vec<String>,
    ) {
        for (name, property) in fields(&old["properties"]) {
            match new["properties"].get(name) {
                Some(today) => {
                    let at = format!("{at} `{name}`");
                    found.extend(self.compare(&at, side, property, today));
                }
                None => found.push(format!("{at}: the property `{name}` is gone")),
            }
        }
        for key in ["items", "propertyNames", "additionalProperties"] {
            let (before, today) = (old.get(key), new.get(key));
            match (before, today) {
                (Some(before), Some(today)) if before.is_object() && today.is_object() => {
                    found.extend(self.compare(&format!("{at} {key}"), side, before, today));
                }
                (before, today) if openness(before) == openness(today) => {}
                // nothing was allowed, or whoever is told more than was named passes over it
                (Some(Value::Bool(false)), _) => {}
                (before, _) if side == Side::Told && openness(before).is_none() => {}
                (_, today) if side == Side::Sent && openness(today).is_none() => {}
                _ => found.push(format!("{at}: `{key}` was changed")),
            }
        }
    }
}

/// Which document a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Old,
    New,
}

/// One of the shapes a value may have.
#[derive(Debug, Clone, Copy)]
struct Alternative<'a> {
    schema: &'a Value,
    kind: Option<&'a str>,
}

impl Alternative<'_> {
    fn is_null(&self) -> bool {
        self.kind == Some("null")
    }

    /// Whether it is the other one, changed: of the same name, tag or type.
    fn is_akin(&self, other: &Self) -> bool {
        match (name_of(self.schema), name_of(other.schema)) {
            (Some(one), Some(other)) => one == other,
            _ => self.kind == other.kind && tag(self.schema) == tag(other.schema),
        }
    }

    fn told(&self) -> String {
        let named = name_of(self.schema).map(str::to_owned);
        let tagged = || tag(self.schema).map(|tag| format!("object {tag}"));
        named.or_else(tagged).or_else(|| self.kind.map(str::to_owned)).unwrap_or("any".to_owned())
    }
}

/// What tells an object of a union from the others: a property with a single word, or the only one
/// it must have.
fn tag(schema: &Value) -> Option<String> {
    let single = |(name, property): (&String, &Value)| match property["enum"].as_array()?.as_slice()
    {
        [word] => Some(format!("{name}={word}")),
        _ => None,
    };
    fields(&schema["properties"]).find_map(single).or_else(|| {
        match schema["required"].as_array()?.as_slice() {
            [name] => Some(name.to_string()),
            _ => None,
        }
    })
}

fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn told_side(side: Side) -> &'static str {
    match side {
        Side::Sent => "as sent",
        Side::Told => "as told",
    }
}

/// Absent and true are the same.
fn openness(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !is(value))
}

/// A list of words may grow and never shrink.
fn words(at: &str, side: Side, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old.get("enum"), new.get("enum")) {
        (Some(before), Some(today)) => {
            for word in items(before).filter(|word| !items(today).any(|known| known == *word)) {
                found.push(format!("{at}: the word {word} is gone"));
            }
        }
        (None, Some(_)) if side == Side::Sent => {
            found.push(format!("{at}: only listed words are taken now"));
        }
        (Some(_), None) if side == Side::Told => {
            found.push(format!("{at}: other words than the listed ones may be told now"));
        }
        (None, _) | (Some(_), None) => {}
    }
}

/// A range may grow on the way in and shrink on the way out.
fn bounds(at: &str, side: Side, old: &Value, new: &Value, found: &mut Vec<String>) {
    let lower = LOWER_BOUNDS.iter().map(|key| (key, f64::NEG_INFINITY, 1.0));
    let upper = UPPER_BOUNDS.iter().map(|key| (key, f64::INFINITY, -1.0));
    for (key, none, sign) in lower.chain(upper) {
        let number = |schema: &Value| schema.get(key).and_then(Value::as_f64).unwrap_or(none);
        let (before, today) = (sign * number(old), sign * number(new));
        let is_kept = match side {
            Side::Sent => today <= before,
            Side::Told => today >= before,
        };
        if !is_kept {
            found.push(format!("{at}: `{key}` was {} and is {}", old[*key], new[*key]));
        }
    }
}

/// A promise about a text: not demanded anew of clients, not taken back from them.
fn promise(at: &str, side: Side, key: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let is_kept = match (old.get(key), new.get(key)) {
        (Some(before), Some(today)) => before == today,
        (None, Some(_)) => side == Side::Told,
        (Some(_), None) => side == Side::Sent,
        (None, None) => true,
    };
    if !is_kept {
        found.push(format!("{at}: `{key}` was {} and is {}", old[key], new[key]));
    }
}

fn required(at: &str, side: Side, old: &Value, new: &Value, found: &mut Vec<String>) {
    let stands_in = |list: &Value, name: &Value| items(list).any(|known| known == name);
    let (before, today) = (&old["required"], &new["required"]);
    match side {
        Side::Sent => {
            for name in items(today).filter(|name| !stands_in(before, name)) {
                found.push(format!("{at}: the property {name} is required now"));
            }
        }
        Side::Told => {
            // one that is gone is told of as gone
            let is_there = |name: &&Value| {
                name.as_str().is_some_and(|name| new["properties"].get(name).is_some())
            };
            let missing = items(before).filter(|name| !stands_in(today, name)).filter(is_there);
            for name in missing {
                found.push(format!("{at}: the property {name} may be missing now"));
            }
        }
    }
}

/// A keyword without a rule here must stay as it is.
fn unjudged(at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let keys = fields(old).chain(fields(new)).map(|(key, _)| key.as_str());
    let mut keys: Vec<&str> =
        keys.filter(|key| !SILENT.contains(key) && !JUDGED.contains(key)).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys.into_iter().filter(|key| old.get(key) != new.get(key)) {
        found.push(format!("{at}: `{key}` was {} and is {}", old[key], new[key]));
    }
}
