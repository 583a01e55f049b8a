//! SIGKILL of the real binary while it settles: between an acknowledgement and the lists that show it,
//! and in the midst of the COMMIT that makes the lists anew.
//!
//! What is left on disk tells where each kill fell; a round that missed is made again. With
//! `TENURE_SLOW=1` there are more rounds.

use super::desk::{Desk, Server, client};
use futures::StreamExt as _;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::fs;

/// Kills that must fall where they are meant to.
const HITS: usize = 2;
const SLOW_HITS: usize = 20;
/// Rounds after which a machine that never hits is told so.
const ROUNDS_MAX: usize = 200;
/// Sessions of one round, and requests under way at once.
const SESSIONS: usize = 400;
const IN_FLIGHT: usize = 64;

fn hits_wanted() -> usize {
    let slow = std::env::var_os("TENURE_SLOW").is_some_and(|slow| slow == "1");
    if slow { SLOW_HITS } else { HITS }
}

/// Numbers by seed (an LCG of Knuth's), so that a round can be told by its number.
fn drawn(seed: usize, below: u64) -> u64 {
    let mixed = (seed as u64 + 1).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
    (mixed >> 33) % below.max(1)
}

async fn opened(client: reqwest::Client, endpoint: String) -> Option<String> {
    let asked = client.post(format!("{endpoint}/v1/sessions")).json(&json!({})).send().await;
    let session: Value = asked.ok()?.error_for_status().ok()?.json().await.ok()?;
    session["sessionId"].as_str().map(str::to_owned)
}

/// Opens sessions and lets the server be killed once it has acknowledged `kill_after` of them and says
/// that some are not in the lists yet. Answers with what was acknowledged.
async fn flood(server: &mut Server, kill_after: usize) -> Vec<String> {
    let client = client();
    let endpoint = server.endpoint.clone();
    let opening = |_| opened(client.clone(), endpoint.clone());
    let mut answers = futures::stream::iter(0..SESSIONS).map(opening).buffer_unordered(IN_FLIGHT);
    let (mut acknowledged, mut alive) = (Vec::new(), true);
    while let Some(answer) = answers.next().await {
        acknowledged.extend(answer);
        if alive && acknowledged.len() >= kill_after && lags(&client, &endpoint).await {
            server.kill();
            alive = false;
        }
    }
    acknowledged
}

async fn lags(client: &reqwest::Client, endpoint: &str) -> bool {
    let told = client.get(format!("{endpoint}/v1/server")).send().await.unwrap();
    let told: Value = told.json().await.unwrap();
    told["figures"]["settleLag"].as_u64().unwrap() > 0
}

fn read(desk: &Desk, file: &str) -> Connection {
    let path = desk.data().join(file);
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Entries in the log of a directory nobody owns.
fn log_end(desk: &Desk) -> u64 {
    let sql = "SELECT coalesce(max(pos), 0) FROM entry";
    read(desk, "log-000001.db").query_row(sql, [], |row| row.get(0)).unwrap()
}

/// How far its lists reflect the log: entries; none when nothing was ever settled.
fn settled(desk: &Desk) -> Option<u64> {
    let lists = read(desk, "lists.db");
    let row = |row: &rusqlite::Row<'_>| row.get::<_, u64>(0);
    // the segment is above the row's number
    lists.query_row("SELECT position & 0xffffffffff FROM anchor", [], row).ok()
}

/// Every row of every list and of the index, in order; snapshots are kept, not made from the log.
fn lists(desk: &Desk) -> Vec<(String, Vec<Vec<rusqlite::types::Value>>)> {
    let lists = read(desk, "lists.db");
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
               AND name <> 'snapshot' ORDER BY name";
    let names: Vec<String> = lists
        .prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let rows = |name: &String| {
        let mut statement = lists.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY 1")).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    names.iter().map(|name| (name.clone(), rows(name))).collect()
}

fn forget_lists(desk: &Desk) {
    for ending in ["", "-wal", "-shm"] {
        // what is not there need not be removed
        let _ = fs::remove_file(desk.data().join(format!("lists.db{ending}")));
    }
}

/// Starts and stops it once, so that the lists are up to the log.
fn caught_up(desk: &Desk) -> Vec<(String, Vec<Vec<rusqlite::types::Value>>)> {
    assert_eq!(desk.serve().stop(), 0);
    assert_eq!(settled(desk), Some(log_end(desk)));
    lists(desk)
}

/// The lists as a start finds them equal those made from the log alone.
fn equal_a_rebuild(desk: &Desk, round: usize) {
    let found = caught_up(desk);
    forget_lists(desk);
    let rebuilt = caught_up(desk);
    for (found, rebuilt) in found.iter().zip(&rebuilt) {
        assert!(found == rebuilt, "round {round}: `{}` is another one when made anew", found.0);
    }
    assert_eq!(found.len(), rebuilt.len(), "round {round}");
}

fn verified(desk: &Desk, session: &str) {
    desk.run(&["export", session, "-o", "s.jsonl"]).is(0, &[]);
    desk.run(&["verify", "s.jsonl"]).is(0, &[]);
}

#[test]
fn log_4_killed_between_an_acknowledgement_and_its_settling_nothing_is_lost() {
    let desk = Desk::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut acknowledged, mut hits) = (Vec::new(), 0);
    for round in 0..ROUNDS_MAX {
        let mut server = desk.serve();
        let kill_after = 1 + drawn(round, SESSIONS as u64 / 2) as usize;
        acknowledged.extend(runtime.block_on(flood(&mut server, kill_after)));
        drop(server);
        hits += usize::from(settled(&desk) < Some(log_end(&desk)));
        if hits >= hits_wanted() {
            break;
        }
    }
    assert!(
        hits >= hits_wanted(),
        "of {ROUNDS_MAX} kills {hits} fell where entries were unsettled"
    );
    equal_a_rebuild(&desk, ROUNDS_MAX);
    let server = desk.serve();
    let client = client();
    let seen = async |session: &String| {
        let path = format!("{}/v1/sessions/{session}", server.endpoint);
        client.get(path).send().await.unwrap().status().as_u16()
    };
    for session in &acknowledged {
        assert_eq!(runtime.block_on(seen(session)), 200, "{session} was acknowledged");
    }
    acknowledged.iter().rev().take(3).for_each(|session| verified(&desk, session));
}

/// Bytes of the lists' write-ahead file.
fn wal_bytes(desk: &Desk) -> u64 {
    fs::metadata(desk.data().join("lists.db-wal")).map_or(0, |about| about.len())
}

/// Starts a server and kills it once the lists' write-ahead file has this many bytes.
fn killed_at(desk: &Desk, bytes: u64) {
    let mut command = desk.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while wal_bytes(desk) < bytes {
        assert!(child.try_wait().unwrap().is_none(), "the server ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What the write-ahead file holds once a server has made the tables of lists with this content.
fn wal_after_start(desk: &Desk) -> u64 {
    forget_lists(desk);
    let mut server = desk.serve();
    let bytes = wal_bytes(desk);
    server.kill();
    bytes
}

#[test]
fn log_4_killed_in_the_midst_of_a_settle_transaction_the_lists_are_made_again() {
    let empty = Desk::new();
    assert_eq!(empty.serve().stop(), 0);
    let desk = Desk::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut server = desk.serve();
    let acknowledged = runtime.block_on(flood(&mut server, usize::MAX));
    assert_eq!(acknowledged.len(), SESSIONS);
    assert_eq!(server.stop(), 0);
    let expected = caught_up(&desk);
    let (tables, whole) = (wal_after_start(&empty), wal_after_start(&desk));
    assert!(whole > tables, "the lists of {SESSIONS} sessions take no room");
    let mut hits = 0;
    for round in 0..ROUNDS_MAX {
        forget_lists(&desk);
        killed_at(&desk, tables + drawn(round, (whole - tables) / 2));
        // its frames are there and its COMMIT is not: the kill fell inside the transaction
        let inside = settled(&desk).is_none();
        hits += usize::from(inside);
        if inside {
            equal_a_rebuild(&desk, round);
        }
        if hits >= hits_wanted() {
            break;
        }
    }
    assert!(hits >= hits_wanted(), "of {ROUNDS_MAX} kills {hits} fell inside a settle transaction");
    let found = caught_up(&desk);
    let sessions = |lists: &[(String, Vec<Vec<rusqlite::types::Value>>)]| {
        lists.iter().find(|(name, _)| name == "session").map(|(_, rows)| rows.clone())
    };
    assert_eq!(sessions(&found), sessions(&expected));
    verified(&desk, &acknowledged[0]);
}
