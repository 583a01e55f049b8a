//! Definitions that can be built, and every way in which one cannot.

use super::*;
use crate::tool::ToolSpec;
use crate::tool::ask_human::AskHuman;
use serde_json::json;

const GOOD: &str = r#"
name = "clerk"
instructions = "be brief"
max_steps = 5
approvers = ["user:ada", "agent:auditor"]

[model]
adapter = "scripted"
file = "clerk.script.toml"
temperature = 0.5

[[tools]]
use = "read_file"

[[tools]]
use = "http_action"
name = "refund"
description = "Pays back an order."
class = "once"
timeout_ms = 5000
parameters = { type = "object", required = ["order", "cents"], properties = { order = { type = "string" }, cents = { type = "integer" } } }
http = { method = "POST", url = "http://127.0.0.1:9/orders/{order}/refunds", lookup_url = "http://127.0.0.1:9/refunds/{key}" }
confirm = { field = "cents", above = 1000.0, risk = "high" }
"#;

fn built(text: &str) -> Result<Agent, BuildError> {
    build(&parse(text, "agent.toml")?, Path::new("/nowhere"))
}

fn told(text: &str) -> String {
    match built(text) {
        Ok(_) => panic!("expected a refusal of:\n{text}"),
        Err(told) => told.to_string(),
    }
}

fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    told(&GOOD.replacen(from, to, 1))
}

#[test]
fn rt1_building_opens_nothing() {
    // neither the folder nor the script exists, and there is no runtime
    let agent = built(GOOD).unwrap();
    assert_eq!(agent.tool_names(), ["read_file", "refund"]);
    let refund = agent.tool("refund").unwrap();
    assert_eq!(refund.spec().timeout_ms, 5000);
    assert!(refund.spec().has_lookup);
    assert!(agent.tool("Refund").is_none());
}

#[test]
fn a_request_carries_the_definition_and_the_conversation() {
    let agent = built(GOOD).unwrap();
    let request = agent.request(vec![Message::text(tenure_contract::agent::Role::User, "go")]);
    assert_eq!(request.system, "be brief");
    assert_eq!(request.temperature, Some(0.5));
    let offered: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(offered, ["read_file", "refund"]);
    assert_eq!(request.tools[1].description, "Pays back an order.");
}

#[test]
fn rt14_a_text_that_is_no_definition_is_told_with_its_place() {
    let typo = changed("max_steps = 5", "max_stepz = 5");
    assert!(typo.starts_with("agent.toml, line 4, column 1: unknown field `max_stepz`"), "{typo}");
    assert!(typo.contains("`max_steps`"), "{typo}");
    let nested = changed("temperature", "temprature");
    assert!(nested.contains("line 10") && nested.contains("unknown field"), "{nested}");
    let wrong = changed("max_steps = 5", "max_steps = \"five\"");
    assert!(wrong.contains("line 4, column 13") && wrong.contains("expected u32"), "{wrong}");
    assert!(told("name = ").contains("line 1, column 8"));
    assert!(told("name = \"x\"").contains("missing field `model`"));
}

#[test]
fn rt14_unknown_names_list_what_exists() {
    let adapter = changed("\"scripted\"", "\"gpt\"");
    assert_eq!(adapter, "`gpt` is not an adapter; expected one of openai, scripted, cassette");
    let tool = changed("\"read_file\"", "\"shell\"");
    assert!(tool.contains("`shell` is not a built-in tool") && tool.contains("http_action"));
    assert_eq!(
        built(&GOOD.replace("\"scripted\"", "\"gpt\"")).err().unwrap().code(),
        tenure_contract::Code::UnknownName
    );
}

#[test]
fn rt5_a_duplicate_or_reserved_name_is_a_programmer_error() {
    assert!(changed("\"refund\"", "\"read_file\"").contains("granted twice"));
    assert!(changed("\"refund\"", "\"delegate_refund\"").contains("`delegate_`"));
    assert!(built(&GOOD.replacen("\"refund\"", "\"delegated\"", 1)).is_ok());
}

#[test]
fn t1_a_name_off_the_pattern_is_refused() {
    for bad in ["9x", "a b", "", "ä", &"x".repeat(65)] {
        assert!(changed("\"refund\"", &format!("\"{bad}\"")).contains("is not a tool's name"));
    }
}

#[test]
fn limits_out_of_range_are_refused() {
    for (from, to, field) in [
        ("max_steps = 5", "max_steps = 0", "max_steps"),
        ("max_steps = 5", "max_steps = 1001", "max_steps"),
        ("max_steps = 5", "budget_steps = 0", "budget_steps"),
        ("temperature = 0.5", "temperature = 2.1", "model.temperature"),
        ("temperature = 0.5", "temperature = -0.1", "model.temperature"),
        ("temperature = 0.5", "temperature = nan", "model.temperature"),
        ("temperature = 0.5", "max_tokens = 0", "model.max_tokens"),
        ("\"user:ada\"", "\"ada\"", "approvers"),
        ("\"user:ada\"", "\"users:ada\"", "approvers"),
        ("\"user:ada\"", "\"user:\"", "approvers"),
        ("name = \"clerk\"", "name = \" \"", "name"),
        ("timeout_ms = 5000", "timeout_ms = 0", "timeout_ms"),
        ("timeout_ms = 5000", "max_output_bytes = 1", "max_output_bytes"),
    ] {
        let told = changed(from, to);
        assert!(told.contains(&format!("`{field}`")), "{to}: {told}");
    }
}

#[test]
fn what_would_be_ignored_or_is_missing_is_refused() {
    for (from, to, why) in [
        ("file = \"clerk.script.toml\"", "", "`model.file` is missing"),
        ("temperature = 0.5", "base_url = \"http://x\"", "`model.base_url` has no meaning"),
        ("temperature = 0.5", "api_key_env = \"X\"", "`model.api_key_env` has no meaning"),
        ("\"scripted\"", "\"openai\"", "`model.file` has no meaning"),
        ("use = \"read_file\"", "use = \"read_file\"\nallow = [\"x\"]", "only for `http_request`"),
        ("use = \"http_action\"", "use = \"write_file\"", "only for `http_action`"),
        ("cents\", above = 1000.0", "cents\"", "go together"),
        ("field = \"cents\", ", "", "go together"),
        ("field = \"cents\"", "field = \"amount\"", "expected one of"),
        ("above = 1000.0", "above = nan", "not a number"),
        ("{ type = \"string\" }", "{ type = \"strin\" }", "not a JSON Schema"),
        ("/orders/{order}/", "/orders/{ordr}/", "`{ordr}`"),
    ] {
        let told = changed(from, to);
        assert!(told.contains(why), "{to}: {told}");
    }
}

#[test]
fn an_openai_model_needs_a_name_and_a_url() {
    let openai =
        |rest: &str| built(&format!("name = \"x\"\n[model]\nadapter = \"openai\"\n{rest}")).err();
    assert_eq!(openai("name = \"m\""), None);
    assert_eq!(openai("name = \"m\"\nbase_url = \"http://127.0.0.1:1/v1/\""), None);
    for bad in [
        "",
        "name = \"m\"\nbase_url = \"nowhere\"",
        "name = \"m\"\nbase_url = \"ftp://x\"",
        "name = \"m\"\nbase_url = \"http://u:p@x\"",
    ] {
        assert!(openai(bad).is_some(), "{bad}");
    }
}

#[test]
fn preflight_looks_at_files_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let look = |text: &str| {
        preflight(&parse(text, "agent.toml").unwrap(), folder.path()).map_err(|e| e.to_string())
    };
    assert!(look(GOOD).unwrap_err().contains("clerk.script.toml"));
    std::fs::write(folder.path().join("clerk.script.toml"), "[[turn]]\ntxt = \"\"").unwrap();
    assert!(look(GOOD).unwrap_err().contains("line 2"));
    std::fs::write(folder.path().join("clerk.script.toml"), "[[turn]]\ntext = \"\"").unwrap();
    assert_eq!(look(GOOD), Ok(()));
    let tape = GOOD.replace("\"scripted\"", "\"cassette\"");
    assert_eq!(look(&tape), Ok(()));
    assert!(look(&tape.replace("clerk.script", "no")).unwrap_err().contains("cannot be read"));
    let keyed = "name = \"x\"\n[model]\nadapter = \"openai\"\nname = \"m\"\n\
                 api_key_env = \"TENURE_TEST_NO_SUCH_VARIABLE\"";
    assert!(look(keyed).unwrap_err().contains("TENURE_TEST_NO_SUCH_VARIABLE"));
}

#[test]
fn an_agent_is_put_together_from_other_tools_under_the_same_rules() {
    let agent = built(GOOD).unwrap();
    let ask = |name: &str| -> Arc<dyn Tool> {
        let grant =
            ToolGrant { name: Some(name.to_owned()), ..crate::tool::testing::grant_of("x") };
        Arc::new(AskHuman::new(&grant))
    };
    let with = |tools| Agent::assemble(agent.definition.clone(), agent.adapter.clone(), tools);
    assert_eq!(with(vec![ask("a"), ask("b")]).unwrap().tool_names(), ["a", "b"]);
    assert!(with(vec![ask("a"), ask("a")]).is_err());
    assert!(with(vec![ask("delegate_a")]).is_err());
}

#[test]
fn the_schema_version_follows_the_parameters_only() {
    let version = |parameters| {
        let spec = ToolSpec { parameters, ..ToolSpec::named("t", "") };
        compiled(Arc::new(crate::conformance::Echo::of(spec))).unwrap().schema_version()
    };
    let one = version(Some(json!({"type": "object", "required": ["a"]})));
    let same =
        version(Some(serde_json::from_str(r#"{"required":["a"],"type":"object"}"#).unwrap()));
    let other = version(Some(json!({"type": "object", "required": ["b"]})));
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_ne!(one, version(None));
}

#[test]
fn t12_tags_are_kept_as_they_are_granted_and_bounded() {
    let tags = |text: &str| built(text).unwrap().tools()[0].spec().tags.clone();
    assert_eq!(tags(GOOD), ["files"], "the built-in's own");
    let granted = GOOD.replacen(
        "use = \"read_file\"",
        "use = \"read_file\"\ntags = [\"ledger\", \"für Menschen\"]",
        1,
    );
    assert_eq!(tags(&granted), ["ledger", "für Menschen"]);
    let with = |tags: &str| {
        changed("use = \"read_file\"", &format!("use = \"read_file\"\ntags = [{tags}]"))
    };
    assert!(with(&"\"x\",".repeat(17)).contains("TOOL_TAGS_MAX"));
    assert!(with("\" \"").contains("expected 1 to"));
}

#[test]
fn str_1_the_limit_on_silence_is_declared_and_bounded() {
    let with = |ms: u64| format!("temperature = 0.5\nsilence_ms = {ms}");
    let good = GOOD.replacen("temperature = 0.5", &with(20), 1);
    assert_eq!(built(&good).unwrap().definition.model.silence_ms, Some(20));
    for bad in [0, 3_600_001] {
        assert!(changed("temperature = 0.5", &with(bad)).contains("MODEL_SILENCE_CEILING_MS"));
    }
}
