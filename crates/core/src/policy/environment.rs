//! Which environment variables and capabilities a policy may name.
//!
//! A variable that makes a privileged program load, run or read something of the caller's choice is never passed on (ATTACKS B05 to B18).

/// Variables that are never passed on, with what they would do.
const NEVER: &[(&str, &str)] = &[
    ("GCONV_PATH", LOADS),
    ("GETCONF_DIR", RUNS),
    ("GLIBC_TUNABLES", "changes how the program is loaded"),
    ("GTK_MODULES", LOADS),
    ("GTK_PATH", LOADS),
    ("GIO_EXTRA_MODULES", LOADS),
    ("QT_PLUGIN_PATH", LOADS),
    ("OPENSSL_CONF", LOADS),
    ("OPENSSL_ENGINES", LOADS),
    ("OPENSSL_MODULES", LOADS),
    ("SSLKEYLOGFILE", "writes a file of the caller's choice"),
    ("ENV", RUNS),
    ("SHELLOPTS", SHELL),
    ("BASHOPTS", SHELL),
    ("PS4", SHELL),
    ("PROMPT_COMMAND", SHELL),
    ("IFS", SHELL),
    ("CDPATH", SHELL),
    ("GLOBIGNORE", SHELL),
    ("FPATH", SHELL),
    ("ZDOTDIR", SHELL),
    ("NULLCMD", SHELL),
    ("READNULLCMD", SHELL),
    ("INPUTRC", "reads a file of the caller's choice"),
    ("TERMINFO", "reads a file of the caller's choice"),
    ("TERMINFO_DIRS", "reads files of the caller's choice"),
    ("TERMCAP", "reads a file of the caller's choice"),
    ("TERMPATH", "reads files of the caller's choice"),
    ("LOCPATH", "reads files of the caller's choice"),
    ("NLSPATH", "reads files of the caller's choice"),
    ("HOSTALIASES", "changes how names are looked up"),
    ("LOCALDOMAIN", "changes how names are looked up"),
    ("RES_OPTIONS", "changes how names are looked up"),
    ("RESOLV_HOST_CONF", "reads a file of the caller's choice"),
    ("TMPDIR", "puts files where the caller chooses"),
    ("NODE_OPTIONS", LOADS),
    ("NODE_PATH", LOADS),
    ("LUA_PATH", LOADS),
    ("LUA_CPATH", LOADS),
    ("LUA_INIT", RUNS),
    ("TCLLIBPATH", LOADS),
    ("CLASSPATH", LOADS),
    ("JAVA_TOOL_OPTIONS", LOADS),
    ("JDK_JAVA_OPTIONS", LOADS),
    ("_JAVA_OPTIONS", LOADS),
    ("PHPRC", LOADS),
    ("PHP_INI_SCAN_DIR", LOADS),
    ("KRB5_CONFIG", LOADS),
    ("KRB5_KTNAME", "reads a file of the caller's choice"),
    ("EDITOR", RUNS),
    ("VISUAL", RUNS),
    ("PAGER", RUNS),
    ("MANPAGER", RUNS),
    ("SYSTEMD_PAGER", RUNS),
    ("SYSTEMD_EDITOR", RUNS),
    ("BROWSER", RUNS),
    ("LESSOPEN", RUNS),
    ("LESSCLOSE", RUNS),
    ("LESSKEY", RUNS),
    ("LESS", RUNS),
    ("GREP_OPTIONS", "adds arguments that nobody approved"),
    ("PATH", "is set by Brevet"),
    ("HOME", "is set by Brevet"),
    ("SHELL", "is set by Brevet"),
    ("USER", "is set by Brevet"),
    ("LOGNAME", "is set by Brevet"),
    ("MAIL", "is set by Brevet"),
    ("XDG_SEAT", "claims a seat that the caller may not have"),
    ("XDG_SESSION_ID", "claims a session that the caller may not have"),
    ("XDG_VTNR", "claims a terminal that the caller may not have"),
];

const LOADS: &str = "makes a program load code of the caller's choice";
const RUNS: &str = "makes a program run a command of the caller's choice";
const SHELL: &str = "changes what a shell does";

/// The same for whole families of names.
const NEVER_PREFIXES: &[(&str, &str)] = &[
    ("LD_", LOADS),
    ("DYLD_", LOADS),
    ("PYTHON", LOADS),
    ("PERL", LOADS),
    ("RUBY", LOADS),
    ("GEM_", LOADS),
    ("BUNDLE_", LOADS),
    ("BASH_", SHELL),
    ("MALLOC_", "changes how the program is loaded"),
    ("GIT_", RUNS),
    ("APT_", "reads configuration of the caller's choice"),
    ("SUDO_", "belongs to another program of this kind"),
    ("BREVET_", "belongs to Brevet"),
];

/// # Errors
/// When a variable of this name must not be passed on, with why.
pub fn may_keep(name: &str) -> Result<(), String> {
    let shown = crate::escape::terminal(name.as_bytes());
    let well_formed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || name.len() > super::names::MAX_NAME || !well_formed {
        return Err(format!("\"{shown}\" is not a variable's name: expected letters, digits and \"_\""));
    }
    let upper = name.to_ascii_uppercase();
    let exact = NEVER.iter().find(|(never, _)| *never == upper);
    let family = NEVER_PREFIXES.iter().find(|(prefix, _)| upper.starts_with(prefix));
    match exact.or(family) {
        Some((_, why)) => Err(format!("\"{shown}\" is never passed on: it {why}")),
        None => Ok(()),
    }
}

/// Linux capabilities (capabilities(7)), up to kernel 6.
const CAPABILITIES: &[&str] = &[
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
    "CAP_AUDIT_WRITE",
    "CAP_BLOCK_SUSPEND",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_KILL",
    "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_RAW",
    "CAP_PERFMON",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYSLOG",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_CHROOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_NICE",
    "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_WAKE_ALARM",
];

/// Whether the kernel has a capability of this name.
pub fn is_capability(name: &str) -> bool {
    CAPABILITIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_choose_code_are_never_kept() {
        for never in
            ["LD_PRELOAD", "LD_AUDIT", "ld_preload", "GCONV_PATH", "BASH_ENV", "ENV", "PYTHONPATH", "PYTHONINSPECT", "PERL5OPT", "RUBYLIB"]
        {
            assert!(may_keep(never).is_err(), "{never}");
        }
        for never in ["GLIBC_TUNABLES", "NODE_OPTIONS", "SHELLOPTS", "PS4", "IFS", "PATH", "EDITOR", "LESSOPEN", "INPUTRC", "BASH_FUNC_x"] {
            assert!(may_keep(never).is_err(), "{never}");
        }
        for malformed in ["", "A=B", "1A", "A B", "A%%", "\u{c4}"] {
            assert!(may_keep(malformed).is_err(), "{malformed}");
        }
        for fine in ["LANG", "LC_ALL", "TERM", "TZ", "DISPLAY", "SSH_AUTH_SOCK", "DEBIAN_FRONTEND"] {
            assert_eq!(may_keep(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn capabilities_are_the_kernels() {
        assert_eq!(CAPABILITIES.len(), 41);
        assert!(is_capability("CAP_NET_ADMIN"));
        assert!(!is_capability("net_admin"));
    }
}
