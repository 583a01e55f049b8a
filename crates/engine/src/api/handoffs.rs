//! Handoffs: offer, see, accept, decline, withdraw (`HND-1`). Who may is the core's affair.

use super::lists::{Listing, owned, time, word};
use super::{Engine, actor, by, name, reason};
use crate::lock;
use crate::policy::setting;
use crate::resident::Resident;
use crate::seal::Bodies;
use std::sync::Arc;
use tenure_contract::entry::Principal;
use tenure_contract::event::Owner;
use tenure_contract::resource::{Caller, Handoff, HandoffSummary, OfferHandoff, Page};
use tenure_contract::{Code, Error, HandoffId, SessionId};
use tenure_core::Command;
use tenure_core::command::Offer;
use tenure_core::policy::{Matter, Question, Ruled};
use tenure_core::projection::{Column, Row, Table};
use tenure_core::session::SessionState;

impl Engine {
    /// Offers a session to another owner; durable when it returns. The owner goes on working.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for who does not own it, `denied-by-policy`, `invalid-argument`,
    /// `key-conflict`, `illegal-transition` while another offer is open or the session has ended.
    pub async fn offer_handoff(
        &self,
        caller: &Caller,
        session: SessionId,
        request: OfferHandoff,
        key: Option<&str>,
    ) -> Result<Handoff, Error> {
        self.admit()?;
        super::sessions::same_tenant(caller, request.tenant_id)?;
        let resident = self.session_of(caller, session)?;
        let (id, digest) = self.keyed(caller, (Table::Handoff, session), key, &request)?;
        let OfferHandoff { to, task_ids, refs, reason: why, expires_at, .. } = request;
        name("to.product", &to.product)?;
        to.principal.as_deref().map_or(Ok(()), principal_name)?;
        reason(why.as_ref())?;
        let handoff = HandoffId::from_bytes(id);
        let offer = Offer {
            handoff,
            by: by(caller),
            to_product: to.product,
            to_principal: to.principal,
            tasks: task_ids,
            refs,
            reason: why,
            expires_at,
            request: digest,
        };
        self.command_handoff(caller, &resident, |engine| {
            let ruled = engine.rule_handoff(
                &resident,
                caller.principal.clone(),
                (&offer.to_product, caller),
            )?;
            Ok(Command::OfferHandoff { offer: Box::new(offer.clone()), ruled })
        })
        .await?;
        handoff_view(&resident, handoff)
    }

    /// A handoff: to whoever sees its session, and to the two products it is between.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_handoff(&self, caller: &Caller, id: HandoffId) -> Result<Handoff, Error> {
        let resident = self.session_of_handoff(caller, id).await?;
        self.all_durable(&resident).await?;
        handoff_view(&resident, id)
    }

    /// Handoffs, the newest first. A caller bound to a product lists what is offered to it, or with
    /// [`Listing::from_product`] what it offered.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn handoffs(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<HandoffSummary>, Error> {
        self.page(caller, Table::Handoff, listing, summary)
    }

    /// Takes a session over: from the moment this returns its former owner is shut out, and has been
    /// since the entry. Again by the same is nothing new.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for whom it is not offered to, `denied-by-policy`,
    /// `illegal-transition` when it was resolved otherwise.
    pub async fn accept_handoff(&self, caller: &Caller, id: HandoffId) -> Result<Handoff, Error> {
        self.admit()?;
        let resident = self.session_of_handoff(caller, id).await?;
        self.command_handoff(caller, &resident, |engine| {
            let offered = handoff_view(&resident, id)?;
            let offerer: Principal = super::keys::principal_word(&offered.offered_by)?;
            let ruled = engine.rule_handoff(&resident, offerer, (&offered.to.product, caller))?;
            Ok(Command::AcceptHandoff { handoff: id, by: by(caller), ruled })
        })
        .await?;
        handoff_view(&resident, id)
    }

    /// Does not take a session over.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for whom it is not offered to, `illegal-transition`.
    pub async fn decline_handoff(
        &self,
        caller: &Caller,
        id: HandoffId,
        why: Option<String>,
    ) -> Result<Handoff, Error> {
        reason(why.as_ref())?;
        let resident = self.session_of_handoff(caller, id).await?;
        self.command_handoff(caller, &resident, |_| {
            let reason = why.clone();
            Ok(Command::DeclineHandoff { handoff: id, by: by(caller), reason })
        })
        .await?;
        handoff_view(&resident, id)
    }

    /// Takes an offer back.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for who does not own the session, `illegal-transition`.
    pub async fn withdraw_handoff(
        &self,
        caller: &Caller,
        id: HandoffId,
        why: Option<String>,
    ) -> Result<Handoff, Error> {
        reason(why.as_ref())?;
        let resident = self.session_of_handoff(caller, id).await?;
        self.command_handoff(caller, &resident, |_| {
            let reason = why.clone();
            Ok(Command::WithdrawHandoff { handoff: id, by: by(caller), reason })
        })
        .await?;
        handoff_view(&resident, id)
    }

    /// Decides a command, asked anew while the policy changes under it; durable when it returns.
    async fn command_handoff(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        command: impl Fn(&Self) -> Result<Command, Error>,
    ) -> Result<(), Error> {
        let actor = actor(caller);
        let seq = loop {
            match self.node.transact(resident, &command(self)?, Bodies::default(), &actor) {
                Err(error) if error.code == Code::VersionConflict => {}
                done => break done?,
            }
        };
        self.node.durable(resident, seq).await
    }

    /// What policy says of that principal's offering the session to a product.
    fn rule_handoff(
        &self,
        resident: &Resident,
        principal: Principal,
        (product, caller): (&str, &Caller),
    ) -> Result<Ruled, Error> {
        let policy = self.node.policy(resident)?;
        let setting = {
            let cell = lock(&resident.cell);
            cell.session().map(|state| setting(state, caller.surface)).unwrap_or_default()
        };
        let matter = Matter::Handoff { product: product.to_owned() };
        Ok(policy.ruled(&Question { principal, matter, setting }))
    }

    /// The session of a handoff, for who may see that: whose the session is, and the two products it is
    /// between.
    async fn session_of_handoff(
        &self,
        caller: &Caller,
        id: HandoffId,
    ) -> Result<Arc<Resident>, Error> {
        let unknown = || Error::not_found("handoff", id);
        let session = self.find_session(caller, Table::Handoff, id.bytes()).await?;
        let session = session.ok_or_else(unknown)?;
        let resident = self.node.session(caller.tenant, session)?.ok_or_else(unknown)?;
        let seen = {
            let cell = lock(&resident.cell);
            let state = cell.session().ok_or_else(unknown)?;
            let known = state.handoffs.get(&id).ok_or_else(unknown)?;
            let owner = state.owner().unwrap_or_default();
            let seen_by = [&known.offered.from.product, &known.offered.to.product, &owner.product];
            caller.product.as_ref().is_none_or(|product| seen_by.contains(&product))
        };
        if seen { Ok(resident) } else { Err(unknown()) }
    }
}

fn principal_name(text: &str) -> Result<(), Error> {
    name("to.principal", text)?;
    super::keys::principal_word(text)?;
    if text.ends_with(":*") {
        let told = format!("`{text}` names nobody; a handoff goes to one principal");
        return Err(Error::new(Code::InvalidArgument, told));
    }
    Ok(())
}

fn handoff_view(resident: &Resident, id: HandoffId) -> Result<Handoff, Error> {
    let cell = lock(&resident.cell);
    let view = cell.session().and_then(|state| view(state, id));
    view.ok_or_else(|| Error::not_found("handoff", id))
}

fn view(state: &SessionState, id: HandoffId) -> Option<Handoff> {
    let known = state.handoffs.get(&id)?.clone();
    let offered = known.offered;
    let is_accepted = known.status == tenure_contract::words::HandoffStatus::Accepted;
    Some(Handoff {
        handoff_id: id,
        tenant_id: state.tenant,
        from: offered.from,
        to: offered.to,
        session_id: state.id,
        task_ids: offered.tasks,
        approval_ids: if is_accepted { known.moved } else { offered.approvals },
        refs: offered.refs,
        reason: offered.reason,
        status: known.status,
        offered_by: known.offered_by,
        offered_at: known.offered_at,
        expires_at: offered.expires_at,
        resolved_at: known.resolved_at,
        resolved_by: known.resolved_by,
        resolved_from: known.resolved_from,
        resolution: known.reason,
        checkpoint_id: known.checkpoint,
    })
}

fn summary(row: &Row) -> Option<HandoffSummary> {
    let owner = |product, principal| {
        Some(Owner { product: owned(row, product)?, principal: owned(row, principal)? })
    };
    Some(HandoffSummary {
        handoff_id: HandoffId::from_bytes(row.key),
        tenant_id: row.tenant,
        from: owner(Column::Origin, Column::User)?,
        to: owner(Column::Product, Column::Name)?,
        session_id: SessionId::from_bytes(row.id(Column::Session)?),
        reason: owned(row, Column::Reason),
        status: word(row, Column::Status)?,
        offered_at: time(row, Column::CreatedAt)?,
        expires_at: time(row, Column::ExpiresAt)?,
        resolved_at: time(row, Column::EndedAt),
    })
}
