//! Documents on disk: whole files, written beside and renamed, synced before anything relies on them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use brevet_core::digest::Digest;
use brevet_core::document::Envelope;
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
    /// Shared documents that are written and may not be on disk yet.
    unsynced: Vec<PathBuf>,
}

impl Store {
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(|source| failed("make", directory, source))?;
        Ok(Self { directory: directory.to_owned(), unsynced: Vec::new() })
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

    /// Writes a shared document; `sync_shared` makes it durable.
    pub(super) fn write_shared(&mut self, digest: &Digest, envelope: &Envelope) -> Result<(), StoreError> {
        let name = shared_name(digest);
        self.refuse_too_large(&name, envelope)?;
        self.write(&name, envelope, false)?;
        let path = self.path(&name);
        self.unsynced.push(path);
        Ok(())
    }

    /// WHY not one by one: of ten thousand that come at once nothing relies on any before all are there, and the first sync takes most
    /// of the others with it. What a crash leaves half written is damaged, and counts as missing.
    pub(super) fn sync_shared(&mut self) -> Result<(), StoreError> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        for path in &self.unsynced {
            match File::open(path).and_then(|file| file.sync_all()) {
                Ok(()) => {}
                // Swept away since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed("sync", path, source)),
            }
        }
        self.sync_directory().map_err(|source| failed("sync", &self.directory, source))?;
        self.unsynced.clear();
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn refuse_too_large(&self, name: &str, envelope: &Envelope) -> Result<(), StoreError> {
        envelope.refuse_too_large().map_err(|error| StoreError::Content { path: self.path(name), reason: error.to_string() })
    }

    pub(super) fn write_envelope(&self, name: &str, envelope: &Envelope) -> Result<(), StoreError> {
        self.refuse_too_large(name, envelope)?;
        self.write_json(name, envelope)
    }

    pub(super) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        self.write(name, value, true)
    }

    fn write<T: Serialize>(&self, name: &str, value: &T, sync: bool) -> Result<(), StoreError> {
        let path = self.path(name);
        let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Content { path: path.clone(), reason: error.to_string() })?;
        let beside = self.path(&format!("{name}.new"));
        let write = || -> io::Result<()> {
            let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&bytes)?;
            if sync {
                file.sync_all()?;
            }
            fs::rename(&beside, &path)?;
            if sync { self.sync_directory() } else { Ok(()) }
        };
        write().map_err(|source| failed("write", &path, source))
    }

    /// Removes shared documents but these; a file that stays by accident does no harm.
    pub(super) fn retain_shared(&self, named: &[Digest]) {
        let kept: BTreeSet<String> = named.iter().map(shared_name).collect();
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let shared = name.to_str().is_some_and(|name| name.len() == 64 + ".json".len() && !kept.contains(name));
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
