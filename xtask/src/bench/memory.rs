//! Memory at rest: the proportional set size of each part's processes.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::{Installation, processes, wait};

use super::figures::Figures;
use super::report::{Part, Row, Target};

const PARTS: [(&str, f64); 3] = [("brevet-broker", 8.0), ("brevetd", 20.0), ("brevet-server", 60.0)];

pub fn measure(brevet: &Installation) -> Result<Vec<Part>> {
    let rows = PARTS.map(|(part, most)| {
        let (count, megabytes) = at_rest(brevet, part)?;
        let what = format!("{part}, {count} process{}", if count == 1 { "" } else { "es together" });
        let ours = Figures { n: count, p50: megabytes, p95: f64::NAN, p99: f64::NAN };
        anyhow::Ok(Row { what, ours, rate: None, kilobytes: None, peer: None, ratio: None, target: Some(Target::P50(most)) })
    });
    let how = "MB of proportional set size with 10 policies, once it no longer changes within a minute; n is the number of processes.";
    Ok(vec![Part { title: "Memory at rest".into(), how: how.into(), rows: rows.into_iter().collect::<Result<_>>()? }])
}

/// Between two looks: the server gives back what it freed every minute.
const APART: Duration = Duration::from_secs(65);

/// Waits until two looks a while apart agree, within a hundredth.
fn at_rest(brevet: &Installation, part: &str) -> Result<(usize, f64)> {
    let mut before = None;
    wait::until("the memory to come to rest", 5 * APART, || {
        let now = sum(brevet, part)?;
        let same = before
            .replace(now)
            .is_some_and(|(count, megabytes): (usize, f64)| count == now.0 && (megabytes - now.1).abs() <= now.1 / 100.0);
        if !same {
            std::thread::sleep(APART);
        }
        Ok(same.then_some(now))
    })
}

fn sum(brevet: &Installation, part: &str) -> Result<(usize, f64)> {
    let is_it = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.file_name().is_some_and(|n| n == part));
    let pids: Vec<u32> = processes::running_from(&brevet.bin).into_iter().filter(is_it).collect();
    let bytes = pids.iter().map(|pid| pss(*pid)).sum::<Result<u64>>()?;
    Ok((pids.len(), bytes as f64 / 1e6))
}

fn pss(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kibibytes: u64 =
        text.lines().find_map(|l| l.strip_prefix("Pss:")).and_then(|l| l.split_whitespace().next()?.parse().ok()).context("Pss")?;
    Ok(kibibytes * 1024)
}
