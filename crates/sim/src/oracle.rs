//! What must hold once everything is at rest.

use crate::clients::Clients;
use crate::life::{Life, Surroundings};
use crate::trace::Trace;
use crate::witness::Witness;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tenure_contract::words::{RecoveryClass, StepKind};
use tenure_contract::{Digest, Entry, RunId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Order, Row, Scope, Table, project};
use tenure_store::{IndexRun, MemoryStore, Settle, Store, StoreError, Stored};

/// Holds everything against everything.
pub fn check(around: &Surroundings, life: &Life, clients: &Clients, witness: &Mutex<Witness>) {
    let trace = &around.trace;
    while life.engine().settle_some() {}
    let log = around.disk.platter().flushed().to_vec();
    bodies(around, &log);
    rebuilt(around, &log);
    bookings(around, witness);
    scheduled(around, witness);
    shown(life, clients, witness, trace, &log);
}

/// Every body an entry names is durable and is the one it names.
fn bodies(around: &Surroundings, log: &[Stored]) {
    let platter = around.disk.platter();
    for stored in log {
        let Ok(entry) = Entry::from_bytes(&stored.bytes) else { continue };
        let Some(named) = entry.payload else { continue };
        let kept = platter.flushed_body((stored.tenant, named.digest));
        let body = stored.inline.as_ref().or(kept);
        if body.map(|body| Digest::of(&[body])) != Some(named.digest) {
            let what = format!("{} {}: {}", entry.journal, entry.seq, named.digest);
            around.trace.broke("a body is durable before the entry that names it", what);
        }
    }
}

/// Rows and index made from the log alone are the settled ones.
fn rebuilt(around: &Surroundings, log: &[Stored]) {
    let settled = around.disk.platter().projection();
    let rebuilt = match rebuild(&settled, log) {
        Ok(rebuilt) => rebuilt,
        Err(error) => return around.trace.broke("lists can be rebuilt", error.to_string()),
    };
    for table in Table::ALL {
        let (ours, theirs) = (rows(&rebuilt, *table), rows(&settled, *table));
        if ours != theirs {
            let differing = ours.iter().zip(&theirs).find(|(one, other)| one != other);
            let what = format!(
                "`{}`: {} and {} rows; {differing:?}",
                table.name(),
                ours.len(),
                theirs.len()
            );
            around.trace.broke("rebuilt rows are the settled rows", what);
        }
    }
    let journals: BTreeSet<[u8; 16]> = log.iter().map(|stored| stored.journal).collect();
    for journal in journals {
        let located = |store: &Store| store.projection.locate(journal, 1, usize::MAX);
        if located(&rebuilt) != located(&settled) {
            let what = format!("{:?} and {:?}", located(&rebuilt), located(&settled));
            around.trace.broke("the rebuilt index is the settled index", what);
        }
    }
}

fn rebuild(of: &Store, log: &[Stored]) -> Result<Store, StoreError> {
    let id = of.log.store_id();
    let store = MemoryStore::with_id(id).store();
    let mut index: BTreeMap<[u8; 16], IndexRun> = BTreeMap::new();
    let mut upto = Anchor { store: id, position: Position::START, hash: Digest::ZERO };
    let mut changes = Vec::new();
    for stored in log {
        let entry =
            Entry::from_bytes(&stored.bytes).map_err(|why| StoreError::Corrupt(why.to_string()))?;
        let (journal, first_seq) = (stored.journal, stored.seq);
        let run =
            index.entry(journal).or_insert(IndexRun { journal, first_seq, positions: Vec::new() });
        run.positions.push(stored.position);
        changes.extend(project(&entry).into_iter().map(|change| (stored.position, change)));
        upto = Anchor { position: stored.position, hash: stored.hash, ..upto };
    }
    let index = index.into_values().collect();
    store.projection.settle(&Settle { upto, index, rows: changes, snapshots: Vec::new() })?;
    Ok(store)
}

fn rows(store: &Store, table: Table) -> Vec<Row> {
    let query = ListQuery {
        scope: Scope::Engine,
        table,
        key: None,
        filters: Vec::new(),
        order: Order::OldestFirst,
        after: None,
        limit: usize::MAX,
    };
    store.projection.list(&query).unwrap_or_default()
}

/// What the world booked is what the journals say.
fn bookings(around: &Surroundings, witness: &Mutex<Witness>) {
    let trace = &around.trace;
    let bookings = around.world.bookings();
    let mut by_what: BTreeMap<&str, u32> = BTreeMap::new();
    for booking in &bookings {
        *by_what.entry(&booking.what).or_default() += 1;
    }
    for (what, times) in by_what.into_iter().filter(|(_, times)| *times > 1) {
        trace.broke("nothing is booked twice", format!("{what}: {times} times"));
    }
    let booked: BTreeSet<&str> = bookings.iter().map(|booking| booking.key.as_str()).collect();
    let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
    for (step, seen) in witness.steps().filter(|(_, seen)| seen.kind != StepKind::Model) {
        let is_booked = booked.contains(step.to_string().as_str());
        if seen.landed && !is_booked {
            trace.broke("what landed was booked", step.to_string());
        }
        // nobody minds whether a lost `read` arrived
        if seen.did_not_happen && is_booked && seen.class != RecoveryClass::Read {
            trace.broke("what did not happen was not booked", step.to_string());
        }
    }
}

/// Every entry of a schedule started its run: no client gives one up.
fn scheduled(around: &Surroundings, witness: &Mutex<Witness>) {
    let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
    for (schedule, entry) in witness.entries_without_a_run() {
        let what = format!("entry {entry} of {schedule}");
        around.trace.broke("an entry that is due starts its run", what);
    }
}

/// The engine shows what the journals fold to, and tells them entry by entry.
fn shown(life: &Life, clients: &Clients, witness: &Mutex<Witness>, trace: &Trace, log: &[Stored]) {
    for wanted in clients.wanted() {
        let Some(caller) = clients.caller_of(wanted.run) else { continue };
        if witness.lock().unwrap_or_else(PoisonError::into_inner).has_expired(wanted.run) {
            continue;
        }
        let shown = life.wait(life.engine().run(caller, wanted.run)).map(|run| run.status);
        let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = witness.run(wanted.run).and_then(|seen| seen.ended);
        if shown.as_ref().ok() != ended.as_ref() {
            let what = format!("{}: shown {shown:?}, its journal says {ended:?}", wanted.run);
            trace.broke("live is replay", what);
        }
    }
    for (at, session) in clients.sessions() {
        let caller = &clients.callers()[at];
        let told = life.engine().entries(caller, session, 1, usize::MAX);
        let told: Vec<Vec<u8>> = told.into_iter().flatten().map(|told| told.bytes).collect();
        let journal = session.bytes();
        let kept = log.iter().filter(|stored| stored.journal == journal);
        if told != kept.map(|stored| stored.bytes.clone()).collect::<Vec<_>>() {
            trace.broke("a journal is told as it lies", session.to_string());
        }
        let shown = life.wait(life.engine().session(caller, session)).map(|shown| shown.status);
        let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        let folded = witness.session(session).map(tenure_core::SessionState::status);
        if shown.as_ref().ok() != folded.as_ref() {
            trace.broke("live is replay", format!("{session}: {shown:?}, {folded:?}"));
        }
    }
}

/// Tells which runs never ended, and what the engine says about them.
pub fn tell_stuck(around: &Surroundings, life: &Life, clients: &Clients, witness: &Mutex<Witness>) {
    let open: Vec<RunId> = {
        let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        let open = witness.runs().filter(|(_, seen)| seen.ended.is_none());
        open.map(|(run, _)| *run).collect()
    };
    if open.is_empty() {
        around.trace.broke(
            "every run comes to its end",
            "a run is not accepted, an entry is pending, or a doubt is left",
        );
    }
    for run in open {
        let Some(caller) = clients.caller_of(run) else { continue };
        let shown = life.wait(life.engine().run(caller, run));
        let why = shown.map(|run| (run.status, run.waiting_for.map(|waiting| waiting.text)));
        around.trace.broke("every run comes to its end", format!("{run}: {why:?}"));
    }
}
