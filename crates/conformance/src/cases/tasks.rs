//! `TSK-1`, `TOD-1`: units of work and checklist items, moved only along their arrows.

use crate::answer::{has_fields, is_time, items, text};
use crate::case::{Outcome, cases, same};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "TSK-1" a_task_has_all_its_fields "a new task has every field and is queued, and keeps any priority as it was given";
    "TSK-1" a_task_moves_along_its_arrows "a task without a run goes queued, running, blocked and completed by PATCH, and nowhere else";
    "TSK-1" a_task_follows_its_run "a task with a run is running, blocked and completed as its run is, and cannot be moved beside it";
    "TSK-1" tasks_go_by_their_priority "sorted by priority, urgent goes before high, normal and low, and an unknown word counts as normal";
    "TOD-1" a_todo_has_all_its_fields "a new todo has every field and is open";
    "TOD-1" a_todo_moves_along_its_arrows "a todo goes between open, in-progress, done and dropped along its arrows, and nowhere else";
}

async fn task(kit: &Kit, session: &str, body: &Value) -> Outcome<Value> {
    kit.client.post(&format!("/v1/sessions/{session}/tasks"), body).await?.ok(201)
}

async fn see(kit: &Kit, task: &Value) -> Outcome<Value> {
    kit.client.get(&format!("/v1/tasks/{}", text(task, "taskId")?)).await?.ok(200)
}

async fn a_task_has_all_its_fields(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let made = task(
        kit,
        &session,
        &json!({ "title": "sweep", "intent": "the yard", "priority": "soonish" }),
    )
    .await?;
    let fields = [
        "taskId",
        "sessionId",
        "title",
        "intent",
        "status",
        "priority",
        "workspace",
        "createdAt",
        "updatedAt",
    ];
    for task in [&made, &see(kit, &made).await?] {
        has_fields("the task", task, &fields)?;
        same("its session", text(task, "sessionId")?, session.as_str())?;
        same("its status", text(task, "status")?, "queued")?;
        same("its priority", text(task, "priority")?, "soonish")?;
        for field in ["createdAt", "updatedAt"] {
            is_time(task, field)?;
        }
    }
    Ok(())
}

/// Tries one move after the other; the flag says whether it is an arrow.
async fn moves(kit: &Kit, path: &str, moves: &[(&str, bool)]) -> Outcome {
    for (to, legal) in moves {
        let before = kit.client.get(path).await?.ok(200)?;
        let answer = kit.client.patch(path, &json!({ "status": to })).await?;
        if *legal {
            same("the status", text(&answer.ok(200)?, "status")?, *to)?;
        } else {
            answer.refused(&[Code::IllegalTransition])?;
            let after = kit.client.get(path).await?.ok(200)?;
            same("what a refused move left", &after, &before)?;
        }
    }
    Ok(())
}

async fn a_task_moves_along_its_arrows(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let made = task(kit, &session, &json!({ "title": "sweep" })).await?;
    let path = format!("/v1/tasks/{}", text(&made, "taskId")?);
    let first = [
        ("completed", false),
        ("failed", false),
        ("blocked", true),
        ("queued", true),
        ("running", true),
    ];
    moves(kit, &path, &first).await?;
    let then = [
        ("queued", false),
        ("blocked", true),
        ("completed", false),
        ("running", true),
        ("completed", true),
    ];
    moves(kit, &path, &then).await?;
    moves(kit, &path, &[("queued", false), ("running", false), ("cancelled", false)]).await?;
    let given_up = task(kit, &session, &json!({ "title": "mop" })).await?;
    let path = format!("/v1/tasks/{}", text(&given_up, "taskId")?);
    moves(kit, &path, &[("cancelled", true), ("queued", false), ("running", false)]).await
}

async fn a_task_follows_its_run(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("guarded", "it").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let made = task(kit, &session, &json!({ "title": "sweep" })).await?;
    let id = text(&made, "taskId")?;
    let started = kit.start(&actor, json!({ "sessionId": session, "taskId": id })).await?;
    same("the run's task", kit.run(&started.run).await?["taskId"].as_str(), Some(id))?;
    actor.play.is_asked(0, 1).await?;
    same("the task of a running run", text(&see(kit, &made).await?, "status")?, "running")?;
    let beside =
        kit.client.patch(&format!("/v1/tasks/{id}"), &json!({ "status": "completed" })).await?;
    beside.refused(&[Code::IllegalTransition])?;
    actor.play.release();
    let approval = kit.approval(&started).await?;
    same("the task of a waiting run", text(&see(kit, &made).await?, "status")?, "blocked")?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.ended(&started).await?;
    same("the task of a completed run", text(&see(kit, &made).await?, "status")?, "completed")
}

async fn tasks_go_by_their_priority(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    for priority in ["low", "whenever", "urgent", "high"] {
        task(kit, &session, &json!({ "title": priority, "priority": priority })).await?;
    }
    let page =
        kit.client.get(&format!("/v1/tasks?session={session}&sort=priority")).await?.ok(200)?;
    let told: Vec<&str> = items(&page)?.iter().filter_map(|task| task["title"].as_str()).collect();
    same("the order", told, vec!["urgent", "high", "whenever", "low"])
}

async fn todo(kit: &Kit, session: &str) -> Outcome<Value> {
    kit.client
        .post(&format!("/v1/sessions/{session}/todos"), &json!({ "text": "buy a broom" }))
        .await?
        .ok(201)
}

async fn a_todo_has_all_its_fields(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let made = todo(kit, &session).await?;
    let seen = kit.client.get(&format!("/v1/todos/{}", text(&made, "todoId")?)).await?.ok(200)?;
    let fields = ["todoId", "sessionId", "taskId", "text", "status", "createdAt", "updatedAt"];
    for todo in [&made, &seen] {
        has_fields("the todo", todo, &fields)?;
        same("its status", text(todo, "status")?, "open")?;
        same("its text", text(todo, "text")?, "buy a broom")?;
    }
    Ok(())
}

async fn a_todo_moves_along_its_arrows(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let path = format!("/v1/todos/{}", text(&todo(kit, &session).await?, "todoId")?);
    let first = [
        ("in-progress", true),
        ("open", true),
        ("done", true),
        ("in-progress", false),
        ("dropped", false),
    ];
    moves(kit, &path, &first).await?;
    let then = [
        ("open", true),
        ("in-progress", true),
        ("dropped", true),
        ("done", false),
        ("open", true),
        ("dropped", true),
    ];
    moves(kit, &path, &then).await
}
