//! The cursor of a tenant's stream: a place in the store's log that says nothing to whoever holds
//! it and is good for its tenant only (`SUB-1`, `TEN-1`).
//!
//! Places in the log count the entries of all tenants, so a place in plain would tell one tenant
//! how much the others do. A cursor is a keyed tag over tenant, store and place, and the place
//! masked by what the tag yields: the same place is the same cursor, two of them cannot be
//! compared, and one of another tenant, store or key is refused, never misread.

use crate::position::Position;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::{Code, Digest, Error, StoreId, TenantId};

const KEY_DOMAIN: &[u8] = b"tenure-cursor-key-v1\0";
const TAG: &[u8] = b"tag";
const MASK: &[u8] = b"mask";
/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// Makes and reads the cursors of one tenant in one store.
#[derive(Clone)]
pub struct Cursors {
    key: Digest,
}

impl Cursors {
    /// The cursors of a tenant, by a secret that outlives the process.
    #[must_use]
    pub fn new(secret: &[u8; 32], store: StoreId, tenant: TenantId) -> Self {
        Self { key: Digest::of(&[KEY_DOMAIN, secret, &store.bytes(), &tenant.bytes()]) }
    }

    /// The cursor of a place.
    #[must_use]
    pub fn seal(&self, place: Position) -> String {
        let place = place.number();
        let tag = self.tag(place);
        let masked = (place ^ self.mask(&tag)).to_be_bytes();
        hex(&[&tag[..], &masked].concat())
    }

    /// The place of a cursor.
    ///
    /// # Errors
    /// `invalid-argument` for a text that is no cursor of this tenant's stream here.
    pub fn open(&self, text: &str) -> Result<Position, Error> {
        self.read(text).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            let text = format!(
                "`{shown}` is no cursor of this tenant's stream on this server; expected the id of \
                 an event of `/v1/events`, or none to begin anew"
            );
            Error::new(Code::InvalidArgument, text)
        })
    }

    fn read(&self, text: &str) -> Option<Position> {
        let bytes: [u8; TAG_BYTES + 8] = unhex(text)?.try_into().ok()?;
        let (tag, masked) = bytes.split_first_chunk::<TAG_BYTES>()?;
        let place = u64::from_be_bytes(masked.try_into().ok()?) ^ self.mask(tag);
        // every byte is compared, so that the time it takes says nothing about how near a guess was
        let pairs = self.tag(place).into_iter().zip(*tag);
        let differs = pairs.fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs));
        (differs == 0).then_some(Position::from_number(place))
    }

    fn tag(&self, place: u64) -> [u8; TAG_BYTES] {
        let whole = Digest::of(&[self.key.bytes(), TAG, &place.to_be_bytes()]);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole.bytes()[..TAG_BYTES]);
        tag
    }

    fn mask(&self, tag: &[u8; TAG_BYTES]) -> u64 {
        let whole = Digest::of(&[self.key.bytes(), MASK, tag]);
        let (first, _) = whole.bytes().split_at(8);
        first.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors(secret: u8, store: u8, tenant: u8) -> Cursors {
        let (store, tenant) =
            (StoreId::from_bytes([store; 16]), TenantId::from_bytes([tenant; 16]));
        Cursors::new(&[secret; 32], store, tenant)
    }

    #[test]
    fn sub_1_a_cursor_reads_back_and_is_refused_for_anyone_else() {
        let ours = cursors(1, 2, 3);
        for row in [0, 1, 255, 1 << 39] {
            let place = Position::new(7, row);
            let cursor = ours.seal(place);
            assert_eq!(ours.open(&cursor), Ok(place));
            for other in [cursors(9, 2, 3), cursors(1, 9, 3), cursors(1, 2, 9)] {
                let told = other.open(&cursor).unwrap_err();
                assert_eq!(told.code, Code::InvalidArgument);
                assert!(told.message.contains("no cursor of this tenant's stream"), "{told}");
            }
        }
    }

    #[test]
    fn sub_1_a_cursor_that_was_touched_is_refused() {
        let ours = cursors(1, 2, 3);
        let cursor = ours.seal(Position::new(1, 12));
        for place in 0..cursor.len() {
            let mut touched = cursor.clone().into_bytes();
            touched[place] = if touched[place] == b'0' { b'1' } else { b'0' };
            assert!(ours.open(&String::from_utf8(touched).unwrap()).is_err(), "byte {place}");
        }
        for text in ["", "0", "12", "zz", &cursor[2..], &format!("{cursor}00")] {
            assert!(ours.open(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sub_1_neighbours_have_nothing_in_common() {
        let ours = cursors(1, 2, 3);
        let [one, two] = [12, 13].map(|row| ours.seal(Position::new(1, row)));
        let same = one.bytes().zip(two.bytes()).filter(|(one, two)| one == two).count();
        assert!(same < one.len() / 2, "{one} {two}");
    }
}
