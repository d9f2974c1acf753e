//! What was made on this machine and must be undone: written down before it is made.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{processes, program, wait};

/// Something that outlives its maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "made", rename_all = "snake_case")]
pub enum Made {
    /// An OS user, its home and its group.
    User {
        /// Login name.
        name: String,
    },
    /// A file, or a folder with everything in it.
    Path {
        /// Absolute.
        path: PathBuf,
    },
    /// Every process whose executable is below this folder.
    ProcessesFrom {
        /// Absolute.
        folder: PathBuf,
    },
    /// A control group with everything in it.
    Cgroup {
        /// Its name, wherever it is below the cgroup2 mount.
        name: String,
    },
}

/// A file with one `Made` a line.
#[derive(Debug, Clone)]
pub struct Record {
    file: PathBuf,
}

impl Record {
    /// A new record in a file that does not exist yet.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create(file: &Path) -> Result<Self> {
        fs::File::create_new(file).with_context(|| format!("making {}", file.display()))?;
        Ok(Self { file: file.into() })
    }

    /// An earlier record.
    #[must_use]
    pub fn existing(file: &Path) -> Self {
        Self { file: file.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Writes down what is about to be made.
    ///
    /// # Errors
    /// When it cannot be written; nothing should be made then.
    pub fn will_make(&self, made: Made) -> Result<()> {
        let mut file = fs::File::options().append(true).open(&self.file)?;
        writeln!(file, "{}", serde_json::to_string(&made)?)?;
        Ok(())
    }

    /// Undoes everything, last first, and removes the record. Goes on past what fails and says it at the end.
    ///
    /// # Errors
    /// With everything that could not be undone.
    pub fn undo(&self) -> Result<()> {
        let text = fs::read_to_string(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        let made: Vec<Made> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let failed: Vec<String> = made.iter().rev().filter_map(|m| undo(m).err().map(|e| format!("{m:?}: {e:#}"))).collect();
        if failed.is_empty() {
            fs::remove_file(&self.file)?;
            // The folder goes with its last record.
            let _ = self.file.parent().map(fs::remove_dir);
            return Ok(());
        }
        anyhow::bail!("not undone: {}", failed.join("; "))
    }
}

fn undo(made: &Made) -> Result<()> {
    match made {
        Made::User { name } => {
            let _ = fs::remove_file(format!("/var/mail/{name}"));
            let known = program::run(std::process::Command::new("getent").args(["passwd", name]), Duration::from_secs(10))?;
            if known.status.success() {
                program::system("userdel", ["--force", "--remove", name])
                    .or_else(|e| if e.to_string().contains("home") { program::system("true", [""; 0]) } else { Err(e) })?;
            }
            Ok(())
        }
        Made::Path { path } => match fs::symlink_metadata(path) {
            Err(_) => Ok(()),
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).with_context(|| path.display().to_string()),
            Ok(_) => fs::remove_file(path).with_context(|| path.display().to_string()),
        },
        Made::ProcessesFrom { folder } => end_processes(folder),
        Made::Cgroup { name } => {
            for cgroup in cgroups_named(name) {
                let _ = fs::write(cgroup.join("cgroup.kill"), "1");
                wait::until("a control group to empty", Duration::from_secs(10), || Ok(remove_cgroup(&cgroup).is_ok().then_some(())))?;
            }
            Ok(())
        }
    }
}

/// First asks (`SIGTERM` lets `brevet-server` close its database), then kills.
fn end_processes(folder: &Path) -> Result<()> {
    let mut round = 0;
    wait::until("processes to end", Duration::from_secs(20), || {
        let pids: Vec<u32> = processes::running_from(folder).into_iter().filter(|p| processes::is_alive(*p)).collect();
        if pids.is_empty() {
            return Ok(Some(()));
        }
        let signal = if round < 100 { "-TERM" } else { "-KILL" };
        if round == 0 || round == 100 {
            let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
            let _ = program::run(std::process::Command::new("kill").arg(signal).args(pids), Duration::from_secs(5));
        }
        round += 1;
        Ok(None)
    })
}

/// The mount point of cgroup v2.
#[must_use]
pub fn cgroup_mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    mounts
        .lines()
        .map(|l| l.split(' ').collect::<Vec<_>>())
        .find_map(|f| (f.get(2) == Some(&"cgroup2")).then(|| f.get(1).map(PathBuf::from))?)
}

fn cgroups_named(name: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            if entry.file_name() == name {
                found.push(entry.path());
            } else if depth > 0 {
                walk(&entry.path(), name, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    if let Some(mount) = cgroup_mount() {
        walk(&mount, name, 4, &mut found);
    }
    found
}

fn remove_cgroup(cgroup: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        remove_cgroup(&entry.path())?;
    }
    fs::remove_dir(cgroup)
}
