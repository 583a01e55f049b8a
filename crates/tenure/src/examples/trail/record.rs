//! What is taken along before the server ends: the export, the trail as the server tells it at many
//! entries, and what the server shows of run, task and todos.

use super::Notes;
use crate::cli::{Failure, to_file};
use crate::client::{Client, Fault, Happening};
use crate::examples::evidence::entries;
use crate::stage::{Files, Server, Stage};
use futures::StreamExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use tenure_contract::SessionId;
use tenure_contract::resource::{Page, Run, Task, Todo};

/// The export's name in the folder of the play.
pub(super) const EXPORT: &str = "session.jsonl";
/// The root's public key, which a verifier gets from elsewhere.
pub(super) const ROOT: &str = "root.pub";
/// As many as a turn of an agent may publish.
const PUBLISHED_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

pub(super) struct Record {
    /// The export.
    pub export: PathBuf,
    /// Its entries, in order.
    pub entries: Vec<Happening>,
    /// Entries at which the trails are compared, with the trail as the server told it there.
    pub online: BTreeMap<u64, String>,
    pub run: Run,
    pub task: Task,
    pub todos: Vec<Todo>,
    /// Files the agent published.
    pub published: usize,
}

impl Record {
    pub async fn take(stage: &Stage, server: &Server, notes: &Notes) -> Result<Self, Failure> {
        let (client, session) = (server.client(), notes.session);
        let export = stage.dir().join(EXPORT);
        to_file(&client, session, &export).await?;
        fs::copy(server.data().join("keys/root.pub"), stage.dir().join(ROOT))?;
        let entries = entries(&fs::read_to_string(&export)?);
        let mut online = BTreeMap::new();
        for seq in places(&entries) {
            online.insert(seq, trail(&client, session, seq).await?);
        }
        let todos: Page<Todo> =
            server.get(&format!("/v1/todos?session={session}&limit=200")).await?;
        let workspace = server.data().join("workspaces").join(session.to_string());
        Ok(Self {
            export,
            entries,
            online,
            run: server.get(&format!("/v1/runs/{}", notes.run)).await?,
            task: server.get(&format!("/v1/tasks/{}", notes.task)).await?,
            todos: todos.items,
            published: Files::in_folder(&workspace.join("published"), "md", PUBLISHED_MAX)?.count(),
        })
    }
}

/// The first entry of every kind, and the last one: wherever something new happens.
fn places(entries: &[Happening]) -> BTreeSet<u64> {
    let mut kinds = BTreeSet::new();
    let first = entries.iter().filter(|entry| kinds.insert(entry.kind.as_str()));
    let mut places: BTreeSet<u64> = first.map(|entry| entry.seq).collect();
    places.extend(entries.last().map(|entry| entry.seq));
    places
}

async fn trail(client: &Client, session: SessionId, seq: u64) -> Result<String, Failure> {
    let pieces = client.stream(&format!("/v1/sessions/{session}/trail?seq={seq}")).await?;
    tokio::pin!(pieces);
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend(piece.map_err(Fault::into_error)?);
    }
    String::from_utf8(bytes).map_err(|why| Failure::failed(format!("the trail: {why}")))
}
