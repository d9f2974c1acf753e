//! Throw-away OS users.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::program;
use crate::record::{Made, Record};

/// A user of this computer that is removed at the end.
#[derive(Debug, Clone)]
pub struct OsUser {
    /// Login name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
}

impl OsUser {
    /// Makes a service user without home or password.
    ///
    /// # Errors
    /// When `useradd` fails (it needs root).
    pub fn service(record: &Record, name: &str) -> Result<Self> {
        record.will_make(Made::User { name: name.into() })?;
        program::system("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name])?;
        Self::existing(name)
    }

    /// Makes a person's account with a home below `homes` and a password.
    ///
    /// # Errors
    /// When `useradd` or `chpasswd` fails.
    pub fn person(record: &Record, name: &str, homes: &Path, password: &str) -> Result<Self> {
        record.will_make(Made::User { name: name.into() })?;
        let home = homes.join(name);
        program::system("useradd", ["--create-home", "--home-dir", &home.to_string_lossy(), "--shell", "/bin/bash", name])?;
        let mut chpasswd = Command::new("chpasswd");
        let (reader, mut writer) = std::io::pipe()?;
        std::io::Write::write_all(&mut writer, format!("{name}:{password}\n").as_bytes())?;
        drop(writer);
        program::run_with_input(chpasswd.stdin(reader), std::time::Duration::from_secs(30))?.ok()?;
        Self::existing(name)
    }

    /// Looks a user up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn existing(name: &str) -> Result<Self> {
        let line = program::system("getent", ["passwd", name])?.stdout;
        let mut fields = line.trim().split(':').skip(2);
        let mut number = || fields.next().and_then(|f| f.parse().ok()).with_context(|| format!("a strange passwd entry: {line}"));
        Ok(Self { name: name.into(), uid: number()?, gid: number()? })
    }

    /// A command that runs as this user, with their groups, a clean environment and their home as directory.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args([&format!("--reuid={}", self.uid), &format!("--regid={}", self.gid), "--init-groups", "--reset-env", "--"]);
        command.arg(program).current_dir("/");
        command
    }
}
