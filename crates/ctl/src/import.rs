//! `brevetctl import`: drafts policies from what other programs have. Nothing is sent anywhere.

pub mod sudoers;

use std::path::{Path, PathBuf};

use brevet_core::file::File;
use brevet_core::lint;
use brevet_core::policy::Mode;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::input;
use crate::output::{shown, table, word};
use crate::profile::io;
use crate::stored;
use sudoers::{Draft, Files, Line, State};

/// What to import.
#[derive(Subcommand)]
pub enum Import {
    /// Draft policies from a sudoers file and what it includes
    ///
    /// Every line is translated, or listed as not translatable with the reason; no draft gives more than the file did. Read it, then
    /// apply it. Exit status 7 when some of it could not be translated, 2 when sudo would not read the file either.
    Sudoers(Sudoers),
}

/// A sudoers file.
#[derive(Debug, Args)]
pub struct Sudoers {
    /// The file
    file: PathBuf,
    /// Where the draft goes: a file, or a folder (a file each for groups and lists, and for every sudoers file) [default: standard output]
    #[arg(long, short, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// What the policies do: elevate at once, with a reason, or after an approval
    #[arg(long, value_enum, default_value = "automatic")]
    mode: DraftMode,
    /// Where absolute includes are looked up, for a copy of another computer's files
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The host whose file it is, where an include names it (%h)
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Write over what is there
    #[arg(long)]
    overwrite: bool,
}

/// Modes that a draft may have.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DraftMode {
    Automatic,
    Justify,
    Request,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'d> {
    file: &'d File,
    lines: &'d [Line],
    findings: Vec<lint::Finding>,
}

/// # Errors
/// When sudo would not read the file either, something cannot be written, or some of it could not be translated.
pub fn run(session: &Session, command: &Import) -> Result<()> {
    let Import::Sudoers(command) = command;
    let mode = match command.mode {
        DraftMode::Automatic => Mode::Automatic,
        DraftMode::Justify => Mode::Justify,
        DraftMode::Request => Mode::Request,
    };
    let path = command.file.to_str().ok_or_else(|| CtlError::Usage("the file's name is not UTF-8".into()))?;
    let usage = |wrong: sudoers::FileWrong| CtlError::Usage(shown(&wrong.to_string()));
    if let Err(error) = std::fs::metadata(&command.file) {
        return Err(CtlError::Usage(format!("cannot read '{}': {error}", shown(&command.file.display().to_string()))));
    }
    let mut disk = Disk { first: command.file.clone(), root: command.root.clone() };
    let whole = sudoers::read(&mut disk, path, command.hostname.as_deref()).map_err(usage)?;
    let draft = sudoers::draft(&whole, mode, sudoers::MOST).map_err(usage)?;
    let findings = lint::lint(&draft.file);
    if let Some(to) = &command.output {
        write(&draft, &findings, to, command.overwrite)?;
    }
    if session.output.json {
        session.output.print(&Report { file: &draft.file, lines: &draft.lines, findings }, |_| String::new())?;
    } else {
        if command.output.is_none() {
            session.output.text(&whole_text(&draft, &findings)?)?;
        }
        eprint!("{}", summary(&draft));
    }
    let left = draft.lines.iter().filter(|line| !line.reasons.is_empty()).count();
    if left == 0 { Ok(()) } else { Err(CtlError::Partly(format!("{left} lines are not, or not wholly, translated"))) }
}

/// Files of this computer, or of a copy under `root`.
struct Disk {
    first: PathBuf,
    root: Option<PathBuf>,
}

/// Larger than any sudoers file that people wrote.
const LARGEST: u64 = 4 << 20;

impl Disk {
    fn place(&self, path: &str) -> PathBuf {
        match (&self.root, path.strip_prefix('/')) {
            (Some(root), Some(below)) if Path::new(path) != self.first => root.join(below),
            _ => PathBuf::from(path),
        }
    }
}

impl Files for Disk {
    fn read(&mut self, path: &str) -> std::result::Result<String, String> {
        let bytes = input::found_bytes(&self.place(path), LARGEST).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| {
            let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            format!("line {}: is not UTF-8", before.iter().filter(|byte| **byte == b'\n').count() + 1)
        })
    }

    fn names(&mut self, folder: &str) -> std::result::Result<Vec<String>, String> {
        let entries = match std::fs::read_dir(self.place(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{folder}: {error}")),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            if entry.path().is_file() {
                let name = entry.file_name().into_string().map_err(|_| format!("{folder}: a file's name is not UTF-8"))?;
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Everything as one text: what policies use, the policies with what was said of them, what is left.
fn whole_text(draft: &Draft, findings: &[lint::Finding]) -> Result<String> {
    let mut text = shared(draft)?;
    for line in &draft.lines {
        text.push_str(&of_line(draft, findings, line)?);
    }
    text.push_str(&left(draft.lines.iter()));
    Ok(text)
}

/// Groups and lists.
fn shared(draft: &Draft) -> Result<String> {
    let file = File { group: draft.file.group.clone(), list: draft.file.list.clone(), ..File::default() };
    if file == File::default() { Ok(String::new()) } else { Ok(format!("{}\n", stored::to_toml(&file)?)) }
}

/// The policies of a line, with comments.
fn of_line(draft: &Draft, findings: &[lint::Finding], line: &Line) -> Result<String> {
    let mut text = String::new();
    let policies: Vec<_> = draft.file.policy.iter().filter(|policy| line.drafted.contains(&policy.name)).collect();
    if policies.is_empty() {
        return Ok(text);
    }
    text.push_str(&comment("", &format!("{}:{}: {}", line.file, line.line, line.text)));
    line.notes.iter().for_each(|note| text.push_str(&comment("note: ", note)));
    line.reasons.iter().for_each(|reason| text.push_str(&comment("not translated: ", reason)));
    for policy in policies {
        for finding in findings.iter().filter(|finding| finding.name == policy.name) {
            let said = format!("{}: {}; {}", finding.field, finding.reason, finding.instead);
            text.push_str(&comment(&format!("{}: ", word(&finding.severity)), &said));
        }
        text.push_str(&stored::to_toml(&File { policy: vec![policy.clone()], ..File::default() })?);
        text.push('\n');
    }
    Ok(text)
}

/// Lines of which nothing is in the draft although something would be wanted.
fn left<'l>(lines: impl Iterator<Item = &'l Line>) -> String {
    let mut text = String::new();
    for line in lines.filter(|line| line.state == State::NotTranslated) {
        text.push_str(&comment("not translated: ", &format!("{}:{}: {}", line.file, line.line, line.text)));
        line.reasons.iter().for_each(|reason| text.push_str(&comment("  because ", reason)));
    }
    text
}

fn comment(before: &str, text: &str) -> String {
    format!("# {before}{}\n", shown(text))
}

/// Writes a file, or a folder of them.
fn write(draft: &Draft, findings: &[lint::Finding], to: &Path, overwrite: bool) -> Result<()> {
    let is_folder = to.is_dir() || to.as_os_str().as_encoded_bytes().ends_with(b"/");
    if !is_folder {
        return put(to, &whole_text(draft, findings)?, overwrite);
    }
    std::fs::create_dir_all(to).map_err(|source| io("make the folder", to, source))?;
    let shared = shared(draft)?;
    if !shared.is_empty() {
        put(&to.join("groups-and-lists.toml"), &shared, overwrite)?;
    }
    let mut files: Vec<&str> = Vec::new();
    for line in &draft.lines {
        if !files.contains(&line.file.as_str()) {
            files.push(&line.file);
        }
    }
    for (number, file) in files.iter().enumerate() {
        let mut text = String::new();
        for line in draft.lines.iter().filter(|line| line.file == **file) {
            text.push_str(&of_line(draft, findings, line)?);
        }
        text.push_str(&left(draft.lines.iter().filter(|line| line.file == **file)));
        let name: String =
            file.rsplit('/').next().unwrap_or("sudoers").chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        if !text.is_empty() {
            put(&to.join(format!("{number:02}-{name}.toml")), &text, overwrite)?;
        }
    }
    Ok(())
}

fn put(path: &Path, text: &str, overwrite: bool) -> Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => CtlError::Usage(format!("'{}' is there already; --overwrite writes over it", path.display())),
        _ => io("write", path, source),
    })?;
    file.write_all(text.as_bytes()).map_err(|source| io("write", path, source))
}

/// What became of every line, for people.
fn summary(draft: &Draft) -> String {
    let count = |state: State| draft.lines.iter().filter(|line| line.state == state).count();
    let rows: Vec<Vec<String>> = draft
        .lines
        .iter()
        .filter(|line| !line.reasons.is_empty())
        .flat_map(|line| {
            let place = format!("{}:{}", line.file, line.line);
            line.reasons.iter().map(move |reason| vec![shown(&place), word(&line.state).replace('_', " "), shown(reason)])
        })
        .collect();
    let mut text = if rows.is_empty() { String::new() } else { table(&["line", "is", "because"], rows) };
    text.push_str(&format!(
        "lines: translated {}, partly {}, not translated {}, not needed {}; drafted: policies {}, lists {}, groups {}\n",
        count(State::Translated),
        count(State::Partly),
        count(State::NotTranslated),
        count(State::NotNeeded),
        draft.file.policy.len(),
        draft.file.list.len(),
        draft.file.group.len()
    ));
    text
}
