//! A session's state directory: `session.json` (which session, which cgroup), `control.sock` (how to reach its supervisor)
//! and `ended.json` (how it ended), so that a broker that was down finds and finishes it.
//!
//! Root's alone. Every file is whole or absent: written beside, then renamed.

use crate::spec::{Ended, Identity};
use brevet_sys::fdpass;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const IDENTITY: &str = "session.json";
const ENDED: &str = "ended.json";
const SOCKET: &str = "control.sock";
const MOST_BYTES: u64 = 64 * 1024;

/// A session's own directory, held open.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    directory: File,
}

impl StateDirectory {
    /// Makes the directory, which must not exist.
    ///
    /// # Errors
    /// As the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(path)?;
        Self::open(path)
    }

    /// An existing one.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), directory: File::open(path)? })
    }

    /// Writes which session this is.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write_identity(&self, identity: &Identity) -> io::Result<()> {
        // WHY no sync: after a crash of the computer the session is lost either way, and a start need not wait for the disk.
        self.write(IDENTITY, identity)
    }

    /// Writes how it ended: whole for whoever reads it now, on disk after `keep_ended`.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write_ended(&self, ended: &Ended) -> io::Result<()> {
        self.write(ENDED, ended)
    }

    /// Has the outcome on disk.
    ///
    /// # Errors
    /// As the file system says.
    pub fn keep_ended(&self) -> io::Result<()> {
        File::open(self.path.join(ENDED))?.sync_all()?;
        self.directory.sync_all()
    }

    /// Which session this is.
    ///
    /// # Errors
    /// As the file system says, or when it is not readable.
    pub fn identity(&self) -> io::Result<Identity> {
        self.read(IDENTITY)
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// As the file system says, or when it is not readable.
    pub fn ended(&self) -> io::Result<Option<Ended>> {
        match self.read(ENDED) {
            Ok(ended) => Ok(Some(ended)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Listens for brokers.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn listen(&self) -> io::Result<UnixListener> {
        let listener = fdpass::listen_in(self.directory.as_fd(), SOCKET)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Connects to the supervisor.
    ///
    /// # Errors
    /// `ConnectionRefused` or `NotFound` when there is none any more.
    pub fn connect(&self) -> io::Result<UnixStream> {
        fdpass::connect_in(self.directory.as_fd(), SOCKET)
    }

    /// Takes the socket's name away; the outcome stays.
    pub fn close(&self) {
        drop(fs::remove_file(self.path.join(SOCKET)));
    }

    /// Removes the directory and its three files; anything else in it keeps it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove(&self) -> io::Result<()> {
        for name in [SOCKET, ENDED, IDENTITY] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::remove_dir(&self.path)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let beside = self.path.join(format!("{name}.new"));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(&beside, self.path.join(name))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        serde_json::from_slice(&bytes).map_err(io::Error::from)
    }
}
