//! Verdicts on calls, one rule each, and what an action's digest binds.

use super::*;
use crate::adapter::scripted::{Script, Scripted};
use crate::build::parse;
use crate::conformance::Echo;
use crate::tool::Tool;
use crate::tool::ask_human::AskHuman;
use crate::tool::testing::grant_of;
use std::sync::Arc;
use tenure_contract::words::RiskLevel;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const RUN: RunId = RunId::from_bytes([2; 16]);

fn agent() -> Agent {
    let definition = parse("name = \"clerk\"\n[model]\nadapter = \"scripted\"", "test").unwrap();
    let script = Script::parse("[[turn]]\ntext = \"x\"", "test").unwrap();
    let amount = json!({
        "type": "object", "required": ["order"],
        "properties": {"order": {"type": "string"}, "cents": {}},
    });
    let refund = ToolSpec {
        parameters: Some(amount),
        confirm: Some(Confirm {
            field: Some("cents".to_owned()),
            above: Some(1000.0),
            risk: RiskLevel::High,
        }),
        timeout_ms: 7,
        has_lookup: true,
        ..ToolSpec::named("refund", "")
    };
    let always = Some(Confirm { field: None, above: None, risk: RiskLevel::Low });
    let close = ToolSpec { confirm: always, ..ToolSpec::named("close", "") };
    let declared = ToolSpec { executable: false, ..ToolSpec::named("declared", "") };
    let look = ToolSpec { class: RecoveryClass::Read, ..ToolSpec::named("look", "") };
    let mut tools: Vec<Arc<dyn Tool>> = [refund, close, declared, look]
        .map(|spec| -> Arc<dyn Tool> { Arc::new(Echo::of(spec)) })
        .into();
    tools.push(Arc::new(AskHuman::new(&grant_of("ask_human"))));
    Agent::assemble(definition, Arc::new(Scripted::new(script)), tools).unwrap()
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCallAsked {
    ToolCallAsked { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

fn noted(name: &str, arguments: &str) -> CallNoted {
    assess(&agent(), &[call("1", name, arguments)], TENANT, RUN).remove(0)
}

fn verdict_on(name: &str, arguments: &str) -> CallVerdict {
    noted(name, arguments).verdict
}

#[test]
fn a_call_that_needs_nothing_is_permitted_with_its_tools_terms() {
    let found = noted("refund", r#"{"order":"A-7","cents":1000}"#);
    assert_eq!(found.verdict, CallVerdict::Permit);
    assert_eq!((found.class, found.timeout_ms, found.has_lookup), (RecoveryClass::Once, 7, true));
    assert_eq!(noted("look", "").class, RecoveryClass::Read);
}

#[test]
fn rt5_an_unknown_tool_is_refused_and_the_model_is_told() {
    let found = noted("refnd", "{}");
    assert_eq!(found.verdict, refuse(CallRefusal::UnknownTool));
    assert_eq!(found.action, Digest::ZERO);
    let told = agent().refusal(CallRefusal::UnknownTool, &call("1", "refnd", "{}"));
    assert!(told.contains("`refnd`") && told.contains("`refund`, `close`"), "{told}");
}

#[test]
fn flt_10_malformed_arguments_are_refused_and_the_model_is_told() {
    for raw in ["", "{", r#"{"order":"A-7""#, "null{"] {
        let found = noted("refund", raw);
        assert_eq!(found.verdict, refuse(CallRefusal::MalformedArguments), "`{raw}`");
        assert_eq!(found.action, Digest::ZERO);
        let told = agent().refusal(CallRefusal::MalformedArguments, &call("1", "refund", raw));
        assert!(told.contains("not JSON") && told.contains("one JSON object"), "{told}");
    }
}

#[test]
fn t3_arguments_off_the_schema_are_refused_and_the_model_is_told() {
    let raw = r#"{"cents":5}"#;
    assert_eq!(verdict_on("refund", raw), refuse(CallRefusal::InvalidArguments));
    let told = agent().refusal(CallRefusal::InvalidArguments, &call("1", "refund", raw));
    assert!(told.contains("\"order\" is a required property"), "{told}");
}

#[test]
fn flt_13_a_call_id_that_stood_earlier_in_the_turn_is_refused() {
    let good = r#"{"order":"A-7","cents":1}"#;
    let calls = [
        call("1", "refund", good),
        call("1", "refund", good),
        call("2", "refund", "{"),
        call("2", "look", "{}"),
        call("3", "look", "{}"),
    ];
    let verdicts: Vec<CallVerdict> =
        assess(&agent(), &calls, TENANT, RUN).into_iter().map(|noted| noted.verdict).collect();
    assert_eq!(
        verdicts,
        [
            CallVerdict::Permit,
            refuse(CallRefusal::DuplicateCallId),
            refuse(CallRefusal::MalformedArguments),
            refuse(CallRefusal::DuplicateCallId),
            CallVerdict::Permit,
        ]
    );
}

#[test]
fn t4_a_declaration_is_not_executable() {
    assert_eq!(verdict_on("declared", "{}"), refuse(CallRefusal::NotExecutable));
}

#[test]
fn t9_an_amount_above_the_bound_needs_a_decision() {
    let asks = |cents: &str| {
        let raw = format!(r#"{{"order":"A-7","cents":{cents}}}"#);
        matches!(verdict_on("refund", &raw), CallVerdict::Ask { risk: RiskLevel::High, .. })
    };
    assert!(asks("1000.01") && asks("12000"));
    assert!(!asks("1000") && !asks("-5"));
    // what cannot be shown to be small asks as well
    assert!(asks("\"5\"") && asks("null") && asks("[5]"));
    assert!(matches!(verdict_on("refund", r#"{"order":"A-7"}"#), CallVerdict::Ask { .. }));
    assert!(matches!(verdict_on("close", ""), CallVerdict::Ask { risk: RiskLevel::Low, .. }));
}

#[test]
fn t12_tags_change_nothing_about_a_call() {
    let plain = agent();
    let spec = |tags: &[&str]| ToolSpec {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..plain.tool("refund").unwrap().spec().clone()
    };
    let with = |tags: &[&str]| {
        let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(Echo::of(spec(tags)))];
        Agent::assemble(plain.definition.clone(), plain.adapter.clone(), tools).unwrap()
    };
    let (bare, tagged) = (with(&[]), with(&["safe", "auto-approve", "read-only"]));
    assert_eq!(tagged.tools()[0].spec().tags, ["safe", "auto-approve", "read-only"]);
    for arguments in [r#"{"order":"A-7","cents":12000}"#, r#"{"order":"A-7","cents":1}"#, "{"] {
        let calls = [call("1", "refund", arguments)];
        let noted = |agent: &Agent| assess(agent, &calls, TENANT, RUN);
        assert_eq!(noted(&bare), noted(&tagged), "{arguments}");
    }
    assert_eq!(bare.request(Vec::new()), tagged.request(Vec::new()));
}

#[test]
fn a_label_is_short_one_line_and_hides_nothing() {
    let label = |arguments: &str| match verdict_on("refund", arguments) {
        CallVerdict::Ask { label, .. } => label,
        other => panic!("expected a question, found {other:?}"),
    };
    let plain = label(r#"{ "order": "A-7", "cents": 12000 }"#);
    assert_eq!(plain, r#"refund {"cents":12000,"order":"A-7"}"#);
    let long = label(&format!(r#"{{"order":"{}"}}"#, "é".repeat(500)));
    assert_eq!(long.chars().count(), 200);
    assert!(long.ends_with('…'));
    let turned = label("{\"order\":\"\u{202e}7-A\"}");
    assert!(turned.contains("\\u{202e}") && !turned.contains('\u{202e}'), "{turned}");
    let asked = verdict_on("ask_human", r#"{"question":"first\nsecond?"}"#);
    assert_eq!(asked, CallVerdict::AskHuman { label: "first second?".to_owned() });
}

#[test]
fn apr_3_the_digest_binds_tool_schema_arguments_tenant_and_run() {
    let agent = agent();
    let (refund, close) = (agent.tool("refund").unwrap(), agent.tool("close").unwrap());
    let arguments = json!({"order": "A-7", "cents": 12000});
    let text = action_json(refund, &arguments, TENANT, RUN);
    let expected = format!(
        r#"{{"arguments":{{"cents":12000,"order":"A-7"}},"run":"{RUN}","schemaVersion":"{}","tenant":"{TENANT}","tool":"refund"}}"#,
        refund.schema_version()
    );
    assert_eq!(text, expected);
    let digest = action_digest(refund, &arguments, TENANT, RUN);
    assert_eq!(digest, Digest::of(&[text.as_bytes()]));
    assert_eq!(noted("refund", r#"{ "order": "A-7", "cents": 1.2e4 }"#).action, digest);
    let more = json!({"order": "A-7", "cents": 12001});
    for other in [
        action_digest(refund, &more, TENANT, RUN),
        action_digest(close, &arguments, TENANT, RUN),
        action_digest(refund, &arguments, TenantId::from_bytes([3; 16]), RUN),
        action_digest(refund, &arguments, TENANT, RunId::from_bytes([3; 16])),
    ] {
        assert_ne!(other, digest);
    }
}

#[test]
fn every_refusal_tells_the_model_which_tool_and_what_now() {
    for why in CallRefusal::ALL {
        let told = refusal_text(*why, "pay", &["look"]);
        assert!(told.contains("`pay`") && told.len() > 30, "{why}: {told}");
    }
    assert!(refusal_text(CallRefusal::UnknownTool, "pay", &[]).contains("no tools"));
    let hostile = "x".repeat(5000);
    assert!(refusal_text(CallRefusal::UnknownTool, &hostile, &[]).len() < 400);
}
