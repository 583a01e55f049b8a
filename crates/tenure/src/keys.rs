//! The keys of a data directory: two to sign with, one for secrets at rest. What is done with them
//! is decided elsewhere.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tenure_contract::digest::{hex, unhex};
use tenure_contract::export::Certificate;
use tenure_core::verify::head::{certify, public_key};

/// The keys of a data directory, read or made.
pub struct Keys {
    /// The root's public key: what a verifier gets from elsewhere.
    pub root: [u8; 32],
    /// The node's secret seed: what heads are signed with.
    pub node: [u8; 32],
    /// What the tenants' secrets are encrypted with.
    pub secrets: [u8; 32],
    /// The root's word for the node.
    pub certificate: Certificate,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or made.
    #[error("key file `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold a seed.
    #[error("key file `{}` is damaged: expected 64 hex digits; put back the copy you keep, or remove the folder `keys` to begin with new keys (heads signed so far then belong to another root)", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

impl Keys {
    /// Reads the keys of a data directory, making those that are not there.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn load_or_make(dir: &Path) -> Result<Self, KeyError> {
        let folder = dir.join("keys");
        if !folder.is_dir() {
            let made = fs::DirBuilder::new().mode(0o700).create(&folder);
            made.map_err(|source| KeyError::File { path: folder.clone(), source })?;
        }
        let root = seed(&folder.join("root"))?;
        let node = seed(&folder.join("node"))?;
        let secrets = seed(&folder.join("secrets"))?;
        let public = public_key(&root);
        let shown = folder.join("root.pub");
        if fs::read_to_string(&shown).ok().as_deref().map(str::trim) != Some(hex(&public).as_str())
        {
            let wrote = fs::write(&shown, format!("{}\n", hex(&public)));
            wrote.map_err(|source| KeyError::File { path: shown, source })?;
        }
        Ok(Self { root: public, node, secrets, certificate: certify(&root, &public_key(&node)) })
    }
}

fn seed(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => {
            let seed = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
            seed.ok_or_else(|| KeyError::Damaged { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Written beside and renamed: a crash leaves a whole seed or none.
fn make(path: &Path) -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut seed);
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{}\n", hex(&seed)).as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn keys_are_made_once_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::load_or_make(dir.path()).unwrap();
        let again = Keys::load_or_make(dir.path()).unwrap();
        assert_eq!(
            (first.root, first.node, first.secrets),
            (again.root, again.node, again.secrets)
        );
        for name in ["root", "node", "secrets"] {
            let mode =
                fs::metadata(dir.path().join("keys").join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let shown = fs::read_to_string(dir.path().join("keys/root.pub")).unwrap();
        assert_eq!(shown.trim(), hex(&first.root));
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Keys::load_or_make(dir.path()).unwrap();
        fs::write(dir.path().join("keys/node"), "zz").unwrap();
        let told = Keys::load_or_make(dir.path()).err().map(|error| error.to_string()).unwrap();
        assert!(told.contains("keys/node") && told.contains("64 hex digits"), "{told}");
        assert_eq!(fs::read_to_string(dir.path().join("keys/node")).unwrap(), "zz");
    }
}
