//! Every limit by name. A refusal at a limit names the limit and its value.

/// Largest request body the HTTP surface reads, bytes.
pub const REQUEST_BODY_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Largest export of a session that comes from another server, bytes.
pub const TRANSFER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Largest task text or parameter object of one run, bytes.
pub const RUN_INPUT_MAX_BYTES: usize = 1024 * 1024;
/// Largest result of one step, bytes.
pub const STEP_RESULT_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Bodies up to this size stand in the entry's own row, bytes.
pub const INLINE_BODY_MAX_BYTES: usize = 4 * 1024;
/// Bodies up to this size stand in a payload row of the same commit, bytes; larger ones are blobs.
pub const PAYLOAD_ROW_MAX_BYTES: usize = 256 * 1024;
/// Longest name of a product, user, handler, intent type, step or agent, characters.
pub const NAME_MAX_CHARS: usize = 128;
/// Longest reason given with a decision, cancel or resolution, characters.
pub const REASON_MAX_CHARS: usize = 2_000;
/// Longest idempotency key, characters.
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 256;
/// Turns of an agent run when nothing else is said (`RT4`).
pub const MAX_STEPS_DEFAULT: u32 = 10;
/// The most turns an agent may declare.
pub const MAX_STEPS_CEILING: u32 = 1_000;
/// Durable steps of one run tree when nothing else is said (`RT16`).
pub const BUDGET_STEPS_DEFAULT: u64 = 1_000_000;
/// Tool calls the model may ask for in one turn.
pub const CALLS_PER_TURN_MAX: usize = 64;
/// Attempts of one `read` or `idempotent` step after failures that may pass.
pub const STEP_ATTEMPTS_MAX: u32 = 5;
/// Attempts of one `read` or `idempotent` step whose performer died; more would be a step that kills
/// its process for ever.
pub const STEP_ATTEMPTS_AFTER_LOSS_MAX: u32 = 20;
/// First wait before another attempt, milliseconds; it doubles.
pub const RETRY_BACKOFF_MS: u64 = 200;
/// A call's time limit when its tool says nothing, milliseconds (`T14`).
pub const CALL_TIMEOUT_DEFAULT_MS: u64 = 60_000;
/// How long a model may stay silent when its definition says nothing, milliseconds (`STR-1`).
pub const MODEL_SILENCE_DEFAULT_MS: u64 = 300_000;
/// The longest silence a definition may allow its model, milliseconds.
pub const MODEL_SILENCE_CEILING_MS: u64 = 3_600_000;
/// Metadata an adapter may give with one answer, bytes; what is longer is dropped (`A8`).
pub const TURN_METADATA_MAX_BYTES: usize = 16 * 1024;
/// One progress value of a tool's call, bytes; what is longer is dropped (`T6`).
pub const PROGRESS_MAX_BYTES: usize = 4 * 1024;
/// Progress values of one call that are kept for who watches; older ones go first (`T6`).
pub const PROGRESS_RING_MAX_VALUES: usize = 16;
/// Text of a turn under way that is kept for who watches, bytes; the front goes first (`STR-1`).
pub const STREAM_RING_MAX_BYTES: usize = 256 * 1024;
/// Observations waiting for one observer; more are dropped, and that is logged (`RT9`).
pub const OBSERVER_QUEUE_MAX: usize = 4_096;
/// How long letting go of one tool may take, milliseconds (`T8`).
pub const DISPOSE_MAX_MS: u64 = 5_000;
/// Tags of one tool (`T12`).
pub const TOOL_TAGS_MAX: usize = 16;
/// A tool's output when the tool says nothing, bytes (`T14`).
pub const TOOL_OUTPUT_DEFAULT_BYTES: usize = 256 * 1024;
/// Queued root runs of one session.
pub const QUEUED_RUNS_MAX: usize = 1_000;
/// How long an approval waits when nothing else is said, milliseconds (seven days).
pub const APPROVAL_EXPIRY_DEFAULT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Approvals of one session that are open at a time (`APR-5`).
pub const APPROVALS_OPEN_PER_SESSION_MAX: usize = 256;
/// Rows of one page unless the caller asks for fewer.
pub const PAGE_MAX_ROWS: usize = 200;
/// Rows one page looks at when what it is narrowed to stands with their sessions; beyond it the page is
/// shorter than asked and its cursor goes on (`OPR-1`).
pub const PAGE_SCAN_MAX_ROWS: usize = 2_000;
/// Rows of one page when the caller says nothing.
pub const PAGE_DEFAULT_ROWS: usize = 50;
/// Entries one commit takes at the most.
pub const COMMIT_MAX_ENTRIES: usize = 4_096;
/// Entries one settle transaction takes at the most.
pub const SETTLE_MAX_ENTRIES: usize = 16_384;
/// Unsettled entries at which admission of new runs slows down.
pub const SETTLE_LAG_MAX_ENTRIES: u64 = 500_000;
/// First wait before a refused settle or a failed recovery scan is tried again, milliseconds; it
/// doubles.
pub const STORE_RETRY_MS: u64 = 500;
/// The longest such wait, milliseconds.
pub const STORE_RETRY_MAX_MS: u64 = 30_000;
/// How long a list waits for the position its caller presents, milliseconds.
pub const SETTLE_WAIT_MAX_MS: u64 = 2_000;
/// The log's write-ahead file is restarted at this size, bytes.
pub const WAL_RESTART_BYTES: u64 = 64 * 1024 * 1024;
/// Journal bytes since the last snapshot before another is worth making.
pub const SNAPSHOT_MIN_BYTES: usize = 64 * 1024;
/// What the sessions in memory may take together unless it is configured otherwise, bytes; those that
/// only wait are let go above it, the longest unused first.
pub const RESIDENT_MAX_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;
/// How far the machine's clock, the engine's and the newest entry's time may be apart before what time
/// destroys is held, milliseconds (`APR-2`).
pub const CLOCK_JUMP_MAX_MS: u64 = 5 * 60 * 1000;
/// How often the clock is looked at, milliseconds.
pub const CLOCK_LOOK_MS: u64 = 5_000;
/// How long a drain waits for effects in flight, milliseconds.
pub const DRAIN_MAX_MS: u64 = 30_000;
/// Depth of nested runs (`RT11`).
pub const RUN_DEPTH_MAX: u32 = 3;
/// How deep a JSON body may nest.
pub const JSON_DEPTH_MAX: usize = 64;
/// Longest title of a session or task, and longest priority, characters.
pub const TITLE_MAX_CHARS: usize = 200;
/// Longest intent of a task, bytes.
pub const TASK_INTENT_MAX_BYTES: usize = 64 * 1024;
/// Longest text of a todo, characters.
pub const TODO_TEXT_MAX_CHARS: usize = 2_000;
/// Tasks of one session.
pub const TASKS_PER_SESSION_MAX: usize = 1_000;
/// Todos of one session.
pub const TODOS_PER_SESSION_MAX: usize = 1_000;
/// Tasks and todos one step of a run may write.
pub const WRITES_PER_STEP_MAX: usize = 64;
/// Memory refs of one session.
pub const MEMORY_REFS_MAX: usize = 64;
/// Longest memory ref, characters.
pub const MEMORY_REF_MAX_CHARS: usize = 256;
/// Denials of one principal that are entries, per minute; the rest are counted in the next one
/// (`AUT-1`).
pub const DENIALS_PER_MINUTE_MAX: u32 = 30;
/// Principals of one tenant.
pub const PRINCIPALS_MAX: usize = 10_000;
/// API keys of one tenant that are not revoked.
pub const KEYS_MAX: usize = 10_000;
/// Scopes of one principal or key.
pub const SCOPES_MAX: usize = 64;
/// How often an answer that takes long looks whether its caller may still have it, milliseconds;
/// revoked means gone within two seconds (`AUT-1`).
pub const REVOCATION_CHECK_MS: u64 = 1_000;
/// Projects of one tenant.
pub const PROJECTS_MAX: usize = 10_000;
/// Workspaces of one tenant.
pub const WORKSPACES_MAX: usize = 100_000;
/// Longest reference or commit of a workspace, characters.
pub const REF_MAX_CHARS: usize = 256;
/// Secrets of one tenant.
pub const SECRETS_MAX: usize = 1_000;
/// Shortest secret, characters: a shorter one could not be told from other text in an answer.
pub const SECRET_MIN_CHARS: usize = 8;
/// Longest secret, characters.
pub const SECRET_MAX_CHARS: usize = 4_096;
/// Longest text of a tenant's policy, bytes.
pub const POLICY_TEXT_MAX_BYTES: usize = 256 * 1024;
/// Longest value of an annotation in a policy, characters.
pub const POLICY_ANNOTATION_MAX_CHARS: usize = 200;
/// Values in a call's arguments that a policy is shown; a call with more is denied.
pub const POLICY_ARGUMENTS_MAX: usize = 1_000;
/// Lines of a trail that are in memory at once; each may come with a large body (`RPL-1`).
pub const TRAIL_LINES_AT_ONCE: usize = 32;
/// Entries of a store's log a tenant's stream looks at in one read, other tenants' included
/// (`SUB-1`).
pub const FEED_SCAN_ENTRIES: usize = 256;
/// Places of a tenant's newest entries that are kept while somebody follows it; whoever is further
/// behind reads the log.
pub const FEED_RECENT_ENTRIES: usize = 4_096;
/// Kinds one stream may ask for.
pub const FEED_KINDS_MAX: usize = 32;
/// References of one kind in one checkpoint.
pub const CHECKPOINT_REFS_MAX: usize = 256;
/// The longest token of a travelling approval, bytes.
pub const TOKEN_MAX_BYTES: usize = 64 * 1024;
/// How far ahead the clock of another app may be, milliseconds.
pub const TOKEN_CLOCK_SKEW_MAX_MS: u64 = 60_000;
/// How long a token of a travelling approval holds when nothing is said, milliseconds.
pub const TOKEN_TTL_DEFAULT_MS: u64 = 24 * 60 * 60 * 1000;
/// How long such a token may hold at most, milliseconds.
pub const TOKEN_TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Keys of other apps of one tenant, revoked ones included.
pub const APP_KEYS_MAX: usize = 1_000;
/// Tokens of one approval that may be out at once.
pub const APPROVAL_TOKENS_MAX: usize = 16;
/// Dispatches of one tenant that have not come to their end (`TEN-3`).
pub const DISPATCHES_OPEN_MAX: usize = 1_000;
/// Ended dispatches a tenant's ledger remembers the keys of.
pub const DISPATCHES_REMEMBERED_MAX: usize = 10_000;
/// How long a dispatch may wait to start when nothing else is said, milliseconds (seven days).
pub const DISPATCH_EXPIRY_DEFAULT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Offers of one started dispatch to a session that may take it later; then it is refused for good.
pub const DISPATCH_DELIVERY_ATTEMPTS_MAX: u32 = 1_000;
/// Executors of one tenant, revoked ones included.
pub const EXECUTORS_MAX: usize = 1_000;
/// How long one heartbeat keeps a claim when its executor says nothing, milliseconds.
pub const EXECUTOR_LEASE_DEFAULT_MS: u64 = 30_000;
/// The shortest such time, milliseconds.
pub const EXECUTOR_LEASE_MIN_MS: u64 = 1_000;
/// The longest such time, milliseconds.
pub const EXECUTOR_LEASE_MAX_MS: u64 = 600_000;
/// How long one request waits for something to claim, milliseconds.
pub const CLAIM_WAIT_MAX_MS: u64 = 30_000;
/// How long the answer to a start waits for the run to begin, milliseconds; a run that is queued is
/// told as such.
pub const CLAIM_START_WAIT_MS: u64 = 2_000;
/// Schedules of one tenant that are active or paused.
pub const SCHEDULES_OPEN_MAX: usize = 1_000;
/// Completed and cancelled schedules a tenant's ledger remembers the entries of.
pub const SCHEDULES_REMEMBERED_MAX: usize = 1_000;
/// Entries of one schedule, settled ones included.
pub const SCHEDULE_ENTRIES_MAX: usize = 200;
/// Entries of all schedules of one tenant that have not come due (`TEN-3`).
pub const SCHEDULE_ENTRIES_PENDING_MAX: usize = 10_000;
/// How late an entry may be before it counts as missed, milliseconds.
pub const SCHEDULE_LATE_MAX_MS: u64 = 60_000;
/// Dispatched runs one node has under way at a time, unless it is configured otherwise.
pub const DISPATCH_SLOTS_PER_NODE: usize = 64;
/// Dispatched runs of one tenant a node has under way at a time, unless it is configured otherwise.
pub const DISPATCH_SLOTS_PER_TENANT: usize = 16;
/// How long an offered handoff stands when nothing else is said, milliseconds (seven days).
pub const HANDOFF_EXPIRY_DEFAULT_MS: u64 = 7 * 24 * 3600 * 1000;
/// How long an offered handoff may stand at most, milliseconds (ninety days).
pub const HANDOFF_EXPIRY_MAX_MS: u64 = 90 * 24 * 3600 * 1000;
/// Tasks, approvals and other references of one handoff, each.
pub const HANDOFF_REFS_MAX: usize = 256;
/// Handoffs of one session, those that came to nothing included.
pub const SESSION_HANDOFFS_MAX: usize = 256;
/// Largest file of rows a migration is begun with, bytes.
pub const MIGRATION_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Longest line of such a file, bytes.
pub const MIGRATION_LINE_MAX_BYTES: usize = 1024 * 1024;
/// Rows of one migration.
pub const MIGRATION_ROWS_MAX: usize = 100_000;
/// References of one row.
pub const MIGRATION_REFS_MAX: usize = 64;
/// Users one migration knows.
pub const MIGRATION_USERS_MAX: usize = 100_000;
/// Migrations of one server, finished ones included.
pub const MIGRATIONS_MAX: usize = 100;
/// Rows of a migration that move in one batch.
pub const MIGRATION_BATCH_ROWS: usize = 256;
/// Rows of a migration in one entry.
pub const MIGRATION_ENTRY_ROWS: usize = 256;
/// Lines of rows beside one entry, bytes; a longer line stands alone.
pub const MIGRATION_ENTRY_BYTES: usize = 256 * 1024;
