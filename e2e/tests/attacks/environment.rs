//! The caller's environment: nothing of it that changes what a program does reaches an elevated one (ATTACKS B05 to B18).

use std::collections::BTreeSet;
use std::path::Path;

use brevet_e2e::program;

use crate::stage::{SOON, Stage, automatic};

/// What loaders, shells, interpreters, pagers and libraries have been made to do things by.
const BAD: [&str; 92] = [
    "IFS",
    "CDPATH",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "HOSTALIASES",
    "NLSPATH",
    "PATH_LOCALE",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_PROFILE",
    "LD_ORIGIN_PATH",
    "_RLD_LIST",
    "LDR_CONTROL",
    "SHLIB_PATH",
    "LIBPATH",
    "DYLD_INSERT_LIBRARIES",
    "AUTHSTATE",
    "KRB5_CONFIG",
    "KRB5_KTNAME",
    "KRBCONFDIR",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMPATH",
    "TERMCAP",
    "ENV",
    "BASH_ENV",
    "PS4",
    "GLOBIGNORE",
    "BASHOPTS",
    "SHELLOPTS",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "FPATH",
    "NULLCMD",
    "READNULLCMD",
    "ZDOTDIR",
    "TMPPREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONINSPECT",
    "PYTHONUSERBASE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "BROWSER",
    "RUBYLIB",
    "RUBYOPT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "MALLOC_TRACE",
    "MALLOC_CHECK_",
    "NIS_PATH",
    "RESOLV_HOST_CONF",
    "TZDIR",
    "INPUTRC",
    "PROMPT_COMMAND",
    "PAGER",
    "LESS",
    "LESSOPEN",
    "LESSCLOSE",
    "MANPAGER",
    "SYSTEMD_PAGER",
    "SYSTEMD_EDITOR",
    "EDITOR",
    "VISUAL",
    "GIT_PAGER",
    "GIT_SSH",
    "SUDO_ASKPASS",
    "SSH_ASKPASS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "XDG_DATA_DIRS",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "OPENSSL_CONF",
    "SSLKEYLOGFILE",
    "CURL_HOME",
    "TMPDIR",
];

/// What an elevated program has, whoever calls.
const OURS: [&str; 14] = [
    "BREVET_SESSION",
    "BREVET_UID",
    "BREVET_USER",
    "HOME",
    "LESSSECURE",
    "LOGNAME",
    "MAIL",
    "PATH",
    "SHELL",
    "SUDO_GID",
    "SUDO_UID",
    "SUDO_USER",
    "SYSTEMD_PAGERSECURE",
    "USER",
];

fn names(stage: &Stage, variables: &[String]) -> (BTreeSet<String>, String) {
    let mut command = stage.alice.command(Path::new("/usr/bin/env"));
    command.args(["--unset=TERM"]).args(variables).arg(format!("BREVET_SOCKET={}", stage.brevet.socket.display()));
    command.arg(stage.brevet.bin.join("brevet")).args(["run", "--", "/usr/bin/env"]);
    let output = program::run(&mut command, SOON).unwrap().ok().unwrap();
    (output.stdout.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name.to_owned()).collect(), output.stdout)
}

#[test]
fn of_ninety_dangerous_variables_none_arrives() {
    let stage = Stage::new();
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/env\" }}]\n", automatic("Env")));
    let set: Vec<String> = BAD.iter().map(|name| format!("{name}=/tmp/evil")).collect();
    let (found, text) = names(&stage, &set);
    assert_eq!(found, OURS.iter().map(|n| (*n).to_owned()).collect(), "{text}");
    assert!(!text.contains("/tmp/evil"), "{text}");
    stage.finish();
}

#[test]
fn values_that_are_functions_paths_or_formats_do_not_arrive_under_harmless_names() {
    let stage = Stage::new();
    stage.apply(&format!(
        "{}applications = [{{ file = \"/usr/bin/env\" }}]\nelevation = {{ keep_environment = [\"KEPT\", \"FUNCTION\"] }}\n",
        automatic("Env")
    ));
    let set = [
        "KEPT=good",
        "FUNCTION=() { echo evil; }",
        "BASH_FUNC_ls%%=() { echo evil; }",
        "LD_PRELOAD=/tmp/evil.so",
        "BASH_ENV=/tmp/evil",
        "PATH=/tmp/evil:/usr/bin",
        "TZ=:/tmp/evil",
        "LANG=%n%n",
        "LC_ALL=../../tmp/evil",
        "TERM=/tmp/evil",
        "LANGUAGE=evil\nX=1",
        "NO_COLOR=\x1b[31mevil",
    ];
    for name in ["LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PATH", "IFS", "BASH_FUNC_ls%%", "GLIBC_TUNABLES", "A=B"] {
        let file = stage.brevet.state.join("refused.toml");
        let policy = automatic("Refused").replace("ALICE", &stage.alice.name);
        let text = format!("{policy}applications = [{{ file = \"/usr/bin/env\" }}]\nelevation = {{ keep_environment = [\"{name}\"] }}\n");
        std::fs::write(&file, text).unwrap();
        assert_ne!(stage.brevet.ctl(&["apply", "-f", &file.to_string_lossy()]).unwrap().code(), 0, "a policy may keep {name}");
    }
    let (_, text) = names(&stage, &set.map(str::to_owned));
    assert!(text.contains("KEPT=good\n"), "{text}");
    assert!(!text.contains("evil") && !text.contains("%n") && !text.contains('\x1b'), "{text}");
    stage.finish();
}

#[test]
fn of_two_variables_with_one_name_the_program_gets_one_and_never_one_that_we_set() {
    let stage = Stage::new();
    stage.apply(&format!(
        "{}applications = [{{ file = \"/usr/bin/env\" }}]\nelevation = {{ keep_environment = [\"KEPT\"] }}\n",
        automatic("Env")
    ));
    let script = r#"
        pipe(my $reader, my $writer);
        my $s = dial();
        my $variables = '[["KEPT","one"],["KEPT","two"],["PATH","/tmp/evil"],["SUDO_USER","root"],["BREVET_USER","root"],["HOME","/tmp/evil"],["","evil"],["A=B","evil"],["KEPT=","evil"]]';
        with_descriptors($s, frame(run_ask({ environment => $variables }, '/usr/bin/env')), standard(1 => fileno $writer));
        my $told = tells($s);
        close $writer;
        print <$reader>;
    "#;
    let output = stage.attack(script, &[]);
    assert_eq!(output.stdout.matches("KEPT=").count(), 1, "{}", output.stdout);
    assert!(output.stdout.contains("KEPT=one\n") && !output.stdout.contains("evil"), "{}", output.stdout);
    assert!(output.stdout.contains(&format!("SUDO_USER={}\n", stage.alice.name)), "{}", output.stdout);
    stage.finish();
}

#[test]
fn limits_umask_signals_and_directory_tricks_of_the_caller_do_not_arrive() {
    let stage = Stage::new();
    stage.brevet.tool("state", "#!/bin/sh\nulimit -c; ulimit -f; ulimit -n; ulimit -u; umask; grep -E '^(SigIgn|SigBlk|NoNewPrivs|Seccomp):' /proc/self/status\n").unwrap();
    stage.allow("state");
    let plain = stage.alice(&["run", "--", &stage.tool("state")]).ok().unwrap().stdout;
    let line = format!(
        "ulimit -c unlimited; ulimit -f 100000; ulimit -n 40; umask 0; trap '' HUP INT QUIT USR1 PIPE; BREVET_SOCKET={} exec {} run -- {}",
        stage.brevet.socket.display(),
        stage.brevet.bin.join("brevet").display(),
        stage.tool("state")
    );
    let mut command = stage.alice.command(Path::new("/bin/bash"));
    let output = program::run(command.args(["-c", &line]), SOON).unwrap();
    assert_eq!(output.stdout, plain, "{}", output.stderr);
    stage.finish();
}
