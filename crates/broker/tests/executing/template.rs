//! Supervisors that are copies of one that loaded everything: as good as those that were executed, and of nothing that is out of date.

use crate::authn::Account;
use crate::rig::{Rig, wait_until};
use crate::waiting::{IDLE, NORMAL, awaited, members, one_that_waits, policy, rig, spec, waiting, write};
use brevet_broker::launcher::Client;
use brevet_broker::spec::{Containment, Exit, SessionSpec, Terminal};
use brevet_broker::supervisor::client::StartError;
use brevet_sys::process::{self, Stat};
use std::path::Path;
use std::sync::Arc;

fn words(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).split_terminator('\0').map(str::to_owned).collect()
}

/// The one of which a supervisor is a copy.
fn template_of(pid: i32) -> Option<i32> {
    let parent = process::stat(pid).ok()?.parent;
    words(parent).get(1).is_some_and(|role| role == "supervisor").then_some(parent)
}

/// Has sessions follow each other until two copies wait.
fn copies(rig: &Rig, account: &Account, containment: Containment) -> Vec<i32> {
    for _ in 0..3 {
        for _ in 0..30 {
            drop(rig.start(&spec(rig, account, &["/bin/true"])).ended());
            rig.launcher.keep_waiting(containment);
            let found = waiting(rig);
            if found.len() == 2 && found.iter().all(|pid| template_of(*pid).is_some()) {
                return found;
            }
        }
        // On a busy computer the template may have taken too long: there is another one once it is calm.
        wait_until("it is calm", || rig.launcher.rest().is_none());
    }
    panic!("no copies wait");
}

fn is_gone(pid: i32) -> bool {
    process::stat(pid).map_or(true, |stat| stat.state == b'Z')
}

#[test]
fn a_copys_program_runs_as_every_other() {
    let account = Account::new("l");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let first = one_that_waits(&rig);
    assert_eq!(template_of(first), None, "at rest one is executed");
    let open = |pid: i32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let open_there = open(first);
    let copies = copies(&rig, &account, Containment::Cgroup);
    assert!(copies.iter().all(|pid| policy(*pid) == IDLE), "nobody waits for them");
    wait_until("it has nothing of the template's", || open(copies[1]) == open_there);
    let template = template_of(copies[0]).unwrap();
    assert_eq!(template_of(copies[1]), Some(template));
    assert_eq!(words(template).len(), 5, "a template is told of no session");
    let running = rig.start(&spec(&rig, &account, &["/bin/sleep", "1000"]));
    let supervisor = process::stat(running.started.pid).unwrap().parent;
    assert!(copies.contains(&supervisor));
    let Stat { session, .. } = process::stat(supervisor).unwrap();
    assert_eq!(session, supervisor, "it has a session of its own, as each has");
    assert_eq!((policy(supervisor).as_str(), policy(running.started.pid).as_str()), (NORMAL, NORMAL));
    running.end();
}

#[test]
fn a_copy_gives_a_terminal_and_a_namespace() {
    let account = Account::new("m");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    for containment in [Containment::Cgroup, Containment::PidNamespace] {
        copies(&rig, &account, containment);
        let terminal = Terminal { on: [true; 3], window: brevet_api::broker::Window { rows: 33, columns: 101 } };
        // Its terminal is its own: it can be opened by that name.
        let command = ["/bin/sh", "-c", "stty size < /dev/tty && test -t 0 -a -t 1 -a -t 2 && exit 7"];
        let spec = SessionSpec { terminal: Some(terminal), containment, ..spec(&rig, &account, &command) };
        let mut running = rig.start(&spec);
        running.person.expect("33 101");
        assert_eq!(running.ended().exit, Some(Exit::Status(7)));
    }
}

#[test]
fn what_changes_in_pam_is_noticed_by_copies_and_by_their_template() {
    let account = Account::new("q");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let before = copies(&rig, &account, Containment::Cgroup);
    write(&account, "pam_deny.so");
    for _ in 0..2 {
        let refused = rig.prepare(&spec(&rig, &account, &["/bin/true"])).err().unwrap();
        assert!(matches!(refused, StartError::Failed { step, .. } if step == "open the PAM session"));
    }
    wait_until("both are used up", || before.iter().all(|pid| is_gone(*pid)));
    rig.launcher.keep_waiting(Containment::Cgroup);
    assert!(waiting(&rig).iter().all(|pid| template_of(*pid).is_some()));
    let refused = rig.prepare(&spec(&rig, &account, &["/bin/true"])).err().unwrap();
    assert!(matches!(refused, StartError::Failed { step, .. } if step == "open the PAM session"));
    write(&account, "pam_permit.so");
    assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
}

#[test]
fn a_template_goes_when_it_is_calm_and_its_copies_stay_good() {
    let account = Account::new("r");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let before = copies(&rig, &account, Containment::PidNamespace);
    let template = template_of(before[0]).unwrap();
    let lasting = rig.start(&spec(&rig, &account, &["/bin/sleep", "1000"]));
    let supervisor = process::stat(lasting.started.pid).unwrap().parent;
    wait_until("the template is let go of, and one waits", || {
        rig.launcher.rest();
        rig.launcher.keep_waiting(Containment::PidNamespace);
        is_gone(template) && waiting(&rig).len() == 1
    });
    assert!(process::stat(supervisor).is_ok() && words(process::stat(supervisor).unwrap().parent)[1] == "launcher");
    assert_eq!(lasting.end().exit, Some(Exit::Signal(9)));
    wait_until("it was reaped", || process::stat(supervisor).is_err());
    let [last] = waiting(&rig)[..] else { panic!("one") };
    assert!(before.contains(&last));
    let namespaced = SessionSpec { containment: Containment::PidNamespace, ..spec(&rig, &account, &["/bin/true"]) };
    assert_eq!(rig.start(&namespaced).ended().exit, Some(Exit::Status(0)));
}

#[test]
fn a_template_that_was_killed_is_no_loss_and_it_goes_with_the_broker() {
    let account = Account::new("s");
    write(&account, "pam_permit.so");
    let mut rig = rig(&account);
    let before = copies(&rig, &account, Containment::Cgroup);
    let template = template_of(before[0]).unwrap();
    assert!(process::signal_if(template, brevet_sys::signal::KILL, |_| true));
    wait_until("it is gone", || is_gone(template));
    for _ in 0..3 {
        assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
        rig.launcher.keep_waiting(Containment::Cgroup);
    }
    // Whatever ended it may end the next one too: until it is calm there is none.
    assert!(waiting(&rig).iter().all(|pid| template_of(*pid).is_none() || before.contains(pid)));
    wait_until("it is calm", || rig.launcher.rest().is_none());
    let another = copies(&rig, &account, Containment::Cgroup);
    let template = template_of(another[0]).unwrap();
    rig.launcher = Arc::new(Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), None).unwrap());
    wait_until("nothing is left", || {
        is_gone(template) && another.iter().all(|pid| is_gone(*pid)) && waiting(&rig).is_empty() && members_of_all(&rig) == 0
    });
}

#[test]
fn a_template_ends_when_a_copy_crashed_so_that_nobody_may_guess_again() {
    let account = Account::new("v");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let before = copies(&rig, &account, Containment::Cgroup);
    let template = template_of(before[0]).unwrap();
    let crashed = std::process::Command::new("/bin/kill").args(["-ABRT", &before[0].to_string()]).status().unwrap();
    assert!(crashed.success());
    wait_until("its template is gone", || is_gone(template));
    for _ in 0..3 {
        assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
        rig.launcher.keep_waiting(Containment::Cgroup);
    }
    assert!(waiting(&rig).iter().all(|pid| template_of(*pid).is_none()));
}

#[test]
fn a_template_that_does_not_answer_keeps_nobody_waiting_and_leaves_nothing() {
    let account = Account::new("t");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let before = copies(&rig, &account, Containment::Cgroup);
    let template = template_of(before[0]).unwrap();
    let stopped = std::process::Command::new("/bin/kill").args(["-STOP", &template.to_string()]).status().unwrap();
    assert!(stopped.success());
    for _ in 0..4 {
        assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
        rig.launcher.keep_waiting(Containment::Cgroup);
    }
    assert!(waiting(&rig).iter().all(|pid| template_of(*pid).is_none()) && !waiting(&rig).is_empty());
    // It was asked, and does it now.
    assert!(process::signal_if(template, brevet_sys::signal::CONTINUE, |_| true));
    wait_until("what came too late is taken back", || is_gone(template) && awaited(&rig).len() == waiting(&rig).len());
    assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
}

fn members_of_all(rig: &Rig) -> usize {
    awaited(rig).iter().map(|session| members(rig, session).len()).sum()
}
