//! `tenure tenant`: the tenants of this server.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::TenantId;
use tenure_contract::resource::{CreateTenant, Page, Tenant};
use tenure_engine::Motion;

/// Makes and lists the tenants of this server.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure tenant create acme\n  tenure tenant ls\n  tenure --tenant ten_… key create user:ada --scope '*'\n\nEvery verb acts in the server's own tenant, or in the one `--tenant` names."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a tenant.
    Create {
        /// Its name.
        name: String,
        /// The id it has on another server, when sessions are to move from or to it.
        #[arg(long, value_name = "TENANT")]
        id: Option<TenantId>,
    },
    /// Lists tenants.
    Ls,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = if matches!(args.what, What::Ls) { Motion::Still } else { Motion::Live };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let done = match args.what {
        What::Create { name, id } => {
            let request = CreateTenant { name, tenant_id: id };
            let made = client.post::<Tenant>("/v1/tenants", &request).await;
            made.map(|made| created(cx, &made))
        }
        What::Ls => client.every::<Tenant>("/v1/tenants").await.map(|page| listed(cx, &page)),
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn created(cx: &Cx, made: &Tenant) {
    if cx.json {
        return println_json(made);
    }
    outln(&made.tenant_id.to_string());
    eprintln!("its first key: tenure --tenant {} key create user:… --scope '*'", made.tenant_id);
}

fn listed(cx: &Cx, page: &Page<Tenant>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|tenant| {
        vec![tenant.tenant_id.to_string(), tenant.name.clone(), tenant.created_at.to_string()]
    });
    outln(&table(&["tenant", "name", "since"], rows));
}
