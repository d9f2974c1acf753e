//! `make up` and `make down`: an installation in the background.
//!
//! A holder process owns it; `down` asks the holder to end, and the holder's keeper undoes everything even when the holder is killed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use brevet_e2e::{Installation, Options, processes, wait};
use serde_json::json;

use crate::stop::Stop;

fn answer_file(directory: &Path) -> PathBuf {
    directory.join("brevet-up.json")
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("brevet-up.log")
}

/// Starts a holder and prints its answer.
pub fn up(programs: &Path, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let directory = directory.canonicalize()?;
    reachable(&directory)?;
    if let Some(pid) = holder(&directory)? {
        bail!("one is up in {} (process {pid}): end it with make down DIR={}", directory.display(), directory.display());
    }
    let log = fs::File::create(log_file(&directory))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["hold", "--programs"])
        .arg(programs)
        .arg("--directory")
        .arg(&directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let answer = answer_file(&directory);
    let text = wait::until("Brevet to be up", Duration::from_secs(120), || {
        if let Some(status) = child.try_wait()? {
            bail!("it did not start ({status}): {}", fs::read_to_string(log_file(&directory)).unwrap_or_default());
        }
        Ok(fs::read_to_string(&answer).ok())
    })?;
    let mut answer: serde_json::Value = serde_json::from_str(&text)?;
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("holder");
        fields.remove("holder_started");
    }
    println!("{answer}");
    Ok(())
}

/// The parts run as users of their own, and whoever tries them is one more: each must reach the folder, and none may change it.
fn reachable(directory: &Path) -> Result<()> {
    let own = fs::metadata(directory)?;
    ensure!(own.uid() == 0, "{} belongs to another user (uid {}): choose a folder of root's", directory.display(), own.uid());
    let mode = own.permissions().mode();
    ensure!(mode & 0o002 == 0, "{} can be written by other users (mode {:04o}): choose another folder", directory.display(), mode & 0o7777);
    for above in directory.ancestors().skip(1) {
        let mode = fs::metadata(above)?.permissions().mode();
        ensure!(
            mode & 0o001 != 0,
            "{} cannot be entered by other users (mode {:04o}), and the server, the agent and your users are other users: choose another folder, such as make up DIR=/var/tmp/brevet",
            above.display(),
            mode & 0o7777
        );
    }
    if mode & 0o001 == 0 {
        eprintln!("{} may be entered by other users from now on, not listed: server, agent and your users are such", directory.display());
        fs::set_permissions(directory, fs::Permissions::from_mode(mode & 0o7777 | 0o011))?;
    }
    Ok(())
}

/// The process of a running holder.
fn holder(directory: &Path) -> Result<Option<u32>> {
    let Ok(text) = fs::read_to_string(answer_file(directory)) else { return Ok(None) };
    let answer: serde_json::Value = serde_json::from_str(&text).context("brevet-up.json is damaged")?;
    let pid = answer["holder"].as_u64().and_then(|p| u32::try_from(p).ok()).context("brevet-up.json names no holder")?;
    let same = processes::is_alive(pid) && processes::start_time(pid) == answer["holder_started"].as_u64();
    Ok(same.then_some(pid))
}

/// Ends a holder and waits until nothing is left.
pub fn down(directory: &Path) -> Result<()> {
    let answer = answer_file(directory);
    let Some(pid) = holder(directory)? else {
        let _ = fs::remove_file(&answer);
        eprintln!("nothing is up in {}", directory.display());
        return Ok(());
    };
    eprintln!("ending server, agent and every session of {}", directory.display());
    let status = Command::new("kill").arg(pid.to_string()).status()?;
    ensure!(status.success(), "the holder {pid} could not be asked to end");
    wait::until("Brevet to be down", Duration::from_secs(60), || Ok((!processes::is_alive(pid)).then_some(())))?;
    ensure!(!answer.exists(), "it ended, but not cleanly: {}", fs::read_to_string(log_file(directory)).unwrap_or_default());
    let _ = fs::remove_file(log_file(directory));
    Ok(())
}

/// In the background: sets up, writes the answer, stays until asked to end.
pub fn hold(programs: PathBuf, directory: PathBuf) -> Result<()> {
    let stop = Stop::listen()?;
    let installation =
        Installation::start(Options { programs, directory: Some(directory.clone()), heartbeat_seconds: None }, &mut |step| {
            eprintln!("{step}")
        })?;
    let answer = json!({
        "server": installation.url,
        "ca": installation.ca,
        "token": installation.token,
        "socket": installation.socket,
        "sign_in": installation.sign_in,
        "bin": installation.bin,
        "holder": std::process::id(),
        "holder_started": processes::start_time(std::process::id()),
    });
    let file = answer_file(&directory);
    let unfinished = file.with_extension("new");
    fs::write(&unfinished, "")?;
    fs::set_permissions(&unfinished, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    fs::File::options().write(true).open(&unfinished)?.write_all(answer.to_string().as_bytes())?;
    fs::rename(&unfinished, &file)?;
    stop.wait();
    installation.finish()?;
    fs::remove_file(file)?;
    Ok(())
}
