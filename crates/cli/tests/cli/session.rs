//! A running session on a terminal: raw mode, bytes both ways, window size, and pipes beside a terminal.

use crate::support::*;
use brevet_api::broker::{Ended, Reply, Tell};
use std::os::fd::AsFd as _;

#[test]
fn keys_and_output_pass_untouched_and_the_terminal_comes_back() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    talk.output(b"hello\x1b[1m\r\n");
    shown.expect("hello\x1b[1m\r\n");
    assert!(!shown.is_usual());
    shown.type_keys("ab\x03\x1a\x04\r");
    talk.typed(b"ab\x03\x1a\x04\r");
    let size = brevet_sys::pty::WindowSize { rows: 50, columns: 99, width: 0, height: 0 };
    brevet_sys::pty::set_window_size(shown.pty.master.as_fd(), size).unwrap();
    assert_eq!(talk.reply(), Reply::Window(brevet_api::broker::Window { rows: 50, columns: 99 }));
    talk.tell(&Tell::Notice { text: "5m left\x07".to_owned() });
    shown.expect("\r\nbrevet: 5m left\\u{7}\r\n");
    talk.output(b"last words");
    talk.tell(&Tell::Ended(Ended { status: None, signal: Some(9), because: Some("the grant has expired".to_owned()) }));
    assert_eq!(shown.finish(), 137);
    shown.expect("last words");
    shown.expect("brevet: the grant has expired");
    assert!(shown.is_usual());
}

#[test]
fn a_lot_of_output_arrives_whole_before_the_command_ends() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    let writer = std::thread::spawn(move || {
        for n in 0..500 {
            talk.output(format!("{n:06} {}\r\n", "x".repeat(600)).as_bytes());
        }
        talk.tell(&exited(0));
    });
    shown.expect("000499 ");
    writer.join().unwrap();
    assert_eq!(shown.finish(), 0);
    assert_eq!(shown.seen.matches("xxx\r\n").count(), 500);
}

#[test]
fn the_terminal_comes_back_when_the_session_is_lost() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    talk.output(b"x");
    shown.expect("x");
    until("it is raw", || !shown.is_usual());
    drop(talk);
    assert_eq!(shown.finish(), 125);
    assert!(shown.is_usual());
    shown.expect("may still be running");
}

#[test]
fn with_a_pipe_on_standard_input_output_is_relayed_and_ctrl_c_reaches_the_program() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "trap '' INT TSTP; echo x | (trap - INT TSTP; exec \"$BREVET\" run tee f); echo over=$?");
    let (mut talk, _, descriptors) = broker.asked();
    let kinds: Vec<bool> = descriptors[..3].iter().map(|fd| brevet_sys::pty::is_terminal(fd.as_fd())).collect();
    assert_eq!(kinds, [false, true, true]);
    drop(descriptors);
    talk.tell(&started([false, true, true]));
    talk.output(b"from tee\r\n");
    shown.expect("from tee");
    assert!(shown.is_usual());
    shown.type_keys("\x03");
    assert_eq!(talk.reply(), Reply::Signal { signal: libc::SIGINT });
    shown.type_keys("\x1a");
    assert_eq!(talk.reply(), Reply::Signal { signal: libc::SIGTSTP });
    shown.type_keys("not for the program\n");
    talk.tell(&exited(0));
    shown.expect("over=0");
    shown.finish();
    assert!(talk.is_over());
}

#[test]
fn with_a_pipe_on_standard_output_the_terminal_is_taken_only_when_the_program_asks() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "\"$BREVET\" run tool | cat; echo over=${PIPESTATUS[0]}");
    let (mut talk, _) = broker.run();
    talk.tell(&started([true, false, true]));
    talk.output(b"to stderr\r\n");
    shown.expect("to stderr");
    assert!(shown.is_usual());
    talk.tell(&Tell::Stopped { signal: libc::SIGTTIN });
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    assert!(!shown.is_usual());
    shown.type_keys("y\r");
    talk.typed(b"y\r");
    talk.tell(&exited(9));
    shown.expect("over=9");
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn with_a_pipe_on_standard_input_a_program_that_asks_for_the_terminal_gets_the_keyboard() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "echo x | \"$BREVET\" run less; echo over=$?");
    let (mut talk, _) = broker.run();
    talk.tell(&started([false, true, true]));
    talk.output(b"the first page");
    shown.expect("the first page");
    assert!(shown.is_usual());
    // less makes the terminal raw.
    talk.tell(&Tell::Stopped { signal: libc::SIGTTOU });
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    assert!(!shown.is_usual());
    shown.type_keys("jq\x03\x1c\x1a");
    talk.typed(b"jq\x03\x1c\x1a");
    talk.tell(&exited(0));
    shown.expect("over=0");
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn with_a_file_on_standard_input_the_keyboard_is_the_programs_at_once() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "echo x > file; \"$BREVET\" run less < file; echo over=$?");
    let (mut talk, _) = broker.run();
    talk.tell(&started([false, true, true]));
    until("it is raw", || !shown.is_usual());
    shown.type_keys("q\x03");
    talk.typed(b"q\x03");
    talk.tell(&exited(9));
    shown.expect("over=9");
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn with_a_file_on_standard_output_the_terminal_is_ours_at_once() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "\"$BREVET\" run tool > file; echo over=$?");
    let (mut talk, _) = broker.run();
    talk.tell(&started([true, false, true]));
    until("it is raw", || !shown.is_usual());
    talk.tell(&exited(9));
    shown.expect("over=9");
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn a_line_typed_before_the_program_asks_is_its_own_and_what_it_asks_for_is_not_echoed() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "\"$BREVET\" run tool | cat; echo over=${PIPESTATUS[0]}");
    let (mut talk, _) = broker.run();
    talk.tell(&started([true, false, true]));
    talk.output(b"sure?");
    shown.expect("sure?");
    shown.type_keys("y\n");
    shown.expect("y\r\n");
    assert!(shown.is_usual());
    talk.tell(&Tell::Stopped { signal: libc::SIGTTIN });
    talk.typed(b"y\n");
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    assert!(!shown.is_usual());
    shown.type_keys("secret\r");
    talk.typed(b"secret\r");
    talk.tell(&exited(0));
    shown.expect("over=0");
    shown.finish();
    assert!(!shown.seen.contains("secret"), "{}", shown.seen);
}
