//! The file an app keeps its key in: both halves, readable by its owner only.

use crate::cli::Failure;
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::export::key_id;
use tenure_core::verify::head::public_key;

/// What stands in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppKeyFile {
    /// The product of the app.
    pub product_id: String,
    /// The key's short name.
    pub kid: String,
    /// The public half, in hex.
    pub public_key: String,
    /// The secret half: an Ed25519 seed, in hex.
    secret_key: String,
}

impl AppKeyFile {
    /// Makes a key pair and writes it down; a file that is there stays as it is.
    pub fn make(product: &str, path: &Path) -> Result<Self, Failure> {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        let public = public_key(&secret);
        let made = Self {
            product_id: product.to_owned(),
            kid: key_id(&public),
            public_key: hex(&public),
            secret_key: hex(&secret),
        };
        let failed = |error: std::io::Error| {
            let told = format!("`{}` cannot be written: {error}", path.display());
            Failure::usage(match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    format!("`{}` is there already; a key is never overwritten", path.display())
                }
                _ => told,
            })
        };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.as_mut().map_err(|error| failed(std::io::Error::from(error.kind())))?;
        let text = serde_json::to_string_pretty(&made)
            .map_err(|why| Failure::failed(format!("the key is not JSON: {why}")))?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(made)
    }

    /// Reads one; both halves must belong together.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let bad = |why: String| Failure::usage(format!("`{shown}` is no key file: {why}"));
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("`{shown}` cannot be read: {error}")))?;
        // what serde says could show a piece of the secret
        let read: Self = serde_json::from_str(&text).map_err(|why| {
            let (line, column) = (why.line(), why.column());
            bad(format!("line {line}, column {column}; `tenure app-key new` makes one"))
        })?;
        let public = public_key(&read.secret()?);
        if hex(&public) != read.public_key || key_id(&public) != read.kid {
            return Err(bad("its two halves do not belong together".to_owned()));
        }
        Ok(read)
    }

    /// The secret half.
    pub fn secret(&self) -> Result<[u8; 32], Failure> {
        let secret = unhex(&self.secret_key).and_then(|bytes| bytes.try_into().ok());
        secret.ok_or_else(|| {
            Failure::usage("the key file's secretKey is not 64 hex digits".to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn apr_6_a_key_file_is_its_owners_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let made = AppKeyFile::make("desk", &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(AppKeyFile::read(&path).unwrap().secret().unwrap(), made.secret().unwrap());
        let again = AppKeyFile::make("desk", &path).err().unwrap();
        assert!(again.error().message.contains("never overwritten"), "{again:?}");
        let other = AppKeyFile { kid: "0".repeat(16), ..made };
        fs::write(&path, serde_json::to_string(&other).unwrap()).unwrap();
        let refused = AppKeyFile::read(&path).err().unwrap();
        assert!(refused.error().message.contains("do not belong together"), "{refused:?}");
        fs::write(&path, "{}").unwrap();
        assert!(AppKeyFile::read(&path).is_err());
    }
}
