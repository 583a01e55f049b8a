//! The handlers of the simulation: orders one after the other, several at once, and large results.

use crate::world::{Answer, Order, World};
use futures::future::join_all;
use serde_json::{Value, json};
use tenure_contract::limits::CALL_TIMEOUT_DEFAULT_MS;
use tenure_contract::words::RecoveryClass;
use tenure_engine::{Ctx, HandlerFailure, HandlerResult, IntentRegistry, StepFailure};

/// The intents there are.
pub const INTENTS: &[&str] = &["in-turn", "at-once", "large"];

/// Registers every handler.
#[must_use]
pub fn registry(world: &World) -> IntentRegistry {
    let registry = IntentRegistry::default();
    for intent in INTENTS {
        let world = world.clone();
        registry.register_intent(intent, "simulated", move |ctx: Ctx| {
            serve(intent, ctx, world.clone())
        });
    }
    registry
}

async fn serve(intent: &str, ctx: Ctx, world: World) -> Result<HandlerResult, HandlerFailure> {
    let orders = orders(&ctx.intent().parameters);
    let receipts = match intent {
        "at-once" => {
            let all = orders.iter().map(|(what, class)| place(&ctx, &world, what, *class));
            join_all(all).await.into_iter().collect::<Result<Vec<_>, _>>()?
        }
        large => {
            let mut receipts = Vec::new();
            if large == "large" {
                receipts.push(json!(read(&ctx, "letter", 5_000).await?.len()));
                receipts.push(json!(read(&ctx, "book", 300_000).await?.len()));
            }
            for (what, class) in &orders {
                receipts.push(place(&ctx, &world, what, *class).await?);
            }
            receipts
        }
    };
    Ok(HandlerResult { output: json!(receipts), artifacts: Vec::new() })
}

fn orders(parameters: &Value) -> Vec<(String, RecoveryClass)> {
    let orders = parameters.get("orders").and_then(Value::as_array);
    let read = |order: &Value| {
        let what = order.get(0)?.as_str()?.to_owned();
        Some((what, order.get(1)?.as_str()?.parse().ok()?))
    };
    orders.into_iter().flatten().filter_map(read).collect()
}

async fn place(
    ctx: &Ctx,
    world: &World,
    what: &str,
    class: RecoveryClass,
) -> Result<Value, StepFailure> {
    ctx.step(what, class, &json!({ "what": what }), |key| {
        let order = Order { key, what: what.to_owned(), class, limit_ms: CALL_TIMEOUT_DEFAULT_MS };
        perform(world.clone(), order)
    })
    .await
}

async fn perform(world: World, order: Order) -> Result<Value, StepFailure> {
    if order.class == RecoveryClass::Read {
        tokio::time::sleep(std::time::Duration::from_millis(world.some_ms())).await;
        return Ok(json!({ "price": order.what.len() }));
    }
    match world.order(order).await {
        Answer::Booked(receipt) => Ok(receipt),
        Answer::Busy => Err(StepFailure::Transient { message: "busy".to_owned() }),
        Answer::Broken => Err(StepFailure::Lost { message: "connection lost".to_owned() }),
    }
}

async fn read(ctx: &Ctx, name: &str, letters: usize) -> Result<String, StepFailure> {
    ctx.step(name, RecoveryClass::Read, &json!({}), |_| async move { Ok("x".repeat(letters)) })
        .await
}
