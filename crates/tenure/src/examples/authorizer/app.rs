//! The other app: a folder with its key, the keys it trusts, the tokens it received and what it signed.
//! Everything it does is a command of the binary run in that folder.

use super::orders;
use crate::cli::Failure;
use crate::stage::{Said, myself, tenure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tenure_contract::resource::Decision;
use tenure_contract::token::HandedApproval;

/// Who decides there.
pub(super) const PERSON: &str = "ana";

pub(super) struct App {
    pub folder: PathBuf,
    pub public_key: String,
    api_key: String,
}

impl App {
    /// A folder with a key of its own.
    pub async fn set_up(folder: &Path, product: &str) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let said =
            tenure(folder, ["app-key", "new", product, "--out", "key.json"]).await?.done()?;
        let public_key = said.out.trim().to_owned();
        Ok(Self { folder: folder.to_owned(), public_key, api_key: String::new() })
    }

    /// What it needs of the server: the keys tokens are checked with, and a key to return decisions with.
    pub fn trust(self, keys: &str, api_key: &str) -> Result<Self, Failure> {
        fs::write(self.folder.join("keys.json"), keys)?;
        Ok(Self { api_key: api_key.to_owned(), ..self })
    }

    /// A token arrived.
    pub fn receive(&self, approval: &str, token: &str) -> Result<(), Failure> {
        Ok(fs::write(self.folder.join(format!("{approval}.token")), token)?)
    }

    /// What a token asks; its signature is checked.
    pub async fn open(&self, approval: &str) -> Result<HandedApproval, Failure> {
        let token = format!("{approval}.token");
        let open =
            ["approvals", "open", &token, "--keys", "keys.json", "--for", super::DESK, "--json"];
        let said = tenure(&self.folder, open).await?.done()?;
        serde_json::from_str(&said.out)
            .map_err(|why| Failure::failed(format!("{why}: {}", said.out)))
    }

    /// Decides by what is shown, and nothing else; keeps the signed decision.
    pub async fn sign(&self, asked: &HandedApproval) -> Result<Decision, Failure> {
        let (decision, word, reason) = if orders::is_plain(&asked.action_label) {
            (Decision::Approve, "approve", "nothing against it")
        } else {
            (Decision::Deny, "deny", "no gift cards")
        };
        let token = format!("{}.token", asked.approval);
        let (keys, key) = (["--keys", "keys.json"], ["--key", "key.json"]);
        let why = ["--reason", reason, "--by", PERSON];
        let sign =
            ["approvals", "sign", &token, word].into_iter().chain(keys).chain(key).chain(why);
        let said = tenure(&self.folder, sign).await?.done()?;
        fs::write(self.folder.join(format!("{}.decision", asked.approval)), said.out)?;
        Ok(decision)
    }

    /// Sends a decision to where it is to be returned.
    pub async fn send_back(&self, asked: &HandedApproval, at: &str) -> Result<Said, Failure> {
        let decision =
            fs::read_to_string(self.folder.join(format!("{}.decision", asked.approval)))?;
        self.send(decision.trim(), at).await
    }

    /// Sends any text as a decision.
    pub async fn send(&self, decision: &str, at: &str) -> Result<Said, Failure> {
        let file = self.folder.join("outgoing");
        fs::write(&file, decision)?;
        let mut command = myself()?;
        command.args(["approvals", "return", "outgoing", "--at", at, "--json"]);
        command.env("TENURE_KEY", &self.api_key).current_dir(&self.folder);
        Said::of(command.stdin(Stdio::null()).stderr(Stdio::piped())).await
    }
}
