//! Samples of what executors do.

use super::{dispatch, run};
use crate::vectors::source::Source;
use tenure_contract::event::*;
use tenure_contract::words::{
    ExecutionTarget, ExecutorKind, LossCause, RecoveryClass, ReleaseCause,
};
use tenure_contract::{Event, ExecutorId};

/// The ways of being lost there were before a lease could be: the samples are what they were.
pub(super) const LOSSES_BEFORE: &[LossCause] = LossCause::ALL.split_at(5).0;

/// What executors added to events that were there before them; none for any other.
pub(super) fn added(number: u16, s: &mut Source) -> Option<Event> {
    let added = match super::event(number, s)? {
        Event::RunSubmitted(before) => {
            RunSubmitted { remote: Some(Box::new(remote(s))), ..before }.into()
        }
        Event::DispatchReceived(before) => DispatchReceived {
            target: Some(s.word(ExecutionTarget::ALL)),
            class: Some(s.word(RecoveryClass::ALL)),
            ..before
        }
        .into(),
        Event::StepInDoubt(before) => StepInDoubt { cause: LossCause::Lease, ..before }.into(),
        _ => return None,
    };
    Some(added)
}

fn remote(s: &mut Source) -> RemoteWork {
    RemoteWork {
        dispatch: dispatch(s),
        executor: executor(s),
        claim: s.number(),
        lease_ms: s.number(),
        class: s.word(RecoveryClass::ALL),
        target: s.word(ExecutionTarget::ALL),
        user: s.text("ada"),
        product: s.text("cowork"),
    }
}

fn executor(s: &mut Source) -> ExecutorId {
    ExecutorId::from_bytes(s.bytes16())
}

pub(super) fn event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        104 => DispatchClaimed {
            dispatch: dispatch(s),
            executor: executor(s),
            claim: s.number(),
            lease_ms: s.number(),
        }
        .into(),
        108 => DispatchReleased {
            dispatch: dispatch(s),
            claim: s.number(),
            cause: s.word(ReleaseCause::ALL),
        }
        .into(),
        140 => ExecutorRegistered {
            executor: executor(s),
            name: s.text("desk"),
            kind: s.word(ExecutorKind::ALL),
            principal: s.text("worker:desk"),
            user: s.option(|s| s.text("ada")),
        }
        .into(),
        141 => ExecutorRevoked { executor: executor(s) }.into(),
        142 => RunClaimed {
            run: run(s),
            executor: executor(s),
            claim: s.number(),
            lease_ms: s.number(),
        }
        .into(),
        143 => {
            RunReleased { run: run(s), claim: s.number(), cause: s.word(ReleaseCause::ALL) }.into()
        }
        _ => return None,
    })
}
