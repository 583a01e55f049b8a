//! What the agent's loop owes a caller: options that only lower, checked arguments, the result.

use crate::answer::{has_fields, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::json;
use tenure_contract::Code;

cases! {
    "RT3" max_steps_may_only_be_lowered "max_steps of a request lowers the agent's, never raises it, and zero is refused";
    "RT12" the_result_has_its_fields "the output of an agent's run has content, messages, steps, toolCalls and durationMs";
    "T3" malformed_arguments_run_nothing "malformed or unfit arguments are an error told to the model, and nothing is done";
    "T3" an_unknown_tool_is_told_to_the_model "a call of a tool that does not exist is an error told to the model, and the run goes on";
}

async fn max_steps_may_only_be_lowered(kit: &Kit) -> Outcome {
    let turns = || (0..4).map(|_| Turn::call("effect", "again")).collect::<Vec<_>>();
    let actor = kit.agent_with(turns(), json!({ "max_steps": 2 })).await?;
    let task = |steps: u32| json!({ "agent": { "name": actor.name, "task": actor.play.task(), "maxSteps": steps } });
    kit.client.post("/v1/runs", &task(0)).await?.refused(&[Code::InvalidArgument])?;
    let lowered = kit.start(&actor, task(1)).await?;
    let run = kit.ended(&lowered).await?;
    same("why it ended", text(&run, "stopReason")?, "max_steps")?;
    same("turns of the lowered run", actor.play.turns_asked(), 1)?;
    let raised = kit.submit(&actor, task(4)).await?;
    if raised.status == 202 {
        kit.ended(&crate::kit::Started::read(&raised.json())?).await?;
        return same("turns of the run that asked for more", actor.play.turns_asked() - 1, 2);
    }
    raised.refused(&[Code::InvalidArgument]).map(drop)
}

async fn the_result_has_its_fields(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("all done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    let output = &run["output"];
    has_fields("the output", output, &["content", "messages", "steps", "toolCalls", "durationMs"])?;
    same("its content", text(output, "content")?, "all done")?;
    ensure(output["toolCalls"].to_string().contains("one"), || {
        format!("its tool calls lack the one: {output}")
    })
}

/// What the model was told about the calls of its first turn.
fn told(actor: &crate::kit::Actor) -> String {
    let asked = actor.play.asked();
    let second = asked.iter().find(|asked| asked.turn == 1);
    second.map(|asked| format!("{:?}", asked.messages)).unwrap_or_default()
}

async fn malformed_arguments_run_nothing(kit: &Kit) -> Outcome {
    let turn = Turn::default()
        .and_call_raw("effect", "{\"what\": ")
        .and_call_raw("effect", "{\"what\": 7}")
        .and_call_raw("effect", "{}");
    let actor = kit.agent(vec![turn, Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("effects", actor.play.effects().len(), 0)?;
    let answers = told(&actor).matches("\"tool_call_id\"").count();
    same("answers to the three calls", answers, 3)
}

async fn an_unknown_tool_is_told_to_the_model(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("teleport", "me"), Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    ensure(told(&actor).contains("teleport"), || format!("the model was told `{}`", told(&actor)))
}
