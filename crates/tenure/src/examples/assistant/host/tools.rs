//! The built-in tools, and one of the house for threads in the sandbox.

use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_agent::{
    BadGrant, BuiltIns, Secrets, Tool, ToolCall, ToolFailure, ToolLoader, ToolSpec,
};
use tenure_contract::agent::{ToolGrant, ToolScope};
use tenure_contract::words::RecoveryClass;

/// What the house's tool is called.
pub(in crate::examples) const HOUSE_STYLE: &str = "house_style";
/// What it answers.
pub(in crate::examples) const STYLE: &str = "Short sentences. No adjectives that sell.";

/// The loader.
pub(super) struct HouseTools;

impl ToolLoader for HouseTools {
    fn offers(&self, scope: ToolScope) -> Vec<String> {
        let mut offered = BuiltIns.offers(scope);
        match scope {
            ToolScope::Sandbox => offered.push(HOUSE_STYLE.to_owned()),
            ToolScope::Global | ToolScope::Local => {}
        }
        offered
    }

    fn load(
        &self,
        scope: ToolScope,
        grant: &ToolGrant,
        secrets: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn Tool>, BadGrant> {
        if grant.builtin != HOUSE_STYLE {
            return BuiltIns.load(scope, grant, secrets);
        }
        let about = "Tells how things are written in this house.";
        let spec = ToolSpec { class: RecoveryClass::Read, ..ToolSpec::named(HOUSE_STYLE, about) };
        Ok(Arc::new(HouseStyle { spec: spec.granted(grant) }))
    }
}

struct HouseStyle {
    spec: ToolSpec,
}

impl Tool for HouseStyle {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, _: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        Box::pin(std::future::ready(Ok(json!({ "style": STYLE }))))
    }

    /// Fails, so that the host hears of something nobody waits for.
    fn dispose(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        let message = "the house's book is still open".to_owned();
        Box::pin(std::future::ready(Err(ToolFailure::Refused { message })))
    }
}
