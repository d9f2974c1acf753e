//! Questions with one answer: as tables, as JSON, as exit status.

use crate::support::*;
use brevet_api::broker::{Answer, Ask, Explained, GrantSummary, ListedPolicy, OtherPolicy, Refused, RequestSummary, Status};
use brevet_core::policy::Mode;
use brevet_core::request::RequestState;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};

fn asked(arguments: &[&str], answer: &Answer) -> (Ask, i32, String, String) {
    let broker = Broker::start();
    let run = Run::spawn(&mut broker.command(arguments));
    let (mut talk, ask, _) = broker.asked();
    talk.answer(answer);
    drop(talk);
    let (status, stdout, stderr) = run.finish();
    (ask, status, stdout, stderr)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn policies_are_listed() {
    let answer = Answer::Listed {
        policies: vec![ListedPolicy {
            policy: "Web\x1b team".to_owned(),
            mode: Mode::Request,
            applications: vec!["file /usr/sbin/nginx".to_owned(), "product apt".to_owned()],
            run_as: "root".to_owned(),
            validity: "always".to_owned(),
            usable: "now, until 2026-12-02T02:00:00Z".to_owned(),
            password: true,
            max_duration: Length::from_hours(1),
            message: String::new(),
        }],
    };
    let (ask, status, stdout, _) = asked(&["list"], &answer);
    assert_eq!((ask, status), (Ask::List {}, 0));
    let wanted = "Web\\u{1b} team\n  how         runs when approved, with your password\n  what        file /usr/sbin/nginx, product apt\n  \
                  as user     root\n  when        always\n  usable      now, until 2026-12-02T02:00:00Z\n  at most     1h\n";
    assert_eq!(stdout, wanted);
    let (_, _, stdout, _) = asked(&["list", "--json"], &answer);
    assert_eq!(serde_json::from_str::<Answer>(&stdout).unwrap(), answer);
    let (_, _, stdout, _) = asked(&["list"], &Answer::Listed { policies: vec![] });
    assert_eq!(stdout, "no policy names you on this computer; 'brevet status' shows how many are in force\n");
}

#[test]
fn requests_and_grants_are_tables() {
    let answer = Answer::Requests {
        requests: vec![RequestSummary {
            request: request(),
            state: RequestState::Pending,
            code: "7K3M-Q9ZT".to_owned(),
            arguments: vec![OsText::from("tool"), OsText::from("a\nb")],
            reason: "why\x07".to_owned(),
            duration: Length::from_minutes(30),
            created: at("2026-11-22T19:30:59Z"),
            lapses: at("2026-11-23T19:30:59Z"),
            answer: Some("declined by Ada: no".to_owned()),
        }],
    };
    let (ask, status, stdout, _) = asked(&["requests"], &answer);
    assert_eq!((ask, status), (Ask::Requests {}, 0));
    let mut lines = stdout.lines();
    assert!(lines.next().unwrap().starts_with("REQUEST "));
    let row = lines.next().unwrap();
    assert!(
        row.contains("pending  7K3M-Q9ZT  30m  2026-11-22 19:30 UTC  2026-11-23 19:30 UTC  tool 'a\\nb'  (why\\u{7})  declined by Ada: no"),
        "{row}"
    );
    let answer = Answer::Grants {
        grants: vec![GrantSummary {
            grant: grant(),
            state: "active".to_owned(),
            policy: "Web team".to_owned(),
            arguments: vec![OsText::from("tool")],
            target_user: "root".to_owned(),
            ends: None,
            remaining_seconds: Some(3661),
            sessions: vec![session()],
            because: None,
        }],
    };
    let (ask, _, stdout, _) = asked(&["grants"], &answer);
    assert_eq!(ask, Ask::Grants {});
    assert!(stdout.contains("active  1h1m  1         root  Web team  tool\n"), "{stdout}");
}

/// A command, reason and answer that are as long as a message from the broker may be.
fn endless() -> (RequestSummary, GrantSummary) {
    let long = "A".repeat(100_000);
    let request = RequestSummary {
        request: request(),
        state: RequestState::Declined,
        code: "7K3M-Q9ZT".to_owned(),
        arguments: vec![OsText::from("whoami"), OsText::from(long.as_str())],
        reason: long.clone(),
        duration: Length::from_minutes(30),
        created: at("2026-11-22T19:30:59Z"),
        lapses: at("2026-11-23T19:30:59Z"),
        answer: Some(format!("declined by Ada: {long}")),
    };
    let grant = GrantSummary {
        grant: grant(),
        state: "active".to_owned(),
        policy: long.clone(),
        arguments: vec![OsText::from("whoami"), OsText::from(long.as_str())],
        target_user: long.clone(),
        ends: None,
        remaining_seconds: Some(3661),
        sessions: vec![session()],
        because: Some(long),
    };
    (request, grant)
}

#[test]
fn however_long_an_argument_is_its_row_is_short_and_says_how_much_is_missing() {
    let (request, grant) = endless();
    let answers = [(["requests"], Answer::Requests { requests: vec![request] }), (["grants"], Answer::Grants { grants: vec![grant] })];
    for (arguments, answer) in answers {
        let (_, status, stdout, stderr) = asked(&arguments, &answer);
        assert_eq!((status, stderr.as_str()), (0, ""));
        let longest = stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(stdout.lines().count() == 2 && longest < 500, "{longest}: {stdout}");
        assert!(stdout.contains("  whoami AAAA") && stdout.contains("… (+99"), "{stdout}");
        let broker = Broker::start();
        let mut terminal = OnTerminal::brevet(&broker, &arguments);
        let (mut talk, _, _) = broker.asked();
        talk.answer(&answer);
        drop(talk);
        assert_eq!(terminal.finish(), 0, "{}", terminal.seen);
        assert!(terminal.seen.lines().all(|line| line.chars().count() <= 220));
        assert!(terminal.seen.contains("command     whoami AAAA") && terminal.seen.contains("… (+99"), "{} bytes", terminal.seen.len());
    }
}

#[test]
fn the_whole_of_a_long_argument_is_in_the_json() {
    let (request, _) = endless();
    let answer = Answer::Requests { requests: vec![RequestSummary { reason: "why".to_owned(), answer: None, ..request }] };
    let broker = Broker::start();
    let file = broker.directory.path().join("out");
    let mut command = broker.command(&["requests", "--json"]);
    let run = Run::spawn(command.stdout(std::fs::File::create(&file).unwrap()));
    let (mut talk, _, _) = broker.asked();
    talk.answer(&answer);
    drop(talk);
    assert_eq!(run.finish().0, 0);
    assert_eq!(serde_json::from_str::<Answer>(&std::fs::read_to_string(&file).unwrap()).unwrap(), answer);
}

#[test]
fn the_state_names_refused_policies() {
    let status = Status {
        version: "0.1.0".to_owned(),
        computer: Some("web-1".to_owned()),
        computer_id: "cmp_1".to_owned(),
        connected: true,
        heartbeat: Some(at("2026-11-22T19:30:00Z")),
        heartbeat_age_seconds: Some(61),
        policies: 3,
        refused_policies: vec![OtherPolicy { policy: "P".to_owned(), because: "'record' cannot be enforced here".to_owned() }],
        sessions: 1,
        journal_grows: Some("the journal grows: 3 records wait for the server".to_owned()),
        little_room: Some("the disk with the journal is nearly full: 3 MiB of 100 MiB are free".to_owned()),
        clock_ahead_seconds: Some(-192),
        unacknowledged: 0,
    };
    let (ask, code, stdout, _) = asked(&["status"], &Answer::Status(status));
    assert_eq!((ask, code), (Ask::Status {}, 0));
    for wanted in [
        "web-1",
        "connected",
        "1m1s ago",
        "3 in force",
        "warning     the journal grows: 3 records",
        "\"P\": 'record' cannot be enforced here",
    ] {
        assert!(stdout.contains(wanted), "{wanted} in {stdout}");
    }
}

#[test]
fn an_explanation_carries_the_command_and_its_outcome_is_the_exit_status() {
    let explained = |outcome: &str| {
        Answer::Explained(Box::new(Explained {
            would_run: would_run(&[b"tool", b"\x1b"]),
            outcome: outcome.to_owned(),
            reason: "the policy asks for an approval".to_owned(),
            policy: Some("Web team".to_owned()),
            terms: Some("as root, with your password, for at most 1h".to_owned()),
            message: Some("Questions:\x1b #web-ops".to_owned()),
            others: vec![OtherPolicy { policy: "Other".to_owned(), because: "another argument".to_owned() }],
            more_others: 3,
        }))
    };
    let (ask, status, stdout, _) = asked(&["explain", "--as", "bob", "--", "tool", "-x"], &explained("ask"));
    let Ask::Explain(run) = ask else { panic!("{ask:?}") };
    assert_eq!((run.command.len(), run.target_user.as_deref(), status), (2, Some("bob"), 0));
    assert!(stdout.starts_with("it would ask: the policy asks for an approval\n"), "{stdout}");
    assert!(
        stdout.contains("tool '\\u{1b}'") && stdout.contains("\"Other\": another argument\n  and 3 more, for other applications\n"),
        "{stdout}"
    );
    assert!(stdout.contains("\n  message     Questions:\\u{1b} #web-ops\n"), "{stdout}");
    assert!(stdout.contains("\n  how         as root, with your password, for at most 1h\n"), "{stdout}");
    assert_eq!(asked(&["explain", "tool"], &explained("refuse")).1, 126);
}

#[test]
fn an_explanation_of_an_older_and_of_a_newer_broker_is_understood() {
    let answer = Answer::Explained(Box::new(Explained {
        would_run: would_run(&[b"tool"]),
        outcome: "refuse".to_owned(),
        reason: "no policy".to_owned(),
        policy: None,
        terms: None,
        message: None,
        others: vec![],
        more_others: 2,
    }));
    let mut json = serde_json::to_value(&answer).unwrap();
    assert!(json.get("message").is_none(), "an older client is not told what it does not know: {json}");
    json["a_field_of_later"] = 7.into();
    assert_eq!(serde_json::from_value::<Answer>(json).unwrap(), answer);
    let (_, _, stdout, _) = asked(&["explain", "tool"], &answer);
    assert!(stdout.ends_with("2 other policies name you, for other applications; 'brevet list' shows them\n"), "{stdout}");
}

#[test]
fn taking_back_ending_and_locking_say_what_happened() {
    let done = Answer::Done { text: "withdrawn".to_owned() };
    let id = request();
    let (ask, status, stdout, _) = asked(&["withdraw", id.as_str()], &done);
    assert_eq!((ask, status, stdout.as_str()), (Ask::Withdraw { request: request() }, 0, "withdrawn\n"));
    let (_, _, _, stderr) = asked(&["explain", "tool"], &Answer::Refused(Refused { hint: None, ..refused("no") }));
    assert!(stderr.contains("hint: 'brevet list' shows"), "{stderr}");
    let id = grant();
    assert_eq!(asked(&["end", id.as_str()], &done).0, Ask::End { grant: grant() });
    assert_eq!(asked(&["lock"], &done).0, Ask::Lock {});
    let (_, status, stdout, stderr) = asked(&["lock"], &Answer::Refused(refused("no\x1b")));
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (126, "", "brevet: refused: no\\u{1b}\n  hint: ask carol\n"));
    let (_, status, stdout, _) = asked(&["lock", "--json"], &Answer::Refused(refused("no")));
    assert_eq!(status, 126);
    assert!(matches!(serde_json::from_str(&stdout).unwrap(), Answer::Refused(_)));
}

#[test]
fn a_request_is_taken_back_by_the_code_that_its_user_sees() {
    let (summary, _) = endless();
    let waits = RequestSummary { state: RequestState::Pending, reason: "why".to_owned(), answer: None, arguments: vec![], ..summary };
    let declined = RequestSummary { state: RequestState::Declined, ..waits.clone() };
    let taken_back = |code: &str, requests: &[RequestSummary]| {
        let broker = Broker::start();
        let run = Run::spawn(&mut broker.command(&["withdraw", code]));
        let (mut talk, ask, _) = broker.asked();
        assert_eq!(ask, Ask::Requests {});
        talk.answer(&Answer::Requests { requests: requests.to_vec() });
        if requests.iter().filter(|request| request.state == RequestState::Pending).count() == 1 && code.to_uppercase().starts_with("7K3M")
        {
            let (mut talk, ask, _) = broker.asked();
            assert_eq!(ask, Ask::Withdraw { request: request() });
            talk.answer(&Answer::Done { text: "withdrawn".to_owned() });
        }
        run.finish()
    };
    for code in ["7K3M-Q9ZT", "7k3mq9zt"] {
        assert_eq!(taken_back(code, &[declined.clone(), waits.clone()]), (0, "withdrawn\n".to_owned(), String::new()));
    }
    let (status, _, stderr) = taken_back("7K3M-Q9ZT", std::slice::from_ref(&declined));
    assert_eq!(status, 126);
    assert!(stderr.contains("no pending request with the code 7K3M-Q9ZT\n  hint: 'brevet requests' shows"), "{stderr}");
    assert_eq!(taken_back("0000-0000", std::slice::from_ref(&waits)).0, 126);
    assert_eq!(taken_back("7K3M-Q9ZT", &[waits.clone(), waits]).0, 126);
}

#[test]
fn with_json_a_failure_is_an_object_too() {
    let (status, stdout, stderr) = {
        let output =
            std::process::Command::new(program()).args(["status", "--json"]).env("BREVET_SOCKET", "/nonexistent/\x1b").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!((status, stderr.as_str()), (125, ""));
    let said: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(said["answer"], "failed");
    assert!(said["reason"].as_str().unwrap().contains("cannot reach the broker") && said["hint"].is_string(), "{said}");
}

#[test]
fn help_and_a_wrong_command_line_need_no_broker() {
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(program()).args(arguments).env("BREVET_SOCKET", "/nonexistent").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, stdout, _) = run(&["--help"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("exit status"));
    let (status, _, stderr) = run(&["run", "--for", "so\x1bon", "x"]);
    assert_eq!(status, 125);
    assert!(stderr.contains("so\\u{1b}on") && stderr.contains("hint: see 'brevet --help'"), "{stderr}");
    assert_eq!(run(&[]).0, 125);
}
