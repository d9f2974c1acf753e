//! The export of a million events: how long, and how much memory the server took at most.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::program;

use super::alone::Alone;
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

pub fn measure(programs: &Path) -> Result<Vec<Part>> {
    let mut server = Alone::set_up(programs, "export", None)?;
    server.fill(&SEED.replace("COUNT", &EVENTS.to_string())).context("putting a million events into the database")?;
    server.start("")?;
    server.forget_peak()?;
    let mut rows = Vec::new();
    let row = |what: String, figure: f64, target: f64| {
        let ours = Figures { n: 1, p50: figure, p95: f64::NAN, p99: f64::NAN };
        Row { what, ours, rate: None, kilobytes: None, peer: None, ratio: None, target: Some(Target::P50(target)) }
    };
    for format in ["jsonl", "csv"] {
        let file = server.folder.join(format!("events.{format}"));
        let begun = Instant::now();
        server.ctl(&["event", "export", "--format", format, "--kind", "request.*", "--output", &file.to_string_lossy()])?.ok()?;
        let seconds = begun.elapsed().as_secs_f64();
        let lines = program::system("wc", ["-l", &file.to_string_lossy()])?.ok()?.stdout;
        let lines: usize = lines.split_whitespace().next().context("wc")?.parse()?;
        ensure!(lines == EVENTS + usize::from(format == "csv"), "{lines} lines of {EVENTS} events");
        rows.push(row(format!("{EVENTS} events as {format}, s"), seconds, 30.0));
        fs::remove_file(file)?;
    }
    rows.push(row("the server's memory at most, MB".into(), server.peak()?, 100.0));
    let how = "SQLite; into a file by brevetctl on the same machine, once each; memory is the largest resident set of brevet-server from before the first to after the last.";
    Ok(vec![Part { title: "Export".into(), how: how.into(), rows }])
}
