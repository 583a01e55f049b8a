//! `tenure principal`: who may act in the tenant, and what they may do.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::PrincipalId;
use tenure_contract::resource::{ChangePrincipal, CreatePrincipal, KnownPrincipal, Page};
use tenure_contract::words::{PrincipalKind, PrincipalStatus};
use tenure_engine::Motion;

/// Makes, lists, changes and disables principals.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure principal create service shop --scope 'runs:*' --scope '*:read'\n  tenure principal ls\n  tenure principal disable prn_…\n\nA disabled principal is refused at once, whatever keys or tokens it has."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a principal.
    Create {
        /// What it is: `user`, `agent`, `worker`, `service` or `system`.
        kind: PrincipalKind,
        /// Its name.
        name: String,
        /// What it may do, such as `runs:write`, `runs:*`, `*:read` or `*`.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
    },
    /// Lists principals.
    Ls,
    /// Sets what a principal may do.
    Scopes {
        /// The principal.
        principal: PrincipalId,
        /// What it may do from now on.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
    },
    /// Refuses everything a principal has, at once.
    Disable {
        /// The principal.
        principal: PrincipalId,
    },
    /// Lets a disabled principal act again.
    Enable {
        /// The principal.
        principal: PrincipalId,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.what {
        What::Ls => Motion::Still,
        What::Create { .. } | What::Scopes { .. } | What::Disable { .. } | What::Enable { .. } => {
            Motion::Live
        }
    };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let status = |status| ChangePrincipal { status: Some(status), ..ChangePrincipal::default() };
    let change = match args.what {
        What::Create { kind, name, scopes } => {
            let wanted = CreatePrincipal { kind, name, scopes };
            let made = client.post("/v1/principals", &wanted).await;
            connection.close().await;
            tell(cx, &made?);
            return Ok(Exit::Done);
        }
        What::Ls => {
            let listed = client.every("/v1/principals").await;
            connection.close().await;
            list(cx, &listed?);
            return Ok(Exit::Done);
        }
        What::Scopes { principal, scopes } => {
            (principal, ChangePrincipal { scopes: Some(scopes), status: None })
        }
        What::Disable { principal } => (principal, status(PrincipalStatus::Disabled)),
        What::Enable { principal } => (principal, status(PrincipalStatus::Active)),
    };
    let changed = client.patch(&format!("/v1/principals/{}", change.0), &change.1).await;
    connection.close().await;
    tell(cx, &changed?);
    Ok(Exit::Done)
}

fn tell(cx: &Cx, principal: &KnownPrincipal) {
    if cx.json {
        return println_json(principal);
    }
    let KnownPrincipal { principal_id, kind, name, scopes, status, .. } = principal;
    outln(&format!("{principal_id}  {kind}:{name}  {status}  {}", scopes.join(" ")));
}

fn list(cx: &Cx, page: &Page<KnownPrincipal>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|known| {
        vec![
            known.principal_id.to_string(),
            format!("{}:{}", known.kind, known.name),
            known.scopes.join(" "),
            known.status.to_string(),
        ]
    });
    outln(&table(&["principal", "who", "scopes", "status"], rows));
}
