//! Many do the same at once (`CLM-1`): make the thread of one name, and claim it for what each of them has
//! made elsewhere.

use crate::cli::Failure;
use crate::stage::{Server, Summary};
use futures::future::try_join_all;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tenure_contract::SessionId;
use tenure_contract::resource::{Claim, ClaimSession, OpenSession, Session};

/// How many.
pub(super) const MANY: usize = 16;

/// What a race came to.
pub(super) struct Race {
    /// The thread's name outside, and what opens it.
    name: &'static str,
    opening: OpenSession,
    /// Where each claimer has made something before it claims.
    made: PathBuf,
    /// Sessions the creates were answered with.
    sessions: BTreeSet<SessionId>,
    won: usize,
    /// Winners the claims were told, by what they made.
    winners: BTreeSet<String>,
}

impl Race {
    /// Opens the thread of a name many times at once, and returns it.
    pub async fn open(
        server: &Server,
        folder: &Path,
        (name, opening): (&'static str, OpenSession),
    ) -> Result<(Self, SessionId), Failure> {
        let made = folder.join(name);
        fs::create_dir_all(&made)?;
        let client = server.client();
        let open = || client.post_keyed::<Session>("/v1/sessions", &opening, Some(name));
        let opened = try_join_all((0..MANY).map(|_| open())).await?;
        let sessions: BTreeSet<SessionId> = opened.iter().map(|one| one.session_id).collect();
        let session = sessions.first().copied();
        let session = session.ok_or_else(|| Failure::failed("no thread was made"))?;
        let (won, winners) = (0, BTreeSet::new());
        Ok((Self { name, opening, made, sessions, won, winners }, session))
    }

    /// Claims it for an agent, many times at once. Each has made something elsewhere before; who is told that
    /// it lost takes that away again.
    pub async fn claim(
        &mut self,
        server: &Server,
        session: SessionId,
        agent: &str,
    ) -> Result<(), Failure> {
        let one = |number: usize| self.one(server, session, (agent, format!("claimer-{number}")));
        let claims = try_join_all((0..MANY).map(one)).await?;
        self.take(&claims);
        Ok(())
    }

    /// One that comes much later opens and claims the same.
    pub async fn claim_late(&mut self, server: &Server, agent: &str) -> Result<(), Failure> {
        let client = server.client();
        let opened: Session =
            client.post_keyed("/v1/sessions", &self.opening, Some(self.name)).await?;
        self.sessions.insert(opened.session_id);
        let claim = self.one(server, opened.session_id, (agent, "latecomer".to_owned())).await?;
        self.take(&[claim]);
        Ok(())
    }

    async fn one(
        &self,
        server: &Server,
        session: SessionId,
        (agent, own): (&str, String),
    ) -> Result<Claim, Failure> {
        fs::write(self.made.join(&own), agent)?;
        let external_id = Some(own);
        let request = ClaimSession { agent: agent.to_owned(), version: None, external_id };
        let path = format!("/v1/sessions/{session}/agent-binding");
        let claim: Claim = server.client().post(&path, &request).await?;
        if let Some(orphan) = &claim.orphan {
            fs::remove_file(self.made.join(orphan))?;
        }
        Ok(claim)
    }

    fn take(&mut self, claims: &[Claim]) {
        self.won += claims.iter().filter(|claim| claim.won).count();
        let winners = claims.iter().filter_map(|claim| claim.agent_binding.external_id.clone());
        self.winners.extend(winners);
    }

    /// What is left of what claimers made.
    fn left(&self) -> Result<Vec<String>, Failure> {
        let mut left = Vec::new();
        for file in fs::read_dir(&self.made)? {
            left.push(file?.file_name().to_string_lossy().into_owned());
        }
        Ok(left)
    }

    /// One session, one winner; what is left elsewhere is what the journal binds the session to.
    pub fn claims(&self, bound: &[String], summary: &mut Summary) -> Result<(), Failure> {
        let name = self.name;
        let made = format!("{name}: sessions made by {MANY} creates at once and a late one");
        summary.equal(&made, self.sessions.len(), 1);
        let won = format!("{name}: claims that won, of {MANY} at once and a late one");
        summary.equal(&won, self.won, 1);
        let told: Vec<String> = self.winners.iter().cloned().collect();
        summary.equal(&format!("{name}: the winner every claimer was told"), told, bound.to_vec());
        let left = format!("{name}: what claimers made and left; the journal binds it");
        summary.equal(&left, self.left()?, bound.to_vec());
        Ok(())
    }
}
