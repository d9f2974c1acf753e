//! What is known of exact arguments, a row for programs that are alike. From their manuals; the reason stands above each.

use super::Harmless::{Command, Files, If, Script, Without, Words};
use super::{Row, files, has_option, has_words, is_harmless_command, is_roots, theirs};

/// How a row says that a script is what it means.
const SCRIPT: &str = "the whole path of one script of root's first";
/// How a row says that files are what it means.
const FILES: &str = "the whole path of each file, all of them root's and none that decides who may do what";
/// How a row says that a command is what it means.
const COMMAND: &str = "one command by its whole path, harmless itself";
const PACKAGES: &str = "\"update\", or \"upgrade\" or \"install\" and names of packages with \"-o\" and \"Dpkg::Options::=--force-confold\", without which dpkg asks about changed settings and can start a shell";

/// Programs, which exact arguments of theirs are harmless, and what to write.
pub const HARMLESS: &[Row] = &[
    // They run a file and nothing else; without one, or with "-c", "-i" or "/dev/stdin", what the user gives them.
    (
        &[
            "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "ash", "pwsh", "python", "pypy", "perl", "ruby", "lua",
            "luajit", "node", "nodejs", "php", "tclsh", "expect", "guile",
        ],
        Script,
        SCRIPT,
    ),
    (&["bpftrace", "run-parts"], Script, "the whole path of one file or folder of root's first"),
    (&["java"], If(|all| matches!(all, ["-jar", jar, ..] if is_roots(jar))), "\"-jar\" and the whole path of one archive of root's"),
    // They start what they are told, and a shell when they are told nothing. Options of a value first, then those without one.
    (&["env"], Command(&["-u"], &["-i", "--"]), COMMAND),
    (&["nice"], Command(&["-n"], &["--"]), COMMAND),
    (&["ionice"], Command(&["-c", "-n"], &["-t", "--"]), COMMAND),
    (&["nohup", "setsid"], Command(&[], &["-f", "-w", "--"]), COMMAND),
    (&["stdbuf"], Command(&["-i", "-o", "-e"], &["-oL", "-o0", "-eL", "-e0", "-i0"]), COMMAND),
    (&["taskset", "chrt"], Command(&["-c"], &["-b", "-f", "-o", "-r"]), COMMAND),
    (&["timeout"], Command(&["-s", "-k"], &["--foreground", "--"]), COMMAND),
    (&["time"], Command(&[], &["-p", "-v"]), COMMAND),
    (&["sudo", "doas"], Command(&["-u", "-g"], &["-n", "-H", "--"]), COMMAND),
    (&["pkexec"], Command(&["--user"], &[]), COMMAND),
    (
        &["runuser"],
        If(|all| matches!(all, ["-u", _, rest @ ..] if is_harmless_command(rest, &[], &["--"]))),
        "\"-u\", an account, and one command by its whole path",
    ),
    // The lock is a file that it makes, in root's place or in one that is shared.
    (
        &["flock"],
        If(|all| {
            all.split_first()
                .is_some_and(|(lock, rest)| (is_roots(lock) || lock.starts_with("/run/lock/")) && is_harmless_command(rest, &[], &[]))
        }),
        "the lock's whole path and one command by its whole path",
    ),
    // "-exec", "-ok" and "-execdir" start programs; "-delete" and "-fprint", "-fprintf", "-fls" change files. Where it looks is the user's to
    // change all the same; it only reads there.
    (
        &["find"],
        If(|all| !all.iter().any(|one| ["-exec", "-ok", "-delete", "-fprint", "-fls"].iter().any(|o| one.starts_with(o)))),
        "no -exec, -ok, -delete and -fprint",
    ),
    // The folder is root's; else they read what the user has put where they stand.
    (
        &["make", "ninja"],
        If(
            |all| matches!(all, ["-C", folder, rest @ ..] if is_roots(folder) && rest.iter().all(|one| !one.starts_with('-') && !one.contains('='))),
        ),
        "\"-C\", the whole path of a folder of root's, and targets",
    ),
    (
        &["git"],
        If(
            |all| matches!(all, ["-C", folder, "pull" | "fetch" | "status" | "gc" | "rev-parse", rest @ ..] if is_roots(folder) && rest.iter().all(|one| matches!(*one, "--quiet" | "-q" | "--ff-only" | "--all" | "--prune"))),
        ),
        "\"-C\", the whole path of a repository of root's, and \"pull\" or \"fetch\"",
    ),
    // Options name programs that they start, and settings that do.
    (
        &["ssh"],
        Without(&["-o", "-F", "-S", "-M", "-J", "-A", "-W", "-D", "-L", "-R", "-I", "-E"]),
        "a computer and a command, and none of -o, -F, -J",
    ),
    (&["rsync"], If(|all| !has_option(all, &["-e", "--rs", "--da"]) && files::are_roots(all, &[])), FILES),
    (
        &["tar"],
        If(|all| match all {
            [what, rest @ ..] if what.chars().all(|c| "-cxtzjJvfp".contains(c)) => {
                files::are_roots(rest, &["-C"])
                    && all.iter().skip(1).all(|one| !one.starts_with('-') || *one == "-C")
                    && theirs(all).is_none()
                    // Without it, it unpacks where the user stands, through links that they made there.
                    && (!what.contains('x') || rest.contains(&"-C"))
            }
            _ => false,
        }),
        "such as \"czf\" and the whole path of each file",
    ),
    (&["tcpdump"], Without(&["-z", "-w", "-W", "--po", "-r", "-F", "-V"]), "no -z and no -w"),
    (&["nmap"], Without(&["--sc", "-sC", "-A", "--int", "-o", "--da", "-i", "--st", "--re"]), "no scripts and no files"),
    (
        &["nc", "ncat"],
        If(|all| has_option(all, &["-z"]) && !has_option(all, &["-e", "-c", "--e", "--sh", "--lua"])),
        "\"-z\", a computer and a port",
    ),
    (
        &["ip"],
        If(|all| {
            !all.is_empty() && !all.iter().any(|one| ["-batch", "-force", "exec", "netns", "vrf"].iter().any(|long| long.starts_with(one)))
        }),
        "what to show or change, and no netns exec",
    ),
    (&["openvpn", "logrotate"], Files(&[]), "the whole path of settings of root's"),
    (&["puppet"], Words(&["agent"], &["-t", "--test", "--noop"]), "\"agent\""),
    // What they write comes from a file of root's and goes to one. Without a file they write what the user gives them.
    (&["cp", "mv", "ln", "rm", "touch"], Files(&[]), FILES),
    (&["gzip"], Files(&[]), FILES),
    (&["truncate"], Files(&["-s"]), FILES),
    (&["shred"], Files(&["-n"]), FILES),
    (&["install"], If(files::installed), FILES),
    (&["dd"], If(files::copied_by_dd), "if= and of=, each with the whole path of a file of root's"),
    (&["sed"], If(files::edited_by_sed), "one substitution, and the whole path of each file"),
    (&["sort"], If(|all| !has_option(all, &["-o", "--c", "--o"]) && files::are_roots(all, &["-k", "-t"])), FILES),
    (&["curl"], If(curl), "the address alone, without a file"),
    (
        &["openssl"],
        If(
            |all| matches!(all, ["x509" | "verify" | "version" | "ciphers", rest @ ..] if theirs(rest).is_none() && !has_option(rest, &["-out", "-engine", "-provider"])),
        ),
        "what it shows of a file of root's, without -out and -engine",
    ),
    (
        &["update-alternatives"],
        If(|all| {
            matches!(all, ["--display" | "--query" | "--list" | "--auto" | "--get-selections", ..])
                || matches!(all, ["--set", _, path] if is_roots(path))
        }),
        "\"--set\", a name and the whole path of a program of root's",
    ),
    (&["dpkg-divert"], Words(&["--list", "--truename", "--listpackage"], &[]), "\"--list\""),
    (&["unzip", "7z", "ar"], If(|all| matches!(all, ["-l" | "l" | "t" | "-t", path] if is_roots(path))), "what lists an archive of root's"),
    // Files become root's, or as closed as they were.
    (&["chmod"], If(files::mode_changed), "a mode without setuid that lets nobody else write, and the whole path of each file"),
    (&["chown"], If(files::owner_changed), "\"root:\" and a group, and the whole path of each file"),
    (&["chgrp"], If(|all| all.split_first().is_some_and(|(group, rest)| !group.starts_with('-') && files::are_roots(rest, &[]))), FILES),
    (
        &["setfacl"],
        If(|all| matches!(all, ["-b" | "-k", rest @ ..] if files::are_roots(rest, &[]))),
        "\"-b\" and the whole path of each file",
    ),
    (&["setcap"], If(|all| matches!(all, ["-r", rest @ ..] if files::are_roots(rest, &[]))), "\"-r\" and the whole path of a program"),
    (
        &["chattr"],
        If(|all| matches!(all, [what, rest @ ..] if what.starts_with('+') && files::are_roots(rest, &[]))),
        "\"+i\" and the whole path of each file",
    ),
    // The broker has the pagers of systemd start nothing (SYSTEMD_PAGERSECURE). A unit by its path is a unit of the user's.
    (&["systemctl"], If(systemctl), "restart, start, stop, reload, status and the like, and the name of one unit"),
    (
        &["journalctl"],
        If(|all| all.contains(&"--no-pager") && !has_option(all, &["-D", "--va", "--ro", "--dir", "--cu"])),
        "\"--no-pager\"",
    ),
    (
        &["service", "rc-service"],
        If(
            |all| matches!(all, [name, "start" | "stop" | "restart" | "reload" | "force-reload" | "status"] if !name.contains('/') && !name.starts_with('-')),
        ),
        "the name of one service, and what is to be done with it",
    ),
    (&["initctl"], Words(&["start", "stop", "restart", "reload", "status", "list"], &[]), "what is to be done, and the name of one job"),
    (
        &["loginctl"],
        Words(
            &["list-sessions", "list-users", "list-seats", "session-status", "user-status", "seat-status", "lock-session"],
            &["--no-pager"],
        ),
        "what lists or shows",
    ),
    (
        &["machinectl"],
        Words(&["list", "status", "show", "list-images", "start", "poweroff", "reboot"], &["--no-pager"]),
        "\"list\", or \"start\" and the name of a machine",
    ),
    (&["busctl"], Words(&["list", "status", "tree", "introspect"], &["--no-pager"]), "what lists or shows"),
    (&["crontab", "at"], If(|all| matches!(all, ["-l"])), "\"-l\""),
    // What is there already is shown, started and stopped; containers of one's own choice are what gives everything.
    (
        &["docker", "podman", "nerdctl"],
        Words(
            &[
                "ps",
                "images",
                "info",
                "version",
                "logs",
                "stats",
                "restart",
                "start",
                "stop",
                "container ls",
                "image ls",
                "system df",
                "network ls",
                "volume ls",
            ],
            &["-a", "--all", "-f", "--follow", "-q"],
        ),
        "restart, start, stop or logs, and the name of one container",
    ),
    (&["crictl", "ctr"], Words(&["ps", "pods", "images", "info", "version", "stats", "logs"], &["-a"]), "what lists or shows"),
    (
        &["kubectl"],
        Words(
            &["get", "describe", "logs", "top", "version", "cluster-info", "rollout status", "rollout restart"],
            &["-A", "-n", "--namespace", "--all-namespaces"],
        ),
        "what lists or shows",
    ),
    (&["lxc"], Words(&["list", "info", "start", "stop", "restart"], &[]), "restart, start or stop, and the name of one container"),
    (
        &["virsh"],
        Words(&["list", "dominfo", "domstate", "start", "shutdown", "reboot"], &["--all"]),
        "start, shutdown or reboot, and the name of one machine",
    ),
    // One account that is not root, and no group that is as good as root.
    (
        &["useradd", "adduser", "userdel", "groupadd", "usermod", "gpasswd", "groupmod"],
        If(|all| !all.is_empty() && !names_rights(all)),
        "one account, which is not root, and no group that gives rights",
    ),
    (
        &["passwd"],
        If(|all| matches!(all, [user] | ["-l" | "-u" | "-e" | "-S", user] if !user.starts_with('-') && !names_rights(&[*user]))),
        "the name of one account, which is not root",
    ),
    (
        &["chsh"],
        If(|all| matches!(all, ["-s", shell, user] if is_roots(shell) && !user.starts_with('-') && !names_rights(&[*user]))),
        "\"-s\", a shell and one account, which is not root",
    ),
    (&["pwck"], If(|all| *all == ["-r"]), "\"-r\""),
    (&["visudo"], If(|all| *all == ["-c"]), "\"-c\""),
    // When a package brings new settings for changed ones, dpkg asks, and "Z" there starts a shell: unless it is told what to do.
    (&["apt", "apt-get"], If(apt), PACKAGES),
    (&["aptitude"], Words(&["update", "search", "show"], &["-q", "-y"]), "\"update\""),
    (&["apt-key"], Words(&["list", "fingerprint"], &[]), "\"list\""),
    (
        &["dpkg"],
        If(|all| {
            matches!(
                all,
                [
                    "-l" | "-L"
                        | "-s"
                        | "-S"
                        | "--list"
                        | "--status"
                        | "--audit"
                        | "--verify"
                        | "-V"
                        | "--get-selections"
                        | "--print-architecture",
                    ..
                ]
            )
        }),
        "what lists or shows",
    ),
    (
        &["dpkg-deb"],
        If(|all| matches!(all, ["-I" | "-c" | "--info" | "--contents", path] if is_roots(path))),
        "what shows a package file of root's",
    ),
    (&["dpkg-reconfigure"], If(|all| matches!(all, [package] if !package.starts_with('-'))), "the name of one package"),
    (
        &["rpm"],
        If(
            |all| matches!(all, ["-q" | "-qa" | "-qi" | "-ql" | "-qf" | "-V" | "-Va", rest @ ..] if !rest.iter().any(|one| one.starts_with('-'))),
        ),
        "what lists or shows",
    ),
    (
        &["yum", "dnf", "zypper", "apk"],
        Words(
            &[
                "check-update",
                "makecache",
                "refresh",
                "list",
                "list-updates",
                "info",
                "search",
                "update",
                "upgrade",
                "install",
                "add",
                "remove",
                "autoremove",
                "reinstall",
            ],
            &["-y", "-q", "--quiet", "--assumeyes", "-n", "--non-interactive"],
        ),
        "\"upgrade\", or \"install\" and names of packages",
    ),
    (
        &["pacman"],
        Words(&["-Syu", "-Sy", "-Su", "-Q", "-Qi", "-Ss", "-Si", "-S"], &["--noconfirm", "--needed"]),
        "\"-Syu\", or \"-S\" and names of packages",
    ),
    (&["snap"], Words(&["list", "info", "find", "refresh", "changes", "services", "start", "stop", "restart"], &[]), "\"refresh\""),
    (&["flatpak"], Words(&["list", "info", "search", "update"], &["-y", "--system"]), "\"update\""),
    (&["pip", "gem"], Words(&["list", "show", "info", "outdated"], &[]), "what lists or shows"),
    // One argument is an entry of /etc/fstab, which root wrote.
    (
        &["mount"],
        If(|all| all.is_empty() || matches!(all, ["-a" | "-l"]) || matches!(all, [place] if place.starts_with('/'))),
        "one place that /etc/fstab has",
    ),
    (&["umount"], If(|all| matches!(all, [place] if place.starts_with('/'))), "one place"),
    (&["losetup"], If(|all| matches!(all, ["-a" | "-l" | "--list"])), "\"-a\""),
    (&["cryptsetup"], Words(&["status", "close", "isLuks", "luksDump"], &[]), "\"close\" and a name"),
    (&["mkfs"], If(|all| matches!(all, [disk] | ["-q" | "-F", disk] if disk.starts_with("/dev/") && theirs(all).is_none())), "one disk"),
    (&["fdisk", "parted"], If(|all| matches!(all, ["-l"]) || matches!(all, ["-l", disk] if is_roots(disk))), "\"-l\""),
    // A module by its path is whoever's wrote it; by its name it is the distribution's.
    (&["insmod"], If(|all| all.first().is_some_and(|file| is_roots(file))), "the whole path of a module of root's"),
    (&["modprobe"], Words(&["-r", ""], &["-q", "-v", "-a"]), "the name of one module"),
    (&["bpftool"], Words(&["prog show", "prog list", "map show", "map list", "net show", "version"], &[]), "what lists or shows"),
    // Two settings name a program that the kernel starts as root.
    (&["sysctl"], If(sysctl), "the one setting that is meant, with its value"),
    (&["efibootmgr"], If(|all| matches!(all, [] | ["-v"])), "nothing"),
    (
        &["grub-install", "ldconfig"],
        If(|all| theirs(all).is_none() && all.iter().all(|one| !one.starts_with('-') || matches!(*one, "-v" | "-p" | "-X" | "-N"))),
        "nothing, or the disk",
    ),
    (&["update-initramfs"], Words(&["-u", "-c"], &["-k", "-v"]), "\"-u\""),
    (&["iptables", "ip6tables"], Without(&["--mo", "-M"]), "the one rule that is meant"),
    (&["iptables-restore", "ip6tables-restore"], If(|all| matches!(all, [file] if is_roots(file))), "the whole path of one file of root's"),
    (
        &["nft"],
        If(|all| {
            matches!(all, ["list", ..])
                || matches!(all, ["-f", file] if is_roots(file))
                || matches!(all, ["add" | "delete", ..]) && !has_option(all, &["-f", "-i", "-I", "-D", "--"])
        }),
        "the one rule that is meant, or \"-f\" and the whole path of a file of root's",
    ),
    (
        &["ifup", "ifdown"],
        If(|all| matches!(all, [name] if !name.starts_with('-') && !name.contains('/')) || matches!(all, ["-a"])),
        "the name of one interface",
    ),
    // They end what runs, and say so.
    (&["reboot", "shutdown", "poweroff", "halt"], If(|_| true), "when, and how"),
    (&["top"], If(|all| all.first().is_some_and(|one| one.starts_with("-b"))), "\"-b\" first"),
];

fn systemctl(all: &[&str]) -> bool {
    const WORDS: &[&str] = &[
        "start",
        "stop",
        "restart",
        "reload",
        "try-restart",
        "reload-or-restart",
        "try-reload-or-restart",
        "enable",
        "disable",
        "mask",
        "unmask",
        "reset-failed",
        "daemon-reload",
        "status",
        "show",
        "cat",
        "is-active",
        "is-enabled",
        "is-failed",
        "is-system-running",
        "list-units",
        "list-timers",
        "list-sockets",
        "list-unit-files",
        "list-jobs",
        "list-dependencies",
        "get-default",
    ];
    const OPTIONS: &[&str] =
        &["--no-pager", "--quiet", "-q", "--now", "--no-block", "--all", "-a", "-l", "--full", "--type", "--state", "--failed", "--system"];
    // These units give a shell to whoever sits at the computer.
    let is_shell = |one: &&str| ["debug-shell", "emergency", "rescue"].iter().any(|unit| one.starts_with(unit));
    !all.iter().any(is_shell)
        && (has_words(all, WORDS, OPTIONS) || has_words(all, &[""], OPTIONS) && all.iter().all(|one| one.starts_with('-')))
}

fn apt(all: &[&str]) -> bool {
    const OPTIONS: &[&str] = &[
        "-y",
        "--yes",
        "--assume-yes",
        "-q",
        "-qq",
        "-s",
        "--simulate",
        "--dry-run",
        "--purge",
        "--no-install-recommends",
        "--only-upgrade",
    ];
    const LOOKS: &[&str] = &["update", "list", "show", "search", "policy", "check", "clean", "autoclean"];
    const CHANGES: &[&str] = &["upgrade", "dist-upgrade", "full-upgrade", "install", "remove", "purge", "autoremove", "reinstall"];
    let keeps = |one: &str| ["old", "new", "def"].iter().any(|which| one == format!("Dpkg::Options::=--force-conf{which}"));
    let (mut rest, mut told) = (Vec::new(), false);
    let mut each = all.iter().copied();
    while let Some(one) = each.next() {
        // Any other setting may name a command that is started.
        match one {
            "-o" if each.next().is_some_and(keeps) => told = true,
            "-o" => return false,
            _ => rest.push(one),
        }
    }
    has_words(&rest, LOOKS, OPTIONS) || told && has_words(&rest, CHANGES, OPTIONS) && !rest.iter().any(|one| one.ends_with(".deb"))
}

fn curl(all: &[&str]) -> bool {
    const OPTIONS: &[&str] = &["-s", "-S", "-f", "-L", "-I", "-v", "-sS", "-fsS", "-fsSL", "-sSL", "--silent", "--fail", "--head"];
    all.iter().all(|one| OPTIONS.contains(one) || one.starts_with("https://") || one.starts_with("http://"))
}

fn sysctl(all: &[&str]) -> bool {
    let starts =
        |one: &&str| ["core_pattern", "modprobe", "hotplug", "poweroff_cmd", "suid_dumpable"].iter().any(|name| one.contains(name));
    let loads = all.iter().any(|one| one.starts_with("-p") || one.starts_with("--load") || one.starts_with("-f"));
    let file = matches!(all, ["-p"] | ["--system"]) || matches!(all, ["-p", file] if is_roots(file));
    !all.is_empty() && !all.iter().any(starts) && (!loads || file)
}

/// Whether arguments name root, a group that is as good as root, or an option that makes another root.
fn names_rights(all: &[&str]) -> bool {
    const RIGHTS: &[&str] = &[
        "root",
        "sudo",
        "wheel",
        "admin",
        "adm",
        "docker",
        "lxd",
        "incus-admin",
        "libvirt",
        "disk",
        "shadow",
        "kmem",
        "staff",
        "systemd-journal",
        "kvm",
        "-o",
        "-p",
        "-d",
        "-R",
        "-P",
        "--non-unique",
        "--password",
        "--root",
        "--prefix",
        "--delete",
        "--conf",
    ];
    // Numbers of the system's own accounts and groups, whichever they are here.
    let is_low = |part: &str| part.parse::<u32>().is_ok_and(|number| number < 1000);
    let parts = |one: &&str| one.split(['=', ',', ':']).any(|part| RIGHTS.contains(&part) || is_low(part));
    let joined = |one: &&str| one.starts_with('-') && !one.starts_with("--") && one.contains(['o', 'p', '0', 'R']);
    all.iter().any(|one| parts(one) || joined(one))
}
