//! The end of a play: what was found, and claims that are each checked against what was wanted.

use super::{Voice, mark};
use crate::cli::println_json;
use serde::Serialize;
use serde_json::{Map, Value};

/// Facts and claims; it holds when there are claims and every one does.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    #[serde(flatten)]
    facts: Map<String, Value>,
    claims: Vec<Claim>,
}

#[derive(Debug, Serialize)]
struct Claim {
    claim: String,
    wanted: Value,
    found: Value,
    holds: bool,
}

impl Summary {
    /// Something found, under its name in the JSON object.
    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Claims that what was found is what was wanted.
    pub fn equal(&mut self, claim: &str, found: impl Into<Value>, wanted: impl Into<Value>) {
        let (found, wanted) = (found.into(), wanted.into());
        self.claims.push(Claim { claim: claim.to_owned(), holds: found == wanted, wanted, found });
    }

    /// Claims that there are at least so many.
    pub fn at_least(&mut self, claim: &str, found: u64, least: u64) {
        self.claims.push(Claim {
            claim: claim.to_owned(),
            holds: found >= least,
            wanted: format!("at least {least}").into(),
            found: found.into(),
        });
    }

    /// Whether everything claimed is true.
    pub fn holds(&self) -> bool {
        !self.claims.is_empty() && self.claims.iter().all(|claim| claim.holds)
    }

    /// Tells it: claim by claim to a person, as one object to a program.
    pub fn tell(&self, voice: Voice) {
        match voice {
            Voice::Json => println_json(self),
            Voice::Aloud => {
                for Claim { claim, wanted, found, holds } in &self.claims {
                    let (wanted, found) = (shown(wanted), shown(found));
                    voice.say(&match holds {
                        true => format!("  ✓ {claim}: {found}"),
                        false => {
                            format!("  {} {claim}: wanted {wanted}, found {found}", mark(false))
                        }
                    });
                }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_false_claim_is_enough_and_no_claim_proves_nothing() {
        let mut summary = Summary::default();
        summary.fact("count", 2);
        assert!(!summary.holds());
        summary.equal("a", 2, 2);
        summary.at_least("b", 3, 3);
        assert!(summary.holds());
        summary.equal("c", "x", "y");
        assert!(!summary.holds());
        let told = serde_json::to_value(&summary).unwrap();
        assert_eq!((&told["count"], &told["claims"][2]["found"]), (&2.into(), &"x".into()));
        assert_eq!(shown(&serde_json::json!([])), "none");
        assert_eq!(shown(&serde_json::json!(["a", 2, null])), "a, 2, null");
        summary.claims.pop();
        summary.at_least("d", 2, 3);
        assert!(!summary.holds());
    }
}
