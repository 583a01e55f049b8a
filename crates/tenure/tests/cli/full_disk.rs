//! The real binary where its files may not grow: the kernel refuses the write, as on a full disk.

use super::desk::{Desk, HELLO, Server, client, text};
use serde_json::{Value, json};
use std::process::Command;

/// The most any file may hold: the write-ahead file as it is kept allocated, and a little more.
const FILE_BLOCKS: &str = "18000";
/// A task of so many bytes is a row of the log, no file of its own.
const TASK_BYTES: usize = 200_000;
/// As many tasks never fit.
const TASKS_MAX: usize = 1_000;

/// The binary under a limit on the size of files; blocks are of 512 bytes. Without the trap the
/// kernel would end it by a signal instead of refusing its write.
fn limited(desk: &Desk, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    command
        .args(["-c", script, "sh", FILE_BLOCKS, env!("CARGO_BIN_EXE_tenure")])
        .args(args)
        .current_dir(desk.path("."))
        .env_remove("TENURE_DATA")
        .env_remove("RUST_BACKTRACE");
    command
}

/// What a request came to: its status and its body.
type Answer = (u16, Value);

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn large_task() -> Value {
    json!({ "agent": { "name": "clerk", "task": "x".repeat(TASK_BYTES) } })
}

/// Submits runs until one is refused; what was acknowledged, and the refusal.
async fn fill(server: &Server) -> (Vec<Value>, Answer) {
    let client = client();
    let runs = format!("{}/v1/runs", server.endpoint);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < TASKS_MAX {
        match answer(client.post(&runs).json(&large_task())).await {
            (200..300, run) => acknowledged.push(run),
            refused => return (acknowledged, refused),
        }
    }
    panic!("{TASKS_MAX} tasks fitted");
}

/// What was acknowledged is read, but for runs whose commit was refused behind entries the lists have
/// no room for: those say so, at once.
async fn is_readable(server: &Server, acknowledged: &[Value]) {
    let client = client();
    let mut refused = 0;
    for run in acknowledged {
        let path = format!("{}/v1/runs/{}", server.endpoint, text(run, "runId"));
        match answer(client.get(path)).await {
            (200, seen) => assert_eq!(seen["runId"], run["runId"], "{seen:#}"),
            (status, told) => {
                let code = text(&told, "code");
                let says_so = ["store-unavailable", "settle-lag"].contains(&code.as_str());
                assert!(status == 503 && says_so, "{told:#}");
                refused += 1;
            }
        }
    }
    assert!(refused <= 3, "{refused} of {} are not read", acknowledged.len());
}

async fn is_all_there(server: &Server, acknowledged: &[Value]) {
    let client = client();
    for run in acknowledged {
        let path = format!("{}/v1/runs/{}", server.endpoint, text(run, "runId"));
        let (status, seen) = answer(client.get(path)).await;
        assert_eq!((status, &seen["runId"]), (200, &run["runId"]), "{seen:#}");
    }
}

async fn it_reads_on_and_refuses_on(server: &Server) {
    let client = client();
    let (status, _) = answer(client.get(format!("{}/healthz", server.endpoint))).await;
    assert_eq!(status, 200);
    // however often it is asked, it is the same refusal, and the process lives
    for _ in 0..3 {
        let request = client.post(format!("{}/v1/runs", server.endpoint)).json(&large_task());
        let (status, told) = answer(request).await;
        assert_eq!((status, &told["code"]), (507, &json!("storage-full")), "{told:#}");
    }
}

#[test]
fn log_4_a_server_whose_disk_is_full_says_so_reads_on_and_loses_nothing() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.work().is(0, &[]);
    let mut server = Desk::started(limited(&desk, &["serve", "--json", "--listen", "127.0.0.1:0"]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (acknowledged, (status, told)) = runtime.block_on(fill(&server));
    assert_eq!((status, &told["code"]), (507, &json!("storage-full")), "{told:#}");
    assert!(text(&told, "detail").contains("nothing of the call was kept, free some space"));
    assert!(acknowledged.len() > 10, "only {} tasks fitted", acknowledged.len());
    runtime.block_on(is_readable(&server, &acknowledged));
    runtime.block_on(it_reads_on_and_refuses_on(&server));
    let told = desk.run(&["run", "-a", "clerk", &"x".repeat(100_000)]);
    assert_ne!(told.status, 0);
    assert!(
        told.err.contains("the disk is full") && told.err.contains("free some space"),
        "{}",
        told.err
    );
    server.kill();

    // still without room, a command that would own the directory says what to do and changes nothing
    let told = limited(&desk, &["run", "-a", "agent.toml", "go on"]).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(!told.status.success());
    assert!(said.contains("the disk is full") && said.contains("free some space"), "{said}");
    assert!(!said.contains("panicked"), "{said}");

    let server = desk.serve();
    runtime.block_on(is_all_there(&server, &acknowledged));
    for run in acknowledged.iter().rev().take(3) {
        let ended = desk.run(&["resume", &text(run, "sessionId"), "--json"]).is(0, &[]).json();
        assert_eq!((&ended["runId"], &ended["status"]), (&run["runId"], &json!("completed")));
    }
    let last = text(acknowledged.last().unwrap(), "sessionId");
    desk.run(&["export", &last, "-o", "s.jsonl"]).is(0, &[]);
    desk.run(&["verify", "s.jsonl"]).is(0, &[]);
    desk.work().is(0, &[]);
}

/// A library that is loaded before the system's own and lets flushes of one kind of file fail.
const FAILING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int fails(int fd) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    const char *when = getenv("FLUSHES_FAIL_WHILE");
    return strstr(name, "log-000001.db-wal") && when && access(when, F_OK) == 0;
}
int fdatasync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
int fsync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
"#;

/// Links the binary's flushes to ones that fail while the file `broken` is there.
#[cfg(target_os = "linux")]
fn with_a_failing_disk(desk: &Desk) -> Command {
    desk.write("failing.c", FAILING);
    let library = desk.path("failing.so");
    let made = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(desk.path("failing.c"))
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(made.success());
    let mut command = desk.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", library).env("FLUSHES_FAIL_WHILE", desk.path("broken"));
    command
}

#[test]
#[cfg(target_os = "linux")]
fn log_4_a_flush_that_fails_ends_the_process_and_acknowledges_nobody() {
    let desk = Desk::new();
    desk.agent("", HELLO);
    desk.work().is(0, &[]);
    let mut command = with_a_failing_disk(&desk);
    command.stderr(std::process::Stdio::piped());
    let mut server = Desk::started(command);
    let acknowledged = desk.work().is(0, &[]).json();
    desk.write("broken", "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = client();
    let task = json!({ "agent": { "name": "clerk", "task": "never" } });
    let request = client.post(format!("{}/v1/runs", server.endpoint)).json(&task);
    let answered = runtime.block_on(request.send());
    assert!(answered.is_err(), "acknowledged without a flush: {answered:?}");
    assert_eq!(server.child.wait().unwrap().code(), Some(70));
    let mut said = String::new();
    let mut told = server.child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut told, &mut said).unwrap();
    assert!(said.contains("the disk failed") || said.contains("disk I/O error"), "{said}");
    assert!(said.contains("what was acknowledged is safe, start again"), "{said}");
    std::fs::remove_file(desk.path("broken")).unwrap();

    let _server = desk.serve();
    let session = text(&acknowledged, "sessionId");
    let seen = desk.run(&["resume", &session, "--json"]).is(0, &[]).json();
    assert_eq!(seen["status"], "completed");
    desk.run(&["export", &session, "-o", "s.jsonl"]).is(0, &[]);
    desk.run(&["verify", "s.jsonl"]).is(0, &[]);
    desk.work().is(0, &[]);
}
