//! What a person is told of the plan while it is kept: where tasks stand, and what came on the checklist.

use crate::client::Happening;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Teller {
    /// What tasks are called.
    titles: HashMap<String, String>,
}

impl Teller {
    /// The line for an entry; none for what a person need not see.
    pub fn line(&mut self, told: &Happening) -> Option<String> {
        match told.kind.as_str() {
            "task.created" => {
                self.titles.insert(told.text("task").to_owned(), told.text("title").to_owned());
                None
            }
            "task.moved" => {
                let title = self.titles.get(told.text("task"))?;
                let mark = match told.text("status") {
                    "running" => "▸",
                    "completed" => "✓",
                    _ => "·",
                };
                Some(format!("  {mark} {title}: {}", told.text("status")))
            }
            "todo.created" => Some(format!("      ☐ {}", told.body["text"].as_str()?)),
            _ => None,
        }
    }
}
