//! The verdict on a call: the stricter of the agent definition's and the policy's.

use super::{Ruling, Terms};
use tenure_contract::event::CallVerdict;
use tenure_contract::words::{CallRefusal, RiskLevel};

/// The stricter of what the agent's definition says of a call and what the policy does. `label` is
/// what a person reads of the call when only the policy asks.
#[must_use]
pub fn stricter(own: CallVerdict, ruling: Ruling, label: &str) -> CallVerdict {
    let terms = match (&own, ruling) {
        // what is refused already stays so, and a question has no side effect
        (CallVerdict::Refuse { .. } | CallVerdict::AskHuman { .. }, _) => return own,
        (_, Ruling::Permit) => return own,
        (_, Ruling::Deny { .. }) => {
            return CallVerdict::Refuse { why: CallRefusal::DeniedByPolicy };
        }
        (CallVerdict::Permit | CallVerdict::Ask { .. }, Ruling::Ask(terms)) => terms,
    };
    let Terms { why, approvers, needs_reason, risk } = terms;
    let risk = match own {
        CallVerdict::Ask { risk: own, .. } => risk.map_or(own, |risk| risk.max(own)),
        _ => risk.unwrap_or(RiskLevel::Medium),
    };
    CallVerdict::Ask { risk, label: format!("{why}: {label}"), approvers, needs_reason }
}
