//! The server's signing keys: files of 32 bytes in base64 under `DATA/keys`, for the service user alone.
//!
//! The root key may live elsewhere: nothing but a new trust document needs it.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_core::document::{DocumentError, Envelope, Key, KeyUse, Trust, TrustedKey, seal};
use brevet_core::id::InstanceId;

use crate::clock::{NoRandomness, random};

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file could not be read or written.
    #[error("cannot use the key file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a key.
    #[error("{0} is not a key: expected base64 of 32 bytes")]
    NotAKey(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The trust document has no JSON form.
    #[error("cannot sign the trust document")]
    Trust(#[from] DocumentError),
}

/// The keys that the running server needs.
pub struct Keys {
    /// Signs grants, declines, revocations, manifests, heartbeats, acknowledgements.
    pub issuer: Key,
    /// Signs policies, autonomous rules, settings.
    pub policy: Key,
    /// Secrets of webhooks are derived from it; it signs nothing.
    pub notification: Key,
}

impl Keys {
    /// Reads both from `DATA/keys`.
    ///
    /// # Errors
    /// When a file is missing or not a key.
    pub fn load(data: &Path) -> Result<Self, KeysError> {
        let folder = data.join("keys");
        // An installation that was made before this key was needed gets it now.
        let path = folder.join("notification.key");
        let notification = if path.exists() { read(&path)? } else { create(&path)? };
        Ok(Self { issuer: read(&folder.join("issuer.key"))?, policy: read(&folder.join("policy.key"))?, notification })
    }

    /// Makes root, issuer and policy keys; the root key goes to `root_to` where given, `DATA/keys/root.key` otherwise.
    ///
    /// # Errors
    /// When a file exists already or cannot be written.
    pub fn create(data: &Path, root_to: Option<&Path>) -> Result<(Key, Self), KeysError> {
        let folder = data.join("keys");
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&folder)
            .map_err(|source| KeysError::File { path: folder.clone(), source })?;
        let root = create(root_to.unwrap_or(&folder.join("root.key")))?;
        let own = |name: &str| create(&folder.join(name));
        let keys = Self { issuer: own("issuer.key")?, policy: own("policy.key")?, notification: own("notification.key")? };
        Ok((root, keys))
    }
}

/// The trust document that names these keys.
///
/// # Errors
/// When it cannot be sealed.
pub fn trust(root: &Key, keys: &Keys, instance: &InstanceId, version: u64, epoch: u64) -> Result<Envelope, KeysError> {
    let key = |key: &Key, usage| TrustedKey { id: key.public().id(), key: key.public(), uses: vec![usage] };
    let trust = Trust {
        schema: brevet_core::document::SCHEMA,
        instance: instance.clone(),
        version,
        epoch,
        keys: vec![key(&keys.issuer, KeyUse::Issuer), key(&keys.policy, KeyUse::Policy)],
    };
    Ok(seal(&trust, &[root])?)
}

/// Reads a key file.
///
/// # Errors
/// When it cannot be read or is not a key.
pub fn read(path: &Path) -> Result<Key, KeysError> {
    let text = std::fs::read_to_string(path).map_err(|source| KeysError::File { path: path.into(), source })?;
    let seed = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    seed.map(|seed| Key::from_seed(&seed)).ok_or_else(|| KeysError::NotAKey(path.into()))
}

fn create(path: &Path) -> Result<Key, KeysError> {
    let key = Key::from_seed(&random()?);
    write_private(path, STANDARD.encode(key.seed()).as_bytes()).map_err(|source| KeysError::File { path: path.into(), source })?;
    Ok(key)
}

/// Writes a new file that only its owner can read, and makes it durable.
///
/// # Errors
/// When it exists already or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
