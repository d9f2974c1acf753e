//! `brevetctl apply`: makes the server as files say, in one transaction. Errors name file and line before anything is sent.

pub mod source;

use std::path::PathBuf;

use brevet_api::rest::apply::{Applied, AppliedAction, Apply as Body};
use brevet_api::rest::check::Finding;
use clap::Args;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::findings;
use crate::output::{shown, table, word};
use source::Sources;

/// What to apply.
#[derive(Debug, Args)]
pub struct Apply {
    /// A TOML file, or a folder whose *.toml files together are one, or - for standard input; may be given again
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR", required = true)]
    files: Vec<PathBuf>,
    /// Say what would change, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what the files do not name
    #[arg(long)]
    prune: bool,
    /// Show every warning, not only a few of each kind
    #[arg(long)]
    all_warnings: bool,
}

/// # Errors
/// When a file has an error, or the server cannot be reached or refuses.
pub fn run(session: &Session, command: &Apply) -> Result<()> {
    let sources = Sources::read(&command.files)?;
    let client = session.client()?;
    let send = |dry_run: bool| -> Result<Applied> {
        let body = Body { file: sources.file().clone(), dry_run, prune: command.prune };
        client.post(&["apply"], &body).map_err(|error| locate(&sources, error))
    };
    if command.prune && !command.dry_run && !session.output.yes {
        let plan = send(true)?;
        let deleted: Vec<String> = plan
            .changes
            .iter()
            .filter(|change| change.change == AppliedAction::Deleted)
            .map(|change| format!("  {} '{}'", word(&change.kind), shown(&change.name)))
            .collect();
        if !deleted.is_empty() {
            session.output.confirm_many(&format!("delete what the files do not name:\n{}", deleted.join("\n")))?;
        }
    }
    let applied = send(command.dry_run)?;
    if !session.output.json {
        say(&sources, &applied, command.all_warnings);
    }
    session.output.print(&applied, plan)
}

/// What there is to know of the files; in JSON it is in the answer itself.
fn say(sources: &Sources, applied: &Applied, all: bool) {
    let place = |finding: &Finding| sources.locate_named(&finding.kind, &finding.name, &finding.field);
    let lines = findings::lines(&applied.findings, applied.more_findings, all, place);
    let mut said: String = lines.iter().map(|line| format!("brevetctl: {line}\n")).collect();
    for warning in &applied.warnings {
        let place = sources.locate_named(&warning.kind, &warning.name, &warning.field);
        let hint = warning.hint.as_ref().map(|hint| format!("; {}", shown(hint))).unwrap_or_default();
        said.push_str(&format!("brevetctl: warning: {place}: {}{hint}\n", shown(&warning.reason)));
    }
    eprint!("{said}");
}

/// The server names a field by its place in the whole; people need the file and the line.
fn locate(sources: &Sources, error: CtlError) -> CtlError {
    match error {
        CtlError::Refused(mut problem) => {
            for wrong in &mut problem.errors {
                wrong.field = sources.locate(&wrong.field);
            }
            CtlError::Refused(problem)
        }
        other => other,
    }
}

fn plan(applied: &Applied) -> String {
    let count = |action| applied.changes.iter().filter(|change| change.change == action).count();
    let rows: Vec<Vec<String>> = applied
        .changes
        .iter()
        .filter(|change| change.change != AppliedAction::Unchanged)
        .map(|change| vec![word(&change.change), word(&change.kind), shown(&change.name), shown(&change.fields.join(", "))])
        .collect();
    let mut text = if rows.is_empty() { String::new() } else { table(&["change", "kind", "name", "fields"], rows) };
    let (created, changed, deleted) = (count(AppliedAction::Created), count(AppliedAction::Changed), count(AppliedAction::Deleted));
    let unchanged = count(AppliedAction::Unchanged);
    let mood = if applied.dry_run { "would be " } else { "" };
    text.push_str(&format!("{mood}created {created}, changed {changed}, deleted {deleted}; unchanged {unchanged}\n"));
    text
}
