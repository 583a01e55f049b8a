//! List rows: what lists, counts and the recovery scan read.
//!
//! A row is a projection of entries: [`project`] says which columns an
//! entry changes, the store applies them without knowing what they mean. Rows change when a status
//! changes, never per step.

mod ledger;
mod project;

pub use project::project;

use tenure_contract::TenantId;

/// The lists there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Sessions, by session id.
    Session,
    /// Runs, by run id.
    Run,
    /// Approvals, by approval id.
    Approval,
    /// Steps that are or were in doubt, by step id.
    Doubt,
    /// Artifacts, by artifact id.
    Artifact,
    /// Agent versions, by the first half of the version's digest.
    Agent,
    /// API keys, by key id.
    Key,
    /// Tasks, by task id.
    Task,
    /// Todos, by todo id.
    Todo,
    /// Principals, by principal id.
    Principal,
    /// Tenants, by tenant id.
    Tenant,
    /// Projects, by project id.
    Project,
    /// Workspaces, by workspace id.
    Workspace,
    /// Secrets, by half a digest of the name.
    Secret,
    /// Keyed submissions that became input of a run, by the id of the run they would have been.
    Steer,
    /// Checkpoints, by checkpoint id.
    Checkpoint,
    /// Keys of other apps, by the first half of the key's digest.
    AppKey,
    /// Dispatches, by dispatch id.
    Dispatch,
    /// Executors, by executor id.
    Executor,
    /// Handoffs, by handoff id.
    Handoff,
    /// Schedules, by schedule id.
    Schedule,
}

/// The columns there are. A table uses those [`Table::columns`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The session the row belongs to, 16 bytes.
    Session,
    /// The run the row belongs to, 16 bytes.
    Run,
    /// The run or thing above it, 16 bytes.
    Parent,
    /// The status word.
    Status,
    /// 1 while the row needs attention (not final), else 0.
    Open,
    /// Of a session, 1 once it was released to another server: what is open of it is open there.
    Gone,
    /// A kind word.
    Kind,
    /// What a person reads.
    Label,
    /// A name, such as the agent's or the intent's.
    Name,
    /// A product.
    Product,
    /// The human or service it is for.
    User,
    /// Why: stop reason, cause, refusal.
    Reason,
    /// A risk word.
    Risk,
    /// Who decided, as `kind:name`.
    Actor,
    /// A digest, 32 bytes.
    Digest,
    /// A list of words, separated by spaces.
    Scopes,
    /// A workspace, 16 bytes.
    Workspace,
    /// The place of an entry in its journal.
    Seq,
    /// Where tools execute.
    Target,
    /// The surface it came from.
    Surface,
    /// The step that used it, 16 bytes.
    Step,
    /// The task the row belongs to, 16 bytes.
    Task,
    /// A priority, as it was written.
    Priority,
    /// How it ranks: 1 goes first.
    Rank,
    /// A branch or other reference.
    Reference,
    /// A commit.
    Commit,
    /// How often it was set.
    Version,
    /// At most so many characters.
    Length,
    /// The entry of its journal that made it, by `seq`.
    Place,
    /// The product it comes from.
    Origin,
    /// Microseconds.
    CreatedAt,
    /// Microseconds.
    UpdatedAt,
    /// Microseconds.
    StartedAt,
    /// Microseconds.
    EndedAt,
    /// Microseconds.
    ExpiresAt,
}

/// A column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The columns one entry sets in one row; columns not named stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The list.
    pub table: Table,
    /// The owner, first in every key (`TEN-1`).
    pub tenant: TenantId,
    /// The row.
    pub key: [u8; 16],
    /// What changes.
    pub set: Vec<(Column, Value)>,
}

impl Table {
    /// Every list.
    pub const ALL: &'static [Self] = &[
        Self::Session,
        Self::Run,
        Self::Approval,
        Self::Doubt,
        Self::Artifact,
        Self::Agent,
        Self::Key,
        Self::Task,
        Self::Todo,
        Self::Principal,
        Self::Tenant,
        Self::Project,
        Self::Workspace,
        Self::Secret,
        Self::Steer,
        Self::Checkpoint,
        Self::AppKey,
        Self::Dispatch,
        Self::Executor,
        Self::Handoff,
        Self::Schedule,
    ];

    /// The list's name in a database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Run => "run",
            Self::Approval => "approval",
            Self::Doubt => "doubt",
            Self::Artifact => "artifact",
            Self::Agent => "agent",
            Self::Key => "api_key",
            Self::Task => "task",
            Self::Todo => "todo",
            Self::Principal => "principal",
            Self::Tenant => "tenant",
            Self::Project => "project",
            Self::Workspace => "workspace",
            Self::Secret => "secret",
            Self::Steer => "steer",
            Self::Checkpoint => "checkpoint",
            Self::AppKey => "app_key",
            Self::Dispatch => "dispatch",
            Self::Executor => "executor",
            Self::Handoff => "handoff",
            Self::Schedule => "schedule",
        }
    }

    /// The columns the list has, besides tenant, key and the position it was born at.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        use Column::*;
        match self {
            Self::Session => &[
                Status, Open, Gone, Product, User, Label, Workspace, Target, Surface, Reason,
                CreatedAt, UpdatedAt, EndedAt,
            ],
            Self::Run => &[
                Session, Task, Parent, Status, Open, Kind, Name, Reason, CreatedAt, UpdatedAt,
                StartedAt, EndedAt,
            ],
            Self::Approval => &[
                Session, Run, Step, Status, Open, Kind, Label, Risk, Digest, Actor, Surface,
                Reason, CreatedAt, UpdatedAt, ExpiresAt, EndedAt,
            ],
            Self::Doubt => {
                &[Session, Run, Status, Open, Name, Reason, CreatedAt, UpdatedAt, ExpiresAt]
            }
            Self::Artifact => &[Session, Run, Status, Kind, Name, Digest, CreatedAt, UpdatedAt],
            Self::Agent => &[Name, Digest, Parent, CreatedAt],
            Self::Task => &[
                Session, Run, Status, Open, Label, Priority, Rank, Workspace, CreatedAt, UpdatedAt,
            ],
            Self::Checkpoint => &[Session, Run, Kind, Status, Seq, CreatedAt],
            Self::Dispatch => &[
                Session, Run, Status, Open, Kind, Name, Product, User, Priority, Rank, Place,
                Reason, CreatedAt, UpdatedAt, ExpiresAt,
            ],
            // `product` and `name` are whom it is offered to, `origin` and `user` who offers it
            Self::Handoff => &[
                Session, Status, Open, Origin, User, Product, Name, Reason, CreatedAt, UpdatedAt,
                ExpiresAt, EndedAt,
            ],
            Self::Schedule => {
                &[Session, Status, Open, Kind, Label, Product, User, Reason, CreatedAt, UpdatedAt]
            }
            Self::Todo => &[Session, Task, Status, Open, CreatedAt, UpdatedAt],
            Self::Key => &[
                Name, Status, Open, Digest, Scopes, Actor, Product, CreatedAt, UpdatedAt, ExpiresAt,
            ],
            Self::Tenant | Self::Project => &[Name, CreatedAt],
            Self::Secret => &[Name, Open, Version, Length, CreatedAt, UpdatedAt],
            Self::Workspace => {
                &[Parent, Kind, Status, Open, Reference, Commit, CreatedAt, UpdatedAt]
            }
            Self::AppKey => &[Name, Label, Product, Status, Open, CreatedAt, UpdatedAt],
            Self::Principal => &[Name, Kind, Status, Open, Scopes, CreatedAt, UpdatedAt],
            Self::Executor => &[Name, Kind, Actor, User, Status, Open, CreatedAt, UpdatedAt],
            Self::Steer => &[Session, Run, CreatedAt],
        }
    }
}

impl Column {
    /// The column's name in a database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Run => "run",
            Self::Parent => "parent",
            Self::Status => "status",
            Self::Open => "open",
            Self::Gone => "gone",
            Self::Kind => "kind",
            Self::Label => "label",
            Self::Name => "name",
            Self::Product => "product",
            Self::User => "user",
            Self::Reason => "reason",
            Self::Risk => "risk",
            Self::Actor => "actor",
            Self::Digest => "digest",
            Self::Scopes => "scopes",
            Self::Workspace => "workspace",
            Self::Seq => "seq",
            Self::Target => "target",
            Self::Surface => "surface",
            Self::Step => "step",
            Self::Task => "task",
            Self::Priority => "priority",
            Self::Rank => "rank",
            Self::Reference => "reference",
            Self::Commit => "base_commit",
            Self::Version => "version",
            Self::Length => "length",
            Self::Place => "place",
            Self::Origin => "origin",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::StartedAt => "started_at",
            Self::EndedAt => "ended_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}

/// Whose rows a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One tenant's.
    Tenant(TenantId),
    /// Every tenant's: only the engine's own scans.
    Engine,
}

/// A closed query over one list: equality on columns, newest first or oldest first, one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose rows.
    pub scope: Scope,
    /// The list.
    pub table: Table,
    /// One row by its key.
    pub key: Option<[u8; 16]>,
    /// Columns that must have these values.
    pub filters: Vec<(Column, Value)>,
    /// The order.
    pub order: Order,
    /// Rows strictly after this one in the order: the `born` of the last row of the page before.
    pub after: Option<u64>,
    /// At most so many rows.
    pub limit: usize,
}

/// The order of a list: by the position of the entry that made the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest first.
    NewestFirst,
    /// The earliest first.
    OldestFirst,
}

/// One row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The owner.
    pub tenant: TenantId,
    /// The row.
    pub key: [u8; 16],
    /// Position number of the entry that made it; unique within a list, and the cursor.
    pub born: u64,
    /// Every column of the list, in the order of [`Table::columns`].
    pub values: Vec<(Column, Value)>,
}

impl Row {
    /// The column's value, `Null` when the list has no such column.
    #[must_use]
    pub fn get(&self, column: Column) -> &Value {
        self.values
            .iter()
            .find(|(name, _)| *name == column)
            .map_or(&Value::Null, |(_, value)| value)
    }
    /// The column's text.
    #[must_use]
    pub fn text(&self, column: Column) -> Option<&str> {
        match self.get(column) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
    /// The column's number.
    #[must_use]
    pub fn number(&self, column: Column) -> Option<i64> {
        match self.get(column) {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
    /// The column's sixteen bytes.
    #[must_use]
    pub fn id(&self, column: Column) -> Option<[u8; 16]> {
        match self.get(column) {
            Value::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
}
