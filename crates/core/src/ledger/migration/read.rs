//! Reading a file of rows: every line or none, and the line that is wrong is named.

use crate::session::check_title;
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{LegacyFacts, LegacyRef, UserMapped};
use tenure_contract::resource::LegacyLine;
use tenure_contract::words::{ArtifactState, LegacyKind};
use tenure_contract::{Code, Error, limits};

/// A file of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The users it names.
    pub users: Vec<UserMapped>,
    /// Its rows, in order, as they stand beside entries.
    pub chunks: Vec<Chunk>,
    /// How many rows there are.
    pub rows: u64,
}

/// Rows that stand together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// What decides about each.
    pub rows: Vec<LegacyFacts>,
    /// Their lines as they were, each with its end.
    pub lines: String,
}

/// Reads the lines of a file. `check` is asked about every row besides.
///
/// # Errors
/// `invalid-argument` naming the line that is none, or the limit there are too many for.
pub fn read(
    text: &str,
    check: impl Fn(&LegacyLine) -> Result<(), Error>,
) -> Result<Reading, Error> {
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.lines()) {
        reader.take(line, &check).map_err(|why| at_line(number, &why))?;
        reader.line += 1;
    }
    reader.references()?;
    let Reader { users, chunks, places, .. } = reader;
    let rows = places.len() as u64;
    if rows == 0 {
        return Err(Error::new(Code::InvalidArgument, "the file has no rows"));
    }
    let users = users.into_iter().map(|(user, tenant)| UserMapped { user, tenant }).collect();
    Ok(Reading { users, chunks, rows })
}

fn at_line(number: u64, why: &Error) -> Error {
    Error::new(Code::InvalidArgument, format!("line {number}: {}", why.message))
}

#[derive(Default)]
struct Reader {
    users: BTreeMap<String, Option<tenure_contract::TenantId>>,
    chunks: Vec<Chunk>,
    /// The line each row stands on.
    places: BTreeMap<LegacyRef, u64>,
    line: u64,
}

impl Reader {
    fn take(
        &mut self,
        line: &str,
        check: &impl Fn(&LegacyLine) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if line.len() > limits::MIGRATION_LINE_MAX_BYTES {
            return Err(invalid(format!(
                "it has {} bytes; the limit MIGRATION_LINE_MAX_BYTES is {}",
                line.len(),
                limits::MIGRATION_LINE_MAX_BYTES
            )));
        }
        let row: LegacyLine =
            serde_json::from_str(line).map_err(|why| invalid(format!("it is no row: {why}")))?;
        check_row(&row)?;
        check(&row)?;
        let Some(facts) = facts(&row) else { return self.take_user(row) };
        if facts.refs.len() > limits::MIGRATION_REFS_MAX {
            return Err(invalid(format!(
                "it refers to {} rows; the limit MIGRATION_REFS_MAX is {}",
                facts.refs.len(),
                limits::MIGRATION_REFS_MAX
            )));
        }
        if self.places.len() >= limits::MIGRATION_ROWS_MAX {
            let told = format!(
                "it is one more than MIGRATION_ROWS_MAX, {}; begin several migrations",
                limits::MIGRATION_ROWS_MAX
            );
            return Err(invalid(told));
        }
        if let Some(other) = self.places.insert(facts.row.clone(), self.line) {
            return Err(invalid(format!("`{}` stands on line {} too", facts.row, other + 1)));
        }
        let chunk = self.chunk(line.len());
        chunk.rows.push(facts);
        chunk.lines.push_str(line);
        chunk.lines.push('\n');
        Ok(())
    }

    fn take_user(&mut self, row: LegacyLine) -> Result<(), Error> {
        let LegacyLine::User(user) = row else { return Ok(()) };
        if self.users.len() >= limits::MIGRATION_USERS_MAX {
            let told = format!(
                "it is one user more than MIGRATION_USERS_MAX, {}",
                limits::MIGRATION_USERS_MAX
            );
            return Err(invalid(told));
        }
        match self.users.insert(user.id.clone(), user.tenant_id) {
            None => Ok(()),
            Some(_) => Err(invalid(format!("user `{}` stands on a line before it too", user.id))),
        }
    }

    fn chunk(&mut self, bytes: usize) -> &mut Chunk {
        let is_full = self.chunks.last().is_none_or(|chunk| {
            chunk.rows.len() >= limits::MIGRATION_ENTRY_ROWS
                || chunk.lines.len() + bytes > limits::MIGRATION_ENTRY_BYTES
        });
        if is_full {
            self.chunks.push(Chunk::default());
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }

    /// What a row refers to stands before it, so that one pass decides all. What stands nowhere is the old
    /// store's loss, and no fault of the file.
    fn references(&self) -> Result<(), Error> {
        for facts in self.chunks.iter().flat_map(|chunk| &chunk.rows) {
            let own = self.places.get(&facts.row).copied().unwrap_or_default();
            for named in &facts.refs {
                if let Some(at) = self.places.get(named).filter(|at| **at >= own) {
                    let told = format!(
                        "`{}` refers to `{named}`, which stands on line {}; expected it before",
                        facts.row,
                        at + 1
                    );
                    return Err(at_line(own + 1, &invalid(told)));
                }
            }
        }
        Ok(())
    }
}

/// What decides about a row; none for a user, who is no row.
fn facts(line: &LegacyLine) -> Option<LegacyFacts> {
    use LegacyKind::{Agent, Artifact, Project, Session, Workspace};
    let one = |kind, id: &Option<String>| id.clone().map(|id| LegacyRef { kind, id });
    let (kind, id, user, refs) = match line {
        LegacyLine::User(_) => return None,
        LegacyLine::Project(row) => (Project, &row.id, &row.user, Vec::new()),
        LegacyLine::Workspace(row) => {
            (Workspace, &row.id, &row.user, one(Project, &row.project).into_iter().collect())
        }
        LegacyLine::Agent(row) => (Agent, &row.id, &row.user, Vec::new()),
        LegacyLine::Session(row) => {
            let refs = one(Workspace, &row.workspace).into_iter().chain(one(Agent, &row.agent));
            (Session, &row.id, &row.user, refs.collect())
        }
        LegacyLine::Artifact(row) => {
            let session = LegacyRef { kind: Session, id: row.session.clone() };
            let parents = row.parents.iter().map(|id| LegacyRef { kind: Artifact, id: id.clone() });
            (Artifact, &row.id, &row.user, std::iter::once(session).chain(parents).collect())
        }
    };
    Some(LegacyFacts { row: LegacyRef { kind, id: id.clone() }, user: user.clone(), refs })
}

fn check_row(line: &LegacyLine) -> Result<(), Error> {
    let (id, user) = match line {
        LegacyLine::User(row) => (&row.id, None),
        LegacyLine::Project(row) => {
            name("name", &row.name)?;
            (&row.id, row.user.as_ref())
        }
        LegacyLine::Workspace(row) => {
            reference("ref", row.reference.as_ref())?;
            reference("baseCommit", row.base_commit.as_ref())?;
            (&row.id, row.user.as_ref())
        }
        LegacyLine::Agent(row) => (&row.id, row.user.as_ref()),
        LegacyLine::Session(row) => {
            if let Some(title) = &row.title {
                check_title("title", title).map_err(Error::from)?;
            }
            if let Some(product) = &row.product_id {
                name("productId", product)?;
            }
            (&row.id, row.user.as_ref())
        }
        LegacyLine::Artifact(row) => {
            name("artifactType", &row.artifact_type)?;
            name("intent", &row.intent)?;
            if !matches!(row.state, None | Some(ArtifactState::Pending | ArtifactState::Ready)) {
                return Err(invalid("state is expected to be PENDING or READY".to_owned()));
            }
            let mut seen = BTreeSet::new();
            if let Some(twice) = row.parents.iter().find(|parent| !seen.insert(*parent)) {
                return Err(invalid(format!("parent `{twice}` is named twice")));
            }
            (&row.id, row.user.as_ref())
        }
    };
    name("id", id)?;
    user.map_or(Ok(()), |user| name("user", user))
}

fn name(what: &str, text: &str) -> Result<(), Error> {
    bounded(what, text, limits::NAME_MAX_CHARS, "NAME_MAX_CHARS")
}

fn reference(what: &str, text: Option<&String>) -> Result<(), Error> {
    text.map_or(Ok(()), |text| bounded(what, text, limits::REF_MAX_CHARS, "REF_MAX_CHARS"))
}

fn bounded(what: &str, text: &str, most: usize, limit: &str) -> Result<(), Error> {
    let long = text.chars().count();
    if (1..=most).contains(&long) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid(format!(
        "{what} has {long} characters; expected 1 to {limit}, {most}, and no control characters"
    )))
}

fn invalid(told: String) -> Error {
    Error::new(Code::InvalidArgument, told)
}
