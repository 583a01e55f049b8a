//! Denials as entries, so many a minute (`AUT-1`): whoever is refused in a loop must not be able to
//! fill the disk by it.

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::entry::Principal;
use tenure_contract::event::AccessDenied;
use tenure_contract::{Time, limits};

const MINUTE_US: u64 = 60_000_000;

/// How often each principal was denied in the minute of the last denial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Denials {
    /// The minute, counted from 1970.
    #[n(0)]
    minute: u64,
    /// Entries in it, by principal.
    #[n(1)]
    noted: BTreeMap<String, u32>,
}

/// An authenticated caller was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Who.
    pub principal: Principal,
    /// What it is noted as.
    pub denied: AccessDenied,
    /// When.
    pub at: Time,
}

impl Denials {
    /// Whether another denial of the principal is an entry; the shell counts those that are not
    /// and hands the count to the next one that is.
    #[must_use]
    pub fn has_room(&self, principal: &Principal, at: Time) -> bool {
        let noted = self.noted.get(&principal.to_string());
        // an older minute than the one counted is that one: time does not go back
        minute(at) > self.minute
            || noted.is_none_or(|noted| *noted < limits::DENIALS_PER_MINUTE_MAX)
    }

    pub(super) fn note(&self, denial: &Denial) -> Vec<Draft> {
        if self.has_room(&denial.principal, denial.at) {
            vec![entry(denial.denied.clone(), DraftBody::None)]
        } else {
            Vec::new()
        }
    }

    pub(super) fn noted(&mut self, principal: &Principal, at: Time) {
        if minute(at) > self.minute {
            self.minute = minute(at);
            self.noted.clear();
        }
        *self.noted.entry(principal.to_string()).or_default() += 1;
    }
}

const fn minute(at: Time) -> u64 {
    at.micros() / MINUTE_US
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aut_1_a_flood_of_denials_is_so_many_entries_a_minute_for_each_principal() {
        let mut denials = Denials::default();
        let denied = |name: &str, at: u64| Denial {
            principal: Principal::user(name),
            denied: AccessDenied { action: String::new(), code: String::new(), omitted: 0 },
            at: Time::from_micros(at),
        };
        let mut entries = |name: &str, at: u64| {
            let denial = denied(name, at);
            let drafts = denials.note(&denial).len();
            if drafts > 0 {
                denials.noted(&denial.principal, denial.at);
            }
            drafts
        };
        let max = limits::DENIALS_PER_MINUTE_MAX as usize;
        let flood = (0..10 * max as u64).map(|n| entries("eve", 5 * MINUTE_US + n)).sum::<usize>();
        assert_eq!(flood, max);
        assert_eq!(entries("ada", 5 * MINUTE_US), 1, "another principal has its own count");
        assert_eq!(entries("eve", 4 * MINUTE_US), 0, "a clock that goes back opens nothing");
        assert_eq!(entries("eve", 6 * MINUTE_US), 1, "the next minute begins anew");
    }
}
