//! A call of the built-in tool that keeps todos: nothing is performed outside, what it writes stands
//! in the commit of the step's landing, so a crash can neither lose nor repeat it (`TOD-1`).

use super::model::error_body;
use super::tool::Call;
use crate::api::{todo_change, todo_view, todo_write};
use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Resident};
use crate::seal::Bodies;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::resource::{ChangeTodo, CreateTodo};
use tenure_contract::words::{ErrorClass, TodoStatus};
use tenure_contract::{Code, Digest, Error, StepId, TodoId, limits};
use tenure_core::Command;
use tenure_core::command::Write;

/// What the model asks for; its schema stands with the tool.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    add: Vec<CreateTodo>,
    change: Vec<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    todo_id: TodoId,
    #[serde(flatten)]
    to: ChangeTodo,
}

/// What one call comes to.
struct Prepared {
    writes: Vec<Write>,
    bodies: Bodies,
}

/// Lands the call with what it writes; what is refused is told to the model and writes nothing.
pub(super) async fn land(node: &Arc<Node>, resident: &Arc<Resident>, call: Call, arguments: Value) {
    let Call { run, step, attempt, .. } = call;
    let refused = match prepare(node, resident, step, arguments) {
        Ok(Prepared { writes, bodies }) => {
            let command = Command::LandStep { run, step, attempt, writes };
            match node.transact(resident, &command, bodies.clone(), &Actor::system()) {
                Ok(seq) if node.durable(resident, seq).await.is_ok() => return,
                Err(error) if is_the_models(&error) => error,
                // the store refused for now: offered until it is taken
                Ok(_) | Err(_) => return node.report(resident, &command, bodies).await,
            }
        }
        Err(error) => error,
    };
    let bodies = error_body(node, resident, &refused.message);
    let class = ErrorClass::Tool;
    let command = Command::FailStep { run, step, attempt, class, may_pass: false, tokens: None };
    node.report(resident, &command, bodies).await;
}

fn is_the_models(error: &Error) -> bool {
    matches!(
        error.code,
        Code::InvalidArgument | Code::NotFound | Code::IllegalTransition | Code::LimitReached
    )
}

fn prepare(
    node: &Arc<Node>,
    resident: &Resident,
    step: StepId,
    arguments: Value,
) -> Result<Prepared, Error> {
    let asked: Asked = serde_json::from_value(arguments)
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
    let (count, most) = (asked.add.len() + asked.change.len(), limits::WRITES_PER_STEP_MAX);
    if count > most {
        let told = format!("{count} todos at once; the limit WRITES_PER_STEP_MAX is {most}");
        return Err(Error::new(Code::LimitReached, told));
    }
    let mut shown = known(node, resident)?;
    let (mut writes, mut texts) = (Vec::new(), Vec::new());
    for Named { todo_id, to } in asked.change {
        if let Some(line) = shown.iter_mut().find(|line| line["todoId"] == json!(todo_id)) {
            if let Some(text) = &to.text {
                line["text"] = json!(text);
            }
            if let Some(status) = to.status {
                line["status"] = json!(status);
            }
        }
        let (write, text) = todo_change(todo_id, to)?;
        writes.push(write);
        texts.push(text);
    }
    for (index, new) in (0u32..).zip(asked.add) {
        // the same for every attempt of this step
        let id = Digest::of(&[b"todo", &step.bytes(), &index.to_be_bytes()]).first_half();
        let todo = TodoId::from_bytes(id);
        shown.push(json!({ "todoId": todo, "text": new.text, "status": TodoStatus::Open }));
        let (write, text) = todo_write(todo, new, None)?;
        writes.push(write);
        texts.push(Some(text));
    }
    let seal = |text: Value| node.seal_json(resident.tenant, &text);
    let bodies = Bodies {
        writes: texts
            .into_iter()
            .map(|text| text.map(seal).transpose())
            .collect::<Result<_, _>>()?,
        ..Bodies::given(seal(json!({ "todos": shown }))?)
    };
    Ok(Prepared { writes, bodies })
}

/// The session's todos as the model reads them.
fn known(node: &Arc<Node>, resident: &Resident) -> Result<Vec<Value>, Error> {
    let ids: Vec<TodoId> = {
        let cell = lock(&resident.cell);
        let todos = cell.session().map(tenure_core::SessionState::todos_in_order);
        todos.unwrap_or_default().into_iter().map(|(id, _)| id).collect()
    };
    let line = |id| {
        let todo = todo_view(node, resident, id)?;
        Ok(json!({ "todoId": id, "text": todo.text, "status": todo.status }))
    };
    ids.into_iter().map(line).collect()
}
