//! Scripts that drive a real browser: started with everything they need to know of an installation, bounded in time, ended by process id.
//!
//! A script never starts or ends a part of the installation; it asks for that on its standard output (`::ask stop-server`) and reads on
//! its standard input how it went, so that every process has one owner.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::{Installation, OsUser, program, wait};

/// How long the packages of npm may take; they are there after the first time.
const INSTALLS: Duration = Duration::from_secs(180);
/// How long a script that is asked to end has for ending its browser.
const ENDS: Duration = Duration::from_secs(5);

/// The folder of the scripts, with what they need from npm.
///
/// # Errors
/// When Chromium, Node.js or their packages are not there, saying how to get them.
pub fn prepared() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository")?;
    program::run(Command::new("sh").arg(root.join("packaging/browser.sh")), INSTALLS)?.ok().context("packaging/browser.sh")?;
    Ok(root.join("e2e/browser"))
}

/// What a script says and asks, line by line.
enum Said {
    Line(String),
    Ended,
}

/// Runs a script below `e2e/browser` to its end, for at most `limit`, and prints what it says.
///
/// # Errors
/// When it fails, asks for what there is not, or is not done in time.
pub fn run(brevet: &mut Installation, user: &OsUser, script: &[&str], limit: Duration) -> Result<()> {
    let folder = prepared()?;
    let mut command = Command::new("node");
    command.args(script).current_dir(folder).env("BREVET_STAGE", stage(brevet, user)).env_remove("NODE_OPTIONS");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting node")?;
    let outcome = converse(brevet, &mut child, limit);
    // WHY: asked to end, it ends its browser first; the browser of one that was killed ends when the pipe between them does.
    if child.try_wait()?.is_none() {
        let _ = program::system("kill", [child.id().to_string()]);
        if wait::until("node to end", ENDS, || Ok(child.try_wait()?)).is_err() {
            child.kill()?;
        }
    }
    let status = child.wait()?;
    outcome.and_then(|()| done(script, status))
}

fn done(script: &[&str], status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "{} failed ({status}): see above", script.join(" "));
    Ok(())
}

fn stage(brevet: &Installation, user: &OsUser) -> String {
    let stage = json!({
        "server": brevet.url, "ca": brevet.ca, "token": brevet.token, "sign_in": brevet.sign_in, "socket": brevet.socket,
        "bin": brevet.bin, "tools": brevet.tools, "home": brevet.state, "computer": brevet.computer,
        "user": { "name": user.name, "uid": user.uid, "gid": user.gid },
    });
    stage.to_string()
}

fn converse(brevet: &mut Installation, child: &mut Child, limit: Duration) -> Result<()> {
    let mut input = child.stdin.take().context("no standard input")?;
    let (sender, lines) = channel();
    listen(child.stdout.take(), sender.clone());
    listen(child.stderr.take(), sender);
    let start = Instant::now();
    let mut open = 2;
    while open > 0 {
        match next(&lines, limit.saturating_sub(start.elapsed()))? {
            Said::Ended => open -= 1,
            Said::Line(line) => match line.strip_prefix("::ask ") {
                Some(what) => {
                    let answer = asked(brevet, what).map_or_else(|e| format!("{e:#}").replace('\n', " "), |()| "done".into());
                    writeln!(input, "{answer}")?;
                }
                None => println!("{line}"),
            },
        }
    }
    wait::until("node to end", limit.saturating_sub(start.elapsed()), || Ok(child.try_wait()?.map(|_| ())))
}

fn next(lines: &Receiver<Said>, left: Duration) -> Result<Said> {
    match lines.recv_timeout(left) {
        Ok(said) => Ok(said),
        Err(RecvTimeoutError::Disconnected) => Ok(Said::Ended),
        Err(RecvTimeoutError::Timeout) => bail!("the script was not done in time"),
    }
}

fn listen(stream: Option<impl Read + Send + 'static>, to: Sender<Said>) {
    std::thread::spawn(move || {
        if let Some(stream) = stream {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let _ = to.send(Said::Line(String::from_utf8_lossy(&line).into_owned()));
            }
        }
        let _ = to.send(Said::Ended);
    });
}

fn asked(brevet: &mut Installation, what: &str) -> Result<()> {
    match what {
        "stop-server" => brevet.stop_part("brevet-server", "TERM"),
        "kill-server" => brevet.stop_part("brevet-server", "KILL"),
        "pause-server" => brevet.signal_part("brevet-server", "STOP"),
        "resume-server" => brevet.signal_part("brevet-server", "CONT"),
        "start-server" => brevet.start_server(),
        "stop-agent" => brevet.stop_part("brevetd", "TERM"),
        "start-agent" => brevet.start_agent(),
        other => bail!("nobody does {other:?}"),
    }
}
