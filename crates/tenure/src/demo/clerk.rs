//! The agent of the demo: a definition and a script, written as files a person can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Refunds above this wait for a person, cents.
pub(super) const REFUND_LIMIT_CENTS: u64 = 20_000;
/// How long a refund may take before it is in doubt, milliseconds.
const REFUND_TIMEOUT_MS: u64 = 1_500;

/// Writes `agent.toml` and `script.toml`; returns the definition's path.
pub(super) fn write(folder: &Path, payments: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("script.toml"), script())?;
    let path = folder.join("agent.toml");
    fs::write(&path, definition(payments))?;
    Ok(path)
}

fn definition(payments: &str) -> String {
    format!(
        r#"# The clerk of `tenure demo`. With a real model only [model] would differ.
name = "clerk"
instructions = """
You settle what came in: charge every order once, pay every refund once.
Register a document's reference before you pay it; what is registered already was sent twice.
Report what you cannot read or must not pay.
"""
approvers = ["user:*"]
max_steps = 20

[model]
adapter = "scripted"
file = "script.toml"

[[tools]]
use = "list_files"

[[tools]]
use = "read_file"

[[tools]]
use = "http_action"
name = "register"
description = "Registers a document's reference; tells whether it is the first with it."
class = "idempotent"
http = {{ method = "POST", url = "{payments}/references" }}
[tools.parameters]
type = "object"
required = ["reference", "document", "cents"]
properties = {{ reference = {{ type = "string" }}, document = {{ type = "string" }}, cents = {{ type = "integer" }} }}

[[tools]]
use = "http_action"
name = "charge"
description = "Charges an order. The service honours the idempotency key."
class = "idempotent"
timeout_ms = 10000
http = {{ method = "POST", url = "{payments}/charges", lookup_url = "{payments}/charges/by-key/{{key}}" }}
[tools.parameters]
type = "object"
required = ["reference", "cents"]
properties = {{ reference = {{ type = "string" }}, cents = {{ type = "integer", minimum = 1 }} }}

[[tools]]
use = "http_action"
name = "refund"
description = "Pays a refund. The service does not know keys: asked twice, it pays twice."
class = "once"
timeout_ms = {REFUND_TIMEOUT_MS}
confirm = {{ field = "cents", above = {REFUND_LIMIT_CENTS}, risk = "high" }}
http = {{ method = "POST", url = "{payments}/refunds", lookup_url = "{payments}/refunds/by-key/{{key}}" }}
[tools.parameters]
type = "object"
required = ["reference", "cents"]
properties = {{ reference = {{ type = "string" }}, cents = {{ type = "integer", minimum = 1 }} }}

[[tools]]
use = "http_action"
name = "report"
description = "Reports a document that was not paid."
class = "idempotent"
http = {{ method = "POST", url = "{payments}/reports" }}
[tools.parameters]
type = "object"
required = ["reference", "document", "reason"]
properties = {{ reference = {{ type = "string" }}, document = {{ type = "string" }}, reason = {{ type = "string" }} }}
"#
    )
}

fn script() -> String {
    format!(
        r#"# What the clerk's model answers, turn by turn.
[[turn]]
text = "Let me see what came in."
[[turn.call]]
tool = "list_files"
as = "listing"
arguments = {{ recursive = true }}

[[turn]]
text = "{{{{listing.entries.length}}}} names. Reading the documents."
[[turn.call]]
tool = "read_file"
as = "documents"
for_each = "listing.entries"
where = {{ path = "*.json" }}
arguments = {{ path = "{{{{item.path}}}}" }}

[[turn]]
text = "{{{{documents.length}}}} documents. Registering references, so that what was sent twice is paid once."
[[turn.call]]
tool = "register"
as = "orders"
for_each = "documents"
where = {{ "json.kind" = "order", "json.cents" = {{ above = 0 }}, "json.reference" = {{ exists = true }} }}
arguments = {{ reference = "{{{{item.json.reference}}}}", document = "{{{{item.path}}}}", cents = "{{{{item.json.cents}}}}" }}
[[turn.call]]
tool = "register"
as = "refunds"
for_each = "documents"
where = {{ "json.kind" = "refund", "json.cents" = {{ above = 0 }}, "json.reference" = {{ exists = true }} }}
arguments = {{ reference = "{{{{item.json.reference}}}}", document = "{{{{item.path}}}}", cents = "{{{{item.json.cents}}}}" }}

[[turn]]
text = "Reporting what cannot be read or came twice."
[[turn.call]]
tool = "report"
as = "unreadable"
for_each = "documents"
where = {{ json = {{ exists = false }} }}
arguments = {{ reference = "?", document = "{{{{item.path}}}}", reason = "it is not JSON; nothing was paid" }}
[[turn.call]]
tool = "report"
as = "repeated_orders"
for_each = "orders"
where = {{ first = false }}
arguments = {{ reference = "{{{{item.reference}}}}", document = "{{{{item.document}}}}", reason = "the same reference as {{{{item.holder}}}}; not paid again" }}
[[turn.call]]
tool = "report"
as = "repeated_refunds"
for_each = "refunds"
where = {{ first = false }}
arguments = {{ reference = "{{{{item.reference}}}}", document = "{{{{item.document}}}}", reason = "the same reference as {{{{item.holder}}}}; not paid again" }}

[[turn]]
text = "Charging the orders."
[[turn.call]]
tool = "charge"
for_each = "orders"
where = {{ first = true }}
arguments = {{ reference = "{{{{item.reference}}}}", cents = "{{{{item.cents}}}}" }}

[[turn]]
text = "Paying the refunds."
[[turn.call]]
tool = "refund"
as = "small_refunds"
for_each = "refunds"
where = {{ first = true, cents = {{ at_most = {REFUND_LIMIT_CENTS} }} }}
arguments = {{ reference = "{{{{item.reference}}}}", cents = "{{{{item.cents}}}}" }}

[[turn]]
text = "What is left is above the limit; a person must agree."
[[turn.call]]
tool = "refund"
as = "large_refunds"
for_each = "refunds"
where = {{ first = true, cents = {{ above = {REFUND_LIMIT_CENTS} }} }}
arguments = {{ reference = "{{{{item.reference}}}}", cents = "{{{{item.cents}}}}" }}

[[turn]]
text = "Done: {{{{documents.length}}}} documents, {{{{charge.length}}}} orders charged, the refunds paid."
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clerk_can_be_built_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "http://127.0.0.1:1").unwrap();
        let definition = crate::cli::definition(&path).unwrap();
        assert_eq!(definition.tools.len(), 6);
    }
}
