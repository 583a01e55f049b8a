//! The write-ahead file of the log: kept allocated, begun anew before it grows, copied as it fills.
//!
//! A flush that also has to record a longer file costs about twice one that overwrites, so a lone
//! commit should never grow the file. Three things see to that: the file is filled with zeros up to
//! [`WARM_BYTES`] when it is opened; a small batch that would grow it begins it anew instead; and
//! once it is allocated it is never cut. SQLite takes zeros after its last frame for the end.
//!
//! Beginning anew takes that everything in it is in the database, and commits wait for it. A thread
//! copies beside them, so that little is left to wait for.

use crate::connect;
use crate::directory::bytes_of;
use crate::failure::{self, reading, writing};
use rusqlite::Connection;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tenure_contract::limits::WAL_RESTART_BYTES;
use tenure_store::StoreError;

/// The write-ahead file is at least this long once the store is open.
const WARM_BYTES: u64 = 8 * 1024 * 1024;
/// A batch of up to so many entries is worth a restart before it grows the file.
const SMALL_BATCH_ENTRIES: usize = 16;
/// Room a small batch may need.
const HEADROOM_BYTES: u64 = 128 * 1024;
/// An idle log is checkpointed when so much of its write-ahead file is not in the database.
const IDLE_CHECKPOINT_BYTES: u64 = 1024 * 1024;
/// One that is never idle is when it is so much.
const BUSY_CHECKPOINT_BYTES: u64 = 2 * 1024 * 1024;
/// The log is idle when nothing was committed for this long.
const IDLE_MS: u64 = 25;
/// When readers kept a restart from happening, it is tried again after this much more.
const RESTART_AGAIN_BYTES: u64 = 1024 * 1024;

const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// What is known of the write-ahead file, shared by the writer and the checkpointing thread.
pub(super) struct Wal {
    path: PathBuf,
    /// Frames in use after the last commit, as SQLite told the hook.
    frames: Arc<AtomicU64>,
    /// How many of them the thread has seen to: they are in the database, or a reader keeps them.
    seen: AtomicU64,
    frame_bytes: u64,
    bytes_max: AtomicU64,
    commits: AtomicU64,
    /// The file is allocated and written up to here.
    warm_bytes: AtomicU64,
    /// The use at which a restart is tried at the latest.
    restart_bytes: AtomicU64,
    /// Held while either connection checkpoints: a restart waits for the thread's checkpoint, which
    /// does most of its work, instead of being refused by it.
    checkpointing: Mutex<()>,
    idle: Idle,
}

#[derive(Default)]
struct Idle {
    /// The writer is between the beginning and the end of a batch.
    writing: AtomicBool,
    wanted: AtomicBool,
    /// It is wanted without waiting for an idle moment.
    urgent: AtomicBool,
    stopped: Mutex<bool>,
    bell: Condvar,
}

impl Idle {
    fn stopped(&self) -> MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Under the lock, or the thread could miss it between looking and waiting.
    fn ring(&self) {
        let _stopped = self.stopped();
        self.bell.notify_one();
    }
}

impl Wal {
    /// Follows the writer's commits. Also takes automatic checkpoints off the connection.
    pub(super) fn follow(connection: &mut Connection, path: &Path) -> Result<Self, StoreError> {
        let page_bytes: u64 = connect::pragma(connection, "page_size")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(reading)?;
        let frames = Arc::new(AtomicU64::new(0));
        let told = frames.clone();
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            told.store(u64::from(pages.unsigned_abs()), Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(reading)?;
        Ok(Self {
            path: path.to_owned(),
            frames,
            seen: AtomicU64::new(0),
            frame_bytes: page_bytes + FRAME_HEADER_BYTES,
            bytes_max: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            warm_bytes: AtomicU64::new(bytes_of(path)),
            restart_bytes: AtomicU64::new(WAL_RESTART_BYTES),
            checkpointing: Mutex::default(),
            idle: Idle::default(),
        })
    }

    /// Writes zeros after the file's end until it is warm. Appending cannot overwrite a frame, and
    /// SQLite overwrites zeros as it does frames of an earlier round.
    pub(super) fn warm(&self) -> Result<(), StoreError> {
        let missing = WARM_BYTES.saturating_sub(bytes_of(&self.path));
        let fill = || {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            // piece by piece: what is taken here at once is resident for long
            io::copy(&mut io::repeat(0).take(missing), &mut file)?;
            file.sync_all()
        };
        if missing > 0 {
            fill().map_err(|error| failure::files("extend the write-ahead file", &error))?;
        }
        self.warm_bytes.store(bytes_of(&self.path), Relaxed);
        Ok(())
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max.load(Relaxed)
    }
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }
    fn used_bytes(&self) -> u64 {
        HEADER_BYTES + self.frames.load(Relaxed) * self.frame_bytes
    }

    /// Told by the writer before and after every batch, whatever becomes of it.
    pub(super) fn writing(&self, is_writing: bool) {
        self.idle.writing.store(is_writing, Relaxed);
    }

    /// Told by the writer after every commit.
    pub(super) fn committed(&self) {
        let used = self.used_bytes();
        self.commits.fetch_add(1, Relaxed);
        self.bytes_max.fetch_max(used, Relaxed);
        self.warm_bytes.fetch_max(used, Relaxed);
        let left = self.left_bytes();
        let is_wanted = |at: u64, told: &AtomicBool| left >= at && !told.swap(true, Relaxed);
        let is_new = is_wanted(IDLE_CHECKPOINT_BYTES, &self.idle.wanted);
        if is_wanted(BUSY_CHECKPOINT_BYTES, &self.idle.urgent) || is_new {
            self.idle.ring();
        }
    }

    /// What nobody has seen to yet.
    fn left_bytes(&self) -> u64 {
        let frames = self.frames.load(Relaxed);
        let seen = self.seen.load(Relaxed);
        // SQLite begins a file anew that is copied whole; what was seen to then is over
        if frames < seen {
            self.seen.store(0, Relaxed);
            return frames * self.frame_bytes;
        }
        (frames - seen) * self.frame_bytes
    }

    /// Whether the file should be begun anew before a batch of so many entries.
    pub(super) fn is_restart_due(&self, entries: usize) -> bool {
        let used = self.used_bytes();
        let would_grow = used + HEADROOM_BYTES > self.warm_bytes.load(Relaxed);
        let limit = self.restart_bytes.load(Relaxed);
        used >= limit
            || (would_grow && entries <= SMALL_BATCH_ENTRIES && limit == WAL_RESTART_BYTES)
    }

    /// Copies everything into the database through the writer's connection. Readers may keep the
    /// file from being begun anew; it is then tried again a little later.
    pub(super) fn restart(&self, connection: &Connection) -> Result<(), StoreError> {
        let _alone = connect::lock(&self.checkpointing);
        let sql = "PRAGMA wal_checkpoint(RESTART)";
        let mut statement = connection.prepare_cached(sql).map_err(writing)?;
        let is_held: bool = statement.query_row([], |row| row.get(0)).map_err(writing)?;
        if is_held {
            self.restart_bytes.store(self.used_bytes() + RESTART_AGAIN_BYTES, Relaxed);
        } else {
            self.frames.store(0, Relaxed);
            self.seen.store(0, Relaxed);
            self.restart_bytes.store(WAL_RESTART_BYTES, Relaxed);
        }
        Ok(())
    }
}

/// The thread that checkpoints while nothing is committed, or beside what is when much is left.
pub(super) struct Checkpointer {
    wal: Arc<Wal>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(database: &Path, wal: Arc<Wal>) -> Result<Self, StoreError> {
        let connection = connect::connect(database)?;
        connect::keep_wal(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(reading)?;
        let followed = wal.clone();
        let thread = std::thread::Builder::new()
            .name("tenure-checkpoint".into())
            .spawn(move || run(&connection, &followed))
            .map_err(|error| failure::files("start the checkpointing thread", &error))?;
        Ok(Self { wal, thread: Some(thread) })
    }

    pub(super) fn stop(&mut self) {
        *self.wal.idle.stopped() = true;
        self.wal.idle.ring();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook; nothing depends on its outcome.
            drop(thread.join());
        }
    }
}

fn run(connection: &Connection, wal: &Wal) {
    let idle = &wal.idle;
    let mut stopped = idle.stopped();
    while !*stopped {
        if !idle.wanted.load(Relaxed) {
            stopped = idle.bell.wait(stopped).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let before = wal.commits();
        if !idle.urgent.load(Relaxed) {
            let waited = idle.bell.wait_timeout(stopped, Duration::from_millis(IDLE_MS));
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let is_idle = wal.commits() == before && !idle.writing.load(Relaxed);
        if (is_idle || idle.urgent.load(Relaxed)) && !*stopped {
            drop(stopped);
            let alone = connect::lock(&wal.checkpointing);
            match checkpoint(connection) {
                Ok(seen) => wal.seen.store(seen, Relaxed),
                // nothing is lost: the writer checkpoints too, and what fails there is told
                Err(error) => tracing::warn!(%error, "the log was not checkpointed"),
            }
            drop(alone);
            idle.wanted.store(false, Relaxed);
            idle.urgent.store(false, Relaxed);
            stopped = idle.stopped();
        }
    }
}

/// Copies what it can without making anybody wait; returns how many frames there were.
fn checkpoint(connection: &Connection) -> rusqlite::Result<u64> {
    let frames: i64 =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
    Ok(u64::try_from(frames).unwrap_or(0))
}
