//! `brevetctl completion` and `brevetctl man`: both made from the command line's own definition, so they cannot differ from it.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, ValueEnum as _};
use clap_complete::Shell;

use crate::cli::{Cli, Session};
use crate::error::{CtlError, Result};
use crate::profile::io;

/// For which shell.
#[derive(Debug, Args)]
pub struct Completion {
    /// bash, zsh or fish
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

/// Where to.
#[derive(Debug, Args)]
pub struct Man {
    /// A folder; it is made where it is not there
    folder: PathBuf,
}

/// # Errors
/// When standard output cannot be written.
pub fn completion(session: &Session, command: &Completion) -> Result<()> {
    let shell = Shell::from_str(&command.shell, true).map_err(CtlError::Usage)?;
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "brevetctl", &mut text);
    session.output.text(&String::from_utf8_lossy(&text))
}

/// # Errors
/// When a page cannot be written.
pub fn pages(command: &Man) -> Result<()> {
    std::fs::create_dir_all(&command.folder).map_err(|source| io("make the folder", &command.folder, source))?;
    let mut whole = Cli::command();
    whole.build();
    page(&command.folder, &whole, "brevetctl")
}

/// One page, and one for each command below it that people are meant to see.
fn page(folder: &Path, command: &clap::Command, name: &str) -> Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    let titled = clap_mangen::Man::new(command.clone().version(env!("CARGO_PKG_VERSION"))).title(name.to_uppercase());
    titled.render(&mut text).map_err(|source| io("make the page", &path, source))?;
    std::fs::write(&path, text).map_err(|source| io("write", &path, source))?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
        page(folder, inner, &format!("{name}-{}", inner.get_name()))?;
    }
    Ok(())
}
