//! `make screenshots`: a picture of every page of the console in both themes, over a Brevet of its own. All of them are put beside the
//! programs, to look at; those that the administrator's guide shows, beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::{Installation, Options, OsUser, browser};

use crate::stop::Stop;

const LIMIT: Duration = Duration::from_secs(300);

/// Sets everything up, has the pictures made, and undoes everything.
pub fn run(programs: PathBuf) -> Result<()> {
    let _stop = Stop::listen()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository")?;
    let programs = programs.canonicalize()?;
    let all = programs.parent().context("the programs are in no folder")?.join("screenshots");
    let guide = root.join("docs/guide/images");
    browser::prepared()?;
    let options = Options { programs, directory: None, heartbeat_seconds: Some(1) };
    let mut installation = Installation::start(options, &mut |step| println!("· {step}"))?;
    let name = format!("alice-{}", installation.tag);
    let user = OsUser::person(&installation.record, &name, &installation.state.join("homes"), "correct horse 7")?;
    let made = browser::run(&mut installation, &user, &["screenshots.js", &all.to_string_lossy(), &guide.to_string_lossy()], LIMIT);
    installation.finish()?;
    made
}
