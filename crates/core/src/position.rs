//! Where an entry lies in a store's log: opaque to everyone but the store that issued it.

use serde::{Deserialize, Serialize};
use tenure_contract::{Digest, StoreId};

const ROW_BITS: u32 = 40;

/// A place in one store's log; later entries of one store have greater positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before every entry.
    pub const START: Self = Self(0);

    /// The place `row` (from 1) of segment `segment` (from 1).
    #[must_use]
    pub const fn new(segment: u32, row: u64) -> Self {
        Self(((segment as u64) << ROW_BITS) | row)
    }
    /// The segment file.
    #[must_use]
    pub const fn segment(self) -> u32 {
        (self.0 >> ROW_BITS) as u32
    }
    /// The row within the segment.
    #[must_use]
    pub const fn row(self) -> u64 {
        self.0 & ((1 << ROW_BITS) - 1)
    }
    /// As one number, for storing and for cursors.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
    /// From a number that [`Position::number`] gave.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// How far a projection reflects a log: the last entry it holds, by place and by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The log it belongs to.
    pub store: StoreId,
    /// The last entry reflected; [`Position::START`] for none.
    pub position: Position,
    /// That entry's hash; [`Digest::ZERO`] for none.
    pub hash: Digest,
}

/// What a projection's anchor says about it, held against the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorVerdict {
    /// It reflects the whole log.
    Current,
    /// It reflects a part; catch up from there.
    Behind,
    /// It belongs to another log, or to none; rebuild it.
    Foreign,
    /// It knows entries the log has lost, or other ones at the same place: acknowledged entries
    /// are gone. Refuse to start.
    Ahead,
}

/// Holds a projection's anchor against its log.
///
/// `at_anchor` is the hash of the log's entry at the anchor's position, if there is one; `end` is
/// the log's last position.
#[must_use]
pub fn judge_anchor(
    log: StoreId,
    end: Position,
    anchor: Option<Anchor>,
    at_anchor: Option<Digest>,
) -> AnchorVerdict {
    match anchor {
        None => AnchorVerdict::Foreign,
        // an empty log beside lists that know entries: the log file is gone, not the lists foreign
        Some(anchor) if end == Position::START && anchor.position != Position::START => {
            AnchorVerdict::Ahead
        }
        Some(anchor) if anchor.store != log => AnchorVerdict::Foreign,
        Some(anchor) if anchor.position == Position::START && end == Position::START => {
            AnchorVerdict::Current
        }
        Some(anchor) if anchor.position == Position::START => AnchorVerdict::Behind,
        Some(anchor) if anchor.position > end || at_anchor != Some(anchor.hash) => {
            AnchorVerdict::Ahead
        }
        Some(anchor) if anchor.position == end => AnchorVerdict::Current,
        Some(_) => AnchorVerdict::Behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_of_anchor_and_log_has_its_verdict() {
        let log = StoreId::from_bytes([1; 16]);
        let hash = Digest::of(&[b"x"]);
        let at = |row| Anchor { store: log, position: Position::new(1, row), hash };
        let end = Position::new(1, 9);
        let judge = |anchor, found| judge_anchor(log, end, anchor, found);
        assert_eq!(judge(None, None), AnchorVerdict::Foreign);
        assert_eq!(
            judge(Some(Anchor { store: StoreId::from_bytes([2; 16]), ..at(9) }), Some(hash)),
            AnchorVerdict::Foreign
        );
        let lost = judge_anchor(StoreId::from_bytes([9; 16]), Position::START, Some(at(9)), None);
        assert_eq!(lost, AnchorVerdict::Ahead, "a fresh log beside old lists has lost entries");
        assert_eq!(judge(Some(at(9)), Some(hash)), AnchorVerdict::Current);
        assert_eq!(judge(Some(at(5)), Some(hash)), AnchorVerdict::Behind);
        assert_eq!(judge(Some(at(10)), None), AnchorVerdict::Ahead);
        assert_eq!(judge(Some(at(9)), Some(Digest::ZERO)), AnchorVerdict::Ahead);
        assert_eq!(judge(Some(at(5)), Some(Digest::ZERO)), AnchorVerdict::Ahead);
    }

    #[test]
    fn a_position_keeps_its_segment_and_row() {
        let position = Position::new(3, 1 << 39);
        assert_eq!((position.segment(), position.row()), (3, 1 << 39));
        assert!(Position::new(2, 1) > Position::new(1, u64::from(u32::MAX)));
    }
}
