//! Following a whole tenant: the entries of its sessions and its ledger in the order of the log.

use super::{Engine, name};
use crate::commit::store_error;
use crate::lock;
use crate::tenant_feed::TenantFeed;
use std::collections::HashMap;
use std::sync::Arc;
use tenure_contract::feed::FeedLine;
use tenure_contract::resource::Caller;
use tenure_contract::{Code, Entry, Error, Event, Journal, SessionId, limits};
use tenure_core::authority::is_operator;
use tenure_core::position::Position;
use tenure_core::projection::{Column, Table};
use tenure_store::Stored;

/// Sessions whose product one stream remembers.
const PRODUCTS_KNOWN_MAX: usize = 1_024;

/// Which entries somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only kinds that begin with one of these; all when there is none.
    pub kinds: Vec<String>,
    /// Only this session's.
    pub session: Option<SessionId>,
    /// Only those of sessions of this product.
    pub product: Option<String>,
}

/// A tenant, followed from a place on.
pub struct Following {
    engine: Engine,
    caller: Caller,
    wanted: Wanted,
    feed: Arc<TenantFeed>,
    place: Position,
    products: HashMap<SessionId, bool>,
}

impl Engine {
    /// The last place of the log that is durable.
    #[must_use]
    pub fn durable_end(&self) -> Position {
        let settled = Position::from_number(self.node.settler.settled.seq());
        self.node.committer.last().max(settled)
    }

    /// Follows the caller's tenant after a place (`SUB-1`).
    ///
    /// # Errors
    /// `not-found` for the session, `invalid-argument` for a kind or product nothing can have,
    /// `forbidden` for a product the caller does not work for.
    pub fn follow(
        &self,
        caller: &Caller,
        wanted: Wanted,
        after: Position,
    ) -> Result<Following, Error> {
        check(&wanted)?;
        // a caller bound to a product has its sessions' entries, and no other product's
        let product = super::sessions::product_of(caller, wanted.product)?;
        let wanted = Wanted { product, ..wanted };
        if let Some(session) = wanted.session {
            self.session_of(caller, session)?;
        }
        let feed = self.node.committer.tenants.open(caller.tenant, || self.durable_end());
        Ok(Following {
            engine: self.clone(),
            caller: caller.clone(),
            wanted,
            feed,
            place: after,
            products: HashMap::new(),
        })
    }
}

/// Whether an entry of the server's own tenant tells of other tenants' things: only its operator is told (`TEN-1`).
const fn is_operators(event: &Event) -> bool {
    matches!(
        event,
        Event::MigrationBegun(_)
            | Event::MigrationRowsRead(_)
            | Event::MigrationUsersMapped(_)
            | Event::MigrationRowsMoved(_)
            | Event::MigrationFinished(_)
    )
}

fn check(wanted: &Wanted) -> Result<(), Error> {
    if wanted.kinds.len() > limits::FEED_KINDS_MAX {
        let text = format!(
            "{} kinds were asked for; the limit FEED_KINDS_MAX is {}",
            wanted.kinds.len(),
            limits::FEED_KINDS_MAX
        );
        return Err(Error::new(Code::InvalidArgument, text));
    }
    let begins = |kind: &&String| Event::KINDS.iter().any(|(_, name)| name.starts_with(&**kind));
    if let Some(unknown) = wanted.kinds.iter().find(|kind| kind.is_empty() || !begins(kind)) {
        let shown: String = unknown.chars().take(60).collect();
        let text = format!(
            "no kind begins with `{shown}`; expected one such as `run.ended`, or the beginning of \
             some, such as `approval.`"
        );
        return Err(Error::new(Code::InvalidArgument, text));
    }
    wanted.product.as_ref().map_or(Ok(()), |product| name("the product", product))
}

impl Following {
    /// After which place it goes on.
    #[must_use]
    pub const fn place(&self) -> Position {
        self.place
    }

    /// Whether everything that is durable was told.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.feed.after(self.place, 1).is_some_and(|found| found.is_empty())
    }

    /// The next entries with their places. None may be a part of the log nothing was wanted of:
    /// the place has moved then.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn read(&mut self) -> Result<Vec<(Position, FeedLine)>, Error> {
        let known = self.feed.after(self.place, limits::FEED_SCAN_ENTRIES);
        let (found, place) = match known {
            Some(positions) => self.fetch(&positions)?,
            None => self.scan()?,
        };
        let mut lines = Vec::new();
        for stored in found {
            if let Some(line) = self.line(&stored)? {
                lines.push((stored.position, line));
            }
        }
        self.place = place;
        Ok(lines)
    }

    /// Resolves once there is something after the place. Dropping it stops nothing.
    pub async fn reach(&self) {
        // a feed is never lost: what it is told is durable
        let _ = self.feed.told.reach(self.place.number() + 1).await;
    }

    fn fetch(&self, positions: &[Position]) -> Result<(Vec<Stored>, Position), Error> {
        let stored = self.engine.node.store.log.fetch(positions).map_err(store_error)?;
        Ok((stored, positions.last().copied().unwrap_or(self.place)))
    }

    /// A bounded look at the log, other tenants' rows passed over.
    fn scan(&self) -> Result<(Vec<Stored>, Position), Error> {
        // what is beyond is not acknowledged yet
        let end = self.engine.durable_end();
        let limit = limits::FEED_SCAN_ENTRIES;
        let page = self.engine.node.store.log.scan(self.place, limit).map_err(store_error)?;
        let is_last = page.len() < limit;
        let mut page: Vec<Stored> =
            page.into_iter().take_while(|stored| stored.position <= end).collect();
        let seen = page.last().map_or(self.place, |stored| stored.position);
        let place = if is_last || seen == end { end.max(seen) } else { seen };
        page.retain(|stored| stored.tenant == self.caller.tenant);
        Ok((page, place))
    }

    fn line(&mut self, stored: &Stored) -> Result<Option<FeedLine>, Error> {
        let session = self.wanted.session.map(SessionId::bytes);
        if session.is_some_and(|session| session != stored.journal) {
            return Ok(None);
        }
        let entry = Entry::from_bytes(&stored.bytes)
            .map_err(|why| crate::journal::undecodable(stored, &why))?;
        let kinds = &self.wanted.kinds;
        let kind = entry.event.name();
        if !kinds.is_empty() && !kinds.iter().any(|begin| kind.starts_with(begin.as_str())) {
            return Ok(None);
        }
        if is_operators(&entry.event) && !is_operator(&self.caller.scopes) {
            return Ok(None);
        }
        if !self.is_of_product(&entry)? {
            return Ok(None);
        }
        Ok(Some(FeedLine::new(entry, stored.hash)))
    }

    fn is_of_product(&mut self, entry: &Entry) -> Result<bool, Error> {
        let Some(product) = &self.wanted.product else { return Ok(true) };
        let Journal::Session(session) = entry.journal else { return Ok(false) };
        if let Event::HandoffAccepted(event) = &entry.event {
            // the last that whose it was sees of it, and the first whose it is
            self.products.insert(session, event.to.product == *product);
            return Ok(event.from.product == *product || event.to.product == *product);
        }
        if let Some(known) = self.products.get(&session) {
            return Ok(*known);
        }
        let is = self.product(session)?.as_ref() == Some(product);
        if self.products.len() >= PRODUCTS_KNOWN_MAX {
            self.products.clear();
        }
        self.products.insert(session, is);
        Ok(is)
    }

    /// A session's product, as of what is durable now; a later handoff is among the entries that follow.
    /// A session that is not in memory is settled, and the lists know it.
    fn product(&self, session: SessionId) -> Result<Option<String>, Error> {
        if let Some(resident) = self.engine.node.residents.get(&session.bytes()) {
            let cell = lock(&resident.cell);
            let durable = resident.durable.seq();
            let owner = cell.session().and_then(|state| state.owner_at(durable + 1));
            return Ok(owner.map(|owner| owner.product));
        }
        let row = self.engine.row(&self.caller, Table::Session, session.bytes())?;
        Ok(row.and_then(|row| row.text(Column::Product).map(str::to_owned)))
    }
}
