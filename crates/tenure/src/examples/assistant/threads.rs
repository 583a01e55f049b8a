//! Chat thread and code thread (`SES-4`): the workspace alone decides, null is not absent, and lists tell them
//! apart, with the surface's own filter besides.

use crate::cli::Failure;
use crate::stage::{Server, Summary};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenure_contract::resource::{OpenSession, Page, Session, SessionSummary, Workspace};
use tenure_contract::words::{ExecutionTarget, Surface};
use tenure_contract::{SessionId, WorkspaceId};

/// The product of the assistant's threads.
const PRODUCT: &str = "assistant";

/// The workspace of the code thread, ready.
pub(super) async fn workspace(server: &Server) -> Result<WorkspaceId, Failure> {
    let wanted = json!({ "kind": "local", "ref": "main" });
    let made: Workspace = server.post("/v1/workspaces", &wanted).await?;
    let path = format!("/v1/workspaces/{}", made.workspace_id);
    let ready: Workspace = patched(server, &path, &json!({ "status": "ready" })).await?;
    Ok(ready.workspace_id)
}

/// What opens a thread.
pub(super) fn opening(title: &str, workspace_id: Option<WorkspaceId>) -> OpenSession {
    OpenSession {
        product_id: Some(PRODUCT.to_owned()),
        title: Some(title.to_owned()),
        workspace_id,
        ..OpenSession::default()
    }
}

/// What lists and changes told of the threads.
#[derive(Default)]
pub(super) struct Told {
    /// Lists, each with whether it shows the chat thread, the code thread, and a chat thread in `local`.
    lists: Vec<(&'static str, [bool; 3])>,
    /// The code thread's workspace after a PATCH without one, with null, and with it again.
    patched: Vec<Option<WorkspaceId>>,
}

/// Lists the threads every way, and takes the code thread's workspace away and gives it back.
pub(super) async fn try_all(
    server: &Server,
    [chat, code]: [SessionId; 2],
    workspace: WorkspaceId,
) -> Result<Told, Failure> {
    let local = OpenSession {
        execution_target: Some(ExecutionTarget::Local.to_string()),
        ..opening("chat, at the desk", None)
    };
    let local = server.post::<Session>("/v1/sessions", &local).await?.session_id;
    let threads = [chat, code, local];
    let mut told = Told::default();
    let of_workspace = format!("&workspaceId={workspace}");
    let filters = [
        ("desktop, all", Surface::Desktop, ""),
        ("desktop, without a workspace", Surface::Desktop, "&workspaceId=null"),
        ("desktop, of the workspace", Surface::Desktop, of_workspace.as_str()),
        ("web, all", Surface::Web, ""),
        ("web, without a workspace", Surface::Web, "&workspaceId=null"),
    ];
    for (name, surface, filter) in filters {
        told.lists.push((name, shown(server, surface, filter, threads).await?));
    }
    let path = format!("/v1/sessions/{code}");
    for change in [
        json!({ "title": "code, on main" }),
        json!({ "workspaceId": null }),
        json!({ "workspaceId": workspace }),
    ] {
        let changed: Session = patched(server, &path, &change).await?;
        told.patched.push(changed.workspace);
        if changed.workspace.is_none() {
            let shown = shown(server, Surface::Desktop, "&workspaceId=null", threads).await?;
            told.lists.push(("desktop, without a workspace, after null", shown));
        }
    }
    Ok(told)
}

async fn patched<T: DeserializeOwned>(
    server: &Server,
    path: &str,
    change: &Value,
) -> Result<T, Failure> {
    Ok(server.client().patch(path, change).await?)
}

async fn shown(
    server: &Server,
    surface: Surface,
    filter: &str,
    threads: [SessionId; 3],
) -> Result<[bool; 3], Failure> {
    let path = format!("/v1/sessions?productId={PRODUCT}&limit=200{filter}");
    let page: Page<SessionSummary> = server.client().on(surface).get(&path).await?;
    Ok(threads.map(|thread| page.items.iter().any(|row| row.session_id == thread)))
}

impl Told {
    pub fn claim(&self, workspace: WorkspaceId, summary: &mut Summary) {
        let wanted = [
            ("desktop, all", [true, true, true]),
            ("desktop, without a workspace", [true, false, true]),
            ("desktop, of the workspace", [false, true, false]),
            ("web, all", [true, true, false]),
            ("web, without a workspace", [true, false, false]),
            ("desktop, without a workspace, after null", [true, true, true]),
        ];
        let names = |shows: [bool; 3]| {
            let names = ["chat", "code", "chat in local"].into_iter().zip(shows);
            names.filter(|(_, is_shown)| *is_shown).map(|(name, _)| name).collect::<Vec<_>>()
        };
        for (name, shows) in wanted {
            let found = self.lists.iter().find(|(list, _)| *list == name);
            let found = found.map(|(_, shows)| names(*shows));
            summary.equal(&format!("threads listed ({name})"), found, names(shows));
        }
        summary.equal(
            "the code thread's workspace after a PATCH without one, with null, with it",
            json!(self.patched),
            json!([workspace, null, workspace]),
        );
    }
}
