//! What a plain `brevet run` does before its C library has started, as seen from outside.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use crate::support::*;
use brevet_api::broker::{Ended, Reply, Tell};

/// Whether a process waits for signals by a descriptor, as the program does from the moment at which it has asked.
fn has_signals(pid: i32) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    open.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().contains("signalfd")))
}

/// Whether anything of the standard library has run: it has its own handler for a fault of memory.
fn has_started(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (libc::SIGSEGV - 1)) != 0
}

fn send(signal: &str, pid: i32) {
    let sent = std::process::Command::new("/bin/kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_plain_run_asks_before_anything_has_started_and_a_session_without_terminal_needs_no_more() {
    let broker = Broker::start();
    let run = broker.away_from_terminal(&["run", "tool", "--json"]);
    let (mut talk, asked) = broker.run();
    assert_eq!(asked.command.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tool", "--json"]);
    assert!(!has_signals(run.pid()) && !has_started(run.pid()));
    talk.tell(&started([false; 3]));
    until("signals are the session's", || has_signals(run.pid()));
    assert!(!has_started(run.pid()));
    talk.tell(&exited(7));
    assert_eq!(run.finish(), (7, String::new(), String::new()));

    let run = broker.away_from_terminal(&["run", "--no-wait", "tool"]);
    let (mut talk, asked) = broker.run();
    assert!(asked.no_wait);
    until("the program waits", || has_signals(run.pid()) && has_started(run.pid()));
    talk.tell(&started([false; 3]));
    talk.tell(&exited(8));
    assert_eq!(run.finish().0, 8);
}

#[test]
fn a_signal_for_a_session_without_terminal_reaches_its_program() {
    let broker = Broker::start();
    let run = broker.away_from_terminal(&["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    until("signals are the session's", || has_signals(run.pid()));
    send("TERM", run.pid());
    assert_eq!(talk.reply(), Reply::Signal { signal: libc::SIGTERM });
    talk.tell(&Tell::Ended(Ended { status: None, signal: Some(15), because: None }));
    assert_eq!(run.finish().0, 143);
}

#[test]
fn a_signal_before_there_is_a_session_ends_the_command() {
    use std::os::unix::process::ExitStatusExt as _;
    let broker = Broker::start();
    let mut run = broker.away_from_terminal(&["run", "tool"]);
    let (_talk, _) = broker.run();
    send("INT", run.pid());
    assert_eq!(run.0.take().unwrap().wait().unwrap().signal(), Some(libc::SIGINT));
}

#[test]
fn whatever_else_is_told_to_a_session_without_terminal_is_said() {
    let broker = Broker::start();
    let run = broker.away_from_terminal(&["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    until("signals are the session's", || has_signals(run.pid()));
    talk.tell(&Tell::Notice { text: "this session ends in 5m".to_owned() });
    talk.tell(&Tell::Ended(Ended { status: Some(3), signal: None, because: Some("its time is over".to_owned()) }));
    let (status, out, errors) = run.finish();
    assert_eq!((status, out.as_str()), (3, ""));
    assert!(errors.contains("this session ends in 5m") && errors.contains("its time is over"), "{errors}");

    let run = broker.away_from_terminal(&["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    until("signals are the session's", || has_signals(run.pid()));
    drop(talk);
    let (status, _, errors) = run.finish();
    assert!(status == 125 && errors.contains("may still be running"), "{status} {errors}");
}
