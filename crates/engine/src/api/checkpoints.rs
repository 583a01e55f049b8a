//! Checkpoints: make one, see them.

use super::lists::Listing;
use super::{Engine, actor, not_there};
use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use crate::seal::Bodies;
use std::sync::Arc;
use tenure_contract::event::CheckpointMade;
use tenure_contract::resource::{Caller, Checkpoint, Page, StateSummary};
use tenure_contract::words::CheckpointCause;
use tenure_contract::{CheckpointId, Error, Event, SessionId};
use tenure_core::Command;
use tenure_core::projection::{Column, Row, Table};

impl Engine {
    /// Makes a checkpoint of a session as it stands (`CKP-1`); durable when it returns.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` when the session has ended.
    pub async fn make_checkpoint(
        &self,
        caller: &Caller,
        session: SessionId,
    ) -> Result<Checkpoint, Error> {
        let resident = self.session_of(caller, session)?;
        let command = Command::MakeCheckpoint;
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        // what advanced after it in the same commit stands behind it
        let asked_for = |seq| {
            let found = checkpoint_at(&self.node, &resident, seq).ok()?;
            found.filter(|made| made.cause == CheckpointCause::Demand)
        };
        let made = (1..=seq).rev().find_map(asked_for);
        made.ok_or_else(|| Error::not_found("checkpoint of session", session))
    }

    /// A checkpoint.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_checkpoint(
        &self,
        caller: &Caller,
        id: CheckpointId,
    ) -> Result<Checkpoint, Error> {
        let (resident, seq) = self.find_checkpoint(caller, id).await?;
        let found = checkpoint_at(&self.node, &resident, seq)?;
        found.ok_or_else(|| Error::not_found("checkpoint", id))
    }

    /// Checkpoints, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn checkpoints(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<Checkpoint>, Error> {
        let page = self.page(caller, Table::Checkpoint, listing, place)?;
        let mut items = Vec::with_capacity(page.items.len());
        for (session, seq) in page.items {
            let resident = self.session_of(caller, session)?;
            items.extend(checkpoint_at(&self.node, &resident, seq)?);
        }
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// Where a checkpoint stands, whoever else's it may be: then nowhere (`TEN-1`).
    pub(super) async fn find_checkpoint(
        &self,
        caller: &Caller,
        id: CheckpointId,
    ) -> Result<(Arc<Resident>, u64), Error> {
        let nothing = || Error::not_found("checkpoint", id);
        let mut row = self.row(caller, Table::Checkpoint, id.bytes())?;
        if row.is_none() {
            self.settled().await?;
            row = self.row(caller, Table::Checkpoint, id.bytes())?;
        }
        let (session, seq) = row.as_ref().and_then(place).ok_or_else(nothing)?;
        let found = self.session_of(caller, session);
        Ok((found.map_err(|refused| not_there(refused, nothing()))?, seq))
    }
}

fn place(row: &Row) -> Option<(SessionId, u64)> {
    let seq = row.number(Column::Seq).and_then(|seq| u64::try_from(seq).ok())?;
    Some((SessionId::from_bytes(row.id(Column::Session)?), seq))
}

/// The event of a checkpoint's entry.
pub(super) fn made_at(
    node: &Node,
    resident: &Resident,
    seq: u64,
) -> Result<Option<CheckpointMade>, Error> {
    Ok(match node.read_one(resident, seq)?.map(|found| found.entry.event) {
        Some(Event::CheckpointMade(made)) => Some(made),
        _ => None,
    })
}

fn checkpoint_at(node: &Node, resident: &Resident, seq: u64) -> Result<Option<Checkpoint>, Error> {
    let found = node.read(resident, seq.saturating_sub(1), 2)?;
    let [head, found] = found.as_slice() else { return Ok(None) };
    let Event::CheckpointMade(made) = &found.entry.event else { return Ok(None) };
    let body: Option<serde_json::Value> =
        node.body(found)?.and_then(|body| serde_json::from_slice(&body).ok());
    let (session_id, owner) = {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("session", resident.journal))?;
        (state.id, state.owner_at(found.entry.seq).unwrap_or_default())
    };
    let made = made.clone();
    Ok(Some(Checkpoint {
        checkpoint_id: made.checkpoint,
        tenant_id: resident.tenant,
        session_id,
        run_id: made.run,
        user_id: owner.user().to_owned(),
        product_id: owner.product,
        created_at: found.entry.at,
        cause: made.cause,
        seq: head.entry.seq,
        head_hash: head.stored.hash,
        status_at_capture: made.status,
        current_task_id: made.current_task,
        todo_ids: made.todos,
        artifact_refs: made.artifacts,
        memory_refs: made.memory,
        approval_refs: made.approvals,
        refs_left_out: made.left_out,
        dispatch_context: made.dispatch,
        resume_token: body.and_then(|body| body.get("resumeToken")?.as_str().map(str::to_owned)),
        state_summary: StateSummary {
            title: made.title,
            summary: made.summary,
            last_action_at: made.last_action_at,
        },
        pins: made.pins,
    }))
}
