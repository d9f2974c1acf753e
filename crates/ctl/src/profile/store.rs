//! `~/.config/brevet/profiles.toml`: a table a profile, and which of them is used where none is named.
//!
//! The file may hold tokens: it is made readable by its owner alone, replaced as a whole, and not used when others can read a token in it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{io, shown};
use crate::error::{CtlError, Result};

/// The profile that is used where nothing else was said.
const DEFAULT: &str = "default";

/// One server, as this person reaches it. It has no `Debug`: it may hold a token.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// The file's content.
#[derive(Default, Serialize, Deserialize)]
pub struct Profiles {
    /// Which is used where none is named; `default` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(flatten)]
    profiles: BTreeMap<String, Profile>,
}

fn path() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("brevet/profiles.toml"))
}

impl Profiles {
    /// What is kept; nothing where there is no file.
    ///
    /// # Errors
    /// When it cannot be read, or holds a token that others can read.
    pub fn load() -> Result<Self> {
        let Some(file) = path() else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(io("read", &file, source)),
        };
        // WHY without the cause: it quotes the line, and a token may stand in it.
        let profiles: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
            CtlError::Usage(format!("{}:{line}: {}", file.display(), error.message()))
        })?;
        let mode = std::fs::metadata(&file).map_err(|source| io("read", &file, source))?.permissions().mode();
        if profiles.profiles.values().any(|profile| profile.token.is_some()) && mode & 0o077 != 0 {
            let file = file.display();
            return Err(CtlError::Usage(format!("others can read the token in {file}; revoke it, and: chmod 600 {file}")));
        }
        Ok(profiles)
    }

    /// Writes everything, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<()> {
        let file = path().ok_or_else(|| CtlError::Usage("no place for profiles: HOME is not set".into()))?;
        let text = toml::to_string(self).map_err(|error| CtlError::Failed(format!("no TOML form: {error}")))?;
        let folder = file.parent().unwrap_or(&file);
        std::fs::create_dir_all(folder).map_err(|source| io("make the folder", folder, source))?;
        let new = file.with_extension(format!("new-{}", std::process::id()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
            .and_then(|()| std::fs::rename(&new, &file));
        written.map_err(|source| {
            drop(std::fs::remove_file(&new));
            io("write", &file, source)
        })
    }

    /// # Errors
    /// When there is one already, or it cannot be a name.
    pub fn add(&mut self, name: &str, profile: Profile, replace: bool) -> Result<()> {
        let plain = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !plain || name == "current" {
            return Err(CtlError::Usage(format!("'{}' is no name for a profile: letters, digits, - _ and .", shown(name))));
        }
        if self.profiles.contains_key(name) && !replace {
            return Err(CtlError::Usage(format!("there is a profile '{}' already; --replace changes it", shown(name))));
        }
        self.profiles.insert(name.to_owned(), profile);
        Ok(())
    }

    pub fn remove(&mut self, name: &str) {
        self.profiles.remove(name);
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
    }

    /// # Errors
    /// When there is none of that name.
    pub fn find(&self, name: &str) -> Result<&Profile> {
        self.profiles.get(name).ok_or_else(|| {
            let known: Vec<String> = self.profiles.keys().map(|known| shown(known)).collect();
            let known = if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) };
            CtlError::Usage(format!("no profile '{}'; {known}", shown(name)))
        })
    }

    /// The one that is named, else the current one, else nothing.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn chosen(&self, named: Option<&str>) -> Result<Profile> {
        match named.or(self.current.as_deref()) {
            Some(name) => self.find(name).cloned(),
            None => Ok(self.profiles.get(DEFAULT).cloned().unwrap_or_default()),
        }
    }

    pub fn current_name(&self) -> Option<&str> {
        self.current.as_deref().or_else(|| self.profiles.contains_key(DEFAULT).then_some(DEFAULT))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles.iter().map(|(name, profile)| (name.as_str(), profile))
    }
}
