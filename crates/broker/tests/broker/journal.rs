//! The journal on disk: tampered with, torn, and who else may hold it.

use std::fs;
use std::path::PathBuf;

use crate::agent::Agent;
use crate::client::{Client, run};
use crate::computer::Computer;
use crate::user::TestUser;

fn segment(computer: &Computer) -> PathBuf {
    let mut found: Vec<_> = fs::read_dir(computer.broker_directory().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found.pop().unwrap()
}

/// A computer with a few records, stopped.
fn stopped() -> Computer {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    for _ in 0..3 {
        Client::start(&computer, &user, run(&["true"])).expect_refused();
    }
    computer.stop();
    computer
}

#[test]
fn a_journal_that_was_changed_keeps_the_broker_from_starting_and_says_where() {
    for change in [
        |text: String| text.replacen("no_policy", "no_police", 1),
        |text: String| text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| format!("{l}\n")).collect(),
        |text: String| {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.swap(1, 2);
            lines.join("\n") + "\n"
        },
        |text: String| format!("{text}not a record\n"),
    ] {
        let mut computer = stopped();
        let path = segment(&computer);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        let said = computer.try_start().unwrap_err();
        assert!(said.contains("the journal is damaged at") && said.contains("line"), "{said}");
    }
}

#[test]
fn a_journal_that_lost_what_the_server_acknowledged_keeps_the_broker_from_starting() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let agent = Agent::connect(&computer);
    Client::start(&computer, &user, run(&["true"])).expect_refused();
    agent.wait_kind("launch.refused");
    let acknowledged = || std::fs::read_to_string(computer.broker_directory().join("documents/position.json")).unwrap_or_default();
    crate::computer::eventually("the acknowledgement is kept", || acknowledged().contains("\"acknowledged\":3"));
    drop(agent);
    computer.stop();
    let path = segment(&computer);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{}\n", text.lines().next().unwrap())).unwrap();
    let said = computer.try_start().unwrap_err();
    assert!(said.contains("the server has acknowledged 3"), "{said}");
}

#[test]
fn a_torn_end_is_cut_and_said_so() {
    let mut computer = stopped();
    let path = segment(&computer);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    computer.start();
    let agent = Agent::connect(&computer);
    let bytes = agent.wait_record("journal.repaired", |body| match body {
        brevet_core::record::Body::JournalRepaired(repaired) => Some(repaired.bytes),
        _ => None,
    });
    assert!(bytes > 100);
    assert_eq!(agent.kinds()[..3], ["broker.started", "computer.facts", "launch.refused"]);
}

#[test]
fn a_second_broker_on_the_same_state_does_not_start() {
    let mut computer = Computer::enrolled();
    computer.start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_brevet-broker"))
        .arg("--config")
        .arg(computer.directory.path().join("agent.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("another broker runs"), "{said}");
}

#[test]
fn a_computer_that_is_not_enrolled_says_what_to_do() {
    let mut computer = Computer::enrolled();
    fs::remove_file(computer.broker_directory().join("identity.json")).unwrap();
    let said = computer.try_start().unwrap_err();
    assert!(said.contains("brevetd enrol"), "{said}");
}

#[test]
fn a_configuration_that_somebody_else_can_write_is_not_used() {
    let mut computer = Computer::enrolled();
    std::os::unix::fs::chown(computer.directory.path().join("agent.toml"), Some(4242), None).unwrap();
    let said = computer.try_start().unwrap_err();
    assert!(said.contains("must be root's alone"), "{said}");
}
