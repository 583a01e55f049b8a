//! `tenure verify`: checks an export offline and names the first bad entry.

use super::{Cx, Exit, Failure, outln, println_json};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tenure_contract::TenantId;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::export::Head;
use tenure_core::verify::{Broken, Options, Trust, Unsigned, Verified, verify};

/// Checks an export offline: chain, words, bodies, machine and signature.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure verify session.jsonl\n  tenure verify session.jsonl --head ses_…@41:sha256:… --root \"$(cat root.pub)\"\n\nKeep the head it prints: held against a later export it shows whether anything up to there was taken away.\nThe root key is in `keys/root.pub` of the data directory; get it from its owner, an export's own key proves nothing."
)]
pub(super) struct Args {
    /// The export; `-` reads standard input.
    file: PathBuf,
    /// A head somebody kept: the export must reach it and agree with it.
    #[arg(long, value_name = "HEAD")]
    head: Option<Head>,
    /// The store's root key, hex, or a file that holds it.
    #[arg(long, value_name = "KEY|FILE")]
    root: Option<String>,
    /// The tenant it must belong to.
    #[arg(long)]
    tenant: Option<TenantId>,
}

pub(super) fn run(cx: &Cx, args: &Args) -> Result<Exit, Failure> {
    let root = args.root.as_deref().map(root_key).transpose()?;
    let options =
        Options { root, head: args.head, tenant: args.tenant, unsigned: Unsigned::Refuse };
    match check(&args.file, &options)? {
        Ok(verified) => {
            told_good(cx, &verified);
            Ok(Exit::Done)
        }
        Err(broken) => {
            told_bad(cx, &broken);
            Ok(Exit::CheckFailed)
        }
    }
}

/// Verifies a file; the outer failure is a file that cannot be opened.
pub(crate) fn check(file: &Path, options: &Options) -> Result<Result<Verified, Broken>, Failure> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let opened = File::open(file);
        let opened = opened.map_err(|error| {
            Failure::usage(format!("`{}` cannot be read: {error}", file.display()))
        })?;
        Box::new(BufReader::new(opened))
    };
    Ok(verify(reader.lines(), options))
}

fn root_key(given: &str) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(given).unwrap_or_else(|_| given.to_owned());
    let key = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| {
        Failure::usage(format!(
            "`{given}` is neither a root key of 64 hex digits nor a file that holds one"
        ))
    })
}

fn told_good(cx: &Cx, verified: &Verified) {
    let signer = verified.signed_by.as_ref();
    let rooted = signer.is_some_and(|signer| signer.trust == Trust::Rooted);
    if cx.json {
        println_json(&json!({
            "verified": true, "journal": verified.journal.to_string(), "tenant": verified.tenant,
            "store": verified.store, "entries": verified.entries, "head": verified.head.to_string(),
            "bodiesPresent": verified.bodies_present, "bodiesErased": verified.bodies_erased,
            "keyId": signer.map(|signer| &signer.key_id), "root": signer.map(|signer| hex(&signer.root)),
            "rooted": rooted,
        }));
        return;
    }
    outln(&format!(
        "verified: {} entries of {}, {} bodies, {} erased",
        verified.entries, verified.journal, verified.bodies_present, verified.bodies_erased
    ));
    if let Some(signer) = signer {
        let root = hex(&signer.root);
        let trust = if rooted {
            "the root you named"
        } else {
            "a root only the export names; check it with --root"
        };
        outln(&format!("signed by key {}, certified by {trust}\nroot {root}", signer.key_id));
    }
    outln(&format!("keep this head elsewhere: {}", verified.head));
}

pub(super) fn told_bad(cx: &Cx, broken: &Broken) {
    if cx.json {
        println_json(&json!({
            "verified": false, "line": broken.line, "seq": broken.seq, "eventId": broken.event_id,
            "why": broken.why.to_string(),
        }));
    } else {
        outln(&format!("NOT verified: {broken}"));
    }
}
