//! On a real terminal: questions, passwords, pipes.

use std::fs;

use brevet_e2e::Terminal;

use crate::stage::{PASSWORD, SOON, Stage, automatic, on_request};

impl Stage {
    fn terminal(&self, command_line: &str) -> Terminal {
        let line = command_line.replace("brevet ", &format!("{} ", self.brevet.bin.join("brevet").display()));
        Terminal::start(&self.alice, &[("BREVET_SOCKET", &self.brevet.socket.to_string_lossy())], &line).unwrap()
    }
}

#[test]
fn a_pipe_into_an_elevated_program_works_from_a_terminal() {
    let stage = Stage::new();
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/tee\" }}]\n", automatic("Tee")));
    let target = stage.brevet.tools.join("written");
    let mut terminal = stage.terminal(&format!("echo x | brevet run tee {}", target.display()));
    assert!(terminal.wait_end(SOON).unwrap().success(), "{}", terminal.shown());
    assert_eq!(fs::read_to_string(&target).unwrap(), "x\n");
    assert!(terminal.shown().contains('x'));
    stage.finish();
}

#[test]
fn the_questions_are_asked_on_the_terminal_and_the_answers_reach_the_approver() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\ntty; id -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", on_request("Ask")));
    let mut terminal = stage.terminal(&format!("brevet run {}", stage.tool("report")));
    terminal.wait_for("eason", SOON).unwrap();
    terminal.type_keys("because of\tMonday\r").unwrap();
    terminal.wait_for("how long", SOON).unwrap();
    terminal.type_keys("7m\r").unwrap();
    let request = stage.pending();
    let item = stage.ctl_json(&["request", "show", &request]);
    assert_eq!(item["duration"], "7m", "{item}");
    assert!(item["reason"].as_str().unwrap().contains("Monday"));
    stage.ctl(&["request", "approve", &request]);
    let shown = terminal.wait_for("/dev/pts/", SOON).unwrap();
    terminal.wait_end(SOON).unwrap();
    assert!(shown.contains(item["code"].as_str().unwrap_or("no code")), "the user and the approver see different codes");
    stage.finish();
}

#[test]
fn a_password_is_asked_for_hidden_and_remembered_for_its_time() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply("[[policy]]\nname = \"Password\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"automatic\"\nremember = \"5m\"\nauthentication = \"password\"\napplications = [{ file = \"TOOLS/show\" }]\n");
    let show = stage.tool("show");
    let mut terminal = stage.terminal(&format!("brevet run {show}; brevet run {show}; echo done"));
    terminal.wait_for("assword", SOON).unwrap();
    terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
    let shown = terminal.wait_for("done", SOON).unwrap();
    assert!(!shown.contains(PASSWORD), "the password was echoed");
    assert_eq!(shown.matches("assword").count(), 1, "{shown}");
    assert_eq!(shown.lines().filter(|l| l.trim() == "0").count(), 2, "{shown}");
    let output = stage.alice(&["run", "--", &show]);
    assert_eq!(output.code(), 126, "another session used what this one proved");
    stage.finish();
}

#[test]
fn wrong_passwords_are_bounded_and_recorded() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply("[[policy]]\nname = \"Password\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"automatic\"\nauthentication = \"password\"\napplications = [{ file = \"TOOLS/show\" }]\n");
    let mut terminal = stage.terminal(&format!("brevet run {}", stage.tool("show")));
    for attempt in 1..=3 {
        brevet_e2e::wait::until("the prompt", SOON, || Ok((terminal.shown().matches("assword:").count() >= attempt).then_some(())))
            .unwrap();
        terminal.type_keys("wrong\r").unwrap();
    }
    assert_eq!(terminal.wait_end(SOON).unwrap().code(), Some(126), "{}", terminal.shown());
    stage.brevet.wait_event("authentication.failed", |_| true).unwrap();
    stage.finish();
}

#[test]
fn a_program_on_its_own_terminal_cannot_type_into_the_callers() {
    let stage = Stage::new();
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/perl\" }}]\n", automatic("Perl")));
    let inject = "perl -e 'ioctl(STDIN, 0x5412, $_) for split //, \"echo injected\\n\"'";
    let mut terminal = stage.terminal(&format!("brevet run {inject}; read -t 1 line; echo \"line=[$line]\""));
    let shown = terminal.wait_for("line=[", SOON).unwrap();
    assert!(!shown.contains("line=[echo injected"), "{shown}");
    terminal.wait_end(SOON).unwrap();
    stage.finish();
}
