//! Cases of the log: order, wholeness, fetching, scanning.

use super::history::{History, append, entry, log_of, own, tenant};
use super::{Factory, must};
use crate::seam::{Body, NewEntry, StoreError, Stored};
use tenure_contract::Digest;
use tenure_core::position::Position;

/// Positions grow strictly in the order of arrival, whatever ids and journals say, and a scan gives
/// that order back.
pub fn log_1_entries_keep_their_arrival_order(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let fence = own(&store);
    let mut history = History::seeded(1);
    let (mut appended, mut positions) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let batch = history.batch(50);
        positions.extend(must(store.log.append(&fence, &batch), "append").positions);
        appended.extend(batch);
    }
    assert!(positions.is_sorted_by(|before, after| before < after), "positions must grow");
    let found = log_of(&store);
    assert_eq!(found.iter().map(|entry| entry.position).collect::<Vec<_>>(), positions);
    assert_eq!(found.len(), appended.len());
    found.iter().zip(&appended).for_each(|(found, appended)| assert_same(found, appended));
    let last = found.last().map(|entry| (entry.position, entry.hash));
    assert_eq!(Some(must(store.log.end(), "find the end")), last);
}

/// The store decides nothing by content: the same entry again is another entry.
pub fn log_1_equal_entries_are_two_entries(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let batch = [entry(1, 1), entry(1, 1)];
    let positions = must(store.log.append(&own(&store), &batch), "append").positions;
    assert!(positions[0] < positions[1]);
    assert_eq!(log_of(&store).len(), 2);
}

/// Every entry of a batch has its fields, and a small body stands beside it.
pub fn a_batch_comes_back_whole(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let batch = [
        NewEntry { body: Body::Inline(vec![]), ..entry(1, 1) },
        NewEntry { body: Body::Inline(all_bytes.clone()), bytes: all_bytes, ..entry(1, 2) },
        NewEntry { body: Body::None, tenant: tenant(1), ..entry(2, 1) },
        NewEntry { body: Body::Blob(Digest::ZERO), seq: u64::from(u32::MAX) + 1, ..entry(3, 1) },
        NewEntry { bytes: vec![7; 100_000], hash: Digest::from_bytes([255; 32]), ..entry(4, 1) },
    ];
    let positions = must(store.log.append(&own(&store), &batch), "append").positions;
    let found = must(store.log.fetch(&positions), "fetch");
    assert_eq!(found.len(), batch.len());
    found.iter().zip(&batch).for_each(|(found, appended)| assert_same(found, appended));
}

/// A batch is one transaction also to those who read meanwhile.
pub fn a_reader_never_sees_half_a_batch(factory: &dyn Factory) {
    const BATCH: u64 = 16;
    const BATCHES: u64 = 150;
    let installation = factory.install();
    let (store, writing) = (installation.store(), installation.store());
    let fence = own(&store);
    let writer = std::thread::spawn(move || {
        for batch in 0..BATCHES {
            let entries: Vec<NewEntry> =
                (1..=BATCH).map(|place| entry(1, batch * BATCH + place)).collect();
            must(writing.log.append(&fence, &entries), "append");
        }
    });
    let mut seen = 0;
    while seen < BATCHES * BATCH && !(writer.is_finished() && seen == 0) {
        let found = must(store.log.end(), "find the end").0;
        let last = match found {
            Position::START => continue,
            position => must(store.log.fetch(&[position]), "fetch the last").remove(0),
        };
        assert_eq!(last.seq % BATCH, 0, "the log ended within a batch");
        assert!(last.seq >= seen, "the log became shorter");
        seen = last.seq;
    }
    assert!(writer.join().is_ok(), "the writer failed");
    assert_eq!(log_of(&store).len() as u64, BATCHES * BATCH);
}

/// Not in the order they lie in, and as often as asked.
pub fn entries_are_fetched_in_the_order_asked(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let batch: Vec<NewEntry> = (1..=3).map(|seq| entry(1, seq)).collect();
    let positions = must(store.log.append(&own(&store), &batch), "append").positions;
    let asked = [positions[2], positions[0], positions[2]];
    let found = must(store.log.fetch(&asked), "fetch");
    assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 1, 3]);
    assert_eq!(must(store.log.fetch(&[]), "fetch nothing"), []);
}

/// Whoever asks for a position got it from the store, so an empty one means loss.
pub fn an_absent_position_is_told_as_damage(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    let last = must(store.log.append(&own(&store), &[entry(1, 1)]), "append").positions[0];
    let beyond = Position::new(last.segment(), last.row() + 1);
    let elsewhere = Position::new(last.segment() + 1, last.row());
    for absent in [beyond, elsewhere, Position::START, Position::from_number(u64::MAX)] {
        for asked in [vec![absent], vec![last, absent]] {
            let answer = store.log.fetch(&asked);
            assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{asked:?}: {answer:?}");
        }
    }
}

/// In pages of any size, from any position on; the end is an empty page.
pub fn a_scan_goes_on_from_any_position(factory: &dyn Factory) {
    let installation = factory.install();
    append(&*installation, &mut History::seeded(2), 20);
    let store = installation.store();
    let all = log_of(&store);
    for page in [1, 7, all.len(), all.len() + 1] {
        let (mut after, mut found) = (Position::START, Vec::new());
        while let entries = must(store.log.scan(after, page), "scan")
            && let Some(last) = entries.last()
        {
            assert!(entries.len() <= page);
            assert!(last.position > after, "a scan does not get on");
            after = last.position;
            found.extend(entries);
        }
        assert!(found == all, "pages of {page} tell another log");
    }
    let (end, _) = must(store.log.end(), "find the end");
    assert_eq!(must(store.log.scan(end, 10), "scan after the end"), []);
    assert_eq!(must(store.log.scan(Position::from_number(u64::MAX), 10), "scan beyond"), []);
    assert_eq!(must(store.log.scan(Position::START, 0), "scan nothing"), []);
}

/// [`Position::START`], [`Digest::ZERO`], and nothing to scan; an empty batch changes none of it.
pub fn an_empty_log_ends_at_the_start(factory: &dyn Factory) {
    let installation = factory.install();
    let store = installation.store();
    assert_eq!(must(store.log.append(&own(&store), &[]), "append nothing").positions, []);
    assert_eq!(must(store.log.end(), "find the end"), (Position::START, Digest::ZERO));
    assert_eq!(log_of(&store), []);
}

/// A store is known by its id, for ever.
pub fn two_stores_have_two_ids(factory: &dyn Factory) {
    let (mut one, other) = (factory.install(), factory.install());
    let id = one.store().log.store_id();
    assert_ne!(id, other.store().log.store_id());
    one.reopen();
    assert_eq!(id, one.store().log.store_id());
    one.crash_and_reopen();
    assert_eq!(id, one.store().log.store_id());
}

fn assert_same(found: &Stored, appended: &NewEntry) {
    let inline = match &appended.body {
        Body::Inline(sealed) => Some(sealed),
        _ => None,
    };
    assert_eq!(found.tenant, appended.tenant);
    assert_eq!((found.journal, found.seq), (appended.journal, appended.seq));
    assert_eq!(found.bytes, appended.bytes);
    assert_eq!(found.hash, appended.hash);
    assert_eq!(found.inline.as_ref(), inline);
}
