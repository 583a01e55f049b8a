//! `tenure todo`: a session's checklist.

use super::print::{brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{ChangeTodo, CreateTodo, Page, Todo};
use tenure_contract::words::TodoStatus;
use tenure_contract::{SessionId, TaskId, TodoId};
use tenure_engine::Motion;

/// Makes, lists and changes todos.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure todo add ses_… \"buy a broom\"\n  tenure todo ls ses_…\n  tenure todo set tod_… --status done"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a todo in a session.
    Add {
        /// The session.
        session: SessionId,
        /// What is to be done.
        text: String,
        /// The task it belongs to.
        #[arg(long)]
        task: Option<TaskId>,
    },
    /// Lists a session's todos.
    Ls {
        /// The session.
        session: SessionId,
        /// Only those that are open or in progress.
        #[arg(long)]
        open: bool,
    },
    /// Changes a todo.
    Set {
        /// The todo.
        todo: TodoId,
        /// What is to be done.
        #[arg(long)]
        text: Option<String>,
        /// Where it is to stand.
        #[arg(long)]
        status: Option<TodoStatus>,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Ls { .. } => Motion::Still,
        Verb::Add { .. } | Verb::Set { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let client = &connection.client;
    let todos = match args.verb {
        Verb::Add { session, text, task: task_id } => {
            let path = format!("/v1/sessions/{session}/todos");
            client.post::<Todo>(&path, &CreateTodo { text, task_id }).await.map(Told::One)
        }
        Verb::Ls { session, open } => {
            let open = if open { "&open=true" } else { "" };
            let path = format!("/v1/todos?session={session}&limit=200{open}");
            client.get::<Page<Todo>>(&path).await.map(Told::Page)
        }
        Verb::Set { todo, text, status } => {
            let path = format!("/v1/todos/{todo}");
            client.patch::<Todo>(&path, &ChangeTodo { text, status }).await.map(Told::One)
        }
    };
    connection.close().await;
    match todos? {
        Told::One(todo) if cx.json => println_json(&todo),
        Told::Page(page) if cx.json => println_json(&page),
        Told::One(todo) => shown(&[todo]),
        Told::Page(page) => shown(&page.items),
    }
    Ok(Exit::Done)
}

enum Told {
    One(Todo),
    Page(Page<Todo>),
}

fn shown(todos: &[Todo]) {
    if todos.is_empty() {
        eprintln!("none");
        return;
    }
    let row = |todo: &Todo| {
        let text = todo.text.as_deref().unwrap_or("[erased]");
        vec![todo.todo_id.to_string(), todo.status.to_string(), brief(text, 100)]
    };
    outln(&table(&["todo", "status", "what"], todos.iter().map(row)));
}
