//! `make bench`: every figure of the kind beside its peer in the same run, as one table and as `docs/benchmarks.md`.
//!
//! It judges, but never fails for a figure: only when something could not be measured at all does it say so and go on.

mod alone;
mod decisions;
mod export;
mod figures;
mod grants;
mod machine;
mod memory;
mod peers;
mod policies;
mod report;
mod server;
mod starts;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::{Installation, Options, OsUser, processes};

use report::Report;

/// What to measure with.
pub struct Bench {
    /// Folder with the built programs of Brevet.
    pub programs: PathBuf,
    /// Folder with `brevet-bench` and `brevet-starter`.
    pub natives: PathBuf,
    /// How often each thing is done.
    pub rounds: usize,
    /// Only these parts: decisions, server, export, starts, grants, memory; all where empty.
    pub only: Vec<String>,
}

/// Fewer are shown, but not written down.
const LEAST: usize = 200;

impl Bench {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|o| o == part)
    }

    /// Measures everything and says it.
    pub fn run(&self) -> Result<()> {
        ensure!(processes::uid(std::process::id()) == Some(0), "the benchmarks start processes as root and make users: run them as root");
        let mut report = Report::new(machine::describe()?);
        if self.wants("decisions") {
            say("deciding, beside cedar-policy and regorus");
            report.part(decisions::measure(&self.natives));
        }
        if self.wants("server") {
            say("calls of a server with 10,000 computers");
            match server::measure(&self.programs) {
                Ok((parts, missing)) => {
                    report.part(Ok(parts));
                    missing.into_iter().for_each(|error| report.part(Err(error)));
                }
                Err(error) => report.part(Err(error)),
            }
        }
        if self.wants("export") {
            say("exporting a million events");
            report.part(export::measure(&self.programs));
        }
        if ["starts", "grants", "memory"].iter().any(|part| self.wants(part)) {
            self.installed(&mut report)?;
        }
        let text = report.markdown();
        println!("{text}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("benchmarks.md");
        if self.rounds >= LEAST && self.only.is_empty() {
            std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            say(&format!("written to {}", file.display()));
        } else {
            say(&format!("not written to {}: that takes all parts and at least {LEAST} rounds", file.display()));
        }
        Ok(())
    }

    fn installed(&self, report: &mut Report) -> Result<()> {
        let peers = self.wants("starts").then(|| peers::Peers::prepare(&self.natives, &mut |step| say(step)));
        let options = Options { programs: self.programs.clone(), directory: None, heartbeat_seconds: None };
        let brevet = Installation::start(options, &mut |step| say(step))?;
        let user = OsUser::person(&brevet.record, &format!("bench-{}", brevet.tag), &brevet.state.join("homes"), "correct horse 7")?;
        let stage = Stage { brevet, user, natives: self.natives.clone(), rounds: self.rounds };
        stage.lend("brevet-starter")?;
        std::fs::copy("/usr/bin/true", stage.brevet.tools.join("true")).context("copying true")?;
        policies::apply_ten(&stage)?;
        if self.wants("memory") {
            say("memory at rest with 10 policies");
            report.part(memory::measure(&stage.brevet));
        }
        if self.wants("grants") {
            say("approve to running, revoke to dead");
            report.part(grants::measure(&stage));
        }
        if let Some(peers) = peers {
            let peers = peers.configure(&stage)?;
            report.notes(peers.missing());
            say("whole processes, beside sudo, doas and sudo-rs");
            report.part(starts::measure(&stage, &peers));
            say("applying 10,000 policies");
            report.part(policies::apply_many(&stage).and_then(|()| starts::measure_many(&stage, &peers)));
            drop(peers);
        }
        stage.brevet.finish()
    }
}

/// An installation and a plain user with the right to run `true`.
pub struct Stage {
    /// Set up, with ten policies.
    pub brevet: Installation,
    /// Who starts.
    pub user: OsUser,
    natives: PathBuf,
    rounds: usize,
}

impl Stage {
    /// Puts a native program where users can start it.
    fn lend(&self, name: &str) -> Result<PathBuf> {
        let to = self.brevet.tools.join(name);
        std::fs::copy(self.natives.join(name), &to).with_context(|| format!("{name} is not built in {}", self.natives.display()))?;
        Ok(to)
    }
}

fn say(step: &str) {
    eprintln!("· {step}");
}
