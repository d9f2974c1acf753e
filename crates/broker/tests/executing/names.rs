use crate::rig::{Rig, wait_until};
use brevet_broker::launcher::Role;
use brevet_broker::names::{Answer, Client};
use std::time::Duration;

#[test]
fn users_and_groups_are_known_absent_or_unknown_and_never_mixed_up() {
    let rig = Rig::new();
    let names = Client::new(rig.launcher.clone(), Duration::from_secs(5));
    let Answer::Known(root) = names.user_by_name("root") else { panic!("root is there") };
    assert_eq!((root.uid, root.gid, root.home.as_bytes()), (0, 0, &b"/root"[..]));
    assert_eq!(names.user_by_uid(0), Answer::Known(root));
    assert_eq!(names.user_by_name("no-such-user-here"), Answer::Absent);
    assert_eq!(names.user_by_uid(u32::MAX), Answer::Absent);
    let Answer::Known(groups) = names.groups_of("root", 0) else { panic!("root has groups") };
    assert!(groups.iter().any(|group| group.gid == 0 && group.name.as_deref() == Some("root")));
    assert!(matches!(names.group_by_name("root"), Answer::Known(group) if group.gid == 0));
}

#[test]
fn a_directory_that_hangs_is_unknown_in_time_and_the_next_question_gets_a_new_worker() {
    let rig = Rig::new();
    let names = Client::new(rig.launcher.clone(), Duration::from_millis(300));
    assert!(matches!(names.user_by_name("root"), Answer::Known(_)));
    // As a hanging NSS module would be: the worker is there and does not answer.
    let workers = brevet_sys::process::descendants(brevet_sys::process::own_pid()).unwrap();
    let named = |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0names\0"));
    let worker = workers.into_iter().find(named).unwrap();
    brevet_sys::signal::send(worker, 19).unwrap();
    assert!(matches!(names.user_by_name("root"), Answer::Known(_)), "a kept answer needs no directory");
    names.forget();
    assert!(matches!(names.user_by_name("root"), Answer::Unknown(_)));
    assert!(matches!(names.user_by_name("root"), Answer::Known(_)));
}

#[test]
fn each_role_is_a_process_of_its_own_without_our_descriptors() {
    let rig = Rig::new();
    let _held = std::fs::File::open("/etc/passwd").unwrap();
    for role in [Role::Supervisor, Role::Authn, Role::Names] {
        let started = rig.launcher.start_role(role).unwrap();
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(format!("/proc/{}/fd", started.pid)).unwrap() {
            let target = std::fs::read_link(entry.as_ref().unwrap().path()).unwrap_or_default();
            assert_ne!(target.to_str(), Some("/etc/passwd"));
            numbers.push(entry.unwrap().file_name().into_string().unwrap());
        }
        assert!(numbers.contains(&"3".to_owned()));
        // The kernel lets the starter go on a moment before the new program's environment is in place.
        let read = || std::fs::read(format!("/proc/{}/environ", started.pid)).unwrap();
        wait_until("the role's environment is there", || !read().is_empty());
        let environment = read();
        assert!(environment.starts_with(b"PATH=") && environment.iter().filter(|byte| **byte == 0).count() == 1);
    }
}
