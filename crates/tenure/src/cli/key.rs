//! `tenure key`: API keys, shown once, revocable.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use serde_json::json;
use tenure_contract::resource::{ApiKey, CreateKey, Page};
use tenure_contract::{KeyId, Time};
use tenure_engine::Motion;

/// Makes, lists and revokes API keys.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure key create service:shop --scope 'runs:*' --scope '*:read'\n  tenure key create service:shop --product shop --expires 2027-01-01T00:00:00Z\n  tenure key ls\n  tenure key revoke key_…\n\nOnce a key exists, every caller needs one; verbs beside the server use its owner token."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a key; its text is shown once.
    Create {
        /// Whom it speaks for, as `kind:name`, such as `service:shop`.
        principal: String,
        /// What it may do of what its principal may, such as `runs:write`, `runs:*`, `*:read` or
        /// `*`; all of that when nothing is named.
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// The one product it works for.
        #[arg(long)]
        product: Option<String>,
        /// From then on it is refused, such as `2027-01-01T00:00:00Z`.
        #[arg(long, value_name = "TIME")]
        expires: Option<Time>,
    },
    /// Lists keys, without their texts.
    Ls,
    /// Revokes a key.
    Revoke {
        /// The key.
        key: KeyId,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.what {
        What::Ls => Motion::Still,
        What::Create { .. } | What::Revoke { .. } => Motion::Live,
    };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let done = match args.what {
        What::Create { principal, scopes, product: product_id, expires: expires_at } => {
            let wanted = CreateKey { principal, scopes, product_id, expires_at };
            let made = client.post::<ApiKey>("/v1/keys", &wanted).await;
            made.map(|made| created(cx, &made))
        }
        What::Ls => client.every::<ApiKey>("/v1/keys").await.map(|page| listed(cx, &page)),
        What::Revoke { key } => client.delete(&format!("/v1/keys/{key}")).await.map(|()| {
            if cx.json {
                println_json(&json!({ "keyId": key, "status": "revoked" }));
            } else {
                outln(&format!("{key} revoked"));
            }
        }),
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn created(cx: &Cx, made: &ApiKey) {
    if cx.json {
        println_json(made);
    } else {
        outln(made.key.as_deref().unwrap_or_default());
        eprintln!("{} for {}; this text is not shown again", made.key_id, made.principal);
    }
}

fn listed(cx: &Cx, page: &Page<ApiKey>) {
    if cx.json {
        println_json(page);
        return;
    }
    let rows = page.items.iter().map(|key| {
        vec![
            key.key_id.to_string(),
            key.prefix.clone(),
            key.principal.clone(),
            if key.scopes.is_empty() { "its principal's".to_owned() } else { key.scopes.join(" ") },
            key.product_id.clone().unwrap_or_default(),
            key.expires_at.map(|at| at.to_string()).unwrap_or_default(),
            key.status.clone(),
        ]
    });
    outln(&table(
        &["key", "begins with", "speaks for", "scopes", "product", "expires", "status"],
        rows,
    ));
}
