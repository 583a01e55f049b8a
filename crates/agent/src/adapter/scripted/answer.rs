//! From a script and a request to what is said: pure, the same every time.

use super::path::{Scope, fill, fill_text};
use super::script::{Call, Condition, Plain, Rule, Script, Turn};
use super::{Beat, failed};
use crate::adapter::{AdapterFailure, Chunk, ModelRequest};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tenure_contract::agent::{Message, Role, ToolCallAsked};

/// Letters of one token, about.
const CHARS_PER_TOKEN: u64 = 4;

/// What the script does for a request.
pub(super) fn beats(script: &Script, request: &ModelRequest) -> Vec<Beat> {
    match turn(script, &request.messages) {
        Ok((turn, said)) => perform(turn, said, request),
        Err(message) => vec![Beat::Say(failed(message))],
    }
}

/// A turn filled with what was found.
struct Said {
    text: String,
    calls: Vec<ToolCallAsked>,
}

/// Walks the script along the conversation: every turn that says something was given by the next
/// assistant message, and its results are bound to its names.
fn turn<'a>(script: &'a Script, messages: &[Message]) -> Result<(&'a Turn, Said), String> {
    let asked = messages.iter().rposition(|message| message.role == Role::User);
    let since = asked.map_or(messages, |place| &messages[place + 1..]);
    let mut given = since.iter().filter(|message| message.role == Role::Assistant);
    let input = asked.map_or(Value::Null, |place| read(&messages[place].content));
    let mut found = json!({"input": input});
    for (number, turn) in (1..).zip(&script.turns) {
        let calls = expand(turn, &found).map_err(|told| format!("turn {number}: {told}"))?;
        if !turn.calls.is_empty() && calls.iter().all(|(_, asked)| asked.is_empty()) {
            for call in &turn.calls {
                bind(&mut found, call, &[], since);
            }
            continue;
        }
        if given.next().is_none() {
            let scope = Scope { found: &found, item: None };
            let text =
                fill_text(&turn.text, scope).map_err(|told| format!("turn {number}: {told}"))?;
            let calls = calls.into_iter().flat_map(|(_, asked)| asked).collect();
            return Ok((turn, Said { text, calls }));
        }
        for (call, asked) in &calls {
            bind(&mut found, call, asked, since);
        }
    }
    Err(format!("the script ends after its {} turns; the conversation goes on", script.turns.len()))
}

/// A tool's answer: its JSON, or its text.
fn read(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_else(|_| Value::String(content.to_owned()))
}

/// Gives the results of a call their name.
fn bind(found: &mut Value, call: &Call, asked: &[ToolCallAsked], since: &[Message]) {
    let answer = |asked: &ToolCallAsked| {
        since
            .iter()
            .find(|message| message.tool_call_id.as_deref() == Some(asked.id.as_str()))
            .map_or(Value::Null, |message| read(&message.content))
    };
    let mut results: Vec<Value> = asked.iter().map(answer).collect();
    let value = match call.for_each {
        Some(_) => Value::Array(results),
        None => results.pop().unwrap_or(Value::Null),
    };
    found[call.name()] = value;
}

type Expanded<'a> = Vec<(&'a Call, Vec<ToolCallAsked>)>;

fn expand<'a>(turn: &'a Turn, found: &Value) -> Result<Expanded<'a>, String> {
    turn.calls.iter().map(|call| Ok((call, expand_call(call, found)?))).collect()
}

fn expand_call(call: &Call, found: &Value) -> Result<Vec<ToolCallAsked>, String> {
    let Some(list) = &call.for_each else {
        let id = call.id.clone().unwrap_or_else(|| format!("call_{}", call.name()));
        let wanted = holds(call, found);
        let scope = Scope { found, item: None };
        return if wanted { Ok(vec![asked(call, id, scope)?]) } else { Ok(Vec::new()) };
    };
    let Some(Value::Array(items)) = list.find(found) else {
        return Err(format!("`for_each` needs a list at `{list}`; there is none"));
    };
    let wanted = items.iter().enumerate().filter(|(_, item)| holds(call, item));
    wanted
        .map(|(index, item)| {
            let scope = Scope { found, item: Some((item, index)) };
            asked(call, format!("call_{}_{index}", call.name()), scope)
        })
        .collect()
}

fn asked(call: &Call, id: String, scope: Scope<'_>) -> Result<ToolCallAsked, String> {
    let arguments = match (&call.arguments_raw, &call.arguments) {
        (Some(raw), _) => raw.clone(),
        (None, Some(arguments)) => fill(arguments, scope)?.to_string(),
        (None, None) => Value::Object(Map::new()).to_string(),
    };
    Ok(ToolCallAsked { id, name: call.tool.clone(), arguments })
}

fn holds(call: &Call, among: &Value) -> bool {
    call.conditions.iter().all(|(place, condition)| {
        let value = place.find(among);
        match condition {
            Condition::Like(plain) => value.is_some_and(|value| is_like(&value, plain)),
            Condition::Rule(rule) => keeps(value.as_ref(), rule),
        }
    })
}

fn keeps(value: Option<&Value>, rule: &Rule) -> bool {
    let number = value.and_then(Value::as_f64);
    rule.above.is_none_or(|bound| number.is_some_and(|number| number > bound))
        && rule.at_most.is_none_or(|bound| number.is_some_and(|number| number <= bound))
        && rule.exists.is_none_or(|exists| value.is_some() == exists)
        && rule.not.as_ref().is_none_or(|not| !value.is_some_and(|value| is_like(value, not)))
}

fn is_like(value: &Value, plain: &Plain) -> bool {
    match (value, plain) {
        (Value::Bool(value), Plain::Boolean(wanted)) => value == wanted,
        (Value::Number(value), Plain::Number(wanted)) => value.as_f64() == Some(*wanted),
        (Value::String(value), Plain::Text(pattern)) => matches(value, pattern),
        _ => false,
    }
}

/// Whether a text fits a pattern in which `*` stands for any letters.
fn matches(text: &str, pattern: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(begin) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

fn perform(turn: &Turn, said: Said, request: &ModelRequest) -> Vec<Beat> {
    let mut beats = Vec::new();
    let wait = |beats: &mut Vec<Beat>, ms: u64| {
        if ms > 0 {
            beats.push(Beat::Wait(Duration::from_millis(ms)));
        }
    };
    wait(&mut beats, turn.delay_ms);
    for piece in chunks(&said.text, turn.chunk_chars) {
        wait(&mut beats, turn.pause_ms);
        beats.push(Beat::Say(Chunk::Text(piece)));
    }
    if turn.hang {
        beats.push(Beat::Hang);
        return beats;
    }
    let usage = usage(request, &said);
    beats.extend(said.calls.into_iter().map(|call| Beat::Say(Chunk::ToolCall(call))));
    beats.push(Beat::Say(usage));
    beats.extend(turn.metadata.clone().map(|metadata| Beat::Say(Chunk::Metadata(metadata))));
    beats.push(Beat::Say(match &turn.fail {
        Some(message) => {
            Chunk::Failed(AdapterFailure { message: message.clone(), may_pass: turn.may_pass })
        }
        None => Chunk::Done,
    }));
    beats
}

fn chunks(text: &str, chunk_chars: Option<usize>) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(chunk_chars.unwrap_or(usize::MAX)).map(|piece| piece.iter().collect()).collect()
}

fn usage(request: &ModelRequest, said: &Said) -> Chunk {
    let letters = |text: &str| text.chars().count() as u64;
    let of_calls = |calls: &[ToolCallAsked]| {
        calls.iter().map(|call| letters(&call.name) + letters(&call.arguments)).sum::<u64>()
    };
    let read = request.messages.iter().fold(letters(&request.system), |sum, message| {
        sum + letters(&message.content) + of_calls(&message.tool_calls)
    });
    let written = letters(&said.text) + of_calls(&said.calls);
    Chunk::Usage {
        input_tokens: read.div_ceil(CHARS_PER_TOKEN),
        output_tokens: written.div_ceil(CHARS_PER_TOKEN),
    }
}
