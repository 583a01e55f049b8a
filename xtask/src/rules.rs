//! Every rule of the workspace. A rule is a function from the tree to its findings; each says the
//! place, what is wrong and what to do instead, and each is tested on a sample that passes and one
//! that does not.

pub mod changelog;
pub mod edges;
pub mod files;
pub mod links;
pub mod names;
pub mod purity;
pub mod requirements;
pub mod stability;

use crate::{Finding, Tree};

/// The findings of every rule, in the order of their places.
#[must_use]
pub fn all(tree: &Tree) -> Vec<Finding> {
    let rules: &[fn(&Tree) -> Vec<Finding>] = &[
        edges::check,
        purity::check,
        files::check,
        names::check,
        requirements::check,
        links::check,
        changelog::check,
        stability::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}
