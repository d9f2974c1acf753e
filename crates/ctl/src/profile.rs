//! Which server, which token, which certificate: from the command line, the environment, or a profile, in this order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::Global;
use crate::error::{CtlError, Result};

/// `~/.config/brevet/profiles.toml`: a table a profile; `default` is used where none is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    server: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

/// How to reach the server.
#[derive(Debug)]
pub struct Target {
    /// Its address, `https://…`.
    pub server: String,
    /// The API token.
    pub token: String,
    /// PEM of the certificate to trust; the system's where absent.
    pub ca: Option<Vec<u8>>,
}

/// Puts together what was said.
///
/// # Errors
/// When server or token are nowhere, or a file cannot be read.
pub fn resolve(global: &Global) -> Result<Target> {
    let profile = load_profile(global.profile.as_deref())?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let server = global.server.clone().or_else(|| variable("BREVET_SERVER")).or(profile.server).ok_or_else(|| {
        CtlError::Usage("which server? give --server URL, BREVET_SERVER, or a profile in ~/.config/brevet/profiles.toml".into())
    })?;
    if !server.starts_with("https://") {
        return Err(CtlError::Usage(format!("the server's address '{}' does not start with https://", shown(&server))));
    }
    if global.token.is_some() {
        eprintln!("brevetctl: warning: every user of this computer can see --token; use --token-file or BREVET_TOKEN");
    }
    let token = match (&global.token_file, &global.token, variable("BREVET_TOKEN"), &profile.token_file) {
        (Some(file), ..) => read_token(file)?,
        (None, Some(token), ..) => token.clone(),
        (None, None, Some(token), _) => token,
        (None, None, None, Some(file)) => read_token(file)?,
        (None, None, None, None) => {
            return Err(CtlError::Usage("no token: give --token-file FILE, BREVET_TOKEN, or a profile with token_file".into()));
        }
    };
    let ca = global.ca.clone().or_else(|| variable("BREVET_CA").map(PathBuf::from)).or(profile.ca);
    let ca = ca.map(|file| std::fs::read(&file).map_err(|source| io("read", &file, source))).transpose()?;
    Ok(Target { server: server.trim_end_matches('/').to_owned(), token: token.trim().to_owned(), ca })
}

fn load_profile(name: Option<&str>) -> Result<Profile> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let file = base.map(|base| base.join("brevet/profiles.toml")).filter(|file| file.exists());
    let Some(file) = file else {
        return match name {
            Some(name) => Err(CtlError::Usage(format!("no profile '{}': there is no ~/.config/brevet/profiles.toml", shown(name)))),
            None => Ok(Profile::default()),
        };
    };
    let text = std::fs::read_to_string(&file).map_err(|source| io("read", &file, source))?;
    let mut profiles: BTreeMap<String, Profile> =
        toml::from_str(&text).map_err(|error| CtlError::Usage(format!("{}: {error}", file.display())))?;
    let found = profiles.remove(name.unwrap_or("default"));
    match (found, name) {
        (Some(profile), _) => Ok(profile),
        (None, None) => Ok(Profile::default()),
        (None, Some(name)) => Err(CtlError::Usage(format!("no profile '{}' in {}", shown(name), file.display()))),
    }
}

fn read_token(file: &Path) -> Result<String> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).map_err(|source| io("read", file, source))?
    } else {
        std::fs::read_to_string(file).map_err(|source| io("read", file, source))?
    };
    Ok(text.trim().to_owned())
}

fn shown(text: &str) -> String {
    brevet_core::escape::terminal(text.as_bytes())
}

/// An error with a file, naming it.
pub fn io(what: &str, file: &Path, source: std::io::Error) -> CtlError {
    CtlError::Io { what: format!("{what} '{}'", file.display()), source }
}
