//! The tool's cases, `T1` to `T14` as far as they show at the seam.

use super::{Violation, expect};
use crate::cancel::Cancel;
use crate::tool::validate::{Parameters, is_tool_name};
use crate::tool::{Lookup, Progress, Tool, ToolCall, ToolContext, ToolFailure, error_in};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tenure_contract::StepId;
use tenure_contract::words::RecoveryClass;

/// A tool and what to call it with.
pub struct ToolCase {
    /// The tool, fresh.
    pub tool: Arc<dyn Tool>,
    /// Where it is called, fresh.
    pub context: ToolContext,
    /// Arguments it succeeds with; none for a tool that is never executed.
    pub works: Option<Value>,
    /// Arguments its schema must refuse.
    pub refused: Vec<Value>,
}

/// Runs every case against tools of the factory.
///
/// # Errors
/// The first [`Violation`].
pub async fn tool(factory: impl Fn() -> ToolCase) -> Result<(), Violation> {
    t1_the_name_is_one(&factory())?;
    t3_arguments_are_validated(&factory())?;
    t10_the_definition_is_pure(&factory(), &factory())?;
    t14_limits_are_set(&factory())?;
    t4_what_is_not_executed_does_nothing(&factory()).await?;
    t5_results_are_within_limits(&factory()).await?;
    t6_progress_is_not_the_result(&factory(), &factory()).await?;
    t7_init_again_does_nothing_more(&factory()).await?;
    t8_what_was_disposed_of_can_be_made_ready_again(&factory()).await?;
    stp_2_repeatable_calls_can_be_repeated(&factory()).await?;
    stp_2_lookups_are_as_declared(&factory()).await
}

fn call(case: &ToolCase, arguments: Value) -> ToolCall {
    ToolCall {
        step: StepId::from_bytes([9; 16]),
        arguments,
        context: case.context.clone(),
        cancel: Cancel::default(),
        progress: Progress::default(),
    }
}

pub(super) fn t1_the_name_is_one(case: &ToolCase) -> Result<(), Violation> {
    let name = &case.tool.spec().name;
    expect("T1", is_tool_name(name), || format!("`{name}` is not a tool's name"))
}

pub(super) fn t3_arguments_are_validated(case: &ToolCase) -> Result<(), Violation> {
    let parameters = Parameters::compile(case.tool.spec())
        .map_err(|told| Violation { rule: "T2", message: told.message })?;
    for bad in &case.refused {
        expect("T3", parameters.check(bad).is_err(), || format!("{bad} must be refused"))?;
    }
    expect("T3", parameters.read("{").is_err(), || {
        "malformed arguments must be refused".to_owned()
    })?;
    case.works.iter().try_for_each(|good| {
        parameters.check(good).map_err(|told| Violation { rule: "T3", message: told.message })
    })
}

pub(super) fn t10_the_definition_is_pure(
    one: &ToolCase,
    other: &ToolCase,
) -> Result<(), Violation> {
    expect("T10", one.tool.spec() == other.tool.spec(), || {
        "two tools made alike must have one definition".to_owned()
    })
}

pub(super) fn t14_limits_are_set(case: &ToolCase) -> Result<(), Violation> {
    let spec = case.tool.spec();
    expect("T14", spec.timeout_ms > 0 && spec.max_output_bytes > 0, || {
        "a tool needs a time limit and an output limit".to_owned()
    })
}

pub(super) async fn t4_what_is_not_executed_does_nothing(case: &ToolCase) -> Result<(), Violation> {
    let spec = case.tool.spec();
    if spec.executable && !spec.asks_human {
        return expect("T4", case.works.is_some(), || {
            "an executable tool's case needs arguments it works with".to_owned()
        });
    }
    let result = case.tool.call(call(case, Value::Null)).await;
    expect("T4", matches!(result, Err(ToolFailure::Refused { .. })), || {
        format!("a declaration must refuse to be executed; found {result:?}")
    })
}

pub(super) async fn t5_results_are_within_limits(case: &ToolCase) -> Result<(), Violation> {
    let Some(arguments) = &case.works else {
        return Ok(());
    };
    let result = case.tool.call(call(case, arguments.clone())).await;
    let value = result.map_err(|told| Violation { rule: "T5", message: told.to_string() })?;
    expect("T11", error_in(&value).is_none(), || format!("`{value}` is an error"))?;
    let (bytes, limit) = (value.to_string().len(), case.tool.spec().max_output_bytes);
    expect("T14", bytes <= limit, || format!("the result is {bytes} bytes; at most {limit}"))
}

/// Whether somebody listens changes nothing about the result; a call that has ended says no more.
pub(super) async fn t6_progress_is_not_the_result(
    quiet: &ToolCase,
    heard: &ToolCase,
) -> Result<(), Violation> {
    let Some(arguments) = &heard.works else {
        return Ok(());
    };
    let values = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&values);
    let told = move |value| ears.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    let listening = ToolCall { progress: Progress::to(told), ..call(heard, arguments.clone()) };
    let with = heard.tool.call(listening).await;
    let count = || values.lock().unwrap_or_else(PoisonError::into_inner).len();
    let at_the_end = count();
    let without = quiet.tool.call(call(quiet, arguments.clone())).await;
    expect("T6", with.is_ok() == without.is_ok(), || {
        format!("heard or not, the result must be as good; found {with:?} and {without:?}")
    })?;
    tokio::task::yield_now().await;
    expect("T6", count() == at_the_end, || "a call that has ended told progress".to_owned())
}

pub(super) async fn t7_init_again_does_nothing_more(case: &ToolCase) -> Result<(), Violation> {
    for time in ["first", "second"] {
        case.tool.init().await.map_err(|told| Violation {
            rule: "T7",
            message: format!("the {time} `init` failed: {told}"),
        })?;
    }
    works(case, "T7", "made ready twice").await
}

pub(super) async fn t8_what_was_disposed_of_can_be_made_ready_again(
    case: &ToolCase,
) -> Result<(), Violation> {
    // best effort: what it says of a failure is logged and nothing more
    let _ = case.tool.dispose().await;
    works(case, "T8", "made ready after `dispose`").await?;
    let _ = case.tool.dispose().await;
    let _ = case.tool.dispose().await;
    works(case, "T8", "made ready after `dispose` twice").await
}

async fn works(case: &ToolCase, rule: &'static str, when: &str) -> Result<(), Violation> {
    let Some(arguments) = &case.works else {
        return Ok(());
    };
    let ready = case.tool.init().await;
    let result = match ready {
        Ok(()) => case.tool.call(call(case, arguments.clone())).await,
        Err(told) => Err(told),
    };
    expect(rule, result.is_ok(), || format!("{when}, it must work; found {result:?}"))
}

/// A tool that says it may be repeated, under the same key, gives the same result.
pub(super) async fn stp_2_repeatable_calls_can_be_repeated(
    case: &ToolCase,
) -> Result<(), Violation> {
    let (Some(arguments), false) = (&case.works, case.tool.spec().class == RecoveryClass::Once)
    else {
        return Ok(());
    };
    let first = case.tool.call(call(case, arguments.clone())).await;
    let again = case.tool.call(call(case, arguments.clone())).await;
    expect("STP-2", first == again, || {
        format!("repeated under one key, expected the same result; found {first:?}, {again:?}")
    })
}

pub(super) async fn stp_2_lookups_are_as_declared(case: &ToolCase) -> Result<(), Violation> {
    if case.tool.spec().has_lookup {
        return Ok(());
    }
    let arguments = case.works.clone().unwrap_or_default();
    let found = case.tool.lookup(call(case, arguments)).await;
    expect("STP-2", found == Lookup::Unknown, || {
        format!("a tool that declares no look-up cannot know; found {found:?}")
    })
}
