//! A tenant's policy: facts in, a ruling out (`POL-1`).
//!
//! A policy is Cedar text. A request is *denied* if any `forbid` matches or no `permit` does; it is
//! *asked* about if a matching `permit` carries `@ask`; else it is *permitted*. An engine that
//! cannot say is a denial, never a permit. Who keeps the texts, and when a ruling is asked for, is
//! the engine's affair.

mod arguments;
mod matter;
mod read;
mod terms;
mod verdict;

#[cfg(test)]
mod tests;

pub use matter::{Callee, Matter, Question, Setting, Work};
pub use read::{BadPolicy, Problem};
pub use terms::Terms;
pub use verdict::stricter;

use cedar_policy::{Authorizer, Decision, PolicyId, PolicySet, Response};
use std::sync::{Arc, OnceLock};
use tenure_contract::words::PolicyEffect;
use tenure_contract::{Digest, PolicyVersion};

/// The schema every policy is validated against.
pub const SCHEMA: &str = include_str!("policy/tenure.cedarschema");
/// The text of the built-in policy.
pub const DEFAULT_TEXT: &str = include_str!("policy/default.cedar");

/// A policy, read.
#[derive(Debug)]
pub struct Policy {
    version: PolicyVersion,
    /// What it says, or why nobody can tell.
    rules: Result<Rules, String>,
}

#[derive(Debug)]
struct Rules {
    set: PolicySet,
    every_call: bool,
}

/// What a policy says of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may happen.
    Permit,
    /// Somebody decides first, on these terms.
    Ask(Terms),
    /// It may not happen.
    Deny {
        /// Why, in words.
        why: String,
    },
}

/// A ruling with the policy it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// What it says.
    pub ruling: Ruling,
    /// The policy's version.
    pub under: PolicyVersion,
}

impl Ruling {
    /// The ruling as one word.
    #[must_use]
    pub const fn effect(&self) -> PolicyEffect {
        match self {
            Self::Permit => PolicyEffect::Permit,
            Self::Ask(_) => PolicyEffect::Ask,
            Self::Deny { .. } => PolicyEffect::Deny,
        }
    }

    /// Why it may not happen, for what cannot wait for a decision: `ask` is a refusal there.
    ///
    /// # Errors
    /// The reason.
    pub fn at_once(self) -> Result<(), String> {
        match self {
            Self::Permit => Ok(()),
            Self::Ask(terms) => Err(format!(
                "policy asks for a decision (`{}`) and this cannot wait for one",
                terms.why
            )),
            Self::Deny { why } => Err(why),
        }
    }
}

impl Policy {
    /// The built-in policy.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Policy>> = OnceLock::new();
        let make = || {
            let rules = read::rules(DEFAULT_TEXT).map_err(|bad| bad.to_string());
            Arc::new(Self { version: PolicyVersion::Default, rules })
        };
        BUILTIN.get_or_init(make).clone()
    }

    /// The policy of a text that somebody wants to set.
    ///
    /// # Errors
    /// [`BadPolicy`] with every problem and its line.
    pub fn read(text: &str) -> Result<Self, BadPolicy> {
        Ok(Self { version: version_of(text), rules: Ok(read::rules(text)?) })
    }

    /// The policy of a text that was set before. A text that is gone or cannot be read any more
    /// denies everything.
    #[must_use]
    pub fn stored(version: PolicyVersion, text: Option<&str>) -> Self {
        let rules = match text {
            Some(text) => read::rules(text).map_err(|bad| bad.to_string()),
            None => Err("its text is not there".to_owned()),
        };
        Self { version, rules }
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> PolicyVersion {
        self.version
    }

    /// True when every call is permitted whatever it is, so that nobody needs to ask.
    #[must_use]
    pub fn permits_every_call(&self) -> bool {
        self.rules.as_ref().is_ok_and(|rules| rules.every_call)
    }

    /// What it says of a question, with its version.
    #[must_use]
    pub fn ruled(&self, question: &Question<'_>) -> Ruled {
        Ruled { ruling: self.rule(question), under: self.version }
    }

    /// A permit under this policy, for what it permits whatever it is.
    #[must_use]
    pub const fn permit(&self) -> Ruled {
        Ruled { ruling: Ruling::Permit, under: self.version }
    }

    /// What it says of a question.
    #[must_use]
    pub fn rule(&self, question: &Question<'_>) -> Ruling {
        let rules = match &self.rules {
            Ok(rules) => rules,
            Err(why) => {
                let why = format!("policy `{}` cannot be read: {why}", self.version);
                return Ruling::Deny { why };
            }
        };
        match question.asked() {
            Ok((request, entities)) => {
                let answer = Authorizer::new().is_authorized(&request, &rules.set, &entities);
                rules.ruling(&answer)
            }
            Err(why) => Ruling::Deny { why: format!("policy cannot be asked: {why}") },
        }
    }
}

/// The version a text has.
#[must_use]
pub fn version_of(text: &str) -> PolicyVersion {
    PolicyVersion::Set(Digest::of(&[text.as_bytes()]))
}

impl Rules {
    fn ruling(&self, answer: &Response) -> Ruling {
        let told = answer.diagnostics();
        if let Some(error) = told.errors().next() {
            return Ruling::Deny { why: format!("policy cannot tell: {error}") };
        }
        // the order in a set of reasons is another one each time
        let mut reasons: Vec<&PolicyId> = told.reason().collect();
        reasons.sort_unstable();
        match answer.decision() {
            Decision::Deny => Ruling::Deny { why: self.why_not(&reasons) },
            Decision::Allow => match self.terms(&reasons) {
                Ok(None) => Ruling::Permit,
                Ok(Some(terms)) => Ruling::Ask(terms),
                Err(why) => Ruling::Deny { why },
            },
        }
    }

    fn why_not(&self, reasons: &[&PolicyId]) -> String {
        match reasons.first() {
            Some(id) => format!("policy `{}` forbids it", self.name(id)),
            None => "no policy permits it".to_owned(),
        }
    }

    /// The terms of every determining policy that asks, together.
    fn terms(&self, reasons: &[&PolicyId]) -> Result<Option<Terms>, String> {
        let mut all: Option<Terms> = None;
        for id in reasons {
            let Some(policy) = self.set.policy(id) else { continue };
            let Some(terms) = read::terms(policy) else { continue };
            let terms = terms.map_err(|why| format!("policy `{}`: {why}", self.name(id)))?;
            all = Some(match all {
                Some(known) => known.and(terms)?,
                None => terms,
            });
        }
        Ok(all)
    }

    fn name(&self, id: &PolicyId) -> String {
        let given = self.set.policy(id).and_then(|policy| policy.annotation("id"));
        given.map_or_else(|| id.to_string(), str::to_owned)
    }
}
