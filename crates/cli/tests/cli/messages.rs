//! What the broker says, in words, as JSON and as exit status; without a terminal.

use crate::support::*;
use brevet_api::broker::{Approved, Ask, Ended, Reply, Tell};
use brevet_core::request::RequestState;
use brevet_core::time::Length;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

fn run_with(arguments: &[&str], tells: &[Tell]) -> (i32, String, String) {
    let broker = Broker::start();
    let run = broker.away_from_terminal(arguments);
    let (mut talk, _) = broker.run();
    tells.iter().for_each(|tell| talk.tell(tell));
    drop(talk);
    run.finish()
}

#[test]
fn the_first_message_carries_the_command_and_four_descriptors() {
    let broker = Broker::start();
    let mut command = broker.command(&["run", "--reason", "why", "--for", "30m", "--ticket", "T1", "--as", "bob", "--", "tool", "-x", ""]);
    let run = Run::spawn(command.current_dir(broker.directory.path()).env("TERM", "vt100").env("BAD-NAME", "1").env("F", "() { :; }"));
    let (mut talk, ask, descriptors) = broker.asked();
    let Ask::Run(asked) = ask else { panic!("{ask:?}") };
    assert_eq!(asked.command.iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), [&b"tool"[..], b"-x", b""]);
    assert_eq!((asked.reason.as_deref(), asked.ticket.as_deref(), asked.target_user.as_deref()), (Some("why"), Some("T1"), Some("bob")));
    assert_eq!(asked.duration, Some(Length::from_minutes(30)));
    let names: Vec<String> = asked.environment.iter().map(|(name, _)| name.to_string()).collect();
    assert!(names.contains(&"TERM".to_owned()) && !names.contains(&"BAD-NAME".to_owned()) && !names.contains(&"F".to_owned()));
    assert_eq!(descriptors.len(), 4);
    let directory = brevet_sys::open::metadata(descriptors[3].as_fd()).unwrap();
    assert_eq!(directory.ino(), std::fs::metadata(broker.directory.path()).unwrap().ino());
    assert_eq!(brevet_sys::open::fd_path(descriptors[0].as_fd()).unwrap().as_os_str(), "/dev/null");
    // Our copies of its pipes would keep them open.
    drop(descriptors);
    talk.tell(&started([false; 3]));
    talk.tell(&exited(7));
    assert_eq!(run.finish().0, 7);
}

#[test]
fn a_closed_descriptor_is_replaced_by_dev_null() {
    let broker = Broker::start();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" run x <&- >&- 2>&-"]).arg(program()).env("BREVET_SOCKET", broker.socket());
    let run = Run::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let (mut talk, _, descriptors) = broker.asked();
    for descriptor in &descriptors[..3] {
        assert_eq!(brevet_sys::open::fd_path(descriptor.as_fd()).unwrap().as_os_str(), "/dev/null");
    }
    drop(descriptors);
    talk.tell(&started([false; 3]));
    talk.tell(&exited(0));
    assert_eq!(run.finish().0, 0);
}

#[test]
fn an_exit_status_says_how_the_program_ended() {
    let ended = |status, signal| Tell::Ended(Ended { status, signal, because: None });
    assert_eq!(run_with(&["run", "x"], &[started([false; 3]), ended(Some(0), None)]).0, 0);
    assert_eq!(run_with(&["run", "x"], &[started([false; 3]), ended(Some(255), None)]).0, 255);
    assert_eq!(run_with(&["run", "x"], &[started([false; 3]), ended(None, Some(15))]).0, 143);
    let killed = Tell::Ended(Ended { status: None, signal: Some(9), because: Some("the grant was revoked".to_owned()) });
    let (status, stdout, stderr) = run_with(&["run", "x"], &[started([false; 3]), killed]);
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (137, "", "brevet: the grant was revoked\n"));
}

#[test]
fn a_refusal_says_why_and_whom_to_ask_and_shows_no_control_characters() {
    let (status, _, stderr) = run_with(&["run", "x"], &[Tell::Refused(refused("no policy\x1b[31m names 'x\\u{1b}'"))]);
    assert_eq!((status, stderr.as_str()), (126, "brevet: refused: no policy\\u{1b}[31m names 'x\\u{1b}'\n  hint: ask carol\n"));
    let mut not_found = refused("no such command");
    not_found.not_found = true;
    assert_eq!(run_with(&["run", "x"], &[Tell::Refused(not_found)]).0, 127);
}

#[test]
fn a_decline_shows_the_comment_quoted_and_escaped() {
    let declined = Tell::Declined { request: request(), by: "bob\u{202e}".to_owned(), comment: "not \"now\"\r\x1b[A".to_owned() };
    let (status, _, stderr) = run_with(&["run", "x"], &[pending(), declined]);
    assert_eq!(status, 126);
    assert!(stderr.contains("declined by bob\\u{202e}"), "{stderr}");
    assert!(stderr.contains("\"not \\\"now\\\"\\r\\u{1b}[A\""), "{stderr}");
    assert!(!stderr.contains(['\x1b', '\r', '\u{202e}']), "{stderr}");
}

#[test]
fn waiting_without_a_terminal_is_plain_lines() {
    let approved = Tell::Approved(Approved {
        request: request(),
        grant: grant(),
        by: vec!["bob".to_owned()],
        comments: vec!["only today".to_owned()],
        duration: Length::from_minutes(10),
        autonomous: false,
    });
    let (status, _, stderr) = run_with(&["run", "x"], &[pending(), approved, started([false; 3]), exited(3)]);
    assert_eq!(status, 3);
    for wanted in
        ["7K3M-Q9ZT", request().as_str(), "tool 'a b'", "because\\u{1b}[2J", "30m", "whoever has the role approver", "in 1h", "#web-ops"]
    {
        assert!(stderr.contains(wanted), "{wanted} in {stderr}");
    }
    assert!(stderr.contains("approved by bob for 10m\n") && stderr.contains("\"only today\""), "{stderr}");
    assert!(!stderr.contains('\r'), "{stderr}");
}

#[test]
fn a_lapsed_or_withdrawn_request_says_so() {
    for (state, wanted) in [(RequestState::Lapsed, "lapsed"), (RequestState::Withdrawn, "withdrawn")] {
        let (status, _, stderr) = run_with(&["run", "x"], &[pending(), Tell::Closed { request: request(), state }]);
        assert_eq!(status, 126);
        assert!(stderr.contains(wanted), "{stderr}");
    }
}

#[test]
fn without_waiting_the_request_goes_to_standard_output() {
    let (status, stdout, _) = run_with(&["run", "--no-wait", "x"], &[pending()]);
    assert_eq!((status, stdout), (75, format!("{{\"request\": \"{}\"}}\n", request())));
}

#[test]
fn with_json_the_messages_themselves_are_on_standard_error_and_nothing_else() {
    let tells = [pending(), started([false; 3]), exited(4)];
    let (status, stdout, stderr) = run_with(&["run", "--json", "x"], &tells);
    assert_eq!((status, stdout.as_str()), (4, ""));
    let heard: Vec<Tell> = stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(heard, tells);
    assert!(stderr.is_ascii() && !stderr.contains('\x1b'));
}

#[test]
fn with_json_a_failure_is_a_message_too() {
    let (status, stdout, stderr) = run_with(&["run", "--json", "x"], &[started([false; 3])]);
    assert_eq!((status, stdout.as_str()), (125, ""));
    let said: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(said["tell"], "failed");
    assert!(said["reason"].as_str().unwrap().contains("may still be running"), "{said}");
}

#[test]
fn what_ended_it_is_said_once() {
    let why = "the right to run it was revoked".to_owned();
    let ended = |because: &str| Tell::Ended(Ended { status: None, signal: Some(15), because: Some(because.to_owned()) });
    let notice = Tell::Notice { text: why.clone() };
    let (_, _, stderr) = run_with(&["run", "x"], &[started([false; 3]), notice.clone(), ended(&why)]);
    assert_eq!(stderr.matches(&why).count(), 1, "{stderr}");
    let (_, _, stderr) = run_with(&["run", "x"], &[started([false; 3]), notice, ended("another reason")]);
    assert!(stderr.contains(&why) && stderr.contains("another reason"), "{stderr}");
}

#[test]
fn a_refusal_without_a_hint_says_where_to_look() {
    let none = |code: &str| Tell::Refused(brevet_api::broker::Refused { hint: None, code: code.to_owned(), ..refused("no policy") });
    let (_, _, stderr) = run_with(&["run", "x"], &[none("no_policy")]);
    assert!(stderr.contains("hint: 'brevet list' shows what you may run here; 'brevet explain'"), "{stderr}");
    assert!(!run_with(&["run", "x"], &[none("busy")]).2.contains("hint"));
}

#[test]
fn a_reason_that_is_needed_and_cannot_be_asked_for_is_a_refusal() {
    let need = crate::asking::need();
    let (status, _, stderr) = run_with(&["run", "x"], &[need]);
    assert_eq!(status, 126);
    assert!(stderr.contains("--reason"), "{stderr}");
}

#[test]
fn a_password_that_nobody_can_type_is_answered_by_closing() {
    let broker = Broker::start();
    let run = broker.away_from_terminal(&["run", "x"]);
    let (mut talk, asked) = broker.run();
    assert!(!asked.interactive);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    talk.tell_with(&Tell::Authenticate { attempts_left: 3 }, theirs.as_fd());
    drop(theirs);
    ours.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(std::io::Read::read(&mut &ours, &mut [0; 1]).unwrap(), 0);
    talk.tell(&Tell::Refused(refused("not authenticated")));
    assert_eq!(run.finish().0, 126);
}

#[test]
fn a_broker_that_goes_away_is_a_failure_that_says_what_to_do() {
    let (status, _, stderr) = run_with(&["run", "x"], &[]);
    assert_eq!(status, 125);
    assert!(stderr.contains("before anything ran") && stderr.contains("hint"), "{stderr}");
    let (status, _, stderr) = run_with(&["run", "x"], &[pending()]);
    assert_eq!(status, 125);
    assert!(stderr.contains(&format!("brevet withdraw {}", request())), "{stderr}");
    let (status, _, stderr) = run_with(&["run", "x"], &[started([false; 3])]);
    assert_eq!(status, 125);
    assert!(stderr.contains("may still be running"), "{stderr}");
}

#[test]
fn an_answer_that_is_no_message_is_a_failure() {
    let broker = Broker::start();
    let run = broker.away_from_terminal(&["run", "x"]);
    let (mut talk, _) = broker.run();
    std::io::Write::write_all(&mut talk.stream, b"\xff\xff\xff\xff").unwrap();
    let (status, _, stderr) = run.finish();
    assert_eq!(status, 125);
    assert!(stderr.contains("cannot be understood"), "{stderr}");
}

#[test]
fn signals_are_passed_on_to_the_session() {
    let broker = Broker::start();
    let mut run = Run::spawn(&mut broker.command(&["run", "x"]));
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    talk.tell(&Tell::Notice { text: "ready".to_owned() });
    // Shown when the session is being followed.
    let mut line = String::new();
    BufReader::new(run.0.as_mut().unwrap().stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "brevet: ready\n");
    for signal in [1, 2, 3, 10, 12, 15] {
        brevet_sys::signal::send(run.pid(), signal).unwrap();
        assert_eq!(talk.reply(), Reply::Signal { signal });
    }
    talk.tell(&exited(0));
    assert_eq!(run.finish().0, 0);
}

#[test]
fn a_command_line_too_long_for_a_message_is_said_here() {
    let broker = Broker::start();
    let long = "x".repeat(120_000);
    let mut arguments = vec!["run", "x"];
    arguments.extend(std::iter::repeat_n(long.as_str(), 10));
    let (status, _, stderr) = Run::spawn(&mut broker.command(&arguments)).finish();
    assert_eq!(status, 125);
    assert!(stderr.contains("too long"), "{stderr}");
}
