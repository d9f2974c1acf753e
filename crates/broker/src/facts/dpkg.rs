//! The package that owns a file, as dpkg knows it: name, version, vendor, and whether the content is as installed.
//!
//! Answers are kept as long as every file that they came from is as it was. For other paths an index is built when first asked
//! and dropped when one of those changes, or when nobody asked for a while: it is large. It holds a short hash of each
//! path; the package's own list is read to confirm a hit.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use brevet_core::application::dpkg::{self, Diversion};
use brevet_core::application::{Fact, Package};
use brevet_sys::{clock, memory};

use super::content::Stamp;

/// The most answers kept.
const MOST: usize = 1024;
/// An index that nobody asked for so long is dropped.
const IDLE_MS: u64 = 20_000;

/// dpkg's database, looked at when asked.
#[derive(Debug)]
pub struct Dpkg {
    directory: PathBuf,
    index: Mutex<Option<(Arc<Index>, u64)>>,
    kept: Mutex<HashMap<String, Kept>>,
}

/// Who owns a path, as long as the files that say so are the same.
#[derive(Debug, Clone)]
struct Kept {
    stamps: Vec<Option<Stamp>>,
    owner: Option<Owner>,
}

/// The package that lists a path.
#[derive(Debug, Clone)]
struct Owner {
    /// As in the file names of `info/`.
    file: String,
    package: Package,
    /// As the package says.
    md5: Result<String, String>,
}

#[derive(Debug)]
struct Index {
    /// Of what it was made from.
    stamps: Vec<Option<Stamp>>,
    hasher: RandomState,
    /// Hash of a listed path and the place of its package in `packages`, sorted.
    paths: Vec<(u64, u32)>,
    packages: Vec<Listed>,
    diversions: Vec<Diversion>,
}

#[derive(Debug)]
struct Listed {
    /// As in the file names of `info/`: `name` or `name:architecture`.
    file: String,
    package: String,
    version: String,
    vendor: Option<String>,
}

impl Dpkg {
    /// The database in this directory (`/var/lib/dpkg`).
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), index: Mutex::default(), kept: Mutex::default() }
    }

    /// The package that owns a final path whose content has this MD5.
    pub fn package_of(&self, path: &str, md5: [u8; 16]) -> Fact<Option<Package>> {
        if !self.directory.join("status").exists() {
            return Fact::Unknown("this computer has no dpkg database".to_owned());
        }
        let owner = match self.owner_of(path) {
            Ok(owner) => owner,
            Err(error) => return Fact::Unknown(format!("the dpkg database cannot be read: {error}")),
        };
        Fact::Known(owner.map(|owner| {
            let unchanged = match owner.md5 {
                Ok(sum) => Fact::Known(sum == hexadecimal(md5)),
                Err(reason) => Fact::Unknown(reason),
            };
            Package { unchanged, ..owner.package }
        }))
    }

    fn owner_of(&self, path: &str) -> io::Result<Option<Owner>> {
        let kept = self.kept.lock().ok().and_then(|kept| kept.get(path).cloned());
        if let Some(kept) = kept
            && self.stamps(kept.owner.as_ref()) == kept.stamps
        {
            return Ok(kept.owner);
        }
        // Taken before and after: what changes meanwhile is not kept.
        let before = self.stamps(None);
        let owner = self.find(path)?;
        let stamps = self.stamps(owner.as_ref());
        if let Ok(mut kept) = self.kept.lock()
            && stamps.get(..before.len()) == Some(&before)
        {
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(path.to_owned(), Kept { stamps, owner: owner.clone() });
        }
        Ok(owner)
    }

    /// The state of every file that an answer comes from. A list that comes or goes changes the folder.
    fn stamps(&self, owner: Option<&Owner>) -> Vec<Option<Stamp>> {
        let own = owner.into_iter().flat_map(|owner| [format!("info/{}.list", owner.file), format!("info/{}.md5sums", owner.file)]);
        let files = ["status", "diversions", "info"].map(str::to_owned).into_iter().chain(own);
        files.map(|file| fs::metadata(self.directory.join(file)).ok().map(|metadata| Stamp::of(&metadata))).collect()
    }

    fn find(&self, path: &str) -> io::Result<Option<Owner>> {
        let index = self.index()?;
        for name in dpkg::aliases(path) {
            let claim = dpkg::claim(&index.diversions, name);
            let wanted = claim.path;
            let owner = index.listed(wanted).find(|listed| claim.is_of(&listed.package) && self.lists(listed, wanted).unwrap_or(false));
            if let Some(listed) = owner {
                let (name, version, vendor) = (listed.package.clone(), listed.version.clone(), listed.vendor.clone());
                let package = Package { name, version, vendor, unchanged: Fact::Unknown(String::new()) };
                return Ok(Some(Owner { file: listed.file.clone(), package, md5: self.md5_of(listed, wanted) }));
            }
        }
        Ok(None)
    }

    /// Drops the index when nobody asked for a while; milliseconds until it is worth another look.
    pub fn rest(&self) -> Option<u64> {
        let mut kept = self.index.lock().ok()?;
        let idle = clock::boottime_ms().saturating_sub(kept.as_ref()?.1);
        if idle < IDLE_MS {
            return Some(IDLE_MS.saturating_sub(idle));
        }
        *kept = None;
        drop(kept);
        memory::release_freed();
        None
    }

    fn index(&self) -> io::Result<Arc<Index>> {
        let stamps = self.stamps(None);
        let mut kept = self.index.lock().map_err(|_| io::Error::other("an earlier look failed badly"))?;
        if let Some((index, asked)) = kept.as_mut().filter(|(index, _)| index.stamps == stamps) {
            *asked = clock::boottime_ms();
            return Ok(Arc::clone(index));
        }
        // The old one goes first: both together would be twice as large.
        *kept = None;
        let index = Arc::new(Index::build(&self.directory, stamps)?);
        *kept = Some((Arc::clone(&index), clock::boottime_ms()));
        Ok(index)
    }

    fn lists(&self, listed: &Listed, path: &str) -> io::Result<bool> {
        let text = fs::read(self.directory.join(format!("info/{}.list", listed.file)))?;
        Ok(dpkg::listed(&text).any(|line| line == path.as_bytes()))
    }

    /// The checksum that a package has of a path, or why not.
    fn md5_of(&self, listed: &Listed, path: &str) -> Result<String, String> {
        let file = self.directory.join(format!("info/{}.md5sums", listed.file));
        let text = fs::read_to_string(&file).map_err(|error| format!("the package's checksums cannot be read: {error}"))?;
        dpkg::checksum(&text, path).map(str::to_owned).ok_or_else(|| "the package has no checksum of this file".to_owned())
    }
}

impl Index {
    fn build(directory: &Path, stamps: Vec<Option<Stamp>>) -> io::Result<Self> {
        let status = fs::read(directory.join("status"))?;
        let installed = dpkg::installed(&String::from_utf8_lossy(&status));
        let hasher = RandomState::new();
        let (mut paths, mut packages) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(directory.join("info"))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((package, file)) = name.to_str().and_then(dpkg::list_name) else { continue };
            let Some(it) = installed.get(file).or_else(|| installed.get(package)) else { continue };
            let place = u32::try_from(packages.len()).unwrap_or(u32::MAX);
            for line in dpkg::listed(&fs::read(entry.path())?) {
                paths.push((hasher.hash_one(line), place));
            }
            let (version, vendor) = (it.version.clone(), it.vendor.clone());
            packages.push(Listed { file: file.to_owned(), package: package.to_owned(), version, vendor });
        }
        paths.sort_unstable();
        let diversions = fs::read_to_string(directory.join("diversions")).unwrap_or_default();
        Ok(Self { stamps, hasher, paths, packages, diversions: dpkg::diversions(&diversions) })
    }

    fn listed(&self, path: &str) -> impl Iterator<Item = &Listed> {
        let hash = self.hasher.hash_one(path.as_bytes());
        let start = self.paths.partition_point(|(found, _)| *found < hash);
        self.paths
            .iter()
            .skip(start)
            .take_while(move |(found, _)| *found == hash)
            .filter_map(|(_, place)| self.packages.get(usize::try_from(*place).ok()?))
    }
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("info")).unwrap();
        let status = "Package: tool\nStatus: install ok installed\nMaintainer: Tool Team <tool@example.org>\nArchitecture: amd64\nVersion: 1.2-3\n\n\
                      Package: other\nStatus: install ok installed\nMaintainer: Someone <s@example.org>\nOrigin: Example\nArchitecture: all\nVersion: 9\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
        fs::write(dir.path().join("status"), status).unwrap();
        fs::write(dir.path().join("info/tool:amd64.list"), "/.\n/bin\n/bin/tool\n/usr/bin/shared\n").unwrap();
        fs::write(dir.path().join("info/tool:amd64.md5sums"), "900150983cd24fb0d6963f7d28e17f72  bin/tool\n").unwrap();
        fs::write(dir.path().join("info/other.list"), "/usr/bin/shared\n").unwrap();
        fs::write(dir.path().join("info/gone.list"), "/usr/bin/gone\n").unwrap();
        fs::write(dir.path().join("diversions"), "/usr/bin/shared\n/usr/bin/shared.distrib\nother\n").unwrap();
        dir
    }

    const ABC: [u8; 16] = [0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72];

    #[test]
    fn an_old_name_in_merged_usr_version_vendor_and_change_are_found() {
        let dir = database();
        let dpkg = Dpkg::new(dir.path());
        let Fact::Known(Some(package)) = dpkg.package_of("/usr/bin/tool", ABC) else { panic!() };
        assert_eq!((package.name.as_str(), package.version.as_str()), ("tool", "1.2-3"));
        assert_eq!(package.vendor.as_deref(), Some("Tool Team"));
        assert_eq!(package.unchanged, Fact::Known(true));
        let Fact::Known(Some(package)) = dpkg.package_of("/usr/bin/tool", [0; 16]) else { panic!() };
        assert_eq!(package.unchanged, Fact::Known(false));
        assert_eq!(dpkg.package_of("/usr/bin/nothing", ABC), Fact::Known(None));
        assert_eq!(dpkg.package_of("/usr/bin/gone", ABC), Fact::Known(None));
    }

    #[test]
    fn a_diverted_file_belongs_to_the_package_that_it_came_from() {
        let dir = database();
        let dpkg = Dpkg::new(dir.path());
        let name = |path| match dpkg.package_of(path, ABC) {
            Fact::Known(Some(package)) => package.name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name("/usr/bin/shared.distrib"), "tool");
        assert_eq!(name("/usr/bin/shared"), "other");
    }

    #[test]
    fn the_index_follows_the_status_file() {
        let dir = database();
        let dpkg = Dpkg::new(dir.path());
        assert!(matches!(dpkg.package_of("/usr/bin/tool", ABC), Fact::Known(Some(_))));
        fs::write(dir.path().join("status"), "").unwrap();
        assert_eq!(dpkg.package_of("/usr/bin/tool", ABC), Fact::Known(None));
    }

    #[test]
    fn a_kept_answer_follows_checksums_diversions_and_lists_and_the_index_rests() {
        let dir = database();
        let dpkg = Dpkg::new(dir.path());
        let unchanged = || match dpkg.package_of("/usr/bin/tool", ABC) {
            Fact::Known(Some(package)) => package.unchanged,
            other => panic!("{other:?}"),
        };
        assert_eq!((unchanged(), unchanged()), (Fact::Known(true), Fact::Known(true)));
        fs::write(dir.path().join("info/tool:amd64.md5sums"), "00000000000000000000000000000000  bin/tool\n").unwrap();
        assert_eq!(unchanged(), Fact::Known(false));
        fs::write(dir.path().join("diversions"), "/bin/tool\n/bin/tool.distrib\nother\n").unwrap();
        assert_eq!(dpkg.package_of("/usr/bin/tool", ABC), Fact::Known(None), "what lies there is another's now");
        fs::write(dir.path().join("diversions"), "").unwrap();
        fs::remove_file(dir.path().join("info/tool:amd64.list")).unwrap();
        assert_eq!(dpkg.package_of("/usr/bin/other", ABC), Fact::Known(None));
        assert!(dpkg.rest().is_some_and(|left| left <= IDLE_MS));
        dpkg.index.lock().unwrap().as_mut().unwrap().1 = 0;
        assert!(clock::boottime_ms() < IDLE_MS || (dpkg.rest().is_none() && dpkg.index.lock().unwrap().is_none()));
    }
}
