//! `AGT-1`: agents are versioned by content.

use crate::answer::{has_fields, items, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenure_contract::Code;

cases! {
    "AGT-1" the_same_definition_is_the_same_version "registering a definition again gives the same agent and version, and a changed one a new version";
    "AGT-1" the_version_is_the_digest_of_the_definition "the version is SHA-256 of the definition's canonical JSON";
    "AGT-1" a_run_keeps_its_version "a run keeps the version it was started with, and an older version can be pinned";
    "AGT-1" an_agent_nobody_knows_is_refused "an unknown agent or version is refused, naming what exists, and nothing is kept";
}

async fn register(kit: &Kit, definition: &Value) -> Outcome<Value> {
    let answer = kit.client.post("/v1/agents", &json!({ "definition": definition })).await?;
    answer.ok(201)
}

async fn the_same_definition_is_the_same_version(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("one")]).await?;
    let definition = kit.definition(&actor.name, &actor.play, &json!({}));
    let first = register(kit, &definition).await?;
    let fields = ["agentId", "tenantId", "name", "version", "definition", "createdAt"];
    has_fields("the agent", &first, &fields)?;
    let again = register(kit, &definition).await?;
    for field in ["agentId", "version"] {
        same(field, text(&again, field)?, text(&first, field)?)?;
    }
    let changed =
        kit.definition(&actor.name, &actor.play, &json!({ "instructions": "Otherwise." }));
    let other = register(kit, &changed).await?;
    same("the agent's id", text(&other, "agentId")?, text(&first, "agentId")?)?;
    ensure(other["version"] != first["version"], || {
        "a changed definition has the same version".to_owned()
    })?;
    let newest = kit.client.get(&format!("/v1/agents/{}", actor.name)).await?.ok(200)?;
    same("the newest version", text(&newest, "version")?, text(&other, "version")?)
}

/// Canonical JSON (RFC 8785) of a value whose numbers are whole and whose keys are ASCII.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            let told =
                names.iter().map(|name| format!("{}:{}", json!(name), canonical(&members[*name])));
            format!("{{{}}}", told.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

async fn the_version_is_the_digest_of_the_definition(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("one")]).await?;
    let agent = kit.client.get(&format!("/v1/agents/{}", actor.name)).await?.ok(200)?;
    let digest = Sha256::digest(canonical(&agent["definition"]));
    same(
        "the version",
        text(&agent, "version")?,
        format!("sha256:{}", crate::proof::hex(&digest)).as_str(),
    )
}

async fn a_run_keeps_its_version(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("one")]).await?;
    let first = kit.client.get(&format!("/v1/agents/{}", actor.name)).await?.ok(200)?;
    let old = text(&first, "version")?;
    let before = kit.start(&actor, json!({})).await?;
    register(
        kit,
        &kit.definition(&actor.name, &actor.play, &json!({ "instructions": "Otherwise." })),
    )
    .await?;
    let after = kit.start(&actor, json!({})).await?;
    let pinned =
        json!({ "agent": { "name": actor.name, "task": actor.play.task(), "version": old } });
    let pinned = kit.start(&actor, pinned).await?;
    let agent = format!("{}@{old}", actor.name);
    for (started, is_old) in [(before, true), (after, false), (pinned, true)] {
        let run = kit.ended(&started).await?;
        ensure((text(&run, "agent")? == agent) == is_old, || {
            format!("the run was of `{}`", run["agent"])
        })?;
    }
    Ok(())
}

async fn an_agent_nobody_knows_is_refused(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("one")]).await?;
    let session = kit.plain_session().await?;
    let nobody =
        json!({ "sessionId": session, "agent": { "name": kit.name("nobody"), "task": "x" } });
    kit.client.post("/v1/runs", &nobody).await?.refused(&[Code::UnknownName])?;
    let version = format!("sha256:{}", "0".repeat(64));
    let other = json!({ "sessionId": session, "agent": { "name": actor.name, "task": "x", "version": version } });
    let problem = kit.client.post("/v1/runs", &other).await?.refused(&[Code::UnknownName])?;
    let known = kit.client.get(&format!("/v1/agents/{}", actor.name)).await?.ok(200)?;
    let (detail, version) = (text(&problem, "detail")?, text(&known, "version")?);
    ensure(detail.contains(version), || {
        format!("the refusal does not name `{version}`: {detail}")
    })?;
    kit.client
        .get(&format!("/v1/agents/{}", kit.name("nobody")))
        .await?
        .refused(&[Code::NotFound])?;
    let runs = kit.client.get(&format!("/v1/runs?session={session}")).await?.ok(200)?;
    same("runs of the session", items(&runs)?.len(), 0)
}
