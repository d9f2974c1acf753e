//! Names that a file has through the links of a merged `/usr`: where `/bin` is a link to `usr/bin`, `/bin/sh` and `/usr/bin/sh` are one
//! entry of one directory, and a rule may have written either.
//!
//! Only directories count here. A link to a file gives that file no name: what `/bin/vi` leads to may do more than edit.

use crate::text::OsText;

/// Directories that are links on some systems: where one lies, and its name there. What others lead to stands first.
pub const MERGED: [(&str, &str); 5] = [("/usr", "sbin"), ("/", "bin"), ("/", "sbin"), ("/", "lib"), ("/", "lib64")];

/// The names that are one with some of `names`, where the links of `MERGED` say so. Of a link that has no plain target, nothing follows.
///
/// `link` reads what such a directory leads to, and answers nothing where it is no link of root's.
#[must_use]
pub fn other_names(names: &[OsText], link: impl Fn(&str, &str) -> Option<Vec<u8>>) -> Vec<OsText> {
    let mut out: Vec<OsText> = Vec::new();
    if !names.iter().any(|name| name.as_bytes().starts_with(b"/usr/")) {
        return out;
    }
    for (parent, name) in MERGED {
        let Some(target) = link(parent, name).and_then(|target| absolute(parent, &target)) else { continue };
        let from = format!("{}/{name}", parent.trim_end_matches('/'));
        let same = |known: &OsText| {
            let rest = known.as_bytes().strip_prefix(target.as_slice())?;
            rest.starts_with(b"/").then(|| OsText::new([from.as_bytes(), rest].concat()).ok()).flatten()
        };
        let found: Vec<OsText> = names.iter().chain(&out).filter_map(same).collect();
        for name in found {
            if !names.contains(&name) && !out.contains(&name) {
                out.push(name);
            }
        }
    }
    out
}

/// A link's target as an absolute path, where it says plainly where it leads.
fn absolute(parent: &str, target: &[u8]) -> Option<Vec<u8>> {
    let path = if target.starts_with(b"/") { target.to_vec() } else { [parent.trim_end_matches('/').as_bytes(), b"/", target].concat() };
    let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
    // The root has one part, and it is empty.
    let plain = path.split(|byte| *byte == b'/').skip(1).all(|part| !part.is_empty() && part != b"." && part != b"..") && path.len() > 1;
    plain.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(names: &[&str], links: &[(&str, &str)]) -> Vec<String> {
        let names: Vec<OsText> = names.iter().map(|name| OsText::from(*name)).collect();
        let link = |parent: &str, name: &str| {
            let path = format!("{}/{name}", parent.trim_end_matches('/'));
            links.iter().find(|(from, _)| *from == path).map(|(_, to)| to.as_bytes().to_vec())
        };
        other_names(&names, link).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_directory_that_is_a_link_gives_its_entries_another_name() {
        let debian = [("/bin", "usr/bin"), ("/sbin", "usr/sbin"), ("/lib", "usr/lib")];
        assert_eq!(others(&["/usr/bin/sh", "/usr/bin/dash"], &debian), ["/bin/sh", "/bin/dash"]);
        assert_eq!(others(&["/bin/sh", "/usr/bin/sh"], &debian), [""; 0], "it is known already");
        assert_eq!(others(&["/usr/binary/x", "/usr/local/bin/x", "/opt/x"], &debian), [""; 0]);
        // Where all are one, each is a name.
        let fedora = [("/bin", "usr/bin"), ("/sbin", "/usr/sbin/"), ("/usr/sbin", "bin")];
        assert_eq!(others(&["/usr/bin/useradd"], &fedora), ["/usr/sbin/useradd", "/bin/useradd", "/sbin/useradd"]);
        for odd in ["../usr/bin", "usr/./bin", "usr//bin", "", "/", "//"] {
            assert_eq!(others(&["/usr/bin/sh"], &[("/bin", odd)]), [""; 0], "{odd}");
        }
        assert_eq!(others(&["/usr/bin/sh"], &[]), [""; 0], "nothing is merged");
    }
}
