//! The supervisor that waits for a session: what it makes ahead is used, is never out of date, and is nobody's afterwards.

use crate::authn::Account;
use crate::rig::{Rig, wait_until};
use brevet_broker::launcher::{Ahead, Client};
use brevet_broker::spec::{Containment, Exit, SessionSpec};
use brevet_broker::supervisor::client::StartError;
use brevet_core::id::SessionId;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

/// `SCHED_OTHER` and `SCHED_IDLE` of `linux/sched.h`.
pub const NORMAL: &str = "0";
pub const IDLE: &str = "5";

/// A rig whose launcher makes a supervisor that waits, for an account's PAM service.
pub fn rig(account: &Account) -> Rig {
    let mut rig = Rig::new();
    let ahead = Ahead { service: &account.service, sessions: rig.directory.path(), groups: &rig.group };
    let launcher = Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), Some(ahead)).unwrap();
    rig.launcher = Arc::new(launcher);
    rig
}

pub fn write(account: &Account, session: &str) {
    std::fs::write(account.path(), format!("auth required pam_permit.so\nsession required {session}\n")).unwrap();
}

pub fn spec(rig: &Rig, account: &Account, arguments: &[&str]) -> SessionSpec {
    let mut spec = rig.root(arguments);
    spec.pam_service = Some(account.service.clone());
    spec.target.name = account.name.clone();
    spec
}

/// Sessions for which supervisors wait: those that have a place, and no identity.
pub fn awaited(rig: &Rig) -> Vec<SessionId> {
    let entries = std::fs::read_dir(rig.directory.path()).unwrap().map(|entry| entry.unwrap());
    let empty = entries.filter(|entry| !entry.path().join("session.json").exists());
    empty.filter_map(|entry| SessionId::parse(entry.file_name().to_str()?).ok()).collect()
}

/// Pids of supervisors that wait: each holds the directory of its session.
pub fn waiting(rig: &Rig) -> Vec<i32> {
    let places: Vec<_> = awaited(rig).iter().map(|session| rig.directory.path().join(session.as_str())).collect();
    let waits = |pid: &i32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|target| places.contains(&target))
    };
    brevet_sys::process::all().unwrap().into_iter().filter(waits).collect()
}

/// Makes one and waits until it has loaded what it can.
pub fn one_that_waits(rig: &Rig) -> i32 {
    one_that_waits_for(rig, Containment::Cgroup)
}

fn one_that_waits_for(rig: &Rig, containment: Containment) -> i32 {
    rig.launcher.keep_waiting(containment);
    let mut found = None;
    wait_until("a supervisor waits with PAM's modules loaded", || {
        found = waiting(rig).first().copied();
        found.is_some_and(|pid| std::fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains("pam_permit")))
    });
    found.unwrap()
}

/// Field 41 of `proc_pid_stat(5)`.
pub fn policy(pid: i32) -> String {
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
    let [session] = &awaited(&rig)[..] else { panic!("one") };
    let mut spec = spec(&rig, &account, &["/bin/sleep", "1000"]);
    (spec.session, spec.state_directory) = (session.clone(), rig.directory.path().join(session.as_str()));
    let place = |path: &Path| std::fs::metadata(path).unwrap().ino();
    let group = rig.group.join(session.as_str());
    let made = (place(&spec.state_directory), place(&group));
    let running = rig.start(&spec);
    assert_eq!((place(&spec.state_directory), place(&group)), made, "nobody waited for them");
    assert_eq!(running.started.cgroup, group);
    let identity = spec.state_directory.join("session.json");
    wait_until("its identity is written", || identity.exists());
    let identity: serde_json::Value = serde_json::from_slice(&std::fs::read(identity).unwrap()).unwrap();
    assert_eq!(identity["supervisor"], pid);
    assert_eq!((policy(pid).as_str(), policy(running.started.pid).as_str()), (NORMAL, NORMAL));
    assert!(waiting(&rig).is_empty());
    running.end();
    wait_until("nothing is left", || !spec.state_directory.exists() && !group.exists());
}

/// Processes of an awaited session's group.
pub fn members(rig: &Rig, session: &SessionId) -> Vec<i32> {
    let text = std::fs::read_to_string(rig.group.join(session.as_str()).join("cgroup.procs")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_namespace_that_was_made_is_the_next_sessions_and_shows_mounts_as_they_are_then() {
    let account = Account::new("n");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let pid = one_that_waits_for(&rig, Containment::PidNamespace);
    let [session] = &awaited(&rig)[..] else { panic!("one") };
    let [init] = members(&rig, session)[..] else { panic!("one") };
    assert_eq!(policy(init), NORMAL, "a session will wait for it");
    let kept = std::fs::read_dir(format!("/proc/{init}/fd")).unwrap().count();
    assert_eq!(kept, 5, "its channel and its signals beside the three");
    // Mounted after it began to wait.
    let place = tempfile::tempdir_in(rig.directory.path().parent().unwrap()).unwrap();
    let mounted = std::process::Command::new("/bin/mount").args(["-t", "tmpfs", "none"]).arg(place.path()).status().unwrap();
    assert!(mounted.success());
    std::fs::write(place.path().join("late"), "").unwrap();
    let late = place.path().join("late").display().to_string();
    let script =
        format!("test -e {late} && test $$ = 2 && test \"$(cat /proc/1/comm)\" = brevet-broker && test ! -e /proc/{init} && exit 7");
    let mut spec = spec(&rig, &account, &["/bin/sh", "-c", &script]);
    (spec.session, spec.state_directory) = (session.clone(), rig.directory.path().join(session.as_str()));
    spec.containment = Containment::PidNamespace;
    let running = rig.start(&spec);
    let ended = running.ended();
    let unmounted = std::process::Command::new("/bin/umount").arg(place.path()).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(ended.exit, Some(Exit::Status(7)), "{init} {pid}");
    wait_until("init is gone", || brevet_sys::process::stat(init).is_err());
}

#[test]
fn a_namespace_that_is_not_wanted_ends_and_one_that_is_not_there_is_made() {
    let account = Account::new("u");
    write(&account, "pam_permit.so");
    for (made, wanted) in [(Containment::PidNamespace, Containment::Cgroup), (Containment::Cgroup, Containment::PidNamespace)] {
        for same in [true, false] {
            let rig = rig(&account);
            one_that_waits_for(&rig, made);
            let awaited = awaited(&rig);
            let before = members(&rig, &awaited[0]);
            assert_eq!(before.len(), usize::from(made == Containment::PidNamespace));
            let mut spec = spec(&rig, &account, &["/bin/sleep", "1000"]);
            if same {
                (spec.session, spec.state_directory) = (awaited[0].clone(), rig.directory.path().join(awaited[0].as_str()));
            }
            spec.containment = wanted;
            let running = rig.start(&spec);
            let inside = usize::from(wanted == Containment::PidNamespace) + 1;
            wait_until("nothing else is in the group", || members(&rig, &spec.session).len() == inside);
            assert!(before.iter().all(|pid| brevet_sys::process::stat(*pid).map_or(true, |stat| stat.state == b'Z')));
            running.end();
            wait_until("nothing is left", || !spec.state_directory.exists() && !rig.group.join(awaited[0].as_str()).exists());
        }
    }
}

/// Has `pam_namespace` give every session a directory of its own at a place.
struct Polyinstantiated(std::path::PathBuf);

impl Polyinstantiated {
    fn at(place: &Path) -> Self {
        let file = Path::new("/etc/security/namespace.d").join(format!("brevet-test-{}.conf", std::process::id()));
        std::fs::write(&file, format!("{} none tmpfs\n", place.display())).unwrap();
        Self(file)
    }
}

impl Drop for Polyinstantiated {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn mounts_that_a_session_module_made_are_the_sessions_with_a_namespace_too() {
    let account = Account::new("p");
    write(&account, "pam_namespace.so");
    let rig = rig(&account);
    let place = rig.directory.path().parent().unwrap().join(format!("brevet-poly-{}", std::process::id()));
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("outside"), "").unwrap();
    let configured = Polyinstantiated::at(&place);
    let see = |containment: Containment, made: Option<Containment>| {
        if let Some(made) = made {
            rig.launcher.keep_waiting(made);
        }
        let script = format!("test ! -e {} && test -d {} && exit 7", place.join("outside").display(), place.display());
        let mut spec = spec(&rig, &account, &["/bin/sh", "-c", &script]);
        spec.containment = containment;
        // Whom the module looks up as well.
        spec.requester.name.clone_from(&account.name);
        rig.start(&spec).ended().exit
    };
    let seen: Vec<_> = [
        (Containment::Cgroup, None),
        (Containment::PidNamespace, None),
        (Containment::PidNamespace, Some(Containment::PidNamespace)),
        (Containment::PidNamespace, Some(Containment::Cgroup)),
    ]
    .map(|(containment, made)| see(containment, made))
    .into();
    drop(configured);
    std::fs::remove_dir_all(&place).unwrap();
    assert_eq!(seen, [Some(Exit::Status(7)); 4]);
}

/// Where a process may run.
fn processors(status: &str) -> String {
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim().to_owned()
}

#[test]
fn one_that_expects_a_session_keeps_out_of_the_brokers_way_and_its_program_runs_anywhere() {
    let account = Account::new("e");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    rig.launcher.expect();
    let pid = one_that_waits(&rig);
    let status = |pid: i32| processors(&std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap());
    let everywhere = processors(&std::fs::read_to_string("/proc/self/status").unwrap());
    // More words than it takes away at once; and it waits on after each.
    (0..200).for_each(|_| rig.launcher.expect());
    assert_eq!(status(pid) == everywhere, std::thread::available_parallelism().unwrap().get() == 1);
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.launcher.expect();
    assert!(brevet_sys::process::stat(pid).is_ok());
    let running = rig.start(&spec(&rig, &account, &["/bin/sleep", "1000"]));
    assert_eq!((status(pid), status(running.started.pid)), (everywhere.clone(), everywhere));
    assert_eq!(policy(running.started.pid), NORMAL);
    running.end();
}

#[test]
fn a_session_of_another_id_has_a_place_of_its_own_and_the_one_that_was_made_is_taken_back() {
    let account = Account::new("o");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let pid = one_that_waits(&rig);
    let awaited = awaited(&rig);
    let spec = spec(&rig, &account, &["/bin/sleep", "1000"]);
    let running = rig.start(&spec);
    let identity = spec.state_directory.join("session.json");
    wait_until("its identity is written", || identity.exists());
    let identity: serde_json::Value = serde_json::from_slice(&std::fs::read(identity).unwrap()).unwrap();
    assert_eq!(identity["supervisor"], pid);
    assert!(rig.group.join(spec.session.as_str()).exists());
    for place in [rig.group.join(awaited[0].as_str()), rig.directory.path().join(awaited[0].as_str())] {
        assert!(!place.exists(), "{}", place.display());
    }
    running.end();
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
    wait_until("nothing is left", || !spec.state_directory.exists() && awaited(&rig).is_empty());
}

#[test]
fn a_service_that_is_a_link_is_read_anew_when_what_it_leads_to_changed() {
    let account = Account::new("h");
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("service");
    let say = |module: &str| std::fs::write(&target, format!("auth required pam_permit.so\nsession required {module}\n")).unwrap();
    say("pam_permit.so");
    drop(std::fs::remove_file(account.path()));
    std::os::unix::fs::symlink(&target, account.path()).unwrap();
    let rig = rig(&account);
    one_that_waits(&rig);
    say("pam_deny.so");
    let refused = rig.prepare(&spec(&rig, &account, &["/bin/true"])).err().unwrap();
    assert!(matches!(refused, StartError::Failed { step, .. } if step == "open the PAM session"));
}

#[test]
fn an_init_that_was_killed_is_made_anew_and_one_runs_where_its_supervisor_may() {
    let account = Account::new("j");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let namespaced = |session: &SessionId, arguments: &[&str]| {
        let mut spec = spec(&rig, &account, arguments);
        (spec.session, spec.state_directory) = (session.clone(), rig.directory.path().join(session.as_str()));
        spec.containment = Containment::PidNamespace;
        spec
    };
    one_that_waits_for(&rig, Containment::PidNamespace);
    let [session] = &awaited(&rig)[..] else { panic!("one") };
    let [init] = members(&rig, session)[..] else { panic!("one") };
    assert!(brevet_sys::process::signal_if(init, brevet_sys::signal::KILL, |_| true));
    wait_until("it is gone", || members(&rig, session).is_empty());
    assert_eq!(rig.start(&namespaced(session, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));

    one_that_waits_for(&rig, Containment::PidNamespace);
    let [session] = &awaited(&rig)[..] else { panic!("one") };
    let [init] = members(&rig, session)[..] else { panic!("one") };
    let everywhere = brevet_sys::process::Processors::own().unwrap();
    if let Some(others) = everywhere.others() {
        others.give(init).unwrap();
    }
    let running = rig.start(&namespaced(session, &["/bin/sleep", "1000"]));
    let status = |pid: i32| processors(&std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap());
    assert_eq!(status(init), processors(&std::fs::read_to_string("/proc/self/status").unwrap()));
    running.end();
}

#[test]
fn a_session_that_goes_on_keeps_no_watch() {
    let account = Account::new("i");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    let pid = one_that_waits(&rig);
    let watches = || {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).filter(|target| target.ends_with("anon_inode:inotify")).count()
    };
    assert_eq!(watches(), 1);
    let running = rig.start(&spec(&rig, &account, &["/bin/sleep", "1000"]));
    wait_until("there is none", || watches() == 0);
    running.end();
}

#[test]
fn only_one_waits_and_it_goes_with_the_broker() {
    let account = Account::new("g");
    write(&account, "pam_permit.so");
    let mut rig = rig(&account);
    let pid = one_that_waits_for(&rig, Containment::PidNamespace);
    rig.launcher.keep_waiting(Containment::PidNamespace);
    assert_eq!(waiting(&rig), [pid]);
    rig.launcher = Arc::new(Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), None).unwrap());
    wait_until("it took back what it had made", || {
        let groups = std::fs::read_dir(&rig.group).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
        awaited(&rig).is_empty() && groups == 0
    });
}

#[test]
fn two_wait_while_sessions_follow_each_other_closely_and_one_once_it_is_calm() {
    let account = Account::new("b");
    write(&account, "pam_permit.so");
    let rig = rig(&account);
    one_that_waits(&rig);
    wait_until("sessions followed each other closely enough", || {
        (0..2).for_each(|_| drop(rig.start(&spec(&rig, &account, &["/bin/true"])).ended()));
        rig.launcher.keep_waiting(Containment::Cgroup);
        waiting(&rig).len() == 2
    });
    wait_until("one is let go of", || {
        rig.launcher.rest();
        rig.launcher.keep_waiting(Containment::Cgroup);
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
    let left = awaited(&rig);
    assert_eq!(rig.start(&spec(&rig, &account, &["/bin/true"])).ended().exit, Some(Exit::Status(0)));
    assert_eq!((left.len(), rig.launcher.lost()), (1, left), "whose place the broker takes back");
    assert!(rig.launcher.lost().is_empty());
}
