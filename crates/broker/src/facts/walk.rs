//! From a name to the file that it means, one component at a time: every directory and link passed is judged.
//!
//! No magic link is followed (a link is read as text), nothing is opened for reading here, and nothing that was passed is
//! looked up again by name: the descriptor at the end is the file.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use brevet_core::application::{Fact, MERGED, other_names};
use brevet_core::text::OsText;
use brevet_sys::open;

use super::enter;

const MOST_LINKS: u32 = 40;
const MOST_COMPONENTS: u32 = 512;

/// File systems whose content somebody else than this computer's root provides, or that are no files at all.
const FOREIGN: &[(i64, &str)] = &[
    (0x6573_5546, "a FUSE file system"),
    (0x6969, "a network file system"),
    (0xFF53_4D42, "a network file system"),
    (0xFE53_4D42, "a network file system"),
    (0x0102_1997, "a network file system"),
    (0x0000_9FA0, "the process file system"),
    (0x6265_6572, "the kernel's own file system"),
];

/// Who looks: what they could see for themselves.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// User id.
    pub uid: u32,
    /// Groups.
    pub gids: Vec<u32>,
}

/// A file that was reached.
#[derive(Debug)]
pub struct Walked {
    /// The file, as a place only.
    pub place: OwnedFd,
    /// Its own path, without links.
    pub path: OsText,
    /// The name used, each link's meaning, the final path; then the same through the links of a merged `/usr`.
    pub names: Vec<OsText>,
    /// Whether everything passed, and the file, is root's alone.
    pub chain: Fact<bool>,
    /// Who else could change it.
    pub writable_by: Option<String>,
    /// Whether the viewer could have reached it too.
    pub visible: bool,
}

/// Why nothing was reached.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// There is nothing of that name.
    #[error("no such file")]
    Absent {
        /// Whether the viewer could have seen that.
        visible: bool,
    },
    /// It cannot be walked.
    #[error("the path cannot be followed: {0}")]
    Unusable(String),
}

/// What the links of a merged `/usr` lead to, for as long as neither `/` nor `/usr` has changed.
#[derive(Debug, Default)]
pub struct Merged(Mutex<Option<(Stamp, Links)>>);

/// Where and what `/` and `/usr` are, and when they last changed: device, inode, seconds and nanoseconds.
type Stamp = [(u64, u64, i64, i64); 2];
/// Each directory of the system that is a link of root's, and its target.
type Links = Vec<((&'static str, &'static str), Vec<u8>)>;

/// Walks an absolute path.
///
/// # Errors
/// When it leads nowhere.
pub fn walk(path: &[u8], viewer: &Viewer, merged: &Merged) -> Result<Walked, WalkError> {
    let mut walk = Walk::begin(path, viewer, merged)?;
    let found = walk.find();
    let visible = walk.visible;
    match found.and_then(|(file, name, metadata)| walk.finish(file, &name, &metadata)) {
        // Of what the viewer cannot see, not even what is wrong with it is told.
        Err(WalkError::Unusable(_)) if !visible => Err(WalkError::Absent { visible }),
        other => other,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Roots,
    /// Everyone may write, but entries of root's cannot be moved or removed.
    Sticky,
    Others(String),
    Unknown(String),
}

struct Directory {
    fd: OwnedFd,
    name: OsString,
    verdict: Verdict,
    stamp: (u64, u64, i64, i64),
}

struct Walk<'a> {
    viewer: &'a Viewer,
    merged: &'a Merged,
    passed: Vec<Directory>,
    pending: VecDeque<OsString>,
    names: Vec<OsText>,
    worst: Verdict,
    visible: bool,
    links: u32,
    components: u32,
    device: Option<(u64, Verdict)>,
}

impl<'a> Walk<'a> {
    fn begin(path: &[u8], viewer: &'a Viewer, merged: &'a Merged) -> Result<Self, WalkError> {
        if path.first() != Some(&b'/') || path.len() > 4096 {
            return Err(WalkError::Unusable("it is not an absolute path of at most 4096 bytes".to_owned()));
        }
        let fd = open::root().map_err(unusable)?;
        let mut walk = Self {
            viewer,
            merged,
            passed: Vec::new(),
            pending: split(path),
            names: Vec::new(),
            worst: Verdict::Roots,
            visible: true,
            links: 0,
            components: 0,
            device: None,
        };
        walk.remember_name(path);
        let metadata = open::metadata(fd.as_fd()).map_err(unusable)?;
        walk.enter(fd, OsString::new(), &metadata);
        Ok(walk)
    }

    fn find(&mut self) -> Result<(OwnedFd, OsString, Metadata), WalkError> {
        while let Some(name) = self.pending.pop_front() {
            if let Some((file, metadata)) = self.step(&name)? {
                return Ok((file, name, metadata));
            }
        }
        Err(WalkError::Unusable("it is a directory".to_owned()))
    }

    /// One component; answers the file when it is the last one.
    fn step(&mut self, name: &OsStr) -> Result<Option<(OwnedFd, Metadata)>, WalkError> {
        self.components = self.components.saturating_add(1);
        if self.components > MOST_COMPONENTS {
            return Err(WalkError::Unusable("it has too many components".to_owned()));
        }
        if name == ".." {
            if self.passed.len() > 1 {
                self.passed.pop();
            }
            return Ok(None);
        }
        let Some(parent) = self.passed.last() else { return Err(WalkError::Unusable("it has no root".to_owned())) };
        let sticky = parent.verdict == Verdict::Sticky;
        let place = match open::component(parent.fd.as_fd(), name) {
            Ok(place) => place,
            Err(error) if error.errno() == 2 => return Err(WalkError::Absent { visible: self.visible }),
            Err(error) => return Err(unusable(error)),
        };
        let metadata = open::metadata(place.as_fd()).map_err(unusable)?;
        if metadata.is_dir() {
            self.enter(place, name.to_owned(), &metadata);
            return Ok(None);
        }
        if sticky {
            // WHY: an entry of another kind could have been made by anyone before root's was.
            self.worsen(Verdict::Others(format!("everyone may write to {}", shown(&self.directory_path()))));
        }
        if metadata.is_symlink() {
            if metadata.uid() != 0 {
                self.worsen(Verdict::Others(format!("the link \"{}\" belongs to user {}", shown(name.as_bytes()), metadata.uid())));
            }
            self.follow(place.as_fd())?;
            return Ok(None);
        }
        if !self.pending.is_empty() {
            return Err(WalkError::Absent { visible: self.visible });
        }
        Ok(Some((place, metadata)))
    }

    fn enter(&mut self, fd: OwnedFd, name: OsString, metadata: &Metadata) {
        let verdict = self.judge(fd.as_fd(), metadata, "directory", &name);
        if verdict != Verdict::Sticky {
            self.worsen(verdict.clone());
        }
        self.visible &= enter::by_mode(self.viewer, metadata);
        let stamp = (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
        self.passed.push(Directory { fd, name, verdict, stamp });
    }

    fn follow(&mut self, link: BorrowedFd<'_>) -> Result<(), WalkError> {
        self.links = self.links.saturating_add(1);
        if self.links > MOST_LINKS {
            return Err(WalkError::Unusable("it has too many links".to_owned()));
        }
        if open::file_system_of(link).map_err(unusable)? == 0x9FA0 {
            return Err(WalkError::Unusable("it goes through a link of the process file system".to_owned()));
        }
        let target = open::link_target(link).map_err(unusable)?;
        let mut meaning = if target.as_bytes().first() == Some(&b'/') {
            self.passed.truncate(1);
            target.as_bytes().to_vec()
        } else {
            let mut meaning = self.directory_path();
            meaning.push(b'/');
            meaning.extend_from_slice(target.as_bytes());
            meaning
        };
        let mut pending = split(target.as_bytes());
        for name in &self.pending {
            meaning.push(b'/');
            meaning.extend_from_slice(name.as_bytes());
        }
        pending.append(&mut self.pending);
        self.pending = pending;
        self.remember_name(&meaning);
        Ok(())
    }

    fn finish(mut self, place: OwnedFd, name: &OsStr, metadata: &Metadata) -> Result<Walked, WalkError> {
        let verdict = match self.judge(place.as_fd(), metadata, "file", name) {
            Verdict::Sticky => Verdict::Others("everyone may write to the file".to_owned()),
            other => other,
        };
        self.worsen(verdict);
        let mut path = self.directory_path();
        path.push(b'/');
        path.extend_from_slice(name.as_bytes());
        let path = OsText::new(path).map_err(|_| WalkError::Unusable("it has a NUL byte".to_owned()))?;
        if self.names.last() != Some(&path) {
            self.names.push(path.clone());
        }
        let others = self.other_names();
        self.names.extend(others);
        let (chain, writable_by) = match self.worst {
            Verdict::Roots => (Fact::Known(true), None),
            Verdict::Sticky => (Fact::Known(false), Some("everyone".to_owned())),
            Verdict::Others(who) => (Fact::Known(false), Some(who)),
            Verdict::Unknown(why) => (Fact::Unknown(why), None),
        };
        Ok(Walked { place, path, names: self.names, chain, writable_by, visible: self.visible })
    }

    /// The names of the file through the links of a merged `/usr`. They are read again only where something in `/` or `/usr` changed.
    fn other_names(&self) -> Vec<OsText> {
        // Nothing else can have such a name.
        if !self.names.iter().any(|name| name.as_bytes().starts_with(b"/usr/")) {
            return Vec::new();
        }
        let usr = self.passed.get(1).filter(|directory| directory.name == "usr");
        let stamp = self.passed.first().zip(usr).map(|(root, usr)| [root.stamp, usr.stamp]);
        let mut known = self.merged.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |links: &Links| {
            let target = |place: (&str, &str)| links.iter().find(|(known, _)| *known == place).map(|(_, target)| target.clone());
            other_names(&self.names, |parent, name| target((parent, name)))
        };
        if let (Some(stamp), Some((before, links))) = (stamp, known.as_ref())
            && stamp == *before
        {
            return of(links);
        }
        let links: Links = MERGED.into_iter().filter_map(|(parent, name)| Some(((parent, name), self.link_of(parent, name)?))).collect();
        let others = of(&links);
        *known = stamp.map(|stamp| (stamp, links));
        others
    }

    /// Where a directory of the system leads that is a link of root's alone; nothing where it is none.
    fn link_of(&self, parent: &str, name: &str) -> Option<Vec<u8>> {
        let root = self.passed.first().filter(|root| root.verdict == Verdict::Roots)?;
        let within = parent.strip_prefix('/').filter(|within| !within.is_empty());
        let opened = within.map(|within| open::component(root.fd.as_fd(), OsStr::new(within)).ok());
        let directory = match &opened {
            None => root.fd.as_fd(),
            Some(opened) => opened.as_ref()?.as_fd(),
        };
        let holds = open::metadata(directory).ok().filter(|found| found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0);
        holds?;
        let link = open::component(directory, OsStr::new(name)).ok()?;
        let metadata = open::metadata(link.as_fd()).ok()?;
        let target = (metadata.is_symlink() && metadata.uid() == 0).then(|| open::link_target(link.as_fd()).ok()).flatten()?;
        Some(target.into_vec())
    }

    /// The first thing that is wrong is what is told; what is known to be wrong outweighs what is unknown.
    fn worsen(&mut self, verdict: Verdict) {
        let worse = matches!((&self.worst, &verdict), (Verdict::Roots, _) | (Verdict::Unknown(_), Verdict::Others(_)));
        if worse {
            self.worst = verdict;
        }
    }

    fn judge(&mut self, fd: BorrowedFd<'_>, metadata: &Metadata, kind: &str, name: &OsStr) -> Verdict {
        let called = || format!("the {kind} \"{}\"", if name.is_empty() { "/".to_owned() } else { shown(name.as_bytes()) });
        if metadata.uid() != 0 {
            return Verdict::Others(format!("{} belongs to user {}", called(), metadata.uid()));
        }
        // Where there is an access list, the mode's bits for the group are its mask: without theirs, nobody may write by it (acl(5)).
        if metadata.mode() & 0o022 != 0 {
            match open::has_access_list(fd) {
                Ok(false) => {}
                Ok(true) => return Verdict::Others(format!("{} has an access list", called())),
                Err(error) => return Verdict::Unknown(format!("{}: {error}", called())),
            }
        }
        let mount = self.judge_mount(fd, metadata.dev());
        if mount != Verdict::Roots {
            return mount;
        }
        match metadata.mode() & 0o1022 {
            0 | 0o1000 => Verdict::Roots,
            writable if writable & 0o1000 != 0 && metadata.is_dir() => Verdict::Sticky,
            writable if writable & 0o002 != 0 => Verdict::Others(format!("everyone may write to {}", called())),
            _ => Verdict::Others(format!("group {} may write to {}", metadata.gid(), called())),
        }
    }

    fn judge_mount(&mut self, fd: BorrowedFd<'_>, device: u64) -> Verdict {
        if let Some((known, verdict)) = &self.device
            && *known == device
        {
            return verdict.clone();
        }
        let verdict = match open::file_system_of(fd) {
            Ok(found) => match FOREIGN.iter().find(|(magic, _)| *magic == found) {
                Some((_, what)) => Verdict::Others(format!("it lies on {what}")),
                None => Verdict::Roots,
            },
            Err(error) => Verdict::Unknown(error.to_string()),
        };
        self.device = Some((device, verdict.clone()));
        verdict
    }

    fn directory_path(&self) -> Vec<u8> {
        let mut path = Vec::new();
        for directory in self.passed.iter().skip(1) {
            path.push(b'/');
            path.extend_from_slice(directory.name.as_bytes());
        }
        path
    }

    /// Only names that say where they lead without `.` or `..` can be matched.
    fn remember_name(&mut self, path: &[u8]) {
        let plain = !path.split(|byte| *byte == b'/').skip(1).any(|part| part.is_empty() || part == b"." || part == b"..");
        if let (true, Ok(name)) = (plain, OsText::new(path))
            && !self.names.contains(&name)
        {
            self.names.push(name);
        }
    }
}

fn split(path: &[u8]) -> VecDeque<OsString> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsString::from_vec(part.to_vec()))
        .collect()
}

fn shown(bytes: &[u8]) -> String {
    brevet_core::escape::terminal(bytes)
}

fn unusable(error: brevet_sys::Error) -> WalkError {
    WalkError::Unusable(crate::chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    fn walk_as_root(path: &std::path::Path) -> Result<Walked, WalkError> {
        walk(path.as_os_str().as_bytes(), &Viewer::default(), &Merged::default())
    }

    fn directory() -> tempfile::TempDir {
        assert_eq!(brevet_sys::process::effective_uid(), 0, "this test gives files away and must run as root");
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn every_name_on_the_way_is_collected_and_a_root_only_chain_is_known() {
        let dir = directory();
        std::fs::write(dir.path().join("program"), "x").unwrap();
        symlink("program", dir.path().join("second")).unwrap();
        symlink(dir.path().join("second"), dir.path().join("first")).unwrap();
        let walked = walk_as_root(&dir.path().join("first")).unwrap();
        let names: Vec<String> = ["first", "second", "program"].iter().map(|n| dir.path().join(n).display().to_string()).collect();
        assert_eq!(walked.names.iter().map(|n| n.as_str().unwrap().to_owned()).collect::<Vec<_>>(), names);
        assert_eq!(walked.chain, Fact::Known(true), "{:?}", walked.writable_by);
    }

    #[test]
    fn where_usr_is_merged_a_program_has_its_name_in_bin_too_whichever_was_used() {
        assert!(std::path::Path::new("/bin").is_symlink(), "this test is for a merged /usr");
        let names = |path: &str| walk_as_root(path.as_ref()).unwrap().names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names("/usr/bin/true"), ["/usr/bin/true", "/bin/true"]);
        assert_eq!(names("/bin/true"), ["/bin/true", "/usr/bin/true"]);
        // A file that is a link gives its target no name: only directories do.
        let sh = names("/usr/bin/sh");
        let target = std::fs::canonicalize("/usr/bin/sh").unwrap().display().to_string();
        assert!(sh.contains(&"/bin/sh".to_owned()) && !names(&target).contains(&"/bin/sh".to_owned()), "{sh:?}");
    }

    #[test]
    fn links_of_a_merged_usr_are_read_again_when_something_beside_them_changed() {
        let known = Merged::default();
        let names = || walk(b"/usr/bin/true", &Viewer::default(), &known).unwrap().names;
        let first = names();
        let (stamp, links) = known.0.lock().unwrap().clone().unwrap();
        assert!(links.iter().any(|(place, target)| *place == ("/", "bin") && target == b"usr/bin"));
        // What is known is believed for as long as it has the same stamp, and no longer.
        *known.0.lock().unwrap() = Some((stamp, Links::new()));
        assert_eq!(names(), [OsText::from("/usr/bin/true")]);
        let mut older = stamp;
        older[0].3 -= 1;
        *known.0.lock().unwrap() = Some((older, Links::new()));
        assert_eq!(names(), first);
        assert_eq!(known.0.lock().unwrap().clone(), Some((stamp, links)));
    }

    #[test]
    fn a_directory_a_link_or_a_file_of_somebody_else_is_told() {
        let dir = directory();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        let file = dir.path().join("d/program");
        std::fs::write(&file, "x").unwrap();
        let chain = |path: &std::path::Path| walk_as_root(path).unwrap().chain;
        assert_eq!(chain(&file), Fact::Known(true));
        for mode in [0o777, 0o775] {
            std::fs::set_permissions(dir.path().join("d"), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(chain(&file), Fact::Known(false));
        }
        std::fs::set_permissions(dir.path().join("d"), std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(chain(&file), Fact::Known(false), "sticky is not enough for the last component");
        std::fs::set_permissions(dir.path().join("d"), std::fs::Permissions::from_mode(0o755)).unwrap();
        chown(&file, Some(4242), None).unwrap();
        let walked = walk_as_root(&file).unwrap();
        assert_eq!(walked.chain, Fact::Known(false));
        assert!(walked.writable_by.unwrap().contains("4242"));
    }

    #[test]
    fn an_access_list_counts_where_somebody_may_write_by_it() {
        use std::process::Command;
        let dir = directory();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let file = dir.path().join("program");
        for (list, writes) in [("u:4242:r", false), ("u:4242:rw", true), ("u:4242:rw,m::r", false), ("g:4242:rw", true), ("o::r", false)] {
            std::fs::write(&file, "x").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(Command::new("/usr/bin/setfacl").args(["-m", list]).arg(&file).status().unwrap().success());
            // The kernel's own word.
            let asks = ["--reuid", "4242", "--regid", "4242", "--clear-groups", "test", "-w"];
            assert_eq!(Command::new("/usr/bin/setpriv").args(asks).arg(&file).status().unwrap().success(), writes, "{list}");
            assert_eq!(walk_as_root(&file).unwrap().chain, Fact::Known(!writes), "{list}");
            std::fs::remove_file(&file).unwrap();
        }
    }

    #[test]
    fn what_the_viewer_cannot_reach_they_cannot_see_missing() {
        let dir = directory();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let somebody = Viewer { uid: 4242, gids: vec![4242] };
        let missing = dir.path().join("missing");
        assert!(matches!(walk(missing.as_os_str().as_bytes(), &somebody, &Merged::default()), Err(WalkError::Absent { visible: false })));
        assert!(matches!(walk(b"/usr/bin/no-such-program", &somebody, &Merged::default()), Err(WalkError::Absent { visible: true })));
    }

    #[test]
    fn magic_links_and_endless_ones_lead_nowhere() {
        let dir = directory();
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(matches!(walk_as_root(&dir.path().join("loop")), Err(WalkError::Unusable(_))));
        assert!(matches!(walk(b"/proc/self/exe", &Viewer::default(), &Merged::default()), Err(WalkError::Unusable(_))));
        assert!(matches!(walk(b"/proc/1/root/bin/true", &Viewer::default(), &Merged::default()), Err(WalkError::Unusable(_))));
        assert!(walk(b"relative", &Viewer::default(), &Merged::default()).is_err());
    }

    #[test]
    fn a_name_with_dots_is_followed_and_never_matched() {
        let walked = walk(b"/usr/../usr/bin/true", &Viewer::default(), &Merged::default()).unwrap();
        assert_eq!(walked.names.first(), Some(&OsText::from("/usr/bin/true")));
    }
}
