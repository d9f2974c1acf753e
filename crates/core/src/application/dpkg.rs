//! dpkg's database as text: what is installed, what lies where, and what was diverted. Nothing here reads a file.
//!
//! The files are root's, and may be cut off or damaged all the same: whatever they say, reading them ends, and takes no more memory
//! than they have. What cannot be read is not there.

use std::collections::BTreeMap;

/// A package as `status` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// As dpkg compares it.
    pub version: String,
    /// `Origin`, else the maintainer's name without address.
    pub vendor: Option<String>,
}

/// A file that a package's own file was moved away for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// Where it would lie.
    pub from: String,
    /// Where it lies.
    pub to: String,
    /// The package whose own file lies at `from` instead; `:` where an administrator did it.
    pub by: String,
}

/// Which packages can own what lies under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The name that the owner's list has.
    pub path: &'a str,
    diverted: Option<(&'a str, bool)>,
}

impl Claim<'_> {
    /// Whether a package that lists the path owns what lies there.
    #[must_use]
    pub fn is_of(&self, package: &str) -> bool {
        self.diverted.is_none_or(|(by, owns)| (package == by) == owns)
    }
}

/// By `name` and `name:architecture`, every package whose files are there, from the text of `status`.
#[must_use]
pub fn installed(status: &str) -> BTreeMap<String, Installed> {
    let mut found = BTreeMap::new();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| {
            let value = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.map(str::trim).filter(|value| !value.is_empty())
        };
        let (Some(package), Some(version), Some(status)) = (field("Package"), field("Version"), field("Status")) else { continue };
        // Unpacked, half configured, waiting for triggers: its files lie there, whatever is still to be done with them.
        if matches!(status.rsplit(' ').next(), None | Some("not-installed" | "config-files")) {
            continue;
        }
        let vendor = field("Origin").or_else(|| field("Maintainer").map(name_only)).filter(|vendor| !vendor.is_empty());
        let it = Installed { version: version.to_owned(), vendor: vendor.map(str::to_owned) };
        if let Some(architecture) = field("Architecture") {
            found.insert(format!("{package}:{architecture}"), it.clone());
        }
        found.insert(package.to_owned(), it);
    }
    found
}

/// `Team Name <team@example.org>` without the address.
fn name_only(maintainer: &str) -> &str {
    maintainer.split('<').next().unwrap_or(maintainer).trim().trim_matches('"')
}

/// The diversions, from the text of `diversions`: three lines each. What is cut off is left out.
#[must_use]
pub fn diversions(text: &str) -> Vec<Diversion> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let (Some(from), Some(to), Some(by)) = (lines.next(), lines.next(), lines.next()) {
        found.push(Diversion { from: from.to_owned(), to: to.to_owned(), by: by.to_owned() });
    }
    found
}

/// Who can own what lies at `path`: a package whose file was diverted to there lists the name that it was diverted from.
#[must_use]
pub fn claim<'a>(diversions: &'a [Diversion], path: &'a str) -> Claim<'a> {
    let moved_here = diversions.iter().find(|diversion| diversion.to == path).map(|it| (it.from.as_str(), (it.by.as_str(), false)));
    let moved_away = || diversions.iter().find(|diversion| diversion.from == path).map(|it| (path, (it.by.as_str(), true)));
    match moved_here.or_else(moved_away) {
        Some((path, diverted)) => Claim { path, diverted: Some(diverted) },
        None => Claim { path, diverted: None },
    }
}

/// The package that a file of `info/` such as `libc6:amd64.list` is the list of, and its name there: `libc6` and `libc6:amd64`.
#[must_use]
pub fn list_name(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".list").filter(|stem| !stem.is_empty())?;
    let package = stem.split(':').next().filter(|package| !package.is_empty())?;
    Some((package, stem))
}

/// The paths of a package's list, byte for byte.
pub fn listed(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The MD5 sum, in hexadecimal, that the text of a package's `md5sums` has for an absolute path.
#[must_use]
pub fn checksum<'a>(md5sums: &'a str, path: &str) -> Option<&'a str> {
    let wanted = path.strip_prefix('/').unwrap_or(path);
    md5sums.lines().find_map(|line| line.split_once("  ").filter(|(_, name)| *name == wanted).map(|(sum, _)| sum))
}

/// Names of a file in merged `/usr` (`/bin` is a link to `/usr/bin`): lists may still have the old one.
#[must_use]
pub fn aliases(path: &str) -> Vec<&str> {
    let mut names = vec![path];
    if let Some(rest) = path.strip_prefix("/usr")
        && ["/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"].iter().any(|top| rest.starts_with(top))
    {
        names.push(rest);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: tool\nStatus: install ok installed\nMaintainer: \"Tool Team\" <tool@example.org>\nArchitecture: amd64\n\
                          Version: 1:1.2-3\nDescription: a tool\n Package: not this\n Version: 9\n\n\
                          Package: other\nStatus: hold ok triggers-awaited\nMaintainer: Someone <s@example.org>\nOrigin: Example\nVersion: 9\n\n\
                          Package: half\nStatus: install reinstreq half-configured\nOrigin: \nVersion: 2\n\n\
                          Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                          Package: never\nStatus: purge ok not-installed\nVersion: 1\n\nStatus: install ok installed\nVersion: 1\n";

    #[test]
    fn what_is_there_is_told_with_version_and_vendor_and_what_is_gone_is_not() {
        let found = installed(STATUS);
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["half", "other", "tool", "tool:amd64"]);
        assert_eq!(found["tool"], Installed { version: "1:1.2-3".into(), vendor: Some("Tool Team".into()) });
        assert_eq!(found["tool"], found["tool:amd64"]);
        assert_eq!(found["other"].vendor.as_deref(), Some("Example"));
        assert_eq!(found["half"].vendor, None, "an empty origin is none");
    }

    #[test]
    fn a_status_that_is_cut_off_anywhere_tells_no_package_that_is_not_there() {
        for end in 0..STATUS.len() {
            for (name, it) in installed(&STATUS[..end]) {
                assert!(!name.starts_with("gone") && !name.starts_with("never") && !it.version.is_empty(), "{end}: {name}");
            }
        }
    }

    #[test]
    fn a_diverted_file_is_its_packages_and_what_lies_in_its_place_is_the_diverters() {
        let found = diversions("/usr/bin/a\n/usr/bin/a.distrib\nother\n/bin/b\n/bin/b.local\n:\n/cut/off\n");
        assert_eq!(found.len(), 2);
        let at = claim(&found, "/usr/bin/a.distrib");
        assert_eq!((at.path, at.is_of("tool"), at.is_of("other")), ("/usr/bin/a", true, false));
        let at = claim(&found, "/usr/bin/a");
        assert_eq!((at.path, at.is_of("tool"), at.is_of("other")), ("/usr/bin/a", false, true));
        let at = claim(&found, "/bin/b");
        assert!(!at.is_of("tool"), "an administrator's own file is no package's");
        assert!(claim(&found, "/bin/c").is_of("tool"));
    }

    #[test]
    fn lists_names_and_checksums() {
        assert_eq!(list_name("libc6:amd64.list"), Some(("libc6", "libc6:amd64")));
        assert_eq!(list_name("tool.list"), Some(("tool", "tool")));
        assert_eq!((list_name("tool.md5sums"), list_name(".list"), list_name(":amd64.list")), (None, None, None));
        assert_eq!(listed(b"/.\n/bin\n\n/bin/\xff").collect::<Vec<_>>(), [b"/.".as_slice(), b"/bin", b"/bin/\xff"]);
        let sums = "900150983cd24fb0d6963f7d28e17f72  bin/tool\nshort\n0  bin/a  b\n";
        assert_eq!(checksum(sums, "/bin/tool"), Some("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!((checksum(sums, "/bin/a  b"), checksum(sums, "/bin/a"), checksum(sums, "//bin/tool")), (Some("0"), None, None));
        assert_eq!(aliases("/usr/bin/x"), ["/usr/bin/x", "/bin/x"]);
        assert_eq!((aliases("/usr/share/x"), aliases("/usrbin/x")), (vec!["/usr/share/x"], vec!["/usrbin/x"]));
    }
}
