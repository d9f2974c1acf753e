//! Documents on disk: whole files, written beside and renamed, synced before anything relies on them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use brevet_core::digest::Digest;
use brevet_core::document::{Envelope, MAX_DOCUMENT};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::random;

/// Why documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// The step.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of ours is not what it was.
    #[error("{path} cannot be read: {reason}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Enrolment left no trust document.
    #[error("{0} is missing: enrol this computer with brevetd enrol")]
    NotEnrolled(PathBuf),
    /// The trust document is not the root's.
    #[error("the trust document is not to be believed: {0}")]
    Trust(String),
    /// No nonce.
    #[error(transparent)]
    Random(#[from] random::RandomError),
}

/// The directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(|source| failed("make", directory, source))?;
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn envelope(&self, name: &str) -> Result<Option<Envelope>, StoreError> {
        self.json(name)
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.path(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", &path, source)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| StoreError::Content { path, reason: error.to_string() })
    }

    /// A shared document; one that is damaged counts as missing, so that it is sent again.
    pub(super) fn shared(&self, digest: &Digest) -> Result<Option<Envelope>, StoreError> {
        match self.json(&shared_name(digest)) {
            Err(StoreError::Content { .. }) => Ok(None),
            other => other,
        }
    }

    pub(super) fn write_shared(&self, digest: &Digest, envelope: &Envelope) -> Result<(), StoreError> {
        self.write_envelope(&shared_name(digest), envelope)
    }

    pub(super) fn write_envelope(&self, name: &str, envelope: &Envelope) -> Result<(), StoreError> {
        if envelope.payload.len() > MAX_DOCUMENT {
            return Err(StoreError::Content { path: self.path(name), reason: "too large".to_owned() });
        }
        self.write_json(name, envelope)
    }

    pub(super) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.path(name);
        let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Content { path: path.clone(), reason: error.to_string() })?;
        let beside = self.path(&format!("{name}.new"));
        let write = || -> io::Result<()> {
            let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| failed("write", &path, source))
    }

    /// Removes shared documents but these; a file that stays by accident does no harm.
    pub(super) fn retain_shared(&self, named: &[Digest]) {
        let kept: Vec<String> = named.iter().map(shared_name).collect();
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let shared = name.to_str().is_some_and(|name| name.len() == 64 + ".json".len() && !kept.iter().any(|kept| kept == name));
            if shared {
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}

/// The digest's digits: no separator can be among them.
fn shared_name(digest: &Digest) -> String {
    format!("{}.json", digest.to_string().trim_start_matches("sha256:"))
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { doing, path: path.to_owned(), source }
}
