//! Cases of crashes and damage: what was acknowledged is there, and what is derived is either right,
//! or known to be wrong.

use super::history::{
    Dice, History, all_rows, append, catch_up, check_against_log, entry, log_of, own, rows,
    settle_of, tenant, told, verdict,
};
use super::{Damage, Factory, Part, must};
use crate::seam::{Body, NewEntry, StoreError};
use tenure_contract::Digest;
use tenure_contract::limits::PAYLOAD_ROW_MAX_BYTES;
use tenure_core::position::{AnchorVerdict, Position};
use tenure_core::projection::{Column, RowChange, Table, Value};

/// After the append and before any settling; a projection that was never settled is no obstacle.
pub fn log_4_a_crash_after_the_append_keeps_the_batch(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(30);
    for round in 0..5 {
        append(&*installation, &mut history, 3);
        let before = log_of(&installation.store());
        installation.crash_and_reopen();
        let store = installation.store();
        assert!(log_of(&store) == before, "round {round}: the log is another after the crash");
        if round > 0 {
            assert_eq!(verdict(&store), AnchorVerdict::Behind);
        }
        catch_up(&store, 10);
        check_against_log(&store);
    }
}

/// In the middle of a step: nothing of it is there.
pub fn a_crash_after_a_refused_step_leaves_the_step_before(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(31);
    append(&*installation, &mut history, 10);
    catch_up(&installation.store(), 1_000);
    let before = told(&installation.store());
    append(&*installation, &mut history, 10);
    let store = installation.store();
    let settled = log_of(&store).len();
    let after = must(store.projection.anchor(), "read the anchor").map(|anchor| anchor.position);
    let entries: Vec<_> =
        log_of(&store).into_iter().filter(|entry| Some(entry.position) > after).collect();
    assert!(!entries.is_empty() && entries.len() < settled);
    let mut cut_short = settle_of(&store, &entries);
    let set = vec![(Column::Risk, Value::Null)];
    let bad = RowChange { table: Table::Key, tenant: tenant(0), key: [0xff; 16], set };
    cut_short.rows.push((cut_short.upto.position, bad));
    assert!(matches!(store.projection.settle(&cut_short), Err(StoreError::Other(_))));
    drop(store);
    installation.crash_and_reopen();
    let store = installation.store();
    assert_eq!(told(&store), before);
    assert_eq!(verdict(&store), AnchorVerdict::Behind);
    catch_up(&store, 1_000);
    check_against_log(&store);
}

/// However far settling had come, it goes on, and ends where an undisturbed one ends.
pub fn a_crash_between_steps_goes_on_from_the_anchor(factory: &dyn Factory) {
    let (mut crashing, undisturbed) = (factory.install(), factory.install());
    append(&*crashing, &mut History::seeded(32), 20);
    append(&*undisturbed, &mut History::seeded(32), 20);
    catch_up(&undisturbed.store(), 1_000);
    let mut steps = 0;
    loop {
        let store = crashing.store();
        let anchor = must(store.projection.anchor(), "read the anchor");
        let after = anchor.map_or(Position::START, |anchor| anchor.position);
        let entries = must(store.log.scan(after, 40), "scan the log");
        if entries.is_empty() {
            break;
        }
        must(store.projection.settle(&settle_of(&store, &entries)), "settle a step");
        drop(store);
        crashing.crash_and_reopen();
        steps += 1;
    }
    assert!(steps > 2);
    check_against_log(&crashing.store());
    let store = undisturbed.store();
    for table in Table::ALL {
        assert_eq!(rows(&crashing.store(), &all_rows(*table)), rows(&store, &all_rows(*table)));
    }
}

/// Before, between and after moving the log's commits to their final place.
pub fn log_4_a_crash_around_a_checkpoint_keeps_everything(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(33);
    let mut dice = Dice::seeded(33);
    for round in 0..12 {
        append(&*installation, &mut history, 1 + dice.below(4));
        if dice.below(2) == 0 {
            installation.checkpoint();
        }
        if dice.below(2) == 0 {
            append(&*installation, &mut history, 1);
        }
        if dice.below(3) == 0 {
            catch_up(&installation.store(), 50);
        }
        let before = log_of(&installation.store());
        installation.crash_and_reopen();
        assert!(log_of(&installation.store()) == before, "round {round}: the log is another");
        assert_ne!(verdict(&installation.store()), AnchorVerdict::Ahead);
    }
    catch_up(&installation.store(), 50);
    check_against_log(&installation.store());
}

/// A payload row comes with its entry, a blob was there before it.
pub fn stp_4_a_crash_keeps_bodies(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut dice = Dice::seeded(34);
    let (row, blob) = (dice.bytes(50_000), dice.bytes(PAYLOAD_ROW_MAX_BYTES as u64 + 1));
    let (row_digest, blob_digest) = (Digest::of(&[&row]), Digest::of(&[&blob]));
    let store = installation.store();
    must(store.payload.put(tenant(0), blob_digest, &blob), "put a body");
    let batch = [
        NewEntry { body: Body::Row(row_digest, row.clone()), ..entry(1, 1) },
        NewEntry { body: Body::Blob(blob_digest), ..entry(1, 2) },
    ];
    must(store.log.append(&own(&store), &batch), "append");
    drop(store);
    for _ in 0..2 {
        installation.crash_and_reopen();
        let payload = installation.store().payload;
        for (digest, sealed) in [(row_digest, &row), (blob_digest, &blob)] {
            let found = must(payload.get(tenant(0), digest), "get a body");
            assert!(found.as_ref() == Some(sealed), "a body is another after the crash");
        }
    }
}

/// Log, index, rows, snapshots and anchor are as they were.
pub fn an_orderly_close_keeps_everything(factory: &dyn Factory) {
    let mut installation = factory.install();
    append(&*installation, &mut History::seeded(35), 20);
    catch_up(&installation.store(), 100);
    let (log, lists) = (log_of(&installation.store()), told(&installation.store()));
    for _ in 0..3 {
        installation.reopen();
        assert!(log_of(&installation.store()) == log, "the log is another");
        assert_eq!(told(&installation.store()), lists);
        assert_eq!(verdict(&installation.store()), AnchorVerdict::Current);
    }
}

/// Deleted, cut, overwritten: the store opens all the same, says that it has no projection, and the
/// one made again is the one that was lost.
pub fn a_damaged_projection_is_made_again(factory: &dyn Factory) {
    let mut installation = factory.install();
    append(&*installation, &mut History::seeded(36), 40);
    catch_up(&installation.store(), 100);
    let (log, lists) = (log_of(&installation.store()), told(&installation.store()));
    for damage in Damage::ALL {
        installation.damage(*damage);
        let store = installation.store();
        let anchor = must(store.projection.anchor(), "read the anchor");
        assert_eq!(anchor, None, "{damage:?}");
        assert_eq!(verdict(&store), AnchorVerdict::Foreign);
        assert!(log_of(&store) == log, "{damage:?}: the log is another");
        catch_up(&store, 60);
        assert_eq!(told(&store), lists, "{damage:?}");
    }
}

/// An older copy put back knows how far it goes.
pub fn an_older_projection_catches_up(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(37);
    append(&*installation, &mut history, 10);
    catch_up(&installation.store(), 100);
    let older = installation.keep();
    append(&*installation, &mut history, 10);
    catch_up(&installation.store(), 100);
    let lists = told(&installation.store());
    installation.put_back(older, Part::Projection);
    assert_eq!(verdict(&installation.store()), AnchorVerdict::Behind);
    catch_up(&installation.store(), 100);
    assert_eq!(told(&installation.store()), lists);
}

/// A log put back from an older copy has lost entries that were acknowledged.
pub fn a_projection_ahead_of_its_log_is_told(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(38);
    append(&*installation, &mut history, 10);
    let older = installation.keep();
    append(&*installation, &mut history, 10);
    catch_up(&installation.store(), 100);
    installation.put_back(older, Part::Log);
    assert_eq!(verdict(&installation.store()), AnchorVerdict::Ahead);
}

/// A log that was put back and has gone on differently is as long, and still another.
pub fn a_projection_of_another_past_is_told(factory: &dyn Factory) {
    let mut installation = factory.install();
    let mut history = History::seeded(39);
    append(&*installation, &mut history, 10);
    let older = installation.keep();
    append(&*installation, &mut history, 5);
    catch_up(&installation.store(), 100);
    let end = must(installation.store().log.end(), "find the end").0;
    installation.put_back(older, Part::Log);
    let store = installation.store();
    let fence = own(&store);
    for seq in 1.. {
        must(store.log.append(&fence, &[entry(999, seq)]), "append another past");
        if must(store.log.end(), "find the end").0 > end {
            break;
        }
    }
    assert_eq!(verdict(&store), AnchorVerdict::Ahead);
}
