use crate::rig::{Rig, pid_in, runs, wait_until};
use brevet_broker::spec::{Containment, EndReason, Report, SessionSpec};
use brevet_sys::clock;
use std::time::Instant;

#[test]
fn a_daemon_that_forked_twice_goes_on_after_its_parent_and_dies_at_the_deadline() {
    let rig = Rig::new();
    let file = rig.directory.path().join("daemon");
    let script = format!("( setsid sh -c 'echo $$ > {}; exec sleep 1000' & ) ; exit 4", file.display());
    let mut spec = rig.root(&["/bin/sh", "-c", &script]);
    spec.deadline_ms = clock::boottime_ms() + 1500;
    let mut running = rig.start(&spec);
    assert_eq!(running.person.ended().status, Some(4), "the person does not wait for the daemon");
    assert!(matches!(running.report(), Report::Exited { .. }));
    let daemon = pid_in(&file);
    assert!(runs(daemon));
    let ended = running.ended();
    assert_eq!((ended.reason, ended.processes_ended, ended.remaining), (EndReason::Expired, 1, 0));
    assert!(!runs(daemon));
    assert!(ended.at_boot_ms >= spec.deadline_ms && ended.at_boot_ms < spec.deadline_ms + 1000, "within a second of its end");
}

#[test]
fn who_ignores_the_request_to_end_is_killed_after_the_grace() {
    let rig = Rig::new();
    let ready = rig.directory.path().join("ready");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 1000; done", ready.display());
    let mut running = rig.start(&rig.root(&["/bin/sh", "-c", &script]));
    let pid = pid_in(&ready);
    let begun = Instant::now();
    running.session.end(EndReason::Revoked, 400).unwrap();
    let ended = running.ended();
    assert!((400..1400).contains(&begun.elapsed().as_millis()), "after the grace and within a second: {:?}", begun.elapsed());
    assert_eq!(ended.reason, EndReason::Revoked);
    assert!(!runs(pid));
    let told = running.person.ended();
    assert_eq!(told.because.as_deref(), Some("the right to run it was revoked"));
}

#[test]
fn who_ends_on_request_is_given_its_grace() {
    let rig = Rig::new();
    let ready = rig.directory.path().join("ready");
    let script = format!("trap 'exit 9' TERM; echo $$ > {}; while :; do sleep 0.05; done", ready.display());
    let mut running = rig.start(&rig.root(&["/bin/sh", "-c", &script]));
    pid_in(&ready);
    running.session.end(EndReason::Finished, 20_000).unwrap();
    assert_eq!(running.person.ended().status, Some(9));
    assert_eq!(running.ended().reason, EndReason::Finished);
}

/// Writes itself into the root group, as TRIED says that root can.
fn escape(rig: &Rig, file: &str) -> String {
    let root = brevet_sys::cgroup::mount_point().unwrap();
    let path = rig.directory.path().join(file);
    format!("setsid sh -c 'echo $$ > {}/cgroup.procs && echo $$ > {}; exec sleep 1000' & sleep 1000", root.display(), path.display())
}

#[test]
fn a_process_that_left_its_cgroup_dies_all_the_same() {
    let rig = Rig::new();
    let running = rig.start(&rig.root(&["/bin/sh", "-c", &escape(&rig, "escaped")]));
    let escaped = pid_in(&rig.directory.path().join("escaped"));
    let group = std::fs::read_to_string(format!("/proc/{escaped}/cgroup")).unwrap();
    assert!(!group.contains(running.started.cgroup.file_name().unwrap().to_str().unwrap()), "the control: it did leave: {group}");
    let ended = running.end();
    assert!(ended.processes_ended >= 2);
    assert!(!runs(escaped));
}

fn namespaced(spec: SessionSpec) -> SessionSpec {
    SessionSpec { containment: Containment::PidNamespace, ..spec }
}

#[test]
fn a_pid_namespace_shows_only_itself_and_the_outer_proc_cannot_be_uncovered() {
    let rig = Rig::new();
    let script = "umount /proc 2>/dev/null; umount -l /proc 2>/dev/null; mount -t proc proc /proc 2>/dev/null; \
                  for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done; cd -P . ; ls -d ../proc/[0-9]* | wc -l; \
                  grep -c ' - proc ' /proc/self/mountinfo; ls /proc/1/fd | wc -l";
    let mut running = rig.start(&namespaced(rig.root(&["/bin/sh", "-c", script])));
    let text = running.person.piped();
    assert!(!text.contains("executing-"), "the test itself is not seen from inside: {text}");
    let count: Vec<&str> = text.lines().rev().take(3).collect();
    assert!(count[2].trim().parse::<u32>().unwrap() <= 5, "nor from the working directory: {text}");
    assert_eq!(count[1], "1", "one /proc: {text}");
    running.ended();
}

#[test]
fn ending_a_pid_namespace_ends_also_what_left_the_cgroup() {
    let rig = Rig::new();
    let mut spec = namespaced(rig.root(&["/bin/sh", "-c", &escape(&rig, "escaped")]));
    spec.deadline_ms = clock::boottime_ms() + 1500;
    let mut running = rig.start(&spec);
    // Its pid inside; from outside it is found by its parentage.
    pid_in(&rig.directory.path().join("escaped"));
    let init = brevet_sys::process::stat(running.started.pid).unwrap().parent;
    let inside = brevet_sys::process::descendants(init).unwrap();
    assert!(inside.len() >= 2);
    let ended = running.ended();
    assert_eq!(ended.reason, EndReason::Expired);
    assert!(running.person.ended().signal.is_some());
    for pid in inside {
        assert!(!runs(pid));
    }
}

#[test]
fn a_pid_namespace_gives_the_programs_status_and_waits_for_its_daemons() {
    let rig = Rig::new();
    let file = rig.directory.path().join("go");
    let script = format!("setsid sh -c 'while [ ! -e {} ]; do sleep 0.02; done' >/dev/null 2>&1 & exit 5", file.display());
    let mut running = rig.start(&namespaced(rig.root(&["/bin/sh", "-c", &script])));
    assert_eq!(running.person.ended().status, Some(5));
    assert!(matches!(running.report(), Report::Exited { .. }));
    assert_eq!(running.person.piped(), "", "the pipe ends with the program although a daemon goes on");
    std::fs::write(&file, "").unwrap();
    let ended = running.ended();
    assert_eq!((ended.reason, ended.processes_ended), (EndReason::Exited, 0));
}

#[test]
fn an_extension_moves_the_end_and_a_warning_comes_before_it() {
    let rig = Rig::new();
    let mut spec = rig.spec(&["/bin/sleep", "1000"]);
    spec.deadline_ms = clock::boottime_ms() + 700;
    let mut running = rig.start(&spec);
    let later = clock::boottime_ms() + 2500;
    running.session.reschedule(later, vec![later - 1000], false).unwrap();
    let ended = running.ended();
    assert!(ended.at_boot_ms >= later);
    let mut notices = Vec::new();
    while let brevet_api::broker::Tell::Notice { text } = running.person.tell() {
        notices.push(text);
    }
    assert_eq!(notices, ["this session was extended and ends in 3s", "this session ends in 1s", "its time is over"]);
}

#[test]
fn whose_session_ends_because_the_server_is_silent_is_told_so_and_not_at_each_of_its_words() {
    let rig = Rig::new();
    let mut spec = rig.spec(&["/bin/sleep", "1000"]);
    (spec.deadline_ms, spec.unheard) = (clock::boottime_ms() + 700, true);
    let mut running = rig.start(&spec);
    let later = clock::boottime_ms() + 2500;
    running.session.reschedule(later, vec![later - 1000], true).unwrap();
    assert!(running.ended().at_boot_ms >= later);
    let mut notices = Vec::new();
    while let brevet_api::broker::Tell::Notice { text } = running.person.tell() {
        notices.push(text);
    }
    let silent = "the server is not heard of: unless it is, this session ends in 1s";
    assert_eq!(notices, [silent, "the server was not heard of for so long that this may not go on without it"]);
}

#[test]
fn an_end_that_was_ordered_cannot_be_put_off() {
    let rig = Rig::new();
    let ready = rig.directory.path().join("ready");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 1000; done", ready.display());
    let running = rig.start(&rig.root(&["/bin/sh", "-c", &script]));
    pid_in(&ready);
    running.session.end(EndReason::Revoked, 300).unwrap();
    running.session.reschedule(clock::boottime_ms() + 1_000_000, vec![], false).unwrap();
    running.session.end(EndReason::Expired, 1_000_000).unwrap();
    assert_eq!(running.ended().reason, EndReason::Revoked);
    wait_until("its cgroup is gone", || !running.started.cgroup.exists());
}
