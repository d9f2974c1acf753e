//! What the figures are made on: processor, kernel, file system, and what `fdatasync` costs here.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::figures::Figures;

const STATE: &str = "/var/lib";

/// In a few lines of Markdown.
pub fn describe() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kibibytes: u64 = memory.split_whitespace().nth(1).and_then(|n| n.parse().ok()).context("MemTotal")?;
    let sync = fdatasync()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "- machine: {cores} × {model}, {:.0} GiB; load at the start {}\n- kernel: {}\n- file system of the journal ({STATE}): {}\n- `fdatasync` after appending 700 bytes there: p50 {:.0} µs, p99 {:.0} µs (n = {})\n",
        kibibytes as f64 / f64::from(1 << 20),
        load.split(' ').next().unwrap_or_default(),
        kernel.trim(),
        file_system(Path::new(STATE))?,
        sync.p50,
        sync.p99,
        sync.n
    ))
}

fn file_system(path: &Path) -> Result<String> {
    let device = fs::metadata(path)?.dev();
    let mounts = fs::read_to_string("/proc/mounts")?;
    let lines: Vec<Vec<&str>> = mounts.lines().map(|l| l.split(' ').collect()).collect();
    let on = lines.iter().rev().find(|f| f.get(1).is_some_and(|at| fs::metadata(at).is_ok_and(|m| m.dev() == device)));
    Ok(on.map_or_else(|| "unknown".into(), |f| format!("{} ({})", f.get(2).unwrap_or(&"?"), f.get(3).unwrap_or(&"?"))))
}

/// Microseconds, of appending as the journal does.
fn fdatasync() -> Result<Figures> {
    let path = Path::new(STATE).join(format!("brevet-bench-{}", std::process::id()));
    let measured = (|| {
        let mut file = fs::File::create_new(&path)?;
        let mut samples = Vec::new();
        for _ in 0..400 {
            file.write_all(&[b'x'; 700])?;
            let start = Instant::now();
            file.sync_data()?;
            samples.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Figures::of(samples)
    })();
    fs::remove_file(&path)?;
    measured
}
