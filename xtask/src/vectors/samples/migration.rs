//! Samples of what comes from a store without owners.

use super::super::source::Source;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::*;

/// A sample of that kind; none when it is another noun's.
pub fn event(number: u16, s: &mut Source) -> Option<Event> {
    let migration = MigrationId::from_bytes(s.bytes16());
    Some(match number {
        6 => RowBrought {
            migration,
            row: row(s),
            user: s.text("ada"),
            id: s.text("ses_041061050r3gg28a1c60t3gf20"),
            messages: s.number(),
        }
        .into(),
        145 => MigrationBegun {
            migration,
            source: s.text("the old host"),
            rows: s.number(),
            digest: s.digest(),
        }
        .into(),
        146 => MigrationRowsRead { migration, first: s.number(), rows: s.list(facts) }.into(),
        147 => MigrationUsersMapped {
            migration,
            users: s.list(|s| UserMapped { user: s.text("ada"), tenant: s.option(tenant) }),
            reason: s.option(|s| s.text("as the directory says")),
        }
        .into(),
        148 => MigrationRowsMoved {
            migration,
            moves: s.list(moved),
            reason: s.option(|s| s.text("her address stands in it")),
        }
        .into(),
        149 => MigrationFinished { migration, report: report(s) }.into(),
        _ => return None,
    })
}

fn tenant(s: &mut Source) -> TenantId {
    TenantId::from_bytes(s.bytes16())
}

fn row(s: &mut Source) -> LegacyRef {
    LegacyRef { kind: s.word(LegacyKind::ALL), id: s.text("17") }
}

fn facts(s: &mut Source) -> LegacyFacts {
    LegacyFacts { row: row(s), user: s.option(|s| s.text("ada")), refs: s.list(row) }
}

fn moved(s: &mut Source) -> RowMove {
    RowMove {
        row: s.number(),
        to: s.word(RowStanding::ALL),
        tenant: s.option(tenant),
        user: s.option(|s| s.text("ada")),
        id: s.option(|s| s.text("ses_041061050r3gg28a1c60t3gf20")),
        cause: s.option(|s| s.word(QuarantineCause::ALL)),
        told: s.option(|s| s.text("the tenant has another agent `helper`; rename this one")),
    }
}

fn report(s: &mut Source) -> MigrationReport {
    let kind = |s: &mut Source| KindReport {
        kind: s.word(LegacyKind::ALL),
        pending: s.number(),
        assigned: s.number(),
        backfilled: s.number(),
        quarantined: s.number(),
        discarded: s.number(),
    };
    let cause =
        |s: &mut Source| CauseReport { cause: s.word(QuarantineCause::ALL), rows: s.number() };
    MigrationReport { kinds: s.list(kind), quarantine: s.list(cause) }
}
