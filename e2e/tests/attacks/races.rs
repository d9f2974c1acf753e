//! Two at once, and just too late.

use brevet_e2e::wait;

use crate::stage::{SOON, Stage, automatic, on_request};

#[test]
fn of_ten_that_run_for_one_use_exactly_one_starts() {
    let stage = Stage::new();
    let log = stage.brevet.tools.join("log");
    stage.brevet.tool("once", &format!("#!/bin/sh\necho run >> {}\n", log.display())).unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/once\" }}]\nrequest = {{ uses = \"once\" }}\n", on_request("Once")));
    let once = stage.tool("once");
    assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "x", "--", &once]).code(), 75);
    let request = stage.pending();
    stage.ctl(&["request", "approve", &request]);
    wait::until("the grant here", SOON, || Ok(stage.alice(&["grants"]).stdout.contains("issued").then_some(()))).unwrap();
    let script = r#"
        my ($tool) = @ARGV;
        pipe(my $hold, my $go);
        for (1 .. 10) {
            next if fork;
            close $go;
            my $s = dial();
            my @four = standard();
            my $bytes = frame(run_ask({ no_wait => 'true', reason => '"again"' }, $tool));
            sysread($hold, my $byte, 1);
            with_descriptors($s, $bytes, @four);
            my $told = tells($s);
            print $told =~ /"tell":"started"/ ? "started\n" : $told =~ /"tell":"pending"/ ? "pending\n" : $told;
            exit;
        }
        close $hold;
        select undef, undef, undef, 0.3;
        close $go;
        1 while wait > 0;
    "#;
    let output = stage.attack(script, &[&once]);
    assert_eq!(output.stdout.matches("started").count(), 1, "{}", output.stdout);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "run\n");
    stage.finish();
}

#[test]
fn a_client_that_dies_at_any_moment_leaves_nothing_running_and_nobody_elses_rights() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    let marker = stage.brevet.tools.join("marker");
    stage.brevet.tool("not-allowed", &format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/tree\" }}]\nrequest = {{ max_duration = \"4s\" }}\nelevation = {{ grace = \"0s\" }}\n",
        automatic("Tree")
    ));
    let script = r#"
        my ($refused, $tree) = @ARGV;
        for my $micros (map { $_ * 300 } 0 .. 40) {
            my $child = fork // die;
            if (!$child) {
                my $s = dial();
                with_descriptors($s, frame(run_ask({}, $micros % 600 ? $refused : $tree)), standard());
                select undef, undef, undef, 5;
                exit;
            }
            select undef, undef, undef, $micros / 1e6 + 0.001;
            kill 'KILL', $child;
            waitpid $child, 0;
        }
        print "over\n";
    "#;
    let output = stage.attack(script, &[&stage.tool("not-allowed"), &stage.tool("tree")]);
    assert_eq!(output.stdout, "over\n", "{}", output.stderr);
    assert!(!marker.exists(), "what nobody allowed ran");
    stage.wait_no_tree(number, std::time::Duration::from_secs(15));
    stage.wants_service();
    stage.finish();
}

#[test]
fn an_approval_that_meets_a_withdrawal_gives_either_a_grant_or_none_but_never_both() {
    let stage = Stage::new();
    let log = stage.brevet.tools.join("log");
    stage.brevet.tool("report", &format!("#!/bin/sh\necho $1 >> {}\n", log.display())).unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", on_request("Ask")));
    let mut refused_before = 0;
    for turn in 0..4 {
        let word = format!("turn{turn}");
        assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "x", "--", &stage.tool("report"), &word]).code(), 75);
        let request = stage.pending();
        let withdraw = stage.brevet.brevet(&stage.alice, &["withdraw", &request]).stderr(std::process::Stdio::null()).spawn();
        let approved = stage.brevet.ctl(&["request", "approve", &request]).unwrap();
        let withdrawn = withdraw.unwrap().wait().unwrap();
        if withdrawn.success() {
            // WHY: the approval may have been given on the server before it knew; then its document meets a closed request here.
            if approved.code() == 0 {
                let refused = refused_before + 1;
                wait::until("the grant to be refused", SOON, || {
                    Ok((stage.brevet.events("document.refused")?.len() >= refused).then_some(()))
                })
                .unwrap();
                refused_before = refused;
            }
            let again = stage.alice(&["run", "--no-wait", "--reason", "x", "--", &stage.tool("report"), &word]);
            assert_eq!(again.code(), 75, "a withdrawn request was used: {} {}", again.stdout, again.stderr);
            assert!(!std::fs::read_to_string(&log).unwrap_or_default().contains(&word));
            let second = stage.pending();
            assert_eq!(stage.alice(&["withdraw", &second]).code(), 0);
            wait::until("the second to be closed", SOON, || {
                Ok((stage.ctl_json(&["request", "show", &second])["state"] != "pending").then_some(()))
            })
            .unwrap();
        } else {
            assert_eq!(approved.code(), 0, "neither was done: {}", approved.stderr);
            wait::until("the grant here", SOON, || Ok(stage.alice(&["grants"]).stdout.contains(&word).then_some(()))).unwrap();
        }
    }
    stage.finish();
}
