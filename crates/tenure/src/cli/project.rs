//! `tenure project`: the projects of a tenant.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{CreateProject, Page, Project};
use tenure_engine::Motion;

/// Makes and lists projects.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tenure project create shop\n  tenure project ls")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a project.
    Create {
        /// Its name.
        name: String,
    },
    /// Lists projects.
    Ls,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = if matches!(args.what, What::Ls) { Motion::Still } else { Motion::Live };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let done = match args.what {
        What::Create { name } => {
            let made = client.post::<Project>("/v1/projects", &CreateProject { name }).await;
            made.map(|made| match cx.json {
                true => println_json(&made),
                false => outln(&made.project_id.to_string()),
            })
        }
        What::Ls => client.every::<Project>("/v1/projects").await.map(|page| listed(cx, &page)),
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn listed(cx: &Cx, page: &Page<Project>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|project| {
        vec![project.project_id.to_string(), project.name.clone(), project.created_at.to_string()]
    });
    outln(&table(&["project", "name", "since"], rows));
}
