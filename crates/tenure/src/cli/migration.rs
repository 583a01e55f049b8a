//! `tenure migration`: rows of a store without owners come in, each to one tenant.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use clap::Subcommand;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tenure_contract::event::MigrationReport;
use tenure_contract::resource::{
    AssignRow, DiscardRow, LegacyRow, MapUser, Migration, Page, RunMigration,
};
use tenure_contract::words::MigrationStatus;
use tenure_contract::{Digest, MigrationId, TenantId};
use tenure_engine::Motion;

const STEPS: &str = "\
A file of rows has one row a line; docs/format/legacy-rows.md says how it is written.
  tenure migration begin rows.jsonl --source old-host
  tenure migration map mig_… ada ten_… --reason 'as the directory says'
  tenure migration run mig_…                 brings in what has an owner; the rest goes to quarantine
  tenure migration quarantine mig_…          lists it, with causes
  tenure migration assign mig_… session:17 ten_… --user ada --reason 'her address stands in it'
  tenure migration discard mig_… session:18 --reason 'a test'
  tenure migration finish mig_…              from here on no row comes in by it

While it runs a tenant reads its rows by their old ids:
  tenure --tenant ten_… migration row mig_… session:17";

/// Brings rows of a store without owners in, each to its owner's tenant.
#[derive(Debug, clap::Args)]
#[command(after_help = STEPS)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Begins a migration with a file of rows; the same file again is the same migration.
    Begin {
        /// The rows; `-` reads standard input.
        file: PathBuf,
        /// What the store they come from is called; the file's name when nothing is said.
        #[arg(long)]
        source: Option<String>,
    },
    /// Lists migrations.
    Ls,
    /// Shows a migration with what became of its rows.
    Show {
        /// The migration.
        migration: MigrationId,
    },
    /// Says which tenant is a user's; without one, that the user has none.
    Map {
        /// The migration.
        migration: MigrationId,
        /// The user, as the old store names them.
        user: String,
        /// Their default tenant.
        tenant: Option<TenantId>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Brings in what has an owner, batch by batch, until nothing is left to decide.
    Run {
        /// The migration.
        migration: MigrationId,
        /// Rows of one batch.
        #[arg(long, value_name = "ROWS")]
        batch: Option<usize>,
    },
    /// Lists what was set aside, with its causes.
    Quarantine {
        /// The migration.
        migration: MigrationId,
    },
    /// Shows a row of the tenant acted in by its old id; brings it in if it is not there yet.
    Row {
        /// The migration.
        migration: MigrationId,
        /// The row, as `kind:id`.
        row: String,
    },
    /// Gives a row in quarantine its owner.
    Assign {
        /// The migration.
        migration: MigrationId,
        /// The row, as `kind:id`.
        row: String,
        /// The tenant.
        to: TenantId,
        /// The user it is for; the row's own when nothing is said.
        #[arg(long)]
        user: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Gives a row in quarantine up, for good.
    Discard {
        /// The migration.
        migration: MigrationId,
        /// The row, as `kind:id`.
        row: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Ends a migration; refused while rows are neither in their tenant nor in quarantine.
    Finish {
        /// The migration.
        migration: MigrationId,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Ls | Verb::Show { .. } | Verb::Quarantine { .. } => Motion::Still,
        _ => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done
}

async fn perform(cx: &Cx, client: &Client, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Begin { file, source } => begin(cx, client, &file, source).await,
        Verb::Ls => {
            let known: Page<Migration> = client.get("/v1/migrations").await?;
            listed(cx, &known);
            Ok(Exit::Done)
        }
        Verb::Show { migration } => {
            shown(cx, &client.get(&at(migration, "")).await?);
            Ok(Exit::Done)
        }
        Verb::Map { migration, user, tenant, reason } => {
            let request = MapUser { user_id: user, tenant_id: tenant, reason };
            shown(cx, &client.post(&at(migration, "/users"), &request).await?);
            Ok(Exit::Done)
        }
        Verb::Run { migration, batch } => sweep(cx, client, migration, batch).await,
        Verb::Quarantine { migration } => {
            let path = at(migration, "/rows?standing=quarantined&limit=200");
            rows(cx, &client.every(&path).await?);
            Ok(Exit::Done)
        }
        Verb::Row { migration, row } => {
            one(cx, &client.get(&at_row(migration, &row, "")).await?);
            Ok(Exit::Done)
        }
        Verb::Assign { migration, row, to, user, reason } => {
            let request = AssignRow { tenant_id: to, user_id: user, reason };
            one(cx, &client.post(&at_row(migration, &row, "/assign"), &request).await?);
            Ok(Exit::Done)
        }
        Verb::Discard { migration, row, reason } => {
            let request = DiscardRow { reason };
            one(cx, &client.post(&at_row(migration, &row, "/discard"), &request).await?);
            Ok(Exit::Done)
        }
        Verb::Finish { migration } => {
            let nothing = serde_json::json!({});
            shown(cx, &client.post(&at(migration, "/finish"), &nothing).await?);
            Ok(Exit::Done)
        }
    }
}

fn at(migration: MigrationId, rest: &str) -> String {
    format!("/v1/migrations/{migration}{rest}")
}

fn at_row(migration: MigrationId, row: &str, rest: &str) -> String {
    at(migration, &format!("/rows/{}{rest}", in_a_path(row)))
}

/// A text as one segment of a path, or one value of a query.
fn in_a_path(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b':' => {
                path.push(char::from(byte));
            }
            // writing to a text does not fail
            _ => drop(write!(path, "%{byte:02X}")),
        }
        path
    })
}

async fn begin(
    cx: &Cx,
    client: &Client,
    file: &Path,
    source: Option<String>,
) -> Result<Exit, Failure> {
    let text = super::transfer::read(file)?;
    let named = || file.file_name().map(|name| name.to_string_lossy().into_owned());
    let source = source.or_else(named).unwrap_or_else(|| "rows".to_owned());
    let key = Digest::of(&[source.as_bytes(), b"\0", text.as_bytes()]).to_string();
    let path = format!("/v1/migrations?source={}", in_a_path(&source));
    let begun: Migration = client.post_lines_keyed(&path, text, Some(&key)).await?;
    shown(cx, &begun);
    if !cx.json && begun.status == MigrationStatus::Running {
        eprintln!("next: tenure migration run {}", begun.migration_id);
    }
    Ok(Exit::Done)
}

async fn sweep(
    cx: &Cx,
    client: &Client,
    migration: MigrationId,
    batch: Option<usize>,
) -> Result<Exit, Failure> {
    let request = RunMigration { max_rows: batch };
    let mut before = u64::MAX;
    loop {
        let told: Migration = client.post(&at(migration, "/run"), &request).await?;
        if told.open == 0 || told.open >= before {
            shown(cx, &told);
            let is_left = told.open > 0 || !told.report.quarantine.is_empty();
            return Ok(if is_left { Exit::Waiting } else { Exit::Done });
        }
        eprintln!("{} of {} rows are left", told.open, told.rows);
        before = told.open;
    }
}

fn listed(cx: &Cx, known: &Page<Migration>) {
    if cx.json {
        return println_json(known);
    }
    let rows = known.items.iter().map(|one| {
        vec![
            one.migration_id.to_string(),
            one.source.clone(),
            one.status.to_string(),
            one.rows.to_string(),
            one.open.to_string(),
            one.created_at.to_string(),
        ]
    });
    outln(&table(&["migration", "source", "status", "rows", "open", "since"], rows));
}

fn shown(cx: &Cx, one: &Migration) {
    if cx.json {
        return println_json(one);
    }
    let Migration { migration_id, source, status, rows, open, .. } = one;
    outln(&format!("{migration_id}: {rows} rows of {source}, {status}, {open} open"));
    let MigrationReport { kinds, quarantine } = &one.report;
    let lines = kinds.iter().map(|kind| {
        vec![
            kind.kind.to_string(),
            (kind.pending + kind.assigned).to_string(),
            kind.backfilled.to_string(),
            kind.quarantined.to_string(),
            kind.discarded.to_string(),
        ]
    });
    outln(&table(&["kind", "open", "backfilled", "quarantined", "discarded"], lines));
    for told in quarantine {
        outln(&format!("in quarantine for {}: {}", told.cause, told.rows));
    }
}

fn rows(cx: &Cx, page: &Page<LegacyRow>) {
    if cx.json {
        return println_json(page);
    }
    let lines = page.items.iter().map(|row| {
        vec![
            row.row.clone(),
            row.user_id.clone().unwrap_or_default(),
            row.cause.map(|cause| cause.to_string()).unwrap_or_default(),
            row.told.clone().unwrap_or_default(),
        ]
    });
    outln(&table(&["row", "user", "cause", "told"], lines));
}

fn one(cx: &Cx, row: &LegacyRow) {
    if cx.json {
        return println_json(row);
    }
    let place = row.location.as_ref().or(row.id.as_ref());
    let place = place.map(|place| format!(", at {place}")).unwrap_or_default();
    outln(&format!("{} is {}{place}", row.row, row.standing));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_is_one_segment_of_a_path_whatever_stands_in_it() {
        assert_eq!(in_a_path("session:a/1 ?é"), "session:a%2F1%20%3F%C3%A9");
    }
}
