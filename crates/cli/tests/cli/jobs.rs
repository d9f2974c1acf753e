//! Job control: stopped with the program, woken with it, and in the background without touching the terminal (attack A10).

use crate::support::*;
use brevet_api::broker::{Reply, Tell};

#[test]
fn when_the_program_stops_so_does_the_command_and_fg_continues_both() {
    let broker = Broker::start();
    let script = "set -m; \"$BREVET\" run tool; echo stopped=$?; stty -a | grep -o ' icanon '; fg; echo over=$?";
    let mut shown = OnTerminal::script(&broker, script);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    talk.output(b"running\r\n");
    shown.expect("running");
    until("it is raw", || !shown.is_usual());
    talk.tell(&Tell::Stopped { signal: libc::SIGTSTP });
    shown.expect("stopped=148");
    shown.expect(" icanon ");
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    until("it is raw again", || !shown.is_usual());
    shown.type_keys("k");
    loop {
        let frame = talk.frame();
        if frame.kind == brevet_api::frame::TERMINAL {
            assert_eq!(frame.payload, b"k");
            break;
        }
    }
    talk.tell(&exited(6));
    shown.expect("over=6");
    assert_eq!(shown.finish(), 0);
    assert!(shown.is_usual());
}

#[test]
fn in_the_background_the_terminal_is_left_alone_until_fg() {
    let broker = Broker::start();
    let script = "set -m; \"$BREVET\" run tool & read -r line; echo \"shell:<$line>\"; fg; echo over=$?";
    let mut shown = OnTerminal::script(&broker, script);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    talk.output(b"background words\r\n");
    shown.expect("background words");
    assert!(shown.is_usual());
    shown.type_keys("for the shell\n");
    shown.expect("shell:<for the shell>");
    until("it is raw in the foreground", || !shown.is_usual());
    shown.type_keys("k");
    loop {
        let frame = talk.frame();
        if frame.kind == brevet_api::frame::TERMINAL {
            assert_eq!(frame.payload, b"k");
            break;
        }
    }
    talk.tell(&exited(0));
    shown.expect("over=0");
    assert_eq!(shown.finish(), 0);
    assert!(shown.is_usual());
}

#[test]
fn a_command_that_nobody_could_wake_does_not_stop() {
    let broker = Broker::start();
    // The leader of a session has no parent in it: its group is orphaned.
    let mut shown = OnTerminal::brevet(&broker, &["run", "tool"]);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true; 3]));
    for signal in [libc::SIGTSTP, libc::SIGSTOP] {
        talk.tell(&Tell::Stopped { signal });
        assert_eq!(talk.reply_but_window(), Reply::Continue {});
    }
    talk.tell(&exited(0));
    assert_eq!(shown.finish(), 0);
}

#[test]
fn stopped_while_waiting_goes_on_waiting() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "set -m; \"$BREVET\" run --reason x tool; echo stopped=$?; fg; echo over=$?");
    let (mut talk, _) = broker.run();
    talk.tell(&pending());
    shown.expect("waited 0s");
    shown.type_keys("\x1a");
    shown.expect("stopped=148");
    shown.expect("waited ");
    talk.tell(&Tell::Refused(refused("no")));
    shown.expect("over=126");
    assert_eq!(shown.finish(), 0);
}
