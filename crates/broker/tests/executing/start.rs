use crate::rig::{Rig, Running, STRANGER, runs, wait_until};
use brevet_broker::spec::{Containment, EndReason, Exit, Report, SessionSpec};
use brevet_broker::supervisor::client::{ReconnectError, StartError, reconnect};
use brevet_core::text::OsText;
use brevet_sys::process;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_program_is_the_target_user_and_carries_the_requesters_login_uid() {
    let rig = Rig::new();
    let script = "id -u; id -g; id -G; umask; pwd; cat /proc/self/loginuid; echo; grep -E 'Sig(Blk|Ign)' /proc/self/status";
    for containment in [Containment::Cgroup, Containment::PidNamespace] {
        let mut running = rig.start(&SessionSpec { containment, ..rig.spec(&["/bin/sh", "-c", script]) });
        let text = running.person.piped();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], [STRANGER.to_string(), STRANGER.to_string()]);
        assert_eq!(lines[2], format!("{STRANGER} {}", STRANGER + 1));
        assert_eq!(lines[3..5], ["0027", "/tmp"]);
        assert_eq!(lines[5], (STRANGER + 7).to_string());
        assert_eq!(lines[6..], ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"]);
        assert!(running.started.audit_session.is_some());
        let ended = running.ended();
        assert_eq!((ended.reason, ended.exit, ended.processes_ended), (EndReason::Exited, Some(Exit::Status(0)), 0));
    }
}

#[test]
fn nothing_is_inherited_but_three_descriptors_and_the_given_environment() {
    let rig = Rig::new();
    let mut running = rig.start(&rig.spec(&["/bin/ls", "/proc/self/fd"]));
    // 3 is the directory that ls itself reads.
    assert_eq!(running.person.piped(), "0\n1\n2\n3\n");
    running.ended();
    let mut running = rig.start(&rig.spec(&["/usr/bin/env"]));
    assert_eq!(running.person.piped(), "PATH=/usr/bin:/bin\nTERM=xterm\n");
    running.ended();
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let rig = Rig::new();
    let mut spec = rig.spec(&["/usr/bin/printf", "[%s]", "", "a b", "new\nline", "%s"]);
    spec.arguments.push(OsText::new(b"\xff\xfe".to_vec()).unwrap());
    let mut running = rig.start(&spec);
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut running.person.output.take().unwrap(), &mut bytes).unwrap();
    assert_eq!(bytes, b"[][a b][new\nline][%s][\xff\xfe]");
    running.ended();
}

#[test]
fn the_person_gets_the_programs_own_status_and_the_state_goes_with_the_acknowledgement() {
    let rig = Rig::new();
    let spec = rig.spec(&["/bin/sh", "-c", "exit 37"]);
    let mut running = rig.start(&spec);
    assert_eq!(running.person.ended().status, Some(37));
    assert_eq!(running.ended().exit, Some(Exit::Status(37)));
    wait_until("the state directory is gone", || !spec.state_directory.exists());
    assert!(!running.started.cgroup.exists());

    let mut running = rig.start(&rig.spec(&["/bin/sh", "-c", "kill -9 $$"]));
    assert_eq!(running.person.ended().signal, Some(9));
    assert_eq!(running.ended().exit, Some(Exit::Signal(9)));
}

#[test]
fn nothing_runs_before_go_and_nothing_is_left_without_it() {
    let rig = Rig::new();
    for containment in [Containment::Cgroup, Containment::PidNamespace] {
        let marker = rig.directory.path().join(format!("ran-{containment:?}"));
        let spec = SessionSpec { containment, ..rig.root(&["/usr/bin/touch", marker.to_str().unwrap()]) };
        let group = rig.group.join(spec.session.as_str());
        let (prepared, _person) = rig.prepare(&spec).unwrap();
        assert!(spec.state_directory.exists());
        assert_eq!(spec.state_directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        // What will be the program is there already, and waits.
        wait_until("a process is in the group", || std::fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|text| !text.is_empty()));
        drop(prepared);
        wait_until("the supervisor took everything back", || !spec.state_directory.exists());
        assert!(!group.exists());
        assert!(!marker.exists());
        // The control: with go, the same program runs.
        let spec = SessionSpec { containment, ..rig.root(&["/usr/bin/touch", marker.to_str().unwrap()]) };
        rig.start(&spec).ended();
        assert!(marker.exists());
    }
}

#[test]
fn a_supervisor_that_is_killed_takes_what_waits_for_go_and_what_runs_with_it() {
    let rig = Rig::new();
    for containment in [Containment::Cgroup, Containment::PidNamespace] {
        for runs in [false, true] {
            let marker = rig.directory.path().join(format!("ran-{containment:?}-{runs}"));
            let script = format!("touch {}; exec sleep 1000", marker.display());
            let spec = SessionSpec { containment, ..rig.root(&["/bin/sh", "-c", &script]) };
            let group = rig.group.join(spec.session.as_str());
            let members = || -> Vec<i32> {
                let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                text.lines().map(|line| line.parse().unwrap()).collect()
            };
            let (prepared, _person) = rig.prepare(&spec).unwrap();
            let all = if containment == Containment::PidNamespace { 2 } else { 1 };
            wait_until("what will be the program waits", || members().len() == all);
            let parents: Vec<i32> = members().iter().map(|pid| process::stat(*pid).unwrap().parent).collect();
            assert!(parents.iter().all(|parent| *parent == parents[0]), "init and the program are the supervisor's: {parents:?}");
            let mut prepared = Some(prepared);
            if runs {
                drop(prepared.take().unwrap().go().unwrap());
                wait_until("it runs", || marker.exists());
            }
            assert!(process::signal_if(parents[0], brevet_sys::signal::KILL, |_| true));
            wait_until("nothing is left in the group", || members().is_empty());
            if let Some(prepared) = prepared {
                assert!(matches!(prepared.go().unwrap_err(), StartError::Broken(_)), "{containment:?}");
                assert!(!marker.exists());
            }
        }
    }
}

#[test]
fn a_failed_exec_says_which_step_and_is_never_a_session() {
    let rig = Rig::new();
    let file = rig.directory.path().join("not-executable");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    for namespaced in [false, true] {
        let mut spec = rig.spec(&[file.to_str().unwrap()]);
        if namespaced {
            spec.containment = Containment::PidNamespace;
        }
        let (prepared, _person) = rig.prepare(&spec).unwrap();
        match prepared.go().unwrap_err() {
            StartError::Failed { step, errno, .. } => assert_eq!((step.as_str(), errno), ("execute the program", 13)),
            other => panic!("{other:?}"),
        }
        wait_until("the supervisor took everything back", || !spec.state_directory.exists());
        assert!(!rig.group.join(spec.session.as_str()).exists());
    }
}

#[test]
fn ids_that_mean_none_and_doubled_environment_names_are_refused() {
    let rig = Rig::new();
    let mut spec = rig.spec(&["/bin/true"]);
    spec.target.uid = u32::MAX;
    let (prepared, _person) = rig.prepare(&spec).unwrap();
    assert!(matches!(prepared.go().unwrap_err(), StartError::Failed { .. }));
    let mut spec = rig.spec(&["/bin/true"]);
    spec.environment.push((OsText::from("PATH"), OsText::from("/tmp")));
    assert!(matches!(rig.prepare(&spec).err().unwrap(), StartError::Failed { step, .. } if step == "read the environment"));
}

#[test]
fn a_script_runs_through_a_descriptor_that_its_interpreter_can_open() {
    let rig = Rig::new();
    let file = rig.directory.path().join("script");
    std::fs::write(&file, "#!/bin/sh\necho \"$1 from $0\"\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = rig.spec(&[file.to_str().unwrap(), "hello"]);
    spec.script = true;
    let mut running = rig.start(&spec);
    assert_eq!(running.person.piped(), "hello from /dev/fd/3\n");
    running.ended();
    // The control: without it the interpreter finds nothing.
    let spec = rig.spec(&[file.to_str().unwrap(), "hello"]);
    let (prepared, _person) = rig.prepare(&spec).unwrap();
    assert!(matches!(prepared.go().unwrap_err(), StartError::Failed { errno: 2, .. }));
}

#[test]
fn a_session_outlives_broker_and_launcher_and_is_found_again() {
    let mut rig = Rig::new();
    let spec = rig.spec(&["/bin/sleep", "1000"]);
    let running = rig.start(&spec);
    let pid = running.started.pid;
    drop(running.session);
    let old = std::mem::replace(&mut rig.launcher, std::sync::Arc::new(new_launcher()));
    let pidfd = old.pidfd().try_clone_to_owned().unwrap();
    drop(old);
    wait_until("the launcher ended with its broker", || !brevet_sys::pidfd::is_alive(pidfd.as_fd()));
    assert!(runs(pid));
    let (session, status) = reconnect(&spec.state_directory).unwrap();
    assert_eq!(status.started.unwrap().pid, pid);
    assert_eq!((status.identity.session, status.deadline_ms), (spec.session.clone(), spec.deadline_ms));
    session.end(EndReason::Revoked, 0).unwrap();
    while !matches!(session.next_report(None).unwrap(), Some(Report::Ended(_))) {}
    assert!(!runs(pid));
    session.acknowledge().unwrap();
    wait_until("the state directory is gone", || !spec.state_directory.exists());
}

fn new_launcher() -> brevet_broker::launcher::Client {
    brevet_broker::launcher::Client::start(std::path::Path::new(env!("CARGO_BIN_EXE_brevet-broker")), None).unwrap()
}

#[test]
fn an_end_while_no_broker_ran_is_on_disk_and_a_killed_supervisor_is_lost() {
    let rig = Rig::new();
    let mut spec = rig.spec(&["/bin/sleep", "1000"]);
    spec.deadline_ms = brevet_sys::clock::boottime_ms() + 500;
    let Running { session, started, person } = rig.start(&spec);
    let pid = started.pid;
    drop(session);
    wait_until("the deadline held without a broker", || !runs(pid));
    let mut outcome = None;
    wait_until("the outcome is on disk", || match reconnect(&spec.state_directory) {
        Err(ReconnectError::Ended(ended)) => {
            outcome = Some(ended);
            true
        }
        _ => false,
    });
    drop(person);
    let ended = outcome.unwrap();
    assert_eq!((ended.reason, ended.session.clone(), ended.processes_ended), (EndReason::Expired, spec.session.clone(), 1));
    brevet_broker::supervisor::client::forget(&spec.state_directory).unwrap();

    let daemon = rig.directory.path().join("daemon");
    let root = brevet_sys::cgroup::mount_point().unwrap();
    // One daemon stays in the cgroup, one leaves it and is found by its audit session.
    let escaped = rig.directory.path().join("escaped");
    let leave = format!("setsid sh -c 'echo $$ > {}/cgroup.procs && echo $$ > {}; exec sleep 1000' &", root.display(), escaped.display());
    let stay = format!("setsid sleep 1000 & echo $! > {}; sleep 1000", daemon.display());
    let spec = rig.root(&["/bin/sh", "-c", &format!("{leave} {stay}")]);
    let running = rig.start(&spec);
    let left = [crate::rig::pid_in(&daemon), crate::rig::pid_in(&escaped)];
    let supervisor = process::stat(running.started.pid).unwrap().parent;
    brevet_sys::signal::send(supervisor, 9).unwrap();
    wait_until("the program died with its supervisor", || !runs(running.started.pid));
    let Err(ReconnectError::Lost(identity)) = reconnect(&spec.state_directory) else { panic!("not lost") };
    assert!(left.iter().all(|pid| runs(*pid)), "the control: its daemons still run");
    assert!(brevet_broker::supervisor::client::sweep(&identity).unwrap() >= 2);
    assert!(left.iter().all(|pid| !runs(*pid)));
    brevet_broker::supervisor::client::forget(&spec.state_directory).unwrap();
}

/// The broker role's filter cannot be taken off again, so it is tried in a process of its own: this test, run again.
#[test]
fn a_confined_broker_starts_sessions_and_they_do_not_inherit_its_filter() {
    if std::env::var_os("BREVET_CONFINED_CHILD").is_none() {
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "start::a_confined_broker_starts_sessions_and_they_do_not_inherit_its_filter"])
            .env("BREVET_CONFINED_CHILD", "1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        return;
    }
    let rig = Rig::new();
    brevet_sys::seccomp::confine_to_unix_sockets().unwrap();
    assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_err(), "the control: we are confined");
    let mut running = rig.start(&rig.spec(&["/bin/grep", "-E", "^(Seccomp|NoNewPrivs):", "/proc/self/status"]));
    assert_eq!(running.person.piped(), "NoNewPrivs:\t0\nSeccomp:\t0\n");
    running.ended();
}

#[test]
fn a_broker_that_comes_back_before_it_said_go_finds_that_nothing_ran() {
    let rig = Rig::new();
    let spec = rig.spec(&["/bin/true"]);
    let (prepared, _person) = rig.prepare(&spec).unwrap();
    let directory = spec.state_directory.clone();
    let again = std::thread::spawn(move || reconnect(&directory));
    drop(prepared);
    let found = again.join().unwrap();
    let nothing = |error: &ReconnectError| match error {
        ReconnectError::Incomplete => true,
        ReconnectError::State(error) => error.kind() == std::io::ErrorKind::NotFound,
        ReconnectError::Ended(_) | ReconnectError::Lost(_) | ReconnectError::Broken(_) => false,
    };
    assert!(found.as_ref().is_err_and(nothing), "{found:?}");
    wait_until("the supervisor took everything back", || !spec.state_directory.exists());
}

#[test]
fn a_working_directory_that_a_namespace_does_not_reach_is_named_with_what_to_do() {
    let rig = Rig::new();
    let path = rig.directory.path().join("gone \x1b[2J");
    std::fs::create_dir(&path).unwrap();
    let directory = std::fs::File::open(&path).unwrap();
    std::fs::remove_dir(&path).unwrap();
    let spec = SessionSpec { containment: Containment::PidNamespace, ..rig.spec(&["/bin/true"]) };
    let told = |rig: &Rig, spec: &SessionSpec| {
        let (prepared, _person) = rig.prepare_in(spec, &directory).unwrap();
        prepared.go().unwrap_err().to_string()
    };
    let shown = told(&rig, &spec);
    let named = format!("{}/gone \\u{{1b}}[2J (deleted)", rig.directory.path().display());
    assert!(shown.starts_with(&format!("cannot enter the working directory \"{named}\"")), "{shown}");
    assert!(shown.ends_with("No such file or directory (os error 2); change to another directory and run the command again"), "{shown}");
    // Another one under its name.
    std::fs::create_dir(rig.directory.path().join("gone \x1b[2J (deleted)")).unwrap();
    let spec = SessionSpec { containment: Containment::PidNamespace, ..rig.spec(&["/bin/true"]) };
    let shown = told(&rig, &spec);
    assert!(shown.contains("its path leads to another directory there"), "{shown}");
    // The control: without namespaces the directory itself is enough.
    let (prepared, _person) = rig.prepare_in(&rig.spec(&["/bin/true"]), &directory).unwrap();
    let (session, _) = prepared.go().unwrap();
    while !matches!(session.next_report(None).unwrap(), Some(Report::Ended(_))) {}
    session.acknowledge().unwrap();
}
