//! The plan: a shipped week, or a person's own. It is read and checked here, and put in its order.

use super::hour::Hour;
use crate::cli::Failure;
use crate::stage::{Files, shipped};
use serde::Deserialize;
use serde_json::json;
use std::io;
use std::path::Path;
use tenure_contract::Time;
use tenure_contract::limits::{
    CALLS_PER_TURN_MAX, TITLE_MAX_CHARS, TODO_TEXT_MAX_CHARS, WRITES_PER_STEP_MAX,
};
use tenure_contract::words::ScheduleEntryKind;

/// The launch of something, in eight items.
const SHIPPED: &[(&str, &str)] = shipped!(
    "flow/week":
    "budget.json",
    "caterer.json",
    "guests.json",
    "invitations.json",
    "opening.json",
    "rehearsal.json",
    "slides.json",
    "venue.json",
);

/// Letters of an item's name.
const NAME_MAX_CHARS: usize = 64;
/// Every run of the session reads the checklist of all before it: more of them take minutes.
const ITEMS_MAX: usize = 32;
/// The time a week is pressed into, from its first hour to its last, microseconds.
const SPAN_MICROS: u64 = 2_000_000;

/// One thing that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub id: String,
    pub title: String,
    /// When; by turn, before all that have a time, when absent.
    pub at: Option<Hour>,
    /// What is to be done before it.
    pub needs: Vec<String>,
    pub todos: Vec<String>,
}

/// An item as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    #[serde(default)]
    at: Option<Hour>,
    #[serde(default)]
    needs: Vec<String>,
    todos: Vec<String>,
}

/// Items in the order they are to be done in.
#[derive(Debug)]
pub(super) struct Week(pub Vec<Item>);

impl Week {
    /// A person's own, if a folder is named.
    pub fn of(input: Option<&Path>) -> Result<Self, Failure> {
        let (files, shown) = match input {
            Some(folder) => (Files::in_folder(folder, "json", ITEMS_MAX)?, folder.display()),
            None => (Files::shipped(SHIPPED), Path::new("week").display()),
        };
        let week = files
            .iter()
            .map(|(path, text)| item(path, text))
            .collect::<Result<_, _>>()
            .and_then(super::order::put_in_order)
            .map_err(|why| Failure::usage(format!("the plan in `--input {shown}`: {why}")))?;
        Ok(Self(week))
    }

    /// The items that have a time, in order, with it.
    pub fn timed(&self) -> impl DoubleEndedIterator<Item = (&Item, Hour)> {
        self.0.iter().filter_map(|item| Some((item, item.at?)))
    }

    /// When an item is due if the first one that has a time is due then.
    pub fn due(&self, item: &Item, first: Time) -> Option<Time> {
        let (begin, end) = (self.timed().next()?.1, self.timed().next_back()?.1);
        let span = u64::from(end.minutes_since(begin)).max(1);
        let passed = u64::from(item.at?.minutes_since(begin));
        Some(Time::from_micros(first.micros() + SPAN_MICROS * passed / span))
    }

    /// A moment when some of the items that have a time are due and others are not, if there are others.
    pub fn midst(&self, first: Time) -> Time {
        let middle = self.timed().count().saturating_sub(1) / 2;
        self.timed().nth(middle).and_then(|(item, _)| self.due(item, first)).unwrap_or(first)
    }

    /// Where the planner finds an item.
    fn path(place: usize, item: &Item) -> String {
        format!("plan/{:02}-{}.json", place + 1, item.id)
    }

    /// Writes the plan as the agents read it: in its order, with its hours in the days to come.
    pub fn write(&self, workspace: &Path, first: Time) -> io::Result<()> {
        let written = self.0.iter().enumerate().map(|(place, item)| {
            let (path, at) = (Self::path(place, item), self.due(item, first));
            let kind = match at {
                Some(_) => ScheduleEntryKind::At,
                None => ScheduleEntryKind::Queued,
            };
            let told = json!({
                "id": item.id, "title": item.title, "needs": item.needs,
                "todo": { "text": planned(item) },
                "checklist": item.todos.iter().map(|text| json!({ "text": text })).collect::<Vec<_>>(),
                "entry": {
                    "kind": kind, "at": at,
                    "work": { "type": "task", "title": item.title, "agent": "worker" },
                    "payload": { "task": path },
                },
            });
            (path, told.to_string())
        });
        let written: Vec<(String, String)> = written.collect();
        let files: Vec<(&str, &str)> =
            written.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Files::shipped(&files).write(workspace)
    }
}

/// The planner's todo for an item.
pub(super) fn planned(item: &Item) -> String {
    format!("Put on schedule: {}", item.title)
}

fn item(path: &Path, text: &str) -> Result<Item, String> {
    let shown = path.display();
    let id = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if id.is_empty() || id.len() > NAME_MAX_CHARS || !id.chars().all(is_plain) {
        return Err(format!(
            "`{shown}` is no name of an item; expected 1 to {NAME_MAX_CHARS} letters, digits, `-` and `_`"
        ));
    }
    let written: Written = serde_json::from_str(text).map_err(|why| {
        format!("`{shown}`: {why}; expected {{\"title\": …, \"at\"?: \"mon 09:30\", \"needs\"?: […], \"todos\": […]}}")
    })?;
    let Written { title, at, needs, todos } = written;
    within(&format!("`title` of `{shown}`"), &title, TITLE_MAX_CHARS)?;
    let longest = TODO_TEXT_MAX_CHARS;
    for todo in &todos {
        within(&format!("a todo of `{shown}`"), todo, longest)?;
    }
    // what the worker ticks off is one turn of its model
    let most = CALLS_PER_TURN_MAX.min(WRITES_PER_STEP_MAX);
    if todos.is_empty() || todos.len() > most {
        return Err(format!("`{shown}` has {} todos; expected 1 to {most}", todos.len()));
    }
    Ok(Item { id, title, at, needs, todos })
}

fn within(what: &str, text: &str, most: usize) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{what} is `{}`; expected one line of letters", text.escape_debug()));
    }
    match text.chars().count() {
        letters if (1..=most).contains(&letters) => Ok(()),
        letters => Err(format!("{what} has {letters} letters; expected 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn ex_2_the_shipped_week_is_in_order() {
        let week = Week::of(None).unwrap();
        let ids: Vec<&str> = week.0.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(
            ids,
            "budget guests venue caterer invitations slides rehearsal opening"
                .split(' ')
                .collect::<Vec<_>>()
        );
        let first = Time::from_micros(1_000_000);
        let dues: Vec<Time> = week.0.iter().filter_map(|item| week.due(item, first)).collect();
        assert!(dues.is_sorted() && dues.len() == 6, "{dues:?}");
        assert_eq!((dues[0], dues[5]), (first, first.plus_ms(2_000)));
        assert!(week.midst(first) > dues[0] && week.midst(first) < dues[5]);
    }

    #[test]
    fn ex_2_a_plan_that_cannot_be_kept_is_refused_with_why() {
        let refused = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                fs::write(folder.path().join(name), text).unwrap();
            }
            Week::of(Some(folder.path())).unwrap_err().error().message.clone()
        };
        let a = r#"{"title": "A", "at": "mon 09:00", "todos": ["x"]}"#;
        for (b, says) in [
            (r#"{"title": "B"}"#, "missing field `todos`"),
            (r#"{"title": "B", "todos": []}"#, "has 0 todos; expected 1 to"),
            (r#"{"title": "", "todos": ["x"]}"#, "has 0 letters; expected 1 to 200"),
            (r#"{"title": "B\n", "todos": ["x"]}"#, "is `B\\n`; expected one line"),
            (r#"{"title": "B", "todos": ["x"], "at": "noon"}"#, "`noon` is no hour of a week"),
            (r#"{"title": "B", "todos": ["x"], "when": 1}"#, "unknown field `when`"),
            (
                r#"{"title": "B", "todos": ["x"], "needs": ["c"]}"#,
                "`c`, which is no item; there are: a, b",
            ),
            (r#"{"title": "B", "todos": ["x"], "needs": ["a"]}"#, "has no `at`"),
            (r#"{"title": "B", "todos": ["x"], "needs": ["b"]}"#, "b needs b"),
            (
                r#"{"title": "B", "todos": ["x"], "needs": ["a"], "at": "mon 09:00"}"#,
                "expected an earlier one",
            ),
        ] {
            let told = refused(&[("a.json", a), ("b.json", b)]);
            assert!(told.contains(says), "`{says}` is missing in: {told}");
        }
        let told = refused(&[("a b.json", a)]);
        assert!(told.contains("is no name of an item"), "{told}");
        let untimed = r#"{"title": "A", "todos": ["x"]}"#;
        assert!(refused(&[("a.json", untimed)]).contains("no item has an `at`"));
        let names: Vec<String> = (0..=ITEMS_MAX).map(|number| format!("{number}.json")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), a)).collect();
        assert!(refused(&many).contains("expected 1 to 32"), "{}", refused(&many));
    }
}
