//! What is being said right now, on one line beneath the lines that stay: a model's words as they
//! come, a tool's progress. It is provisional and never written anywhere (`STR-1`, `T6`).

use super::print::brief;
use crate::client::Happening;
use std::collections::BTreeMap;
use tenure_contract::RunId;
use tenure_contract::live::Provisional;

/// Letters of the line; the last ones said are what a person reads.
const LINE_MAX_CHARS: usize = 100;
/// Letters that are kept of a turn: more than a line, so that white space can go.
const KEPT_MAX_CHARS: usize = 400;

/// The speech of the steps under way in one run.
pub(super) struct Speech {
    run: RunId,
    /// By step: the attempt, and the end of what it says.
    said: BTreeMap<String, (u32, String)>,
}

impl Speech {
    pub fn of(run: RunId) -> Self {
        Self { run, said: BTreeMap::new() }
    }

    /// Takes what is provisional.
    pub fn hear(&mut self, told: &Provisional) {
        match told {
            Provisional::Delta(delta) if delta.run == self.run => {
                let (attempt, said) = self.said.entry(delta.step.to_string()).or_default();
                if delta.restated || *attempt != delta.attempt {
                    said.clear();
                }
                *attempt = delta.attempt;
                said.push_str(&delta.text);
                let letters = said.chars().count();
                if letters > KEPT_MAX_CHARS {
                    *said = said.chars().skip(letters - KEPT_MAX_CHARS).collect();
                }
            }
            Provisional::Restarted(lost) if lost.run == self.run => {
                self.said.remove(&lost.step.to_string());
            }
            Provisional::Progress(progress) if progress.run == self.run => {
                let far = progress.value.to_string();
                self.said.insert(progress.step.to_string(), (progress.attempt, far));
            }
            Provisional::Delta(_) | Provisional::Restarted(_) | Provisional::Progress(_) => {}
        }
    }

    /// An entry about a step replaces what was said in it.
    pub fn settle(&mut self, told: &Happening) {
        self.said.remove(told.text("step"));
    }

    /// The line; empty when nobody speaks.
    pub fn line(&self) -> String {
        let Some((_, said)) = self.said.values().next_back() else { return String::new() };
        // a model's text must not move a person's cursor
        let plain: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = brief(&plain, usize::MAX);
        let letters = line.chars().count();
        line.chars().skip(letters.saturating_sub(LINE_MAX_CHARS)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenure_contract::StepId;
    use tenure_contract::live::{ToolProgress, TurnDelta, TurnRestarted};

    const RUN: RunId = RunId::from_bytes([1; 16]);
    const STEP: StepId = StepId::from_bytes([2; 16]);

    fn delta(attempt: u32, text: &str, restated: bool) -> Provisional {
        let text = text.to_owned();
        Provisional::Delta(TurnDelta { run: RUN, step: STEP, attempt, offset: 0, text, restated })
    }

    #[test]
    fn str_1_words_are_shown_as_they_come_and_withdrawn_with_their_attempt() {
        let mut speech = Speech::of(RUN);
        speech.hear(&delta(1, "Looking\nat ", false));
        speech.hear(&delta(1, "\u{1b}[2Jit", false));
        assert_eq!(speech.line(), "Looking at [2Jit");
        speech.hear(&delta(1, "All so far", true));
        assert_eq!(speech.line(), "All so far");
        let lost = TurnRestarted { run: RUN, step: STEP, attempt: 1 };
        speech.hear(&Provisional::Restarted(lost));
        assert_eq!(speech.line(), "");
        speech.hear(&delta(2, &"x".repeat(1_000), false));
        speech.hear(&delta(2, "end", false));
        assert!(speech.line().ends_with("xend") && speech.line().len() == LINE_MAX_CHARS);
        let landed = json!({"seq": 9, "at": "2026-11-21T08:00:00Z", "kind": "turn.landed",
            "data": {"step": STEP.to_string()}});
        speech.settle(&Happening::read(&landed).unwrap());
        assert_eq!(speech.line(), "");
    }

    #[test]
    fn t6_progress_is_shown_for_the_run_that_is_followed_only() {
        let mut speech = Speech::of(RUN);
        let progress = |run, value| {
            let (step, attempt, number) = (STEP, 1, 1);
            Provisional::Progress(ToolProgress { run, step, attempt, number, value })
        };
        speech.hear(&progress(RunId::from_bytes([9; 16]), json!("another's")));
        assert_eq!(speech.line(), "");
        speech.hear(&progress(RUN, json!({"entries": 250})));
        assert_eq!(speech.line(), "{\"entries\":250}");
    }
}
