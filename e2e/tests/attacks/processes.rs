//! The processes of Brevet and of a session, touched by their user.

use std::process::Stdio;

use brevet_e2e::{processes, program, wait};

use crate::stage::{SOON, Stage, automatic};

/// What a user may try on a process; prints each thing that worked.
const TOUCH: &str = r#"
    for my $pid (map { $_ + 0 } @ARGV) {
        print "$pid attach\n" if syscall(101, 16, $pid, 0, 0) == 0;
        print "$pid seize\n" if syscall(101, 0x4206, $pid, 0, 0) == 0;
        for my $name ('mem', 'environ', 'maps', 'stack', 'syscall', 'auxv') { print "$pid $name\n" if open(my $f, '<', "/proc/$pid/$name") }
        for my $name ('exe', 'cwd', 'root') { print "$pid $name\n" if defined readlink "/proc/$pid/$name" }
        print "$pid descriptors\n" if opendir(my $d, "/proc/$pid/fd");
        my $pidfd = syscall(434, $pid, 0);
        print "$pid takes a descriptor\n" if $pidfd >= 0 && syscall(438, $pidfd, 0, 0) >= 0;
        my $io = pack('Q2', 0x400000, 8);
        print "$pid read\n" if syscall(310, $pid, $io, 1, $io, 1, 0) > 0;
        next if $ENV{ONLY_LOOK};
        print "$pid $_\n" for grep { kill $_, $pid } 'STOP', 'CONT', 'TERM', 'INT', 'HUP', 'USR1', 'SEGV', 'ABRT', 'KILL';
        my $limit = pack('Q2', 4, 4);
        print "$pid limit\n" if syscall(302, $pid, 7, $limit, 0) == 0;
        print "$pid nice\n" if syscall(141, 0, $pid, 19) == 0;
    }
    print "over\n";
"#;

#[test]
fn its_user_can_neither_stop_nor_look_into_a_session_or_the_broker() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/tree\" }}]\nelevation = {{ grace = \"0s\" }}\n", automatic("Tree")));
    let mut child = stage.brevet.brevet(&stage.alice, &["run", "--", &stage.tool("tree")]);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut pids = stage.wait_tree(number);
    let ours = processes::running_from(&stage.brevet.bin);
    pids.extend(ours.into_iter().filter(|pid| processes::uid(*pid) == Some(0)));
    assert!(pids.len() >= 7, "broker, launcher, supervisor and the tree: {pids:?}");
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let output = stage.attack(TOUCH, &pids.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.stdout, "over\n", "{}", output.stderr);
    // The known victim: a process of her own. What is tried above works there.
    let mut own = stage.alice.command(std::path::Path::new("/usr/bin/sleep")).arg("30").spawn().unwrap();
    wait::until("it to be hers", SOON, || Ok((processes::uid(own.id()) == Some(stage.alice.uid)).then_some(()))).unwrap();
    let output = stage.attack(TOUCH, &[&own.id().to_string()]);
    for works in ["attach", "mem", "environ", "descriptors", "STOP", "KILL", "limit"] {
        assert!(output.stdout.contains(works), "the control did not show {works}: {}", output.stdout);
    }
    own.kill().unwrap();
    own.wait().unwrap();
    assert!(processes::with_argument(&number.to_string()).len() >= 4);
    let grant = stage.active_grant();
    assert_eq!(stage.alice(&["end", &grant]).code(), 0);
    stage.wait_no_tree(number, SOON);
    child.wait().unwrap();
    stage.finish();
}

#[test]
fn a_running_client_cannot_be_looked_into_by_another_program_of_its_user() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/tree\" }}]\nelevation = {{ grace = \"0s\" }}\n", automatic("Tree")));
    let mut child = stage.brevet.brevet(&stage.alice, &["run", "--", &stage.tool("tree")]);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    stage.wait_tree(number);
    let clients: Vec<u32> =
        processes::running_from(&stage.brevet.bin).into_iter().filter(|p| processes::uid(*p) == Some(stage.alice.uid)).collect();
    assert_eq!(clients.len(), 1);
    let mut look = stage.perl(&stage.alice, &format!("$ENV{{ONLY_LOOK}} = 1;{TOUCH}"), &[&clients[0].to_string()]);
    let output = program::run(&mut look, SOON).unwrap();
    assert_eq!(output.stdout, "over\n", "{}", output.stderr);
    // A client that is killed takes its session with it only as a terminal that hangs up would; the grant's end takes the rest.
    let grant = stage.active_grant();
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = stage.alice(&["end", &grant]);
    assert!(ended.code() == 0 || ended.stderr.contains("ended"), "{}", ended.stderr);
    stage.wait_no_tree(number, SOON);
    stage.finish();
}

#[test]
fn what_an_elevated_program_leaves_running_cannot_be_kept_by_holding_its_output() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/tree\" }}]\nrequest = {{ max_duration = \"4s\" }}\nelevation = {{ grace = \"1s\" }}\n",
        automatic("Tree")
    ));
    // The reader of the program's output never reads and never closes; another process holds the connection too.
    let script = r#"
        my ($tool) = @ARGV;
        pipe(my $reader, my $writer);
        my $s = dial();
        with_descriptors($s, frame(run_ask({}, $tool)), standard(1 => fileno $writer, 2 => fileno $s));
        for (1 .. 3) { fork or last }
        select undef, undef, undef, 20;
    "#;
    let mut holder = stage.perl(&stage.alice, script, &[&stage.tool("tree")]).stdin(Stdio::null()).spawn().unwrap();
    stage.wait_tree(number);
    stage.wait_no_tree(number, std::time::Duration::from_secs(10));
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    for left in processes::with_argument(&stage.tool("tree")) {
        program::system("kill", ["-KILL", &left.to_string()]).unwrap();
    }
    stage.finish();
}

#[test]
fn a_client_started_with_no_arguments_at_all_does_nothing() {
    let stage = Stage::new();
    let script = r#"
        my ($program) = @ARGV;
        my $none = pack('Q', 0);
        my $variable = "GCONV_PATH=/tmp/evil";
        my $environment = pack('PQ', $variable, 0);
        $program .= "\0";
        syscall(59, $program, $none, $environment);
        die "could not: $!";
    "#;
    let output = stage.attack(script, &[&stage.brevet.bin.join("brevet").to_string_lossy()]);
    assert!(output.code() != 0 && output.code() < 128, "{} {}", output.code(), output.stderr);
    assert!(!output.stderr.contains("could not"), "{}", output.stderr);
    stage.finish();
}
