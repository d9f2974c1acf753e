//! Files as arguments: those that are root's, and those that say who may do what.

use super::is_roots;

/// Files and folders from which whoever writes them becomes root, or that hold what nobody else may read.
const DECISIVE: &[&str] = &[
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/pam.d",
    "/etc/security",
    "/etc/polkit-1",
    "/etc/ssh",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/environment",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/systemd",
    "/etc/brevet",
    "/var/lib/brevet",
    "/root",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
];

/// Whether a whole path is of a file that decides who may do what, or a folder that holds such a file.
fn is_decisive(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let within = |one: &str, folder: &str| one.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A folder right below the root holds far more than one means.
    path.matches('/').count() < 2 || DECISIVE.iter().any(|known| (within(path, known) || within(known, path)) && path != "/dev/null")
}

/// Whether all that is no option is a whole path of root's and of no file that decides; at least one is.
pub fn are_roots(arguments: &[&str], values: &[&str]) -> bool {
    let mut paths = 0usize;
    let mut is_value = false;
    for argument in arguments {
        let was_value = std::mem::replace(&mut is_value, values.contains(argument));
        if was_value {
            continue;
        }
        // The value of a long option may be a path too.
        let named = if argument.starts_with('-') { argument.split_once('=').map(|(_, value)| value) } else { Some(*argument) };
        match named {
            Some(path) if path.starts_with('/') || !argument.starts_with('-') => {
                if !is_roots(path) || is_decisive(path) {
                    return false;
                }
                paths = paths.saturating_add(1);
            }
            Some(_) | None => {}
        }
    }
    paths > 0
}

/// `install`: as `cp`, and it makes nothing setuid.
pub fn installed(arguments: &[&str]) -> bool {
    let mut modes = arguments.windows(2).filter_map(|two| if let ["-m", mode] = two { Some(*mode) } else { None });
    let joined = arguments.iter().any(|one| one.starts_with("--mode") || (one.starts_with("-m") && *one != "-m"));
    !joined && modes.all(is_plain_mode) && are_roots(arguments, &["-m", "-o", "-g"])
}

/// `chmod`: the mode first, options before it, and files of root's.
pub fn mode_changed(arguments: &[&str]) -> bool {
    let mut words = arguments.iter().copied().skip_while(|one| matches!(*one, "-R" | "-v" | "-c" | "-f" | "--"));
    words.next().is_some_and(is_plain_mode) && are_roots(&words.collect::<Vec<_>>(), &[])
}

/// A mode that makes nothing setuid and lets nobody write but who may already: octal without such bits, or letters that take away or let read.
fn is_plain_mode(mode: &str) -> bool {
    let octal = || {
        let bits = u32::from_str_radix(mode, 8).ok()?;
        Some(bits <= 0o777 && bits & 0o022 == 0)
    };
    let symbolic = || {
        mode.split(',').all(|one| {
            one.split_once('-').is_some_and(|(who, what)| !who.contains(['+', '=']) && !what.contains(['+', '='])) || is_reading(one)
        })
    };
    octal().unwrap_or_else(symbolic)
}

fn is_reading(mode: &str) -> bool {
    mode.split_once(['+', '=']).is_some_and(|(who, what)| {
        let rights = if who.contains(['o', 'g', 'a']) || who.is_empty() { "rxX" } else { "rwxX" };
        who.chars().all(|c| "ugoa".contains(c)) && what.chars().all(|c| rights.contains(c))
    })
}

/// `chown`: files become root's, of whatever group.
pub fn owner_changed(arguments: &[&str]) -> bool {
    let mut words = arguments.iter().copied().skip_while(|one| matches!(*one, "-R" | "-h" | "-v" | "-c" | "-f" | "--"));
    let is_root = |owner: &str| matches!(owner.split(':').next(), Some("root" | "0" | ""));
    words.next().is_some_and(is_root) && are_roots(&words.collect::<Vec<_>>(), &[])
}

/// `dd`: both ends are files of root's; without one of them it is the user's input or their screen.
pub fn copied_by_dd(arguments: &[&str]) -> bool {
    let end = |name: &str| arguments.iter().find_map(|one| one.strip_prefix(name));
    let is_plain = |path: &str| is_roots(path) && (!is_decisive(path) || matches!(path, "/dev/zero" | "/dev/null"));
    end("if=").is_some_and(is_plain) && end("of=").is_some_and(is_plain)
}

/// `sed`: one script first that starts nothing and names no file, then files of root's.
pub fn edited_by_sed(arguments: &[&str]) -> bool {
    let mut words = arguments.iter().copied().skip_while(|one| matches!(*one, "-i" | "-n" | "-E" | "-r" | "-s"));
    // Only what is a substitution, or takes lines away: of others it is hard to see whether "e" or "w" is a command in them.
    let is_plain = |script: &str| {
        let parts: Vec<&str> = script.strip_prefix('s').unwrap_or_default().split('/').collect();
        let flags = parts.last().is_some_and(|flags| flags.chars().all(|c| matches!(c, 'g' | 'i' | 'I' | 'p') || c.is_ascii_digit()));
        (parts.len() == 4 && parts.first().is_some_and(|first| first.is_empty()) && flags && !script.contains(['\n', ';']))
            || script.strip_suffix(['d', 'p']).is_some_and(|lines| lines.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '$')))
    };
    words.next().is_some_and(is_plain) && are_roots(&words.collect::<Vec<_>>(), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_that_open_nothing() {
        for plain in ["644", "0755", "600", "u=rw,go=r", "o-w", "a+rX", "u+x", "+x", "go-rwx"] {
            assert!(is_plain_mode(plain), "{plain}");
        }
        for opens in ["4755", "-x+s", "2755", "666", "777", "o+w", "u+s", "+s", "g=rwx", "u=g", "a=rw", "", "664"] {
            assert!(!is_plain_mode(opens), "{opens}");
        }
    }

    #[test]
    fn scripts_of_sed_that_start_nothing() {
        let with = |script: &str| edited_by_sed(&["-i", script, "/etc/nginx/nginx.conf"]);
        for plain in ["s/a/b/", "s/a/b/g", "1,5d", "$p"] {
            assert!(with(plain), "{plain}");
        }
        for starts in ["s/a/id/e", "1e id", "w /etc/x", "s/a/b/;e", "s/a/b/w/etc/x", "e", "s/a/b/\ne id"] {
            assert!(!with(starts), "{starts}");
        }
    }
}
