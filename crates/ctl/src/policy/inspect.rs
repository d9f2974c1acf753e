//! What whoever runs this can see of a file: enough to try a policy, never a ground to run anything.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use brevet_core::application::{Fact, Facts, Interpreter, other_names};
use brevet_core::digest::Digest;
use brevet_core::text::OsText;

use crate::error::{CtlError, Result};
use crate::profile::io;

/// Where a computer looks commands up, unless its configuration says otherwise.
const SEARCH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;
const NOT_LOOKED_AT: &str = "not looked at by `policy test`: give it with --facts";

/// Facts of a command of this computer.
///
/// # Errors
/// When it is not there or cannot be read.
pub fn facts(command: &std::ffi::OsStr) -> Result<Facts> {
    let typed = find(command)?;
    let path = typed.canonicalize().map_err(|source| io("find", &typed, source))?;
    let unreadable = |source| io("read (its facts can be given with --facts)", &path, source);
    let content = std::fs::read(&path).map_err(unreadable)?;
    let metadata = path.metadata().map_err(unreadable)?;
    let names = names(&typed, &path)?;
    let doubt = names.iter().chain(std::iter::once(&path)).find_map(|name| writable(name));
    Ok(Facts {
        names: with_merged(names.iter().map(|name| text(name)).collect::<Result<_>>()?),
        path: text(&path)?,
        chain: Fact::Known(doubt.is_none()),
        writable_by: doubt,
        sha256: Digest::of(&content),
        size: metadata.len(),
        owner: Fact::Known(owner(&metadata)),
        mode: metadata.permissions().mode() & 0o7777,
        package: Fact::Unknown(NOT_LOOKED_AT.into()),
        interpreter: interpreter(&content)?,
        parent: Fact::Unknown(NOT_LOOKED_AT.into()),
        store: Fact::Known(None),
    })
}

/// With the names through the links of a merged `/usr`, as a computer finds them.
fn with_merged(mut names: Vec<OsText>) -> Vec<OsText> {
    let link =
        |parent: &str, name: &str| std::fs::read_link(Path::new(parent).join(name)).ok().map(|it| it.as_os_str().as_bytes().to_vec());
    let others = other_names(&names, link);
    names.extend(others);
    names
}

fn text(path: &Path) -> Result<OsText> {
    OsText::new(path.as_os_str().as_bytes()).map_err(|error| CtlError::Usage(format!("a path cannot be used: {error}")))
}

fn find(command: &std::ffi::OsStr) -> Result<PathBuf> {
    if command.as_bytes().contains(&b'/') {
        return std::path::absolute(command).map_err(|source| io("find", Path::new(command), source));
    }
    let found = SEARCH.iter().map(|folder| Path::new(folder).join(command)).find(|path| path.is_file());
    let shown = brevet_core::escape::terminal(command.as_bytes());
    found.ok_or_else(|| CtlError::NotFound(format!("there is no program '{shown}' in {}", SEARCH.join(":"))))
}

/// The name used, each link that its last part is, and the final target.
fn names(typed: &Path, path: &Path) -> Result<Vec<PathBuf>> {
    let mut names = vec![typed.to_owned()];
    let mut at = typed.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = std::fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("/")).join(target);
        at = std::path::absolute(&at).map_err(|source| io("find", &at, source))?;
        names.push(at.clone());
    }
    names.push(path.to_owned());
    names.dedup();
    Ok(names)
}

/// Who but root could change what a path leads to, by owners and modes of its parts; access lists are not looked at.
fn writable(path: &Path) -> Option<String> {
    let mut at = PathBuf::new();
    path.components().find_map(|part| {
        if part != Component::CurDir {
            at.push(part);
        }
        let Ok(metadata) = at.symlink_metadata() else { return Some(format!("whoever made {}", at.display())) };
        let by_mode = !metadata.is_symlink() && metadata.mode() & 0o022 != 0;
        match (metadata.uid(), by_mode) {
            (0, false) => None,
            (0, true) => Some(format!("others, by the mode of {}", at.display())),
            (_, _) => Some(format!("{}, who owns {}", owner(&metadata), at.display())),
        }
    })
}

/// The owner's name from this computer's own file, or the number.
fn owner(metadata: &Metadata) -> String {
    let uid = metadata.uid().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    named.unwrap_or(uid)
}

fn interpreter(content: &[u8]) -> Result<Option<Interpreter>> {
    let Some(rest) = content.strip_prefix(b"#!") else { return Ok(None) };
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let (named, argument) = line.trim().split_once([' ', '\t']).map_or((line.trim(), ""), |(named, rest)| (named, rest.trim()));
    let path = Path::new(named).canonicalize().map_err(|source| io("find the interpreter", Path::new(named), source))?;
    let bytes = std::fs::read(&path).map_err(|source| io("read the interpreter", &path, source))?;
    let doubt = writable(Path::new(named)).or_else(|| writable(&path));
    Ok(Some(Interpreter {
        named: named.into(),
        path: text(&path)?,
        argument: (!argument.is_empty()).then(|| argument.into()),
        sha256: Digest::of(&bytes),
        chain: Fact::Known(doubt.is_none()),
    }))
}
