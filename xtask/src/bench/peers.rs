//! The peers: Debian's sudo and doas from packages, sudo-rs from its crate, each allowed to run `true` for the throw-away user.
//!
//! INVARIANT: what is written below `/etc` here is gone afterwards, also when this process is killed: files of our own are the
//! keeper's to remove, and a `doas.conf` that was there is never written over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::program;
use brevet_e2e::record::Made;

use super::Stage;

const SUDO_RS: &str = "0.2.15";

/// Installed, not yet configured.
pub struct Peers {
    sudo: Result<PathBuf>,
    doas: Result<PathBuf>,
    sudo_rs: Result<PathBuf>,
}

/// Usable by the stage's user.
pub struct Configured {
    /// Name and command line.
    pub commands: Vec<(&'static str, Vec<String>)>,
    missing: Vec<String>,
}

impl Configured {
    /// Which are not measured, and why.
    pub fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }
}

impl Peers {
    /// Installs packages and builds sudo-rs, as far as that works here.
    pub fn prepare(natives: &Path, say: &mut dyn FnMut(&str)) -> Self {
        say("installing sudo and opendoas, building sudo-rs");
        let sudo = package("sudo", "/usr/bin/sudo");
        let doas = package("opendoas", "/usr/bin/doas");
        let sudo_rs = build_sudo_rs(natives);
        Self { sudo, doas, sudo_rs }
    }

    /// Allows the user `true` without a password in each, and tries each once.
    pub fn configure(self, stage: &Stage) -> Result<Configured> {
        let mut configured = Configured { commands: Vec::new(), missing: Vec::new() };
        let mut add = |name: &'static str, command: Result<Vec<String>>| match command {
            Ok(command) => configured.commands.push((name, command)),
            Err(error) => configured.missing.push(format!("{name}: {error:#}")),
        };
        let tried = |command: Vec<String>| -> Result<Vec<String>> {
            let (program, arguments) = command.split_first().context("no command")?;
            program::run(stage.user.command(Path::new(program)).args(arguments), Duration::from_secs(20))?.ok()?;
            Ok(command)
        };
        let command = |program: &Path| vec![program.to_string_lossy().into_owned(), "-n".into(), "/bin/true".into()];
        add("sudo", self.sudo.and_then(|sudo| sudoers(stage).and_then(|()| tried(command(&sudo)))));
        add("doas", self.doas.and_then(|doas| doas_conf(stage).and_then(|()| tried(command(&doas)))));
        add("sudo-rs", self.sudo_rs.and_then(|built| set_uid(stage, &built)).and_then(|sudo| tried(command(&sudo))));
        Ok(configured)
    }
}

fn package(name: &str, program: &str) -> Result<PathBuf> {
    let program = PathBuf::from(program);
    if !program.exists() {
        apt(&[name])?;
    }
    ensure!(program.exists(), "the package {name} brings no {}", program.display());
    Ok(program)
}

fn apt(packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "--yes"]).args(arguments);
        program::run(&mut command, Duration::from_secs(300))?.ok()
    };
    let install = [&["install", "--no-install-recommends"], packages].concat();
    if apt(&install).is_err() {
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

/// Its own build, into the benchmarks' target folder.
fn build_sudo_rs(natives: &Path) -> Result<PathBuf> {
    let root = natives.join(format!("sudo-rs-{SUDO_RS}"));
    let built = root.join("bin/sudo");
    if !built.exists() {
        apt(&["libpam0g-dev"])?;
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", "sudo-rs", "--version", SUDO_RS, "--root"]).arg(&root);
        program::run(&mut install, Duration::from_secs(900))?.ok().context("cargo install sudo-rs")?;
    }
    Ok(built)
}

/// For sudo and sudo-rs alike: both read it where there is no `sudoers-rs`.
fn sudoers(stage: &Stage) -> Result<()> {
    let path = PathBuf::from(format!("/etc/sudoers.d/brevet-bench-{}", stage.brevet.tag));
    stage.brevet.record.will_make(Made::Path { path: path.clone() })?;
    fs::write(&path, format!("{} ALL=(root) NOPASSWD: /bin/true\n", stage.user.name))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440))?;
    Ok(())
}

fn doas_conf(stage: &Stage) -> Result<()> {
    let path = PathBuf::from("/etc/doas.conf");
    ensure!(!path.exists(), "{} is there already and is left alone", path.display());
    stage.brevet.record.will_make(Made::Path { path: path.clone() })?;
    fs::write(&path, format!("permit nopass {} as root cmd /bin/true\n", stage.user.name))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
    Ok(())
}

/// Beside Brevet's own programs, in a folder that goes with the installation.
fn set_uid(stage: &Stage, built: &Path) -> Result<PathBuf> {
    let to = stage.brevet.tools.join("sudo-rs");
    fs::copy(built, &to)?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o4755))?;
    Ok(to)
}
