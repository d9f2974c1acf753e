use crate::rig::{Rig, Running, runs, wait_until};
use brevet_api::broker::{Reply, Tell, Window};
use brevet_broker::spec::{Containment, EndReason, SessionSpec, Terminal};
use brevet_sys::process;
use std::os::fd::AsFd as _;

#[test]
fn a_program_gets_a_terminal_of_its_own_with_the_persons_size() {
    let rig = Rig::new();
    for containment in BOTH {
        let script = "tty; stty size; ls -l /proc/self/fd | grep -c pts; : < /dev/tty && echo controlling";
        let spec = SessionSpec { containment, ..rig.on_terminal(&["/bin/sh", "-c", script]) };
        let mut running = rig.start(&spec);
        assert_eq!(running.person.ended().status, Some(0));
        let text = String::from_utf8(running.person.seen.clone()).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
        assert!(lines[0].starts_with("/dev/pts/"), "{text}");
        // 1 and 2 of ls: its standard output is the pipe to grep.
        assert_eq!(lines[1..], ["33 101", "2", "controlling"], "{text}");
        running.ended();
    }
}

#[test]
fn what_is_typed_arrives_and_a_window_change_is_told() {
    let rig = Rig::new();
    let script = "trap 'stty size' WINCH; echo ready; read line; echo \"got $line\"; read line; read line";
    let mut running = rig.start(&rig.on_terminal(&["/bin/bash", "-c", script]));
    running.person.expect("ready");
    running.person.press(b"hello\r");
    running.person.expect("got hello");
    running.person.reply(&Reply::Window(Window { rows: 12, columns: 34 }));
    running.person.press(b"\r");
    running.person.expect("12 34");
    running.person.press(b"\r");
    running.ended();
}

#[test]
fn control_c_ends_the_foreground_and_so_does_a_signal_that_the_client_passes_on() {
    let rig = Rig::new();
    for namespaced in [false, true] {
        let containment = if namespaced { Containment::PidNamespace } else { Containment::Cgroup };
        let spec = |rig: &Rig| SessionSpec { containment, ..rig.on_terminal(&["/bin/sh", "-c", "echo ready; exec sleep 1000"]) };
        let mut running = rig.start(&spec(&rig));
        running.person.expect("ready");
        running.person.press(b"\x03");
        assert_eq!(running.person.ended().signal, Some(2));
        running.ended();
        let mut running = rig.start(&spec(&rig));
        running.person.expect("ready");
        running.person.reply(&Reply::Signal { signal: 15 });
        assert_eq!(running.person.ended().signal, Some(15));
        running.ended();
    }
}

#[test]
fn control_z_stops_and_the_client_continues() {
    let rig = Rig::new();
    for containment in BOTH {
        // WHY no child: a shell that is stopped between vfork and exec is not stopped itself, on any terminal.
        let script = "trap 'echo again; exit 3' CONT; echo ready; while :; do read -t 0.05 line; done";
        let mut running = rig.start(&SessionSpec { containment, ..rig.on_terminal(&["/bin/bash", "-c", script]) });
        running.person.expect("ready");
        running.person.press(b"\x1a");
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 20 });
        assert_eq!(process::stat(running.started.pid).unwrap().state, b'T');
        running.person.reply(&Reply::Continue {});
        running.person.expect("again");
        assert_eq!(running.person.ended().status, Some(3));
        running.ended();
    }
}

#[test]
fn a_client_that_goes_away_is_a_terminal_that_hangs_up() {
    let rig = Rig::new();
    let mut running = rig.start(&rig.on_terminal(&["/bin/sh", "-c", "echo ready; exec sleep 1000"]));
    running.person.expect("ready");
    let pid = running.started.pid;
    drop(std::mem::replace(&mut running.person.connection, std::os::unix::net::UnixStream::pair().unwrap().0));
    wait_until("it was hung up on", || !runs(pid));
    running.ended();
}

#[test]
fn a_pipe_stays_a_pipe_beside_the_terminal() {
    let rig = Rig::new();
    let mut spec = rig.on_terminal(&["/bin/sh", "-c", "[ -t 0 ] || echo in; [ -t 1 ] && echo out; echo piped >&2"]);
    spec.terminal = Some(Terminal { on: [false, true, false], window: Window { rows: 24, columns: 80 } });
    let mut running = rig.start(&spec);
    assert_eq!(running.person.ended().status, Some(0));
    assert_eq!(String::from_utf8_lossy(&running.person.seen), "in\r\nout\r\n");
    assert_eq!(running.person.piped(), "piped\n");
    running.ended();
}

#[test]
fn much_output_arrives_whole() {
    let rig = Rig::new();
    let mut running = rig.start(&rig.on_terminal(&["/bin/sh", "-c", "stty -onlcr; seq 1 200000"]));
    assert_eq!(running.person.ended().status, Some(0));
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert!(running.person.seen == expected.as_bytes(), "{} bytes of {}", running.person.seen.len(), expected.len());
    running.ended();
}

#[test]
fn a_slow_reader_gets_everything_although_the_broker_is_done_with_the_session() {
    let rig = Rig::new();
    let mut running = rig.start(&rig.on_terminal(&["/bin/sh", "-c", "stty -onlcr; seq 1 50000"]));
    running.ended();
    assert_eq!(running.person.ended().status, Some(0));
    let expected: String = (1..=50_000).map(|number| format!("{number}\n")).collect();
    assert!(running.person.seen == expected.as_bytes(), "{} bytes of {}", running.person.seen.len(), expected.len());
}

#[test]
fn the_deadline_holds_while_nobody_reads_what_is_written() {
    let rig = Rig::new();
    let mut spec = rig.on_terminal(&["/usr/bin/yes"]);
    spec.deadline_ms = brevet_sys::clock::boottime_ms() + 700;
    let running = rig.start(&spec);
    let ended = running.ended();
    assert_eq!(ended.reason, EndReason::Expired);
    assert!(ended.at_boot_ms < spec.deadline_ms + 1000, "within a second of its end");
}

const BOTH: [Containment; 2] = [Containment::Cgroup, Containment::PidNamespace];

/// As for `brevet run X | less` on a terminal.
fn into_a_pipe(rig: &Rig, arguments: &[&str], containment: Containment) -> SessionSpec {
    let terminal = Terminal { on: [true, false, true], window: Window { rows: 24, columns: 80 } };
    SessionSpec { containment, terminal: Some(terminal), ..rig.spec(arguments) }
}

fn state_of(running: &Running) -> u8 {
    process::stat(running.started.pid).unwrap().state
}

#[test]
fn with_its_output_in_a_pipe_it_begins_in_the_background_and_asks_for_the_terminal() {
    let rig = Rig::new();
    for containment in BOTH {
        let script = "echo ready >&2; read line; echo \"got $line\" >&2; read line; echo piped";
        let mut running = rig.start(&into_a_pipe(&rig, &["/bin/sh", "-c", script], containment));
        running.person.expect("ready");
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 21 });
        assert_eq!(state_of(&running), b'T');
        running.person.reply(&Reply::Continue {});
        running.person.press(b"hello\r");
        running.person.expect("got hello");
        // Now it has the foreground, and keeps it.
        running.person.press(b"\r");
        assert_eq!(running.person.ended().status, Some(0));
        assert_eq!(running.person.piped(), "piped\n");
        running.ended();
        // Changing the terminal asks for it too.
        let mut running = rig.start(&into_a_pipe(&rig, &["/bin/stty", "-echo"], containment));
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 22 });
        running.person.reply(&Reply::Continue {});
        assert_eq!(running.person.ended().status, Some(0));
        running.ended();
    }
}

#[test]
fn no_key_pressed_while_the_program_is_in_the_background_ends_the_supervisor() {
    let rig = Rig::new();
    for containment in BOTH {
        let mut running = rig.start(&into_a_pipe(&rig, &["/bin/sh", "-c", "echo ready >&2; exec sleep 1000"], containment));
        running.person.expect("ready");
        running.person.press(b"\x03\x1c\x1a");
        // It goes on holding its session, and ends it in order.
        running.person.reply(&Reply::Signal { signal: 15 });
        assert_eq!(running.person.ended().signal, Some(15));
        let ended = running.ended();
        assert_eq!(ended.reason, EndReason::Exited);
    }
}

#[test]
fn with_its_input_from_a_pipe_it_asks_for_the_terminal_that_it_reads_by_name() {
    let rig = Rig::new();
    for containment in BOTH {
        let terminal = Terminal { on: [false, true, true], window: Window { rows: 24, columns: 80 } };
        let with = |script| SessionSpec { containment, terminal: Some(terminal), ..rig.spec(&["/bin/sh", "-c", script]) };
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"piped\n").unwrap();
        drop(writer);
        let script = "cat; read line < /dev/tty; echo \"got $line\"; echo ready; exec sleep 1000";
        let mut running = rig.start_with(&with(script), reader.as_fd());
        running.person.expect("piped");
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 21 });
        running.person.reply(&Reply::Continue {});
        running.person.press(b"hello\r");
        running.person.expect("got hello");
        running.person.expect("ready");
        running.person.press(b"\x03");
        assert_eq!(running.person.ended().signal, Some(2));
        running.ended();
        // A file is nobody else's: the terminal is the program's at once.
        let mut running = rig.start(&with("read line < /dev/tty; echo \"got $line\""));
        running.person.press(b"hello\r");
        running.person.expect("got hello");
        assert_eq!(running.person.ended().status, Some(0));
        running.ended();
    }
}

#[test]
fn in_the_background_signals_reach_the_program_and_a_stop_leaves_it_there() {
    let rig = Rig::new();
    for containment in BOTH {
        let script = "echo ready >&2; kill -TSTP $$; read line; echo \"got $line\" >&2; exec sleep 1000";
        let mut running = rig.start(&into_a_pipe(&rig, &["/bin/sh", "-c", script], containment));
        running.person.expect("ready");
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 20 });
        running.person.reply(&Reply::Continue {});
        assert_eq!(running.person.tell(), Tell::Stopped { signal: 21 }, "it went on in the background");
        running.person.reply(&Reply::Continue {});
        running.person.press(b"x\r");
        running.person.expect("got x");
        running.person.reply(&Reply::Signal { signal: 2 });
        assert_eq!(running.person.ended().signal, Some(2));
        running.ended();

        let mut running = rig.start(&into_a_pipe(&rig, &["/bin/sh", "-c", "echo ready >&2; exec sleep 1000"], containment));
        running.person.expect("ready");
        running.person.reply(&Reply::Signal { signal: 2 });
        assert_eq!(running.person.ended().signal, Some(2));
        running.ended();
    }
}

#[test]
fn a_stop_that_the_client_passes_on_stops_the_session_with_and_without_a_terminal() {
    let rig = Rig::new();
    for containment in BOTH {
        for on in [[false; 3], [false, true, true]] {
            let mut spec = SessionSpec { containment, ..rig.spec(&["/bin/sleep", "1000"]) };
            spec.terminal = on[1].then_some(Terminal { on, window: Window { rows: 24, columns: 80 } });
            let mut running = rig.start(&spec);
            running.person.reply(&Reply::Signal { signal: 20 });
            assert_eq!(running.person.tell(), Tell::Stopped { signal: 20 });
            assert_eq!(state_of(&running), b'T');
            running.person.reply(&Reply::Continue {});
            wait_until("it goes on", || state_of(&running) != b'T');
            running.person.reply(&Reply::Signal { signal: 15 });
            assert_eq!(running.person.ended().signal, Some(15));
            running.ended();
        }
    }
}

#[test]
fn the_end_of_typing_is_the_end_of_input_for_lines_and_a_hang_up_otherwise() {
    let rig = Rig::new();
    for containment in BOTH {
        let script = "echo ready; cat; echo \"over=$?\"; read line || echo no more";
        let mut running = rig.start(&SessionSpec { containment, ..rig.on_terminal(&["/bin/sh", "-c", script]) });
        running.person.expect("ready");
        running.person.press(b"half a line");
        running.person.reply(&Reply::InputEnd {});
        running.person.expect("half a lineover=0");
        running.person.reply(&Reply::InputEnd {});
        running.person.expect("no more");
        assert_eq!(running.person.ended().status, Some(0));
        running.ended();

        let script = "stty raw; echo ready; exec sleep 1000";
        let mut running = rig.start(&SessionSpec { containment, ..rig.on_terminal(&["/bin/sh", "-c", script]) });
        running.person.expect("ready");
        running.person.reply(&Reply::InputEnd {});
        assert_eq!(running.person.ended().signal, Some(1));
        running.ended();
    }
}
