//! Reason, duration and waiting, on a real terminal.

use crate::support::*;
use brevet_api::broker::{NeedReason, Reply, Tell};
use brevet_core::policy::Mode;
use brevet_core::time::Length;

pub fn need() -> Tell {
    Tell::NeedReason(Box::new(NeedReason {
        would_run: would_run(&[b"tool", b"--evil=\x1b]0;x\x07", b"a b"]),
        policy: "Web team".to_owned(),
        mode: Mode::Request,
        max_duration: Length::from_hours(1),
        approvers: vec!["role:approver".to_owned()],
        message: "Questions: #web-ops".to_owned(),
    }))
}

#[test]
fn what_would_run_is_shown_and_reason_and_duration_are_asked_for() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "--ticket", "T7", "tool"]);
    let (mut talk, asked) = broker.run();
    assert!(asked.interactive);
    assert_eq!(asked.window.unwrap().columns, 132);
    talk.tell(&need());
    for wanted in ["'--evil=\\u{1b}]0;x\\u{7}' 'a b'", "/usr/bin/tool", "tools 1.2-3, Example Team (unchanged", "by root alone"] {
        shown.expect(wanted);
    }
    for wanted in ["root", "\"Web team\"", "whoever has the role approver", "1h", "reason: "] {
        shown.expect(wanted);
    }
    shown.type_keys("\n");
    shown.expect("a reason is needed");
    shown.expect("reason: ");
    shown.type_keys("  disk full \n");
    shown.expect("at most 1h [1h]: ");
    for (typed, wanted) in [
        ("soon\n", "not a duration: expected a form such as 90s, 30m or 1h30m, at most 1h\r\n"),
        ("2h\n", "longer than this policy allows"),
        ("0s\n", "longer than nothing"),
    ] {
        shown.type_keys(typed);
        shown.expect(wanted);
        shown.expect("at most 1h [1h]: ");
    }
    shown.type_keys("10m\n");
    let wanted = Reply::Reason { reason: "disk full".to_owned(), duration: Some(Length::from_minutes(10)), ticket: Some("T7".to_owned()) };
    assert_eq!(talk.reply(), wanted);
    talk.tell(&Tell::Refused(refused("no")));
    assert_eq!(shown.finish(), 126);
    assert!(!shown.seen.contains("\x1b]0"), "{}", shown.seen);
}

#[test]
fn questions_are_answered_on_the_terminal_and_a_pipe_is_left_alone() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "echo from-the-pipe | \"$BREVET\" run tee f");
    let (mut talk, asked) = broker.run();
    assert!(asked.interactive);
    talk.tell(&need());
    shown.expect("reason: ");
    shown.type_keys("why\n");
    shown.expect("[1h]: ");
    shown.type_keys("\n");
    let Reply::Reason { reason, duration, .. } = talk.reply() else { panic!() };
    assert_eq!((reason.as_str(), duration), ("why", Some(Length::from_hours(1))));
    talk.tell(&Tell::Refused(refused("no")));
    assert_eq!(shown.finish(), 126);
}

#[test]
fn ctrl_c_and_end_of_input_at_a_question_ask_for_nothing() {
    for (key, status) in [("\x03", 130), ("\x04", 126)] {
        let broker = Broker::start();
        let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
        let (mut talk, _) = broker.run();
        talk.tell(&need());
        shown.expect("reason: ");
        shown.type_keys(key);
        assert!(talk.is_over());
        assert_eq!(shown.finish(), status);
        assert!(shown.seen.contains("nothing was asked for"), "{}", shown.seen);
        assert!(shown.is_usual());
    }
}

#[test]
fn a_broker_that_loses_patience_is_heard_in_the_middle_of_a_question() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&need());
    shown.expect("reason: ");
    shown.type_keys("half a rea");
    shown.expect("half a rea");
    talk.tell(&Tell::Refused(refused("nobody answered")));
    assert_eq!(shown.finish(), 126);
    shown.expect("nobody answered");
}

#[test]
fn waiting_ticks_on_one_line_and_ctrl_c_leaves_the_request_pending() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "--reason", "x", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&pending());
    shown.expect("7K3M-Q9ZT");
    shown.expect("because\\u{1b}[2J");
    shown.expect("\r\x1b[Kbrevet: waited 0s");
    shown.expect("\r\x1b[Kbrevet: waited 1s");
    shown.type_keys("\x03");
    assert!(talk.is_over());
    assert_eq!(shown.finish(), 130);
    shown.expect("stays pending");
    shown.expect("brevet withdraw 7K3M-Q9ZT");
    assert!(shown.is_usual());
}

#[test]
fn a_ticking_line_never_fills_a_narrow_window() {
    let broker = Broker::start();
    let mut shown = OnTerminal::brevet(&broker, &["run", "--reason", "x", "tool"]);
    let (mut talk, _) = broker.run();
    let narrow = brevet_sys::pty::WindowSize { rows: 10, columns: 20, width: 0, height: 0 };
    brevet_sys::pty::set_window_size(std::os::fd::AsFd::as_fd(&shown.pty.master), narrow).unwrap();
    talk.tell(&pending());
    shown.expect("\r\x1b[Kbrevet: waited 0s, \r\x1b[K");
    talk.tell(&Tell::Refused(refused("no")));
    assert_eq!(shown.finish(), 126);
}
