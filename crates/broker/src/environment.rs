//! The environment of an elevated program: built from nothing, by an allow-list (ATTACKS B05 to B14).
//!
//! Nothing of the caller's reaches it but a few names whose values are checked, and those that the policy keeps.

use std::collections::BTreeMap;

use brevet_core::id::SessionId;
use brevet_core::text::OsText;

use crate::spec::{NamedUser, Requester};

/// Passed on from every caller, when the value is plain.
const PLAIN: &[&str] = &["TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE"];

/// Never passed on, whatever a policy says: they make a loader, a shell or an interpreter run something else.
const NEVER: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "IFS",
    "CDPATH",
    "GLOBIGNORE",
    "PROMPT_COMMAND",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "MALLOC_TRACE",
    "NIS_PATH",
    "NLSPATH",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMCAP",
    "TERMPATH",
    "TZDIR",
    "PATH",
    "HOME",
    "SHELL",
    "USER",
    "LOGNAME",
    "MAIL",
    "INPUTRC",
];

/// Prefixes of the same kind.
const NEVER_BEGINNING: &[&str] = &["LD_", "BASH_FUNC_", "BREVET_", "SUDO_", "MALLOC_", "_RLD"];

/// Whether a policy may keep this name; one that may not is left out.
#[must_use]
pub fn may_keep(name: &str) -> bool {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && !NEVER.contains(&name) && !NEVER_BEGINNING.iter().any(|prefix| name.starts_with(prefix))
}

/// The variables of the caller that the policy keeps, sorted by name, each once: what a request binds.
#[must_use]
pub fn kept(names: &[String], offered: &[(OsText, OsText)]) -> Vec<(OsText, OsText)> {
    let mut kept = BTreeMap::new();
    for name in names.iter().filter(|name| may_keep(name)) {
        if let Some(value) = value_of(offered, name)
            && !is_function(value)
        {
            kept.insert(OsText::from(name.as_str()), value.clone());
        }
    }
    kept.into_iter().collect()
}

/// Everything that the environment is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// `PATH`.
    pub path: &'a str,
    /// As whom it runs.
    pub target: &'a NamedUser,
    /// Who asked.
    pub requester: &'a Requester,
    /// The requester's primary group.
    pub requester_gid: u32,
    /// The session.
    pub session: &'a SessionId,
    /// The caller's environment.
    pub offered: &'a [(OsText, OsText)],
    /// What the policy keeps of it, as `kept` gives it.
    pub kept: &'a [(OsText, OsText)],
}

/// The complete environment; each name once.
#[must_use]
pub fn build(parts: &Parts<'_>) -> Vec<(OsText, OsText)> {
    let mut built: BTreeMap<OsText, OsText> = parts.kept.iter().cloned().collect();
    for (name, value) in parts.offered {
        let Some(known) = name.as_str() else { continue };
        let wanted = PLAIN.contains(&known) || is_locale(known);
        if (wanted && is_plain(value)) || (known == "TZ" && is_zone(value)) {
            built.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    let target = parts.target;
    let mut set = |name: &str, value: OsText| drop(built.insert(OsText::from(name), value));
    let shell = if target.shell.as_bytes().is_empty() { OsText::from("/bin/sh") } else { target.shell.clone() };
    set("PATH", parts.path.into());
    set("HOME", target.home.clone());
    set("SHELL", shell);
    set("USER", target.name.as_str().into());
    set("LOGNAME", target.name.as_str().into());
    set("MAIL", format!("/var/mail/{}", target.name).as_str().into());
    set("BREVET_USER", parts.requester.name.as_str().into());
    set("BREVET_UID", parts.requester.uid.to_string().as_str().into());
    set("BREVET_SESSION", parts.session.as_str().into());
    set("SUDO_USER", parts.requester.name.as_str().into());
    set("SUDO_UID", parts.requester.uid.to_string().as_str().into());
    set("SUDO_GID", parts.requester_gid.to_string().as_str().into());
    set("SYSTEMD_PAGERSECURE", "1".into());
    set("LESSSECURE", "1".into());
    built.into_iter().collect()
}

fn value_of<'a>(offered: &'a [(OsText, OsText)], name: &str) -> Option<&'a OsText> {
    offered.iter().find(|(found, _)| found.as_bytes() == name.as_bytes()).map(|(_, value)| value)
}

/// Old shells import a function from a value that begins so.
fn is_function(value: &OsText) -> bool {
    value.as_bytes().starts_with(b"()")
}

fn is_locale(name: &str) -> bool {
    name.strip_prefix("LC_").is_some_and(|rest| !rest.is_empty() && rest.len() < 32 && rest.bytes().all(|b| b.is_ascii_uppercase()))
}

/// Letters, digits and a few signs: no path, no format, no control character.
fn is_plain(value: &OsText) -> bool {
    let bytes = value.as_bytes();
    bytes.len() <= 128 && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@:+,".contains(byte))
}

/// A zone's name: never a file of the caller's choice.
fn is_zone(value: &OsText) -> bool {
    let Some(text) = value.as_str() else { return false };
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/,.".contains(&byte));
    plain && !text.is_empty() && text.len() <= 64 && !text.starts_with('/') && !text.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(pairs: &[(&str, &str)]) -> Vec<(OsText, OsText)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn environment(pairs: &[(&str, &str)], keep: &[&str]) -> BTreeMap<String, String> {
        let offered = offered(pairs);
        let kept = kept(&keep.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), &offered);
        let target = NamedUser { name: "root".into(), uid: 0, gid: 0, home: "/root".into(), shell: "/bin/bash".into() };
        let requester = Requester { name: "alice".into(), uid: 1000 };
        let session = SessionId::new(1, [1; 10]);
        let parts = Parts {
            path: "/usr/bin",
            target: &target,
            requester: &requester,
            requester_gid: 1000,
            session: &session,
            offered: &offered,
            kept: &kept,
        };
        build(&parts).into_iter().map(|(n, v)| (n.as_str().unwrap().to_owned(), v.as_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn what_changes_how_programs_load_or_shells_start_never_arrives() {
        let bad = [("LD_PRELOAD", "/tmp/x.so"), ("BASH_ENV", "/tmp/x"), ("GLIBC_TUNABLES", "x"), ("PS4", "$(id)"), ("PYTHONINSPECT", "1")];
        let built = environment(&bad, &["LD_PRELOAD", "BASH_ENV", "GLIBC_TUNABLES", "PS4"]);
        assert!(bad.iter().all(|(name, _)| !built.contains_key(*name)), "{built:?}");
        assert_eq!((built["PATH"].as_str(), built["HOME"].as_str(), built["SUDO_USER"].as_str()), ("/usr/bin", "/root", "alice"));
    }

    #[test]
    fn a_zone_is_a_name_and_no_file_and_a_locale_is_plain() {
        assert_eq!(environment(&[("TZ", "Europe/Berlin")], &[])["TZ"], "Europe/Berlin");
        for zone in ["/etc/shadow", "../../etc/shadow", ":/etc/shadow", "a b"] {
            assert!(!environment(&[("TZ", zone)], &[]).contains_key("TZ"), "{zone}");
        }
        let built = environment(&[("LC_ALL", "de_DE.UTF-8"), ("LANG", "/tmp/x"), ("TERM", "xterm-256color")], &[]);
        assert_eq!((built.contains_key("LC_ALL"), built.get("LANG"), built["TERM"].as_str()), (true, None, "xterm-256color"));
    }

    #[test]
    fn kept_names_arrive_but_for_functions_and_the_first_of_two_counts() {
        let built = environment(&[("EDITOR", "vi"), ("EDITOR", "evil"), ("FUN", "() { id; }")], &["EDITOR", "FUN"]);
        assert_eq!(built["EDITOR"], "vi");
        assert!(!built.contains_key("FUN"));
    }
}
