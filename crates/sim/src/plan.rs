//! What the clients of one seed will ask for: who, which runs, in which sessions.

use crate::agent::{AGENT, TOOLS};
use crate::dice::Dice;
use crate::handlers::INTENTS;
use serde_json::{Value, json};
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    AddScheduleEntry, AgentRequest, Caller, CreateDispatch, CreateSchedule, DispatchWork,
    IntentRequest, SubmitRun,
};
use tenure_contract::words::{DispatchMode, InputPolicy, RecoveryClass, ScheduleEntryKind};
use tenure_contract::{Digest, DispatchId, RunId, ScheduleId, SessionId, TenantId, Time};
use tenure_core::ledger::dispatch::made_by;
use tenure_core::ledger::schedule::dispatch_of;

/// The product everything is for.
const PRODUCT: &str = "simulated";
/// Later than any simulation lasts: 2100-01-01.
const NEVER: Time = Time::from_micros(4_102_444_800_000_000);

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
    pub request: Asked,
    /// The id the key stands for.
    pub run: RunId,
}

/// How a run is asked for.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Submitted.
    Run(Box<SubmitRun>),
    /// Dispatched.
    Dispatch(Box<CreateDispatch>),
    /// The only entry of a schedule; when it is due is said once it is sent.
    Schedule(Box<CreateSchedule>),
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
pub fn wanted(seed: u64, callers: &[Caller]) -> Vec<Wanted> {
    let (mut dice, mut schedules) = (Dice::of(seed, "plan"), Dice::of(seed, "schedules"));
    let count = dice.between(4, 10);
    (0..count).map(|number| one((&mut dice, &mut schedules), callers, number)).collect()
}

fn one((dice, schedules): (&mut Dice, &mut Dice), callers: &[Caller], number: u64) -> Wanted {
    let caller = dice.below(callers.len() as u64) as usize;
    let tenant = callers[caller].tenant;
    let key = format!("run-{number}");
    let is_dispatched = dice.chance(400);
    let is_scheduled = schedules.chance(400);
    let run = RunId::from_bytes(match (is_dispatched, is_scheduled) {
        (true, true) => made_by(entry_dispatch_id(tenant, &key), tenant, "run"),
        (true, false) => made_by(dispatch_id(tenant, &key), tenant, "run"),
        (false, _) => derived(tenant, "run", &key),
    });
    let session = dice.chance(600).then(|| format!("session-{}", dice.below(2)));
    let mut request =
        if dice.chance(500) { agent(dice, number, run) } else { intent(dice, number) };
    request.idempotency_key = Some(key.clone());
    if dice.chance(100) {
        request.input_policy = Some(InputPolicy::Interrupt);
    }
    let request = match (is_dispatched, is_scheduled) {
        (true, true) => Asked::Schedule(Box::new(scheduled(schedules, dispatched(dice, request)))),
        (true, false) => Asked::Dispatch(Box::new(dispatched(dice, request))),
        (false, _) => Asked::Run(Box::new(request)),
    };
    Wanted { caller, key, session, request, run }
}

/// The dispatch a key stands for.
#[must_use]
pub fn dispatch_id(tenant: TenantId, key: &str) -> DispatchId {
    DispatchId::from_bytes(derived(tenant, "dispatch", key))
}

/// The schedule a key stands for.
#[must_use]
pub fn schedule_id(tenant: TenantId, key: &str) -> ScheduleId {
    ScheduleId::from_bytes(derived(tenant, "schedule", key))
}

/// The dispatch that its first entry becomes, as the engine derives it.
fn entry_dispatch_id(tenant: TenantId, key: &str) -> DispatchId {
    dispatch_of(tenant, schedule_id(tenant, key), b"created 0")
}

/// The same work, scheduled.
fn scheduled(dice: &mut Dice, dispatch: CreateDispatch) -> CreateSchedule {
    let kind = if dice.chance(700) { ScheduleEntryKind::At } else { ScheduleEntryKind::Queued };
    let entry = AddScheduleEntry {
        kind,
        at: None,
        work: None,
        payload: Value::Null,
        priority: dispatch.priority,
        task_id: None,
    };
    CreateSchedule {
        tenant_id: None,
        product_id: Some(dispatch.product_id),
        user_id: None,
        title: "simulated".to_owned(),
        session_id: None,
        work: Some(dispatch.work),
        payload: dispatch.payload,
        priority: None,
        input_policy: dispatch.input_policy,
        execution_target: None,
        approvers: Vec::new(),
        missed_policy: None,
        entries: vec![entry],
    }
}

/// The same work, dispatched.
fn dispatched(dice: &mut Dice, request: SubmitRun) -> CreateDispatch {
    let (work, payload) = match (request.intent, request.agent) {
        (Some(intent), _) => {
            let IntentRequest { intent_type, parameters, .. } = intent;
            (DispatchWork::Intent { intent_type, solution_id: None }, parameters)
        }
        (None, agent) => {
            let task = agent.map(|agent| agent.task).unwrap_or_default();
            let work = if dice.chance(300) {
                DispatchWork::Task { title: "dispatched".to_owned(), agent: AGENT.to_owned() }
            } else {
                DispatchWork::Agent { name: AGENT.to_owned(), version: None }
            };
            (work, json!({ "task": task }))
        }
    };
    let mode = if dice.chance(500) { DispatchMode::Interactive } else { DispatchMode::Queued };
    let context = json!({
        "originSurface": "web", "originProductId": PRODUCT, "dispatchMode": mode,
        "initiatedAt": "2026-11-21T08:00:00Z",
    });
    CreateDispatch {
        tenant_id: None,
        product_id: PRODUCT.to_owned(),
        user_id: None,
        session_id: None,
        task_id: None,
        work,
        payload,
        context,
        priority: dice.chance(300).then(|| "high".to_owned()),
        not_before: None,
        expires_at: Some(NEVER),
        input_policy: request.input_policy,
        execution_target: None,
        recovery_class: None,
        approvers: Vec::new(),
        idempotency_key: request.idempotency_key,
    }
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
