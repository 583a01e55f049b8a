//! `ART-1`, `ART-2`, `ART-5`: what an artifact is, its states, where it is registered; with
//! `ingest_file` where it is served.

use super::intents::ingested;
use crate::answer::{has_fields, is_time, is_word, items, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::{Kit, Started};
use serde_json::Value;
use std::collections::BTreeSet;

cases! {
    "ART-1" an_artifact_has_all_its_fields "an artifact has every field, with its producer, descriptor and materializations";
    "ART-1" its_lineage_is_in_the_tenant "the parents of an artifact are artifacts of the same tenant, and no artifact is its own ancestor";
    "ART-2" a_finished_artifact_is_ready "what a completed run registered is READY, in the words of the contract";
    "ART-5" it_stands_in_the_session_and_the_execution "an artifact stands in the session's references, in its list and in the execution view, the same everywhere";
    "ART-5" it_is_registered_by_an_entry "each artifact is registered by one entry, before the entry of the run's end";
}

async fn made(kit: &Kit) -> Outcome<(Started, Vec<Value>)> {
    let (started, _) = ingested(kit).await?;
    let path = format!("/v1/sessions/{}/artifacts", started.session);
    let page = kit.client.get(&path).await?.ok(200)?;
    let artifacts = items(&page)?.clone();
    ensure(!artifacts.is_empty(), || "the run made no artifact".to_owned())?;
    Ok((started, artifacts))
}

async fn an_artifact_has_all_its_fields(kit: &Kit) -> Outcome {
    let fields = [
        "artifactId",
        "artifactType",
        "tenantId",
        "producedBy",
        "parentArtifacts",
        "lifecycleState",
        "semanticDescriptor",
        "materializations",
        "digest",
        "createdAt",
        "updatedAt",
    ];
    let (started, artifacts) = made(kit).await?;
    for artifact in &artifacts {
        has_fields("the artifact", artifact, &fields)?;
        same(
            "its execution",
            artifact["producedBy"]["executionId"].as_str(),
            Some(started.run.as_str()),
        )?;
        let descriptor = ["schema", "recordCount", "parserType", "embeddingModel"];
        has_fields("its descriptor", &artifact["semanticDescriptor"], &descriptor)?;
        for place in artifact["materializations"].as_array().into_iter().flatten() {
            let fields =
                ["materializationId", "storageType", "uri", "format", "compression", "createdAt"];
            has_fields("its materialization", place, &fields)?;
        }
        for field in ["createdAt", "updatedAt"] {
            is_time(artifact, field)?;
        }
    }
    Ok(())
}

async fn its_lineage_is_in_the_tenant(kit: &Kit) -> Outcome {
    let (_, artifacts) = made(kit).await?;
    let mut known: Vec<&str> = Vec::new();
    for artifact in &artifacts {
        for parent in artifact["parentArtifacts"].as_array().into_iter().flatten() {
            let is_known = parent.as_str().is_some_and(|parent| known.contains(&parent));
            ensure(is_known, || format!("parent {parent} was not registered before: {artifact}"))?;
        }
        known.push(text(artifact, "artifactId")?);
    }
    Ok(())
}

async fn a_finished_artifact_is_ready(kit: &Kit) -> Outcome {
    for artifact in made(kit).await?.1 {
        is_word(&artifact, "lifecycleState", &["READY"])?;
    }
    Ok(())
}

async fn it_stands_in_the_session_and_the_execution(kit: &Kit) -> Outcome {
    let (started, artifacts) = made(kit).await?;
    let listed: Vec<&str> =
        artifacts.iter().filter_map(|artifact| artifact["artifactId"].as_str()).collect();
    let session = kit.client.get(&format!("/v1/sessions/{}", started.session)).await?.ok(200)?;
    let refs: Vec<&str> = session["artifactRefs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    same("the session's references", set(refs), set(listed.clone()))?;
    let execution =
        kit.client.get(&format!("/api/execution/{}/status", started.run)).await?.ok(200)?;
    let seen = execution["artifacts"].as_array().into_iter().flatten();
    let seen: Vec<&str> = seen.filter_map(|artifact| artifact["artifact_id"].as_str()).collect();
    same("the execution's artifacts", set(seen), set(listed))
}

fn set(ids: Vec<&str>) -> BTreeSet<&str> {
    ids.into_iter().collect()
}

async fn it_is_registered_by_an_entry(kit: &Kit) -> Outcome {
    let (started, artifacts) = made(kit).await?;
    let entries = kit.entries(&started.session).await?;
    let ended = entries.iter().position(|entry| entry["kind"] == "run.ended");
    for artifact in &artifacts {
        let id = text(artifact, "artifactId")?;
        let places: Vec<usize> = (0..entries.len())
            .filter(|at| {
                entries[*at]["kind"] == "artifact.registered"
                    && entries[*at]["data"]["artifact"] == id
            })
            .collect();
        ensure(places.len() == 1 && places.first() < ended.as_ref(), || {
            format!("`{id}` is registered at {places:?}; the run ended at {ended:?}")
        })?;
    }
    Ok(())
}
