//! An agent of the simulation: a model that asks for what its task says, and tools that reach the
//! simulated world.

use crate::world::{Answer, Order, World};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenure_agent::{
    Adapter, AdapterFailure, Agent, BuildError, Chunk, Lookup, ModelRequest, Source, Tool,
    ToolCall, ToolFailure, ToolSpec,
};
use tenure_contract::agent::{AgentDefinition, Confirm, Message, ModelChoice, Role, ToolCallAsked};
use tenure_contract::words::{ExecutionTarget, RecoveryClass, RiskLevel};

/// The agent's name.
pub const AGENT: &str = "clerk";
/// Time limit of its tools' calls, milliseconds.
const LIMIT_MS: u64 = 5_000;

/// Names of the tools, with what may be done again after a loss.
pub const TOOLS: &[(&str, RecoveryClass)] = &[
    ("peek", RecoveryClass::Read),
    ("post", RecoveryClass::Idempotent),
    ("wire", RecoveryClass::Once),
    ("refund", RecoveryClass::Once),
    ("traced", RecoveryClass::Once),
    ("ask", RecoveryClass::Read),
];

/// Its definition, as it is registered; model and tools stand elsewhere.
#[must_use]
pub fn definition() -> AgentDefinition {
    AgentDefinition {
        name: AGENT.to_owned(),
        instructions: "do what the task says".to_owned(),
        model: ModelChoice {
            adapter: "scripted".to_owned(),
            name: String::new(),
            base_url: None,
            api_key_env: None,
            api_key: None,
            file: Some("simulated.toml".to_owned()),
            temperature: None,
            max_tokens: None,
            silence_ms: None,
        },
        tools: Vec::new(),
        max_steps: Some(20),
        budget_steps: None,
        approvers: vec!["user:*".to_owned()],
        target: ExecutionTarget::Sandbox,
        memory: true,
    }
}

/// The agent itself.
///
/// # Errors
/// None that the definition above could give.
pub fn agent(world: &World) -> Result<Agent, BuildError> {
    let tools = TOOLS.iter().map(|(name, class)| {
        let tool: Arc<dyn Tool> = Arc::new(WorldTool::new(name, *class, world.clone()));
        tool
    });
    Agent::assemble(definition(), Arc::new(TaskModel { world: world.clone() }), tools.collect())
}

struct WorldTool {
    spec: ToolSpec,
    world: World,
}

impl WorldTool {
    fn new(name: &str, class: RecoveryClass, world: World) -> Self {
        let confirm = Confirm { field: None, above: None, risk: RiskLevel::High };
        let schema = json!({ "type": "object", "properties": { "what": { "type": "string" } } });
        let spec = ToolSpec {
            parameters: Some(schema),
            class,
            timeout_ms: LIMIT_MS,
            confirm: (name == "refund").then_some(confirm),
            has_lookup: name == "traced",
            asks_human: name == "ask",
            ..ToolSpec::named(name, "reaches the simulated world")
        };
        Self { spec, world }
    }
}

impl Tool for WorldTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let (world, class) = (self.world.clone(), self.spec.class);
        let what =
            call.arguments.get("what").and_then(Value::as_str).unwrap_or_default().to_owned();
        let order = Order { key: call.step.to_string(), what, class, limit_ms: LIMIT_MS };
        Box::pin(async move {
            match world.order(order).await {
                Answer::Booked(receipt) => Ok(receipt),
                Answer::Busy => Err(ToolFailure::Transient { message: "busy".to_owned() }),
                Answer::Broken => Err(ToolFailure::Lost { message: "connection lost".to_owned() }),
            }
        })
    }

    fn lookup(&self, call: ToolCall) -> BoxFuture<'static, Lookup> {
        let world = self.world.clone();
        Box::pin(async move {
            if world.fails(200) {
                return Lookup::Unknown;
            }
            world.receipt(&call.step.to_string()).map_or(Lookup::Absent, Lookup::Landed)
        })
    }
}

/// A model whose answers stand in the task: `{"run": …, "turns": [[[tool, what], …], …]}`.
struct TaskModel {
    world: World,
}

struct TaskCall {
    world: World,
    request: Arc<ModelRequest>,
}

impl Adapter for TaskModel {
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source> {
        Box::new(TaskCall { world: self.world.clone(), request })
    }
}

impl Source for TaskCall {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        let answer = async move {
            let chunks = answer(&self.world, &self.request.messages);
            tokio::time::sleep(Duration::from_millis(self.world.some_ms())).await;
            chunks
        };
        stream::once(answer).flat_map(stream::iter).boxed()
    }
}

fn answer(world: &World, messages: &[Message]) -> Vec<Chunk> {
    let failed = |message: &str, may_pass| {
        vec![Chunk::Failed(AdapterFailure { message: message.to_owned(), may_pass })]
    };
    let Some(asked) = messages.iter().rposition(|message| message.role == Role::User) else {
        return failed("there is no task", false);
    };
    let task: Value = serde_json::from_str(&messages[asked].content).unwrap_or(Value::Null);
    let run = task.get("run").and_then(Value::as_str).and_then(|run| run.parse().ok());
    let Some(run) = run else { return failed("the task names no run", false) };
    world.model_called(run);
    if world.fails(60) {
        return failed("overloaded", true);
    }
    let said = messages[asked..].iter().filter(|message| message.role == Role::Assistant).count();
    let turn = task.get("turns").and_then(|turns| turns.get(said)).and_then(Value::as_array);
    let mut chunks = vec![Chunk::Text(turn.map_or("done", |_| "working").to_owned())];
    for (place, call) in turn.into_iter().flatten().enumerate() {
        let word = |at: usize| call.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        chunks.push(Chunk::ToolCall(ToolCallAsked {
            id: format!("call-{said}-{place}"),
            name: word(0),
            arguments: json!({ "what": word(1) }).to_string(),
        }));
    }
    chunks.push(Chunk::Usage { input_tokens: 10, output_tokens: 5 });
    chunks.push(Chunk::Done);
    chunks
}
