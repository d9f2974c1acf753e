//! Asking, deciding, using.

use std::fs;

use brevet_e2e::{Terminal, wait};

use crate::stage::{SOON, Stage, on_request};

impl Stage {
    /// Starts `brevet run` with a reason on a terminal.
    fn ask(&self, arguments: &[&str]) -> Terminal {
        let line = format!("{} run --reason 'it is needed' --for 20m -- {}", self.brevet.bin.join("brevet").display(), arguments.join(" "));
        Terminal::start(&self.alice, &[("BREVET_SOCKET", &self.brevet.socket.to_string_lossy())], &line).unwrap()
    }

    fn may_ask_for(&self, tool: &str, more: &str) {
        self.brevet.tool(tool, "#!/bin/sh\necho \"$1 by $(id -u)\"\n").unwrap();
        self.apply(&format!("{}applications = [{{ file = \"TOOLS/{tool}\" }}]\n{more}", on_request("Ask")));
    }
}

#[test]
fn an_approved_command_starts_by_itself_for_the_time_that_was_given() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let mut terminal = stage.ask(&[&stage.tool("report"), "one"]);
    let request = stage.pending();
    let shown = stage.ctl(&["request", "show", &request]).stdout;
    assert!(shown.contains("it is needed") && shown.contains("report"), "{shown}");
    stage.ctl(&["request", "approve", &request, "--for", "5m"]);
    terminal.wait_for("one by 0", SOON).unwrap();
    assert!(terminal.wait_end(SOON).unwrap().success());
    let grants = stage.ctl_json(&["grant", "list"]);
    assert_eq!(grants["items"][0]["duration"], "5m");
    assert_eq!(
        stage.alice(&["run", "--reason", "again", "--", &stage.tool("report"), "one"]).stdout,
        "one by 0\n",
        "the grant is still good"
    );
    let output = stage.alice(&["run", "--no-wait", "--reason", "again", "--", &stage.tool("report"), "two"]);
    assert_eq!(output.code(), 75, "another argument needs another approval");
    stage.finish();
}

#[test]
fn the_user_reads_why_a_request_was_declined() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let mut terminal = stage.ask(&[&stage.tool("report")]);
    let request = stage.pending();
    stage.ctl(&["request", "decline", &request, "--comment", "not on a \x1b[31mFriday"]);
    let shown = terminal.wait_for("Friday", SOON).unwrap();
    assert!(!shown.contains("\x1b[31m"), "the comment reached the terminal unescaped");
    assert_eq!(terminal.wait_end(SOON).unwrap().code(), Some(126));
    stage.finish();
}

#[test]
fn ctrl_c_leaves_the_request_pending_and_withdraw_takes_it_back() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let mut terminal = stage.ask(&[&stage.tool("report")]);
    let request = stage.pending();
    terminal.wait_for(&request, SOON).unwrap();
    terminal.type_keys("\x03").unwrap();
    terminal.wait_for("brevet withdraw", SOON).unwrap();
    terminal.wait_end(SOON).unwrap();
    assert_eq!(stage.pending(), request);
    assert_eq!(stage.alice(&["withdraw", &request]).code(), 0);
    wait::until("the withdrawal on the server", SOON, || {
        Ok((stage.ctl_json(&["request", "show", &request])["state"] == "withdrawn").then_some(()))
    })
    .unwrap();
    let late = stage.brevet.ctl(&["request", "approve", &request]).unwrap();
    assert_ne!(late.code(), 0, "a withdrawn request was approved");
    stage.finish();
}

#[test]
fn without_waiting_the_request_is_printed_and_its_approval_is_used_later() {
    let stage = Stage::new();
    stage.may_ask_for("report", "request = { uses = \"once\" }\n");
    let output = stage.alice(&["run", "--no-wait", "--reason", "later", "--for", "10m", "--", &stage.tool("report"), "x"]);
    assert_eq!(output.code(), 75, "{}", output.stderr);
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let request = printed["request"].as_str().unwrap();
    assert_eq!(stage.pending(), request);
    stage.ctl(&["request", "approve", request]);
    let ran = wait::until("the grant", SOON, || {
        Ok(Some(stage.alice(&["run", "--no-wait", "--reason", "now", "--", &stage.tool("report"), "x"])).filter(|o| o.code() == 0))
    })
    .unwrap();
    assert_eq!(ran.stdout, "x by 0\n");
    let again = stage.alice(&["run", "--no-wait", "--reason", "now", "--", &stage.tool("report"), "x"]);
    assert_eq!(again.code(), 75, "a grant for one use was used twice");
    stage.finish();
}

#[test]
fn a_reason_that_is_needed_and_cannot_be_asked_for_is_a_refusal() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let output = stage.alice(&["run", "--", &stage.tool("report")]);
    assert_eq!(output.code(), 126);
    assert!(output.stderr.contains("--reason"), "{}", output.stderr);
    stage.finish();
}

#[test]
fn a_file_replaced_after_it_was_asked_for_does_not_run() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let output = stage.alice(&["run", "--no-wait", "--reason", "later", "--for", "10m", "--", &stage.tool("report"), "x"]);
    assert_eq!(output.code(), 75);
    let request = stage.pending();
    let new = stage.brevet.tools.join("report.new");
    fs::write(&new, "#!/bin/sh\necho replaced\n").unwrap();
    fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::rename(&new, stage.brevet.tools.join("report")).unwrap();
    stage.ctl(&["request", "approve", &request]);
    stage.brevet.wait_documents().unwrap();
    let output = stage.alice(&["run", "--no-wait", "--reason", "now", "--", &stage.tool("report"), "x"]);
    assert_eq!(output.code(), 75, "the new content was taken for the approved one: {}", output.stdout);
    assert!(!output.stdout.contains("replaced"));
    stage.finish();
}

#[test]
fn a_file_replaced_while_its_user_waits_does_not_run() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let mut terminal = stage.ask(&[&stage.tool("report"), "x"]);
    let request = stage.pending();
    fs::write(stage.brevet.tools.join("report"), "#!/bin/sh\necho replaced\n").unwrap();
    stage.ctl(&["request", "approve", &request]);
    assert_eq!(terminal.wait_end(SOON).unwrap().code(), Some(126), "{}", terminal.shown());
    assert!(!terminal.shown().contains("replaced"));
    stage.finish();
}

#[test]
fn nobody_decides_on_their_own_request() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    let me = stage.ctl_json(&["person", "list"])["items"][0]["name"].as_str().unwrap().to_owned();
    stage.ctl(&["person", "link", &me, &stage.alice.name]);
    let output = stage.alice(&["run", "--no-wait", "--reason", "later", "--", &stage.tool("report")]);
    assert_eq!(output.code(), 75);
    let request = stage.pending();
    let own = stage.brevet.ctl(&["request", "approve", &request]).unwrap();
    assert_ne!(own.code(), 0, "somebody approved their own request");
    assert!(own.stderr.contains("own"), "{}", own.stderr);
    assert_eq!(stage.pending(), request);
    stage.finish();
}

#[test]
fn a_request_that_nobody_decides_lapses() {
    let stage = Stage::new();
    stage.may_ask_for("report", "request = { lapses_after = \"3s\" }\n");
    let mut terminal = stage.ask(&[&stage.tool("report")]);
    let request = stage.pending();
    terminal.wait_for("lapsed", SOON).unwrap();
    assert_eq!(terminal.wait_end(SOON).unwrap().code(), Some(126));
    wait::until(
        "the lapse on the server",
        SOON,
        || Ok((stage.ctl_json(&["request", "show", &request])["state"] == "lapsed").then_some(())),
    )
    .unwrap();
    stage.finish();
}

#[test]
fn an_approver_cannot_give_more_than_was_asked() {
    let stage = Stage::new();
    stage.may_ask_for("report", "");
    assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "later", "--for", "10m", "--", &stage.tool("report")]).code(), 75);
    let request = stage.pending();
    assert_ne!(stage.brevet.ctl(&["request", "approve", &request, "--for", "2h"]).unwrap().code(), 0);
    assert_eq!(stage.pending(), request);
    let too_long = stage.alice(&["run", "--no-wait", "--reason", "x", "--for", "9h", "--", &stage.tool("report"), "other"]);
    assert_eq!(too_long.code(), 126, "more was asked for than the policy's maximum");
    stage.finish();
}
