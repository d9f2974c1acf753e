//! Pretending to be somebody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use brevet_e2e::{program, wait};

use crate::stage::{SOON, Stage, automatic, on_request, person};

#[test]
fn a_new_account_with_an_old_number_inherits_nothing() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.brevet.tool("daily", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/report\" }}]\n{}applications = [{{ file = \"TOOLS/daily\" }}]\n",
        on_request("Ask"),
        automatic("Daily")
    ));
    assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "x", "--", &stage.tool("report")]).code(), 75);
    let request = stage.pending();
    stage.ctl(&["request", "approve", &request]);
    wait::until("the grant here", SOON, || Ok(stage.alice(&["grants"]).stdout.contains("issued").then_some(()))).unwrap();
    assert_eq!(stage.alice(&["run", "--", &stage.tool("daily")]).stdout, "0\n");
    let mallory = format!("mallory-{}", stage.brevet.tag);
    stage.brevet.record.will_make(brevet_e2e::record::Made::User { name: mallory.clone() }).unwrap();
    program::system("usermod", ["--login", &mallory, &stage.alice.name]).unwrap();
    // WHY: names that were looked up count for a minute at most.
    let both = ["report", "daily"].map(|name| stage.tool(name));
    wait::until("the new name to count", std::time::Duration::from_secs(75), || {
        Ok(both.iter().all(|tool| stage.alice(&["run", "--no-wait", "--reason", "x", "--", tool]).code() == 126).then_some(()))
    })
    .unwrap();
    stage.finish();
}

#[test]
fn who_asks_stays_who_connected_although_it_becomes_a_program_of_roots() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    let bob = person(&stage.brevet, "bob");
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/show\" }}]\n", automatic("Bob").replace("ALICE", &bob.name)));
    assert_eq!(stage.brevet.run_as(&bob, &["run", "--", &stage.tool("show")]).unwrap().stdout, "0\n");
    // A program of root's and one of bob's that anyone may run as them, for as long as this test.
    for (name, owner) in [("as-root", 0), ("as-bob", bob.uid)] {
        let path = stage.brevet.tools.join(name);
        fs::copy("/usr/bin/sleep", &path).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    }
    let script = r#"
        my ($tools) = @ARGV;
        for my $become ('as-root', 'as-bob') {
            my $asks = fork // die;
            if ($asks) {
                # The process that connected becomes somebody else's program; its child asks.
                my $becomes = $$;
                my $helper = fork // die;
                if ($helper) { waitpid $helper, 0; next }
                # The connection has to be this process's own.
                my $own = dial();
                fcntl($own, 2, 0);
                my $speaker = fork // die;
                if (!$speaker) {
                    select undef, undef, undef, 0.4;
                    my ($uid) = map { /^Uid:\s+\d+\s+(\d+)/ ? $1 : () } do { open my $f, '<', '/proc/' . getppid() . '/status'; <$f> };
                    pipe(my $reader, my $writer);
                    with_descriptors($own, frame(run_ask({}, "$tools/show")), standard(1 => fileno $writer));
                    my $told = tells($own);
                    close $writer;
                    print "$become is $uid: ", <$reader>, $told;
                    exit;
                }
                exec "$tools/$become", '2';
            }
            exit;
        }
    "#;
    let output = stage.attack(script, &[&stage.brevet.tools.to_string_lossy()]);
    assert!(output.stdout.contains("as-root is 0:") && output.stdout.contains(&format!("as-bob is {}:", bob.uid)), "{}", output.stdout);
    assert_eq!(output.stdout.matches("\"tell\":\"refused\"").count(), 2, "{}", output.stdout);
    assert!(!output.stdout.contains("started"), "{}", output.stdout);
    for name in ["as-root", "as-bob"] {
        fs::remove_file(stage.brevet.tools.join(name)).unwrap();
    }
    stage.finish();
}

#[test]
fn no_spelling_of_a_target_user_is_another_one() {
    let stage = Stage::new();
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/id\" }}]\nelevation = {{ run_as = \"daemon\" }}\n", automatic("Daemon")));
    assert_eq!(stage.alice(&["run", "--", "/usr/bin/id", "-un"]).stdout, "daemon\n");
    assert_eq!(stage.alice(&["run", "--as", "daemon", "--", "/usr/bin/id", "-un"]).stdout, "daemon\n");
    for name in [
        "root",
        "",
        "0",
        "#0",
        "#-1",
        "-1",
        "4294967295",
        "4294967296",
        "2147483648",
        "daemon ",
        "daemon\n",
        "DAEMON",
        "daemon:root",
        "../root",
        "nobody",
        "0day",
        "dаemon",
    ] {
        let output = stage.alice(&["run", &format!("--as={name}"), "--", "/usr/bin/id", "-un"]);
        assert_ne!(output.code(), 0, "{name:?}");
        assert_eq!(output.stdout, "", "{name:?}");
    }
    stage.finish();
}

#[test]
fn a_socket_that_is_not_roots_is_not_believed() {
    let stage = Stage::new();
    let bob = person(&stage.brevet, "bob");
    // Bob plays the broker, and would take alice's descriptors and answer "approved".
    let script = r#"
        use Socket;
        my ($path) = @ARGV;
        socket(my $l, AF_UNIX, SOCK_STREAM, 0); bind($l, sockaddr_un($path)) or die $!; listen($l, 5); chmod 0777, $path;
        print "ready\n";
        accept(my $s, $l) or die; print "called\n";
    "#;
    let path = format!("/tmp/false-{}.sock", stage.brevet.tag);
    stage.brevet.record.will_make(brevet_e2e::record::Made::Path { path: path.clone().into() }).unwrap();
    let mut broker = stage.perl(&bob, script, &[&path]);
    let mut broker = broker.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    wait::until("the false broker", SOON, || Ok(Path::new(&path).exists().then_some(()))).unwrap();
    for arguments in [&["run", "--", "/usr/bin/id"][..], &["list"]] {
        let mut command = stage.alice.command(Path::new("/usr/bin/env"));
        command.arg(format!("BREVET_SOCKET={path}")).arg(stage.brevet.bin.join("brevet")).args(arguments);
        let output = program::run(&mut command, SOON).unwrap();
        assert_eq!(output.code(), 125, "{}", output.stderr);
        assert!(output.stderr.contains("root"), "{}", output.stderr);
    }
    broker.kill().unwrap();
    broker.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(broker.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(said, "ready\n", "the client called before it knew whom");
    stage.finish();
}

#[test]
fn nobody_can_put_a_socket_or_a_file_where_the_brokers_are() {
    let stage = Stage::new();
    let folder = stage.brevet.socket.parent().unwrap().to_string_lossy().into_owned();
    let state = stage.brevet.broker_state().to_string_lossy().into_owned();
    let script = "cd \"$1\" && { mv broker.sock x; rm -f broker.sock agent.sock; touch x; ln -s /etc/shadow y; }; cat \"$2\"/* \"$2\"/../*/*.key; ls \"$2\"; echo over";
    let mut command = stage.alice.command(Path::new("/bin/sh"));
    let output = program::run(command.args(["-c", script, "sh", &folder, &state]), SOON).unwrap();
    assert_eq!(output.stdout, "over\n", "{}", output.stderr);
    stage.wants_service();
    stage.finish();
}
