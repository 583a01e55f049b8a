//! The drafts the editor works on: shipped ones, or a person's own.

use crate::cli::Failure;
use crate::stage::{Files, shipped};
use std::io;
use std::path::Path;

/// Three that are ready, one that is not.
const SHIPPED: &[(&str, &str)] = shipped!(
    "trail/drafts":
    "incident-2026-11-17.md",
    "price-change.md",
    "release-notes-4.2.md",
    "roadmap.md",
);

/// As many calls as one turn of an agent may have.
const DRAFTS_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

pub(super) struct Drafts(Files);

impl Drafts {
    /// A person's own, if a folder is named.
    pub fn of(input: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = input else { return Ok(Self(Files::shipped(SHIPPED))) };
        let drafts = Self(Files::in_folder(folder, "md", DRAFTS_MAX)?);
        let ready = drafts.ready();
        if ready == 0 || ready == drafts.count() as u64 {
            return Err(Failure::usage(format!(
                "`--input {}` holds {} drafts, {ready} of them ready; expected at least one that says TBD and one that does not",
                folder.display(),
                drafts.count()
            )));
        }
        Ok(drafts)
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// How many are ready.
    pub fn ready(&self) -> u64 {
        self.0.iter().filter(|(_, text)| is_ready(text)).count() as u64
    }

    pub fn write(&self, workspace: &Path) -> io::Result<()> {
        self.0.write(workspace)
    }
}

/// Whether a draft can be published.
pub(super) fn is_ready(text: &str) -> bool {
    !text.contains("TBD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_3_the_shipped_drafts_are_approved_and_denied() {
        let drafts = Drafts::of(None).unwrap();
        assert_eq!((drafts.count(), drafts.ready()), (4, 3));
    }

    #[test]
    fn ex_3_a_folder_with_nothing_to_deny_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.md"), "done").unwrap();
        let refused = Drafts::of(Some(folder.path())).err().unwrap();
        assert!(refused.error().message.contains("at least one that says TBD"), "{refused:?}");
    }
}
