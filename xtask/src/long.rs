//! `make test-long`: the full figures of properties and model, and what came of them, written down in `docs/test-long.md`.
//!
//! It fails when a run fails, and writes that down too.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use brevet_core::time::Timestamp;

/// The number that the report promises; fewer are shown and not written down.
const CASES: u64 = 1_000_000;

/// One run of `cargo test`.
struct Run {
    what: &'static str,
    test: &'static str,
    environment: (&'static str, String),
    how_many: String,
}

/// What came of it.
struct Done {
    took: Duration,
    passed: bool,
    /// Lines that say how much was done, and what failed.
    said: Vec<String>,
}

/// Runs all of it and writes the report.
pub fn run(cases: u64) -> Result<()> {
    let each = format!("{cases} cases of each property");
    let runs = [
        Run {
            what: "decisions beside a naive evaluator: plain and compiled, grants, order, denies",
            test: "decide",
            environment: ("BREVET_CASES", cases.to_string()),
            how_many: each,
        },
        Run {
            what: "windows, hours and zones at every boundary, through every change of the clocks",
            test: "validity",
            // A case looks at many moments.
            environment: ("BREVET_CASES", cases.div_ceil(10).to_string()),
            how_many: format!("{} cases of each property", cases.div_ceil(10)),
        },
        Run {
            what: "request, grant and session with losses, doubles, reorderings and crashes, every reachable state",
            test: "model",
            environment: ("BREVET_LONG", "1".into()),
            how_many: "the larger bounds".into(),
        },
    ];
    let begun = SystemTime::UNIX_EPOCH.elapsed().context("the clock is before 1970")?;
    let begun = Timestamp::from_millis(i64::try_from(begun.as_millis())?);
    let done = runs.iter().map(test).collect::<Result<Vec<_>>>()?;
    let text = report(&machine()?, begun, &runs, &done);
    println!("{text}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("test-long.md");
    if cases >= CASES {
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        eprintln!("· written to {}", file.display());
    } else {
        eprintln!("· not written to {}: that takes {CASES} cases", file.display());
    }
    if done.iter().all(|done| done.passed) { Ok(()) } else { bail!("a long run failed") }
}

fn test(run: &Run) -> Result<Done> {
    eprintln!("· {} ({})", run.what, run.how_many);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--release", "--package", "brevet-core", "--test", run.test]);
    // Built first, so that it is not in the figure.
    if !command.arg("--no-run").status().context("cargo cannot be started")?.success() {
        bail!("the test {} does not build", run.test);
    }
    let (reader, writer) = std::io::pipe()?;
    let start = Instant::now();
    let mut command = Command::new(command.get_program());
    command.args(["test", "--quiet", "--release", "--package", "brevet-core", "--test", run.test, "--", "--nocapture"]);
    command.env(run.environment.0, &run.environment.1).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("cargo cannot be started")?;
    // Its ends of the pipe are the child's alone from here on.
    drop(command);
    let mut said = Vec::new();
    for line in BufReader::new(reader).lines() {
        let line = line.context("what the test says")?;
        eprintln!("{line}");
        if ["test result:", " states, ", "panicked", "minimal failing input"].iter().any(|part| line.contains(part)) {
            said.push(line.trim().chars().take(300).collect());
        }
    }
    let passed = child.wait()?.success();
    Ok(Done { took: start.elapsed(), passed, said })
}

fn machine() -> Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
    let processor = read("/proc/cpuinfo")?;
    let model =
        processor.lines().find_map(|line| line.strip_prefix("model name")).map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let kernel = read("/proc/sys/kernel/osrelease")?;
    Ok(format!("{} × {model}, Linux {}", std::thread::available_parallelism()?, kernel.trim()))
}

fn report(machine: &str, begun: Timestamp, runs: &[Run], done: &[Done]) -> String {
    let mut text = format!(
        "# The long runs\n\nMade by `make test-long`; do not edit.\n\n- machine: {machine}\n- begun: {begun}\n\n| what | how many | took | result |\n| --- | --- | --- | --- |\n"
    );
    for (run, done) in runs.iter().zip(done) {
        let result = if done.passed { "passed" } else { "**FAILED**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} min {} s | {result} |",
            run.what,
            run.how_many,
            done.took.as_secs() / 60,
            done.took.as_secs() % 60
        );
    }
    for (run, done) in runs.iter().zip(done) {
        let _ = write!(text, "\n`{}` said:\n\n```\n{}\n```\n", run.test, done.said.join("\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_ran_how_long_and_what_failed() {
        let run = |test| Run { what: "w", test, environment: ("A", "1".into()), how_many: "7 cases".into() };
        let done = |passed, line: &str| Done { took: Duration::from_secs(65), passed, said: vec![line.into()] };
        let text =
            report("m", Timestamp::from_millis(0), &[run("a"), run("b")], &[done(true, "test result: ok"), done(false, "panicked at x")]);
        for wanted in
            ["- machine: m", "begun: 1970-01-01", "| w | 7 cases | 1 min 5 s | passed |", "**FAILED**", "`b` said:\n\n```\npanicked at x"]
        {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }
}
