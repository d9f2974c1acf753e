//! The person's terminal is closed, and whoever leads its session keeps that to itself.

use crate::support::*;
use brevet_api::broker::Reply;

/// Closes the terminal: the kernel tells the leader of its session.
fn close(shown: &mut OnTerminal) {
    drop(std::mem::replace(&mut shown.pty, brevet_sys::pty::open().unwrap()));
}

fn status(broker: &Broker) -> String {
    let file = broker.directory.path().join("status");
    let mut text = String::new();
    until("the command has ended", || {
        text = std::fs::read_to_string(&file).unwrap_or_default();
        text.ends_with('\n')
    });
    text
}

/// A leader that lives on, and we are its child.
const SILENT: &str = "trap : HUP; \"$BREVET\" run --reason x tool; echo $? > status";

#[test]
fn a_closed_terminal_ends_the_session_whoever_leads_the_terminals() {
    // With `su` as the leader, a shell that is none is left waiting for us.
    let below_su = "exec su root --session-command '\"$BREVET\" run --reason x tool; echo $? > status'";
    for script in [SILENT, below_su] {
        for terminal in [[true; 3], [false, true, true], [true, false, true]] {
            let broker = Broker::start();
            let pipes = match terminal {
                [false, ..] => script.replace("\"$BREVET\"", "echo x | \"$BREVET\""),
                [_, false, _] => script.replace("run --reason x tool", "run --reason x tool > file"),
                _ => script.to_owned(),
            };
            let mut shown = OnTerminal::script(&broker, &pipes);
            let (mut talk, _) = broker.run();
            talk.tell(&started(terminal));
            talk.output(b"running\r\n");
            shown.expect("running");
            close(&mut shown);
            assert!(talk.is_over(), "{pipes}");
            assert_eq!(status(&broker), "129\n", "{pipes}");
        }
    }
}

#[test]
fn a_closed_terminal_ends_the_waiting_and_the_request_stays() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, SILENT);
    let (mut talk, _) = broker.run();
    talk.tell(&pending());
    shown.expect("waited 0s");
    close(&mut shown);
    assert!(talk.is_over());
    assert_eq!(status(&broker), "129\n");
}

#[test]
fn who_asked_not_to_be_hung_up_on_is_not() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, &SILENT.replace("trap :", "trap ''"));
    let (mut talk, _) = broker.run();
    talk.tell(&pending());
    shown.expect("waited 0s");
    talk.tell(&started([true; 3]));
    talk.output(b"running\r\n");
    shown.expect("running");
    close(&mut shown);
    assert_eq!(talk.reply_but_window(), Reply::InputEnd {});
    talk.tell(&exited(7));
    assert_eq!(status(&broker), "7\n");
}
