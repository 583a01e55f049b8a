//! The dispatch context, checked alone (`DSP-1`): one reading for the route that only checks and for the
//! dispatch itself, which names everything that is wrong at once.

use serde_json::Value;
use std::str::FromStr;
use tenure_contract::event::DispatchContext;
use tenure_contract::resource::ContextProblem;
use tenure_contract::words::{DispatchMode, Surface};
use tenure_contract::{Time, limits};

const FIELDS: [&str; 4] = ["originSurface", "originProductId", "dispatchMode", "initiatedAt"];

/// Reads a context as it was given.
///
/// # Errors
/// Everything that is wrong with it, field by field.
pub fn read_context(given: &Value) -> Result<DispatchContext, Vec<ContextProblem>> {
    let Value::Object(fields) = given else {
        return Err(vec![problem("", format!("expected an object with {}", FIELDS.join(", ")))]);
    };
    let mut problems = Vec::new();
    for unknown in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        let shown: String = unknown.chars().take(60).collect();
        problems.push(problem(&shown, format!("no such field; there are {}", FIELDS.join(", "))));
    }
    let mut reader = Reader { given, problems };
    let origin_surface = reader.surface();
    let origin_product_id = reader.product();
    let dispatch_mode = reader.word::<DispatchMode>("dispatchMode", &words(DispatchMode::ALL));
    let initiated_at = reader.word::<Time>("initiatedAt", "a time such as 2026-11-21T08:00:00Z");
    match (origin_surface, origin_product_id, dispatch_mode, initiated_at) {
        (
            Some(origin_surface),
            Some(origin_product_id),
            Some(dispatch_mode),
            Some(initiated_at),
        ) if reader.problems.is_empty() => {
            Ok(DispatchContext { origin_surface, origin_product_id, dispatch_mode, initiated_at })
        }
        _ => Err(reader.problems),
    }
}

/// What is wrong with a context whose words are known already.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_context(context: &DispatchContext) -> Result<(), Vec<ContextProblem>> {
    let given = serde_json::to_value(context).unwrap_or_default();
    read_context(&given).map(drop)
}

/// All problems of a context in one text.
#[must_use]
pub fn told(problems: &[ContextProblem]) -> String {
    let each = problems.iter().map(|problem| match problem.field.as_str() {
        "" => problem.message.clone(),
        field => format!("{field}: {}", problem.message),
    });
    each.collect::<Vec<_>>().join("; ")
}

struct Reader<'a> {
    given: &'a Value,
    problems: Vec<ContextProblem>,
}

impl Reader<'_> {
    fn text(&mut self, field: &'static str, expected: &str) -> Option<String> {
        let message = match self.given.get(field) {
            Some(Value::String(text)) => return Some(text.clone()),
            None | Some(Value::Null) => format!("it is missing; expected {expected}"),
            Some(other) => format!("`{}` is not a text; expected {expected}", short(other)),
        };
        self.problems.push(problem(field, message));
        None
    }

    fn word<T: FromStr>(&mut self, field: &'static str, expected: &str) -> Option<T> {
        let text = self.text(field, expected)?;
        let word = text.parse().ok();
        if word.is_none() {
            let shown: String = text.chars().take(60).collect();
            self.problems.push(problem(field, format!("found `{shown}`; expected {expected}")));
        }
        word
    }

    fn surface(&mut self) -> Option<Surface> {
        let origins: Vec<Surface> =
            Surface::ALL.iter().copied().filter(|surface| surface.is_origin()).collect();
        let expected = words(&origins);
        let surface = self.word::<Surface>("originSurface", &expected)?;
        if !surface.is_origin() {
            let message = format!("found `{surface}`; expected {expected}");
            self.problems.push(problem("originSurface", message));
            return None;
        }
        Some(surface)
    }

    fn product(&mut self) -> Option<String> {
        let most = limits::NAME_MAX_CHARS;
        let expected = format!("a product of 1 to {most} characters");
        let product = self.text("originProductId", &expected)?;
        let long = product.chars().count();
        if long == 0 || long > most {
            let message = format!("it has {long} characters; expected {expected}");
            self.problems.push(problem("originProductId", message));
            return None;
        }
        Some(product)
    }
}

fn words<T: std::fmt::Display>(all: &[T]) -> String {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("one of {}", words.join(", "))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

fn problem(field: &str, message: String) -> ContextProblem {
    ContextProblem { field: field.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "originSurface": "mobile", "originProductId": "cowork", "dispatchMode": "queued",
            "initiatedAt": "2026-11-21T08:00:00Z",
        })
    }

    #[test]
    fn dsp_1_every_surface_of_origin_and_every_mode_is_read_and_nothing_else() {
        for surface in ["browser", "mobile", "desktop", "web", "product-api"] {
            for mode in ["interactive", "queued", "scheduled", "remote"] {
                let mut given = good();
                given["originSurface"] = json!(surface);
                given["dispatchMode"] = json!(mode);
                let read = read_context(&given).unwrap();
                assert_eq!(serde_json::to_value(&read).unwrap()["originSurface"], surface);
                assert_eq!(read.dispatch_mode.as_str(), mode);
                assert_eq!(check_context(&read), Ok(()));
            }
        }
        for (field, wrong) in [
            ("originSurface", json!("worker")),
            ("originSurface", json!("toaster")),
            ("originProductId", json!("")),
            ("originProductId", json!("x".repeat(limits::NAME_MAX_CHARS + 1))),
            ("dispatchMode", json!("someday")),
            ("initiatedAt", json!("yesterday")),
            ("initiatedAt", json!(5)),
        ] {
            let mut given = good();
            given[field] = wrong.clone();
            let problems = read_context(&given).unwrap_err();
            let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
            assert_eq!(fields, [field], "{wrong}");
        }
    }

    #[test]
    fn dsp_1_everything_that_is_wrong_is_named_at_once() {
        let given = json!({ "originSurface": "worker", "dispatchMode": 7, "mode": "queued" });
        let problems = read_context(&given).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        let all = ["mode", "originSurface", "originProductId", "dispatchMode", "initiatedAt"];
        assert_eq!(fields, all);
        assert!(told(&problems).contains("found `worker`; expected one of browser, mobile"));
        for nothing in [Value::Null, json!([]), json!("queued")] {
            assert_eq!(read_context(&nothing).unwrap_err()[0].field, "");
        }
    }
}
