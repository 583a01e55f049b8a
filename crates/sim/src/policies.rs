//! The policies an administrator of the simulation sets in mid-run, and what each of them says: a
//! table of its own, so that the engine is not held against itself.

use tenure_contract::{Digest, PolicyVersion};

/// A policy and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The text.
    pub text: &'static str,
    /// Tools and intents whose calls it denies.
    pub denies: &'static [&'static str],
    /// Tools whose calls it asks about.
    pub asks: &'static [&'static str],
}

/// From loose to strict and back.
pub const POLICIES: &[Written] = &[
    Written { text: "permit(principal, action, resource);", denies: &[], asks: &[] },
    Written {
        text: "permit(principal, action, resource);\n\
               forbid(principal, action == Action::\"call\", resource == Tool::\"wire\");\n\
               forbid(principal, action == Action::\"call\", resource == Tool::\"refund\");",
        denies: &["wire", "refund"],
        asks: &[],
    },
    Written {
        text: "permit(principal, action, resource);\n\
               @ask(\"all eyes\") @risk(\"critical\")\n\
               permit(principal, action == Action::\"call\", resource is Tool);",
        denies: &[],
        asks: &["post", "wire", "refund", "traced"],
    },
    Written {
        text: "permit(principal, action, resource);\n\
               forbid(principal, action == Action::\"call\", resource is Intent)\n\
               when { context.class == \"once\" };",
        denies: &["handler"],
        asks: &[],
    },
];

/// What a version says; none for the built-in one, which permits.
#[must_use]
pub fn written(version: PolicyVersion) -> Option<&'static Written> {
    POLICIES.iter().find(|one| version_of(one) == version)
}

/// The version a policy has.
#[must_use]
pub fn version_of(written: &Written) -> PolicyVersion {
    PolicyVersion::Set(Digest::of(&[written.text.as_bytes()]))
}
