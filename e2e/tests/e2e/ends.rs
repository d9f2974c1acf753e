//! Every way in which rights end, and what is left of their processes: nothing.

use std::process::{Child, Stdio};
use std::time::Duration;

use brevet_e2e::{processes, wait};

use crate::stage::{SOON, Stage, automatic};

impl Stage {
    /// Starts `brevet run` as alice in the background, without a terminal.
    fn start(&self, tool: &str) -> Child {
        self.brevet
            .brevet(&self.alice, &["run", "--", &self.tool(tool)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn active_grant(&self) -> String {
        wait::until("an active grant on the server", SOON, || {
            Ok(self.ctl_json(&["grant", "list", "--state", "active"])["items"][0]["id"].as_str().map(str::to_owned))
        })
        .unwrap()
    }

    fn allow_tree(&self, tool: &str, more: &str) {
        self.apply(&format!("{}applications = [{{ file = \"TOOLS/{tool}\" }}]\n{more}", automatic("Tree")));
    }
}

#[test]
fn at_expiry_the_whole_tree_is_gone_daemons_too() {
    for containment in ["cgroup", "pid_namespace"] {
        let stage = Stage::new();
        let number = stage.tree_tool("tree");
        stage.allow_tree(
            "tree",
            &format!("request = {{ max_duration = \"5s\" }}\nelevation = {{ containment = \"{containment}\", grace = \"1s\" }}\n"),
        );
        let mut child = stage.start("tree");
        let pids = stage.wait_tree(number);
        assert!(pids.iter().all(|p| processes::uid(*p) == Some(0)));
        stage.wait_no_tree(number, Duration::from_secs(12));
        assert_ne!(child.wait().unwrap().code(), Some(0));
        stage.brevet.wait_event("session.ended", |_| true).unwrap();
        stage.brevet.wait_event("grant.expired", |_| true).unwrap();
        stage.finish();
    }
}

#[test]
fn while_a_session_runs_the_server_is_told_how_many_processes_it_has() {
    for containment in ["cgroup", "pid_namespace"] {
        let stage = Stage::new();
        let number = stage.tree_tool("tree");
        stage.allow_tree("tree", &format!("elevation = {{ containment = \"{containment}\", grace = \"0s\" }}\n"));
        let mut child = stage.start("tree");
        let pids = stage.wait_tree(number);
        let told = || stage.ctl_json(&["session", "list", "--state", "started"])["items"][0]["processes"].as_u64();
        wait::until("the number of processes", 2 * SOON, || Ok((told() == Some(pids.len() as u64)).then_some(()))).unwrap();
        stage.ctl(&["grant", "revoke", &stage.active_grant(), "--yes"]);
        stage.wait_no_tree(number, Duration::from_secs(12));
        let _status = child.wait().unwrap();
        stage.brevet.wait_event("session.ended", |_| true).unwrap();
        assert_eq!(stage.ctl_json(&["session", "list"])["items"][0]["processes"], serde_json::Value::Null);
        stage.finish();
    }
}

#[test]
fn when_a_fixed_validity_is_over_what_runs_ends_and_nothing_starts_until_it_is_renewed() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "validity = { kind = \"fixed\", duration = \"6s\", from = \"first_use\" }\nelevation = { grace = \"1s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    stage.wait_no_tree(number, Duration::from_secs(12));
    child.wait().unwrap();
    let output = stage.alice(&["run", "--", &stage.tool("tree")]);
    assert_eq!(output.code(), 126);
    assert!(output.stderr.contains("Tree"), "{}", output.stderr);
    stage.ctl(&["policy", "renew", "Tree", "--yes"]);
    stage.brevet.wait_documents().unwrap();
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    stage.wait_no_tree(number, Duration::from_secs(12));
    child.wait().unwrap();
    stage.finish();
}

#[test]
fn an_extended_grant_lasts_longer_and_no_longer() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/tree\" }}]\nelevation = {{ grace = \"1s\" }}\n",
        crate::stage::on_request("Ask")
    ));
    let mut child = stage
        .brevet
        .brevet(&stage.alice, &["run", "--reason", "x", "--for", "5s", "--", &stage.tool("tree")])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    stage.ctl(&["request", "approve", &stage.pending()]);
    stage.wait_tree(number);
    let grant = stage.active_grant();
    stage.ctl(&["grant", "extend", &grant, "--by", "6s"]);
    stage.brevet.wait_documents().unwrap();
    let started = std::time::Instant::now();
    stage.wait_no_tree(number, Duration::from_secs(20));
    assert!(started.elapsed() > Duration::from_secs(5), "the extension was not obeyed");
    child.wait().unwrap();
    assert_eq!(stage.ctl_json(&["grant", "show", &grant])["duration"], "11s");
    stage.finish();
}

#[test]
fn a_process_that_left_its_control_group_dies_with_its_session() {
    let stage = Stage::new();
    let number = stage.tree_tool("plain");
    let mount = brevet_e2e::record::cgroup_mount().unwrap();
    let text = format!(
        "#!/bin/sh\n(echo 0 > {}/cgroup.procs; sleep {number} & setsid sleep {number} & sleep {number}) &\nexec sleep {number}\n",
        mount.display()
    );
    stage.brevet.tool("escape", &text).unwrap();
    stage.allow_tree("escape", "request = { max_duration = \"5s\" }\nelevation = { grace = \"1s\" }\n");
    let mut child = stage.start("escape");
    stage.wait_tree(number);
    stage.wait_no_tree(number, Duration::from_secs(12));
    child.wait().unwrap();
    stage.finish();
}

#[test]
fn a_revocation_ends_the_tree_and_the_receipt_says_how_many() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "elevation = { grace = \"0s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    let grant = stage.active_grant();
    stage.ctl(&["grant", "revoke", &grant, "--comment", "enough", "--yes"]);
    stage.wait_no_tree(number, SOON);
    child.wait().unwrap();
    let ended = wait::until("the receipt", SOON, || {
        let grant = stage.ctl_json(&["grant", "show", &grant]);
        let revocation =
            grant["deliveries"].as_array().and_then(|all| all.iter().find(|d| d["document"] == "revocation")).cloned().unwrap_or_default();
        Ok(revocation["processes_ended"].as_u64())
    });
    assert!(ended.unwrap() >= 4);
    stage.ctl(&["grant", "revoke", &grant, "--yes"]);
    stage.finish();
}

#[test]
fn a_disabled_policy_ends_what_runs_under_it() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "elevation = { grace = \"1s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    stage.active_grant();
    stage.ctl(&["policy", "disable", "Tree", "--yes"]);
    stage.wait_no_tree(number, SOON);
    child.wait().unwrap();
    stage.brevet.wait_event("grant.revoked", |_| true).unwrap();
    stage.finish();
}

#[test]
fn its_user_can_end_a_grant() {
    let stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "elevation = { grace = \"1s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    let grant = stage.active_grant();
    assert!(stage.alice(&["grants"]).stdout.contains(&grant));
    assert_eq!(stage.alice(&["end", &grant]).code(), 0);
    stage.wait_no_tree(number, SOON);
    child.wait().unwrap();
    stage.brevet.wait_event("grant.finished", |_| true).unwrap();
    stage.finish();
}

#[test]
fn a_session_outlives_the_broker_and_its_deadline_holds() {
    let mut stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "request = { max_duration = \"9s\" }\nelevation = { grace = \"1s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    stage.brevet.stop_part("brevet-broker", "KILL").unwrap();
    assert!(processes::with_argument(&number.to_string()).len() >= 4, "the session ended with the broker");
    stage.brevet.start_broker().unwrap();
    assert!(stage.alice(&["grants"]).stdout.contains("active"));
    stage.wait_no_tree(number, Duration::from_secs(15));
    child.wait().unwrap();
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    stage.finish();
}

#[test]
fn a_session_that_ends_while_no_broker_runs_is_recorded_by_the_next() {
    let mut stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.allow_tree("tree", "request = { max_duration = \"5s\" }\nelevation = { grace = \"1s\" }\n");
    let mut child = stage.start("tree");
    stage.wait_tree(number);
    stage.brevet.stop_part("brevet-broker", "KILL").unwrap();
    stage.wait_no_tree(number, Duration::from_secs(12));
    child.wait().unwrap();
    stage.brevet.start_broker().unwrap();
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    stage.finish();
}
