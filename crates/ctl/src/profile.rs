//! Which server, which token, which certificate: from the command line, the environment, or a profile, in this order.

mod store;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::cli::{Global, Session};
use crate::error::{CtlError, Result};
use crate::input;
use crate::output::{csv, mark, table};
use store::{Profile, Profiles};

/// Servers that a person works with.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep --server, --ca and --token-file under a name; a token from standard input (--token-file -) is kept in the file itself
    Add {
        /// Its name
        name: String,
        /// Change a profile that is there
        #[arg(long)]
        replace: bool,
    },
    /// List profiles; tokens are never shown
    List,
    /// Use a profile where none is named
    Use {
        /// Its name
        name: String,
    },
    /// Forget a profile; nothing changes on the server
    Remove {
        /// Its name
        name: String,
    },
}

/// A profile as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    server: Option<String>,
    /// Where the token is: `kept`, or the file's path. Never the token.
    token: Option<String>,
    ca: Option<PathBuf>,
    current: bool,
}

/// # Errors
/// When the file cannot be read or written, or there is no such profile.
pub fn run(session: &Session, command: Command) -> Result<()> {
    let mut profiles = Profiles::load()?;
    match command {
        Command::Add { name, replace } => {
            profiles.add(&name, given(&session.global)?, replace)?;
            let only = profiles.names().count() == 1;
            if only {
                profiles.current = Some(name.clone());
            }
            profiles.save()?;
            said(session, "kept", &name)
        }
        Command::List => {
            let current = profiles.current_name().map(str::to_owned);
            let items: Vec<Shown> = profiles
                .iter()
                .map(|(name, profile)| Shown {
                    name: name.to_owned(),
                    server: profile.server.clone(),
                    token: profile
                        .token_file
                        .as_ref()
                        .map(|file| file.display().to_string())
                        .or_else(|| profile.token.is_some().then(|| "kept".to_owned())),
                    ca: profile.ca.clone(),
                    current: current.as_deref() == Some(name),
                })
                .collect();
            let rows: Vec<Vec<String>> = items.iter().map(row).collect();
            let headings = ["name", "server", "token", "certificate", "current"];
            if session.output.csv {
                return session.output.text(&csv(&headings, &rows));
            }
            session.output.print(&brevet_api::rest::Page { items, next: None }, |_| table(&headings, rows))
        }
        Command::Use { name } => {
            profiles.find(&name)?;
            profiles.current = Some(name.clone());
            profiles.save()?;
            said(session, "using", &name)
        }
        Command::Remove { name } => {
            profiles.find(&name)?;
            session
                .output
                .confirm(&format!("forget the profile '{}' and a token kept in it; nothing changes on the server", shown(&name)))?;
            profiles.remove(&name);
            profiles.save()?;
            said(session, "forgot", &name)
        }
    }
}

fn row(profile: &Shown) -> Vec<String> {
    let text = |text: &Option<String>| text.as_deref().map(shown).unwrap_or_default();
    let ca = profile.ca.as_ref().map(|ca| shown(&ca.display().to_string())).unwrap_or_default();
    vec![shown(&profile.name), text(&profile.server), text(&profile.token), ca, mark(profile.current).into()]
}

fn said(session: &Session, done: &str, name: &str) -> Result<()> {
    session.output.print(&serde_json::json!({ "name": name, "change": done }), |_| format!("{done} the profile '{}'\n", shown(name)))
}

/// What `profile add` was given.
fn given(global: &Global) -> Result<Profile> {
    let server = global.server.clone().ok_or_else(|| CtlError::Usage("which server? give --server URL".into()))?;
    check_address(&server)?;
    let absolute = |file: &Path| std::path::absolute(file).map_err(|source| io("find", file, source));
    let (token, token_file) = match (&global.token_file, &global.token) {
        (Some(file), _) if file == Path::new("-") => (Some(read_token(file)?), None),
        (Some(file), _) => (None, Some(absolute(file)?)),
        (None, Some(token)) => {
            warn_of_token();
            (Some(token.clone()), None)
        }
        (None, None) => (None, None),
    };
    if token.as_ref().is_some_and(String::is_empty) {
        return Err(CtlError::Usage("the token is empty".into()));
    }
    let ca = global.ca.as_deref().map(absolute).transpose()?;
    Ok(Profile { server: Some(server), token, token_file, ca })
}

/// How to reach the server.
pub struct Target {
    /// Its address, `https://…`.
    pub server: String,
    /// The API token.
    pub token: String,
    /// PEM of the certificate to trust; the system's where absent.
    pub ca: Option<Vec<u8>>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn chosen(global: &Global) -> Result<Profile> {
    let named = global.profile.clone().or_else(|| variable("BREVET_PROFILE"));
    Profiles::load()?.chosen(named.as_deref())
}

fn server_of(global: &Global, profile: &Profile) -> Result<String> {
    let server = global.server.clone().or_else(|| variable("BREVET_SERVER")).or_else(|| profile.server.clone());
    let server = server.ok_or_else(|| {
        CtlError::Usage("which server? give --server URL, BREVET_SERVER, or a profile: brevetctl profile add NAME --server URL".into())
    })?;
    check_address(&server)?;
    Ok(server)
}

/// Which server is meant.
///
/// # Errors
/// When none is, or its address cannot be used.
pub fn server(global: &Global) -> Result<String> {
    server_of(global, &chosen(global)?)
}

/// Puts together what was said.
///
/// # Errors
/// When server or token are nowhere, or a file cannot be read.
pub fn resolve(global: &Global) -> Result<Target> {
    let profile = chosen(global)?;
    let server = server_of(global, &profile)?;
    if global.token.is_some() {
        warn_of_token();
    }
    let token = match (&global.token_file, &global.token, variable("BREVET_TOKEN"), &profile.token_file, profile.token) {
        (Some(file), ..) => read_token(file)?,
        (None, Some(token), ..) => token.clone(),
        (None, None, Some(token), ..) => token,
        (None, None, None, Some(file), _) => read_token(file)?,
        (None, None, None, None, Some(token)) => token,
        (None, None, None, None, None) => {
            return Err(CtlError::Usage("no token: give --token-file FILE, BREVET_TOKEN, or a profile with one".into()));
        }
    };
    let ca = global.ca.clone().or_else(|| variable("BREVET_CA").map(PathBuf::from)).or(profile.ca);
    let ca =
        ca.map(|file| input::named(&file, input::SMALL).map_err(|source| io("read", &file, source))).transpose()?.map(String::into_bytes);
    Ok(Target { server: server.trim_end_matches('/').to_owned(), token: token.trim().to_owned(), ca })
}

fn warn_of_token() {
    eprintln!("brevetctl: warning: every user of this computer can see --token; use --token-file or BREVET_TOKEN");
}

/// A pipe or a device is nobody's to read again.
fn warn_of_readers(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0);
    if open {
        let file = shown(&file.display().to_string());
        eprintln!("brevetctl: warning: others can read the token in {file}; if they should not: chmod 600 {file}, and make another");
    }
}

fn check_address(server: &str) -> Result<()> {
    if server.starts_with("https://") {
        return Ok(());
    }
    Err(CtlError::Usage(format!("the server's address '{}' does not start with https://", shown(server))))
}

fn read_token(file: &Path) -> Result<String> {
    let is_standard = file == Path::new("-");
    if !is_standard {
        warn_of_readers(file);
    }
    let read = if is_standard { input::standard(input::SMALL) } else { input::named(file, input::SMALL) };
    Ok(read.map_err(|source| io("read", file, source))?.trim().to_owned())
}

fn shown(text: &str) -> String {
    brevet_core::escape::terminal(text.as_bytes())
}

/// An error with a file, naming it.
pub fn io(what: &str, file: &Path, source: std::io::Error) -> CtlError {
    CtlError::Io { what: format!("{what} '{}'", file.display()), source }
}
