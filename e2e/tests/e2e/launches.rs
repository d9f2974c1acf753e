//! Launches without an approver: what runs, as whom, with what; and what does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use brevet_e2e::program;

use crate::stage::{SOON, Stage, automatic, person};

#[test]
fn a_launch_that_no_policy_allows_is_refused_and_recorded() {
    let stage = Stage::new();
    stage.brevet.tool("other", "#!/bin/sh\necho ran\n").unwrap();
    stage.apply("[[policy]]\nname = \"Other\"\nmessage = \"ask extension 12\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"request\"\napplications = [{ file = \"TOOLS/other\" }]\n");
    let output = stage.alice(&["run", "--", "/usr/bin/id", "-u"]);
    assert_eq!(output.code(), 126, "{}", output.stderr);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("ask extension 12"), "{}", output.stderr);
    let event = stage.brevet.wait_event("launch.refused", |e| e["user"] == stage.alice.name.as_str()).unwrap();
    assert!(event.to_string().contains("/usr/bin/id"), "{event}");
    stage.finish();
}

#[test]
fn an_automatic_launch_is_root_with_a_clean_environment_and_no_foreign_descriptor() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u; id -g; id -G; umask; env; ls -l /proc/self/fd | wc -l\n").unwrap();
    stage.allow("show");
    let mut command = stage.alice.command(Path::new("/usr/bin/env"));
    command.args(["LD_PRELOAD=/tmp/evil.so", "BASH_ENV=/tmp/evil", "PATH=/tmp/evil", "TZ=../../etc/passwd", "LANG=C.UTF-8", "PERL5OPT=-d"]);
    command.arg(format!("BREVET_SOCKET={}", stage.brevet.socket.display())).arg(stage.brevet.bin.join("brevet")).args([
        "run",
        "--",
        &stage.tool("show"),
    ]);
    let output = program::run(&mut command, SOON).unwrap().ok().unwrap();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(&lines[..4], ["0", "0", "0", "0022"], "{}", output.stdout);
    for bad in ["evil", "BASH_ENV", "PERL5OPT", "TZ="] {
        assert!(!output.stdout.contains(bad), "{bad} in {}", output.stdout);
    }
    assert!(output.stdout.contains("LANG=C.UTF-8"));
    assert!(output.stdout.contains(&format!("SUDO_USER={}", stage.alice.name)));
    stage.finish();
}

#[test]
fn another_user_is_refused_and_learns_nothing_of_the_policy() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}message = \"for alice only\"\napplications = [{{ file = \"TOOLS/show\" }}]\n", automatic("Secret name")));
    let bob = person(&stage.brevet, "bob");
    let output = stage.brevet.run_as(&bob, &["run", "--", &stage.tool("show")]).unwrap();
    assert_eq!(output.code(), 126);
    assert!(!output.stderr.contains("alice") && !output.stderr.contains("Secret name"), "{}", output.stderr);
    let output = stage.brevet.run_as(&bob, &["list"]).unwrap();
    assert!(!output.stdout.contains("Secret name"));
    stage.finish();
}

#[test]
fn another_argument_is_refused() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\necho \"$@\"\n").unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/show\", arguments = [\"restart\", {{ glob = \"web-*\" }}] }}]\n",
        automatic("Restart")
    ));
    let show = stage.tool("show");
    assert_eq!(stage.alice(&["run", "--", &show, "restart", "web-1"]).stdout, "restart web-1\n");
    for arguments in [
        &["stop", "web-1"][..],
        &["restart"],
        &["restart", "web-1", "web-2"],
        &["restart", "web-1/../../x"],
        &["restart", "web-1 --now"],
        &["restart", "db-1"],
    ] {
        let mut all = vec!["run", "--", &show];
        all.extend(arguments);
        let output = stage.alice(&all);
        assert_eq!((output.code(), output.stdout.as_str()), (126, ""), "{arguments:?}");
    }
    stage.finish();
}

#[test]
fn exit_statuses_are_the_commands_own_or_say_what_happened() {
    let stage = Stage::new();
    stage.brevet.tool("status", "#!/bin/sh\nexit 7\n").unwrap();
    stage.brevet.tool("signal", "#!/bin/sh\nkill -TERM $$\n").unwrap();
    stage.apply(&format!("{}applications = [{{ folder = \"TOOLS\" }}]\n", automatic("Tools")));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("status")]).code(), 7);
    assert_eq!(stage.alice(&["run", "--", &stage.tool("signal")]).code(), 128 + 15);
    assert_eq!(stage.alice(&["run", "--", "no-such-command-at-all"]).code(), 127);
    assert_eq!(stage.alice(&["run", "--", "/root/secret-place/program"]).code(), 126);
    let mut nowhere = stage.alice.command(Path::new("/usr/bin/env"));
    nowhere.arg("BREVET_SOCKET=/run/no-such-socket").arg(stage.brevet.bin.join("brevet")).args(["run", "--", "/usr/bin/id"]);
    assert_eq!(program::run(&mut nowhere, SOON).unwrap().code(), 125);
    stage.finish();
}

#[test]
fn a_file_that_its_user_can_write_is_allowed_by_its_hash_alone_and_what_runs_is_what_was_hashed() {
    let stage = Stage::new();
    let home = stage.brevet.state.join("homes").join(&stage.alice.name);
    let mine = home.join("mine");
    fs::copy("/usr/bin/id", &mine).unwrap();
    fs::set_permissions(&mine, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&mine, Some(stage.alice.uid), Some(stage.alice.gid)).unwrap();
    let mine = mine.to_string_lossy().into_owned();
    stage.apply(&format!("{}applications = [{{ file = \"{mine}\" }}]\n", automatic("By path")));
    assert_eq!(stage.alice(&["run", "--", &mine, "-u"]).code(), 126);
    let sum = program::system("sha256sum", [&mine]).unwrap().stdout;
    let hash = sum.split(' ').next().unwrap();
    stage.apply(&format!("{}applications = [{{ hash = \"sha256:{hash}\" }}]\n", automatic("By hash")));
    let output = stage.alice(&["run", "--", &mine, "-u"]);
    assert_eq!((output.code(), output.stdout.as_str()), (0, "0\n"), "{}", output.stderr);
    fs::copy("/usr/bin/whoami", &mine).unwrap();
    assert_eq!(stage.alice(&["run", "--", &mine]).code(), 126, "other content ran under the same name");
    stage.finish();
}

#[test]
fn a_script_whose_interpreter_is_not_fixed_is_refused() {
    let stage = Stage::new();
    stage.brevet.tool("loose", "#!/usr/bin/env sh\nid -u\n").unwrap();
    stage.brevet.tool("fixed", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ folder = \"TOOLS\" }}]\n", automatic("Tools")));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("fixed")]).stdout, "0\n");
    let output = stage.alice(&["run", "--", &stage.tool("loose")]);
    assert_eq!((output.code(), output.stdout.as_str()), (126, ""));
    assert!(output.stderr.contains("interpreter"), "{}", output.stderr);
    stage.finish();
}

#[test]
fn a_caller_in_another_namespace_is_refused() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    let socket = format!("BREVET_SOCKET={}", stage.brevet.socket.display());
    let brevet = stage.brevet.bin.join("brevet").to_string_lossy().into_owned();
    let inner = ["env", &socket, &brevet, "run", "--", &stage.tool("show")].map(str::to_owned);
    // WHY: from there root's socket seems to be nobody's, so `brevet` itself gives up before the broker can; a client that does not look is refused.
    let bold = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die $!; \
                my $m = '{\"ask\":\"list\"}'; syswrite(S, pack('NC', 1 + length $m, 0) . $m); while (sysread(S, my $b, 4096)) { print $b }";
    let mut user_namespace = stage.alice.command(Path::new("/usr/bin/unshare"));
    user_namespace.args(["--user", "--map-root-user", "/usr/bin/perl", "-e", bold]).arg(&stage.brevet.socket);
    let output = program::run(&mut user_namespace, SOON).unwrap();
    assert!(output.stdout.contains("refused") && output.stdout.contains("user namespace"), "{} {}", output.stdout, output.stderr);
    let mut outside = stage.alice.command(Path::new("/usr/bin/perl"));
    let output = program::run(outside.args(["-e", bold]).arg(&stage.brevet.socket), SOON).unwrap();
    assert!(output.stdout.contains("listed"), "the same client outside: {}", output.stdout);
    let mut mount_namespace = std::process::Command::new("/usr/bin/unshare");
    mount_namespace
        .args(["--mount", "setpriv", &format!("--reuid={}", stage.alice.uid), &format!("--regid={}", stage.alice.gid), "--init-groups"])
        .args(&inner);
    let output = program::run(&mut mount_namespace, SOON).unwrap();
    assert_eq!((output.code(), output.stdout.as_str()), (126, ""), "{}", output.stderr);
    assert!(output.stderr.contains("namespace"), "{}", output.stderr);
    stage.finish();
}

#[test]
fn what_cannot_be_enforced_is_refused_naming_the_field() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    let confined = format!(
        "{}applications = [{{ file = {:?} }}]\nelevation = {{ containment = \"confined\" }}\n",
        automatic("Confined"),
        stage.tool("show")
    );
    let refused = format!("{:#}", stage.brevet.apply(&confined).err().unwrap());
    assert!(refused.contains("elevation.containment"), "{refused}");
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).code(), 126);
    stage.finish();
}

#[test]
fn a_deny_beats_every_policy_that_allows() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).stdout, "0\n");
    stage.apply("[[policy]]\nname = \"Never\"\nmessage = \"forbidden by the auditors\"\nusers = \"all\"\ncomputers = \"all\"\nmode = \"deny\"\napplications = [{ file = \"TOOLS/show\" }]\n");
    let output = stage.alice(&["run", "--", &stage.tool("show")]);
    assert_eq!((output.code(), output.stdout.as_str()), (126, ""));
    stage.finish();
}
