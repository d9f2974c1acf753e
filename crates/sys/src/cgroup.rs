//! cgroup v2: where it is, one group a session, and ending all of it.

use crate::error::{Doing, Error, Result};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Where cgroup v2 is mounted, also beside version 1 (hybrid), from `/proc/mounts`.
///
/// # Errors
/// When it is nowhere.
pub fn mount_point() -> Result<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/mounts").doing("read the list of mounts")?;
    find_mount(&mounts).ok_or_else(|| Error::other("find cgroup v2", "no cgroup2 file system is mounted"))
}

fn find_mount(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        // Spaces are written as \040; a cgroup mount with one is nothing that we would have been given.
        (kind == "cgroup2" && !place.contains('\\')).then(|| PathBuf::from(place))
    })
}

/// The directory of the group that we are in.
///
/// # Errors
/// When cgroup v2 is missing, or our group lies outside of what is mounted.
pub fn own() -> Result<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").doing("read our own group")?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("");
    let inside = path.strip_prefix('/').filter(|rest| !rest.split('/').any(|part| part == ".."));
    let inside = inside.ok_or_else(|| Error::other("read our own group", "it lies outside of what is mounted"))?;
    Ok(mount_point()?.join(inside))
}

/// One group.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    directory: File,
}

impl Group {
    /// Makes a new group; one that is there already is an error.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn create(path: &Path) -> Result<Self> {
        std::fs::create_dir(path).doing("make a group")?;
        Self::open(path)
    }

    /// The group of this path, made where it is missing; the one above it must exist.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn ensure(path: &Path) -> Result<Self> {
        match std::fs::create_dir(path) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => Err(Error { doing: "make a group", source }),
            _ => Self::open(path),
        }
    }

    /// An existing group.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn open(path: &Path) -> Result<Self> {
        let directory = File::open(path).doing("open a group")?;
        Ok(Self { path: path.to_owned(), directory })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every process in it and below it.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn processes(&self) -> Result<Vec<i32>> {
        let mut found = Vec::new();
        let mut next = vec![self.path.clone()];
        while let Some(directory) = next.pop() {
            let text = match std::fs::read_to_string(directory.join("cgroup.procs")) {
                Ok(text) => text,
                // A group below that was removed meanwhile has no processes.
                Err(_) if directory != self.path => continue,
                Err(source) => return Err(Error { doing: "list a group's processes", source }),
            };
            // 0 is a process that our pid namespace does not show.
            found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
            next.extend(below(&directory));
        }
        Ok(found)
    }

    /// Kills everything in it and below it at once (`cgroup.kill`).
    ///
    /// # Errors
    /// As the kernel says.
    pub fn kill(&self) -> Result<()> {
        std::fs::write(self.path.join("cgroup.kill"), "1").doing("kill a group")
    }

    /// Whether anything runs in it or below it, zombies left out.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn populated(&self) -> Result<bool> {
        Ok(self.events()?.populated().unwrap_or(true))
    }

    /// A view that becomes ready (`Interest::EVENT`) when the group fills or empties.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn events(&self) -> Result<Events> {
        File::open(self.path.join("cgroup.events")).map(Events).doing("watch a group")
    }

    /// Removes it and the empty groups below it.
    ///
    /// # Errors
    /// `EBUSY` while something runs in it.
    pub fn remove(&self) -> Result<()> {
        remove_tree(&self.path, 0)
    }
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn remove_tree(directory: &Path, depth: u32) -> Result<()> {
    if depth < 64 {
        for group in below(directory) {
            remove_tree(&group, depth.saturating_add(1))?;
        }
    }
    std::fs::remove_dir(directory).doing("remove a group")
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// A group's `cgroup.events`.
#[derive(Debug)]
pub struct Events(File);

impl Events {
    /// Reads it again, which also takes the readiness away. `None`: the group is gone.
    #[must_use]
    pub fn populated(&mut self) -> Option<bool> {
        let mut text = String::new();
        self.0.rewind().ok()?;
        self.0.read_to_string(&mut text).ok()?;
        text.lines().find_map(|line| line.strip_prefix("populated ")).map(|value| value.trim() == "1")
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_two_is_found_beside_version_one() {
        let mounts =
            "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(find_mount(mounts).unwrap(), Path::new("/sys/fs/cgroup/unified"));
        assert!(find_mount("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n").is_none());
    }

    #[test]
    fn a_new_group_is_empty_and_goes_away() {
        assert_eq!(crate::process::effective_uid(), 0, "this test makes a cgroup and must run as root");
        let path = own().unwrap().join(format!("brevet-test-{}", crate::process::own_pid()));
        let group = Group::create(&path).unwrap();
        assert!(Group::create(&path).is_err());
        assert!(Group::ensure(&path).is_ok());
        assert!(!group.populated().unwrap());
        assert!(group.processes().unwrap().is_empty());
        group.remove().unwrap();
        assert!(!path.exists());
    }
}
