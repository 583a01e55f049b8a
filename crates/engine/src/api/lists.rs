//! Lists: rows of the projection as resources, one page at a time.

use super::Engine;
use crate::commit::store_error;
use std::collections::HashMap;
use std::str::FromStr;
use tenure_contract::resource::Change;
use tenure_contract::resource::{
    ApiKey, Approval, Caller, DispatchSummary, DoubtSummary, Page, Resolver, RunSummary,
    ScheduleSummary, SessionSummary, TaskSummary,
};
use tenure_contract::words::{ExecutionTarget, Surface, TaskRank};
use tenure_contract::{
    ApprovalId, Code, Digest, DispatchId, Error, KeyId, ProjectId, RunId, ScheduleId, SessionId,
    StepId, TaskId, Time, WorkspaceId, limits,
};
use tenure_core::projection::{Column, ListQuery, Order, Row, Scope, Table, Value};

/// What a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only rows of this session.
    pub session: Option<SessionId>,
    /// Only workspaces of this project.
    pub project: Option<ProjectId>,
    /// Only rows in this status.
    pub status: Option<String>,
    /// Only sessions in this workspace; `Clear` asks for those in none (`SES-4`).
    pub workspace: Change<WorkspaceId>,
    /// Only what belongs to this product; of handoffs, what is offered to it.
    pub product: Option<String>,
    /// Only handoffs this product offered.
    pub from_product: Option<String>,
    /// Only what is for this user.
    pub user: Option<String>,
    /// Only sessions whose tools execute there.
    pub target: Option<ExecutionTarget>,
    /// Only sessions opened from this surface.
    pub surface: Option<Surface>,
    /// Only rows of this task.
    pub task: Option<TaskId>,
    /// Only rows that rank so.
    pub rank: Option<TaskRank>,
    /// The order.
    pub by_rank: Sort,
    /// Only rows that need attention.
    pub open_only: Option<bool>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Rows at the most.
    pub limit: Option<usize>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The newest first.
    #[default]
    Newest,
    /// By rank, and the newest first within one.
    Rank,
}

impl Engine {
    /// Sessions, the newest first. Web and worker see those of the sandbox unless they ask for
    /// another target (`TGT-1`).
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn sessions(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<Page<SessionSummary>, Error> {
        let by_surface = caller.surface.and_then(tenure_contract::words::Surface::lists_only);
        let target = listing.target.or(by_surface);
        self.page(caller, Table::Session, &Listing { target, ..listing.clone() }, session)
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn runs(&self, caller: &Caller, listing: &Listing) -> Result<Page<RunSummary>, Error> {
        self.page(caller, Table::Run, listing, run)
    }

    /// Approvals, the newest first, without their exact actions.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn approvals(&self, caller: &Caller, listing: &Listing) -> Result<Page<Approval>, Error> {
        self.page(caller, Table::Approval, listing, approval)
    }

    /// Steps in doubt, the newest first.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn doubts(&self, caller: &Caller, listing: &Listing) -> Result<Page<DoubtSummary>, Error> {
        self.page(caller, Table::Doubt, listing, doubt)
    }

    /// A page by rank: the ranks one after the other, each the newest first. The cursor is the
    /// rank's number before that of its list.
    pub(super) fn page_by_rank<T>(
        &self,
        caller: &Caller,
        listing: &Listing,
        shown: impl Fn(&Row) -> Option<T> + Copy,
    ) -> Result<Page<T>, Error> {
        let limit = page_size(listing)?;
        let (mut from, mut cursor) = (TaskRank::Urgent, None);
        if let Some(text) = &listing.cursor {
            let place = text.split_once('.').and_then(|(rank, rest)| {
                let known =
                    TaskRank::ALL.iter().find(|known| known.number().to_string() == rank)?;
                Some((*known, rest.to_owned()))
            });
            let (rank, rest) = place.ok_or_else(|| bad_cursor(text))?;
            (from, cursor) = (rank, Some(rest).filter(|rest| !rest.is_empty()));
        }
        let wanted =
            |rank: &&TaskRank| **rank >= from && listing.rank.is_none_or(|only| only == **rank);
        let mut items = Vec::new();
        for rank in TaskRank::ALL.iter().filter(wanted) {
            let number = rank.number();
            if items.len() == limit {
                return Ok(Page { items, next_cursor: Some(format!("{number}.")) });
            }
            let left = Some(limit - items.len());
            let part = Listing {
                rank: Some(*rank),
                cursor: cursor.take(),
                limit: left,
                ..listing.clone()
            };
            let page = self.page(caller, Table::Task, &part, shown)?;
            items.extend(page.items);
            if let Some(next) = page.next_cursor {
                return Ok(Page { items, next_cursor: Some(format!("{number}.{next}")) });
            }
        }
        Ok(Page { items, next_cursor: None })
    }

    pub(super) fn page<T>(
        &self,
        caller: &Caller,
        table: Table,
        listing: &Listing,
        shown: impl Fn(&Row) -> Option<T>,
    ) -> Result<Page<T>, Error> {
        self.page_in(caller, Scope::Tenant(caller.tenant), table, listing, shown)
    }

    /// The same over the rows of that scope; more than the caller's own are the operator's to see.
    pub(super) fn page_in<T>(
        &self,
        caller: &Caller,
        scope: Scope,
        table: Table,
        listing: &Listing,
        shown: impl Fn(&Row) -> Option<T>,
    ) -> Result<Page<T>, Error> {
        let limit = page_size(listing)?;
        let after = listing
            .cursor
            .as_deref()
            .map(|cursor| read_cursor(caller, table, cursor))
            .transpose()?;
        let filters = self.filters(caller, table, listing)?;
        if let Some(owners) = Owners::wanted(caller, table, listing) {
            return self.page_of(caller, (scope, table, filters), (after, limit), owners, shown);
        }
        let mut rows = self.rows(scope, table, filters, after, limit + 1)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor(caller, table, row.born));
        Ok(Page { items: rows.iter().filter_map(shown).collect(), next_cursor })
    }

    /// The columns a list is narrowed to.
    fn filters(
        &self,
        caller: &Caller,
        table: Table,
        listing: &Listing,
    ) -> Result<Vec<(Column, Value)>, Error> {
        let has = |column: Column| table.columns().contains(&column);
        let mut filters = session_filters(table, listing);
        if caller.product.is_some()
            && let Some(session) = listing.session
        {
            // another product's session is not there
            self.session_of(caller, session)?;
        }
        for (column, wanted) in [
            (Column::Product, bound(caller, table, listing)),
            (Column::Product, listing.product.as_ref()),
            (Column::Origin, listing.from_product.as_ref()),
            (Column::User, listing.user.as_ref()),
        ] {
            filters.extend(
                wanted.filter(|_| has(column)).map(|text| (column, Value::Text(text.clone()))),
            );
        }
        let ids = [
            (Column::Session, listing.session.map(SessionId::bytes)),
            (Column::Task, listing.task.map(TaskId::bytes)),
            (
                Column::Parent,
                listing.project.map(ProjectId::bytes).filter(|_| table == Table::Workspace),
            ),
        ];
        for (column, id) in ids {
            filters
                .extend(id.filter(|_| has(column)).map(|id| (column, Value::Bytes(id.to_vec()))));
        }
        if let Some(rank) = listing.rank.filter(|_| has(Column::Rank)) {
            filters.push((Column::Rank, Value::Number(i64::from(rank.number()))));
        }
        if let Some(status) = &listing.status {
            filters.push((Column::Status, Value::Text(status.clone())));
        }
        if let Some(open) = listing.open_only {
            filters.push((Column::Open, Value::Number(i64::from(open))));
            // what is open of a session that went elsewhere is open there
            filters.extend((open && has(Column::Gone)).then_some((Column::Gone, Value::Number(0))));
        }
        Ok(filters)
    }

    /// A page of a list whose rows do not say whose they are: their sessions do. A page that has looked at
    /// `PAGE_SCAN_MAX_ROWS` ends where it has come to, and its cursor goes on.
    fn page_of<T>(
        &self,
        caller: &Caller,
        (scope, table, filters): (Scope, Table, Vec<(Column, Value)>),
        (mut after, limit): (Option<u64>, usize),
        mut owners: Owners,
        shown: impl Fn(&Row) -> Option<T>,
    ) -> Result<Page<T>, Error> {
        let (mut found, mut seen, mut ended) = (Vec::new(), 0, false);
        while !ended && found.len() <= limit && seen < limits::PAGE_SCAN_MAX_ROWS {
            let rows = self.rows(scope, table, filters.clone(), after, limits::PAGE_MAX_ROWS)?;
            ended = rows.len() < limits::PAGE_MAX_ROWS;
            seen += rows.len();
            after = rows.last().map_or(after, |row| Some(row.born));
            for row in rows {
                if owners.have(self, caller, &row)? {
                    found.push(row);
                }
            }
        }
        let last = if found.len() > limit {
            found.truncate(limit);
            found.last().map(|row| row.born)
        } else {
            after.filter(|_| !ended)
        };
        let next_cursor = last.map(|born| cursor(caller, table, born));
        Ok(Page { items: found.iter().filter_map(shown).collect(), next_cursor })
    }

    pub(super) fn rows(
        &self,
        scope: Scope,
        table: Table,
        filters: Vec<(Column, Value)>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let query =
            ListQuery { scope, table, key: None, filters, order: Order::NewestFirst, after, limit };
        self.node.store.projection.list(&query).map_err(store_error)
    }

    pub(super) fn row(
        &self,
        caller: &Caller,
        table: Table,
        key: [u8; 16],
    ) -> Result<Option<Row>, Error> {
        let query = ListQuery {
            scope: Scope::Tenant(caller.tenant),
            table,
            key: Some(key),
            filters: Vec::new(),
            order: Order::NewestFirst,
            after: None,
            limit: 1,
        };
        Ok(self.node.store.projection.list(&query).map_err(store_error)?.pop())
    }
}

/// A cursor is opaque and bound to its tenant and list: the place, and a check on the three.
fn cursor(caller: &Caller, table: Table, born: u64) -> String {
    let check = Digest::of(&[
        b"cursor",
        &caller.tenant.bytes(),
        table.name().as_bytes(),
        &born.to_be_bytes(),
    ]);
    format!("{born:x}-{}", tenure_contract::digest::hex(&check.bytes()[..6]))
}

fn read_cursor(caller: &Caller, table: Table, text: &str) -> Result<u64, Error> {
    let born = text.split_once('-').and_then(|(born, _)| u64::from_str_radix(born, 16).ok());
    match born {
        Some(born) if cursor(caller, table, born) == text => Ok(born),
        _ => Err(bad_cursor(text)),
    }
}

/// What the session of a row must be, for a list whose rows do not say it.
struct Owners {
    products: Vec<String>,
    user: Option<String>,
    /// Only sessions that are here, because only what is open is asked for.
    here: bool,
    /// Sessions looked up for this page, and whether they are the ones wanted.
    known: HashMap<[u8; 16], bool>,
}

impl Owners {
    /// None when nothing of the kind is asked for, or the rows say it themselves.
    fn wanted(caller: &Caller, table: Table, listing: &Listing) -> Option<Self> {
        let has = |column: Column| table.columns().contains(&column);
        if !has(Column::Session) || has(Column::Product) {
            return None;
        }
        let products = [&caller.product, &listing.product].into_iter().flatten().cloned();
        let owners = Self {
            products: products.collect(),
            user: listing.user.clone(),
            here: listing.open_only == Some(true),
            known: HashMap::new(),
        };
        let asked = !owners.products.is_empty() || owners.user.is_some() || owners.here;
        asked.then_some(owners)
    }

    /// Whether a row's session is one of them. A row without a session belongs to nobody, and is here.
    fn have(&mut self, engine: &Engine, caller: &Caller, row: &Row) -> Result<bool, Error> {
        let anybodys = self.products.is_empty() && self.user.is_none();
        let Some(session) = row.id(Column::Session) else { return Ok(anybodys) };
        if let Some(known) = self.known.get(&session) {
            return Ok(*known);
        }
        let found = engine.row(caller, Table::Session, session)?;
        let is = found.map_or(anybodys, |found| {
            let product = found.text(Column::Product);
            let is_here = !self.here || found.number(Column::Gone) != Some(1);
            is_here
                && self.products.iter().all(|wanted| product == Some(wanted))
                && self
                    .user
                    .as_deref()
                    .is_none_or(|wanted| found.text(Column::User) == Some(wanted))
        });
        self.known.insert(session, is);
        Ok(is)
    }
}

/// The filters only sessions have.
fn session_filters(table: Table, listing: &Listing) -> Vec<(Column, Value)> {
    if table != Table::Session {
        return Vec::new();
    }
    let workspace = match &listing.workspace {
        Change::Keep => None,
        Change::Clear => Some(Value::Null),
        Change::Set(workspace) => Some(Value::Bytes(workspace.bytes().to_vec())),
    };
    let text = |word: &str| Value::Text(word.to_owned());
    let filters = [
        (Column::Workspace, workspace),
        (Column::Target, listing.target.map(|target| text(target.as_str()))),
        (Column::Surface, listing.surface.map(|surface| text(surface.as_str()))),
    ];
    filters.into_iter().filter_map(|(column, value)| Some((column, value?))).collect()
}

/// The product a list is narrowed to because the caller works for no other. A handoff is between two: its
/// own offers are a product's to see as well, and all of a session that is its own.
fn bound<'a>(caller: &'a Caller, table: Table, listing: &Listing) -> Option<&'a String> {
    let product = caller.product.as_ref()?;
    let own = listing.session.is_some() || listing.from_product.as_ref() == Some(product);
    Some(product).filter(|_| table != Table::Handoff || !own)
}

pub(super) fn bad_cursor(text: &str) -> Error {
    let shown: String = text.chars().take(60).collect();
    let told = format!("cursor `{shown}` is not one this list gave; begin without one");
    Error::new(Code::InvalidArgument, told)
}

pub(super) fn page_size(listing: &Listing) -> Result<usize, Error> {
    let (limit, most) = (listing.limit.unwrap_or(limits::PAGE_DEFAULT_ROWS), limits::PAGE_MAX_ROWS);
    if limit == 0 || limit > most {
        let told = format!("limit {limit} is out of range; expected 1 to {most}");
        return Err(Error::new(Code::InvalidArgument, told));
    }
    Ok(limit)
}

pub(super) fn time(row: &Row, column: Column) -> Option<Time> {
    row.number(column).and_then(|micros| u64::try_from(micros).ok()).map(Time::from_micros)
}

pub(super) fn owned(row: &Row, column: Column) -> Option<String> {
    row.text(column).map(str::to_owned)
}

pub(super) fn word<T: FromStr>(row: &Row, column: Column) -> Option<T> {
    row.text(column)?.parse().ok()
}

fn session(row: &Row) -> Option<SessionSummary> {
    Some(SessionSummary {
        session_id: SessionId::from_bytes(row.key),
        tenant_id: row.tenant,
        product_id: owned(row, Column::Product)?,
        user_id: owned(row, Column::User)?,
        status: word(row, Column::Status)?,
        title: owned(row, Column::Label),
        workspace: row.id(Column::Workspace).map(WorkspaceId::from_bytes),
        execution_target: word(row, Column::Target)?,
        surface: word(row, Column::Surface),
        started_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}

fn run(row: &Row) -> Option<RunSummary> {
    Some(RunSummary {
        run_id: RunId::from_bytes(row.key),
        tenant_id: row.tenant,
        session_id: SessionId::from_bytes(row.id(Column::Session)?),
        task_id: row.id(Column::Task).map(TaskId::from_bytes),
        parent_run_id: row.id(Column::Parent).map(RunId::from_bytes),
        kind: owned(row, Column::Kind)?,
        name: owned(row, Column::Name)?,
        status: word(row, Column::Status)?,
        reason: owned(row, Column::Reason),
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
        completed_at: time(row, Column::EndedAt),
    })
}

pub(super) fn task_summary(row: &Row) -> Option<TaskSummary> {
    Some(TaskSummary {
        task_id: TaskId::from_bytes(row.key),
        tenant_id: row.tenant,
        session_id: SessionId::from_bytes(row.id(Column::Session)?),
        title: owned(row, Column::Label)?,
        status: word(row, Column::Status)?,
        priority: owned(row, Column::Priority),
        workspace: row.id(Column::Workspace).map(WorkspaceId::from_bytes),
        run_id: row.id(Column::Run).map(RunId::from_bytes),
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}

fn approval(row: &Row) -> Option<Approval> {
    let digest = match row.get(Column::Digest) {
        Value::Bytes(bytes) => Digest::from_bytes(bytes.as_slice().try_into().ok()?),
        Value::Null | Value::Text(_) | Value::Number(_) => return None,
    };
    Some(Approval {
        approval_id: ApprovalId::from_bytes(row.key),
        tenant_id: row.tenant,
        kind: word(row, Column::Kind)?,
        session_id: row.id(Column::Session).map(SessionId::from_bytes),
        run_id: row.id(Column::Run).map(RunId::from_bytes),
        step: row.id(Column::Step).map(StepId::from_bytes),
        action_label: owned(row, Column::Label)?,
        action_digest: digest,
        action: None,
        risk_level: word(row, Column::Risk)?,
        status: word(row, Column::Status)?,
        requested_at: time(row, Column::CreatedAt)?,
        expires_at: time(row, Column::ExpiresAt),
        resolved_at: time(row, Column::EndedAt),
        resolver: resolver(row),
        reason: owned(row, Column::Reason),
    })
}

/// Who decided an approval, and where.
pub(super) fn resolver(row: &Row) -> Option<Resolver> {
    let principal = owned(row, Column::Actor)?;
    Some(Resolver { principal, surface: word(row, Column::Surface) })
}

fn doubt(row: &Row) -> Option<DoubtSummary> {
    Some(DoubtSummary {
        step_id: StepId::from_bytes(row.key),
        run_id: RunId::from_bytes(row.id(Column::Run)?),
        session_id: SessionId::from_bytes(row.id(Column::Session)?),
        status: owned(row, Column::Status)?,
        cause: owned(row, Column::Reason),
        travelling_until: time(row, Column::ExpiresAt),
        created_at: time(row, Column::CreatedAt)?,
    })
}

/// A list of words that one column holds, separated by spaces.
pub(super) fn words(row: &Row, column: Column) -> Vec<String> {
    row.text(column).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

pub(super) fn api_key(row: &Row) -> Option<ApiKey> {
    Some(ApiKey {
        key_id: KeyId::from_bytes(row.key),
        tenant_id: row.tenant,
        prefix: owned(row, Column::Name)?,
        principal: owned(row, Column::Actor)?,
        scopes: words(row, Column::Scopes),
        product_id: owned(row, Column::Product),
        expires_at: time(row, Column::ExpiresAt),
        status: owned(row, Column::Status)?,
        created_at: time(row, Column::CreatedAt)?,
        key: None,
    })
}

pub(super) fn dispatch_summary(row: &Row) -> Option<DispatchSummary> {
    Some(DispatchSummary {
        dispatch_id: DispatchId::from_bytes(row.key),
        tenant_id: row.tenant,
        product_id: owned(row, Column::Product)?,
        user_id: owned(row, Column::User)?,
        session_id: row.id(Column::Session).map(SessionId::from_bytes),
        run_id: row.id(Column::Run).map(RunId::from_bytes),
        mode: word(row, Column::Kind)?,
        name: owned(row, Column::Name)?,
        priority: owned(row, Column::Priority),
        status: word(row, Column::Status)?,
        reason: owned(row, Column::Reason),
        expires_at: time(row, Column::ExpiresAt),
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}

pub(super) fn schedule_summary(row: &Row) -> Option<ScheduleSummary> {
    Some(ScheduleSummary {
        schedule_id: ScheduleId::from_bytes(row.key),
        tenant_id: row.tenant,
        product_id: owned(row, Column::Product)?,
        user_id: owned(row, Column::User)?,
        title: owned(row, Column::Label)?,
        session_id: row.id(Column::Session).map(SessionId::from_bytes),
        missed_policy: word(row, Column::Kind)?,
        status: word(row, Column::Status)?,
        reason: owned(row, Column::Reason),
        created_at: time(row, Column::CreatedAt)?,
        updated_at: time(row, Column::UpdatedAt)?,
    })
}
