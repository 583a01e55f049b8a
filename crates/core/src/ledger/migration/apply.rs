//! Folding: what each entry about a migration changes.

use super::{Migration, Migrations, Row, Standing};
use crate::machine::legacy_row::may;
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{MigrationRowsRead, MigrationUsersMapped, RowMove};
use tenure_contract::words::{QuarantineCause, RowStanding};
use tenure_contract::{Entry, Event, MigrationId};

type Applied = Result<(), String>;

impl Migrations {
    /// Folds an entry.
    ///
    /// # Errors
    /// Why it cannot follow.
    pub(in crate::ledger) fn apply(&mut self, entry: &Entry) -> Applied {
        match &entry.event {
            Event::MigrationBegun(event) => {
                let migration = Migration {
                    begun: event.clone(),
                    begun_at: entry.at,
                    users: BTreeMap::new(),
                    rows: Vec::new(),
                    pending: BTreeSet::new(),
                    assigned: BTreeSet::new(),
                    finished: None,
                    places: BTreeMap::new(),
                };
                match self.known.insert(event.migration, migration) {
                    None => Ok(()),
                    Some(_) => Err(format!("migration `{}` was begun already", event.migration)),
                }
            }
            Event::MigrationRowsRead(event) => {
                self.running_mut(event.migration)?.rows_read(event, entry.seq)
            }
            Event::MigrationUsersMapped(event) => {
                self.running_mut(event.migration)?.users_mapped(event);
                Ok(())
            }
            Event::MigrationRowsMoved(event) => {
                let migration = self.running_mut(event.migration)?;
                event.moves.iter().try_for_each(|moved| migration.row_moved(moved))
            }
            Event::MigrationFinished(event) => {
                let migration = self.running_mut(event.migration)?;
                if migration.open() > 0 {
                    return Err(format!("{} rows are open", migration.open()));
                }
                migration.finished = Some((entry.at, event.report.clone()));
                Ok(())
            }
            _ => Err("it is about no migration".to_owned()),
        }
    }

    fn running_mut(&mut self, id: MigrationId) -> Result<&mut Migration, String> {
        let known = self.known.get_mut(&id).filter(|known| known.finished.is_none());
        known.ok_or_else(|| format!("migration `{id}` does not run"))
    }
}

impl Migration {
    fn rows_read(&mut self, event: &MigrationRowsRead, seq: u64) -> Applied {
        let first = self.rows.len() as u64;
        if event.first != first {
            return Err(format!("row {} follows {first} rows", event.first));
        }
        for (line, facts) in (0..).zip(&event.rows) {
            let number = self.rows.len() as u64;
            let refs = facts.refs.iter().map(|named| self.places.get(named).copied()).collect();
            if self.places.insert(facts.row.clone(), number).is_some() {
                return Err(format!("row `{}` was read already", facts.row));
            }
            self.pending.insert(number);
            self.rows.push(Row {
                named: facts.row.clone(),
                user: facts.user.clone(),
                refs,
                given_to: None,
                standing: Standing::Pending,
                seq,
                line,
            });
        }
        Ok(())
    }

    fn users_mapped(&mut self, event: &MigrationUsersMapped) {
        let mapped: BTreeSet<&String> = event.users.iter().map(|mapped| &mapped.user).collect();
        for user in &event.users {
            self.users.insert(user.user.clone(), user.tenant);
        }
        use QuarantineCause::{CrossesTenants, NoDefaultTenant, UnknownUser};
        self.look_again(|row, cause| {
            matches!(cause, UnknownUser | NoDefaultTenant | CrossesTenants)
                && row.user.as_ref().is_some_and(|user| mapped.contains(user))
        });
    }

    /// Rows set aside for a cause that may be gone are decided about anew, and with them those that were set
    /// aside for what they refer to.
    fn look_again(&mut self, may_be_gone: impl Fn(&Row, QuarantineCause) -> bool) {
        for (number, row) in (0..).zip(&mut self.rows) {
            let Standing::Quarantined { cause, .. } = row.standing else { continue };
            if cause == QuarantineCause::ReferenceQuarantined || may_be_gone(row, cause) {
                row.standing = Standing::Pending;
                self.pending.insert(number);
            }
        }
    }

    fn row_moved(&mut self, moved: &RowMove) -> Applied {
        let number = moved.row;
        let place = usize::try_from(number).map_err(|why| why.to_string())?;
        let row = self.rows.get_mut(place).ok_or_else(|| format!("no row {number}"))?;
        let from = row.standing.word();
        if !may(from, moved.to) {
            return Err(format!("row {number} does not go from {from} to {}", moved.to));
        }
        row.standing = standing(row, moved)?;
        self.pending.remove(&number);
        self.assigned.remove(&number);
        match moved.to {
            RowStanding::Pending => {
                row.given_to = moved.tenant;
                if moved.user.is_some() {
                    row.user.clone_from(&moved.user);
                }
                self.pending.insert(number);
                self.look_again(|_, _| false);
            }
            RowStanding::Assigned => drop(self.assigned.insert(number)),
            RowStanding::Backfilled | RowStanding::Quarantined | RowStanding::Discarded => {}
        }
        Ok(())
    }
}

fn standing(row: &Row, moved: &RowMove) -> Result<Standing, String> {
    let lacks = |what: &str| format!("row {} moves without {what}", moved.row);
    Ok(match moved.to {
        RowStanding::Pending => Standing::Pending,
        RowStanding::Assigned => Standing::Assigned(moved.tenant.ok_or_else(|| lacks("a tenant"))?),
        RowStanding::Backfilled => Standing::Backfilled {
            tenant: row.standing.tenant().ok_or_else(|| lacks("a tenant"))?,
            id: moved.id.clone().ok_or_else(|| lacks("an id"))?,
        },
        RowStanding::Quarantined => Standing::Quarantined {
            cause: moved.cause.ok_or_else(|| lacks("a cause"))?,
            told: moved.told.clone(),
        },
        RowStanding::Discarded => Standing::Discarded,
    })
}
