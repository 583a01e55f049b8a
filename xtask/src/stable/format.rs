//! The record format's numbers and names: kinds of entries, fields of their bodies, words.
//!
//! The bytes themselves are pinned by the vectors; this pins what the bytes *mean*, and that nothing
//! goes together with its vector.

use crate::Tree;
use crate::generate::{format_shapes, word_lists};
use serde_json::{Map, Value};
use tenure_contract::Event;

/// The format of today: `kinds` number → name, `fields` shape → key → name and type, `words` list →
/// number → word.
///
/// # Errors
/// When a source does not parse.
pub fn shape(tree: &Tree) -> Result<Value, String> {
    let kinds = Event::KINDS.iter().map(|(number, name)| (number.to_string(), (*name).into()));
    let mut all = Map::new();
    all.insert("fields".to_owned(), format_shapes(tree)?);
    all.insert("kinds".to_owned(), in_order(kinds));
    all.insert("words".to_owned(), word_lists(tree)?);
    Ok(Value::Object(all))
}

/// A map whose keys stand in order of their texts, whatever features the JSON library was built with.
pub(crate) fn in_order(items: impl Iterator<Item = (String, Value)>) -> Value {
    let sorted: std::collections::BTreeMap<String, Value> = items.collect();
    Value::Object(sorted.into_iter().collect())
}

/// What of the old format the new one does not keep.
#[must_use]
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (group, members) in fields(old) {
        if group == "kinds" {
            kept("kinds", members, &new[group], &mut found);
            continue;
        }
        for (name, numbers) in fields(members) {
            let Some(today) = new[group].get(name) else {
                found.push(format!("`{name}` of {group} is gone"));
                continue;
            };
            kept(&format!("`{name}`"), numbers, today, &mut found);
            // an entry written before has no such field, and reads on
            let added = fields(today).filter(|(key, _)| numbers.get(key).is_none());
            let needed = |told: &&str| group == "fields" && told.contains(": ");
            for (key, told) in added.filter_map(|(key, told)| Some((key, told.as_str()?))) {
                if needed(&told) && !told.ends_with(", optional") && !in_new_variant(key, numbers) {
                    found.push(format!("`{name}` has a new field {key} `{told}`, which older entries lack; make it optional"));
                }
            }
        }
    }
    found
}

/// Every number of the old map means in the new one what it meant.
fn kept(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for (number, meaning) in fields(old) {
        match new.get(number) {
            Some(today) if today == meaning => {}
            Some(today) => {
                found.push(format!(
                    "{place}: {number} was {meaning} and is {today}; take a new number"
                ));
            }
            None => found.push(format!("{place}: {number}, {meaning}, is gone")),
        }
    }
}

/// A field of a variant, `2.0`, whose variant `2` the old shape did not have.
fn in_new_variant(key: &str, old: &Value) -> bool {
    key.split_once('.').is_some_and(|(variant, _)| old.get(variant).is_none())
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn old() -> Value {
        json!({
            "kinds": { "1": "session.opened", "2": "session.ended" },
            "fields": {
                "SessionOpened": { "0": "session: 16 bytes", "1": "product: text" },
                "Work": { "0": "Intent", "0.0": "name: text" },
            },
            "words": { "RunStatus": { "1": "queued", "2": "running" } },
        })
    }

    /// The breaks after one change of the old format.
    fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut new = old();
        change(&mut new);
        breaks(&old(), &new)
    }

    #[test]
    fn stb_1_whatever_is_only_added_to_the_format_is_no_break() {
        let told = after(|new| {
            new["kinds"]["3"] = json!("session.changed");
            new["fields"]["SessionOpened"]["2"] = json!("region: text, optional");
            new["fields"]["SessionChanged"] = json!({ "0": "title: text" });
            new["fields"]["Work"]["1"] = json!("Agent");
            new["fields"]["Work"]["1.0"] = json!("agent: text");
            new["words"]["RunStatus"]["3"] = json!("paused");
            new["words"]["Surface"] = json!({ "1": "web" });
        });
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn stb_1_every_change_of_a_number_s_meaning_is_found() {
        type Change = fn(&mut Value);
        let table: &[(&str, Change)] = &[
            ("2, \"session.ended\", is gone", |new| drop(remove(&mut new["kinds"], "2"))),
            ("1 was \"session.opened\" and is \"session.begun\"", |new| {
                new["kinds"]["1"] = json!("session.begun");
            }),
            ("`SessionOpened` of fields is gone", |new| {
                drop(remove(&mut new["fields"], "SessionOpened"));
            }),
            ("1, \"product: text\", is gone", |new| {
                drop(remove(&mut new["fields"]["SessionOpened"], "1"));
            }),
            ("1 was \"product: text\" and is \"product: unsigned integer\"", |new| {
                new["fields"]["SessionOpened"]["1"] = json!("product: unsigned integer");
            }),
            ("is \"origin: text\"", |new| {
                new["fields"]["SessionOpened"]["1"] = json!("origin: text");
            }),
            ("a new field 2 `region: text`", |new| {
                new["fields"]["SessionOpened"]["2"] = json!("region: text");
            }),
            ("a new field 0.1 `realm: text`", |new| {
                new["fields"]["Work"]["0.1"] = json!("realm: text");
            }),
            ("`RunStatus`: 2 was \"running\"", |new| {
                new["words"]["RunStatus"]["2"] = json!("active");
            }),
            ("`RunStatus`: 1, \"queued\", is gone", |new| {
                drop(remove(&mut new["words"]["RunStatus"], "1"));
            }),
            ("`RunStatus` of words is gone", |new| drop(remove(&mut new["words"], "RunStatus"))),
        ];
        for (expected, change) in table {
            let told = after(change);
            assert_eq!(told.len(), 1, "{expected}: {told:?}");
            assert!(told[0].contains(expected), "{expected}: {told:?}");
        }
    }

    fn remove(map: &mut Value, key: &str) -> Option<Value> {
        map.as_object_mut().unwrap().remove(key)
    }
}
