"""What Schemathesis has to be told about this server; `scripts/fuzz-http.sh` sets the environment."""

import os
import re

import schemathesis
from hypothesis import strategies as st

TENANT_HEADER = "tenure-tenant"
TENANT = os.environ["TENURE_FUZZ_TENANT"]

# What an OpenAPI document cannot say. A request that fits the document and is refused as a bad request
# is refused for one of these, in these words, or it is a finding.
BETWEEN_VALUES = [
    # two values that must agree, or one of which must be there
    r"^the Idempotency-Key header and the body name different keys;",
    r"^a dispatch needs a key: `idempotencyKey`, or the Idempotency-Key header$",
    r"^(neither|both) `intent` (nor|and) `agent` (is|are) given;",
    r"^neither the entry nor its schedule says what is to be done;",
    r"^`executionTarget` and `approvers` are a new session's;",
    r"^a desktop is trusted for one user; name it in `userId`$",
    r"^mode `(scheduled|interactive)` (needs|starts at once and) `notBefore`",
    r"^`recoveryClass` is an executor's; only mode `remote` has one$",
    r"^expiresAt \S+ is over before it may start at",
    r"^session `ses_\w+` is local to user",
    r"^`.*` names nobody; a handoff goes to one principal$",
    r"^`landed` needs the result the step came to$",
    r"^an agent's payload says its task:",
    r"^resource `.*` is none of `\w+`;",
    r"^`[\w-]+` does not offer the target `\w+`;",
]
BEYOND_TYPES = [
    # what this server gave out, or what it holds now
    r"^cursor `.*` is (not one this list gave|none of this list's);",
    r"^`[0-9a-f]{48}` is no cursor of this tenant's stream on this server;",
    r"^`[\d.]+` is no place within a turn of this session;",
    r"^the journal has no entry \d+;",
    r"^`sto_\w+` is the store the session is in;",
    r"^product `.*` has no registered key;",
    r"^session `ses_\w+` is `.*`'s of product `.*` already;",
    # the time that it is
    r"^(expiresAt|notBefore|at) `[^`]*` is (past|not between now and)",
    # a language, a key or a token of its own, and the schema of a handler
    r"^the text is no policy:",
    r"^publicKey `[0-9a-f]{64}` is no Ed25519 public key;",
    r"^the token is not a compact JWS of this kind:",
    r"^parameters of `\w+`:",
    # the lines of a file of rows, and which of them PATCH changes
    r"^line \d+: ",
    r"^the file has no rows$",
    r"^an? \w+ is not changed by PATCH;",
    # what this build of the server offers, which its agents' definitions name
    r"^`.*` is not an adapter;",
    r"^no kind begins with `.*`;",
]
UNSAYABLE = re.compile("|".join(BETWEEN_VALUES + BEYOND_TYPES), re.DOTALL)

# 404, 409, 410, 422 (a name nobody has) and 429 are about what is there, 401 and 403 about who asks.
ABOUT_THE_WORLD = {401, 403, 404, 409, 410, 422, 429}


@schemathesis.check
def what_fits_the_document_is_taken(ctx, response, case):
    """In place of `positive_data_acceptance`, which knows statuses and no reasons."""
    meta = case.meta
    status = response.status_code
    if meta is None or not meta.generation.mode.is_positive:
        return
    if status < 400 or status >= 500 or status in ABOUT_THE_WORLD:
        return
    detail = response.json().get("detail", "")
    assert status == 400 and UNSAYABLE.search(detail), (
        f"it fits the document and was refused with {status}: {detail}"
    )


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # Schemathesis makes no header from a pattern that needs a `_`; it sends a value of the wrong
    # type instead and calls that valid. A format of its own is one it can draw.
    schemathesis.openapi.format("tenant-id", st.just(TENANT))
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == TENANT_HEADER:
                    parameter["schema"]["format"] = "tenant-id"


# Lines of JSON are a text to this server, as the document says.
@schemathesis.serializer("application/jsonl")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
