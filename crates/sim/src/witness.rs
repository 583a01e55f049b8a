//! Who sees what really is durable: every entry at the moment it reaches the disk, folded on its
//! own, without the engine.
//!
//! It knows nothing of the engine's memory. What the engine shows, and what it begins outside, is
//! held against it.

use crate::owners::Owners;
use crate::policies::written;
use crate::trace::Trace;
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{RunSubmitted, StepIntended};
use tenure_contract::words::{
    ApprovalStatus, DispatchStatus, RecoveryClass, Resolution, RunStatus, ScheduleEntryStatus,
    ScheduleStatus, StepKind, Trigger,
};
use tenure_contract::{
    ApprovalId, Digest, DispatchId, Entry, Event, Journal, PolicyVersion, RunId, ScheduleId,
    SessionId, StepId, TenantId, Time,
};
use tenure_core::SessionState;
use tenure_core::ledger::LedgerState;
use tenure_store::Stored;

/// What is durable of a step with an outside effect.
#[derive(Debug, Clone)]
pub struct StepSeen {
    /// Its run.
    pub run: RunId,
    /// What it is.
    pub kind: StepKind,
    /// What may be done again.
    pub class: RecoveryClass,
    /// Attempts the journal has.
    pub attempts: u32,
    /// Attempts somebody asked for.
    pub asked_again: u32,
    /// True once a result of it landed.
    pub landed: bool,
    /// True once it is known not to have happened.
    pub did_not_happen: bool,
    retry_at: Option<Time>,
    travelling_until: Option<Time>,
}

/// What is durable of a run.
#[derive(Debug, Clone)]
pub struct RunSeen {
    /// Its session.
    pub session: SessionId,
    /// Its owner.
    pub tenant: TenantId,
    /// Every status it had.
    pub statuses: BTreeSet<RunStatus>,
    /// True once its end was asked for.
    pub cancelled: bool,
    /// How it ended.
    pub ended: Option<RunStatus>,
    /// Attempts of model calls the journal has.
    pub model_attempts: u32,
}

/// An entry of a schedule, by its number.
type EntryOf = (ScheduleId, u32);

struct Asked {
    status: Option<ApprovalStatus>,
    expires_at: Option<Time>,
    uses: u32,
}

/// A tenant's policies, as they became durable.
#[derive(Default)]
struct PoliciesSeen {
    /// The ledger's entries that set one.
    set: Vec<(u64, PolicyVersion)>,
    /// The newest one whose setting was answered, and when.
    acknowledged: Option<(u64, Time)>,
}

struct Chain {
    seq: u64,
    hash: Digest,
}

/// See the module.
pub struct Witness {
    trace: Trace,
    chains: BTreeMap<[u8; 16], Chain>,
    sessions: BTreeMap<SessionId, SessionState>,
    ledgers: BTreeMap<TenantId, LedgerState>,
    /// Runs that dispatches started, durably.
    started: BTreeSet<RunId>,
    /// The run of every dispatch.
    dispatched: BTreeMap<DispatchId, RunId>,
    /// Runs whose dispatches ran out before they started.
    expired: BTreeSet<RunId>,
    /// When the entries of schedules are due, each by the last that was said of it.
    due: BTreeMap<EntryOf, Option<Time>>,
    /// The dispatches they became.
    became: BTreeMap<EntryOf, DispatchId>,
    /// The runs they started.
    scheduled: BTreeMap<EntryOf, RunId>,
    runs: BTreeMap<RunId, RunSeen>,
    steps: BTreeMap<StepId, StepSeen>,
    approvals: BTreeMap<ApprovalId, Asked>,
    policies: BTreeMap<TenantId, PoliciesSeen>,
    owners: Owners,
}

impl Witness {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        Self {
            trace,
            chains: BTreeMap::new(),
            sessions: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            started: BTreeSet::new(),
            dispatched: BTreeMap::new(),
            expired: BTreeSet::new(),
            due: BTreeMap::new(),
            became: BTreeMap::new(),
            scheduled: BTreeMap::new(),
            runs: BTreeMap::new(),
            steps: BTreeMap::new(),
            approvals: BTreeMap::new(),
            policies: BTreeMap::new(),
            owners: Owners::default(),
        }
    }

    /// An entry reached the disk.
    pub fn see(&mut self, stored: &Stored) {
        let entry = match Entry::from_bytes(&stored.bytes) {
            Ok(entry) => entry,
            Err(why) => return self.trace.broke("entries can be read", why.to_string()),
        };
        let (name, hash) = (entry.event.name(), stored.hash.to_string());
        let hash: String = hash.chars().skip("sha256:".len()).take(8).collect();
        let (journal, seq, at) = (entry.journal, entry.seq, entry.at);
        self.trace.say(format!("  {journal} {seq} {name} {at} {hash}"));
        if !self.chained(stored, &entry) {
            return;
        }
        if let Journal::Session(id) = entry.journal {
            let state = self.sessions.entry(id);
            let state = state.or_insert_with(|| SessionState::new(id, entry.tenant));
            if let Err(illegal) = state.apply(&entry) {
                return self.trace.broke("every journal folds", format!("{id}: {illegal}"));
            }
            self.follow_run(id, &entry);
        } else {
            self.follow_ledger(&entry);
        }
        self.owners.see(&entry, &self.trace);
        self.follow_step(&entry);
        self.follow_approval(&entry);
        if let Event::PolicySet(set) = &entry.event {
            let seen = self.policies.entry(entry.tenant).or_default();
            seen.set.push((entry.seq, PolicyVersion::Set(set.version)));
        }
    }

    /// The setting of a policy was answered: nothing begins under an older one from now on.
    pub fn policy_acknowledged(&mut self, tenant: TenantId, seq: Option<u64>, at: Time) {
        let seen = self.policies.entry(tenant).or_default();
        let Some(seq) = seq else { return };
        if !seen.set.iter().any(|(set, _)| *set == seq) {
            self.trace
                .broke("what is acknowledged is durable", format!("policy {seq} of {tenant}"));
        }
        if seen.acknowledged.is_none_or(|(known, _)| known < seq) {
            seen.acknowledged = Some((seq, at));
        }
    }

    /// What begins is permitted by the policy it names, and that one was in force.
    fn permitted(&self, entry: &Entry, intended: &StepIntended) {
        let Some(under) = intended.policy else { return };
        let name = match intended.kind {
            StepKind::Tool => intended.name.as_str(),
            _ if intended.class == RecoveryClass::Once => "handler",
            _ => "",
        };
        let says = written(under);
        if says.is_some_and(|says| says.denies.contains(&name)) {
            let what = format!("{} ({name}) under {under}", intended.step);
            self.trace.broke("no call runs that policy denies", what);
        }
        let is_asked = says.is_some_and(|says| says.asks.contains(&name));
        if is_asked && intended.approval.is_none() {
            let what = format!("{} ({name}) under {under}", intended.step);
            self.trace.broke("no call runs unasked that policy asks about", what);
        }
        let Some(seen) = self.policies.get(&entry.tenant) else { return };
        let Some((acknowledged, at)) = seen.acknowledged.filter(|(_, at)| entry.at > *at) else {
            return;
        };
        let since = seen.set.iter().filter(|(seq, _)| *seq >= acknowledged);
        if !since.into_iter().any(|(_, version)| *version == under) {
            let what = format!(
                "{} ({name}) at {} under {under}, since {at} another is in force",
                intended.step, entry.at
            );
            self.trace.broke("no call begins under a policy that is not in force", what);
        }
    }

    fn chained(&mut self, stored: &Stored, entry: &Entry) -> bool {
        let chain =
            self.chains.entry(stored.journal).or_insert(Chain { seq: 0, hash: Digest::ZERO });
        let follows = stored.seq == chain.seq + 1
            && entry.seq == stored.seq
            && Entry::hash(&chain.hash, &stored.bytes) == stored.hash;
        if follows {
            *chain = Chain { seq: stored.seq, hash: stored.hash };
        } else {
            let what = format!("{} has {} after {}", entry.journal, stored.seq, chain.seq);
            self.trace.broke("every journal is one chain", what);
        }
        follows
    }

    fn follow_ledger(&mut self, entry: &Entry) {
        let ledger = self.ledgers.entry(entry.tenant);
        let ledger = ledger.or_insert_with(|| LedgerState::new(entry.tenant));
        if let Err(illegal) = ledger.apply(entry) {
            return self.trace.broke("every journal folds", format!("{}: {illegal}", entry.tenant));
        }
        match &entry.event {
            Event::DispatchStarted(event) if !self.started.insert(event.run) => {
                self.trace.broke("a dispatch starts once", event.run.to_string());
            }
            Event::DispatchDelivered(event) => {
                if let Some(refused) = &event.refused {
                    self.trace.broke("a session takes its dispatch", refused);
                }
            }
            Event::DispatchReceived(event) => {
                self.dispatched.insert(event.dispatch, event.run.run);
            }
            Event::DispatchClosed(event) if event.status == DispatchStatus::Expired => {
                self.expired.extend(self.dispatched.get(&event.dispatch));
            }
            Event::ScheduleEntryAdded(event) => {
                self.due.insert((event.schedule, event.entry), event.at);
            }
            Event::ScheduleEntryMoved(event) => {
                self.due.insert((event.schedule, event.entry), Some(event.at));
            }
            Event::ScheduleEntryDispatched(event) => {
                let of = (event.schedule, event.entry);
                let due = self.due.get(&of).copied().flatten();
                early(&self.trace, "no entry starts before its time", entry, due);
                if self.became.insert(of, event.dispatch).is_some() {
                    let what = format!("entry {} of {}", event.entry, event.schedule);
                    self.trace.broke("an entry becomes a dispatch once", what);
                }
            }
            _ => {}
        }
    }

    /// A run that a schedule's entry started follows that entry's dispatch, and is the only one.
    fn follow_entry(&mut self, submitted: &RunSubmitted) {
        let Some(by) = submitted.scheduled else {
            if submitted.trigger == Trigger::Schedule {
                self.trace.broke("a scheduled run names its entry", submitted.run.to_string());
            }
            return;
        };
        let of = (by.schedule_id, by.entry);
        let is_its = self.became.get(&of).and_then(|one| self.dispatched.get(one));
        if is_its != Some(&submitted.run) {
            let what = format!("{} by entry {} of {}", submitted.run, by.entry, by.schedule_id);
            self.trace.broke("no scheduled run before its entry became a dispatch", what);
        }
        if self.scheduled.insert(of, submitted.run).is_some() {
            let what = format!("entry {} of {}", by.entry, by.schedule_id);
            self.trace.broke("an entry starts one run", what);
        }
    }

    fn follow_run(&mut self, session: SessionId, entry: &Entry) {
        if let Event::RunSubmitted(submitted) = &entry.event {
            self.follow_entry(submitted);
            let is_dispatched = matches!(submitted.trigger, Trigger::Dispatch | Trigger::Schedule);
            if is_dispatched && !self.started.contains(&submitted.run) {
                let what = submitted.run.to_string();
                self.trace.broke("no dispatched run before its start is durable", what);
            }
            let seen = RunSeen {
                session,
                tenant: entry.tenant,
                statuses: BTreeSet::new(),
                cancelled: false,
                ended: None,
                model_attempts: 0,
            };
            self.runs.insert(submitted.run, seen);
        }
        let Some(state) = self.sessions.get(&session) else { return };
        let Some((run, seen)) = entry.run.and_then(|run| Some((run, self.runs.get_mut(&run)?)))
        else {
            return;
        };
        seen.statuses.extend(state.runs.get(&run).map(|run| run.status));
        match &entry.event {
            Event::RunCancelRequested(_) => seen.cancelled = true,
            Event::RunEnded(ended) => seen.ended = Some(ended.status),
            _ => {}
        }
    }

    fn follow_step(&mut self, entry: &Entry) {
        match &entry.event {
            Event::StepIntended(intended) => {
                self.intended(intended);
                self.permitted(entry, intended);
            }
            Event::StepAttempted(event) => {
                if self.steps.get(&event.step).is_some_and(|step| step.kind == StepKind::Model)
                    && let Some(run) = self.runs.get_mut(&event.run)
                {
                    run.model_attempts += 1;
                }
                self.on_step(event.step, |step, trace| {
                    step.attempts = event.attempt;
                    early(trace, "no retry before its time", entry, step.retry_at.take());
                });
            }
            Event::StepLanded(event) => self.on_step(event.step, |step, _| step.landed = true),
            Event::StepFailed(event) => self.on_step(event.step, |step, _| {
                step.retry_at = event.retry_at;
                step.did_not_happen = event.retry_at.is_none();
            }),
            Event::StepInDoubt(event) => self.on_step(event.step, |step, _| {
                step.travelling_until = Some(event.travelling_until);
            }),
            Event::StepResolved(event) => self.on_step(event.step, |step, trace| {
                match event.resolution {
                    Resolution::Landed => step.landed = true,
                    Resolution::DidNotHappen => step.did_not_happen = true,
                    Resolution::Retry => step.asked_again += 1,
                }
                let own = event.reason.as_deref() == Some("its own answer arrived");
                if event.resolution != Resolution::Landed && !own {
                    let until = step.travelling_until;
                    early(trace, "no resolution while it may travel", entry, until);
                }
            }),
            _ => {}
        }
    }

    fn on_step(&mut self, step: StepId, then: impl FnOnce(&mut StepSeen, &Trace)) {
        if let Some(seen) = self.steps.get_mut(&step) {
            then(seen, &self.trace);
        }
    }

    fn intended(&mut self, intended: &StepIntended) {
        let seen = StepSeen {
            run: intended.run,
            kind: intended.kind,
            class: intended.class,
            attempts: 1,
            asked_again: 0,
            landed: false,
            did_not_happen: false,
            retry_at: None,
            travelling_until: None,
        };
        self.steps.insert(intended.step, seen);
        if intended.kind == StepKind::Model
            && let Some(run) = self.runs.get_mut(&intended.run)
        {
            run.model_attempts += 1;
        }
        if let Some(id) = intended.approval {
            let used = self.approvals.get_mut(&id).map(|asked| {
                asked.uses += 1;
                (asked.status, asked.uses)
            });
            if used != Some((Some(ApprovalStatus::Approved), 1)) {
                let what = format!("{id} for step {}: {used:?}", intended.step);
                self.trace.broke("an approval is used once", what);
            }
        }
    }

    fn follow_approval(&mut self, entry: &Entry) {
        match &entry.event {
            Event::ApprovalRequested(event) => {
                let asked = Asked { status: None, expires_at: event.expires_at, uses: 0 };
                self.approvals.insert(event.approval, asked);
            }
            Event::ApprovalDecided(event) => self.closed(entry, event.approval, event.status),
            Event::ApprovalClosed(event) => self.closed(entry, event.approval, event.status),
            _ => {}
        }
    }

    fn closed(&mut self, entry: &Entry, id: ApprovalId, status: ApprovalStatus) {
        let Some(asked) = self.approvals.get_mut(&id) else { return };
        asked.status = Some(status);
        if status == ApprovalStatus::Expired {
            early(&self.trace, "nothing expires before its time", entry, asked.expires_at);
        }
    }

    /// Whether an attempt of a step may begin now, after so many that began before.
    ///
    /// # Errors
    /// The promise it would break, and how.
    pub fn may_begin(&self, step: StepId, begun: u32) -> Result<(), (&'static str, String)> {
        let Some(seen) = self.steps.get(&step) else {
            return Err(("no effect before its intent is durable", format!("{step}")));
        };
        let run = self.runs.get(&seen.run);
        if run.is_some_and(|run| run.cancelled) {
            return Err(("no effect after a committed cancel", format!("{step} of {}", seen.run)));
        }
        if run.is_some_and(|run| run.ended.is_some()) {
            return Err(("no effect after its run's end", format!("{step} of {}", seen.run)));
        }
        if seen.class == RecoveryClass::Once && begun > seen.asked_again {
            return Err(("`once` is not tried again unasked", format!("{step} after {begun}")));
        }
        if begun >= seen.attempts {
            let what =
                format!("{step} begins {} times, the journal has {}", begun + 1, seen.attempts);
            return Err(("every attempt is in the journal before it begins", what));
        }
        Ok(())
    }

    /// The last durable entry of a journal; 0 for none.
    #[must_use]
    pub fn head(&self, journal: [u8; 16]) -> u64 {
        self.chains.get(&journal).map_or(0, |chain| chain.seq)
    }
    /// What is durable of a run.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&RunSeen> {
        self.runs.get(&run)
    }
    /// Every run.
    pub fn runs(&self) -> impl Iterator<Item = (&RunId, &RunSeen)> {
        self.runs.iter()
    }
    /// Every step with an outside effect.
    pub fn steps(&self) -> impl Iterator<Item = (&StepId, &StepSeen)> {
        self.steps.iter()
    }
    /// Whether a dispatch is durable.
    #[must_use]
    pub fn knows_dispatch(&self, tenant: TenantId, id: DispatchId) -> bool {
        let ledger = self.ledgers.get(&tenant);
        ledger.is_some_and(|ledger| ledger.dispatches.standing(id).is_some())
    }
    /// True while every dispatch has come to its end.
    #[must_use]
    pub fn has_no_open_dispatch(&self) -> bool {
        self.ledgers.values().all(|ledger| ledger.dispatches.open.is_empty())
    }
    /// Whose each session is.
    #[must_use]
    pub const fn owners(&self) -> &Owners {
        &self.owners
    }
    /// Whether the dispatch of a run ran out before it started.
    #[must_use]
    pub fn has_expired(&self, run: RunId) -> bool {
        self.expired.contains(&run)
    }
    /// Where a schedule stands that is durable.
    #[must_use]
    pub fn schedule(&self, tenant: TenantId, id: ScheduleId) -> Option<ScheduleStatus> {
        let known = &self.ledgers.get(&tenant)?.schedules.known;
        known.get(&id).map(|known| known.status)
    }
    /// True while no entry of a schedule is left to start.
    #[must_use]
    pub fn has_no_pending_entry(&self) -> bool {
        let schedules = self.ledgers.values().flat_map(|ledger| ledger.schedules.known.values());
        let mut entries = schedules.flat_map(|known| &known.entries);
        entries.all(|entry| entry.status != ScheduleEntryStatus::Pending)
    }
    /// Entries that came due and started no run, although their dispatch did not run out.
    pub fn entries_without_a_run(&self) -> impl Iterator<Item = EntryOf> {
        let has_run = |of: &EntryOf| self.scheduled.contains_key(of);
        let expired = |of: &EntryOf| {
            let run = self.became.get(of).and_then(|one| self.dispatched.get(one));
            run.is_some_and(|run| self.expired.contains(run))
        };
        self.due.keys().filter(move |of| !has_run(of) && !expired(of)).copied()
    }
    /// A session as its durable entries fold.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&SessionState> {
        self.sessions.get(&session)
    }
    /// How an approval was closed.
    #[must_use]
    pub fn approval(&self, approval: ApprovalId) -> Option<ApprovalStatus> {
        self.approvals.get(&approval).and_then(|asked| asked.status)
    }
}

fn early(trace: &Trace, promise: &'static str, entry: &Entry, due: Option<Time>) {
    if let Some(due) = due.filter(|due| entry.at < *due) {
        trace.broke(promise, format!("{} at {}, due at {due}", entry.event.name(), entry.at));
    }
}
