//! Secrets by name: what a definition names in place of the secret itself (`TEN-4`).
//!
//! A definition says `secret:NAME`, or `{secret:NAME}` in a header; the text is asked for at the
//! moment it is sent and kept nowhere.

use std::fmt::Debug;
use std::sync::Arc;

/// What stands before a secret's name.
pub(crate) const MARK: &str = "secret:";
/// What a secret that comes back in an answer becomes.
pub(crate) const HIDDEN: &str = "***";

/// Reveals the secrets of one tenant.
pub trait Secrets: Debug + Send + Sync {
    /// A secret's text, or why there is none; the reason never holds a secret.
    fn reveal(&self, name: &str) -> Result<String, String>;
}

/// No secrets at all: for agents outside a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, name: &str) -> Result<String, String> {
        Err(format!("there is no secret `{name}` here: secrets belong to a server's tenant"))
    }
}

/// A header's value with secrets in it.
#[derive(Debug, Clone)]
pub(crate) struct Masked {
    parts: Vec<Part>,
    secrets: Arc<dyn Secrets>,
}

#[derive(Debug, Clone)]
enum Part {
    Plain(String),
    Secret(String),
}

impl Masked {
    /// Reads a value such as `Bearer {secret:SHOP}`.
    pub(crate) fn parse(text: &str, secrets: Arc<dyn Secrets>) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((plain, after)) = rest.split_once("{secret:") {
            let (name, after) = after.split_once('}').ok_or("has `{secret:` without `}`")?;
            if name.is_empty() {
                return Err("names no secret in `{secret:}`".to_owned());
            }
            parts.extend([Part::Plain(plain.to_owned()), Part::Secret(name.to_owned())]);
            rest = after;
        }
        parts.push(Part::Plain(rest.to_owned()));
        Ok(Self { parts, secrets })
    }

    /// The value to send; each secret in it is added to `used`, so that answers can be cleaned.
    pub(crate) fn reveal(&self, used: &mut Vec<String>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Secret(name) => {
                    let secret = self.secrets.reveal(name)?;
                    text.push_str(&secret);
                    used.push(secret);
                }
            }
        }
        Ok(text)
    }
}
