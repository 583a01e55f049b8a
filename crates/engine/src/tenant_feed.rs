//! Who follows a whole tenant: woken by commits of that tenant alone, and told where its newest
//! entries lie, so that nobody who keeps up reads another tenant's rows.

use crate::durable::Durable;
use crate::lock;
use crate::resident::Submission;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use tenure_contract::{TenantId, limits};
use tenure_core::position::Position;

/// The feeds somebody follows.
#[derive(Debug, Default)]
pub(crate) struct TenantFeeds {
    known: Mutex<HashMap<TenantId, Weak<TenantFeed>>>,
}

/// One tenant's feed, shared by all who follow it; it goes with the last of them.
#[derive(Debug)]
pub(crate) struct TenantFeed {
    /// The last entry's position, by number.
    pub told: Durable,
    recent: Mutex<Recent>,
}

/// The tenant's entries after `floor`, every one of them.
#[derive(Debug)]
struct Recent {
    floor: Position,
    positions: VecDeque<Position>,
}

impl TenantFeeds {
    /// A tenant's feed. `end` tells the last durable position of the log; it is asked while no
    /// commit can be noted, so nothing falls between.
    pub fn open(&self, tenant: TenantId, end: impl FnOnce() -> Position) -> Arc<TenantFeed> {
        let mut known = lock(&self.known);
        if let Some(feed) = known.get(&tenant).and_then(Weak::upgrade) {
            return feed;
        }
        known.retain(|_, feed| feed.strong_count() > 0);
        let floor = end();
        let feed = Arc::new(TenantFeed {
            told: Durable::at(floor.number()),
            recent: Mutex::new(Recent { floor, positions: VecDeque::new() }),
        });
        known.insert(tenant, Arc::downgrade(&feed));
        feed
    }

    /// Tells those who follow of a commit.
    pub fn note(&self, committed: &[(Submission, Vec<Position>)]) {
        let known = lock(&self.known);
        if known.is_empty() {
            return;
        }
        let mut told: BTreeMap<TenantId, (Arc<TenantFeed>, Vec<Position>)> = BTreeMap::new();
        for (submission, places) in committed {
            let tenant = submission.resident.tenant;
            if let Some((_, positions)) = told.get_mut(&tenant) {
                positions.extend(places);
            } else if let Some(feed) = known.get(&tenant).and_then(Weak::upgrade) {
                told.insert(tenant, (feed, places.clone()));
            }
        }
        for (feed, positions) in told.into_values() {
            feed.note(&positions);
        }
    }
}

impl TenantFeed {
    fn note(&self, positions: &[Position]) {
        let last = {
            let mut recent = lock(&self.recent);
            let floor = recent.floor;
            recent.positions.extend(positions.iter().filter(|place| **place > floor));
            while recent.positions.len() > limits::FEED_RECENT_ENTRIES {
                if let Some(oldest) = recent.positions.pop_front() {
                    recent.floor = oldest;
                }
            }
            recent.positions.back().copied().unwrap_or(floor)
        };
        self.told.ack(last.number());
    }

    /// Where the tenant's entries after a place lie, at most `limit`; none when the place is too far
    /// back to know.
    pub fn after(&self, place: Position, limit: usize) -> Option<Vec<Position>> {
        let recent = lock(&self.recent);
        if place < recent.floor {
            return None;
        }
        let first = recent.positions.partition_point(|position| *position <= place);
        Some(recent.positions.range(first..).take(limit).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: u64) -> Position {
        Position::new(1, row)
    }

    #[test]
    fn sub_1_a_feed_knows_every_entry_after_its_floor_or_says_it_does_not() {
        let feeds = TenantFeeds::default();
        let tenant = TenantId::from_bytes([1; 16]);
        let feed = feeds.open(tenant, || at(10));
        assert_eq!(feed.after(at(9), 5), None);
        // a commit that was on its way when the feed began
        feed.note(&[at(9), at(10), at(12)]);
        feed.note(&[at(15)]);
        assert_eq!(feed.after(at(10), 5), Some(vec![at(12), at(15)]));
        assert_eq!(feed.after(at(12), 5), Some(vec![at(15)]));
        assert_eq!(feed.after(at(10), 1), Some(vec![at(12)]));
        assert_eq!(feed.told.seq(), at(15).number());
        let rows = 16..20 + limits::FEED_RECENT_ENTRIES as u64;
        feed.note(&rows.map(at).collect::<Vec<_>>());
        assert_eq!(feed.after(at(15), 5), None, "what fell out is read from the log");
        assert_eq!(feed.after(at(19), 1), Some(vec![at(20)]));
    }

    #[test]
    fn sub_1_a_feed_goes_with_the_last_who_follows() {
        let feeds = TenantFeeds::default();
        let [one, two] = [1, 2].map(|byte| TenantId::from_bytes([byte; 16]));
        let feed = feeds.open(one, || at(1));
        assert!(Arc::ptr_eq(&feed, &feeds.open(one, || at(9))));
        drop(feed);
        let _other = feeds.open(two, || at(1));
        assert_eq!(lock(&feeds.known).len(), 1);
    }
}
