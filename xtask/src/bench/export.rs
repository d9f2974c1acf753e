//! The export of a million events: how long, and how much memory the server took at most.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::{program, wait};

use super::figures::Figures;
use super::report::{Part, Row, Target};

const EVENTS: usize = 1_000_000;

/// Rows as `audit::record` writes those of a request: a body of about half a kilobyte, and every id.
const SEED: &str = r#"
insert into event (id, time, recorded, kind, schema, actor_kind, actor_id, actor_name, computer, computer_name, user, policy, policy_name,
  request, summary, body, incarnation, journal_seq, words)
with recursive n(i) as (select 1 union all select i + 1 from n where i < COUNT)
select printf('evt_%026d', i), 1700000000000 + i, 1700000000000 + i, 'request.created', 1, 'computer', printf('cmp_%026d', i % 10000), 'alice',
  printf('cmp_%026d', i % 10000), printf('web-%d', i % 10000), 'alice', printf('pol_%026d', i % 1000), printf('Policy %d', i % 1000),
  printf('req_%026d', i), printf('alice asked for systemctl restart web-%d: because of ticket %d', i % 100, i),
  printf('{"id":"req_%026d","computer":"cmp_%026d","user":{"uid":1000,"name":"alice"},"command":{"arguments":["systemctl","restart","web-%d"],"directory":"/home/alice","target":{"uid":0,"name":"root"},"kept_environment":[]},"policy":{"id":"pol_%026d","version":3,"name":"Policy %d"},"reason":"because of ticket %d","duration":"30m","created":"2026-11-25T09:00:00.000Z","lapses":"2026-11-26T09:00:00.000Z"}',
    i, i % 10000, i % 100, i % 1000, i % 1000, i),
  printf('inc_%026d', i % 10000), i, printf('alice asked for systemctl restart web-%d: because of ticket %d', i % 100, i)
from n;
"#;

/// A server of its own, ended when it is let go.
struct Server {
    process: Child,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

pub fn measure(programs: &Path) -> Result<Vec<Part>> {
    let folder = std::env::temp_dir().join(format!("brevet-bench-export-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("https://localhost:{port}");
    let server = || Command::new(programs.join("brevet-server"));
    let made =
        program::run(server().args(["bootstrap", "--json", "--url", &url, "--data"]).arg(folder.join("data")), Duration::from_secs(60))?;
    let made = made.json().context("brevet-server bootstrap")?;
    let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("bootstrap gave no {name}"));
    let database = folder.join("data/brevet.db").to_string_lossy().into_owned();
    program::system("sqlite3", [&database, &SEED.replace("COUNT", &EVENTS.to_string())])?
        .ok()
        .context("putting a million events into the database")?;
    let log = fs::File::create(folder.join("log"))?;
    let mut serve = server();
    serve.arg("serve").arg("--data").arg(folder.join("data")).args(["--listen", &format!("127.0.0.1:{port}"), "--url", &url]);
    let process = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
    let server = Server { process, folder };
    let ctl = |arguments: &[&str]| -> Result<program::Output> {
        let mut command = Command::new(programs.join("brevetctl"));
        command.args(arguments).env("BREVET_SERVER", &url).env("BREVET_TOKEN", text("token")?).env("BREVET_CA", text("ca")?);
        program::run(&mut command, Duration::from_secs(600))
    };
    wait::until("the server", Duration::from_secs(60), || Ok(ctl(&["event", "list", "--limit", "1"])?.ok().ok()))?;
    let mut rows = Vec::new();
    let row = |what: String, figure: f64, target: f64| {
        let ours = Figures { n: 1, p50: figure, p99: f64::NAN };
        Row { what, ours, peer: None, ratio: None, target: Some(Target::P50(target)) }
    };
    for format in ["jsonl", "csv"] {
        let file = server.folder.join(format!("events.{format}"));
        let begun = Instant::now();
        ctl(&["event", "export", "--format", format, "--kind", "request.*", "--output", &file.to_string_lossy()])?.ok()?;
        let seconds = begun.elapsed().as_secs_f64();
        let lines = program::system("wc", ["-l", &file.to_string_lossy()])?.ok()?.stdout;
        let lines: usize = lines.split_whitespace().next().context("wc")?.parse()?;
        ensure!(lines == EVENTS + usize::from(format == "csv"), "{lines} lines of {EVENTS} events");
        rows.push(row(format!("{EVENTS} events as {format}, s"), seconds, 30.0));
        fs::remove_file(file)?;
    }
    rows.push(row("the server's memory at most, MB".into(), peak(server.process.id())?, 100.0));
    let how = "SQLite; into a file by brevetctl on the same machine, once each; memory is the largest resident set of brevet-server's whole life.";
    Ok(vec![Part { title: "Export".into(), how: how.into(), rows }])
}

fn peak(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kibibytes: f64 = line.split_whitespace().next().context("VmHWM")?.parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}
