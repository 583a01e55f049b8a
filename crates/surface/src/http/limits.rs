//! The limits of the HTTP surface itself; those of what it carries are `tenure_contract::limits`.

/// Connections answered at once; the next ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 1_024;
/// How long a connection may take to send the head of a request, idle time between two included,
/// milliseconds.
pub const HEADER_READ_MAX_MS: u64 = 30_000;
/// How long a request's body may take to arrive, milliseconds.
pub const BODY_READ_MAX_MS: u64 = 60_000;
/// How long answers in progress may take once the server is to end, milliseconds.
pub const CLOSE_MAX_MS: u64 = 10_000;
/// The longest a read of a run may wait for its end, milliseconds.
pub const WAIT_MAX_MS: u64 = 60_000;
/// A comment is sent on a stream that has been silent this long, milliseconds.
pub const HEARTBEAT_MS: u64 = 15_000;
/// Entries read at once for a page, a stream or an export; each may come with a large body.
pub const ENTRIES_AT_ONCE: usize = 32;
/// Body bytes after which a page of entries ends early.
pub const ENTRY_PAGE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Seconds a client is told to wait before it asks again.
pub const RETRY_AFTER_S: u64 = 1;
/// How far clocks of issuers and this server may differ, seconds.
pub const TOKEN_SKEW_MAX_S: u64 = 60;
/// How often the keys of issuers are fetched again, milliseconds.
pub const JWKS_REFRESH_MS: u64 = 300_000;
/// At the most so often they are fetched earlier, for a token that names a key not known yet,
/// milliseconds.
pub const JWKS_EARLY_MIN_MS: u64 = 10_000;
/// How long fetching keys may take, milliseconds.
pub const JWKS_FETCH_MAX_MS: u64 = 10_000;
/// The largest set of keys that is read, bytes.
pub const JWKS_MAX_BYTES: usize = 1024 * 1024;
/// The longest token that is looked at, bytes.
pub const TOKEN_MAX_BYTES: usize = 16 * 1024;
/// How long a client of a tenant's stream may take nothing before the stream is cut with a reason,
/// milliseconds.
pub const STREAM_STALL_MAX_MS: u64 = 60_000;
/// How long a client may read nothing of what is written to it before its connection is cut,
/// milliseconds.
pub const WRITE_STALL_MAX_MS: u64 = 120_000;
