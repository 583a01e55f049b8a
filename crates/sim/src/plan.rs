//! What the clients of one seed will ask for: who, which runs, in which sessions.

use crate::agent::{AGENT, TOOLS};
use crate::dice::Dice;
use crate::handlers::INTENTS;
use serde_json::{Value, json};
use tenure_contract::entry::Principal;
use tenure_contract::resource::{AgentRequest, Caller, IntentRequest, SubmitRun};
use tenure_contract::words::{InputPolicy, RecoveryClass};
use tenure_contract::{Digest, RunId, SessionId, TenantId};

/// A run somebody wants, under a key that is repeated until it is accepted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose place among the callers.
    pub caller: usize,
    /// The key.
    pub key: String,
    /// The key of the session it is for; none for one of its own.
    pub session: Option<String>,
    /// The request, without the session.
    pub request: SubmitRun,
    /// The id the key stands for.
    pub run: RunId,
}

/// Two tenants' callers.
#[must_use]
pub fn callers() -> Vec<Caller> {
    let caller = |number: u8, name: &str| Caller {
        tenant: TenantId::from_bytes([number; 16]),
        principal: Principal::user(name),
        surface: None,
        scopes: vec!["*".to_owned()],
        product: None,
    };
    vec![caller(1, "ada"), caller(2, "bob")]
}

/// The id that a client's key stands for, as the engine derives it.
fn derived(tenant: TenantId, kind: &str, key: &str) -> [u8; 16] {
    let parts: [&[u8]; 5] =
        [b"tenure-key-v1\0", &tenant.bytes(), kind.as_bytes(), b"\0", key.as_bytes()];
    Digest::of(&parts).first_half()
}

/// The session a key stands for.
#[must_use]
pub fn session_id(tenant: TenantId, key: &str) -> SessionId {
    SessionId::from_bytes(derived(tenant, "session", key))
}

/// Everything the clients of a seed want.
#[must_use]
pub fn wanted(dice: &mut Dice, callers: &[Caller]) -> Vec<Wanted> {
    let count = dice.between(4, 10);
    (0..count).map(|number| one(dice, callers, number)).collect()
}

fn one(dice: &mut Dice, callers: &[Caller], number: u64) -> Wanted {
    let caller = dice.below(callers.len() as u64) as usize;
    let tenant = callers[caller].tenant;
    let key = format!("run-{number}");
    let run = RunId::from_bytes(derived(tenant, "run", &key));
    let session = dice.chance(600).then(|| format!("session-{}", dice.below(2)));
    let mut request =
        if dice.chance(500) { agent(dice, number, run) } else { intent(dice, number) };
    request.idempotency_key = Some(key.clone());
    if dice.chance(100) {
        request.input_policy = Some(InputPolicy::Interrupt);
    }
    Wanted { caller, key, session, request, run }
}

fn intent(dice: &mut Dice, number: u64) -> SubmitRun {
    const CLASSES: &[RecoveryClass] =
        &[RecoveryClass::Read, RecoveryClass::Idempotent, RecoveryClass::Once];
    // large bodies are slow to hash, and one in a while is enough
    let kinds = if dice.chance(200) { INTENTS } else { &INTENTS[..2] };
    let intent_type = dice.pick(kinds).copied().unwrap_or_default().to_owned();
    let orders: Vec<Value> = (0..dice.between(1, 4))
        .map(|place| {
            let class = dice.pick(CLASSES).copied().unwrap_or(RecoveryClass::Read);
            json!([format!("order-{number}-{place}"), class])
        })
        .collect();
    let parameters = json!({ "orders": orders });
    let intent =
        IntentRequest { intent_type, parameters, metadata: Value::Null, solution_id: None };
    SubmitRun { intent: Some(intent), ..SubmitRun::default() }
}

fn agent(dice: &mut Dice, number: u64, run: RunId) -> SubmitRun {
    let turns: Vec<Vec<Value>> = (0..dice.between(0, 3))
        .map(|turn| {
            let calls = 0..dice.between(1, 3);
            calls
                .map(|call| {
                    let tool = dice.pick(TOOLS).map_or("peek", |(tool, _)| *tool);
                    json!([tool, format!("call-{number}-{turn}-{call}")])
                })
                .collect()
        })
        .collect();
    let task = json!({ "run": run, "turns": turns }).to_string();
    let agent = AgentRequest { name: AGENT.to_owned(), version: None, task, max_steps: None };
    SubmitRun { agent: Some(agent), ..SubmitRun::default() }
}
