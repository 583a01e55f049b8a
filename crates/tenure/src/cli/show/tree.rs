//! A session as a tree: tasks with the runs that tried them, runs with the runs nested in them, their steps,
//! the approvals they wait for, and the todos.

use crate::cli::print::{brief, took};
use crate::cli::{Failure, outln, println_json};
use crate::client::Client;
use serde::Serialize;
use tenure_contract::resource::{Approval, Page, RunSummary, Session, Step, TaskSummary, Todo};
use tenure_contract::words::{StepStatus, TodoStatus};
use tenure_contract::{RunId, SessionId};

/// A line with what hangs under it.
#[derive(Debug, Serialize)]
struct Node {
    /// `session`, `task`, `run`, `step`, `approval` or `todo`.
    kind: &'static str,
    id: String,
    status: String,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
    #[serde(skip)]
    mark: &'static str,
}

/// Everything of a session that stands in the tree.
struct Parts {
    runs: Vec<(RunSummary, Vec<Step>)>,
    tasks: Vec<TaskSummary>,
    todos: Vec<Todo>,
    approvals: Vec<Approval>,
}

pub(super) async fn show(json: bool, client: &Client, id: SessionId) -> Result<(), Failure> {
    let session: Session = client.get(&format!("/v1/sessions/{id}")).await?;
    let parts = Parts::gather(client, id).await?;
    let tree = tree(&session, &parts);
    if json {
        println_json(&tree);
    } else {
        lines(&tree).iter().for_each(|line| outln(line));
    }
    Ok(())
}

impl Parts {
    async fn gather(client: &Client, id: SessionId) -> Result<Self, Failure> {
        // lists are the newest first, a tree is read from its beginning
        async fn all<T: serde::de::DeserializeOwned>(
            client: &Client,
            path: String,
        ) -> Result<Vec<T>, Failure> {
            let mut page: Page<T> = client.every(&path).await?;
            page.items.reverse();
            Ok(page.items)
        }
        let path = |noun: &str| format!("/v1/{noun}?session={id}&limit=200");
        let mut runs = Vec::new();
        for run in all::<RunSummary>(client, path("runs")).await? {
            let steps: Page<Step> = client.get(&format!("/v1/runs/{}/steps", run.run_id)).await?;
            runs.push((run, steps.items));
        }
        Ok(Self {
            runs,
            tasks: all(client, path("tasks")).await?,
            todos: all(client, path("todos")).await?,
            approvals: all(client, path("approvals")).await?,
        })
    }
}

fn tree(session: &Session, parts: &Parts) -> Node {
    let mut children: Vec<Node> = Vec::new();
    for task in &parts.tasks {
        let tries = parts
            .runs
            .iter()
            .filter(|(run, _)| run.task_id == Some(task.task_id) && run.parent_run_id.is_none());
        let mut node = node("task", task.task_id.to_string(), task.status.to_string(), &task.title);
        node.mark = "☐";
        node.children = tries.filter_map(|(run, _)| run_node(parts, run.run_id)).collect();
        children.push(node);
    }
    let loose = parts.runs.iter().filter(|(run, _)| {
        run.parent_run_id.is_none()
            && run.task_id.is_none_or(|task| parts.tasks.iter().all(|known| known.task_id != task))
    });
    children.extend(loose.filter_map(|(run, _)| run_node(parts, run.run_id)));
    children.extend(parts.todos.iter().map(todo));
    let text = format!("product {}, for {}", session.product_id, session.user_id);
    Node {
        mark: "",
        children,
        ..node("session", session.session_id.to_string(), session.status.to_string(), &text)
    }
}

fn run_node(parts: &Parts, id: RunId) -> Option<Node> {
    let (run, steps) = parts.runs.iter().find(|(run, _)| run.run_id == id)?;
    let mut children: Vec<Node> = steps.iter().map(step).collect();
    let asked = parts.approvals.iter().filter(|asked| asked.run_id == Some(id));
    children.extend(asked.map(approval));
    let nested = parts.runs.iter().filter(|(run, _)| run.parent_run_id == Some(id));
    children.extend(nested.filter_map(|(run, _)| run_node(parts, run.run_id)));
    let reason = run.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let text = format!("{} {}{reason}", run.kind, run.name);
    let node = node("run", run.run_id.to_string(), run.status.to_string(), &text);
    Some(Node { mark: "▷", children, ..node })
}

fn step(step: &Step) -> Node {
    let mark = match step.status {
        StepStatus::Landed => "✓",
        StepStatus::Failed => "✗",
        StepStatus::InDoubt => "!",
        StepStatus::Intended => "…",
        StepStatus::Cancelled => "■",
    };
    let spent = step.completed_at.map(|at| took(at.ms_since(step.created_at)));
    let text = format!("{}  {}", step.name, spent.unwrap_or_default());
    Node { mark, ..node("step", step.step_id.to_string(), step.status.to_string(), &text) }
}

fn approval(asked: &Approval) -> Node {
    let by = asked.resolver.as_ref().map(|by| format!(" by {}", by.principal)).unwrap_or_default();
    let why = asked.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("{}{by}{why}", brief(&asked.action_label, 80));
    let (id, status) = (asked.approval_id.to_string(), asked.status.to_string());
    Node { mark: "?", ..node("approval", id, status, &text) }
}

fn todo(todo: &Todo) -> Node {
    let mark = match todo.status {
        TodoStatus::Open | TodoStatus::InProgress => "☐",
        TodoStatus::Done => "☑",
        TodoStatus::Dropped => "☒",
    };
    let text = todo.text.as_deref().unwrap_or("[erased]");
    Node { mark, ..node("todo", todo.todo_id.to_string(), todo.status.to_string(), text) }
}

fn node(kind: &'static str, id: String, status: String, text: &str) -> Node {
    Node { kind, id, status, text: brief(text, 120), children: Vec::new(), mark: "" }
}

fn lines(root: &Node) -> Vec<String> {
    let mut lines = vec![format!("{} {}  {}  {}", root.kind, root.id, root.status, root.text)];
    branch(&root.children, "", &mut lines);
    lines
}

fn branch(children: &[Node], before: &str, lines: &mut Vec<String>) {
    for (place, child) in children.iter().enumerate() {
        let last = place + 1 == children.len();
        let (corner, beside) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
        // a step is named where somebody may have to name it
        let settled = matches!(child.status.as_str(), "landed" | "failed" | "cancelled");
        let id = if child.kind == "step" && settled { "" } else { child.id.as_str() };
        let line = format!("{before}{corner}{} {}  {}  {id}", child.mark, child.text, child.status);
        lines.push(line.trim_end().to_owned());
        branch(&child.children, &format!("{before}{beside}"), lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_under_a_line_is_drawn_under_it() {
        let leaf =
            |text| Node { mark: "✓", ..node("step", "stp_1".into(), "landed".into(), text) };
        let run = Node {
            mark: "▷",
            children: vec![leaf("one"), leaf("two")],
            ..node("run", "run_1".into(), "completed".into(), "agent clerk")
        };
        let root = Node {
            children: vec![
                run,
                Node { mark: "☐", ..node("todo", "tod_1".into(), "open".into(), "x") },
            ],
            ..node("session", "ses_1".into(), "active".into(), "product shop")
        };
        let drawn = [
            "session ses_1  active  product shop",
            "├ ▷ agent clerk  completed  run_1",
            "│ ├ ✓ one  landed",
            "│ └ ✓ two  landed",
            "└ ☐ x  open  tod_1",
        ];
        assert_eq!(lines(&root), drawn);
    }
}
