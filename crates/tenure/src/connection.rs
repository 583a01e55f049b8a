//! The way to a data directory's owner: found by its note, or become by this process.

use crate::client::{Client, Fault};
use crate::open::{OpenError, Options, Tenure};
use crate::owner::Owner;
use crate::server::Running;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tenure_contract::{Code, Error, TenantId};
use tenure_engine::Motion;
use tenure_surface::http::Tokens;
use tokio::time::Instant;

/// How long an owner that holds the directory may take until it answers.
const OWNER_START_MAX: Duration = Duration::from_secs(20);
/// How often its note is looked for meanwhile.
const OWNER_POLL: Duration = Duration::from_millis(50);

/// A client of the owner, and the owner itself when this process is it.
pub(crate) struct Connection {
    pub client: Client,
    /// The data directory, as named.
    pub dir: PathBuf,
    owned: Option<Running>,
    motion: Motion,
}

impl Connection {
    /// Finds the owner of a data directory, or becomes it: one that moves its runs on, or one that
    /// only reads.
    pub async fn to(dir: &Path, motion: Motion) -> Result<Self, Error> {
        let deadline = Instant::now() + OWNER_START_MAX;
        loop {
            if let Some(client) = live_owner(dir).await {
                return Ok(Self { client, dir: dir.to_owned(), owned: None, motion: Motion::Live });
            }
            match Tenure::open(dir, Options { motion, ..Options::default() }) {
                Ok(tenure) => return Self::becoming(dir, tenure).await,
                // somebody holds it and does not answer yet, or not any more
                Err(OpenError::Held { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(OWNER_POLL).await;
                }
                Err(error) => return Err(Error::new(error.code(), error.to_string())),
            }
        }
    }

    async fn becoming(dir: &Path, tenure: Tenure) -> Result<Self, Error> {
        let running = Running::start(tenure, ([127, 0, 0, 1], 0).into(), Tokens::default()).await?;
        let client = running.client().map_err(Fault::into_error)?;
        let motion = running.motion();
        Ok(Self { client, dir: dir.to_owned(), owned: Some(running), motion })
    }

    /// The same, acting in that tenant, if one is named.
    pub fn acting_in(mut self, tenant: Option<TenantId>) -> Self {
        self.client = self.client.acting_in(tenant);
        self
    }

    /// Whether this process is the owner.
    pub const fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Whether anybody moves the directory's runs on.
    pub const fn motion(&self) -> Motion {
        self.motion
    }

    /// Lets go: an owner drains and withdraws its note; nothing is cancelled.
    pub async fn close(self) {
        if let Some(running) = self.owned {
            running.stop().await;
        }
    }
}

/// A client of the owner the note names, if that process answers and knows the token.
pub(crate) async fn live_owner(dir: &Path) -> Option<Client> {
    let owner = Owner::read(dir)?;
    let client = Client::new(&owner.endpoint, &owner.token).ok()?;
    match client.get::<Value>("/v1/server").await {
        Ok(_) => Some(client),
        Err(Fault::Unreachable { .. }) => None,
        // another process on the same port does not know the token
        Err(Fault::Refused(error))
            if matches!(
                error.code,
                Code::Unauthenticated | Code::Upstream | Code::NotFound | Code::NoSuchRoute
            ) =>
        {
            None
        }
        Err(Fault::Refused(_)) => Some(client),
    }
}
