//! The export of a session: a header, every entry, a signed head (`LOG-2`, `LOG-3`).

use super::caller::Who;
use super::extract::Named;
use super::journal::Reader;
use super::limits::ENTRIES_AT_ONCE;
use super::problem::Refusal;
use super::route::Routes;
use super::state::{HeadSigner, ServerState};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::try_unfold;
use std::io;
use std::sync::Arc;
use tenure_contract::export::{EXPORT_VERSION, HeadClaim, Header};
use tenure_contract::{Digest, Journal, SessionId};
use tenure_engine::Clock;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(export_session))
}

/// Export a session's journal: readable by people, provable by its bytes.
///
/// JSON Lines: a header, one line per entry with its body, and the head of the chain signed by
/// this server. What was durable when the export began is in it; `tenure verify` checks it offline.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/export", tag = "journals", operation_id = "exportSession",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The export, as JSON Lines", body = String,
        content_type = "application/jsonl")),
)]
async fn export_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
) -> Result<Response, Refusal> {
    let last = state.engine.session(&caller, id).await?.seq;
    let header = Header {
        tenure: EXPORT_VERSION,
        journal: Journal::Session(id),
        tenant: caller.tenant,
        store: state.engine.store_id(),
    };
    let reader = Reader::new(state.engine, caller, id, 1);
    let writing = Writing {
        header,
        reader,
        last,
        signer: state.signer,
        clock: state.clock,
        part: Part::Header,
    };
    let lines = try_unfold(writing, Writing::go_on);
    let name = format!("attachment; filename=\"{id}.jsonl\"");
    let headers =
        [(header::CONTENT_TYPE, "application/jsonl"), (header::CONTENT_DISPOSITION, name.as_str())];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// An export on its way, up to the entry that was the last when it began.
struct Writing {
    header: Header,
    reader: Reader,
    last: u64,
    signer: Arc<HeadSigner>,
    clock: Clock,
    part: Part,
}

enum Part {
    Header,
    Entries,
    End,
}

impl Writing {
    /// The next piece. A failure cuts the answer short, which no client takes for its end, and no
    /// verifier for a whole export: the head is missing.
    async fn go_on(mut self) -> io::Result<Option<(String, Self)>> {
        let text = match self.part {
            Part::Header => {
                self.part = Part::Entries;
                self.header.to_line() + "\n"
            }
            Part::Entries => self.entries().await?,
            Part::End => return Ok(None),
        };
        Ok(Some((text, self)))
    }

    async fn entries(&mut self) -> io::Result<String> {
        let left = usize::try_from(self.last + 1 - self.reader.next).unwrap_or(usize::MAX);
        if left == 0 {
            self.part = Part::End;
            return Ok(self.head());
        }
        let read = self.reader.read(left.min(ENTRIES_AT_ONCE)).await;
        let lines = read.map_err(|refusal| io::Error::other(refusal.0))?;
        if lines.is_empty() {
            return Err(io::Error::other(format!("entry {} is missing", self.reader.next)));
        }
        Ok(lines.iter().map(|line| line.to_line() + "\n").collect())
    }

    fn head(&self) -> String {
        let claim = HeadClaim {
            journal: self.header.journal,
            tenant: self.header.tenant,
            store: self.header.store,
            seq: self.last,
            hash: self.reader.before.unwrap_or(Digest::ZERO),
            at: self.clock.now(),
            epoch: self.signer.epoch,
        };
        self.signer.sign(claim).to_line() + "\n"
    }
}
