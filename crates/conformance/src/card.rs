//! The scorecard: what was proven, by requirement id.

use crate::case::{Case, Outcome, Stop};
use crate::cases::title;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The promise held.
    Passed,
    /// The server broke it.
    Failed,
    /// It could not be tried.
    Skipped,
}

/// One case and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseScore {
    /// Its name.
    pub name: &'static str,
    /// What a pass proves.
    pub proves: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// What was seen instead, or why it could not be tried; null for a pass.
    pub why: Option<String>,
    /// How long it took, milliseconds.
    pub ms: u64,
}

/// One promise and its cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The requirement.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Cases passed.
    pub passed: usize,
    /// Cases failed.
    pub failed: usize,
    /// Cases skipped.
    pub skipped: usize,
    /// The cases, in the order they ran.
    pub cases: Vec<CaseScore>,
}

/// Everything that was tried against one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scorecard {
    /// The server.
    pub url: String,
    /// Cases passed.
    pub passed: usize,
    /// Cases failed.
    pub failed: usize,
    /// Cases skipped.
    pub skipped: usize,
    /// By requirement, in the order of the contract.
    pub requirements: Vec<Standing>,
}

impl Scorecard {
    /// The names of the cases that failed.
    #[must_use]
    pub fn failures(&self) -> Vec<&'static str> {
        let cases = self.requirements.iter().flat_map(|standing| &standing.cases);
        cases.filter(|case| case.verdict == Verdict::Failed).map(|case| case.name).collect()
    }
}

/// A table by requirement, then what failed and what was skipped with the reasons, then a summary.
impl fmt::Display for Scorecard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.requirements.iter().map(|one| one.title.chars().count()).max();
        let wide = wide.unwrap_or(5).max(5);
        writeln!(
            f,
            "{:<8}{:<wide$}  {:>6} {:>6} {:>7}",
            "ID", "TITLE", "PASSED", "FAILED", "SKIPPED"
        )?;
        for Standing { id, title, passed, failed, skipped, .. } in &self.requirements {
            writeln!(f, "{id:<8}{title:<wide$}  {passed:>6} {failed:>6} {skipped:>7}")?;
        }
        for (verdict, heading) in [(Verdict::Failed, "Failed"), (Verdict::Skipped, "Skipped")] {
            self.told(f, verdict, heading)?;
        }
        write!(
            f,
            "\n{} passed, {} failed, {} skipped, {} requirements, against {}",
            self.passed,
            self.failed,
            self.skipped,
            self.requirements.len(),
            self.url
        )
    }
}

impl Scorecard {
    fn told(&self, f: &mut fmt::Formatter<'_>, verdict: Verdict, heading: &str) -> fmt::Result {
        let mut heading = Some(heading);
        for standing in &self.requirements {
            for case in standing.cases.iter().filter(|case| case.verdict == verdict) {
                if let Some(heading) = heading.take() {
                    writeln!(f, "\n{heading}:")?;
                }
                let why = case.why.as_deref().unwrap_or_default();
                writeln!(f, "  {} {}: {}\n      {why}", standing.id, case.name, case.proves)?;
            }
        }
        Ok(())
    }
}

/// Keeps score while cases run.
pub(crate) struct Keeper {
    card: Scorecard,
}

impl Keeper {
    pub fn new(url: &str) -> Self {
        let card = Scorecard {
            url: url.to_owned(),
            passed: 0,
            failed: 0,
            skipped: 0,
            requirements: Vec::new(),
        };
        Self { card }
    }

    pub fn keep(&mut self, case: &Case, (outcome, took): (Outcome, Duration)) -> &CaseScore {
        let (verdict, why) = match outcome {
            Ok(()) => (Verdict::Passed, None),
            Err(Stop::Failed(why)) => (Verdict::Failed, Some(why)),
            Err(Stop::Skipped(why)) => (Verdict::Skipped, Some(why)),
        };
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let score = CaseScore { name: case.name, proves: case.proves, verdict, why, ms };
        let at = self.standing(case.id);
        let standing = &mut self.card.requirements[at];
        match verdict {
            Verdict::Passed => {
                (standing.passed, self.card.passed) = (standing.passed + 1, self.card.passed + 1)
            }
            Verdict::Failed => {
                (standing.failed, self.card.failed) = (standing.failed + 1, self.card.failed + 1)
            }
            Verdict::Skipped => {
                (standing.skipped, self.card.skipped) =
                    (standing.skipped + 1, self.card.skipped + 1)
            }
        }
        standing.cases.push(score);
        let last = standing.cases.len() - 1;
        &standing.cases[last]
    }

    fn standing(&mut self, id: &'static str) -> usize {
        let known = self.card.requirements.iter().position(|standing| standing.id == id);
        known.unwrap_or_else(|| {
            let (title, cases) = (title(id), Vec::new());
            self.card.requirements.push(Standing {
                id,
                title,
                passed: 0,
                failed: 0,
                skipped: 0,
                cases,
            });
            self.card.requirements.len() - 1
        })
    }

    pub fn card(self) -> Scorecard {
        self.card
    }
}
