//! `tenure workspace`: the workspaces of a tenant.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{CreateWorkspace, MoveWorkspace, Page, Workspace};
use tenure_contract::words::{WorkspaceKind, WorkspaceStatus};
use tenure_contract::{ProjectId, WorkspaceId};
use tenure_engine::Motion;

/// Makes and lists workspaces, and says how they stand.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure workspace create worktree --project prj_… --ref main\n  tenure workspace set wsp_… ready\n  tenure workspace ls"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a workspace.
    Create {
        /// Where it lies: `cloud`, `worktree` or `local`.
        kind: WorkspaceKind,
        /// Its project.
        #[arg(long)]
        project: Option<ProjectId>,
        /// The branch or other reference it is at.
        #[arg(long = "ref")]
        reference: Option<String>,
        /// The commit it began from.
        #[arg(long)]
        base_commit: Option<String>,
    },
    /// Lists workspaces.
    Ls,
    /// Says how a workspace stands.
    Set {
        /// The workspace.
        workspace: WorkspaceId,
        /// `provisioning`, `ready` or `error`.
        status: WorkspaceStatus,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = if matches!(args.what, What::Ls) { Motion::Still } else { Motion::Live };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let tell = |workspace: Workspace| match cx.json {
        true => println_json(&workspace),
        false => outln(&format!("{}  {}", workspace.workspace_id, workspace.status)),
    };
    let done = match args.what {
        What::Create { kind, project: project_id, reference, base_commit } => {
            let wanted = CreateWorkspace { project_id, kind, reference, base_commit };
            client.post("/v1/workspaces", &wanted).await.map(tell)
        }
        What::Ls => client.every("/v1/workspaces").await.map(|page| listed(cx, &page)),
        What::Set { workspace, status } => {
            let path = format!("/v1/workspaces/{workspace}");
            client.patch(&path, &MoveWorkspace { status }).await.map(tell)
        }
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn listed(cx: &Cx, page: &Page<Workspace>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|workspace| {
        vec![
            workspace.workspace_id.to_string(),
            workspace.kind.to_string(),
            workspace.status.to_string(),
            workspace.project_id.map(|project| project.to_string()).unwrap_or_default(),
            workspace.reference.clone().unwrap_or_default(),
        ]
    });
    outln(&table(&["workspace", "kind", "status", "project", "ref"], rows));
}
