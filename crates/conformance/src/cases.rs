//! Every exported case, by group in the order of the contract.

mod agents;
mod approvals;
mod artifacts;
mod checkpoints;
mod deltas;
mod dispatches;
mod handoffs;
mod intents;
mod keys;
mod log;
mod loops;
mod pages;
mod policies;
mod problems;
mod restarts;
mod runs;
mod schedules;
mod sessions;
mod steps;
mod streams;
mod tasks;
mod tenants;
mod threads;
mod transfers;
mod travel;

use crate::case::Case;

/// Every case there is, group by group: each numbered promise the kit can try has one or more.
pub const CASES: &[&[Case]] = &[
    tenants::CASES,
    keys::CASES,
    agents::CASES,
    sessions::CASES,
    tasks::CASES,
    runs::CASES,
    steps::CASES,
    approvals::CASES,
    travel::CASES,
    policies::CASES,
    checkpoints::CASES,
    dispatches::CASES,
    handoffs::CASES,
    transfers::CASES,
    schedules::CASES,
    log::CASES,
    intents::CASES,
    artifacts::CASES,
    streams::CASES,
    deltas::CASES,
    threads::CASES,
    loops::CASES,
    problems::CASES,
    pages::CASES,
    restarts::CASES,
];

/// The titles of the requirements the kit tries. `HTTP-…` are the rules of the wire that hold for
/// every route and have no number of their own in the contract.
const TITLES: &[(&str, &str)] = &[
    ("TEN-1", "Everything has one owner"),
    ("AUT-1", "Who is calling is always known"),
    ("AGT-1", "Agents are versioned by content"),
    ("SES-1", "What a session is"),
    ("SES-2", "Resumable is computed"),
    ("SES-3", "One run at a time"),
    ("TSK-1", "Tasks"),
    ("TOD-1", "Todos"),
    ("RUN-1", "What a run is"),
    ("RUN-2", "Why a run ended"),
    ("RUN-3", "The execution view"),
    ("RUN-4", "Scheduled runs"),
    ("RUN-5", "Why it is not moving"),
    ("STP-1", "Intended, then landed or failed"),
    ("STP-2", "Recovery classes and doubt"),
    ("STP-3", "One key per step"),
    ("APR-1", "What an approval is"),
    ("APR-2", "Refused unless approved"),
    ("APR-3", "Bound to the exact action"),
    ("APR-4", "Used up once"),
    ("APR-5", "Waiting is free and survives"),
    ("APR-6", "Decided in another application"),
    ("POL-1", "Policy is asked before effects"),
    ("CKP-1", "Checkpoints"),
    ("CKP-2", "Resume anywhere"),
    ("DSP-1", "Dispatch context"),
    ("DSP-2", "Idempotent, and its mode decides when"),
    ("DSP-4", "Dispatches"),
    ("HND-1", "A session moves to another owner"),
    ("HND-2", "A session moves to another server"),
    ("LOG-1", "Every change is an entry"),
    ("LOG-2", "Chained, signed, erasable"),
    ("LOG-3", "Verified by anyone, offline"),
    ("LOG-4", "No acknowledgement without a commit"),
    ("INT-1", "Registering handlers"),
    ("INT-2", "What an intent is"),
    ("INT-5", "Submitting is asynchronous and durable"),
    ("INT-6", "Named steps in a handler"),
    ("ART-1", "What an artifact is"),
    ("ART-2", "An artifact's life"),
    ("ART-5", "One way to register"),
    ("SUB-1", "Query and subscribe"),
    ("STR-1", "Words while they are said"),
    ("WSP-1", "Projects and workspaces"),
    ("SES-4", "Chat threads and code threads"),
    ("CLM-1", "One agent per session"),
    ("RT3", "Options only lower ceilings"),
    ("RT12", "The result's shape"),
    ("RT15", "Durable inside the loop"),
    ("T3", "Arguments are checked first"),
    ("HTTP-1", "Refusals are problems (RFC 9457)"),
    ("HTTP-2", "Input is read strictly, within limits"),
    ("HTTP-3", "Lists have cursor pages"),
];

/// The title of a requirement the kit tries; its id for any other.
#[must_use]
pub fn title(id: &'static str) -> &'static str {
    TITLES.iter().find(|(known, _)| *known == id).map_or(id, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn alt_1_every_case_has_its_own_name_and_every_requirement_its_title() {
        let cases: Vec<&Case> = CASES.iter().flat_map(|group| group.iter()).collect();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        for case in cases {
            assert_ne!(title(case.id), case.id, "{} has no title", case.id);
            assert!(case.proves.ends_with(|c: char| c.is_alphanumeric()), "{}", case.name);
        }
    }
}
