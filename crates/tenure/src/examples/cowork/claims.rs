//! The claims the clerk settles: shipped ones, or a person's own.

use crate::cli::Failure;
use crate::stage::{Files, shipped};
use serde_json::Value;
use std::io;
use std::path::Path;

/// Two small ones, one above the limit.
const SHIPPED: &[(&str, &str)] =
    shipped!("cowork/claims": "c-2207.json", "c-2208.json", "c-2209.json");

/// Up to here a claim is approved.
const CENTS_MAX: u64 = 20_000;
/// As many calls as one turn of an agent may have.
const CLAIMS_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

pub(super) struct Claims(Files);

impl Claims {
    /// A person's own, if a folder is named.
    pub fn of(input: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = input else { return Ok(Self(Files::shipped(SHIPPED))) };
        let claims = Self(Files::in_folder(folder, "json", CLAIMS_MAX)?);
        let (all, small) = (claims.count() as u64, claims.small());
        if small == 0 || small == all {
            return Err(Failure::usage(format!(
                "`--input {}` holds {all} claims, {small} of them of at most {CENTS_MAX} cents; expected at least one such and one above, as {{\"cents\": 4900}}",
                folder.display()
            )));
        }
        Ok(claims)
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// How many are approved.
    pub fn small(&self) -> u64 {
        self.0.iter().filter(|(_, text)| is_small(text)).count() as u64
    }

    pub fn write(&self, workspace: &Path) -> io::Result<()> {
        self.0.write(workspace)
    }
}

/// Whether a claim is small enough to be approved.
pub(super) fn is_small(text: &str) -> bool {
    let claim: Value = serde_json::from_str(text).unwrap_or_default();
    claim["cents"].as_u64().is_some_and(|cents| cents <= CENTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_1_the_shipped_claims_are_approved_and_denied() {
        let claims = Claims::of(None).unwrap();
        assert_eq!((claims.count(), claims.small()), (3, 2));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), "{\"cents\": 1}").unwrap();
        let refused = Claims::of(Some(folder.path())).err().unwrap();
        assert!(refused.error().message.contains("at least one such and one above"));
    }
}
