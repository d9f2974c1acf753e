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

#[test]
fn a_program_that_wants_the_terminal_while_we_are_in_the_background_stops_us_until_fg() {
    let broker = Broker::start();
    // Bash takes a job for stopped once it has heard so of each of its processes, `cat` too. An `fg` before that returns at the next
    // stop, and then the script ends, which ends (SIGTERM) what it leaves behind stopped.
    let heard = "until [ \"$(jobs -s)\" ]; do :; done";
    let script = format!("set -m; \"$BREVET\" run tool | cat & read -r line; {heard}; jobs; fg; echo over=${{PIPESTATUS[0]}}");
    let mut shown = OnTerminal::script(&broker, &script);
    let (mut talk, _) = broker.run();
    talk.tell(&started([true, false, true]));
    talk.output(b"background words\r\n");
    shown.expect("background words");
    talk.tell(&Tell::Stopped { signal: libc::SIGTTIN });
    let pid = shown.pid();
    until("it is stopped", || brevet_sys::process::stat(pid).is_ok_and(|stat| stat.state == b'T'));
    assert!(shown.is_usual());
    shown.type_keys("for the shell\n");
    shown.expect("Stopped");
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    until("the terminal is taken", || !shown.is_usual());
    shown.type_keys("k");
    talk.typed(b"k");
    talk.tell(&exited(0));
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn control_z_with_a_pipe_on_standard_input_stops_the_session_then_us_and_fg_continues() {
    let broker = Broker::start();
    let script = "set -m; echo x | \"$BREVET\" run tool; fg; echo over=$?";
    let mut shown = OnTerminal::script(&broker, script);
    let (mut talk, _) = broker.run();
    talk.tell(&started([false, true, true]));
    talk.output(b"running\r\n");
    shown.expect("running");
    shown.type_keys("\x1a");
    assert_eq!(talk.reply(), Reply::Signal { signal: libc::SIGTSTP });
    let pid = shown.pid();
    assert_ne!(brevet_sys::process::stat(pid).unwrap().state, b'T', "only when the program has stopped");
    talk.tell(&Tell::Stopped { signal: libc::SIGTSTP });
    shown.expect("Stopped");
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    talk.tell(&exited(6));
    shown.expect("over=6");
    shown.finish();
}

#[test]
fn control_z_in_a_program_that_reads_the_terminal_beside_a_pipe_stops_the_pipeline_and_fg_gives_it_the_keyboard_again() {
    let broker = Broker::start();
    let mut shown = OnTerminal::script(&broker, "set -m; echo x | \"$BREVET\" run less; stty -a | grep -o ' icanon '; fg; echo over=$?");
    let (mut talk, _) = broker.run();
    talk.tell(&started([false, true, true]));
    talk.tell(&Tell::Stopped { signal: libc::SIGTTOU });
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    until("it is raw", || !shown.is_usual());
    shown.type_keys("\x1a");
    talk.typed(b"\x1a");
    talk.tell(&Tell::Stopped { signal: libc::SIGTSTP });
    shown.expect("Stopped");
    shown.expect(" icanon ");
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    until("it is raw again", || !shown.is_usual());
    shown.type_keys("q");
    talk.typed(b"q");
    talk.tell(&exited(6));
    shown.expect("over=6");
    shown.finish();
    assert!(shown.is_usual());
}

#[test]
fn without_a_terminal_a_stop_is_passed_on_and_stops_us_alone() {
    let broker = Broker::start();
    // Bash keeps our group from being an orphaned one; the plain shell in it does not see stops and waits for the end.
    let program = program().to_str().unwrap();
    let mut bash = std::process::Command::new("setsid");
    bash.args(["-w", "bash", "-c", "set -m; sh -c '\"$0\" run tool & echo $!; wait $!; echo over=$?' \"$0\" & wait -f $!", program]);
    bash.env("BREVET_SOCKET", broker.socket()).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut run = Run::spawn(bash.stderr(std::process::Stdio::piped()));
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::with_capacity(1, run.0.as_mut().unwrap().stdout.as_mut().unwrap()), &mut first)
        .unwrap();
    let pid: i32 = first.trim().parse().unwrap();
    // It passes signals on only once it has started, and then it shows notices.
    talk.tell(&Tell::Notice { text: "it runs".into() });
    let mut notice = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::with_capacity(1, run.0.as_mut().unwrap().stderr.as_mut().unwrap()), &mut notice)
        .unwrap();
    assert!(notice.contains("it runs"), "{notice}");
    brevet_sys::signal::send(pid, libc::SIGTSTP).unwrap();
    assert_eq!(talk.reply(), Reply::Signal { signal: libc::SIGTSTP });
    talk.tell(&Tell::Stopped { signal: libc::SIGTSTP });
    until("it is stopped", || brevet_sys::process::stat(pid).is_ok_and(|stat| stat.state == b'T'));
    brevet_sys::signal::send(pid, libc::SIGCONT).unwrap();
    assert_eq!(talk.reply_but_window(), Reply::Continue {});
    talk.tell(&exited(0));
    let (_, out, _) = run.finish();
    assert!(out.ends_with("over=0\n"), "{out}");
}
