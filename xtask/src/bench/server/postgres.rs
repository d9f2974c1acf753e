//! A PostgreSQL for the time of the measurement: Debian's package 15, as it is delivered, on a socket in a folder of its own.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::program;

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// Stopped and removed when it is let go.
pub struct Cluster {
    folder: PathBuf,
    user: (u32, u32),
}

impl Cluster {
    /// Starts one with an empty database.
    pub fn start() -> Result<Self> {
        ensure!(Path::new(BIN).join("initdb").exists(), "no PostgreSQL 15: apt-get install postgresql-15");
        let folder = std::env::temp_dir().join(format!("brevet-bench-postgres-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let cluster = Self { folder, user: service_user()? };
        std::os::unix::fs::chown(&cluster.folder, Some(cluster.user.0), Some(cluster.user.1))?;
        cluster.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-D", &cluster.path("data")])?;
        let options = format!("-c listen_addresses= -c unix_socket_directories={}", cluster.folder.display());
        cluster.run("pg_ctl", &["-D", &cluster.path("data"), "-l", &cluster.path("log"), "-o", &options, "-w", "start"])?;
        cluster.run("createdb", &["-h", &cluster.folder.to_string_lossy(), "-U", "postgres", "brevet"])?;
        Ok(cluster)
    }

    /// The address of the database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/brevet?host={}", self.folder.display())
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// As its own user: PostgreSQL refuses to run as root. Its output goes nowhere, since what it starts would hold a pipe open.
    fn run(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(Path::new(BIN).join(name));
        command.args(arguments).current_dir("/").uid(self.user.0).gid(self.user.1);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().with_context(|| name.to_owned())?;
        ensure!(status.success(), "{name} of PostgreSQL failed: {status}");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.run("pg_ctl", &["-D", &self.path("data"), "-m", "immediate", "-w", "stop"]));
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The user of Debian's package.
fn service_user() -> Result<(u32, u32)> {
    let id = |option: &str| -> Result<u32> {
        let said = program::run(Command::new("id").args([option, "postgres"]), Duration::from_secs(10))?.ok()?;
        Ok(said.stdout.trim().parse()?)
    };
    Ok((id("-u")?, id("-g")?))
}
