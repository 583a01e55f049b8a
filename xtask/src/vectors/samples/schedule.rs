//! Samples of the kinds of a schedule.

use super::dispatch_received;
use crate::vectors::source::Source;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{DispatchId, ScheduleId, SessionId};

pub(super) fn event(number: u16, s: &mut Source) -> Option<Event> {
    if !(130..140).contains(&number) {
        return None;
    }
    let schedule = ScheduleId::from_bytes(s.bytes16());
    Some(match number {
        130 => ScheduleCreated {
            schedule,
            product: s.text("flow"),
            user: s.text("ada"),
            title: s.text("nightly"),
            session: s.option(|s| SessionId::from_bytes(s.bytes16())),
            missed: s.word(MissedPolicy::ALL),
            request: s.option(Source::digest),
        }
        .into(),
        131 => ScheduleChanged {
            schedule,
            title: s.option(|s| s.text("weekly")),
            missed: s.option(|s| s.word(MissedPolicy::ALL)),
        }
        .into(),
        132 => ScheduleMoved {
            schedule,
            status: s.word(ScheduleStatus::ALL),
            reason: s.option(|s| s.text("nobody needs it")),
        }
        .into(),
        133 => added(schedule, s)?.into(),
        134 => ScheduleEntryMoved { schedule, entry: s.count(), at: s.time() }.into(),
        135 => ScheduleEntryDispatched {
            schedule,
            entry: s.count(),
            dispatch: DispatchId::from_bytes(s.bytes16()),
            due_at: s.option(Source::time),
            late_ms: s.number(),
        }
        .into(),
        136 => ScheduleEntryClosed {
            schedule,
            entry: s.count(),
            status: s.word(ScheduleEntryStatus::ALL),
            reason: s.option(|s| s.text("nobody needs it")),
            late_ms: s.number(),
        }
        .into(),
        _ => return None,
    })
}

fn added(schedule: ScheduleId, s: &mut Source) -> Option<ScheduleEntryAdded> {
    let entry = s.count();
    let mut becomes = Box::new(dispatch_received(s)?);
    becomes.run.scheduled = Some(ScheduledBy { schedule_id: schedule, entry });
    Some(ScheduleEntryAdded {
        schedule,
        entry,
        kind: s.word(ScheduleEntryKind::ALL),
        at: s.option(Source::time),
        becomes,
    })
}
