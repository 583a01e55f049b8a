//! A call assessed: what the agent's definition and the tenant's policy say of it, together.
//!
//! The same for the calls of a turn that has just landed and for one that is looked at again before
//! its execution (`APR-3`, `APR-4`).

use super::is_passing;
use super::tool::asked;
use crate::lock;
use crate::node::Node;
use crate::policy::{setting, standing};
use crate::resident::Resident;
use crate::seal::Bodies;
use serde_json::Value;
use std::sync::Arc;
use tenure_agent::{BuiltTool, action_json, assess};
use tenure_contract::entry::Principal;
use tenure_contract::event::{CallSite, CallVerdict, Work};
use tenure_contract::words::{CallRefusal, PrincipalKind, RecoveryClass};
use tenure_contract::{ApprovalId, Error, PolicyVersion, RunId};
use tenure_core::Command;
use tenure_core::command::Standing;
use tenure_core::policy::{Callee, Matter, Policy, Question, Ruling, Setting, stricter};

/// Who calls, and where.
pub(super) struct Caller {
    principal: Principal,
    setting: Setting,
}

impl Caller {
    /// The agent of a run, in its session.
    pub fn of(resident: &Resident, run: RunId) -> Result<Self, Error> {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("run", run))?;
        let known = state.runs.get(&run).ok_or_else(|| Error::not_found("run", run))?;
        let name = match &known.work {
            Work::Agent { name, .. } => name.clone(),
            Work::Intent { handler, .. } => handler.clone(),
        };
        let principal = Principal { kind: PrincipalKind::Agent, name };
        Ok(Self { principal, setting: setting(state, None) })
    }

    /// The stricter of the definition's verdict on a call and the policy's. What has no side effect
    /// is the definition's alone.
    pub fn verdict(
        &self,
        policy: &Policy,
        built: &BuiltTool,
        arguments: &Value,
        own: CallVerdict,
    ) -> CallVerdict {
        let spec = built.spec();
        let is_policed = spec.class != RecoveryClass::Read
            && matches!(own, CallVerdict::Permit | CallVerdict::Ask { .. });
        if !is_policed || policy.permits_every_call() {
            return own;
        }
        let asks = match &own {
            CallVerdict::Ask { risk, .. } => Some(*risk),
            CallVerdict::Permit | CallVerdict::Refuse { .. } | CallVerdict::AskHuman { .. } => None,
        };
        let callee = Callee::Tool(spec.name.clone());
        let question = Question {
            principal: self.principal.clone(),
            matter: Matter::Call { callee, class: spec.class, asks, arguments },
            setting: self.setting.clone(),
        };
        let ruling = policy.rule(&question);
        if let Ruling::Deny { why } = &ruling {
            tracing::info!(tool = %spec.name, agent = %self.principal, %why, "a call is denied");
        }
        stricter(own, ruling, &assess::label(spec, arguments))
    }
}

/// Which call is to be assessed again.
#[derive(Debug, Clone)]
pub(super) struct Again {
    pub run: RunId,
    pub site: CallSite,
    pub edited_seq: Option<u64>,
    pub approved: Option<(ApprovalId, String)>,
}

pub(super) async fn again(node: Arc<Node>, resident: Arc<Resident>, needs: u64, call: Again) {
    let place = (call.run, call.site);
    if node.durable(&resident, needs).await.is_ok() && resident.durable.lost().is_none() {
        match look(&node, &resident, &call) {
            Ok((command, bodies)) => node.report(&resident, &command, bodies).await,
            Err(error) => {
                node.failed("a call cannot be assessed yet", call.run, &error);
                lock(&node.assessing).remove(&place);
                return node.revisit(resident.journal).await;
            }
        }
    }
    lock(&node.assessing).remove(&place);
    node.look_again(&resident).await;
}

/// The verdict of now. What may pass is an error; anything else that goes wrong is a refusal.
fn look(
    node: &Arc<Node>,
    resident: &Arc<Resident>,
    call: &Again,
) -> Result<(Command, Bodies), Error> {
    let policy = node.policy(resident)?;
    let (run, site, under) = (call.run, call.site, policy.version());
    let seen = match verdict_now(node, resident, call, &policy) {
        Ok(seen) => seen,
        Err(error) if is_passing(&error) => return Err(error),
        Err(error) => {
            node.failed("a call cannot be assessed and is refused", run, &error);
            return Ok((refusal(run, site, under), Bodies::default()));
        }
    };
    let bodies = match seen.action {
        Some(action) => Bodies::given(node.seal(resident.tenant, action.as_bytes())?),
        None => Bodies::default(),
    };
    let command = Command::AssessCall {
        run,
        site,
        verdict: seen.verdict,
        policy: under,
        approver: seen.approver,
    };
    Ok((command, bodies))
}

fn refusal(run: RunId, site: CallSite, policy: PolicyVersion) -> Command {
    let verdict = CallVerdict::Refuse { why: CallRefusal::DeniedByPolicy };
    Command::AssessCall { run, site, verdict, policy, approver: Standing::Kept }
}

struct Seen {
    verdict: CallVerdict,
    action: Option<String>,
    approver: Standing,
}

fn verdict_now(
    node: &Arc<Node>,
    resident: &Arc<Resident>,
    call: &Again,
    policy: &Policy,
) -> Result<Seen, Error> {
    let (built, arguments) = asked(node, resident, call.run, call.site, call.edited_seq)?;
    let caller = Caller::of(resident, call.run)?;
    let own = assess::verdict(&built, &arguments);
    let verdict = caller.verdict(policy, &built, &arguments, own);
    let action = matches!(verdict, CallVerdict::Ask { .. })
        .then(|| action_json(&built, &arguments, resident.tenant, call.run));
    let approver = match &call.approved {
        Some((approval, resolver)) => standing(resident, policy, *approval, resolver),
        None => Standing::Kept,
    };
    Ok(Seen { verdict, action, approver })
}
