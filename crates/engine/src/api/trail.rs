//! The trail of a session: the core's fold over its entries, with what is left of their bodies.

use super::Engine;
use tenure_contract::export::Body;
use tenure_contract::resource::Caller;
use tenure_contract::trail::{Derived, Line};
use tenure_contract::{Code, Error, SessionId, limits};
use tenure_core::trail::{At, Trail};

/// A trail on its way, a few lines at a time: a journal of any length is never held whole.
pub struct Trailing {
    engine: Engine,
    caller: Caller,
    session: SessionId,
    next: u64,
    upto: u64,
    part: Part,
}

enum Part {
    Head(Trail),
    Observed(Trail),
    Derived(Box<dyn Iterator<Item = Derived> + Send>),
    End,
}

impl Engine {
    /// The trail of a session up to an entry (`RPL-1`). What is durable now is its newest state.
    ///
    /// # Errors
    /// `not-found`; `invalid-argument` for an entry that is not there.
    pub fn trail(&self, caller: &Caller, session: SessionId, at: At) -> Result<Trailing, Error> {
        let upto = at.within(self.session_of(caller, session)?.durable.seq())?;
        let part = Part::Head(Trail::new(session, caller.tenant));
        let (engine, caller) = (self.clone(), caller.clone());
        Ok(Trailing { engine, caller, session, next: 1, upto, part })
    }
}

impl Trailing {
    /// The next lines, at most [`limits::TRAIL_LINES_AT_ONCE`]; none at the end.
    ///
    /// # Errors
    /// A store's refusal; the trail then ends without its session's line.
    pub fn read(&mut self) -> Result<Vec<Line>, Error> {
        match std::mem::replace(&mut self.part, Part::End) {
            Part::Head(trail) => {
                self.part = Part::Observed(trail);
                Ok(vec![Line::Head(Trail::head(self.session, self.caller.tenant, self.upto))])
            }
            Part::Observed(trail) if self.next > self.upto => {
                self.part = Part::Derived(Box::new(trail.derive()));
                self.read()
            }
            Part::Observed(trail) => self.observe(trail),
            Part::Derived(mut derived) => {
                let lines = derived.by_ref().take(limits::TRAIL_LINES_AT_ONCE);
                let lines: Vec<Line> = lines.map(Box::new).map(Line::Derived).collect();
                self.part = Part::Derived(derived);
                Ok(lines)
            }
            Part::End => Ok(Vec::new()),
        }
    }

    fn observe(&mut self, mut trail: Trail) -> Result<Vec<Line>, Error> {
        let left = usize::try_from(self.upto + 1 - self.next).unwrap_or(usize::MAX);
        let limit = left.min(limits::TRAIL_LINES_AT_ONCE);
        let told = self.engine.entries(&self.caller, self.session, self.next, limit)?;
        if told.is_empty() {
            let text = format!("journal `{}` has no entry {}", self.session, self.next);
            return Err(Error::new(Code::StoreCorrupt, text).about(self.session));
        }
        let mut lines = Vec::with_capacity(told.len());
        for told in told {
            let observed = trail.observe(&told.entry).map_err(|illegal| {
                Error::new(Code::Quarantined, illegal.to_string()).about(self.session)
            })?;
            self.next = told.entry.seq + 1;
            let body = told.sealed.as_deref().and_then(Body::unseal);
            lines.push(Line::Observed(Box::new(observed.with_body(body))));
        }
        self.part = Part::Observed(trail);
        Ok(lines)
    }
}
