//! A URL with `{field}` places after its host, filled with percent-encoded values.

use crate::tool::workspace::refused;
use crate::tool::{BadGrant, ToolFailure};
use reqwest::Url;
use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

/// A URL whose scheme and host are fixed.
#[derive(Debug)]
pub(super) struct UrlTemplate {
    origin: String,
    pieces: Vec<Piece>,
}

impl UrlTemplate {
    /// Reads a URL; `{field}` may stand anywhere after the host.
    pub(super) fn parse(text: &str) -> Result<Self, BadGrant> {
        let bad = |why: &str| BadGrant::new(format!("`{text}` is not a usable URL: {why}"));
        let fixed = text.split('{').next().unwrap_or_default();
        // `http://host{x}` would let a value change the host
        let host_ends = fixed.find("://").is_some_and(|at| fixed[at + 3..].contains(['/', '?']));
        if fixed.len() < text.len() && !host_ends {
            return Err(bad("a field must stand after the host and a `/`"));
        }
        let begin: Url = fixed.parse().map_err(|error| bad(&format!("{error}")))?;
        if !matches!(begin.scheme(), "http" | "https") {
            return Err(bad("expected `http` or `https`"));
        }
        if !begin.username().is_empty() || begin.password().is_some() || text.contains('#') {
            return Err(bad("it has a user, password or fragment"));
        }
        let origin = begin.origin().ascii_serialization();
        Ok(Self { origin, pieces: pieces(text).map_err(bad)? })
    }

    /// The fields in the URL, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields().any(|name| name == field)
    }

    /// The URL with every field's value in its place.
    pub(super) fn fill(&self, value: impl Fn(&str) -> Option<Value>) -> Result<Url, ToolFailure> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Field(name) => {
                    let in_path = !text.contains('?');
                    text.push_str(&encoded(name, value(name), in_path)?);
                }
            }
        }
        let url: Url =
            text.parse().map_err(|error| refused(format!("`{text}` is not a URL: {error}")))?;
        if url.origin().ascii_serialization() != self.origin {
            return Err(refused(format!("`{url}` leads away from `{}`", self.origin)));
        }
        Ok(url)
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((fixed, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` has no `}`")?;
        if name.is_empty() || name.contains('{') {
            return Err("a field is `{name}`");
        }
        pieces.push(Piece::Text(fixed.to_owned()));
        pieces.push(Piece::Field(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') {
        return Err("a `}` has no `{`");
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn encoded(name: &str, value: Option<Value>, in_path: bool) -> Result<String, ToolFailure> {
    let text = match value {
        Some(Value::String(text)) => text,
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {
            return Err(refused(format!(
                "argument `{name}` stands in the URL; expected a text, number or boolean"
            )));
        }
    };
    // encoding does not help: a URL reader takes `%2e%2e` for `..`, and an empty part for its
    // parent, so that one order's path would become that of all orders
    if in_path && matches!(text.as_str(), "" | "." | "..") {
        return Err(refused(format!("argument `{name}` cannot be `{text}` in a URL's path")));
    }
    Ok(percent_encoded(&text))
}

/// Everything but RFC 3986's unreserved letters as `%XX`.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            // writing to a string cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(template: &str, arguments: &Value) -> Result<String, ToolFailure> {
        let template = UrlTemplate::parse(template).unwrap();
        template.fill(|field| arguments.get(field).cloned()).map(String::from)
    }

    #[test]
    fn values_are_encoded_and_stay_in_their_place() {
        let template = "http://h:9/orders/{id}/x?q={q}&n={n}";
        let url = filled(template, &json!({"id": "a/b?c#d%", "q": "ä &=", "n": 1.5})).unwrap();
        assert_eq!(url, "http://h:9/orders/a%2Fb%3Fc%23d%25/x?q=%C3%A4%20%26%3D&n=1.5");
        assert!(filled(template, &json!({"id": "x", "q": "", "n": true})).is_ok());
    }

    #[test]
    fn values_that_would_change_the_path_are_refused() {
        for id in [json!(""), json!("."), json!(".."), json!(null), json!([1]), json!({})] {
            assert!(filled("http://h/orders/{id}", &json!({"id": id})).is_err(), "{id}");
        }
        assert!(filled("http://h/orders/{id}", &json!({})).is_err());
        assert!(filled("http://h/{a}{b}", &json!({"a": ".", "b": "."})).is_err());
    }

    #[test]
    fn a_template_whose_host_is_not_fixed_is_refused() {
        for bad in [
            "http://{host}/x",
            "{url}",
            "http://h{x}/",
            "http://h:{port}/",
            "ftp://h/{x}",
            "h/{x}",
            "http://u:p@h/",
            "http://h/#{x}",
            "http://h/{",
            "http://h/}",
            "http://h/{}",
            "",
        ] {
            assert!(UrlTemplate::parse(bad).is_err(), "`{bad}`");
        }
        assert!(UrlTemplate::parse("https://h?x={x}").is_ok());
    }
}
