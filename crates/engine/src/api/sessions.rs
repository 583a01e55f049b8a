//! Sessions: open, see, end.

use super::{Engine, actor, name};
use crate::lock;
use crate::resident::{Cell, Resident};
use crate::seal::Bodies;
use crate::view;
use std::sync::Arc;
use tenure_contract::event::{SessionBound, SessionOpened};
use tenure_contract::resource::{
    Caller, Change, ChangeSession, Claim, ClaimSession, ContextProblem, OpenSession, Session,
};
use tenure_contract::words::{ExecutionTarget, InputPolicy, SessionStatus};
use tenure_contract::{Code, Digest, Error, SessionId, TenantId, limits};
use tenure_core::ledger::context::{check_context, told};
use tenure_core::{Command, SessionState};

impl Engine {
    /// Opens a session; durable when it returns.
    ///
    /// # Errors
    /// `invalid-argument`, `key-conflict`, `draining`, a store's refusal.
    pub async fn open_session(
        &self,
        caller: &Caller,
        request: OpenSession,
        key: Option<&str>,
    ) -> Result<Session, Error> {
        self.admit()?;
        let id = match key {
            Some(key) => SessionId::from_bytes(self.id_of(caller.tenant, "session", key)?),
            None => SessionId::from_bytes(self.node.fresh_id()),
        };
        let digest = key.map(|_| request_digest(&request)).transpose()?;
        let opened = self.opening(caller, request, digest, false)?;
        let resident = self.node.session_or_new(caller.tenant, id)?;
        let command = Command::OpenSession(opened);
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        session_view(&resident)
    }

    /// A session, as far as it is durable.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn session(&self, caller: &Caller, id: SessionId) -> Result<Session, Error> {
        loop {
            let resident = self.session_of(caller, id)?;
            let mut seen = session_view(&resident)?;
            match self.node.durable(&resident, seen.seq).await {
                Ok(()) => {
                    seen.resumable = seen.resumable && self.has_what_it_needs(&resident);
                    return Ok(seen);
                }
                // a commit failed: what was seen is undone, and what is left is read again
                Err(_) => tokio::time::sleep(super::VOID_LOOK_AGAIN).await,
            }
        }
    }

    /// Whether no body and no pinned version the session needs to go on is gone (`SES-2`).
    fn has_what_it_needs(&self, resident: &Arc<Resident>) -> bool {
        let needs = lock(&resident.cell).session().map(SessionState::needs).unwrap_or_default();
        let has_body = |seq: &u64| match self.node.read_one(resident, *seq) {
            Ok(Some(found)) => {
                found.entry.payload.is_none()
                    || self.node.sealed_body(&found).is_ok_and(|body| body.is_some())
            }
            Ok(None) | Err(_) => false,
        };
        let is_known = |version: &Digest| self.node.definition(resident.tenant, *version).is_ok();
        needs.versions.iter().all(is_known) && needs.entries.iter().all(has_body)
    }

    /// Changes a session's fields; what is absent stays (`SES-4`).
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition` when it has ended.
    pub async fn change_session(
        &self,
        caller: &Caller,
        id: SessionId,
        request: ChangeSession,
    ) -> Result<Session, Error> {
        let resident = self.session_of(caller, id)?;
        let ChangeSession { title, workspace_id, memory_refs, input_policy } = request;
        if let Change::Set(workspace) = workspace_id {
            self.workspace(caller, workspace)?;
        }
        let command = Command::ChangeSession {
            title,
            workspace: workspace_id,
            memory: memory_refs,
            input_policy,
        };
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        session_view(&resident)
    }

    /// Claims a session for an agent (`CLM-1`). Of any number of claims exactly one wins; the others
    /// are told who did and what of theirs is an orphan now.
    ///
    /// # Errors
    /// `not-found`, `unknown-name`, `invalid-argument`, `illegal-transition` when it has ended.
    pub async fn claim_session(
        &self,
        caller: &Caller,
        id: SessionId,
        request: ClaimSession,
    ) -> Result<Claim, Error> {
        let ClaimSession { agent: asked, version, external_id } = request;
        if let Some(external) = &external_id {
            name("externalId", external)?;
        }
        let resident = self.session_of(caller, id)?;
        let (agent, version) = self.agent_version(caller, &asked, version)?;
        let bound = SessionBound { agent, name: asked, version, external_id: external_id.clone() };
        let command = Command::BindAgent(bound);
        let (claim, seq) = {
            // one lock from the comparison to the answer: nobody comes between
            let mut cell = lock(&resident.cell);
            let is_free = |cell: &Cell| cell.session().is_some_and(|state| state.binding.is_none());
            let free = is_free(&cell);
            let (bodies, actor) = (Bodies::default(), actor(caller));
            let seq = self.node.transact_locked(&resident, &mut cell, &command, bodies, &actor)?;
            let winner = cell.session().and_then(|state| state.binding.as_ref());
            let winner = winner.ok_or_else(|| {
                Error::new(Code::Internal, "the session was claimed and is bound to nobody")
                    .about(id)
            })?;
            let orphan = external_id.filter(|made| winner.external_id.as_ref() != Some(made));
            (Claim { won: free, agent_binding: view::binding(winner), orphan }, seq)
        };
        self.node.durable(&resident, seq).await?;
        Ok(claim)
    }

    /// Ends a session that has no run in progress.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition`.
    pub async fn end_session(
        &self,
        caller: &Caller,
        id: SessionId,
        status: SessionStatus,
        reason: Option<String>,
    ) -> Result<Session, Error> {
        super::reason(reason.as_ref())?;
        let resident = self.session_of(caller, id)?;
        let command = Command::EndSession { status, reason };
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        session_view(&resident)
    }

    /// Empties the session's chat memory: the next run's model reads nothing of what was said
    /// before. The messages stay in the journal (`CM6`).
    ///
    /// # Errors
    /// `not-found`; `illegal-transition` while a run is in progress or the session is over.
    pub async fn clear_memory(&self, caller: &Caller, id: SessionId) -> Result<Session, Error> {
        let resident = self.session_of(caller, id)?;
        let command = Command::ClearMemory;
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        session_view(&resident)
    }
}

fn session_view(resident: &Arc<Resident>) -> Result<Session, Error> {
    let cell = lock(&resident.cell);
    let view = cell.session().and_then(view::session);
    view.ok_or_else(|| Error::not_found("session", resident.journal))
}

impl Engine {
    /// The event a request to open a session becomes. Its workspace is one of the tenant's
    /// (`WSP-1`).
    pub(super) fn opening(
        &self,
        caller: &Caller,
        request: OpenSession,
        digest: Option<Digest>,
        ends_with_run: bool,
    ) -> Result<SessionOpened, Error> {
        if let Some(workspace) = request.workspace_id {
            self.workspace(caller, workspace)?;
        }
        let opened = opening(caller, request, digest, ends_with_run)?;
        // a remote dispatch alone may name more, and this is none
        tenure_core::session::check_offered(opened.surface, opened.target)?;
        Ok(opened)
    }
}

pub(super) fn opening(
    caller: &Caller,
    request: OpenSession,
    digest: Option<Digest>,
    ends_with_run: bool,
) -> Result<SessionOpened, Error> {
    same_tenant(caller, request.tenant_id)?;
    let product = product_of(caller, request.product_id)?.unwrap_or_else(|| "tenure".to_owned());
    let user = request.user_id.unwrap_or_else(|| caller.principal.name.clone());
    name("productId", &product)?;
    name("userId", &user)?;
    let target = ExecutionTarget::canonical(request.execution_target.as_deref())
        .map_err(|why| Error::new(Code::InvalidArgument, format!("executionTarget: {why}")))?;
    for approver in &request.approvers {
        approver_word(approver)?;
    }
    if let Some(context) = &request.dispatch_context {
        check_context(context).map_err(|problems| bad_context(&problems))?;
    }
    Ok(SessionOpened {
        product,
        user,
        target,
        workspace: request.workspace_id,
        input_policy: request.input_policy.unwrap_or(InputPolicy::Queue),
        dispatch: request.dispatch_context,
        ends_with_run,
        request: digest,
        approvers: request.approvers,
        title: request.title,
        memory: request.memory_refs,
        surface: caller.surface,
    })
}

/// The product a caller works for: its own when it is bound to one, and then no other (`AUT-1`).
pub(super) fn product_of(caller: &Caller, named: Option<String>) -> Result<Option<String>, Error> {
    match (&caller.product, named) {
        (Some(bound), Some(named)) if *bound != named => Err(other_product(bound, &named)),
        (bound, named) => Ok(named.or_else(|| bound.clone())),
    }
}

pub(super) fn other_product(bound: &str, named: &str) -> Error {
    let told = format!("product `{named}` is not this key's; it works for `{bound}` only");
    Error::new(Code::Forbidden, told)
}

/// A dispatch context that is not one, with everything that is wrong (`DSP-1`).
pub(super) fn bad_context(problems: &[ContextProblem]) -> Error {
    Error::new(Code::InvalidArgument, format!("the dispatch context: {}", told(problems)))
}

/// An approver is written `kind:name` or `kind:*`.
pub(super) fn approver_word(text: &str) -> Result<(), Error> {
    let known = text.split_once(':').is_some_and(|(kind, name)| {
        kind.parse::<tenure_contract::words::PrincipalKind>().is_ok() && !name.is_empty()
    });
    if known && text.len() <= limits::NAME_MAX_CHARS {
        return Ok(());
    }
    let told = format!(
        "approver `{text}` is not written `kind:name`; kinds are user, agent, worker, service, system"
    );
    Err(Error::new(Code::InvalidArgument, told))
}

/// A tenant named in a call must be the caller's; another one does not exist for it (`TEN-1`).
pub(super) fn same_tenant(caller: &Caller, named: Option<TenantId>) -> Result<(), Error> {
    match named {
        Some(other) if other != caller.tenant => Err(Error::not_found("tenant", other)),
        _ => Ok(()),
    }
}

impl Engine {
    /// The id a client's key stands for, as the host's registry says: one owner decides about it from
    /// its own journal.
    pub(super) fn id_of(&self, tenant: TenantId, kind: &str, key: &str) -> Result<[u8; 16], Error> {
        check_key(key)?;
        self.node.host.ids.id_of(tenant, kind, key)
    }
}

/// Whether a text may be an idempotency key.
pub(super) fn check_key(key: &str) -> Result<(), Error> {
    let long = key.chars().count();
    if (1..=limits::IDEMPOTENCY_KEY_MAX_CHARS).contains(&long) {
        return Ok(());
    }
    let told = format!(
        "the idempotency key has {long} characters; expected 1 to {}",
        limits::IDEMPOTENCY_KEY_MAX_CHARS
    );
    Err(Error::new(Code::InvalidArgument, told))
}

/// Digest of a request's canonical JSON: the same key with another one is a conflict.
pub(super) fn request_digest(request: &impl serde::Serialize) -> Result<Digest, Error> {
    let canonical = serde_json_canonicalizer::to_vec(request)
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
    Ok(Digest::of(&[&canonical]))
}
