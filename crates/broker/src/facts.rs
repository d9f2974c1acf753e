//! Facts of an application, from the open descriptor that will be executed (DESIGN section 6).
//!
//! What was examined is what runs: a file that is root's alone by its own descriptor, any other from a sealed copy, made when
//! it is about to run, whose bytes have the digest that was decided on. Nothing here decides whether it may.

mod content;
mod dpkg;
mod enter;
mod walk;

pub use walk::Viewer;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brevet_core::application::{Fact, Facts, Interpreter, Parent, script};
use brevet_core::digest::Digest;
use brevet_core::text::OsText;
use brevet_sys::open;

use crate::shares::{Elsewhere, Part, Shares};
use content::{Contents, MOST_COPIED, Stamp};
use dpkg::Dpkg;
use walk::{Merged, WalkError, Walked, walk};

/// Why a command cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// There is no such file.
    #[error("\"{name}\" was not found")]
    Absent {
        /// As typed, escaped.
        name: String,
        /// Whether the caller could see that themself.
        visible: bool,
    },
    /// It is there and cannot be run.
    #[error("\"{name}\" cannot be run: {reason}")]
    Unusable {
        /// As typed, escaped.
        name: String,
        /// In words.
        reason: String,
        /// Whether the caller could see the file themself.
        visible: bool,
    },
    /// The working directory is none.
    #[error("the working directory cannot be used: {0}")]
    Directory(String),
}

/// An examined application, ready to be executed.
#[derive(Debug)]
pub struct Examined {
    /// What was found out.
    pub facts: Facts,
    /// What is executed: the file itself where it is root's alone, else its sealed copy, from `hold` on.
    pub executable: File,
    /// Whether an interpreter opens it.
    pub script: bool,
    /// Whether the caller could reach the file themself.
    pub visible: bool,
    /// What may be executed, if anything yet.
    identity: Identity,
}

/// What an executable is.
#[derive(Debug)]
enum Identity {
    /// The file itself.
    File(Stamp),
    /// A sealed copy.
    Copy { _memory: Part },
    /// A file that others could change, which was read and is not copied yet.
    Read,
    /// The same, and it was not even read: its digest says nothing.
    Unread,
}

/// Why what was examined cannot be held ready to run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// Others are being started.
    #[error("too many copies of programs are waiting to be run")]
    Busy,
    /// It is not what was decided on.
    #[error("the file was changed after it was looked at")]
    Changed,
    /// It could not be copied.
    #[error("it cannot be run: {0}")]
    Failed(String),
}

impl Examined {
    /// Whether the digest in the facts is the content's. Where it is not, nothing may be decided but a refusal.
    #[must_use]
    pub const fn was_read(&self) -> bool {
        !matches!(self.identity, Identity::Unread)
    }

    /// Whether the content is still what was examined.
    fn unchanged(&self) -> bool {
        match &self.identity {
            // INVARIANT: a sealed copy cannot change.
            Identity::Copy { .. } => true,
            // INVARIANT: what others could change is never executed itself.
            Identity::Read | Identity::Unread => false,
            Identity::File(stamp) => self.executable.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == *stamp),
        }
    }
}

/// Finds facts out; keeps digests and the package index.
#[derive(Debug)]
pub struct Examiner {
    contents: Contents,
    memory: Arc<Shares>,
    dpkg: Dpkg,
    merged: Merged,
    search: Vec<PathBuf>,
}

/// Which command, as typed, and who asks from where.
#[derive(Debug)]
pub struct Question<'a> {
    /// The program as typed.
    pub command: &'a OsText,
    /// The caller's working directory.
    pub directory: BorrowedFd<'a>,
    /// The caller.
    pub viewer: &'a Viewer,
    /// The application that asks: its executable, as far as it could be seen.
    pub parent: Option<PathBuf>,
    /// Whether the content of a file that others could change may matter; if not, it is not read.
    pub content: bool,
}

impl Examiner {
    /// Looks commands without a slash up in `path`.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let search = path.split(':').filter(|part| part.starts_with('/')).map(PathBuf::from).collect();
        Self {
            contents: Contents::default(),
            memory: content::memory(),
            dpkg: Dpkg::new(Path::new("/var/lib/dpkg")),
            merged: Merged::default(),
            search,
        }
    }

    /// Examines a command. `owner` names the file's owner.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be run.
    pub fn examine(&self, question: &Question<'_>, owner: &dyn Fn(u32) -> Fact<String>) -> Result<Examined, FactsError> {
        let walked = self.locate(question)?;
        let visible = walked.visible;
        self.look(walked, question, owner).map_err(|unfit| {
            let name = question.command.to_string();
            match unfit {
                Unfit::Because(reason) if visible => FactsError::Unusable { name, reason, visible },
                Unfit::Because(_) | Unfit::Unseen => FactsError::Absent { name, visible: false },
            }
        })
    }

    /// Makes a file that others could change ready to run: from here on it is a copy that nobody can change, and the content
    /// that was decided on.
    ///
    /// # Errors
    /// When it is not the same any more, or there is no memory for the copy.
    pub fn hold(&self, examined: &mut Examined, uid: u32) -> Result<(), HoldError> {
        match &examined.identity {
            Identity::File(_) | Identity::Copy { .. } => return Ok(()),
            Identity::Unread => return Err(HoldError::Changed),
            Identity::Read => {}
        }
        let facts = &examined.facts;
        if examined.executable.metadata().map_or(u64::MAX, |metadata| metadata.len()) != facts.size {
            return Err(HoldError::Changed);
        }
        let memory = self.memory.take(uid, facts.size, Elsewhere::default()).ok_or(HoldError::Busy)?;
        let mut copy =
            open::sealed_copy(c"brevet", &mut examined.executable, facts.size).map_err(|error| HoldError::Failed(crate::chain(&error)))?;
        let content = content::read(&mut copy, facts.size).map_err(|error| HoldError::Failed(error.to_string()))?;
        let line = first_line(&mut copy).map_err(HoldError::Failed)?;
        // WHY also the first line: it was read apart from the digest.
        let line = line.map(|line| (line.interpreter, line.argument));
        let known = facts.interpreter.as_ref().map(|known| (known.named.clone(), known.argument.clone()));
        if content.sha256 != facts.sha256 || line != known {
            return Err(HoldError::Changed);
        }
        examined.executable = copy;
        examined.identity = Identity::Copy { _memory: memory };
        Ok(())
    }

    /// Lets go of what is large and was not wanted for a while; milliseconds until another look is worth it.
    pub fn rest(&self) -> Option<u64> {
        self.dpkg.rest()
    }

    /// Whether the file, and the interpreter of a script, are still what was examined.
    #[must_use]
    pub fn is_still(&self, examined: &Examined) -> bool {
        let interpreter = examined.facts.interpreter.as_ref().is_none_or(|known| {
            let line = script::FirstLine { interpreter: known.named.clone(), argument: known.argument.clone() };
            self.interpreter(&line, &Viewer::default()).is_ok_and(|(found, _)| found == *known)
        });
        interpreter && examined.unchanged()
    }

    fn locate(&self, question: &Question<'_>) -> Result<Walked, FactsError> {
        let name = question.command.as_bytes();
        if name.is_empty() {
            return Err(FactsError::Unusable { name: String::new(), reason: "its name is empty".to_owned(), visible: true });
        }
        if name.contains(&b'/') {
            let path =
                if name.starts_with(b"/") { name.to_vec() } else { [directory_path(question.directory)?.as_bytes(), b"/", name].concat() };
            return walk(&path, question.viewer, &self.merged).map_err(|error| walk_failed(question.command, error));
        }
        for directory in &self.search {
            let path = [directory.as_os_str().as_bytes(), b"/", name].concat();
            if let Ok(walked) = walk(&path, question.viewer, &self.merged)
                && open::metadata(walked.place.as_fd()).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
            {
                return Ok(walked);
            }
        }
        Err(FactsError::Absent { name: question.command.to_string(), visible: true })
    }

    fn look(&self, walked: Walked, question: &Question<'_>, owner: &dyn Fn(u32) -> Fact<String>) -> Result<Examined, Unfit> {
        let metadata = open::metadata(walked.place.as_fd()).map_err(|error| crate::chain(&error))?;
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned().into());
        }
        if metadata.mode() & 0o111 == 0 {
            return Err("it is not executable".to_owned().into());
        }
        let (mut executable, content, identity) = self.open(&walked, question.content)?;
        let line = first_line(&mut executable)?;
        let (interpreter, visible) = match &line {
            Some(line) => {
                let (interpreter, visible) = self.interpreter(line, question.viewer)?;
                (Some(interpreter), visible && walked.visible)
            }
            None => (None, walked.visible),
        };
        let package = match walked.path.as_str() {
            Some(path) => self.dpkg.package_of(path, content.md5),
            None => Fact::Known(None),
        };
        let facts = Facts {
            store: store_of(&walked.path),
            path: walked.path,
            names: walked.names,
            chain: walked.chain,
            writable_by: walked.writable_by,
            sha256: content.sha256,
            size: content.size,
            owner: owner(metadata.uid()),
            mode: metadata.mode() & 0o7777,
            package,
            interpreter,
            parent: parent_of(question.parent.as_deref(), &self.merged),
        };
        Ok(Examined { facts, executable, script: line.is_some(), visible, identity })
    }

    /// The file, with its content. Where others than root could change it, it is not what will run, and is read only where
    /// its content may matter.
    fn open(&self, walked: &Walked, wanted: bool) -> Result<(File, content::Content, Identity), String> {
        let mut file = open::reopen_read(walked.place.as_fd()).map_err(|error| crate::chain(&error))?;
        if walked.chain == Fact::Known(true) {
            let (content, stamp) = self.contents.of_roots(&mut file).map_err(|error| format!("it cannot be read: {error}"))?;
            return Ok((file, content, Identity::File(stamp)));
        }
        let length = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        if length > MOST_COPIED {
            return Err(format!("it is not root's alone and too large to be run from a copy ({MOST_COPIED} bytes at most)"));
        }
        if !wanted && self.is_of_no_package(&walked.path) {
            let content = content::Content { sha256: Digest::from_bytes([0; 32]), md5: [0; 16], size: length };
            return Ok((file, content, Identity::Unread));
        }
        let content = content::read(&mut file, MOST_COPIED).map_err(|error| format!("it cannot be read: {error}"))?;
        Ok((file, content, Identity::Read))
    }

    /// Whether a file's content is no package's either, so that no condition on packages asks for it.
    fn is_of_no_package(&self, path: &OsText) -> bool {
        path.as_str().is_none_or(|path| self.dpkg.package_of(path, [0; 16]) == Fact::Known(None))
    }

    /// The interpreter, and whether the viewer could run it themself. Of one that they cannot even reach nothing is told apart: whoever
    /// writes a first line chooses whose path is looked at.
    fn interpreter(&self, line: &script::FirstLine, viewer: &Viewer) -> Result<(Interpreter, bool), Unfit> {
        let named = &line.interpreter;
        let walked = match walk(named.as_bytes(), viewer, &self.merged) {
            Ok(walked) => walked,
            Err(WalkError::Absent { visible: false }) => return Err(Unfit::Unseen),
            Err(error) => return Err(format!("its interpreter \"{named}\": {error}").into()),
        };
        let reached = walked.visible;
        self.examine_interpreter(line, walked, viewer).map_err(|reason| if reached { reason.into() } else { Unfit::Unseen })
    }

    fn examine_interpreter(&self, line: &script::FirstLine, walked: Walked, viewer: &Viewer) -> Result<(Interpreter, bool), String> {
        let named = &line.interpreter;
        let last = walked.path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if last == b"env" || named.as_bytes().ends_with(b"/env") {
            return Err(format!("its interpreter is whatever \"{named}\" finds: name the interpreter itself in the first line"));
        }
        let metadata = open::metadata(walked.place.as_fd()).map_err(|error| crate::chain(&error))?;
        if !metadata.is_file() || walked.chain != Fact::Known(true) {
            let who = walked.writable_by.unwrap_or_else(|| "it is not known who could change it".to_owned());
            return Err(format!("its interpreter \"{named}\" is not root's alone: {who}"));
        }
        if metadata.mode() & 0o111 == 0 {
            return Err(format!("its interpreter \"{named}\" is not executable"));
        }
        let mut file = open::reopen_read(walked.place.as_fd()).map_err(|error| crate::chain(&error))?;
        if first_line(&mut file)?.is_some() {
            return Err(format!("its interpreter \"{named}\" is a script itself"));
        }
        let (content, _) = self.contents.of_roots(&mut file).map_err(|error| format!("its interpreter cannot be read: {error}"))?;
        let visible = walked.visible && enter::by_mode(viewer, &metadata);
        let (path, chain) = (walked.path, walked.chain);
        let argument = line.argument.clone();
        Ok((Interpreter { named: named.clone(), path, argument, sha256: content.sha256, chain }, visible))
    }
}

/// Why a file that was reached cannot be run.
#[derive(Debug)]
enum Unfit {
    /// In words.
    Because(String),
    /// Something that the viewer cannot see: not even whether it is there.
    Unseen,
}

impl From<String> for Unfit {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

fn first_line(file: &mut File) -> Result<Option<script::FirstLine>, String> {
    use std::os::unix::fs::FileExt as _;
    let mut beginning = [0u8; script::HEADER];
    let mut length: usize = 0;
    while let Some(rest) = beginning.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let offset = u64::try_from(length).unwrap_or(0);
        match file.read_at(rest, offset).map_err(|error| format!("it cannot be read: {error}"))? {
            0 => break,
            read => length = length.saturating_add(read),
        }
    }
    script::first_line(beginning.get(..length).unwrap_or_default()).map_err(|error| error.to_string())
}

fn parent_of(path: Option<&Path>, merged: &Merged) -> Fact<Parent> {
    let unknown = |why: &str| Fact::Unknown(why.to_owned());
    let Some(path) = path else { return unknown("the asking process's parent could not be seen") };
    let Ok(text) = OsText::new(path.as_os_str().as_bytes()) else { return unknown("its path has a NUL byte") };
    match walk(path.as_os_str().as_bytes(), &Viewer::default(), merged) {
        Ok(walked) => Fact::Known(Parent { path: text, chain: walked.chain }),
        Err(error) => Fact::Unknown(format!("its executable: {error}")),
    }
}

/// What belongs to a store lies in the store's own folders; which application it is, is not looked at.
fn store_of(path: &OsText) -> Fact<Option<String>> {
    let stores: [&[u8]; 3] = [b"/snap/", b"/var/lib/snapd/", b"/var/lib/flatpak/"];
    if stores.iter().any(|store| path.as_bytes().starts_with(store)) {
        return Fact::Unknown("applications of stores are not told apart by this version".to_owned());
    }
    Fact::Known(None)
}

/// The path of a directory that came as a descriptor.
///
/// # Errors
/// When it is no directory, or has no path any more.
pub fn directory_path(directory: BorrowedFd<'_>) -> Result<OsText, FactsError> {
    let wrong = |reason: &str| FactsError::Directory(reason.to_owned());
    let metadata = open::metadata(directory).map_err(|error| FactsError::Directory(crate::chain(&error)))?;
    if !metadata.is_dir() {
        return Err(wrong("it is not a directory"));
    }
    let path = open::fd_path(directory).map_err(|error| FactsError::Directory(crate::chain(&error)))?;
    // The name alone could be imitated: the path must lead to the same directory.
    let same = std::fs::symlink_metadata(&path).is_ok_and(|found| found.ino() == metadata.ino() && found.dev() == metadata.dev());
    if !path.is_absolute() || !same {
        return Err(wrong("it was removed or lies outside of what this computer shows"));
    }
    OsText::new(path.as_os_str().as_bytes()).map_err(|_| wrong("its path has a NUL byte"))
}

/// Whether somebody could enter a directory themself: a descriptor alone proves nothing, since one that is only a place is given to anybody.
///
/// # Errors
/// When they could not, or it cannot be told.
pub fn may_enter(directory: BorrowedFd<'_>, viewer: &Viewer) -> Result<(), FactsError> {
    let failed = |error: brevet_sys::Error| FactsError::Directory(crate::chain(&error));
    let (metadata, list) = (open::metadata(directory).map_err(failed)?, open::access_list(directory).map_err(failed)?);
    if enter::by_list(viewer, &metadata, list.as_deref()) {
        return Ok(());
    }
    Err(FactsError::Directory("you may not enter it yourself".to_owned()))
}

fn walk_failed(command: &OsText, error: WalkError) -> FactsError {
    let name = command.to_string();
    match error {
        WalkError::Absent { visible } => FactsError::Absent { name, visible },
        WalkError::Unusable(reason) => FactsError::Unusable { name, reason, visible: true },
    }
}

/// Whether everything on the way to a file, and the file, is root's alone, and who else could change it.
///
/// # Errors
/// In words, when there is no such file.
pub fn chain_of(path: &Path, viewer: &Viewer) -> Result<(Fact<bool>, Option<String>), String> {
    let walked = walk(path.as_os_str().as_bytes(), viewer, &Merged::default()).map_err(|error| error.to_string())?;
    Ok((walked.chain, walked.writable_by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    fn examine(command: &str, directory: &Path) -> Result<Examined, FactsError> {
        look(&Examiner::new("/usr/bin:/bin"), command, directory, true)
    }

    fn look(examiner: &Examiner, command: &str, directory: &Path, content: bool) -> Result<Examined, FactsError> {
        let directory = File::open(directory).unwrap();
        let (command, viewer) = (command.into(), Viewer { uid: 4242, gids: vec![] });
        let question = Question { command: &command, directory: directory.as_fd(), viewer: &viewer, parent: None, content };
        examiner.examine(&question, &|_| Fact::Known("root".to_owned()))
    }

    fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_name_is_looked_up_in_the_brokers_path_and_a_relative_one_in_the_callers_directory() {
        let dir = tempfile::tempdir().unwrap();
        let found = examine("true", dir.path()).unwrap();
        assert_eq!(found.facts.chain, Fact::Known(true));
        assert!(
            matches!(&found.facts.package, Fact::Known(Some(package)) if package.name == "coreutils" && package.unchanged == Fact::Known(true))
        );
        program(dir.path(), "tool", "#!/bin/sh\n");
        let found = examine("./tool", dir.path()).unwrap();
        assert!(found.script);
        assert_eq!(found.facts.path.as_bytes(), dir.path().join("tool").as_os_str().as_bytes());
        assert_eq!(found.facts.interpreter.unwrap().named.as_str(), Some("/bin/sh"));
        assert!(matches!(examine("no-such-program", dir.path()), Err(FactsError::Absent { visible: true, .. })));
    }

    #[test]
    fn a_file_that_a_user_could_write_is_run_from_a_copy_that_nobody_can_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "tool", "#!/bin/sh\necho one\n");
        chown(&path, Some(4242), None).unwrap();
        let examiner = Examiner::new("/usr/bin:/bin");
        let mut found = look(&examiner, path.to_str().unwrap(), dir.path(), true).unwrap();
        assert_eq!(found.facts.sha256, Digest::of(b"#!/bin/sh\necho one\n"));
        assert!(!found.unchanged(), "what was only read may not be executed");
        examiner.hold(&mut found, 4242).unwrap();
        std::fs::write(&path, "#!/bin/sh\necho two\n").unwrap();
        let mut text = String::new();
        found.executable.read_to_string(&mut text).unwrap();
        assert!(text.contains("one") && found.unchanged());
        // One that was changed between the look and the start is not what was decided on.
        let mut found = look(&examiner, path.to_str().unwrap(), dir.path(), true).unwrap();
        for changed in ["#!/bin/sh\necho 2wo\n", "#!/bin/sh\necho three\n", ""] {
            std::fs::write(&path, changed).unwrap();
            assert_eq!(examiner.hold(&mut found, 4242), Err(HoldError::Changed));
            assert!(!found.unchanged());
        }
    }

    #[test]
    fn a_file_whose_content_cannot_matter_is_not_read_and_never_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "tool", "#!/bin/sh\n");
        let examiner = Examiner::new("/usr/bin:/bin");
        assert!(look(&examiner, path.to_str().unwrap(), dir.path(), false).unwrap().was_read(), "root's own always is");
        chown(&path, Some(4242), None).unwrap();
        let mut found = look(&examiner, path.to_str().unwrap(), dir.path(), false).unwrap();
        assert!(!found.was_read() && !found.unchanged());
        assert_eq!((found.facts.path.as_bytes(), found.facts.size), (path.as_os_str().as_bytes(), 10));
        assert_eq!(examiner.hold(&mut found, 4242), Err(HoldError::Changed));
    }

    #[test]
    fn a_changed_file_is_noticed_before_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "tool", "#!/bin/sh\necho one\n");
        let found = examine(path.to_str().unwrap(), dir.path()).unwrap();
        assert!(found.unchanged());
        std::fs::write(&path, "#!/bin/sh\necho two\n").unwrap();
        assert!(!found.unchanged());
    }

    #[test]
    fn an_interpreter_that_is_chosen_at_run_time_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "tool", "#!/usr/bin/env sh\n");
        let error = examine(path.to_str().unwrap(), dir.path()).unwrap_err();
        assert!(error.to_string().contains("name the interpreter itself"), "{error}");
    }

    #[test]
    fn what_is_not_a_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "data", "x");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(examine(path.to_str().unwrap(), dir.path()).unwrap_err().to_string().contains("not executable"));
        assert!(examine("/dev/null", dir.path()).unwrap_err().to_string().contains("not a regular file"));
    }
}
