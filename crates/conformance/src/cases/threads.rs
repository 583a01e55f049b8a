//! `SES-4`, `CLM-1`, `WSP-1`: what hosts of chat and code threads build on.

use crate::answer::{has_fields, is_word, items, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::Kit;
use crate::stand::Turn;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tenure_contract::Code;

cases! {
    "WSP-1" a_workspace_has_all_its_fields "projects and workspaces have every field, and another kind is refused with the list of those that exist";
    "SES-4" the_workspace_alone_makes_a_code_thread "null in a PATCH detaches the workspace, an absent field leaves it, and threads are listed by either";
    "CLM-1" of_many_claims_one_wins "of many claims of one session at once exactly one wins, and all are told the winner";
}

async fn workspace(kit: &Kit) -> Outcome<Value> {
    kit.client.post("/v1/workspaces", &json!({ "kind": "cloud" })).await?.ok(201)
}

async fn a_workspace_has_all_its_fields(kit: &Kit) -> Outcome {
    let name = kit.name("project");
    let project = kit.client.post("/v1/projects", &json!({ "name": name })).await?.ok(201)?;
    has_fields("the project", &project, &["projectId", "tenantId", "name"])?;
    let id = text(&project, "projectId")?;
    let body = json!({ "kind": "worktree", "projectId": id, "ref": "main" });
    let made = kit.client.post("/v1/workspaces", &body).await?.ok(201)?;
    let fields = ["workspaceId", "tenantId", "projectId", "kind", "ref", "baseCommit", "status"];
    has_fields("the workspace", &made, &fields)?;
    is_word(&made, "kind", &["worktree"])?;
    is_word(&made, "status", &["provisioning", "ready", "error"])?;
    let other = kit.client.post("/v1/workspaces", &json!({ "kind": "shed" })).await?;
    let problem = other.refused(&[Code::InvalidArgument, Code::MalformedBody])?;
    for word in ["cloud", "worktree", "local"] {
        let detail = text(&problem, "detail")?;
        ensure(detail.contains(word), || format!("the refusal does not name `{word}`: {detail}"))?;
    }
    Ok(())
}

async fn the_workspace_alone_makes_a_code_thread(kit: &Kit) -> Outcome {
    let made = workspace(kit).await?;
    let workspace = text(&made, "workspaceId")?;
    let session = kit.session(json!({ "workspaceId": workspace })).await?;
    let id = text(&session, "sessionId")?;
    let path = format!("/v1/sessions/{id}");
    let listed = async |filter: &str| {
        let list = format!("/v1/sessions?limit=200&workspaceId={filter}");
        let page = kit.client.get(&list).await?.ok(200)?;
        Ok::<_, crate::case::Stop>(items(&page)?.iter().any(|row| row["sessionId"] == id))
    };
    same("the code thread among its workspace's", listed(workspace).await?, true)?;
    same("the code thread among chat threads", listed("null").await?, false)?;
    let untouched = kit.client.patch(&path, &json!({ "title": "kit" })).await?.ok(200)?;
    same("the workspace after a PATCH without it", text(&untouched, "workspace")?, workspace)?;
    let detached = kit.client.patch(&path, &json!({ "workspaceId": null })).await?.ok(200)?;
    same("the workspace after null", &detached["workspace"], &Value::Null)?;
    same("the chat thread among its old workspace's", listed(workspace).await?, false)?;
    same("the chat thread among chat threads", listed("null").await?, true)
}

async fn of_many_claims_one_wins(kit: &Kit) -> Outcome {
    const MANY: usize = 12;
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let path = format!("/v1/sessions/{session}/agent-binding");
    let claims = (0..MANY).map(|place| {
        let body = json!({ "agent": actor.name, "externalId": format!("claim-{place}") });
        let path = &path;
        async move { kit.client.post(path, &body).await?.ok(200) }
    });
    let (mut won, mut winners) = (0, BTreeSet::new());
    for claim in join_all(claims).await {
        let claim = claim?;
        won += usize::from(claim["won"] == true);
        winners.insert(text(&claim["agentBinding"], "externalId")?.to_owned());
    }
    same("claims that won", won, 1)?;
    same("winners that were told", winners.len(), 1)?;
    let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    let bound = seen["agentBinding"]["externalId"].as_str();
    same("the winner on the session", bound, winners.first().map(String::as_str))
}
