//! Schedules: make, see, list, change, hold, give up, and their entries (`RUN-4`).

use super::lists::{Listing, schedule_summary};
use super::sessions::{bad_context, product_of, request_digest, same_tenant};
use super::{Engine, name};
use crate::lock;
use crate::resident::{Folded, Resident};
use crate::seal::{Bodies, Sealed};
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::event::{
    DispatchReceived, ScheduleChanged, ScheduleCreated, ScheduleEntryMoved, ScheduleMoved,
};
use tenure_contract::resource::{
    AddScheduleEntry, Caller, ChangeSchedule, CreateDispatch, CreateSchedule, DispatchWork,
    MoveScheduleEntry, Page, Schedule, ScheduleSummary,
};
use tenure_contract::words::{
    DispatchMode, MissedPolicy, ScheduleEntryKind, ScheduleStatus, Surface, Trigger,
};
use tenure_contract::{Code, Digest, DispatchId, Error, Event, PolicyVersion, ScheduleId, Time};
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::context::read_context;
use tenure_core::ledger::schedule::{EntryWanted, ScheduleCommand, dispatch_of};
use tenure_core::projection::Table;

mod view;

impl Engine {
    /// Makes a schedule with its entries; durable when it returns. The same key with the same request
    /// returns the first.
    ///
    /// # Errors
    /// `invalid-argument`, `unknown-name`, `key-conflict`, `limit-reached`, `not-found`, `forbidden`,
    /// `draining`.
    pub async fn create_schedule(
        &self,
        caller: &Caller,
        request: CreateSchedule,
        key: Option<&str>,
    ) -> Result<Schedule, Error> {
        self.admit()?;
        same_tenant(caller, request.tenant_id)?;
        tenure_core::session::check_title("title", &request.title)?;
        let product = product_of(caller, request.product_id.clone())?;
        let product = product.unwrap_or_else(|| "tenure".to_owned());
        let user = request.user_id.clone().unwrap_or_else(|| caller.principal.name.clone());
        name("productId", &product)?;
        name("userId", &user)?;
        let id = match key {
            Some(key) => self.id_of(caller.tenant, "schedule", key)?,
            None => self.node.fresh_id(),
        };
        let id = ScheduleId::from_bytes(id);
        let digest = key.map(|_| request_digest(&request)).transpose()?;
        if key.is_some() && self.was_made(caller, id, digest)? {
            // what it named then may be gone by now, and nothing of it is decided again
            return self.see_schedule(caller, id).await;
        }
        if let Some(session) = request.session_id {
            self.session_of(caller, session)?;
        }
        let made = ScheduleCreated {
            schedule: id,
            product,
            user,
            title: request.title.clone(),
            session: request.session_id,
            missed: request.missed_policy.unwrap_or(MissedPolicy::Run),
            request: digest,
        };
        self.check_defaults(caller, &made, &request)?;
        let (mut entries, mut writes) = (Vec::new(), Vec::new());
        for (place, asked) in request.entries.iter().enumerate() {
            let key = format!("created {place}");
            let (wanted, body) = self.wanted(caller, (&made, &request), asked, key.as_bytes())?;
            entries.push(wanted);
            writes.push(Some(body));
        }
        let given = self
            .node
            .seal_json(caller.tenant, &CreateSchedule { entries: Vec::new(), ..request })?;
        let bodies = Bodies { given: Some(given), writes, ..Bodies::default() };
        self.command_schedule(caller, ScheduleCommand::Create { made, entries }, bodies).await?;
        self.see_schedule(caller, id).await
    }

    /// Whether that very request made it before; one the ledger forgot is taken for the same.
    fn was_made(
        &self,
        caller: &Caller,
        id: ScheduleId,
        digest: Option<Digest>,
    ) -> Result<bool, Error> {
        let known = self.with_ledger(caller.tenant, |state| {
            state.schedules.known.get(&id).map(|known| known.made.request == digest)
        })?;
        match known {
            Some(same) => Ok(same),
            None => Ok(self.row(caller, Table::Schedule, id.bytes())?.is_some()),
        }
    }

    /// Adds an entry; the same key with the same request adds nothing more.
    ///
    /// # Errors
    /// As for making one; `illegal-transition` once it is cancelled.
    pub async fn add_schedule_entry(
        &self,
        caller: &Caller,
        id: ScheduleId,
        asked: AddScheduleEntry,
        key: Option<&str>,
    ) -> Result<Schedule, Error> {
        self.admit()?;
        let (ledger, made, seq) = self.schedule_of(caller, id)?;
        self.node.durable(&ledger, seq).await?;
        let key = match key {
            Some(key) => self.id_of(caller.tenant, "schedule-entry", key)?,
            None => self.node.fresh_id(),
        };
        let dispatch = dispatch_of(caller.tenant, id, &key);
        let digest = digest_of(dispatch.bytes(), &asked)?;
        let is_there = self.with_ledger(caller.tenant, |state| {
            let known = state.schedules.known.get(&id);
            known.is_some_and(|known| known.entries.iter().any(|one| one.request == digest))
        })?;
        if !is_there {
            let defaults = self.defaults(&ledger, seq, &made)?;
            let (wanted, body) = self.wanted(caller, (&made, &defaults), &asked, &key)?;
            let entry = Box::new(wanted);
            let bodies = Bodies { writes: vec![Some(body)], ..Bodies::default() };
            let command = ScheduleCommand::Add { schedule: id, entry };
            self.command_schedule(caller, command, bodies).await?;
        }
        self.see_schedule(caller, id).await
    }

    /// What the schedule's entries do unless they say otherwise.
    fn defaults(
        &self,
        ledger: &Resident,
        seq: u64,
        made: &ScheduleCreated,
    ) -> Result<CreateSchedule, Error> {
        let body = self.node.json_at(ledger, seq)?;
        let kept = body.and_then(|body| serde_json::from_value(body).ok());
        kept.ok_or_else(|| {
            let told = "what its entries do is erased; make another schedule";
            Error::new(Code::NotFound, told).about(made.schedule)
        })
    }

    /// What every entry would be refused for is told before there is one.
    fn check_defaults(
        &self,
        caller: &Caller,
        made: &ScheduleCreated,
        request: &CreateSchedule,
    ) -> Result<(), Error> {
        if let Some(priority) = &request.priority {
            name("priority", priority)?;
        }
        // of the dispatch only where it would go is looked at
        let work = DispatchWork::Intent { intent_type: String::new(), solution_id: None };
        let any = AddScheduleEntry {
            kind: ScheduleEntryKind::Queued,
            at: None,
            work: Some(work),
            payload: Value::Null,
            priority: None,
            task_id: None,
        };
        let sent = self.as_dispatch(caller, (made, request), &any)?;
        let context = read_context(&sent.context).map_err(|problems| bad_context(&problems))?;
        let nobody = (DispatchId::from_bytes([0; 16]), Digest::ZERO);
        self.destination(caller, &sent, &context, nobody).map(drop)
    }

    /// An entry as it is asked for, with every name resolved, and its body.
    fn wanted(
        &self,
        caller: &Caller,
        (made, defaults): (&ScheduleCreated, &CreateSchedule),
        asked: &AddScheduleEntry,
        key: &[u8],
    ) -> Result<(EntryWanted, Sealed), Error> {
        let dispatch = dispatch_of(caller.tenant, made.schedule, key);
        let digest = digest_of(dispatch.bytes(), asked)?;
        let request = self.as_dispatch(caller, (made, defaults), asked)?;
        let body = json!({ "payload": request.payload, "idempotencyKey": Value::Null });
        let becomes = self.receive(caller, request, (dispatch, digest), PolicyVersion::Default);
        let mut becomes = becomes.map_err(by_this_server)?;
        becomes.run.trigger = Trigger::Schedule;
        let sealed = self.node.seal_json(caller.tenant, &body)?;
        Ok((EntryWanted { kind: asked.kind, at: asked.at, becomes }, sealed))
    }

    /// The dispatch an entry is to become, as somebody would send it.
    fn as_dispatch(
        &self,
        caller: &Caller,
        (made, defaults): (&ScheduleCreated, &CreateSchedule),
        asked: &AddScheduleEntry,
    ) -> Result<CreateDispatch, Error> {
        let work = asked.work.as_ref().or(defaults.work.as_ref()).cloned().ok_or_else(|| {
            let told =
                "neither the entry nor its schedule says what is to be done; expected `work`";
            Error::new(Code::InvalidArgument, told)
        })?;
        let mode = match asked.kind {
            ScheduleEntryKind::At => DispatchMode::Scheduled,
            ScheduleEntryKind::Queued => DispatchMode::Queued,
        };
        let now = self.node.clock.now();
        let surface = caller.surface.filter(|surface| surface.is_origin());
        Ok(CreateDispatch {
            tenant_id: None,
            product_id: made.product.clone(),
            user_id: Some(made.user.clone()),
            session_id: made.session,
            task_id: asked.task_id,
            work,
            payload: if asked.payload.is_null() { &defaults.payload } else { &asked.payload }
                .clone(),
            context: json!({
                "originSurface": surface.unwrap_or(Surface::ProductApi),
                "originProductId": made.product,
                "dispatchMode": mode,
                "initiatedAt": now,
            }),
            priority: asked.priority.clone().or_else(|| defaults.priority.clone()),
            // the ledger says whether that is a time to come
            not_before: (mode == DispatchMode::Scheduled).then(|| asked.at.unwrap_or(now)),
            expires_at: None,
            input_policy: defaults.input_policy,
            execution_target: defaults.execution_target.clone(),
            recovery_class: None,
            approvers: defaults.approvers.clone(),
            idempotency_key: None,
        })
    }

    /// Changes what a schedule is called or how it treats what it missed.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`.
    pub async fn change_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        request: ChangeSchedule,
    ) -> Result<Schedule, Error> {
        if let Some(title) = &request.title {
            tenure_core::session::check_title("title", title)?;
        }
        let (title, missed) = (request.title, request.missed_policy);
        let changed = ScheduleChanged { schedule: id, title, missed };
        self.tell_schedule(caller, id, ScheduleCommand::Change(changed)).await
    }

    /// Holds a schedule, lets it go on, or gives it up: the status it is to have.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition`, `invalid-argument`.
    pub async fn move_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        status: ScheduleStatus,
        reason: Option<String>,
    ) -> Result<Schedule, Error> {
        super::reason(reason.as_ref())?;
        let moved = ScheduleMoved { schedule: id, status, reason };
        self.tell_schedule(caller, id, ScheduleCommand::Move(moved)).await
    }

    /// Has a pending entry be due at another time.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` once it is settled, `invalid-argument`.
    pub async fn move_schedule_entry(
        &self,
        caller: &Caller,
        (id, entry): (ScheduleId, u32),
        request: MoveScheduleEntry,
    ) -> Result<Schedule, Error> {
        let moved = ScheduleEntryMoved { schedule: id, entry, at: request.at };
        self.tell_schedule(caller, id, ScheduleCommand::MoveEntry(moved)).await
    }

    /// Gives a pending entry up.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` once it is settled.
    pub async fn cancel_schedule_entry(
        &self,
        caller: &Caller,
        (id, entry): (ScheduleId, u32),
        reason: Option<String>,
    ) -> Result<Schedule, Error> {
        super::reason(reason.as_ref())?;
        let command = ScheduleCommand::CancelEntry { schedule: id, entry, reason };
        self.tell_schedule(caller, id, command).await
    }

    /// Schedules, the newest first, without their entries.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn schedules(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<ScheduleSummary>, Error> {
        self.page(caller, Table::Schedule, listing, schedule_summary)
    }

    async fn tell_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        command: ScheduleCommand,
    ) -> Result<Schedule, Error> {
        self.schedule_of(caller, id)?;
        self.command_schedule(caller, command, Bodies::default()).await?;
        self.see_schedule(caller, id).await
    }

    async fn command_schedule(
        &self,
        caller: &Caller,
        command: ScheduleCommand,
        bodies: Bodies,
    ) -> Result<(), Error> {
        self.commit_ledger(caller, &LedgerCommand::Schedule(command), bodies).await
    }

    /// A schedule the ledger knows and the caller may see: the ledger, how it was made, and where.
    fn schedule_of(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<(Arc<Resident>, ScheduleCreated, u64), Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let known = {
            let cell = lock(&ledger.cell);
            let Folded::Ledger(state) = &cell.state else {
                return Err(Error::not_found("schedule", id));
            };
            state.schedules.known.get(&id).map(|known| (known.made.clone(), known.seq))
        };
        let theirs = known.filter(|(made, _)| is_theirs(caller, &made.product));
        let (made, seq) = theirs.ok_or_else(|| Error::not_found("schedule", id))?;
        Ok((ledger, made, seq))
    }
}

/// To a caller bound to a product, a schedule of another one is not there (`AUT-1`).
fn is_theirs(caller: &Caller, product: &str) -> bool {
    caller.product.as_deref().is_none_or(|bound| bound == product)
}

/// A name nobody here has may be an executor's; what that carries out is dispatched instead.
fn by_this_server(error: Error) -> Error {
    if error.code != Code::UnknownName {
        return error;
    }
    let message = format!(
        "{}; entries of schedules are carried out by this server: what an executor is to do is sent as a dispatch of mode `remote` with `notBefore`",
        error.message
    );
    Error { message, ..error }
}

/// The digest of what is asked for, for one entry alone: an approval about it is about no other.
fn digest_of(dispatch: [u8; 16], asked: &AddScheduleEntry) -> Result<Digest, Error> {
    let asked = request_digest(asked)?;
    Ok(Digest::of(&[&dispatch[..], &asked.bytes()[..]]))
}

/// What an entry was to become, as its journal's entry says.
fn becomes(event: Event) -> Option<(Option<Time>, DispatchReceived)> {
    match event {
        Event::ScheduleEntryAdded(added) => Some((added.at, *added.becomes)),
        _ => None,
    }
}
