//! The broker's socket, spoken to by somebody who does not keep to the protocol.

use std::time::Instant;

use brevet_e2e::{program, wait};

use crate::attacker::LONG;
use crate::stage::{SOON, Stage, automatic, person};

#[test]
fn what_is_no_message_is_not_answered_and_harms_nobody() {
    let stage = Stage::new();
    let script = r#"
        my $deep = '{"ask":' . ('[' x 200_000) . (']' x 200_000) . '}';
        my %sent = (
            zero_length => pack('N', 0), huge_length => pack('N', 0xffffffff), beyond_limit => pack('NC', (1 << 20) + 1, 0),
            terminal => pack('NC', 3, 1) . 'ab', kind => pack('NC', 3, 255) . 'ab', http => "GET / HTTP/1.1\r\n\r\n", empty => frame(''),
            number => frame('7'), null => frame('null'), nothing => frame('{}'), unknown => frame('{"ask":"become_root"}'), deep => frame($deep),
            twice => frame('{"ask":"list","ask":"lock"}'), more => frame('{"ask":"list","uid":0}'), trailing => frame('{"ask":"list"} {"ask":"lock"}'),
            bytes => frame("{\"ask\":\"\xff\xfe\"}"), withdraw => frame('{"ask":"withdraw","request":"../../../etc/passwd"}'),
            number_id => frame('{"ask":"end","grant":-1}'), nul => frame('{"ask":"run","command":["/bin/sh\u0000"],"environment":[]}'),
            wrapped => frame('{"ask":"run","command":[{"base64":"L2Jpbi9zaA=="}],"environment":[]}'),
            who => frame('{"ask":"run","command":["/usr/bin/id"],"environment":[],"user":"root","uid":0}'),
        );
        for my $name (sort keys %sent) {
            my $s = dial();
            with_descriptors($s, $sent{$name}, standard());
            shutdown($s, 1);
            my $answer = tells($s);
            print "$name: $answer\n" if $answer ne '';
        }
        print "done\n";
    "#;
    let output = stage.attack(script, &[]);
    assert_eq!(output.stdout, "done\n", "{}", output.stderr);
    stage.wants_service();
    stage.finish();
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    let stage = Stage::new();
    let before = stage.broker_descriptors();
    let script = r#"
        for (1 .. 200) {
            my $s = dial();
            with_descriptors($s, "\0", (fileno(STDIN)) x 200);
            with_descriptors($s, "\0", (fileno(STDIN)) x 200);
            push @open, $s if @open < 40;
        }
        print "done\n";
    "#;
    assert_eq!(stage.attack(script, &[]).stdout, "done\n");
    wait::until("descriptors to be closed", SOON, || Ok((stage.broker_descriptors() <= before + 2).then_some(()))).unwrap();
    stage.wants_service();
    stage.finish();
}

#[test]
fn a_thousand_silent_or_slow_connections_of_one_user_keep_nobody_else_out() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    let bob = person(&stage.brevet, "bob");
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/show\" }}]\n", automatic("Bob").replace("ALICE", &bob.name)));
    let before = stage.broker_descriptors();
    let script = r#"
        for (1 .. 1000) {
            my $s = eval { dial() } or next;
            syswrite($s, $_ % 2 ? '' : pack('NC', 100, 0));
            push @open, $s;
        }
        print "open\n";
        while (1) { for my $s (@open) { syswrite($s, 'x') } select(undef, undef, undef, 0.5); }
    "#;
    let mut flood = stage.perl(&stage.alice, script, &[]);
    let mut flood = flood.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = [0; 5];
    std::io::Read::read_exact(flood.stdout.as_mut().unwrap(), &mut line).unwrap();
    let most = stage.broker_descriptors();
    let start = Instant::now();
    for user in [&bob, &bob] {
        let output = stage.brevet.run_as(user, &["run", "--", &stage.tool("show")]).unwrap();
        assert_eq!(output.stdout, "0\n", "{}", output.stderr);
    }
    let took = start.elapsed();
    flood.kill().unwrap();
    flood.wait().unwrap();
    assert!(took < SOON, "{took:?}");
    assert!(most < before + 200, "{most} descriptors for one user's connections");
    wait::until("descriptors to be closed", SOON, || Ok((stage.broker_descriptors() <= before + 4).then_some(()))).unwrap();
    stage.wants_service();
    stage.finish();
}

#[test]
fn nobody_can_withdraw_or_end_or_see_what_is_somebody_elses() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    let number = stage.tree_tool("tree");
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/tree\" }}]\n{}applications = [{{ file = \"TOOLS/report\" }}]\n",
        automatic("Tree"),
        crate::stage::on_request("Ask")
    ));
    let bob = person(&stage.brevet, "bob");
    assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "secret reason", "--", &stage.tool("report")]).code(), 75);
    let request = stage.pending();
    let mut child = stage.brevet.brevet(&stage.alice, &["run", "--", &stage.tool("tree")]);
    let mut child = child.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).spawn().unwrap();
    stage.wait_tree(number);
    let grant = stage.active_grant();
    for (what, id) in [("withdraw", &request), ("end", &grant)] {
        let theirs = stage.brevet.run_as(&bob, &[what, id]).unwrap();
        assert_ne!(theirs.code(), 0);
        // WHY: one that never was must look the same, or ids could be guessed.
        let mut never = id.clone();
        let last = never.pop().unwrap();
        never.push(if last == 'a' { 'b' } else { 'a' });
        let unknown = stage.brevet.run_as(&bob, &[what, &never]).unwrap();
        assert_eq!(theirs.stderr.replace(id.as_str(), "ID"), unknown.stderr.replace(&never, "ID"));
    }
    for what in ["requests", "grants", "status"] {
        let shown = stage.brevet.run_as(&bob, &[what]).unwrap().stdout;
        assert!(!shown.contains("report") && !shown.contains("tree") && !shown.contains("secret reason"), "{shown}");
    }
    assert!(!brevet_e2e::processes::with_argument(&number.to_string()).is_empty(), "somebody else ended the session");
    assert_eq!(stage.alice(&["end", &grant]).code(), 0);
    child.wait().unwrap();
    assert_eq!(stage.alice(&["withdraw", &request]).code(), 0);
    stage.finish();
}

#[test]
fn a_request_full_of_control_characters_does_not_stop_the_journal() {
    let stage = Stage::new();
    stage.brevet.tool("length", "#!/bin/sh\nprintf %s \"$1\" | wc -c\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/length\" }}]\n", automatic("Length")));
    // WHY: each of these bytes is six in JSON; what a client may send just so must fit everywhere it is carried to.
    let script = r#"
        my ($tool, $length, $byte) = @ARGV;
        my $s = dial();
        pipe(my $reader, my $writer);
        with_descriptors($s, frame(run_ask({}, $tool, chr($byte) x $length)), standard(1 => fileno $writer));
        my $told = tells($s);
        close $writer;
        print <$reader>, $told;
    "#;
    for (length, byte) in [("100000", "1"), ("170000", "1"), ("130000", "65"), ("90000", "255")] {
        let output = stage.attack(script, &[&stage.tool("length"), length, byte]);
        let arrived = output.stdout.starts_with(&format!("{length}\n"));
        // An argument longer than the kernel takes is said to be one; nothing in between.
        assert!(arrived || output.stdout.contains("because") || output.stdout.contains("refused"), "{length}: {}", output.stdout);
    }
    stage.brevet.tool("after", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/after\" }}]\n", automatic("After")));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("after")]).stdout, "0\n");
    stage.brevet.wait_event("session.started", |e| e.to_string().contains("/after")).unwrap();
    stage.finish();
}

#[test]
fn what_is_too_large_or_not_there_is_refused_with_a_reason() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    let script = r#"
        my ($tool) = @ARGV;
        my $variables = sub { '[' . join(',', map { "[\"N$_\",\"" . ('v' x $_[1]) . '"]' } 1 .. $_[0]) . ']' };
        my @asks = (
            [none => '{"ask":"run","command":[],"environment":[]}'],
            [empty => run_ask({}, '')],
            [slash => run_ask({}, '/')],
            [directory => run_ask({}, '/usr/bin')],
            [long_path => run_ask({}, '/' . ('a/' x 3000))],
            [arguments => run_ask({}, $tool, ('a' x 1000) x 300)],
            [variables => run_ask({ environment => $variables->(257, 1) }, $tool)],
            [environment => run_ask({ environment => $variables->(200, 400) }, $tool)],
            [reason => run_ask({ reason => '"' . ('r' x 1001) . '"' }, $tool)],
            [ticket => run_ask({ ticket => '"' . ('t' x 201) . '"' }, $tool)],
        );
        for (@asks) {
            my ($name, $ask) = @$_;
            my $s = dial();
            with_descriptors($s, frame($ask), standard());
            print "$name: ", tells($s) || "silence\n";
        }
        for my $count (0, 1, 3) {
            my $s = dial();
            my @four = standard();
            $count ? with_descriptors($s, frame(run_ask({}, $tool)), @four[0 .. $count - 1]) : syswrite($s, frame(run_ask({}, $tool)));
            print "descriptors $count: ", tells($s) || "silence\n";
        }
    "#;
    let output = program::run(&mut stage.perl(&stage.alice, script, &[&stage.tool("show")]), LONG).unwrap();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 13, "{}", output.stdout);
    for line in lines {
        assert!(line.contains("\"tell\":\"refused\"") && line.contains("\"reason\":\""), "{line}");
    }
    stage.wants_service();
    stage.finish();
}
