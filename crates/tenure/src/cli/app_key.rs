//! `tenure app-key`: the keys other apps sign their decisions with (`APR-6`).

mod file;

pub(super) use file::AppKeyFile;

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;
use tenure_contract::resource::{AppKey, Page, RegisterAppKey};
use tenure_engine::Motion;

/// Makes, registers, lists and revokes the keys other apps sign their decisions with.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure app-key new desk --out key.json       # in the other app; prints the public key\n  tenure app-key register desk 6f0c…           # here: decisions of `desk` signed so are taken\n  tenure app-key ls\n  tenure app-key revoke 1f2e…\n\nThe key file stays with the app (mode 0600); only the public key goes elsewhere."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a key pair in a new file; needs no server.
    New {
        /// The product of the app it is for.
        product: String,
        /// The file; one that is there is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Takes decisions of a product that are signed with that key.
    Register {
        /// The product.
        product: String,
        /// The Ed25519 public key, 64 hex digits.
        public_key: String,
    },
    /// Lists them, the newest first.
    Ls,
    /// Takes nothing more that is signed with it.
    Revoke {
        /// The key's short name.
        kid: String,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match &args.what {
        What::New { product, out } => {
            let made = AppKeyFile::make(product, out)?;
            if cx.json {
                println_json(
                    &json!({ "productId": made.product_id, "kid": made.kid, "publicKey": made.public_key }),
                );
            } else {
                outln(&made.public_key);
                eprintln!("{} of {product}; its secret half is in {}", made.kid, out.display());
            }
            return Ok(Exit::Done);
        }
        What::Ls => Motion::Still,
        What::Register { .. } | What::Revoke { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let client = &connection.client;
    let done = match args.what {
        What::New { .. } => Ok(()),
        What::Register { product: product_id, public_key } => {
            let wanted = RegisterAppKey { product_id, public_key };
            client.post("/v1/app-keys", &wanted).await.map(|key| registered(cx, &key))
        }
        What::Ls => client.every("/v1/app-keys").await.map(|page| listed(cx, &page)),
        What::Revoke { kid } => client.delete(&format!("/v1/app-keys/{kid}")).await.map(|()| {
            if cx.json {
                println_json(&json!({ "kid": kid, "status": "disabled" }));
            } else {
                outln(&format!("{kid} revoked"));
            }
        }),
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn registered(cx: &Cx, key: &AppKey) {
    if cx.json {
        return println_json(key);
    }
    outln(&format!("{}  {}  {}", key.kid, key.product_id, key.status));
}

fn listed(cx: &Cx, page: &Page<AppKey>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|key| {
        let AppKey { kid, product_id, public_key, status, created_at, .. } = key;
        vec![
            kid.clone(),
            product_id.clone(),
            status.to_string(),
            created_at.to_string(),
            public_key.clone(),
        ]
    });
    outln(&table(&["key", "product", "status", "registered", "public key"], rows));
}
