//! Passwords: seen by nobody, and the terminal is as it was whichever way the question ends (attacks A07, A08, A10).

use crate::support::*;
use brevet_api::broker::{Prompt, PromptKind, Tell};
use brevet_api::frame::{self, TERMINAL};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

/// A command that is being asked for a password.
fn asked_for_password(broker: &Broker, mut shown: OnTerminal) -> (Talk, UnixStream, OnTerminal) {
    let (mut talk, _) = broker.run();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(DEADLINE)).unwrap();
    talk.tell_with(&Tell::Authenticate { attempts_left: 3 }, theirs.as_fd());
    drop(theirs);
    frame::write_control(&mut ours, &Prompt { text: "Pass\x1bword: ".to_owned(), kind: PromptKind::Hidden }).unwrap();
    shown.expect("Pass\\u{1b}word: ");
    assert!(!shown.is_usual());
    (talk, ours, shown)
}

#[test]
fn a_password_is_not_echoed_and_goes_straight_to_who_asked() {
    let broker = Broker::start();
    let shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, mut conversation, mut shown) = asked_for_password(&broker, shown);
    shown.type_keys("s3cret w0rd\n");
    let answer = frame::read(&mut conversation, 2048).unwrap();
    assert_eq!((answer.kind, answer.payload.as_slice()), (TERMINAL, &b"s3cret w0rd"[..]));
    frame::write_control(&mut conversation, &Prompt { text: "Your password is old".to_owned(), kind: PromptKind::Info }).unwrap();
    frame::write_control(&mut conversation, &Prompt { text: "Colour: ".to_owned(), kind: PromptKind::Visible }).unwrap();
    shown.expect("Your password is old");
    shown.expect("Colour: ");
    assert!(shown.is_usual());
    shown.type_keys("blue\n");
    assert_eq!(frame::read(&mut conversation, 2048).unwrap().payload, b"blue");
    drop(conversation);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    talk.tell_with(&Tell::Authenticate { attempts_left: 2 }, theirs.as_fd());
    shown.expect("not accepted, 2 attempts left");
    frame::write_control(&mut ours, &Prompt { text: "Password: ".to_owned(), kind: PromptKind::Hidden }).unwrap();
    shown.expect("your own password: ");
    drop(theirs);
    drop(ours);
    talk.tell(&Tell::Refused(refused("not authenticated")));
    assert_eq!(shown.finish(), 126);
    assert!(shown.is_usual());
    assert!(!shown.seen.contains("s3cret"), "{}", shown.seen);
}

#[test]
fn ctrl_c_or_a_signal_in_the_middle_of_a_password_restores_the_terminal_and_drops_what_was_typed() {
    for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143), (libc::SIGQUIT, 131), (libc::SIGUSR1, 138)] {
        let broker = Broker::start();
        let shown = OnTerminal::brevet(&broker, &["run", "tool"]);
        let (mut talk, _conversation, mut shown) = asked_for_password(&broker, shown);
        shown.type_keys("s3cret");
        if signal == libc::SIGINT {
            shown.type_keys("\x03");
        } else {
            brevet_sys::signal::send(shown.pid(), signal).unwrap();
        }
        assert!(talk.is_over());
        assert_eq!(shown.finish(), status);
        assert!(shown.is_usual());
        assert!(!shown.seen.contains("s3cret"), "{}", shown.seen);
    }
}

#[test]
fn a_timeout_in_the_middle_of_a_password_leaves_nothing_for_the_shell() {
    let broker = Broker::start();
    let script = "\"$BREVET\" run tool; echo over=$?; IFS= read -r line; echo \"read:<$line>\"";
    let shown = OnTerminal::script(&broker, script);
    let (mut talk, conversation, mut shown) = asked_for_password(&broker, shown);
    shown.type_keys("s3cret");
    drop(conversation);
    talk.tell(&Tell::Refused(refused("too late")));
    shown.expect("over=126");
    shown.type_keys("next\n");
    shown.expect("read:<next>");
    assert_eq!(shown.finish(), 0);
    assert!(!shown.seen.contains("s3cret"), "{}", shown.seen);
}

#[test]
fn an_endless_password_is_not_sent_and_not_cut() {
    let broker = Broker::start();
    let shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, mut conversation, mut shown) = asked_for_password(&broker, shown);
    shown.type_keys(&format!("{}\x15{}\n", "a".repeat(2000), "b".repeat(1025)));
    assert!(matches!(frame::read(&mut conversation, 4096), Err(frame::FrameError::Closed)));
    talk.tell(&Tell::Refused(refused("not authenticated")));
    assert_eq!(shown.finish(), 126);
    assert!(shown.is_usual());
}

#[test]
fn ctrl_z_in_the_middle_of_a_password_gives_the_terminal_back_and_fg_asks_again() {
    let broker = Broker::start();
    let shown = OnTerminal::script(&broker, "set -m; \"$BREVET\" run tool; echo stopped=$?; stty -a | grep -o ' echo '; fg; echo over=$?");
    let (mut talk, mut conversation, mut shown) = asked_for_password(&broker, shown);
    shown.type_keys("s3cret");
    shown.type_keys("\x1a");
    shown.expect("stopped=148");
    shown.expect(" echo ");
    shown.expect("Pass\\u{1b}word: ");
    until("it is hidden again", || !shown.is_usual());
    shown.type_keys("other\n");
    assert_eq!(frame::read(&mut conversation, 2048).unwrap().payload, b"other");
    drop(conversation);
    talk.tell(&Tell::Refused(refused("no")));
    shown.expect("over=126");
    assert_eq!(shown.finish(), 0);
    assert!(!shown.seen.contains("s3cret"), "{}", shown.seen);
}
