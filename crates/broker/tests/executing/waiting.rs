//! The supervisor that waits for a session: what it makes ahead is used, is never out of date, and is nobody's afterwards.

use crate::authn::Account;
use crate::rig::{Rig, wait_until};
use brevet_broker::launcher::Client;
use brevet_broker::spec::SessionSpec;
use brevet_broker::supervisor::client::StartError;
use std::path::Path;
use std::sync::Arc;

/// `SCHED_OTHER` and `SCHED_IDLE` of `linux/sched.h`.
const NORMAL: &str = "0";
const IDLE: &str = "5";

/// A rig whose launcher makes a supervisor that waits, for an account's PAM service.
fn rig(account: &Account) -> Rig {
    let mut rig = Rig::new();
    let ahead = Some((account.service.as_str(), rig.directory.path()));
    let launcher = Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), ahead).unwrap();
    rig.launcher = Arc::new(launcher);
    rig
}

fn write(account: &Account, session: &str) {
    std::fs::write(account.path(), format!("auth required pam_permit.so\nsession required {session}\n")).unwrap();
}

fn spec(rig: &Rig, account: &Account, arguments: &[&str]) -> SessionSpec {
    let mut spec = rig.root(arguments);
    spec.pam_service = Some(account.service.clone());
    spec.target.name = account.name.clone();
    spec
}

/// Pids of supervisors that wait, by their directories.
fn waiting(rig: &Rig) -> Vec<i32> {
    let names = std::fs::read_dir(rig.directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix(".waiting-")?.parse().ok()).collect()
}

/// Makes one and waits until it has loaded what it can.
fn one_that_waits(rig: &Rig) -> i32 {
    rig.launcher.keep_waiting();
    let mut found = None;
    wait_until("a supervisor waits with PAM's modules loaded", || {
        found = waiting(rig).first().copied();
        found.is_some_and(|pid| std::fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains("pam_permit")))
    });
    found.unwrap()
}

/// Field 41 of `proc_pid_stat(5)`.
fn policy(pid: i32) -> String {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = line.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
    fields[41 - 3].to_owned()
}

#[test]
fn the_next_session_has_the_one_that_waits_and_its_program_runs_as_every_other() {
    let account = Account::new("w");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let pid = one_that_waits(&rig);
    assert_eq!(policy(pid), IDLE, "nobody waits for it");
    let spec = spec(&rig, &account, &["/bin/sleep", "1000"]);
    let running = rig.start(&spec);
    let identity = spec.state_directory.join("session.json");
    wait_until("its identity is written", || identity.exists());
    let identity: serde_json::Value = serde_json::from_slice(&std::fs::read(identity).unwrap()).unwrap();
    assert_eq!(identity["supervisor"], pid);
    assert_eq!((policy(pid).as_str(), policy(running.started.pid).as_str()), (NORMAL, NORMAL));
    assert!(waiting(&rig).is_empty());
    running.end();
    wait_until("nothing is left", || !spec.state_directory.exists());
}

#[test]
fn a_pam_service_that_changed_while_it_waited_is_read_anew() {
    let account = Account::new("c");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    one_that_waits(&rig);
    write(&account, "pam_deny.so");
    let spec = spec(&rig, &account, &["/bin/true"]);
    let refused = rig.prepare(&spec).err().unwrap();
    assert!(matches!(refused, StartError::Failed { step, .. } if step == "open the PAM session"));
    wait_until("nothing is left", || !spec.state_directory.exists() && waiting(&rig).is_empty());
}

#[test]
fn only_one_waits_and_it_goes_with_the_broker() {
    let account = Account::new("g");
    write(&account, "pam_permit.so");
    let mut rig = rig(&account);
    let pid = one_that_waits(&rig);
    rig.launcher.keep_waiting();
    assert_eq!(waiting(&rig), [pid]);
    rig.launcher = Arc::new(Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), None).unwrap());
    wait_until("it took back what it had made", || waiting(&rig).is_empty());
}

#[test]
fn two_wait_while_sessions_follow_each_other_closely_and_one_once_it_is_calm() {
    let account = Account::new("b");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    one_that_waits(&rig);
    wait_until("sessions followed each other closely enough", || {
        (0..2).for_each(|_| drop(rig.start(&spec(&rig, &account, &["/bin/true"])).ended()));
        rig.launcher.keep_waiting();
        waiting(&rig).len() == 2
    });
    wait_until("one is let go of", || {
        rig.launcher.rest();
        rig.launcher.keep_waiting();
        waiting(&rig).len() == 1
    });
}

#[test]
fn one_that_was_killed_is_no_loss() {
    let account = Account::new("k");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let pid = one_that_waits(&rig);
    assert!(brevet_sys::process::signal_if(pid, brevet_sys::signal::KILL, |_| true));
    wait_until("it is gone", || brevet_sys::process::stat(pid).map_or(true, |stat| stat.state == b'Z'));
    let spec = spec(&rig, &account, &["/bin/true"]);
    assert_eq!(rig.start(&spec).ended().exit, Some(brevet_broker::spec::Exit::Status(0)));
}
