//! What a token asks, shown only once its signature holds against the keys its server published.

use super::token;
use crate::cli::{Cx, Exit, Failure, outln, println_json};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use std::path::{Path, PathBuf};
use tenure_contract::export::key_id;
use tenure_contract::resource::SigningKeys;
use tenure_contract::token::{HANDED_TYPE, HandedApproval};
use tenure_contract::{Code, Error};
use tenure_core::token::{instant, open};
use tenure_engine::{Clock, Motion};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The token: a file, `-` for standard input, or the token itself.
    token: String,
    #[command(flatten)]
    trusted: Trusted,
    /// The product of this app: a token for another one is refused.
    #[arg(long = "for", value_name = "PRODUCT")]
    product: Option<String>,
}

/// What a token's signature is held against.
#[derive(Debug, clap::Args)]
pub(super) struct Trusted {
    /// The keys the server signs with, as `tenure approvals keys` prints them; those of the server of `--data` when nothing is
    /// said.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

pub(super) async fn run(cx: &Cx, args: &Args) -> Result<Exit, Failure> {
    let keys = args.trusted.read(cx).await?;
    let asked = opened(&token(&args.token)?, &keys, args.product.as_deref())?;
    if cx.json {
        println_json(&asked);
    } else {
        tell(&asked);
    }
    Ok(Exit::Done)
}

impl Trusted {
    pub async fn read(&self, cx: &Cx) -> Result<SigningKeys, Failure> {
        match &self.keys {
            Some(file) => in_file(file),
            None if cx.data.exists() => {
                let connection = cx.connect_existing(Motion::Still).await?;
                let keys = connection.client.get::<SigningKeys>("/v1/signing-keys").await;
                connection.close().await;
                Ok(keys?)
            }
            None => Err(Failure::usage(
                "nothing to check the token with: `--keys FILE` names what `tenure approvals keys` printed at its server",
            )),
        }
    }
}

fn in_file(file: &Path) -> Result<SigningKeys, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("`{shown}` cannot be read: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|why| Failure::usage(format!("`{shown}` is no JSON Web Key Set: {why}")))
}

/// What a token says, if one of these keys signed it, it holds now, and it is for that app.
pub(super) fn opened(
    token: &str,
    keys: &SigningKeys,
    product: Option<&str>,
) -> Result<HandedApproval, Failure> {
    let key = |kid: &str| {
        let found = keys.keys.iter().find(|key| key.kid == kid)?;
        let public: [u8; 32] = BASE64URL.decode(&found.x).ok()?.try_into().ok()?;
        // a name that is not the key's own proves nothing
        (key_id(&public) == kid).then_some(public)
    };
    let (_, asked) = open::<HandedApproval>(token, HANDED_TYPE, Clock::system().now(), key)
        .map_err(|bad| match bad {
            tenure_core::token::BadToken::UnknownKey(kid) => Error::new(
                Code::TokenForged,
                format!("the token is signed with `{kid}`, which is none of the keys its server published"),
            ),
            other => other.into(),
        })?;
    match product {
        Some(product) if asked.aud != product => {
            let told = format!("the token is for `{}`, not for `{product}`", asked.aud);
            Err(Error::new(Code::TokenRetargeted, told).into())
        }
        _ => Ok(asked),
    }
}

fn tell(asked: &HandedApproval) {
    outln(&format!("{}  ({} risk)", asked.action_label, asked.risk));
    let of = |what: &str, id: Option<String>| id.map(|id| format!("  {what} {id}"));
    let about = [
        of("approval", Some(asked.approval.to_string())),
        of("session", Some(format!("{} of product {}", asked.session, asked.product))),
        of("run", asked.run.map(|run| run.to_string())),
        of("task", asked.task.map(|task| task.to_string())),
        of(
            "from",
            asked.dispatch_context.as_ref().map(|context| {
                format!(
                    "{} of {}, {}",
                    context.origin_surface, context.origin_product_id, context.dispatch_mode
                )
            }),
        ),
        of("action", Some(asked.action_digest.to_string())),
        of("for", Some(format!("{}, until {}", asked.aud, instant(asked.exp)))),
        of("return to", Some(asked.return_address.clone())),
    ];
    about.into_iter().flatten().for_each(|line| outln(&line));
}
