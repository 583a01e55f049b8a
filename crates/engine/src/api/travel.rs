//! An approval on its way to another app and back (`APR-6`). Who may and whether a token fits is the
//! core's affair; here tokens are read and made.

use super::{Engine, actor, name};
use crate::lock;
use crate::seal::Bodies;
use tenure_contract::digest::unhex;
use tenure_contract::event::ApprovalHanded;
use tenure_contract::resource::{Approval, Caller, DecideApproval, Decision, HandApproval};
use tenure_contract::token::{DECISION_TYPE, HandedApproval, HandedDecision, HandedVerdict};
use tenure_contract::{ApprovalId, Code, Error, Time, TokenId, limits};
use tenure_core::command::Returned;
use tenure_core::session::redeem;
use tenure_core::{Command, token};

impl Engine {
    /// Hands an approval to another app: the claims of a token, which is good from the moment this
    /// returns. Whoever calls signs them; the signed text is kept nowhere.
    ///
    /// # Errors
    /// `not-found`, `already-decided`, `forbidden` when neither the caller nor the app may decide,
    /// `invalid-argument`, `limit-reached`.
    pub async fn hand_approval(
        &self,
        caller: &Caller,
        id: ApprovalId,
        request: HandApproval,
    ) -> Result<HandedApproval, Error> {
        let asked = self.approval(caller, id).await?;
        let session = asked.session_id.ok_or_else(|| Error::not_found("approval", id))?;
        let (now, audience) = (self.node.clock.now(), request.audience.clone());
        name("audience", &audience)?;
        self.with_ledger(caller.tenant, |state| state.apps.has(&audience))?
            .then_some(())
            .ok_or_else(|| {
                let told =
                    format!("product `{audience}` has no registered key; register one first");
                Error::new(Code::InvalidArgument, told).about(&audience)
            })?;
        let expires_at = whole_seconds(expiry(&request, &asked, now)?);
        let handed = ApprovalHanded {
            approval: id,
            run: asked.run_id,
            token: TokenId::from_bytes(self.node.fresh_id()),
            audience,
            expires_at,
        };
        let resident = self.session_of(caller, session)?;
        let token = handed.token;
        let principal = caller.principal.to_string();
        let command = Command::HandApproval { handed, principal };
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("session", session))?;
        let opened = state.opened.as_ref().ok_or_else(|| Error::not_found("session", session))?;
        let run = asked.run_id.and_then(|run| state.runs.get(&run));
        Ok(HandedApproval {
            iss: caller.tenant,
            aud: request.audience,
            jti: token,
            iat: seconds(now),
            exp: seconds(expires_at),
            approval: id,
            session,
            run: asked.run_id,
            task: run.and_then(|run| run.task),
            product: opened.product.clone(),
            action_label: asked.action_label,
            action_digest: asked.action_digest,
            risk: asked.risk_level,
            dispatch_context: opened.dispatch.clone(),
            return_address: request.return_address.unwrap_or_default(),
        })
    }

    /// Takes a decision that returns from another app, signed with that app's own registered key. It
    /// counts as the app's where that may decide, else as that of whoever handed the token out; policy
    /// has its say about either.
    ///
    /// # Errors
    /// `token-malformed`, `token-forged`, `token-expired`, `token-retargeted`, `token-used`,
    /// `action-changed`, `already-decided`, `forbidden`, `not-found`: each for its own reason, and the
    /// approval stays as it was.
    pub async fn return_decision(&self, caller: &Caller, text: &str) -> Result<Approval, Error> {
        let now = self.node.clock.now();
        let decision = self.opened(caller, text, now)?;
        let asked = self.approval(caller, decision.approval).await?;
        let session = asked.session_id.ok_or_else(|| elsewhere(&decision))?;
        let resident = self.session_of(caller, session)?;
        let returned = Returned {
            token: decision.jti,
            product: decision.iss.clone(),
            action: decision.action_digest,
        };
        let principals = {
            let cell = lock(&resident.cell);
            let state = cell.session().ok_or_else(|| elsewhere(&decision))?;
            redeem(state, decision.approval, &returned, now)?
        };
        let request = DecideApproval {
            decision: match decision.decision {
                HandedVerdict::Approve => Decision::Approve,
                HandedVerdict::Deny => Decision::Deny,
            },
            reason: decision.reason.clone(),
            arguments: decision.arguments.clone(),
            answer: None,
        };
        let mut answer = Err(elsewhere(&decision));
        for principal in principals {
            let principal = super::keys::principal_word(&principal)?;
            // what whoever brings it may do besides is not the decider's
            let decider = Caller { principal, scopes: Vec::new(), ..caller.clone() };
            let returned = Some((returned.clone(), decision.decided_by.clone()));
            answer = self.decide_as(&decider, &asked, request.clone(), returned).await;
            let is_denied =
                answer.as_ref().is_err_and(|refused| refused.code == Code::DeniedByPolicy);
            if !is_denied {
                break;
            }
        }
        answer
    }

    /// Opens a decision's token with the key its product registered, and checks that it is for here.
    fn opened(&self, caller: &Caller, text: &str, now: Time) -> Result<HandedDecision, Error> {
        let key = |kid: &str| {
            let known = self.with_ledger(caller.tenant, |state| {
                state
                    .apps
                    .active(kid)
                    .map(|known| (known.product.clone(), known.public_key.clone()))
            });
            let failed =
                |error: Error| self.node.failed("a key could not be looked up", kid, &error);
            known.map_err(failed).ok()?
        };
        let mut product = String::new();
        let (kid, decision) = token::open::<HandedDecision>(text, DECISION_TYPE, now, |kid| {
            let (whose, public) = key(kid)?;
            product = whose;
            unhex(&public)?.try_into().ok()
        })?;
        if decision.iss != product {
            let told = format!(
                "key `{kid}` is product `{product}`'s; it does not decide as `{}`",
                decision.iss
            );
            return Err(Error::new(Code::TokenRetargeted, told));
        }
        if decision.aud != caller.tenant {
            return Err(elsewhere(&decision));
        }
        Ok(decision)
    }
}

fn elsewhere(decision: &HandedDecision) -> Error {
    let told = format!("the decision about approval `{}` is for another tenant", decision.approval);
    Error::new(Code::TokenRetargeted, told)
}

/// When a token is to expire: never later than its approval does.
fn expiry(request: &HandApproval, asked: &Approval, now: Time) -> Result<Time, Error> {
    let longest = now.plus_ms(limits::TOKEN_TTL_MAX_MS);
    let wanted = match request.expires_at {
        Some(wanted) if wanted <= now || wanted > longest => {
            let told = format!(
                "expiresAt `{wanted}` is not between now and the limit TOKEN_TTL_MAX_MS from now, {longest}"
            );
            return Err(Error::new(Code::InvalidArgument, told));
        }
        Some(wanted) => wanted,
        None => now.plus_ms(limits::TOKEN_TTL_DEFAULT_MS),
    };
    Ok(asked.expires_at.map_or(wanted, |expires| wanted.min(expires)))
}

const fn seconds(at: Time) -> u64 {
    at.micros() / 1_000_000
}

/// What the token says in whole seconds is what the journal says.
const fn whole_seconds(at: Time) -> Time {
    token::instant(seconds(at))
}
