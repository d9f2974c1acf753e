//! Whether a person could enter a directory themself, as the kernel would decide it: mode, or access list (`acl(5)`).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use super::Viewer;

/// The search bit.
const SEARCH: u16 = 1;

/// By the mode alone.
pub(super) fn by_mode(viewer: &Viewer, metadata: &Metadata) -> bool {
    let bit = if metadata.uid() == viewer.uid {
        0o100
    } else if viewer.gids.contains(&metadata.gid()) {
        0o010
    } else {
        0o001
    };
    viewer.uid == 0 || metadata.mode() & bit != 0
}

/// By the access list that goes beyond the mode, where there is one. What cannot be read is a no.
pub(super) fn by_list(viewer: &Viewer, metadata: &Metadata, list: Option<&[u8]>) -> bool {
    // As Linux does: where the mode gives the group (the list's mask) nothing, the list is not looked at.
    let Some(list) = list.filter(|_| metadata.mode() & 0o070 != 0) else { return by_mode(viewer, metadata) };
    viewer.uid == 0 || entries(list).is_some_and(|entries| allowed(viewer, (metadata.uid(), metadata.gid()), &entries))
}

/// Tag, permissions, id.
type Entry = (u16, u16, u32);

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// The kernel's form (`linux/posix_acl_xattr.h`): a version, then eight bytes an entry, little-endian.
fn entries(list: &[u8]) -> Option<Vec<Entry>> {
    let rest = list.strip_prefix(&2u32.to_le_bytes())?;
    let (whole, torn) = rest.as_chunks::<8>();
    let entry = |[a, b, c, d, e, f, g, h]: &[u8; 8]| {
        (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
    };
    torn.is_empty().then(|| whole.iter().map(entry).collect())
}

/// The access check algorithm of `acl(5)`.
fn allowed(viewer: &Viewer, (owner, group): (u32, u32), entries: &[Entry]) -> bool {
    let of = |tag: u16| entries.iter().find(|entry| entry.0 == tag).map(|entry| entry.1);
    let searches = |permissions: u16| permissions & SEARCH != 0;
    let mask = of(MASK).unwrap_or(u16::MAX);
    if viewer.uid == owner {
        return of(OWNER).is_some_and(searches);
    }
    if let Some((_, permissions, _)) = entries.iter().find(|(tag, _, id)| *tag == USER && *id == viewer.uid) {
        return searches(*permissions & mask);
    }
    let mine = |(tag, _, id): &&Entry| match *tag {
        OWNING_GROUP => viewer.gids.contains(&group),
        GROUP => viewer.gids.contains(id),
        _ => false,
    };
    let mut groups = entries.iter().filter(mine).peekable();
    if groups.peek().is_some() {
        return groups.any(|(_, permissions, _)| searches(*permissions & mask));
    }
    of(OTHER).is_some_and(searches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    const OWNS: u32 = 4_000_101;
    const IN_GROUP: u32 = 4_000_102;
    const STRANGER: u32 = 4_000_103;
    const TEAM: u32 = 4_000_200;

    /// What the kernel says to somebody who enters it.
    fn kernel(directory: &std::path::Path, viewer: &Viewer) -> bool {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg("cd \"$1\"").arg("sh").arg(directory).stderr(std::process::Stdio::null());
        shell.uid(viewer.uid).gid(viewer.gids[0]).status().unwrap().success()
    }

    /// Every mode, and every list of one more user and one more group under every mask, for each kind of person; the kernel is the oracle.
    #[test]
    fn who_may_enter_is_what_the_kernel_says() {
        let parent = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir_in("/var/tmp").unwrap();
        let directory = parent.path().join("d");
        std::fs::create_dir(&directory).unwrap();
        chown(&directory, Some(OWNS), Some(TEAM)).unwrap();
        let viewers = [(OWNS, 4_000_300), (IN_GROUP, TEAM), (STRANGER, 4_000_301)].map(|(uid, gid)| Viewer { uid, gids: vec![gid] });
        let mut compared = 0;
        for mode in [0o700, 0o600, 0o710, 0o701, 0o070, 0o007, 0o011, 0o100, 0o010, 0o001, 0o000] {
            for list in [
                "",
                "u:4000103:x",
                "u:4000103:-",
                "g:4000301:x",
                "g:4000301:-",
                "u:4000102:-,g:4000200:x",
                "u:4000103:x,m::-",
                "g:4000301:x,m::r",
            ] {
                assert!(Command::new("/usr/bin/setfacl").args(["-b", directory.to_str().unwrap()]).status().unwrap().success());
                std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(mode)).unwrap();
                if !list.is_empty() {
                    assert!(Command::new("/usr/bin/setfacl").args(["-m", list, directory.to_str().unwrap()]).status().unwrap().success());
                }
                let opened =
                    brevet_sys::open::openat2(None, directory.as_os_str(), brevet_sys::open::DIRECTORY, brevet_sys::open::NO_SYMLINKS)
                        .unwrap();
                let found = brevet_sys::open::access_list(opened.as_fd()).unwrap();
                let metadata = std::fs::metadata(&directory).unwrap();
                for viewer in &viewers {
                    let ours = by_list(viewer, &metadata, found.as_deref());
                    assert_eq!(ours, kernel(&directory, viewer), "mode {mode:o}, list \"{list}\", user {}", viewer.uid);
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 11 * 8 * 3);
        assert!(entries(b"").is_none() && entries(&[2, 0, 0, 0, 1]).is_none() && entries(&[3, 0, 0, 0]).is_none());
    }
}
