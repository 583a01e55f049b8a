//! What a policy says, by table; and what is no policy.

use super::*;
use serde_json::{Value, json};
use tenure_contract::ApprovalId;
use tenure_contract::entry::Principal;
use tenure_contract::event::CallVerdict;
use tenure_contract::words::{
    ApprovalKind, CallRefusal, PrincipalKind, RecoveryClass, RiskLevel, Surface,
};

fn agent() -> Principal {
    Principal { kind: PrincipalKind::Agent, name: "triage".to_owned() }
}

fn setting() -> Setting {
    Setting {
        product: "desk".to_owned(),
        user: "ada".to_owned(),
        workspace: None,
        surface: Some(Surface::Desktop),
    }
}

fn call<'a>(tool: &str, arguments: &'a Value) -> Question<'a> {
    let callee = Callee::Tool(tool.to_owned());
    let matter = Matter::Call { callee, class: RecoveryClass::Once, asks: None, arguments };
    Question { principal: agent(), matter, setting: setting() }
}

fn decide(kind: PrincipalKind) -> Question<'static> {
    let approval = ApprovalId::from_bytes([7; 16]);
    let matter = Matter::Decide { approval, kind: ApprovalKind::Action, risk: RiskLevel::High };
    Question { principal: Principal { kind, name: "desk".to_owned() }, matter, setting: setting() }
}

#[track_caller]
fn policy(text: &str) -> Policy {
    match Policy::read(text) {
        Ok(policy) => policy,
        Err(bad) => panic!("{bad}"),
    }
}

#[track_caller]
fn why_not(text: &str) -> String {
    Policy::read(text).expect_err("it is no policy").to_string()
}

#[test]
fn pol_1_the_built_in_policy_permits_what_definitions_grant() {
    let builtin = Policy::builtin();
    assert_eq!(builtin.version(), PolicyVersion::Default);
    assert!(builtin.permits_every_call());
    assert_eq!(builtin.rule(&call("pay", &Value::Null)), Ruling::Permit);
    let run = |work| {
        let matter = Matter::Run { work, parameters: &Value::Null };
        builtin.rule(&Question { principal: Principal::user("ada"), matter, setting: setting() })
    };
    assert_eq!(run(Work::Agent("triage".to_owned())), Ruling::Permit);
    assert_eq!(run(Work::Intent("ingest".to_owned())), Ruling::Permit);
    let to = |product: &str| {
        let matter = Matter::Dispatch { product: product.to_owned() };
        let principal = Principal::user("ada");
        builtin.rule(&Question { principal, matter, setting: setting() }).effect()
    };
    assert_eq!((to("desk"), to("other")), (PolicyEffect::Permit, PolicyEffect::Deny));
}

#[test]
fn apr_2_a_person_decides_unless_a_policy_names_another() {
    let builtin = Policy::builtin();
    let named = policy(
        "permit(principal is User, action, resource);
         permit(principal == Service::\"desk\", action == Action::\"decide\", resource)
         when { context.risk != \"critical\" };",
    );
    for kind in PrincipalKind::ALL {
        let asked = decide(*kind);
        let person = *kind == PrincipalKind::User;
        assert_eq!(builtin.rule(&asked) == Ruling::Permit, person, "{kind}");
        let may = person || *kind == PrincipalKind::Service;
        assert_eq!(named.rule(&asked) == Ruling::Permit, may, "{kind}");
    }
}

#[test]
fn pol_1_a_forbid_wins_and_nothing_permits_by_silence() {
    let amounts = policy(
        "permit(principal, action == Action::\"call\", resource);
         @id(\"no-large-payments\")
         forbid(principal == Agent::\"triage\", action == Action::\"call\", resource == Tool::\"pay\")
         unless { context.numbers.hasTag(\"/amount\") && context.numbers.getTag(\"/amount\") <= 100 };",
    );
    for (arguments, effect) in [
        (json!({ "amount": 100 }), PolicyEffect::Permit),
        (json!({ "amount": 100.001 }), PolicyEffect::Deny),
        (json!({ "amount": 101 }), PolicyEffect::Deny),
        (json!({ "amount": "1" }), PolicyEffect::Deny),
        (json!({}), PolicyEffect::Deny),
    ] {
        assert_eq!(amounts.rule(&call("pay", &arguments)).effect(), effect, "{arguments}");
        assert_eq!(amounts.rule(&call("look", &arguments)), Ruling::Permit);
    }
    let Ruling::Deny { why } = amounts.rule(&call("pay", &json!({}))) else { panic!() };
    assert!(why.contains("no-large-payments"), "{why}");
    let silent = amounts.rule(&decide(PrincipalKind::User));
    assert_eq!(silent, Ruling::Deny { why: "no policy permits it".to_owned() });
    assert!(!amounts.permits_every_call());
}

#[test]
fn pol_1_what_a_rule_may_ask_about_is_there() {
    let arguments = json!({ "to": "x@example.com", "deep": [{ "ok": true }] });
    for (condition, holds) in [
        ("context.class == \"once\" && !context.asks && context.risk == \"low\"", true),
        ("context.setting.product == \"desk\" && context.setting.user == \"ada\"", true),
        ("context.setting has surface && context.setting.surface == \"desktop\"", true),
        ("context.setting has workspace", false),
        ("context has substep", false),
        (
            "context.texts.hasTag(\"/to\") && context.texts.getTag(\"/to\") like \"*@example.com\"",
            true,
        ),
        ("context.flags.hasTag(\"/deep/0/ok\") && context.flags.getTag(\"/deep/0/ok\")", true),
        ("context.numbers.hasTag(\"/to\")", false),
    ] {
        let text = format!(
            "permit(principal, action == Action::\"call\", resource) when {{ {condition} }};"
        );
        let found = policy(&text).rule(&call("pay", &arguments));
        assert_eq!(found == Ruling::Permit, holds, "{condition}: {found:?}");
    }
}

#[test]
fn pol_1_a_permit_that_asks_carries_its_terms() {
    let asking = policy(
        "permit(principal, action == Action::\"call\", resource);
         @ask(\"money moves\") @approvers(\"user:ana service:desk\") @risk(\"high\")
         permit(principal, action == Action::\"call\", resource == Tool::\"pay\");
         @ask(\"it is final\") @approvers(\"user:*\") @reason(\"required\") @risk(\"low\")
         permit(principal, action == Action::\"call\", resource) when { context.class == \"once\" };",
    );
    let Ruling::Ask(terms) = asking.rule(&call("pay", &Value::Null)) else { panic!() };
    assert_eq!(terms.why, "money moves; it is final");
    assert_eq!(terms.approvers, ["user:ana"], "those whom both name");
    assert_eq!((terms.needs_reason, terms.risk), (true, Some(RiskLevel::High)));
    let Ruling::Ask(terms) = asking.rule(&call("wire", &Value::Null)) else { panic!() };
    assert_eq!(terms.approvers, ["user:*"]);
    assert!(!asking.permits_every_call());
}

#[test]
fn pol_1_two_asks_nobody_may_decide_for_both_are_a_denial() {
    let torn = policy(
        "@ask(\"a\") @approvers(\"user:ana\") permit(principal, action == Action::\"call\", resource);
         @ask(\"b\") @approvers(\"user:bob\") permit(principal, action == Action::\"call\", resource);",
    );
    assert_eq!(torn.rule(&call("pay", &Value::Null)).effect(), PolicyEffect::Deny);
}

#[test]
fn pol_1_what_is_wrong_with_a_text_is_told_with_its_line() {
    for (text, told) in [
        ("permit(principal, action, resource)\n\nwhen {", "line"),
        ("\npermit(principal, action == Action::\"calls\", resource);", "line 2"),
        (
            "permit(principal, action == Action::\"call\", resource)\nwhen { context.amount > 1 };",
            "line 2",
        ),
        ("permit(principal == Person::\"a\", action, resource);", "line 1"),
        (
            "\n@aks(\"slip\")\npermit(principal, action == Action::\"call\", resource);",
            "line 2: annotation `@aks`",
        ),
        (
            "@ask(\"a\") forbid(principal, action == Action::\"call\", resource);",
            "`forbid` asks nobody",
        ),
        ("@ask(\"a\") permit(principal, action, resource);", "only a call or a dispatch can wait"),
        (
            "@risk(\"low\") permit(principal, action == Action::\"call\", resource);",
            "terms of an `@ask`",
        ),
        (
            "@ask(\"a\") @risk(\"dire\") permit(principal, action == Action::\"call\", resource);",
            "`@risk`",
        ),
        (
            "@ask(\"a\") @reason(\"yes\") permit(principal, action == Action::\"call\", resource);",
            "`@reason`",
        ),
        (
            "@ask(\"a\") @approvers(\"ana\") permit(principal, action == Action::\"call\", resource);",
            "`ana`",
        ),
        ("permit(principal == ?principal, action, resource);", "slot"),
        ("permit(principal is Tool, action, resource);", ""),
    ] {
        let found = why_not(text);
        assert!(found.contains(told), "{text}\n{found}");
    }
    let long = format!("// {}", "x".repeat(tenure_contract::limits::POLICY_TEXT_MAX_BYTES));
    assert!(why_not(&long).contains("POLICY_TEXT_MAX_BYTES"));
}

#[test]
fn pol_1_an_engine_that_cannot_say_denies() {
    let version = version_of("x");
    for text in [None, Some("permit(")] {
        let broken = Policy::stored(version, text);
        assert!(!broken.permits_every_call());
        for asked in [call("pay", &Value::Null), decide(PrincipalKind::User)] {
            assert_eq!(broken.rule(&asked).effect(), PolicyEffect::Deny);
        }
    }
    let anything =
        policy("permit(principal, action, resource) unless { 9223372036854775807 + 1 == 0 };");
    let told = anything.rule(&call("pay", &Value::Null));
    assert!(
        matches!(told, Ruling::Deny { why } if why.contains("cannot tell")),
        "an error in a rule"
    );
    let many = json!(vec![1; tenure_contract::limits::POLICY_ARGUMENTS_MAX + 1]);
    let some = policy("permit(principal, action, resource);");
    assert_eq!(some.rule(&call("pay", &many)).effect(), PolicyEffect::Deny);
}

#[test]
fn pol_1_only_an_unconditional_permit_saves_the_question() {
    for (text, every) in [
        ("permit(principal, action, resource);", true),
        ("permit(principal, action in [Action::\"call\", Action::\"run\"], resource);", true),
        (
            "permit(principal, action, resource); forbid(principal, action == Action::\"run\", resource);",
            true,
        ),
        (
            "permit(principal, action, resource); forbid(principal, action, resource) when { 1 == 2 };",
            false,
        ),
        ("permit(principal, action == Action::\"call\", resource) when { context.asks };", false),
        ("permit(principal is Agent, action == Action::\"call\", resource);", false),
        ("permit(principal, action == Action::\"run\", resource);", false),
        ("", false),
    ] {
        let rules = Policy::stored(version_of(text), Some(text));
        if rules.rules.is_ok() {
            assert_eq!(rules.permits_every_call(), every, "{text}");
        }
    }
    assert!(policy("permit(principal, action, resource);").permits_every_call());
}

#[test]
fn apr_3_the_stricter_of_two_verdicts_holds() {
    let own_ask = CallVerdict::Ask {
        risk: RiskLevel::High,
        label: "pay".to_owned(),
        approvers: Vec::new(),
        needs_reason: false,
    };
    let refused = CallVerdict::Refuse { why: CallRefusal::UnknownTool };
    let question = CallVerdict::AskHuman { label: "?".to_owned() };
    let deny = || Ruling::Deny { why: "no".to_owned() };
    let ask = |risk| {
        let approvers = vec!["user:ana".to_owned()];
        Ruling::Ask(Terms { why: "money".to_owned(), approvers, needs_reason: true, risk })
    };
    let by_policy = CallVerdict::Refuse { why: CallRefusal::DeniedByPolicy };
    for own in [&own_ask, &refused, &question, &CallVerdict::Permit] {
        assert_eq!(&stricter(own.clone(), Ruling::Permit, "pay"), own);
    }
    for own in [&refused, &question] {
        assert_eq!(&stricter(own.clone(), deny(), "pay"), own);
        assert_eq!(&stricter(own.clone(), ask(None), "pay"), own);
    }
    for own in [own_ask.clone(), CallVerdict::Permit] {
        assert_eq!(stricter(own, deny(), "pay"), by_policy);
    }
    let risk_of = |own: &CallVerdict, risk| match stricter(own.clone(), ask(risk), "pay") {
        CallVerdict::Ask { risk, label, approvers, needs_reason } => {
            assert_eq!((label.as_str(), needs_reason), ("money: pay", true));
            assert_eq!(approvers, ["user:ana"]);
            risk
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(risk_of(&own_ask, Some(RiskLevel::Low)), RiskLevel::High);
    assert_eq!(risk_of(&own_ask, Some(RiskLevel::Critical)), RiskLevel::Critical);
    assert_eq!(risk_of(&CallVerdict::Permit, None), RiskLevel::Medium);
    assert_eq!(risk_of(&CallVerdict::Permit, Some(RiskLevel::Low)), RiskLevel::Low);
}
