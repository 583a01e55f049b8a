//! `tenure verify`: checks an export offline and names the first bad entry.

use super::{Cx, Exit, Failure, outln, println_json};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tenure_contract::TenantId;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::export::Head;
use tenure_core::verify::head::NotSigned;
use tenure_core::verify::{Broken, Options, Trust, Unsigned, Verified, one_history, verify};

/// Checks exports offline: chain, words, bodies, machine and signature of each, and whether several
/// tell one continuous history.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure verify session.jsonl\n  tenure verify session.jsonl --head ses_…@41:sha256:… --root \"$(cat root.pub)\"\n  tenure verify a.jsonl b.jsonl --root a/keys/root.pub --root b/keys/root.pub\n\nKeep the head it prints: held against a later export it shows whether anything up to there was taken away.\nThe root key is in `keys/root.pub` of the data directory; get it from its owner, an export's own key proves nothing.\nSeveral exports are of one session that moved between servers: see `tenure transfer --help`."
)]
pub(super) struct Args {
    /// The exports; `-` reads one from standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A head somebody kept: the last export must reach it and agree with it.
    #[arg(long, value_name = "HEAD")]
    head: Option<Head>,
    /// A store's root key, hex, or a file that holds it; one per store.
    #[arg(long, value_name = "KEY|FILE")]
    root: Vec<String>,
    /// The tenant they must belong to.
    #[arg(long)]
    tenant: Option<TenantId>,
}

pub(super) fn run(cx: &Cx, args: &Args) -> Result<Exit, Failure> {
    let roots = args.root.iter().map(|root| root_key(root)).collect::<Result<Vec<_>, _>>()?;
    let is_one = args.files.len() == 1;
    if !is_one && args.files.iter().any(|file| is_input(file)) {
        return Err(Failure::usage(
            "standard input is for one export alone; name files for several",
        ));
    }
    let options =
        |head| Options { root: None, head, tenant: args.tenant, unsigned: Unsigned::Refuse };
    let mut found: Vec<Verified> = Vec::new();
    for file in &args.files {
        let checked = check(file, &options(args.head.filter(|_| is_one)))?;
        match checked.and_then(|verified| rooted(verified, &roots)) {
            Ok(verified) => found.push(verified),
            Err(broken) => {
                told_bad(cx, (!is_one).then_some(file.as_path()), &broken);
                return Ok(Exit::CheckFailed);
            }
        }
    }
    let longest = (0..found.len()).max_by_key(|index| found[*index].entries);
    if let (false, Some(head), Some(longest)) = (is_one, args.head, longest)
        && let Err(broken) = check(&args.files[longest], &options(Some(head)))?
    {
        told_bad(cx, Some(&args.files[longest]), &broken);
        return Ok(Exit::CheckFailed);
    }
    if let [one] = found.as_slice() {
        told_good(cx, one);
        return Ok(Exit::Done);
    }
    Ok(history(cx, found))
}

/// Whether whoever signed is one of those the caller knows, if any are named.
fn rooted(mut verified: Verified, roots: &[[u8; 32]]) -> Result<Verified, Broken> {
    let line = verified.entries + 2;
    let Some(signer) = verified.signed_by.as_mut().filter(|_| !roots.is_empty()) else {
        return Ok(verified);
    };
    if roots.contains(&signer.root) {
        signer.trust = Trust::Rooted;
        return Ok(verified);
    }
    let expected = roots.iter().map(|root| hex(root)).collect::<Vec<_>>().join("` or `");
    let why = NotSigned::UnknownRoot { found: hex(&signer.root), expected }.into();
    Err(Broken { line, seq: None, event_id: None, why })
}

/// Several exports of one session, from the stores it was in.
fn history(cx: &Cx, mut found: Vec<Verified>) -> Exit {
    found.sort_by_key(|verified| verified.entries);
    let pairs = found.windows(2).map(|pair| one_history(&pair[0], &pair[1]));
    let crossings = match pairs.collect::<Result<Vec<_>, _>>() {
        Ok(crossings) => crossings,
        Err(apart) => {
            if cx.json {
                println_json(&json!({ "verified": false, "why": apart.to_string() }));
            } else {
                outln(&format!("NOT one history: {apart}"));
            }
            return Exit::CheckFailed;
        }
    };
    if cx.json {
        let crossings = crossings.iter().map(|crossing| {
            json!({ "seq": crossing.seq, "from": crossing.from, "to": crossing.to,
                "fromRoot": hex(&crossing.from_root), "toRoot": hex(&crossing.to_root) })
        });
        println_json(&json!({
            "verified": true, "oneHistory": true,
            "exports": found.iter().map(told).collect::<Vec<_>>(),
            "crossings": crossings.collect::<Vec<_>>(),
            "head": found.last().map(|last| last.head.to_string()),
        }));
        return Exit::Done;
    }
    for one in &found {
        told_good(cx, one);
    }
    for crossing in crossings {
        outln(&format!(
            "one history: {} released it, {} took it up at entry {}, each signed for the other",
            crossing.from, crossing.to, crossing.seq
        ));
    }
    Exit::Done
}

fn is_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// Verifies a file; the outer failure is a file that cannot be opened.
pub(crate) fn check(file: &Path, options: &Options) -> Result<Result<Verified, Broken>, Failure> {
    let reader: Box<dyn BufRead> = if is_input(file) {
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

pub(super) fn root_key(given: &str) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(given).unwrap_or_else(|_| given.to_owned());
    let key = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| {
        Failure::usage(format!(
            "`{given}` is neither a root key of 64 hex digits nor a file that holds one"
        ))
    })
}

fn told(verified: &Verified) -> serde_json::Value {
    let signer = verified.signed_by.as_ref();
    json!({
        "verified": true, "journal": verified.journal.to_string(), "tenant": verified.tenant,
        "store": verified.store, "entries": verified.entries, "head": verified.head.to_string(),
        "bodiesPresent": verified.bodies_present, "bodiesErased": verified.bodies_erased,
        "releasedTo": verified.released_to,
        "keyId": signer.map(|signer| &signer.key_id), "root": signer.map(|signer| hex(&signer.root)),
        "rooted": signer.is_some_and(|signer| signer.trust == Trust::Rooted),
    })
}

fn told_good(cx: &Cx, verified: &Verified) {
    let signer = verified.signed_by.as_ref();
    let rooted = signer.is_some_and(|signer| signer.trust == Trust::Rooted);
    if cx.json {
        return println_json(&told(verified));
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
    if let Some(to) = verified.released_to {
        outln(&format!("its last entry gives the session to store {to}"));
    }
    outln(&format!("keep this head elsewhere: {}", verified.head));
}

pub(super) fn told_bad(cx: &Cx, file: Option<&Path>, broken: &Broken) {
    if cx.json {
        println_json(&json!({
            "verified": false, "file": file, "line": broken.line, "seq": broken.seq,
            "eventId": broken.event_id, "why": broken.why.to_string(),
        }));
    } else {
        let file = file.map(|file| format!(" `{}`", file.display())).unwrap_or_default();
        outln(&format!("NOT verified{file}: {broken}"));
    }
}
