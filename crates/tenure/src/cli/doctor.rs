//! `tenure doctor`: looks at the disk, the store and the clock, and says what to do.

use super::print::outln;
use super::{Cx, Exit, Failure, println_json};
use crate::connection::live_owner;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tenure_bench::floor::flush_floor;

/// Flushes that are measured.
const FLOOR_SAMPLES: usize = 200;
/// A faster flush than this does not reach the medium, microseconds.
const FLUSH_TOO_FAST_US: f64 = 5.0;
/// A slower one will be felt, microseconds.
const FLUSH_SLOW_US: f64 = 10_000.0;
/// Less free space than this is an emergency, bytes.
const SPACE_MIN_BYTES: u64 = 512 * 1024 * 1024;
/// No correct clock is before this (2025-01-01), seconds since 1970.
const CLOCK_MIN_S: u64 = 1_735_689_600;

/// Looks at the disk, the store's settings, permissions and the clock, and says what to do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure doctor --data /var/lib/tenure")]
pub(super) struct Args {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
    /// What to do, when it is not.
    #[serde(rename = "do")]
    todo: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, ok: true, found: found.into(), todo: None }
    }
    fn bad(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, ok: false, found: found.into(), todo: Some(todo.into()) }
    }
}

pub(super) async fn run(cx: &Cx, _: Args) -> Result<Exit, Failure> {
    let dir = &cx.data;
    let mut findings = vec![clock()];
    let existing = nearest(dir);
    let (floor, figures) = disk(&existing, &mut findings);
    let mut owner = Value::Null;
    if dir.exists() {
        findings.push(permissions(dir));
        match live_owner(dir).await {
            Some(client) => {
                owner = client.get("/v1/server").await?;
                findings.push(Finding::good(
                    "owner",
                    format!("a server at {} owns it; its files are not opened", client.endpoint()),
                ));
                findings.push(lag(&owner));
                findings.push(memory(&owner));
                findings.push(believed(&owner));
                findings.extend(files_of(&owner));
            }
            None => store(dir, &mut findings),
        }
    } else {
        findings.push(Finding::good(
            "data directory",
            format!("`{}` does not exist yet; the first run makes it", dir.display()),
        ));
    }
    let ok = findings.iter().all(|finding| finding.ok);
    if cx.json {
        println_json(&json!({
            "ok": ok, "data": dir, "flushFloorUs": floor, "flushP99Us": figures, "findings": findings, "owner": owner,
        }));
    } else {
        findings.iter().for_each(tell);
        outln(if ok { "all is well" } else { "something is wrong; see the lines with ✗" });
    }
    Ok(if ok { Exit::Done } else { Exit::CheckFailed })
}

fn tell(finding: &Finding) {
    let mark = if finding.ok { "✓" } else { "✗" };
    outln(&format!("{mark} {:16} {}", finding.check, finding.found));
    if let Some(todo) = &finding.todo {
        outln(&format!("  {:16} → {todo}", ""));
    }
}

/// The directory, or the folder it would be made in.
fn nearest(dir: &Path) -> std::path::PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(dir: &Path, findings: &mut Vec<Finding>) -> (Option<f64>, Option<f64>) {
    findings.push(space(dir));
    match flush_floor(dir, FLOOR_SAMPLES) {
        Ok(floor) => {
            let found = format!(
                "{:.0} µs median, {:.0} µs p99 of {FLOOR_SAMPLES}",
                floor.median_us, floor.p99_us
            );
            findings.push(if floor.median_us < FLUSH_TOO_FAST_US {
                Finding::bad("flush", found, "a flush this fast does not reach the disk (a RAM disk, or write barriers are off); put the data directory on a real one")
            } else if floor.median_us > FLUSH_SLOW_US {
                Finding::bad("flush", found, "every step waits for at least one flush; use a local SSD, not a network file system")
            } else {
                Finding::good("flush", found)
            });
            (Some(floor.median_us), Some(floor.p99_us))
        }
        Err(error) => {
            findings.push(Finding::bad(
                "flush",
                format!("`{}`: {error}", dir.display()),
                "make the directory writable for this user",
            ));
            (None, None)
        }
    }
}

fn space(dir: &Path) -> Finding {
    let free = rustix::fs::statvfs(dir).map(|about| about.f_bavail.saturating_mul(about.f_frsize));
    match free {
        Err(error) => Finding::bad(
            "space",
            format!("`{}`: {error}", dir.display()),
            "make the directory readable for this user",
        ),
        Ok(bytes) if bytes < SPACE_MIN_BYTES => Finding::bad(
            "space",
            format!("{} MiB free", bytes >> 20),
            "free some space: with none left every call is refused, and nothing acknowledged is lost",
        ),
        Ok(bytes) => {
            Finding::good("space", format!("{:.1} GiB free", bytes as f64 / f64::from(1u32 << 30)))
        }
    }
}

fn clock() -> Finding {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |passed| passed.as_secs());
    let shown = tenure_contract::Time::from_micros(seconds * 1_000_000).to_string();
    if seconds < CLOCK_MIN_S {
        return Finding::bad(
            "clock",
            shown,
            "set the machine's clock: approvals and retries wait by it",
        );
    }
    Finding::good("clock", shown)
}

fn permissions(dir: &Path) -> Finding {
    let loose: Vec<String> = ["owner.json", "keys/root", "keys/node"]
        .into_iter()
        .filter(|name| {
            fs::metadata(dir.join(name)).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
        })
        .map(|name| dir.join(name).display().to_string())
        .collect();
    if loose.is_empty() {
        return Finding::good("permissions", "keys and token are for their owner only");
    }
    Finding::bad(
        "permissions",
        format!("others can read {}", loose.join(", ")),
        format!("chmod 600 {}", loose.join(" ")),
    )
}

fn lag(server: &Value) -> Finding {
    let lag = server["figures"]["settleLag"].as_u64().unwrap_or(0);
    let found = format!("{lag} entries not yet in the lists");
    if let Some(refused) = server["figures"]["settleRefused"].as_str() {
        return Finding::bad(
            "lists",
            format!("{found}: {refused}"),
            "nothing acknowledged is lost; free space, or stop the server, remove `lists.db` and start it: it is rebuilt",
        );
    }
    if lag > tenure_contract::limits::SETTLE_LAG_MAX_ENTRIES {
        return Finding::bad(
            "lists",
            found,
            "the disk is too slow for the load; new runs are refused until it catches up",
        );
    }
    Finding::good("lists", found)
}

fn believed(server: &Value) -> Finding {
    match server["clockHeld"].as_str() {
        None => Finding::good("server's clock", "agrees with the machine's and with the entries"),
        Some(held) => Finding::bad(
            "server's clock",
            held,
            "look which is right: set the machine's clock, or restart the server, with `--trust-clock` if the entries are dated wrongly",
        ),
    }
}

fn memory(server: &Value) -> Finding {
    let figure = |name: &str| server["figures"][name].as_u64().unwrap_or(0);
    let (bytes, max) = (figure("residentBytes"), figure("residentMaxBytes"));
    let found = format!(
        "{} journals in memory, about {} of {} MiB, {} let go while they waited",
        figure("residentJournals"),
        bytes >> 20,
        max >> 20,
        figure("evicted")
    );
    if bytes > max {
        let todo = "so many sessions have something under way at once; give the server more with \
                    `serve --resident-max-bytes`, or let fewer work at a time";
        return Finding::bad("memory", found, todo);
    }
    Finding::good("memory", found)
}

/// The files of a live owner, as it reads their settings back itself: nobody else opens them.
fn files_of(server: &Value) -> Vec<Finding> {
    let files = server["figures"]["files"].as_array().into_iter().flatten();
    let finding = |file: &Value| {
        let word = |name: &str| file[name].as_str().unwrap_or("unknown").to_owned();
        let (name, mode, synchronous) = (word("file"), word("journalMode"), word("synchronous"));
        let (check, wanted) = match name.as_str() {
            "lists.db" => ("lists.db", "normal"),
            _ => ("log-000001.db", "full"),
        };
        let wal = file["walBytes"].as_u64().unwrap_or(0) as f64 / f64::from(1u32 << 20);
        let found = format!(
            "journal_mode {mode}, synchronous {synchronous}, write-ahead file {wal:.1} MiB, as its owner reads them back"
        );
        if mode == "wal" && synchronous == wanted {
            return Finding::good(check, found);
        }
        let todo = format!(
            "expected journal_mode wal, synchronous {wanted}; stop the server and start it: it sets both, or says why not"
        );
        Finding::bad(check, found, todo)
    };
    files.map(finding).collect()
}

/// Reads the store's settings back from its files; nobody owns them now.
fn store(dir: &Path, findings: &mut Vec<Finding>) {
    for (name, wanted) in [("log-000001.db", "wal"), ("lists.db", "wal")] {
        let path = dir.join(name);
        if path.exists() {
            findings.push(settings(name, &path, wanted));
        }
    }
}

fn settings(name: &'static str, path: &Path, wanted: &str) -> Finding {
    let todo = match name {
        "lists.db" => format!("remove `{}`: it is derived, and rebuilt from the log at the next start", path.display()),
        _ => "put back a copy of the whole data directory; what the log holds cannot be had from anywhere else".to_owned(),
    };
    let look = || -> rusqlite::Result<(String, String)> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mode: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let check: String = file.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((mode, check))
    };
    match look() {
        Ok((mode, check)) if mode == wanted && check == "ok" => Finding::good(
            name,
            format!(
                "journal_mode {mode}, pages whole; synchronous is set and read back at every start"
            ),
        ),
        Ok((mode, check)) if check == "ok" => Finding::bad(
            name,
            format!("journal_mode {mode}, expected {wanted}"),
            "start a server on it once; it sets the mode, or says why not",
        ),
        Ok((_, check)) => Finding::bad(name, check, todo),
        Err(error) => Finding::bad(name, error.to_string(), todo),
    }
}
