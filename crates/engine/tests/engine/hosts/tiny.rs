//! A tiny host: messages in a file of its own, tools from a table, one hand for all work, failures in a
//! list, and a table of which outside name stands for which id.

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use tenure_agent::{BadGrant, Secrets, Tool, ToolCall, ToolFailure, ToolLoader, ToolSpec};
use tenure_contract::agent::{ToolGrant, ToolScope};
use tenure_contract::{Code, Error, TenantId};
use tenure_engine::Host;
use tenure_engine::host::{
    Background, ErrorReports, Failure, IdRegistry, MessageSink, SinkError, ThreadMessage, Wants,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The host: everything it knows lies in one folder.
pub struct TinyHost {
    pub mirror: Arc<Mirror>,
    pub tools: Arc<Table>,
    pub background: Arc<OneHand>,
    pub errors: Arc<Complaints>,
    pub ids: Arc<Names>,
}

impl TinyHost {
    pub fn at(folder: &Path) -> Self {
        Self {
            mirror: Arc::new(Mirror::at(folder)),
            tools: Arc::default(),
            background: Arc::default(),
            errors: Arc::default(),
            ids: Arc::new(Names { table: Mutex::new(folder.join("ids.jsonl")) }),
        }
    }

    pub fn seams(&self) -> Host {
        Host {
            messages: self.mirror.clone(),
            tools: self.tools.clone(),
            background: self.background.clone(),
            errors: self.errors.clone(),
            ids: self.ids.clone(),
        }
    }
}

/// Messages as lines of a file; a line `upto` closes what came together.
pub struct Mirror {
    file: PathBuf,
    breaks: AtomicUsize,
    kept: (Mutex<usize>, Condvar),
}

impl Mirror {
    fn at(folder: &Path) -> Self {
        let already = kept(folder).len();
        Self {
            file: folder.join("messages.jsonl"),
            breaks: AtomicUsize::new(0),
            kept: (Mutex::new(already), Condvar::new()),
        }
    }

    /// The next times fail.
    pub fn break_times(&self, times: usize) {
        self.breaks.store(times, Ordering::Relaxed);
    }

    /// Returns once so many messages are kept.
    pub fn wait_for(&self, count: usize) {
        let (kept, grown) = &self.kept;
        let waited = grown
            .wait_timeout_while(kept.lock().unwrap(), super::LIMIT, |kept| *kept < count)
            .unwrap();
        assert!(!waited.1.timed_out(), "{} of {count} messages", waited.0);
    }
}

impl MessageSink for Mirror {
    fn wants(&self) -> Wants {
        Wants::After(whole_lines(&self.file).1)
    }

    fn keep(&self, messages: &[ThreadMessage], place: u64) -> Result<(), SinkError> {
        let left = self.breaks.load(Ordering::Relaxed);
        if left > 0 {
            self.breaks.store(left - 1, Ordering::Relaxed);
            return Err("the mirror's disk is away".into());
        }
        let mut text = String::new();
        for one in messages {
            let line = json!({
                "place": one.place, "session": one.session.to_string(), "seq": one.seq,
                "role": one.message.role, "content": one.message.content,
            });
            text += &format!("{line}\n");
        }
        text += &format!("{}\n", json!({ "upto": place }));
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        *self.kept.0.lock().unwrap() += messages.len();
        self.kept.1.notify_all();
        Ok(())
    }
}

/// The messages that count: those a line `upto` closes, and after which place they end.
fn whole_lines(file: &Path) -> (Vec<Value>, u64) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let (mut kept, mut open, mut upto) = (Vec::new(), Vec::new(), 0);
    for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        match line["upto"].as_u64() {
            Some(place) => {
                upto = place;
                kept.append(&mut open);
            }
            None => open.push(line),
        }
    }
    (kept, upto)
}

/// What a folder's mirror has kept.
pub fn kept(folder: &Path) -> Vec<Value> {
    whole_lines(&folder.join("messages.jsonl")).0
}

/// Leaves the mirror as a process that died in the middle of its last batch.
pub fn tear(folder: &Path) {
    let file = folder.join("messages.jsonl");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let closed: Vec<usize> = text.match_indices("{\"upto\"").map(|(at, _)| at).collect();
    // back to before the last batch; half of its first line stands
    let [.., before, _] = closed.as_slice() else { return };
    let end = before + text[*before..].find('\n').unwrap() + 1;
    fs::write(&file, &text[..(end + 5).min(text.len())]).unwrap();
    OpenOptions::new().append(true).open(&file).unwrap().write_all(b"\n").unwrap();
}

/// Tools from a table: one, for the sandbox.
#[derive(Default)]
pub struct Table {
    asked: Mutex<Vec<ToolScope>>,
}

impl Table {
    pub fn asked(&self) -> Vec<ToolScope> {
        self.asked.lock().unwrap().clone()
    }
}

impl ToolLoader for Table {
    fn offers(&self, scope: ToolScope) -> Vec<String> {
        match scope {
            ToolScope::Sandbox => vec!["shout".to_owned()],
            ToolScope::Global | ToolScope::Local => Vec::new(),
        }
    }

    fn load(
        &self,
        scope: ToolScope,
        grant: &ToolGrant,
        _: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn Tool>, BadGrant> {
        self.asked.lock().unwrap().push(scope);
        let spec = ToolSpec::named(&grant.builtin, "says it louder");
        Ok(Arc::new(Shout { spec, times: Arc::default() }))
    }
}

struct Shout {
    spec: ToolSpec,
    times: Arc<AtomicUsize>,
}

impl Tool for Shout {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(&self, _: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let times = self.times.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(std::future::ready(Ok(json!({ "shouted": times }))))
    }
    fn dispose(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        let told = ToolFailure::Refused { message: "it still echoes".to_owned() };
        Box::pin(std::future::ready(Err(told)))
    }
}

/// Does all work with one hand: one task of the runtime takes turns with everything.
#[derive(Default)]
pub struct OneHand {
    work: OnceLock<UnboundedSender<BoxFuture<'static, ()>>>,
    taken: AtomicUsize,
    busy: Arc<(AtomicUsize, AtomicUsize)>,
}

impl OneHand {
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
    /// How many pieces of work were ever moved at the same moment.
    pub fn at_once_max(&self) -> usize {
        self.busy.1.load(Ordering::Relaxed)
    }
}

impl Background for OneHand {
    fn schedule(&self, runtime: &Handle, task: BoxFuture<'static, ()>) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let work = self.work.get_or_init(|| {
            let (sender, mut coming) = unbounded_channel();
            runtime.spawn(async move {
                let mut under_way = FuturesUnordered::new();
                loop {
                    tokio::select! {
                        biased;
                        Some(task) = coming.recv() => under_way.push(task),
                        Some(()) = under_way.next() => {}
                        else => return,
                    }
                }
            });
            sender
        });
        let busy = self.busy.clone();
        let mut task = task;
        let counted = std::future::poll_fn(move |cx| {
            let now = busy.0.fetch_add(1, Ordering::Relaxed) + 1;
            busy.1.fetch_max(now, Ordering::Relaxed);
            let polled = task.as_mut().poll(cx);
            busy.0.fetch_sub(1, Ordering::Relaxed);
            polled
        });
        // a hand that is gone belongs to a runtime that is
        let _ = work.send(Box::pin(counted));
    }
}

/// Failures, as a list.
#[derive(Default)]
pub struct Complaints {
    told: Mutex<Vec<String>>,
}

impl Complaints {
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl ErrorReports for Complaints {
    fn report(&self, failure: &Failure) {
        self.told.lock().unwrap().push(failure.to_string());
    }
}

/// Which id an outside name stands for: a line each, on disk before it is told.
pub struct Names {
    table: Mutex<PathBuf>,
}

impl Names {
    fn lines(table: &Path) -> Vec<Value> {
        let text = fs::read_to_string(table).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The name an id was given for.
    pub fn key_of(&self, id: [u8; 16]) -> Option<String> {
        let table = self.table.lock().unwrap();
        let lines = Self::lines(&table);
        let line = lines.iter().find(|line| line["id"] == json!(id))?;
        line["key"].as_str().map(str::to_owned)
    }

    /// From now on its table cannot be written.
    pub fn lose_table(&self) {
        let mut table = self.table.lock().unwrap();
        *table = table.parent().unwrap().join("nowhere").join("ids.jsonl");
    }
}

impl IdRegistry for Names {
    fn id_of(&self, tenant: TenantId, kind: &str, key: &str) -> Result<[u8; 16], Error> {
        let table = self.table.lock().unwrap();
        let lines = Self::lines(&table);
        let whose = json!(tenant.bytes());
        let known = lines
            .iter()
            .find(|line| line["tenant"] == whose && line["kind"] == kind && line["key"] == key);
        if let Some(known) = known {
            return Ok(serde_json::from_value(known["id"].clone()).unwrap());
        }
        let mut id = [7; 16];
        id[8..].copy_from_slice(&(lines.len() as u64 + 1).to_be_bytes());
        let line = json!({ "tenant": whose, "kind": kind, "key": key, "id": id });
        let written = OpenOptions::new().create(true).append(true).open(&*table).and_then(
            |mut file: File| {
                file.write_all(format!("{line}\n").as_bytes())?;
                file.sync_data()
            },
        );
        let refused =
            |why| Error::new(Code::StoreUnavailable, format!("`{}`: {why}", table.display()));
        written.map(|()| id).map_err(refused)
    }
}
