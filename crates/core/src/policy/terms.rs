//! On which terms a policy asks for a decision.

use crate::session::covers;
use tenure_contract::words::RiskLevel;

/// On which terms a policy asks for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What a person reads.
    pub why: String,
    /// Who may decide, as `kind:name`; empty means those the run names.
    pub approvers: Vec<String>,
    /// True when a decision needs a reason.
    pub needs_reason: bool,
    /// How much harm it could do, when the policy says so.
    pub risk: Option<RiskLevel>,
}

impl Terms {
    /// Both: what either asks for.
    ///
    /// # Errors
    /// When nobody may decide for both.
    pub(super) fn and(self, other: Self) -> Result<Self, String> {
        Ok(Self {
            approvers: both(self.approvers, other.approvers)?,
            why: format!("{}; {}", self.why, other.why),
            needs_reason: self.needs_reason || other.needs_reason,
            risk: self.risk.max(other.risk),
        })
    }
}

/// Those whom each of two lists names; an empty list names nobody in particular.
fn both(one: Vec<String>, other: Vec<String>) -> Result<Vec<String>, String> {
    if one.is_empty() || other.is_empty() {
        return Ok([one, other].concat());
    }
    let within = |word: &String, list: &[String]| list.iter().any(|known| covers(known, word));
    let mut common: Vec<String> = one.iter().filter(|word| within(word, &other)).cloned().collect();
    common.extend(other.into_iter().filter(|word| within(word, &one)));
    common.sort();
    common.dedup();
    match common.is_empty() {
        true => Err("two policies ask and no approver is named by both".to_owned()),
        false => Ok(common),
    }
}
