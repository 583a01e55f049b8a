//! A tool's life between its calls: made ready before the first, disposed of when none is under
//! way (`T7`, `T8`).

use super::BuiltTool;
use crate::tool::{Lookup, ToolCall, ToolFailure};
use futures::FutureExt as _;
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::limits::DISPOSE_MAX_MS;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// Read by every call under way, written by whoever makes ready or disposes; true once ready.
pub(super) type Life = Arc<RwLock<bool>>;

impl BuiltTool {
    /// Performs one call of a tool that is made ready for it.
    ///
    /// # Errors
    /// What the tool says; [`ToolFailure::Refused`] when it could not be made ready.
    pub async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let _under_way = self.ready().await?;
        self.tool.call(call).await
    }

    /// Asks what became of a lost call.
    pub async fn lookup(&self, call: ToolCall) -> Lookup {
        match self.ready().await {
            Ok(_under_way) => self.tool.lookup(call).await,
            Err(_) => Lookup::Unknown,
        }
    }

    async fn ready(&self) -> Result<OwnedRwLockReadGuard<bool>, ToolFailure> {
        let life = Arc::clone(&self.life).read_owned().await;
        if *life {
            return Ok(life);
        }
        drop(life);
        let mut life = Arc::clone(&self.life).write_owned().await;
        if !*life {
            // nothing was sent yet, so a panic here is not a call that may have happened
            let made = AssertUnwindSafe(async { self.tool.init().await }).catch_unwind().await;
            made.unwrap_or_else(|_| Err(unready("it panicked")))?;
            *life = true;
        }
        Ok(life.downgrade())
    }

    /// Disposes of the tool if it was made ready and no call is under way; it may be called again
    /// afterwards.
    ///
    /// # Errors
    /// Why it was not disposed of, to be logged.
    pub async fn dispose(&self) -> Result<(), String> {
        let Ok(mut life) = Arc::clone(&self.life).try_write_owned() else {
            return Err("a call is under way".to_owned());
        };
        if !std::mem::replace(&mut *life, false) {
            return Ok(());
        }
        let limit = Duration::from_millis(DISPOSE_MAX_MS);
        let disposing = AssertUnwindSafe(async { self.tool.dispose().await }).catch_unwind();
        match tokio::time::timeout(limit, disposing).await {
            Ok(Ok(told)) => told.map_err(|failure| failure.to_string()),
            Ok(Err(_)) => Err("it panicked".to_owned()),
            Err(_) => Err(format!("it took longer than DISPOSE_MAX_MS, {DISPOSE_MAX_MS} ms")),
        }
    }
}

fn unready(why: &str) -> ToolFailure {
    ToolFailure::Refused { message: format!("the tool could not be made ready: {why}") }
}

#[cfg(test)]
mod tests {
    use crate::build::Agent;
    use crate::build::parse;
    use crate::conformance::Counted;
    use crate::tool::testing::call_in;
    use serde_json::json;
    use std::path::Path;
    use std::sync::Arc;

    fn agent(tool: &Counted) -> Agent {
        let text = "name = \"x\"\n[model]\nadapter = \"scripted\"\nfile = \"s.toml\"";
        let definition = parse(text, "test").unwrap();
        let adapter = crate::build(&definition, Path::new(".")).unwrap().adapter;
        Agent::assemble(definition, adapter, vec![Arc::new(tool.clone())]).unwrap()
    }

    fn call() -> crate::tool::ToolCall {
        call_in(Path::new("."), json!({}))
    }

    #[tokio::test]
    async fn t7_a_tool_is_made_ready_once_before_the_first_of_its_calls() {
        let tool = Counted::default();
        let agent = agent(&tool);
        assert_eq!(tool.told(), [""; 0], "building does nothing");
        let built = agent.tool("counted").unwrap();
        let same = built.clone();
        let (one, two) = tokio::join!(built.call(call()), same.call(call()));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(tool.told(), ["init", "call", "call"]);
    }

    #[tokio::test]
    async fn t7_a_call_whose_tool_cannot_be_made_ready_did_not_happen() {
        let tool = Counted::default();
        let agent = agent(&tool);
        tool.break_init();
        let told = agent.tool("counted").unwrap().call(call()).await.unwrap_err();
        assert!(matches!(told, crate::tool::ToolFailure::Refused { .. }), "{told}");
        assert_eq!(tool.told(), ["init"]);
        agent.tool("counted").unwrap().call(call()).await.unwrap();
        assert_eq!(tool.told(), ["init", "init", "call"]);
    }

    #[tokio::test]
    async fn t8_a_tool_is_disposed_of_between_its_calls_only() {
        let tool = Counted::default();
        let agent = agent(&tool);
        let built = agent.tool("counted").unwrap();
        assert_eq!(built.dispose().await, Ok(()), "nothing was made");
        assert_eq!(tool.told(), [""; 0]);
        let mut hung = Box::pin(built.call(tool.hung()));
        assert!(futures::poll!(&mut hung).is_pending());
        assert!(built.dispose().await.is_err());
        drop(hung);
        assert_eq!(built.dispose().await, Ok(()));
        assert_eq!(built.dispose().await, Ok(()), "there is nothing left");
        built.call(call()).await.unwrap();
        assert_eq!(tool.told(), ["init", "call", "dispose", "init", "call"]);
    }
}
