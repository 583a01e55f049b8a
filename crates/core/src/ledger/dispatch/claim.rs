//! Decisions about a claim: an executor takes a remote dispatch, starts it, gives it back, loses it
//! (`DSP-2`, `DSP-4`).
//!
//! A claim's number is its fencing token: it counts up by one with every claim of a dispatch, and
//! whatever an executor says names it. Whether its lease still runs is the shell's to know; that it
//! ran out is a command like any other.

use super::decide::started;
use super::{Claim, Dispatch, Dispatches};
use crate::command::{Draft, DraftBody};
use crate::ledger::entry;
use crate::ledger::executors::Serves;
use tenure_contract::event::{DispatchClaimed, DispatchReleased};
use tenure_contract::words::{DispatchMode, DispatchStatus, ReleaseCause, TaskRank};
use tenure_contract::{Code, DispatchId, Error, ExecutorId, Time};

/// A claim somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimWanted {
    /// Who, and which dispatch under which number.
    pub claimed: DispatchClaimed,
    /// Whom the executor authenticates as, as `kind:name`.
    pub principal: String,
    /// The product that caller is bound to.
    pub product: Option<String>,
}

/// What an executor does with a dispatch it claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimUse {
    /// The dispatch starts.
    Start,
    /// It waits again.
    GiveBack,
}

/// A dispatch and the claim somebody says they have on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// The fencing token.
    pub claim: u64,
    /// Who says so.
    pub executor: ExecutorId,
}

type Decided = Result<Vec<Draft>, Error>;

impl Dispatch {
    fn is_claimable(&self, now: Time) -> bool {
        self.mode() == DispatchMode::Remote
            && self.status == DispatchStatus::Waiting
            && self.received.not_before.is_none_or(|at| at <= now)
            && now < self.received.expires_at
    }

    /// The number the next claim of it has.
    #[must_use]
    pub fn next_claim(&self) -> u64 {
        self.claim.as_ref().map_or(1, |claim| claim.number + 1)
    }
}

impl Dispatches {
    /// Which one an executor gets: the most urgent it may have, and of these the first that came;
    /// with the number of its next claim.
    #[must_use]
    pub fn next_for(&self, serves: &Serves, now: Time) -> Option<(DispatchId, u64)> {
        let fits = |one: &&Dispatch| one.is_claimable(now) && serves.takes_dispatch(&one.received);
        let first = self
            .open
            .values()
            .filter(fits)
            .min_by_key(|one| (TaskRank::of(one.received.priority.as_deref()), one.seq))?;
        Some((first.received.dispatch, first.next_claim()))
    }

    /// Whether an executor that comes now may find something.
    #[must_use]
    pub fn has_claimable(&self, now: Time) -> bool {
        self.open.values().any(|one| one.is_claimable(now))
    }

    /// Dispatches somebody has, and those that started from a claim until their session has them.
    pub fn held(&self) -> impl Iterator<Item = (&Dispatch, &Claim)> {
        let is_held = |one: &&Dispatch| {
            matches!(one.status, DispatchStatus::Claimed | DispatchStatus::Started)
        };
        let held = self.open.values().filter(is_held);
        held.filter_map(|one| Some((one, one.claim.as_ref()?)))
    }

    pub(in crate::ledger) fn claim(
        &self,
        claimed: &DispatchClaimed,
        serves: &Serves,
        now: Time,
    ) -> Decided {
        let one = self.open.get(&claimed.dispatch);
        let free = one.filter(|one| {
            one.is_claimable(now)
                && serves.takes_dispatch(&one.received)
                && one.next_claim() == claimed.claim
        });
        if free.is_none() {
            let told = format!("dispatch `{}` is not to be had any more", claimed.dispatch);
            return Err(Error::new(Code::VersionConflict, told).about(claimed.dispatch));
        }
        Ok(vec![entry(claimed.clone(), DraftBody::None)])
    }

    pub(in crate::ledger) fn use_claim(
        &self,
        holding: &Holding,
        how: ClaimUse,
        now: Time,
    ) -> Decided {
        let one = self.holds(holding)?;
        match (one.status, how) {
            (DispatchStatus::Started, ClaimUse::Start) => Ok(Vec::new()),
            (DispatchStatus::Claimed, ClaimUse::Start) if one.received.expires_at <= now => {
                let told = format!(
                    "dispatch `{}` expired at {}; it does not start any more",
                    holding.dispatch, one.received.expires_at
                );
                Err(Error::new(Code::IllegalTransition, told).about(holding.dispatch))
            }
            (DispatchStatus::Claimed, ClaimUse::Start) => Ok(vec![started(&one.received)]),
            (DispatchStatus::Claimed, ClaimUse::GiveBack) => {
                Ok(vec![released(holding.dispatch, holding.claim, ReleaseCause::GivenBack)])
            }
            (status, _) => {
                let told = format!(
                    "dispatch `{}` is {status}; complete it, fail it, or let its lease run out",
                    holding.dispatch
                );
                Err(Error::new(Code::IllegalTransition, told).about(holding.dispatch))
            }
        }
    }

    /// No heartbeat came in time. What the dispatch has become meanwhile needs no entry.
    pub(super) fn lose(&self, dispatch: DispatchId, claim: u64) -> Vec<Draft> {
        let is_held = self.open.get(&dispatch).is_some_and(|one| {
            one.status == DispatchStatus::Claimed
                && one.claim.as_ref().is_some_and(|known| known.number == claim)
        });
        let lost = is_held.then(|| released(dispatch, claim, ReleaseCause::LeaseLost));
        lost.into_iter().collect()
    }

    /// What an executor had not started is given to others.
    pub(in crate::ledger) fn release_all_of(&self, executor: ExecutorId) -> Vec<Draft> {
        let claimed = self.held().filter(|(one, claim)| {
            one.status == DispatchStatus::Claimed && claim.executor == executor
        });
        let free = |(one, claim): (&Dispatch, &Claim)| {
            released(one.received.dispatch, claim.number, ReleaseCause::Revoked)
        };
        claimed.map(free).collect()
    }

    /// The dispatch, if it is still claimed under that number by that executor.
    ///
    /// # Errors
    /// `not-found`, `lease-lost`.
    pub fn holds(&self, holding: &Holding) -> Result<&Dispatch, Error> {
        let Holding { dispatch, claim, executor } = holding;
        let known =
            self.standing(*dispatch).ok_or_else(|| Error::not_found("dispatch", dispatch))?;
        let held = self.open.get(dispatch).filter(|one| {
            matches!(one.status, DispatchStatus::Claimed | DispatchStatus::Started)
                && one
                    .claim
                    .as_ref()
                    .is_some_and(|known| known.number == *claim && known.executor == *executor)
        });
        held.ok_or_else(|| lease_lost(*dispatch, *claim, known.status))
    }
}

/// The refusal of a claim that is over.
#[must_use]
pub fn lease_lost(dispatch: DispatchId, claim: u64, status: DispatchStatus) -> Error {
    let told = format!(
        "claim {claim} of dispatch `{dispatch}` is over and the dispatch is {status}; stop the work and claim again"
    );
    Error::new(Code::LeaseLost, told).about(dispatch)
}

fn released(dispatch: DispatchId, claim: u64, cause: ReleaseCause) -> Draft {
    entry(DispatchReleased { dispatch, claim, cause }, DraftBody::None)
}
