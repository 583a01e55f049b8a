//! Two OpenAPI documents of one major version: what a client written for the old one can no longer
//! rely on with the new one.
//!
//! What clients send may be allowed more and never less; what they are told may say more and never
//! less. New words of a list and new alternatives of a union are additions: a client passes over
//! words it does not know. A keyword this comparison does not know counts as changed meaning.

mod schema;

#[cfg(test)]
mod tests;

use schema::{Schemas, Side};
use serde_json::Value;

/// Every promise of `old` that `new` does not keep, each once, in order.
#[must_use]
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut wire = Wire { schemas: Schemas::new(old, new), found: Vec::new() };
    if old["info"]["version"] != new["info"]["version"] {
        let told = format!("version {} became {}", old["info"]["version"], new["info"]["version"]);
        wire.found.push(format!("{told}; another major version has its own frozen file"));
    }
    for (path, operations) in fields(&old["paths"]) {
        for (method, operation) in fields(operations) {
            let place = format!("{} {path}", method.to_uppercase());
            match new["paths"].get(path).and_then(|path| path.get(method)) {
                Some(today) => wire.operation(&place, operation, today),
                None => wire.found.push(format!("{place}: the operation is gone")),
            }
        }
    }
    wire.found.extend(wire.schemas.unreached());
    wire.found.sort();
    wire.found.dedup();
    wire.found
}

struct Wire<'a> {
    schemas: Schemas<'a>,
    found: Vec<String>,
}

impl<'a> Wire<'a> {
    fn say(&mut self, place: &str, what: &str) {
        self.found.push(format!("{place}: {what}"));
    }

    fn compare(&mut self, place: &str, side: Side, old: &'a Value, new: &'a Value) {
        let told = self.schemas.compare(place, side, old, new);
        self.found.extend(told);
    }

    fn operation(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        // a generated client's function, and the right a key needs
        for key in ["operationId", "x-scope"] {
            if old[key] != new[key] {
                self.say(place, &format!("`{key}` was {} and is {}", old[key], new[key]));
            }
        }
        self.security(place, &old["security"], &new["security"]);
        self.parameters(place, &old["parameters"], &new["parameters"]);
        self.request(place, &old["requestBody"], &new["requestBody"]);
        for (status, response) in fields(&old["responses"]) {
            match new["responses"].get(status) {
                Some(today) => self.response(&format!("{place} {status}"), response, today),
                None => self.say(place, &format!("the response {status} is gone")),
            }
        }
    }

    /// Without any, everybody may; otherwise every way in that there was is still one.
    fn security(&mut self, place: &str, old: &Value, new: &Value) {
        let is_kept = match (old.as_array(), new.as_array()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(old), Some(new)) => old.iter().all(|way| new.contains(way)),
        };
        if !is_kept {
            self.say(place, &format!("a way to authenticate is gone: was {old}, is {new}"));
        }
    }

    fn parameters(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let key = |one: &'a Value| (&one["in"], &one["name"]);
        for parameter in items(old) {
            let at = format!("{place} {} parameter {}", text(&parameter["in"]), parameter["name"]);
            match items(new).find(|today| key(today) == key(parameter)) {
                Some(today) => {
                    if is(&today["required"]) && !is(&parameter["required"]) {
                        self.say(&at, "is required now");
                    }
                    self.compare(&at, Side::Sent, &parameter["schema"], &today["schema"]);
                }
                None => self.say(&at, "is gone"),
            }
        }
        for added in items(new).filter(|today| is(&today["required"])) {
            if !items(old).any(|known| key(known) == key(added)) {
                self.say(place, &format!("the new parameter {} is required", added["name"]));
            }
        }
    }

    fn request(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let at = format!("{place} request");
        if is(&new["required"]) && !is(&old["required"]) {
            self.say(&at, "a body is required now");
        }
        self.content(&at, Side::Sent, &old["content"], &new["content"]);
    }

    fn response(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        self.content(place, Side::Told, &old["content"], &new["content"]);
        for (name, header) in fields(&old["headers"]) {
            let at = format!("{place} header `{name}`");
            match new["headers"].get(name) {
                Some(today) => self.compare(&at, Side::Told, &header["schema"], &today["schema"]),
                None => self.say(&at, "is gone"),
            }
        }
    }

    fn content(&mut self, place: &str, side: Side, old: &'a Value, new: &'a Value) {
        for (kind, body) in fields(old) {
            match new.get(kind) {
                Some(today) => self.compare(place, side, &body["schema"], &today["schema"]),
                None => self.say(place, &format!("`{kind}` is gone")),
            }
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn is(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
