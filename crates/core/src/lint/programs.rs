//! Programs that give more than they seem to, each with what it does. Our own table: from what these programs do by their manuals.
//!
//! A name stands for its versioned forms too (`python` for `python3.11`). What is not here is not therefore harmless.

/// What a program gives whoever may run it with rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// It is a shell or runs code it is given.
    Code,
    /// It starts a shell or a command from within, whatever its arguments.
    Escape,
    /// It starts the program that its arguments or its configuration name.
    Runs,
    /// It lets a person change files from within, whatever its arguments.
    Edits,
    /// It writes files that its arguments name.
    Writes,
    /// It changes whose a file is, or who may use it.
    Owners,
    /// It hands work to a service, outside what a session contains.
    Services,
    /// It changes who may do what on the computer.
    Accounts,
    /// It installs software, whose scripts run as root.
    Installs,
    /// It changes kernel, mounts, disks or what is started.
    System,
}

use Gives::{Accounts, Code, Edits, Escape, Installs, Owners, Runs, Services, System, Writes};

/// Name, what it gives, and how.
pub const PROGRAMS: &[(&str, Gives, &str)] = &[
    ("sh", Code, "is a shell"),
    ("bash", Code, "is a shell"),
    ("rbash", Code, "is a shell whose restrictions a started program does not keep"),
    ("dash", Code, "is a shell"),
    ("zsh", Code, "is a shell"),
    ("ksh", Code, "is a shell"),
    ("mksh", Code, "is a shell"),
    ("fish", Code, "is a shell"),
    ("csh", Code, "is a shell"),
    ("tcsh", Code, "is a shell"),
    ("ash", Code, "is a shell"),
    ("pwsh", Code, "is a shell"),
    ("busybox", Code, "has a shell and most system tools in one file"),
    ("toybox", Code, "has a shell and most system tools in one file"),
    ("python", Code, "runs any Python code"),
    ("pypy", Code, "runs any Python code"),
    ("ipython", Code, "runs any Python code"),
    ("perl", Code, "runs any Perl code, also from its arguments"),
    ("ruby", Code, "runs any Ruby code"),
    ("irb", Code, "runs any Ruby code"),
    ("lua", Code, "runs any Lua code"),
    ("luajit", Code, "runs any Lua code"),
    ("node", Code, "runs any JavaScript code"),
    ("nodejs", Code, "runs any JavaScript code"),
    ("deno", Code, "runs any JavaScript code"),
    ("php", Code, "runs any PHP code"),
    ("tclsh", Code, "runs any Tcl code"),
    ("expect", Code, "runs any Tcl code and starts programs"),
    ("guile", Code, "runs any Scheme code"),
    ("jshell", Code, "runs any Java code"),
    ("java", Code, "runs any class or archive that its arguments name"),
    ("Rscript", Code, "runs any R code"),
    ("octave", Code, "runs any Octave code, which starts programs"),
    ("awk", Code, "its programs start commands with system() and write files"),
    ("gawk", Code, "its programs start commands with system() and write files"),
    ("mawk", Code, "its programs start commands with system() and write files"),
    ("gdb", Escape, "starts shells and any program, and writes into other processes"),
    ("lldb", Escape, "starts shells and any program, and writes into other processes"),
    ("make", Runs, "runs the commands of any makefile"),
    ("cmake", Runs, "runs the commands of any project file"),
    ("ninja", Runs, "runs the commands of any build file"),
    ("ant", Runs, "runs the tasks of any build file"),
    ("mvn", Runs, "runs the plugins of any project file"),
    ("gradle", Runs, "runs the code of any build file"),
    ("cargo", Runs, "runs build scripts"),
    ("go", Runs, "compiles and runs any program"),
    ("cc", Runs, "starts the programs that -B and its specs name, and writes files"),
    ("g++", Runs, "starts the programs that -B and its specs name, and writes files"),
    ("clang", Runs, "starts the programs that its options name, and writes files"),
    ("gcc", Runs, "starts the programs that -B and its specs name, and writes files"),
    ("ld.so", Runs, "loads and runs any program and library"),
    ("ld-linux-x86-64.so", Runs, "loads and runs any program and library"),
    ("vi", Edits, "edits any file and starts shells with :!"),
    ("vim", Edits, "edits any file and starts shells with :!"),
    ("gvim", Edits, "edits any file and starts shells with :!"),
    ("rvim", Edits, "edits any file, and runs the code of languages that it is built with"),
    ("rview", Edits, "is vim, which writes when told to, and runs the code of languages that it is built with"),
    ("nvim", Edits, "edits any file and starts shells with :!"),
    ("view", Edits, "is vim, which starts shells with :! and writes when told to"),
    ("vimdiff", Edits, "is vim, which starts shells with :!"),
    ("ex", Edits, "edits any file and starts shells with !"),
    ("ed", Edits, "edits any file and starts shells with !"),
    ("red", Edits, "edits files of its folder, links included"),
    ("nano", Edits, "edits any file and pipes text through commands"),
    ("pico", Edits, "edits any file"),
    ("joe", Edits, "edits any file and runs filters"),
    ("jed", Edits, "edits any file and starts shells"),
    ("micro", Edits, "edits any file and runs commands"),
    ("emacs", Edits, "edits any file and runs commands and Lisp"),
    ("mcedit", Edits, "edits any file and starts shells"),
    ("mc", Edits, "manages any file and starts shells"),
    ("ranger", Edits, "manages any file and starts shells"),
    ("nnn", Edits, "manages any file and starts shells"),
    ("editor", Edits, "is whatever editor the computer chose"),
    ("sensible-editor", Edits, "starts the editor that the user chose"),
    ("sudoedit", Edits, "starts an editor on any file that its own rules allow"),
    ("visudo", Edits, "starts an editor on the rules of sudo"),
    ("vipw", Edits, "starts an editor on the password file"),
    ("vigr", Edits, "starts an editor on the group file"),
    ("less", Escape, "starts shells with !, editors with v, and reads any file with :e"),
    ("more", Escape, "starts shells with ! and editors with v"),
    ("most", Escape, "starts editors and shells"),
    ("pager", Escape, "is whatever pager the computer chose; most start shells"),
    ("man", Escape, "starts a pager, and that starts shells"),
    ("info", Escape, "starts commands from within"),
    ("journalctl", Escape, "shows its output in a pager, and that starts shells"),
    ("top", Escape, "signals and re-prioritises any process from within, and runs the inspections of its settings"),
    ("htop", Escape, "signals and traces any process from within"),
    ("ftp", Escape, "starts shells with ! and writes files"),
    ("sftp", Escape, "starts shells with ! and writes files"),
    ("lftp", Escape, "starts shells with ! and writes files"),
    ("mailx", Escape, "starts shells and editors with ~! and ~v"),
    ("telnet", Escape, "starts shells with ! from its prompt"),
    ("mail", Escape, "starts shells and editors with ~! and ~v"),
    ("mutt", Escape, "starts shells with !"),
    ("mysql", Escape, "starts shells with \\! and reads and writes files"),
    ("mariadb", Escape, "starts shells with \\! and reads and writes files"),
    ("psql", Escape, "starts shells with \\! and writes files with \\o"),
    ("sqlite", Escape, "starts shells with .shell and writes files"),
    ("mongo", Escape, "runs JavaScript, which starts programs"),
    ("screen", Escape, "is a terminal with a shell, which outlives the session's terminal"),
    ("byobu", Escape, "is a terminal with a shell, which outlives the session's terminal"),
    ("tmux", Escape, "is a terminal with a shell, which outlives the session's terminal"),
    ("script", Runs, "starts a shell and writes a file"),
    ("env", Runs, "starts the program that its arguments name, with any environment"),
    ("nice", Runs, "starts the program that its arguments name"),
    ("ionice", Runs, "starts the program that its arguments name"),
    ("nohup", Runs, "starts the program that its arguments name"),
    ("setsid", Runs, "starts the program that its arguments name, away from the terminal"),
    ("stdbuf", Runs, "starts the program that its arguments name with a library loaded"),
    ("taskset", Runs, "starts the program that its arguments name"),
    ("chrt", Runs, "starts the program that its arguments name"),
    ("timeout", Runs, "starts the program that its arguments name"),
    ("time", Runs, "starts the program that its arguments name, and writes a file"),
    ("watch", Runs, "starts a shell with what its arguments say, again and again"),
    ("xargs", Runs, "starts the program that its arguments name"),
    ("parallel", Runs, "starts shells with what its arguments say"),
    ("find", Runs, "starts programs with -exec, and deletes and writes files"),
    ("flock", Runs, "starts the program that its arguments name"),
    ("strace", Runs, "starts or takes over any process, and writes files"),
    ("ltrace", Runs, "starts or takes over any process"),
    ("perf", Runs, "starts programs, traces the kernel and writes files"),
    ("unshare", Runs, "starts a shell in namespaces of its own"),
    ("nsenter", Runs, "starts a shell in another process's namespaces"),
    ("chroot", Runs, "starts a shell or program in another root folder"),
    ("setpriv", Runs, "starts the program that its arguments name with rights of their choice"),
    ("capsh", Runs, "starts a shell with capabilities of its arguments' choice"),
    ("setarch", Runs, "starts the program that its arguments name"),
    ("start-stop-daemon", Runs, "starts the program that its arguments name in the background"),
    ("run-parts", Runs, "runs every program of a folder"),
    ("sudo", Runs, "starts any program that its own rules allow root: all"),
    ("su", Runs, "starts a shell as anybody"),
    ("runuser", Runs, "starts a shell as anybody"),
    ("doas", Runs, "starts any program that its own rules allow root"),
    ("pkexec", Runs, "starts any program that polkit allows root: all"),
    ("login", Runs, "starts a session as anybody"),
    ("newgrp", Runs, "starts a shell"),
    ("sg", Runs, "starts a shell with what its arguments say"),
    ("ssh", Runs, "starts commands here with ProxyCommand and LocalCommand"),
    ("scp", Runs, "starts the program that -S names, and writes files"),
    ("rsync", Runs, "starts the program that -e names, and writes files and their owners"),
    ("git", Runs, "starts hooks, aliases, pagers and editors of any repository"),
    ("svn", Runs, "starts editors and tools of its settings"),
    ("hg", Runs, "starts hooks and extensions of any repository"),
    ("tar", Runs, "starts programs with --checkpoint-action and --to-command, and writes files"),
    ("zip", Runs, "starts the program that -TT names, and writes files"),
    ("cpio", Writes, "writes files with any owner and mode"),
    ("unzip", Writes, "writes files"),
    ("7z", Writes, "writes files, and reads any for an archive"),
    ("ar", Writes, "writes files"),
    ("tcpdump", Runs, "starts the program that -z names, and writes files"),
    ("tshark", Runs, "runs Lua scripts and writes files"),
    ("wireshark", Runs, "runs Lua scripts and writes files"),
    ("nmap", Runs, "runs Lua scripts and writes files"),
    ("socat", Runs, "starts programs with EXEC and SYSTEM, and writes files"),
    ("nc", Runs, "starts a program with -e where it has it, and passes any file on"),
    ("ncat", Runs, "starts a program with -e"),
    ("openvpn", Runs, "starts the scripts that its settings name"),
    ("ip", Runs, "starts programs with netns exec, and changes the network"),
    ("openssl", Writes, "writes files, and loads the engine that its arguments name"),
    ("logrotate", Runs, "starts the scripts that its settings name, and writes files"),
    ("ansible-playbook", Runs, "runs the tasks of any playbook"),
    ("puppet", Runs, "runs the code of any manifest"),
    ("chef-client", Runs, "runs the code of any recipe"),
    ("terraform", Runs, "starts the providers and provisioners of any plan"),
    ("sed", Writes, "writes files with w and -i, and the GNU one starts commands with e"),
    ("sponge", Writes, "writes what it is given into any file"),
    ("tee", Writes, "writes what it is given into any file"),
    ("dd", Writes, "writes any file or disk"),
    ("cp", Writes, "writes any file, also one that another program runs as root"),
    ("mv", Writes, "replaces any file"),
    ("ln", Writes, "puts a link in the place of any file"),
    ("install", Writes, "writes any file with any owner and mode"),
    ("truncate", Writes, "empties any file"),
    ("touch", Writes, "makes any file, also where its being there means something"),
    ("rm", Writes, "deletes any file"),
    ("shred", Writes, "overwrites any file"),
    ("sort", Writes, "writes any file with -o, and starts the program that --compress-program names"),
    ("split", Runs, "starts shells with --filter, and writes files"),
    ("patch", Writes, "changes any file"),
    ("crontab", Services, "gives commands to cron, which runs them outside any session"),
    ("curl", Writes, "writes any file from the network and sends any file there"),
    ("wget", Writes, "writes any file from the network, and starts the program that --use-askpass names"),
    ("aria2c", Writes, "writes any file from the network, and starts the program that its hooks name"),
    ("gzip", Writes, "replaces files"),
    ("xxd", Writes, "writes any file with -r"),
    ("iconv", Writes, "writes any file with -o"),
    ("update-alternatives", Writes, "puts a link of its arguments' choice in the place of a command"),
    ("dpkg-divert", Writes, "moves any file of a package out of its place"),
    ("chown", Owners, "gives any file away"),
    ("chgrp", Owners, "gives any file to a group"),
    ("chmod", Owners, "opens any file, and makes any program setuid"),
    ("setfacl", Owners, "opens any file to a user"),
    ("setcap", Owners, "gives any program capabilities for good"),
    ("chattr", Owners, "takes the protection from any file"),
    ("systemctl", Services, "starts any unit, edits units with edit, and shows output in a pager that starts shells"),
    ("systemd-run", Services, "starts any program as a unit of systemd, outside the session"),
    ("run0", Services, "starts a shell or any program as a unit of systemd, outside the session"),
    ("systemd-nspawn", Services, "starts containers that can hold the whole computer"),
    ("machinectl", Services, "starts shells by systemd, outside the session"),
    ("loginctl", Services, "keeps a user's services running, outside the session"),
    ("busctl", Services, "calls any service of the system bus"),
    ("dbus-send", Services, "calls any service of the system bus"),
    ("gdbus", Services, "calls any service of the system bus"),
    ("service", Services, "starts and stops any service, outside the session"),
    ("rc-service", Services, "starts and stops any service, outside the session"),
    ("initctl", Services, "starts and stops any service, outside the session"),
    ("at", Services, "gives commands to atd, which runs them outside any session"),
    ("batch", Services, "gives commands to atd, which runs them outside any session"),
    ("docker", Services, "starts containers that can hold the whole computer, by a service of root's"),
    ("podman", Services, "starts containers that can hold the whole computer"),
    ("nerdctl", Services, "starts containers that can hold the whole computer, by a service of root's"),
    ("ctr", Services, "starts containers that can hold the whole computer, by a service of root's"),
    ("crictl", Services, "starts commands in containers, by a service of root's"),
    ("kubectl", Services, "starts containers by the cluster, and opens an editor"),
    ("lxc", Services, "starts containers that can hold the whole computer, by a service of root's"),
    ("lxc-attach", Services, "starts commands in containers as root"),
    ("virsh", Services, "starts machines with any disk of the computer, and opens an editor"),
    ("qemu-system", Runs, "opens any disk of the computer, and starts the programs that its options name"),
    ("useradd", Accounts, "makes accounts, also with uid 0"),
    ("adduser", Accounts, "makes accounts and puts them into groups"),
    ("usermod", Accounts, "puts an account into any group, or gives it uid 0"),
    ("userdel", Accounts, "deletes accounts and their files"),
    ("groupadd", Accounts, "makes groups"),
    ("groupmod", Accounts, "changes groups"),
    ("gpasswd", Accounts, "puts an account into any group"),
    ("passwd", Accounts, "sets anybody's password, root's too"),
    ("chpasswd", Accounts, "sets anybody's password, root's too"),
    ("chsh", Accounts, "changes the program that anybody's sign-in starts"),
    ("pwck", Accounts, "changes the password file"),
    ("pam-auth-update", Accounts, "changes how everybody proves who they are"),
    ("apt", Installs, "installs packages, whose scripts run as root, and starts hooks that -o names"),
    ("apt-get", Installs, "installs packages, whose scripts run as root, and starts hooks that -o names"),
    ("aptitude", Installs, "installs packages, whose scripts run as root, and starts shells from within"),
    ("dpkg", Installs, "installs any package file, whose scripts run as root"),
    ("dpkg-deb", Installs, "writes what a package file holds into any folder, and builds package files"),
    ("apt-key", Installs, "changes whose packages are believed"),
    ("dpkg-reconfigure", Installs, "runs a package's scripts as root"),
    ("rpm", Installs, "installs any package file, whose scripts run as root, and evaluates macros that start commands"),
    ("yum", Installs, "installs packages, whose scripts run as root, and loads plugins"),
    ("dnf", Installs, "installs packages, whose scripts run as root, and loads plugins"),
    ("zypper", Installs, "installs packages, whose scripts run as root"),
    ("pacman", Installs, "installs packages, whose scripts and hooks run as root"),
    ("apk", Installs, "installs packages, whose scripts run as root"),
    ("snap", Installs, "installs packages by a service of root's, also with hooks"),
    ("flatpak", Installs, "installs packages, and starts programs with any of the computer's folders"),
    ("pip", Installs, "runs the build code of any package"),
    ("gem", Installs, "runs the build code of any package"),
    ("npm", Installs, "runs the scripts of any package"),
    ("yarn", Installs, "runs the scripts of any package"),
    ("composer", Installs, "runs the scripts of any package"),
    ("cpan", Installs, "runs the build code of any package, and starts shells"),
    ("mount", System, "puts any file system in the place of any folder, and starts mount helpers"),
    ("umount", System, "takes folders away, and starts mount helpers"),
    ("losetup", System, "makes a disk of any file"),
    ("cryptsetup", System, "opens and overwrites encrypted disks"),
    ("debugfs", System, "reads and writes any file of a disk past its permissions"),
    ("mkfs", System, "overwrites any disk"),
    ("fdisk", System, "changes the partitions of any disk"),
    ("parted", System, "changes the partitions of any disk"),
    ("insmod", System, "loads code into the kernel"),
    ("modprobe", System, "loads code into the kernel, and starts the commands that its settings name"),
    ("kexec", System, "starts another kernel"),
    ("bpftool", System, "loads programs into the kernel"),
    ("bpftrace", System, "traces the kernel and starts commands"),
    ("sysctl", System, "changes the kernel's settings, also which program handles crashes"),
    ("efibootmgr", System, "changes what the computer starts"),
    ("grub-install", System, "changes what the computer starts"),
    ("update-initramfs", System, "runs hooks and changes what the computer starts"),
    ("ldconfig", System, "changes which libraries every program loads"),
    ("iptables", System, "changes the firewall, and --modprobe starts a program"),
    ("ip6tables", System, "changes the firewall, and --modprobe starts a program"),
    ("iptables-restore", System, "replaces the firewall by what it is given, and --modprobe starts a program"),
    ("ip6tables-restore", System, "replaces the firewall by what it is given, and --modprobe starts a program"),
    ("ifup", System, "starts the commands that its settings name"),
    ("ifdown", System, "starts the commands that its settings name"),
    ("reboot", System, "ends everything that runs on the computer"),
    ("shutdown", System, "ends everything that runs on the computer"),
    ("poweroff", System, "ends everything that runs on the computer"),
    ("halt", System, "ends everything that runs on the computer"),
    ("nft", System, "changes the firewall"),
];

/// Endings of scripts: `find.sh` is not `find`, as `vim.nox` is `vim`.
const SCRIPTS: &[&str] = &["sh", "bash", "py", "pl", "rb", "js", "php", "lua", "tcl", "jar", "exe", "conf", "cfg", "service"];

/// The program of that file name, or of the name without what distributions add: a version (`gcc-12`), the machine's kind
/// (`x86_64-linux-gnu-gcc-12`, `perl5.36-x86_64-linux-gnu`), which build (`vim.nox`, `nc.openbsd`, `iptables-nft`) or which file system (`mkfs.ext4`).
pub fn find(file_name: &str) -> Option<&'static (&'static str, Gives, &'static str)> {
    let by_name = |name: &str| PROGRAMS.iter().find(|(known, ..)| *known == name);
    let without_version = |name: &str| by_name(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-'));
    let without_build = |name: &str| {
        let dotted = name.split_once('.').filter(|(_, build)| !SCRIPTS.contains(build)).map(|(stem, _)| stem);
        let dashed = || name.strip_suffix("-nft").or_else(|| name.strip_suffix("-legacy"));
        // One program for each kind of machine that it can be.
        let machine = || name.starts_with("qemu-system-").then_some("qemu-system");
        dotted.or_else(dashed).or_else(machine).and_then(|stem| by_name(stem).or_else(|| without_version(stem)))
    };
    let name = file_name.split_once("-linux-gnu-").map_or(file_name, |(_, name)| name);
    let name = name.strip_suffix("-linux-gnu").and_then(|name| name.rsplit_once('-')).map_or(name, |(name, _)| name);
    by_name(file_name).or_else(|| by_name(name)).or_else(|| without_version(name)).or_else(|| without_build(name))
}

/// Packages that hold such a program under another name than their own.
const HOLDS: &[(&str, &str)] = &[
    ("coreutils", "cp"),
    ("util-linux", "mount"),
    ("findutils", "find"),
    ("diffutils", "patch"),
    ("procps", "sysctl"),
    ("systemd", "systemd-run"),
    ("cron", "crontab"),
    ("login", "su"),
    ("docker.io", "docker"),
    ("docker-ce-cli", "docker"),
    ("containerd", "ctr"),
    ("vim-tiny", "vim"),
    ("vim-nox", "vim"),
    ("vim-gtk3", "vim"),
    ("vim-common", "vim"),
    ("netcat-openbsd", "nc"),
    ("netcat-traditional", "nc"),
    ("bsd-mailx", "mail"),
    ("mailutils", "mail"),
    ("moreutils", "sponge"),
    ("systemd-container", "systemd-nspawn"),
    ("systemd-sysv", "reboot"),
    ("ifupdown", "ifup"),
    ("passwd", "usermod"),
    ("neovim", "nvim"),
    ("emacs-nox", "emacs"),
    ("python3-minimal", "python"),
    ("perl-base", "perl"),
    ("openssh-client", "ssh"),
    ("mariadb-client", "mariadb"),
    ("postgresql-client-common", "psql"),
    ("default-mysql-client", "mysql"),
    ("man-db", "man"),
    ("kmod", "modprobe"),
    ("iproute2", "ip"),
    ("libc-bin", "ldconfig"),
    ("acl", "setfacl"),
    ("libcap2-bin", "setcap"),
    ("e2fsprogs", "debugfs"),
    ("bsdutils", "script"),
    ("polkitd", "pkexec"),
    ("dbus", "dbus-send"),
    ("ansible-core", "ansible-playbook"),
];

/// A program that a package holds: of its own name, or of the table.
pub fn find_in_package(package: &str) -> Option<&'static (&'static str, Gives, &'static str)> {
    let held = HOLDS.iter().find(|(known, _)| *known == package).map(|(_, program)| *program);
    find(held.unwrap_or(package))
}

/// Whether a package holds other programs than the one of its name.
pub fn holds_others(package: &str) -> bool {
    HOLDS.iter().any(|(known, _)| *known == package)
}

/// Capabilities from which a process can make itself root, and how.
pub const CAPABILITIES: &[(&str, &str)] = &[
    ("CAP_SYS_ADMIN", "mounts over any file and controls namespaces"),
    ("CAP_SYS_PTRACE", "takes over any process of root's"),
    ("CAP_SYS_MODULE", "loads code into the kernel"),
    ("CAP_SYS_RAWIO", "reads and writes the computer's memory and ports"),
    ("CAP_SYS_BOOT", "starts another kernel"),
    ("CAP_DAC_OVERRIDE", "writes any file, the password file too"),
    ("CAP_DAC_READ_SEARCH", "reads any file, keys and password hashes too"),
    ("CAP_CHOWN", "makes any file its own"),
    ("CAP_FOWNER", "changes the mode of any file"),
    ("CAP_SETUID", "becomes root by setuid"),
    ("CAP_SETGID", "joins any group, also those that may write disks and passwords"),
    ("CAP_SETFCAP", "gives any capability to any program"),
    ("CAP_MKNOD", "makes device files of any disk"),
    ("CAP_BPF", "loads programs into the kernel"),
    ("CAP_PERFMON", "reads the kernel's memory"),
    ("CAP_SYS_CHROOT", "runs setuid programs with libraries of its choice"),
    ("CAP_MAC_ADMIN", "changes the mandatory access rules"),
    ("CAP_MAC_OVERRIDE", "ignores the mandatory access rules"),
    ("CAP_CHECKPOINT_RESTORE", "restores processes of its making"),
    ("CAP_SYSLOG", "reads the kernel's addresses"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_there_once_with_a_reason() {
        assert!(PROGRAMS.len() >= 120, "{}", PROGRAMS.len());
        let names: std::collections::BTreeSet<_> = PROGRAMS.iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), PROGRAMS.len());
        assert!(PROGRAMS.iter().all(|(_, _, reason)| reason.len() > 8 && !reason.ends_with('.')));
        assert!(HOLDS.iter().all(|(_, program)| find(program).is_some()));
        assert!(CAPABILITIES.iter().all(|(name, _)| crate::policy::is_capability(name)));
    }

    #[test]
    fn versions_are_not_part_of_a_name() {
        for name in ["python3", "python3.11", "lua5.4", "gcc-12", "vim", "7z", "sqlite3"] {
            assert!(find(name).is_some(), "{name}");
        }
        for name in ["nginx", "3.11", "", ".", "-", "find.sh", "service.py", "x86_64-linux-gnu-", "-linux-gnu"] {
            assert!(find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn what_a_distribution_adds_is_not_part_of_a_name() {
        for (name, program) in [
            ("vim.nox", "vim"),
            ("vim.gtk3", "vim"),
            ("vim.tiny", "vim"),
            ("nc.openbsd", "nc"),
            ("nc.traditional", "nc"),
            ("perl5.36-x86_64-linux-gnu", "perl"),
            ("x86_64-linux-gnu-gcc-12", "gcc"),
            ("aarch64-linux-gnu-g++", "g++"),
            ("mkfs.ext4", "mkfs"),
            ("iptables-nft", "iptables"),
            ("qemu-system-x86_64", "qemu-system"),
            ("ld-linux-x86-64.so.2", "ld-linux-x86-64.so"),
        ] {
            assert_eq!(find(name).map(|(known, ..)| *known), Some(program), "{name}");
        }
    }
}
