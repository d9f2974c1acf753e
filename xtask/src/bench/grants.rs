//! From an approval to the process running, and from a revocation to its tree dead, over loopback TLS.
//!
//! Both are measured from before `brevetctl` is started: its own start and its TLS handshake are in the figure.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::{processes, wait};
use serde_json::Value;

use super::Stage;
use super::figures::Figures;
use super::report::{Part, Row, Target};

const LIMIT: Duration = Duration::from_secs(20);

pub fn measure(stage: &Stage) -> Result<Vec<Part>> {
    stage.lend("brevet-stamp")?;
    let (mut starts, mut ends, mut asks) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..stage.rounds {
        let (start, end, ask) = cycle(stage).with_context(|| format!("round {round}"))?;
        starts.push(start);
        ends.push(end);
        asks.push(ask);
    }
    let asked = Figures::of(asks)?;
    let row = |what: &str, samples, most| {
        let peer = Some(("brevetctl request show".to_owned(), asked));
        anyhow::Ok(Row {
            what: what.into(),
            ours: Figures::of(samples)?,
            rate: None,
            kilobytes: None,
            peer,
            ratio: None,
            target: Some(Target::P99(most)),
        })
    };
    let how = "ms over loopback TLS, from before `brevetctl` starts to the first instruction of the elevated program, and to the death of the last of its four processes (one in a session of its own) with zero grace. The peer is a `brevetctl` that only reads: what starting it, TLS and the server cost alone.";
    let rows = vec![row("approve to running", starts, 150.0)?, row("revoke to tree dead", ends, 300.0)?];
    Ok(vec![Part { title: "Approve and revoke".into(), how: how.into(), rows }])
}

/// Asks, approves, revokes; milliseconds to running, to dead, and of a `brevetctl` that only reads.
fn cycle(stage: &Stage) -> Result<(f64, f64, f64)> {
    let stamp = stage.brevet.tools.join("brevet-stamp").to_string_lossy().into_owned();
    let mut command = stage.brevet.brevet(&stage.user, &["run", "--json", "--reason", "a benchmark", "--for", "10m", "--", &stamp]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut asker = Asker(child);
    let mut said = BufReader::new(asker.0.stderr.take().context("no stderr")?);
    let mut shown = BufReader::new(asker.0.stdout.take().context("no stdout")?);
    let pending = told(&mut said, "pending")?;
    let request = pending["request"].as_str().context("no request id")?.to_owned();

    // The journal carries it up first.
    let known = || Ok(stage.brevet.ctl(&["--json", "request", "show", &request])?.status.success().then_some(()));
    wait::until("the server to know the request", LIMIT, known)?;
    let (asked, _) = timed(stage, &["--json", "request", "show", &request])?;
    let before = SystemTime::now();
    timed(stage, &["--json", "request", "approve", &request])?;
    let running = SystemTime::UNIX_EPOCH + Duration::from_nanos(line(&mut shown)?.parse().context("a stamp")?);
    let pids = line(&mut shown)?.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    ensure!(pids.iter().all(|pid| processes::is_alive(*pid)), "the tree does not run");

    let started = told(&mut said, "started")?;
    let grant = started["grant"].as_str().context("no grant id")?;
    let start = Instant::now();
    let mut revoke = stage.brevet.ctl_command();
    let revoked = revoke.args(["--json", "grant", "revoke", grant]).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut revoked = Asker(revoked);
    let dead = dead_after(start, &pids)?;
    ensure!(wait::until("brevetctl to end", LIMIT, || Ok(revoked.0.try_wait()?))?.success(), "the grant could not be revoked");
    wait::until("brevet to end", LIMIT, || Ok(asker.0.try_wait()?))?;
    Ok((running.duration_since(before)?.as_secs_f64() * 1e3, dead, asked))
}

/// Ended where a round fails.
struct Asker(Child);

impl Drop for Asker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn timed(stage: &Stage, arguments: &[&str]) -> Result<(f64, Value)> {
    let start = Instant::now();
    let output = stage.brevet.ctl_command().args(arguments).stdin(Stdio::null()).output()?;
    let took = start.elapsed().as_secs_f64() * 1e3;
    ensure!(output.status.success(), "brevetctl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok((took, serde_json::from_slice(&output.stdout)?))
}

fn dead_after(start: Instant, pids: &[u32]) -> Result<f64> {
    while pids.iter().any(|pid| processes::is_alive(*pid)) {
        ensure!(start.elapsed() < LIMIT, "the tree is not dead");
        std::thread::sleep(Duration::from_micros(300));
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn line(shown: &mut BufReader<ChildStdout>) -> Result<String> {
    let mut text = String::new();
    shown.read_line(&mut text)?;
    Ok(text.trim_end().to_owned())
}

/// The next message of a kind; its end is an error with what came instead.
fn told(said: &mut BufReader<ChildStderr>, kind: &str) -> Result<Value> {
    let mut before = String::new();
    loop {
        let mut text = String::new();
        ensure!(said.read_line(&mut text)? > 0, "brevet never said {kind}; it said: {before}");
        match serde_json::from_str::<Value>(&text) {
            Ok(message) if message["tell"] == kind => return Ok(message),
            Ok(_) | Err(_) => before.push_str(&text),
        }
    }
}
